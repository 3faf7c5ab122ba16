# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a tenant may not see: hardware, hypervisors, other servers' names. One walk over the whole report, before it is rendered."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from ansible_collections.kcloud.infrastructure.plugins.module_utils.ids import UUID
from ansible_collections.kcloud.infrastructure.plugins.module_utils.report.model import TENANT, Finding, Report

Part = TypeVar("Part")
HIDDEN = "(hidden)"
# URLs, ids of servers and devices, PCI addresses, MAC addresses, IP addresses; and what errors say after a metric server's name
TRACES = re.compile(
    r"(?<=\bPrometheus )'.*"
    r"|\b[a-z][a-z0-9+.-]*://[^\s'\"<>]*[^\s'\"<>.,;:)]"
    rf"|\b{UUID.pattern}\b"
    r"|\b(?:[0-9a-f]{4,8}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]\b"
    r"|\b[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5,7}\b"
    r"|(?<![\w:])(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}(?![\w:])"
    r"|(?<![\w:])(?:[0-9a-f]{1,4}(?::[0-9a-f]{1,4})*)?::[0-9a-f]{1,4}(?::[0-9a-f]{1,4})*(?![\w:])"
    r"|\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b",
    re.IGNORECASE | re.DOTALL,
)
# The server of a source, as in "Kepler (site-a)", of several sources each; its name may have parentheses, too
SERVER = re.compile(r" ?\((?:.*?\)(?=; |$)|.*)", re.DOTALL)
# A failure's reason is a text of the site, which can name any host
UNREAD = "cannot be read"
# Which of a cluster's own names are not traces, whatever they look like
OWN = ("id", "cluster_id")


def for_audience(report: Report) -> Report:
    """The report as its audience may see it."""
    if report.audience != TENANT:
        return report
    findings = tuple(one for one in report.findings if not one.subject.startswith("metrics of "))
    if len(findings) < len(report.findings):
        findings = (*findings, Finding("metrics", "some could not be read"))
    # It is of all clusters, those of other tenants too
    summary = replace(report.summary, saved_in_a_week=None)
    missing = tuple(replace(one, text=UNREAD) if one.text.startswith(f"{UNREAD}: ") else one for one in report.missing)
    return _without_traces(replace(report, findings=findings, missing=missing, summary=summary))


def _without_traces(part: Part, name: str = "") -> Part:
    found: Any = part
    if is_dataclass(part) and not isinstance(part, type):
        values = {one.name: _without_traces(getattr(part, one.name), one.name) for one in fields(part)}
        found = replace(part, **values)
    elif isinstance(part, Mapping):
        found = {key: _without_traces(value) for key, value in part.items()}
    elif isinstance(part, tuple):
        found = tuple(_without_traces(value) for value in part)
    elif isinstance(part, str) and name not in OWN:
        found = TRACES.sub(HIDDEN, SERVER.sub("", part) if name == "source" else part)
    return found
