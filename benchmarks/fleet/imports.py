# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the seconds of Python's imports go, from what `python -X importtime` writes. Pure."""

from __future__ import annotations

import re
import sys
from collections import defaultdict

LINE = re.compile(r"^import time:\s+(?P<self>\d+) \|\s+\d+ \|\s*(?P<name>\S+)$", re.MULTILINE)
GROUPS = {
    "ansible_collections": "the collection",
    "ansible": "ansible.module_utils",
    "openstack": "openstacksdk",
    "keystoneauth1": "keystoneauth",
    "magnumclient": "python-magnumclient",
    "heatclient": "python-heatclient",
    "requests": "requests, urllib3",
    "urllib3": "requests, urllib3",
}
OTHERS = "other libraries"
STANDARD = "standard library"


def group_of(name: str) -> str:
    """Which part of the table a module belongs to, by its top-level package.

    >>> group_of("openstack.config.loader"), group_of("json.decoder"), group_of("yaml")
    ('openstacksdk', 'standard library', 'other libraries')
    """
    root = name.partition(".")[0]
    if root in GROUPS:
        return GROUPS[root]
    return STANDARD if root in sys.stdlib_module_names or root in ("encodings", "site", "sitecustomize") else OTHERS


def import_seconds(text: str) -> dict[str, float]:
    """Seconds of each part, the longest first: a module's own time only, not that of what it imports."""
    found: defaultdict[str, float] = defaultdict(float)
    for match in LINE.finditer(text):
        found[group_of(match["name"])] += int(match["self"]) / 1e6
    return dict(sorted(found.items(), key=lambda entry: -entry[1]))
