# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the gateway against the test cloud, with a token that is made anew each time: `make gateway`."""

from __future__ import annotations

import os
import sys

from gateway.tokens import new_token
from tools.places import BUILD, ROOT, tools_environment

FOLDER = BUILD / "gateway"
CLOUD = "devcloud"


def main() -> None:
    """Write the tokens file, say how to ask, and become the gateway."""
    FOLDER.mkdir(mode=0o700, parents=True, exist_ok=True)
    token, entry = new_token("demo", "admin", CLOUD)
    tokens = FOLDER / "tokens.yml"
    tokens.write_text(f"tenants:\n  {CLOUD}:\n    cloud: {CLOUD}\ntokens:\n{entry}", encoding="utf-8")
    settings = {
        "KCLOUD_GATEWAY_TOKENS_FILE": str(tokens),
        "KCLOUD_GATEWAY_STATE_FOLDER": str(FOLDER / "state"),
        "KCLOUD_GATEWAY_VARIABLES_FILE": str(ROOT / "environments" / CLOUD / "group_vars" / "all.yml"),
    }
    port = os.environ.get("KCLOUD_GATEWAY_PORT", "8006")
    sys.stdout.write(
        f"The token of this run, with the role admin:\n  export TOKEN={token}\nA first request:\n"
        f'  curl -H "Authorization: Bearer $TOKEN" http://127.0.0.1:{port}/clusters\n'
        f"Every operation: http://127.0.0.1:{port}/docs\n"
    )
    sys.stdout.flush()
    os.chdir(ROOT)
    os.execve(sys.executable, [sys.executable, "-m", "gateway"], {**tools_environment(), **settings})


if __name__ == "__main__":
    main()
