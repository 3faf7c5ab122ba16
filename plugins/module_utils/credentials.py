# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Application credentials of Keystone: what somebody else may do in our name, and nothing more.

Keystone tells the secret once and changes nothing of a credential later. So the secret goes straight into a clouds.yaml,
and a credential that is to be another one, or whose file is gone, can only be replaced.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils import private_file
from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import read, translated
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import (
    CannotApply,
    InvalidRequest,
    KcloudError,
    NotPermitted,
)

if TYPE_CHECKING:
    from openstack.connection import Connection

# Modules run on Python 3.9 too, which lacks datetime.UTC.
UTC = timezone.utc  # noqa: UP017

KIND = "clouds.yaml"
MARK = "Made by kcloud.infrastructure with the roles "


@dataclass(frozen=True)
class Rule:
    """One request that a credential may make. ``*`` in a path stands for one part of it, ``**`` for all that follows."""

    service: str
    method: str
    path: str


@dataclass(frozen=True)
class Credential:
    """An application credential; None where the user did not say. ``expires_at`` is UTC.

    :param roles: names. Keystone adds those that a role implies, so of one that is there these are the ones it was
        asked for, as its description tells.
    """

    name: str
    roles: tuple[str, ...] | None = None
    access_rules: tuple[Rule, ...] | None = None
    expires_at: datetime | None = None
    id: str | None = None

    def shown(self, file: str | None) -> dict[str, Any]:
        """What may be told of it: never the secret. The id is new with each, so it is no part of a diff."""
        return {
            "name": self.name,
            "roles": None if self.roles is None else list(self.roles),
            "access_rules": None if self.access_rules is None else [asdict(rule) for rule in self.access_rules],
            "expires_at": None if self.expires_at is None else self.expires_at.isoformat(),
            "path": file,
        }


# --- pure


def desired(params: Mapping[str, Any]) -> Credential:
    """What the options declare.

    :raises InvalidRequest: a time that is none, an empty list, no path.
    """
    if not params.get("path"):
        raise InvalidRequest(
            "Failed to read option 'path': it is missing",
            resource="path",
            hint="Say where the clouds.yaml goes: Keystone tells the secret once",
        )
    rules, roles = params.get("access_rules"), params.get("roles")
    for option, given in (("access_rules", rules), ("roles", roles)):
        if given is not None and not given:
            # Keystone takes an empty list for none given: the very opposite.
            raise InvalidRequest(
                f"Failed to read option '{option}': the list is empty",
                resource=option,
                hint="Name what it may have, or leave the option out for all that the user has",
            )
    return Credential(
        params["name"],
        None if roles is None else tuple(sorted(set(roles))),
        None if rules is None else _rules(rules),
        None if params.get("expires_at") is None else _time(params["expires_at"]),
    )


def _rules(rules: Sequence[Mapping[str, Any]]) -> tuple[Rule, ...]:
    found = {Rule(rule["service"], str(rule["method"]).upper(), rule["path"]) for rule in rules}
    return tuple(sorted(found, key=lambda rule: (rule.service, rule.path, rule.method)))


def _time(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(str(text).removesuffix("Z"))
    except ValueError as error:
        raise InvalidRequest(
            f"Failed to read option 'expires_at': '{text}' is no time",
            resource="expires_at",
            hint="Give it like '2027-01-31T12:00:00', in UTC",
        ) from error
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def why_replace(wanted: Credential, actual: Credential, in_file: str | None, now: datetime) -> str | None:
    """Why a credential will not do as it is; None when it will.

    :param in_file: the id of the credential that the file holds.
    """
    if wanted.roles is not None and actual.roles != wanted.roles:
        return f"its roles are {', '.join(actual.roles or ()) or 'none'}, wanted {', '.join(wanted.roles)}"
    if wanted.access_rules is not None and actual.access_rules != wanted.access_rules:
        return "its access rules are others"
    if wanted.expires_at is not None and actual.expires_at != wanted.expires_at:
        return f"it expires {actual.expires_at.isoformat() if actual.expires_at else 'never'}"
    if actual.expires_at is not None and actual.expires_at <= now:
        return f"it has expired at {actual.expires_at.isoformat()}"
    if in_file != actual.id:
        return "the file does not hold its secret, which Keystone tells once"
    return None


def document(cloud: str, made: Mapping[str, Any], auth_url: str, region: str | None, interface: str) -> dict[str, Any]:
    """The clouds.yaml; ``made`` is Keystone's answer, with the secret."""
    entry = {
        "auth_type": "v3applicationcredential",
        "auth": {
            "auth_url": auth_url,
            "application_credential_id": made["id"],
            "application_credential_secret": made["secret"],
        },
        "interface": interface,
        "identity_api_version": 3,
    }
    return {"clouds": {cloud: {**entry, **({"region_name": region} if region else {})}}}


# --- Keystone and the file


def ensure_credential(
    connection: Connection, wanted: Credential, path: str, cloud: str, *, replace: bool, check_mode: bool
) -> dict[str, Any]:
    """Have the credential, and its secret in a clouds.yaml.

    :returns: ``application_credential`` (what may be told), ``changed``, ``reason``, ``diff``.
    :raises CannotApply: it would have to be replaced, and that was not allowed.
    """
    path = os.path.abspath(path)
    in_file = _id_in(path)
    actual = _find(connection, wanted.name)
    reason = "there is none yet"
    if actual is not None:
        found = why_replace(wanted, actual, in_file, datetime.now(UTC))
        if found is None:
            return _kept(actual, path, check_mode)
        reason = found
        if not replace:
            raise CannotApply(
                f"Failed to use application credential '{wanted.name}': {reason}",
                resource=f"application_credential/{wanted.name}",
                reason="Keystone changes nothing of an application credential once it is made",
                hint="Take the option back, give another name, or set 'replace: true', which ends the one that is there: "
                "whoever uses it is refused from then on. Nothing was changed",
            )
    after = wanted if actual is None else _merged(wanted, actual)
    if not check_mode:
        if actual is not None:
            _delete(connection, actual)
        after = _create(connection, after, path, cloud)
    shown = {**after.shown(path), "id": after.id, "cloud": cloud}
    before = {} if actual is None else actual.shown(path if in_file == actual.id else None)
    return _answer(shown, before, _merged(wanted, Credential(wanted.name)).shown(path) | {"private": True}, reason)


def _merged(wanted: Credential, actual: Credential) -> Credential:
    """What was not said stays, but not an end that has come."""
    roles = actual.roles if wanted.roles is None else wanted.roles
    rules = actual.access_rules if wanted.access_rules is None else wanted.access_rules
    return Credential(wanted.name, roles, rules, wanted.expires_at)


def _kept(actual: Credential, path: str, check_mode: bool) -> dict[str, Any]:
    shown = {**actual.shown(path), "id": actual.id}
    private = private_file.permissions_right(path)
    if not private and not check_mode:
        os.chmod(path, private_file.FILE_MODE)
    before, after = {**actual.shown(path), "private": private}, {**actual.shown(path), "private": True}
    return _answer(shown, before, after, None if private else "others may read the file")


def remove_credential(connection: Connection, name: str, path: str | None, *, check_mode: bool) -> dict[str, Any]:
    """Have no such credential, and no file with its secret."""
    path = None if path is None else os.path.abspath(path)
    actual = _find(connection, name)
    in_file = None if path is None else _id_in(path)
    ours = path is not None and in_file is not None and (actual is None or in_file == actual.id)
    if not check_mode:
        if actual is not None:
            _delete(connection, actual)
        if path is not None and ours:
            private_file.remove(path, KIND)
    gone = actual is not None or ours
    before = {} if not gone else {**(actual or Credential(name)).shown(path if ours else None)}
    return _answer(None, before, {}, "it is not wanted any more" if gone else None)


def _answer(shown: Any, before: Mapping[str, Any], after: Mapping[str, Any], reason: str | None) -> dict[str, Any]:
    return {
        "application_credential": shown,
        "changed": reason is not None,
        "reason": reason,
        "diff": {"before": dict(before), "after": dict(after)},
    }


def _id_in(path: str) -> str | None:
    """The id of the one application credential in a clouds.yaml; None when there is no file.

    :raises InvalidRequest: it is another file, not to be overwritten.
    """
    import yaml

    if not os.path.exists(path):
        return None
    try:
        with open(path, encoding="utf-8") as stream:
            (entry,) = yaml.safe_load(stream)["clouds"].values()
        return str(entry["auth"]["application_credential_id"])
    except (OSError, ValueError, TypeError, KeyError, AttributeError, yaml.YAMLError) as error:
        raise InvalidRequest(
            f"Failed to use option 'path': '{path}' is no clouds.yaml with one application credential",
            resource=path,
            hint="Give a path of its own; the file was not changed",
        ) from error


def _find(connection: Connection, name: str) -> Credential | None:
    """The user's own credential of this name; names are unique for a user."""
    user = connection.current_user_id
    resource = f"application_credential/{name}"
    with translated(f"read application credential '{name}'", resource):
        found = read(
            lambda: list(connection.identity.application_credentials(user=user, name=name)),
            f"read application credential '{name}'",
            resource,
        )
    here = [each for each in found or () if each.name == name]
    if not here:
        return None
    entry = here[0]
    rules = entry.access_rules
    asked = re.fullmatch(rf"{re.escape(MARK)}(.+)", entry.description or "")
    roles = asked[1].split(", ") if asked else [role["name"] for role in entry.roles or ()]
    return Credential(
        entry.name,
        tuple(sorted(roles)),
        None if rules is None else _rules(rules),
        None if entry.expires_at is None else _time(entry.expires_at),
        entry.id,
    )


def _delete(connection: Connection, credential: Credential) -> None:
    with _explained(credential.name, "delete"):
        connection.identity.delete_application_credential(connection.current_user_id, credential.id)


def _create(connection: Connection, wanted: Credential, path: str, cloud: str) -> Credential:
    body: dict[str, Any] = {"name": wanted.name, "unrestricted": False}
    if wanted.roles is not None:
        body["roles"] = [{"name": role} for role in wanted.roles]
        body["description"] = MARK + ", ".join(wanted.roles)
    if wanted.access_rules is not None:
        body["access_rules"] = [asdict(rule) for rule in wanted.access_rules]
    if wanted.expires_at is not None:
        body["expires_at"] = wanted.expires_at.replace(tzinfo=None).isoformat()
    with _explained(wanted.name, "create"):
        # The SDK's resource shows its body in debug logs, secret included; a plain request does not.
        answer = connection.identity.post(
            f"/users/{connection.current_user_id}/application_credentials", json={"application_credential": body}
        )
        _raise_for(answer)
        made = answer.json()["application_credential"]
    made_of = document(
        cloud, made, connection.config.auth["auth_url"], connection.config.get_region_name(),
        connection.config.get_interface("identity") or "public",
    )  # fmt: skip
    try:
        private_file.write_yaml(path, made_of, KIND)
    except KcloudError:
        # Nobody knows its secret: it would only be in the way of the next run.
        connection.identity.delete_application_credential(connection.current_user_id, made["id"])
        raise
    roles = tuple(sorted(role["name"] for role in made.get("roles") or ()))
    return Credential(wanted.name, wanted.roles or roles, wanted.access_rules, wanted.expires_at, made["id"])


def _raise_for(answer: Any) -> None:
    from openstack.exceptions import raise_from_response

    raise_from_response(answer)


@contextlib.contextmanager
def _explained(name: str, verb: str) -> Iterator[None]:
    """Say what Keystone's 403 means here."""
    try:
        with translated(f"{verb} application credential '{name}'", f"application_credential/{name}"):
            yield
    except NotPermitted as error:
        error.hint = (
            "An application credential cannot make others: log in with a user's password. Roles must be the user's own"
        )
        raise
