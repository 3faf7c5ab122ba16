# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clusters, what telemetry measured and what they cost -> a file that the node exporter reads."""

from __future__ import annotations

DOCUMENTATION = r"""
name: cluster_textfile
short_description: Write clusters as metrics for the textfile collector of the node exporter
version_added: 0.2.0
author:
  - kcloud.infrastructure contributors (@kcloud)
description:
  - The status, health and node counts that Magnum reports, in Prometheus' text format. With figures, utilisation and power of nodes too, and with
    costs what clusters and nodes cost.
  - A value that is unknown is left out, and is never 0. So is a cost of which a part is unknown, as the rest would look like all of it.
positional: metrics, costs, power_budgets
options:
  _input:
    description: The clusters, as M(kcloud.infrastructure.magnum_cluster_info) returns them.
    type: list
    elements: dict
    required: true
  metrics:
    description: The answer of M(kcloud.infrastructure.cluster_metrics_info).
    type: dict
  costs:
    description: The answer of M(kcloud.infrastructure.cluster_cost_info).
    type: dict
  power_budgets:
    description: How many W a cluster may draw, by its name.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Let the node exporter read the clusters
  ansible.builtin.copy:
    dest: /var/lib/prometheus/node-exporter/kcloud.prom
    content: "{{ found.clusters | kcloud.infrastructure.cluster_textfile(metrics=figures, power_budgets={'train': 4000}) }}"
    mode: "0644"
"""

RETURN = r"""
_value:
  description:
    - The metrics, with a newline at their end. Every series has the label C(cluster), the name of the cluster, or its id where several
      clusters have that name.
    - C(kcloud_cluster_info), C(kcloud_cluster_status) and C(kcloud_cluster_health) are 1 and say type, team, status and health by labels.
      C(kcloud_cluster_nodes) is the number of nodes that a node group shall have. C(kcloud_cluster_power_budget_watts) is the budget.
    - C(kcloud_cluster_cost_per_hour) and C(kcloud_cluster_idle_cost_per_hour) have the label C(currency).
    - C(kcloud_node_power_usage_watts), C(kcloud_node_utilization_ratio) and, for prices in USD, C(kcloud_node_cost_per_hour_usd) are by
      C(node), C(instance_type) (the flavor) and, for utilisation, C(resource_type).
  type: str
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError

Some = Mapping[str, Any]
# A sample: the name of the metric, its labels and its value; no value is unknown
Sample = tuple[str, dict[str, Any], Any]

TYPE_LABEL = "kcloud_type"
TEAM_LABELS = ("kcloud_team", "team")
HELP = {
    "kcloud_cluster_info": "A cluster of Magnum with its type and team, always 1.",
    "kcloud_cluster_status": "The status of a cluster, always 1.",
    "kcloud_cluster_health": "The health that Magnum reports of a cluster, always 1.",
    "kcloud_cluster_nodes": "How many nodes a node group shall have.",
    "kcloud_cluster_power_budget_watts": "How much power a cluster may draw.",
    "kcloud_cluster_cost_per_hour": "Price of a cluster per hour, without electricity.",
    "kcloud_cluster_idle_cost_per_hour": "The share of the price that no pod uses.",
    "kcloud_node_cost_per_hour_usd": "Price of a node per hour in USD, without electricity.",
    "kcloud_node_power_usage_watts": "Mean power of a node.",
    "kcloud_node_utilization_ratio": "Mean utilisation of a resource of a node, 0 to 1.",
}


def value_of(figure: Some | None) -> float | None:
    """The value of a figure; None where it is unknown."""
    return (figure or {}).get("value")


def cost_of(figure: Some | None) -> float | None:
    """A cost; None where a part of it is unknown, as then the figure has the reason, and the value is of the rest."""
    return None if (figure or {}).get("reason") else value_of(figure)


def names_of(clusters: Sequence[Some]) -> dict[str, str]:
    """What each cluster is called, by id: Magnum lets several have one name, and two equal series spoil the whole file."""
    names = [cluster["name"] for cluster in clusters]
    return {
        cluster["id"]: cluster["name"] if names.count(cluster["name"]) == 1 else cluster["id"] for cluster in clusters
    }


def of_magnum(cluster: Some, here: dict[str, str]) -> Iterator[Sample]:
    """What Magnum says of a cluster."""
    labels = cluster.get("labels") or {}
    team = next((labels[name] for name in TEAM_LABELS if labels.get(name)), None)
    about = {"cluster_id": cluster["id"], "type": labels.get(TYPE_LABEL), "team": team}
    yield "kcloud_cluster_info", {**here, **about}, 1
    yield "kcloud_cluster_status", {**here, "status": cluster.get("status")}, 1 if cluster.get("status") else None
    health = cluster.get("health_status")
    yield "kcloud_cluster_health", {**here, "health_status": health}, 1 if health else None
    for group in cluster.get("node_groups") or ():
        about = {"node_group": group.get("name"), "role": group.get("role"), "flavor": group.get("flavor_id")}
        yield "kcloud_cluster_nodes", {**here, **about}, group.get("node_count")


def of_nodes(measured: Some, flavors: Some, here: dict[str, str]) -> Iterator[Sample]:
    """What telemetry says of the nodes of a cluster."""
    for group in measured.get("node_groups") or ():
        for node in group.get("nodes") or ():
            about = {**here, "node": node.get("name"), "instance_type": flavors.get(group.get("name"))}
            yield "kcloud_node_power_usage_watts", about, value_of(node["power"].get("total"))
            for resource, figure in node["utilization"].items():
                yield "kcloud_node_utilization_ratio", {**about, "resource_type": resource}, value_of(figure)


def of_costs(cost: Some, measured: Some, currency: str | None, here: dict[str, str]) -> Iterator[Sample]:
    """What a cluster costs, and its nodes, which telemetry names."""
    for key in ("cost_per_hour", "idle_cost_per_hour"):
        yield f"kcloud_cluster_{key}", {**here, "currency": currency}, cost_of(cost.get(key))
    prices = {group.get("name"): group for group in cost.get("node_groups") or ()}
    for group in measured.get("node_groups") or () if currency == "USD" else ():
        price = prices.get(group.get("name"), {})
        whole, count = cost_of(price.get("cost_per_hour")), price.get("node_count")
        for node in group.get("nodes") or ():
            about = {**here, "node": node.get("name"), "instance_type": price.get("flavor")}
            yield "kcloud_node_cost_per_hour_usd", about, whole / count if whole is not None and count else None


def samples_of(clusters: Sequence[Some], metrics: Some, costs: Some, budgets: Some) -> Iterator[Sample]:
    """All samples, cluster by cluster."""
    measured = {entry["id"]: entry for entry in metrics.get("clusters") or ()}
    priced = {entry["id"]: entry for entry in costs.get("clusters") or ()}
    by_id = {cluster["id"]: cluster for cluster in clusters}
    for identity, name in names_of(clusters).items():
        cluster, here = by_id[identity], {"cluster": name}
        flavors = {group.get("name"): group.get("flavor_id") for group in cluster.get("node_groups") or ()}
        yield from of_magnum(cluster, here)
        yield "kcloud_cluster_power_budget_watts", here, budgets.get(cluster["name"])
        yield from of_nodes(measured.get(identity, {}), flavors, here)
        yield from of_costs(priced.get(identity, {}), measured.get(identity, {}), costs.get("currency"), here)


def escaped(value: Any) -> str:
    """The value of a label."""
    return str(value).replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def line_of(sample: Sample) -> str:
    name, labels, value = sample
    text = ",".join(f'{key}="{escaped(of)}"' for key, of in labels.items() if of not in (None, ""))
    return f"{name}{{{text}}} {float(value):.15g}"


def checked_budgets(budgets: Any) -> Some:
    """The power budgets.

    :raises AnsibleFilterError: one is not a number of watts.
    """
    for name, watts in budgets.items():
        if isinstance(watts, bool) or not isinstance(watts, (int, float)) or not watts > 0:
            raise AnsibleFilterError(
                f"Failed to write the clusters as metrics: power_budgets['{name}'] is {watts!r}. Give a number of watts above 0."
            )
    return budgets


def cluster_textfile(
    clusters: Iterable[Some], metrics: Some | None = None, costs: Some | None = None, power_budgets: Some | None = None
) -> str:
    """See RETURN.

    :raises AnsibleFilterError: a power budget is not a number of watts.
    """
    found = list(samples_of(list(clusters), metrics or {}, costs or {}, checked_budgets(power_budgets or {})))
    lines = []
    for name, text in HELP.items():
        mine = sorted(line_of(sample) for sample in found if sample[0] == name and sample[2] is not None)
        if mine:
            lines += [f"# HELP {name} {text}", f"# TYPE {name} gauge", *mine]
    return "\n".join([*lines, ""])


class FilterModule:
    def filters(self):
        return {"cluster_textfile": cluster_textfile}
