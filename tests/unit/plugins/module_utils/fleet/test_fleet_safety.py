# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a fleet never does: delete what is in use or somebody else's, contradict itself, or lose what it did."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import connect
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest, KcloudError
from ansible_collections.kcloud.infrastructure.plugins.module_utils.fleet.declared import declared_fleet
from ansible_collections.kcloud.infrastructure.plugins.module_utils.fleet.reconcile import reconcile_fleet
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.planned import How
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.fleet.test_fleet import (
    FLAVOR,
    MINE,
    SERVERS,
    TEMPLATE,
    TEMPLATE_ID,
    TEMPLATES,
    clusters_of,
    declared,
    fleet,
    groups_of,
    identity,
    pruned,
    run,
    there,
)
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.magnum.cases import (
    ALL_CLUSTERS,
    Hands,
    error,
    group,
    listed,
)
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.scripted import (
    ANY,
    Entry,
    scripted_cloud,
)

pytest.importorskip("magnumclient")
pytestmark = pytest.mark.filterwarnings("ignore:The 'service_type' parameter is unnecesary")
ONE, TWO = f"/clusters/{identity(1)}", f"/clusters/{identity(2)}"
GONE = error(404, "Cluster x could not be found.")
AROUND = (
    ("GET", r"/clusters/.*/nodegroups/\?.*", 200, listed(group())),
    ("GET", r"/clusters/.*/nodegroups/id-default-worker", 200, group()),
    ("GET", "/clustertemplates/t", 200, TEMPLATE),
    ("GET", f"/clustertemplates/{TEMPLATE_ID}", 200, TEMPLATE),
)
STACK_ID = "50000000-0000-4000-8000-000000000001"
NETWORK_ID = "40000000-0000-4000-8000-000000000001"


def outcome(entries: Sequence[Entry], params: dict[str, Any], **how: Any) -> tuple[Any, list[str]]:
    """The result or the error, and the writes; reads around them are answered whenever they come."""
    with scripted_cloud(entries, ambient=[FLAVOR, SERVERS, *AROUND], checked=False) as cloud:
        try:
            found: Any = reconcile_fleet(
                connect({"auth": cloud.auth()}), declared_fleet(params), How(progress=False, clock=Hands().clock, **how),
                parallel=params["max_parallel"], interface="public", network_template=None,
            )  # fmt: skip
        except KcloudError as caught:
            found = caught
        return found, cloud.script.writes()


def stack(name: str = "n", tags: str = "kcloud", network_id: str = NETWORK_ID) -> list[Entry]:
    """A stack as Heat lists and shows it."""
    known = {
        "id": STACK_ID, "stack_name": name, "stack_status": "CREATE_COMPLETE", "tags": tags.split(","), "links": [],
        "outputs": [{"output_key": "network_id", "output_value": network_id}], "parameters": {},
    }  # fmt: skip
    template = {"heat_template_version": "wallaby", "resources": {}}
    return [
        ("GET", r"/heat/stacks\?.*marker.*", 200, {"stacks": []}),
        ("GET", r"/heat/stacks\?.*", 200, {"stacks": [known]}),
        ("GET", rf"/heat/stacks/{name}(/{STACK_ID})?(\?.*)?", 200, {"stack": known}),
        ("GET", rf"/heat/stacks/{name}/{STACK_ID}/template", 200, template),
        ("GET", rf"/heat/stacks/{name}/{STACK_ID}/environment", 200, {}),
        ("GET", rf"/heat/stacks/{name}/{STACK_ID}/files", 200, {}),
        ("GET", rf"/heat/stacks/{name}/{STACK_ID}/resources.*", 200, {"resources": []}),
    ]


# --- what is in use, and what is somebody else's ------------------------------------------------------------------


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_network_with_clusters_in_it_is_not_deleted(check_mode: bool) -> None:
    mine = there(1, fixed_network=NETWORK_ID)
    wanted = fleet(networks=[{"name": "n", "state": "absent"}])
    found, script = run([(*clusters_of(mine), ANY)], wanted, check_mode=check_mode, ambient=stack())
    assert isinstance(found, KcloudError) and found.code == "IN_USE"
    assert found.details["used_by"] == ["c1"] and script.writes() == []


def test_a_stack_that_is_no_network_of_the_collection_is_left_alone() -> None:
    for state in ("present", "absent"):
        wanted = fleet(networks=[{"name": "n", "state": state}])
        found, script = run([], wanted, ambient=stack(tags="database"))
        assert isinstance(found, KcloudError) and found.code == "NOT_A_NETWORK", state
        assert script.writes() == []


def test_an_existing_cluster_is_not_given_a_network_that_is_still_to_be_made() -> None:
    reads = [clusters_of(there(1, fixed_network="old")), TEMPLATES, groups_of(1)]
    template = json.dumps(
        {"heat_template_version": "wallaby", "parameters": {"name": {"type": "string"}}, "resources": {}}
    )
    neutron = [
        ("GET", r"/heat/stacks\?.*", 200, {"stacks": []}),
        ("GET", r"/heat/stacks/n.*", *error(404, "no stack")),
        ("POST", r"/heat/stacks/preview", 200, {"stack": {"resources": []}}),
    ]
    wanted = fleet(networks=[{"name": "n", "cidr": "10.0.0.0/24"}], clusters=[declared(1, network="n")])
    with scripted_cloud([*reads, *neutron[2:]], ambient=[*neutron[:2], *AROUND], checked=False) as cloud:
        with pytest.raises(KcloudError) as caught:
            reconcile_fleet(
                connect({"auth": cloud.auth()}), declared_fleet(wanted), How(progress=False, clock=Hands().clock),
                parallel=2, interface="public", network_template=template,
            )  # fmt: skip
        assert [text for text in cloud.script.writes() if "preview" not in text] == []
    assert caught.value.code in ("CANNOT_APPLY", "UNKNOWN_PARAMETER"), caught.value.sentence()


def test_a_label_that_comes_with_the_template_marks_nothing() -> None:
    marked = ("GET", r"/clustertemplates/detail\?.*", 200, {"clustertemplates": [{**TEMPLATE, **MINE}]})
    stacks = ("GET", r"/heat/stacks\?.*", 200, {"stacks": []})
    wanted = fleet(
        environment="prod", prune=True, clusters=[{"name": "c9", "cluster_template": "t", "state": "absent"}]
    )
    absent = ("GET", "/clusters/c9", *GONE)
    found, _script = run([clusters_of(there(1, **MINE)), marked, absent], wanted, check_mode=True, ambient=[stacks])
    assert not found["changed"]


def test_a_successor_on_a_later_template_is_not_pruned() -> None:
    beside = {**there(2, **MINE), "name": "c1-deadbeef"}
    assert not pruned(there(1, **MINE), beside, reads=[groups_of(1)], clusters=[declared(1)])["changed"]


def test_nothing_declared_is_no_reason_to_prune_everything() -> None:
    with pytest.raises(InvalidRequest, match="no cluster is declared"):
        declared_fleet(fleet(environment="prod", prune=True))


# --- one object, one declaration ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "second",
    [
        {"name": identity(1), "state": "absent"},
        {"name": f"c1-{TEMPLATE_ID[:8]}", "cluster_template": "t"},
    ],
)
def test_two_entries_that_are_one_cluster_are_refused(second: dict[str, Any]) -> None:
    """By its name and its id, or as the successor that another entry deletes."""
    beside = {**there(2), "name": f"c1-{TEMPLATE_ID[:8]}"}
    first = {"name": "c1", "cluster_template": "t"}
    if "state" not in second:
        first = {"name": "c1", "state": "absent", "upgrade": "in_place_or_beside"}
    found, writes = outcome([clusters_of(there(1), beside), TEMPLATES], fleet(clusters=[first, second]))
    assert isinstance(found, InvalidRequest) and "mean the same cluster" in found.message
    assert writes == []


# --- what a run says ----------------------------------------------------------------------------------------------


def test_a_cluster_that_fails_while_it_is_waited_for_is_created_again() -> None:
    """Its first plan was empty; the one that counts is made when its creation has ended."""
    busy, bad = there(1, status="CREATE_IN_PROGRESS"), there(1, status="CREATE_FAILED", status_reason="x")
    well = there(2)
    entries = [
        clusters_of(busy),
        TEMPLATES,
        ("GET", "/clusters/c1", 200, busy),
        ("GET", ONE, 200, bad),
        ("DELETE", ONE, 204, None),
        ("GET", ONE, *GONE, ANY),
        ("GET", "/clusters/c1", *GONE, ANY),
        ("GET", ALL_CLUSTERS, 200, {"clusters": []}, ANY),
        ("POST", "/clusters", 202, {"uuid": identity(2)}),
        ("GET", TWO, 200, well, ANY),
        ("GET", ALL_CLUSTERS, 200, {"clusters": [well]}, ANY),
    ]
    found, writes = outcome(entries, fleet(clusters=[declared(1, recreate=True)]))
    assert writes == [f"DELETE {ONE}", "POST /clusters"]
    assert [change["verb"] for change in found["changes"]] == ["delete_cluster", "create_cluster"]


def test_a_defect_at_one_object_loses_nothing_of_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    from ansible_collections.kcloud.infrastructure.plugins.module_utils.fleet import apply

    done = apply.carried_out

    def broken(writer: Any, planned: Any, how: Any, *, present: bool) -> Any:
        if planned.desired.name == "c2":
            raise IndexError("of the code itself")
        return done(writer, planned, how, present=present)

    monkeypatch.setattr(apply, "carried_out", broken)
    entries = [
        clusters_of(there(1), there(2)),
        TEMPLATES,
        ("DELETE", ONE, 204, None),
        ("GET", ONE, *GONE, ANY),
        ("GET", ALL_CLUSTERS, 200, {"clusters": [there(2)]}, ANY),
    ]
    found, _writes = outcome(entries, fleet(clusters=[{"name": f"c{number}", "state": "absent"} for number in (1, 2)]))
    objects = {entry["name"]: entry for entry in found.details["result"]["objects"]}
    assert objects["c1"]["action"] == "delete" and objects["c1"]["failure"] is None
    assert objects["c2"]["failure"]["code"] == "INTERNAL_ERROR" and found.details["result"]["changed"]


def test_nothing_is_begun_after_the_deadline() -> None:
    entries = [
        clusters_of(there(1), there(2)),
        TEMPLATES,
        ("DELETE", ONE, 204, None),
        ("GET", ONE, 200, there(1, status="DELETE_IN_PROGRESS"), ANY),
    ]
    wanted = fleet(max_parallel=1, clusters=[{"name": f"c{number}", "state": "absent"} for number in (1, 2)])
    found, writes = outcome(entries, wanted, timeout=5)
    assert writes == [f"DELETE {ONE}"]
    late = next(entry for entry in found.details["result"]["objects"] if entry["name"] == "c2")
    assert late["failure"]["code"] == "TIMEOUT" and not late["changed"]
    assert [change["verb"] for change in late["changes_left"]] == ["delete_cluster"]


@pytest.mark.parametrize("check_mode", [True, False])
def test_without_waiting_a_cluster_that_is_being_deleted_is_neither_there_nor_creatable(check_mode: bool) -> None:
    going = there(1, status="DELETE_IN_PROGRESS")
    found, writes = outcome(
        [clusters_of(going), TEMPLATES], fleet(clusters=[declared(1)]), wait=False, check_mode=check_mode
    )
    assert isinstance(found, KcloudError) and found.code == "CONFLICT" and writes == []


def test_without_waiting_a_template_stays_until_its_clusters_are_gone() -> None:
    entries = [
        clusters_of(there(1)),
        TEMPLATES,
        ("DELETE", ONE, 204, None),
        ("GET", ONE, 200, there(1, status="DELETE_IN_PROGRESS"), ANY),
    ]
    wanted = fleet(cluster_templates=[{"name": "t", "state": "absent"}], clusters=[{"name": "c1", "state": "absent"}])
    found, writes = outcome(entries, wanted, wait=False)
    assert writes == [f"DELETE {ONE}"]
    assert found["objects"][0]["used_by"] == ["c1"] and found["objects"][0]["action"] == "none"


def test_a_new_cluster_is_planned_with_the_template_as_it_will_be() -> None:
    """The template names no flavor now, and the same run gives it one."""
    bare = {**TEMPLATE, "flavor_id": None, "master_flavor_id": None, "cluster_distro": "fedora-coreos"}
    wanted = fleet(
        cluster_templates=[{"name": "t", "coe": "kubernetes", "flavor": "f", "master_flavor": "f"}],
        clusters=[declared(1)],
    )
    reads = [clusters_of(), ("GET", r"/clustertemplates/detail\?.*", 200, {"clustertemplates": [bare]})]
    found, _script = run(reads, wanted, check_mode=True)
    assert [change["verb"] for change in found["changes"]] == ["update_cluster_template", "create_cluster"]


def test_the_mark_of_an_environment_is_no_difference_where_all_labels_are_compared() -> None:
    marked = there(1, labels={"a": "1", "kcloud_environment": "prod"})
    wanted = fleet(environment="prod", clusters=[declared(1, labels={"a": "1"}, merge_labels=False)])
    found, writes = outcome([clusters_of(marked), TEMPLATES], wanted)
    assert writes == [] and not isinstance(found, KcloudError) and not found["changed"]
