# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Watching a cluster that changes: whether its transition has begun, and how it ended, every look in one place.

Magnum answers 202 and shows the old state for a while; it may drop the request without a word. A transition has begun when
IN_PROGRESS, another status or the effect itself is seen; a newer ``updated_at`` alone is not a sign, as Magnum's health poll
writes the cluster, too. What was begun is watched through any hiccup of the API, as long as there is time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeVar

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import (
    KcloudError,
    NotFound,
    WaitTimeout,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.follow import looks as states
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.apply.api import MagnumApi
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.explain.cluster_progress import (
    activity_of,
    idle_of,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.explain.diagnose import (
    failure_of,
    overdue_of,
    stall_of,
    trouble_of,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import Cluster, Status
from ansible_collections.kcloud.infrastructure.plugins.module_utils.progress import Progress
from ansible_collections.kcloud.infrastructure.plugins.module_utils.wait import Deadline, TwiceInARow, intervals

if TYPE_CHECKING:
    from openstack.connection import Connection

Seen = TypeVar("Seen", Cluster, "Cluster | None")
# A newer updated_at alone counts as begun only when it stays this long: the conductor saves more than once.
SETTLE_S = 3.0
# How often it is asked whether the backend has ended, or works no more, while Magnum goes on showing IN_PROGRESS.
STALL_LOOK_S = 30.0


@dataclass(frozen=True)
class Follower:
    """What following a write needs.

    :param explain: makes the error for a cluster that ended FAILED, given the cluster and what was being done.
    :param activity: a few words on what a cluster is busy with, for the live lines.
    :param stall: makes the error for a cluster that is IN_PROGRESS although its backend has ended, or None; the same.
    :param overdue: makes the error for a wait whose time is over, given the cluster, what was waited for, and the seconds.
    :param idle: whether a cluster's backend has work left to do and does none of it.
    :param trouble: makes the error for a cluster that is IN_PROGRESS and cannot go on as it is, for lack of room or quota, or
        None; the same.
    :param fail_fast: whether trouble ends the wait, found twice in a row; else it is only said.
    """

    api: MagnumApi
    deadline: Deadline
    progress: Progress
    explain: Callable[[Cluster, str], KcloudError]
    activity: Callable[[Cluster], str]
    stall: Callable[[Cluster, str], KcloudError | None]
    overdue: Callable[[Cluster, str, float], WaitTimeout]
    wait: bool = True
    idle: Callable[[Cluster], bool] = field(default=lambda _cluster: False)
    trouble: Callable[[Cluster, str], KcloudError | None] = field(default=lambda _cluster, _doing: None)
    fail_fast: bool = False

    @classmethod
    def explained(
        cls, connection: Connection, api: MagnumApi, deadline: Deadline, progress: Progress, **more: Any
    ) -> Self:
        """A follower whose failures, stalls and timeouts say all that Magnum, Heat and Nova tell of them."""
        return cls(
            api=api,
            deadline=deadline,
            progress=progress,
            explain=partial(failure_of, connection),
            activity=activity_of(connection, api),
            stall=partial(stall_of, connection, api),
            overdue=partial(overdue_of, connection, api),
            idle=partial(idle_of, connection, api),
            trouble=partial(trouble_of, connection, api),
            **more,
        )

    @property
    def watch(self) -> MagnumApi:
        """The API for reads: what was begun is watched through any hiccup, as long as there is time."""
        return self.api.patient(self.deadline)

    # --- reading and waiting

    def settled(self, cluster: Cluster, doing: str = "wait") -> Cluster | None:
        """Wait until nothing is IN_PROGRESS any more; None when the cluster has gone meanwhile."""
        return self.followed(cluster, doing)[0]

    def followed(self, cluster: Cluster, doing: str) -> tuple[Cluster | None, Cluster]:
        """What ``settled`` returns, and the last that was seen of it."""
        found: Cluster | None = cluster
        last = cluster
        stalled, troubled = (TwiceInARow(self.deadline.clock, STALL_LOOK_S) for _each in range(2))
        for found in self.looks(cluster, lambda: self.watch.cluster(cluster.id), f"cluster '{cluster.name}' to settle"):
            if found is None or not Status.in_progress(found.status):
                break
            last = found
            self.say(found, doing)
            if stalled.due:
                error = self.stall(found, doing)
                if stalled.again(error is not None) and error is not None:
                    raise error
                self._look_for_trouble(found, doing, troubled)
        return found, last

    def _look_for_trouble(self, cluster: Cluster, doing: str, troubled: TwiceInARow) -> None:
        """Say what keeps the cluster from going on, while Magnum and its driver go on trying.

        :raises KcloudError: found twice in a row, where the user wants to fail fast.
        """
        found = None if Status.going(cluster.status) else self.trouble(cluster, doing)
        twice = troubled.again(found is not None)
        if found is not None:
            self.progress.say(f"{doing}, in trouble", f"{found.code}: {found.reason}", self.deadline.elapsed)
            if twice and self.fail_fast:
                raise found

    def looks(
        self, cluster: Cluster, look: Callable[[], Seen], what: str, within: float | None = None, quick: bool = False
    ) -> Iterator[Cluster | Seen]:
        """The cluster as it is now and later; the looks go on until the caller has seen enough.

        :param look: asks for the next state.
        :param what: what is waited for.
        :param within: seconds after which the looks end without an error.
        :param quick: look more often than a transition takes.
        :raises WaitTimeout: the deadline has passed; with the last state seen.
        """
        return states(
            cluster,
            look,
            self.deadline,
            lambda last: self.overdue(last or cluster, what, self.deadline.limit),
            within=within,
            pauses=intervals(first=0.5, longest=2.0) if quick else None,
        )

    def say(self, cluster: Cluster, doing: str) -> None:
        if not self.progress.heard:
            return
        state = ", ".join(filter(None, [cluster.status, self.activity(cluster)]))
        self.progress.say(doing, state, self.deadline.elapsed, self.deadline.limit)

    def present(self, cluster: Cluster) -> Cluster:
        found = self.watch.cluster(cluster.id)
        if found is None:
            raise NotFound(
                f"Failed to find cluster '{cluster.name}' any more",
                resource=f"cluster/{cluster.name}",
                reason="another client deleted it while it was being changed",
                hint="Run again to create it anew",
            )
        return found

    def begun(self, before: Cluster, is_done: Callable[[], bool | None], within: float) -> Cluster | None:
        """The cluster once its transition or its effect is seen; None when nothing moved."""
        newer_since: float | None = None
        what = f"cluster '{before.name}' to begin"
        for found in self.looks(self.present(before), lambda: self.present(before), what, within, quick=True):
            if Status.in_progress(found.status):
                return found
            if (found.updated_at, found.status) != (before.updated_at, before.status):
                now = self.deadline.clock.now()
                newer_since = now if newer_since is None else newer_since
                if now - newer_since >= SETTLE_S and (found.status != before.status or is_done()):
                    return found
        return found if is_done() else None

    def ended(self, cluster: Cluster, doing: str) -> Cluster:
        """The cluster after its transition.

        :raises OperationFailed: it ended in a FAILED state.
        """
        return self.ended_or_lost(cluster, doing) or self.present(cluster)

    def ended_or_lost(self, cluster: Cluster, doing: str) -> Cluster | None:
        """The same; None when it vanished although nobody was seen to delete it."""
        found, last = self.followed(cluster, doing)
        if found is None:
            return self.present(cluster) if (last.status or "").startswith("DELETE_") else None
        self.say(found, doing)
        if Status.failed(found.status):
            raise self.explain(self.watch.with_groups(found), doing)
        return found
