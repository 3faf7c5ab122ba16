# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`python -m devcloud driver`: tell the second Magnum driver how to behave. Needs only Python's standard library.

The schema is the driver's own, loaded from its source folder: there is no second list of habits.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from devcloud.locks import alone_in

_PACKAGE = Path(__file__).resolve().parent
_PLUGINS = _PACKAGE / "plugins" / "src"
if str(_PLUGINS) not in sys.path:
    sys.path.insert(0, str(_PLUGINS))

# Not at the top: its folder had to be named first.
from devcloud_plugins.magnum_driver import control, habits


def find_folder() -> Path:
    """Return the control folder: `DEVCLOUD_CONTROL`, else `control` in `DEVCLOUD_STATE` or the repository's `.devcloud`."""
    named = control.find_folder()
    state = os.environ.get("DEVCLOUD_STATE") or _PACKAGE.parent / ".devcloud"
    return named or Path(state).resolve() / "control"


def set_habits(folder: Path, values: dict[str, Any], cluster: str | None = None) -> habits.Document:
    """Set habits for all clusters or for those whose name fits a pattern; raises `HabitError`. Returns the document."""
    parsed = {name: habits.parse(name, value) for name, value in values.items()}
    with alone_in(folder):
        document = control.read(folder)
        row = document["all"] if cluster is None else document["clusters"].setdefault(cluster, {})
        row.update(parsed)
        control.write(folder, document)
    if "drop_once" in parsed:
        control.forget_lost(folder, cluster or "*")
    return document


def reset(folder: Path, cluster: str | None = None) -> None:
    """Forget one pattern's habits, or everything (a broken file, too)."""
    with alone_in(folder):
        if cluster is None:
            control.write(folder, habits.parse_document({}))
            control.forget_lost(folder)
            return
        document = control.read(folder)
        if document["clusters"].pop(cluster, None) is not None:
            control.write(folder, document)


def show(folder: Path, cluster: str | None = None) -> dict[str, Any]:
    """Return what was set; for a cluster's name all habits in force for it."""
    document = control.read(folder)
    return dict(document) if cluster is None else asdict(habits.resolve(document, cluster))


def _pairs(words: Sequence[str]) -> dict[str, str]:
    broken = [word for word in words if "=" not in word]
    if broken:
        raise habits.HabitError(f"{', '.join(broken)}: write key=value")
    return dict(word.split("=", 1) for word in words)


def _schema_text() -> str:
    """The schema as the help's last part."""
    lines = ["habits:"]
    for name, row in habits.SCHEMA.items():
        kind = "|".join(choice or "''" for choice in row.metadata["allowed"]) or row.metadata["kind"]
        if row.metadata["kind"] == "verbs":
            kind = "verbs"
        default = json.dumps(row.default)
        lines.append(f"  {name}=<{kind}>  {row.metadata['text']} (default {default}{_profile_text(row.metadata)})")
    shorthands = "; ".join(f"{name}: {', '.join(verbs)}" for name, verbs in habits.SHORTHANDS.items())
    lines += ["", f"verbs: a comma-separated list of {', '.join(habits.VERBS)} ({shorthands}), or true, or false"]
    return "\n".join(lines)


def _profile_text(metadata: Any) -> str:
    return "".join(f"; {profile}: {json.dumps(value)}" for profile, value in metadata["profiles"].items())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="devcloud driver",
        description="Tell the Magnum driver without Heat how to behave; it looks at each use.",
        epilog=_schema_text(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    setter = verbs.add_parser("set", help="set habits, for all clusters or for those whose name fits a pattern")
    setter.add_argument("--cluster", metavar="PATTERN")
    setter.add_argument("pairs", nargs="+", metavar="key=value")
    shower = verbs.add_parser("show", help="show what was set, or all habits of one cluster")
    shower.add_argument("--cluster", metavar="NAME")
    resetter = verbs.add_parser("reset", help="forget everything, or one pattern")
    resetter.add_argument("--cluster", metavar="PATTERN")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; 0 when done, 2 for a habit or value that does not exist."""
    options = _parser().parse_args(argv)
    folder = find_folder()
    try:
        if options.verb == "set":
            set_habits(folder, _pairs(options.pairs), options.cluster)
        elif options.verb == "reset":
            reset(folder, options.cluster)
        else:
            print(json.dumps(show(folder, options.cluster), indent=2))
    except habits.HabitError as error:
        print(f"devcloud driver: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
