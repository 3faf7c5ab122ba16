# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module's options become what is declared; answers of the API become frozen data and results."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import (
    Cluster,
    ClusterTemplate,
    DesiredGroup,
    NodeGroup,
    Status,
    label_text,
    normal_labels,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.desired import (
    desired_cluster,
    desired_node_group,
    desired_template,
)
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.magnum.cases import cluster, group
from hypothesis import given
from hypothesis import strategies as st


def test_only_what_was_given_is_declared() -> None:
    """Under the API's names; what is False or 0 was given."""
    wanted = desired_cluster(
        {"name": "c", "cluster_template": "t", "flavor": "f", "master_count": None, "floating_ip_enabled": False,
         "labels": {}, "merge_labels": True, "timeout": 5}
    )  # fmt: skip
    assert wanted.given == {
        "cluster_template_id": "t", "flavor_id": "f", "floating_ip_enabled": False, "labels": {}, "merge_labels": True,
    }  # fmt: skip
    assert wanted.groups == () and wanted.purge_groups is False
    assert desired_cluster({"name": "c", "merge_labels": True}).given == {}


@pytest.mark.parametrize(
    ("params", "groups"),
    [
        ({"node_count": 3}, (DesiredGroup("default-worker", node_count=3),)),
        ({"node_count": 0}, (DesiredGroup("default-worker", node_count=0),)),
        (
            {"node_count": 3, "node_groups": [{"name": "default-worker", "max_node_count": 5}]},
            (DesiredGroup("default-worker", node_count=3, max_node_count=5),),
        ),
        (
            {
                "node_count": 3,
                "node_groups": [{"name": "default-worker", "node_count": 3}, {"name": "gpu", "flavor": "f"}],
            },
            (DesiredGroup("default-worker", node_count=3), DesiredGroup("gpu", flavor_id="f")),
        ),
    ],
)
def test_the_clusters_node_count_is_the_default_workers(
    params: dict[str, Any], groups: tuple[DesiredGroup, ...]
) -> None:
    """As in Magnum's resize without a group."""
    assert desired_cluster({"name": "c", **params}).groups == groups


@pytest.mark.parametrize(
    ("params", "word"),
    [
        ({"name": "1c"}, "name"),
        ({"name": "c d"}, "name"),
        ({"name": ""}, "name"),
        ({"name": "c" * 243}, "name"),
        ({"name": "c", "node_count": -1}, "node_count"),
        ({"name": "c", "master_count": 0}, "master_count"),
        ({"name": "c", "node_groups": [{"name": "gpu", "max_node_count": -2}]}, "node_groups.gpu.max_node_count"),
        ({"name": "c", "node_count": 2, "node_groups": [{"name": "default-worker", "node_count": 3}]}, "node_count"),
    ],
)
def test_what_cannot_be(params: dict[str, Any], word: str) -> None:
    """Refused before anything is asked of the cloud, with the option's name and a fix."""
    with pytest.raises(InvalidRequest) as caught:
        desired_cluster(params)
    assert f"'{word}'" in caught.value.message and caught.value.hint


@pytest.mark.parametrize("name", ["c", "C.d_e-1", "c" * 242, "5a3d7b1e-6c09-4a31-9d8e-2f1b5c7e9a40"])
def test_names_and_ids(name: str) -> None:
    """As Magnum takes them."""
    assert desired_cluster({"name": name}).name == name


def test_template_options() -> None:
    """The template's keypair has another name in the API."""
    params = {"name": "t", "keypair": "k", "image": "i", "external_network": "e", "public": False, "labels": None}
    assert desired_template(params) == {
        "keypair_id": "k", "image_id": "i", "external_network_id": "e", "public": False,
    }  # fmt: skip


def test_unknown_fields_and_missing_ones() -> None:
    """A newer Magnum answers more, an older one less; None where a list or a dictionary is meant is an empty one."""
    sparse = Cluster.from_api(
        {"uuid": "1", "name": "c", "labels": None, "faults": None, "node_addresses": None, "x": 1}
    )
    assert (sparse.labels, sparse.faults, sparse.node_addresses, sparse.node_count) == ({}, {}, (), 0)
    assert NodeGroup.from_api({"uuid": "1", "name": "g", "y": 2}, detailed=True).node_addresses == ()
    assert ClusterTemplate.from_api({"uuid": "1", "name": "t", "labels": None, "z": 3}).labels == {}


def test_results_are_plain_data() -> None:
    """As JSON, with lists; what is ours alone is not shown."""
    whole = Cluster.from_api(cluster(faults={"a": "b"}), [NodeGroup.from_api(group(), detailed=True)])
    result = whole.as_result()
    assert json.loads(json.dumps(result)) == result
    assert result["node_groups"][0]["name"] == "default-worker" and "detailed" not in result["node_groups"][0]
    assert result["id"] == cluster()["uuid"] and result["node_addresses"] == []


@pytest.mark.parametrize(
    ("status", "family"),
    [
        ("CREATE_IN_PROGRESS", "in_progress"), ("UPDATE_FAILED", "failed"), ("UPDATE_COMPLETE", "complete"),
        ("ROLLBACK_COMPLETE", "complete"), (None, None), ("", None), ("RESUME", None),
    ],
)  # fmt: skip
def test_families_of_statuses(status: str | None, family: str | None) -> None:
    """Each status is of one at most."""
    families = [name for name in ("in_progress", "failed", "complete") if getattr(Status, name)(status)]
    assert families == ([family] if family else [])


@given(st.dictionaries(st.text(max_size=4), st.one_of(st.booleans(), st.integers(), st.floats(), st.text(max_size=4))))
def test_labels_compare_with_what_is_kept_of_them(labels: dict[str, Any]) -> None:
    """Sent as text, read back as text, the same; normalising twice changes nothing."""
    kept = {key: label_text(value) for key, value in labels.items()}
    assert normal_labels(kept) == normal_labels(labels) == normal_labels(normal_labels(labels))
    assert list(normal_labels(labels)) == sorted(labels)


def test_named_nodes_come_with_the_number_that_is_left() -> None:
    """For the cluster they are those of its own workers, as the number is; a name twice is one."""
    desired = desired_cluster({"name": "c", "node_count": 3, "nodes_to_remove": ["a", "b", "a"]})
    assert desired.groups == (DesiredGroup("default-worker", node_count=3, nodes_to_remove=("a", "b")),)
    for params in (
        {"name": "c", "nodes_to_remove": ["a"]},
        {"name": "c", "node_groups": [{"name": "g", "nodes_to_remove": ["a"]}]},
        {
            "name": "c", "node_count": 1, "nodes_to_remove": ["a"],
            "node_groups": [{"name": "default-worker", "node_count": 1, "nodes_to_remove": ["b"]}],
        },
    ):  # fmt: skip
        with pytest.raises(InvalidRequest) as caught:
            desired_cluster(params)
        assert "nodes_to_remove" in caught.value.message and caught.value.hint


def test_one_group_is_declared_as_in_a_cluster() -> None:
    """The same options make the same group; nothing else of the cluster is meant."""
    options = {"name": "g", "state": "present", "flavor": "f", "node_count": 0, "labels": {"a": True}}
    alone = desired_node_group({"cluster": "c", **options, "replace": "beside"})
    inside = desired_cluster({"name": "c", "node_groups": [options], "replace_node_groups": "beside"})
    assert alone.groups == inside.groups and alone.replace_groups == inside.replace_groups == "beside"
    assert alone.partial and not inside.partial and alone.given == {}
    gone = desired_node_group({"cluster": "c", **options, "state": "absent"})
    assert gone.groups == (DesiredGroup("g", absent=True),)
    with pytest.raises(InvalidRequest):
        desired_node_group({"cluster": "0c", **options})
