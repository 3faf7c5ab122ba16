# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clusters of types, an environment's settings and what the cloud has -> what to declare of all of them at once."""

from __future__ import annotations

DOCUMENTATION = r"""
name: declared_fleet
short_description: Declare the clusters of an environment with their templates and networks
version_added: 0.2.0
author:
  - kcloud.infrastructure contributors (@kcloud)
description:
  - Turns a list of clusters into the options C(cluster_templates), C(networks) and C(clusters) of
    M(kcloud.infrastructure.magnum_fleet). The roles P(kcloud.infrastructure.fleet#role) and
    P(kcloud.infrastructure.accelerator_cluster#role) use it.
  - Clusters of one type share one cluster template. A cluster that overrides what only a template can say gets a template of its own.
  - A number of nodes or a flavor that nothing sets for a cluster counts at its creation only. An existing node group keeps its own.
  - Reads nothing and changes nothing.
positional: catalog, settings
options:
  _input:
    description:
      - The clusters, each with C(name) and C(type), and if needed C(node_count), C(master_count), C(flavor), C(master_flavor), C(labels),
        C(overrides), C(own_network), C(network_cidr). A key that is null leaves the setting of the same name in force.
    type: list
    elements: dict
    required: true
  catalog:
    description: The cluster types by name, as P(kcloud.infrastructure.cluster_catalog#filter) returns them.
    type: dict
    required: true
  settings:
    description: The variables of the role P(kcloud.infrastructure.accelerator_cluster#role) without their prefix. Null is the same as unset.
    type: dict
    required: true
  state:
    description: Whether the clusters are to exist.
    type: str
    choices: [present, absent]
    default: present
  managed:
    description: With O(state=absent), whether every other cluster of the project that the role accelerator_cluster has made is deleted, too.
    type: bool
    default: false
  prune_environment:
    description: Show the clusters and networks that carry this environment's name and are not in the list as those that will be deleted.
    type: str
  found:
    description: The existing clusters, cluster templates and networks, as M(kcloud.infrastructure.magnum_fleet_info) returns them.
    type: dict
    default: {}
  cloud:
    description: The flavors of the cloud and the problems of reading them, RV(kcloud.infrastructure.openstack_info#module:openstack).
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Ensure two clusters of one type
  kcloud.infrastructure.magnum_fleet:
    cluster_templates: "{{ declared.cluster_templates }}"
    networks: "{{ declared.networks }}"
    clusters: "{{ declared.clusters }}"
  vars:
    declared: >-
      {{ [{'name': 'one', 'type': 'cpu-only'}, {'name': 'two', 'type': 'cpu-only', 'node_count': 3}]
         | kcloud.infrastructure.declared_fleet(accelerator_cluster_catalog, accelerator_cluster_settings,
                                                found=found, cloud=cloud.openstack) }}
"""

RETURN = r"""
_value:
  description:
    - C(cluster_templates), C(networks) and C(clusters) for M(kcloud.infrastructure.magnum_fleet).
    - C(plans), for each cluster its C(name), C(type), C(template), C(network) and C(rows).
    - A cluster that is to exist has in its plan, too, whether it C(exists) and its C(status); the C(flavor), C(master_flavor), C(node_groups),
      C(template_flavor) and C(template_master_flavor) that are declared, null where nothing is; and the C(demand), what is needed beside
      what the cluster has, as C(clusters), C(instances), C(cores) and C(ram_mib).
    - C(rows), the lines of one table over all clusters.
  type: dict
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ansible.errors import AnsibleFilterError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.kcloud.infrastructure.plugins.plugin_utils.cluster_plan import (
    GOING,
    MASTER,
    Offer,
    cluster_plan,
)
from ansible_collections.kcloud.infrastructure.plugins.plugin_utils.wanted_clusters import (
    MAKER,
    MAKER_LABEL,
    NETWORK_LABEL,
    TEMPLATE_KEYS,
    TYPE_LABEL,
    Plain,
    Some,
    Wanted,
    all_wanted,
    given,
    unlisted,
    without_null,
)

ENVIRONMENT_LABEL = "kcloud_environment"
# What an environment offers, for types that name none
OFFERED = ("dns_nameserver", "external_network", "image")
BESIDE = "in_place_or_beside"
NEVER = "never"


@dataclass(frozen=True)
class Situation:
    """What the cloud has, found by name.

    :param clusters: by the name without the digest of a successor, all clusters of that name and its successors.
    :param versions: by the name that they have in common, all versions of a cluster template.
    :param networks: by name.
    """

    clusters: Mapping[str, Sequence[Some]]
    versions: Mapping[str, Sequence[Some]]
    networks: Mapping[str, Some]


SUCCESSOR = re.compile(r"(?P<of>.+)-[0-9a-f]{8}")


def situation_of(found: Some) -> Situation:
    """What magnum_fleet_info returned, so that looking for a cluster does not walk through all of them."""
    clusters: dict[str, list[Some]] = {}
    for cluster in found.get("clusters") or ():
        successor = SUCCESSOR.fullmatch(cluster["name"])
        for name in {cluster["name"], *([successor["of"]] if successor else [])}:
            clusters.setdefault(name, []).append(cluster)
    versions: dict[str, list[Some]] = {}
    for template in found.get("cluster_templates") or ():
        versions.setdefault(template.get("version_of") or template["name"], []).append(template)
    return Situation(clusters, versions, {network["name"]: network for network in found.get("networks") or ()})


# --- what is declared -------------------------------------------------------------------------------------------------


def declared_template(cluster: Wanted, settings: Some, plan: Some) -> Plain:
    """The cluster template of a cluster.

    :raises AnsibleFilterError: nothing names an image.
    """
    content = {**{key: settings[key] for key in OFFERED if key in settings}, **without_null(cluster.whole)}
    if "image" not in content:
        raise AnsibleFilterError(
            f"Failed to plan cluster '{cluster.name}': no image. Set accelerator_cluster_image for the whole environment, or image in "
            "the type or in accelerator_cluster_overrides."
        )
    versioning = settings.get("upgrade", NEVER) != NEVER
    return {
        "name": cluster.template,
        "state": "present",
        "coe": "kubernetes",
        **{key: content[key] for key in TEMPLATE_KEYS if key in content},
        # With flavors the template serves clusters outside the roles, too. Magnum 20 takes no template without them
        **given({"flavor": plan["template_flavor"], "master_flavor": plan["template_master_flavor"]}),
        "labels": cluster.kind.get("labels") or {},
        "versioning": versioning,
        "purge_versions": versioning and boolean(settings.get("purge_versions", False)),
    }


def declared_network(cluster: Wanted, settings: Some) -> Plain:
    """The network of a cluster's own; addresses that nothing sets are left to the module."""
    content = {**{key: settings[key] for key in OFFERED if key in settings}, **without_null(cluster.whole)}
    return {
        "name": cluster.network,
        "state": "present",
        **given({"cidr": cluster.network_cidr, "external_network": content.get("external_network")}),
        **given(settings.get("network") or {}),
        "dns_nameservers": [content["dns_nameserver"]] if content.get("dns_nameserver") else [],
    }


def declared_cluster(cluster: Wanted, settings: Some, plan: Some) -> Plain:
    """The cluster itself, with its node groups."""
    whole = cluster.whole
    labels = {**(whole.get("labels") or {}), MAKER_LABEL: MAKER, TYPE_LABEL: cluster.type}
    often = (
        "create_timeout",
        "delete_replaced",
        "driver",
        "max_batch_size",
        "purge_node_groups",
        "recreate",
        "replace_node_groups",
        "upgrade",
    )
    network = (
        {"network": cluster.network}
        if cluster.network
        else {key: whole.get(key) for key in ("fixed_network", "fixed_subnet")}
    )
    return {
        "name": cluster.name,
        "state": "present",
        "cluster_template": cluster.template,
        "master_count": whole.get("master_count") or 1,
        "labels": {**labels, **({NETWORK_LABEL: cluster.network} if cluster.network else {})},
        "merge_labels": True,
        "node_groups": plan["node_groups"],
        **given({"keypair": whole.get("keypair") or settings.get("keypair")}),
        **given({key: plan[key] for key in ("flavor", "master_flavor")}),
        **given({**network, "docker_volume_size": whole.get("docker_volume_size") or None}),
        **without_null({key: whole.get(key) for key in ("floating_ip_enabled", "master_lb_enabled")}),
        **{key: settings[key] for key in often if key in settings},
    }


def once(entries: Iterable[tuple[Wanted, Plain]]) -> list[Plain]:
    """Each cluster template once, in the order of the clusters. The first cluster that needs a flavor for it decides.

    :raises AnsibleFilterError: clusters of different types need different templates of one name.
    """
    flavors = ("flavor", "master_flavor")
    found: dict[str, tuple[Wanted, Plain]] = {}
    for cluster, template in entries:
        first, kept = found.setdefault(template["name"], (cluster, template))
        content, other = ({key: value for key, value in one.items() if key not in flavors} for one in (kept, template))
        if content != other:
            differ = sorted(key for key in {*content, *other} if content.get(key) != other.get(key))
            raise AnsibleFilterError(
                f"Failed to plan clusters '{first.name}' and '{cluster.name}': their types '{first.type}' and '{cluster.type}' give cluster "
                f"template '{template['name']}' a different {', '.join(differ)}. Set another name in one of the types."
            )
        found[template["name"]] = (first, {**template, **kept})
    return [template for _cluster, template in found.values()]


# --- what is shown ----------------------------------------------------------------------------------------------------


def shown(cluster: Wanted, plan: Some) -> list[Plain]:
    """The rows of the table over all clusters. Control planes are shown where their number changes."""
    return [
        {
            "cluster": cluster.name,
            "type": cluster.type,
            "group": row["name"],
            **{key: row[key] for key in row if key != "name"},
        }
        for row in plan["rows"]
        if row["name"] != MASTER or row["now"] != row["node_count"]
    ]


def pruned(found: Some, wanted: Sequence[Wanted], environment: str) -> list[Plain]:
    """The rows of clusters, networks and cluster templates that carry the environment's name and are in the list no more.

    A successor of a listed cluster is never pruned, nor is a cluster template that a cluster uses which stays.
    """
    names = {cluster.name for cluster in wanted} | {cluster.network for cluster in wanted}
    mark, gone = f"{ENVIRONMENT_LABEL}={environment}", {"group": "all", "node_count": "delete"}
    rows, going = [], set()
    for cluster in found.get("clusters") or ():
        labels, successor = cluster.get("labels") or {}, SUCCESSOR.fullmatch(cluster["name"])
        listed = cluster["name"] in names or (successor is not None and successor["of"] in names)
        if labels.get(ENVIRONMENT_LABEL) == environment and not listed and cluster.get("status") not in GOING:
            rows.append({"cluster": cluster["name"], "type": labels.get(TYPE_LABEL), **gone})
            going.add(cluster["name"])
    for network in found.get("networks") or ():
        if mark in (network.get("tags") or ()) and network["name"] not in names:
            rows.append({"cluster": network["name"], "type": "network", **gone})
    templates = {cluster.template for cluster in wanted}
    for template in found.get("cluster_templates") or ():
        listed = templates & {template["name"], template.get("version_of")}
        if mark in _tags(template) and not listed and going.issuperset(template.get("clusters") or ()):
            rows.append({"cluster": template["name"], "type": "cluster template", **gone})
    return sorted(rows, key=lambda row: row["cluster"])


def _tags(template: Some) -> list[str]:
    return [tag.strip() for tag in (template.get("tags") or "").split(",")]


def leftovers(cluster: Wanted, situation: Situation, going: set[str], beside: bool) -> list[Plain]:
    """What the deletion of a cluster deletes, as rows.

    :param going: names of all clusters that the run deletes. A template that others use stays.
    """
    there = [one for one in situation.clusters.get(cluster.name, ()) if beside or one["name"] == cluster.name]
    rows = [{"kind": "cluster", "name": one["name"], "status": one.get("status")} for one in there]
    for template in situation.versions.get(cluster.template, ()):
        users = sorted(set(template.get("clusters") or ()) - going)
        status = f"kept, used by {', '.join(users)}" if users else None
        rows.append({"kind": "cluster template", "name": template["name"], "status": status})
    if cluster.network in situation.networks:
        network = situation.networks[cluster.network]
        rows.append({"kind": "network", "name": cluster.network, "status": network.get("status")})
    return rows


# --- the filter -------------------------------------------------------------------------------------------------------


def absent(entries: Sequence[Some], catalog: Some, settings: Some, found: Some, managed: bool) -> Plain:
    """The declaration of clusters that are to be deleted, with their templates and own networks."""
    listed = {entry.get("name") for entry in entries}
    others = unlisted(found.get("clusters") or (), listed, catalog, settings) if managed else []
    wanted = [*all_wanted(entries, catalog, settings), *others]
    upgrade = settings.get("upgrade", NEVER)
    situation, beside = situation_of(found), upgrade == BESIDE
    going = {
        one["name"]
        for cluster in wanted
        for one in situation.clusters.get(cluster.name, ())
        if beside or one["name"] == cluster.name
    }
    plans = [
        {
            "name": cluster.name,
            "type": cluster.type,
            "template": cluster.template,
            "network": cluster.network,
            "rows": leftovers(cluster, situation, going, beside),
        }
        for cluster in wanted
    ]
    rows = {(row["kind"], row["name"]): row for plan in plans for row in plan["rows"]}
    return {
        "cluster_templates": [
            {"name": name, "state": "absent", "versioning": True, "if_used": "keep"}
            for name in dict.fromkeys(cluster.template for cluster in wanted)
        ],
        "networks": [
            {"name": name, "state": "absent"}
            for name in dict.fromkeys(cluster.network for cluster in wanted if cluster.network)
        ],
        "clusters": [{"name": cluster.name, "state": "absent", "upgrade": upgrade} for cluster in wanted],
        "plans": plans,
        "rows": list(rows.values()),
    }


def present(
    entries: Sequence[Some], catalog: Some, settings: Some, found: Some, cloud: Some, environment: str | None
) -> Plain:
    """The declaration of clusters that are to exist."""
    wanted, situation = all_wanted(entries, catalog, settings), situation_of(found)
    offer = Offer(cloud.get("flavors") or (), settings.get("flavor_map") or {})
    recreate, beside = boolean(settings.get("recreate", False)), settings.get("upgrade") == BESIDE
    plans = [
        cluster_plan(
            cluster.whole,
            cluster.said,
            cluster.kind,
            cluster.name,
            clusters=situation.clusters.get(cluster.name, ()),
            templates=situation.versions.get(cluster.template, ()),
            offer=offer,
            recreate=recreate,
            beside=beside,
        )
        for cluster in wanted
    ]
    rows = [row for cluster, plan in zip(wanted, plans) for row in shown(cluster, plan)]
    return {
        "cluster_templates": once(
            (cluster, declared_template(cluster, settings, plan)) for cluster, plan in zip(wanted, plans)
        ),
        "networks": [declared_network(cluster, settings) for cluster in wanted if cluster.network],
        "clusters": [declared_cluster(cluster, settings, plan) for cluster, plan in zip(wanted, plans)],
        "plans": [
            {
                "name": cluster.name,
                "type": cluster.type,
                "template": cluster.template,
                "network": cluster.network,
                **plan,
            }
            for cluster, plan in zip(wanted, plans)
        ],
        "rows": rows + (pruned(found, wanted, environment) if environment else []),
    }


def declared_fleet(
    clusters: Sequence[Some],
    catalog: Some,
    settings: Some,
    state: str = "present",
    managed: bool = False,
    prune_environment: str | None = None,
    found: Some | None = None,
    cloud: Some | None = None,
) -> Plain:
    """See RETURN.

    :raises AnsibleFilterError: a cluster or type cannot be read, has no image, or no flavor of the cloud fits it.
    """
    set_by_user, there = given(settings), found or {}
    if state == "absent":
        return absent(clusters, catalog, set_by_user, there, managed)
    try:
        return present(clusters, catalog, set_by_user, there, cloud or {}, prune_environment)
    except AnsibleFilterError as error:
        problem = ((cloud or {}).get("problems") or {}).get("flavors")
        if problem and not (cloud or {}).get("flavors"):
            reason = problem.get("reason") or problem.get("code")
            raise AnsibleFilterError(f"{error} The cloud's flavors could not be read: {reason}.") from None
        raise


class FilterModule:
    def filters(self):
        return {"declared_fleet": declared_fleet}
