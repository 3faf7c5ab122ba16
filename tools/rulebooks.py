# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rulebooks for event-driven Ansible, in two flavours of the same table: `python -m tools.rulebooks` writes them.

One flavour runs the collection's playbooks beside ansible-rulebook, the other launches job templates of AWX. Both have the same
sources, conditions, locks and throttles.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from tools.places import ROOT

FOLDER = ROOT / "extensions/eda/rulebooks"
HEAD = """\
# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
---
# Written by tools/rulebooks.py. extensions/eda/README.md says how to run it.
"""


@dataclass(frozen=True)
class Throttle:
    """Run once within a time for events of which these attributes are equal."""

    within: str
    by: tuple[str, ...]


@dataclass(frozen=True)
class Rule:
    """An event, and the playbook or job template that it starts.

    :param playbook: its name in the collection; that of the job template follows from it.
    :param lock: runs with the same lock go one after another.
    :param variables: of the playbook's role, each with where the event has its value.
    :param given: where the event has these variables as a whole, without those that have no value.
    """

    name: str
    condition: str
    playbook: str
    lock: str
    variables: tuple[tuple[str, str], ...] = ()
    given: str = ""
    throttle: Throttle | None = None


@dataclass(frozen=True)
class Rulebook:
    """A webhook, the filters of what it takes, and the rules.

    :param says: rules that only print: name -> condition and message.
    """

    file: str
    title: str
    port: int
    filters: str
    says: Mapping[str, tuple[str, str]]
    rules: tuple[Rule, ...]


REFUSED = ("event.refused is defined", "refused a request to {{ event.path }}: {{ event.refused }}")


def requested(verb: str, name: str, playbook: str, *variables: str, within: str = "") -> Rule:
    """A rule for a verb of the optimiser; the filter has put the role's variables into the event."""
    return Rule(
        name,
        f'event.verb == "{verb}"',
        playbook,
        "{{ event.lock }}",
        tuple((variable, f"{{{{ event.variables.{variable} }}}}") for variable in variables),
        "{{ event.given }}" if variables else "",
        Throttle(within, ("event.verb",)) if within else None,
    )


def alerted(name: str, alerts: tuple[str, ...], playbook: str, lock: str, **variables: str) -> Rule:
    """A rule for alerts that fire. Alertmanager repeats an alert, which does not start a second run at once.

    A condition holds one comparison: with some releases of pyparsing ansible-rulebook reads `and` and `or` wrongly.
    """
    names = ", ".join(f'"{alert}"' for alert in alerts)
    condition = f"event.firing in [{names}]"
    throttle = Throttle("5 minutes", ("event.firing", "event.cluster"))
    return Rule(name, condition, playbook, lock, tuple(variables.items()), "", throttle)


OPTIMIZER = Rulebook(
    "optimizer",
    "Requests of an external optimiser",
    5000,
    """\
- kcloud.infrastructure.checked:
    form: optimizer
""",
    {"Refuse what is not a request; the webhook has answered 200 by now": REFUSED},
    (
        requested(
            "create",
            "Create a cluster",
            "create_cluster",
            "requested_cluster_name",
            "requested_cluster_template",
            "requested_cluster_node_count",
            "requested_cluster_master_count",
            "requested_cluster_keypair",
            "requested_cluster_labels",
        ),
        requested(
            "scale",
            "Resize a cluster",
            "resize_cluster",
            "requested_cluster_name",
            "requested_cluster_node_count",
            "requested_cluster_node_group",
            "requested_cluster_expected_state",
        ),
        requested("delete", "Delete a cluster", "delete_cluster", "requested_cluster_name"),
        requested(
            "match", "Find or create the cluster for a workload", "place_workload", "workload_placement_workload"
        ),
        requested("cleanup", "Find clusters that nobody uses", "cleanup", within="1 minute"),
    ),
)
ALERTMANAGER = Rulebook(
    "alertmanager",
    "Alerts of Alertmanager",
    5001,
    """\
- eda.builtin.event_splitter:
    splitter_key: payload.alerts
- kcloud.infrastructure.checked:
    form: alert
""",
    {
        "Refuse what is not an alert": REFUSED,
        "Say what is over": (
            "event.resolved is defined",
            "{{ event.resolved }} of {{ event.cluster }} is over",
        ),
    },
    (
        alerted("Idle, so find clusters that nobody uses", ("KcloudAcceleratorsIdle",), "cleanup", "fleet"),
        alerted(
            "Pressure, so add nodes",
            ("KcloudAcceleratorsExhausted",),
            "scale",
            "{{ event.cluster }}",
            cluster_autoscale_cluster_names="{{ event.cluster }}",
        ),
        alerted(
            "Unhealthy, so find the reason",
            ("KcloudClusterUnhealthy", "KcloudClusterFailed", "KcloudClusterStalled"),
            "status",
            "status {{ event.cluster }}",
            cluster_status_names="{{ event.cluster }}",
        ),
    ),
)


# --- the two flavours of an action


def run_playbook(rule: Rule) -> Iterator[str]:
    """The collection's playbook, beside ansible-rulebook."""
    yield "run_playbook:"
    yield f"  name: kcloud.infrastructure.{rule.playbook}"
    yield f'  lock: "{rule.lock}"'
    if rule.variables:
        yield "  extra_vars:"
        yield from (f'    {name}: "{value}"' for name, value in rule.variables)


def run_job_template(rule: Rule) -> Iterator[str]:
    """The job template of AWX. It asks for what it needs, and a question without an answer must not be there."""
    yield "run_job_template:"
    yield f"  name: kcloud {rule.playbook.replace('_', ' ')}"
    yield "  organization: \"{{ kcloud_organization | default('kcloud') }}\""
    yield f'  lock: "{rule.lock}"'
    yield "  include_events: false"
    if rule.given:
        yield "  job_args:"
        yield f'    extra_vars: "{rule.given}"'
    elif rule.variables:
        yield "  job_args:"
        yield "    extra_vars:"
        yield from (f'      {name}: "{value}"' for name, value in rule.variables)


FLAVOURS: dict[str, Callable[[Rule], Iterator[str]]] = {"": run_playbook, "_awx": run_job_template}
BOOKS = (OPTIMIZER, ALERTMANAGER)


def text(book: Rulebook, flavour: str) -> str:
    """A whole rulebook."""
    lines = [
        f"- name: {book.title}",
        "  hosts: all",
        "  # Otherwise a scaling waits behind a long creation",
        "  execution_strategy: parallel",
        "  sources:",
        "    - name: webhook",
        "      eda.builtin.webhook:",
        "        host: \"{{ kcloud_events_host | default('127.0.0.1') }}\"",
        f'        port: "{{{{ kcloud_events_port | default({book.port}) }}}}"',
        "        # From the environment, by --env-vars KCLOUD_EVENTS_TOKEN; without it nothing starts",
        '        token: "{{ KCLOUD_EVENTS_TOKEN }}"',
        "      filters:",
        *textwrap.indent(book.filters, " " * 8).splitlines(),
        "  rules:",
    ]
    for name, (condition, message) in book.says.items():
        lines += _rule(name, condition, None, ["debug:", f'  msg: "{message}"'])
    for rule in book.rules:
        lines += _rule(rule.name, rule.condition, rule.throttle, FLAVOURS[flavour](rule))
    return HEAD + "\n".join([*lines, ""])


def _rule(name: str, condition: str, throttle: Throttle | None, action: Iterator[str] | list[str]) -> Iterator[str]:
    yield f"    - name: {name}"
    yield f"      condition: {condition}"
    if throttle:
        yield "      throttle:"
        yield f"        once_within: {throttle.within}"
        yield "        group_by_attributes:"
        yield from (f"          - {attribute}" for attribute in throttle.by)
    yield "      action:"
    yield from (f"        {line}" for line in action)


def files() -> dict[str, str]:
    """The name of each rulebook's file, and its text."""
    return {f"{book.file}{flavour}.yml": text(book, flavour) for book in BOOKS for flavour in FLAVOURS}


if __name__ == "__main__":
    for file, content in files().items():
        (FOLDER / file).write_text(content, encoding="utf-8")
