# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of a scaling decision, as plain data -> Question; and a run's memory as plain data, there and back."""

from __future__ import annotations

from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.guards import Care
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import WHOLE, Fleet, Policy, Workload
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.nodes import read_standing
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.reading import (
    mapping,
    mappings,
    number,
    only_known,
    optional,
    refused,
    text,
    whole,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.scaling_model import (
    Key,
    Memory,
    Opened,
    Question,
    Rules,
    Unneeded,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.simulated_fleet import Place
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.workload import read_workload

Plain = dict[str, Any]
# A group may be expected to be used several times over; more than this is a slip, such as per cent for a share.
MOST_USAGE = 10


def read_scaling(
    fleet: object,
    *,
    now: int,
    workloads: object = None,
    forecast: object = None,
    forecast_utilization: object = None,
    memory: object = None,
    rules: Rules,
    **options: object,
) -> Question:
    """All options of a scaling decision.

    :param now: seconds of the clock that the memory was taken with.
    :param options: those of read_standing.
    :raises InvalidRequest: anything that cannot be read, by its path.
    """
    found, prices = read_standing(fleet, **options)
    kinds = {kind for flavor in found.flavors for kind in flavor.kinds}
    return Question(
        fleet=found,
        policy=Policy(prices),
        pending=read_workloads(workloads, "workloads", kinds if found.flavors else None),
        expected=read_workloads(forecast, "forecast", kinds if found.flavors else None),
        usage=read_usage(forecast_utilization, "forecast_utilization", found),
        rules=rules,
        memory=read_memory(memory, "memory"),
        now=now,
    )


def read_workloads(raw: object, path: str, kinds: set[str] | None) -> tuple[Workload, ...]:
    return tuple(read_workload(entry, entry_path, kinds) for entry_path, entry in mappings(raw, path))


def read_usage(raw: object, path: str, fleet: Fleet) -> tuple[tuple[Key, int], ...]:
    """Predictions, each ``{cluster, node_group, utilization}``: a share of what the group's nodes offer now."""
    by_name = {key: cluster for cluster in reversed(fleet.clusters) for key in (cluster.name, cluster.id)}
    found: dict[Key, int] = {}
    for entry_path, given in mappings(raw, path):
        only_known(given, ("cluster", "node_group", "utilization"), entry_path)
        cluster = by_name.get(text(given.get("cluster"), f"{entry_path}.cluster"))
        name = text(given.get("node_group"), f"{entry_path}.node_group", "default-worker")
        if fleet.clusters and (cluster is None or name not in {group.name for group in cluster.groups}):
            raise refused(entry_path, dict(given), "about a node group of the fleet")
        usage = number(given.get("utilization"), f"{entry_path}.utilization", WHOLE)
        if usage > MOST_USAGE * WHOLE:
            raise refused(f"{entry_path}.utilization", given.get("utilization"), "a share, such as 0.9")
        if cluster is not None:
            found[cluster.id, name] = usage
    return tuple(sorted(found.items()))


def read_rules(given: dict[str, Any]) -> Rules:
    """The module's options of the same meaning, each checked."""
    out = number(given["scale_out_above"], "scale_out_above", WHOLE)
    into = number(given["scale_in_below"], "scale_in_below", WHOLE)
    if not 0 < out <= WHOLE:
        raise refused("scale_out_above", given["scale_out_above"], "a share above 0 and up to 1")
    if into >= out:
        raise refused("scale_in_below", given["scale_in_below"], f"below scale_out_above ({out / WHOLE:g})")
    percent = whole(given["run_percent"], "run_percent", 1)
    if percent > 100:
        raise refused("run_percent", given["run_percent"], "from 1 to 100")
    return Rules(
        unneeded_s=whole(given["unneeded_seconds"], "unneeded_seconds"),
        after_scale_out_s=whole(given["after_scale_out_seconds"], "after_scale_out_seconds"),
        after_failure_s=whole(given["after_failure_seconds"], "after_failure_seconds"),
        run_percent=percent,
        out_above=out,
        in_below=into,
        care=Care(given["require_health"], given["require_metrics"]),
        empty_clusters=bool(given.get("empty_clusters")),
    )


# --- memory


def read_memory(raw: object, path: str) -> Memory:
    """The memory of the run before; an empty one is a first run, None a caller who keeps none."""
    given = mapping(raw, path)
    only_known(given, ("at", "unneeded", "scaled_out", "failed", "counts", "opened"), path)
    if not given:
        return Memory(kept=raw is not None)
    unneeded = [
        Unneeded(
            Place(*(text(entry.get(key), f"{entry_path}.{key}") for key in ("cluster_id", "node_group", "node"))),
            whole(entry.get("since"), f"{entry_path}.since"),
            whole(entry.get("seen"), f"{entry_path}.seen"),
        )
        for entry_path, entry in mappings(given.get("unneeded"), f"{path}.unneeded")
    ]
    counts = [
        (
            (
                text(entry.get("cluster_id"), f"{entry_path}.cluster_id"),
                text(entry.get("node_group"), f"{entry_path}.node_group"),
            ),
            whole(entry.get("node_count"), f"{entry_path}.node_count"),
        )
        for entry_path, entry in mappings(given.get("counts"), f"{path}.counts")
    ]
    return Memory(
        at=optional(whole, given.get("at"), f"{path}.at"),
        unneeded=tuple(sorted(unneeded, key=lambda entry: entry.place)),
        scaled_out=_times(given.get("scaled_out"), f"{path}.scaled_out"),
        failed=_times(given.get("failed"), f"{path}.failed"),
        counts=tuple(sorted(counts)),
        opened=tuple(
            Opened(
                text(entry.get("workload"), f"{entry_path}.workload"),
                whole(entry.get("replicas"), f"{entry_path}.replicas"),
                text(entry.get("cluster_id"), f"{entry_path}.cluster_id"),
                text(entry.get("node_group"), f"{entry_path}.node_group"),
                whole(entry.get("node_count"), f"{entry_path}.node_count"),
            )
            for entry_path, entry in mappings(given.get("opened"), f"{path}.opened")
        ),
    )


def _times(raw: object, path: str) -> tuple[tuple[str, int], ...]:
    return tuple(
        sorted(
            (text(entry.get("cluster_id"), f"{entry_path}.cluster_id"), whole(entry.get("at"), f"{entry_path}.at"))
            for entry_path, entry in mappings(raw, path)
        )
    )


def memory_as_result(memory: Memory) -> Plain:
    """The way back."""
    return {
        "at": memory.at,
        "unneeded": [
            {
                "cluster_id": entry.place.cluster,
                "node_group": entry.place.group,
                "node": entry.place.node,
                "since": entry.since,
                "seen": entry.seen,
            }
            for entry in memory.unneeded
        ],
        "scaled_out": [{"cluster_id": name, "at": at} for name, at in memory.scaled_out],
        "failed": [{"cluster_id": name, "at": at} for name, at in memory.failed],
        "counts": [
            {"cluster_id": cluster, "node_group": group, "node_count": count}
            for (cluster, group), count in memory.counts
        ],
        "opened": [
            {
                "workload": entry.workload,
                "replicas": entry.replicas,
                "cluster_id": entry.cluster,
                "node_group": entry.group,
                "node_count": entry.count,
            }
            for entry in memory.opened
        ],
    }
