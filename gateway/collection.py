# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the collection is: it becomes importable from the folders in which Ansible looks for collections."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

from gateway.settings import SettingsError

NAME = "ansible_collections.kcloud.infrastructure"
USUAL = "~/.ansible/collections:/usr/share/ansible/collections"


def make_importable() -> Path:
    """Put the folder that holds the collection on Python's path; answers the collection's own folder.

    :raises SettingsError: no folder has it.
    """
    given = os.environ.get("ANSIBLE_COLLECTIONS_PATH") or USUAL
    for folder in given.split(os.pathsep):
        root = Path(folder).expanduser().absolute()
        found = root / "ansible_collections" / "kcloud" / "infrastructure"
        if (found / "plugins" / "module_utils").is_dir():
            if importlib.util.find_spec("ansible_collections") is None or str(root) not in sys.path:
                sys.path.insert(0, str(root))
            return found
    raise SettingsError(f"Failed to start: no folder of ANSIBLE_COLLECTIONS_PATH holds kcloud.infrastructure: {given}")
