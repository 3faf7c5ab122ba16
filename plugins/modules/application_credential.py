#!/usr/bin/python
# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: application_credential
short_description: Manage restricted application credentials, with their secrets in a clouds.yaml
version_added: 0.1.0
author:
  - kcloud.infrastructure contributors (@kcloud)
description:
  - Creates an application credential of the user who is logged in, in the project that is logged in to, and writes a
    C(clouds.yaml) with it. The secret is written to that file only, never to results, diffs or logs.
  - With O(access_rules) it may make these requests and no others. Services whose C(keystonemiddleware) has no
    C(service_type) refuse such a credential altogether.
  - Keystone changes nothing of an application credential once it is made, and tells its secret once. One that is to be
    another, that has expired, or whose file is missing, is replaced when O(replace) allows it, an explained refusal otherwise.
  - A run that ended before it had written the file leaves a mark beside it, so that the next run replaces what that one made.
  - It is never unrestricted, so it can make no other credentials and no trusts. Magnum and Heat make a trust for each cluster
    and stack, so it cannot create these; it can read, resize and delete them where its rules allow it.
options:
  name:
    description: Name of the credential, unique for its user.
    type: str
    required: true
  path:
    description:
      - Absolute path of the C(clouds.yaml). It is written at once and whole, readable by its owner only.
      - Needed to create a credential. A file that holds anything else is never overwritten.
    type: path
    aliases: [dest]
  cloud_name:
    description: Name of the cloud in that file. Not given, O(name).
    type: str
  state:
    description: Whether the credential, and its file, are to be there.
    type: str
    choices: [present, absent]
    default: present
  roles:
    description: Names of the roles that it has, of the user's own. Not given, all of them.
    type: list
    elements: str
  access_rules:
    description: The requests that it may make. Not given, all that its roles allow.
    type: list
    elements: dict
    suboptions:
      service:
        description: Type of the service in the catalog, such as V(container-infra).
        type: str
        required: true
      method:
        description: HTTP method.
        type: str
        required: true
        choices: [GET, HEAD, POST, PUT, PATCH, DELETE]
      path:
        description:
          - Path of the request, as the service sees it. V(*) matches one part, V(**) all that follows.
        type: str
        required: true
  expires_at:
    description: When it ends, ISO 8601, in UTC. Not given, never.
    type: str
  replace:
    description:
      - Whether a credential that will not do may be replaced. Whoever uses the old one is refused from then on.
      - Keystone takes a name once per user and renames nothing, so the new one is made first, as O(name) with a suffix of eight
        digits, then its file is written, and then the old one is deleted. RV(application_credential.name) is the name in Keystone.
    type: bool
    default: false
extends_documentation_fragment:
  - kcloud.infrastructure.auth
  - kcloud.infrastructure.wait.ignored
  - kcloud.infrastructure.attributes
  - kcloud.infrastructure.attributes.actiongroup
seealso:
  - module: kcloud.infrastructure.magnum_kubeconfig
"""

EXAMPLES = r"""
- name: A credential that may look at clusters
  kcloud.infrastructure.application_credential:
    cloud: devcloud
    name: vision
    path: ~/access/vision/clouds.yaml
    roles: [reader]
    access_rules:
      - service: container-infra
        method: GET
        path: /v1/clusters/**
    expires_at: "2027-01-31T00:00:00"

- name: No such credential
  kcloud.infrastructure.application_credential:
    cloud: devcloud
    name: vision
    path: ~/access/vision/clouds.yaml
    state: absent
"""

RETURN = r"""
application_credential:
  description: The credential without its secret. None with O(state=absent).
  returned: success
  type: dict
  contains:
    id:
      description: Its id. None in check mode for one that would be made.
      type: str
      returned: always
    name:
      description: Its name in Keystone, O(name) or that with a suffix.
      type: str
      returned: always
    roles:
      description: Names of the roles that it was asked for.
      type: list
      elements: str
      returned: always
    access_rules:
      description: Its access rules; none when it has no such restriction.
      type: list
      elements: dict
      returned: always
    expires_at:
      description: When it ends; none for never.
      type: str
      returned: always
    path:
      description: Path of the file.
      type: str
      returned: always
  sample:
    id: 4953500990144d93aab83e0e2a62510d
    name: vision
    roles: [reader]
    path: ~/access/vision/clouds.yaml
reason:
  description: Why something was, or in check mode would be, changed; none when nothing is.
  returned: success
  type: str
  sample: there is none yet
failure:
  description: Why the task failed, with the keys C(code), C(resource), C(reason) and C(hint).
  returned: failure
  type: dict
  sample:
    code: CANNOT_APPLY
    resource: application_credential/vision
"""

from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.access.credentials import (
    desired,
    ensure_credential,
    remove_credential,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import connect
from ansible_collections.kcloud.infrastructure.plugins.module_utils.module import argument_spec, run_module

RULE_SPEC: dict[str, dict[str, Any]] = {
    "service": {"type": "str", "required": True},
    "method": {"type": "str", "required": True, "choices": ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]},
    "path": {"type": "str", "required": True},
}
SPEC: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "path": {"type": "path", "aliases": ["dest"]},
    "cloud_name": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "roles": {"type": "list", "elements": "str"},
    "access_rules": {"type": "list", "elements": "dict", "options": RULE_SPEC},
    "expires_at": {"type": "str"},
    "replace": {"type": "bool", "default": False},
}


def run(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    if params["state"] == "absent":
        return remove_credential(connect(params), params["name"], params["path"], check_mode=check_mode)
    # What is wrong is said before any cloud is asked.
    wanted = desired(params)
    return ensure_credential(
        connect(params),
        wanted,
        params["path"],
        params["cloud_name"] or params["name"],
        replace=params["replace"],
        check_mode=check_mode,
    )


def main() -> None:
    run_module(argument_spec(SPEC), run)


if __name__ == "__main__":
    main()
