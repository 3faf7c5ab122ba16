# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which clusters are read for information, and with how many requests: the real client against scripted HTTP."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import connect
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.information import (
    Selection,
    read_clusters,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import (
    ONLY_IN_DETAIL,
    Cluster,
)
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.magnum.cases import (
    ALL_CLUSTERS,
    BY_NAME,
    CLUSTER_ID,
    EMPTY_LISTS,
    OTHER_ID,
    cluster,
    error,
    group,
    listed,
    read_whole,
)
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.scripted import (
    PROJECT,
    Entry,
    Script,
    scripted_cloud,
)

pytest.importorskip("magnumclient")
EVERY = Selection()
NAMES = ("a-1", "a-2", "b-1")
GROUPS = (
    group("default-master", node_count=1, min_node_count=1),
    group("default-worker", min_node_count=1, max_node_count=5, labels={"x": "1"}, node_addresses=["10.0.0.1"]),
)


def id_of(name: str) -> str:
    return f"c0000000-0000-4000-8000-00000000000{NAMES.index(name) + 1}"


def fleet(**changes: dict[str, Any]) -> Entry:
    """The list of three clusters, with changes by name."""
    clusters = [cluster(uuid=id_of(name), name=name, **changes.get(name.replace("-", "_"), {})) for name in NAMES]
    return ("GET", ALL_CLUSTERS, 200, {"clusters": clusters})


def group_list(name: str, *groups: dict[str, Any]) -> Entry:
    """The list of a cluster's groups, without what Magnum leaves out of it."""
    shown = listed(*(groups or GROUPS))
    for entry in shown["nodegroups"]:
        for key in ("labels", "node_addresses", "status_reason"):
            entry.pop(key, None)
    return ("GET", rf"/clusters/{id_of(name)}/nodegroups/\?.*", 200, shown)


def group_details(name: str, *groups: dict[str, Any]) -> list[Entry]:
    return [("GET", f"/clusters/{id_of(name)}/nodegroups/{entry['uuid']}", 200, entry) for entry in groups or GROUPS]


def read(
    entries: list[Entry], selection: Selection = EVERY, *depth: str, diagnose: bool = False
) -> tuple[list[dict[str, Any]], Script]:
    """What is read of a scripted cloud, which must be asked exactly what the script says."""
    with scripted_cloud(entries, ambient=EMPTY_LISTS) as cloud:
        found = read_clusters(connect({"auth": cloud.auth()}), None, selection, *depth, diagnose=diagnose)
    return found, cloud.script


def counts(script: Script) -> dict[str, int]:
    """How often each kind of thing was asked for."""
    kinds = Counter()
    for request in script.sent:
        parts = request.path.split("?")[0].strip("/").split("/")
        kinds["group" if len(parts) == 4 else "groups" if len(parts) == 3 else "clusters"] += 1
    return dict(kinds)


def test_three_clusters_with_a_summary() -> None:
    """One list, then one list of groups a cluster; what these do not show is none and not a default."""
    found, script = read([fleet(), *map(group_list, NAMES)])
    assert counts(script) == {"clusters": 1, "groups": 3}
    assert [entry["name"] for entry in found] == list(NAMES)
    for entry in found:
        master, worker = entry["node_groups"]
        assert (master["name"], worker["name"], worker["node_count"], worker["flavor_id"]) == (
            "default-master",
            "default-worker",
            2,
            "f",
        )
        assert {key: worker[key] for key in ONLY_IN_DETAIL} == dict.fromkeys(ONLY_IN_DETAIL)


def test_three_clusters_in_detail() -> None:
    """One request more a group, each object once."""
    found, script = read(
        [fleet(), *map(group_list, NAMES), *(entry for name in NAMES for entry in group_details(name))],
        EVERY,
        "details",
    )
    assert counts(script) == {"clusters": 1, "groups": 3, "group": 6}
    assert len({request.path for request in script.sent}) == len(script.sent)
    worker = found[0]["node_groups"][1]
    assert (worker["min_node_count"], worker["max_node_count"], worker["labels"]) == (1, 5, {"x": "1"})
    assert worker["node_addresses"] == ["10.0.0.1"]


def test_three_clusters_without_groups() -> None:
    found, script = read([fleet()], EVERY, "none")
    assert counts(script) == {"clusters": 1}
    assert [entry["node_groups"] for entry in found] == [None] * 3


def test_the_state_of_a_cluster_is_there_where_its_groups_are_read() -> None:
    """The same for every depth, and none without groups."""
    entries = [fleet(), *map(group_list, NAMES)]
    details = [entry for name in NAMES for entry in group_details(name)]
    summary, detailed, without = (
        [entry["state_digest"] for entry in read(*asked)[0]]
        for asked in ((entries, EVERY), ([*entries, *details], EVERY, "details"), ([fleet()], EVERY, "none"))
    )
    assert summary == detailed and len(set(summary)) == 3 and without == [None] * 3


def test_filters_come_before_the_groups() -> None:
    """Of clusters that do not fit, nothing more is read."""
    gpu = {"labels": {"kcloud_type": "gpu-intensive"}}
    found, script = read([fleet(a_2=gpu, b_1=gpu), group_list("a-2")], Selection(names=["a-*"], labels=gpu["labels"]))
    assert [entry["name"] for entry in found] == ["a-2"]
    assert counts(script) == {"clusters": 1, "groups": 1}


@pytest.mark.parametrize(
    ("selection", "fits"),
    [
        ({}, True),
        ({"names": ["t*"]}, True),
        ({"names": ["1"]}, True),
        ({"names": ["2"]}, False),
        ({"names": []}, False),
        ({"names": ["train"], "statuses": ["COMPLETE"]}, True),
        ({"names": ["train"], "statuses": ["FAILED"]}, False),
        ({"statuses": ["FAILED", "create"]}, True),
        ({"labels": {"kcloud_type": "gpu-intensive"}}, True),
        ({"labels": {"kcloud_type": "gpu-*", "flag": True}}, True),
        ({"labels": {"kcloud_type": "gpu"}}, False),
        ({"labels": {"kcloud_type": "*"}}, True),
        ({"labels": {"other": "*"}}, False),
        ({"labels": {"count": 2}}, True),
    ],
)
def test_which_clusters_fit(selection: dict[str, Any], fits: bool) -> None:
    labels = {"kcloud_type": "gpu-intensive", "flag": "True", "count": "2"}
    assert Selection(**selection).holds(Cluster("1", "train", "CREATE_COMPLETE", labels=labels)) is fits


def test_one_cluster_is_read_in_detail() -> None:
    """Unless less is asked for; a filter applies to it, too."""
    one = ("GET", BY_NAME, 200, cluster())
    found, script = read(read_whole(cluster(), *GROUPS, path=BY_NAME), Selection("c"))
    assert counts(script) == {"clusters": 1, "groups": 1, "group": 2}
    assert found[0]["node_groups"][1]["max_node_count"] == 5
    assert read([one, *read_whole({}, *GROUPS)[1:2]], Selection("c"), "summary")[0][0]["id"] == CLUSTER_ID
    assert read([one], Selection("c", statuses=["FAILED"]))[0] == []


def test_another_projects_cluster_is_not_ours() -> None:
    """One list, then the groups of each; another project's are not ours."""
    foreign = cluster(uuid=OTHER_ID, project_id="2" * 32)
    script = [("GET", ALL_CLUSTERS, 200, {"clusters": [cluster(), foreign]}), *read_whole({})[1:]]
    found, _script = read(script, EVERY, "details")
    assert [entry["id"] for entry in found] == [CLUSTER_ID] and found[0]["node_groups"][0]["name"] == "default-worker"
    assert found[0]["project_id"] == PROJECT
    assert read([("GET", BY_NAME, *error(404, "Cluster c could not be found."))], Selection("c"))[0] == []


def test_a_diagnosis_reads_only_what_failed_in_detail() -> None:
    """A cluster that is well costs no request more; of one with a failed group its reason is read."""
    bad = group("gpu", status="CREATE_FAILED", status_reason="the driver has no device")
    script = [
        fleet(),
        group_list("a-1"),
        group_list("a-2", *GROUPS, bad),
        group_list("b-1"),
        *group_details("a-2", bad),
    ]
    found, sent = read(script, EVERY, "none", diagnose=True)
    assert counts(sent) == {"clusters": 1, "groups": 3, "group": 1}
    assert [entry["failure"] is None for entry in found] == [True, False, True]
    assert found[1]["failure"]["reason"] == "gpu: the driver has no device"
    assert [entry["status_reason"] for entry in found[1]["node_groups"]] == [None] * 3
