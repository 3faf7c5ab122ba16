# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The node agent: answers Heat in place of the guests that the fake hypervisor never boots.

Waiting deployments are found by one query of Heat's database twice a second (all projects, next to no load);
the answer goes through Heat's resource-signal API, as a guest's would. Runs under the services' Python.
"""

from __future__ import annotations

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pymysql
from keystoneauth1 import exceptions
from keystoneauth1 import session as ks
from keystoneauth1.identity.v3 import Password

from devcloud import agent_control
from devcloud.errors import DevcloudError
from devcloud.ports import PORTS

INTERVAL = 0.5
# An answer that changed nothing (Heat was not ready for it) is given again after this many seconds.
REPEAT = 5.0
FAIL_TEXT = "devcloud: the node agent lets this node fail, as ordered"

# `nova_instance` is what Heat calls the column of the physical resource id.
WAITING = """
SELECT d.id, r.name, s.id, s.name FROM heat.software_deployment d
JOIN heat.resource r ON r.nova_instance = d.id AND r.status = 'IN_PROGRESS'
JOIN heat.stack s ON s.id = r.stack_id AND s.deleted_at IS NULL
WHERE d.status = 'IN_PROGRESS'
"""
PARENT = "SELECT owner_id, name FROM heat.stack WHERE id = %s"
# The databases of the cloud's own Magnum and of those beside it
MAGNUMS = """
SELECT table_schema FROM information_schema.tables WHERE table_name = 'cluster' AND table_schema REGEXP '^magnum[0-9]*$'
"""
CLUSTER = "SELECT name FROM {database}.cluster WHERE stack_id = %s"


class Agent:
    """Keeps what was seen waiting and since when."""

    def __init__(self, state: Path, control: Path) -> None:
        """Read the passwords and log in lazily."""
        secrets = json.loads((state / "secrets.json").read_text())
        self.control = control
        self.password = secrets["database_password"]
        self.connection: Any = None
        auth = Password(
            auth_url=f"http://127.0.0.1:{PORTS['keystone']}/v3",
            username="admin",
            password=secrets["admin_password"],
            project_name="admin",
            user_domain_name="Default",
            project_domain_name="Default",
        )
        self.session = ks.Session(auth=auth, timeout=60)
        self.since: dict[str, float] = {}
        self.answered: dict[str, float] = {}
        self.clusters: dict[str, str] = {}
        self.pool = ThreadPoolExecutor(4)

    def rows(self, sql: str, *values: str) -> list[tuple[Any, ...]]:
        """Run one query, connecting when needed."""
        if self.connection is None:
            self.connection = pymysql.connect(
                host="127.0.0.1", port=PORTS["mariadb"], user="devcloud", password=self.password, autocommit=True
            )
        with self.connection.cursor() as cursor:
            cursor.execute(sql, values)
            return list(cursor.fetchall())

    def cluster_of(self, stack: str) -> str:
        """Return the cluster's name; for a stack without a cluster the root stack's name."""
        if stack not in self.clusters:
            root, owner, name = stack, stack, ""
            while owner:
                root = owner
                found = self.rows(PARENT, root)
                owner, name = found[0] if found else (None, name)
            cluster = [
                row for magnum in self.rows(MAGNUMS) for row in self.rows(CLUSTER.format(database=magnum[0]), root)
            ]
            if not cluster:
                # Magnum writes the stack's id down only after Heat answered: ask again next time.
                return name
            self.clusters[stack] = cluster[0][0]
        return self.clusters[stack]

    def answer(self, deployment: str, resource: str, stack: str, stack_name: str, failed: bool) -> None:
        """Signal one resource as its guest would."""
        body = {
            "deploy_stdout": "",
            "deploy_stderr": FAIL_TEXT if failed else "",
            "deploy_status_code": 1 if failed else 0,
        }
        url = f"http://127.0.0.1:{PORTS['heat']}/v1/{self.session.get_project_id()}"
        try:
            self.session.post(f"{url}/stacks/{stack_name}/{stack}/resources/{resource}/signal", json=body)
            print(f"{time.strftime('%F %T')} {'FAIL' if failed else 'ok'} {stack_name} {resource}", flush=True)
        except (exceptions.ClientException, OSError) as error:  # gone by now, say; the next round looks again
            print(f"{time.strftime('%F %T')} not taken: {stack_name} {resource}: {error}", flush=True)
            self.answered.pop(deployment, None)

    def round(self) -> None:
        """Answer everything that is due."""
        now = time.monotonic()
        waiting = self.rows(WAITING)
        ids = {row[0] for row in waiting}
        self.since = {key: self.since.get(key, now) for key in ids}
        self.answered = {key: value for key, value in self.answered.items() if key in ids}
        if not waiting:
            return
        rules = agent_control.read_rules(self.control)
        for deployment, resource, stack, stack_name in waiting:
            behaviour = agent_control.behaviour_of(self.cluster_of(stack), rules) if rules else agent_control.OK
            due = behaviour.mode != "silent" and now - self.since[deployment] >= behaviour.seconds
            if due and now - self.answered.get(deployment, -REPEAT) >= REPEAT:
                self.answered[deployment] = now
                self.pool.submit(self.answer, deployment, resource, stack, stack_name, behaviour.mode == "fail")

    def run(self) -> None:
        """Go on for ever; a server that is away for a moment does not end it."""
        while True:
            try:
                self.round()
            except (pymysql.MySQLError, DevcloudError, OSError, ValueError) as error:
                print(f"{time.strftime('%F %T')} {type(error).__name__}: {error}", flush=True)
                self.connection = None
                time.sleep(1)
            time.sleep(INTERVAL)


if __name__ == "__main__":
    Agent(Path(os.environ["DEVCLOUD_STATE"]), Path(os.environ["DEVCLOUD_CONTROL"])).run()
