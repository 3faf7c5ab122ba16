# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The layers of plugins/module_utils, held by their imports: arrows point down only.

docs/architecture.md lists them. A file that has no place there fails too: whoever adds one decides where it belongs.
"""

from __future__ import annotations

import ast
import re
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COLLECTION = "ansible_collections.kcloud.infrastructure"
UTILS = f"{COLLECTION}.plugins.module_utils"
MODULES = f"{COLLECTION}.plugins.modules"

# Lowest first, as the page says. A name is a file or a package below module_utils; files of one package may import each other,
# otherwise nothing imports from its own layer.
PAGE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
LAYERS = tuple(tuple(line.split()) for line in PAGE.partition("```layers\n")[2].partition("```")[0].splitlines())
# What decides never touches the cloud: in all layers below `session` nothing but the standard library and lower layers
PURE = {name for layer in LAYERS[: LAYERS.index(("session",))] for name in layer}
# ... but for one file, which imports a solver where there is one, when it is asked to solve something
OPTIONAL = {"planning.integer": {"highspy"}}
HEIGHT = {name: height for height, layer in enumerate(LAYERS) for name in layer}


def module_name(path: Path, root: Path) -> str:
    """The dotted name of a Python file under its root folder; a package is named by its folder."""
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


parsed = cache(ast.parse)


def imported_names(source: str, module: str, is_package: bool = False) -> set[str]:
    """Every dotted name that the source imports, anywhere in it: relative imports resolved, `from a import b` as `a.b`."""
    names: set[str] = set()
    for node in ast.walk(parsed(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = module.split(".")
                above = above[: len(above) - node.level + (1 if is_package else 0)]
                base = ".".join([*above, base] if base else above)
            names.update(f"{base}.{alias.name}" for alias in node.names)
    return names


def place(util: str) -> str | None:
    """The entry of LAYERS that a file below module_utils belongs to."""
    parts = util.split(".")
    candidates = [".".join(parts[:length]) for length in range(len(parts), 0, -1)]
    return next((candidate for candidate in candidates if candidate in HEIGHT), None)


def violations(util: str, source: str, is_package: bool = False) -> list[str]:
    """What is wrong with the imports of one file below module_utils, in words."""
    own = place(util)
    if own is None:
        return [f"{util} has no place in docs/architecture.md"]
    wrong = []
    for name in sorted(imported_names(source, f"{UTILS}.{util}", is_package)):
        top = name.split(".")[0]
        if name.startswith(f"{UTILS}."):
            wrong += wrong_layer(util, own, name.removeprefix(f"{UTILS}."))
        elif name.startswith(f"{COLLECTION}."):
            wrong.append(f"{util} imports {name}, which is no part of module_utils")
        elif own in PURE and top not in {"__future__", *sys.stdlib_module_names, *OPTIONAL.get(util, ())}:
            wrong.append(f"{util} imports {name}, but may use the standard library only")
    return wrong


def wrong_layer(util: str, own: str, target: str) -> list[str]:
    """Whether an import of one file below module_utils by another points sideways or up."""
    other = place(target)
    if other is None:
        return [f"{util} imports {target}, which has no place in docs/architecture.md"]
    if other == own and util != own:
        return []  # two files of one package
    if HEIGHT[other] < HEIGHT[own]:
        return []
    return [f"{util} imports {target}, which is not below it"]


def import_cycle(graph: dict[str, set[str]]) -> list[str]:
    """One cycle of the graph as a path that returns to its start, or nothing."""
    done: set[str] = set()

    def visit(node: str, path: list[str]) -> list[str]:
        if node in path:
            return [*path[path.index(node) :], node]
        if node in done:
            return []
        for following in sorted(graph.get(node, set())):
            if found := visit(following, [*path, node]):
                return found
        done.add(node)
        return []

    return next((found for node in sorted(graph) if (found := visit(node, []))), [])


def files(folder: str) -> list[Path]:
    """The Python files with content below a folder of the collection."""
    return sorted(path for path in (ROOT / folder).rglob("*.py") if path.read_text(encoding="utf-8").strip())


UTIL_FILES = files("plugins/module_utils")
PLUGIN_FILES = files("plugins")


def identify(path: Path) -> str:
    """A file's name in the list of tests."""
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", UTIL_FILES, ids=identify)
def test_imports_point_down_only(path: Path) -> None:
    """A file below module_utils imports lower layers only, and a pure one nothing from outside."""
    util = module_name(path, ROOT / "plugins/module_utils")
    source = path.read_text(encoding="utf-8")
    if not util or (path.name == "__init__.py" and place(util) is None):
        assert not imported_names(source, UTILS, is_package=True), "a package that joins layers imports nothing"
        return
    assert violations(util, source, path.name == "__init__.py") == []


@pytest.mark.parametrize("path", PLUGIN_FILES, ids=identify)
def test_nothing_imports_a_module(path: Path) -> None:
    """Modules are entry points: what two of them share lies in module_utils."""
    name = f"{COLLECTION}.plugins.{module_name(path, ROOT / 'plugins')}"
    imported = imported_names(path.read_text(encoding="utf-8"), name, path.name == "__init__.py")
    assert not [name for name in sorted(imported) if name == MODULES or name.startswith(f"{MODULES}.")]


def test_no_import_cycle() -> None:
    """Files of one package may import each other, but not in a circle."""
    known = {module_name(path, ROOT / "plugins/module_utils"): path for path in UTIL_FILES}
    graph = {}
    for util, path in known.items():
        names = imported_names(path.read_text(encoding="utf-8"), f"{UTILS}.{util}", path.name == "__init__.py")
        inside = {name.removeprefix(f"{UTILS}.") for name in names if name.startswith(f"{UTILS}.")}
        graph[util] = {target for name in inside for target in (name, name.rpartition(".")[0]) if target in known}
    assert import_cycle(graph) == []


def test_the_page_is_true() -> None:
    """Every layer holds something, and every file that the page sends its reader to is there."""
    assert len(LAYERS) > 10
    names = {module_name(path, ROOT / "plugins/module_utils") for path in UTIL_FILES}
    empty = [name for name in HEIGHT if not any(f"{util}.".startswith(f"{name}.") for util in names)]
    assert empty == []
    named = re.findall(r"`((?:plugins|tests|tools|devcloud|roles)/[^` ]+)`", PAGE)
    assert len(named) > 20 and [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize(
    ("util", "source", "complaint"),
    [
        ("magnum.plan.clusters", f"from {UTILS}.magnum.apply.api import MagnumApi", "not below"),
        ("magnum.plan.clusters", f"import {UTILS}.magnum.apply.execute", "not below"),
        ("magnum.plan.clusters", "from ..read.api import MagnumApi", "not below"),
        ("magnum.plan.clusters", "from ...cloud import connect", "not below"),
        ("magnum.model.objects", f"from {UTILS}.heat.model.objects import Stack", "not below"),
        ("errors", f"def late():\n    from {UTILS}.cloud import connect", "not below"),
        ("planning.match", "import yaml", "standard library only"),
        ("planning.match", "def late():\n    import highspy", "standard library only"),
        ("planning.match", "from ansible.module_utils.basic import AnsibleModule", "standard library only"),
        ("planning.match", f"from {UTILS}.magnum.plan.clusters import plan_cluster", "not below"),
        ("cloud", f"from {MODULES}.magnum_cluster import run", "no part of module_utils"),
        ("somewhere.new", "", "no place"),
        ("cloud", f"from {UTILS}.somewhere import new", "no place"),
    ],
)
def test_a_wrong_import_is_found(util: str, source: str, complaint: str) -> None:
    """The checks above are able to fail."""
    assert [line for line in violations(util, source) if complaint in line]


@pytest.mark.parametrize(
    ("util", "source"),
    [
        ("magnum.apply.execute", f"from {UTILS}.magnum.apply.api import MagnumApi\nfrom {UTILS}.wait import Deadline"),
        (
            "planning.match",
            f"import math\nfrom {UTILS}.planning.model import Job\nfrom {UTILS}.errors import KcloudError",
        ),
        ("planning.match", "from .model import Job"),
        ("cloud", "import openstack\nfrom ansible.module_utils.basic import AnsibleModule"),
    ],
)
def test_a_right_import_is_let_through(util: str, source: str) -> None:
    """The checks above do not fail on everything."""
    assert violations(util, source) == []


def test_a_cycle_is_found() -> None:
    """The search for circles finds one, and none in a diamond."""
    assert import_cycle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert import_cycle({"a": {"b", "c"}, "b": {"d"}, "c": {"d"}}) == []
