# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of the servers that tools/pods.py starts: each use says what went wrong, or nothing."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

# How long a playbook may take that a request starts
SECONDS = 120

# The server's address, its token, and the file of what it prints -> a complaint, or ""
Use = Callable[[str, str, Path], str]


def ask(url: str, token: str | None, body: Any = None) -> tuple[int, Any]:
    """The status and the JSON of the answer; a GET without a body."""
    request = urllib.request.Request(url, data=None if body is None else json.dumps(body).encode())
    request.add_header("Content-Type", "application/json")
    if token is not None:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, decoded(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, decoded(error.read())


def decoded(text: bytes) -> Any:
    """JSON as data; anything else as text."""
    try:
        return json.loads(text)
    except ValueError:
        return text.decode(errors="replace")


def use_gateway(address: str, token: str, _log: Path) -> str:
    """A read of the cloud, and a job: the plan of a consolidation, by ansible-runner. Both need the token."""
    refused, _answer = ask(f"{address}/clusters", None)
    status, clusters = ask(f"{address}/clusters", token)
    if (refused, status) != (401, 200) or not isinstance(clusters, list):
        return f"GET /clusters answers {refused} without a token, and {status} with it: {clusters}"
    status, accepted = ask(f"{address}/optimize/clusters", token, {"apply": False})
    if status != 202:
        return f"POST /optimize/clusters answers {status}: {accepted}"
    job = accepted["job"]["id"]
    for _second in range(SECONDS):
        _status, answer = ask(f"{address}/jobs/{job}", token)
        if answer["state"] in ("succeeded", "failed"):
            return "" if answer["state"] == "succeeded" else f"the job failed: {answer['failure']}"
        time.sleep(1)
    return f"the job has not ended after {SECONDS} s: {answer}"


def use_alerts(address: str, token: str, log: Path) -> str:
    """An alert that a cluster is idle starts the clean-up, which only plans; without the token it is refused."""
    alert = {"status": "firing", "labels": {"alertname": "KcloudAcceleratorsIdle", "cluster": "no-such-cluster"}}
    refused, _answer = ask(f"{address}/alerts", None, {"alerts": [alert]})
    status, answer = ask(f"{address}/alerts", token, {"alerts": [alert]})
    if (refused, status) != (401, 200):
        return f"the webhook answers {refused} without a token, and {status} with it: {answer}"
    for _second in range(SECONDS):
        if "failed=0" in log.read_text(encoding="utf-8", errors="replace"):
            return ""
        time.sleep(1)
    return f"no playbook has ended after {SECONDS} s"


def use_requests(address: str, token: str, _log: Path) -> str:
    """A request without the token is refused, and so is one without JSON."""
    refused, _answer = ask(f"{address}/clusters/x/scale", None, {"node_count": 2})
    request = urllib.request.Request(f"{address}/clusters/x/scale", data=b"{")
    request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            wrong = answer.status
    except urllib.error.HTTPError as error:
        wrong = error.code
    return (
        "" if (refused, wrong) == (401, 400) else f"the webhook answers {refused} without a token, {wrong} to no JSON"
    )


USES: dict[str, Use] = {
    "kcloud-gateway": use_gateway,
    "kcloud-events-alertmanager": use_alerts,
    "kcloud-events-optimizer": use_requests,
}
