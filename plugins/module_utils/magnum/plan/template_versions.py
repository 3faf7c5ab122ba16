# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Versions of a cluster template, pure: what is declared and what there is -> which version is the one, and what to do.

Magnum freezes a template that clusters use. So the same declaration, changed, becomes a further template beside it: a
version. All versions of a name are its family: the template of that very name, and those that bear a tag which says so.
Which of them is meant is decided by what they hold, never by their names. Facts about PATCH while clusters use it: ``name``,
``tags``, ``hidden`` and ``public: true`` pass, one of them at a time.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from string import Formatter
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import (
    Ambiguous,
    CannotApply,
    Conflict,
    InvalidRequest,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import (
    ClusterTemplate,
    label_text,
    normal_labels,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.clusters import (
    template_after,
    template_differences,
    template_view,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.plan import Change, Plan

# Whom a template is offered to: it may change while the template stays the same version.
OFFER = ("public", "hidden")
# Fields of Magnum's answer that are not what the template holds.
_NOT_CONTENT = {*OFFER, "id", "name", "tags", "cluster_distro", "project_id", "created_at", "updated_at"}
CONTENT = tuple(entry.name for entry in fields(ClusterTemplate) if entry.name not in _NOT_CONTENT)
VERSION_OF = "version-of="
CURRENT = "current"
DEFAULT_PATTERN = "{name}-{digest}"
DIGITS = 8
# Magnum's column for tags.
LONGEST_TAGS = 255


@dataclass(frozen=True)
class Member:
    """A template of the family.

    :param given: what the user declared, in this template's words where names and ids mean the same thing.
    :param used_by: names of the clusters on it.
    """

    template: ClusterTemplate
    given: Mapping[str, Any]
    used_by: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.template.name


@dataclass(frozen=True)
class Family:
    """How versions are kept.

    :param name: that of the template as the user calls it, and of its first version.
    :param pattern: name of a further version, with ``{name}`` and ``{digest}`` or ``{number}``.
    :param hide: hide all versions but the current one.
    :param purge: delete versions that no cluster uses and that are not the current one.
    """

    name: str
    pattern: str = DEFAULT_PATTERN
    hide: bool = False
    purge: bool = False

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Family | None:
        """The options of a module; None where a template has no versions."""
        if not params["versioning"]:
            return None
        return cls(params["name"], params["version_name"], params["hide_versions"], params["purge_versions"])

    def check(self, more_tags: Iterable[str] = ()) -> None:
        """Check the pattern and the name.

        :param more_tags: what each version bears as well.
        :raises InvalidRequest: one of them will not do.
        """
        try:
            words = [word for _text, word, _spec, _conversion in Formatter().parse(self.pattern) if word is not None]
        except ValueError:
            words = []
        if (
            "name" not in words
            or not {"digest", "number"} & set(words)
            or set(words) - {"name", "digest", "number"}
            or len(words) > len(set(words))
        ):
            raise InvalidRequest(
                f"Failed to read option 'version_name': '{self.pattern}' is not a pattern for names",
                resource="version_name",
                hint="Put {name} and {digest} or {number} into it, such as '{name}-{digest}' or '{name}-v{number}'",
            )
        if len(",".join((f"{VERSION_OF}{self.name}", CURRENT, *more_tags))) > LONGEST_TAGS or "," in self.name:
            raise InvalidRequest(
                f"Failed to read option 'name': '{self.name}' cannot have versions",
                resource=f"cluster_template/{self.name}",
                reason=f"its versions bear its name as a tag, of {LONGEST_TAGS} characters at most and without a comma",
                hint="Take another name",
            )

    def matches(self, name: str) -> re.Match[str] | None:
        """Whether a name is one that the pattern makes."""
        words = {"name": re.escape(self.name), "digest": f"[0-9a-f]{{{DIGITS}}}", "number": "(?P<number>[0-9]+)"}
        parts = [
            re.escape(text) + (words[word] if word is not None else "")
            for text, word, _spec, _conversion in Formatter().parse(self.pattern)
        ]
        return re.fullmatch("".join(parts), name)


def tags_of(template: ClusterTemplate) -> tuple[str, ...]:
    return tuple(filter(None, (tag.strip() for tag in (template.tags or "").split(","))))


def is_of(template: ClusterTemplate, name: str) -> bool:
    """Whether a template belongs to the family of a name."""
    return template.name == name or f"{VERSION_OF}{name}" in tags_of(template)


def current(templates: Iterable[ClusterTemplate], name: str) -> ClusterTemplate | None:
    """The current version among the templates of a family, for whoever has no declaration to compare with.

    The one that is tagged so; else the first version, which bears no tag; else the newest.
    """
    return max(
        templates,
        key=lambda entry: (CURRENT in tags_of(entry), entry.name == name, entry.created_at or "", entry.id),
        default=None,
    )


def sendable(given: Mapping[str, Any]) -> dict[str, Any]:
    """Fields as Magnum takes them: labels are text."""
    if "labels" not in given:
        return dict(given)
    return {**given, "labels": {str(key): label_text(value) for key, value in given["labels"].items()}}


def digest_of(content: Mapping[str, Any]) -> str:
    """Eight hex digits that stand for what a template holds."""
    plain = {key: normal_labels(value) if key == "labels" else value for key, value in content.items()}
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:DIGITS]


# --- present ------------------------------------------------------------------------------------------------------


def plan_versions(
    family: Family, given: Mapping[str, Any], members: tuple[Member, ...], taken: Iterable[str] = ()
) -> Plan:
    """What makes the version that holds what is declared the current one.

    A version that holds it already is taken again. Otherwise the current one is changed in place while no cluster uses it,
    and gets a successor when one does.

    :param given: what is declared, as the user wrote it.
    :param taken: names of all templates, so that none is made a second time.
    :raises Conflict: the name of the new version is taken.
    """
    _check_unique(family, members)
    now = _current(members, family)
    fitting = tuple(member for member in members if not _differences(member, content_only=True))
    chosen = now if now in fitting else _current(fitting, family)
    content = {key: value for key, value in given.items() if key not in OFFER}
    if chosen is not None:
        name, wanted, changes = chosen.name, chosen.given, _offered(chosen, family)
    elif now is None:
        name, wanted = family.name, given
        changes = [Change("create_cluster_template", _resource(name), {"name": name, **sendable(given)})]
    elif not now.used_by:
        chosen, wanted = now, now.given
        patch = sendable({key: wanted[key] for key in _differences(now)})
        name = _renamed(family, now, {**_content(now.template), **sendable(content)})
        patch = {**({"name": name} if name != now.name else {}), **patch}
        changes = [Change("update_cluster_template", _resource(now.name), patch)]
    else:
        whole = {**_content(now.template), **sendable(content)}
        name, wanted = _next_name(family, whole, members), given
        offer = {key: given[key] for key in OFFER if given.get(key)}
        tags = f"{VERSION_OF}{family.name},{CURRENT}"
        changes = [Change("create_cluster_template", _resource(name), {"name": name, **whole, **offer, "tags": tags})]
    if name not in {None if chosen is None else chosen.name} and name in set(taken):
        raise Conflict(
            f"Failed to name a version of cluster template '{family.name}': there is a template '{name}' already",
            resource=_resource(name),
            reason="it holds something else than is declared",
            hint="Delete or rename it, or give another 'version_name'",
        )
    others = sorted((member for member in members if member is not chosen), key=lambda member: member.name)
    changes += _tagged(family, chosen, others)
    changes += _put_away(family, others)
    before = {} if now is None else {**template_view(now.template, now.given), "versions": _states(members, now)}
    after = {**template_after(name, wanted), "versions": _states_after(members, changes, name)}
    action = "none" if not changes else "create" if changes[0].verb.startswith("create_") else "update"
    return Plan(action, before, after, tuple(changes))


def _check_unique(family: Family, members: tuple[Member, ...]) -> None:
    names = [member.name for member in members]
    double = sorted({name for name in names if names.count(name) > 1})
    if double:
        ids = sorted(member.template.id for member in members if member.name in double)
        raise Ambiguous(
            f"Failed to tell the versions of cluster template '{family.name}' apart: {len(ids)} are called '{double[0]}'",
            resource=_resource(double[0]),
            hint=f"Delete or rename all but one of: {', '.join(ids)}",
            ids=ids,
        )


def _current(members: tuple[Member, ...], family: Family) -> Member | None:
    found = current((member.template for member in members), family.name)
    return next((member for member in members if member.template is found), None)


def _differences(member: Member, *, content_only: bool = False) -> dict[str, Any]:
    differing = template_differences(member.given, member.template)
    return {key: value for key, value in differing.items() if not (content_only and key in OFFER)}


def _content(template: ClusterTemplate) -> dict[str, Any]:
    """What a template holds, as a new one would be created with."""
    held = {key: getattr(template, key) for key in CONTENT}
    return {
        key: dict(value) if key == "labels" else value for key, value in held.items() if value not in (None, "", {})
    }


def _resource(name: str) -> str:
    return f"cluster_template/{name}"


def _next_name(family: Family, content: Mapping[str, Any], members: tuple[Member, ...]) -> str:
    numbers = [int(found["number"]) for member in members if (found := _numbered(family, member.name))]
    return family.pattern.format(name=family.name, digest=digest_of(content), number=max([1, *numbers]) + 1)


def _numbered(family: Family, name: str) -> re.Match[str] | None:
    return family.matches(name) if "{number}" in family.pattern else None


def _renamed(family: Family, member: Member, content: Mapping[str, Any]) -> str:
    """The name of a version after it was changed in place: a digest in it must go on telling the truth."""
    if member.name == family.name or "{digest}" not in family.pattern or not family.matches(member.name):
        return member.name
    number = family.matches(member.name).groupdict().get("number")
    return family.pattern.format(name=family.name, digest=digest_of(content), number=number)


def _offered(chosen: Member, family: Family) -> list[Change]:
    """Whom a version is offered to, one field at a time."""
    wanted = _differences(chosen)
    if family.hide and chosen.template.hidden and "hidden" not in chosen.given:
        wanted["hidden"] = False
    if chosen.used_by and wanted.get("public") is False:
        raise CannotApply(
            f"Failed to change cluster template '{chosen.name}': public is True, wanted False",
            resource=_resource(chosen.name),
            reason=f"Magnum publishes a template that clusters use, but takes none back; used by {', '.join(chosen.used_by)}",
            hint="Set 'hidden: true', which takes it out of the lists of others, or leave 'public' out",
            fields=["public"],
            used_by=list(chosen.used_by),
        )
    return [
        Change("update_cluster_template", _resource(chosen.name), {key: value}) for key, value in sorted(wanted.items())
    ]


def _tagged(family: Family, chosen: Member | None, others: list[Member]) -> list[Change]:
    """The tag CURRENT to where it belongs; the first version needs none while no other has it."""
    changes = []
    if chosen is not None and chosen.name != family.name and CURRENT not in tags_of(chosen.template):
        tags = ",".join((*tags_of(chosen.template), CURRENT))
        changes.append(Change("update_cluster_template", _resource(chosen.name), {"tags": tags}))
    for member in others:
        kept = [tag for tag in tags_of(member.template) if tag != CURRENT]
        if CURRENT in tags_of(member.template) and not _goes(family, member):
            changes.append(Change("update_cluster_template", _resource(member.name), {"tags": ",".join(kept)}))
    return changes


def _goes(family: Family, member: Member) -> bool:
    return family.purge and not member.used_by


def _put_away(family: Family, others: list[Member]) -> list[Change]:
    return [
        *(
            Change("update_cluster_template", _resource(member.name), {"hidden": True})
            for member in others
            if family.hide and not member.template.hidden and not _goes(family, member)
        ),
        *(
            Change("delete_cluster_template", _resource(member.name), {"reason": "no cluster uses this version"})
            for member in others
            if _goes(family, member)
        ),
    ]


def _states(members: Iterable[Member], now: Member | None) -> dict[str, str]:
    """Each version's place, by name."""
    return {
        member.name: CURRENT if member is now else "hidden" if member.template.hidden else "old"
        for member in sorted(members, key=lambda member: member.name)
    }


def _states_after(members: tuple[Member, ...], changes: list[Change], name: str) -> dict[str, str]:
    states = _states(members, None)
    for change in changes:
        target = change.resource.split("/", 1)[1]
        if change.verb == "delete_cluster_template" or "name" in change.arguments:
            states.pop(target, None)
        elif "hidden" in change.arguments:
            states[target] = "hidden" if change.arguments["hidden"] else "old"
    return dict(sorted({**states, name: CURRENT}.items()))


# --- absent -------------------------------------------------------------------------------------------------------


def plan_versions_absent(family: Family, members: tuple[Member, ...]) -> Plan:
    """The changes that delete all versions.

    :raises CannotApply: clusters use one; then none is deleted.
    """
    _check_unique(family, members)
    used = sorted({cluster for member in members for cluster in member.used_by})
    if used:
        raise CannotApply(
            f"Failed to delete cluster template '{family.name}' with its versions: used by {', '.join(used)}",
            code="IN_USE",
            resource=_resource(family.name),
            hint="Delete these clusters first; nothing was changed",
            used_by=used,
        )
    if not members:
        return Plan("none")
    changes = tuple(Change("delete_cluster_template", _resource(name)) for name in sorted(m.name for m in members))
    before = {"name": family.name, "versions": _states(members, _current(members, family))}
    return Plan("delete", before, {}, changes)


# --- what is shown ------------------------------------------------------------------------------------------------


def shown(plan: Plan, members: tuple[Member, ...]) -> list[dict[str, Any]]:
    """Every version after the plan, by name: the same in both modes."""
    known = {member.name: member for member in members}
    for change in plan.changes:
        if change.verb == "update_cluster_template" and "name" in change.arguments:
            known[change.arguments["name"]] = known[change.resource.split("/", 1)[1]]
    return [
        {"name": name, "state": state, "clusters": sorted(known[name].used_by) if name in known else []}
        for name, state in plan.after.get("versions", {}).items()
    ]
