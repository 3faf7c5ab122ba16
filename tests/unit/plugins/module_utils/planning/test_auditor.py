# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The auditor itself: wrong plans that engines once made, each with the rule that it breaks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import KcloudError
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning import auditing, questions
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.audit_acts import (
    RULES,
    Act,
    Admit,
    Close,
    Drop,
    Grow,
    Limits,
    Make,
    Seat,
    Shift,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.auditor import audit, holds
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import (
    Accelerator,
    Cluster,
    Demand,
    Flavor,
    Fleet,
    Group,
    Node,
    Part,
    Pod,
    Quota,
    Room,
    Tenant,
)

GPU = Flavor("gpu", 8000, 8192, (Accelerator("gpu", "a100", 4),), resources=(("A100", 4),))
CPU = Flavor("cpu", 4000, 8192)
ONE, FOUR = Part(1000, 1024), Part(1000, 1024, (Demand("gpu", 4),))
POD = Pod("web", ONE)


def there(name: str = "a", *groups: Group, **more: Any) -> Cluster:
    return Cluster(name, name, "some", groups or (counted(),), project="p1", **more)


def counted(count: int = 1, flavor: Flavor = CPU, **more: Any) -> Group:
    return Group("g", flavor, count, **{"max_count": 9, "rooms": ((flavor.empty, count),), **more})


def named(*nodes: Node, **more: Any) -> Group:
    return Group("g", CPU, len(nodes), nodes=nodes, rooms=(), **more)


def node(name: str, *pods: Pod, **more: Any) -> Node:
    taken = sum(pod.replicas for pod in pods)
    room = Room(4000 - 1000 * taken, 8192 - 1024 * taken, (), bool(pods))
    return Node(name, name, **{"room": room, "pods": pods, **more})


def enter(workload: str = "w", at: str = "a", part: Part = ONE, asked: int = 1, **more: Any) -> Admit:
    nodes = more.pop("nodes", None)
    found = {"isolation": "none", "tolerations": (), "latency_ms": None, **more}
    return Admit(workload, cluster=at, asked=asked, seats=(Seat(part, "g", asked, nodes),), **found)


def shift(source: str, target: str, pod: Pod = POD, other: str = "a") -> Shift:
    return Shift(pod, ("a", "g", source), (other, "g", target))


def gone(*names: str) -> list[Act]:
    return [Close(("a", "g", name)) for name in names]


FULL = Limits(full=850)
THREE = named(node("n1", POD), node("n2", POD), node("n3", POD))
LOADED = named(node("n1", POD, load=970), node("n2", POD, load=970))
FREE4 = Fleet(clusters=(there("a", counted(0, GPU)),), free=(("A100", 4),))
NEAR_FAR = Fleet(
    clusters=(
        there("a", named(node("n1", POD._replace(latency_ms=5))), latency_ms=2),
        there("b", named(node("n2")), latency_ms=80),
    )
)
MANY = Fleet(
    clusters=(
        there("a", named(*(node(f"n{n}") for n in range(10)))),
        there("b", named(*(node(f"m{n}") for n in range(90)))),
    )
)
TEN = [f"n{number}" for number in range(10)]

# What is wrong, the fleet, the acts, the limits, the codes
WRONG: list[tuple[str, Fleet, list[Act], Limits, set[str]]] = [
    ("two of whom one wants the project alone", Fleet(clusters=(there(),)),
     [enter("x", isolation="project"), enter("y")], Limits(), {"ISOLATION"}),
    ("two projects of which one is not known", Fleet(clusters=(there(), replace(there("b"), project=""))),
     [enter("x", isolation="project"), enter("y", "b")], Limits(), {"ISOLATION"}),
    ("a place that costs nothing for four replicas on a node of one", Fleet(clusters=(there("a", counted(1, GPU)),)),
     [enter(part=FOUR, asked=4)], Limits(), {"GANG_SPLIT"}),
    ("accelerators that are given twice", FREE4, [Grow("a", "g", 1), Grow("a", "g", 1)], Limits(), {"QUOTA_SHORT"}),
    ("pending work beside work that wants its cluster alone", Fleet(clusters=(there("a", counted(2)),)),
     [enter("x", isolation="cluster"), enter("y")], Limits(), {"ISOLATION"}),
    ("a replica of a gang that moves", Fleet(clusters=(there("a", named(node("n1", POD._replace(pinned=True)), node("n2"))),)),
     [shift("n1", "n2", POD._replace(pinned=True)), *gone("n1")], Limits(), {"WORKLOAD_PINNED"}),
    ("two busy nodes made one", Fleet(clusters=(there("a", LOADED),)), [shift("n1", "n2"), *gone("n1")], FULL,
     {"UTILIZATION_AFTER", "SPREAD"}),
    ("work that is merged into a far cluster", NEAR_FAR,
     [shift("n1", "n2", POD._replace(latency_ms=5), "b"), Drop("a")], Limits(), {"LATENCY"}),
    ("a service that ends on one node", Fleet(clusters=(there("a", THREE),)),
     [shift("n1", "n3"), *gone("n1"), shift("n2", "n3"), *gone("n2")], Limits(), {"SPREAD"}),
    ("a small cluster of a large fleet, emptied", MANY, gone(*TEN), Limits(run_percent=10, keep_last=True),
     {"RUN_LIMIT", "LAST_WORKER"}),
    ("nodes of which nothing is known", Fleet(clusters=(there("a", counted(known=False)),)), [enter()], Limits(),
     {"GANG_SPLIT"}),
    ("a node by name of which nothing is known", Fleet(clusters=(there("a", counted(known=False)),)),
     [enter(nodes=("running 0",))], Limits(), {"OCCUPANTS_UNKNOWN"}),
    ("too little CPU", Fleet(clusters=(there(),)), [enter(part=Part(5000, 0), nodes=("running 0",))], Limits(), {"CPU_SHORT"}),
    ("too little memory", Fleet(clusters=(there(),)), [enter(part=Part(0, 9000), nodes=("running 0",))], Limits(),
     {"MEM_SHORT"}),
    ("too few devices", Fleet(clusters=(there("a", counted(1, GPU)),)),
     [enter("x", part=FOUR), enter("y", part=FOUR, nodes=("running 0",))], Limits(), {"DEVICES_SHORT"}),
    ("no toleration", Fleet(clusters=(there("a", counted(taints=("a=b:NoSchedule",))),)), [enter()], Limits(), {"TAINT"}),
    ("a node that is shared", Fleet(clusters=(there(),)), [enter("x", isolation="node"), enter("y", nodes=("running 0",))],
     Limits(), {"ISOLATION"}),
    ("beyond the bounds", Fleet(clusters=(there("a", counted(max_count=1)),)), [Grow("a", "g", 1)], Limits(), {"GROUP_MAX"}),
    ("below the bounds", Fleet(clusters=(there("a", named(node("n1"), node("n2"), min_count=2)),)), gone("n1"), Limits(),
     {"GROUP_MIN"}),
    ("a cluster more than the quota allows", Fleet(quotas=(Quota("clusters", 1, 1),)),
     [Make("new", there("", counted(0)), (("g", 1),))], Limits(), {"QUOTA_SHORT"}),
    ("a group that is not at rest", Fleet(clusters=(there(status="UPDATE_FAILED"),)), [enter()], Limits(),
     {"CLUSTER_NOT_READY"}),
    ("a protected cluster", Fleet(clusters=(there(locks=("protected",)),)), [enter()], Limits(), {"CLUSTER_LOCKED"}),
    ("a sick cluster", Fleet(clusters=(there(health="UNHEALTHY"),)), [enter()], Limits(True), {"CLUSTER_UNHEALTHY"}),
    ("a protected node and one that is not ready",
     Fleet(clusters=(there("a", named(node("n1", locks=("protected",)), node("n2", ready=False), node("n3"))),)),
     gone("n1", "n2"), Limits(), {"NODE_PROTECTED", "NODE_NOT_READY"}),
    ("a node on which somebody stands", Fleet(clusters=(there("a", named(node("n1", POD))),)), gone("n1"), Limits(),
     {"HAS_WORKLOADS"}),
    ("a move of nobody", Fleet(clusters=(there("a", named(node("n1"), node("n2"))),)), [shift("n1", "n2")], Limits(),
     {"NOT_THERE"}),
    ("a move into another project",
     Fleet(clusters=(there("a", named(node("n1", POD))), replace(there("b", named(node("n2"))), project="p2"))),
     [shift("n1", "n2", other="b"), Drop("a")], Limits(), {"NO_PARTNER"}),
    ("too far", Fleet(clusters=(there(latency_ms=80),)), [enter(latency_ms=5)], Limits(), {"LATENCY"}),
    ("beside a tenant", Fleet(clusters=(there(tenants=(Tenant("old", "cluster"),)),)), [enter()], Limits(), {"ISOLATION"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("fleet", "acts", "limits", "codes"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG]
)
def test_a_wrong_plan_is_found(fleet: Fleet, acts: list[Act], limits: Limits, codes: set[str]) -> None:
    found = audit(fleet, acts, limits)
    assert {breach.code for breach in found} == codes
    assert all(breach.object and breach.need != breach.have for breach in found)


def test_every_rule_is_reached() -> None:
    assert set().union(*(row[-1] for row in WRONG)) == set(RULES)


RIGHT: list[tuple[Fleet, list[Act], Limits]] = [
    (Fleet(clusters=(there("a", counted(1, GPU)),)), [Grow("a", "g", 3), enter(part=FOUR, asked=4)], Limits()),
    (Fleet(clusters=(there(), replace(there("b"), project="p2"))), [enter("x", isolation="project"), enter("y", "b")], Limits()),
    (Fleet(clusters=(there("a", THREE),)), [shift("n1", "n3"), *gone("n1")], Limits()),
    (MANY, gone("n1"), Limits(run_percent=10, keep_last=True)),
    (Fleet(clusters=(there(),)), [enter("x", isolation="node"), enter("x", isolation="node")], Limits()),
]  # fmt: skip


@pytest.mark.parametrize(("fleet", "acts", "limits"), RIGHT)
def test_a_right_plan_passes(fleet: Fleet, acts: list[Act], limits: Limits) -> None:
    assert audit(fleet, acts, limits) == []


@pytest.mark.parametrize(
    ("free", "shares", "fits"),
    [
        ((1000, 1000), (500, 500, 600), True),
        ((1000, 500), (500, 300, 300, 400), True),
        ((1000,), (500, 300, 300), False),
        ((600, 600), (400, 400, 400), False),
    ],
)
def test_shares_of_devices_fit_in_some_order_or_not(free: tuple[int, ...], shares: tuple[int, ...], fits: bool) -> None:
    shared = (Accelerator("gpu", "a100", len(free), shareable=True),)
    assert holds(shared, (free,), [Demand("gpu", 1, share) for share in shares]) is fits


def test_a_match_that_breaks_a_rule_is_not_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    params = {"workload": {"cpu_cores": 1}, "max_candidates": None, "expected_state": None}
    fleet = {"flavors": [{"name": "cpu", "vcpus": 4, "ram_mib": 8192}], "clusters": []}
    assert questions.one.answer(params, {}, fleet)["decision"]["action"] == "none"
    breach = audit(*WRONG[0][1:4])
    monkeypatch.setattr(auditing, "audit_match", lambda _decision: breach)
    with pytest.raises(KcloudError) as refused:
        questions.one.answer(params, {}, fleet)
    assert refused.value.failure()["code"] == "PLAN_UNSOUND"
