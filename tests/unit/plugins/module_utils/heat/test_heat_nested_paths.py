# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Resources of nested stacks by their path, from Heat's lists and previews."""

from __future__ import annotations

from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model.nested_paths import (
    by_path,
    created,
    placed,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model.objects import Preview, Resource


def entry(name: str, kind: str, stack: str, stack_id: str = "None", parent: str | None = None) -> dict[str, Any]:
    """A resource as a preview shows it."""
    return {
        "resource_name": name,
        "resource_type": kind,
        "stack_name": stack,
        "stack_identity": {"stack_id": stack_id},
        **({"parent_resource": parent} if parent else {}),
    }


def test_paths() -> None:
    """By the ids of the stacks that contain them; a circle, which Heat never has, ends."""
    outer = Resource("outer", "outer.yaml", stack_id="0", nested_id="1")
    inner = Resource("inner", "inner.yaml", stack_id="1", nested_id="2")
    leaf = Resource("leaf", "T", stack_id="2")
    beside = Resource("leaf", "T", stack_id="0")
    found = by_path([leaf, beside, inner, outer])
    assert found == {"outer/inner/leaf": leaf, "leaf": beside, "outer/inner": inner, "outer": outer}
    assert len(by_path([Resource("a", "T", stack_id="1", nested_id="1")])) == 1


def test_a_preview_of_an_update() -> None:
    """Old stacks by id, predicted ones by their name, also two deep; of nested stacks what stays is left out."""
    changes = {
        "unchanged": [entry("val", "V", "s", "0"), entry("0", "R", "s-grp", parent="grp")],
        "updated": [entry("grp", "G", "s", "0"), entry("b", "V", "s-one-abc", "9", "one")],
        "added": [entry("deep", "V", "s-grp-1", parent="1"), entry("1", "n.yaml", "s-grp", parent="grp")],
        "replaced": [entry("swap", "x.yaml", "s", "0")],
        "deleted": [entry("kept", "V", "s-swap-xyz", "8", "swap")],
    }
    changes["added"].append(entry("kept", "V", "s-swap", parent="swap"))
    preview = placed(changes, "s", {"9": "one", "8": "swap", "7": "grp"})
    assert preview == Preview(
        unchanged={"val": "V"},
        updated={"grp": "G", "one/b": "V"},
        added={"grp/1": "n.yaml", "grp/1/deep": "V"},
        replaced={"swap": "x.yaml", "swap/kept": "V"},
    )


def test_members_of_a_scaling_group_have_names_by_chance() -> None:
    """Those that come cannot be predicted by name, those that go can."""
    changes = {
        "updated": [entry("asg", "OS::Heat::AutoScalingGroup", "s", "0")],
        "added": [entry("xyz", "V", "s-asg", parent="asg")],
        "deleted": [entry("abc", "V", "s-asg-1", "5", "asg")],
    }
    preview = placed(changes, "s", {"5": "asg"})
    assert not preview.added
    assert preview.deleted == {"asg/abc": "V"}


def test_a_preview_of_a_creation() -> None:
    """A nested stack comes as a list without its name; the template knows its type."""
    template = {"resources": {"val": {"type": "V"}, "one": {"type": "in.yaml"}, "hollow": {"type": "h.yaml"}}}
    answer = [
        entry("val", "V", "s"),
        [entry("a", "R", "s-one", parent="one"), [entry("z", "V", "s-one-b", parent="b")]],
        [[entry("far", "V", "s-hollow-x", parent="x")]],
    ]
    assert created(answer, template) == {
        "val": "V",
        "one": "in.yaml",
        "one/a": "R",
        "one/b/z": "V",
        "hollow": "h.yaml",
    }
