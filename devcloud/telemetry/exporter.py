# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The present of a fleet over HTTP, as its exporters would say it. `python -m devcloud.telemetry.exporter PORT FLEET`.

It reads the fleet anew when the file changed. Counters continue where the history ends, since both follow from the clock.
"""

from __future__ import annotations

import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from devcloud.ports import LOOPBACK
from devcloud.telemetry.fleet import read_fleet
from devcloud.telemetry.openmetrics import present


class Exporter(BaseHTTPRequestHandler):
    """Answers each request with all samples of now."""

    fleet: Path

    def do_GET(self) -> None:
        """Send the samples."""
        now = time.time()
        body = present(read_fleet(self.fleet.read_text(encoding="utf-8"), int(now)), now).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_words: object) -> None:
        """Requests come every few seconds: no log."""


def main(port: str, fleet: str) -> None:
    """Serve until the process ends."""
    handler = type("FleetExporter", (Exporter,), {"fleet": Path(fleet)})
    ThreadingHTTPServer((LOOPBACK, int(port)), handler).serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
