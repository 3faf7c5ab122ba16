# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts that users read are plain English: private words and turns of phrase fail here, with the words to use instead."""

from __future__ import annotations

import re
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

DOCUMENTS = (
    "*.md",
    "docs/**/*.md",
    "roles/**/*.md",
    "heat_templates/**/*",
    "galaxy.yml",
    "meta/*.yml",
    "changelogs/**/*.y*ml",
)
YAML_OF_USERS = ("roles/**/*.yml", "playbooks/**/*.yml")
CODE = ("plugins/**/*.py",)
# Of these only names and comments count: an assertion repeats what services and the test cloud say
TESTS = ("tests/integration/**/*.yml", "extensions/**/*.yml")
NAME_OR_COMMENT = re.compile(r"^ *(?:- )?(?:name: |# ).*$", re.MULTILINE)


def files(*globs: str) -> list[Path]:
    """The files of the repository that match any of the patterns."""
    return sorted(path for pattern in globs for path in ROOT.glob(pattern) if path.is_file())


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


def complaints(path: Path, parts: Reader) -> list[str]:
    """What a file says in banned words, one line each."""
    return [
        f"{path.relative_to(ROOT).as_posix()}:{line + offset}: '{phrase}', write: {instead}"
        for line, part in parts(path.read_text(encoding="utf-8"))
        for offset, phrase, instead in banned_in(part)
    ]


@pytest.mark.parametrize(
    ("globs", "parts"),
    [(DOCUMENTS, whole), (YAML_OF_USERS, whole), (CODE, whole), (TESTS, names_and_comments)],
    ids=["documents", "roles", "plugins", "tests"],
)
def test_texts_for_users_use_plain_words(globs: tuple[str, ...], parts: Reader) -> None:
    found = files(*globs)
    assert found, f"nothing matches {globs}"
    assert not [complaint for path in found for complaint in complaints(path, parts)]


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
