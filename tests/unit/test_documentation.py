# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation is complete: its pages name every playbook and failure code, its guides are all run, README.ko.md is README.md."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools import docsite, guides

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = ROOT / "plugins/module_utils"
TROUBLESHOOTING = ROOT / "docs/docsite/rst/guide_troubleshooting.rst"
CODE = re.compile(r"^[A-Z][A-Z]+(?:_[A-Z]+)*$")


def failure_codes(source: str) -> Iterator[str]:
    """The failure codes that a module of the library may answer: of classes, of errors that are raised, and of tables of causes."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.keyword(arg="code", value=value):
                yield from constants(value)
            case ast.Assign(targets=[ast.Name(id="default_code") | ast.Attribute(attr="code")], value=value):
                yield from constants(value)
            case ast.FunctionDef(args=ast.arguments(args=args, defaults=defaults)):
                for arg, default in zip(reversed(args), reversed(defaults), strict=False):
                    if arg.arg == "code":
                        yield from constants(default)
            # (pattern, code, hint) and (class, code or none, hint)
            case ast.Tuple(elts=[_first, ast.Constant(value=str(code)), hint]) if CODE.match(code) and is_sentence(
                hint
            ):
                yield code
            # What the last state of an object is part of
            case ast.JoinedStr(values=[ast.Constant(value=str(prefix)), _status]) if re.fullmatch(r"[A-Z]+_", prefix):
                yield f"{prefix}<status>"
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(code))) if name == code:
                yield code


def is_sentence(value: ast.expr) -> bool:
    """Whether an expression is a text of several words."""
    return isinstance(value, ast.Constant) and isinstance(value.value, str) and " " in value.value


def constants(value: ast.expr) -> Iterator[str]:
    """The codes in an expression, of both branches of a conditional."""
    match value:
        case ast.Constant(value=str(code)):
            yield code
        case ast.IfExp(body=body, orelse=other):
            yield from constants(body)
            yield from constants(other)


CODES = {code for path in LIBRARY.rglob("*.py") for code in failure_codes(path.read_text(encoding="utf-8"))}


def test_codes_are_found() -> None:
    source = """
class Bad(Error):
    default_code = "BAD"
def bad(name, code="WORSE"):
    raise Bad(name, code="WRONG" if name else "EMPTY")
error.code = "WORST"
CAUSES = ((r"quota", "QUOTA", "Delete something"), ("name", "text", "no code"))
"""
    assert set(failure_codes(source)) == {"BAD", "WORSE", "WRONG", "EMPTY", "WORST", "QUOTA"}
    assert {"QUOTA_EXCEEDED", "STATE_CHANGED", "STACK_BUSY", "BAD_INTERCONNECT", "STALLED"} <= CODES


def test_troubleshooting_describes_every_failure_code() -> None:
    described = re.findall(r"^   \* - ``([A-Z][\w<>]+)``$", TROUBLESHOOTING.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(described) == sorted(set(described))
    assert set(described) == CODES


def test_the_page_of_the_playbooks_is_up_to_date() -> None:
    page = docsite.PLAYBOOKS_PAGE.read_text(encoding="utf-8")
    assert page == docsite.playbooks_page(), "run python -m tools.docsite --write"
    for playbook in (ROOT / "playbooks").glob("*.yml"):
        assert f"``kcloud.infrastructure.{playbook.stem}``" in page


def test_every_file_of_the_guides_is_shown() -> None:
    """What a guide does not include, nobody reads, and a text that no command prints is not checked."""
    pages = "".join(path.read_text(encoding="utf-8") for path in guides.PAGES.glob("*.rst"))
    included = re.findall(r"^\.\. literalinclude:: /guides/(\S+)$", pages, re.MULTILINE)
    files = {path.relative_to(guides.SOURCES).as_posix() for path in guides.SOURCES.rglob("*") if path.is_file()}
    assert set(included) == files
    printed = [step.output.relative_to(guides.SOURCES).as_posix() for of in guides.guides().values() for step in of]
    assert sorted(printed) == sorted(name for name in files if name.endswith(".txt"))


def test_every_command_of_a_step_runs_a_file_that_the_guide_shows() -> None:
    for topic, steps in guides.guides().items():
        for step in steps:
            assert step.output.parent == guides.SOURCES / topic
            playbook = step.command.split()[1]
            assert (
                playbook.startswith("kcloud.infrastructure.")
                or (guides.SOURCES / topic / playbook).is_file()
                or " -i " in step.command
            )


def test_readers_see_the_settings_of_the_outputs() -> None:
    page = (guides.PAGES / "guides.rst").read_text(encoding="utf-8")
    assert dict(re.findall(r"\b(ANSIBLE_\w+)=(\w+)", page)) == guides.SETTINGS


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        ("id 5e0b48ad-50aa-4179-92fe-be598db79c1e  \n\n\n\n", "id <id>\n"),
        ("  [localhost] cluster/a: create_cluster done (13 s / 3600 s)\nok\n", "ok\n"),
        ("at 2026-12-01T10:00:00.5+00:00 from 10.0.0.1:80", "at <time> from <address>:80\n"),
        ("Origin: /a/main.yml:49:3\n\n47   - x\n     ^ column 3\n\nfatal", "fatal\n"),
        (
            "\nlocalhost    : ok=5    changed=1    unreachable=0    failed=0    skipped=3    rescued=0    ignored=0  ",
            "localhost : ok=N changed=1 unreachable=0 failed=0 skipped=N rescued=0 ignored=0\n",
        ),
        ("2 of 2 objects are as declared", "2 of 2 objects are as declared\n"),
        ("quota: 1 clusters left   499 of 500", "quota: 1 clusters left   N of N\n"),
    ],
)
def test_outputs_are_normalised(printed: str, shown: str) -> None:
    assert guides.normalised(printed) == shown


def test_a_step_is_a_command_before_its_output() -> None:
    page = """
.. code-block:: console

   $ pip install x

Text

.. code-block:: console

   $ ansible-playbook a.yml \\
       -e b=1

.. literalinclude:: /guides/topic/a.txt
   :language: text
"""
    assert [(step.command, step.output.name) for step in guides.steps("topic", page)] == [
        ("ansible-playbook a.yml -e b=1", "a.txt")
    ]


BLOCKS = re.compile(r"^```\w+\n.*?^```$", re.MULTILINE | re.DOTALL)


def test_the_korean_readme_shows_the_commands_and_outputs_of_the_other() -> None:
    """Its blocks are the first ones of README.md, and what it calls by name in a sentence README.md calls so, too."""
    korean, english = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.ko.md", "README.md"))
    blocks = BLOCKS.findall(korean)
    assert len(blocks) >= 4
    assert blocks == BLOCKS.findall(english)[: len(blocks)]
    named = set(re.findall(r"`([^`\n]+)`", BLOCKS.sub("", korean)))
    assert named
    assert {name for name in named if f"`{name}`" not in english} == set()
    links = re.findall(r"\]\(([^)]+)\)", korean)
    assert [link for link in links if not (ROOT / link).exists()] == []
