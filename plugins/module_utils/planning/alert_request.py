# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An alert as Alertmanager posts it -> the two names that a rulebook may pass on, or why it is refused.

Labels of an alert come from metrics, and whoever runs a pod chooses some of these. So no other text of it passes.
"""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.optimizer_request import name_of, shown
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.reading import mapping, refused

STATUSES = ("firing", "resolved")
HINT = "Post what a webhook of Alertmanager posts"


def read_alert(raw: object) -> dict[str, str]:
    """One alert of a notification of Alertmanager: its name as ``firing`` or ``resolved``, and its ``cluster``.

    :raises InvalidRequest: it is not an alert, or a name in it is not a name.
    """
    if not isinstance(raw, Mapping):
        raise refused("alert", shown(raw), "an object", HINT)
    status = raw.get("status")
    if status not in STATUSES:
        raise refused("status", shown(status), f"one of {', '.join(STATUSES)}", HINT)
    labels = mapping(raw.get("labels"), "labels")
    name = name_of(labels.get("alertname"), "labels.alertname")
    # A role that got no name would look after every cluster
    return {str(status): name, "cluster": name_of(labels.get("cluster"), "labels.cluster")}
