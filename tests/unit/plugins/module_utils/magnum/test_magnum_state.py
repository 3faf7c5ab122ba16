# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The digest of a cluster's state: what counts, what does not, the same for all who read it, and what a refusal says."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import Conflict, InvalidRequest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.fleet_reader import cluster as of_fleet
from ansible_collections.kcloud.infrastructure.plugins.module_utils.fleet_reader import node_group as group_of_fleet
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.information import with_state
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import Cluster, NodeGroup
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.state import (
    NEAR,
    check_cluster,
    check_form,
    cluster_state,
    state_in,
    state_of,
)
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.magnum.cases import cluster, group

WORKER, GPU, MASTER = group(), group("gpu", node_count=1), group("default-master", node_count=1)
GROUPS = (WORKER, GPU, MASTER)


def read(*groups: dict[str, Any], detailed: bool = True, **fields: Any) -> Cluster:
    """A cluster as Magnum answers it, with these groups or else all of them."""
    return Cluster.from_api(
        cluster(**fields), [NodeGroup.from_api(entry, detailed=detailed) for entry in groups or GROUPS]
    )


SAME = [
    pytest.param(
        (), {"status": "UPDATE_COMPLETE", "status_reason": "Stack UPDATE completed"}, id="another change is done"
    ),
    pytest.param((), {"status": "UPDATE_IN_PROGRESS"}, id="a change of something else is under way"),
    pytest.param((), {"at": "t9", "health_status": "UNHEALTHY", "health_status_reason": {"api": "no"}}, id="health"),
    pytest.param((), {"api_address": "https://10.0.0.9", "node_addresses": ["10.0.0.4"]}, id="addresses"),
    pytest.param((), {"labels": {"mark": "1"}, "coe_version": "v1.31"}, id="labels"),
    pytest.param((MASTER, GPU, WORKER), {}, id="order"),
    pytest.param((WORKER, GPU), {}, id="without the control plane"),
    pytest.param((group(min_node_count=1, max_node_count=9), GPU), {}, id="bounds"),
    pytest.param((group(status="UPDATE_COMPLETE", status_reason="x"), GPU), {}, id="the status of a group"),
    pytest.param((*GROUPS, group("late", status="DELETE_IN_PROGRESS")), {}, id="a group that goes"),
]
OTHER = [
    pytest.param(
        (group(node_count=3), GPU), {}, "node group c/default-worker has 3 nodes now, and had 2", id="one more node"
    ),
    pytest.param(
        (WORKER, group("gpu", node_count=0)), {}, "node group c/gpu has 0 nodes now, and had 1", id="one node less"
    ),
    pytest.param((*GROUPS, group("npu")), {}, "node group c/npu is new", id="a new group"),
    pytest.param((WORKER,), {}, "c/default-worker with 2 nodes", id="a group is gone"),
    pytest.param((group(node_count=3), group("gpu", node_count=2)), {}, "3 nodes, node group c/gpu with 2", id="both"),
    pytest.param((group(uuid="new"), GPU), {}, "c/default-worker with 2 nodes", id="a group made again"),
    pytest.param((group(flavor_id="larger"), GPU), {}, "c/default-worker with 2 nodes", id="another flavor"),
    pytest.param((), {"uuid": "new"}, "c/default-worker with 2 nodes", id="the cluster made again"),
    pytest.param((), {"name": "d"}, "d/default-worker with 2 nodes", id="another name"),
    pytest.param((), {"cluster_template_id": "t-2"}, "c/default-worker with 2 nodes", id="upgraded"),
    pytest.param((), {"status": "UPDATE_FAILED"}, "it has failed", id="failed"),
    pytest.param((), {"status": "DELETE_IN_PROGRESS"}, "it is being deleted", id="deleting"),
    pytest.param((), {"status": "DELETE_FAILED"}, "it has failed", id="not deleted"),
    pytest.param((group(node_count=NEAR + 3), GPU), {}, f"with {NEAR + 3} nodes, node group c/gpu", id="far away"),
]


@pytest.mark.parametrize(("groups", "fields"), SAME)
def test_what_changes_by_itself_does_not_count(groups: Sequence[dict[str, Any]], fields: dict[str, Any]) -> None:
    """Health, times, statuses of changes that ended well; and what not every reading shows."""
    now = read(*groups, **fields)
    assert cluster_state(now) == cluster_state(read())
    check_cluster(cluster_state(read()), now, "c")


@pytest.mark.parametrize(("groups", "fields", "said"), OTHER)
def test_what_a_decision_depends_on_counts(groups: Sequence[dict[str, Any]], fields: dict[str, Any], said: str) -> None:
    """The refusal says what has changed where one change explains it, else what is there."""
    now = read(*groups, **fields)
    with pytest.raises(Conflict) as refused:
        check_cluster(cluster_state(read()), now, "c")
    assert refused.value.code == "STATE_CHANGED" and refused.value.resource == "cluster/c"
    assert said in str(refused.value.reason) and "nothing was changed" in str(refused.value.hint)


def test_a_cluster_that_is_well_again_has_changed() -> None:
    """A decision about a failed cluster does not hold for one that works."""
    with pytest.raises(Conflict) as refused:
        check_cluster(cluster_state(read(status="UPDATE_FAILED")), read(), "c")
    assert refused.value.reason == "it had failed, and has not any more"


def test_a_cluster_that_is_gone_has_changed() -> None:
    """And without an expectation nothing is compared."""
    with pytest.raises(Conflict) as refused:
        check_cluster(cluster_state(read()), None, "c")
    assert refused.value.code == "STATE_CHANGED" and refused.value.reason == "it is gone"
    for nothing in (None, ""):
        check_cluster(nothing, None, "c")
        check_cluster(nothing, read(), "c")


@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "UPDATE_FAILED", "DELETE_IN_PROGRESS", "DELETE_FAILED"])
@pytest.mark.parametrize("detailed", [True, False])
def test_all_who_read_a_cluster_see_the_same_state(status: str, detailed: bool) -> None:
    """As objects, as information modules return it, and as the planner reads its fleet, which leaves the groups of a deletion out."""
    found = read(detailed=detailed, status=status)
    workers = [entry for entry in found.node_groups if entry.role != "master" and not status.startswith("DELETE_")]
    plain = with_state(found)
    assert plain["state_digest"] == cluster_state(read(status=status)) == state_of(found).digest
    for given in (plain, of_fleet(found, [group_of_fleet(entry) for entry in workers])):
        state = state_in(given)
        assert state is not None and state.digest == plain["state_digest"]


def test_the_order_of_many_groups_does_not_count() -> None:
    """Whatever it is."""
    groups = [group(f"g{number}", node_count=number) for number in range(20)]
    expected = cluster_state(read(*groups))
    for seed in range(20):
        random.Random(seed).shuffle(groups)
        assert cluster_state(read(*groups)) == expected
        plain = with_state(read())
        state = state_in({**plain, "node_groups": [{**entry, "id": entry["uuid"]} for entry in groups]})
        assert state is not None and state.digest == expected


@pytest.mark.parametrize("gone", ["id", "cluster_template_id", "node_groups"])
def test_data_that_do_not_tell_everything_have_no_state(gone: str) -> None:
    """A wrong expectation would refuse every plan."""
    plain = with_state(read())
    assert state_in({key: value for key, value in plain.items() if key != gone}) is None
    assert state_in({**plain, "node_groups": None}) is None
    assert state_in({**plain, "status": ["x"]}) is None
    whole = {"name": "default-worker", "id": "1", "flavor": "f", "node_count": 2}
    assert state_in({**plain, "node_groups": [whole]}) is not None
    for wrong in ({**whole, "id": None}, {**whole, "id": ""}, {**whole, "node_count": "2"}, {**whole, "flavor": 3}, {}):
        assert state_in({**plain, "node_groups": [wrong]}) is None


@pytest.mark.parametrize("given", ["sha256:", "latest", "sha256:" + "g" * 64, "sha256:" + "a" * 63, "a" * 64, "x" * 71])
def test_what_is_no_digest_is_refused(given: str) -> None:
    """It is a mistake of the caller, not a change of the cloud."""
    with pytest.raises(InvalidRequest) as refused:
        check_form(given)
    assert refused.value.resource == "expected_state" and given in refused.value.message
    for right in (None, "", cluster_state(read())):
        check_form(right)
