# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole environment: what is asked of the cloud, what is planned, and what comes of each object."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import connect
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest, KcloudError
from ansible_collections.kcloud.infrastructure.plugins.module_utils.fleet.declared import FLEET_SPEC, declared_fleet
from ansible_collections.kcloud.infrastructure.plugins.module_utils.fleet.reconcile import reconcile_fleet
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.planned import How
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.magnum.cases import (
    ALL_CLUSTERS,
    Hands,
    cluster,
    error,
    group,
    listed,
)
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.scripted import (
    ANY,
    PROJECT,
    Entry,
    Script,
    scripted_cloud,
)

pytest.importorskip("magnumclient")
# The SDK warns of itself.
pytestmark = pytest.mark.filterwarnings("ignore:The 'service_type' parameter is unnecesary")
TEMPLATE_ID = "70000000-0000-4000-8000-000000000001"
TEMPLATE = {
    "uuid": TEMPLATE_ID, "name": "t", "coe": "kubernetes", "flavor_id": "f", "master_flavor_id": "f", "project_id": PROJECT,
}  # fmt: skip
TEMPLATES = ("GET", r"/clustertemplates/detail\?.*", 200, {"clustertemplates": [TEMPLATE]})
# Answered whenever it is asked for: only a creation looks for what it names
SERVERS = ("GET", r"/nova/v2.1/servers/detail\?.*", 200, {"servers": []})
FLAVOR = ("GET", "/nova/v2.1/flavors/f", 200, {"flavor": {"id": "f", "name": "f", "extra_specs": {}}})


def identity(number: int) -> str:
    return f"c0000000-0000-4000-8000-00000000000{number}"


def there(number: int, **fields: Any) -> dict[str, Any]:
    """A cluster of the cloud, as Magnum answers."""
    values = {"cluster_template_id": TEMPLATE_ID, "node_count": 2, **fields}
    return cluster(uuid=identity(number), name=f"c{number}", **values)


def groups_of(number: int, *groups: dict[str, Any]) -> Entry:
    return ("GET", rf"/clusters/{identity(number)}/nodegroups/\?.*", 200, listed(*(groups or (group(),))))


def clusters_of(*clusters: dict[str, Any]) -> Entry:
    return ("GET", ALL_CLUSTERS, 200, {"clusters": list(clusters)})


def options(spec: dict[str, dict[str, Any]], given: dict[str, Any]) -> dict[str, Any]:
    """Options as Ansible hands them over: defaults filled in, also in lists of dictionaries."""
    known = {**{name: about.get("default") for name, about in spec.items()}, **given}
    for name, about in spec.items():
        if "options" in about and known[name] is not None:
            known[name] = [options(about["options"], entry) for entry in known[name]]
    return known


def fleet(**given: Any) -> dict[str, Any]:
    return options(FLEET_SPEC, given)


def declared(number: int, **fields: Any) -> dict[str, Any]:
    return {"name": f"c{number}", "cluster_template": "t", "node_count": 2, **fields}


def run(
    entries: Sequence[Entry], params: dict[str, Any], *, check_mode: bool = False, ambient: Sequence[Entry] = ()
) -> tuple[dict[str, Any] | KcloudError, Script]:
    """The result, or the error; the requests must be exactly those of the script."""
    with scripted_cloud(entries, ambient=[FLAVOR, SERVERS, *ambient]) as cloud:
        how = How(check_mode=check_mode, progress=False, clock=Hands().clock)
        try:
            found: Any = reconcile_fleet(
                connect({"auth": cloud.auth()}), declared_fleet(params), how,
                parallel=params["max_parallel"], interface="public", network_template=None,
            )  # fmt: skip
        except KcloudError as caught:
            found = caught
        return found, cloud.script


# --- what is asked ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_fleet_as_declared_takes_one_list_of_each_kind_and_the_declared_groups(check_mode: bool) -> None:
    """Two of four clusters are declared: no group of the others is read, and no group singly."""
    reads = [clusters_of(*map(there, range(1, 5))), TEMPLATES, groups_of(1), groups_of(2)]
    found, script = run(reads, fleet(clusters=[declared(1), declared(2)]), check_mode=check_mode)
    assert found["changed"] is False and found["changes"] == [] and found["diff"] == {"before": {}, "after": {}}
    assert len(script.sent) == 4
    assert found["summary"]["unchanged"] == 2


def test_a_cluster_of_which_no_group_is_declared_needs_no_list_of_groups() -> None:
    reads = [clusters_of(there(1)), TEMPLATES]
    found, script = run(reads, fleet(clusters=[{"name": "c1", "cluster_template": "t"}]))
    assert not found["changed"] and len(script.sent) == 2
    assert found["clusters"][0]["node_groups"] is None


def test_only_groups_with_declared_bounds_are_read_singly() -> None:
    bounded = {"node_groups": [{"name": "default-worker", "min_node_count": 1, "max_node_count": 4}]}
    whole = group(min_node_count=1, max_node_count=4)
    single = ("GET", f"/clusters/{identity(1)}/nodegroups/{whole['uuid']}", 200, whole)
    masters = group("default-master", node_count=1)
    reads = [
        clusters_of(there(1), there(2)),
        TEMPLATES,
        groups_of(1, masters, whole),
        groups_of(2, masters, group()),
        single,
    ]
    found, script = run(reads, fleet(clusters=[declared(1, **bounded), declared(2)]))
    assert not found["changed"] and len(script.sent) == 5


# --- what is refused before anything is changed -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"clusters": [declared(1), declared(1)]}, "'clusters': c1 is declared more than once"),
        ({"clusters": [declared(1, network="n")]}, "'network' of cluster 'c1': 'n' is not declared"),
        ({"prune": True}, "option 'environment' is missing"),
        ({"max_parallel": 0}, "'max_parallel': 0"),
        ({"max_deletions": -1}, "'max_deletions': -1"),
        ({"environment": "a b"}, "'environment': 'a b'"),
        ({"environment": "x" * 64}, "too long"),
        ({"clusters": [declared(1, node_count=-2)]}, "-2"),
        ({"clusters": [{"name": "a/b", "state": "absent"}]}, "'a/b'"),
        ({"networks": [{"name": "n", "cidr": "10.0.0.1/8"}]}, "'cidr' of network 'n'"),
        ({"cluster_templates": [{"name": ""}]}, "'name'"),
    ],
)
def test_a_wrong_declaration_is_refused_before_any_request(given: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        declared_fleet(fleet(**given))
    assert named in caught.value.message


def test_one_wrong_entry_keeps_all_others_from_being_changed() -> None:
    """A template that does not exist is found in the plan; a resize of another cluster is not sent."""
    reads = [
        clusters_of(there(1)),
        TEMPLATES,
        groups_of(1),
        ("GET", r"/clusters/.*/nodegroups/id-default-worker", 200, group()),
    ]
    found, script = run(reads, fleet(clusters=[declared(1, node_count=3), declared(2, cluster_template="nope")]))
    assert isinstance(found, InvalidRequest) and found.code == "REFERENCE_NOT_FOUND"
    assert "'nope'" in found.message and "cluster/c2" in found.message and "nothing was changed" in found.hint
    assert script.writes() == []


# --- many at once, each with its own report -----------------------------------------------------------------------


def resized(number: int) -> list[Entry]:
    """A resize from two nodes to three, from the request to the look at its end."""
    one, after = f"/clusters/{identity(number)}", group(node_count=3)
    done = there(number, status="UPDATE_COMPLETE", updated_at="t2", node_count=3)
    return [
        ("GET", one, 200, there(number, status="UPDATE_IN_PROGRESS", updated_at="t1")),
        ("GET", one, 200, done, ANY),
        ("GET", rf"{one}/nodegroups/\?.*", 200, listed(after), ANY),
        ("GET", f"{one}/nodegroups/{after['uuid']}", 200, after, ANY),
    ]


def test_one_that_fails_leaves_the_others_alone() -> None:
    """One cluster is in CREATE_FAILED; the other is resized, and the result says both."""
    failed = there(
        2, status="CREATE_FAILED", status_reason="The image has no kubelet", faults={"a": "The image has no kubelet"}
    )
    before = [
        clusters_of(there(1), failed),
        TEMPLATES,
        groups_of(1),
        groups_of(2),
        ("GET", f"/clusters/{identity(2)}", 200, failed, ANY),
        ("GET", r"/clusters/.*/nodegroups/id-default-worker", 200, group(), ANY),
        ("GET", f"/clusters/{identity(1)}", 200, there(1), ANY),
        ("GET", rf"/clusters/{identity(1)}/nodegroups/\?.*", 200, listed(group()), ANY),
    ]
    post = ("POST", f"/clusters/{identity(1)}/actions/resize", 202, {"uuid": "x"})
    found, script = run([*before, post, *resized(1)], fleet(clusters=[declared(1, node_count=3), declared(2)]))
    assert isinstance(found, KcloudError) and "CREATE_FAILED" in found.message
    result = found.details["result"]
    objects = {entry["name"]: entry for entry in result["objects"]}
    assert result["changed"] and len(script.writes()) == 1
    assert objects["c1"]["action"] == "update" and objects["c1"]["failure"] is None
    assert objects["c2"]["action"] == "none" and "no kubelet" in objects["c2"]["failure"]["reason"]
    assert result["summary"]["updated"] == 1 and result["summary"]["failed"] == 1


def test_what_needs_a_template_that_failed_is_not_touched() -> None:
    refused = ("POST", "/clustertemplates", *error(403, "Policy does not allow it."))
    image = ("GET", "/image/v2/images/i", 200, {"id": "i", "name": "i"})
    wanted = fleet(
        cluster_templates=[{"name": "new", "coe": "kubernetes", "flavor": "f", "master_flavor": "f"}],
        clusters=[declared(1, cluster_template="new")],
    )
    found, script = run([clusters_of(), TEMPLATES, refused], wanted, ambient=[image])
    assert isinstance(found, KcloudError)
    assert (found.code, found.resource) == ("NOT_PERMITTED", "cluster_template/new"), (
        "the one cause, not what follows from it"
    )
    codes = {entry["resource"]: entry["code"] for entry in found.details["failed"]}
    assert codes == {"cluster_template/new": "NOT_PERMITTED", "cluster/c1": "DEPENDENCY_FAILED"}
    assert script.writes() == ["POST /clustertemplates"]


def test_check_mode_predicts_the_cluster_of_a_template_that_does_not_exist_yet() -> None:
    wanted = fleet(
        environment="prod",
        cluster_templates=[{"name": "new", "coe": "kubernetes", "flavor": "f", "master_flavor": "f"}],
        clusters=[declared(1, cluster_template="new")],
    )
    found, script = run([clusters_of(), TEMPLATES], wanted, check_mode=True)
    assert script.writes() == []
    assert [change["verb"] for change in found["changes"]] == ["create_cluster_template", "create_cluster"]
    # Whose it is, is a label of a cluster that is created, and no difference of one that exists.
    assert found["changes"][1]["labels"] == {"kcloud_environment": "prod"}
    assert found["summary"]["created"] == 2
    reads = [clusters_of(there(1)), TEMPLATES, groups_of(1)]
    assert not run(reads, fleet(environment="prod", clusters=[declared(1)]))[0]["changed"]


# --- pruning ------------------------------------------------------------------------------------------------------

STACKS = ("GET", r"/heat/stacks\?.*", 200, {"stacks": []})
MINE = {"labels": {"kcloud_environment": "prod"}}


def pruned(*clusters: dict[str, Any], reads: Sequence[Entry] = (), **given: Any) -> dict[str, Any] | KcloudError:
    wanted = fleet(environment="prod", prune=True, **given)
    return run([clusters_of(*clusters), TEMPLATES, *reads], wanted, check_mode=True, ambient=[STACKS])[0]


def test_only_what_is_marked_and_not_declared_is_pruned() -> None:
    others = [there(3), there(4, labels={"kcloud_environment": "test"})]
    found = pruned(
        there(1, **MINE), there(2, **MINE), *others, reads=[groups_of(1), groups_of(2)], clusters=[declared(1)]
    )
    assert [(change["verb"], change["resource"]) for change in found["changes"]] == [("delete_cluster", "cluster/c2")]


def test_a_cluster_beside_a_declared_one_is_not_pruned() -> None:
    """It was made for another version of the template, by its name."""
    beside = {**there(2, **MINE), "name": f"c1-{TEMPLATE_ID[:8]}"}
    assert not pruned(there(1, **MINE), beside, reads=[groups_of(1)], clusters=[declared(1)])["changed"]


def test_more_deletions_than_allowed_are_refused() -> None:
    mine = [there(number, **MINE) for number in (1, 2, 3)]
    found = pruned(*mine, max_deletions=2, clusters=[{"name": "c9", "state": "absent"}])
    assert isinstance(found, InvalidRequest) and found.code == "TOO_MANY_DELETIONS"
    assert "3 objects" in found.message and "cluster/c1" in found.reason


def templates_of(*templates: dict[str, Any]) -> Entry:
    return ("GET", r"/clustertemplates/detail\?.*", 200, {"clustertemplates": list(templates)})


def template(number: int, **fields: Any) -> dict[str, Any]:
    """A template that the environment created."""
    own = {"uuid": f"{TEMPLATE_ID[:-1]}{number}", "name": f"t{number}", "tags": "kcloud_environment=prod"}
    return {**TEMPLATE, **own, **fields}


def test_a_marked_template_goes_when_neither_the_declaration_nor_a_cluster_that_stays_uses_it() -> None:
    templates = [
        TEMPLATE,  # of c1, and not marked
        template(2),  # not declared, and used by nobody
        template(3),  # of c2, which is pruned
        template(4),  # of c3, which is another environment's
        template(5, tags="version-of=v,current,kcloud_environment=prod"),  # a version of one that is declared
        template(6, tags="kcloud_environment=test"),
        template(7),  # of a declared cluster that does not exist yet
        template(8, project_id="other"),
        template(9),  # of c4, which is to be absent
    ]
    clusters = [
        there(1, **MINE),
        there(2, **MINE, cluster_template_id=templates[2]["uuid"]),
        there(3, cluster_template_id=templates[3]["uuid"]),
        there(4, cluster_template_id=templates[8]["uuid"]),
    ]
    wanted = fleet(
        environment="prod", prune=True, max_deletions=4,
        clusters=[declared(1), declared(8, cluster_template="t7"), {"name": "c4", "state": "absent"}],
        cluster_templates=[{"name": "v", "versioning": True, "coe": "kubernetes", "flavor": "f", "master_flavor": "f"}],
    )  # fmt: skip
    reads = [
        clusters_of(*clusters), templates_of(*templates), groups_of(1), groups_of(2), groups_of(4),
    ]  # fmt: skip
    found, _script = run(reads, wanted, check_mode=True, ambient=[STACKS])
    deleted = [change["resource"] for change in found["changes"] if change["verb"].startswith("delete_")]
    assert sorted(deleted) == [
        "cluster/c2", "cluster/c4", "cluster_template/t2", "cluster_template/t3", "cluster_template/t9",
    ]  # fmt: skip


def test_a_template_that_the_environment_creates_is_marked() -> None:
    """Its first version as well as a template without versions."""
    values = {"coe": "kubernetes", "flavor": "f", "master_flavor": "f"}
    wanted = fleet(
        environment="prod", cluster_templates=[{"name": "a", **values}, {"name": "b", "versioning": True, **values}]
    )
    found, _script = run([clusters_of(), templates_of()], wanted, check_mode=True)
    assert [change["tags"] for change in found["changes"]] == ["kcloud_environment=prod"] * 2


@pytest.mark.parametrize(
    ("moves", "gone"),
    [
        # The only cluster on the old version follows, or is deleted: nothing uses that version any more.
        ([declared(1, upgrade="in_place", driver="cluster-api")], ["t"]),
        ([{"name": "c1", "state": "absent"}], ["t"]),
        ([], []),
    ],
)
def test_check_mode_predicts_which_versions_nothing_uses_after_the_run(moves: list[Any], gone: list[str]) -> None:
    """Also where the new version does not exist yet."""
    versions = {"name": "t", "versioning": True, "coe": "kubernetes", "flavor": "f", "master_flavor": "f"}
    wanted = fleet(
        cluster_templates=[{**versions, "labels": {"kube_tag": "v2"}, "purge_versions": True}], clusters=moves
    )
    single = ("GET", r"/clusters/.*/nodegroups/.*", 200, group())
    found, script = run(
        [clusters_of(there(1)), TEMPLATES, *([groups_of(1)] if moves else [])],
        wanted,
        check_mode=True,
        ambient=[single],
    )
    assert not isinstance(found, KcloudError), found.sentence()
    (report,) = [entry for entry in found["objects"] if entry["kind"] == "cluster_template"]
    verbs = [(change["verb"], change["resource"]) for change in report["changes"]]
    deletions = [resource for verb, resource in verbs if verb == "delete_cluster_template"]
    assert verbs[0][0] == "create_cluster_template"
    assert deletions == [f"cluster_template/{name}" for name in gone]
    assert script.writes() == []


def test_nothing_is_pruned_by_default() -> None:
    """And what is to be absent is looked for twice, as one list may be wrong."""
    once_more = ("GET", "/clusters/c9", *error(404, "Cluster c9 could not be found."))
    wanted = fleet(environment="prod", clusters=[{"name": "c9", "state": "absent"}])
    found, script = run([clusters_of(there(1, **MINE)), TEMPLATES, once_more], wanted)
    assert not found["changed"] and script.writes() == []


def test_a_cluster_that_a_stale_list_hides_is_deleted_all_the_same() -> None:
    reads = [clusters_of(), TEMPLATES, ("GET", "/clusters/c1", 200, there(1)), groups_of(1)]
    single = ("GET", r"/clusters/.*/nodegroups/id-default-worker", 200, group())
    found, _script = run([*reads, single], fleet(clusters=[{"name": "c1", "state": "absent"}]), check_mode=True)
    assert [change["verb"] for change in found["changes"]] == ["delete_cluster"]
