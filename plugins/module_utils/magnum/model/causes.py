# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a service's words on a failure mean: a stable code and the fix. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import KcloudError
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import Cluster, Status

# (what the reason says, the stable code, the fix). The first that fits counts;
# what a guest's script printed comes first, as it may say anything.
KNOWN_CAUSES: tuple[tuple[str, str, str], ...] = (
    (
        r"deploy_status_code|non-zero status code|SoftwareDeployment\w*\): exit status",
        "GUEST_FAILED",
        "A script inside a node failed: look at the node's console log for what it printed",
    ),
    (
        r"bad expression parse error",
        "HEAT_PARSER_BUSY",
        (
            "Nothing is wrong with the request: two threads of Heat's engine used its one parser of expressions at the same "
            "moment. Run again"
        ),
    ),
    (
        r"no valid host|not enough hosts|NoValidHost|insufficient compute resources",
        "NO_CAPACITY",
        (
            "No host has room for this flavor, accelerators included: free devices, ask for fewer nodes, or take another "
            "flavor; then run again"
        ),
    ),
    (
        r"create trustee or trust|manage trusts",
        "TRUST_NOT_PERMITTED",
        (
            "Magnum could not create the Keystone trust that a cluster needs. An application credential may not have one made: use a "
            "user's password. With a password, Keystone was busy or refused: look at the log of Magnum's conductor. Then run again "
            "with 'recreate: true'"
        ),
    ),
    (
        r"too small for requested image|smaller than the minimum size specified in image|image .* requires .* minimum",
        "IMAGE_TOO_LARGE",
        "The image asks for more memory or disk than the flavor has: take a larger flavor or another image",
    ),
    (
        r"cluster type .*not supported|os_distro",
        "IMAGE_NOT_SUPPORTED",
        (
            "Magnum chooses its driver by the image's property 'os_distro', which is missing or none that its drivers know, or "
            "this project does not see the image: set it (openstack image set --property os_distro=...), or give another image"
        ),
    ),
    (
        r"image .*(not be found|could not be found|not found|is not active|is unavailable)|can ?not find requested image|ImageNotFound",
        "IMAGE_NOT_FOUND",
        (
            "Give the template an image that exists. A cluster keeps the image that it was made with: without that it can shrink, "
            "not grow; make a new one from a template with an image that exists"
        ),
    ),
    (
        r"key.?pair .*not.* found|unable to find (a )?key.?pair|invalid key_name",
        "KEYPAIR_NOT_FOUND",
        "Make the keypair again under the same name (a cluster keeps the name that it was made with), or give another",
    ),
    (
        r"quota|limit exceeded|exceeds",
        "QUOTA_EXCEEDED",
        "Delete what is not used or ask the cloud's operator for a larger quota, then run again",
    ),
    (
        r"(SoftwareDeployment|WaitCondition|SignalResponder)\w*\)?.*(timed out|timeout|time-out|aborted)",
        "GUEST_SILENT",
        (
            "A node was started and never reported: look at its console log, and whether it reaches Heat's address; a slow "
            "one may need a larger 'create_timeout'"
        ),
    ),
    (
        r"timed out|timeout|time-out",
        "DRIVER_TIMEOUT",
        "The nodes did not report in time: look at a node's console and network, or raise 'create_timeout'",
    ),
    (
        r"in use|still has|one or more ports|active endpoints|has no ports to remove",
        "IN_USE",
        "Something still uses a part of this cluster: remove it, then run again",
    ),
)


def code_and_hint(reason: str, status: str | None) -> tuple[str, str]:
    """The stable code and the fix for a reason in a service's words."""
    for pattern, code, hint in KNOWN_CAUSES:
        if re.search(pattern, reason, re.IGNORECASE):
            return code, hint
    return f"CLUSTER_{status or 'FAILED'}", "Read the reason, remove the cause, then run again"


def is_known(reason: str | None) -> bool:
    """Whether a reason says what is wrong, rather than only that something is."""
    return any(re.search(pattern, reason or "", re.IGNORECASE) for pattern, _code, _hint in KNOWN_CAUSES)


def refined(error: KcloudError) -> KcloudError:
    """The error of a refused request, with the code and the fix that its reason deserves."""
    if error.code in ("REJECTED", "NOT_FOUND") and is_known(error.reason):
        error.code, error.hint = code_and_hint(error.reason or "", None)
    return error


# Heat's words on a template that it refuses name files on Magnum's host.
_PLACES = re.compile(r"<(file:[^>]*|nested_stack)>")


def own_reason(cluster: Cluster) -> str:
    """The best reason that Magnum itself tells."""
    groups = {group.name: group.status_reason for group in cluster.node_groups if Status.failed(group.status)}
    for found in (dict(cluster.faults), groups):
        said = [f"{name}: {text}" for name, text in sorted(found.items()) if text]
        if said:
            return "; ".join(said)
    return _PLACES.sub("", cluster.status_reason or "Magnum gives no reason")


# --- health: what Magnum's poll of the Kubernetes API says

_WELL = frozenset({"ok", "true", "healthy"})


def health_problems(cluster: Cluster) -> list[str]:
    """What is wrong with a cluster's health, as ``part: finding``; the whole finding when no part is named."""
    reasons = {str(part): str(finding) for part, finding in cluster.health_status_reason.items()}
    found = [
        f"{part}: {' '.join(finding.split())}"
        for part, finding in sorted(reasons.items())
        if finding.lower() not in _WELL
    ]
    if found or cluster.health_status == "HEALTHY":
        return found
    if cluster.health_status is None:
        return ["Magnum has not looked yet; it does so once a minute"]
    return [f"Magnum says {cluster.health_status} and gives no reason"]


def health_hint(cluster: Cluster) -> str:
    """What to look at when a cluster is not healthy, by what Magnum's poll of its API found."""
    parts = [part for part, finding in cluster.health_status_reason.items() if str(finding).lower() not in _WELL]
    nodes = sorted(part.rsplit(".", 1)[0] for part in parts if part.endswith(".Ready"))
    if nodes:
        return f"Look at nodes {joined(nodes)}: kubectl describe node, and the node's console log"
    if cluster.health_status == "UNKNOWN":
        return (
            "Magnum cannot look: a cluster without a public API address stays UNKNOWN; look from where its API is reached "
            "(kubectl get nodes)"
        )
    return (
        f"Look whether the Kubernetes API answers at {cluster.api_address or 'its address'} from Magnum's hosts, and at the "
        "console log of the control plane's nodes"
    )


# --- quotas


def used_up(quotas: Mapping[str, Mapping[str, Any]], reason: str) -> list[str]:
    """The quotas that explain a reason: those that it names, else those of which nothing is left."""
    limited = {name: about for name, about in quotas.items() if (about.get("limit") or 0) > 0}
    words = re.findall(r"[a-z]+", reason.lower().replace("floatingip", "floating_ips"))
    named = [name for name in limited if name.split("_")[0].rstrip("s") in {word.rstrip("s") for word in words}]
    full = [name for name, about in limited.items() if about.get("left") == 0]
    return [
        f"{name.replace('_', ' ')} {limited[name]['used']} of {limited[name]['limit']}"
        for name in dict.fromkeys((*full, *named))
    ]


def joined(texts: Iterable[str], most: int = 5) -> str:
    """A list for a sentence; what is beyond ``most`` is counted."""
    every = list(texts)
    return ", ".join(every[:most]) + (f" and {len(every) - most} more" if len(every) > most else "")
