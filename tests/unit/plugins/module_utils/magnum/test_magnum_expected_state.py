# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What acts on a cluster compares its state first: a stale plan is refused, and nothing is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import connect
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import Conflict, InvalidRequest, NotFound
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import (
    Cluster,
    DesiredCluster,
    DesiredGroup,
    NodeGroup,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.state import cluster_state
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.planned import ClusterTask, How
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.reconcile import (
    reconcile_cluster,
    reconcile_node_group,
)
from ansible_collections.kcloud.infrastructure.plugins.modules import magnum_cluster, magnum_nodegroup
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.magnum.cases import (
    BY_NAME,
    CLUSTER_ID,
    EMPTY_LISTS,
    GROUPS,
    ONE,
    RESIZE,
    Hands,
    cluster,
    error,
    group,
    listed,
    read_whole,
)
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.scripted import (
    ANY,
    Entry,
    scripted_cloud,
)

pytest.importorskip("magnumclient")
BEFORE = cluster_state(Cluster.from_api(cluster(), [NodeGroup.from_api(group(), detailed=True)]))
NO_CLUSTER = ("GET", BY_NAME, *error(404, "Cluster c could not be found."))
GROWN = group(node_count=3)
BY_ONE = DesiredCluster("c", {}, (DesiredGroup("default-worker", node_count=4),))
AFTER = group(node_count=4, updated_at="t1")
# The writer looks at the cluster before it sends, and then until the effect is there
RESIZED = [
    ("GET", ONE, 200, cluster("UPDATE_COMPLETE")),
    ("GET", GROUPS, 200, listed(group())),
    ("POST", RESIZE, 202, {"uuid": CLUSTER_ID}),
    ("GET", ONE, 200, cluster("UPDATE_COMPLETE", at="t1"), ANY),
    ("GET", GROUPS, 200, listed(AFTER), ANY),
    ("GET", f"{ONE}/nodegroups/id-default-worker", 200, AFTER, ANY),
]
Ask = Callable[[Any, How], dict[str, Any]]


def how(expected: str | None = BEFORE, **options: Any) -> How:
    return How(**{"progress": False, "clock": Hands().clock, "expected_state": expected, **options})


def scaled(connection: Any, options: How) -> dict[str, Any]:
    """The cluster by one group of its own."""
    return reconcile_cluster(connection, ClusterTask(BY_ONE), options)


def scaled_group(connection: Any, options: How) -> dict[str, Any]:
    """The same group by itself."""
    return reconcile_node_group(connection, BY_ONE, options)


def deleted(connection: Any, options: How) -> dict[str, Any]:
    return reconcile_cluster(connection, ClusterTask(DesiredCluster("c"), present=False), options)


def without_group(connection: Any, options: How) -> dict[str, Any]:
    return reconcile_node_group(connection, DesiredCluster("c", {}, (DesiredGroup("gpu", absent=True),)), options)


def asked(entries: list[Entry], ask: Ask, options: How) -> tuple[dict[str, Any], list[str]]:
    """The result and what was written. The cloud must be asked exactly what the script says."""
    with scripted_cloud(entries, ambient=EMPTY_LISTS) as cloud:
        found = ask(connect({"auth": cloud.auth()}), options)
    return found, cloud.script.writes()


def refused(entries: list[Entry], ask: Ask, options: How) -> Conflict:
    """The refusal; that nothing was written is part of it."""
    with scripted_cloud(entries, ambient=EMPTY_LISTS) as cloud:
        with pytest.raises(Conflict) as caught:
            ask(connect({"auth": cloud.auth()}), options)
        assert cloud.script.writes() == []
    assert caught.value.code == "STATE_CHANGED" and "nothing was changed" in str(caught.value.hint)
    return caught.value


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize("ask", [scaled, scaled_group, deleted])
def test_another_number_of_nodes_is_refused(ask: Ask, check_mode: bool) -> None:
    """With what it was and is; after the one reading, and in check mode too."""
    found = refused(read_whole(cluster(), GROWN, path=BY_NAME), ask, how(check_mode=check_mode))
    assert found.reason == "node group c/default-worker has 3 nodes now, and had 2"


@pytest.mark.parametrize("ask", [scaled, scaled_group])
def test_the_expected_state_is_changed(ask: Ask) -> None:
    """Also where its health, its time and a status that ended well are others."""
    well = cluster("UPDATE_COMPLETE", at="t0", health_status="HEALTHY")
    entries = [*read_whole(well, path=BY_NAME), *RESIZED]
    for foreseen in (True, False):
        found, writes = asked(entries[:3] if foreseen else entries, ask, how(check_mode=foreseen))
        assert found["changed"] is True and writes == ([] if foreseen else [f"POST {RESIZE}"])


def test_what_ends_another_change_is_compared_when_it_has_ended() -> None:
    """It was UPDATE_IN_PROGRESS, and has one more node then."""
    busy = cluster("UPDATE_IN_PROGRESS")
    entries = [
        ("GET", BY_NAME, 200, busy),
        ("GET", ONE, 200, busy),
        ("GET", ONE, 200, cluster("UPDATE_COMPLETE", at="t1")),
    ]
    refused([*entries, *read_whole(cluster(), GROWN)[1:]], scaled, how())


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize("ask", [scaled, scaled_group])
def test_a_cluster_that_is_gone_is_not_made_again(ask: Ask, check_mode: bool) -> None:
    """Neither is its absence taken for a wrong name."""
    assert refused([NO_CLUSTER], ask, how(check_mode=check_mode)).reason == "it is gone"
    with pytest.raises((InvalidRequest, NotFound)):
        asked([NO_CLUSTER], ask, how(None, check_mode=check_mode))


@pytest.mark.parametrize("check_mode", [False, True])
def test_what_is_to_go_and_is_gone_needs_no_state(check_mode: bool) -> None:
    """Nothing is to be done, whoever has done it."""
    for ask, entries in (
        (deleted, [NO_CLUSTER]),
        (without_group, [NO_CLUSTER]),
        (without_group, read_whole(cluster(), GROWN, path=BY_NAME)),
    ):
        found, writes = asked(entries, ask, how(check_mode=check_mode))
        assert found["changed"] is False and writes == []


def test_a_group_that_is_to_go_and_is_there_needs_its_state() -> None:
    """Only then something is deleted."""
    found = refused(read_whole(cluster(), group(), group("gpu"), path=BY_NAME), without_group, how())
    assert found.reason == "node group c/gpu is new"


@pytest.mark.parametrize("module", [magnum_cluster, magnum_nodegroup])
def test_what_is_no_digest_is_refused_before_any_cloud_is_asked(module: Any) -> None:
    """The cloud that is named here does not exist."""
    given = {"name": "c", "cluster": "c", "state": "present", "recreate": False, "upgrade": "never"}
    params = {**dict.fromkeys(module.SPEC), **given, "cloud": "no-such-cloud", "expected_state": "the newest"}
    with pytest.raises(InvalidRequest) as caught:
        module.run(params, True)
    assert caught.value.resource == "expected_state"
