# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the cloud's APIs show, read by plain requests: nothing of the collection judges itself here."""

from __future__ import annotations

import time
from typing import Any

import keystoneauth1.exceptions
import openstack

MAGNUM = {"OpenStack-API-Version": "container-infra 1.11", "Accept": "application/json"}
PATIENCE_S = 60.0


class Truth:
    """The objects of one project."""

    def __init__(self, cloud: str) -> None:
        self.connection = openstack.connect(cloud=cloud)
        self.project = self.connection.current_project_id

    def _get(self, service: str, path: str, headers: dict[str, str] | None = None) -> Any:
        """The answer to a GET; None where there is no such thing. Magnum's 400 of a moment and a 5xx are asked again."""
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                answer = self.connection.session.get(
                    path,
                    endpoint_filter={"service_type": service, "interface": "public"},
                    headers=headers or {},
                    raise_exc=False,
                )
            except keystoneauth1.exceptions.ConnectFailure as error:
                said = str(error)
            else:
                if answer.status_code == 404:
                    return None
                if answer.status_code < 400:
                    return answer.json()
                said = f"{answer.status_code} {answer.text[:300]}"
            if time.monotonic() > end:
                raise RuntimeError(f"GET {path}: {said}")
            time.sleep(1)

    def clusters(self, name: str) -> list[dict[str, Any]]:
        """The clusters of this name that stay, each with its node groups: counts and bounds."""
        found = []
        for cluster in self._get("container-infra", "/clusters/detail?limit=1000", MAGNUM)["clusters"]:
            if cluster["name"] == name and not cluster["status"].startswith("DELETE_"):
                found.append({"id": cluster["uuid"], "groups": self._groups(cluster["uuid"])})
        return sorted(found, key=lambda cluster: cluster["id"])

    def _groups(self, cluster: str) -> dict[str, Any]:
        listed = self._get("container-infra", f"/clusters/{cluster}/nodegroups", MAGNUM) or {"nodegroups": []}
        groups = {}
        for entry in listed["nodegroups"]:
            group = self._get("container-infra", f"/clusters/{cluster}/nodegroups/{entry['uuid']}", MAGNUM)
            if group and not (group["status"] or "").startswith("DELETE_"):
                groups[group["name"]] = [group["node_count"], group["min_node_count"], group["max_node_count"]]
        return groups

    def templates(self, name: str) -> list[dict[str, Any]]:
        """The cluster templates of this name."""
        every = self._get("container-infra", "/clustertemplates/detail?limit=1000", MAGNUM)["clustertemplates"]
        return [{"id": one["uuid"], "labels": one["labels"]} for one in every if one["name"] == name]

    def stacks(self, name: str) -> list[dict[str, Any]]:
        """The stack of this name that stays."""
        found = self._get("orchestration", f"/stacks?name={name}")["stacks"]
        return [
            {"id": one["id"], "updated": one.get("updated_time")}
            for one in found
            if not one["stack_status"].startswith("DELETE_")
        ]

    def credentials(self, name: str) -> list[dict[str, Any]]:
        """The user's application credentials of this name."""
        user = self.connection.current_user_id
        found = self._get("identity", f"/users/{user}/application_credentials?name={name}")
        return [{"id": one["id"]} for one in found["application_credentials"]]

    def all_of(self, name: str) -> dict[str, Any]:
        """Everything that a run may have made under this name."""
        return {
            "clusters": self.clusters(name),
            "templates": self.templates(name),
            "stacks": self.stacks(name),
            "credentials": self.credentials(name),
        }
