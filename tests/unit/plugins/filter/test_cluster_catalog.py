# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cluster types as an environment wants them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.kcloud.infrastructure.plugins.filter.cluster_catalog import cluster_catalog

BASE: dict[str, Any] = {
    "gpu-intensive": {
        "name": "gpu-template",
        "accelerator": {"kind": "gpu", "models": []},
        "node_groups": {},
        "labels": {"gpu_enabled": True, "team": "none"},
    }
}


def test_later_changes_win_and_the_rest_stays() -> None:
    """The asker's form spells the type with an underscore; accelerator_cluster_types wins over it."""
    asker = {"gpu_intensive": {"flavor": "a", "labels": {"team": "asker", "asked": "yes"}}}
    own = {"gpu-intensive": {"accelerator": {"models": ["a100"]}, "labels": {"team": "own"}}}
    assert cluster_catalog(BASE, asker, own) == {
        "gpu-intensive": {
            "name": "gpu-template",
            "accelerator": {"kind": "gpu", "models": ["a100"]},
            "node_groups": {},
            "labels": {"gpu_enabled": True, "team": "own", "asked": "yes"},
            "flavor": "a",
        }
    }
    assert BASE["gpu-intensive"]["labels"]["team"] == "none", "the data of the collection are not changed"


def test_nothing_to_change() -> None:
    """Unset variables, as Jinja hands them over."""
    assert cluster_catalog(BASE, None, {}) == cluster_catalog(BASE) == BASE


@pytest.mark.parametrize(
    "own",
    [
        {"flavor": "a"},
        {"name": "mine", "node_groups": {}},
        {"name": "mine", "accelerator": {"models": []}, "node_groups": {}},
        {"name": "mine", "accelerator": {"kind": "none"}},
        {"name": "", "accelerator": {"kind": "none"}, "node_groups": {}},
        None,
    ],
)
def test_a_type_that_does_not_say_what_it_is(own: Any) -> None:
    """A misspelt name of a type looks like a type of the user's own: the message names the known ones."""
    with pytest.raises(
        AnsibleFilterError, match="'gpu_intensiv'.*needs name, accelerator.kind and node_groups.*gpu-intensive"
    ):
        cluster_catalog(BASE, {}, {"gpu_intensiv": own})


def test_a_type_of_one_s_own() -> None:
    """It needs three keys."""
    mine = {"name": "mine", "accelerator": {"kind": "none"}, "node_groups": {}}
    assert set(cluster_catalog(BASE, {}, {"mine": mine})) == {"gpu-intensive", "mine"}
