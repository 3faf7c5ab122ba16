# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The benchmark's own project in the cloud: ``python -m benchmarks.fleet.project VERB``, one process for each step.

It answers with one line of JSON and says on standard error what it does. An admin's cloud of clouds.yaml makes the project;
everything in it is made by an operator of its own, with python-magnumclient.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import openstack
import yaml
from magnumclient.common.apiclient.exceptions import HttpError, NotFound
from magnumclient.v1.client import Client
from openstack.connection import Connection

from benchmarks.fleet import STATE
from benchmarks.fleet.declaration import CLOUD, NODE_COUNT, PROJECT, TEMPLATE, template_fields
from benchmarks.fleet.figures import names

MICROVERSION = "1.11"
ALL = 1_000_000
ROLES = ("member", "reader", "heat_stack_owner")
QUOTA = 1000
# Magnum looks at what is IN_PROGRESS every 10 s
POLL_S = 3.0
LIMIT_S = 1800.0


class ProjectError(RuntimeError):
    """The cloud did not do what a benchmark needs."""


def say(text: str) -> None:
    """Progress, for people."""
    print(text, file=sys.stderr, flush=True)


# --- the project -------------------------------------------------------------------------------------------------------


def magnum_of(connection: Connection) -> Client:
    """Plain Magnum over the connection's session."""
    return Client(
        session=connection.session,
        region_name=connection.config.region_name,
        interface="public",
        api_version=MICROVERSION,
    )


def operator() -> Connection:
    """The benchmark's operator; its clouds.yaml is that of `create`."""
    settings = yaml.safe_load((STATE / "clouds.yaml").read_text(encoding="utf-8"))["clouds"][CLOUD]
    # Not by its name: OS_CLIENT_CONFIG_FILE may name the admin's file
    return openstack.connect(load_yaml_config=False, load_envvars=False, **settings)


def admin(cloud: str) -> Connection:
    """The cloud's admin, by the user's own clouds.yaml."""
    return openstack.connect(cloud=cloud)


def create(cloud: str) -> dict[str, Any]:
    """Create what is missing of the project, and log its operator in."""
    connection = admin(cloud)
    identity = connection.identity
    project = identity.find_project(PROJECT) or identity.create_project(name=PROJECT, domain_id="default")
    password = secrets.token_urlsafe(24)
    user = identity.find_user(PROJECT)
    if user is None or not (STATE / "clouds.yaml").exists():
        if user is None:
            user = identity.create_user(name=PROJECT, domain_id="default", default_project_id=project.id)
        identity.update_user(user, password=password)
        # Keystone revokes what was issued up to the second of the change.
        time.sleep(2)
        write_clouds(connection, password)
    for role in ROLES:
        identity.assign_project_role_to_user(project, user, identity.find_role(role))
    quotas = magnum_of(connection).quotas
    try:
        quotas.create(project_id=project.id, resource="Cluster", hard_limit=QUOTA)
    except HttpError as error:
        if error.http_status != 409:
            raise
    return login()


def write_clouds(connection: Connection, password: str) -> None:
    """The operator's clouds.yaml, which its owner alone can read."""
    auth = {
        "auth_url": connection.config.auth["auth_url"],
        "username": PROJECT,
        "password": password,
        "project_name": PROJECT,
        "user_domain_name": "Default",
        "project_domain_name": "Default",
    }
    settings = {"auth": auth, "region_name": connection.config.region_name, "identity_api_version": "3"}
    STATE.mkdir(parents=True, exist_ok=True)
    target = STATE / "clouds.yaml"
    target.unlink(missing_ok=True)
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as handle:
        yaml.safe_dump({"clouds": {CLOUD: settings}}, handle)


def login() -> dict[str, Any]:
    """The template, and what the operator's catalog says."""
    connection = operator()
    magnum = magnum_of(connection)
    found = [entry for entry in magnum.cluster_templates.list(limit=ALL) if entry.name == TEMPLATE]
    template = found[0] if found else magnum.cluster_templates.create(**template_fields())
    access = connection.session.auth.get_access(connection.session)
    urls = access.service_catalog.get_endpoints(interface="public")
    endpoints = [[entry["url"], kind] for kind, entries in urls.items() for entry in entries]
    adapter = connection.config.get_session_client("container-infra")
    newest = adapter.get_endpoint_data().max_microversion
    return {
        "template_id": template.uuid,
        "endpoints": [[connection.config.auth["auth_url"], "identity"], *endpoints],
        "magnum": ".".join(map(str, newest)) if newest else "unknown",
    }


def remove(cloud: str) -> dict[str, Any]:
    """Delete clusters, template, operator, quota and project, as far as `create` came."""
    connection = admin(cloud)
    project, user = connection.identity.find_project(PROJECT), connection.identity.find_user(PROJECT)
    found: dict[str, Any] = {}
    if project and user and (STATE / "clouds.yaml").exists():
        found = delete("")
        magnum = magnum_of(operator())
        for template in magnum.cluster_templates.list(limit=ALL):
            if template.name == TEMPLATE:
                magnum.cluster_templates.delete(template.uuid)
    if project:
        with contextlib.suppress(NotFound):
            magnum_of(connection).quotas.delete(project.id, "Cluster")
    if user:
        connection.identity.delete_user(user)
    if project:
        connection.identity.delete_project(project)
    (STATE / "clouds.yaml").unlink(missing_ok=True)
    return found


# --- clusters ----------------------------------------------------------------------------------------------------------


def listed(magnum: Client, prefix: str) -> list[Any]:
    """The project's clusters whose names begin so. While one is being removed, a list may be a 400: then again."""
    for _attempt in range(20):
        try:
            return [entry for entry in magnum.clusters.list(detail=True, limit=ALL) if entry.name.startswith(prefix)]
        except HttpError as error:
            if error.http_status not in (400, 500, 503):
                raise
            time.sleep(1)
    raise ProjectError("Failed to list the clusters 20 times")


def until(magnum: Client, prefix: str, is_done: Callable[[list[Any]], bool], poll: float = POLL_S) -> list[Any]:
    """Look at the clusters until they are as wanted.

    :raises ProjectError: they are not after half an hour.
    """
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        found = listed(magnum, prefix)
        if is_done(found):
            return found
        time.sleep(poll)
    raise ProjectError(f"Timed out waiting for {len(found)} clusters '{prefix}*'")


def is_settled(found: Iterable[Any]) -> bool:
    """Whether no cluster is in progress."""
    return not any(entry.status.endswith("IN_PROGRESS") for entry in found)


def is_whole(found: Iterable[Any], wanted: Iterable[str]) -> bool:
    """Whether all of these names are there."""
    return {entry.name for entry in found} >= set(wanted)


def post(magnum: Client, template_id: str, name: str) -> None:
    """Ask for one cluster."""
    magnum.clusters.create(name=name, cluster_template_id=template_id, node_count=NODE_COUNT)


def seed(prefix: str, count: int, at_once: int) -> dict[str, Any]:
    """Create what is missing of `count` clusters, `at_once` requests side by side, and wait for all of them.

    :raises ProjectError: some did not become CREATE_COMPLETE.
    """
    connection = operator()
    magnum = magnum_of(connection)
    # Once, before threads ask for it
    connection.session.get_token()
    wanted = names(prefix, count)
    present = {entry.name for entry in listed(magnum, prefix)}
    missing = [name for name in wanted if name not in present]
    template_id = next(entry.uuid for entry in magnum.cluster_templates.list(limit=ALL) if entry.name == TEMPLATE)
    start = time.monotonic()
    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(lambda name: post(magnum, template_id, name), missing))
    posted = time.monotonic() - start
    found = until(magnum, prefix, lambda entries: is_whole(entries, wanted) and is_settled(entries))
    took = time.monotonic() - start
    bad = [f"{entry.name} {entry.status}" for entry in found if entry.name in wanted and "COMPLETE" not in entry.status]
    if bad:
        raise ProjectError(f"Failed to create {len(bad)} of {count} clusters: {', '.join(bad[:5])}")
    if missing:
        say(
            f"created {len(missing)} clusters in {took:.0f} s, {at_once} requests at once; the requests took {posted:.1f} s"
        )
    seconds = {"seconds": round(took, 1), "request_seconds": round(posted, 1)} if missing else {}
    return {"present": len(found), "created": len(missing), "at_once": at_once, **seconds}


def alone(prefix: str, tries: int) -> dict[str, Any]:
    """Seconds of creating one cluster while nothing else is asked for, from the request until it is seen complete."""
    magnum = magnum_of(operator())
    template_id = next(entry.uuid for entry in magnum.cluster_templates.list(limit=ALL) if entry.name == TEMPLATE)
    seconds = []
    for name in names(f"{prefix}alone-", tries):
        start = time.monotonic()
        post(magnum, template_id, name)
        until(magnum, name, lambda entries: bool(entries) and is_settled(entries), poll=0.5)
        seconds.append(round(time.monotonic() - start, 2))
    return {"seconds": seconds}


def creations(prefix: str) -> dict[str, Any]:
    """Seconds from `created_at` to `updated_at` of each cluster, by Magnum's clock: how long its creation took.

    To be asked soon after: whatever updates a cluster moves its `updated_at`.
    """
    found = until(magnum_of(operator()), prefix, is_settled)
    seconds = [
        (datetime.fromisoformat(entry.updated_at) - datetime.fromisoformat(entry.created_at)).total_seconds()
        for entry in found
    ]
    return {"seconds": sorted(seconds)}


def delete(prefix: str) -> dict[str, Any]:
    """Delete the clusters whose names begin so; a delete that Magnum lost is sent again."""
    magnum = magnum_of(operator())
    start, end = time.monotonic(), time.monotonic() + LIMIT_S
    # A delete right after its create can get lost
    before = len(until(magnum, prefix, is_settled))
    while time.monotonic() < end:
        found = listed(magnum, prefix)
        if not found:
            took = time.monotonic() - start
            say(f"deleted {before} clusters in {took:.0f} s")
            return {"deleted": before, "seconds": round(took, 1)}
        with ThreadPoolExecutor(8) as pool:
            ids = [entry.uuid for entry in found if entry.status != "DELETE_IN_PROGRESS"]
            list(pool.map(lambda cluster_id: _delete_one(magnum, cluster_id), ids))
        time.sleep(POLL_S)
    raise ProjectError(f"Timed out deleting {len(found)} clusters '{prefix}*'")


def _delete_one(magnum: Client, cluster_id: str) -> None:
    try:
        magnum.clusters.delete(cluster_id)
    except HttpError as error:
        # Gone, or busy: the next look tells
        if error.http_status not in (404, 409, 500):
            raise


def main(arguments: list[str] | None = None) -> int:
    """Do one step, answer with a line of JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet.project", description=__doc__)
    parser.add_argument("verb", choices=["create", "remove", "seed", "alone", "creations", "delete"])
    parser.add_argument("--cloud", default="devcloud-admin", help="an admin's cloud in clouds.yaml")
    parser.add_argument("--prefix", default="bench-")
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--at-once", type=int, default=16)
    asked = parser.parse_args(arguments)
    steps: dict[str, Callable[[], dict[str, Any]]] = {
        "create": lambda: create(asked.cloud),
        "remove": lambda: remove(asked.cloud),
        "seed": lambda: seed(asked.prefix, asked.count, asked.at_once),
        "alone": lambda: alone(asked.prefix, asked.count),
        "creations": lambda: creations(asked.prefix),
        "delete": lambda: delete(asked.prefix),
    }
    try:
        print(json.dumps(steps[asked.verb]()))
    except ProjectError as error:
        say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
