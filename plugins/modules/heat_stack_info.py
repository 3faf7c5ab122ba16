#!/usr/bin/python

# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: heat_stack_info
short_description: Read stacks of OpenStack Heat
version_added: 0.1.0
author: kcloud.infrastructure contributors (@kcloud-infrastructure)
description:
  - Reads stacks of the project, all of them or those with a name, with tags, or in a status.
  - All stacks take one list. O(details) says what to read of each beyond it, each at the cost of a request or more for each stack.
  - Values of hidden parameters are never shown; Heat does not tell them.
extends_documentation_fragment:
  - kcloud.infrastructure.auth
  - kcloud.infrastructure.wait.ignored
  - kcloud.infrastructure.attributes.reads
  - kcloud.infrastructure.attributes.info
  - kcloud.infrastructure.attributes.actiongroup
requirements:
  - python-heatclient >= 4.0
options:
  name:
    description:
      - Name or id of one stack. By its id a deleted stack is found as well, as long as Heat keeps it.
      - Not given, all stacks of the project; those that others hold inside them are part of these.
    type: str
  tags:
    description: Only stacks that have all of these tags.
    type: list
    elements: str
    default: []
  status:
    description:
      - Only stacks in one of these statuses, whole as V(CREATE_FAILED), by the end as V(FAILED), V(COMPLETE) or V(IN_PROGRESS), or by
        the action as V(DELETE).
    type: list
    elements: str
    default: []
  details:
    description:
      - What to read of each stack.
      - V(parameters) and V(outputs) take one request a stack together.
      - V(resources) and V(events) are those of nested stacks too.
      - V(failures) is why a failed stack failed, found as the module P(kcloud.infrastructure.heat_stack#module) finds it.
    type: list
    elements: str
    choices: [parameters, outputs, resources, events, failures]
    default: []
  events_since:
    description:
      - Only events from this time on, in ISO 8601, in UTC where it names no zone. Implies V(events) in O(details).
    type: str
seealso:
  - module: kcloud.infrastructure.heat_stack
"""

EXAMPLES = r"""
- name: All stacks of the project
  kcloud.infrastructure.heat_stack_info:
    cloud: devcloud
  register: found

- name: The ids that a network's stack puts out
  kcloud.infrastructure.heat_stack_info:
    cloud: devcloud
    name: ml-network
    details: [outputs]
  register: network

- name: Why stacks of one team failed
  kcloud.infrastructure.heat_stack_info:
    cloud: devcloud
    tags: [ml]
    status: [FAILED]
    details: [failures]
  register: failed

- name: What happened since noon
  kcloud.infrastructure.heat_stack_info:
    cloud: devcloud
    name: ml-network
    events_since: "2026-05-04T12:00:00Z"
"""

RETURN = r"""
stacks:
  description: The stacks by name; an empty list when there is none.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: Id of the stack.
      type: str
      returned: always
      sample: 4fa2a8e2-1a1c-4f0e-9d67-3d6f2f6e2a31
    name:
      description: Name of the stack.
      type: str
      returned: always
      sample: ml-network
    status:
      description: The running or last action, and its state.
      type: str
      returned: always
      sample: CREATE_COMPLETE
    status_reason:
      description: Heat's words on the status.
      type: str
      returned: always
      sample: Stack CREATE completed successfully
    description:
      description: The template's description.
      type: str
      returned: always
      sample: A private network with a router to the outside
    tags:
      description: The stack's tags, sorted.
      type: list
      elements: str
      returned: always
      sample: [ml, network]
    created_at:
      description: When the stack was created, in UTC.
      type: str
      returned: always
      sample: "2026-05-04T10:00:00Z"
    updated_at:
      description: When the last update began, in UTC; null before the first one.
      type: str
      returned: always
      sample: "2026-05-04T11:00:00Z"
    parameters:
      description: The parameters' values as text, as Heat shows them; without hidden ones.
      type: dict
      returned: with V(parameters) in O(details)
      sample: {cidr: 10.20.0.0/24}
    outputs:
      description: The template's outputs, their values by name. Empty while an action runs.
      type: dict
      returned: with V(outputs) in O(details)
      sample: {network_id: 0fd4b3a5-95f6-4aa5-8a3c-d6a5c5c5a7fe}
    resources:
      description: The stack's resources, by name.
      type: list
      elements: dict
      returned: with V(resources) in O(details)
      contains:
        name:
          description: Name of the resource; in nested stacks its path.
          type: str
          returned: always
          sample: nodes/0
        type:
          description: Type of the resource.
          type: str
          returned: always
          sample: OS::Nova::Server
        status:
          description: The last action on it, and its state.
          type: str
          returned: always
          sample: CREATE_COMPLETE
        status_reason:
          description: Heat's words on the status.
          type: str
          returned: always
          sample: state changed
        physical_id:
          description: The id that the resource has where it was made; null before.
          type: str
          returned: always
          sample: 0fd4b3a5-95f6-4aa5-8a3c-d6a5c5c5a7fe
    events:
      description: What happened to the stack and its resources, oldest first.
      type: list
      elements: dict
      returned: with V(events) in O(details), or with O(events_since)
      contains:
        id:
          description: Id of the event.
          type: str
          returned: always
          sample: 3f1b8f0c-2bb1-4b0c-8d50-6b3d1b8e6a11
        time:
          description: When it happened, in UTC.
          type: str
          returned: always
          sample: "2026-05-04T10:00:03Z"
        resource:
          description: Name of the resource, or of the stack itself.
          type: str
          returned: always
          sample: subnet
        status:
          description: What it came to.
          type: str
          returned: always
          sample: CREATE_COMPLETE
        status_reason:
          description: Heat's words on it.
          type: str
          returned: always
          sample: state changed
        physical_id:
          description: The id that the resource has where it was made.
          type: str
          returned: always
          sample: 0fd4b3a5-95f6-4aa5-8a3c-d6a5c5c5a7fe
    failure:
      description: Why the stack failed; null when it did not.
      type: dict
      returned: with V(failures) in O(details)
      contains:
        reason:
          description: The deepest reason that Heat knows, with the resource that failed.
          type: str
          returned: always
          sample: "server (OS::Nova::Server): No valid host was found"
        failed_resources:
          description: The failed resources, C(name), C(type), C(status) and C(reason) of each, the likeliest cause first.
          type: list
          elements: dict
          returned: always
"""

from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import connect
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.information import parse_time, read_stacks
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.read.api import HeatReader
from ansible_collections.kcloud.infrastructure.plugins.module_utils.ids import check_label
from ansible_collections.kcloud.infrastructure.plugins.module_utils.module import argument_spec, run_module

DETAILS = ["parameters", "outputs", "resources", "events", "failures"]
OWN_ARGUMENTS: dict[str, dict[str, Any]] = {
    "name": {"type": "str"},
    "tags": {"type": "list", "elements": "str", "default": []},
    "status": {"type": "list", "elements": "str", "default": []},
    "details": {"type": "list", "elements": "str", "choices": DETAILS, "default": []},
    "events_since": {"type": "str"},
}


def run(params: dict[str, Any], _check_mode: bool) -> dict[str, Any]:
    """Do what the parameters say and return the module's result."""
    if params["name"] is not None:
        check_label("name", params["name"], "stack")
    since = params["events_since"]
    # Before the first request: a wrong time needs no cloud.
    parse_time(since)
    details = {*params["details"], *(["events"] if since is not None else [])}
    api = HeatReader(connect(params), params["interface"])
    stacks = read_stacks(api, params["name"], params["tags"], params["status"], details, since)
    return {"changed": False, "stacks": stacks}


def main() -> None:
    """Ansible's way in."""
    run_module(argument_spec(OWN_ARGUMENTS), run, libraries=("openstack", "heatclient"))


if __name__ == "__main__":
    main()
