# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What mitmproxy does to the requests of a run: the addon of `proxy.py`, in one file that imports nothing of ours.

An address is `http://127.0.0.1:<proxy>/<run>/<port>/<path>`: the request goes to that port of this machine, faults are
those of `<run>.rules` in the folder of the option `faults`, and every request is a line of `<run>.log` there. Addresses in
answers are rewritten, so that the catalog of the first login leads every later request through the proxy, too.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from pathlib import Path
from typing import Any

from mitmproxy import ctx, http

LOCAL = re.compile(rb"http://(?:127\.0\.0\.1|localhost):(\d+)")
PAGE = b"<html><head><title>Oops</title></head><body><h1>The proxy could not reach the service</h1></body></html>"
TEXT = {"html": ("text/html", PAGE), "empty": ("application/json", b""), "text": ("text/plain", b"upstream gone")}


class Faults:
    """One instance for all runs; each has its own rules, counters and log."""

    def __init__(self) -> None:
        self.rules: dict[str, list[dict[str, Any]]] = {}

    def load(self, loader: Any) -> None:
        """Add the option that says where rules and logs are."""
        loader.add_option("faults", str, "", "folder of the rules and logs")

    def of(self, run: str) -> list[dict[str, Any]]:
        """The rules of a run, read at its first request; each with how often it fitted and since when."""
        if run not in self.rules:
            path = Path(ctx.options.faults, f"{run}.rules")
            self.rules[run] = json.loads(path.read_text()) if path.exists() else []
            for rule in self.rules[run]:
                rule.update(seen=0, since=None)
        return self.rules[run]

    def fault(self, flow: http.HTTPFlow) -> dict[str, Any] | None:
        """The rule that this request meets now: from its first fit on, `times` times or for `seconds`.

        One with `following`, a method and a path, does not begin before such a request was answered.
        """
        for rule in self.of(flow.metadata["run"]):
            if rule.get("following"):
                continue
            if flow.request.method not in rule["method"].split("|") or not re.search(rule["path"], flow.request.path):
                continue
            rule["seen"] += 1
            rule["since"] = rule["since"] or time.monotonic()
            if "seconds" in rule:
                active = time.monotonic() - rule["since"] < rule["seconds"]
            else:
                active = rule["seen"] <= rule.get("times", 1)
            if active:
                return rule
        return None

    def say(self, flow: http.HTTPFlow, what: str) -> None:
        """Write a line of the run's log."""
        status = flow.response.status_code if flow.response else 0
        entry = {
            "at": round(time.time(), 3),
            "method": flow.request.method,
            "port": flow.request.port,
            "path": flow.request.path,
            "status": status,
            "what": what,
        }
        with Path(ctx.options.faults, f"{flow.metadata['run']}.log").open("a") as log:
            log.write(json.dumps(entry) + "\n")

    async def request(self, flow: http.HTTPFlow) -> None:
        """Send it where its prefix says, unless a fault keeps it from going."""
        found = re.match(r"/([^/]+)/(\d+)(/.*|)$", flow.request.path)
        if not found:
            flow.response = http.Response.make(599, b"no run and port in the address")
            return
        flow.metadata["run"], port = found[1], int(found[2])
        flow.metadata["prefix"] = f"{flow.request.scheme}://127.0.0.1:{ctx.options.listen_port}/{found[1]}/"
        flow.request.host, flow.request.port, flow.request.path = "127.0.0.1", port, found[3] or "/"
        flow.metadata["path"] = flow.request.path
        # Heat leads to its own address by this header
        flow.request.headers["Host"] = f"127.0.0.1:{port}"
        flow.request.headers["Accept-Encoding"] = "identity"
        rule = flow.metadata["rule"] = self.fault(flow)
        if rule is None or rule.get("after"):
            return
        if rule["do"] == "reset":
            self.say(flow, "reset before")
            flow.kill()
        elif rule["do"] == "slow":
            await asyncio.sleep(rule["delay"])
        elif rule["do"] == "answer":
            kind, body = TEXT.get(rule.get("body", ""), ("application/json", json.dumps(rule.get("json", {})).encode()))
            headers = {"Content-Type": kind, **rule.get("headers", {})}
            flow.response = http.Response.make(rule["status"], body, headers)
            self.say(flow, "answered")

    def response(self, flow: http.HTTPFlow) -> None:
        """Rewrite addresses, and spoil what a rule wants spoiled although the service did it."""
        if "run" not in flow.metadata or flow.response is None:
            return
        for other in self.of(flow.metadata["run"]):
            method, path = other.get("following") or ("", "")
            if method and flow.request.method in method.split("|") and re.search(path, flow.metadata["path"]):
                other["following"] = None
        rule = flow.metadata.get("rule")
        if rule and not rule.get("after") and rule["do"] == "answer":
            return
        prefix = flow.metadata["prefix"].encode()
        if flow.response.content:
            flow.response.content = LOCAL.sub(lambda found: prefix + found[1], flow.response.content)
        if "Location" in flow.response.headers:
            location = flow.response.headers["Location"].encode()
            flow.response.headers["Location"] = LOCAL.sub(lambda found: prefix + found[1], location).decode()
        if rule is None or not rule.get("after"):
            self.say(flow, "passed")
            return
        self.say(flow, f"taken, then {rule['do']}")
        if rule["do"] == "reset":
            flow.kill()
        elif rule["do"] == "answer":
            kind, body = TEXT.get(rule.get("body", ""), ("application/json", json.dumps(rule.get("json", {})).encode()))
            flow.response = http.Response.make(rule["status"], body, {"Content-Type": kind})
        elif rule["do"] == "truncate":
            flow.response.content = (flow.response.content or b"")[: len(flow.response.content or b"") // 2]
        elif rule["do"] == "without":
            # A list that does not show yet, or no more, what it should
            answer = json.loads(flow.response.content or b"{}")
            for key, value in answer.items():
                if isinstance(value, list):
                    answer[key] = [entry for entry in value if entry.get("name") != rule["name"]]
            flow.response.content = json.dumps(answer).encode()


addons = [Faults()]
