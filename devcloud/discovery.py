# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A stand-in for etcd's discovery service: Magnum asks it for a URL per cluster and looks no further."""

from __future__ import annotations

import sys
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LOOPBACK = "127.0.0.1"


class Handler(BaseHTTPRequestHandler):
    """Answer every GET with a discovery URL that nobody has had before."""

    def do_GET(self) -> None:
        """Answer as `/new?size=N` does."""
        body = f"http://{self.headers.get('Host', LOOPBACK)}/{uuid.uuid4().hex}".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    ThreadingHTTPServer((LOOPBACK, int(sys.argv[1])), Handler).serve_forever()
