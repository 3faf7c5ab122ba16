# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Heat knows, as frozen data: stacks, what they are made of, and plans for them. Nothing here talks to a cloud."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.plan import Plan

# What Heat itself shows in the place of a hidden parameter's value.
HIDDEN = "******"
# Heat adds these to every stack's parameters.
PSEUDO_PREFIXES = ("OS::", "AWS::")


@dataclass(frozen=True)
class Definition:
    """What a stack is made of, in the form of Heat's API.

    :param template: the parsed template.
    :param environment: sections ``parameters``, ``parameter_defaults``, ``resource_registry``, ``event_sinks``.
    :param files: contents by the name that template and environment refer to them with.
    """

    template: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Stack:
    """A stack as Heat shows it; ``status`` is ``{ACTION}_{STATUS}``."""

    id: str
    name: str
    status: str
    status_reason: str | None = None
    description: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    created_at: str | None = None
    updated_at: str | None = None

    @classmethod
    def from_api(cls, answer: Mapping[str, Any]) -> Stack:
        return cls(
            id=answer["id"],
            name=answer["stack_name"],
            status=answer.get("stack_status") or "",
            status_reason=answer.get("stack_status_reason"),
            description=answer.get("description"),
            parameters=dict(answer.get("parameters") or {}),
            outputs={output["output_key"]: output.get("output_value") for output in answer.get("outputs") or ()},
            tags=tuple(sorted(tag for tag in answer.get("tags") or () if tag)),
            created_at=answer.get("creation_time"),
            updated_at=answer.get("updated_time"),
        )

    @property
    def action(self) -> str:
        return self.status.split("_", 1)[0]

    @property
    def in_progress(self) -> bool:
        return self.status.endswith("_IN_PROGRESS")

    @property
    def failed(self) -> bool:
        return self.status.endswith("_FAILED")

    @property
    def gone(self) -> bool:
        return self.status == "DELETE_COMPLETE"

    @property
    def identifier(self) -> str:
        """The form that Heat answers without a redirect; by its id alone where the name is not known."""
        return f"{self.name}/{self.id}" if self.name else self.id

    def as_result(self) -> dict[str, Any]:
        shown = {
            key: value
            for key, value in self.parameters.items()
            if value != HIDDEN and not key.startswith(PSEUDO_PREFIXES)
        }
        return {
            "id": self.id,
            "name": self.name,
            "status": self.status,
            "status_reason": self.status_reason,
            "description": self.description,
            "parameters": shown,
            "outputs": dict(self.outputs),
            "tags": list(self.tags),
            "created_at": self.created_at,
            "updated_at": self.updated_at,
        }


@dataclass(frozen=True)
class Resource:
    """A resource of a stack; ``stack_id`` is the (nested) stack that holds it, ``nested_id`` the stack that it is.

    ``since`` is when Heat last wrote it, ISO 8601.
    """

    name: str
    type: str
    status: str = ""
    reason: str | None = None
    physical_id: str | None = None
    stack_id: str | None = None
    nested_id: str | None = None
    since: str | None = None

    @classmethod
    def from_api(cls, answer: Mapping[str, Any]) -> Resource:
        links = {link.get("rel"): str(link.get("href", "")) for link in answer.get("links") or ()}
        return cls(
            name=answer["resource_name"],
            type=answer.get("resource_type") or "",
            status=answer.get("resource_status") or "",
            reason=answer.get("resource_status_reason"),
            physical_id=answer.get("physical_resource_id") or None,
            stack_id=_last_part(links.get("stack")),
            nested_id=_last_part(links.get("nested")),
            since=answer.get("updated_time") or answer.get("event_time"),
        )

    @property
    def failed(self) -> bool:
        return self.status.endswith("FAILED")


def _last_part(href: str | None) -> str | None:
    return href.rstrip("/").rsplit("/", 1)[-1] if href else None


@dataclass(frozen=True)
class Desired:
    """A stack as declared; None means that the user did not say.

    :param template: the parsed template; None keeps what the stack has.
    :param environment: all environment files in one; None keeps what the stack has.
    :param files: what template and environment refer to.
    :param parameters: merged over what the stack has.
    """

    name: str
    template: Mapping[str, Any] | None = None
    environment: Mapping[str, Any] | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] | None = None
    stack_timeout: int | None = None
    rollback: bool | None = None
    recreate: bool = False
    allow_replace: bool = False


@dataclass(frozen=True)
class Preview:
    """What Heat says an update would do: type by path of resource, for each of its five words."""

    added: Mapping[str, str] = field(default_factory=dict)
    updated: Mapping[str, str] = field(default_factory=dict)
    replaced: Mapping[str, str] = field(default_factory=dict)
    deleted: Mapping[str, str] = field(default_factory=dict)
    unchanged: Mapping[str, str] = field(default_factory=dict)

    @property
    def changed(self) -> frozenset[str]:
        """Paths of the resources that something happens to."""
        return frozenset({*self.added, *self.updated, *self.replaced, *self.deleted})


@dataclass(frozen=True)
class Request:
    """What is to be sent to Heat for a stack, and what it would make of the stack.

    :param action: ``none``, ``create``, ``update`` or ``recreate``.
    :param body: for Heat; never shown, it holds hidden parameters.
    :param partial: send the body as a PATCH: what it leaves out stays as it is.
    :param definition: what the stack is made of afterwards, without the environment's parameters.
    :param parameters: the value that each parameter takes, in the form that is shown.
    :param tags: the stack's tags afterwards.
    :param fields: what differs, of ``template``, ``environment``, ``parameters`` and ``tags``.
    :param unseen: hidden parameters that were given. Heat never tells their value, only its preview knows.
    :param defects: why something is sent though nothing may differ, such as UPDATE_FAILED.
    """

    action: str = "none"
    body: Mapping[str, Any] = field(default_factory=dict, repr=False)
    partial: bool = True
    definition: Definition = field(default_factory=Definition, repr=False)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    defects: tuple[str, ...] = ()

    @property
    def needs_preview(self) -> bool:
        """Whether the plan needs Heat's word on what becomes of the resources."""
        return self.action != "none" or bool(self.unseen)


@dataclass(frozen=True)
class StackSituation:
    """Everything that a run reads of a stack before it plans, each thing once.

    Resources and the preview are read only for a request that needs them.

    :param name: the stack's name; there may be no such stack.
    :param definition: what the stack is made of.
    :param request: what would be sent.
    :param preview: what Heat says that this request would do.
    :param resources: type by name, of the outermost stack.
    :param nested: type by path, of the resources in nested stacks.
    :param ids: the cloud's own id of each resource that has one, by path.
    :param stacks: id of the nested stack, by the path of the resource that it is.
    :param unfinished: paths of resources whose creation never ended well.
    """

    name: str
    stack: Stack | None = None
    definition: Definition = field(default_factory=Definition, repr=False)
    request: Request = field(default_factory=Request)
    preview: Preview = field(default_factory=Preview)
    resources: Mapping[str, str] = field(default_factory=dict)
    nested: Mapping[str, str] = field(default_factory=dict)
    ids: Mapping[str, str] = field(default_factory=dict)
    stacks: Mapping[str, str] = field(default_factory=dict)
    unfinished: frozenset[str] = frozenset()


@dataclass(frozen=True)
class StackPlan(Plan):
    """What will be done about a stack: one request, whose effects on its resources Heat predicts.

    :param action: ``none``, ``create``, ``update``, ``recreate`` or ``delete``.
    """

    request: Request = field(default_factory=Request, repr=False)

    @property
    def changed(self) -> bool:
        return self.action != "none"
