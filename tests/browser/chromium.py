# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A headless Chromium, driven through a pipe by its own protocol: no package is needed for that, and no port is open."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-extensions", "--hide-scrollbars", "--remote-debugging-pipe",
)  # fmt: skip
# Chromium reads commands from descriptor 3 and answers on 4
LAUNCH = "import os, sys; os.dup2({read}, 3); os.dup2({write}, 4); os.execvp(sys.argv[1], sys.argv[1:])"
SECONDS = 60


@dataclass
class Browser:
    """The protocol: commands, answers, and the events that came meanwhile."""

    write: int
    read: int
    events: list[dict[str, Any]] = field(default_factory=list)
    buffer: bytes = b""
    last: int = 0

    def ask(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """The answer to one command.

        :raises RuntimeError: the browser refuses it, or does not answer.
        """
        self.last += 1
        message: dict[str, Any] = {"id": self.last, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.write, data) :]
        while True:
            answer = self.next()
            if answer.get("id") == self.last:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return dict(answer["result"])
            self.events.append(answer)

    def wait_for(self, method: str) -> None:
        """Until an event of this name has come."""
        while not any(event.get("method") == method for event in self.events):
            self.events.append(self.next())

    def next(self) -> dict[str, Any]:
        """The next message of the browser."""
        end = time.monotonic() + SECONDS
        while b"\0" not in self.buffer:
            if not select.select([self.read], [], [], max(0.0, end - time.monotonic()))[0]:
                raise RuntimeError(f"the browser says nothing for {SECONDS} s")
            part = os.read(self.read, 1 << 16)
            if not part:
                raise RuntimeError("the browser has ended")
            self.buffer += part
        message, _end, self.buffer = self.buffer.partition(b"\0")
        return dict(json.loads(message))


@dataclass
class Page:
    """One page in one form of screen."""

    browser: Browser
    session: str

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """The answer to a command about this page."""
        return self.browser.ask(method, self.session, **params)

    def value(self, expression: str) -> Any:
        """What a JavaScript expression comes to; a promise is waited for.

        :raises RuntimeError: it throws.
        """
        answer = self.ask("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(json.dumps(answer["exceptionDetails"])[:500])
        return answer["result"].get("value")

    def screenshot(self, path: Path) -> None:
        """The visible part as a picture."""
        path.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot", format="png")["data"]))

    def complaints(self) -> list[str]:
        """What the console said, and every request but that for the page itself."""
        found = []
        for event in self.browser.events:
            params = event.get("params", {})
            match event.get("method"):
                case "Runtime.exceptionThrown" | "Log.entryAdded" | "Runtime.consoleAPICalled":
                    found.append(json.dumps(params)[:300])
                case "Network.requestWillBeSent" if not params["request"]["url"].startswith(("file:", "data:")):
                    found.append(f"asked for {params['request']['url']}")
        return found


@contextmanager
def chromium(program: str = "chromium") -> Iterator[Browser]:
    """A browser with a profile of its own; it ends with the block."""
    command, answer = os.pipe(), os.pipe()
    # Above the numbers that they must get
    there, back = (fcntl.fcntl(number, fcntl.F_DUPFD, 10) for number in (command[0], answer[1]))
    os.close(command[0])
    os.close(answer[1])
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        launcher = [sys.executable, "-c", LAUNCH.format(read=there, write=back), program, *FLAGS]
        process = subprocess.Popen(
            [*launcher, f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(there, back),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(there)
        os.close(back)
        try:
            yield Browser(command[1], answer[0])
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            os.close(command[1])
            os.close(answer[0])


@contextmanager
def opened(browser: Browser, path: Path, width: int, height: int, scheme: str) -> Iterator[Page]:
    """A page on a screen of this size, light or dark."""
    browser.events.clear()
    target = browser.ask("Target.createTarget", url="about:blank")["targetId"]
    page = Page(browser, browser.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"])
    for domain in ("Page", "Runtime", "Log", "Network"):
        page.ask(f"{domain}.enable")
    page.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
    page.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    browser.events.clear()
    page.ask("Page.navigate", url=path.as_uri())
    browser.wait_for("Page.loadEventFired")
    try:
        yield page
    finally:
        browser.ask("Target.closeTarget", targetId=target)
