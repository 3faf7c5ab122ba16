#!/usr/bin/python
# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: magnum_kubeconfig
short_description: Write a kubeconfig for a Kubernetes cluster of OpenStack Magnum
version_added: 0.1.0
author:
  - kcloud.infrastructure contributors (@kcloud)
description:
  - Makes a key on the host that runs the task, has the cluster's CA sign a client certificate for it, and writes one file
    with all that C(kubectl) needs. The key leaves that host by no way, results, diffs and logs included.
  - The file is written at once and whole, readable by its owner only. Missing folders are made with mode V(0700).
  - The file is kept as it is until it comes to its end, O(renew_before), or until the CA, the cluster, its address, O(user)
    or O(groups) are others. Files that another program wrote, and kubeconfigs of other clusters, are never touched.
options:
  cluster:
    description:
      - Name or id of the cluster.
      - When more than one cluster has this name, the module fails and lists their ids.
    type: str
    required: true
    aliases: [name]
  path:
    description: Absolute path of the file on the host that runs the task.
    type: path
    required: true
    aliases: [dest]
  state:
    description:
      - Whether the file is to exist. V(absent) asks no cloud, so that it works for a cluster that was deleted.
      - With V(absent) a copy of the file stays valid, see the notes.
    type: str
    choices: [present, absent]
    default: present
  user:
    description: Who the bearer is to Kubernetes, the certificate's common name. 1 to 64 characters.
    type: str
    default: admin
  groups:
    description:
      - The bearer's groups, the certificate's organisations, each 1 to 64 characters.
      - The default is what other Magnum clients make, an administrator whom no role binding can restrict. Give a group that
        role bindings of the cluster speak of wherever less will do.
    type: list
    elements: str
    default: [system:masters]
  renew_before:
    description:
      - Days before its end from which on a certificate is renewed.
      - Never in the first half of its life, so that a cloud that signs for a short time is not asked on each run.
    type: int
    default: 30
extends_documentation_fragment:
  - kcloud.infrastructure.auth
  - kcloud.infrastructure.magnum
  - kcloud.infrastructure.wait.ignored
  - kcloud.infrastructure.attributes
  - kcloud.infrastructure.attributes.actiongroup
requirements:
  - python-magnumclient >= 4.5
  - cryptography >= 42
notes:
  - Magnum signs whatever subject it is asked for. Whoever may have certificates signed can be administrator of the cluster,
    whatever group is in the file that they were given. By Magnum's default policy that is the user who created the cluster,
    that user's application credentials included; other members of the project are refused.
  - A certificate cannot be taken back. Until its end, often five years, it is valid unless the CA is rotated, see
    M(kcloud.infrastructure.magnum_ca), which makes all others invalid too.
seealso:
  - module: kcloud.infrastructure.magnum_ca
  - module: kcloud.infrastructure.magnum_cluster
"""

EXAMPLES = r"""
- name: An administrator's kubeconfig
  kcloud.infrastructure.magnum_kubeconfig:
    cloud: devcloud
    cluster: ml-training-cluster
    path: ~/.kube/ml-training-cluster

- name: A kubeconfig for a team, that may do what role bindings allow its group
  kcloud.infrastructure.magnum_kubeconfig:
    cloud: devcloud
    cluster: ml-training-cluster
    path: ~/.kube/ml-training-cluster-vision
    user: vision
    groups: [kcloud:vision]

- name: No kubeconfig of the cluster
  kcloud.infrastructure.magnum_kubeconfig:
    cluster: ml-training-cluster
    path: ~/.kube/ml-training-cluster
    state: absent
"""

RETURN = r"""
kubeconfig:
  description:
    - The kubeconfig without keys and certificates. None with O(state=absent).
    - In check mode, what cannot be predicted of a certificate that would be signed is left out.
  returned: success
  type: dict
  contains:
    path:
      description: Path of the file.
      type: str
      returned: always
    cluster:
      description: Name of the cluster, and of the file's context.
      type: str
      returned: always
    cluster_id:
      description: Id of the cluster.
      type: str
      returned: always
    server:
      description: Address of the Kubernetes API.
      type: str
      returned: always
    user:
      description: The certificate's common name.
      type: str
      returned: always
    groups:
      description: The certificate's organisations.
      type: list
      elements: str
      returned: always
    ca_fingerprint:
      description: SHA-256 of the cluster's CA certificate, in hex.
      type: str
      returned: always
    fingerprint:
      description: SHA-256 of the client certificate, in hex.
      type: str
      returned: when there is a certificate
    not_before:
      description: When the certificate begins to be valid, ISO 8601 in UTC.
      type: str
      returned: when there is a certificate
    not_after:
      description: When the certificate ends, ISO 8601 in UTC.
      type: str
      returned: when there is a certificate
  sample:
    path: /root/.kube/ml-training-cluster
    cluster: ml-training-cluster
    server: https://10.0.0.5:6443
    user: admin
    groups: [system:masters]
    not_after: "2031-11-23T13:00:00+00:00"
reason:
  description: Why the file was, or in check mode would be, written or removed; none when it is kept.
  returned: success
  type: str
  sample: the cluster has a new CA
failure:
  description: Why the task failed, with the keys C(code), C(resource), C(reason) and C(hint).
  returned: failure
  type: dict
  sample:
    code: NOT_PERMITTED
    resource: cluster/ml-training-cluster
"""

from typing import Any

from ansible.module_utils.basic import env_fallback
from ansible_collections.kcloud.infrastructure.plugins.module_utils.access.clusters import (
    ensure_kubeconfig,
    remove_kubeconfig,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.access.kubeconfig import identity_of, lead_time
from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import connect
from ansible_collections.kcloud.infrastructure.plugins.module_utils.module import argument_spec, run_module

SPEC: dict[str, dict[str, Any]] = {
    "cluster": {"type": "str", "required": True, "aliases": ["name"]},
    "path": {"type": "path", "required": True, "aliases": ["dest"]},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "user": {"type": "str", "default": "admin"},
    "groups": {"type": "list", "elements": "str", "default": ["system:masters"]},
    "renew_before": {"type": "int", "default": 30},
    "api_version": {"type": "str", "fallback": (env_fallback, ["MAGNUM_API_VERSION"])},
}


def run(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    if params["state"] == "absent":
        return remove_kubeconfig(params["cluster"], params["path"], check_mode=check_mode)
    # What is wrong is said before any cloud is asked.
    identity, renew_before = identity_of(params["user"], params["groups"]), lead_time(params["renew_before"])
    return ensure_kubeconfig(
        connect(params),
        params["cluster"],
        params["path"],
        identity,
        renew_before=renew_before,
        check_mode=check_mode,
        api_version=params["api_version"],
    )


def main() -> None:
    run_module(argument_spec(SPEC), run, libraries=("openstack", "magnumclient", "cryptography"))


if __name__ == "__main__":
    main()
