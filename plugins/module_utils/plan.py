# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is to be done, as frozen data, and the one shape in which a module tells it. The same for Magnum and for Heat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Change:
    """One thing that changes: ``verb``, what it is done to, such as ``cluster/ml``, and the request's ``arguments``."""

    verb: str
    resource: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def as_result(self) -> dict[str, Any]:
        return {"verb": self.verb, "resource": self.resource, **self.arguments}


@dataclass(frozen=True)
class Plan:
    """What will be done, in this order.

    :param action: ``none``, or one word for the whole: ``create``, ``update``, ``recreate``, ``delete``.
    :param before: what the user declared, as it is, in the form that is shown; empty when there is nothing.
    :param after: the same as it will be.
    :param extra: what a user must know beside the changes: more keys of a module's result.
    """

    action: str
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def changed(self) -> bool:
        return bool(self.changes)


def result_of(plan: Plan, **thing: Any) -> dict[str, Any]:
    """The one shape of a module's answer: the thing, whether it changed, how, and the diff."""
    return {
        **thing,
        **plan.extra,
        "changed": plan.changed,
        "changes": [change.as_result() for change in plan.changes],
        "diff": {"before": dict(plan.before), "after": dict(plan.after)},
    }
