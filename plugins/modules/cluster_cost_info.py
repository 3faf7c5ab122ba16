#!/usr/bin/python
# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_cost_info
short_description: Read what clusters cost, how much of it is idle, and what their electricity costs
version_added: 0.2.0
author:
  - kcloud.infrastructure contributors (@kcloud)
description:
  - Works out what each of the project's clusters costs per hour and cost over a period, by node group, cluster, type, team and label.
  - A node's price comes from the first source that says it. These are the flavors of O(prices), CloudKitty, the component rates of
    O(prices), and O(accelerator_config).
  - The price of a cluster is that of its nodes, control plane included, its volumes and its floating IPs. Volumes and floating IPs
    count where O(prices) has a rate for them.
  - Idle cost is the price of a worker times the part that no pod requests, 1 minus its largest requested share of any resource.
  - Electricity is kept apart from prices, and is never added to them. Its cost is kWh x O(pue) x O(electricity_rate), its carbon is
    kWh x O(pue) x O(carbon_rate).
  - Every figure says its C(source) and its C(coverage). What is not known is none with a C(reason), and is never 0.
options:
  names:
    description: Only clusters with one of these names, or with a name like one of these patterns. Not given, all clusters of the project.
    type: list
    elements: str
  begin:
    description: When the period begins, in the form of ISO 8601, such as V(2026-12-01T00:00:00Z). A time without a zone is in UTC.
    type: str
  end:
    description: When the period ends. Not given, now.
    type: str
  window:
    description:
      - How long the period is, as a number with V(s), V(m), V(h), V(d) or V(w). Not needed beside O(begin).
      - Not given, V(1d).
    type: str
  now:
    description: The present time, in seconds since 1970. Not given, the clock of the host that runs this task.
    type: int
  prices:
    description:
      - C(flavors) holds prices of nodes per hour by flavor, C(currency) the code of their currency. C(rates) holds component rates per
        hour, C(vcpu), C(gib) (of memory), C(devices) by model or kind, C(volume_gib) (a GiB of a volume) and C(floating_ip).
      - The same table serves O(kcloud.infrastructure.cluster_match#module:prices). There are no default rates here.
    type: dict
  accelerator_config:
    description:
      - The content of a scheduler's C(accelerator-config.yaml), for prices of devices that O(prices) has no rate for. Of each entry of
        C(accelerators), C(type), C(model) and C(specs.cost_per_hour) count. Where a model is there twice, the first counts.
      - Its prices are in the code that its key C(currency) has, by default V(USD). Another one than that of O(prices) is refused.
      - It has no prices of vCPUs and memory. Without rates for them, a node costs as much as its devices, and C(reason) says so.
    type: dict
  flavor_map:
    description: What flavors have, by name, as in M(kcloud.infrastructure.cluster_match).
    type: dict
  cloudkitty:
    description:
      - Whether CloudKitty is asked about nodes that O(prices) has no flavor price for. A cloud whose catalog has no service C(rating) is
        not asked.
      - A failure of CloudKitty is reported in RV(sources), and the next source counts.
    type: bool
    default: true
  cloudkitty_attribute:
    description: The attribute of CloudKitty's rated data that holds the id of a server; its data must be grouped by it.
    type: str
    default: id
  electricity_rate:
    description: What a kWh costs. The environment variable E(ELECTRICITY_RATE) is its default.
    type: float
  pue:
    description:
      - How much the site draws for each kWh that its servers draw (power usage effectiveness), at least 1.
      - The environment variable E(COOLING_FACTOR) is its default. With neither, it counts as 1.
    type: float
  carbon_rate:
    description: How many kg of CO2 a kWh causes. The environment variable E(CARBON_RATE) is its default.
    type: float
  metrics:
    description:
      - The answer of M(kcloud.infrastructure.cluster_metrics_info) for the same period, for energy and idle costs. Then no server is asked.
      - Without this, O(servers), E(PROMETHEUS_CLUSTERS) and O(source=aetos), energy and idle costs are unknown.
    type: dict
  step:
    description: As in M(kcloud.infrastructure.cluster_metrics_info), for O(servers).
    type: str
  group_by:
    description: A label of clusters, by which RV(by_label) sums costs.
    type: str
  format:
    description: With V(focus), the answer also holds RV(rows) and RV(csv), in the columns of FOCUS 1.2 (FinOps Foundation).
    type: str
    choices: [figures, focus]
    default: figures
  provider:
    description: Name of the provider in RV(rows).
    type: str
    default: OpenStack
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
  - Nova's usage says how long each node ran in the period, deleted nodes among them. Where it does not list all nodes of a group,
    today's number of nodes counts from the creation of the cluster on. The C(source) of the cost says so. The same goes for volumes
    and floating IPs.
  - Idle costs of a period are the part of C(cost) that is idle of today's C(cost_per_hour), since only today's requests are known.
  - A deleted node is one of the group whose nodes have names that differ from its own in the last part only.
  - A group that has no nodes now had those of the cluster's deleted servers that are no other group's. A group with a Heat stack of its
    own had those whose names begin with the cluster's and the group's, as Magnum shortens them. Where several such groups may have had
    a server, also of another cluster with a similar name, their costs are unknown.
  - With a Cluster-API driver, a deleted server is a node of the worker group whose name follows the cluster's id in its name.
  - Deleted servers of the cluster that no group is known to have had are not counted. Then the C(cost) of the control plane has a
    C(reason), and its C(coverage) is lower.
  - This module does not fail when no server of metrics can be read, since prices are known without it.
  - The label C(kcloud_type) says the type of a cluster, otherwise its accelerators do. The label C(kcloud_team), otherwise C(team), says
    its team.
  - Clusters that are being deleted are left out.
seealso:
  - module: kcloud.infrastructure.cluster_metrics_info
  - module: kcloud.infrastructure.cluster_match
"""

EXAMPLES = r"""
- name: What clusters cost, by a table of prices and rates
  kcloud.infrastructure.cluster_cost_info:
    cloud: devcloud
    prices:
      currency: USD
      flavors:
        cpu.medium: 0.12
      rates:
        vcpu: 0.03
        gib: 0.004
        devices:
          a100: 2.0
          rngd: 0.8
        volume_gib: 0.0001
        floating_ip: 0.005
    window: 1w
  register: found

- name: Show the clusters and what of them is idle
  ansible.builtin.debug:
    msg: "{{ item.name }}: {{ item.cost_per_hour.value }} {{ item.cost_per_hour.unit }} an hour, {{ item.idle_cost_per_hour.value }} idle"
  loop: "{{ found.clusters }}"
  loop_control:
    label: "{{ item.name }}"

- name: Prices of devices from the scheduler's own file, and electricity
  kcloud.infrastructure.cluster_cost_info:
    cloud: devcloud
    accelerator_config: "{{ lookup('ansible.builtin.file', 'accelerator-config.yaml') | from_yaml }}"
    electricity_rate: 0.12
    pue: 1.3
    carbon_rate: 0.4
    servers:
      - name: site-a
        url: https://prometheus.example.org

- name: The costs of November, for a FinOps tool
  kcloud.infrastructure.cluster_cost_info:
    cloud: devcloud
    prices: "{{ prices }}"
    begin: "2026-11-01T00:00:00Z"
    end: "2026-12-01T00:00:00Z"
    group_by: cost_center
    format: focus
  register: november

- name: Write them to a file
  ansible.builtin.copy:
    content: "{{ november.csv }}"
    dest: /var/lib/finops/2026-11.csv
    mode: "0640"
"""

RETURN = r"""
currency:
  description: The currency of all prices; none where no option names one.
  returned: success
  type: str
  sample: USD
period:
  description: The time that costs are of, as C(begin), C(end) and C(hours).
  returned: success
  type: dict
  sample:
    begin: "2026-11-30T06:00:00Z"
    end: "2026-12-01T06:00:00Z"
    hours: 24.0
clusters:
  description:
    - The clusters by name, with C(id), C(name), C(status), C(type), C(team), C(labels) and their figures. These are C(cost_per_hour),
      C(cost) (over the period), C(idle_cost_per_hour), C(idle_cost), and C(electricity) with C(energy), C(cost) and C(carbon).
    - C(node_groups) has C(name), C(role), C(flavor), C(node_count) and the figures of each group. C(others) has volumes and floating IPs,
      with C(name), C(count) and figures.
    - Each figure has C(value), C(unit), C(source), C(coverage) (share of the nodes and of the period that has data, 0 to 1) and C(window)
      (seconds; 0 for a figure as it is now). Its C(reason) says why the value is none, or what is not in it.
    - Costs of several are sums of what is known. So a sum with a C(coverage) below 1 is a lower bound.
  returned: success
  type: list
  elements: dict
  sample:
    - id: 5a3d7b1e-6c09-4a31-9d8e-2f1b5c7e9a40
      name: ml-training-cluster
      status: CREATE_COMPLETE
      type: gpu-intensive
      team: vision
      labels: {}
      cost_per_hour:
        value: 17.32
        unit: USD
        source: price table; component rates
        coverage: 1.0
        window: 0
        reason:
      node_groups: []
      others: []
totals:
  description: The same figures of all these clusters together.
  returned: success
  type: dict
  sample:
    cost_per_hour:
      value: 17.32
      unit: USD
      source: price table; component rates
      coverage: 1.0
      window: 0
      reason:
by_type:
  description: The same figures by type of cluster, each with C(name) and the number of C(clusters). The name is none where it is not known.
  returned: success
  type: list
  elements: dict
by_team:
  description: The same by team.
  returned: success
  type: list
  elements: dict
by_label:
  description: The same by the label that O(group_by) names; empty where it names none.
  returned: success
  type: list
  elements: dict
gaps:
  description: What is not known or not counted, with C(cluster), C(node_group) and C(reason).
  returned: success
  type: list
  elements: dict
  sample:
    - cluster: ml-training-cluster
      node_group: default-worker
      reason: flavor 'gpu.a100.large' has no price, and no rate is known of gpu a100
sources:
  description:
    - The sources of prices, best first, and Nova's usage. Each has C(name), whether it is C(used), and C(failure), none where it did
      not fail. Its C(reason) says why it is not used, or what was assumed.
  returned: success
  type: list
  elements: dict
  sample:
    - name: CloudKitty
      used: false
      reason: the cloud's catalog has no service 'rating'
      failure:
servers:
  description: The servers that were asked for metrics, as M(kcloud.infrastructure.cluster_metrics_info) answers them.
  returned: success
  type: list
  elements: dict
rows:
  description:
    - A row for each node, and for the volumes and floating IPs of each cluster, in the columns of FOCUS 1.2. Numbers are texts, so that they
      are exact. The rows sum to C(cost) in RV(totals) exactly. What is not known has no row.
  returned: when O(format=focus)
  type: list
  elements: dict
csv:
  description: The same rows as CSV.
  returned: when O(format=focus)
  type: str
failure:
  description: Why the task failed, with the keys C(code), C(resource), C(reason) and C(hint).
  returned: failure
  type: dict
  sample:
    code: INVALID_REQUEST
    resource: prices.rates.vcpu
    reason:
    hint: Give 'prices.rates.vcpu' as a number of at least 0, or leave it out
"""

import os
import time
from collections.abc import Callable, Iterable
from typing import Any

from ansible.module_utils.basic import env_fallback
from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import connect
from ansible_collections.kcloud.infrastructure.plugins.module_utils.module import argument_spec, run_module
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.cost_information import (
    FOCUS,
    asks_for_metrics,
    given_metrics,
    read_costs,
    read_metrics,
    read_request,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.information import read_inventory
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.model import read_window
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.sources.chosen import (
    SOURCE_ARGUMENT_SPEC,
    read_source,
)

SPEC: dict[str, dict[str, Any]] = {
    **SOURCE_ARGUMENT_SPEC,
    "names": {"type": "list", "elements": "str"},
    "begin": {"type": "str"},
    "end": {"type": "str"},
    "window": {"type": "str"},
    "now": {"type": "int"},
    "prices": {"type": "dict"},
    "accelerator_config": {"type": "dict"},
    "flavor_map": {"type": "dict"},
    "cloudkitty": {"type": "bool", "default": True},
    "cloudkitty_attribute": {"type": "str", "default": "id"},
    "electricity_rate": {"type": "float", "fallback": (env_fallback, ["ELECTRICITY_RATE"])},
    "pue": {"type": "float", "fallback": (env_fallback, ["COOLING_FACTOR"])},
    "carbon_rate": {"type": "float", "fallback": (env_fallback, ["CARBON_RATE"])},
    "metrics": {"type": "dict"},
    "step": {"type": "str"},
    "group_by": {"type": "str"},
    "format": {"type": "str", "choices": ["figures", FOCUS], "default": "figures"},
    "provider": {"type": "str", "default": "OpenStack"},
    "api_version": {"type": "str", "fallback": (env_fallback, ["MAGNUM_API_VERSION"])},
}


def run(params: dict[str, Any], check_mode: bool, hide: Callable[[Iterable[str]], None]) -> dict[str, Any]:
    # What is wrong with the options is said before any cloud is asked.
    request = read_request(params, int(time.time()) if params["now"] is None else params["now"])
    known = given_metrics(params["metrics"])
    source = read_source(params, os.environ, hide) if asks_for_metrics(params, os.environ) else None
    window = read_window(f"{request.period.seconds}s", params["step"], request.period.end)
    connection = connect(params)
    inventory = read_inventory(connection, params["api_version"], params["names"])
    if source is not None:
        known = read_metrics(inventory, source.sources(connection), source.fitted(window))
    return {"changed": False, **read_costs(connection, inventory, known, request)}


def main() -> None:
    run_module(
        argument_spec(SPEC),
        run,
        libraries=("openstack", "magnumclient"),
        hides=True,
        mutually_exclusive=[("metrics", "servers"), ("begin", "window")],
    )


if __name__ == "__main__":
    main()
