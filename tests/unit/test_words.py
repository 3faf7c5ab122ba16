# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts and names are plain English: private words and turns of phrase fail here, with the words to use instead."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Takes a file apart: its text -> the parts that count, each with its line
Reader = Callable[[str], Iterator[tuple[int, str]]]

# What must not be written, and what to write instead. White space stands for any white space, as texts are wrapped.
BANNED = {
    r"foret(?:ell|old)": "predict",
    r"\bways? out\b": "fix",
    r"\bm(?:ake|akes|ade|aking) (?:\S+ ){1,3}go\b|\bm(?:ake|akes|ade|aking) go\b": "delete",
    r"\bthat there (?:is|are|was|were)\b(?! (?:no|none|a|an|one|nothing|something)\b)": "name the object: 'existing ...', 'whether ... exists'",
    r"\b(?:is|are|was|were) no (?!longer\b|more\b|sooner\b|other\b)": "is not a ...",
    r"\bha(?:ve|s) it no more\b": "ensure that it does not exist",
    r"\bof (?:which|whom) nobody\b": "name the actor, or use the passive: 'nodes without a measurement'",
    r"\bst(?:and|ands|anding|ood) on\b": "run on, use, be attached to",
    r"\btold\b": "said, given, reported",
}
# This is plain English although a part of it is not
ALLOWED = r"\bthere (?:is|are|was|were) no\b"
PATTERN = re.compile("|".join([ALLOWED, *(f"({pattern})" for pattern in BANNED)]).replace(" ", r"\s+"), re.IGNORECASE)

# Words in names of files, functions, classes, arguments and variables that only insiders know, and what to write instead
BANNED_IN_NAMES = {
    r"foret(?:ell|old)[a-z]*": "predict",
    r"heirs?": "successor",
    r"holders?|holdings": "name the object: 'parent', 'owner', 'group'",
    r"listing": "what is listed: 'list_volumes', 'servers'",
    r"nesting": "nested",
    r"recogni[sz]e[a-z]*|recogni[sz]ing": "detect, identify",
    r"told": "said, given, reported",
    r"ways?_out": "fix, other_way",
    r"yards?": "name the object",
}
NAME_PATTERN = re.compile("|".join(f"(?<![a-z])({pattern})(?![a-z])" for pattern in BANNED_IN_NAMES))

DOCUMENTS = (
    "*.md",
    "docs/**/*.md",
    "docs/**/*.rst",
    "docs/guides/**/*.yml",
    "roles/**/*.md",
    "heat_templates/**/*",
    "galaxy.yml",
    "meta/*.yml",
    "changelogs/**/*.y*ml",
)
YAML_OF_USERS = ("roles/**/*.yml", "playbooks/**/*.yml")
PYTHON = tuple(
    f"{folder}/**/*.py"
    for folder in ("plugins", "roles", "gateway", "deploy", "devcloud", "tools", "benchmarks", "extensions")
)
# Of these only names, comments and docstrings count: an assertion repeats what services and the test cloud say
TESTS = ("tests/integration/**/*.yml", "extensions/**/*.yml")
PYTHON_TESTS = ("tests/**/*.py",)
NAME_OR_COMMENT = re.compile(r"^ *(?:- )?(?:name: |# ).*$", re.MULTILINE)


def files(*globs: str) -> list[Path]:
    """The files of the repository that match any of the patterns. This one quotes what it forbids."""
    found = sorted(path for pattern in globs for path in ROOT.glob(pattern) if path.is_file())
    return [path for path in found if path != Path(__file__).resolve()]


def banned_in(text: str) -> Iterator[tuple[int, str, str]]:
    """Each banned phrase of a text: its offset in lines, itself, and what to write instead."""
    instead = list(BANNED.values())
    for match in PATTERN.finditer(text):
        if match.lastindex:
            yield text.count("\n", 0, match.start()), " ".join(match[0].split()), instead[match.lastindex - 1]


def names_and_comments(source: str) -> Iterator[tuple[int, str]]:
    """The names and comments of a YAML file, each with its line."""
    for match in NAME_OR_COMMENT.finditer(source):
        yield source.count("\n", 0, match.start()) + 1, match[0]


def whole(source: str) -> Iterator[tuple[int, str]]:
    """A text as one piece."""
    yield 1, source


def docstrings_and_comments(source: str) -> Iterator[tuple[int, str]]:
    """The docstrings and comments of a Python file, each with its line; comments on lines that follow each other are one."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and ast.get_docstring(
            node
        ):
            yield node.body[0].lineno, ast.get_docstring(node, clean=False) or ""
    first, lines = 0, list[str]()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            if lines and token.start[0] != first + len(lines):
                yield first, "\n".join(lines)
                lines = []
            first = token.start[0] - len(lines)
            lines.append(token.string.lstrip("# "))
    yield first, "\n".join(lines)


def names(source: str) -> Iterator[tuple[int, str]]:
    """What a Python file gives names to, each with its line: functions, classes, arguments, variables, attributes, imports."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield node.lineno, name
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()) | ast.arg(arg=name):
                yield node.lineno, name
            case ast.alias(asname=str(name)):
                yield node.lineno, name


def names_in_banned_words(path: Path) -> list[str]:
    """What a Python file, its own name included, is called in banned words, one line each."""
    instead, source = list(BANNED_IN_NAMES.values()), path.read_text(encoding="utf-8")
    # As above
    named = [(0, path.stem), *(names(source) if NAME_PATTERN.search(source.lower()) else ())]
    return [
        f"{path.relative_to(ROOT).as_posix()}:{line}: '{name}', write: {instead[found.lastindex - 1]}"
        for line, name in named
        if (found := NAME_PATTERN.search(name.lower())) and found.lastindex
    ]


def complaints(path: Path, parts: Reader) -> list[str]:
    """What a file says in banned words, one line each."""
    source = path.read_text(encoding="utf-8")
    # Most files are clean as a whole, and need not be taken apart
    if not any(banned_in(source.replace("#", " "))):
        return []
    return [
        f"{path.relative_to(ROOT).as_posix()}:{line + offset}: '{phrase}', write: {instead}"
        for line, part in parts(source)
        for offset, phrase, instead in banned_in(part)
    ]


@pytest.mark.parametrize(
    ("globs", "parts"),
    [
        (DOCUMENTS, whole),
        (YAML_OF_USERS, whole),
        (PYTHON, whole),
        (TESTS, names_and_comments),
        (PYTHON_TESTS, docstrings_and_comments),
    ],
    ids=["documents", "roles", "python", "tests", "python-tests"],
)
def test_texts_use_plain_words(globs: tuple[str, ...], parts: Reader) -> None:
    found = files(*globs)
    assert found, f"nothing matches {globs}"
    assert not [complaint for path in found for complaint in complaints(path, parts)]


def test_names_use_plain_words() -> None:
    assert not [complaint for path in files(*PYTHON, *PYTHON_TESTS) for complaint in names_in_banned_words(path)]


@pytest.mark.parametrize(
    "text",
    [
        "What cannot be foretold is left out.",
        "Failed. Way out: wait.",
        "Makes one cluster\n  go.",
        "Reads the clusters that there are.",
        "Failed to read option 'expires_at': 'x' is no time",
        "Have it, or have it no more.",
        "Nodes of which nobody measured the load.",
        "Workloads that stand on clusters.",
        "A dry run unless told otherwise.",
    ],
)
def test_each_banned_phrase_is_found(text: str) -> None:
    assert list(banned_in(text))


@pytest.mark.parametrize(
    "text",
    [
        "There is no such network.",
        "The cluster is no longer listed.",
        "There\nis no way outside.",
        "It is not a number.",
    ],
)
def test_plain_words_pass(text: str) -> None:
    assert not list(banned_in(text))


def test_tests_are_read_in_their_names_and_comments_only() -> None:
    source = "# A comment\n- name: A task\n  assert:\n    that: \"'told' in msg\"\n"
    assert list(names_and_comments(source)) == [(1, "# A comment"), (2, "- name: A task")]


def test_docstrings_and_comments_of_python_are_read() -> None:
    source = 'def f():\n    """Says."""\n    x = "told"  # one\n    # two\n\n    # three\n'
    assert list(docstrings_and_comments(source)) == [(2, "Says."), (3, "one\ntwo"), (6, "three")]


def test_names_of_python_are_read() -> None:
    source = "import a as b\nclass C:\n    x = 1\n    def f(self, y):\n        self.z = other(y)\n"
    assert sorted(names(source)) == [(1, "b"), (2, "C"), (3, "x"), (4, "f"), (4, "self"), (4, "y"), (5, "z")]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("HOLDINGS", True),
        ("holder_of", True),
        ("is_told", True),
        ("Heir", True),
        ("way_out", True),
        ("test_recognise", True),
        ("their_names", False),
        ("stakeholder", False),
        ("holds", False),
    ],
)
def test_banned_names_are_found(name: str, found: bool) -> None:
    assert bool(NAME_PATTERN.search(name.lower())) is found
