# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report's page in Chromium: accessible by axe, quiet, alone, and no wider than its screen.

python -m tests.browser AXE FOLDER     AXE is axe-core's axe.min.js; FOLDER gets the pages and their pictures
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.kcloud.infrastructure.plugins.module_utils.report.assemble import read_settings
from ansible_collections.kcloud.infrastructure.plugins.module_utils.report_files import make

from benchmarks.report.__main__ import options
from tests.browser.chromium import Browser, Page, chromium, opened

DESKTOP, PHONE = (1280, 900), (360, 780)
VIOLATIONS = """axe.run(document, {resultTypes: ['violations']}).then(found => found.violations.map(
  one => one.id + ': ' + one.help + ', ' + one.nodes.slice(0, 3).map(node => node.html.slice(0, 160)).join(' / ')))"""
WIDER = """[...document.querySelectorAll('body *')].filter(one => !one.closest('.scroll')
  && one.getBoundingClientRect().right > WIDTH + 1).slice(0, 3).map(one => one.outerHTML.slice(0, 160))"""


@dataclass(frozen=True)
class Case:
    """One page on one screen."""

    name: str
    clusters: int
    size: tuple[int, int]
    scheme: str
    audience: str = "operator"
    given: bool = True
    checks_axe: bool = True


CASES = (
    Case("desktop-light", 8, DESKTOP, "light"),
    Case("desktop-dark", 8, DESKTOP, "dark"),
    Case("phone-light", 8, PHONE, "light", "tenant"),
    Case("phone-dark", 8, PHONE, "dark"),
    # Of the same parts as the others, so what axe would say of it is known
    Case("many", 200, PHONE, "light", checks_axe=False),
    Case("nothing-given", 0, PHONE, "dark", given=False),
)


def written(case: Case, folder: Path) -> Path:
    """The page of a case."""
    wanted = options(case.clusters, folder, name=case.name, formats=["html"], audience=case.audience)
    if not case.given:
        wanted |= {"metrics": None, "costs": None, "decisions": None}
    make(wanted, read_settings(wanted), check_mode=False)
    return folder / f"{case.name}.html"


def problems(page: Page, width: int, axe: str | None) -> Iterator[tuple[str, list[str]]]:
    """Each check with what is wrong."""
    # A phone would zoom out, so that the page's own idea of its screen is as wide as the page
    wide = page.value(f"document.documentElement.scrollWidth > {width}")
    wider = page.value(WIDER.replace("WIDTH", str(width)))
    yield "is no wider than its screen", [*wider, *(["it scrolls sideways"] if wide else [])]
    yield "says nothing on the console and asks for nothing", page.complaints()
    if axe is not None:
        page.value(axe)
        yield "is accessible", page.value(VIOLATIONS)


def look(browser: Browser, case: Case, axe: str, folder: Path) -> Iterator[tuple[str, list[str]]]:
    """The checks of one case; its picture is kept."""
    with opened(browser, written(case, folder), *case.size, case.scheme) as page:
        page.screenshot(folder / f"{case.name}.png")
        yield from problems(page, case.size[0], axe if case.checks_axe else None)


def main(axe_file: str, folder_name: str) -> int:
    """Run all cases; returns the exit code."""
    axe, folder = Path(axe_file).read_text(encoding="utf-8"), Path(folder_name).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    passed = failed = 0
    with chromium() as browser:
        for case in CASES:
            for check, wrong in look(browser, case, axe, folder):
                passed, failed = passed + (not wrong), failed + bool(wrong)
                print(f"  {'FAILED' if wrong else 'ok'} {case.name} {check}", *wrong, sep="\n      ", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
