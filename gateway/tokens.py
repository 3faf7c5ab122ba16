# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may do what: bearer tokens from a file, kept there as digests."""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from gateway.settings import SettingsError

log = logging.getLogger("gateway")
# Each role may do what those before it may
ROLES = ("read", "operate", "admin")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Tenant:
    """A Keystone credential, by its name in clouds.yaml."""

    name: str
    cloud: str


@dataclass(frozen=True)
class Caller:
    """Who asks: the name of a token, its role, and its tenant."""

    name: str
    role: str
    tenant: Tenant

    def may(self, role: str) -> bool:
        return ROLES.index(self.role) >= ROLES.index(role)


def digest(token: str) -> str:
    """What the file keeps of a token. Tokens are random and long, so no salt is needed."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def new_token(name: str, role: str, tenant: str) -> tuple[str, str]:
    """A new token, and its entry of the file."""
    token = secrets.token_urlsafe(32)
    entry = f"  - name: {name}\n    sha256: {digest(token)}\n    role: {role}\n    tenant: {tenant}\n"
    return token, entry


def find(callers: Mapping[str, Caller], token: str) -> Caller | None:
    """Whose token this is. Every digest is compared, in constant time."""
    given, found = digest(token), None
    for known, caller in callers.items():
        if hmac.compare_digest(known, given):
            found = caller
    return found


def parse(document: Any) -> dict[str, Caller]:
    """The content of a tokens file -> callers by the digest of their token.

    :raises SettingsError: an entry is wrong; no digest is shown.
    """
    if not isinstance(document, Mapping) or set(document) - {"tenants", "tokens"}:
        raise SettingsError("Failed to read the tokens file: it holds 'tenants' and 'tokens', and nothing else")
    tenants: dict[str, Tenant] = {}
    of_cloud: dict[str, str] = {}
    for name, about in _mapping(document.get("tenants"), "tenants").items():
        cloud = _mapping(about, f"tenants.{name}").get("cloud")
        if not _NAME.fullmatch(str(name)) or not isinstance(cloud, str) or not cloud:
            raise SettingsError(
                f"Failed to read tenant '{name}' of the tokens file: give 'cloud', a name of clouds.yaml"
            )
        # Locks, caches and limits are those of a tenant
        other = of_cloud.setdefault(cloud, str(name))
        if other != str(name):
            raise SettingsError(
                f"Failed to read tenants '{other}' and '{name}' of the tokens file: both have the cloud '{cloud}'. Tenants of one cloud "
                "would change the same clusters at once: give their tokens one tenant"
            )
        tenants[str(name)] = Tenant(str(name), cloud)
    callers: dict[str, Caller] = {}
    names = set()
    for index, entry in enumerate(document.get("tokens") or []):
        where = f"tokens[{index}]"
        given = _mapping(entry, where)
        name, key = str(given.get("name")), str(given.get("sha256"))
        if set(given) - {"name", "sha256", "role", "tenant"}:
            raise SettingsError(
                f"Failed to read {where} of the tokens file: it has 'name', 'sha256', 'role' and 'tenant' only"
            )
        if not _NAME.fullmatch(name) or name in names:
            raise SettingsError(
                f"Failed to read {where}.name of the tokens file: give each token a plain name of its own"
            )
        if not _DIGEST.fullmatch(key) or key in callers:
            raise SettingsError(
                f"Failed to read {where}.sha256 of the tokens file: give the SHA-256 of a token, 64 hexadecimal digits"
            )
        if given.get("role") not in ROLES:
            raise SettingsError(f"Failed to read {where}.role of the tokens file: it is not one of {', '.join(ROLES)}")
        if given.get("tenant") not in tenants:
            raise SettingsError(f"Failed to read {where}.tenant of the tokens file: 'tenants' does not have it")
        names.add(name)
        callers[key] = Caller(name, given["role"], tenants[given["tenant"]])
    return callers


def _mapping(value: Any, where: str) -> Mapping[str, Any]:
    if value is not None and not isinstance(value, Mapping):
        raise SettingsError(f"Failed to read {where} of the tokens file: it is not a dictionary")
    return value or {}


class TokensFile:
    """The file, read again when it changes.

    A file that became wrong leaves the callers as they were, and the log and the metrics say so: what was taken out of it since then still
    counts. Where there is no file any more, nobody is let in.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._stamp: tuple[int, ...] | None = None
        self._callers: dict[str, Caller] = {}
        self._error: str | None = None
        self._look()
        if self._error:
            raise SettingsError(self._error)

    def find(self, token: str) -> Caller | None:
        """Whose token this is."""
        self._read()
        return find(self._callers, token)

    @property
    def error(self) -> str | None:
        """Why the file, as it is now, does not count."""
        self._read()
        return self._error

    def _read(self) -> None:
        with self._lock:
            before = (self._stamp, self._error)
            self._look()
            if (self._stamp, self._error) == before:
                return
            if self._error is None:
                log.info("Read the tokens file '%s'", self._path)
            elif self._callers:
                log.error(
                    "%s. Until it is correct, its tokens as they were before count, those taken out since then, too",
                    self._error,
                )
            else:
                log.error("%s. No token counts", self._error)

    def _look(self) -> None:
        stamp = None
        try:
            about = self._path.stat()
            # Its permissions may change, too, or another file may take its place
            stamp = (about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns)
            if stamp != self._stamp:
                self._callers = parse(yaml.safe_load(self._path.read_text(encoding="utf-8")))
                self._error = None
        except SettingsError as error:
            self._error = str(error)
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            if isinstance(error, FileNotFoundError):
                self._callers = {}
            # The parser's text could repeat a line of the file
            self._error = f"Failed to read the tokens file '{self._path}': {type(error).__name__}"
        self._stamp = stamp
