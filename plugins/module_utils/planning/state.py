# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a decision is still the one that was looked at: what each answer holds to tell, and the check."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import Conflict
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.state import OPTION, digest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import Cluster
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.nodes import steady


def against_stale(plan: object, clusters: Iterable[Cluster], touched: Collection[str]) -> dict[str, Any]:
    """What an answer holds for its own check later, and for the check of its operations.

    ``state_digest`` is that of what is to be done and of the clusters that it touches, with their nodes and the workloads on them.
    What happens to other clusters does not matter, as long as the same is to be done.

    ``expected_states`` says which state each of these clusters must have, where the fleet tells it.

    :param plan: what is to be done, as plain data.
    :param touched: ids of the clusters that change, or on whose nodes the plan counts.
    """
    found = [cluster for cluster in clusters if cluster.id in touched]
    return {
        "state_digest": digest((plan, steady(found))),
        "expected_states": [
            {"cluster": cluster.name, "cluster_id": cluster.id, OPTION: cluster.state.digest}
            for cluster in found
            if cluster.state is not None
        ],
    }


def check_plan(expected: str | None, found: str) -> None:
    """Refuse to answer with another plan than the one that was looked at, or with the same for other clusters.

    :raises Conflict: the state has changed.
    """
    if expected and expected != found:
        raise Conflict(
            "Failed to carry on with an earlier decision: what it depends on has changed since",
            code="STATE_CHANGED",
            resource=OPTION,
            reason="the plan, the clusters that it touches or their workloads are not what they were",
            hint=f"Decide anew without '{OPTION}', and look at the new plan; nothing was changed",
        )
