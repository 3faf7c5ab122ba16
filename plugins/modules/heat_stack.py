#!/usr/bin/python

# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: heat_stack
short_description: Manage a stack of OpenStack Heat
version_added: 0.1.0
author: kcloud.infrastructure contributors (@kcloud-infrastructure)
description:
  - Creates, updates, recreates and deletes a Heat stack, and waits for it.
  - Whether something changes is decided by what Heat stored of the template, the files, the environment, the parameters and
    the tags. A stack that already is what the task asks for is left alone. An edited comment, another order of keys, V(4)
    for V("4"), or the same files in another folder do not count as a change.
  - Before anything is changed, Heat validates the request and predicts what becomes of each resource. The diff shows it,
    the same in check mode and for real.
  - A stack that ends in a failed state fails the task with the deepest reason that Heat knows.
extends_documentation_fragment:
  - kcloud.infrastructure.auth
  - kcloud.infrastructure.wait
  - kcloud.infrastructure.attributes
  - kcloud.infrastructure.attributes.actiongroup
requirements:
  - python-heatclient >= 4.0
options:
  name:
    description:
      - Name of the stack. It is unique in the project.
    type: str
    required: true
  state:
    description:
      - V(present) ensures that the stack is as the other options say, V(absent) that it does not exist.
      - A deletion does not wait for what runs on the stack; Heat stops it.
    type: str
    choices: [present, absent]
    default: present
  template:
    description:
      - Path or URL of the template. Nested templates and C(get_file) are read relative to it.
      - C(kcloud.infrastructure.NAME) is one of the collection's own C(heat_templates/), such as
        V(kcloud.infrastructure.cluster_network). It is read on the controller, so it needs no file where the task runs.
      - An existing stack keeps its template when neither this nor O(template_body) is given.
    type: str
  template_body:
    description:
      - The template itself, as text or as a dictionary. Nested templates and C(get_file) are read relative to the current
        directory.
    type: raw
  environment:
    description:
      - Environments, each as the path or URL of a file, as text or as a dictionary; a later one goes before an earlier one.
        Files that one in the task itself refers to are read relative to the current directory.
      - When given, they are the whole environment of the stack, except for its parameters, which are merged.
        An existing stack keeps its environment when this is not given.
    type: list
    elements: raw
  parameters:
    description:
      - Values of the template's parameters. They go before those of O(environment).
      - A parameter that is not given, or is null, keeps the value that the stack has.
      - Values of parameters that the template declares C(hidden) are never shown, be it in results, diffs or with C(-vvv).
        Heat does not tell them either, so only its preview knows whether a given one is new. Where a hidden value of at
        least 4 characters is part of another text of the result, that part is masked too.
    type: dict
  tags:
    description:
      - The stack's tags, all of them. An empty list takes all away; when not given they stay as they are.
    type: list
    elements: str
  stack_timeout:
    description:
      - Minutes that Heat gives itself for the creation or update. Not given, Heat's own default counts, or what the stack
        has. It belongs to the action, so a difference in it alone does not count as a change.
      - How long this task waits is O(timeout).
    type: int
  rollback:
    description:
      - Whether Heat undoes a creation or update that failed. It belongs to the action, so a difference in it alone does
        not count as a change.
      - The task fails all the same, with the reason of what was undone.
    type: bool
    default: false
  recreate:
    description:
      - Whether a stack that no update can help, because its creation or deletion failed, may be deleted and recreated.
      - Without it such a stack is a failure that tells the reason.
    type: bool
    default: false
  allow_replace:
    description:
      - Whether an update may replace resources that hold data, nodes or their addresses, so that what they hold is lost.
        These are servers, containers, clusters of Magnum, volumes, shares, object containers, databases, images,
        DNS zones, load balancers, floating IPs, and Neutron's networks, subnets and ports; also in nested stacks, and behind
        names of one's own in C(resource_registry).
      - Without it such an update is refused before anything is changed, in check mode too, with the same C(changes) and
        C(diff) that it would have had. Other resources are replaced, and shown as replaced, without being asked.
      - A resource whose creation had failed holds nothing, and replacing it needs no permission. Neither does O(recreate).
      - Where Heat cannot predict nested stacks (release 2026.1 cannot when a nested stack would get another nested stack)
        only the outer resources are known, shown and guarded.
    type: bool
    default: false
notes:
  - A stack that was made by others, by C(openstack stack create), Horizon or another tool, is taken over by naming it. A task with the
    same template, environment and parameters changes nothing, another one updates it. Heat's own adoption, by data of an abandoned
    stack, is switched off in Heat by default and is not used.
  - Hooks are left alone. A stack that waits at a hook is waited for, with lines that say so; when the time is over the failure names the
    hook and the resource. Whoever set the hook clears it.
  - What Heat's preview says of nested stacks is exact where a nested template is used by one resource. Where several use it, Heat
    names also those of its resources as updated that only refer to one another.
seealso:
  - module: kcloud.infrastructure.heat_stack_info
  - module: kcloud.infrastructure.magnum_cluster
"""

EXAMPLES = r"""
- name: A private network with a router to the outside
  kcloud.infrastructure.heat_stack:
    cloud: devcloud
    name: ml-network
    template: kcloud.infrastructure.cluster_network
    parameters:
      external_network: public
      cidr: 10.20.0.0/24
    tags: [ml, network]
  register: network

- name: What the stack's outputs say
  ansible.builtin.debug:
    msg: "Clusters go to {{ network.stack.outputs.network_id }}"

- name: Change one parameter, everything else stays as it is
  kcloud.infrastructure.heat_stack:
    cloud: devcloud
    name: ml-network
    parameters:
      dns_nameservers: [10.0.0.2, 10.0.0.3]

- name: A template in the playbook, recreated when an earlier creation failed
  kcloud.infrastructure.heat_stack:
    cloud: devcloud
    name: ml-token
    recreate: true
    template_body:
      heat_template_version: wallaby
      resources:
        token:
          type: OS::Heat::RandomString
          properties:
            length: 40
      outputs:
        token:
          value: {get_attr: [token, value]}

- name: Files of one's own, an environment in the task, and servers that may be replaced
  kcloud.infrastructure.heat_stack:
    cloud: devcloud
    name: ml-servers
    template: "{{ playbook_dir }}/templates/servers.yaml"
    environment:
      - "{{ playbook_dir }}/templates/production.yaml"
      - parameter_defaults:
          flavor: gpu.a100.large
    allow_replace: true

- name: Begin to delete
  kcloud.infrastructure.heat_stack:
    cloud: devcloud
    name: ml-servers
    state: absent
    wait: false

- name: Wait for the end of the deletion, later
  kcloud.infrastructure.heat_stack:
    cloud: devcloud
    name: ml-servers
    state: absent

- name: Take the network away
  kcloud.infrastructure.heat_stack:
    cloud: devcloud
    name: ml-network
    state: absent
    timeout: 600
"""

RETURN = r"""
stack:
  description:
    - The stack, as it is after the task. In check mode, and when it was left alone, as it is before.
    - Null when there is none.
  returned: always
  type: dict
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
      sample: UPDATE_COMPLETE
    status_reason:
      description: Heat's words on the status.
      type: str
      returned: always
      sample: Stack UPDATE completed successfully
    description:
      description: The template's description.
      type: str
      returned: always
      sample: A private network with a router to the outside
    parameters:
      description: The parameters' values as text, as Heat shows them; without hidden ones.
      type: dict
      returned: always
      sample: {cidr: 10.20.0.0/24}
    outputs:
      description: The template's outputs, their values by name. Empty while an action runs.
      type: dict
      returned: always
      sample: {network_id: 0fd4b3a5-95f6-4aa5-8a3c-d6a5c5c5a7fe}
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
changes:
  description:
    - What was done, or in check mode would be done, the stack first, then its resources, replaced ones before the others.
  returned: success
  type: list
  elements: dict
  contains:
    verb:
      description: For the stack V(create), V(update), V(recreate) or V(delete); for its resources V(add), V(update), V(replace)
        or V(delete).
      type: str
      returned: always
      sample: replace
    resource:
      description: C(stack/NAME) or C(resource/NAME); in nested stacks the name is a path, as in V(resource/nodes/0).
      type: str
      returned: always
      sample: resource/subnet
    type:
      description: The resource's type.
      type: str
      returned: for resources
      sample: OS::Neutron::Subnet
    fields:
      description: What differs, of V(template), V(environment), V(parameters) and V(tags).
      type: list
      elements: str
      returned: for an update of the stack
      sample: [parameters]
    because:
      description: The failed status that makes it necessary.
      type: str
      returned: when a failed stack is updated or recreated
      sample: UPDATE_FAILED
diff:
  description:
    - C(before) and C(after), each with C(name), C(template), C(environment), C(parameters), C(tags) and C(resources), where
      the types of resources say what becomes of them, replaced ones in capitals. Of nested stacks only those resources are shown that
      something happens to. Empty when there is no stack.
  returned: success, and with V(REPLACE_NOT_ALLOWED)
  type: dict
  sample:
    before: {resources: {subnet: "OS::Neutron::Subnet"}}
    after: {resources: {subnet: "OS::Neutron::Subnet (REPLACED)"}}
failure:
  description: Why the task failed.
  returned: failure
  type: dict
  contains:
    code:
      description:
        - What went wrong, for playbooks to branch on, such as V(STACK_CREATE_FAILED), V(STACK_UPDATE_FAILED),
          V(STACK_DELETE_FAILED), V(STACK_ROLLBACK_COMPLETE), V(STACK_BUSY), V(STACK_SUSPENDED), V(STACK_EXISTS), V(TIMEOUT),
          V(FILE_NOT_FOUND), V(BAD_TEMPLATE), V(BAD_ENVIRONMENT), V(TEMPLATE_MISSING), V(UNKNOWN_PARAMETER),
          V(PARAMETER_MISSING), V(HIDDEN_PARAMETER_NEEDED), V(REPLACE_NOT_ALLOWED), V(QUOTA_EXCEEDED), V(TRUST_NOT_PERMITTED),
          V(AUTHENTICATION_FAILED), V(CLOUD_UNREACHABLE), V(BAD_CLOUD_CONFIG).
      type: str
      returned: always
      sample: STACK_CREATE_FAILED
    resource:
      description: What it happened to.
      type: str
      returned: always
      sample: stack/ml-network
    reason:
      description: The deepest reason that Heat knows, with the resource that failed.
      type: str
      returned: always
      sample: "server (OS::Nova::Server): No valid host was found"
    hint:
      description: What to do about it.
      type: str
      returned: always
      sample: "Correct what the reason names and run again"
    last_status:
      description: The stack's status when the task gave up.
      type: str
      returned: when the stack failed or the time was over
      sample: CREATE_FAILED
    failed_resources:
      description: The failed resources, C(name), C(type), C(status) and C(reason) of each, the likeliest cause first.
      type: list
      elements: dict
      returned: when the stack failed
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import connect
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.apply.api import HeatApi
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.apply.follow import Watch
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.explain.masking import Masking
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.model.objects import Desired
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.read.desired import read_desired
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.reconcile import ensure
from ansible_collections.kcloud.infrastructure.plugins.module_utils.ids import check_label
from ansible_collections.kcloud.infrastructure.plugins.module_utils.module import argument_spec, run_module
from ansible_collections.kcloud.infrastructure.plugins.module_utils.plan import result_of
from ansible_collections.kcloud.infrastructure.plugins.module_utils.progress import from_environment
from ansible_collections.kcloud.infrastructure.plugins.module_utils.wait import Clock, Deadline

OWN_ARGUMENTS: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "template": {"type": "str"},
    "template_body": {"type": "raw"},
    "environment": {"type": "list", "elements": "raw"},
    "parameters": {"type": "dict"},
    "tags": {"type": "list", "elements": "str"},
    "stack_timeout": {"type": "int"},
    "rollback": {"type": "bool", "default": False},
    "recreate": {"type": "bool", "default": False},
    "allow_replace": {"type": "bool", "default": False},
}


def run(params: dict[str, Any], check_mode: bool, hide: Callable[[Iterable[str]], object]) -> dict[str, Any]:
    """Do what the parameters say and return the module's result."""
    check_label("name", params["name"], "stack")
    masking = Masking(params, hide)
    if params["state"] == "present":
        # Before the first request: a wrong file needs no cloud, and only the template says what must not be shown.
        desired = read_desired(params, masking.parameters)
        if desired.template is not None:
            masking.reveal(desired.template, desired.files, desired.environment)
    else:
        desired = Desired(params["name"])
    connection = connect(params)
    clock = Clock()
    watch = Watch(
        api=HeatApi(connection, params["interface"]),
        progress=from_environment(),
        deadline=Deadline.after(params["timeout"], clock),
        clock=clock,
        wait=params["wait"],
        learned=masking.reveal,
    )
    outcome = ensure(watch, desired, params["state"], check_mode=check_mode)
    done = replace(outcome.plan, after=outcome.after)
    return result_of(done, stack=outcome.stack.as_result() if outcome.stack else None)


def main() -> None:
    """Ansible's way in."""
    run_module(
        argument_spec(OWN_ARGUMENTS, wait=True),
        run,
        libraries=("openstack", "heatclient"),
        hides=True,
        # Arguments go to the host's log before the template says which of them are secret.
        no_log=True,
        mutually_exclusive=[("template", "template_body")],
    )


if __name__ == "__main__":
    main()
