#!/usr/bin/python
# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: magnum_cluster_template
short_description: Create, change and delete cluster templates of OpenStack Magnum
version_added: 0.1.0
author:
  - kcloud.infrastructure contributors (@kcloud)
description:
  - Creates or changes one cluster template so that it is as declared, or deletes it. Only what is given is compared.
  - A template without clusters is changed in place. One that clusters use is frozen by Magnum except for O(hidden) and for
    O(public=true), so a difference is an error that names the fields and the clusters.
options:
  name:
    description:
      - Name of the cluster template, or the id of an existing one.
      - Names are not unique in Magnum. When more than one template has this name, the module fails and lists their ids.
    type: str
    required: true
  state:
    description: Whether the cluster template is to exist.
    type: str
    choices: [present, absent]
    default: present
  coe:
    description: Container orchestration engine, such as V(kubernetes). Needed to create a template.
    type: str
  image:
    description:
      - Name or id of the image of the nodes. Its property C(os_distro) chooses Magnum's driver.
      - Needed to create a template.
    type: str
    aliases: [image_id]
  keypair:
    description: Name of the keypair on the nodes, for clusters that do not say.
    type: str
    aliases: [keypair_id]
  external_network:
    description: Name or id of the network that leads out. Needed to create a template.
    type: str
    aliases: [external_network_id]
  fixed_network:
    description: Name or id of the network of the nodes. Not given, the driver makes one per cluster.
    type: str
  fixed_subnet:
    description: Name or id of the subnet of the nodes.
    type: str
  network_driver:
    description: Network of the pods, such as V(calico). Cluster-API drivers refuse V(flannel).
    type: str
  volume_driver:
    description: Driver of persistent volumes, such as V(cinder).
    type: str
  docker_storage_driver:
    description: Storage driver of the containers, such as V(overlay2).
    type: str
  docker_volume_size:
    description: Size of the volume for containers on each node, in GB.
    type: int
  dns_nameserver:
    description: Address of the name server of the nodes.
    type: str
  server_type:
    description: Kind of the nodes, V(vm) or V(bm).
    type: str
  flavor:
    description: Name or id of the flavor of the workers.
    type: str
    aliases: [flavor_id]
  master_flavor:
    description: Name or id of the flavor of the control plane.
    type: str
    aliases: [master_flavor_id]
  labels:
    description:
      - All labels of the template. They configure the driver, and unknown ones are kept.
      - Booleans become V(true) and V(false), numbers become text.
    type: dict
  floating_ip_enabled:
    description: Whether the nodes get floating IPs.
    type: bool
  master_lb_enabled:
    description: Whether a load balancer is placed in front of the control plane.
    type: bool
  tls_disabled:
    description: Whether the Kubernetes API is served without TLS.
    type: bool
  registry_enabled:
    description: Whether the clusters run a registry of their own.
    type: bool
  insecure_registry:
    description: Address of a registry without TLS.
    type: str
  http_proxy:
    description: Proxy for HTTP on the nodes.
    type: str
  https_proxy:
    description: Proxy for HTTPS on the nodes.
    type: str
  no_proxy:
    description: Addresses to reach without the proxy, separated by commas.
    type: str
  public:
    description: Whether other projects may use the template. Needs the cloud's permission.
    type: bool
  hidden:
    description: Whether the template is left out of lists. Needs the cloud's permission.
    type: bool
  versioning:
    description:
      - Whether a template that clusters use and that differs from what is declared gets a successor, a B(version), in place of the
        error. Clusters follow when they are asked to, see the option O(kcloud.infrastructure.magnum_cluster#module:upgrade).
      - The first version bears O(name) itself, the others bear O(version_name) and a tag that says whose version they are. Another
        tag, V(current), is on the one that holds what is declared.
      - A new version holds all that the current one holds, with what is declared here laid over it. A version that already holds
        what is declared is made the current one again, rather than made a second time.
      - While no cluster uses the current version it is changed in place.
      - With O(state=absent) all versions are deleted, or none when clusters use one of them.
    type: bool
    default: false
  version_name:
    description:
      - Name of a further version. V({name}) is O(name), V({digest}) is a digest of what the version holds, 8 hex digits, and V({number})
        counts from 2.
    type: str
    default: "{name}-{digest}"
  hide_versions:
    description:
      - With O(versioning), whether to hide all versions but the current one from the lists of other projects.
      - Only an administrator may hide a template, unless the cloud's policy says otherwise. With other credentials nothing is
        hidden, and RV(left_visible) names what stays.
    type: bool
    default: false
  purge_versions:
    description: With O(versioning), whether to delete the versions that no cluster uses, other than the current one.
    type: bool
    default: false
extends_documentation_fragment:
  - kcloud.infrastructure.auth
  - kcloud.infrastructure.magnum
  - kcloud.infrastructure.wait.ignored
  - kcloud.infrastructure.attributes
  - kcloud.infrastructure.attributes.actiongroup
requirements:
  - python-magnumclient >= 4.5
seealso:
  - module: kcloud.infrastructure.magnum_cluster
"""

EXAMPLES = r"""
- name: A template for clusters with GPU nodes
  kcloud.infrastructure.magnum_cluster_template:
    cloud: devcloud
    name: gpu-intensive-template
    coe: kubernetes
    image: fedora-coreos
    external_network: public
    flavor: gpu.a100.xlarge
    master_flavor: cpu.medium
    network_driver: calico
    docker_storage_driver: overlay2
    labels:
      kcloud_type: gpu-intensive

- name: The same with another image; clusters that use it keep the version they have
  kcloud.infrastructure.magnum_cluster_template:
    cloud: devcloud
    name: gpu-intensive-template
    image: fedora-coreos-42
    versioning: true
    purge_versions: true
  register: template

- name: A cluster follows
  kcloud.infrastructure.magnum_cluster:
    cloud: devcloud
    name: ml-training-cluster
    cluster_template: "{{ template.cluster_template.id }}"
    upgrade: in_place

- name: No such template
  kcloud.infrastructure.magnum_cluster_template:
    cloud: devcloud
    name: gpu-intensive-template
    state: absent
"""

RETURN = r"""
cluster_template:
  description: The cluster template as it is now, in check mode as far as it can be predicted. None when it is absent.
  returned: success
  type: dict
  sample:
    id: 0d9a6f6c-9f5e-4bb1-86fb-5e0f4e7fbd39
    name: gpu-intensive-template
    coe: kubernetes
    image_id: fedora-coreos
    flavor_id: gpu.a100.xlarge
    labels:
      kcloud_type: gpu-intensive
versions:
  description: All versions after the changes, by name.
  returned: with O(versioning)
  type: list
  elements: dict
  contains:
    name:
      description: Name of the version.
      type: str
      returned: always
    state:
      description: V(current), V(old) or V(hidden).
      type: str
      returned: always
    clusters:
      description: Names of the project's clusters that use it.
      type: list
      elements: str
      returned: always
  sample:
    - name: gpu-intensive-template
      state: old
      clusters: [ml-training-cluster]
    - name: gpu-intensive-template-5f0c1b9e
      state: current
      clusters: []
left_visible:
  description: Names of the versions that O(hide_versions) asks to hide and that these credentials may not hide.
  returned: with O(versioning)
  type: list
  elements: str
  sample: []
changes_left:
  description: The changes that were not made.
  returned: when the task failed between changes
  type: list
  elements: dict
changes:
  description: The changes; in check mode those that would be made.
  returned: success
  type: list
  elements: dict
  sample:
    - verb: create_cluster_template
      resource: cluster_template/gpu-intensive-template
failure:
  description: Why the task failed, with the keys C(code), C(resource), C(reason) and C(hint).
  returned: failure
  type: dict
  sample:
    code: CANNOT_APPLY
    resource: cluster_template/gpu-intensive-template
    reason: Magnum freezes a template that clusters use; this one is used by ml-training-cluster
    hint: "Set 'versioning: true' to make a further version of it, which clusters can follow to, or give another name"
    fields: [flavor_id]
"""

from typing import Any

from ansible.module_utils.basic import env_fallback
from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import connect
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.desired import desired_template
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.options import TEMPLATE_SPEC
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.template_tasks import TemplateTask
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.template_versions import Family
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.planned import How
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.templates import reconcile_template
from ansible_collections.kcloud.infrastructure.plugins.module_utils.module import argument_spec, run_module

SPEC: dict[str, dict[str, Any]] = {
    **TEMPLATE_SPEC,
    "api_version": {"type": "str", "fallback": (env_fallback, ["MAGNUM_API_VERSION"])},
}


def run(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    # What is wrong is said before any cloud is asked.
    task = TemplateTask(
        params["name"], desired_template(params), params["state"] == "present", Family.from_params(params)
    )
    return reconcile_template(connect(params), task, How.from_params(params, check_mode))


def main() -> None:
    run_module(argument_spec(SPEC), run, libraries=("openstack", "magnumclient"))


if __name__ == "__main__":
    main()
