# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Access to clusters: a kubeconfig that is reused until it must be renewed, and the CA behind it."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils import private_file
from ansible_collections.kcloud.infrastructure.plugins.module_utils.access import kubeconfig
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import (
    Conflict,
    InvalidRequest,
    KcloudError,
    NotFound,
    NotPermitted,
    OperationFailed,
    RequestLost,
    ServiceError,
    Unsupported,
    changing,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.follow import (
    Missed,
    Operation,
    Sent,
    follow,
    looks,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.ids import check_label
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.apply.api import MagnumApi
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.apply.follow import Follower
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.drivers import refusal
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import Cluster, Status
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.read.project import Project
from ansible_collections.kcloud.infrastructure.plugins.module_utils.progress import Progress
from ansible_collections.kcloud.infrastructure.plugins.module_utils.wait import Clock, Deadline

if TYPE_CHECKING:
    from openstack.connection import Connection

# How long after the request the CA may stay as it was, in seconds: Magnum changes it within a few, before it asks the driver.
CA_KEPT_AFTER_S = 60.0
# What a rotation that did not end well leaves.
NODES_LEFT_BEHIND = (
    "Magnum has a new CA, the nodes may have the old one: remove the cause, bring the cluster back to COMPLETE "
    "(magnum_cluster), and rotate again"
)
# What is not known of a certificate before it is signed.
UNPREDICTABLE = ("fingerprint", "not_before", "not_after")


def _cluster(api: MagnumApi, name: str) -> Cluster:
    """The cluster of this name or id.

    :raises InvalidRequest: that can be neither.
    :raises NotFound: there is none.
    """
    check_label("cluster", name, "cluster")
    found = api.cluster(name)
    if found is None:
        raise NotFound(
            f"Failed to find cluster '{name}'",
            resource=f"cluster/{name}",
            hint="Give the name or id of a cluster of this project",
        )
    return found


@contextlib.contextmanager
def _explained(cluster: Cluster) -> Iterator[None]:
    """Say whom Magnum lets at certificates: its 403 names a policy, not the reason."""
    try:
        yield
    except NotPermitted as error:
        raise NotPermitted(
            error.message,
            resource=error.resource,
            reason=error.reason,
            hint="Unless the cloud's policy says otherwise, only the user who created the cluster may read its CA and have "
            f"certificates signed, other members of the project may not: log in as user {cluster.user_id}",
        ) from error


# --- kubeconfigs


def ensure_kubeconfig(
    connection: Connection,
    name: str,
    path: str,
    identity: kubeconfig.Identity,
    *,
    renew_before: timedelta,
    check_mode: bool,
    api_version: str | None = None,
) -> dict[str, Any]:
    """Have a kubeconfig for a cluster in a file.

    Key and request are made here; the key never leaves this host. The file at hand is kept while it will do.

    :returns: ``kubeconfig`` (what may be shown of it), ``changed``, ``reason``, ``diff``.
    """
    check_label("cluster", name, "cluster")
    path = os.path.abspath(path)
    found = kubeconfig.read_file(path)
    api = MagnumApi(connection, api_version)
    cluster = _cluster(api, name)
    _same_cluster(found, path, cluster.name, cluster.id)
    if not cluster.api_address:
        raise Conflict(
            f"Failed to make a kubeconfig: cluster '{name}' has no API address yet",
            resource=f"cluster/{name}",
            reason=f"it is {cluster.status}",
            hint="Wait until it is CREATE_COMPLETE",
        )
    with _explained(cluster):
        ca_pem = api.ca(cluster)
    ca_fingerprint = kubeconfig.fingerprint(ca_pem)
    reason = kubeconfig.why_renew(
        found,
        identity,
        cluster.id,
        cluster.api_address,
        ca_fingerprint,
        now=kubeconfig.utc_now(),
        renew_before=renew_before,
    )
    before = {} if found is None else {**found.as_result(), "private": private_file.permissions_right(path)}
    shown = {"path": path, "cluster": cluster.name, "cluster_id": cluster.id}
    if found is not None and reason is None:
        if before["private"]:
            return _answer({**shown, **found.as_result()}, before, before, None)
        if not check_mode:
            os.chmod(path, private_file.FILE_MODE)
        return _answer({**shown, **found.as_result()}, before, {**before, "private": True}, "others may read it")
    wanted = {
        **shown,
        "server": cluster.api_address,
        "user": identity.user,
        "groups": list(identity.groups),
        "ca_fingerprint": ca_fingerprint,
    }
    if not check_mode:
        key = kubeconfig.new_key()
        with _explained(cluster):
            certificate = api.sign(cluster, kubeconfig.signing_request(key, identity))
        made = _document(cluster, ca_pem, identity, certificate, key)
        kubeconfig.write_file(path, made)
        shown = {**shown, **kubeconfig.summary(made).as_result()}
    else:
        shown = wanted
    # What the new certificate will be like cannot be predicted, so neither mode's diff says more than that it is new.
    after = {key: value for key, value in wanted.items() if key != "path"}
    return _answer(shown, before, {**after, **dict.fromkeys(UNPREDICTABLE, "a new one"), "private": True}, reason)


def remove_kubeconfig(name: str, path: str, *, check_mode: bool) -> dict[str, Any]:
    """Have no kubeconfig in a file. Asks no cloud: the cluster may be gone; what was signed stays valid all the same.

    :param name: name or id of the cluster; a kubeconfig of another one is not removed.
    """
    check_label("cluster", name, "cluster")
    path = os.path.abspath(path)
    found = kubeconfig.read_file(path)
    if found is None:
        return _answer(None, {}, {}, None)
    _same_cluster(found, path, name, name)
    if not check_mode:
        kubeconfig.remove_file(path)
    return _answer(None, found.as_result(), {}, "it is not wanted any more")


def _same_cluster(found: kubeconfig.Summary | None, path: str, name: str, cluster_id: str) -> None:
    """Refuse a file that belongs to another cluster."""
    if found is not None and found.cluster != name and found.cluster_id != cluster_id:
        raise InvalidRequest(
            f"Failed to use option 'path': '{path}' holds the kubeconfig of cluster '{found.cluster}'",
            resource=path,
            reason=f"the task is about cluster '{name}'",
            hint="Give each cluster a path of its own; the file was not changed",
        )


def _document(
    cluster: Cluster, ca_pem: str, identity: kubeconfig.Identity, certificate: str, key: Any
) -> dict[str, Any]:
    try:
        return kubeconfig.document(
            cluster.name, cluster.id, cluster.api_address or "", ca_pem, identity, certificate, key
        )
    except kubeconfig.NotOurs as error:
        raise ServiceError(
            f"Failed to make a kubeconfig: what Magnum signed for cluster '{cluster.name}' is not what was asked for",
            resource=f"cluster/{cluster.name}",
            reason=str(error),
            hint="The CA may just have been rotated: run again",
        ) from error


def _answer(
    shown: dict[str, Any] | None, before: dict[str, Any], after: dict[str, Any], reason: str | None
) -> dict[str, Any]:
    return {
        "kubeconfig": shown,
        "changed": reason is not None,
        "reason": reason,
        "diff": {"before": before, "after": after},
    }


# --- the CA


def ensure_ca(
    connection: Connection,
    name: str,
    rotate_from: str | None,
    *,
    driver: str | None = None,
    force: bool = False,
    timeout: float,
    check_mode: bool,
    wait: bool = True,
    api_version: str | None = None,
    progress: Progress | None = None,
    clock: Clock | None = None,
) -> dict[str, Any]:
    """Read a cluster's CA, and rotate it when it still is the one that the user wants to be rid of.

    :param rotate_from: SHA-256 fingerprint in hex; None only reads.
    :param driver: name of the cluster's driver; None finds it out.
    :param force: rotate where it is not known whether the driver can.
    :param timeout: seconds for everything.
    :param wait: False returns as soon as Magnum shows the new CA, before the driver has brought it to the nodes.
    :returns: ``ca`` with ``pem``, ``fingerprint`` and ``not_after``, ``changed``, ``diff``.
    :raises OperationFailed: the driver ended FAILED, or Magnum shows IN_PROGRESS although the driver has ended.
    :raises WaitTimeout: the cluster is not done in time.
    """
    unwanted = _fingerprint(rotate_from)
    api = MagnumApi(connection, api_version)
    deadline = Deadline.after(timeout, clock or Clock())
    follower = Follower.explained(connection, api, deadline, progress or Progress(), wait=wait)
    cluster = _cluster(api, name)
    if unwanted and wait and not check_mode:
        # Also when the CA is another one already: an earlier run may have been killed before its end.
        cluster = _settled(follower, cluster)
    with _explained(cluster):
        pem = api.ca(cluster)
    before = kubeconfig.fingerprint(pem)
    rotates = unwanted == before
    if rotates:
        _check_rotation(connection, api, cluster, driver, force=force, waits=wait and check_mode)
    if rotates and not check_mode:
        pem = _rotate(follower, cluster, before)
    ca = {
        "cluster": cluster.name,
        "cluster_id": cluster.id,
        "pem": pem,
        "fingerprint": kubeconfig.fingerprint(pem),
        "not_after": kubeconfig.not_after(pem),
    }
    diff = {"before": {"ca": before}, "after": {"ca": "a new one" if rotates else before}}
    return {"ca": ca, "changed": rotates, "diff": diff}


def _fingerprint(text: str | None) -> str | None:
    """A fingerprint as it is compared; colons and capitals as openssl writes them are taken too."""
    if text is None:
        return None
    plain = text.replace(":", "").lower()
    if not re.fullmatch(r"[0-9a-f]{64}", plain):
        raise InvalidRequest(
            f"Failed to read option 'rotate_from': '{text}' is not a SHA-256 fingerprint",
            resource="rotate_from",
            hint="Give the 64 hex digits of 'ca.fingerprint', as this module returns it",
        )
    return plain


def _settled(follower: Follower, cluster: Cluster) -> Cluster:
    """The cluster when the change under way has ended, well or not."""
    return follower.settled(cluster, f"wait for cluster '{cluster.name}'") or follower.present(cluster)


def _check_rotation(
    connection: Connection, api: MagnumApi, cluster: Cluster, driver: str | None, *, force: bool, waits: bool
) -> None:
    """Refuse before anything is sent.

    Magnum makes the new CA first and asks the driver second: where the driver cannot, the cluster is UPDATE_FAILED, and
    everything signed from then on is refused by its nodes, which keep the old CA.

    :param waits: a check of a run that would wait for a change under way first.
    """
    about = f"Failed to rotate the CA of cluster '{cluster.name}'"
    resource = f"cluster/{cluster.name}"
    under_way = Status.in_progress(cluster.status)
    if under_way and not waits:
        raise Conflict(
            f"{about}: it is {cluster.status}",
            resource=resource,
            reason="Magnum makes one change of a cluster at a time",
            hint="Run again later, or with 'wait: true'",
        )
    if not under_way and not Status.complete(cluster.status):
        raise Conflict(
            f"{about}: it is {cluster.status}",
            resource=resource,
            reason=cluster.status_reason,
            hint="Magnum rotates from a COMPLETE status only: put right what failed (magnum_cluster), then run again",
        )
    refused = None if force else refusal(Project(connection, api).driver(cluster, driver), "rotate_ca", cluster.name)
    if refused is not None:
        raise refused


def _rotate(follower: Follower, cluster: Cluster, before: str) -> str:
    """Rotate and see it: another fingerprint, and the driver's rollout at its end. Never asked for twice: each makes a new CA."""
    pem = follow(
        Operation[None, str](
            words=lambda _target: f"rotate the CA of cluster '{cluster.name}'",
            send=lambda _target: _send_rotation(follower, cluster),
            seen=lambda _target, sent: _new_ca(follower, cluster, before, sent),
            lost=lambda _target, _missed: RequestLost(
                f"Failed to rotate the CA of cluster '{cluster.name}': Magnum took the request and kept the CA",
                resource=f"cluster/{cluster.name}",
                hint="Look at the log of Magnum's conductor, then run again",
            ),
            sends=1,
        ),
        None,
        follower.progress.say,
    )
    if follower.wait:
        _roll_out(follower, cluster)
    return pem or ""


def _send_rotation(follower: Follower, cluster: Cluster) -> None:
    try:
        follower.api.rotate_ca(cluster)
    except KcloudError as error:
        if "not supported" not in (error.reason or "").lower():
            raise
        raise Unsupported(
            f"Failed to rotate the CA of cluster '{cluster.name}': its driver cannot",
            resource=f"cluster/{cluster.name}",
            reason=error.reason,
            hint="Magnum may have replaced its copy of the CA before it asked the driver: look at the cluster's status. "
            "If it is UPDATE_FAILED, new certificates are refused by the nodes: make a new cluster",
        ) from error


def _new_ca(follower: Follower, cluster: Cluster, before: str, sent: Sent) -> str | Missed:
    """The new CA, once Magnum shows it."""

    def look() -> str:
        follower.present(cluster)
        return follower.watch.ca(cluster)

    def overdue(_last: str) -> KcloudError:
        what = f"the new CA of cluster '{cluster.name}'"
        return follower.overdue(follower.present(cluster), what, follower.deadline.limit)

    seen = looks(
        follower.watch.ca(cluster),
        look,
        follower.deadline,
        overdue if sent.clear else None,
        within=CA_KEPT_AFTER_S,
    )
    return next((pem for pem in seen if kubeconfig.fingerprint(pem) != before), Missed())


def _roll_out(follower: Follower, cluster: Cluster) -> None:
    """Wait until the driver has brought the new CA to the nodes.

    :raises OperationFailed: it did not; the nodes may have the old CA.
    """
    try:
        with changing():
            follower.ended(follower.present(cluster), f"roll out the new CA of cluster '{cluster.name}'")
    except OperationFailed as error:
        error.hint = f"{NODES_LEFT_BEHIND}. {error.hint}" if error.hint else NODES_LEFT_BEHIND
        raise
