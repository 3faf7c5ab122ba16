# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nova's usage -> the nodes of each group in a period, and what they cost. What is expected was worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import Cluster, NodeGroup
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.cost.answer import answer
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.cost.charges import (
    Charge,
    ClusterCost,
    electricity,
    group_charge,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.cost.focus import Account, Row, rows
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.cost.measured import Measured, unmeasured
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.cost.period import Period
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.cost.presence import (
    Presence,
    Ran,
    presence,
    presences,
    read_usage,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.cost.tariff import NodePrice, read_tariff
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.model import ClusterNode, Figure

TARIFF = read_tariff(
    dict.fromkeys(("prices", "accelerator_config", "flavor_map", "electricity_rate", "pue", "carbon_rate"))
)
END = 1_800_000_000
DAY = Period(END - 86400, END)


def group(name: str, flavor: str, count: int, role: str = "worker") -> NodeGroup:
    return NodeGroup(id=name, name=name, role=role, flavor_id=flavor, node_count=count)


def cost_of(*charges: Charge) -> ClusterCost:
    return ClusterCost(Cluster(id="c1", name="ml"), "", None, charges, electricity(TARIFF, unmeasured().energy, DAY))


def focus_rows(*charges: Charge) -> list[Row]:
    return rows([cost_of(*charges)], "USD", DAY, Account("p1", "research", "RegionOne", "OpenStack"))


def total_cost(*charges: Charge) -> dict[str, Any]:
    return answer([cost_of(*charges)], TARIFF, DAY, None)["totals"]["cost"]


def usage(*servers: tuple[str, str, str, str | None]) -> dict[str, Ran]:
    """Nova's usage of servers, by (id, name, start, end) on one day."""
    return read_usage(
        [
            {"instance_id": identity, "name": name, "started_at": f"2027-01-15T{start}.000000",
             "ended_at": end and f"2027-01-15T{end}.000000"}
            for identity, name, start, end in servers
        ],
        Period(END - 6 * 3600, END),
    )  # fmt: skip


def test_nodes_cost_for_as_long_as_nova_says_that_they_ran() -> None:
    nodes = [ClusterNode("c1", "ml", "default-worker", name, f"ml-x7-node-{name}") for name in ("a", "b")]
    ran = usage(
        ("a", "ml-x7-node-a", "01:00:00", None),
        ("b", "ml-x7-node-b", "07:00:00", None),
        # Deleted: one of this group's, one before the period, and one of another cluster
        ("c", "ml-x7-node-c", "01:00:00", "02:30:00"),
        ("d", "ml-x7-node-d", "00:30:00", "01:30:00"),
        ("e", "ml-y8-node-c", "01:00:00", "04:00:00"),
    )
    there = presence(nodes, 2, ran, 6 * 3600)
    assert there.known
    # Six hours, the last one, and half of the first one
    assert [(node.id, seconds) for node, seconds in there.nodes] == [("a", 21600), ("b", 3600), ("c", 1800)]
    price = NodePrice(Figure(Decimal(3), "USD", 0, "price table", 1.0))
    charge = group_charge(group("default-worker", "f", 2), there, price, unmeasured(), None, DAY, 86400)
    assert (charge.per_hour.value, charge.cost.value) == (6, Decimal("22.5"))
    assert charge.cost.source == "price table; Nova's usage"
    found = focus_rows(charge)
    assert [(row["ResourceId"], row["BilledCost"], row["PricingQuantity"]) for row in found] == [
        ("a", "18.000000", "6.000000"),
        ("b", "3.000000", "1.000000"),
        ("c", "1.500000", "0.500000"),
    ]


def test_what_is_idle_of_a_period_is_a_part_of_its_cost() -> None:
    """Five nodes without a pod, for the last hour only, of a cluster that is older than the period."""
    nodes = [ClusterNode("c1", "ml", "default-worker", f"n{number}", f"ml-x7-node-{number}") for number in range(5)]
    ran = usage(*((one.id, one.name, "07:00:00", None) for one in nodes))
    price = NodePrice(Figure(Decimal(1), "USD", 0, "price table", 1.0))
    workers = group("default-worker", "f", 5)

    def charged(*shares: str) -> Charge:
        known = Measured(Figure(None, "kWh", 0), {"default-worker": tuple(Decimal(share) for share in shares)})
        return group_charge(workers, presence(nodes, 5, ran, 86400), price, known, None, DAY, 86400)

    idle = charged("0", "0", "0", "0", "0")
    assert (idle.cost.value, idle.idle_per_hour.value, idle.idle_cost.value) == (5, 5, 5)
    assert idle.idle_cost.source == "price table; Nova's usage; today's requests, taken for the whole period"
    # Four of five nodes are known, half of one is requested: 5 x 3.5 / 5
    partly = charged("0.5", "0", "0", "0").idle_cost
    assert (partly.value, partly.coverage) == (Decimal("3.5"), 0.8)
    assert partly.reason == "requests of 1 of 5 nodes are not known"


def test_nodes_that_nova_does_not_list_are_taken_as_they_are_today() -> None:
    nodes = [ClusterNode("c1", "ml", "default-worker", name, name) for name in ("a", "b")]
    ran = usage(("a", "a", "01:00:00", None), ("b", "b", "01:00:00", None))
    for known, count in ((nodes, 3), (nodes[:1], 2), ([*nodes, replace(nodes[0], id="z")], 3)):
        there = presence(known, count, ran, 600)
        assert not there.known
        assert there.seconds == 600 * count


PARKED = Cluster(
    id="c1", name="ml", stack_id="0b8d41a2-7d52-4c37-8f6c-1f5a1d0f7a11",
    node_groups=(group("default-master", "f", 1, "master"), group("default-worker", "f", 0)),
)  # fmt: skip
MASTER = ClusterNode("c1", "ml", "default-master", "m", "ml-x7-master-0", role="master")
DELETED = (
    ("m", "ml-x7-master-0", "01:00:00", None),
    ("c", "ml-x7-node-c", "01:00:00", "02:30:00"),
    # Of a cluster whose name begins with that of this one
    ("e", "ml-2-y8-node-0", "01:00:00", "04:00:00"),
)


def test_a_parked_group_costs_what_its_nodes_did_before() -> None:
    nodes = {"default-master": [MASTER], "default-worker": []}
    there = presences(PARKED, nodes, usage(*DELETED), 21600)
    assert [(node.id, seconds) for node, seconds in there["default-worker"].nodes] == [("c", 1800)]
    price = NodePrice(Figure(Decimal(3), "USD", 0, "price table", 1.0))
    charge = group_charge(PARKED.node_groups[1], there["default-worker"], price, unmeasured(), None, DAY, 86400)
    assert (charge.per_hour.value, charge.cost.value) == (0, Decimal("1.5"))
    assert [row["ResourceId"] for row in focus_rows(charge)] == ["c"]
    # A driver of the Cluster API
    of_capi = replace(PARKED, stack_id="ml-x7")
    ran = usage(("c", "ml-x7-default-worker-h1-c", "01:00:00", "02:30:00"))
    assert presences(of_capi, {"default-master": [], "default-worker": []}, ran, 600)["default-worker"].ids == ["c"]


def test_which_of_several_parked_groups_had_a_node_is_not_guessed() -> None:
    two = replace(PARKED, node_groups=(*PARKED.node_groups, group("npu", "f", 0)))
    there = presences(two, {"default-master": [MASTER], "default-worker": [], "npu": []}, usage(*DELETED), 21600)
    price = NodePrice(Figure(Decimal(3), "USD", 0, "price table", 1.0))
    charge = group_charge(two.node_groups[2], there["npu"], price, unmeasured(), None, DAY, 86400)
    assert charge.cost.value is None
    assert charge.cost.reason == "1 deleted servers were nodes of default-worker, npu; of which is not known"
    # Where none was deleted, there is nothing to guess
    there = presences(two, {"default-master": [MASTER], "default-worker": [], "npu": []}, usage(*DELETED[::2]), 21600)
    charge = group_charge(two.node_groups[2], there["npu"], price, unmeasured(), None, DAY, 86400)
    assert (charge.cost.value, charge.cost.source) == (0, "price table; Nova's usage")


STACKS = replace(
    PARKED, name="ML_Training.of-the-Site", created_at="2027-01-15T00:30:00Z",
    node_groups=(
        *(replace(one, stack_id=PARKED.stack_id) for one in PARKED.node_groups),
        replace(group("npu_workers-a", "f", 0), stack_id="5c9e7f10-2a44-4d0b-9d53-8a1c6b3e4f22"),
    ),
)  # fmt: skip


def test_a_parked_group_with_a_stack_of_its_own_has_names_of_its_own() -> None:
    """Its servers do not have the random part of the control plane's names."""
    nodes = {"default-master": [MASTER], "default-worker": [], "npu_workers-a": []}
    ran = usage(
        *DELETED[:2],
        ("n", "ml-training-of-the-s-npu-worke-abcdefgh2345-node-0", "01:00:00", "04:00:00"),
        # Of a cluster of this name that was there before this one
        ("o", "ml-training-of-the-s-npu-worke-bbcdefgh2345-node-0", "00:15:00", "03:00:00"),
        # Of another group, and of a cluster with a name that ends as the group's does
        ("p", "ml-training-of-the-s-npu-abcdefgh2345-node-0", "01:00:00", "04:00:00"),
        ("q", "ml-training-of-the-s-npu-worke-cbcdefgh2345-node-0", "01:00:00", "04:00:00"),
        ("r", "ml-training-of-the-s-npu-worke-cbcdefgh2345-master-0", "01:00:00", "04:00:00"),
    )
    there = presences(STACKS, nodes, ran, 21600)
    # Two of three hours are in the period
    assert [(node.id, node.group, seconds) for node, seconds in there["npu_workers-a"].nodes] == [
        ("n", "npu_workers-a", 7200)
    ]
    assert there["npu_workers-a"].known
    assert there["default-worker"].ids == ["c"]


def test_two_parked_groups_whose_names_magnum_shortens_alike_are_unclear() -> None:
    two = replace(STACKS, node_groups=(*STACKS.node_groups, replace(STACKS.node_groups[2], name="npu-workers-b")))
    nodes = {"default-master": [MASTER], "default-worker": [], "npu_workers-a": [], "npu-workers-b": []}
    ran = usage(*DELETED, ("n", "ml-training-of-the-s-npu-worke-abcdefgh2345-node-0", "01:00:00", "04:00:00"))
    there = presences(two, nodes, ran, 21600)
    reason = "1 deleted servers were nodes of npu_workers-a, npu-workers-b; of which is not known"
    assert [there[name].unclear for name in nodes] == [None, None, reason, reason]


def test_a_parked_group_does_not_take_the_servers_of_a_cluster_whose_name_is_shortened_alike() -> None:
    nodes = {"default-master": [MASTER], "default-worker": [], "npu_workers-a": []}
    gone = ("n", "ml-training-of-the-s-npu-worke-abcdefgh2345-node-0", "01:00:00", "04:00:00")
    there = presences(STACKS, nodes, usage(*DELETED, gone), 21600, ["web", "ml-training-of-the-Sea"])
    assert there.keys() == nodes.keys()
    assert (
        there["npu_workers-a"].unclear
        == "1 deleted servers were nodes of npu_workers-a, another cluster with a similar name; of which is not known"
    )
    # The other one's group has nodes now
    living = ("l", "ml-training-of-the-s-npu-worke-abcdefgh2345-node-1", "01:00:00", None)
    there = presences(STACKS, nodes, usage(*DELETED, gone, living), 21600, ["web", "ml-training-of-the-Sea"])
    assert (there["npu_workers-a"].known, there["npu_workers-a"].nodes) == (True, ())


def test_an_unknown_cost_of_parked_groups_lowers_the_coverage_of_the_sum() -> None:
    two = replace(PARKED, node_groups=(*PARKED.node_groups, group("npu", "f", 0)))
    there = presences(two, {"default-master": [MASTER], "default-worker": [], "npu": []}, usage(*DELETED), 21600)
    price = NodePrice(Figure(Decimal(3), "USD", 0, "price table", 1.0))
    charges = [group_charge(one, there[one.name], price, unmeasured(), None, DAY, 86400) for one in two.node_groups]
    total = total_cost(*charges)
    # The control plane's six hours are one of three parts
    assert (total["value"], total["coverage"]) == (18.0, 0.3333)
    # The node of a parked group has no price, the control plane has: one of two parts
    there = presences(PARKED, {"default-master": [MASTER], "default-worker": []}, usage(*DELETED), 21600)
    unknown = NodePrice(Figure(None, "USD", 0, reason="no price"))
    workers = group_charge(PARKED.node_groups[1], there["default-worker"], unknown, unmeasured(), None, DAY, 86400)
    total = total_cost(charges[0], workers)
    assert (total["value"], total["coverage"], total["reason"]) == (18.0, 0.5, "no price")


CAPI = Cluster(
    id="c1", name="ml", stack_id="ml-x7",
    node_groups=(group("default-master", "f", 1, "master"), group("w", "f", 1), group("w-gpu", "f", 1)),
)  # fmt: skip
REPLACED = (
    ("m", "ml-x7-k3-m", "01:00:00", None),
    ("a", "ml-x7-w-h2-a", "05:00:00", None),
    ("g", "ml-x7-w-gpu-h2-g", "05:00:00", None),
    # Of the hash of the machines before the upgrade: h1
    ("b", "ml-x7-w-h1-b", "01:00:00", "05:00:00"),
    ("h", "ml-x7-w-gpu-h1-h", "01:00:00", "05:00:00"),
    ("z", "ml-2-y8-w-h1-z", "01:00:00", "05:00:00"),
)


def of_capi(*servers: tuple[str, str, str, str | None]) -> dict[str, Presence]:
    """The groups of a cluster of the Cluster API, with its living servers as nodes."""
    names = {"default-master": "m", "w": "a", "w-gpu": "g"}
    living = {identity: name for identity, name, _start, end in servers if end is None}
    nodes = {
        name: [ClusterNode("c1", "ml", name, one, living[one])] if one in living else [] for name, one in names.items()
    }
    return presences(CAPI, nodes, usage(*servers), 21600)


def test_nodes_that_an_upgrade_replaced_cost_until_then() -> None:
    there = of_capi(*REPLACED)
    # Three of six hours each, the first three by the old node; the server of another cluster is none's
    assert [(node.id, seconds) for node, seconds in there["w"].nodes] == [("a", 10800), ("b", 10800)]
    assert [(node.id, seconds) for node, seconds in there["w-gpu"].nodes] == [("g", 10800), ("h", 10800)]
    price = NodePrice(Figure(Decimal(1), "USD", 0, "price table", 1.0))
    charge = group_charge(CAPI.node_groups[1], there["w"], price, unmeasured(), None, DAY, 86400)
    assert (charge.cost.value, charge.cost.coverage, charge.cost.reason) == (6, 1.0, None)


def test_deleted_servers_of_no_group_are_not_counted_and_lower_the_coverage() -> None:
    """Of a control plane with an older hash, or of a group that is gone: two hours of eight."""
    there = of_capi(*REPLACED, ("o", "ml-x7-k2-o", "01:00:00", "04:00:00"))
    assert [ran.id for ran in there["default-master"].lost] == ["o"]
    price = NodePrice(Figure(Decimal(1), "USD", 0, "price table", 1.0))
    charge = group_charge(CAPI.node_groups[0], there["default-master"], price, unmeasured(), None, DAY, 86400)
    assert (charge.cost.value, charge.cost.coverage) == (6, 0.75)
    assert charge.cost.reason == "1 deleted servers of this cluster are not counted"
    # Where Nova does not list the living node of a group, today's count is taken, and its deleted ones are not
    there = of_capi(*(server for server in REPLACED if server[0] != "a"))
    assert (there["w"].known, there["w"].seconds, [ran.id for ran in there["w"].lost]) == (False, 21600, ["b"])
