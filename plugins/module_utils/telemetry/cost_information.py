# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The costs of a project's clusters: clusters, flavors, ratings, volumes and addresses from the cloud, and what they come to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import read_existing
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import KcloudError
from ansible_collections.kcloud.infrastructure.plugins.module_utils.flavors import flavors
from ansible_collections.kcloud.infrastructure.plugins.module_utils.ids import is_uuid
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import Cluster
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.cost.answer import answer
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.cost.charges import (
    ClusterCost,
    Count,
    Extras,
    cluster_type,
    electricity,
    extra_charges,
    group_charge,
    team,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.cost.focus import (
    Account,
    as_csv,
    check_currency,
    rows,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.cost.measured import (
    NO_METRICS,
    Measured,
    read_measured,
    unmeasured,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.cost.period import (
    Period,
    read_period,
    written,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.cost.presence import (
    USAGE,
    Presence,
    Ran,
    presences,
    read_usage,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.cost.rated import (
    full_hours,
    rated_cost,
    rated_price,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.cost.tariff import (
    CLOUDKITTY,
    SOURCES,
    NodePrice,
    Tariff,
    node_price,
    read_tariff,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.information import Inventory, metrics
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.model import ClusterNode, Figure, Window
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.sources.cloudkitty import (
    PRICE_WINDOW_S,
    Rated,
    read_rated,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.sources.prometheus import VARIABLE
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.sources.reading import Source

if TYPE_CHECKING:
    from openstack.connection import Connection

Plain = dict[str, Any]
Groups = Mapping[str, tuple[ClusterNode, ...]]
FOCUS, PROMETHEUS = "focus", "prometheus"


NOT_SERVERS = "not all of its nodes are servers of Nova"
NOT_ASKED = "it was not asked, as 'cloudkitty' is false or no node without a price of the table is a server of Nova"


@dataclass(frozen=True)
class Request:
    """What is asked for.

    :param attribute: of CloudKitty's data, which holds a server's id; None where CloudKitty is not to be asked.
    :param label: of clusters, by which costs are summed too.
    :param provider: who charges, in rows of FOCUS; None where no rows are wanted.
    """

    tariff: Tariff
    period: Period
    attribute: str | None = "id"
    label: str | None = None
    provider: str | None = None


def read_request(params: Mapping[str, Any], now: int) -> Request:
    """The options that do not depend on a cloud.

    :param now: seconds since 1970.
    :raises InvalidRequest: one of them cannot be read, or rows of FOCUS are wanted without a currency.
    """
    tariff = read_tariff(params)
    if params["format"] == FOCUS:
        check_currency(tariff.currency)
    return Request(
        tariff=tariff,
        period=read_period(params["begin"], params["end"], params["window"], now),
        attribute=params["cloudkitty_attribute"] if params["cloudkitty"] else None,
        label=params["group_by"],
        provider=params["provider"] if params["format"] == FOCUS else None,
    )


@dataclass(frozen=True)
class Metrics:
    """What was measured of each cluster, by id; why nothing is known of the others; and the servers that were asked."""

    measured: Mapping[str, Measured] = field(default_factory=dict)
    reason: str = NO_METRICS
    servers: tuple[Plain, ...] = ()

    def of(self, cluster_id: str) -> Measured:
        return self.measured.get(cluster_id) or unmeasured(self.reason)


def given_metrics(raw: object) -> Metrics:
    """The option ``metrics``.

    :raises InvalidRequest: it is not an answer of ``cluster_metrics_info``.
    """
    return Metrics() if raw is None else Metrics(read_measured(raw), "'metrics' does not hold this cluster")


def asks_for_metrics(params: Mapping[str, Any], environment: Mapping[str, str]) -> bool:
    """Whether a source of metrics is named, by options or by the environment, and metrics are not handed over."""
    if params["metrics"] is not None:
        return False
    named = params["servers"] is not None or params["source"] != PROMETHEUS
    return named or bool(environment.get(VARIABLE, "").strip())


def read_metrics(inventory: Inventory, sources: Sequence[Source], window: Window) -> Metrics:
    """What sources say of the clusters. Prices are known without them, so that a failure is part of the answer."""
    try:
        found = metrics(inventory, sources, window)
    except KcloudError as error:
        shown = [
            {"name": source.name, "url": source.url, "metrics": 0, "failure": error.failure()} for source in sources
        ]
        return Metrics(reason=error.sentence(), servers=tuple(shown))
    return Metrics(read_measured(found), "the servers know nothing of this cluster", tuple(found["servers"]))


@dataclass(frozen=True)
class PriceList:
    """Prices of the flavors that clusters use, before CloudKitty is asked; and what the cloud says of each flavor."""

    tariff: Tariff
    offered: Mapping[str, Plain]

    def of(self, flavor: str | None, billed: Figure | None = None) -> NodePrice:
        return node_price(self.tariff, flavor or "", self.offered.get(flavor or ""), billed)


def read_costs(connection: Connection, inventory: Inventory, known: Metrics, request: Request) -> Plain:
    """What the module answers.

    :raises KcloudError: Nova cannot be read.
    """
    offered = {key: flavor for flavor in flavors(connection) for key in (flavor["id"], flavor["name"])}
    prices = PriceList(request.tariff, offered)
    usage, unknown = _usage(connection, inventory, request.period)
    there = {
        cluster.id: presences(
            cluster,
            groups,
            usage,
            request.period.since(cluster.created_at),
            [name for name in inventory.every_cluster if name not in (cluster.name, cluster.id)],
        )
        for cluster, groups in inventory.clusters
    }
    rated, failure = _rated(connection, inventory, there, prices, request)
    extras = _extras(connection, inventory, request.tariff)
    costs = [
        cluster_cost(
            cluster, there[cluster.id], prices, rated, extras[cluster.id], known.of(cluster.id), request.period
        )
        for cluster, _groups in inventory.clusters
    ]
    found = answer(costs, request.tariff, request.period, request.label)
    sources = [*_sources(costs, rated, failure, request), _of_usage(costs, unknown)]
    found.update(sources=sources, servers=list(known.servers))
    if request.provider is not None:
        lines = rows(costs, request.tariff.currency, request.period, _account(connection, request.provider))
        found.update(rows=lines, csv=as_csv(lines))
    return found


def cluster_cost(
    cluster: Cluster,
    there: Mapping[str, Presence],
    prices: PriceList,
    rated: Rated | None,
    extras: Extras,
    measured: Measured,
    period: Period,
) -> ClusterCost:
    """The charges of one cluster.

    :param there: the nodes of each group in the period.
    """
    tariff, seconds = prices.tariff, period.since(cluster.created_at)
    charges, kinds = [], []
    for group in cluster.node_groups:
        price, billed, ids = prices.of(group.flavor_id), None, there[group.name].ids
        if rated is not None and _asks(price) and ids:
            price = prices.of(group.flavor_id, rated_price(rated.latest, ids[: group.node_count], tariff.unit))
            billed = rated_cost(rated.costs, rated.latest, ids, tariff.unit, period)
        kinds.append(price.flavor)
        charges.append(group_charge(group, there[group.name], price, measured, billed, period, seconds))
    charges += extra_charges(tariff, extras, period, seconds)
    electric = electricity(tariff, measured.energy, period)
    return ClusterCost(cluster, cluster_type(cluster, kinds), team(cluster), tuple(charges), electric)


def _asks(price: NodePrice) -> bool:
    """Whether CloudKitty's word counts: only a price of the table comes before it."""
    return price.figure.source != SOURCES[0]


def _rated(
    connection: Connection,
    inventory: Inventory,
    there: Mapping[str, Mapping[str, Presence]],
    prices: PriceList,
    request: Request,
) -> tuple[Rated | None, KcloudError | None]:
    """What CloudKitty says of the nodes that the table has no price of; None where it was not asked."""
    ids = {
        identity
        for cluster, _groups in inventory.clusters
        for group in cluster.node_groups
        if _asks(prices.of(group.flavor_id))
        for identity in there[cluster.id][group.name].ids
        if is_uuid(identity)
    }
    if request.attribute is None or not ids:
        return None, None
    period = request.period
    last = full_hours(max(period.begin, period.end - PRICE_WINDOW_S), period.end)
    return read_rated(connection, ids, request.attribute, full_hours(period.begin, period.end), last)


# --- nodes in the period


def _usage(
    connection: Connection, inventory: Inventory, period: Period
) -> tuple[dict[str, Ran] | None, KcloudError | None]:
    """All servers of the project that ran in the period or later, deleted ones too, by id; None where Nova does not say."""
    if not inventory.clusters:
        return None, None
    begin = written(period.begin).removesuffix("Z")
    # Without an end Nova lists nodes, too, that are newer than the period. These count 0 seconds, and the others keep theirs.
    url = f"/os-simple-tenant-usage/{connection.current_project_id}?detailed=1&start={begin}"
    try:
        # Newer microversions answer it in pages
        answer = read_existing(
            lambda: connection.compute.get(url, microversion="2.1", raise_exc=True).json(), "read Nova's usage", "usage"
        )
        return read_usage(answer.get("tenant_usage", {}).get("server_usages", ()), period), None
    except KcloudError as error:
        return None, error


def _of_usage(costs: Iterable[ClusterCost], error: KcloudError | None) -> Plain:
    used = any(charge.presence.known for cost in costs for charge in cost.groups if charge.presence)
    reason = None if error is None else error.sentence()
    return {"name": USAGE, "used": used, "reason": reason, "failure": None if error is None else error.failure()}


# --- volumes and floating IPs


def _extras(connection: Connection, inventory: Inventory, tariff: Tariff) -> dict[str, Extras]:
    """What each cluster has beside its nodes, of what has a rate; by the cluster's id."""
    volumes = _counted(inventory, tariff.prices.volume_gib, lambda: _volume_sizes(connection))
    addresses = _counted(inventory, tariff.prices.floating_ip, lambda: _floating_ips(connection))
    return {
        cluster.id: Extras(
            volumes(_servers(groups)) if _are_servers(cluster, groups) else Count(reason=NOT_SERVERS),
            addresses(_addresses(cluster, groups)),
        )
        for cluster, groups in inventory.clusters
    }


def _counted(
    inventory: Inventory, rate: int | None, listed: Callable[[], Iterable[tuple[str, int]]]
) -> Callable[[Collection[str]], Count]:
    """A function that sums what belongs to some keys, of what the cloud lists as (key, amount)."""
    if rate is None or not inventory.clusters:
        return lambda _keys: Count()
    try:
        found = list(listed())
    except KcloudError as error:
        reason = error.sentence()
        return lambda _keys: Count(reason=reason)
    return lambda keys: Count(sum(amount for key, amount in found if key in keys))


def _are_servers(cluster: Cluster, groups: Groups) -> bool:
    """Whether Nova knows every node; what belongs to the others is not known."""
    return all(
        len(groups[group.name]) >= group.node_count and all(is_uuid(node.id) for node in groups[group.name])
        for group in cluster.node_groups
    )


def _servers(groups: Groups) -> set[str]:
    return {node.id for nodes in groups.values() for node in nodes}


def _addresses(cluster: Cluster, groups: Groups) -> set[str]:
    """The addresses of a cluster's nodes, and of its API, which may be a load balancer's."""
    host = (cluster.api_address or "").rpartition("//")[2].partition("/")[0].rpartition(":")[0]
    return {address for nodes in groups.values() for node in nodes for address in node.addresses} | {host}


def _volume_sizes(connection: Connection) -> list[tuple[str, int]]:
    """Each volume's server and GiB; one that several servers share belongs to the first."""
    listed = read_existing(lambda: list(connection.block_storage.volumes()), "list volumes", "volumes")
    return [(volume.attachments[0]["server_id"], volume.size or 0) for volume in listed if volume.attachments]


def _floating_ips(connection: Connection) -> list[tuple[str, int]]:
    listed = read_existing(lambda: list(connection.network.ips()), "list floating IPs", "floating IPs")
    return [(address.floating_ip_address, 1) for address in listed]


# --- the answer


def _sources(
    costs: Iterable[ClusterCost], rated: Rated | None, failure: KcloudError | None, request: Request
) -> list[Plain]:
    """Where prices come from, best first, and what is to be said of each source."""
    used = [
        figure.source or "" for cost in costs for charge in cost.charges for figure in (charge.per_hour, charge.cost)
    ]
    found = []
    for name in SOURCES:
        is_used = any(name in source for source in used)
        entry = {"name": name, "used": is_used, "reason": None, "failure": None}
        if name == CLOUDKITTY:
            entry["reason"] = _of_cloudkitty(rated, is_used, request.tariff)
            entry["failure"] = None if failure is None else failure.failure()
        found.append(entry)
    return found


def _of_cloudkitty(rated: Rated | None, is_used: bool, tariff: Tariff) -> str | None:
    if rated is None:
        return NOT_ASKED
    if is_used:
        return f"CloudKitty does not say its currency; its prices are taken to be in {tariff.unit}"
    return rated.reason


def _account(connection: Connection, provider: str) -> Account:
    project = connection.current_project
    region = connection.config.get_region_name()
    return Account(project.id or "", project.name, region or None, provider)
