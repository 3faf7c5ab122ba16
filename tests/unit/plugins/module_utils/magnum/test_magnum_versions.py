# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Versions of a cluster template: a little cloud in which plans are carried out, and what must hold of each of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import (
    Ambiguous,
    CannotApply,
    Conflict,
    InvalidRequest,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import ClusterTemplate
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.template_versions import (
    CONTENT,
    Family,
    Member,
    current,
    digest_of,
    is_of,
    plan_versions,
    plan_versions_absent,
    shown,
    tags_of,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.plan import Plan

FIRST = {"coe": "kubernetes", "image_id": "one", "external_network_id": "public", "labels": {"kube_tag": "v1.31.0"}}
SECOND = {**FIRST, "image_id": "two", "labels": {"kube_tag": "v1.32.0"}}
THIRD = {**FIRST, "image_id": "three", "labels": {"kube_tag": "v1.33.0"}}


class Cloud:
    """Templates and who uses them; one field at a time while one is used, as Magnum has it."""

    def __init__(self) -> None:
        self.templates: dict[str, ClusterTemplate] = {}
        self.users: dict[str, str] = {}
        self.made = 0

    def members(self, given: dict[str, Any], name: str = "gpu") -> tuple[Member, ...]:
        return tuple(
            Member(entry, given, tuple(sorted(c for c, used in self.users.items() if used == entry.id)))
            for entry in self.templates.values()
            if is_of(entry, name)
        )

    def plan(self, given: dict[str, Any], family: Family | None = None) -> Plan:
        names = [entry.name for entry in self.templates.values()]
        return plan_versions(family or Family("gpu"), given, self.members(given), names)

    def apply(self, plan: Plan) -> None:
        for change in plan.changes:
            name = change.resource.split("/")[1]
            target = next((entry for entry in self.templates.values() if entry.name == name), None)
            if change.verb == "create_cluster_template":
                assert target is None
                self.made += 1
                new = ClusterTemplate(id=f"t{self.made}", created_at=f"2026-01-{self.made:02}", **change.arguments)
                self.templates[new.id] = new
                continue
            assert target is not None
            used = target.id in self.users.values()
            if change.verb == "delete_cluster_template":
                assert not used
                del self.templates[target.id]
            else:
                assert not used or (len(change.arguments) == 1 and {"tags", "hidden", "public"} & set(change.arguments))
                self.templates[target.id] = replace(target, **change.arguments)

    def run(self, given: dict[str, Any], family: Family | None = None) -> Plan:
        """Carry the plan out, and see that the next one has nothing to do and shows the same."""
        plan = self.plan(given, family)
        foreseen = shown(plan, self.members(given))
        self.apply(plan)
        again = self.plan(given, family)
        assert not again.changed
        assert again.before == again.after == plan.after
        assert shown(again, self.members(given)) == foreseen
        found = current([entry for entry in self.templates.values() if is_of(entry, "gpu")], "gpu")
        assert found is not None and found.name == plan.after["name"]
        return plan

    def named(self, name: str) -> ClusterTemplate:
        return next(entry for entry in self.templates.values() if entry.name == name)

    @property
    def names(self) -> list[str]:
        return sorted(entry.name for entry in self.templates.values())


def verbs(plan: Plan) -> list[str]:
    return [change.verb.removesuffix("_cluster_template") for change in plan.changes]


@pytest.fixture
def cloud() -> Cloud:
    """The first version, and a cluster on it."""
    made = Cloud()
    made.run(FIRST)
    made.users["ml"] = made.named("gpu").id
    return made


def test_the_first_version_has_the_plain_name_and_no_tag() -> None:
    cloud = Cloud()
    plan = cloud.run(FIRST)
    assert verbs(plan) == ["create"]
    assert cloud.names == ["gpu"] and tags_of(cloud.named("gpu")) == ()


def test_what_no_cluster_uses_is_changed_in_place() -> None:
    cloud = Cloud()
    cloud.run(FIRST)
    plan = cloud.run(SECOND)
    assert verbs(plan) == ["update"]
    assert plan.changes[0].arguments == {"image_id": "two", "labels": {"kube_tag": "v1.32.0"}}
    assert cloud.names == ["gpu"]


def test_what_a_cluster_uses_gets_a_successor(cloud: Cloud) -> None:
    before = cloud.named("gpu")
    plan = cloud.run({"image_id": "two"})
    name = f"gpu-{digest_of({**FIRST, 'image_id': 'two'})}"
    assert plan.after == {"name": name, "image_id": "two", "versions": {"gpu": "old", name: "current"}}
    assert plan.before == {"name": "gpu", "image_id": "one", "versions": {"gpu": "current"}}
    assert cloud.named("gpu") == before
    # what was not said is taken along
    assert {key: getattr(cloud.named(name), key) for key in FIRST} == {**FIRST, "image_id": "two"}
    assert tags_of(cloud.named(name)) == ("version-of=gpu", "current")


def test_there_and_back_makes_no_third(cloud: Cloud) -> None:
    second = cloud.run(SECOND).after["name"]
    cloud.users["other"] = cloud.named(second).id
    plan = cloud.run(FIRST)
    assert verbs(plan) == ["update"] and plan.after["name"] == "gpu"
    assert tags_of(cloud.named(second)) == ("version-of=gpu",)
    plan = cloud.run(SECOND)
    assert plan.changes[0].arguments == {"tags": "version-of=gpu,current"}
    assert len(cloud.names) == 2


def test_a_version_that_nobody_uses_yet_is_changed_and_its_name_tells_the_truth(cloud: Cloud) -> None:
    second = cloud.run(SECOND).after["name"]
    plan = cloud.run(THIRD)
    assert verbs(plan) == ["update"]
    assert plan.after["name"] == f"gpu-{digest_of(THIRD)}" != second
    assert cloud.names == sorted(["gpu", plan.after["name"]])
    # so that its old name is free for who needs it
    cloud.users["other"] = cloud.named(plan.after["name"]).id
    assert cloud.run(SECOND).after["name"] == second


def test_numbers_count_on(cloud: Cloud) -> None:
    family = Family("gpu", "{name}.v{number}")
    second = cloud.run(SECOND, family)
    assert second.after["name"] == "gpu.v2"
    cloud.users["other"] = cloud.named("gpu.v2").id
    assert cloud.run(THIRD, family).after["versions"] == {"gpu": "old", "gpu.v2": "old", "gpu.v3": "current"}


def test_purge_takes_only_what_nobody_uses(cloud: Cloud) -> None:
    family = Family("gpu", purge=True)
    second = cloud.run(SECOND, family).after["name"]
    assert cloud.names == sorted(["gpu", second])
    cloud.users["ml"] = cloud.named(second).id
    plan = cloud.run(SECOND, family)
    assert verbs(plan) == ["delete"] and cloud.names == [second]
    # it stays a version of gpu, without the first one
    cloud.users["other"] = cloud.named(second).id
    third = cloud.run(THIRD, family).after["name"]
    assert cloud.names == sorted([second, third])


def test_hide_and_show_again(cloud: Cloud) -> None:
    family = Family("gpu", hide=True)
    second = cloud.run(SECOND, family).after["name"]
    assert cloud.named("gpu").hidden and not cloud.named(second).hidden
    cloud.users["other"] = cloud.named(second).id
    plan = cloud.run(FIRST, family)
    assert plan.after["versions"] == {"gpu": "current", second: "hidden"}
    assert not cloud.named("gpu").hidden and cloud.named(second).hidden


def test_whom_it_is_offered_to_is_no_other_version(cloud: Cloud) -> None:
    plan = cloud.run({**FIRST, "public": True, "hidden": True})
    assert [dict(change.arguments) for change in plan.changes] == [{"hidden": True}, {"public": True}]
    with pytest.raises(CannotApply) as caught:
        cloud.plan({**FIRST, "public": False})
    assert caught.value.failure()["fields"] == ["public"]


def test_strangers_are_left_alone(cloud: Cloud) -> None:
    """A template that merely has a name as ours make them is nobody's version; nor is one of another family."""
    stranger = f"gpu-{digest_of(SECOND)}"
    cloud.templates["x"] = ClusterTemplate(id="x", name=stranger, image_id="other")
    cloud.templates["y"] = ClusterTemplate(id="y", name="gpu-large", tags="version-of=gpu-l,current")
    with pytest.raises(Conflict) as caught:
        cloud.plan(SECOND)
    assert stranger in caught.value.message
    third = cloud.run(THIRD, Family("gpu", purge=True)).after["versions"]
    assert set(third) == {"gpu", f"gpu-{digest_of(THIRD)}"}
    assert {stranger, "gpu-large"} <= set(cloud.names)


def test_two_of_one_name_are_not_guessed_between(cloud: Cloud) -> None:
    cloud.templates["x"] = replace(cloud.named("gpu"), id="x")
    for plan in (lambda: cloud.plan(FIRST), lambda: plan_versions_absent(Family("gpu"), cloud.members(FIRST))):
        with pytest.raises(Ambiguous) as caught:
            plan()
        assert caught.value.failure()["ids"] == ["t1", "x"]


def test_a_run_that_was_ended_between_two_writes_goes_on(cloud: Cloud) -> None:
    second = cloud.run(SECOND).after["name"]
    cloud.users["other"] = cloud.named(second).id
    plan = cloud.plan(THIRD)
    assert verbs(plan) == ["create", "update"]
    cloud.apply(replace(plan, changes=plan.changes[:1]))
    assert verbs(cloud.run(THIRD)) == ["update"]


def test_absent_takes_all_or_none(cloud: Cloud) -> None:
    second = cloud.run(SECOND).after["name"]
    with pytest.raises(CannotApply) as caught:
        plan_versions_absent(Family("gpu"), cloud.members({}))
    assert caught.value.code == "IN_USE" and caught.value.failure()["used_by"] == ["ml"]
    cloud.users.clear()
    plan = plan_versions_absent(Family("gpu"), cloud.members({}))
    assert plan.before["versions"] == {"gpu": "old", second: "current"} and plan.after == {}
    cloud.apply(plan)
    assert not plan_versions_absent(Family("gpu"), cloud.members({})).changed


def test_the_order_of_members_means_nothing(cloud: Cloud) -> None:
    cloud.run(SECOND)
    members = cloud.members(THIRD)
    names = [member.name for member in members]
    plans = {repr(plan_versions(Family("gpu", hide=True), THIRD, order, names)) for order in (members, members[::-1])}
    assert len(plans) == 1


@pytest.mark.parametrize(
    "pattern",
    ["{name}", "{digest}", "{name}-{date}", "{name}-{digest", "{name}-{digest}-{digest}", "{}{name}{digest}", "fixed"],
)
def test_a_pattern_that_will_not_do(pattern: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        Family("gpu", pattern).check()
    assert pattern in caught.value.message


@pytest.mark.parametrize(
    "pattern", ["{name}-{digest}", "{name}.v{number}", "v{number}-{name}", "{name}-{number}-{digest}"]
)
def test_a_pattern_knows_its_own_names(pattern: str) -> None:
    family = Family("gpu+", pattern)
    family.check()
    assert family.matches(pattern.format(name="gpu+", digest="0a1b2c3d", number=12))
    assert not family.matches(pattern.format(name="gpuu", digest="0a1b2c3d", number=12))


def test_a_name_too_long_for_a_tag_or_with_a_comma() -> None:
    for name in ("g" * 240, "a,b"):
        with pytest.raises(InvalidRequest):
            Family(name).check()


def test_a_digest_stands_for_the_content() -> None:
    assert digest_of({"labels": {"a": True, "b": "4"}}) == digest_of({"labels": {"b": 4, "a": "True"}})
    assert digest_of({"labels": {"a": "1"}}) != digest_of({"labels": {"a": "2"}})
    assert "tags" not in CONTENT and "image_id" in CONTENT
