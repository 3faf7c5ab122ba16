# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter of ansible-rulebook: what was posted -> what a rule may pass on to a playbook."""

from __future__ import annotations

import importlib
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

DOCUMENTATION = r"""
---
short_description: Check what was posted, and leave only what a playbook may see
description:
  - ansible-rulebook gives the whole event to each playbook, and Ansible templates text that reaches it as a variable. So this filter makes
    a new event of each, with names, whole numbers and plain text only.
  - What does not pass becomes an event with C(refused), which is the reason, and C(path), which is where it was posted. The webhook has
    accepted the request by then, so a rule should print both.
options:
  form:
    description:
      - C(optimizer) reads requests of an external optimiser. One that passes becomes an event with C(verb) (C(create), C(scale),
        C(delete), C(match) or C(cleanup)), C(lock), C(variables) of the role that carries it out, and C(given), which is those of them
        that have a value.
      - C(alert) reads single alerts, as C(eda.builtin.event_splitter) makes them of a notification of Alertmanager. One that passes becomes
        an event with its name as C(firing) or C(resolved), and with C(cluster). One that names no cluster is refused.
    type: str
    choices: [optimizer, alert]
    required: true
"""

EXAMPLES = r"""
- eda.builtin.webhook:
    host: 127.0.0.1
    port: 5000
    token: "{{ KCLOUD_EVENTS_TOKEN }}"
  filters:
    - kcloud.infrastructure.checked:
        form: optimizer
"""


def library(name: str) -> Any:
    """A module of the collection: ansible-rulebook runs this file alone, and does not know how Ansible imports collections."""
    tree = Path(__file__).absolute().parents[6]
    if str(tree.parent) not in sys.path:
        sys.path.append(str(tree.parent))
    found = importlib.import_module("ansible_collections")
    # Another folder of this name, such as that of the package ansible, may have been found first
    if str(tree) not in found.__path__:
        found.__path__.append(str(tree))
    return importlib.import_module(f"ansible_collections.kcloud.infrastructure.plugins.module_utils.{name}")


requests = library("planning.optimizer_request")
alerts = library("planning.alert_request")
errors = library("errors")


def of_optimizer(event: Any) -> dict[str, Any]:
    """A request of an optimiser: ``{verb, lock, variables, given}``."""
    request = requests.read_request(event["meta"]["endpoint"], event["payload"])
    return {**asdict(request), "given": request.given}


def of_alert(event: Any) -> dict[str, Any]:
    """An alert: ``{firing or resolved, cluster}``."""
    return dict(alerts.read_alert(event))


FORMS = {"optimizer": of_optimizer, "alert": of_alert}


def main(event: Any, form: str) -> dict[str, Any]:
    """See DOCUMENTATION."""
    try:
        return FORMS[form](event)
    except errors.InvalidRequest as error:
        # A single alert does not say where it was posted
        meta = event.get("meta", {}) if isinstance(event, dict) else {}
        path = meta.get("endpoint", "alert") if isinstance(meta, dict) else "alert"
        return {"refused": requests.shown(error.sentence(), 400), "path": requests.shown(path)}
