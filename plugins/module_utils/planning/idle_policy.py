# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clean-up policies as documents of kind AutomationRule, in three dialects -> one frozen Policy.

- ``policy.kcloud.io/v1``: snake_case; conditions and exceptions are texts such as ``cluster.utilization < 10``.
- ``policy.kcloud-opt.io/v1``: conditions are ``{name, expression}``, and actions name the conditions that they wait for.
- camelCase: conditions are ``{field, operator, value, duration}``, exceptions ``{condition, reason}``.

Keys are brought to snake_case, so that one reader takes all three. What a clean-up cannot honour is refused by name, all of it in one
message: a wish that is dropped in silence could cost a cluster.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.exemptions import (
    EQUALITY,
    Comparison,
    Exemption,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.reading import (
    FALSE_TEXTS,
    mapping,
    refused,
    sequence,
)

OPTION = "policy_document"
API_GROUPS = ("policy.kcloud.io/v1", "policy.kcloud-opt.io/v1")
KIND = "AutomationRule"
ACTIVE = "active"
# The keys that are read, or that only describe: names, texts, and a rank among other policies, of which there is only one
KNOWN = {
    "": ("api_version", "kind", "metadata", "spec", "status"),
    "metadata": ("annotations", "creation_timestamp", "labels", "last_modified", "name", "namespace", "priority",
                 "status", "type", "version"),
    "spec": ("actions", "conditions", "description", "enabled", "exceptions", "execution", "priority", "schedule",
             "status", "target", "triggers", "type"),
    "spec.execution": ("mode",),
    "spec.schedule": ("cron", "interval", "timezone"),
    "spec.target": ("label_selectors",),
    "spec.target.label_selectors": ("match_labels",),
    "condition": ("name", "expression", "description"),
    "field": ("field", "operator", "value", "duration"),
    "exception": ("condition", "name", "expression", "description", "reason"),
    "action": ("type", "name", "conditions", "target", "message", "parameters", "grace_period", "confirm_with"),
    "action.parameters": ("channels", "grace_period", "message"),
    "trigger": ("type", "schedule"),
}  # fmt: skip
ACTIONS = {
    "notify": "notify",
    "notification": "notify",
    "mark": "mark",
    "mark_for_deletion": "mark",
    "delete": "delete",
    "delete_cluster": "delete",
    "park": "park",
    "park_cluster": "park",
    "scale_to_zero": "park",
}
ENDS = ("delete", "park")
# What ``confirm_with`` may name: the answer's own cost, by which a cluster that saves nothing is left alone
COST = "cost_analysis"

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
DURATION = re.compile(r"(?:\d+(?:\.\d+)?[smhd])+")
COMPARED = re.compile(r"(?P<left>\S.*?)\s*(?P<operator>==|!=|<=|>=|=|<|>)\s*(?P<right>\S.*?)\s*")
CONJUNCTION = re.compile(r"\s+(?:AND|&&)\s+", re.IGNORECASE)
ALTERNATIVE = re.compile(r"\s+(?:OR|\|\|)\s+", re.IGNORECASE)
HOURS = re.compile(r"(\d{1,2})(?::00)?\s*-\s*(\d{1,2})(?::00)?\s*h?")
LABEL = re.compile(r"""cluster\.labels(?:\.(?P<dotted>[\w./-]+)|\[(?P<quote>['"])(?P<quoted>[^'"]+)(?P=quote)\])""")
BARE_LABEL = re.compile(r"[A-Za-z0-9][\w./-]*")
WORKLOAD = re.compile(r"workload\b.*")
NUMBER = re.compile(r"\d+(?:\.\d+)?")
NOTHING = FALSE_TEXTS | {"none", "null"}
PLACEHOLDER = re.compile(r"\{\{\s*\.?([\w.]+)\s*\}\}")
PLACES = ("name", "id", "project", "idle_hours", "saving_h")
OPERATORS = {"lt": "<", "lte": "<=", "le": "<=", "gt": ">", "gte": ">=", "ge": ">=", "eq": "==", "ne": "!=", "=": "=="}


@dataclass(frozen=True)
class Notice:
    """Whom to inform. ``message`` may hold placeholders such as ``{{cluster.name}}``; empty is a text of our own."""

    target: str = ""
    message: str = ""
    channels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Policy:
    """What a document says. None stands for "not said": shares per mille, times in seconds.

    ``needs_saving`` leaves clusters alone whose end saves nothing. ``timezone`` is that of all hours, ``schedule`` when to run.
    """

    name: str = ""
    below: int | None = None
    idle_s: int | None = None
    min_age_s: int | None = None
    grace_s: int | None = None
    action: str = "delete"
    exemptions: tuple[Exemption, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    notices: tuple[Notice, ...] = ()
    needs_saving: bool = False
    timezone: str = ""
    schedule: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Action:
    """One action. ``kind`` is one of the values of ACTIONS, ``conditions`` are the names of those that it waits for."""

    kind: str
    path: str
    conditions: tuple[str, ...]
    grace_s: int | None
    confirmed: bool
    notice: Notice | None


class Unread:
    """What cannot be honoured, by its path, and why."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def add(self, path: str, why: str) -> None:
        self.found.append(f"{path} ({why})")

    def keys(self, given: Mapping[str, Any], level: str, path: str) -> None:
        """Every key that nobody reads at this level."""
        for key in given:
            if key not in KNOWN[level]:
                self.add(f"{path}.{key}" if path else key, "a clean-up has nothing that this could set")


# --- a document


def read_policy(document: object) -> Policy:
    """One policy document.

    :raises InvalidRequest: it is not an active AutomationRule, or asks for what a clean-up cannot honour; the message names all of it.
    """
    given = _snake(mapping(document, OPTION))
    spec, metadata = mapping(given.get("spec"), f"{OPTION}.spec"), mapping(given.get("metadata"), f"{OPTION}.metadata")
    _check_kind(given)
    _check_active(given, metadata, spec)
    unread = Unread()
    for level, part in (("", given), ("metadata", metadata), ("spec", spec)):
        unread.keys(part, level, level)
    actions = list(_actions(spec, unread))
    facts = _conditions(spec, actions, unread)
    _check_execution(spec, unread)
    notes = list(_early_notices(actions))
    policy = Policy(
        name=str(metadata.get("name") or "without a name"),
        exemptions=tuple(_exemptions(spec, unread, notes)),
        labels=_target(spec, unread),
        notices=tuple(entry.notice for entry in actions if entry.notice is not None),
        needs_saving=any(entry.confirmed for entry in actions),
        grace_s=max((entry.grace_s for entry in actions if entry.grace_s is not None), default=None),
        action=_end(actions, unread),
        timezone=_timezone(spec, unread),
        schedule=tuple(_when(spec, unread)),
        notes=tuple(notes),
        **facts,
    )
    if unread.found:
        raise InvalidRequest(
            f"Failed to read option '{OPTION}': policy '{policy.name}' asks for what a clean-up cannot honour: "
            + "; ".join(unread.found),
            resource=OPTION,
            hint="Take these out of the document, or put them as the documentation of the module cluster_idle says; nothing was changed",
        )
    return policy


def _snake(value: Any) -> Any:
    """The same with keys in snake_case, but for those below labels and annotations, which are names of their own."""
    if isinstance(value, Mapping):
        found = {re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", str(key)).lower(): entry for key, entry in value.items()}
        own = ("labels", "annotations", "match_labels")
        return {
            key: dict(entry) if key in own and isinstance(entry, Mapping) else _snake(entry)
            for key, entry in found.items()
        }
    return [_snake(entry) for entry in value] if isinstance(value, (list, tuple)) else value


def _check_kind(given: Mapping[str, Any]) -> None:
    group, kind = given.get("api_version", API_GROUPS[0]), given.get("kind")
    if group not in API_GROUPS:
        raise refused(f"{OPTION}.apiVersion", group, f"one of {', '.join(API_GROUPS)}")
    if kind != KIND:
        raise refused(f"{OPTION}.kind", kind, f"{KIND}: only these say what becomes of an idle cluster")


def _check_active(given: Mapping[str, Any], metadata: Mapping[str, Any], spec: Mapping[str, Any]) -> None:
    for path, part in (("", given), ("metadata.", metadata), ("spec.", spec)):
        status = part.get("status", ACTIVE)
        if status not in (ACTIVE, None, ""):
            raise refused(f"{OPTION}.{path}status", status, f"'{ACTIVE}': this policy is not in force")
    if spec.get("enabled", True) is not True:
        raise refused(f"{OPTION}.spec.enabled", spec["enabled"], "true: this policy is not in force")


# --- conditions


def _conditions(spec: Mapping[str, Any], actions: list[Action], unread: Unread) -> dict[str, int]:
    """What all conditions say together: of two that say the same, the one that spares more clusters."""
    facts: dict[str, int] = {}
    named: set[str] = set()
    for index, entry in enumerate(sequence(spec.get("conditions"), f"{OPTION}.spec.conditions")):
        path = f"spec.conditions[{index}]"
        if isinstance(entry, Mapping) and entry.get("name"):
            named.add(str(entry["name"]))
        for field, value in _facts(entry, path, unread):
            facts[field] = (min if field == "below" else max)(facts.get(field, value), value)
    _check_named(named, actions, unread)
    return facts


def _check_named(named: set[str], actions: list[Action], unread: Unread) -> None:
    """Actions that wait for named conditions: all of them count for the end, so each must count for one of its actions."""
    waiting = {name for entry in actions for name in entry.conditions}
    for entry in actions:
        for name in entry.conditions:
            if name not in named:
                unread.add(f"{entry.path}.conditions", f"there is no condition '{name}'")
    ending = [entry for entry in actions if entry.kind != "notify"]
    if waiting and all(entry.conditions for entry in ending):
        for name in sorted(named - {name for entry in ending for name in entry.conditions}):
            unread.add(f"spec.conditions '{name}'", "no action that marks, deletes or parks waits for it")


def _early_notices(actions: Iterable[Action]) -> Iterator[str]:
    """Notices that wait for other conditions than the end does: people are informed when a cluster is marked, not before."""
    actions = list(actions)
    ending = {name for entry in actions for name in entry.conditions if entry.kind != "notify"}
    for entry in actions:
        if entry.kind == "notify" and entry.conditions and set(entry.conditions) != ending:
            yield f"{entry.path}: people are informed when all conditions of the mark hold"


def _facts(entry: object, path: str, unread: Unread) -> Iterator[tuple[str, int]]:
    if isinstance(entry, str):
        yield from _facts_of_text(entry, path, unread)
    elif isinstance(entry, Mapping) and "expression" in entry:
        unread.keys(entry, "condition", path)
        yield from _facts_of_text(str(entry["expression"]), path, unread)
    elif isinstance(entry, Mapping) and "field" in entry:
        unread.keys(entry, "field", path)
        duration = entry.get("duration")
        yield from _fact(str(entry["field"]), str(entry.get("operator")), entry.get("value"), path, unread)
        if duration is not None:
            if _field(str(entry["field"])) == "utilization":
                yield from _fact("idle_duration", ">=", duration, f"{path}.duration", unread)
            else:
                unread.add(f"{path}.duration", "only a utilization lasts")
    else:
        unread.add(path, f"{entry!r} is neither a text nor has it an expression or a field")


def _facts_of_text(written: str, path: str, unread: Unread) -> Iterator[tuple[str, int]]:
    for part in CONJUNCTION.split(written.strip()):
        found = COMPARED.fullmatch(part)
        if found is None or ALTERNATIVE.search(part):
            unread.add(path, f"'{part}' is not a comparison, or an alternative")
        else:
            yield from _fact(found["left"], found["operator"], found["right"], path, unread)


def _field(written: str) -> str:
    """A field as both ways of writing have it: cluster.idleDuration is idle_duration."""
    plain = re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", written).lower()
    return re.sub(r"^cluster[._]", "", plain)


def _fact(field: str, operator: str, value: object, path: str, unread: Unread) -> Iterator[tuple[str, int]]:
    known, sign = _field(field), OPERATORS.get(operator.lower(), operator)
    at_least = sign in (">", ">=")
    share, duration = percent(value), seconds(value)
    if known == "utilization" and sign in ("<", "<=") and share is not None:
        yield "below", share + (sign == "<=")
    elif known == "idle_duration" and at_least and duration is not None:
        yield "idle_s", duration
    elif known == "age" and at_least and duration is not None:
        yield "min_age_s", duration
    elif known == "workload_count" and (sign, str(value).strip()) in (("==", "0"), ("<", "1"), ("<=", "0")):
        # A cluster with a workload is never idle
        return
    else:
        unread.add(path, f"'{field} {operator} {value}' is not among the conditions that a clean-up knows")


def percent(value: object) -> int | None:
    """A share of a hundred as ``10``, ``"10"`` or ``"10%"``, per mille; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*%?", str(value).strip())
    share = round(float(found[1]) * 10) if found else None
    return share if share is not None and share <= 1000 else None


def seconds(value: object) -> int | None:
    """A duration such as ``2h`` or ``1h30m``; None for anything else, a number without a unit among them."""
    written = str(value).strip().lower()
    if not DURATION.fullmatch(written):
        return None
    return round(sum(float(entry[:-1]) * UNITS[entry[-1]] for entry in re.findall(r"[\d.]+[smhd]", written)))


# --- exceptions


def _exemptions(spec: Mapping[str, Any], unread: Unread, notes: list[str]) -> Iterator[Exemption]:
    for index, entry in enumerate(sequence(spec.get("exceptions"), f"{OPTION}.spec.exceptions")):
        path = f"spec.exceptions[{index}]"
        reason = ""
        if isinstance(entry, Mapping):
            unread.keys(entry, "exception", path)
            reason = str(entry.get("reason") or entry.get("description") or "")
            entry = entry.get("condition", entry.get("expression"))
        if not isinstance(entry, str) or not entry.strip():
            unread.add(path, f"{entry!r} is not a condition as text")
            continue
        for alternative in ALTERNATIVE.split(entry.strip()):
            compared = [_comparisons(part, path, unread) for part in CONJUNCTION.split(alternative)]
            if None in compared:
                notes.append(f"exception '{alternative}': a cluster with any workload is left alone in any case")
            else:
                yield Exemption(tuple(one for several in compared for one in several or ()), reason)


def _comparisons(part: str, path: str, unread: Unread) -> tuple[Comparison, ...] | None:
    """One comparison, or two for a window of hours; None for one of workloads, which the rule about workloads covers."""
    window, found = HOURS.fullmatch(part.strip()), COMPARED.fullmatch(part)
    if window and int(window[1]) < int(window[2]) <= 24:
        return Comparison("", ">=", int(window[1])), Comparison("", "<", int(window[2]))
    if found is None:
        unread.add(path, f"'{part}' is not a comparison")
        return ()
    left, value = found["left"], found["right"].strip("'\"")
    sign = OPERATORS.get(found["operator"], found["operator"])
    if WORKLOAD.fullmatch(left):
        if not _needs_workload(sign, value):
            unread.add(
                path, f"'{part}' holds also where no workload is, and a clean-up knows only whether there is any"
            )
        return None
    if _field(left) in ("time.hour", "hour") and value.isdecimal() and int(value) <= 24:
        return (Comparison("", sign, int(value)),)
    label = LABEL.fullmatch(left)
    name = label["dotted"] or label["quoted"] if label else left if _is_bare(left) else ""
    if name and sign in EQUALITY:
        return (Comparison(name, sign, value.strip().lower()),)
    unread.add(path, f"'{part}' compares neither a label of the cluster nor time.hour")
    return ()


def _needs_workload(sign: str, value: str) -> bool:
    """Whether a comparison of workloads fails where there is none, whose values are 0, no and nothing."""
    if NUMBER.fullmatch(value):
        return sign == ">" or (sign in ("==", ">=") and float(value) > 0)
    return sign == "==" and value.lower() not in NOTHING


def _is_bare(left: str) -> bool:
    """Whether a name without anything before it is that of a label: persistent, or sched.ai/rescheduling."""
    return bool(BARE_LABEL.fullmatch(left)) and not left.lower().startswith(("cluster.", "time.", "node."))


# --- actions


def _actions(spec: Mapping[str, Any], unread: Unread) -> Iterator[Action]:
    for index, entry in enumerate(sequence(spec.get("actions"), f"{OPTION}.spec.actions")):
        path = f"spec.actions[{index}]"
        given = mapping(entry, f"{OPTION}.{path}")
        kind = ACTIONS.get(_field(str(given.get("type"))).replace("-", "_"))
        if kind is None:
            unread.add(path, f"type '{given.get('type')}' is not one of {', '.join(ACTIONS)}")
            continue
        unread.keys(given, "action", path)
        parameters = mapping(given.get("parameters"), f"{OPTION}.{path}.parameters")
        unread.keys(parameters, "action.parameters", f"{path}.parameters")
        yield Action(
            kind,
            path,
            tuple(str(name) for name in sequence(given.get("conditions"), f"{OPTION}.{path}.conditions")),
            _grace(given, parameters, path, unread),
            _confirmed(given.get("confirm_with"), path, unread),
            _notice(given, parameters, path, unread) if kind == "notify" else None,
        )


def _grace(given: Mapping[str, Any], parameters: Mapping[str, Any], path: str, unread: Unread) -> int | None:
    written = given.get("grace_period", parameters.get("grace_period"))
    found = None if written is None else seconds(written)
    if written is not None and found is None:
        unread.add(f"{path}.grace_period", f"{written!r} is not a duration such as 1h")
    return found


def _confirmed(written: object, path: str, unread: Unread) -> bool:
    if written not in (None, COST):
        unread.add(f"{path}.confirm_with", f"{written!r} is not {COST}; to approve a plan yourself, use expected_state")
    return written == COST


def _notice(given: Mapping[str, Any], parameters: Mapping[str, Any], path: str, unread: Unread) -> Notice:
    message = str(given.get("message", parameters.get("message")) or "")
    for place in PLACEHOLDER.findall(message):
        if _field(place) not in PLACES:
            unread.add(f"{path}.message", f"'{place}' is not one of cluster.{', cluster.'.join(PLACES)}")
    channels = tuple(
        str(entry) for entry in sequence(parameters.get("channels"), f"{OPTION}.{path}.parameters.channels")
    )
    return Notice(str(given.get("target") or ""), message, channels)


def rendered(message: str, values: Mapping[str, str]) -> str:
    """A message with its placeholders filled in, ``values`` by the names of PLACES."""
    return PLACEHOLDER.sub(lambda found: values[_field(found[1])], message)


def _end(actions: Collection[Action], unread: Unread) -> str:
    ends = sorted({entry.kind for entry in actions} & set(ENDS))
    if len(ends) != 1:
        unread.add("spec.actions", f"one of delete_cluster and park_cluster is needed, and {len(ends)} are there")
    return ends[0] if ends else "delete"


# --- when, and for whom


def _target(spec: Mapping[str, Any], unread: Unread) -> tuple[tuple[str, str], ...]:
    """The labels that a cluster must have."""
    target = mapping(spec.get("target"), f"{OPTION}.spec.target")
    unread.keys(target, "spec.target", "spec.target")
    selectors = mapping(target.get("label_selectors"), f"{OPTION}.spec.target.label_selectors")
    unread.keys(selectors, "spec.target.label_selectors", "spec.target.label_selectors")
    wanted = mapping(selectors.get("match_labels"), f"{OPTION}.spec.target.label_selectors.match_labels")
    return tuple(sorted((str(key), str(value).strip().lower()) for key, value in wanted.items()))


def _timezone(spec: Mapping[str, Any], unread: Unread) -> str:
    schedule = mapping(spec.get("schedule"), f"{OPTION}.spec.schedule")
    unread.keys(schedule, "spec.schedule", "spec.schedule")
    return str(schedule.get("timezone") or "")


def _check_execution(spec: Mapping[str, Any], unread: Unread) -> None:
    execution = mapping(spec.get("execution"), f"{OPTION}.spec.execution")
    unread.keys(execution, "spec.execution", "spec.execution")
    if execution.get("mode", "automatic") != "automatic":
        unread.add("spec.execution.mode", f"'{execution['mode']}' is not automatic; without it, run dry")


def _when(spec: Mapping[str, Any], unread: Unread) -> Iterator[str]:
    """When the policy wants to be looked at. Whoever starts the runs keeps to it; the answer repeats it."""
    schedule = mapping(spec.get("schedule"), f"{OPTION}.spec.schedule")
    yield from (f"{key} {schedule[key]}" for key in ("cron", "interval") if schedule.get(key))
    for index, entry in enumerate(sequence(spec.get("triggers"), f"{OPTION}.spec.triggers")):
        path = f"spec.triggers[{index}]"
        given = mapping(entry, f"{OPTION}.{path}")
        if given.get("type") == "time-based":
            unread.keys(given, "trigger", path)
            yield f"cron {given.get('schedule')}"
        else:
            unread.add(path, f"type '{given.get('type')}' is not time-based: start the run yourself when it happens")
