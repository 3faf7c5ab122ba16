# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting until a cluster is not only built but well: its Kubernetes API answers and its nodes are ready."""

from __future__ import annotations

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import NotFound, WaitTimeout
from ansible_collections.kcloud.infrastructure.plugins.module_utils.follow import looks
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.apply.api import MagnumApi
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.causes import (
    health_hint,
    health_problems,
    joined,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import Cluster
from ansible_collections.kcloud.infrastructure.plugins.module_utils.progress import Progress
from ansible_collections.kcloud.infrastructure.plugins.module_utils.wait import Deadline, intervals

# Magnum itself looks once a minute: asking faster shows nothing new.
FIRST_LOOK_S, LONGEST_LOOK_S = 2.0, 10.0


def until_healthy(api: MagnumApi, cluster: Cluster, deadline: Deadline, progress: Progress) -> Cluster:
    """Wait until Magnum calls the cluster HEALTHY.

    :raises WaitTimeout: it is not in time; its code is NOT_HEALTHY, its reason what Magnum found wrong.
    :raises NotFound: it went away meanwhile.
    """
    subject = f"wait for cluster '{cluster.name}' to be healthy"

    def look() -> Cluster:
        found = api.cluster(cluster.id)
        if found is None:
            raise NotFound(
                f"Failed to find cluster '{cluster.name}' any more",
                resource=f"cluster/{cluster.name}",
                reason="another client deleted it while this task waited for it",
                hint="Run again to create it anew",
            )
        return found

    for found in looks(
        cluster,
        look,
        deadline,
        lambda last: _not_healthy(last, deadline),
        pauses=intervals(FIRST_LOOK_S, LONGEST_LOOK_S),
    ):
        state, problems = _state(found), health_problems(found)
        text = f"{state}: {joined(problems)}" if problems and found.health_status else state
        progress.say(subject, text, deadline.elapsed, deadline.limit)
        if found.health_status == "HEALTHY":
            break
    return found


def _state(cluster: Cluster) -> str:
    return cluster.health_status or "not looked at yet"


def _not_healthy(cluster: Cluster, deadline: Deadline) -> WaitTimeout:
    return WaitTimeout(
        f"Timed out waiting for cluster '{cluster.name}' to be healthy after {deadline.limit:.0f} s; it is "
        f"{cluster.status} and {_state(cluster)}",
        code="NOT_HEALTHY",
        resource=f"cluster/{cluster.name}",
        reason="; ".join(health_problems(cluster)),
        hint=health_hint(cluster),
        health_status=cluster.health_status,
        health_status_reason=dict(cluster.health_status_reason),
        last_state=cluster.as_result(),
    )
