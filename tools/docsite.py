# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation's site, in .build/docsite/html: `python -m tools.docsite`, or `make docs-site`.

antsibull-docs writes a page for every plugin and role and copies the guides beside them; Sphinx makes one site of all. It is built
offline, and any warning fails it. `python -m tools.docsite --write` writes the page of the playbooks again.
"""

from __future__ import annotations

import shutil
import sys
import zlib
from pathlib import Path
from typing import Any

import yaml

from tools.commands import Finished, run
from tools.places import BUILD, ROOT, tools_environment

COLLECTION = "kcloud.infrastructure"
SOURCES = ROOT / "docs/docsite"
PLAYBOOKS_PAGE = SOURCES / "rst/playbooks.rst"
SITE = BUILD / "docsite"
# What the generated pages refer to in Ansible's documentation: label -> page there, its title
ANSIBLE = {
    "action_plugins": ("plugins/action.html#action-plugins", "Action plugins"),
    "ansible_configuration_settings": ("reference_appendices/config.html", "Ansible Configuration Settings"),
    "common_return_values": ("reference_appendices/common_return_values.html", "Return Values"),
}
# The same for environment variables, all of one page
VARIABLES = (
    "ANSIBLE_CACHE_PLUGIN",
    "ANSIBLE_CACHE_PLUGIN_CONNECTION",
    "ANSIBLE_CACHE_PLUGIN_PREFIX",
    "ANSIBLE_CACHE_PLUGIN_TIMEOUT",
    "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED",
    "ANSIBLE_INVENTORY_USE_EXTRA_VARS",
)
HEAD = """\
.. _ansible_collections.kcloud.infrastructure.docsite.playbooks:

Playbooks
=========

..
   Generated from playbooks/*.yml: `python -m tools.docsite --write` writes this page again.

Each playbook is one verb. Ansible finds it by its name:

.. code-block:: console

   $ ansible-playbook kcloud.infrastructure.status -e 'cluster_status_names=team-a-*'

A playbook logs in with ``kcloud_openstack``, the options of logging in as one dictionary, or by ``OS_CLOUD``; it runs on ``kcloud_hosts``,
by default ``localhost``. What it does is set by the variables of its role, on the role's page. With ``-e kcloud_plan_only=true`` it shows its
plan and changes nothing.

.. list-table::
   :header-rows: 1
   :widths: 35 40 25

   * - playbook
     - what it does
     - role
"""


def plays(path: Path) -> list[dict[str, Any]]:
    """The plays of a playbook."""
    loaded: list[dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return loaded


def roles(play: dict[str, Any]) -> list[str]:
    """The full names of the roles of a play."""
    return [role if isinstance(role, str) else role["role"] for role in play.get("roles", [])]


def playbooks_page() -> str:
    """The page of the playbooks: each with what it does and its roles."""
    rows = []
    for path in sorted((ROOT / "playbooks").glob("*.yml")):
        what = ". ".join(play["name"] for play in plays(path))
        used = ", ".join(f":ansplugin:`{role}#role`" for play in plays(path) for role in roles(play))
        rows.append(f"   * - ``{COLLECTION}.{path.stem}``\n     - {what}.\n     - {used}\n")
    return HEAD + "".join(rows)


def inventory() -> bytes:
    """The labels and variables of Ansible's documentation as a Sphinx inventory: four lines, then its compressed rows."""
    head = "# Sphinx inventory version 2\n# Project: Ansible\n# Version:\n# The remainder is compressed using zlib.\n"
    rows = "".join(f"{label} std:label -1 {page} {title}\n" for label, (page, title) in ANSIBLE.items())
    page = ANSIBLE["ansible_configuration_settings"][0]
    rows += "".join(f"{name} std:envvar -1 {page}#envvar-{name} -\n" for name in VARIABLES)
    return head.encode() + zlib.compress(rows.encode())


def build() -> Finished:
    """Build the site from nothing; the result is that of the step that failed, or of the last."""
    shutil.rmtree(SITE, ignore_errors=True)
    pages = SITE / "rst"
    pages.mkdir(parents=True)
    # antsibull-docs refuses a folder that others may write
    pages.chmod(0o755)
    generated = run(
        ["antsibull-docs", "collection", "--use-current", "--fail-on-error", "--squash-hierarchy"]
        + ["--dest-dir", str(pages), COLLECTION],
        log="docsite-pages",
        environment=tools_environment(),
    )
    if not generated.ok:
        return generated
    # The playbooks of the guides, and what they print
    shutil.copytree(ROOT / "docs/guides", pages / "guides")
    (SITE / "ansible.inv").write_bytes(inventory())
    return run(
        ["sphinx-build", "-W", "--keep-going", "--quiet", "-c", str(SOURCES), str(pages), str(SITE / "html")],
        log="docsite",
        environment=tools_environment(),
    )


def main(arguments: list[str]) -> int:
    """Build the site, or write the generated page of its sources again."""
    if arguments == ["--write"]:
        PLAYBOOKS_PAGE.write_text(playbooks_page(), encoding="utf-8")
        return 0
    if arguments:
        print(f"Unknown arguments: {' '.join(arguments)}; there is only --write", file=sys.stderr)
        return 2
    finished = build()
    print(finished.output, end="")
    print((SITE / "html/index.html").relative_to(ROOT) if finished.ok else "The site was not built")
    return 0 if finished.ok else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
