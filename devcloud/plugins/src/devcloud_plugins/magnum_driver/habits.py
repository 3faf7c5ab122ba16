# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The habits of the driver: the one schema that the driver and `python -m devcloud driver` share.

A control document has the shape `{"all": {habit: value}, "clusters": {pattern: {habit: value}}}`. A cluster's habits
are, weakest first: the defaults, what its profile does, `all`, and the first pattern that fits the cluster's name.
Patterns are tried in the order of `ordered`: names before wildcards, longer ones before shorter ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from typing import Any

PROFILES = ("own", "capi-helm", "cluster-api")
NODEGROUP_VERBS = ("nodegroup_create", "nodegroup_update", "nodegroup_delete")
VERBS = ("create", "resize", "upgrade", "delete", "rotate_ca", *NODEGROUP_VERBS)
# A certificate authority's rotation is a call that has already replaced the certificates when the driver is asked.
LOSABLE_VERBS = tuple(verb for verb in VERBS if verb != "rotate_ca")
SHORTHANDS = {"nodegroup": NODEGROUP_VERBS}
HEALTH = ("", "HEALTHY", "UNHEALTHY", "UNKNOWN")
FAIL_AT = ("end", "submit", "never")
LONGEST_TRANSITION = 86400

Document = dict[str, dict[str, Any]]


class HabitError(ValueError):
    """A habit or value that does not exist; the text says what would."""


def _habit(kind: str, default: Any, text: str, allowed: Iterable[str] = (), **by_profile: Any) -> Any:
    """One row of the schema; `by_profile` has underscores where the profile's name has hyphens."""
    profiles = {name.replace("_", "-"): value for name, value in by_profile.items()}
    return field(  # pylint: disable=invalid-field-call  # it is the class below that it is for
        default=default, metadata={"kind": kind, "text": text, "allowed": tuple(allowed), "profiles": profiles}
    )


@dataclass(frozen=True)
class Habits:
    """The habits in force for one cluster."""

    profile: str = _habit("choice", "own", "which driver to behave like", PROFILES)
    transition_seconds: float = _habit("seconds", 3.0, "how long each change takes; seen at Magnum's next 10 s look")
    stall: tuple[str, ...] = _habit("verbs", (), "changes that stay IN_PROGRESS as long as this is set", VERBS)
    fail_on: tuple[str, ...] = _habit("verbs", (), "changes that end in *_FAILED", VERBS)
    fail_at: str = _habit(
        "choice",
        "end",
        "when a change of fail_on fails: at its end, at once, or never (then it stalls)",
        FAIL_AT,
        capi_helm="never",
        cluster_api="submit",
    )
    fail_reason: str = _habit("text", "No valid host was found. There are not enough hosts available.", "what it says")
    drop: tuple[str, ...] = _habit("verbs", (), "changes that are accepted with 202 and then lost", LOSABLE_VERBS)
    drop_once: tuple[str, ...] = _habit("verbs", (), "the same, each cluster's first time only", LOSABLE_VERBS)
    ignore_nodes_to_remove: bool = _habit(
        "bool", False, "a shrinking group loses other nodes than named", capi_helm=True
    )
    patch_node_count: bool = _habit("bool", False, "PATCH node_count works (else UPDATE_FAILED)", capi_helm=True)
    masters_odd_only: bool = _habit(
        "bool", False, "masters resize only to odd numbers", capi_helm=True, cluster_api=True
    )
    upgrade_all_groups: bool = _habit(
        "bool", False, "an upgrade takes every group along, not only the default ones", capi_helm=True, cluster_api=True
    )
    upgrade_needs_kube_tag: bool = _habit("bool", False, "upgrade fails without the label kube_tag", cluster_api=True)
    parallel_changes_fail: bool = _habit(
        "bool", False, "a second change fails while one of another group runs", capi_helm=True
    )
    rotate_ca: bool = _habit(
        "bool", True, "the certificate authority can be rotated", capi_helm=False, cluster_api=False
    )
    rotate_credential: bool = _habit("bool", True, "the cluster's credential can be rotated", cluster_api=False)
    autoscaler: bool = _habit("bool", False, "an autoscaler owns the workers: resize changes no node")
    autoscaler_by_label: bool = _habit(
        "bool", False, "the label auto_scaling_enabled switches the autoscaler on", capi_helm=True, cluster_api=True
    )
    sync_count: bool = _habit(
        "bool",
        False,
        "under an autoscaler node_count tells the truth (else the number last asked for)",
        cluster_api=True,
    )
    hide_addresses: bool = _habit("bool", False, "node_addresses stay empty, as Cluster-API drivers leave them")
    api_address: str = _habit("text", "", "the API address of clusters that finish a change (empty: a made-up one)")
    health_status: str = _habit(
        "choice", "", "health set at the end of a change and each minute (empty: left alone)", HEALTH
    )


SCHEMA = {row.name: row for row in fields(Habits)}


def parse(name: str, value: Any) -> Any:
    """Check one habit's value, as JSON or as the text of a command line, and return it in its own type."""
    if name not in SCHEMA:
        raise HabitError(f"There is no habit {name!r}. Habits: {', '.join(SCHEMA)}")
    meta = SCHEMA[name].metadata
    try:
        return _PARSERS[meta["kind"]](value, meta["allowed"])
    except HabitError as error:
        raise HabitError(f"{name}: {error}") from None


def _parse_bool(value: Any, _allowed: tuple[str, ...]) -> bool:
    text = str(value).strip().lower()
    if text in {"true", "yes", "on", "1"}:
        return True
    if text in {"false", "no", "off", "0"}:
        return False
    raise HabitError(f"{value!r} is neither true nor false")


def _parse_seconds(value: Any, _allowed: tuple[str, ...]) -> float:
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        raise HabitError(f"{value!r} is not a number of seconds") from None
    if isinstance(value, bool) or not math.isfinite(seconds) or not 0 <= seconds <= LONGEST_TRANSITION:
        raise HabitError(f"{value!r} is not between 0 and {LONGEST_TRANSITION} seconds")
    return seconds


def _parse_choice(value: Any, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise HabitError(f"{value!r} is none of {', '.join(choice or '(empty)' for choice in allowed)}")
    return value


def _parse_text(value: Any, _allowed: tuple[str, ...]) -> str:
    if not isinstance(value, str):
        raise HabitError(f"{value!r} is not a text")
    return value


def _parse_verbs(value: Any, allowed: tuple[str, ...]) -> tuple[str, ...]:
    """Verbs from a list or `a,b`; true and false stand for all and none, `nodegroup` for the three verbs of a group."""
    if isinstance(value, bool) or str(value).lower() in {"true", "false"}:
        return allowed if str(value).lower() == "true" else ()
    words = value.split(",") if isinstance(value, str) else value
    if not isinstance(words, list | tuple):
        raise HabitError(f"{value!r} is not a list of verbs")
    chosen: set[str] = set()
    for word in (str(word).strip() for word in words):
        chosen.update(SHORTHANDS.get(word, (word,)) if word else ())
    unknown = sorted(chosen - set(allowed))
    if unknown:
        raise HabitError(f"{', '.join(unknown)}: none of {', '.join((*allowed, *SHORTHANDS))}, true, false")
    return tuple(verb for verb in allowed if verb in chosen)


_PARSERS = {
    "bool": _parse_bool,
    "seconds": _parse_seconds,
    "choice": _parse_choice,
    "text": _parse_text,
    "verbs": _parse_verbs,
}


def parse_document(data: Any) -> Document:
    """Check a whole control document (the parsed JSON) and return it with every value in its own type."""
    if not isinstance(data, Mapping) or not set(data) <= {"all", "clusters"}:
        raise HabitError("The control document must be an object with the keys 'all' and 'clusters' only")
    clusters = data.get("clusters", {})
    if not isinstance(clusters, Mapping):
        raise HabitError("'clusters' must be an object of patterns")
    return {
        "all": _parse_rows("all", data.get("all", {})),
        "clusters": {pattern: _parse_rows(pattern, rows) for pattern, rows in clusters.items()},
    }


def _parse_rows(where: str, rows: Any) -> dict[str, Any]:
    if not isinstance(rows, Mapping):
        raise HabitError(f"{where!r} must be an object of habits")
    return {name: parse(name, value) for name, value in rows.items()}


def ordered(patterns: Iterable[str]) -> list[str]:
    """Patterns in the order in which they are tried, so that a narrow one is never hidden by a wide one."""
    return sorted(patterns, key=lambda pattern: (any(sign in pattern for sign in "*?["), -len(pattern), pattern))


def resolve(document: Document, cluster: str | None = None) -> Habits:
    """Return the habits in force for a cluster of that name, or for no cluster in particular."""
    said = dict(document.get("all", {}))
    clusters = document.get("clusters", {})
    if cluster is not None:
        fitting = [pattern for pattern in ordered(clusters) if fnmatchcase(cluster, pattern)]
        said.update(clusters[fitting[0]] if fitting else {})
    profile = said.get("profile", SCHEMA["profile"].default)
    of_profile = {
        name: row.metadata["profiles"][profile] for name, row in SCHEMA.items() if profile in row.metadata["profiles"]
    }
    return Habits(**{**of_profile, **said})
