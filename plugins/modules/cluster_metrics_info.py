#!/usr/bin/python
# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_metrics_info
short_description: Read utilisation, power, energy and placements of clusters from Prometheus
version_added: 0.2.0
author:
  - kcloud.infrastructure contributors (@kcloud)
description:
  - Reads the nodes of the project's clusters from the cloud, and what Prometheus servers know of these nodes.
  - Exporters are Kepler (before 0.10, from 0.10 on, and on the hypervisors), DCGM, Furiosa, Rebellions and Gaudi for
    accelerators, kube-state-metrics, and the node exporter. Each server is asked for the metrics that it has.
  - A series belongs to the node whose server id it names, else to the node with that name, else to the one with that address.
  - Every figure says its C(source) and its C(coverage). What no metric says is none with a C(reason), and is never 0.
options:
  names:
    description: Only clusters with one of these names or ids, or with a name like one of these patterns. Not given, all clusters of the project.
    type: list
    elements: str
  window:
    description: The time that figures cover, up to now, as a number with V(s), V(m), V(h), V(d) or V(w).
    type: str
    default: 1h
  step:
    description:
      - Means are of values that each cover so much time. A step without any sample is a gap. So a step must be longer than two intervals
        between samples of a server.
      - Not given, a sixtieth of O(window), at least V(5m).
    type: str
  series:
    description:
      - Whether each cluster has its C(series), too, which are its utilisation and power in each step of the window.
    type: bool
    default: false
  now:
    description: The end of the window, in seconds since 1970. Not given, the clock of the host that runs this task.
    type: int
extends_documentation_fragment:
  - kcloud.infrastructure.auth
  - kcloud.infrastructure.magnum
  - kcloud.infrastructure.telemetry
  - kcloud.infrastructure.wait.ignored
  - kcloud.infrastructure.attributes.reads
  - kcloud.infrastructure.attributes.info
  - kcloud.infrastructure.attributes.actiongroup
requirements:
  - python-magnumclient >= 4.5
notes:
  - Clusters that are being deleted are left out.
  - A node's power is that of its CPU with memory, and of each accelerator that it has. It is unknown as long as one of these is unknown.
seealso:
  - module: kcloud.infrastructure.cluster_match
  - module: kcloud.infrastructure.cluster_idle
"""

EXAMPLES = r"""
- name: Figures of the last day
  kcloud.infrastructure.cluster_metrics_info:
    cloud: devcloud
    servers:
      - name: site-a
        url: https://prometheus.example.org
        token: "{{ prometheus_token }}"
        ca_cert: /etc/ssl/certs/site-a.pem
    window: 1d
  register: found

- name: Show the energy of each cluster
  ansible.builtin.debug:
    msg: "{{ item.name }}: {{ item.energy.total.value }} kWh, coverage {{ item.energy.total.coverage }}"
  loop: "{{ found.clusters }}"
  loop_control:
    label: "{{ item.name }}"

- name: Find room for a workload beside what runs already; unknown placements are none, and count as not given
  kcloud.infrastructure.cluster_match:
    cloud: devcloud
    workload: {name: train, type: ml_training, gpu_count: 2, cpu_cores: 8, memory_gb: 64}
    placements: "{{ found.placements if found.placements is not none else omit }}"

- name: A server inside of one cluster
  kcloud.infrastructure.cluster_metrics_info:
    cloud: devcloud
    names: [ml-training-cluster]
    servers:
      - name: inside
        url: http://prometheus.ml-training.example.org:9090
        clusters: [ml-training-cluster]
"""

RETURN = r"""
clusters:
  description:
    - The clusters by name. Each has C(id), C(name), C(status), its figures, its C(node_groups) and its C(placements).
    - Figures are C(utilization) by C(cpu), C(memory), C(gpu) and C(npu); C(power) and C(energy) as C(total), C(cpu), C(gpu) and C(npu);
      C(requests) of pods and what these leave C(free), by C(cpu) (cores), C(memory) (MiB), C(gpu) and C(npu) (devices).
      C(gpu) and C(npu) are there where a node has such devices.
    - Each figure has C(value), C(unit), C(source), C(coverage) (share of the nodes and of the window that has data, 0 to 1), C(window)
      (seconds; 0 for a figure as it is at the end), and C(reason), which says why the value is none, or why a part of it is missing.
    - Utilisation is a mean over time and nodes, over devices for C(gpu) and C(npu). Power, energy, C(requests) and C(free) of several nodes
      are sums of what is known. So a sum with a C(coverage) below 1 is a lower bound.
    - Energy is how far counters rose, resets included, where there are counters. Otherwise it is the integral of power over the
      time with data; C(source) says which.
    - Utilisation, C(requests) and C(free) of a cluster are those of its workers; its power and energy include the control plane.
    - Each node group has C(name), C(role), C(node_count), its figures and its C(nodes). Each node has C(id), C(name), C(addresses), its
      figures, and C(devices), a list of C(id), C(kind), C(utilization) and C(power).
    - With O(series), C(series) of a cluster has C(begin) (seconds since 1970) and C(step) (seconds), C(utilization) (0 to 1) and C(power) (W)
      by resource, each a list with one value for each step. A value is none where one of the nodes or devices has no sample.
  returned: success
  type: list
  elements: dict
  sample:
    - id: 5a3d7b1e-6c09-4a31-9d8e-2f1b5c7e9a40
      name: ml-training-cluster
      status: CREATE_COMPLETE
      utilization:
        cpu:
          value: 0.25
          unit: ratio
          source: node exporter (site-a)
          coverage: 1.0
          window: 3600
          reason:
      energy:
        total:
          value: 0.52
          unit: kWh
          source: counter, Kepler (site-a); counter, DCGM exporter (site-a)
          coverage: 0.95
          window: 3600
          reason:
      placements: []
      node_groups: []
placements:
  description:
    - What runs on the workers of all these clusters, in the form of the option C(placements) of M(kcloud.infrastructure.cluster_match).
      Equal pods of one owner on one node are C(replicas); C(workload) is the namespace with the owner's name.
    - None when kube-state-metrics does not show every worker, since a cluster without entries would look empty. See C(placements) of each
      cluster, and RV(gaps).
    - A pod that requests nothing counts as a thousandth of a core, so that its node does not look empty. Pods of a DaemonSet have the label
      C(kubernetes_owner). Pods of the control plane are left out.
  returned: success
  type: list
  elements: dict
  sample:
    - workload: default/train
      cluster: 5a3d7b1e-6c09-4a31-9d8e-2f1b5c7e9a40
      node_group: default-worker
      node: 0b8d41a2-7d52-4c37-8f6c-1f5a1d0f7a11
      gang: true
      cpu_cores: 8
      memory_gb: 64
      gpu_count: 2
      replicas: 1
unattributed:
  description: Nodes that series name and that belong to none of these clusters, with C(server), C(exporter), C(node) and C(reason).
  returned: success
  type: list
  elements: dict
  sample:
    - server: site-a
      exporter: node exporter
      node: bastion
      reason: no node of the clusters has this name
gaps:
  description:
    - What is not known, and what was measured and cannot be true, with C(cluster), C(node), C(server) and C(reason).
    - A value out of range, such as microwatts in place of watts, is left out and reported here. It is never scaled.
  returned: success
  type: list
  elements: dict
  sample:
    - cluster: ml-training-cluster
      node: ml-training-cluster-node-0
      server: site-a
      reason: Rebellions exporter, power of 6.5e+07 W is not plausible (0 to 1000), and is left out
window:
  description: The time that the figures cover, as C(begin) and C(end) (seconds since 1970) and C(step) (seconds).
  returned: success
  type: dict
  sample:
    begin: 1760000000
    end: 1760003600
    step: 300
servers:
  description: The servers with C(name), C(url), how many C(metrics) of the catalogue they have, and C(failure), none where they could be read.
  returned: success
  type: list
  elements: dict
  sample:
    - name: site-a
      url: https://prometheus.example.org
      metrics: 9
      failure:
failure:
  description: Why the task failed, with the keys C(code), C(resource), C(reason) and C(hint).
  returned: failure
  type: dict
  sample:
    code: METRICS_UNREACHABLE
    resource: prometheus/site-a
    reason: Connection refused
    hint: Check 'url' and 'ca_cert' of this server, and that the host that runs this task reaches it
"""

import os
import time
from collections.abc import Callable, Iterable
from typing import Any

from ansible.module_utils.basic import env_fallback
from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import connect
from ansible_collections.kcloud.infrastructure.plugins.module_utils.module import argument_spec, run_module
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.information import metrics, read_inventory
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.model import read_window
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.sources.chosen import (
    SOURCE_ARGUMENT_SPEC,
    read_source,
)

SPEC: dict[str, dict[str, Any]] = {
    **SOURCE_ARGUMENT_SPEC,
    "names": {"type": "list", "elements": "str"},
    "window": {"type": "str", "default": "1h"},
    "step": {"type": "str"},
    "series": {"type": "bool", "default": False},
    "now": {"type": "int"},
    "api_version": {"type": "str", "fallback": (env_fallback, ["MAGNUM_API_VERSION"])},
}


def run(params: dict[str, Any], check_mode: bool, hide: Callable[[Iterable[str]], None]) -> dict[str, Any]:
    # What is wrong with the options is said before any cloud is asked.
    source = read_source(params, os.environ, hide)
    window = read_window(params["window"], params["step"], int(time.time()) if params["now"] is None else params["now"])
    connection = connect(params)
    inventory = read_inventory(connection, params["api_version"], params["names"])
    found = metrics(inventory, source.sources(connection), source.fitted(window), with_series=params["series"])
    return {"changed": False, **found}


def main() -> None:
    run_module(argument_spec(SPEC), run, libraries=("openstack", "magnumclient"), hides=True)


if __name__ == "__main__":
    main()
