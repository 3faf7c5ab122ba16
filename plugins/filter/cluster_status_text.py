# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clusters -> a report on them, for people or for programs."""

from __future__ import annotations

DOCUMENTATION = r"""
name: cluster_status_text
short_description: Report the status of clusters as a table, Markdown or JSON
version_added: 0.2.0
author:
  - kcloud.infrastructure contributors (@kcloud)
description:
  - A table has a line for each node group. Below it are the clusters that are not well, with reason and fix, and those in progress.
  - With figures, a table of utilisation, power and cost follows. What is unknown is a dash; the coverage says how much data
    there is for the rest.
  - Markdown has the same parts. JSON is a list with an object for each cluster.
positional: format, metrics, costs
options:
  _input:
    description: The clusters, as M(kcloud.infrastructure.magnum_cluster_info) returns them.
    type: list
    elements: dict
    required: true
  format:
    description: The form of the report.
    type: str
    choices: [table, markdown, json]
    default: table
  metrics:
    description: The answer of M(kcloud.infrastructure.cluster_metrics_info).
    type: dict
  costs:
    description: The answer of M(kcloud.infrastructure.cluster_cost_info).
    type: dict
"""

EXAMPLES = r"""
- name: Show the clusters
  kcloud.infrastructure.table:
    text: "{{ found.clusters | kcloud.infrastructure.cluster_status_text }}"

- name: Keep a report in Markdown
  ansible.builtin.copy:
    dest: clusters.md
    content: "{{ found.clusters | kcloud.infrastructure.cluster_status_text('markdown') }}\n"
    mode: "0644"
"""

RETURN = r"""
_value:
  description:
    - The report, without a newline at its end.
    - In JSON each cluster has C(id), C(name), C(type), C(status), C(health_status), C(api_address), C(node_groups), C(failure),
      C(activity) and C(figures). C(failure) has C(code), C(reason) and C(hint), and is null for a cluster that is well. Each node group has C(name),
      C(role), C(flavor_id), C(node_count), C(min_node_count), C(max_node_count) and C(status); its bounds are null unless they were read.
    - C(figures) has C(cpu), C(memory), C(gpu), C(npu), C(power), C(energy), C(cost_per_hour) and C(idle_cost_per_hour), each as its module
      returns it, as far as they were asked for.
  type: str
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.kcloud.infrastructure.plugins.plugin_utils.cluster_figures import (
    figure_rows,
    figures_of,
    title_of,
    trouble_of,
)
from ansible_collections.kcloud.infrastructure.plugins.plugin_utils.text_table import INDENT, cell, table

Plain = dict[str, Any]
Some = Mapping[str, Any]

TYPE_LABEL = "kcloud_type"
NO_CLUSTER = "no cluster"
COLUMNS = {
    "name": "cluster",
    "type": "type",
    "status": "status",
    "health": "health",
    "group": "node group",
    "flavor": "flavor",
    "nodes": "nodes",
    "bounds": "min-max",
    "api_address": "API",
}
# The columns of a whole cluster, which only the first of its lines shows
WHOLE = ("name", "type", "status", "health", "api_address")
CLUSTER_KEYS = ("status", "health_status", "api_address")
GROUP_KEYS = ("name", "role", "flavor_id", "node_count", "min_node_count", "max_node_count", "status")


def failure_of(cluster: Some) -> Plain | None:
    """Why a cluster is not well: the diagnosis, else Magnum's own words; None where it is well."""
    found = cluster.get("failure")
    if found:
        return {key: found.get(key) for key in ("code", "reason", "hint")}
    if str(cluster.get("status")).endswith("_FAILED"):
        return {"code": None, "reason": cluster.get("status_reason"), "hint": None}
    return None


def summary(cluster: Some) -> Plain:
    """A cluster for programs."""
    return {
        "name": cluster.get("name"),
        "id": cluster.get("id"),
        "type": (cluster.get("labels") or {}).get(TYPE_LABEL),
        **{key: cluster.get(key) for key in CLUSTER_KEYS},
        "node_groups": [{key: group.get(key) for key in GROUP_KEYS} for group in cluster.get("node_groups") or ()],
        "failure": failure_of(cluster),
        "activity": cluster.get("activity"),
    }


def bounds(group: Some) -> str | None:
    """The bounds of a node group, ``1-any`` without an upper one; None where they were not read."""
    if group.get("min_node_count") is None:
        return None
    most = group.get("max_node_count")
    return f"{group['min_node_count']}-{'any' if most is None else most}"


def rows_of(cluster: Some) -> list[Plain]:
    """The lines of a cluster, one for each node group; a cluster without groups has one."""
    whole = {
        "name": cluster.get("name"),
        "type": (cluster.get("labels") or {}).get(TYPE_LABEL),
        "status": cluster.get("status"),
        "health": cluster.get("health_status"),
        "api_address": cluster.get("api_address"),
    }
    # A space is an empty cell, while a value that is missing is a dash
    again = dict.fromkeys(WHOLE, " ")
    return [
        {
            **(again if number else whole),
            "group": group.get("name"),
            "flavor": group.get("flavor_id"),
            "nodes": group.get("node_count"),
            "bounds": bounds(group),
        }
        for number, group in enumerate(cluster.get("node_groups") or [{}])
    ]


def columns_of(rows: Iterable[Some]) -> dict[str, str]:
    """The columns to show: bounds only where some were read."""
    bounded = any(row["bounds"] is not None for row in rows)
    return {key: heading for key, heading in COLUMNS.items() if bounded or key != "bounds"}


def unwell(cluster: Some) -> tuple[str, list[str]] | None:
    """A cluster that is not well: a line, and the lines below it."""
    failure = failure_of(cluster)
    if failure is None:
        return None
    status = cluster.get("status")
    head = f"{cluster.get('name')}: " + (f"{failure['code']} ({status})" if failure["code"] else str(status))
    return head, [f"{word}: {failure[key]}" for word, key in (("reason", "reason"), ("fix", "hint")) if failure[key]]


def in_progress(cluster: Some) -> tuple[str, list[str]] | None:
    """A cluster in progress, and how far it is."""
    if not cluster.get("activity"):
        return None
    return f"{cluster.get('name')}: {cluster.get('status')}; {cluster['activity']}", []


PARTS: tuple[tuple[str, Callable[[Some], tuple[str, list[str]] | None]], ...] = (
    ("Not well", unwell),
    ("In progress", in_progress),
)


def parts_of(clusters: Sequence[Some]) -> list[tuple[str, list[tuple[str, list[str]]]]]:
    """What stands below the table: each part that has entries."""
    found = [(title, [entry for entry in map(entry_of, clusters) if entry]) for title, entry_of in PARTS]
    return [(title, entries) for title, entries in found if entries]


def as_table(clusters: Sequence[Some], metrics: Some, costs: Some) -> str:
    """The report for a terminal."""
    rows = [row for cluster in clusters for row in rows_of(cluster)]
    lines = ["Clusters", *(table(rows, columns_of(rows)) if rows else [INDENT + NO_CLUSTER])]
    figures, columns = figure_rows(clusters, metrics, costs)
    trouble = trouble_of(metrics, costs)
    if figures or trouble:
        lines += [
            "",
            title_of(metrics),
            *(table(figures, columns) if figures else ()),
            *(INDENT + line for line in trouble),
        ]
    for title, entries in parts_of(clusters):
        lines += ["", title]
        for head, below in entries:
            lines += [INDENT + head, *(INDENT * 2 + line for line in below)]
    return "\n".join(lines)


def escaped(text: str) -> str:
    """A text of one line, in which Markdown reads nothing as the border of a cell."""
    return " ".join(text.split()).replace("|", r"\|")


def markdown_table(rows: Iterable[Some], columns: Mapping[str, str]) -> list[str]:
    """The lines of a table."""

    def line(cells: Iterable[str]) -> str:
        return f"| {' | '.join(cells)} |"

    body = [line(escaped(cell(row.get(key))) for key in columns) for row in rows]
    return [line(columns.values()), f"|{'---|' * len(columns)}", *body]


def as_markdown(clusters: Sequence[Some], metrics: Some, costs: Some) -> str:
    """The report for a wiki or a ticket."""
    rows = [row for cluster in clusters for row in rows_of(cluster)]
    lines = ["## Clusters", "", *(markdown_table(rows, columns_of(rows)) if rows else [NO_CLUSTER])]
    figures, columns = figure_rows(clusters, metrics, costs)
    trouble = trouble_of(metrics, costs)
    if figures or trouble:
        lines += ["", f"### {title_of(metrics)}", "", *(markdown_table(figures, columns) if figures else ())]
        lines += [f"- {escaped(line)}" for line in trouble]
    for title, entries in parts_of(clusters):
        lines += ["", f"### {title}", ""]
        for head, below in entries:
            lines += [f"- {escaped(head)}", *(f"  - {escaped(line)}" for line in below)]
    return "\n".join(lines)


def as_json(clusters: Sequence[Some], metrics: Some, costs: Some) -> str:
    """The report for programs."""
    found = [{**summary(cluster), "figures": figures_of(cluster, metrics, costs)} for cluster in clusters]
    return json.dumps(found, indent=2)


FORMATS: dict[str, Callable[[Sequence[Some], Some, Some], str]] = {
    "table": as_table,
    "markdown": as_markdown,
    "json": as_json,
}


def cluster_status_text(
    clusters: Iterable[Some], format: str = "table", metrics: Some | None = None, costs: Some | None = None
) -> str:
    """See RETURN.

    :raises AnsibleFilterError: there is no such format.
    """
    if format not in FORMATS:
        raise AnsibleFilterError(
            f"Failed to report on clusters: format is {format!r}. Set it to one of {', '.join(FORMATS)}."
        )
    return FORMATS[format](list(clusters), metrics or {}, costs or {})


class FilterModule:
    def filters(self):
        return {"cluster_status_text": cluster_status_text}
