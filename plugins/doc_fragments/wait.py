# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a module waits, documented once."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  wait:
    description:
      - Whether to wait until the service has finished.
      - With V(false) the module still waits until the service has B(begun), because a request that was taken may be
        dropped without a word.
    type: bool
    default: true
  timeout:
    description: Seconds to wait at most, for everything this task does. The service continues when the time is over.
    type: int
    default: 3600
  progress:
    description:
      - Whether to show live lines while waiting, one when something changes or every 30 seconds.
      - Shown where the task runs on the controller (connection V(local)), as with C(hosts=localhost).
    type: bool
    default: true
"""

    # Modules that wait for nothing: the group's module_defaults may set these for those that do.
    IGNORED = r"""
options:
  wait:
    description:
      - Has no effect, as this module waits for nothing.
      - The module accepts it so that C(module_defaults) of C(group/kcloud.infrastructure.all) can set it for the modules that wait.
    type: bool
  timeout:
    description: Has no effect, as O(wait).
    type: int
  progress:
    description: Has no effect, as O(wait).
    type: bool
"""
