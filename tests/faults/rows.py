# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table: which faults meet which verb, and what must come of it.

A row is a fault x a verb. All rows demand the same besides what they expect: the result's `changed` is what the APIs
show, there is one object of the name, the same run again succeeds, and once more changes nothing; nowhere a traceback or a
secret.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TEMPLATE = "test-faults-template"
IMAGE = "ubuntu-capi"
Params = dict[str, Any]
Step = tuple[str, Params]

STACK = {
    "heat_template_version": "wallaby",
    "parameters": {"length": {"type": "number", "default": 8}},
    "resources": {"text": {"type": "OS::Heat::RandomString", "properties": {"length": {"get_param": "length"}}}},
}


@dataclass(frozen=True)
class Verb:
    """Something that a module does to an object called `name`.

    :param step: name -> (module, parameters).
    :param before: name -> the steps that make what the verb needs.
    :param write: method and path of the request that does it.
    :param look: path of the requests that read the object.
    :param kind: the key of `Truth.all_of` that the verb is about.
    :param present: whether there is one such object in the end.
    """

    step: Callable[[str], Step]
    write: tuple[str, str]
    look: str
    kind: str
    before: tuple[Callable[[str], Step], ...] = ()
    present: bool = True


def _cluster(name: str, **more: Any) -> Step:
    return "magnum_cluster", {"name": name, "cluster_template": TEMPLATE, "timeout": 240, **more}


def _stack(name: str, **more: Any) -> Step:
    return "heat_stack", {"name": name, "template_body": STACK, "timeout": 240, **more}


def template_step(name: str, **more: Any) -> Step:
    made_of = {"image": IMAGE, "coe": "kubernetes", "external_network": "public", "network_driver": "calico"}
    return "magnum_cluster_template", {
        "name": name, "flavor": "cpu.medium", "master_flavor": "cpu.medium", **made_of, **more,
    }  # fmt: skip


def credential_step(name: str) -> Step:
    path = Path(tempfile.gettempdir(), "kcloud-faults", name, "clouds.yaml")
    return "application_credential", {"name": name, "path": str(path), "roles": ["member"]}


def _make(name: str) -> Step:
    return _cluster(name, node_count=1)


def fleet_step(name: str, **more: Any) -> Step:
    entry = {"name": name, "cluster_template": TEMPLATE, "node_count": 1, **more}
    return "magnum_fleet", {"clusters": [entry], "timeout": 240}


CLUSTERS = r"^/v1/clusters"
VERBS: Mapping[str, Verb] = {
    "create": Verb(_make, ("POST", r"^/v1/clusters$"), CLUSTERS, "clusters"),
    "resize": Verb(
        lambda name: _cluster(name, node_count=2), ("POST", r"/actions/resize"), CLUSTERS, "clusters", (_make,)
    ),
    "delete": Verb(
        lambda name: ("magnum_cluster", {"name": name, "state": "absent", "timeout": 240}),
        ("DELETE", r"^/v1/clusters/"),
        CLUSTERS,
        "clusters",
        (_make,),
        present=False,
    ),
    "group": Verb(
        lambda name: ("magnum_nodegroup", {"cluster": name, "name": "extra", "node_count": 1, "timeout": 240}),
        ("POST", r"/nodegroups"),
        CLUSTERS,
        "clusters",
        (_make,),
    ),
    "bounds": Verb(
        lambda name: _cluster(name, node_groups=[{"name": "default-worker", "max_node_count": 4}]),
        ("PATCH", r"/nodegroups/"),
        CLUSTERS,
        "clusters",
        (_make,),
    ),
    "fleet": Verb(fleet_step, ("POST", r"^/v1/clusters$"), CLUSTERS, "clusters"),
    "fleet change": Verb(
        lambda name: fleet_step(name, node_count=2), ("POST", r"/actions/resize"), CLUSTERS, "clusters", (_make,)
    ),
    "fleet delete": Verb(
        lambda name: ("magnum_fleet", {"clusters": [{"name": name, "state": "absent"}], "timeout": 240}),
        ("DELETE", r"^/v1/clusters/"),
        CLUSTERS,
        "clusters",
        (_make,),
        present=False,
    ),
    "template": Verb(template_step, ("POST", r"^/v1/clustertemplates$"), r"^/v1/clustertemplates", "templates"),
    "template change": Verb(
        lambda name: template_step(name, labels={"a": "1"}),
        ("PATCH", r"^/v1/clustertemplates/"),
        r"^/v1/clustertemplates",
        "templates",
        (template_step,),
    ),
    "template delete": Verb(
        lambda name: ("magnum_cluster_template", {"name": name, "state": "absent"}),
        ("DELETE", r"^/v1/clustertemplates/"),
        r"^/v1/clustertemplates",
        "templates",
        (template_step,),
        present=False,
    ),
    "credential": Verb(
        credential_step, ("POST", r"/application_credentials$"), r"/application_credentials", "credentials"
    ),
    "credential delete": Verb(
        lambda name: ("application_credential", {**credential_step(name)[1], "state": "absent"}),
        ("DELETE", r"/application_credentials/"),
        r"/application_credentials",
        "credentials",
        (credential_step,),
        present=False,
    ),
    "stack": Verb(_stack, ("POST", r"/stacks$"), r"/stacks", "stacks"),
    "stack change": Verb(
        lambda name: _stack(name, parameters={"length": 9}), ("PUT|PATCH", r"/stacks/[^/]+/[^/]+$"), r"/stacks", "stacks",
        (_stack,),
    ),
    "stack delete": Verb(
        lambda name: ("heat_stack", {"name": name, "state": "absent", "timeout": 240}),
        ("DELETE", r"/stacks/"),
        r"/stacks",
        "stacks",
        (_stack,),
        present=False,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Fault:
    """What goes wrong.

    :param rules: for the addon, less method and path.
    :param on: `write` or `look` of the verb, or a (method, path) of its own.
    :param begun: it does not begin before the verb's write was answered.
    """

    rules: tuple[Mapping[str, Any], ...]
    on: str | tuple[str, str] = "write"
    begun: bool = False


def _answer(status: int, *, times: int = 1, **more: Any) -> dict[str, Any]:
    error = {"errors": [{"status": status, "title": "Spoiled", "detail": "Spoiled on purpose.", "links": []}]}
    return {"do": "answer", "status": status, "times": times, "json": error, **more}


UNREADABLE = {
    "errors": [
        {
            "status": 400,
            "code": "client",
            "title": "Invalid input for field/attribute master_count",
            "detail": "Invalid input for field/attribute master_count. Value: '0'. Value should be greater or equal to 1",
            "links": [],
        }
    ]
}
LISTS = ("GET", r"^/v1/clusters/detail")
FAULTS: Mapping[str, Fault] = {
    # on the request that changes something
    "503 once, not taken": Fault((_answer(503),)),
    "503 three times, not taken": Fault((_answer(503, times=3),)),
    "503, taken": Fault((_answer(503, after=True),)),
    "500 as a page, taken": Fault((_answer(500, after=True, body="html"),)),
    "429 with Retry-After": Fault((_answer(429, times=2, headers={"Retry-After": "1"}),)),
    "503 with Retry-After, not taken": Fault((_answer(503, headers={"Retry-After": "1"}),)),
    "reset before": Fault(({"do": "reset"},)),
    "reset after": Fault(({"do": "reset", "after": True},)),
    "slow": Fault(({"do": "slow", "delay": 5},)),
    "truncated": Fault(({"do": "truncate", "after": True},)),
    "empty": Fault((_answer(202, after=True, body="empty"),)),
    "page": Fault((_answer(200, after=True, body="html"),)),
    "401 once": Fault((_answer(401),)),
    "401 twice": Fault((_answer(401, times=2),)),
    "409": Fault((_answer(409),)),
    # on reads
    "reads: 503 three times": Fault((_answer(503, times=3),), "look"),
    "reads: 429 with Retry-After": Fault((_answer(429, times=2, headers={"Retry-After": "1"}),), "look"),
    "reads: page once": Fault((_answer(200, body="html"),), "look"),
    "reads: 404 as a page once": Fault((_answer(404, body="html"),), "look"),
    "reads: 404 once": Fault((_answer(404),), "look"),
    "reads: empty once": Fault((_answer(200, body="empty"),), "look"),
    "reads: truncated once": Fault(({"do": "truncate", "after": True},), "look"),
    "reads: reset": Fault(({"do": "reset", "times": 2},), "look"),
    "reads: away for 30 s": Fault((_answer(503, seconds=30),), "look", begun=True),
    "reads: 401 three times": Fault((_answer(401, times=3),), "look", begun=True),
    "lists: 400": Fault(({**_answer(400, times=5), "json": UNREADABLE},), LISTS),
    "lists: stale": Fault(({"do": "without", "after": True, "times": 2},), LISTS),
    # on everything
    "login: 503 once": Fault((_answer(503),), ("POST", "/auth/tokens")),
    "login: reset once": Fault(({"do": "reset"},), ("POST", "/auth/tokens")),
    "versions: 503 once": Fault((_answer(503),), ("GET", r"^/$")),
}


@dataclass(frozen=True)
class Row:
    """One line of the table. `codes`: the failure codes that are right where it does not succeed; none: it succeeds."""

    verb: str
    fault: str
    codes: tuple[str, ...] = ()
    tier: int = 3
    rules: tuple[Mapping[str, Any], ...] = field(default=(), compare=False)

    @property
    def name(self) -> str:
        """How it is called in the report."""
        return f"{self.verb}: {self.fault}"


# A refused token is refused: the run says so, and what it was to do was not done.
REFUSED = ("AUTHENTICATION_FAILED",)
# What a clear 409 means depends on the request; nothing was done.
CONFLICT = ("CONFLICT", "STACK_BUSY", "STACK_EXISTS", "REJECTED")
# Sent twice, refused twice: after the looks in between the service's own words are the reason.
AWAY = ("SERVICE_ERROR", "CLOUD_UNREACHABLE", "BROKEN_ANSWER")
CODES: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("", "503 three times, not taken"): AWAY,
    ("", "401 twice"): REFUSED,
    ("", "409"): CONFLICT,
    # A stack that is gone still holds its name for a moment, so a 409 is asked again
    ("stack", "409"): (),
    # There is nothing to wait for at a template: the report names the change, and that it could not be read again
    ("template", "reads: away for 30 s"): AWAY,
    ("template change", "reads: away for 30 s"): AWAY,
    ("template", "reads: 401 three times"): REFUSED,
    ("template change", "reads: 401 three times"): REFUSED,
}
# Which rows `make test` runs: each fault once, on the verbs where it was seen to go wrong.
QUICK = {
    ("create", "503, taken"), ("create", "reset after"), ("create", "truncated"), ("create", "page"),
    ("create", "429 with Retry-After"), ("create", "reads: 404 once"), ("create", "reads: away for 30 s"),
    ("create", "lists: stale"), ("create", "login: 503 once"),
    ("resize", "reset after"), ("resize", "500 as a page, taken"), ("resize", "reads: 404 as a page once"),
    ("resize", "versions: 503 once"),
    ("delete", "503, taken"), ("delete", "reads: 404 once"), ("delete", "reads: 401 three times"), ("delete", "lists: 400"),
    ("group", "reset after"), ("bounds", "503, taken"),
    ("fleet", "503, taken"), ("fleet", "lists: stale"), ("fleet change", "reset after"), ("fleet delete", "lists: stale"),
    ("template", "reset after"), ("template change", "503, taken"), ("template delete", "page"),
    ("credential", "reset after"), ("credential", "page"), ("credential delete", "503, taken"),
    ("stack", "reset after"), ("stack change", "truncated"), ("stack delete", "503, taken"),
}  # fmt: skip
# What reads no list of clusters on its way: clusters are read by name, and the list is a second look
NO_LISTS = {"resize", "group", "bounds"}
# What is done with the answer to its request
NO_READS_AFTER = {"template delete", "credential", "credential delete"}


def _meets(verb: str, fault: str) -> bool:
    """Whether the verb sends what the fault is about."""
    kind = VERBS[verb].kind
    if fault.startswith("lists: "):
        return kind == "clusters" and verb not in NO_LISTS
    if FAULTS[fault].begun:
        return verb not in NO_READS_AFTER
    return fault != "versions: 503 once" or kind in ("clusters", "templates")


def table(tier: int, only: str = "") -> list[Row]:
    """The rows of a tier, less those whose name does not hold `only`."""
    rows = []
    for verb in VERBS:
        for fault in FAULTS:
            if _meets(verb, fault):
                quick = (verb, fault) in QUICK
                rows.append(Row(verb, fault, CODES.get((verb, fault), CODES.get(("", fault), ())), 2 if quick else 3))
    return [row for row in rows if row.tier <= tier and only in row.name]


def rules_of(row: Row, name: str) -> list[dict[str, Any]]:
    """The addon's rules for a row about the object `name`."""
    verb, fault = VERBS[row.verb], FAULTS[row.fault]
    where = {"write": verb.write, "look": ("GET", verb.look)}.get(str(fault.on), fault.on)
    method, path = where
    following = list(verb.write) if fault.begun else None
    return [{"method": method, "path": path, "name": name, "following": following, **rule} for rule in fault.rules]
