# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read once, plan purely, apply, explain: the four steps, for a cluster and for a cluster template."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import trust_refusal
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import (
    Conflict,
    CreatedMeanwhile,
    InvalidRequest,
    KcloudError,
    NotFound,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.ids import is_uuid
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.apply.api import MagnumApi
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.apply.execute import Writer, carry_out
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.apply.health import until_healthy
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.explain.cluster_progress import (
    activity_of,
    idle_of,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.explain.diagnose import (
    failure_of,
    overdue_of,
    stall_of,
    trouble_of,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.drivers import (
    HEAT,
    has,
    network_refusal,
    recognise,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import (
    DEFAULT_MASTER,
    DEFAULT_WORKER,
    Cluster,
    ClusterTemplate,
    DesiredCluster,
    Status,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.clusters import (
    ONLY_DELETE,
    plan_cluster,
    plan_cluster_absent,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.node_groups import (
    check_groups,
    needs_driver,
    settled_groups,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.successor import (
    OR_BESIDE,
    Follow,
    Move,
    family_of,
    plan_upgrade,
    standing_on,
    successor_name,
    with_replaced,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.read.detect_driver import driver_of
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.read.nodes import read_nodes
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.read.references import References
from ansible_collections.kcloud.infrastructure.plugins.module_utils.plan import Plan, result_of
from ansible_collections.kcloud.infrastructure.plugins.module_utils.progress import Progress, from_environment
from ansible_collections.kcloud.infrastructure.plugins.module_utils.wait import Clock, Deadline

if TYPE_CHECKING:
    from openstack.connection import Connection

NOT_FOLLOWING = Follow()
# The id of what does not exist yet, in check mode.
PREDICTED = "predicted"
# The microversion of Magnum 22, the last one that makes a Keystone trust for each cluster.
NEWEST_WITH_TRUSTS = (1, 12)


# The shared options of which `How` consists.
OPTIONS = ("wait", "timeout", "progress", "api_version", "driver", "wait_for", "fail_fast", "predicted_template")


@dataclass(frozen=True)
class How:
    """How a module is to work: from its shared options."""

    check_mode: bool = False
    wait: bool = True
    timeout: float = 3600.0
    progress: bool = True
    api_version: str | None = None
    driver: str | None = None
    wait_for: str = "complete"
    fail_fast: bool = False
    predicted_template: Mapping[str, Any] | None = None
    clock: Clock = field(default_factory=Clock)

    @classmethod
    def from_params(cls, params: Mapping[str, Any], check_mode: bool) -> How:
        """The shared options of a module; those that it lacks keep their defaults."""
        given = {key: params[key] for key in OPTIONS if params.get(key) is not None}
        return cls(check_mode=check_mode, **given)


# --- clusters -----------------------------------------------------------------------------------------------------


def reconcile_cluster(
    connection: Connection,
    desired: DesiredCluster,
    how: How,
    *,
    present: bool,
    recreate: bool = False,
    follow: Follow = NOT_FOLLOWING,
) -> dict[str, Any]:
    """Make one cluster as declared, or make it go.

    :param follow: whether and how it may follow a changed template.
    :returns: ``cluster`` (None when absent), ``changed``, ``changes``, ``diff``.
    """
    if present:
        _check_wait_for(how, desired.name)
    writer = _writer(connection, how)
    others: tuple[Cluster, ...] = ()
    if follow.mode == OR_BESIDE and not is_uuid(desired.name):
        desired, others = _heir(connection, writer.api, desired, follow, how, present=present)
    for attempt in (1, 2):
        actual = _read(writer, desired.name, how, present=present)
        plan = _planned(connection, writer.api, desired, actual, others, how, present, recreate, follow)
        try:
            return _carried_out(writer, plan, actual, desired.name, how, present=present)
        except CreatedMeanwhile:
            # Another run made it: what it made is compared with the declaration like any cluster that was there before.
            if attempt == 2 or actual is not None:
                raise
    raise AssertionError("the second attempt returns or raises")


def _planned(
    connection: Connection,
    api: MagnumApi,
    desired: DesiredCluster,
    actual: Cluster | None,
    others: tuple[Cluster, ...],
    how: How,
    present: bool,
    recreate: bool,
    follow: Follow,
) -> Plan:
    """The plan for a cluster and for those that it replaces."""
    if not present:
        plan = with_replaced(plan_cluster_absent(desired.name, actual), desired.name, others, delete=True)
        return replace(plan, action="delete") if plan.changed else plan
    _settled, plan = _plan_present(connection, api, desired, actual, how, recreate=recreate, follow=follow)
    return with_replaced(plan, desired.name, others, delete=follow.delete_replaced)


def _heir(
    connection: Connection, api: MagnumApi, desired: DesiredCluster, follow: Follow, how: How, *, present: bool
) -> tuple[DesiredCluster, tuple[Cluster, ...]]:
    """Which of a cluster and its successors the declaration is about, and the others.

    The one that stands on the declared template; else the newest, where it can be upgraded; else one that is to be made.
    """
    scheme, name = follow.scheme, desired.name
    names = {entry.id: entry.name for entry in api.cluster_templates()} if "{template}" in scheme else {}
    family = family_of(name, scheme, api.clusters(), names)
    if not present or not family:
        return desired, tuple(cluster for cluster in family if cluster.name != name)
    heir = family[0]
    if "cluster_template_id" in desired.given:
        template_id = _with_template_id(api, desired, heir, how).given["cluster_template_id"]
        heir = standing_on(family, name, template_id) or heir
        if heir.cluster_template_id != template_id:
            found = driver_of(connection, api, heir, how.driver)
            if has(found, "upgrade") is False:
                successor = successor_name(scheme, name, template_id, names.get(template_id))
                return replace(desired, name=successor), family
    return replace(desired, name=heir.name), tuple(cluster for cluster in family if cluster.id != heir.id)


def reconcile_node_group(connection: Connection, desired: DesiredCluster, how: How) -> dict[str, Any]:
    """Make one node group as declared, or make it go: the same plan as for a cluster of which nothing else is said.

    :param desired: a cluster with this one group.
    :returns: ``node_group`` (None when absent), ``changed``, ``changes``, ``diff``.
    :raises NotFound: the group is to be there and its cluster is not.
    """
    (group,) = desired.groups
    check_groups(desired.groups)
    writer = _writer(connection, how)
    actual = _read(writer, desired.name, how, present=True)
    if actual is None and group.absent:
        return result_of(Plan("none"), node_group=None)
    if actual is None:
        raise NotFound(
            f"Failed to find cluster '{desired.name}'",
            resource=f"cluster/{desired.name}",
            hint="Make it with kcloud.infrastructure.magnum_cluster, or check the project",
        )
    settled, plan = _plan_present(connection, writer.api, desired, actual, how, recreate=False)
    result = _carried_out(writer, plan, actual, desired.name, how, present=True)
    groups = {entry["name"]: entry for entry in (result.pop("cluster") or {}).get("node_groups", ())}
    return {**result, "node_group": None if group.absent else groups.get(settled.groups[0].name)}


def _writer(connection: Connection, how: How) -> Writer:
    api = MagnumApi(connection, how.api_version)
    return Writer(
        api=api,
        deadline=Deadline.after(how.timeout, how.clock),
        progress=from_environment() if how.progress else Progress(),
        explain=partial(failure_of, connection),
        activity=activity_of(connection, api),
        stall=partial(stall_of, connection, api),
        overdue=partial(overdue_of, connection, api),
        wait=how.wait,
        nodes=partial(read_nodes, connection),
        idle=partial(idle_of, connection, api),
        trouble=partial(trouble_of, connection, api),
        fail_fast=how.fail_fast,
    )


def _carried_out(
    writer: Writer, plan: Plan, actual: Cluster | None, name: str, how: How, *, present: bool
) -> dict[str, Any]:
    """The result of a plan: foreseen in check mode, else of what was done."""
    if present:
        _check_wait(plan, actual, how, name)
    if how.check_mode:
        return result_of(plan, cluster=_foreseen(plan, actual))
    after = carry_out(plan, actual, writer) if plan.changed else actual
    if after is not None and present and how.wait_for == "healthy":
        after = _healthy(writer, after, plan)
    return result_of(plan, cluster=None if after is None else after.as_result())


def _healthy(writer: Writer, cluster: Cluster, plan: Plan) -> Cluster:
    """The cluster when it is well; what was changed before belongs to the answer when it is not."""
    try:
        found = until_healthy(writer.watch, cluster, writer.deadline, writer.progress)
    except KcloudError as error:
        made = [change.as_result() for change in plan.changes]
        error.details["result"] = {"changed": plan.changed, "changes": made, "changes_left": []}
        raise
    return replace(found, node_groups=cluster.node_groups)


def _read(writer: Writer, name: str, how: How, *, present: bool) -> Cluster | None:
    """The cluster as it is; one IN_PROGRESS is waited for before it is compared, a deletion can begin at any time."""
    actual = writer.api.cluster(name)
    if actual is not None and present and how.check_mode and Status.going(actual.status):
        # The real run waits until it is gone.
        return None
    if actual is not None and present and how.wait and not how.check_mode:
        actual = writer.settled(actual)
    return None if actual is None else writer.api.with_groups(actual)


def _plan_present(
    connection: Connection,
    api: MagnumApi,
    desired: DesiredCluster,
    actual: Cluster | None,
    how: How,
    *,
    recreate: bool,
    follow: Follow = NOT_FOLLOWING,
) -> tuple[DesiredCluster, Plan]:
    """The declaration in the names of what is there, and the plan for it."""
    references = References(connection)
    named = _with_template_id(api, desired, actual, how) if desired.given or actual is None else desired
    if actual is not None:
        if actual.status in ONLY_DELETE and not recreate:
            raise failure_of(connection, actual, f"use cluster '{desired.name}'")
        if actual.status not in ONLY_DELETE:
            naming = any(group.nodes_to_remove for group in desired.groups)
            nodes = read_nodes(connection, actual) if naming else {}
            driver = driver_of(connection, api, actual, how.driver) if needs_driver(named, actual) else None
            named = settled_groups(named, actual, nodes, references.same, driver)
        named = references.aligned_cluster(named, actual)
        move = _move(connection, api, references, named, actual, follow, how)
        plan = plan_upgrade(named, actual, move) if move else plan_cluster(named, actual, recreate=recreate)
    else:
        plan = plan_cluster(named, None)
    _check_references(references, plan)
    _check_trust(connection, api, plan)
    return named, plan


def _move(
    connection: Connection,
    api: MagnumApi,
    references: References,
    desired: DesiredCluster,
    actual: Cluster,
    follow: Follow,
    how: How,
) -> Move | None:
    """The cluster's way to the declared template; None when it may not follow, or has nowhere to go."""
    wanted = desired.given.get("cluster_template_id")
    if not follow.allowed or wanted is None or actual.status in ONLY_DELETE:
        return None
    moves = wanted != actual.cluster_template_id
    if not moves and all(group.is_default for group in actual.node_groups):
        return None
    template = _template(api, wanted, how)
    if template is None:
        return None
    left = api.cluster_template(actual.cluster_template_id) if moves and actual.cluster_template_id else None
    found = driver_of(connection, api, actual, how.driver)
    return Move(template, found, follow.max_batch_size, left, references.same)


def _template(api: MagnumApi, name_or_id: str, how: How) -> ClusterTemplate | None:
    """The template; in check mode the predicted one that stands in for one that does not exist yet."""
    predicted = how.predicted_template if how.check_mode else None
    if predicted and name_or_id in (predicted.get("name"), PREDICTED):
        known = {entry.name for entry in fields(ClusterTemplate)} - {"id"}
        return ClusterTemplate(PREDICTED, **{key: value for key, value in predicted.items() if key in known})
    return api.cluster_template(name_or_id)


def _with_template_id(api: MagnumApi, desired: DesiredCluster, actual: Cluster | None, how: How) -> DesiredCluster:
    """The template by its id: Magnum stores that, whatever name was given.

    A new cluster of a driver that makes no such network, or has no flavor for its nodes, is refused.
    """
    given = desired.given.get("cluster_template_id")
    if given is None:
        if actual is None:
            raise InvalidRequest(
                f"Failed to create cluster '{desired.name}': option 'cluster_template' is missing",
                resource=f"cluster/{desired.name}",
                hint="Name the cluster template to create it from",
            )
        return desired
    if actual is not None and actual.cluster_template_id == given:
        return desired
    if actual is None and is_uuid(desired.name):
        raise InvalidRequest(
            f"Failed to read option 'name': no cluster has the id '{desired.name}'",
            resource=f"cluster/{desired.name}",
            hint="Give a name to create a cluster",
        )
    template = _template(api, given, how)
    if template is None:
        names = ", ".join(sorted({found.name for found in api.cluster_templates()})[:10]) or "none at all"
        raise InvalidRequest(
            f"Failed to read option 'cluster_template': there is no cluster template '{given}'",
            code="REFERENCE_NOT_FOUND",
            resource=f"cluster_template/{given}",
            hint=f"This project sees: {names}. Make it with kcloud.infrastructure.magnum_cluster_template",
        )
    if actual is None:
        found = recognise(said=how.driver, distro=template.cluster_distro, labels=template.labels)
        refused = network_refusal(found, template.network_driver, desired.name, template.name)
        if refused is not None:
            raise refused
        if found.driver is HEAT:
            _check_flavors(desired, template)
    return replace(desired, given={**desired.given, "cluster_template_id": template.id})


def _check_flavors(desired: DesiredCluster, template: ClusterTemplate) -> None:
    """The cluster or its template names the flavors; Magnum would answer "Unable to find flavor None".

    :raises InvalidRequest: one is named by neither.
    """
    groups = {group.name: group.flavor_id for group in desired.groups}
    for key, option, group in (
        ("flavor_id", "flavor", DEFAULT_WORKER),
        ("master_flavor_id", "master_flavor", DEFAULT_MASTER),
    ):
        if not (desired.given.get(key) or groups.get(group) or getattr(template, key)):
            raise InvalidRequest(
                f"Failed to create cluster '{desired.name}': option '{option}' is missing",
                resource=f"cluster/{desired.name}",
                reason=f"cluster template '{template.name}' names no {option} either",
                hint=f"Set '{option}', or give the template one",
            )


def _check_references(references: References, plan: Plan) -> None:
    """What is about to be created names only things that exist."""
    for change in plan.changes:
        if change.verb.startswith("create_"):
            references.check(change.arguments, change.resource)


def _check_trust(connection: Connection, api: MagnumApi, plan: Plan) -> None:
    """What creates a cluster may make the trust that Magnum needs for it, up to the version that needs one."""
    for change in plan.changes:
        if change.verb == "create_cluster" and api.server_version <= NEWEST_WITH_TRUSTS:
            refused = trust_refusal(connection, f"create cluster '{change.arguments['name']}'", change.resource)
            if refused is not None:
                raise refused


def _check_wait(plan: Plan, actual: Cluster | None, how: How, name: str) -> None:
    """Without waiting there is room for one change, and none while another one runs."""
    if how.wait or not plan.changed:
        return
    if actual is not None and Status.in_progress(actual.status):
        raise Conflict(
            f"Failed to change cluster '{name}': it is {actual.status}",
            resource=f"cluster/{name}",
            reason="Magnum makes one change of a cluster at a time",
            hint="Run again later, or with 'wait: true'",
        )
    if len(plan.changes) > 1:
        raise InvalidRequest(
            f"Failed to change cluster '{name}' with 'wait: false': {len(plan.changes)} changes follow one another",
            resource=f"cluster/{name}",
            reason="Magnum makes one change of a cluster at a time: " + ", ".join(c.verb for c in plan.changes),
            hint="Set 'wait: true'; nothing was changed",
        )


def _check_wait_for(how: How, name: str) -> None:
    if how.wait_for == "healthy" and not how.wait:
        raise InvalidRequest(
            f"Failed to read option 'wait_for': 'healthy' with 'wait: false' for cluster '{name}'",
            resource="wait_for",
            hint="Set 'wait: true', or leave 'wait_for' out; nothing was changed",
        )


def _foreseen(plan: Plan, actual: Cluster | None) -> dict[str, Any] | None:
    """The cluster after the plan, as far as it can be told beforehand: node groups in a list, as they are returned."""
    if plan.action == "delete":
        return None
    if not plan.changed:
        return None if actual is None else actual.as_result()
    wanted = dict(plan.after.get("node_groups", {}))
    kept = actual.node_groups if actual is not None and plan.action == "update" else ()
    purged = set(plan.before.get("node_groups", {})) - set(wanted)
    groups = {group.name: group.as_result() for group in kept if group.name not in purged}
    for name, values in wanted.items():
        shown = {key: value for key, value in values.items() if key != "nodes_to_remove"}
        groups[name] = {**groups.get(name, {"name": name}), **shown}
    foreseen = {**(actual.as_result() if kept else {}), **plan.after}
    foreseen.pop("replaced_clusters", None)
    for change in plan.changes:
        if change.verb == "upgrade_node_group":
            groups[change.resource.rsplit("/", 1)[-1]]["image_id"] = change.arguments["image_id"]
    if not kept:
        # What has no id yet: a value that tasks after this one can use, and a mark by which it is told.
        foreseen = {"id": PREDICTED, "status": "CREATE_COMPLETE", **foreseen, "predicted": True}
    if "node_groups" in plan.after or kept:
        foreseen["node_groups"] = [groups[name] for name in sorted(groups)]
    if kept:
        foreseen["labels"] = dict(actual.labels)
        foreseen["node_count"] = sum(
            group.get("node_count", 1) for group in groups.values() if group.get("role") != "master"
        )
    return foreseen
