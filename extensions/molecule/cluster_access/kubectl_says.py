# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a team's manifests are what kubectl itself would make of the same wishes, without any cluster.

Run as ``kubectl_says.py MANIFESTS KUBECTL_ARGUMENTS_JSON``: a list of argument lists for ``kubectl create``, one for each
document, in their order.
"""

import json
import subprocess
import sys

import yaml


def plain(document):
    """Without what kubectl leaves empty."""
    kept = {key: value for key, value in document.items() if value not in ({}, None)}
    kept["metadata"] = {key: value for key, value in document["metadata"].items() if value is not None}
    return kept


def main(path, wishes):
    with open(path, encoding="utf-8") as stream:
        have = [plain(document) for document in yaml.safe_load_all(stream)]
    want = []
    for arguments in json.loads(wishes):
        command = ["kubectl", "create", *arguments, "--dry-run=client", "-o", "json"]
        want.append(plain(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)))
    if have != want:
        raise SystemExit(f"have {json.dumps(have)}\nwant {json.dumps(want)}")
    print(f"{len(have)} documents as kubectl makes them")


main(*sys.argv[1:])
