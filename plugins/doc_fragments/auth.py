# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a module logs in: the same options as openstack.cloud's, documented once."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  cloud:
    description:
      - Name of the cloud in C(clouds.yaml), or a dictionary with the configuration of one cloud.
      - When not given, the environment decides, C(OS_CLOUD) or the other C(OS_*) variables.
    type: raw
  auth:
    description:
      - What the authentication plugin of O(auth_type) needs, such as C(auth_url), C(username), C(password),
        C(project_name), C(user_domain_name) and C(project_domain_name).
      - Not needed when O(cloud) or the environment say it.
    type: dict
  auth_type:
    description: Name of the Keystone authentication plugin, such as V(password) or V(v3applicationcredential).
    type: str
  region_name:
    description: Name of the region.
    type: str
  interface:
    description:
      - Which of the catalog's endpoints to use.
      - The environment variable E(MAGNUM_ENDPOINT_TYPE) is its default; V(publicURL) in it is V(public).
    type: str
    choices: [public, internal, admin]
    default: public
    aliases: [endpoint_type]
  validate_certs:
    description: Whether to check the certificates of the services. Unset, the cloud's configuration decides.
    type: bool
    aliases: [verify]
  ca_cert:
    description: Path of a bundle of CA certificates to check the services with.
    type: str
    aliases: [cacert]
  client_cert:
    description: Path of a client certificate to log in with.
    type: str
    aliases: [cert]
  client_key:
    description: Path of the key of O(client_cert).
    type: str
    aliases: [key]
  api_timeout:
    description: Seconds that a single request may take.
    type: int
requirements:
  - python >= 3.11
  - openstacksdk >= 4.0
notes:
  - The O(cloud) is looked for in C(clouds.yaml) in the current directory, C(~/.config/openstack) and C(/etc/openstack), or
    in the file that C(OS_CLIENT_CONFIG_FILE) names, on the host that runs the task.
"""
