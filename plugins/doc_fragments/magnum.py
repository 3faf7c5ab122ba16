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

    # Modules that act on a cluster.
    EXPECTED_STATE = r"""
options:
  expected_state:
    description:
      - The state in which the cluster must be, else the task fails with the code V(STATE_CHANGED) and changes nothing. It is what an
        operation of M(kcloud.infrastructure.cluster_match), M(kcloud.infrastructure.cluster_scaling) or
        M(kcloud.infrastructure.cluster_consolidation) has in its arguments, and
        RV(kcloud.infrastructure.magnum_cluster_info#module:clusters[].state_digest).
      - A cluster that is in progress is compared when its change has ended, without O(wait) and in check mode as it is.
      - What is to be absent and is absent needs no state. Any other second run of a task with this option finds the state that the
        first has left, and fails.
    type: str
    version_added: 0.2.0
"""

    # Modules that decide about clusters.
    EXPECTED_PLAN = r"""
options:
  expected_state:
    description:
      - RV(state_digest) of an earlier answer that was looked at. The task fails with the code V(STATE_CHANGED) where it would not answer
        the same plan, or where the clusters of the plan or the workloads on them have changed since.
      - What happens to other clusters does not matter, as long as the plan stays the same.
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
