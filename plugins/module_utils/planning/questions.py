# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The two questions that a match answers, for one workload and for many: options in, plain answer out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest, KcloudError
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning import answer, auditing, match
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.audit_acts import Breach
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.fleet import read_batch, read_request
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.reading import mappings
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.state import check_plan
from ansible_collections.kcloud.infrastructure.plugins.module_utils.selection import is_chosen

Plain = dict[str, Any]
Params = Mapping[str, Any]
# The search of a batch goes on for so many thousand steps, for each second that it may take: a fraction of what a second is
# good for, so that the clock ends it only on a machine that does much else
STEPS_PER_SECOND = 1


def at_least_one(params: Params, name: str) -> None:
    """Refuse an option that counts something and is below 1."""
    if params[name] is not None and params[name] < 1:
        raise InvalidRequest(
            f"Failed to read option '{name}': {params[name]} is not a whole number of at least 1",
            resource=name,
            hint="Give 1 or more, or leave it out",
        )


def sound(breaches: Sequence[Breach]) -> None:
    """Refuse to answer with a plan that breaks a rule: that is a fault of the planner, and no plan is better than a wrong one."""
    if breaches:
        first = breaches[0]
        raise KcloudError(
            "Failed to decide: the plan breaks a rule, and was not answered",
            code="PLAN_UNSOUND",
            resource=first.object,
            reason=f"{first.code}: need {first.need}, have {first.have}; {len(breaches)} such breaches",
            hint="Report this with the options of the task; until it is mended, leave out the workload that is named",
        )


def names_of(fleet: Plain) -> frozenset[str]:
    """The names that clusters of a fleet have, and a new cluster cannot get."""
    return frozenset(str(given.get("name")) for _path, given in mappings(fleet.get("clusters"), "fleet.clusters"))


def only(fleet: Plain, patterns: Sequence[str] | None) -> Plain:
    """The fleet with the clusters that are named, by id or by a name like a pattern; without patterns all."""
    if patterns is None:
        return fleet
    clusters = mappings(fleet.get("clusters"), "fleet.clusters")
    kept = [given for _path, given in clusters if is_chosen(str(given.get("name")), given.get("id"), patterns)]
    return {**fleet, "clusters": kept}


class One:
    """One workload: every candidate judged."""

    def read(self, params: Params, question: Plain, fleet: Plain) -> Any:
        return read_request(params["workload"], fleet, **question)

    def carriers(self, params: Params, question: Plain, fleet: Plain) -> frozenset[str]:
        request = self.read(params, question, fleet)
        return match.carriers(request.fleet, [request.workload])

    def answer(self, params: Params, question: Plain, fleet: Plain, taken: Collection[str] = ()) -> Plain:
        """Decide.

        :param taken: names that a new cluster cannot get.
        :raises Conflict: it is not the decision that ``expected_state`` says.
        """
        request = self.read(params, question, fleet)
        decision = match.match(request)
        sound(auditing.audit_match(decision))
        found = answer.answer(decision, params["max_candidates"], params.get("new_cluster_name"), taken)
        check_plan(params["expected_state"], found["state_digest"])
        return found


class Many:
    """Many workloads: one plan for all."""

    def read(self, params: Params, question: Plain, fleet: Plain) -> Any:
        return read_batch(params["workloads"], fleet, **question)

    def carriers(self, params: Params, question: Plain, fleet: Plain) -> frozenset[str]:
        workloads, found, _policy = self.read(params, question, fleet)
        return match.carriers(found, workloads)

    def answer(self, params: Params, question: Plain, fleet: Plain, taken: Collection[str] = ()) -> Plain:
        """Decide.

        :param taken: names that a new cluster cannot get.
        :raises Conflict: it is not the decision that ``expected_state`` says.
        """
        # One workload needs none of this
        from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning import batch, batch_answer
        from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.batch_model import Batch

        seconds = params["time_limit"]
        wanted = Batch(*self.read(params, question, fleet), effort=seconds * STEPS_PER_SECOND, seconds=seconds)
        plan = batch.plan(wanted)
        sound(auditing.audit_batch(plan))
        found = batch_answer.answer(plan, params["max_candidates"], params.get("new_cluster_name"), taken)
        check_plan(params["expected_state"], found["state_digest"])
        return found


one, many = One(), Many()
