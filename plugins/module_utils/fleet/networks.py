# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The networks of a fleet: one Heat stack each, by Heat's own engine, with ranges of addresses that do not overlap."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import read, side_by_side
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import Conflict, InvalidRequest, KcloudError
from ansible_collections.kcloud.infrastructure.plugins.module_utils.fleet.model import (
    FleetNetwork,
    NetworkStep,
    Report,
    owner_tag,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.apply.api import HeatApi
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.apply.follow import Watch
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model.objects import Desired, Stack
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.plan.networks import free_cidr
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.read.desired import read_desired
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.reconcile import (
    Outcome,
    PlannedStack,
    and_again,
    carried_out,
    planned_stack,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.plan import result_of
from ansible_collections.kcloud.infrastructure.plugins.module_utils.progress import Progress
from ansible_collections.kcloud.infrastructure.plugins.module_utils.wait import Clock, Deadline

if TYPE_CHECKING:
    from openstack.connection import Connection

# The tag of every stack of the collection.
TAG = "kcloud"


@dataclass(frozen=True)
class Networks:
    """What the networks of one run need.

    :param template: text of the Heat template of a network; None where no network is declared.
    :param stacks: the live stacks of the project by name.
    """

    api: HeatApi
    template: str | None
    environment: str | None
    stacks: Mapping[str, Stack]

    def owned(self) -> list[str]:
        """Names of the networks that are marked as this environment's."""
        mark = owner_tag(self.environment)
        return sorted(name for name, stack in self.stacks.items() if mark in stack.tags)

    # --- planning

    def plan(self, connection: Connection, entries: Iterable[FleetNetwork], limit: float) -> tuple[NetworkStep, ...]:
        """The plan for each network, as Heat's preview predicts it.

        :param limit: seconds to wait for anything at most.
        """
        entries = list(entries)
        cidrs = _chosen(connection, [entry for entry in entries if self._needs_range(entry)])
        return tuple(side_by_side(lambda entry: self._planned(entry, cidrs.get(entry.name), limit), entries))

    def _needs_range(self, entry: FleetNetwork) -> bool:
        return entry.present and entry.options.get("cidr") is None and entry.name not in self.stacks

    def _planned(self, entry: FleetNetwork, cidr: str | None, limit: float) -> NetworkStep:
        if not entry.present and entry.name not in self.stacks:
            return NetworkStep(entry, Desired(entry.name))
        desired = Desired(entry.name)
        try:
            self._check_ours(entry)
            if entry.present:
                desired = self._desired(entry, cidr)
            watch = self._watch(Deadline.after(limit, Clock()))
            planned = self._plan_of(watch, entry, desired)
        except InvalidRequest:
            raise
        except KcloudError as error:
            return NetworkStep(entry, desired, error=error)
        return NetworkStep(entry, desired, planned)

    def _check_ours(self, entry: FleetNetwork) -> None:
        """A stack of this name was made by the collection.

        :raises Conflict: it was not: neither is it changed into a network, nor deleted.
        """
        stack = self.stacks.get(entry.name)
        if stack is not None and TAG not in stack.tags:
            raise Conflict(
                f"Failed to use stack '{entry.name}' as a network: it lacks the tag '{TAG}'",
                code="NOT_A_NETWORK",
                resource=f"network/{entry.name}",
                reason="a stack of this name exists that this collection has not made",
                hint="Give the network another name",
            )

    def _desired(self, entry: FleetNetwork, cidr: str | None) -> Desired:
        options = entry.options
        parameters = {
            "name": entry.name,
            "external_network": options["external_network"],
            "cidr": options.get("cidr") or cidr,
            "dns_nameservers": options.get("dns_nameservers"),
        }
        mark = [] if self.environment is None else [owner_tag(self.environment)]
        wanted = {
            "name": entry.name,
            "template_body": self.template,
            "tags": [TAG, *(options.get("tags") or ()), *mark],
            "recreate": True,
            "allow_replace": options["allow_replace"],
        }
        return read_desired(wanted, {key: value for key, value in parameters.items() if value is not None})

    # --- carrying out

    def apply(self, step: NetworkStep, deadline: Deadline) -> Report:
        """Carry one plan out.

        :raises KcloudError: it failed; with what had been done.
        """
        if step.planned is None:
            return network_report(step.entry, None)
        watch, planned = self._watch(deadline), step.planned
        outcome = and_again(
            lambda: carried_out(watch, planned),
            lambda: carried_out(watch, self._plan_of(watch, step.entry, step.desired)),
        )
        return network_report(step.entry, outcome)

    def _plan_of(self, watch: Watch, entry: FleetNetwork, desired: Desired) -> PlannedStack:
        def once() -> PlannedStack:
            return planned_stack(watch, desired, "present" if entry.present else "absent")

        return and_again(once, once)

    def _watch(self, deadline: Deadline) -> Watch:
        return Watch(api=self.api, progress=Progress(), deadline=deadline, clock=deadline.clock)


def network_report(entry: FleetNetwork, outcome: Outcome | None) -> Report:
    """What came of a network, or would."""
    if outcome is None:
        return Report("network", entry.name)
    plan = outcome.plan
    return Report(
        "network",
        entry.name,
        plan.action,
        plan.changed,
        tuple(result_of(plan)["changes"]),
        before=_shown(plan.before),
        after=_shown(outcome.after),
        thing=None if outcome.stack is None or not entry.present else outcome.stack.as_result(),
    )


def _shown(side: Mapping[str, Any]) -> dict[str, Any]:
    """A side of a network's diff: what its template leads to, without the template, which is the same for all."""
    return {key: value for key, value in side.items() if key not in ("template", "environment")}


def _chosen(connection: Connection, entries: list[FleetNetwork]) -> dict[str, str]:
    """A free range of addresses for each new network, all of them different."""
    if not entries:
        return {}
    used = _ranges(connection)
    chosen: dict[str, str] = {}
    for entry in sorted(entries, key=lambda entry: entry.name):
        chosen[entry.name] = free_cidr(
            entry.name, [*used, *chosen.values()], entry.options["pool"], entry.options["prefix"]
        )
    return chosen


def _ranges(connection: Connection) -> list[str]:
    """The ranges of all subnets that the project sees, and those that its routers have routes to."""

    def listed(kind: str) -> list[Any]:
        return read(lambda: list(getattr(connection.network, kind)()), f"list {kind}", "network") or []

    subnets, routers = side_by_side(listed, ("subnets", "routers"))
    routes = [route["destination"] for router in routers for route in router.routes or ()]
    return sorted({*(subnet.cidr for subnet in subnets), *routes} - {"0.0.0.0/0", "::/0"})


def read_networks(
    connection: Connection, interface: str, template: str | None, environment: str | None, *, needed: bool
) -> Networks:
    """The project's stacks, in one list.

    :param needed: whether anything is to be done about networks; without it Heat is not asked.
    """
    api = HeatApi(connection, interface)
    stacks = {stack.name: stack for stack in api.stacks() if not stack.gone} if needed else {}
    return Networks(api, template, environment, stacks)
