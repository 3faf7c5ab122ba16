# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Magnum that remembers the id of its trustee domain, which cannot change while it runs.

Magnum 22 needs it for each query of its database and each check of a policy, and logs in to Keystone as the domain's
admin to learn it: some logins for every answer of its API, and more work than all else in it.
"""

from __future__ import annotations

from collections.abc import Callable

from magnum.common.keystone import KeystoneClientV3


def remembered(ask: Callable[[KeystoneClientV3], str]) -> Callable[[KeystoneClientV3], str]:
    """The same question, asked until there is an answer."""
    known: list[str] = []

    def trustee_domain_id(client: KeystoneClientV3) -> str:
        if not known:
            known.append(ask(client))
        return known[0]

    return trustee_domain_id


def remember() -> None:
    """Let this process ask once; a Magnum without trusts has nothing to ask."""
    if not hasattr(KeystoneClientV3, "trustee_domain_id"):
        return
    KeystoneClientV3.trustee_domain_id = property(remembered(KeystoneClientV3.trustee_domain_id.fget))
