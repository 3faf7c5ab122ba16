# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""In which order the cloud is seeded."""

from __future__ import annotations

import time

import pytest

pytest.importorskip("keystoneauth1")

from devcloud import seed


def test_nobody_asks_a_service_before_it_has_read_its_policies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Quotas are the first request at Nova, Neutron and Magnum, and have none beside them."""
    said: list[str] = []

    def begins_and_ends(name: str) -> None:
        said.append(name)
        time.sleep(0.02)
        said.append(f"{name} done")

    seeder = object.__new__(seed.Seeder)
    names = ("quotas", "flavors", "images", "network", "keypairs", "credentials")
    for name in names:
        monkeypatch.setattr(seeder, name, lambda name=name: begins_and_ends(name), raising=False)
    seeder.run()
    assert said[:2] == ["quotas", "quotas done"]
    assert sorted(said[2:]) == sorted(word for name in names[1:] for word in (name, f"{name} done"))
