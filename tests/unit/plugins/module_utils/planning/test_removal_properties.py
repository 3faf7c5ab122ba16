# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must hold for every fleet from which nodes or clusters may be taken: the plain input is the judge."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning import (
    consolidation_answer,
    idle_answer,
    scaling_answer,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.consolidation import consolidate
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.consolidation_model import Question, Rules
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.guards import Care
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.idle import POLICIES, clean_up
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.nodes import read_standing
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.scaling import scale
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.scaling_model import Rules as ScalingRules
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.scaling_reading import read_scaling
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.planning.cases import (
    FLAVORS,
    TYPES,
    Plain,
    cluster,
    group,
)
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.planning.test_properties import shuffled
from hypothesis import given
from hypothesis import strategies as st

SIZES = {entry["name"]: entry for entry in FLAVORS}
GPUS = {"gpu.a100.large": 1, "gpu.a100.xlarge": 4}
NOW = 1_000_000


@st.composite
def node_entries(draw: st.DrawFn, name: str) -> Plain:
    entry: Plain = {"id": name}
    if draw(st.integers(0, 9)) == 0:
        entry = {"name": name}
    if draw(st.integers(0, 5)):
        entry["utilization"] = draw(st.sampled_from([0, 0.05, 0.5]))
    if draw(st.integers(0, 7)) == 0:
        entry["protected"] = True
    if draw(st.integers(0, 9)) == 0:
        entry["ready"] = False
    return entry


@st.composite
def farms(draw: st.DrawFn) -> Plain:
    """A fleet with nodes by name, and placements most of which say on which node."""
    clusters, spots = [], []
    for index in range(draw(st.integers(1, 3))):
        groups = []
        for number in range(draw(st.integers(1, 2))):
            flavor = draw(st.sampled_from(["cpu.medium", "cpu.large", "gpu.a100.large", "gpu.a100.xlarge"]))
            count = draw(st.integers(0, 4))
            names = [f"c{index}g{number}n{each}" for each in range(count)]
            spots += [(f"c{index}", f"g{number}", name, flavor) for name in names]
            entry = group(flavor, count, draw(st.sampled_from([None, 4, 6])), name=f"g{number}")
            entry["min_node_count"] = draw(st.sampled_from([0, 0, 0, 1, 2]))
            entry["nodes"] = [draw(node_entries(name)) for name in names]
            if draw(st.integers(0, 7)) == 0:
                entry["status"] = draw(st.sampled_from(["UPDATE_FAILED", "UPDATE_IN_PROGRESS"]))
            groups.append(entry)
        clusters.append(
            cluster(
                f"c{index}",
                *groups,
                type="some",
                health_status=draw(st.sampled_from(["HEALTHY"] * 5 + ["UNHEALTHY", None])),
                status=draw(st.sampled_from(["CREATE_COMPLETE"] * 6 + ["UPDATE_IN_PROGRESS"])),
                labels=draw(
                    st.sampled_from(
                        [{}] * 6 + [{"protected": "true"}, {"auto_scaling_enabled": "true"}, {"persistent": "true"}]
                    )
                ),
                project_id=draw(st.sampled_from(["p1", "p1", "p2"])),
                created_at=draw(st.sampled_from([None, 0, NOW - 60])),
                master_flavor="cpu.medium",
                master_count=1,
            )
        )
    placements = []
    for number in range(draw(st.integers(0, 8)) if spots else 0):
        where, _group, node, flavor = draw(st.sampled_from(spots))
        size: Plain = {
            "cpu_cores": draw(st.sampled_from([0.5, 1, 2, 4])),
            "memory_gb": draw(st.sampled_from([0, 1, 4])),
        }
        if flavor in GPUS and draw(st.booleans()):
            size["gpu_count"] = draw(st.integers(1, GPUS[flavor]))
        entry = {"workload": f"w{number}", "cluster": where, **size, "replicas": draw(st.integers(1, 2))}
        entry["node"] = node
        if draw(st.integers(0, 11)) == 0:
            entry = {key: value for key, value in entry.items() if key not in ("node", "node_group")}
        if draw(st.integers(0, 7)) == 0:
            entry["isolation"] = draw(st.sampled_from(["node", "cluster"]))
        if draw(st.integers(0, 9)) == 0:
            entry["labels"] = {"do-not-disrupt": "true"}
        placements.append(entry)
    fleet = {"flavors": FLAVORS, "clusters": clusters, "project_id": "p1"}
    return {"fleet": fleet, "placements": draw(st.sampled_from([placements] * 9 + [None]))}


RULES = st.sampled_from(
    [
        Rules(),
        Rules(score=0, saving=0, horizon_h=10**6),
        Rules(score=0, actions=("close_node",)),
        Rules(actions=("merge",), score=0),
    ]
)
CARE = st.sampled_from([Care(), Care(), Care(require_metrics=False)])


def plan_of(farm: Plain, rules: Rules) -> Plain:
    found, _prices = read_standing(farm["fleet"], placements=farm["placements"], cluster_types=TYPES)
    return consolidation_answer.answer(consolidate(Question(found, rules)))


def cleaned_up(farm: Plain, observations: list[Plain]) -> Plain:
    """The answer of a clean-up in which every cluster is allowed to go and was marked long ago."""
    question = idle_answer.read_idle(
        farm["fleet"],
        now=NOW,
        hour=20,
        rules=replace(POLICIES["default"], prefixes=("c",), most=9, dry_run=False),
        observations=observations,
        placements=farm["placements"],
        marks=[{"cluster_id": entry["id"], "marked_at": NOW - 9000} for entry in farm["fleet"]["clusters"]],
    )
    return idle_answer.answer(clean_up(question))


def steady(farm: Plain, failed: Collection[tuple[str, int]] = ()) -> list[Plain]:
    """Each cluster measured low for hours, but for measurements that failed: (cluster, how many before the last one)."""
    return [
        {"cluster": name, "at": NOW - 600 * number, "utilization": None if (name, number) in failed else 0.02}
        for name in [entry["name"] for entry in farm["fleet"]["clusters"]]
        for number in range(20)
    ]


def entries(farm: Plain) -> dict[tuple[str, str, str], tuple[Plain, Plain, Plain]]:
    """(cluster, group, name of the node) -> their entries."""
    return {
        (there["name"], own["name"], node.get("name") or node["id"]): (there, own, node)
        for there in farm["fleet"]["clusters"]
        for own in there["node_groups"]
        for node in own["nodes"]
    }


def check_untouched(farm: Plain, touched: set[tuple[str, str, str]], *, metrics: bool) -> None:
    """Nothing is touched that is protected, or of which too little is known."""
    assert farm["placements"] is not None or not touched
    vague = {entry["cluster"] for entry in farm["placements"] or [] if "node" not in entry}
    for key in touched:
        there, own, node = entries(farm)[key]
        assert there["labels"].get("protected") != "true"
        assert there["status"] == "CREATE_COMPLETE" and own.get("status", "CREATE_COMPLETE") == "CREATE_COMPLETE"
        assert there["health_status"] == "HEALTHY"
        assert "protected" not in node and "id" in node and node.get("ready", True)
        assert not metrics or "utilization" in node
        assert key[0] not in vague or len(own["nodes"]) == 1 or len(there["node_groups"]) > 1
        pinned = [entry for entry in farm["placements"] if entry.get("node") == key[2] and "labels" in entry]
        assert not pinned


def check_seats(
    farm: Plain, moves: list[Plain], gone: set[tuple[str, str, str]], grown: dict[tuple[str, str], int]
) -> None:
    """After the moves nothing runs on a node that goes, and no node holds more than it has."""
    standing = Counter(
        {(entry["workload"], entry["node"]): entry["replicas"] for entry in farm["placements"] or [] if "node" in entry}
    )
    sizes = {entry["workload"]: entry for entry in farm["placements"] or []}
    flavor_of = {name: own["flavor"] for (_there, _group, name), (_c, own, _n) in entries(farm).items()}
    made = Counter()
    for move in moves:
        source, target = move["from"], move["to"]
        standing[move["workload"], source["node"]] -= move["replicas"]
        assert standing[move["workload"], source["node"]] >= 0
        if target["cluster"] is None:
            continue  # a cluster to be made
        name = target["node"]
        if name.startswith("new node"):
            name = f"{target['cluster']}/{target['node_group']}/{name}"
            flavor_of[name] = next(
                own["flavor"]
                for there in farm["fleet"]["clusters"]
                for own in there["node_groups"]
                if (there["name"], own["name"]) == (target["cluster"], target["node_group"])
            )
            made[target["cluster"], target["node_group"]] = max(
                made[target["cluster"], target["node_group"]], int(target["node"].split()[-1])
            )
        standing[move["workload"], name] += move["replicas"]
    assert all(grown.get(key, 0) >= count for key, count in made.items())
    assert not {name for (_workload, name), count in standing.items() if count} & {key[2] for key in gone}
    changed = {move["to"]["node"] for move in moves}
    for name in changed & set(flavor_of):
        held = [(sizes[workload], count) for (workload, node), count in standing.items() if node == name]
        flavor = SIZES[flavor_of[name]]
        assert sum(size["cpu_cores"] * count for size, count in held) <= flavor["vcpus"]
        assert sum(size["memory_gb"] * count for size, count in held) <= flavor["ram_mib"] / 1024
        assert sum(size.get("gpu_count", 0) * count for size, count in held) <= GPUS.get(flavor["name"], 0)


@given(farms(), RULES, CARE)
def test_consolidation_touches_nothing_protected_and_everybody_has_a_seat(
    farm: Plain, rules: Rules, care: Care
) -> None:
    answer = plan_of(farm, Rules(rules.actions, rules.score, rules.saving, rules.horizon_h, care=care))
    decision = answer["decision"]
    deleted = {entry["cluster"] for entry in decision["delete_clusters"]}
    gone = {key for key in entries(farm) if key[0] in deleted}
    for entry in decision["node_groups"]:
        gone |= {(entry["cluster"], entry["node_group"], name) for name in entry["nodes"]}
        own = entries(farm)[entry["cluster"], entry["node_group"], entry["nodes"][0]][1]
        assert entry["node_count_after"] >= own["min_node_count"]
        assert len(entry["nodes_to_remove"]) == entry["node_count_before"] - entry["node_count_after"]
        assert all(entry["nodes_to_remove"]) and entry["cluster"] not in deleted
        there = next(one for one in farm["fleet"]["clusters"] if one["name"] == entry["cluster"])
        assert "auto_scaling_enabled" not in there["labels"]
    targets = {(m["to"]["cluster"], m["to"]["node_group"], m["to"]["node"]) for m in decision["moves"]} & set(
        entries(farm)
    )
    check_untouched(farm, gone, metrics=care.require_metrics)
    assert not any("protected" in entries(farm)[key][2] for key in targets)
    grown = {(e["cluster"], e["node_group"]): e["node_count_after"] - e["node_count_before"] for e in decision["grow"]}
    check_seats(farm, decision["moves"], gone, grown)
    for entry in answer["candidates"]:
        assert entry["feasible"] == (not entry["why_not"]) == (entry["step"] is not None)
        assert all(violation["fix"]["sentence"] for violation in entry["why_not"])
    certificate = answer["certificate"]
    if certificate["lower_bound"] is not None:
        assert certificate["objective"] >= certificate["lower_bound"] - 1e-9
        assert certificate["devices_kept"] >= certificate["devices_lower_bound"] - 1e-9


@given(farms(), st.booleans(), st.integers(1, 100))
def test_scaling_in_touches_nothing_protected_and_everybody_has_a_seat(
    farm: Plain, metrics: bool, percent: int
) -> None:
    rules = ScalingRules(run_percent=percent, care=Care(require_metrics=metrics))
    memory: Plain | None = None
    for now in (NOW, NOW + 900):
        question = read_scaling(farm["fleet"], now=now, placements=farm["placements"], memory=memory, rules=rules)
        found = scaling_answer.answer(scale(question))
        decision, memory = found["decision"], found["memory"]
        gone = {(entry["cluster"], entry["node_group"], entry["node"]) for entry in found["nodes"] if entry["removed"]}
        removed = {(e["cluster"], e["node_group"]): e for e in decision["node_groups"] if e["nodes_to_remove"]}
        assert now > NOW or not gone
        assert len(gone) <= max(1, len(entries(farm)) * percent // 100)
        assert decision["action"] != "scale_out" or not removed
        for entry in decision["node_groups"]:
            there, own = next(
                (there, own)
                for there in farm["fleet"]["clusters"]
                for own in there["node_groups"]
                if (there["name"], own["name"]) == (entry["cluster"], entry["node_group"])
            )
            if entry["min_node_count"] is not None:
                assert there["labels"] == {"auto_scaling_enabled": "true"}
                assert entry["node_count_after"] == entry["node_count_before"]
                continue
            assert "auto_scaling_enabled" not in there["labels"]
            assert entry["node_count_after"] >= own["min_node_count"] or entry["action"] == "scale_out"
            assert own["max_node_count"] is None or entry["node_count_after"] <= own["max_node_count"]
            if entry["action"] == "scale_in":
                assert len(entry["nodes_to_remove"]) == entry["node_count_before"] - entry["node_count_after"] > 0
                assert all(entry["nodes_to_remove"])
        by_name = {key for key in gone if (key[0], key[1]) in removed}
        check_untouched(farm, by_name, metrics=metrics)
        check_seats(farm, decision["moves"], gone, {})


@given(farms(), RULES, st.integers(0, 2**32))
def test_permuted_input_gives_the_same_bytes(farm: Plain, rules: Rules, seed: int) -> None:
    chance = random.Random(seed)
    assert json.dumps(plan_of(farm, rules)) == json.dumps(plan_of(shuffled(farm, chance), rules))

    def scaled(given_: Plain) -> Any:
        question = read_scaling(given_["fleet"], now=NOW, placements=given_["placements"], rules=ScalingRules())
        return scaling_answer.answer(scale(question))

    assert json.dumps(scaled(farm)) == json.dumps(scaled(shuffled(farm, chance)))
    other = shuffled(farm, chance)
    assert json.dumps(cleaned_up(farm, steady(farm))) == json.dumps(cleaned_up(other, shuffled(steady(other), chance)))


def carry_use(farm: Plain, moves: list[Plain]) -> None:
    """What was measured on a node goes where its work goes."""

    def node_of(place: Plain) -> tuple[Plain, int]:
        _there, own, node = entries(farm)[place["cluster"], place["node_group"], place["node"]]
        return node, SIZES[own["flavor"]]["vcpus"]

    carried = {tuple((side, *move[side].values()) for side in ("from", "to")): move for move in moves}
    for _key, move in sorted(carried.items()):
        (source, vcpus), (target, others) = node_of(move["from"]), node_of(move["to"])
        if "utilization" in target:
            brought = source.get("utilization", 0) * vcpus / others
            target["utilization"] = min(1, round(target["utilization"] + brought, 3))


@given(farms(), RULES)
def test_a_second_run_changes_nothing(farm: Plain, rules: Rules) -> None:
    """Closing nodes only: what is left when the plan was carried out allows no further step."""
    rules = Rules(("close_node",), rules.score, rules.saving, rules.horizon_h)
    decision = plan_of(farm, rules)["decision"]
    carry_use(farm, decision["moves"])
    for entry in decision["node_groups"]:
        own = entries(farm)[entry["cluster"], entry["node_group"], entry["nodes"][0]][1]
        own["nodes"] = [node for node in own["nodes"] if (node.get("name") or node["id"]) not in entry["nodes"]]
        own["node_count"] = entry["node_count_after"]
    counts: Counter[tuple[str, str]] = Counter()
    rows = {}
    for entry in farm["placements"] or []:
        counts[entry["workload"], entry.get("node", "")] += entry["replicas"]
        rows[entry["workload"]] = entry
    for move in decision["moves"]:
        counts[move["workload"], move["from"]["node"]] -= move["replicas"]
        counts[move["workload"], move["to"]["node"]] += move["replicas"]
    if farm["placements"] is not None:
        farm["placements"] = [
            {**rows[workload], "replicas": count, **({"node": node} if node else {})}
            for (workload, node), count in sorted(counts.items())
            if count
        ]
    assert plan_of(farm, rules)["decision"]["action"] == "none"


@given(
    farms(),
    st.lists(st.tuples(st.integers(0, 20_000), st.sampled_from([None, 0, 0.02, 0.5])), max_size=30),
    st.booleans(),
)
def test_clean_up_deletes_only_what_is_known_to_be_idle_and_allowed(
    farm: Plain, samples: list[tuple[int, float | None]], steady_: bool
) -> None:
    times = [(offset * 600, 0.02) for offset in range(20)] if steady_ else samples
    observations = [
        {"cluster": entry["name"], "at": NOW - offset, "utilization": load}
        for entry in farm["fleet"]["clusters"]
        for offset, load in times
    ]
    found = cleaned_up(farm, observations)
    lows = [offset for offset, load in times if load is not None and load < 0.1]
    for entry in found["decision"]["delete"]:
        there = next(one for one in farm["fleet"]["clusters"] if one["name"] == entry["cluster"])
        assert farm["placements"] is not None
        assert not [one for one in farm["placements"] if one["cluster"] == there["name"]]
        assert there["labels"] in ({}, {"auto_scaling_enabled": "true"})
        assert there["health_status"] == "HEALTHY" and there["created_at"] == 0
        assert there["status"] == "CREATE_COMPLETE"
        assert lows and max(lows) >= 7200 and min(lows) <= 1800
        assert not any("protected" in node for own in there["node_groups"] for node in own["nodes"])


KEPT = (
    "nothing",
    "a cluster that is protected",
    "a node that is protected",
    "health that is unknown",
    "an owner who is unknown",
    "a node that nobody measured",
    "a cluster that nobody measured",
    "a measurement that failed",
    "nobody says who stands there",
)
OF_ONE_NODE = ("a node that is protected", "a node that nobody measured")


def spare(name: str, kept: str) -> Plain:
    """A cluster from which all would be taken, but for one reason."""
    nodes: list[Plain] = [{"id": f"{name}n{number}", "utilization": 0} for number in range(3)]
    if kept == "a node that is protected":
        nodes[0]["labels"] = {"do-not-disrupt": "true"}
    for node in nodes[: {"a node that nobody measured": 1, "a cluster that nobody measured": 3}.get(kept, 0)]:
        del node["utilization"]
    return cluster(
        name,
        {**group("cpu.medium", 3, 6, name="g"), "min_node_count": 0, "nodes": nodes},
        type="some",
        labels={"protected": "true"} if kept == "a cluster that is protected" else {},
        health_status=None if kept == "health that is unknown" else "HEALTHY",
        project_id=None if kept == "an owner who is unknown" else "p1",
        created_at=0,
        master_flavor="cpu.medium",
        master_count=1,
    )


def scaled_in(fleet: Plain, placements: list[Plain] | None) -> set[tuple[str, str]]:
    """(cluster, node) of what scaling takes away in the second of two runs."""
    memory: Plain | None = None
    for now in (NOW, NOW + 900):
        question = read_scaling(
            fleet, now=now, placements=placements, memory=memory, rules=ScalingRules(run_percent=100)
        )
        found = scaling_answer.answer(scale(question))
        memory = found["memory"]
    return {(entry["cluster"], entry["node"]) for entry in found["nodes"] if entry["removed"]}


def consolidated_away(farm: Plain) -> set[tuple[str, str]]:
    """(cluster, node) of what consolidation takes away, also with a whole cluster."""
    decision = plan_of(farm, Rules(score=0))["decision"]
    deleted = {entry["cluster"] for entry in decision["delete_clusters"]}
    gone = {(entry["cluster"], name) for entry in decision["node_groups"] for name in entry["nodes"]}
    return gone | {(key[0], key[2]) for key in entries(farm) if key[0] in deleted}


@given(st.lists(st.sampled_from(KEPT), min_size=1, max_size=3))
def test_what_is_protected_or_not_known_is_never_taken_away(kept: list[str]) -> None:
    """Each cluster has another reason to stay; what has none goes."""
    reasons = {f"c{number}": why for number, why in enumerate(kept)}
    farm: Plain = {
        "fleet": {"flavors": FLAVORS, "clusters": [spare(name, why) for name, why in reasons.items()]},
        "placements": None if "nobody says who stands there" in kept else [],
    }
    failures = {"a cluster that nobody measured": range(20), "a measurement that failed": [5]}
    failed = {(name, number) for name, why in reasons.items() for number in failures.get(why, ())}
    found = cleaned_up(farm, steady(farm, failed))
    deleted = {entry["cluster"] for entry in found["decision"]["delete"]}
    taken = [scaled_in(farm["fleet"], farm["placements"]), consolidated_away(farm)]
    for name, why in reasons.items():
        away = [{node for there, node in nodes if there == name} for nodes in taken]
        if farm["placements"] is None:
            assert not any(away) and name not in deleted
        elif why in OF_ONE_NODE:
            assert all(nodes == {f"{name}n1", f"{name}n2"} for nodes in away)
            assert (name in deleted) == (why == "a node that nobody measured")
        elif why in ("nothing", "a measurement that failed"):
            assert all(away) and (name in deleted) == (why == "nothing")
        else:
            assert not any(away) and name not in deleted


@st.composite
def crowded(draw: st.DrawFn) -> Plain:
    """Nodes of 4 vCPU and 8 GiB of which all is known, half empty: many could be closed, if only the moves fit."""
    names = [f"c0n{number}" for number in range(draw(st.integers(3, 7)))]
    spots = [name for name in names for _workload in range(draw(st.integers(0, 2)))]
    there = spare("c0", "nothing")
    there["node_groups"][0] |= {"node_count": len(names), "nodes": [{"id": name, "utilization": 0} for name in names]}
    placements = [
        {
            "workload": f"w{number}",
            "cluster": "c0",
            "node": name,
            "cpu_cores": draw(st.sampled_from([0.5, 1.5, 2])),
            "memory_gb": draw(st.sampled_from([0, 1, 3, 4])),
            "replicas": 1,
        }
        for number, name in enumerate(spots)
    ]
    return {"fleet": {"flavors": FLAVORS, "clusters": [there]}, "placements": placements}


@given(crowded())
def test_nobody_is_moved_where_there_is_no_room(farm: Plain) -> None:
    decision = plan_of(farm, Rules(score=0, saving=0, horizon_h=10**6))["decision"]
    gone = {("c0", "g", name) for entry in decision["node_groups"] for name in entry["nodes"]}
    check_seats(farm, decision["moves"], gone, {})
