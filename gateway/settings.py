# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gateway's settings: environment variables -> one frozen value, or an error that names the variable and the fix."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

PREFIX = "KCLOUD_GATEWAY_"
EXECUTORS = ("runner", "awx")


class SettingsError(Exception):
    """A setting is missing or wrong. The text names it."""


@dataclass(frozen=True)
class Awx:
    """Where AWX is. ``templates`` names the job template of a verb where it is not "kcloud " and the verb, with spaces."""

    url: str
    token_file: Path
    templates: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Settings:
    """Everything that configures a gateway; times in seconds."""

    tokens_file: Path
    state_folder: Path
    database: str
    host: str = "127.0.0.1"
    port: int = 8006
    # A file of variables for every playbook, such as accelerator_cluster_image; matches heed its cluster types and prices
    variables_file: Path | None = None
    max_age: float = 10
    cloud_timeout: int = 60
    # How many jobs this gateway runs at once; 0 leaves all jobs to other gateways of the same database
    workers: int = 4
    lease: float = 30
    max_queued: int = 1000
    keep_days: float = 30
    rate_per_minute: int = 600
    failed_logins_per_minute: int = 60
    max_body: int = 65536
    connections: int = 1000
    assume_empty: bool = True
    executor: str = "runner"
    awx: Awx | None = None


def read_settings(environment: Mapping[str, str]) -> Settings:
    """The settings of these environment variables.

    :raises SettingsError: a variable is missing, unknown, or cannot be read.
    """
    given = {
        name.removeprefix(PREFIX): value
        for name, value in environment.items()
        if name.startswith(PREFIX) and not _of_kubernetes(name.removeprefix(PREFIX), value)
    }
    unknown = sorted(set(given) - KNOWN)
    if unknown:
        raise SettingsError(
            f"Failed to read {PREFIX}{unknown[0]}: no setting has this name. Known: {', '.join(sorted(KNOWN))}"
        )
    if not given.get("TOKENS_FILE"):
        raise SettingsError(
            f"Failed to start: set {PREFIX}TOKENS_FILE to the file of tokens; `python -m gateway token` makes its entries"
        )
    home = environment.get("XDG_STATE_HOME") or str(Path(environment.get("HOME", "/tmp")) / ".local" / "state")
    state = Path(given.get("STATE_FOLDER") or Path(home) / "kcloud-gateway").absolute()
    executor = given.get("EXECUTOR", "runner")
    if executor not in EXECUTORS:
        raise SettingsError(f"Failed to read {PREFIX}EXECUTOR: '{executor}' is not one of {', '.join(EXECUTORS)}")
    return Settings(
        tokens_file=Path(given["TOKENS_FILE"]).absolute(),
        state_folder=state,
        database=given.get("DATABASE") or f"sqlite:///{state / 'jobs.sqlite'}",
        host=given.get("HOST", Settings.host),
        variables_file=Path(given["VARIABLES_FILE"]).absolute() if given.get("VARIABLES_FILE") else None,
        executor=executor,
        awx=_awx(given) if executor == "awx" else None,
        assume_empty=_flag(given, "ASSUME_EMPTY", Settings.assume_empty),
        **{name.lower(): _number(given, name, *about) for name, about in NUMBERS.items()},
    )


# Kind, default, least and most of each number
NUMBERS: dict[str, tuple[type, float, float, float]] = {
    "PORT": (int, Settings.port, 1, 65535),
    "MAX_AGE": (float, Settings.max_age, 0, 3600),
    "CLOUD_TIMEOUT": (int, Settings.cloud_timeout, 1, 3600),
    "WORKERS": (int, Settings.workers, 0, 256),
    "LEASE": (float, Settings.lease, 1, 3600),
    "MAX_QUEUED": (int, Settings.max_queued, 1, 10**6),
    "KEEP_DAYS": (float, Settings.keep_days, 0.01, 3650),
    "RATE_PER_MINUTE": (int, Settings.rate_per_minute, 1, 10**9),
    "FAILED_LOGINS_PER_MINUTE": (int, Settings.failed_logins_per_minute, 1, 10**9),
    "MAX_BODY": (int, Settings.max_body, 1024, 10**8),
    "CONNECTIONS": (int, Settings.connections, 1, 10**6),
}
OF_AWX = ("AWX_URL", "AWX_TOKEN_FILE", "AWX_TEMPLATES")
KNOWN = {
    "TOKENS_FILE", "STATE_FOLDER", "DATABASE", "HOST", "VARIABLES_FILE", "EXECUTOR", "ASSUME_EMPTY", *OF_AWX, *NUMBERS,
}  # fmt: skip


def _of_kubernetes(name: str, value: str) -> bool:
    """Whether Kubernetes has set this variable, for a Service with the name kcloud-gateway: it looks like one of ours.

    >>> _of_kubernetes("PORT", "tcp://10.0.0.1:80"), _of_kubernetes("SERVICE_HOST", "10.0.0.1"), _of_kubernetes("PORT", "80")
    (True, True, False)
    """
    return name.startswith(("SERVICE_", "PORT_")) or (name == "PORT" and "://" in value)


def _number(given: Mapping[str, str], name: str, kind: type, default: float, least: float, most: float) -> float:
    text = given.get(name, "")
    if not text:
        return kind(default)
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not least <= value <= most:
        raise SettingsError(f"Failed to read {PREFIX}{name}: '{text}' is not a number from {least} to {most}")
    return value


def _flag(given: Mapping[str, str], name: str, default: bool) -> bool:
    text = given.get(name, "").lower()
    if text not in ("", "true", "false"):
        raise SettingsError(f"Failed to read {PREFIX}{name}: '{text}' is neither true nor false")
    return default if not text else text == "true"


def _awx(given: Mapping[str, str]) -> Awx:
    for name in ("AWX_URL", "AWX_TOKEN_FILE"):
        if not given.get(name):
            raise SettingsError(f"Failed to start: {PREFIX}EXECUTOR is awx, so set {PREFIX}{name}")
    try:
        templates = json.loads(given.get("AWX_TEMPLATES") or "{}")
    except ValueError:
        templates = None
    if not isinstance(templates, dict) or not all(isinstance(name, str) for name in templates.values()):
        raise SettingsError(
            f"Failed to read {PREFIX}AWX_TEMPLATES: give JSON of verbs and names of job templates, "
            'such as {"create_cluster": "Create a cluster"}'
        )
    return Awx(given["AWX_URL"].rstrip("/"), Path(given["AWX_TOKEN_FILE"]).absolute(), templates)
