# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prometheus' recording rules, generated from the catalogue of metrics: `python -m tools.rules` writes them.

The catalogue knows how each exporter names nodes and devices, in which unit it counts, and which of two sources comes first. The rules
give every exporter the same labels (`cluster`, `node`, `device`, `exporter`) and units, so that dashboards and alerts know one form only.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.catalogue import CARD_W, DEVICES, METRICS
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.figures import BLANK_PART
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.model import Metric

from tools.places import ROOT

RULES = ROOT / "extensions/prometheus/kcloud_recording.yml"
# Longer than two intervals between samples of most servers
RANGE = "5m"
EVERY = "1m"
# Of labels joined by semicolons the first that is not empty, without a port
FIRST = ";*([^;]+?)(?::[0-9]{1,5})?(?:;.*)?"
UNITS = {"utilization": "ratio", "power": "watts"}
# What is measured of which resource -> the series that has it from the best source
SUBJECTS = {
    **{("utilization", kind): ("kcloud_device:utilization:ratio", {"kind": kind}) for kind in ("gpu", "npu")},
    **{("power", kind): ("kcloud_device:power:watts", {"kind": kind}) for kind in ("gpu", "npu")},
    **{("utilization", kind): ("kcloud_node:utilization:ratio", {"resource": kind}) for kind in ("cpu", "memory")},
    ("power", "cpu"): ("kcloud_node:cpu_power:watts", {}),
}
# A device below this does nothing; exporters round to whole percents
AT_WORK = 0.01

HEAD = """\
# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
---
# yamllint disable rule:line-length
# Generated from the catalogue of metrics: `python -m tools.rules` writes this file again. extensions/prometheus/README.md describes it.
"""


# --- from the catalogue: one form for every exporter


def in_unit(metric: Metric) -> str:
    """A metric's query over RANGE, in its unit, without values that cannot be true."""
    query = metric.query.replace("{range}", RANGE)
    for word in (" / sum by", " or sum by"):
        query = query.replace(word, f"\n  {word}")
    expression = f"({query})"
    if metric.factor != 1:
        expression += f" * {metric.factor:.12g}"
    if metric.plausible:
        low, high = metric.plausible
        expression += f" >= {low:g} <= {high:g}"
    return expression


def normal(metric: Metric, expression: str, by: tuple[str, ...]) -> str:
    """An expression with the labels `by`: the first label that is present of those that name the node, or the device.

    What hypervisors say of a guest names its server only; kube-state-metrics says which node that is.
    """
    if metric.node == ("vm_id",):
        nodes = 'max by (cluster, node, vm_id) (label_replace(kube_node_info, "vm_id", "$1", "system_uuid", "(.+)"))'
        expression = f"sum by (vm_id) (\n  {expression}\n)\n* on (vm_id) group_left (cluster, node)\n{nodes}"
        return f"max by ({', '.join(by)}) (\n{textwrap.indent(expression, '  ')}\n)"
    calls, steps = "", []
    for label, sources in (("node", metric.node), ("device", metric.device)):
        if label in by:
            names = ", ".join(f'"{source}"' for source in sources)
            calls += "label_replace(label_join("
            steps.append(f'"kcloud_{label}", ";", {names}), "{label}", "$1", "kcloud_{label}", "{FIRST}")')
    lines = [f"{calls}", f"{textwrap.indent(expression, '  ')},", *(f"  {step}," for step in steps)]
    lines[-1] = lines[-1].removesuffix(",")
    return f"max by ({', '.join(by)}) (\n{textwrap.indent(chr(10).join(lines), '  ')}\n)"


Rule = tuple[str, dict[str, str], str]


def measured(measures: str, resource: str) -> list[Metric]:
    """What the catalogue has, the best source first."""
    return [metric for metric in METRICS if (metric.measures, metric.resource) == (measures, resource)]


def of_exporters() -> Iterator[Rule]:
    """Each metric in the form that all have: record, labels and expression."""
    for measures, resource in SUBJECTS:
        for rank, metric in enumerate(measured(measures, resource), 1):
            labels = {"exporter": metric.exporter, "rank": f'"{rank}"'}
            yield source_name(measures, resource), labels, normal(metric, in_unit(metric), labels_of(metric))
            if metric.plausible == CARD_W:
                yield "kcloud_node:implausible:watts", {"exporter": metric.exporter}, implausible(metric)


def source_name(measures: str, resource: str) -> str:
    return f"kcloud_exporter:{resource}_{measures}:{UNITS[measures]}"


def labels_of(metric: Metric) -> tuple[str, ...]:
    return ("cluster", "node", "device") if metric.device else ("cluster", "node")


def implausible(metric: Metric) -> str:
    """Power that no card draws, as it was measured; blanks are left out."""
    query = f"({metric.query.replace('{range}', RANGE)}) > {CARD_W[1] / metric.factor:g}"
    if metric.blank:
        query += f" < {metric.blank / BLANK_PART:g}"
    return normal(metric, query, ("cluster", "node"))


def of_nodes() -> Iterator[Rule]:
    """Of several sources the best that knows a node; and what Kubernetes says of its accelerators."""
    for (measures, resource), (record, labels) in SUBJECTS.items():
        metrics = measured(measures, resource)
        by = ", ".join((*labels_of(metrics[0]), "exporter"))
        name = source_name(measures, resource)
        parts = [f'max by ({by}) ({name}{{rank="{rank}"}})' for rank in range(1, len(metrics) + 1)]
        yield record, labels, "\nor on (cluster, node) ".join(parts)
    for kind in ("gpu", "npu"):
        names = "|".join(name for name, (found, _model) in DEVICES.items() if found == kind)
        allocatable = f'max by (cluster, node, resource) (kube_node_status_allocatable{{resource=~"{names}"}})'
        yield "kcloud_node:allocatable:devices", {"kind": kind}, allocatable
        # 0 where a node has accelerators and no pod requests one
        yield "kcloud_node:requested:devices", {"kind": kind}, _requests(names, allocatable)
        yield "kcloud_pod:pending:devices", {"kind": kind}, _pending(names)


def _requests(names: str, allocatable: str) -> str:
    return (
        "sum by (cluster, node, resource) (\n"
        f'  kube_pod_container_resource_requests{{resource=~"{names}", node!=""}}\n'
        '  and on (cluster, namespace, pod, uid) (kube_pod_status_phase{phase=~"Running|Pending"} == 1)\n'
        f")\nor 0 * {allocatable}"
    )


def _pending(names: str) -> str:
    return (
        "sum by (cluster, namespace, pod, uid, resource) (\n"
        f'  kube_pod_container_resource_requests{{resource=~"{names}", node=""}}\n'
        '  and on (cluster, namespace, pod, uid) (kube_pod_status_phase{phase="Pending"} == 1)\n)'
    )


# --- what follows from these

DERIVED: tuple[tuple[str, str], ...] = (
    (
        "kcloud_node:free:devices",
        (
            "clamp_min(kcloud_node:allocatable:devices - kcloud_node:requested:devices, 0)"
            f"\nunless on (cluster, node) ({' or '.join(metric.query for metric in measured('closed', ''))})"
        ),
    ),
    (
        # Half of a node's power is not its power: without that of its accelerators it is unknown
        "kcloud_node:power:watts",
        (
            "(\n  sum by (cluster, node) (kcloud_node:cpu_power:watts)"
            "\n  + on (cluster, node) sum by (cluster, node) (kcloud_device:power:watts)"
            "\n  or sum by (cluster, node) (kcloud_node:cpu_power:watts)"
            "\n  unless on (cluster, node) (kcloud_node:allocatable:devices > 0)"
            "\n  unless on (cluster, node) kcloud_device:utilization:ratio"
            "\n)\nunless on (cluster, node) kcloud_node:implausible:watts"
        ),
    ),
    ("kcloud_cluster:power:watts", "sum by (cluster) (kcloud_node:power:watts)"),
    ("kcloud_cluster:total:devices", "sum by (cluster, kind, resource) (kcloud_node:allocatable:devices)"),
    ("kcloud_cluster:held:devices", "sum by (cluster, kind, resource) (kcloud_node:requested:devices)"),
    ("kcloud_cluster:free:devices", "sum by (cluster, kind, resource) (kcloud_node:free:devices)"),
    (
        "kcloud_cluster:computing:devices",
        f"sum by (cluster, kind) (kcloud_device:utilization:ratio >= bool {AT_WORK:g})",
    ),
    (
        "kcloud_cluster:idle:devices",
        f"sum by (cluster, kind) (kcloud_device:utilization:ratio < bool {AT_WORK:g})",
    ),
    (
        # A gap is not idleness: nearly every minute of the three hours must have a value
        "kcloud_cluster:reclaimable:devices",
        (
            f"sum by (cluster, kind) ((max_over_time(kcloud_device:utilization:ratio[3h]) < bool {AT_WORK:g})"
            "\n* (count_over_time(kcloud_device:utilization:ratio[3h]) >= bool 170))"
        ),
    ),
    (
        # A master that reports stands for no worker
        "kcloud_cluster:telemetry:coverage",
        (
            'clamp_max((count by (cluster) (kcloud_node:utilization:ratio{resource="cpu"}'
            '\nunless on (cluster, node) kube_node_role{role=~"control-plane|master"})'
            '\nor 0 * sum by (cluster) (kcloud_cluster_nodes{role!="master"}))'
            '\n/ on (cluster) (sum by (cluster) (kcloud_cluster_nodes{role!="master"}) > 0), 1)'
        ),
    ),
)


def text() -> str:
    """The whole file of recording rules."""
    # One group: Prometheus evaluates its rules one after another, so that each sees what those before it recorded
    lines = ["groups:", "  - name: kcloud", f"    interval: {EVERY}", "    rules:"]
    derived = [(record, {}, expression) for record, expression in DERIVED]
    for rule in (*of_exporters(), *of_nodes(), *derived):
        lines += _shown(*rule)
    return HEAD + "\n".join([*lines, ""])


def _shown(record: str, labels: dict[str, str], expression: str) -> Iterator[str]:
    yield f"      - record: {record}"
    if labels:
        yield "        labels:"
        yield from (f"          {name}: {value}" for name, value in labels.items())
    yield "        expr: |-"
    yield from (f"          {line}" for line in expression.split("\n"))


if __name__ == "__main__":
    RULES.write_text(text(), encoding="utf-8")
