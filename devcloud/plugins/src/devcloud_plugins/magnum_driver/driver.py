# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Magnum driver `devcloud_k8s`: clusters without a Heat stack, servers or networks, as Cluster-API drivers show them.

The hooks below are called by Magnum's conductor (the `validate_*` ones by its API). They only note in Magnum's own
objects what was asked for; `update_cluster_status`, which the conductor calls every 10 s for each cluster IN_PROGRESS,
lets the change end when its time is over. What each hook may rely on and what the conductor writes after it is said at
the hook, as the order of these writes is what a client sees.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, NoReturn
from uuid import UUID

from heatclient import exc as heat_exceptions
from magnum import objects
from magnum.common import clients, exception
from magnum.conductor.handlers.common import cert_manager
from magnum.drivers.common import driver
from magnum.objects import fields
from oslo_concurrency import lockutils
from oslo_log import log
from oslo_utils import strutils, timeutils

from devcloud_plugins import trustee_domain

from . import control, nodes, transitions
from .habits import HabitError, Habits, resolve

try:
    from magnum.conductor.handlers.common import trust_manager
except ImportError:
    # Magnum 23 makes no trusts
    trust_manager = None

LOG = log.getLogger(__name__)
# The conductor loads nothing else of ours.
trustee_domain.remember()
Status = fields.ClusterStatus


class LostRequest(Exception):
    """Raised where the habit `drop` wants a request to get lost: the conductor logs it and changes nothing."""


def _habits_of(name: str | None, labels: dict[str, str] | None = None) -> Habits:
    """The habits in force now, with what the cluster's labels say about an autoscaler."""
    try:
        habits = resolve(control.read(control.find_folder()), name)
    except HabitError:
        # A broken file must not stop every cluster; the log says so at each use.
        LOG.exception("The control file of the driver is broken: the defaults are in force")
        habits = Habits()
    labelled = strutils.bool_from_string((labels or {}).get("auto_scaling_enabled", "false"))
    return replace(habits, autoscaler=True) if habits.autoscaler_by_label and labelled else habits


def _habits(cluster: Any) -> Habits:
    return _habits_of(cluster.name, cluster.labels)


def _is_lost(verb: str, cluster: Any, habits: Habits) -> bool:
    if verb in habits.drop:
        return True
    return verb in habits.drop_once and control.lose_once(control.find_folder(), cluster.name, cluster.uuid, verb)


def _refuse_at_submit(verb: str, habits: Habits) -> None:
    """Fail before anything began: the conductor then sets *_FAILED with this text and restores the count."""
    if verb in habits.fail_on and habits.fail_at == "submit":
        raise RuntimeError(habits.fail_reason)


def _refuse_parallel(cluster: Any, habits: Habits, group_id: str) -> None:
    if habits.parallel_changes_fail and any(
        group.status.endswith(transitions.IN_PROGRESS) for group in cluster.nodegroups if group.uuid != group_id
    ):
        raise RuntimeError("Helm upgrade failed: another operation (install/upgrade/rollback) is in progress")


def _one_at_a_time(hook: Callable[..., Any]) -> Callable[..., Any]:
    """Keep a hook and the periodic look apart, or the look's late write undoes what the hook began.

    The conductor runs as one process here, so a lock within it is enough.
    """

    @functools.wraps(hook)
    def locked(self: Driver, context: Any, cluster: Any, *args: Any, **kwargs: Any) -> Any:
        with lockutils.lock(f"devcloud-{cluster.uuid}"):
            return hook(self, context, cluster, *args, **kwargs)

    return locked


def _stack_name(cluster: Any, habits: Habits) -> str:
    """An identifier that differs from a Heat stack's UUID, in the form of the driver that is played."""
    if habits.profile == "capi-helm":
        base = re.sub("[^a-z0-9]+", "-", cluster.name.lower()).strip("-")[:30]
        return f"{base}-{UUID(cluster.uuid).hex[:12]}"
    return f"kube-{UUID(cluster.uuid).hex[:5]}"


def _freeze(group: Any) -> transitions.Group:
    """Magnum's node group as the state machine wants it."""
    return transitions.Group(
        id=group.uuid,
        number=group.id,
        name=group.name,
        role=group.role,
        is_default=group.is_default,
        status=group.status,
        reason=group.status_reason,
        node_count=group.node_count,
        addresses=tuple(group.node_addresses or ()),
        since=group.updated_at or group.created_at,
    )


def _write_back(group: Any, before: transitions.Group, after: transitions.Group | None) -> None:
    if after is None:
        group.destroy()
    elif after != before:
        group.status = after.status
        group.status_reason = after.reason
        group.node_count = after.node_count
        group.node_addresses = list(after.addresses)
        group.save()


def _start(groups: Iterable[Any], status: str, reason: str) -> None:
    for group in groups:
        group.status = status
        group.status_reason = reason
        group.save()


class Driver(driver.Driver):
    """Kubernetes clusters on images with `os_distro=ubuntu`."""

    @property
    def provides(self) -> list[dict[str, str]]:
        """What Magnum chooses the driver by."""
        return [{"server_type": "vm", "os": "ubuntu", "coe": "kubernetes"}]

    # Clusters

    def create_cluster(self, context: Any, cluster: Any, cluster_create_timeout: int | None) -> None:
        """Trust, certificates and both default groups exist; the conductor copies `stack_id` to the groups after this."""
        habits = _habits(cluster)
        if _is_lost("create", cluster, habits):
            self._vanish(context, cluster)
        _refuse_at_submit("create", habits)
        self._begin_create(context, cluster, habits)

    @_one_at_a_time
    def _begin_create(self, context: Any, cluster: Any, habits: Habits) -> None:
        for group in cluster.nodegroups:
            # A delete may have come first: then this keeps going away.
            if group.status == Status.CREATE_IN_PROGRESS:
                _start([group], Status.CREATE_IN_PROGRESS, transitions.describe("create"))
        # Saved last: without a stack_id the periodic look leaves the cluster alone.
        cluster.stack_id = _stack_name(cluster, habits)
        cluster.save()

    def _vanish(self, context: Any, cluster: Any) -> NoReturn:
        """Take back all that the conductor made, as if the request had never reached it."""
        if trust_manager:
            trust_manager.delete_trustee_and_trust(clients.OpenStackClients(context), context, cluster)
        cert_manager.delete_certificates_from_cluster(cluster, context=context)
        for group in cluster.nodegroups:
            group.destroy()
        cluster.destroy()
        raise LostRequest(f"create of {cluster.name} was lost as ordered")

    def get_scale_manager(self, context: Any, osclient: Any, cluster: Any) -> None:
        """Lose a resize: the conductor asks for this before it writes anything, for a resize and for a PATCH."""
        if _is_lost("resize", cluster, _habits(cluster)):
            raise LostRequest(f"resize of {cluster.name} was lost as ordered")

    @_one_at_a_time
    def resize_cluster(
        self,
        context: Any,
        cluster: Any,
        resize_manager: None,
        node_count: int,
        nodes_to_remove: list[str],
        nodegroup: Any = None,
    ) -> None:
        """The group already has its new count and UPDATE_IN_PROGRESS; the cluster gets its status after this."""
        habits = _habits(cluster)
        nodegroup = nodegroup or cluster.default_ng_worker
        _refuse_at_submit("resize", habits)
        _refuse_parallel(cluster, habits, nodegroup.uuid)
        if nodegroup.role == "master" and habits.masters_odd_only:
            self.validate_master_size(node_count)
        # What the API sent along may be old: who is there and who is leaving stands in the database.
        current = objects.NodeGroup.get(context, cluster.uuid, nodegroup.uuid)
        reason = transitions.begin_resize(_freeze(current), node_count, nodes_to_remove or (), habits)
        _start([nodegroup], Status.UPDATE_IN_PROGRESS, reason)

    @_one_at_a_time
    def update_cluster(self, context: Any, cluster: Any, scale_manager: None = None, rollback: bool = False) -> None:
        """PATCH node_count: the default workers have their new count but no new status."""
        habits = _habits(cluster)
        if not habits.patch_node_count:
            raise NotImplementedError
        _refuse_at_submit("resize", habits)
        group = cluster.default_ng_worker
        _start(
            [group], Status.UPDATE_IN_PROGRESS, transitions.begin_resize(_freeze(group), group.node_count, (), habits)
        )

    @_one_at_a_time
    def upgrade_cluster(
        self,
        context: Any,
        cluster: Any,
        cluster_template: Any,
        max_batch_size: int,
        nodegroup: Any,
        scale_manager: None = None,
        rollback: bool = False,
    ) -> None:
        """The client waits for this one. The conductor saves the group's status and the cluster after it."""
        habits = _habits(cluster)
        if _is_lost("upgrade", cluster, habits):
            return
        _refuse_at_submit("upgrade", habits)
        version = (cluster_template.labels or {}).get("kube_tag")
        if habits.upgrade_needs_kube_tag and version is None:
            raise KeyError("kube_tag")
        for group in cluster.nodegroups:
            if habits.upgrade_all_groups or group.uuid == nodegroup.uuid or (nodegroup.is_default and group.is_default):
                group.image_id = cluster_template.image_id
                group.labels = _with_version(group.labels, version)
                _start([group], Status.UPDATE_IN_PROGRESS, transitions.describe("upgrade"))
        if nodegroup.is_default or habits.upgrade_all_groups:
            cluster.cluster_template_id = cluster_template.uuid
            cluster.labels = _with_version(cluster.labels, version)
        cluster.status = Status.UPDATE_IN_PROGRESS
        cluster.save()

    @_one_at_a_time
    def delete_cluster(self, context: Any, cluster: Any) -> None:
        """The conductor sets the cluster DELETE_IN_PROGRESS after this; on HTTPConflict it leaves all as it was."""
        habits = _habits(cluster)
        if _is_lost("delete", cluster, habits):
            raise heat_exceptions.HTTPConflict(f"delete of {cluster.name} was lost as ordered")
        _refuse_at_submit("delete", habits)
        _start(cluster.nodegroups, Status.DELETE_IN_PROGRESS, transitions.describe("delete"))

    # Node groups

    @_one_at_a_time
    def create_nodegroup(self, context: Any, cluster: Any, nodegroup: Any) -> None:
        """Both are IN_PROGRESS already; the conductor saves the group after this."""
        habits = _habits(cluster)
        if _is_lost("nodegroup_create", cluster, habits):
            nodegroup.destroy()
            raise LostRequest(f"node group {nodegroup.name} was lost as ordered")
        _refuse_at_submit("nodegroup_create", habits)
        _refuse_parallel(cluster, habits, nodegroup.uuid)
        nodegroup.status_reason = transitions.describe("nodegroup_create")

    @_one_at_a_time
    def update_nodegroup(self, context: Any, cluster: Any, nodegroup: Any) -> None:
        """Bounds: the conductor saves them and the status after this, so to lose them is to forget them."""
        habits = _habits(cluster)
        if _is_lost("nodegroup_update", cluster, habits):
            nodegroup.obj_reset_changes()
            return
        _refuse_at_submit("nodegroup_update", habits)
        _refuse_parallel(cluster, habits, nodegroup.uuid)
        nodegroup.status_reason = transitions.describe("nodegroup_update")

    @_one_at_a_time
    def delete_nodegroup(self, context: Any, cluster: Any, nodegroup: Any) -> None:
        """The conductor has set the group's status but does not save it."""
        habits = _habits(cluster)
        if _is_lost("nodegroup_delete", cluster, habits):
            raise heat_exceptions.HTTPConflict(f"delete of node group {nodegroup.name} was lost as ordered")
        _refuse_at_submit("nodegroup_delete", habits)
        _refuse_parallel(cluster, habits, nodegroup.uuid)
        _start([nodegroup], Status.DELETE_IN_PROGRESS, transitions.describe("nodegroup_delete"))

    # Certificates and credentials

    @_one_at_a_time
    def rotate_ca_certificate(self, context: Any, cluster: Any) -> None:
        """The conductor has replaced all certificates already, even where this refuses."""
        habits = _habits(cluster)
        if not habits.rotate_ca:
            super().rotate_ca_certificate(context, cluster)
        _refuse_at_submit("rotate_ca", habits)
        _start([cluster.default_ng_master], Status.UPDATE_IN_PROGRESS, transitions.describe("rotate_ca"))

    @_one_at_a_time
    def rotate_credential(self, context: Any, cluster: Any) -> None:
        """The client waits for this one: the cluster passes to who asks for it."""
        if not _habits(cluster).rotate_credential:
            super().rotate_credential(context, cluster)
        cluster.user_id = context.user_id
        cluster.status = Status.UPDATE_COMPLETE
        cluster.status_reason = None
        cluster.save()

    # Questions that Magnum asks

    def validate_master_resize(self, node_count: int) -> None:
        """Asked by the API, which does not say for which cluster: so only the habits for all clusters count here."""
        if _habits_of(None).masters_odd_only or node_count < 1:
            self.validate_master_size(node_count)

    def get_monitor(self, context: Any, cluster: Any) -> HealthMonitor | None:
        """Without an ordered health Magnum leaves alone what a client has set."""
        health = _habits(cluster).health_status
        return HealthMonitor(health) if health else None

    @_one_at_a_time
    def update_cluster_status(self, context: Any, cluster: Any, use_admin_ctx: bool = False) -> None:
        """Look at a cluster IN_PROGRESS; asks nothing but Magnum's database."""
        try:
            cluster.refresh()
        except exception.ClusterNotFound:
            return
        # What was just read is not a change of ours: saving it would overwrite what a hook of another cluster field wrote.
        cluster.obj_reset_changes()
        habits = _habits(cluster)
        groups = [(group, _freeze(group)) for group in cluster.nodegroups]
        if not _has_work(cluster, [frozen for _group, frozen in groups]):
            return
        now = timeutils.utcnow(with_timezone=True)
        states = [(group, frozen, transitions.advance(now, frozen, habits)) for group, frozen in groups]
        for group, before, after in states:
            _write_back(group, before, after)
        _save_state(
            cluster, transitions.settle(cluster.status, [after for _group, _before, after in states if after]), habits
        )

    # Federations were never finished in Magnum

    def create_federation(self, context: Any, federation: Any) -> NoReturn:
        """Not supported."""
        raise NotImplementedError

    def update_federation(self, context: Any, federation: Any) -> NoReturn:
        """Not supported."""
        raise NotImplementedError

    def delete_federation(self, context: Any, federation: Any) -> NoReturn:
        """Not supported."""
        raise NotImplementedError


def _has_work(cluster: Any, groups: list[transitions.Group]) -> bool:
    """Say whether to look closer: Magnum's list may be old, and a cluster without stack_id has not been begun yet.

    A conductor that died while creating leaves a cluster without groups, which only a delete can end.
    """
    if cluster.stack_id is None:
        return any(thing.status.startswith("DELETE") for thing in (cluster, *groups))
    return any(thing.status.endswith(transitions.IN_PROGRESS) for thing in (cluster, *groups))


class HealthMonitor:
    """A monitor, as Magnum's health poll wants it, that says what was ordered."""

    def __init__(self, health: str) -> None:
        self.data = {"health_status": health, "health_status_reason": _health_reason(health)}

    def poll_health_status(self) -> None:
        """Nothing to ask: `data` is ready."""


def _health_reason(health: str) -> dict[str, str]:
    return {"api": "ok" if health == "HEALTHY" else "failed"}


def _with_version(labels: dict[str, str] | None, version: str | None) -> dict[str, str]:
    """A new dict in any case: a change within the old one would not be saved."""
    return {**(labels or {}), **({"kube_tag": version} if version else {})}


def _save_state(cluster: Any, state: transitions.State, habits: Habits) -> None:
    """Write a cluster's new state, and what a change that ended well shows, in one step."""
    if state.status == cluster.status:
        return
    cluster.status = state.status
    cluster.status_reason = state.reason
    if state.status in (Status.CREATE_COMPLETE, Status.UPDATE_COMPLETE):
        cluster.api_address = habits.api_address or f"https://{nodes.address(cluster.default_ng_master.id, 0)}:6443"
        cluster.coe_version = (cluster.labels or {}).get("kube_tag")
        if habits.health_status:
            cluster.health_status = habits.health_status
            cluster.health_status_reason = _health_reason(habits.health_status)
    cluster.save()
