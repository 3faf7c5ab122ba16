#!/usr/bin/python

# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the action of the same name, which runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: table
short_description: Show a table or a few lines of text to the person who runs a playbook
version_added: 0.1.0
description:
  - Prints plain text, without quotes and braces, on the screen and in AWX's job output.
  - Runs on the controller and touches nothing.
author:
  - kcloud.infrastructure contributors (@kcloud)
extends_documentation_fragment:
  - kcloud.infrastructure.attributes.reads
  - kcloud.infrastructure.attributes.info
options:
  title:
    description: A line above the rest.
    type: str
  text:
    description: Lines of text, shown as they are.
    type: str
  columns:
    description:
      - The columns, as a dictionary from key to heading, in this order.
      - Without it every key of the first row is a column.
    type: dict
  rows:
    description: One dictionary a row. A value that is missing is shown as V(-), C(true) and C(false) as V(yes) and V(no).
    type: list
    elements: dict
  empty:
    description: What to show in place of a table without rows.
    type: str
    default: nothing
"""

EXAMPLES = r"""
- name: Read the clusters
  kcloud.infrastructure.magnum_cluster_info:
    cloud: devcloud
  register: found

- name: Show them
  kcloud.infrastructure.table:
    title: Clusters
    columns:
      name: cluster
      status: status
      node_count: nodes
    rows: "{{ found.clusters }}"
"""

RETURN = r"""
lines:
  description: What was shown.
  returned: always
  type: list
  elements: str
  sample: ["Clusters", "  cluster  status           nodes", "  train    CREATE_COMPLETE      4"]
"""
