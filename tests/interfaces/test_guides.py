# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guides of the documentation: their commands, run against the test cloud, print what the guides show."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.interfaces.conftest import TestCloud
from tools.guides import EXISTING, beside, existing_cluster, fresh_copy, guides, printed, wait_for_existing_cluster

# openstacksdk 4.10 warns of an argument that it gives itself
pytestmark = pytest.mark.filterwarnings("ignore:The 'service_type' parameter is unnecesary")
GUIDES = guides()


@pytest.fixture(scope="module")
def another_tools_cluster(cloud: TestCloud) -> Iterator[None]:
    """The cluster that the guides find; it is created while the first guides run."""
    with existing_cluster():
        yield
    assert not cloud.clusters("test-guide-")


@pytest.mark.parametrize("topic", GUIDES)
def test_a_guide_prints_what_it_shows(topic: str, another_tools_cluster: None) -> None:
    fresh_copy(topic)
    if any(EXISTING in path.read_text(encoding="utf-8") for path in GUIDES[topic][0].output.parent.glob("*.yml")):
        wait_for_existing_cluster()
    with beside(topic) as around:
        for step in GUIDES[topic]:
            assert printed(step, around) == step.stored, (
                f"{step.command}: if this is right, run python -m tools.guides --write {topic}"
            )
