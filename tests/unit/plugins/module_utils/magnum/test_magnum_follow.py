# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster follows its template, the real client against scripted HTTP: what is sent, how often, and what never."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import connect
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import RequestLost, Unsupported
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import DesiredCluster
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.successor import IN_PLACE, Follow
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.tasks import ClusterTask
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.planned import How
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.reconcile import reconcile_cluster
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.magnum.cases import (
    BY_NAME,
    EMPTY_LISTS,
    ONE,
    Hands,
    cluster,
    error,
    read_whole,
)
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.scripted import (
    ANY,
    Entry,
    Request,
    scripted_cloud,
)

pytest.importorskip("magnumclient")
OLD_ID = "70000000-0000-4000-8000-000000000001"
NEW_ID = "70000000-0000-4000-8000-000000000002"
OLD = {"uuid": OLD_ID, "name": "t", "labels": {"kube_tag": "v1"}, "cluster_distro": "ubuntu"}
NEW = {**OLD, "uuid": NEW_ID, "name": "t-2", "labels": {"kube_tag": "v2"}}
BY_OLD = ("GET", f"/clustertemplates/{OLD_ID}", 200, OLD)
NAMED_NEW = ("GET", "/clustertemplates/t-2", 200, NEW)
UPGRADE = f"{ONE}/actions/upgrade"
WANTED = DesiredCluster("c", {"cluster_template_id": "t-2"})
# What is read before anything is decided: the cluster with its groups and each of the two templates, all of it once.
READS = [*read_whole(cluster(cluster_template_id=OLD_ID), path=BY_NAME), NAMED_NEW, BY_OLD]


def run(
    entries: Sequence[Entry], follow: Follow, *, check_mode: bool = False, driver: str | None = None
) -> tuple[Any, list[str], list[Request]]:
    """The result, or the error; the writes; all requests."""
    with scripted_cloud(entries, ambient=EMPTY_LISTS) as cloud:
        how = How(progress=False, clock=Hands().clock, check_mode=check_mode, api_version="1.11", driver=driver)
        connection = connect({"auth": cloud.auth()})
        try:
            result = reconcile_cluster(connection, ClusterTask(WANTED, follow=follow), how)
        except (RequestLost, Unsupported) as caught:
            result = caught
        return result, cloud.script.writes(), list(cloud.script.sent)


def test_an_upgrade_is_sent_once_and_seen() -> None:
    """Check mode predicts it and sends nothing; an API capped at 1.11 does."""
    follow = Follow(IN_PLACE, max_batch_size=2)
    foreseen, writes, _sent = run(READS, follow, check_mode=True)
    assert writes == [] and foreseen["changed"]
    there = cluster("UPDATE_COMPLETE", "t2", cluster_template_id=NEW_ID)
    result, writes, sent = run(
        [
            *READS,
            ("GET", ONE, 200, cluster(cluster_template_id=OLD_ID)),
            ("GET", ONE, 200, cluster(cluster_template_id=OLD_ID)),
            ("POST", UPGRADE, 202, {"uuid": "x"}),
            ("GET", ONE, 200, cluster("UPDATE_IN_PROGRESS", "t1", cluster_template_id=NEW_ID)),
            ("GET", ONE, 200, there, ANY),
            *read_whole(there)[1:],
        ],
        follow,
    )
    assert writes == [f"POST {UPGRADE}"]
    post = next(request for request in sent if request.method == "POST")
    assert post.body == {"cluster_template": NEW_ID, "max_batch_size": 2}
    assert (result["diff"], result["changes"]) == (foreseen["diff"], foreseen["changes"])
    assert result["cluster"]["cluster_template_id"] == foreseen["cluster"]["cluster_template_id"] == NEW_ID


def test_the_template_in_use_is_never_sent() -> None:
    """Magnum would take it, and roll all nodes."""
    reads = [*read_whole(cluster(cluster_template_id=NEW_ID), path=BY_NAME), NAMED_NEW]
    result, writes, _sent = run(reads, Follow(IN_PLACE))
    assert writes == [] and result["changed"] is False


@pytest.mark.parametrize("check_mode", [False, True])
def test_what_the_driver_lacks_is_never_sent(check_mode: bool) -> None:
    """A cluster of the Heat driver, known by its image."""
    old = ("GET", f"/clustertemplates/{OLD_ID}", 200, {**OLD, "cluster_distro": "fedora-coreos"})
    reads = [*read_whole(cluster(cluster_template_id=OLD_ID, stack_id=None), path=BY_NAME), NAMED_NEW, old]
    found, writes, _sent = run(reads, Follow(IN_PLACE), check_mode=check_mode)
    assert writes == [] and isinstance(found, Unsupported)
    assert "Heat driver" in found.message and "in_place_or_beside" in (found.hint or "")


def test_what_magnum_says_of_a_driver_that_was_not_known() -> None:
    """It had no upgrade after all; nothing took place."""
    here = ("GET", ONE, 200, cluster(cluster_template_id=OLD_ID), ANY)
    refused = ("POST", UPGRADE, *error(400, "Upgrading a cluster that uses the Magnum Heat driver is not supported."))
    found, _writes, _sent = run([*READS, here, refused], Follow(IN_PLACE), driver="unknown")
    assert isinstance(found, Unsupported)
    assert "not supported" in (found.reason or "") and "'driver'" in (found.hint or "")


def test_an_upgrade_that_leaves_no_trace_is_sent_once_more_and_then_said() -> None:
    """Magnum ends it well, on the old template."""
    before = ("GET", ONE, 200, cluster(cluster_template_id=OLD_ID))
    begun = ("GET", ONE, 200, cluster("UPDATE_IN_PROGRESS", "t1", cluster_template_id=OLD_ID))
    ended = ("GET", ONE, 200, cluster("UPDATE_COMPLETE", "t2", cluster_template_id=OLD_ID))
    again = ("GET", ONE, 200, cluster("UPDATE_IN_PROGRESS", "t3", cluster_template_id=OLD_ID))
    sent = ("POST", UPGRADE, 202, {"uuid": "x"})
    entries = [*READS, before, before, sent, begun, ended, ended, ended, ended, sent, again, (*ended, ANY)]
    found, writes, _sent = run(entries, Follow(IN_PLACE))
    assert writes == [f"POST {UPGRADE}"] * 2
    assert isinstance(found, RequestLost) and found.code == "REQUEST_LOST"


def test_pods_without_a_network_are_refused_before_there_is_a_cluster() -> None:
    """Flannel renders nothing there."""
    absent = ("GET", BY_NAME, *error(404, "Cluster c could not be found."))
    flannel = ("GET", "/clustertemplates/t-2", 200, {**NEW, "network_driver": "flannel"})
    found, writes, _sent = run([absent, flannel], Follow())
    assert writes == [] and isinstance(found, Unsupported)
    assert "flannel" in found.message and "calico or cilium" in (found.hint or "")
    result, writes, _sent = run([absent, flannel], Follow(), check_mode=True, driver="unknown")
    assert result["changed"] and writes == []
