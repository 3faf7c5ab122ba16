#!/usr/bin/python
# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_report
short_description: Write a report on accelerators, costs and decisions as HTML, Markdown, JSON or CSV
version_added: 0.2.0
author:
  - kcloud.infrastructure contributors (@kcloud)
description:
  - Makes one report of what other modules answer. Touches no cloud and reads no clock, so equal data is an equal file.
  - The HTML page is one file without scripts, fonts or pictures from elsewhere. It fits phones and paper, and has a light and a dark form.
  - Its first screen shows how many accelerators exist, are held, compute, are idle and can be reclaimed; what they cost an hour, what
    leaks a day, and what the decisions could save a week; by device class and by team.
  - Below are utilisation, power and cost of each cluster over time, decisions with their reasons, violations, and what is not known.
    A gap in the data is drawn as a gap.
  - The answer of a task that failed counts as not given, and the report names the reason.
  - What is not given is left out, and the report says so. What is unknown is never counted as 0; a sum of which a part is unknown is shown
    as C(at least).
options:
  metrics:
    description:
      - The answer of M(kcloud.infrastructure.cluster_metrics_info).
      - Its option O(kcloud.infrastructure.cluster_metrics_info#module:series) is needed for charts.
    type: dict
  costs:
    description: The answer of M(kcloud.infrastructure.cluster_cost_info). Costs, teams, types and flavors come from it.
    type: dict
  decisions:
    description:
      - Answers of modules that decide. C(idle) is that of M(kcloud.infrastructure.cluster_idle), C(scaling) that of
        M(kcloud.infrastructure.cluster_scaling), C(consolidation) that of M(kcloud.infrastructure.cluster_consolidation), and C(match)
        that of M(kcloud.infrastructure.cluster_match). Each may be missing or none.
      - What they say of clusters that neither O(metrics) nor O(costs) has is left out, where these have any. So are the saving, sentence and
        workloads of a decision about such clusters, too; of C(idle) the saving of the others stays.
      - For V(tenant) C(match) is left out, since nothing tells whose workloads it is about.
    type: dict
  records:
    description:
      - Lines that the role P(kcloud.infrastructure.cluster_cleanup#role) wrote, for what was saved in the last seven days before O(now).
      - Each change of these days counts from when it was made. A parked cluster counts until it is woken. Prices are those of the clean-up.
      - For V(tenant) they do not count, since they are of all clusters.
    type: list
    elements: dict
  path:
    description:
      - The folder for the files. It must exist.
      - Not given, no file is written; RV(summary) and RV(text) are there all the same.
    type: path
  name:
    description: Name of the files, without an ending.
    type: str
    default: report
  formats:
    description: Which files to write. Each has its format as its ending.
    type: list
    elements: str
    choices: [html, md, json, csv]
    default: [html]
  mode:
    description: Permissions of the files, as an octal number in quotes. A report of V(0644) can be read by every user of the host.
    type: str
    default: "0644"
  audience:
    description:
      - V(tenant) leaves out what shows the site behind the clusters. This is ids of servers and devices, URLs and PCI, MAC and IP addresses
        in any text, the names of metric servers, why one cannot be read, and nodes that belong to no cluster of the report.
      - It does not choose clusters. Give the answers for the clusters that the tenant may see.
    type: str
    choices: [operator, tenant]
    default: operator
  title:
    description: Title of the report.
    type: str
    default: Accelerator clusters
  idle_below:
    description: Mean utilisation below which a device counts as idle, from 0 to 1.
    type: float
    default: 0.05
  power_budget:
    description: How many watts the clusters may draw together. The report names a violation.
    type: float
  cost_budget:
    description: What the clusters may cost an hour together, in the currency of O(costs).
    type: float
  now:
    description:
      - When the report is made, in seconds since 1970.
      - Not given, the end of the time that O(metrics) or O(costs) cover.
    type: int
extends_documentation_fragment:
  - kcloud.infrastructure.attributes
notes:
  - A device is computing or idle by its own measured utilisation over the window. One without a measurement is neither.
  - Idle cost is that of O(costs), the price of what nothing requests. Reclaimable are devices on nodes that decisions would remove.
  - Savings of several decisions can be of the same node. So the possible savings of a week are those of the decision that saves most.
seealso:
  - module: kcloud.infrastructure.cluster_metrics_info
  - module: kcloud.infrastructure.cluster_cost_info
  - module: kcloud.infrastructure.cluster_idle
"""

EXAMPLES = r"""
- name: Read the figures of a day
  kcloud.infrastructure.cluster_metrics_info:
    cloud: devcloud
    servers: [{name: site-a, url: http://127.0.0.1:9090}]
    window: 1d
    series: true
  register: metrics

- name: Find what is not used
  kcloud.infrastructure.cluster_idle:
    cloud: devcloud
  register: idle

- name: Write the page, and the data beside it
  kcloud.infrastructure.cluster_report:
    metrics: "{{ metrics }}"
    decisions:
      idle: "{{ idle }}"
    path: /var/www/html
    formats: [html, json]
  register: report

- name: Show the first screen
  kcloud.infrastructure.table:
    text: "{{ report.text }}"

- name: The page of a tenant
  kcloud.infrastructure.cluster_report:
    metrics: "{{ metrics }}"
    audience: tenant
    title: Your clusters
    path: /var/www/html
    name: team-a
"""

RETURN = r"""
summary:
  description:
    - The first screen as data. Numbers are none where they are unknown; C(partial) names those of which a part is unknown.
    - C(accelerators) has C(total), C(held), C(computing), C(idle) and C(reclaimable). C(cost_per_hour), C(idle_cost_per_day),
      C(saving_per_week) (possible by O(decisions)) and C(saved_in_a_week) (by O(records)) are in C(currency).
    - C(power) is in W, C(energy) in kWh. C(findings) and C(recommendations) are numbers.
  returned: success
  type: dict
  sample:
    clusters: 2
    accelerators:
      total: 16
      held: 12
      computing: 8
      idle: 8
      reclaimable: 4
    cost_per_hour: 40.0
    idle_cost_per_day: 240.0
    power: 4200.0
    energy: 100.8
    saving_per_week: 1680.0
    saved_in_a_week: 504.0
    currency: USD
    partial: [power]
    idle_clusters: [serve]
    findings: 0
    recommendations: 1
text:
  description: The first screen as text.
  returned: success
  type: str
  sample: "accelerators in total    16\naccelerators held        12\n"
files:
  description: The files, each with C(path), C(format), C(size) in bytes, and whether it was C(changed).
  returned: success
  type: list
  elements: dict
  sample:
    - path: /var/www/html/report.html
      format: html
      size: 24680
      changed: true
failure:
  description: Why the task failed, with the keys C(code), C(resource), C(reason) and C(hint).
  returned: failure
  type: dict
  sample:
    code: INVALID_REQUEST
    resource: path
    reason:
    hint: Create the folder first; nothing was changed
"""

from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.module import run_module
from ansible_collections.kcloud.infrastructure.plugins.module_utils.report.assemble import read_settings
from ansible_collections.kcloud.infrastructure.plugins.module_utils.report_files import FORMATS, make

SPEC: dict[str, dict[str, Any]] = {
    "metrics": {"type": "dict"},
    "costs": {"type": "dict"},
    "decisions": {"type": "dict"},
    "records": {"type": "list", "elements": "dict"},
    "path": {"type": "path"},
    "name": {"type": "str", "default": "report"},
    "formats": {"type": "list", "elements": "str", "choices": list(FORMATS), "default": ["html"]},
    "mode": {"type": "str", "default": "0644"},
    "audience": {"type": "str", "choices": ["operator", "tenant"], "default": "operator"},
    "title": {"type": "str", "default": "Accelerator clusters"},
    "idle_below": {"type": "float", "default": 0.05},
    "power_budget": {"type": "float"},
    "cost_budget": {"type": "float"},
    "now": {"type": "int"},
}


def run(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    return make(params, read_settings(params), check_mode=check_mode)


def main() -> None:
    run_module(SPEC, run, libraries=())


if __name__ == "__main__":
    main()
