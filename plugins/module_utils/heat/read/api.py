# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Heat is asked, by python-heatclient over the SDK's session: one method per call, retries of reads here and nowhere else."""

from __future__ import annotations

import contextlib
import copy
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar

from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import (
    from_exception,
    read,
    read_existing,
    status_of,
    translated,
    trust_refusal,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import (
    CannotApply,
    Conflict,
    InvalidRequest,
    KcloudError,
    QuotaExceeded,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model.nested_paths import created, placed
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model.objects import (
    Definition,
    Preview,
    Resource,
    Stack,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.ids import check_label, is_token

if TYPE_CHECKING:
    from ansible_collections.kcloud.infrastructure.plugins.module_utils.wait import Deadline
    from openstack.connection import Connection

Answer = TypeVar("Answer")

# Heat answers an exhausted limit with 400.
_LIMIT_TEXT = re.compile(r"maximum (stacks|resources) per", re.IGNORECASE)
NESTED_DEPTH = 5
# The client asks for further pages only up to a limit that it was given.
MOST_STACKS = 100_000
# Heat's names for errors: our class, its code (None for the class's own) and the fix.
_KINDS: dict[str, tuple[type[KcloudError], str | None, str]] = {
    "UnknownUserParameter": (
        InvalidRequest,
        "UNKNOWN_PARAMETER",
        "Take it out of 'parameters' or 'environment', or correct its name",
    ),
    "UserParameterMissing": (
        InvalidRequest,
        "PARAMETER_MISSING",
        "Give this parameter in 'parameters' or 'environment'",
    ),
    "ImmutableParameterModified": (
        CannotApply,
        None,
        "The template declares these parameters immutable: keep their values, or make another stack",
    ),
    "ActionInProgress": (
        Conflict,
        "STACK_BUSY",
        "Wait until the stack's running action has ended, then run again",
    ),
    "StackExists": (
        Conflict,
        "STACK_EXISTS",
        "Something else made a stack of this name at the same time: look at it, then run again",
    ),
}


class HeatReader:
    """Stacks of the connection's own project. Reads survive hiccups, writes are sent once."""

    def __init__(self, connection: Connection, interface: str = "public", until: Deadline | None = None) -> None:
        from heatclient import client

        with translated("find Heat in the cloud's catalog", "orchestration"):
            # Also where clouds.yaml says that the service is elsewhere (orchestration_endpoint_override)
            override = connection.config.get_endpoint("orchestration")
        self._client = client.Client(
            "1",
            session=connection.session,
            region_name=connection.config.get_region_name(),
            interface=interface,
            **({"endpoint_override": override} if override else {}),
        )
        self._until = until
        self._connection = connection
        auth_type = str(connection.config.config.get("auth_type") or "")
        self._is_application_credential = "applicationcredential" in auth_type.replace("_", "").lower()

    def patient(self, deadline: Deadline) -> Self:
        """The same API for a wait: its reads go on through any hiccup until the deadline."""
        same = copy.copy(self)
        same._until = deadline
        return same

    def _read(self, call: Callable[[], Answer], doing: str, resource: str) -> Answer | None:
        return read(call, doing, resource, until=self._until)

    def _existing(self, call: Callable[[], Answer], doing: str, resource: str) -> Answer:
        return read_existing(call, doing, resource, until=self._until)

    def find(self, name: str) -> Stack | None:
        """The live stack of this name."""
        stack = self._get(name, name, outputs=True)
        # Heat takes ids for names too.
        return stack if stack and stack.name == name and not stack.gone else None

    def by_name_or_id(self, key: str, *, outputs: bool = False) -> Stack | None:
        """A stack by name or id; by its id a deleted one too."""
        return self._get(key, key, outputs=outputs)

    def stacks(self, tags: Collection[str] = ()) -> list[Stack]:
        """All stacks of the project that have all of these tags, without parameters and outputs; in one list, page by page."""
        filters = {"tags": ",".join(sorted(tags))} if tags else {}
        answer = self._existing(
            lambda: list(self._client.stacks.list(limit=MOST_STACKS, **filters)), "read the stacks", "stacks"
        )
        return [Stack.from_api(entry.to_dict()) for entry in answer]

    def of_name(self, name: str) -> list[Stack]:
        """The live stacks of this name, the oldest first: two creations at once pass Heat's check that there is one."""
        answer = self._existing(lambda: list(self._client.stacks.list(filters={"name": name})), "list stacks", "stacks")
        found = [Stack.from_api(entry.to_dict()) for entry in answer]
        return sorted((s for s in found if s.name == name and not s.gone), key=lambda s: (s.created_at or "", s.id))

    def get(self, stack: Stack, *, outputs: bool = False) -> Stack | None:
        """The same stack again, by id: a deleted one is still to be seen."""
        return self._get(stack.identifier, stack.name, outputs=outputs)

    def _get(self, key: str, name: str, *, outputs: bool) -> Stack | None:
        """A stack by name, id or both; None when there is none, by a look at it and by the list."""
        if not all(map(is_token, key.split("/"))):
            # It must not become a part of an address: there it would name something else.
            check_label("name", name, "stack")
        with explained(f"read stack '{name}'", f"stack/{name}"):
            answer = self._read(
                lambda: self._client.stacks.get(key, resolve_outputs=outputs), f"read stack '{name}'", f"stack/{name}"
            )
        if answer is None and self._listed(key, name):
            # One of the two was wrong: the next look tells.
            answer = self._read(
                lambda: self._client.stacks.get(key, resolve_outputs=outputs), f"read stack '{name}'", f"stack/{name}"
            )
        return Stack.from_api(answer.to_dict()) if answer else None

    def _listed(self, key: str, name: str) -> bool:
        """Whether the list shows a live stack of this name or id."""
        answers = self._existing(
            lambda: list(self._client.stacks.list(filters={"name": name})), "list stacks", "stacks"
        )
        return any(entry.stack_name == name or entry.id in key for entry in answers)

    def definition(self, stack: Stack) -> Definition:
        """What Heat stored of the requests that made the stack; hidden values come masked."""
        about = (f"read what stack '{stack.name}' is made of", f"stack/{stack.name}")
        return Definition(
            template=self._existing(lambda: self._client.stacks.template(stack.identifier), *about),
            environment=self._existing(lambda: self._client.stacks.environment(stack.identifier), *about),
            files=self._existing(lambda: self._client.stacks.files(stack.identifier), *about),
        )

    def resources(self, stack: Stack, *, nested: bool = False) -> list[Resource]:
        """The stack's resources, those of nested stacks too when asked."""
        options = {"nested_depth": NESTED_DEPTH} if nested else {}
        answer = self._read(
            lambda: self._client.resources.list(stack.identifier, **options),
            f"read the resources of stack '{stack.name}'",
            f"stack/{stack.name}",
        )
        return [Resource.from_api(entry.to_dict()) for entry in answer or ()]

    def attributes(self, stack: Stack, name: str, nested_id: str | None = None) -> dict[str, Any]:
        """The attributes of one resource, by their names; with the id of a nested stack, of a resource there."""
        answer = self._read(
            lambda: self._client.resources.get(nested_id or stack.identifier, name),
            f"read resource '{name}' of stack '{stack.name}'",
            f"stack/{stack.name}",
        )
        return dict(getattr(answer, "attributes", None) or {})

    def events(self, stack: Stack, marker: str | None = None, *, nested: bool = False) -> list[dict[str, Any]]:
        """Events after the marker, oldest first; those of a stack that is gone too, and of nested stacks when asked."""
        options = {**({"marker": marker} if marker else {}), **({"nested_depth": NESTED_DEPTH} if nested else {})}
        answer = self._read(
            lambda: self._client.events.list(stack.identifier, sort_dir="asc", **options),
            f"read the events of stack '{stack.name}'",
            f"stack/{stack.name}",
        )
        return [entry.to_dict() for entry in answer or ()]

    def nested_events(self, stack: Stack) -> list[dict[str, Any]]:
        """All events, those of nested stacks too."""
        answer = self._read(
            lambda: self._client.events.list(stack.identifier, sort_dir="asc", nested_depth=NESTED_DEPTH),
            f"read the events of stack '{stack.name}'",
            f"stack/{stack.name}",
        )
        return [entry.to_dict() for entry in answer or ()]

    def last_event(self, stack: Stack) -> str | None:
        """Id of the newest event, the marker for those to come."""
        answer = self._read(
            lambda: self._client.events.list(stack.identifier, sort_dir="desc", limit=1),
            f"read the events of stack '{stack.name}'",
            f"stack/{stack.name}",
        )
        return answer[0].id if answer else None

    def deployment(self, physical_id: str) -> dict[str, Any]:
        """A software deployment; empty when it cannot be read."""
        try:
            answer = self._read(
                lambda: self._client.software_deployments.get(physical_id),
                "read a software deployment",
                f"deployment/{physical_id}",
            )
        except KcloudError:
            # It only serves to explain a failure; that one must be reported even when its explanation cannot be had.
            return {}
        return answer.to_dict() if answer else {}

    def schema(self, kind: str) -> dict[str, bool] | None:
        """The properties of a type of resource, and whether each is required; None where Heat has no such type."""
        about = (f"read the resource type '{kind}'", f"resource_type/{kind}")
        answer = self._read(lambda: self._client.resource_types.get(kind), *about)
        if answer is None:
            return None
        return {name: bool(one.get("required")) for name, one in (answer.get("properties") or {}).items()}

    def preview_create(self, name: str, request: Mapping[str, Any]) -> Preview:
        """What a creation would make; Heat checks the whole request, nothing is made.

        :raises NotPermitted: the credentials cannot make the trust that Heat needs for each stack.
        """
        refused = trust_refusal(self._connection, f"create stack '{name}'", f"stack/{name}")
        if refused is not None:
            raise refused
        with explained(f"validate stack '{name}'", f"stack/{name}"):
            answer = self._client.stacks.preview(stack_name=name, **request)
        return Preview(added=created(getattr(answer, "resources", None) or [], request["template"]))

    def preview_update(
        self, stack: Stack, request: Mapping[str, Any], *, partial: bool, nested: Mapping[str, str]
    ) -> Preview:
        """What an update would do to each resource; nothing is changed.

        :param nested: path of the resource by the id of the nested stack that it is.
        """
        about = (f"validate the update of stack '{stack.name}'", f"stack/{stack.name}")
        try:
            with explained(*about):
                answer = self._client.stacks.preview_update(
                    stack.identifier, existing=partial, show_nested=True, **request
                )
        except InvalidRequest:
            # Heat (26) stumbles over a nested stack that comes into a nested stack, and answers 400 without a word: then
            # the outer resources only. What is really wrong with the request is said here as well.
            with explained(*about):
                answer = self._client.stacks.preview_update(stack.identifier, existing=partial, **request)
        return placed(answer.get("resource_changes") or {}, stack.name, nested)


@contextlib.contextmanager
def explained(doing: str, resource: str) -> Iterator[None]:
    """Like cloud.translated, with what Heat's own kinds of error mean."""
    from heatclient import exc

    with translated(doing, resource):
        try:
            yield
        except exc.HTTPException as error:
            raise explain(error, doing, resource) from error


def explain(error: Exception, doing: str, resource: str) -> KcloudError:
    ours = from_exception(error, doing, resource)
    reason = re.sub(r"^ERROR: ", "", ours.reason or "")
    if reason in ("", "None"):
        reason = f"Heat answered {status_of(error)} without a word"
    kind = _kind(error)
    about: dict[str, Any] = {"resource": resource, "reason": reason}
    if _LIMIT_TEXT.search(reason):
        return QuotaExceeded(
            ours.message,
            hint="Delete stacks that are not used, or ask the cloud's operator for a higher limit",
            **about,
        )
    if kind in _KINDS:
        kind_of_ours, code, hint = _KINDS[kind]
        return kind_of_ours(ours.message, code=code, hint=hint, **about)
    if status_of(error) == 400 or (status_of(error) == 404 and "Resource Type" in reason):
        return InvalidRequest(
            ours.message, code="BAD_TEMPLATE", hint="Correct the template or the value that the reason names", **about
        )
    ours.reason = reason
    return ours


def _kind(error: Exception) -> str:
    """Heat's name for the error, such as UnknownUserParameter."""
    body = getattr(error, "error", None)
    inner = body.get("error") if isinstance(body, dict) else None
    return str(inner.get("type") or "") if isinstance(inner, dict) else ""
