# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the gateway: `python -m gateway`, or make a token for it: `python -m gateway token NAME --role read --tenant TENANT`."""

from __future__ import annotations

import argparse
import os
import sys

import uvicorn

from gateway.settings import SettingsError, read_settings
from gateway.tokens import ROLES, new_token


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m gateway", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("serve", help="run the gateway (the default); the KCLOUD_GATEWAY_* variables configure it")
    token = commands.add_parser("token", help="print a new token, and the entry of the tokens file that lets it in")
    token.add_argument("name")
    token.add_argument("--role", choices=ROLES, default="read")
    token.add_argument("--tenant", required=True)
    chosen = parser.parse_args()
    if chosen.command == "token":
        secret, entry = new_token(chosen.name, chosen.role, chosen.tenant)
        sys.stdout.write(f"# the token, shown once: {secret}\n{entry}")
        return 0
    return serve()


def serve() -> int:
    """Serve until a signal ends it. Jobs in progress are given back, for the next gateway."""
    from gateway.app import build
    from gateway.connections import Connection

    try:
        settings = read_settings(os.environ)
        app = build(settings)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        # A client that sends nothing, or half of a head, holds no connection for longer
        http=Connection,
        timeout_keep_alive=10,
        ws="none",
        limit_concurrency=settings.connections,
        server_header=False,
        # Addresses hold names of clusters; the metrics count requests by route
        access_log=False,
        timeout_graceful_shutdown=10,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
