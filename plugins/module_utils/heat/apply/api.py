# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The calls that make Heat change something: one method per call, each sent once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import status_of, write
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import KcloudError, NotPermitted
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model.objects import Stack
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.read.api import HeatReader, explain

Answer = TypeVar("Answer")


class HeatApi(HeatReader):
    """Stacks of the connection's own project, with what changes them."""

    def create(self, name: str, request: Mapping[str, Any]) -> str:
        """Send the creation.

        :returns: the id of the stack to come, empty where the answer does not tell it.
        :raises Unclear: no clear answer came; look by name before sending again.
        """
        answer = self._write(
            lambda: self._client.stacks.create(stack_name=name, **request), f"create stack '{name}'", name
        )
        # Taken, and said in a body that is none: the name tells then
        return str(answer["stack"].get("id") or "") if isinstance(answer, dict) and answer.get("stack") else ""

    def update(self, stack: Stack, request: Mapping[str, Any], *, partial: bool) -> None:
        """Send the update, as PATCH when partial.

        :raises Unclear: no clear answer came; look at the stack before sending again.
        """
        self._write(
            lambda: self._client.stacks.update(stack.identifier, existing=partial, **request),
            f"update stack '{stack.name}'",
            stack.name,
        )

    def delete(self, stack: Stack) -> bool:
        """Send the deletion; False when there is nothing to delete.

        :raises Unclear: no clear answer came; look at the stack before sending again.
        """
        try:
            self._write(
                lambda: self._client.stacks.delete(stack.identifier), f"delete stack '{stack.name}'", stack.name
            )
        except KcloudError as error:
            if error.code == "NOT_FOUND":
                return False
            raise
        return True

    def _write(self, call: Callable[[], Answer], doing: str, name: str) -> Answer:
        return write(call, doing, f"stack/{name}", explain=self._refusal)

    def _refusal(self, error: Exception, doing: str, resource: str) -> KcloudError:
        ours = explain(error, doing, resource)
        if status_of(error) == 500 and self._is_application_credential and doing.startswith("create "):
            return NotPermitted(
                ours.message,
                code="TRUST_NOT_PERMITTED",
                resource=resource,
                reason=ours.reason,
                hint="Heat makes a Keystone trust per stack, which an application credential may not: "
                "log in with a user's password",
            )
        return ours
