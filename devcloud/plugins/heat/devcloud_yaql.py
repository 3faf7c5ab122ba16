# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Heat plug-in that lets one thread at a time use the parser of yaql expressions, and makes it before any thread needs it.

Heat 26's engine works in threads, which share one parser and one lexer; both keep where they are in an expression. Two
stacks that begin at the same moment then fail now and then, with "Bad expression Parse error", through no fault of
their own. At the first use Heat shows the parser to other threads before its context is there: then a resource is never
begun, and its stack stays IN_PROGRESS (seen: "'Yaql' object has no attribute '_context'"). Heat's engine loads this file
from `plugin_dirs`.
"""

from __future__ import annotations

import threading
from typing import Any

from heat.engine.hot.functions import Yaql
from yaql.language.factory import YaqlEngine

_one_at_a_time = threading.Lock()
_parse = YaqlEngine.__call__


def parse(engine: YaqlEngine, expression: str, options: dict[str, Any] | None = None) -> Any:
    """Parse an expression, alone."""
    if options:
        return engine.copy(options)(expression)
    with _one_at_a_time:
        return _parse(engine, expression)


YaqlEngine.__call__ = parse
Yaql.get_yaql_parser()
