# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A request that an external optimiser posts -> the variables of the role that carries it out, or why it is refused.

Whoever can post writes every byte of it, and Ansible templates text that reaches it as a variable. So only what is listed
here passes: known paths, known keys, whole numbers, names, and text without a character that a template needs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.ids import LABEL, LONGEST, is_uuid
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.optimizer import asked_of
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.reading import (
    LARGEST,
    mapping,
    only_known,
    refused,
    whole,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.workload import read_workload

# Rulebooks render values by Jinja's native types, which read these as other values
NO_NAMES = {"True", "False", "None"}
# An id without its hyphens
NO_HYPHENS = re.compile(r"[0-9a-fA-F]{32}")
# Keys of labels and of all other dictionaries; Ansible gives a meaning to keys that begin with an underscore
KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./-]{0,252}")
# No brace, percent sign, number sign, backslash, dollar sign, backtick or control character: nothing that begins a template
TEXT = re.compile(r"[\w .,:;/@+=()*'\"\[\]<>!?~^|&-]{0,512}")
# A person or an optimiser asks for nothing deeper or longer
DEPTH, ENTRIES = 8, 200
MOST_NODES = 10_000
DIGEST = re.compile(r"[a-z0-9]{1,16}:[0-9a-f]{1,128}")

CREATE_KEYS = ("name", "cluster_template_id", "node_count", "master_count", "keypair", "labels")
SCALE_KEYS = ("node_count", "node_group", "expected_state")
# Of requests that change what others depend on, one at a time
WHOLE_FLEET = "fleet"


@dataclass(frozen=True)
class Request:
    """A request that passed.

    :param verb: ``create``, ``scale``, ``delete``, ``match`` or ``cleanup``.
    :param lock: requests with the same lock run one after another.
    :param variables: of the role that carries it out.
    """

    verb: str
    lock: str
    variables: Mapping[str, Any]

    @property
    def given(self) -> dict[str, Any]:
        """The variables that have a value; the role's defaults count for the others."""
        return {name: value for name, value in self.variables.items() if value is not None}


def read_request(endpoint: object, payload: object) -> Request:
    """A posted request.

    :param endpoint: path below the address of the webhook, such as ``clusters/ml-training/scale``.
    :param payload: the body, decoded.
    :raises InvalidRequest: unknown path or key, wrong type, text that could be a template.
    """
    path = str(endpoint).strip("/")
    for pattern, read in ROUTES:
        match = pattern.fullmatch(path)
        if match:
            if not isinstance(payload, Mapping):
                raise refused("payload", shown(payload), "an object")
            request = read(payload, **match.groupdict())
            # Whatever a reader does, nothing else leaves
            checked(request.variables, "request")
            return request
    raise InvalidRequest(
        f"Failed to read the path {shown(path)}: it is unknown",
        resource="path",
        hint="Post to clusters, clusters/NAME/scale, clusters/NAME/delete, match or cleanup",
    )


def checked(value: object, path: str, depth: int = DEPTH) -> None:
    """Refuse what Ansible might template or read as something else, at any depth.

    :raises InvalidRequest: names the place, and shows the value without what could harm a log.
    """
    if isinstance(value, str):
        if not TEXT.fullmatch(value):
            hint = "Leave out braces, signs such as per cent, number and dollar, backslashes, backticks and control characters"
            raise refused(path, shown(value), "plain text of at most 512 characters", hint)
    elif isinstance(value, (Mapping, list)):
        if depth == 0 or len(value) > ENTRIES:
            raise refused(path, f"{len(value)} entries", f"at most {ENTRIES} entries and {DEPTH} levels deep")
        pairs = value.items() if isinstance(value, Mapping) else ((str(place), one) for place, one in enumerate(value))
        for key, one in pairs:
            if not isinstance(key, str) or not KEY.fullmatch(key):
                raise refused(f"{path}, a key", shown(key), "a plain name", "Begin keys with a letter or digit")
            checked(one, f"{path}.{key}", depth - 1)
    elif isinstance(value, (int, float)):
        # Comparisons with NaN are false
        if not -LARGEST <= value <= LARGEST:
            raise refused(path, shown(value), f"a number of at most {LARGEST}")
    elif value is not None:
        raise refused(path, shown(value), "text, a number, true, false, an object or a list")


def shown(value: object, length: int = 80) -> str:
    """A value that may be written to a log: short, in one line, without braces."""
    # Text first: of a long one, the rest is not looked at
    found = re.sub(r"[^\w .,:;/@+=()*'\[\]<>!?~^|&%-]", "?", str(value)[: length + 1], flags=re.ASCII)
    return found if len(found) <= length else f"{found[: length - 3]}..."


def name_of(value: object, path: str) -> str:
    """A name as Magnum takes it for clusters, or an id.

    Neither looks like a number, which a rulebook would make of a text that does.
    """
    if isinstance(value, str) and (is_uuid(value) or _is_label(value)):
        return value
    hint = f"Begin with a letter, then letters, digits, '_', '.' and '-', {LONGEST['cluster']} characters at most; or give an id"
    raise refused(path, shown(value), "a name", hint)


def new_name_of(value: object, path: str) -> str:
    """A name of a cluster that is to be created: an id would stand for a cluster that exists, beside the lock of its name."""
    name = name_of(value, path)
    # Magnum reads ids with and without hyphens
    if NO_HYPHENS.fullmatch(name.replace("-", "")):
        raise refused(path, shown(name), "a name of a new cluster", "Give a name that does not look like an id")
    return name


def _is_label(value: str) -> bool:
    return bool(LABEL.fullmatch(value)) and len(value) <= LONGEST["cluster"] and value not in NO_NAMES


def count_of(value: object, path: str, least: int) -> int:
    """A number of nodes, which JSON must give as a number."""
    if isinstance(value, (bool, str)) or value is None:
        raise refused(path, shown(value), f"a whole number from {least} to {MOST_NODES}")
    found = whole(value, path, least)
    if found > MOST_NODES:
        raise refused(path, found, f"a whole number from {least} to {MOST_NODES}")
    return found


def _optional(read: Callable[..., Any], payload: Mapping[str, Any], key: str, *arguments: int) -> Any:
    return None if payload.get(key) is None else read(payload[key], f"payload.{key}", *arguments)


def _create(payload: Mapping[str, Any]) -> Request:
    only_known(payload, CREATE_KEYS, "payload")
    name = new_name_of(payload.get("name"), "payload.name")
    labels = mapping(payload.get("labels"), "payload.labels")
    checked(labels, "payload.labels")
    for key, value in labels.items():
        if isinstance(value, (Mapping, list)) or value is None:
            raise refused(f"payload.labels.{key}", shown(value), "text or a number")
    return Request(
        "create",
        name,
        {
            "requested_cluster_name": name,
            "requested_cluster_template": name_of(payload.get("cluster_template_id"), "payload.cluster_template_id"),
            "requested_cluster_node_count": _optional(count_of, payload, "node_count", 0),
            "requested_cluster_master_count": _optional(count_of, payload, "master_count", 1),
            "requested_cluster_keypair": _optional(name_of, payload, "keypair"),
            "requested_cluster_labels": dict(labels),
        },
    )


def _scale(payload: Mapping[str, Any], cluster: str) -> Request:
    only_known(payload, SCALE_KEYS, "payload")
    state = payload.get("expected_state")
    if state is not None and not (isinstance(state, str) and DIGEST.fullmatch(state)):
        raise refused("payload.expected_state", shown(state), "a digest", "Give the state digest as it was answered")
    return Request(
        "scale",
        name_of(cluster, "path"),
        {
            "requested_cluster_name": cluster,
            "requested_cluster_node_count": count_of(payload.get("node_count"), "payload.node_count", 0),
            "requested_cluster_node_group": _optional(name_of, payload, "node_group") or "default-worker",
            "requested_cluster_expected_state": state,
        },
    )


def _delete(payload: Mapping[str, Any], cluster: str) -> Request:
    only_known(payload, (), "payload")
    return Request("delete", name_of(cluster, "path"), {"requested_cluster_name": cluster})


def _match(payload: Mapping[str, Any]) -> Request:
    asked = asked_of(payload, "payload")
    if asked.forbidden:
        raise refused(
            "payload.constraints.forbiddenClusters",
            ", ".join(asked.forbidden),
            "honoured by a placement",
            "Leave it out, and give workload_placement_cluster_names to the rulebook's inventory",
        )
    checked(asked.workload, "payload")
    read_workload(asked.workload, "payload", None)
    return Request("match", WHOLE_FLEET, {"workload_placement_workload": asked.workload})


def _cleanup(payload: Mapping[str, Any]) -> Request:
    only_known(payload, (), "payload")
    return Request("cleanup", WHOLE_FLEET, {})


# The optimiser's own paths count too
ROUTES: tuple[tuple[re.Pattern[str], Callable[..., Request]], ...] = (
    (re.compile("clusters"), _create),
    (re.compile("clusters/(?P<cluster>[^/]+)/scale"), _scale),
    (re.compile("clusters/(?P<cluster>[^/]+)/delete"), _delete),
    (re.compile("match(?:/workload)?"), _match),
    (re.compile("cleanup(?:/idle-clusters)?"), _cleanup),
)
