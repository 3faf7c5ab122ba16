# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every module on Magnum takes, documented once."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  api_version:
    description:
      - The newest microversion of Magnum's API to use, in quotes, such as V("1.11").
      - Not given, the newest that both sides know. The environment variable E(MAGNUM_API_VERSION) is its default.
    type: str
"""

    # Modules that ask a driver for more than all of them can do.
    DRIVER = r"""
options:
  driver:
    description:
      - Which of Magnum's drivers the cluster has. Not given, it is found out by what the cluster and its template are, where
        the drivers differ in what is asked for.
      - V(heat) is Magnum's own, up to Magnum 22, V(capi-helm) is magnum-capi-helm, V(cluster-api) is magnum-cluster-api, and
        V(unknown) is any other.
    type: str
    choices: [heat, capi-helm, cluster-api, unknown]
"""
