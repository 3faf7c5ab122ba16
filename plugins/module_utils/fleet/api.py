# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Magnum for many writers at once: looks of the same moment share one list."""

from __future__ import annotations

import contextlib
import copy
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import KcloudError, Unreadable
from ansible_collections.kcloud.infrastructure.plugins.module_utils.ids import is_uuid
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.apply.api import MagnumApi
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import Cluster, Status

if TYPE_CHECKING:
    from openstack.connection import Connection

# One list costs Magnum about as much as single looks at a quarter of its clusters: it asks Keystone for every cluster of a list,
# and a single look goes through authentication, policy and the database by itself.
SHARE_THAT_PAYS = 0.25


class SharedList:
    """A list that is read once for all who want it at the same time.

    Whoever asks gets a list that began after the question: what was sent before is in it.
    """

    def __init__(self) -> None:
        self._turn = threading.Condition()
        self._begun = 0
        self._ended = 0
        self._reading = False
        self._answer: list[Cluster] = []
        self._error: Exception | None = None
        self._at_work = 0

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """One more writer is at work for the time of the block."""
        with self._turn:
            self._at_work += 1
        try:
            yield
        finally:
            with self._turn:
                self._at_work -= 1

    @property
    def crowded(self) -> bool:
        """Whether more than one writer is at work: a list that one of them needs serves the others, too."""
        return self._at_work > 1

    @property
    def pays(self) -> bool:
        """Whether a list costs less than single looks of all who are at work."""
        return self.crowded and self._at_work >= SHARE_THAT_PAYS * len(self._answer)

    def read(self, call: Callable[[], list[Cluster]]) -> list[Cluster]:
        """The next list that begins; read here, or by another thread.

        :raises KcloudError: it could not be read.
        """
        with self._turn:
            wanted = self._begun + 1
            while self._ended < wanted and self._reading:
                self._turn.wait()
            if self._ended >= wanted:
                return self._given()
            self._reading, self._begun = True, wanted
        answer: list[Cluster] = self._answer
        error: Exception | None = None
        try:
            answer = call()
        except Exception as caught:  # noqa: BLE001 - whatever it is, all who wait must learn of it
            error = caught
        with self._turn:
            self._reading, self._ended = False, wanted
            self._answer, self._error = answer, error
            self._turn.notify_all()
            return self._given()

    def _given(self) -> list[Cluster]:
        if self._error is None:
            return self._answer
        # Each caller adds to its own error what it had changed before.
        error = copy.copy(self._error)
        if isinstance(error, KcloudError):
            error.details = dict(error.details)
        raise error


class FleetApi(MagnumApi):
    """Magnum for one project, watched by many writers: they share the lists that they need.

    While so many are at work that a list costs less than their single looks, it stands in for those, too. Only looks of a wait
    (``patient``) are shared; what a plan is made from is read for it.
    """

    def __init__(self, connection: Connection, cap: str | None = None) -> None:
        super().__init__(connection, cap)
        self._shared = SharedList()

    def at_work(self) -> contextlib.AbstractContextManager[None]:
        """To be entered by every writer for as long as it changes and follows one cluster."""
        return self._shared.at_work()

    @property
    def _shares(self) -> bool:
        return self._until is not None and self._shared.crowded

    def clusters(self) -> list[Cluster]:
        if not self._shares:
            return super().clusters()
        return self._shared.read(super().clusters)

    def cluster(self, name_or_id: str) -> Cluster | None:
        # Only a single read shows faults, and an absence counts when a single read says the same.
        found = self._in_shared(name_or_id)
        return super().cluster(name_or_id) if found is None or Status.failed(found.status) else found

    def look(self, name_or_id: str) -> Cluster | None:
        if not self._is_shared(name_or_id):
            return super().look(name_or_id)
        found = self._in_shared(name_or_id)
        return super().cluster(name_or_id) if found is not None and Status.failed(found.status) else found

    def _is_shared(self, name_or_id: str) -> bool:
        return self._shares and self._shared.pays and is_uuid(name_or_id)

    def _in_shared(self, name_or_id: str) -> Cluster | None:
        """The cluster as a shared list shows it; None where it does not, or where a single look costs less."""
        if not self._is_shared(name_or_id):
            return None
        with contextlib.suppress(KcloudError):
            shared = self._shared.read(super().clusters)
            return next((cluster for cluster in shared if cluster.id == name_or_id), None)
        return None

    def _by_list(self, name_or_id: str, missing: bool) -> Cluster | None:
        if self._shares:
            with contextlib.suppress(Unreadable):
                return self.called(name_or_id, self.clusters())
        return super()._by_list(name_or_id, missing)
