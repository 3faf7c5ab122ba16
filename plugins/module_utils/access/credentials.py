# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Application credentials of Keystone: what somebody else may do in our name, and nothing more.

Keystone tells the secret once and changes nothing of a credential later, its name included. So the secret goes straight
into a clouds.yaml, and a credential that is to be another one, or whose file is gone, can only be replaced: the new one is
made first, under the name with a suffix while the old one holds the name itself, then the file is written, then the old one
is deleted. All of these are one family. Each carries the mark of the run that made it; the same mark lies beside the file
until the file is written, so that the next run knows a credential whose secret was lost on the way.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils import private_file
from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import (
    from_exception,
    read_existing,
    write,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import (
    CannotApply,
    InvalidRequest,
    KcloudError,
    NotPermitted,
    ServiceError,
    Unclear,
    changing,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.follow import at_once
from ansible_collections.kcloud.infrastructure.plugins.module_utils.ids import check_name

if TYPE_CHECKING:
    from openstack.connection import Connection


KIND = "clouds.yaml"
MARK = "Made by kcloud.infrastructure"
_DESCRIPTION = re.compile(rf"{re.escape(MARK)}(?:, run ([0-9a-f]{{8}}))?(?: with the roles (.+))?")


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
    :param run: the mark of the run that made it; None for one that was made otherwise.
    """

    name: str
    roles: tuple[str, ...] | None = None
    access_rules: tuple[Rule, ...] | None = None
    expires_at: datetime | None = None
    id: str | None = None
    run: str | None = None

    def shown(self, file: str | None) -> dict[str, Any]:
        """What a result shows of it: never the secret. The id is new with each, so it is not part of a diff."""
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
            hint="Give the path for the clouds.yaml: Keystone shows the secret only once",
        )
    check_name("name", params["name"], "application credential")
    private_file.check_path(os.path.abspath(params["path"]))
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
            f"Failed to read option 'expires_at': '{text}' is not a time",
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
        return "the file does not hold its secret, which Keystone shows only once"
    return None


def document(
    cloud: str,
    made: Mapping[str, Any],
    auth_url: str,
    region: str | None,
    interface: str,
    overrides: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The clouds.yaml; ``made`` is Keystone's answer, with the secret.

    :param overrides: where services are that the catalog puts elsewhere, as clouds.yaml names it.
    """
    entry = {
        "auth_type": "v3applicationcredential",
        "auth": {
            "auth_url": auth_url,
            "application_credential_id": made["id"],
            "application_credential_secret": made["secret"],
        },
        "interface": interface,
        "identity_api_version": 3,
        **(overrides or {}),
    }
    return {"clouds": {cloud: {**entry, **({"region_name": region} if region else {})}}}


# --- Keystone and the file


def ensure_credential(
    connection: Connection, wanted: Credential, path: str, cloud: str, *, replace: bool, check_mode: bool
) -> dict[str, Any]:
    """Have the credential, and its secret in a clouds.yaml.

    :returns: ``application_credential`` (without the secret), ``changed``, ``reason``, ``diff``.
    :raises CannotApply: it would have to be replaced, and that was not allowed.
    """
    path = os.path.abspath(path)
    in_file, unfinished = _id_in(path), _unfinished(path)
    family = _family(connection, wanted.name)
    lost = [each for each in family if unfinished is not None and each.run == unfinished and each.id != in_file]
    actual = _current([each for each in family if each not in lost], in_file, wanted.name)
    left = [each for each in family if each is not actual]
    reason = "an earlier run ended before it had written the file" if lost else "there is none yet"
    if actual is not None:
        found = why_replace(wanted, actual, in_file, datetime.now(UTC))
        if found is None:
            return _kept(connection, actual, left, path, check_mode)
        reason = found
        if not replace:
            raise CannotApply(
                f"Failed to use application credential '{wanted.name}': {reason}",
                resource=f"application_credential/{wanted.name}",
                reason="Keystone changes nothing of an application credential once it is made",
                hint="Take the option back, give another name, or set 'replace: true', which deletes the existing one: "
                "programs that use it lose access. Nothing was changed",
            )
    after = wanted if actual is None else _merged(wanted, actual)
    if not check_mode:
        after = _replaced(connection, after, family, lost, path, cloud)
    shown = {**after.shown(path), "id": after.id, "cloud": cloud}
    # A suffix of the name is new with each, like the id, so it is not part of a diff.
    before = {} if actual is None else {**actual.shown(path if in_file == actual.id else None), "name": wanted.name}
    return _answer(shown, before, _merged(wanted, Credential(wanted.name)).shown(path) | {"private": True}, reason)


def _replaced(
    connection: Connection, wanted: Credential, family: list[Credential], lost: list[Credential], path: str, cloud: str
) -> Credential:
    """Make the new one, write its file, and only then delete the others: what was there works until then.

    :param lost: those whose secret nobody has; they go first, as they may hold the name.
    """
    private_file.check_writable(path, KIND)
    run = secrets.token_hex(4)
    _delete_all(connection, lost)
    kept = [each for each in family if each not in lost]
    taken = any(each.name == wanted.name for each in kept)
    with changing() if lost else contextlib.nullcontext():
        made = _create(connection, wanted, f"{wanted.name}-{run}" if taken else wanted.name, run, path, cloud)
    with changing():
        _delete_all(connection, kept)
    return made


def _merged(wanted: Credential, actual: Credential) -> Credential:
    """What was not said stays, but not an end that has come."""
    roles = actual.roles if wanted.roles is None else wanted.roles
    rules = actual.access_rules if wanted.access_rules is None else wanted.access_rules
    return Credential(wanted.name, roles, rules, wanted.expires_at)


def _kept(
    connection: Connection, actual: Credential, left: list[Credential], path: str, check_mode: bool
) -> dict[str, Any]:
    """What is there will do. What an earlier run left of the family goes, and the file's permissions are put right."""
    shown = {**actual.shown(path), "id": actual.id}
    private = private_file.permissions_right(path)
    reason = None if private else "others may read the file"
    if left:
        reason = f"an earlier run left {', '.join(sorted(each.name for each in left))}"
    if not check_mode:
        if not private:
            os.chmod(path, private_file.FILE_MODE)
        _delete_all(connection, left)
    before, after = {**actual.shown(path), "private": private}, {**actual.shown(path), "private": True}
    if left:
        before, after = {**before, "left": sorted(each.name for each in left)}, {**after, "left": []}
    return _answer(shown, before, after, reason)


def remove_credential(connection: Connection, name: str, path: str | None, *, check_mode: bool) -> dict[str, Any]:
    """Have no such credential, and no file with its secret."""
    check_name("name", name, "application credential")
    path = None if path is None else os.path.abspath(path)
    if path is not None:
        private_file.check_path(path)
    family = _family(connection, name)
    in_file = None if path is None else _id_in(path)
    ours = path is not None and in_file is not None and (not family or any(each.id == in_file for each in family))
    if not check_mode:
        _delete_all(connection, family)
        with changing() if family else contextlib.nullcontext():
            if path is not None:
                _finish(path)
                if ours:
                    private_file.remove(path, KIND)
    gone = bool(family) or ours
    shown = _current(family, in_file, name) or Credential(name)
    before = {} if not gone else {**shown.shown(path if ours else None)}
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
            f"Failed to use option 'path': '{path}' is not a clouds.yaml with one application credential",
            resource=path,
            hint="Give a path of its own; the file was not changed",
        ) from error


def _family(connection: Connection, name: str) -> list[Credential]:
    """The user's own credential of this name, and those that replaced one of it, by name."""
    resource = f"application_credential/{name}"
    found = read_existing(
        lambda: list(connection.identity.application_credentials(user=connection.current_user_id)),
        f"read application credential '{name}'",
        resource,
    )
    every = [_from_api(each) for each in found]
    successor = re.compile(rf"{re.escape(name)}-([0-9a-f]{{8}})")
    members = [
        each
        for each in every
        if each.name == name or (each.run and successor.fullmatch(each.name) and each.name.endswith(each.run))
    ]
    return sorted(members, key=lambda each: each.name)


def _from_api(entry: Any) -> Credential:
    rules = entry.access_rules
    described = _DESCRIPTION.fullmatch(entry.description or "")
    asked = described[2] if described else None
    roles = asked.split(", ") if asked else [role["name"] for role in entry.roles or ()]
    return Credential(
        entry.name,
        tuple(sorted(roles)),
        None if rules is None else _rules(rules),
        None if entry.expires_at is None else _time(entry.expires_at),
        entry.id,
        described[1] if described else None,
    )


def _current(family: list[Credential], in_file: str | None, name: str) -> Credential | None:
    """The member that counts: whose secret the file holds, else the one of the very name, else any."""
    order = sorted(family, key=lambda each: (each.id != in_file, each.name != name, each.name))
    return order[0] if order else None


def _pending(path: str) -> str:
    """Where the mark of a run lies that has not written its file yet."""
    folder, file = os.path.split(path)
    return os.path.join(folder, f".{file}.unfinished")


def _unfinished(path: str) -> str | None:
    """The mark of a run that ended between Keystone's answer and the file; None when there is none."""
    try:
        with open(_pending(path), encoding="utf-8") as stream:
            return stream.read(64).strip()
    except OSError:
        return None


def _finish(path: str) -> None:
    if os.path.exists(_pending(path)):
        private_file.remove(_pending(path), KIND)


def _delete_all(connection: Connection, members: Sequence[Credential]) -> None:
    """Delete these; a failure after the first one says that something was changed."""
    for number, each in enumerate(members):
        with changing() if number else contextlib.nullcontext():
            _delete(connection, each)


def _delete(connection: Connection, credential: Credential) -> None:
    """Delete it; after an unclear answer it is looked for, and the request sent once more."""
    user = connection.current_user_id
    at_once(
        lambda: write(
            lambda: connection.identity.delete_application_credential(user, credential.id),
            f"delete application credential '{credential.name}'",
            f"application_credential/{credential.name}",
            explain=_refusal,
        ),
        lambda: all(each.id != credential.id for each in _family(connection, credential.name)),
    )


def _create(connection: Connection, wanted: Credential, name: str, run: str, path: str, cloud: str) -> Credential:
    """Make one of this name and write its file. Where the file cannot be written there is none in the end.

    :raises KcloudError: two requests had no clear answer, or the file system refuses.
    """
    private_file.write_text(_pending(path), run, KIND)
    made = None
    for attempt in (1, 2):
        try:
            made = write(
                lambda: _post(connection, wanted, name, run),
                f"create application credential '{name}'",
                f"application_credential/{name}",
                explain=_refusal,
            )
            break
        except Unclear as unclear:
            # Where it was made all the same, its secret was in the answer that was lost.
            for each in _family(connection, name):
                if each.run == run:
                    _delete(connection, each)
            if attempt == 2:
                _finish(path)
                raise unclear.error from unclear
    made_of = document(
        cloud, made, connection.config.auth["auth_url"], connection.config.get_region_name(),
        connection.config.get_interface("identity") or "public",
        {key: value for key, value in connection.config.config.items() if key.endswith("_endpoint_override") and value},
    )  # fmt: skip
    try:
        private_file.write_yaml(path, made_of, KIND)
    except KcloudError:
        # Nobody knows its secret: it would only be in the way of the next run.
        _delete(connection, Credential(name, id=made["id"]))
        _finish(path)
        raise
    _finish(path)
    roles = tuple(sorted(role["name"] for role in made.get("roles") or ()))
    return Credential(name, wanted.roles or roles, wanted.access_rules, wanted.expires_at, made["id"], run)


def _post(connection: Connection, wanted: Credential, name: str, run: str) -> dict[str, Any]:
    """Keystone's answer to the creation, with the secret."""
    with_roles = f" with the roles {', '.join(wanted.roles)}" if wanted.roles is not None else ""
    body: dict[str, Any] = {"name": name, "unrestricted": False, "description": f"{MARK}, run {run}{with_roles}"}
    if wanted.roles is not None:
        body["roles"] = [{"name": role} for role in wanted.roles]
    if wanted.access_rules is not None:
        body["access_rules"] = [asdict(rule) for rule in wanted.access_rules]
    if wanted.expires_at is not None:
        body["expires_at"] = wanted.expires_at.replace(tzinfo=None).isoformat()
    # The SDK's resource shows its body in debug logs, secret included; a plain request does not.
    answer = connection.identity.post(
        f"/users/{connection.current_user_id}/application_credentials",
        json={"application_credential": body},
        # The SDK sends a request again that was cut off, and meets what the first one made.
        connect_retries=0,
    )
    _raise_for(answer)
    try:
        made = answer.json()["application_credential"]
        return {**made, "id": made["id"], "secret": made["secret"]}
    except (ValueError, TypeError, KeyError) as error:
        raise Unclear(
            ServiceError(
                f"Failed to create application credential '{name}'",
                code="BROKEN_ANSWER",
                resource=f"application_credential/{name}",
                reason="Keystone's answer does not hold the credential",
                hint="A proxy in front of Keystone may have answered in its place: look at it, then run again",
            )
        ) from error


def _raise_for(answer: Any) -> None:
    from openstack.exceptions import raise_from_response

    raise_from_response(answer)


def _refusal(error: Exception, doing: str, resource: str) -> KcloudError:
    """As ``from_exception``; what Keystone's 403 means here."""
    ours = from_exception(error, doing, resource)
    if isinstance(ours, NotPermitted):
        ours.hint = (
            "An application credential cannot make others: log in with a user's password. Roles must be the user's own"
        )
    return ours
