# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a node group is, documented once: for the options of a module, and for a list of groups among them.

Their specification is ``GROUP_SPEC`` in plugins/module_utils/magnum/plan/options.py.
"""

from __future__ import annotations

from textwrap import indent

# {at} is where these options are within those of the module; {replace} is the option that replaces a group.
GROUP = """
name:
  description: Name of the node group.
  type: str
  required: true
state:
  description: Whether the group is to exist. Not V(absent) for C(default-worker), which can be scaled to 0.
  type: str
  choices: [present, absent]
  default: present
role:
  description: Role of its nodes, such as V(worker). Fixed after creation, see O({replace}). Not V(master).
  type: str
flavor:
  description: Name or id of the flavor of its nodes. Fixed after creation, see O({replace}).
  type: str
  aliases: [flavor_id]
image:
  description: Name or id of the image of its nodes. Fixed after creation, see O({replace}).
  type: str
  aliases: [image_id]
node_count:
  description:
    - Number of nodes, 0 too. Not given, a new group gets one node, and an existing one keeps what it has.
    - Where the cluster's label C(auto_scaling_enabled) is true, an autoscaler owns it. It is used for creation only
      then, and a different count changes nothing. Bounds are compared and set.
  type: int
min_node_count:
  description: Fewest nodes that anybody may scale it to.
  type: int
max_node_count:
  description: Most nodes that anybody may scale it to.
  type: int
nodes_to_remove:
  description:
    - The nodes to remove, by server id, name or address. O({at}node_count) is needed with it and says how many are
      left, so it must fit the number of names.
    - Names that the group does not have, or not any more, change nothing when the count is right already, and are an
      error when it is not.
    - A driver that would remove others, such as magnum-capi-helm, is not asked, see O(driver).
    - Once they are removed, the module checks that no other node was.
  type: list
  elements: str
docker_volume_size:
  description: Size of the volume for containers on each node, in GB. Fixed after creation, see O({replace}).
  type: int
labels:
  description: Labels of the group. Fixed after creation, see O({replace}).
  type: dict
merge_labels:
  description: Whether O({at}labels) are added to the cluster's labels, rather than replace them.
  type: bool
"""
# What to do about what Magnum fixes for a group's life; {name} is what the new group stands for.
REPLACE = """
{replace}:
  description:
    - What to do where a node group's role, flavor, image, volume size or labels differ, which Magnum fixes for its life.
    - V(refuse) is an error that names them.
    - V(beside) makes a new group, named like the declared one with six digits added, beside the old one. The old one
      stays, with its nodes, and RV(superseded_node_groups) names what is to be drained.
    - V(finish) does the same, and then deletes the old group with its nodes. C(default-worker), which cannot be
      deleted, is scaled to 0. Run it when the old nodes are drained, or from the start where the workloads may just move.
    - From then on the new group is the one that {name} means, by its label C(kcloud_node_group).
  type: str
  choices: [refuse, beside, finish]
  default: refuse
"""


def _filled(text: str, depth: int, **words: str) -> str:
    """The text with its words, indented by levels of two spaces."""
    for word, value in words.items():
        text = text.replace(f"{{{word}}}", value)
    return indent(text.lstrip("\n"), "  " * depth)


class ModuleDocFragment:
    # Annotated, since the sanity test yamllint ends in a traceback at an assignment of anything but a literal.
    # The options of a module about one group.
    DOCUMENTATION: str = (
        "options:\n"
        + _filled(GROUP, 1, at="", replace="replace")
        + _filled(REPLACE, 1, replace="replace", name="O(name)")
    )

    # The option ``node_groups`` of a module about a cluster, which says itself what the list is for.
    LISTED: str = (
        "options:\n  node_groups:\n    type: list\n    elements: dict\n    suboptions:\n"
        + _filled(GROUP, 3, at="node_groups[].", replace="replace_node_groups")
        + _filled(REPLACE, 1, replace="replace_node_groups", name="O(node_groups[].name)")
    )
