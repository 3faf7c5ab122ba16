# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a cloud has, and what clusters need of it -> the list of checks."""

from __future__ import annotations

DOCUMENTATION = r"""
name: preflight_checks
short_description: Judge what a cloud has by what clusters need
version_added: 0.1.0
author:
  - kcloud.infrastructure contributors (@kcloud)
description:
  - Compares the result of M(kcloud.infrastructure.openstack_info), also one of a login that failed, with needs.
positional: needs
options:
  _input:
    description: The registered result of M(kcloud.infrastructure.openstack_info).
    type: dict
    required: true
  needs:
    description:
      - What must be there, with C(create), C(roles), C(services), C(microversion), C(driver), C(images), C(keypair),
        C(external_network), C(fixed_network), C(ranges), C(flavors), C(accelerators), C(flavor_map) and C(left), each as the variable
        of the role P(kcloud.infrastructure.openstack_preflight#role).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: What is missing
  ansible.builtin.debug:
    msg: "{{ found | kcloud.infrastructure.preflight_checks({'keypair': 'kcloud-keypair'}) | rejectattr('ok') }}"
"""

RETURN = r"""
_value:
  description: The checks, each with C(check), C(ok), C(found), C(hint) where it failed, and C(warning), true for what is not a failure but should be changed.
  type: list
  elements: dict
"""

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import KcloudError
from ansible_collections.kcloud.infrastructure.plugins.plugin_utils.preflight_offer import (
    flavor_checks,
    image_checks,
    keypair_checks,
    network_checks,
    range_checks,
    template_checks,
)
from ansible_collections.kcloud.infrastructure.plugins.plugin_utils.preflight_rows import OPERATOR, Check, missed
from ansible_collections.kcloud.infrastructure.plugins.plugin_utils.preflight_services import (
    conductor_checks,
    identity_checks,
    metric_checks,
    quota_checks,
    service_checks,
    trust_checks,
)

# The part of the module's result that each needs; a part that could not be read is one failed check.
PARTS = (
    (None, (identity_checks,)),
    ("trusts", (trust_checks,)),
    ("services", (service_checks,)),
    ("conductors", (conductor_checks,)),
    ("flavors", (flavor_checks,)),
    ("images", (image_checks,)),
    ("networks", (network_checks, range_checks)),
    ("keypairs", (keypair_checks,)),
    ("quotas", (quota_checks,)),
    ("cluster_templates", (template_checks,)),
    ("metrics", (metric_checks,)),
)

# What the options that name Prometheus servers are called in a failure
PROMETHEUS_OPTIONS = ("servers", "source", "PROMETHEUS_CLUSTERS")


def preflight_checks(found: Mapping[str, Any], needs: Mapping[str, Any]) -> list[Check]:
    """Every check, in a fixed order.

    :raises AnsibleFilterError: the needs cannot be read.
    """
    if "openstack" not in found:
        failure = found.get("failure") or {}
        if str(failure.get("resource")).startswith(PROMETHEUS_OPTIONS):
            # The module reads its options before it logs in
            return [missed("Prometheus: options", found.get("msg"), failure.get("hint") or OPERATOR)]
        reason = failure.get("reason") or found.get("msg") or "no answer"
        return [missed("Keystone: log in", reason, failure.get("hint") or "See the message of the task that failed")]
    cloud = found["openstack"]
    checks: list[Check] = []
    try:
        for part, judges in PARTS:
            problem = cloud["problems"].get(part)
            if problem:
                checks.append(missed(f"{part} can be read", problem["reason"], problem["hint"] or OPERATOR))
            else:
                checks += [check for judge in judges for check in judge(cloud, needs)]
    except KcloudError as error:
        raise AnsibleFilterError(error.sentence()) from None
    return checks


class FilterModule:
    def filters(self):
        return {"preflight_checks": preflight_checks}
