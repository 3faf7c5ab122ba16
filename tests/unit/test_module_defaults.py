# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `module_defaults` sets for `group/kcloud.infrastructure.all`, every module of the group takes.

Each module's own argument specification, and a real `ansible-playbook` against a cloud on a loopback port.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.kcloud.infrastructure.plugins.module_utils import module as shared
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.scripted import scripted_cloud

PACKAGE = "ansible_collections.kcloud.infrastructure.plugins.modules"
# .../collections/ansible_collections/kcloud/infrastructure/plugins/module_utils/module.py
COLLECTION = Path(shared.__file__).parents[2]
COLLECTIONS = COLLECTION.parents[2]
GROUP = "group/kcloud.infrastructure.all"
# The options of openstack.cloud's modules that say how to log in and to wait: one dictionary serves both groups
DEFAULTS = {"cloud": "mine", "region_name": "R", "interface": "public", "api_timeout": 30, "wait": True, "timeout": 600}
LISTED = yaml.safe_load((COLLECTION / "meta/runtime.yml").read_text(encoding="utf-8"))["action_groups"]["all"]


@pytest.mark.parametrize("name", LISTED)
def test_every_module_takes_what_the_group_sets(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Wrong values are refused everywhere, too."""
    specs: list[dict[str, Any]] = []
    module = importlib.import_module(f"{PACKAGE}.{name}")
    monkeypatch.setattr(module, "run_module", lambda spec, *_more, **_options: specs.append(spec))
    module.main()
    validator = ArgumentSpecValidator(specs[0])
    assert validator.validate({**DEFAULTS, "progress": False}).unsupported_parameters == set()
    reported = validator.validate({**DEFAULTS, "timeout": "an hour"}).error_messages
    assert any("timeout" in message for message in reported)


def test_a_playbook_sets_the_timeout_of_all_modules_at_once(tmp_path: Path) -> None:
    """The modules that only read run with it, as they do without."""
    own = {"magnum_cluster_template_info": {}, "magnum_quota_info": {"services": ["container-infra"]}}
    answers = [
        ("GET", r"/clustertemplates/detail\?.*", 200, {"clustertemplates": []}),
        ("GET", r"/quotas/.*", 200, {"hard_limit": 20}),
        ("GET", r"/stats\?.*", 200, {"clusters": 3}),
    ]
    with scripted_cloud([], ambient=answers) as cloud:
        clouds = {"clouds": {"mine": {"auth": cloud.auth(), "region_name": "R"}}}
        (tmp_path / "clouds.yaml").write_text(json.dumps(clouds), encoding="utf-8")
        done = play(
            tmp_path,
            {
                "hosts": "localhost",
                "gather_facts": False,
                "module_defaults": {GROUP: DEFAULTS},
                "tasks": [{"name": name, f"kcloud.infrastructure.{name}": given} for name, given in own.items()],
            },
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"ok={len(own)} " in done.stdout


def play(folder: Path, what: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    """One play, run by ansible-playbook."""
    (folder / "play.yml").write_text(json.dumps([what]), encoding="utf-8")
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "ANSIBLE_LOCAL_TEMP": str(folder / "local"),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
        "HOME": str(folder),
        "OS_CLIENT_CONFIG_FILE": str(folder / "clouds.yaml"),
    }
    command = [
        sys.executable,
        "-m",
        "ansible.cli.playbook",
        "-i",
        "localhost,",
        "-c",
        "local",
        str(folder / "play.yml"),
    ]
    return subprocess.run(command, check=False, capture_output=True, text=True, env=environment, timeout=120)
