#!/usr/bin/python
# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: magnum_ca
short_description: Read and rotate the CA of a Kubernetes cluster of OpenStack Magnum
version_added: 0.1.0
author:
  - kcloud.infrastructure contributors (@kcloud)
description:
  - Reads the certificate of the authority that signs all certificates of a cluster.
  - Rotates it when it still is the one with the fingerprint O(rotate_from). Run again, the CA is another, and nothing is done.
options:
  cluster:
    description:
      - Name or id of the cluster.
      - When more than one cluster has this name, the module fails and lists their ids.
    type: str
    required: true
    aliases: [name]
  rotate_from:
    description:
      - SHA-256 fingerprint of the CA to be rid of, 64 hex digits, as RV(ca.fingerprint) has it. Colons and capitals are taken too.
      - Not given, the CA is only read.
      - A rotation makes every certificate that the old CA signed invalid, and restarts the control plane of the cluster.
    type: str
  force:
    description:
      - Whether to ask for a rotation where it is not known that the driver can.
      - Magnum makes a new CA first and asks its driver second. Where the driver cannot, the cluster becomes C(UPDATE_FAILED), the
        nodes keep the old CA, and they refuse what Magnum signs from then on. Without this option the module refuses before
        anything is sent, for all drivers but Magnum's Heat driver on Fedora CoreOS.
    type: bool
    default: false
  driver:
    description:
      - Which of Magnum's drivers the cluster has. Not given, it is found out by what the cluster and its template are.
      - V(heat) is Magnum's own, up to Magnum 22, V(capi-helm) is magnum-capi-helm, V(cluster-api) is magnum-cluster-api, and
        V(unknown) is any other.
    type: str
    choices: [heat, capi-helm, cluster-api, unknown]
extends_documentation_fragment:
  - kcloud.infrastructure.auth
  - kcloud.infrastructure.magnum
  - kcloud.infrastructure.wait
  - kcloud.infrastructure.attributes
  - kcloud.infrastructure.attributes.actiongroup
requirements:
  - python-magnumclient >= 4.5
  - cryptography >= 42
notes:
  - By Magnum's default policy only the user who created a cluster may read its CA, but every member of its project may have it
    rotated. This module reads before it rotates, so it needs the former.
  - With O(wait=false) the module ends when Magnum has the new CA. The nodes follow later, and certificates of the new CA work only
    then.
  - A rotation is the only way to take a kubeconfig back, and it takes all of them back.
seealso:
  - module: kcloud.infrastructure.magnum_kubeconfig
"""

EXAMPLES = r"""
- name: Read the CA
  kcloud.infrastructure.magnum_ca:
    cloud: devcloud
    cluster: ml-training-cluster
  register: found

- name: Rotate it, once, however often this runs
  kcloud.infrastructure.magnum_ca:
    cloud: devcloud
    cluster: ml-training-cluster
    rotate_from: 5f0c1b9e7a4d2c8b6e3f1a0d9c8b7a6f5e4d3c2b1a0f9e8d7c6b5a4f3e2d1c0b
"""

RETURN = r"""
ca:
  description: The CA as it is now; in check mode the one that would be replaced.
  returned: success
  type: dict
  contains:
    cluster:
      description: Name of the cluster.
      type: str
      returned: always
    cluster_id:
      description: Id of the cluster.
      type: str
      returned: always
    pem:
      description: The certificate. It is not secret.
      type: str
      returned: always
    fingerprint:
      description: SHA-256 of the certificate, in hex.
      type: str
      returned: always
    not_after:
      description: When the certificate ends, ISO 8601 in UTC.
      type: str
      returned: always
  sample:
    cluster: ml-training-cluster
    fingerprint: 5f0c1b9e7a4d2c8b6e3f1a0d9c8b7a6f5e4d3c2b1a0f9e8d7c6b5a4f3e2d1c0b
    not_after: "2031-11-23T13:00:00+00:00"
failure:
  description: Why the task failed, with the keys C(code), C(resource), C(reason) and C(hint).
  returned: failure
  type: dict
  sample:
    code: UNSUPPORTED
    resource: cluster/ml-training-cluster
"""

from typing import Any

from ansible.module_utils.basic import env_fallback
from ansible_collections.kcloud.infrastructure.plugins.module_utils.access.clusters import ensure_ca
from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import connect
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.drivers import DRIVER_ARGUMENT
from ansible_collections.kcloud.infrastructure.plugins.module_utils.module import argument_spec, run_module
from ansible_collections.kcloud.infrastructure.plugins.module_utils.progress import from_environment

SPEC: dict[str, dict[str, Any]] = {
    "cluster": {"type": "str", "required": True, "aliases": ["name"]},
    "rotate_from": {"type": "str"},
    "force": {"type": "bool", "default": False},
    "driver": DRIVER_ARGUMENT,
    "api_version": {"type": "str", "fallback": (env_fallback, ["MAGNUM_API_VERSION"])},
}


def run(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    return ensure_ca(
        connect(params),
        params["cluster"],
        params["rotate_from"],
        driver=params["driver"],
        force=params["force"],
        timeout=params["timeout"],
        check_mode=check_mode,
        wait=params["wait"],
        api_version=params["api_version"],
        progress=from_environment() if params["progress"] else None,
    )


def main() -> None:
    run_module(argument_spec(SPEC, wait=True), run, libraries=("openstack", "magnumclient", "cryptography"))


if __name__ == "__main__":
    main()
