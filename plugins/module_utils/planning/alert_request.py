# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An alert as Alertmanager posts it -> what a rulebook may pass on of it, or why it is refused.

Labels of an alert come from metrics, and whoever runs a pod chooses some of these. So no other text of it passes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.optimizer_request import name_of, shown
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.reading import mapping, refused

FINGERPRINT = re.compile("[0-9a-f]{1,32}")
STATUSES = ("firing", "resolved")


@dataclass(frozen=True)
class Alert:
    """An alert that passed.

    :param cluster: name of the cluster, empty for an alert on the whole fleet.
    :param fingerprint: Alertmanager's own name for this alert with these labels.
    """

    alert: str
    status: str
    cluster: str
    fingerprint: str


def read_alert(raw: object) -> Alert:
    """One alert of a notification of Alertmanager.

    :raises InvalidRequest: it is no alert, or a name in it is none.
    """
    if not isinstance(raw, Mapping):
        raise refused("alert", shown(raw), "an object")
    labels = mapping(raw.get("labels"), "labels")
    status = raw.get("status")
    if status not in STATUSES:
        raise refused("status", shown(status), f"one of {', '.join(STATUSES)}")
    fingerprint = raw.get("fingerprint", "")
    if fingerprint and not (isinstance(fingerprint, str) and FINGERPRINT.fullmatch(fingerprint)):
        raise refused("fingerprint", shown(fingerprint), "a number in hexadecimal digits")
    return Alert(
        alert=name_of(labels.get("alertname"), "labels.alertname"),
        status=str(status),
        cluster=name_of(labels["cluster"], "labels.cluster") if labels.get("cluster") else "",
        fingerprint=fingerprint,
    )
