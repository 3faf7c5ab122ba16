# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Access to clusters: a kubeconfig that is reused until it must be renewed, and the CA behind it."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils import kubeconfig
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import (
    Conflict,
    NotFound,
    OperationFailed,
    RequestLost,
    Unsupported,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.api import MagnumApi
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model import Cluster, Status
from ansible_collections.kcloud.infrastructure.plugins.module_utils.wait import Clock, Deadline, intervals

if TYPE_CHECKING:
    from openstack.connection import Connection

# Magnum replaces the CA within the call; what follows is the driver's rollout.
ROTATED_WITHIN_S = 15.0


def _cluster(api: MagnumApi, name: str) -> Cluster:
    found = api.cluster(name)
    if found is None:
        raise NotFound(
            f"Failed to find cluster '{name}'",
            resource=f"cluster/{name}",
            hint="Give the name or id of a cluster of this project",
        )
    return found


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

    :returns: ``kubeconfig`` (what may be shown of it), ``changed``, ``diff``.
    """
    path = os.path.abspath(os.path.expanduser(path))
    found = kubeconfig.read_file(path)
    api = MagnumApi(connection, api_version)
    cluster = _cluster(api, name)
    if not cluster.api_address:
        raise Conflict(
            f"Failed to make a kubeconfig: cluster '{name}' has no API address yet",
            resource=f"cluster/{name}",
            reason=f"it is {cluster.status}",
            hint="Wait until it is CREATE_COMPLETE",
        )
    ca_pem = api.ca(cluster)
    ca_fingerprint = kubeconfig.fingerprint(ca_pem)
    reason = kubeconfig.why_renew(
        found, identity, cluster.api_address, ca_fingerprint, now=kubeconfig.utc_now(), renew_before=renew_before
    )
    before = {} if found is None else {**found.as_result(), "private": kubeconfig.permissions_right(path)}
    shown = {"path": path, "cluster": cluster.name}
    if reason is None:
        if not before["private"] and not check_mode:
            os.chmod(path, kubeconfig.FILE_MODE)
        return _answer({**shown, **found.as_result()}, before, {**before, "private": True}, None)
    wanted = {
        "server": cluster.api_address,
        "user": identity.user,
        "groups": list(identity.groups),
        "ca_fingerprint": ca_fingerprint,
        "private": True,
    }
    if not check_mode:
        key = kubeconfig.new_key()
        certificate = api.sign(cluster, kubeconfig.signing_request(key, identity))
        made = kubeconfig.document(cluster.name, cluster.api_address, ca_pem, identity, certificate, key)
        kubeconfig.write_file(path, made)
        shown = {**shown, **kubeconfig.summary(made).as_result()}
    # The fingerprint and the expiry of a certificate cannot be foretold, so neither mode's diff has them.
    return _answer(shown, {key: value for key, value in before.items() if key in wanted}, wanted, reason)


def _answer(shown: dict[str, Any], before: dict[str, Any], after: dict[str, Any], reason: str | None) -> dict[str, Any]:
    return {
        "kubeconfig": shown,
        "changed": reason is not None or before != after,
        "reason": reason,
        "diff": {"before": before, "after": after},
    }


def ensure_ca(
    connection: Connection,
    name: str,
    rotate_from: str | None,
    *,
    timeout: float,
    check_mode: bool,
    api_version: str | None = None,
) -> dict[str, Any]:
    """Read a cluster's CA, and rotate it when it still is the one that the user wants to be rid of.

    :param rotate_from: SHA-256 fingerprint in hex; None only reads.
    :returns: ``ca`` with ``pem`` and ``fingerprint``, ``changed``, ``diff``.
    """
    api = MagnumApi(connection, api_version)
    cluster = _cluster(api, name)
    pem = api.ca(cluster)
    before = kubeconfig.fingerprint(pem)
    wanted = (rotate_from or "").replace(":", "").lower()
    rotates = wanted == before
    if rotates and not check_mode:
        pem = _rotate(api, cluster, before, Deadline.after(timeout, Clock()))
    after = kubeconfig.fingerprint(pem)
    ca = {"cluster": cluster.name, "pem": pem, "fingerprint": after}
    diff = {"before": {"ca": before if rotates else "kept"}, "after": {"ca": "a new one" if rotates else "kept"}}
    return {"ca": ca, "changed": rotates, "diff": diff}


def _rotate(api: MagnumApi, cluster: Cluster, before: str, deadline: Deadline) -> str:
    """Rotate and see it: another fingerprint, and the driver's rollout at its end."""
    if Status.in_progress(cluster.status):
        raise Conflict(
            f"Failed to rotate the CA of cluster '{cluster.name}': it is {cluster.status}",
            resource=f"cluster/{cluster.name}",
            hint="Run again when the change under way has ended",
        )
    try:
        api.rotate_ca(cluster)
    except Exception as error:
        if "not supported" in str(getattr(error, "reason", error)).lower():
            raise Unsupported(
                f"Failed to rotate the CA of cluster '{cluster.name}': its driver cannot",
                resource=f"cluster/{cluster.name}",
                reason=getattr(error, "reason", None),
                hint="Make a new cluster and move the workloads; certificates that were signed stay valid until then",
            ) from error
        raise
    pause = intervals()
    while kubeconfig.fingerprint(pem := api.ca(cluster)) == before:
        if deadline.elapsed > ROTATED_WITHIN_S:
            raise RequestLost(
                f"Failed to rotate the CA of cluster '{cluster.name}': Magnum took the request and kept the CA",
                resource=f"cluster/{cluster.name}",
                hint="Look at the log of Magnum's conductor, then run again",
            )
        deadline.pause(next(pause))
    for seconds in intervals():
        found = _cluster(api, cluster.id)
        if Status.failed(found.status):
            raise OperationFailed(
                f"Failed to roll the new CA of cluster '{cluster.name}' out: it is {found.status}",
                resource=f"cluster/{cluster.name}",
                reason=found.status_reason,
                hint="The CA is new, the nodes may have the old one: remove the cause and rotate again",
            )
        if not Status.in_progress(found.status) or deadline.passed:
            break
        deadline.pause(seconds)
    return pem
