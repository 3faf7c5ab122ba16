# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a module promises: check mode, diff mode, idempotence. Documented once per kind of module."""

from __future__ import annotations


class ModuleDocFragment:
    # A module that changes something.
    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Whether the module predicts in check mode what it would do, and changes nothing.
    support: full
  diff_mode:
    description: Whether the module says in diff mode what changes, the same in check mode and for real.
    support: full
  idempotent:
    description: Whether the same task run again changes nothing.
    support: full
"""

    # A module that only reads; with INFO or PLAN beside it.
    READS = r"""
options: {}
attributes:
  check_mode:
    description: Whether the module can run in check mode. It only reads, so both are the same.
    support: full
  idempotent:
    description: Whether the same task run again changes nothing. It only reads.
    support: full
"""

    # It answers what there is.
    INFO = r"""
options: {}
attributes:
  diff_mode:
    description: Whether the module says in diff mode what changes. It changes nothing.
    support: N/A
"""

    # It answers a plan.
    PLAN = r"""
options: {}
attributes:
  diff_mode:
    description: Whether the module says in diff mode what changes. It changes nothing, and shows its plan and its table.
    support: full
"""

    ACTIONGROUP = r"""
options: {}
attributes:
  action_group:
    description:
      - Use C(group/kcloud.infrastructure.all) in C(module_defaults) to set options for all modules at once. These are the options of
        logging in (from C(cloud) to C(api_timeout)), and C(wait), C(timeout) and C(progress), which modules that wait for nothing ignore.
    support: full
    membership:
      - kcloud.infrastructure.all
"""
