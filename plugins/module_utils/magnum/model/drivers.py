# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What each of Magnum's drivers can do, as data; which driver a cluster has; and what to say where it lacks a verb.

Magnum's API is the same for all of them, and takes with 202 what its driver then cannot do. So a verb is looked up here
before it is sent. Sources: Magnum 22 (tried), magnum-capi-helm 1.4 and magnum-cluster-api 0.38 (read).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import Unsupported
from ansible_collections.kcloud.infrastructure.plugins.module_utils.ids import is_uuid
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import normal_label


@dataclass(frozen=True)
class Driver:
    """One row of the table. None stands for "not known" everywhere.

    :param name: what the option ``driver`` calls it.
    :param title: what a person calls it.
    :param distros: ``os_distro`` of the images that choose it; for detecting it, where nothing better is to be had.
    :param upgrade: a cluster can be moved to another template.
    :param upgrade_takes_groups: an upgrade takes every node group along, and naming one means nothing.
    :param upgrade_needs_label: a label without which the new template is not taken.
    :param resize_masters: the number of control plane nodes can change, to an odd number.
    :param nodes_to_remove: a shrinking group loses the nodes that were named, not others.
    :param resize_autoscaled: a resize has an effect while the cluster's own autoscaler is on.
    :param autoscales_all_groups: that autoscaler owns every group of workers, not only ``default-worker``.
    :param syncs_node_count: under that autoscaler ``node_count`` tells the truth.
    :param rotate_ca_on: the distributions on which the CA can be rotated; empty is nowhere.
    :param ends_failed: when a change that cannot succeed ends in FAILED: "always", "at_submit" (later it stays IN_PROGRESS),
        "hardly" (it stays IN_PROGRESS).
    :param network_drivers: those that make a network of pods.
    """

    name: str
    title: str
    distros: tuple[str, ...] = ()
    upgrade: bool | None = None
    upgrade_takes_groups: bool | None = None
    upgrade_needs_label: str | None = None
    resize_masters: bool | None = None
    nodes_to_remove: bool | None = None
    resize_autoscaled: bool | None = None
    autoscales_all_groups: bool | None = None
    syncs_node_count: bool | None = None
    rotate_ca_on: tuple[str, ...] | None = None
    ends_failed: str | None = None
    network_drivers: tuple[str, ...] | None = None


HEAT = Driver(
    name="heat",
    title="Magnum's Heat driver",
    distros=("fedora-coreos", "fedora-atomic", "coreos"),
    upgrade=False,  # since Magnum 18
    upgrade_takes_groups=False,
    resize_masters=False,
    nodes_to_remove=True,
    resize_autoscaled=True,
    autoscales_all_groups=False,
    syncs_node_count=True,
    rotate_ca_on=("fedora-coreos",),
    ends_failed="always",
    network_drivers=("flannel", "calico"),
)
CAPI_HELM = Driver(
    name="capi-helm",
    title="magnum-capi-helm",
    distros=("ubuntu", "flatcar"),
    upgrade=True,
    upgrade_takes_groups=True,
    resize_masters=True,
    nodes_to_remove=False,
    resize_autoscaled=False,
    autoscales_all_groups=True,
    syncs_node_count=False,
    rotate_ca_on=(),
    ends_failed="hardly",
    network_drivers=("calico", "cilium"),
)
CLUSTER_API = Driver(
    name="cluster-api",
    title="magnum-cluster-api",
    distros=("ubuntu", "flatcar", "rockylinux"),
    upgrade=True,
    # It does, and writes it into the groups: where a group already shows it, nothing more is sent.
    upgrade_takes_groups=None,
    upgrade_needs_label="kube_tag",
    resize_masters=True,
    nodes_to_remove=True,
    resize_autoscaled=False,
    autoscales_all_groups=True,
    syncs_node_count=True,
    rotate_ca_on=(),
    ends_failed="at_submit",
    network_drivers=("calico", "cilium"),
)
UNKNOWN = Driver(name="unknown", title="a driver that is not known here")
DRIVERS: dict[str, Driver] = {driver.name: driver for driver in (HEAT, CAPI_HELM, CLUSTER_API, UNKNOWN)}

# The option of a module by which a user says what the driver is.
DRIVER_ARGUMENT: dict[str, Any] = {"type": "str", "choices": list(DRIVERS)}


# --- which driver -------------------------------------------------------------------------------------------------

# magnum-cluster-api draws five characters; magnum-capi-helm appends twelve to the cluster's name.
_CLUSTER_API_ID = re.compile(r"kube-[a-z0-9]{5}")
_HELM_RELEASE = re.compile(r"[a-z0-9][a-z0-9-]{0,29}-[a-z0-9]{12}")


@dataclass(frozen=True)
class IdentifiedDriver:
    """A cluster's driver and what gave it away.

    :param distro: ``os_distro`` of the template's image, where some abilities end.
    """

    driver: Driver
    evidence: str
    distro: str | None = None

    def as_result(self) -> dict[str, Any]:
        return {"name": self.driver.name, "evidence": self.evidence}


def identify_driver(
    *,
    said: str | None = None,
    stack_id: str | None = None,
    stack_known: bool | None = None,
    distro: str | None = None,
    labels: Mapping[str, object] | None = None,
) -> IdentifiedDriver:
    """Which driver a cluster has, or a cluster of a template would have.

    :param said: name of the driver by the user, who is believed.
    :param stack_id: what the cluster shows as ``stack_id`` or ``cluster_id``; None for a cluster to be.
    :param stack_known: whether Heat knows a stack of that id; None when it was not asked.
    :param distro: ``os_distro`` of the template's image, which Magnum shows as ``cluster_distro``.
    :param labels: of the cluster or the template.
    """
    if said is not None:
        return IdentifiedDriver(DRIVERS[said], f"option 'driver' says {said}", distro)
    by_id = _by_stack_id(stack_id or "", stack_known)
    driver, evidence = by_id or _by_template(distro, labels or {})
    return IdentifiedDriver(driver, evidence, distro)


def _by_stack_id(stack_id: str, known: bool | None) -> tuple[Driver, str] | None:
    if _CLUSTER_API_ID.fullmatch(stack_id):
        return CLUSTER_API, f"its stack_id '{stack_id}' is made as magnum-cluster-api does"
    if _HELM_RELEASE.fullmatch(stack_id) and not is_uuid(stack_id):
        return CAPI_HELM, f"its stack_id '{stack_id}' is a Helm release as magnum-capi-helm names it"
    if is_uuid(stack_id) and known:
        return HEAT, f"its stack_id '{stack_id}' is a stack that Heat knows"
    return None


def _by_template(distro: str | None, labels: Mapping[str, object]) -> tuple[Driver, str]:
    if distro in HEAT.distros:
        return HEAT, f"only the Heat driver takes images of os_distro '{distro}'"
    if distro in CLUSTER_API.distros and "kube_tag" in labels:
        return CLUSTER_API, f"os_distro '{distro}' and the label kube_tag are what magnum-cluster-api is chosen by"
    if distro is None:
        return UNKNOWN, "neither its stack_id nor its template tells"
    return UNKNOWN, f"more than one driver takes images of os_distro '{distro}'"


# --- what is refused ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Verb:
    """A verb that some driver lacks.

    :param doing: completes "Failed to ...", with ``{cluster}``.
    :param reason: what happens when it is sent all the same.
    :param other_way: another way to what was wanted.
    :param harms: sent in vain it does damage, so it is not sent to a driver that is not known.
    """

    ability: str
    doing: str
    reason: str
    other_way: str
    harms: bool = False


NEW_GROUP = "make a node group of another name, move the workloads, then delete the old group"
VERBS: dict[str, Verb] = {
    "upgrade": Verb(
        "upgrade",
        "upgrade cluster '{cluster}'",
        "it moves no cluster to another template",
        "Make a new cluster of the new template beside this one, move the workloads, then delete this one; "
        "kcloud.infrastructure.magnum_cluster does that with 'upgrade: in_place_or_beside'",
    ),
    "resize_masters": Verb(
        "resize_masters",
        "change the number of control plane nodes of cluster '{cluster}'",
        "it keeps the number that the cluster was created with",
        "Make a new cluster with that many, move the workloads, then delete this one",
    ),
    "nodes_to_remove": Verb(
        "nodes_to_remove",
        "remove the named nodes from cluster '{cluster}'",
        "it removes other nodes than the named ones, without a word",
        f"Drain and cordon them, then {NEW_GROUP}",
        harms=True,
    ),
    "rotate_ca": Verb(
        "rotate_ca_on",
        "rotate the CA of cluster '{cluster}'",
        "Magnum replaces its copy of the CA all the same, and the nodes keep the old one",
        "Make a new cluster and move the workloads; 'force: true' if you know that your driver can",
        harms=True,
    ),
}


def has(found: IdentifiedDriver, verb: str) -> bool | None:
    """Whether a driver has a verb of ``VERBS``; None where it is not known."""
    ability = getattr(found.driver, VERBS[verb].ability)
    if verb == "rotate_ca" and ability is not None:
        return found.distro in ability or (found.distro is None and bool(ability))
    return ability


def refusal(found: IdentifiedDriver, verb: str, cluster: str) -> Unsupported | None:
    """The error for a verb that a driver lacks, to be raised before it is sent; None where it may be sent.

    A verb that is not known to work is let through where trying it does no harm: the cloud's own answer is then shown.

    :param cluster: its name, for the message.
    """
    said, able = VERBS[verb], has(found, verb)
    if able or (able is None and not said.harms):
        return None
    who = found.driver.title
    if able is None:
        lacks, other_way = "it is not known that it can", f"{said.other_way}; or say what the driver is with 'driver'"
    elif verb == "rotate_ca" and found.driver.rotate_ca_on:
        lacks = f"it can on {', '.join(found.driver.rotate_ca_on)}, and not on {found.distro}"
        other_way = said.other_way
    else:
        lacks, other_way = "it cannot", said.other_way
    return Unsupported(
        f"Failed to {said.doing.format(cluster=cluster)}: its driver is {who}, and {lacks}",
        resource=f"cluster/{cluster}",
        reason=f"{said.reason}; {found.evidence}",
        hint=other_way,
        driver=found.driver.name,
        verb=verb,
    )


def is_autoscaled(labels: Mapping[str, object]) -> bool:
    """Whether a cluster's labels hand the count of its workers to its own autoscaler."""
    return normal_label(labels.get("auto_scaling_enabled", "false")) == "true"


def network_refusal(
    found: IdentifiedDriver, network_driver: str | None, cluster: str, template: str
) -> Unsupported | None:
    """The error for a cluster whose pods its driver would leave without a network; None where it makes one, or is not known."""
    able = found.driver.network_drivers
    if network_driver is None or able is None or network_driver in able:
        return None
    return Unsupported(
        f"Failed to create cluster '{cluster}': {found.driver.title} makes no network of pods by '{network_driver}'",
        resource=f"cluster_template/{template}",
        reason=found.evidence,
        hint=f"Take a template with network_driver {' or '.join(able)}, or say what the driver is with 'driver'",
        driver=found.driver.name,
    )
