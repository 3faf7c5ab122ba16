# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A webhook on loopback: `webhook.py start FOLDER` prints the port of a server that adds each request's body to FOLDER/posted.

`webhook.py stop FOLDER` ends it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path


def serve(folder: Path) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with (folder / "posted").open("ab") as posted:
                posted.write(body + b"\n")
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()


def start(folder: Path) -> None:
    command = [sys.executable, __file__, "serve", str(folder)]
    server = subprocess.Popen(
        command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, start_new_session=True
    )
    (folder / "webhook.pid").write_text(str(server.pid), encoding="utf-8")
    print(server.stdout.readline().strip() if server.stdout else "")


def stop(folder: Path) -> None:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        os.kill(int((folder / "webhook.pid").read_text(encoding="utf-8")), signal.SIGTERM)


if __name__ == "__main__":
    {"start": start, "stop": stop, "serve": serve}[sys.argv[1]](Path(sys.argv[2]))
