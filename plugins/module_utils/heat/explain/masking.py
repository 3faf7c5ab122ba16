# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keeps the values of hidden parameters out of everything that a module says.

Which parameters are hidden stands in the template, so the option cannot be ``no_log`` as a whole without hiding the
harmless ones too. Everything is masked first, and shown again when the template has been read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model.objects import HIDDEN, Definition
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.plan.normal import all_hidden_names, schemata

# A shorter text is part of too many harmless ones: replacing each "1" or "on" would spoil every answer.
SHORTEST_SECRET = 4


class Masking:
    """Takes the option ``parameters`` out of a module's parameters, which are echoed, and gives back what may be shown.

    :param params: the module's own parameters; changed in place.
    :param hide: gets the texts to be masked wherever else they turn up.
    """

    def __init__(self, params: dict[str, Any], hide: Callable[[Iterable[str]], object]) -> None:
        self.parameters: dict[str, Any] = dict(params.get("parameters") or {})
        self._params = params
        self._hide = hide
        if self.parameters:
            params["parameters"] = dict.fromkeys(self.parameters, HIDDEN)

    def reveal(
        self,
        template: Mapping[str, Any],
        files: Mapping[str, str] | None = None,
        environment: Mapping[str, Any] | None = None,
    ) -> None:
        """Show again what the template does not hide; what it hides is masked everywhere from now on."""
        hidden = all_hidden_names(Definition(template, {}, files or {}))
        if self.parameters:
            self._params["parameters"] = {
                name: HIDDEN if name in hidden else value for name, value in self.parameters.items()
            }
        environment = environment or {}
        defaults = {name: schema.get("default") for name, schema in schemata(template).items()}
        sources = (self.parameters, environment.get("parameters"), environment.get("parameter_defaults"), defaults)
        self._hide({text for source in sources for name in hidden for text in texts((source or {}).get(name))})


def texts(value: Any) -> Iterator[str]:
    """Every text in a value that is long enough to be masked."""
    if isinstance(value, Mapping):
        for entry in value.values():
            yield from texts(entry)
    elif isinstance(value, (list, tuple)):
        for entry in value:
            yield from texts(entry)
    elif value is not None and not isinstance(value, bool):
        text = str(value)
        if len(text) >= SHORTEST_SECRET and text.lower() not in ("true", "false", "none", "null"):
            yield text
