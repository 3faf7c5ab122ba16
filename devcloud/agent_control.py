# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the node agent is ordered to misbehave: a JSON file of rules, pattern of cluster names -> behaviour."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from devcloud.errors import DevcloudError
from devcloud.locks import alone_in
from devcloud.secret_store import write_private

FILE = "agent.json"


@dataclass(frozen=True)
class Behaviour:
    """What a guest does when Heat waits for it. `seconds` it takes its time first; `silent` never answers."""

    mode: str = "ok"
    seconds: float = 0.0

    @property
    def text(self) -> str:
        """The words it was asked for with."""
        return f"slow={self.seconds:g}" if self.mode == "slow" else self.mode


OK = Behaviour()


def parse_behaviour(text: str) -> Behaviour:
    """Read `fail`, `silent`, `ok` or `slow=SECONDS`.

    >>> parse_behaviour("slow=2.5").seconds
    2.5
    """
    if text in ("fail", "silent", "ok"):
        return Behaviour(text)
    kind, _separator, seconds = text.partition("=")
    try:
        if kind == "slow" and float(seconds) >= 0:
            return Behaviour("slow", float(seconds))
    except ValueError:
        pass
    raise DevcloudError(f"`{text}` is not a behaviour: use fail, silent, ok or slow=SECONDS")


def behaviour_of(cluster: str, rules: Mapping[str, str]) -> Behaviour:
    """Return the behaviour for a cluster: its own name's rule, else the longest pattern that fits, else ok."""
    if cluster in rules:
        return parse_behaviour(rules[cluster])
    fitting = sorted((pattern for pattern in rules if fnmatchcase(cluster, pattern)), key=lambda p: (-len(p), p))
    return parse_behaviour(rules[fitting[0]]) if fitting else OK


def read_rules(control: Path) -> dict[str, str]:
    """Return the rules; no file means none."""
    try:
        return dict(json.loads((control / FILE).read_text()))
    except FileNotFoundError:
        return {}


def write_rules(control: Path, rules: Mapping[str, str]) -> None:
    """Write the rules, whole or not at all: the agent may be reading."""
    write_private(control / FILE, json.dumps(dict(rules), indent=2, sort_keys=True) + "\n")


def add_rule(control: Path, cluster: str, behaviour: Behaviour) -> dict[str, str]:
    """Add or replace the rule of a pattern; returns all rules. An `ok` is kept: it may be the exception from a pattern."""
    with alone_in(control):
        rules = {**read_rules(control), cluster: behaviour.text}
        write_rules(control, rules)
    return rules


def remove_rules(control: Path, cluster: str | None = None) -> dict[str, str]:
    """Remove the rule of one pattern, or of all; returns those that are left.

    :raises DevcloudError: there is no rule for the pattern.
    """
    with alone_in(control):
        rules = read_rules(control)
        if cluster is not None and cluster not in rules:
            raise DevcloudError(f"there is no rule for `{cluster}`; rules: {', '.join(sorted(rules)) or 'none'}")
        left = {} if cluster is None else {pattern: text for pattern, text in rules.items() if pattern != cluster}
        write_rules(control, left)
    return left


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe `agent set|show|reset`."""
    verbs = parser.add_subparsers(dest="agent_verb", required=True)
    change = verbs.add_parser("set", help="one cluster's guests (wildcards are fine)")
    change.add_argument("cluster", help="cluster name or pattern, such as test_*")
    change.add_argument("behaviour", help="fail | silent | slow=SECONDS | ok")
    verbs.add_parser("show", help="the rules in force")
    again = verbs.add_parser("reset", help="remove the rule of one pattern, or all rules")
    again.add_argument("cluster", nargs="?", help="the pattern, as `show` names it; all when left out")


def run(options: argparse.Namespace, control: Path) -> int:
    """Carry out `agent ...`."""
    if options.agent_verb == "set":
        rules = add_rule(control, options.cluster, parse_behaviour(options.behaviour))
    elif options.agent_verb == "reset":
        rules = remove_rules(control, options.cluster)
    else:
        rules = read_rules(control)
    for pattern, text in sorted(rules.items()):
        print(f"{pattern}: {text}")
    if not rules:
        print("no rules: every guest answers at once")
    return 0
