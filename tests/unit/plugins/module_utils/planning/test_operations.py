# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decisions as operations: module or role, arguments, final names.

The expected values are what the roles made of the same decisions before the modules answered with operations.
"""

from __future__ import annotations

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import Conflict
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import Cluster, NodeGroup
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.state import cluster_state
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning import questions
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.consolidation_answer import (
    answer as consolidation_answer,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.consolidation_model import Rules
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.operations import (
    CLUSTER_MODULE,
    CLUSTER_ROLE,
    expecting,
    free_name,
    name_of_split,
    overrides_of,
    resizes,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.scaling_answer import (
    answer as scaling_answer,
)
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.planning.cases import (
    FLAVORS,
    MISSION,
    TYPES,
    Plain,
    cluster,
    group,
)
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.planning.standing import scaled
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.planning.test_batch import (
    NODES,
    SMALL,
    gpu,
)
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.planning.test_consolidation import (
    SPLIT,
    consolidated,
    farm,
    pool,
    stands,
)

# The types of the roles have a default-worker, and labels
ROLE_TYPES = {
    name: {
        **entry,
        "node_groups": [{**entry["node_groups"][0], "name": "default-worker"}, *entry["node_groups"][1:]],
        "labels": {"kcloud_type": name},
    }
    for name, entry in TYPES.items()
}
# Clusters that are full, and whose names are taken
OTHERS = [cluster(name, group("cpu.medium", 1, 1)) for name in ("workloads-1", "workloads-3")]


def npu(name: str, **more: str) -> Plain:
    return {"name": name, "npu_count": 1, **SMALL, **more}


def asked(
    clusters: list[Plain], name: str | None = "workloads", names: list[str] | None = None, **what: object
) -> Plain:
    """The answer of cluster_match about these clusters, of which only those with one of the names may be used."""
    params = {"workload": None, "workloads": None, "expected_state": None, "max_candidates": None, "time_limit": 2}
    prices = what.pop("prices", None)
    question = {"cluster_types": ROLE_TYPES, "flavor_map": None, "prices": prices, "placements": []}
    fleet = {"flavors": FLAVORS, "clusters": clusters}
    decide = questions.one if "workload" in what else questions.many
    return decide.answer(
        {**params, "new_cluster_name": name, **what},
        {**question, "require_health": False, "assume_empty": False},
        questions.only(fleet, names),
        questions.names_of(fleet),
    )


def created(name: str, kind: str, workloads: str, overrides: Plain) -> Plain:
    """The operation that creates a cluster."""
    labels = {"kcloud_type": kind, "kcloud_workload": workloads}
    args = {"name": name, "type": kind, "labels": labels, "overrides": overrides}
    return {"action": "create", "cluster": name, "role": CLUSTER_ROLE, "args": args}


def resized(action: str, name: str, *groups: Plain, **more: list[str]) -> Plain:
    """The operation that resizes node groups of a cluster."""
    args = {"name": f"uuid-{name}", "node_groups": list(groups)}
    return {"action": action, "cluster": name, "module": CLUSTER_MODULE, "args": args, **more}


# --- many workloads

NPU_CLUSTER = {"flavor": "npu.atom.large", "master_flavor": "cpu.medium", "node_count": 1, "node_groups": {}}
MANY = [
    pytest.param(
        [gpu("a", 4), gpu("b", 4), gpu("c", 4)],
        [cluster("ml", group(count=1, most=4))],
        NODES,
        [resized("scale_out", "ml", {"name": "default-worker", "node_count": 3})],
        [("a", "ml", "default-worker"), ("b", "ml", "default-worker"), ("c", "ml", "default-worker")],
        id="scale out",
    ),
    pytest.param(
        [gpu("a", 4), npu("n"), gpu("c", 4)],
        OTHERS,
        None,
        [
            created(
                "workloads-2",
                "hybrid-balanced",
                "a-734351b4-x1.c-5bc208a8-x1.n-55c09b0e-x1",
                {
                    "flavor": "gpu.a100.xlarge",
                    "master_flavor": "cpu.medium",
                    "node_count": 2,
                    "node_groups": {
                        "cpu": {"flavor": "cpu.medium", "node_count": 1},
                        "npu": {"flavor": "npu.atom.large", "node_count": 1},
                    },
                },
            )
        ],
        [("a", "workloads-2", "default-worker"), ("c", "workloads-2", "default-worker"), ("n", "workloads-2", "npu")],
        id="create",
    ),
    pytest.param(
        [gpu("a", 4), gpu("b", 4), npu("n"), npu("m", isolation="cluster"), gpu("huge", 100)],
        [cluster("ml", group(count=1, most=4)), *OTHERS],
        NODES,
        [
            resized("scale_out", "ml", {"name": "default-worker", "node_count": 2}),
            created("workloads-2", "npu-optimized", "m-09f8df9c-x1", NPU_CLUSTER),
            created("workloads-4", "npu-optimized", "n-55c09b0e-x1", NPU_CLUSTER),
        ],
        [
            ("a", "ml", "default-worker"),
            ("b", "ml", "default-worker"),
            ("m", "workloads-2", "default-worker"),
            ("n", "workloads-4", "default-worker"),
        ],
        id="both, and one without a place",
    ),
    pytest.param(
        [{"name": "w", **SMALL}],
        [cluster("web", group("cpu.medium", 2, 2))],
        None,
        [],
        [("w", "web", "default-worker")],
        id="use",
    ),
]


@pytest.mark.parametrize(("wanted", "clusters", "prices", "operations", "placements"), MANY)
def test_many_workloads(
    wanted: list[Plain], clusters: list[Plain], prices: Plain | None, operations: list[Plain], placements: list[Plain]
) -> None:
    """Only groups that change are declared; new clusters have the first names that are free."""
    found = asked(clusters, workloads=wanted, prices=prices)
    assert found["operations"] == operations
    places = [(place["workload"], place["cluster"], place["node_group"]) for place in found["placements"]]
    assert places == placements
    assert [entry["cluster"] for entry in found["actions"]] == [entry["cluster"] for entry in operations]


@pytest.mark.parametrize("what", ["workload", "workloads"])
def test_a_group_that_does_not_change_is_not_declared(what: str) -> None:
    """Whoever scales it meanwhile is left alone."""
    there = cluster("ml", group(count=1, most=4), group("cpu.medium", 1, 1, name="cpu"))
    wanted = gpu("a", 4, replicas=3)
    found = asked([there], prices=NODES, **{what: wanted if what == "workload" else [wanted]})
    assert found["operations"] == [resized("scale_out", "ml", {"name": "default-worker", "node_count": 3})]


def test_a_name_of_a_cluster_that_may_not_be_used_is_taken_all_the_same() -> None:
    """Magnum would create a second cluster of that name."""
    found = asked(OTHERS, names=["nothing-*"], workloads=[gpu("a"), npu("m", isolation="cluster")])
    assert [entry["cluster"] for entry in found["operations"]] == ["workloads-2", "workloads-4"]
    assert "workloads-4/" in found["plan_diff"]["after"] and "workloads-4 (" in found["table"]


def test_without_a_name_new_clusters_are_new() -> None:
    """Numbered from the first that is free."""
    found = asked([cluster("new-1", group("cpu.medium", 1, 1))], None, workloads=[gpu("a")])
    assert [entry["cluster"] for entry in found["operations"]] == ["new-2"]
    assert found["decisions"][0]["cluster"] == "new-2"


# --- one workload

ONE = [
    pytest.param(MISSION, [], None, "training-1", id="the name of the workload"),
    pytest.param(MISSION, [], "team", "team", id="the name that is given"),
    pytest.param(MISSION, [cluster("team", group("cpu.medium", 1, 1))], "team", "team-2", id="a name that is taken"),
    pytest.param({"type": "data_processing", **SMALL}, [], None, "data-processing-cluster", id="the type"),
]


@pytest.mark.parametrize(("wanted", "clusters", "name", "chosen"), ONE)
def test_one_workload_gets_a_cluster_with_a_free_name(
    wanted: Plain, clusters: list[Plain], name: str | None, chosen: str
) -> None:
    """See the names of the cases."""
    assert [entry["args"]["name"] for entry in asked(clusters, name, workload=wanted)["operations"]] == [chosen]


def test_one_workload_of_two_kinds() -> None:
    """The keys of default-worker lie on top, those of the other groups under node_groups."""
    wanted = {"name": "my_mix", "gpu_count": 1, "npu_count": 1, **SMALL}
    there = [cluster("my-mix", group("cpu.medium", 1, 1)), cluster("my-mix-2", group("cpu.medium", 1, 1))]
    overrides = {
        "flavor": "gpu.a100.large",
        "master_flavor": "cpu.medium",
        "node_count": 1,
        "node_groups": {
            "cpu": {"flavor": "cpu.medium", "node_count": 1},
            "npu": {"flavor": "npu.atom.large", "node_count": 1},
        },
    }
    found = asked(there, None, workload=wanted)
    labels = found["new_cluster"]["labels"]
    assert found["operations"] == [created("my-mix-3", "hybrid-balanced", labels["kcloud_workload"], overrides)]


def test_one_workload_scales_out() -> None:
    """By the id of the cluster, since names are not unique in Magnum."""
    found = asked([cluster("ml", group(count=1, most=4))], workload=gpu("x", 4, replicas=3), prices=NODES)
    assert found["operations"] == [resized("scale_out", "ml", {"name": "default-worker", "node_count": 3})]


@pytest.mark.parametrize("wanted", [{"name": "w", **SMALL}, gpu("huge", 100)])
def test_no_operation_where_nothing_changes_or_can_be_done(wanted: Plain) -> None:
    """Use, and none."""
    assert asked([cluster("web", group("cpu.medium", 2, 2))], workload=wanted)["operations"] == []


# --- consolidation


def test_a_split_creates_a_named_cluster_to_which_workloads_move() -> None:
    """Then the node that is left empty goes."""
    placements = [stands("loud", "d1", cpu=3), stands("quiet", "d2", cpu=3, isolation="cluster")]
    rules = Rules(actions=("split", "close_node"))
    found = consolidation_answer(consolidated([farm("a", pool(2))], placements, rules, cluster_types=ROLE_TYPES))
    name = "a-cpu-only-c48e11"
    overrides = {"flavor": "cpu.medium", "node_count": 1, "node_groups": {}}
    args = {"name": name, "type": "cpu-only", "labels": {}, "overrides": overrides}
    removal = {"name": "default-worker", "node_count": 1, "nodes_to_remove": ["d2"]}
    assert found["operations"] == [
        {"action": "create", "cluster": name, "role": CLUSTER_ROLE, "args": args},
        resized("remove_nodes", "a", removal, nodes=["d2"]),
    ]
    assert [entry["name"] for entry in found["decision"]["create_clusters"]] == [name]
    place = {"cluster": name, "node_group": "default-worker", "node": "new node 1"}
    assert [move["to"] for move in found["decision"]["moves"]] == [place]


def test_two_splits_at_once_create_two_clusters() -> None:
    """Whoever moves goes to the one of its own cluster, also where both clusters hold the same."""
    farms = [farm("a"), farm("b")]
    placements = [
        {**stands(workload, "d1", isolation=isolation), "cluster": name}
        for name in "ab"
        for workload, isolation in (("quiet", "cluster"), ("loud", "none"))
    ]
    found = consolidation_answer(consolidated(farms, placements, SPLIT, cluster_types=ROLE_TYPES))
    moved = {move["from"]["cluster"]: move["to"]["cluster"] for move in found["decision"]["moves"]}
    assert moved == {name: f"{name}-cpu-only-c48e11" for name in "ab"}
    assert [entry["cluster"] for entry in found["operations"]] == sorted(moved.values())


def test_a_merge_grows_and_deletes() -> None:
    """In the order in which they are done."""
    farms = [farm("a", pool(1)), farm("b", pool(1))]
    placements = [
        {**stands("shop", "d1", cpu=3), "cluster": "a"},
        {**stands("mail", "d1", cpu=3), "cluster": "b"},
    ]
    rules = Rules(actions=("merge",), score=0)
    found = consolidation_answer(consolidated(farms, placements, rules))
    deletion = {"name": "uuid-a", "state": "absent"}
    assert found["operations"] == [
        resized("grow", "b", {"name": "default-worker", "node_count": 2}),
        {"action": "delete", "cluster": "a", "module": CLUSTER_MODULE, "args": deletion},
    ]


# --- the state in which an operation finds its cluster


def whole(given: Plain) -> Plain:
    """A cluster as it is read from a cloud: with the ids of its template and its groups."""
    groups = [{**entry, "id": f"id-{entry['name']}"} for entry in given["node_groups"]]
    return {**given, "cluster_template_id": "t-1", "node_groups": groups}


def expected(given: Plain) -> str:
    """The digest that a module which acts compares, of the cluster as an object."""
    groups = tuple(
        NodeGroup(entry["id"], entry["name"], flavor_id=entry["flavor"], node_count=entry["node_count"])
        for entry in given["node_groups"]
    )
    return cluster_state(
        Cluster(given["id"], given["name"], given["status"], cluster_template_id="t-1", node_groups=groups)
    )


def states(found: Plain) -> list[str | None]:
    """What each operation expects."""
    return [entry["args"].get("expected_state") for entry in found["operations"]]


@pytest.mark.parametrize("what", ["workload", "workloads"])
def test_a_scale_out_expects_what_was_read(what: str) -> None:
    """And a creation expects nothing."""
    there, wanted = whole(cluster("ml", group(count=1, most=4))), gpu("a", 4, replicas=3)
    asks: Plain = {what: wanted if what == "workload" else [wanted]}
    assert states(asked([there], prices=NODES, **asks)) == [expected(there)]
    assert states(asked([], **asks)) == [None]


def test_a_scaling_expects_what_was_read() -> None:
    """Each cluster its own."""
    farms = [whole(farm("a", pool(1))), whole(farm("b", pool(1)))]
    waiting = [{"name": f"w-{name}", "cpu_cores": 3, "replicas": 2} for name in "ab"]
    full = [{**stands(f"s-{name}", "d1", cpu=4), "cluster": name} for name in "ab"]
    found = scaling_answer(scaled(farms, full, workloads=waiting))
    names = {given["id"]: expected(given) for given in farms}
    assert states(found) and states(found) == [names[entry["args"]["name"]] for entry in found["operations"]]


def test_only_the_first_operation_on_a_cluster_expects_a_state() -> None:
    """The one after it finds what the first has made."""
    farms = [whole(farm("a", pool(1))), whole(farm("b", pool(1)))]
    placements = [
        {**stands("shop", "d1", cpu=3), "cluster": "a"},
        {**stands("mail", "d1", cpu=3), "cluster": "b"},
    ]
    plan = consolidated(farms, placements, Rules(actions=("merge",), score=0))
    assert states(consolidation_answer(plan)) == [expected(farms[1]), expected(farms[0])]
    made = [*resizes("grow", [change(cluster_id="uuid-b")]), *resizes("remove_nodes", [change(cluster_id="uuid-b")])]
    found = expecting(made, plan.question.fleet.clusters)
    assert states({"operations": found}) == [expected(farms[1]), None]
    assert states({"operations": made}) == [None, None]


def test_every_cluster_that_the_plan_counts_on_has_its_expected_state() -> None:
    """Also one that only takes workloads in, and so has no operation of its own; clusters beside the plan have none."""
    farms = [whole(farm(name, pool(1), project_id=f"p{name == 'c'}")) for name in "abc"]
    placements = [{**stands(f"w-{name}", "d1"), "cluster": name} for name in "abc"]
    found = consolidation_answer(consolidated(farms, placements, Rules(actions=("merge",), score=0)))
    assert [entry["cluster"] for entry in found["operations"]] == ["a"]
    entries = [
        {"cluster": name, "cluster_id": f"uuid-{name}", "expected_state": expected(farms["abc".index(name)])}
        for name in "ab"
    ]
    assert found["expected_states"] == entries
    there = [whole(cluster(name, group("cpu.medium", 2, 2))) for name in ("web", "shop")]
    one, many = asked(there, workload={"name": "w", **SMALL}), asked(there, workloads=[{"name": "w", **SMALL}])
    for used, decision in ((one, one["decision"]), (many, many["decisions"][0])):
        assert used["operations"] == [] and decision["action"] == "use"
        assert [entry["cluster"] for entry in used["expected_states"]] == [decision["cluster"]]


def test_a_cluster_that_is_not_known_whole_expects_nothing() -> None:
    """As one that was written by hand: a wrong expectation would refuse every plan."""
    there = [cluster("ml", group(count=1, most=4))]
    found = asked(there, prices=NODES, workload=gpu("a", 4, replicas=3))
    assert states(found) == [None] and found["expected_states"] == []


@pytest.mark.parametrize("what", ["workload", "workloads"])
def test_the_plan_that_was_looked_at_is_answered_and_no_other(what: str) -> None:
    """Others may do as they like, as long as the same is to be done."""
    there, wanted = whole(cluster("ml", group(count=1, most=4))), gpu("a", 4, replicas=3)
    asks: Plain = {what: wanted if what == "workload" else [wanted]}
    seen = asked([there], prices=NODES, **asks)
    beside = whole(cluster("web", group("cpu.medium", 2, 2)))
    again = asked([beside, there], prices=NODES, expected_state=seen["state_digest"], **asks)
    assert again["operations"] == seen["operations"] and again["inputs_digest"] != seen["inputs_digest"]
    upgraded = {**there, "cluster_template_id": "t-2"}
    for other, wish in ([upgraded], "workloads"), ([beside], "workloads"), ([beside], "other"):
        with pytest.raises(Conflict) as refused:
            asked(other, wish, prices=NODES, expected_state=seen["state_digest"], **asks)
        assert refused.value.code == "STATE_CHANGED"


# --- the parts


def change(**more: object) -> Plain:
    """A node group that changes."""
    return {"cluster": "ml", "cluster_id": "1", "node_group": "b", "node_count_after": 1, **more}


def test_one_operation_a_cluster() -> None:
    """Counts, names of nodes that go, and bounds where an autoscaler owns the count; in order of the clusters' ids."""
    web = {"cluster": "web", "cluster_id": "2"}
    entries = [
        change(**web, node_group="a", nodes_to_remove=["n1"]),
        change(node_count_after=3, nodes_to_remove=[]),
        change(**web, node_group="c", node_count_after=4, min_node_count=0, max_node_count=4),
    ]
    groups = [
        {"name": "a", "node_count": 1, "nodes_to_remove": ["n1"]},
        {"name": "c", "min_node_count": 0, "max_node_count": 4},
    ]
    found = resizes("scale", entries)
    assert [(entry["action"], entry["cluster"], entry["args"]) for entry in found] == [
        ("scale", "ml", {"name": "1", "node_groups": [{"name": "b", "node_count": 3}]}),
        ("scale", "web", {"name": "2", "node_groups": groups}),
    ]
    assert [entry.get("nodes") for entry in found] == [None, ["n1"]]


def test_nothing_changes() -> None:
    """No entry, no operation."""
    assert resizes("scale", []) == []


def test_names_of_nodes_are_shown_as_people_know_them() -> None:
    """A consolidation names nodes by address for people, and by id for Magnum."""
    entry = change(nodes_to_remove=["id-2"], nodes=["10.0.0.2"])
    assert resizes("remove_nodes", [entry])[0]["nodes"] == ["10.0.0.2"]


def test_plain_types_only() -> None:
    """Ansible warns of named tuples in a loop, which Jinja's groupby makes."""
    found = resizes("scale", [change()])
    assert [type(found), type(found[0]), type(found[0]["args"]["node_groups"])] == [list, dict, list]


def test_a_type_without_a_default_worker_in_the_plan() -> None:
    """Its keys are not touched."""
    groups = [{"name": "npu", "flavor": "f", "node_count": 2, "min_node_count": 1}]
    assert overrides_of(groups) == {"node_groups": {"npu": {"flavor": "f", "node_count": 2}}}


def test_the_name_of_a_split_depends_on_whom_it_is_for() -> None:
    """Not on their order."""
    assert name_of_split("a", "cpu-only", ["x", "y"]) == name_of_split("a", "cpu-only", ["y", "x"])
    assert name_of_split("a", "cpu-only", ["x"]) != name_of_split("a", "cpu-only", ["y"])


@pytest.mark.parametrize(
    ("taken", "free"), [((), "ml"), (("ml",), "ml-2"), (("ml", "ml-2"), "ml-3"), (("ml-2",), "ml")]
)
def test_a_free_name(taken: tuple[str, ...], free: str) -> None:
    """The first of name, name-2, name-3."""
    assert free_name("ml", taken) == free
