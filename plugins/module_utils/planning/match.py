# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Match: one workload -> the best of everything that could be done for it.

Every candidate is judged: each existing cluster and group as it is, each group scaled out, each cluster that could be
created. Nothing is sampled, so the best found is the best there is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product
from operator import itemgetter

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.feasibility import Memo, judge
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.fragmentation import gauge, mix, supply
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import (
    ACTIONS,
    Candidate,
    Cluster,
    ClusterType,
    Decision,
    Flavor,
    Fleet,
    Group,
    Part,
    Ranked,
    Request,
    Slot,
    TypeGroup,
    Verdict,
    Workload,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.objective import (
    MEASURED,
    effects_on_nodes,
    is_home,
    measure,
    order_of_terms,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.shortage import can_carry

Form = tuple[Part, ...]
# Codes of what speaks for a candidate: its way, and the terms in which none is better.
WAYS = {"use": "ROOM_ON_RUNNING_NODES", "scale": "SCALES_WITHIN_MAX", "create": "NEW_CLUSTER"}
# How far a candidate is from carrying the workload whose devices it does not have.
STRANGE = {"WRONG_ACCEL_KIND": 2, "WRONG_ACCEL_MODEL": 1}
BEST = {"cost": "CHEAPEST", "utilisation": "LEAST_FRAGMENTATION", "power": "LEAST_POWER"}


def match(request: Request) -> Decision:
    """Judge every candidate, rank them, choose."""
    memo: Memo = {}
    verdicts = [judge(request, candidate, memo) for candidate in candidates(request)]
    terms = ("cost", "disruption", "health", *order_of_terms(request))
    feasible = ranked(request, [verdict for verdict in verdicts if verdict.feasible], terms)
    refused = sorted((verdict for verdict in verdicts if not verdict.feasible), key=_closeness)
    chosen, stays = choose(request, feasible)
    if chosen is not None:
        feasible = [chosen, *(entry for entry in feasible if entry is not chosen)]
    reasons = explained(request, feasible, terms, stays)
    return Decision(
        request=request,
        ranking=(*reasons, *(Ranked(verdict) for verdict in refused)),
        chosen=reasons[0] if reasons else None,
        new=next((entry for entry in reasons if entry.verdict.candidate.action == "create"), None),
        runner_up=reasons[1] if len(reasons) > 1 else None,
        stays=stays,
        terms=terms,
    )


# --- what could be done


def candidates(request: Request) -> Iterator[Candidate]:
    """Everything that could be done, in a fixed order."""
    forms = request.workload.forms
    for cluster in request.fleet.clusters:
        for form in forms:
            for groups in seats(form, cluster.groups):
                slots = tuple(map(Slot, form, groups))
                yield Candidate("use", cluster, slots)
                yield Candidate("scale", cluster, slots)
    for cluster_type in request.fleet.types:
        for form in forms:
            for seated in type_seats(form, cluster_type.groups):
                yield new_cluster(request.fleet, cluster_type, form, seated)


def seats(form: Form, groups: tuple[Group, ...]) -> Iterator[tuple[Group, ...]]:
    """The ways to give each part of a replica a group.

    A plain workload may try every group. Where several kinds of accelerators are asked for, a part looks at the groups
    that have its kinds; of several parts each has a group of its own, and one that finds none takes any, to report what
    is missing there.
    """
    if _is_plain(form):
        yield from ((group,) for group in groups)
        return
    able = [tuple(group for group in groups if _kinds(part) <= group.flavor.kinds) for part in form]
    if len(form) > 1:
        able = [found or groups[: len(form)] for found in able]
    lone = len(groups) == 1 and not set().union(*map(_kinds, form)) <= groups[0].flavor.kinds
    yield from (chosen for chosen in product(*able) if lone or _distinct(chosen))


def type_seats(form: Form, groups: tuple[TypeGroup, ...]) -> Iterator[tuple[tuple[TypeGroup, Flavor], ...]]:
    """The ways to give each part a group of a cluster type, with one of the flavors that the group may take."""
    offers = [(group, flavor) for group in groups for flavor in group.flavors]
    able = [[offer for offer in offers if _is_plain(form) or _kinds(part) <= offer[1].kinds] for part in form]
    yield from (chosen for chosen in product(*able) if _distinct(group for group, _flavor in chosen))


def _is_plain(form: Form) -> bool:
    """Whether all that is asked lies on one node with at most one kind of accelerator."""
    return len(form) == 1 and len(form[0].demands) < 2


def _distinct(groups: Iterable[Group | TypeGroup]) -> bool:
    names = [group.name for group in groups]
    return len(set(names)) == len(names)


def _kinds(part: Part) -> set[str]:
    return {demand.kind for demand in part.demands}


def carriers(fleet: Fleet, workloads: Iterable[Workload]) -> frozenset[str]:
    """The names of the flavors whose nodes could carry a part of one of the workloads: other groups' bounds never matter."""
    parts = {part for workload in workloads for form in workload.forms for part in form}
    return frozenset(flavor.name for flavor in fleet.flavors if any(can_carry(part, flavor) for part in parts))


def new_cluster(
    fleet: Fleet, cluster_type: ClusterType, form: Form, seated: Iterable[tuple[TypeGroup, Flavor]]
) -> Candidate:
    """A cluster that could be created: the groups that the workload sits in, and the others at their least."""
    chosen = {group.name: flavor for group, flavor in seated}
    groups = tuple(
        Group(
            name=group.name,
            flavor=chosen.get(group.name) or min(group.flavors, key=lambda flavor: (flavor.price, flavor.name)),
            min_count=group.min_count,
            max_count=group.max_count,
        )
        for group in cluster_type.groups
    )
    cluster = Cluster(
        id="",
        name="",
        type=cluster_type.name,
        groups=groups,
        template=cluster_type.template,
        project=fleet.project,
        latency_ms=cluster_type.latency_ms,
        masters=cluster_type.masters,
    )
    by_name = {group.name: group for group in groups}
    return Candidate("create", cluster, tuple(map(Slot, form, (by_name[group.name] for group, _flavor in seated))))


# --- what is best


def ranked(request: Request, feasible: Iterable[Verdict], terms: tuple[str, ...]) -> list[Ranked]:
    """Feasible candidates, best first, with the values of the terms by which they were compared."""
    parts = [(part, request.workload.replicas) for part in request.workload.forms[-1]]
    fragments = gauge(mix(request.fleet.standing, tuple(parts)), supply(request.fleet))
    effects = effects_on_nodes(fragments, alone=request.workload.isolation == "node")
    in_order = itemgetter(*[MEASURED.index(term) for term in terms])
    found = [Ranked(verdict, None, (), in_order(measure(request, verdict, effects))) for verdict in feasible]
    return sorted(found, key=_order)


def _order(entry: Ranked) -> tuple[tuple[int, ...], int]:
    """By the terms, then by action. Sorting is stable and candidates come in order of name, so names decide last."""
    return entry.terms, ACTIONS.index(entry.verdict.candidate.action)


def _closeness(verdict: Verdict) -> tuple[int, int, int]:
    """Refused candidates: first those with the right devices, then those with the fewest reasons against them.

    Whatever else is missing can be added to what has the right devices.
    """
    farthest = max(STRANGE.get(violation.code, 0) for violation in verdict.why_not)
    return farthest, len(verdict.why_not), ACTIONS.index(verdict.candidate.action)


def choose(request: Request, feasible: list[Ranked]) -> tuple[Ranked | None, bool]:
    """The best; but a workload that stands stays in its cluster unless another is clearly cheaper."""
    if not feasible:
        return None, False
    best = feasible[0]
    home = next((entry for entry in feasible if is_home(request, entry.verdict)), None)
    if home is None:
        return best, False
    there, here = best.verdict.cost or 0, home.verdict.cost or 0
    clearly = there < here and there * 100 <= here * (100 - request.policy.keep_percent)
    return (best, False) if clearly else (home, True)


# --- why


def explained(request: Request, feasible: list[Ranked], terms: tuple[str, ...], stays: bool) -> list[Ranked]:
    """The same candidates with their ranks and the codes that speak for them."""
    places = [(terms.index(term), code) for term, code in BEST.items()]
    least = [(at, min([entry.terms[at] for entry in feasible]), code) for at, code in places if feasible]
    kept = promises(request)
    found = []
    for rank, entry in enumerate(feasible, 1):
        codes = ("STANDING_PLACEMENT",) if stays and rank == 1 else ()
        best = [code for at, value, code in least if entry.terms[at] == value]
        found.append(Ranked(entry.verdict, rank, (*codes, *merits(request, entry.verdict), *best, *kept), entry.terms))
    return found


def merits(request: Request, verdict: Verdict) -> Iterator[str]:
    """What speaks for a feasible candidate by itself."""
    workload, candidate = request.workload, verdict.candidate
    yield WAYS[candidate.action]
    if workload.prefers and candidate.cluster.type == workload.prefers[0]:
        yield "PREFERRED_TYPE"
    if workload.latency_ms is not None and candidate.cluster.latency_ms is not None:
        yield "WITHIN_LATENCY"


def promises(request: Request) -> tuple[str, ...]:
    """What every feasible candidate keeps, since it was asked for."""
    workload = request.workload
    asked = {
        "MODEL_MATCH": any(demand.models for form in workload.forms for part in form for demand in part.demands),
        "WITHIN_POWER_BUDGET": workload.power_budget_mw is not None,
        "WITHIN_PRICE_CAP": workload.max_cost is not None,
        "ISOLATED": workload.isolation != "none",
    }
    return tuple(code for code, wanted in asked.items() if wanted)
