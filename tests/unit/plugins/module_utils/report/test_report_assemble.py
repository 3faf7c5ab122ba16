# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers of the modules -> one report: sums, what is unknown, decisions, and what a tenant may not see."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.report import plain
from ansible_collections.kcloud.infrastructure.plugins.module_utils.report.assemble import Settings, make_report
from ansible_collections.kcloud.infrastructure.plugins.module_utils.report.model import Report, Sum, total
from ansible_collections.kcloud.infrastructure.plugins.module_utils.report.page import page
from ansible_collections.kcloud.infrastructure.plugins.module_utils.report_files import FORMATS, rendered

SETTINGS = Settings("Report", "operator", idle_below=0.1)
SERVER_ID = "0b8d41a2-7d52-4c37-8f6c-1f5a1d0f7a11"


def figure(value: float | None, unit: str = "", coverage: float = 1.0, reason: str | None = None) -> dict[str, Any]:
    source = "DCGM exporter (site-a)" if value is not None else None
    return {"value": value, "unit": unit, "source": source, "coverage": coverage, "window": 86400, "reason": reason}


def group(name: str, held: float | None, free: float | None, *loads: float | None, nodes: int = 2) -> dict[str, Any]:
    """A node group whose GPUs have these utilisations."""
    devices = [{"id": f"GPU-{at}", "kind": "gpu", "utilization": figure(load)} for at, load in enumerate(loads)]
    return {
        "name": name,
        "role": "worker",
        "node_count": nodes,
        "requests": {"gpu": figure(held)},
        "free": {"gpu": figure(free)},
        "nodes": [{"id": SERVER_ID, "name": f"{name}-0", "addresses": ["10.0.0.5"], "devices": devices}],
    }


def cluster(
    name: str, *groups: dict[str, Any], power: float | None = 100, use: float | None = 0.5, **more: Any
) -> dict[str, Any]:
    return {
        "id": f"id-{name}",
        "name": name,
        "status": "CREATE_COMPLETE",
        "utilization": {"gpu": figure(use, "ratio")},
        "power": {"total": figure(power, "W")},
        "energy": {"total": figure(2.4, "kWh")},
        "node_groups": list(groups),
        **more,
    }


def cost(name: str, per_hour: float | None, idle: float | None, team: str | None = None) -> dict[str, Any]:
    return {
        "id": f"id-{name}",
        "name": name,
        "team": team,
        "cost_per_hour": figure(per_hour, "USD/h"),
        "idle_cost_per_hour": figure(idle, "USD/h"),
        "node_groups": [{"name": "w", "flavor": "gpu.a100", "node_count": 2, "cost_per_hour": figure(per_hour)}],
    }


METRICS = {
    "clusters": [
        cluster("ml", group("w", 3, 1, 0.9, 0.8, 0.02, 0.0)),
        cluster("web", group("w", 0, 2, 0.01, None), power=None, use=0.01),
    ],
    "gaps": [{"cluster": "web", "node": "w-0", "server": "site-a", "reason": "unknown: power of cpu"}],
    "window": {"begin": 0, "end": 86400, "step": 3600},
}
COSTS = {"currency": "USD", "clusters": [cost("ml", 8, 2, "a"), cost("web", 4, 4)]}
REFUSAL = {"code": "TOO_YOUNG", "need": 2, "have": 1, "unit": "h", "fix": {"sentence": "wait an hour"}}
DECISIONS = {
    "idle": {
        "decision": {"sentence": "Mark web."},
        "clusters": [
            {"cluster": "web", "cluster_id": "id-web", "action": "mark", "saving_h": 4, "why": ["IDLE"], "why_not": []},
            {"cluster": "ml", "cluster_id": "id-ml", "action": "none", "saving_h": 8, "why": [], "why_not": [REFUSAL]},
        ],
    },
    "scaling": {
        "decision": {
            "cost_delta_h": -4,
            "sentence": f"Scale in ml/w without {SERVER_ID}, which is 10.0.0.5.",
            "node_groups": [{"cluster": "ml", "cluster_id": "id-ml", "node_group": "w", "nodes_to_remove": [SERVER_ID]}],
        },
        "groups": [
            {"cluster": "ml", "cluster_id": "id-ml", "node_group": "w", "action": "scale_in", "node_count_before": 2, "node_count_after": 1}
        ],
        "unplaced": [{"workload": "train", "why_not": [REFUSAL]}],
    },
}  # fmt: skip


def report(*first: Any, **changes: Any) -> Report:
    """The report of the data above, with metrics, costs, decisions (in this order) or settings changed; None leaves one out."""
    given: dict[str, Any] = {"metrics": METRICS, "costs": COSTS, "decisions": DECISIONS, "settings": SETTINGS}
    given |= dict(zip(given, first, strict=False)) | changes
    return make_report(given["metrics"], given["costs"], given["decisions"], given["settings"])


def test_the_first_screen_is_the_sum_of_what_is_known() -> None:
    found = report().summary
    # Of web's two GPUs one has no measurement; half of ml's four are on the node that scaling removes, and web is marked
    assert found.counts == {
        "total": Sum(6, 0, 2), "held": Sum(3, 0, 2), "computing": Sum(2, 0, 2), "idle": Sum(3, 0, 2), "reclaimable": Sum(4, 0, 2),
    }  # fmt: skip
    assert (found.cost_per_hour, found.idle_cost_per_day) == (Sum(12, 0, 2), Sum(144, 0, 2))
    assert found.power == Sum(100, 1, 2)
    # Both may be of the same nodes, so the larger one counts: 4 an hour
    assert found.saving_per_week == 4 * 168
    classes = {row.name: (row.clusters, row.counts["total"].value, row.cost_per_hour.value) for row in found.by_class}
    assert classes == {"GPU, gpu.a100": (2, 6, 12)}
    assert [(row.name, row.counts["total"].value, row.cost_per_hour.value) for row in found.by_team] == [
        ("a", 4, 8),
        ("no team", 2, 4),
    ]


def test_a_figure_of_some_of_its_parts_makes_its_sums_lower_bounds() -> None:
    half = group("w", 3, 1, 0.9, 0.8, 0.02, 0.0)
    half["requests"]["gpu"] |= {"coverage": 0.5, "reason": "1 of 2 nodes have no data"}
    ml = cluster("ml", half, use=0.01)
    ml["power"]["total"] = figure(300, "W", 0.33, "2 of 3 nodes have no data")
    ml["energy"]["total"] |= {"reason": "2 of 3 nodes have no data"}
    paid = cost("ml", 8, 2, "a")
    for entry in (paid, *paid["node_groups"]):
        entry["cost_per_hour"] = figure(0.12, "USD/h", 0.2, "flavor 'gpu' has no price")
    paid["electricity"] = {"carbon": figure(1, "kg", 0.33, "2 of 3 nodes have no data")}
    found = report({"clusters": [ml]}, {"currency": "USD", "clusters": [paid]})
    assert plain.summary(found)["partial"] == [
        "accelerators.held", "accelerators.reclaimable", "accelerators.total", "cost_per_hour", "energy", "power",
    ]  # fmt: skip
    text = plain.text(found)
    for said in ("at least 0.12 USD", "at least 300 W", "at least 2.4 kWh", "accelerators held         at least 3"):
        assert said in text, said
    assert "computing    2\n" in text and "for at least 0.12 USD/h" in text
    rows = (*found.summary.by_class, *found.summary.by_team)
    assert [row.cost_per_hour for row in rows] == [Sum(0.12, 0, 1, 1)] * 2
    assert found.summary.carbon.is_bound
    # The cluster has metrics, if not of all nodes
    assert "of 1 of 1 clusters with metrics" in page(found, 0.1)


def test_what_is_not_given_is_unknown_and_said() -> None:
    found = make_report(None, None, None, SETTINGS)
    assert {one.value for one in found.summary.counts.values()} == {None}
    assert found.summary.saving_per_week is None and found.at is None
    assert [one.text for one in found.missing] == [
        "no metrics were given",
        "no costs were given",
        "no decisions were given",
    ]
    text = page(found, 0.1)
    assert "no costs were given" in text and ">0<" not in text
    assert "accelerators reclaimable  unknown" in plain.text(found)


def test_a_task_that_failed_is_named_with_its_reason() -> None:
    failed = {"failed": True, "msg": "Failed to read.", "failure": {"code": "METRICS_UNREACHABLE", "reason": "refused"}}
    found = report(failed, COSTS, {"idle": failed})
    assert [(one.subject, one.text) for one in found.missing] == [
        ("utilisation, power and accelerators", "cannot be read: refused"),
        ("decisions of idle", "cannot be read: refused"),
    ]
    assert found.summary.counts["reclaimable"].value is None
    assert found.summary.cost_per_hour.value == 12


def test_no_decision_leaves_reclaimable_unknown_and_no_reason_to_go_is_none() -> None:
    assert report(decisions={"match": {"decision": {"action": "use"}}}).summary.counts["reclaimable"].value is None
    assert report(decisions={"idle": {"clusters": []}}).summary.counts["reclaimable"].value == 0


def test_clusters_that_waste_most_come_first_with_their_reasons() -> None:
    web, ml = report().clusters
    assert (web.name, ml.name) == ("web", "ml")
    assert [line.action for line in ml.lines] == ["none", "scale_in 2 to 1 nodes"]
    assert ml.lines[0].why_not[0].text == "needs 2 h, has 1 h; fix: wait an hour"
    assert web.gaps == ("w-0: unknown: power of cpu",)


def test_decisions_about_other_clusters_are_left_out_with_the_sentence_that_names_them() -> None:
    other = {"cluster": "secret", "cluster_id": "id-secret", "action": "mark", "saving_h": 99, "why": ["IDLE"]}
    idle = {"decision": {"sentence": "Mark secret."}, "clusters": [*DECISIONS["idle"]["clusters"], other]}
    found = report(decisions={"idle": idle})
    assert [line.target for line in found.advice] == ["web"]
    assert found.sentences == () and found.summary.saving_per_week == 4 * 168
    assert "secret" not in "".join(rendered(found, FORMATS, 0.1).values())
    assert [line.target for line in make_report(None, None, {"idle": idle}, SETTINGS).advice] == ["secret", "web"]


@pytest.mark.parametrize("audience", ["operator", "tenant"])
def test_what_a_decision_about_other_clusters_too_saves_and_cannot_place_is_left_out(audience: str) -> None:
    settings = Settings("Report", audience, idle_below=0.1)
    scaling = copy.deepcopy(DECISIONS["scaling"])
    scaling["decision"]["cost_delta_h"] = -99
    scaling["unplaced"][0]["workload"] = "secret-job"
    scaling["groups"].append({"cluster": "secret", "cluster_id": "id-secret", "node_group": "w", "action": "none"})
    found = report(decisions={"scaling": scaling}, settings=settings)
    assert found.summary.saving_per_week is None and found.findings == ()
    idle = DECISIONS["idle"]
    assert report(decisions={"scaling": scaling, "idle": idle}, settings=settings).summary.saving_per_week == 4 * 168
    assert [one.subject for one in report(settings=settings).findings] == ["workload train"]


def test_a_match_that_can_be_of_other_tenants_is_left_out_for_a_tenant() -> None:
    match = {"unplaced": ["secret-job"], "decision": {"action": "none", "sentence": "No place for secret-job."}}
    assert report(decisions={"match": match}).findings[0].subject == "workload secret-job"
    found = report(decisions={"match": match}, settings=Settings("Report", "tenant"))
    assert (found.findings, found.sentences) == ((), ())


def test_what_needs_a_person() -> None:
    found = report(
        {**METRICS, "servers": [{"name": "site-b", "failure": {"reason": "refused"}}]},
        settings=Settings("Report", "operator", power_budget=50, cost_budget=10),
    )
    assert [one.subject for one in found.findings] == [
        "power budget",
        "cost budget",
        "metrics of site-b",
        "workload train",
    ]
    assert [(one.subject, one.text) for one in found.banners] == [
        ("web", "2 GPUs at 1 % over the last day, for 4.00 USD/h")
    ]
    failed = report({"clusters": [cluster("ml", status="UPDATE_FAILED")]}, None, None)
    assert [(one.subject, one.text) for one in failed.findings] == [("ml", "status update failed")]


def test_a_mean_over_little_of_the_window_makes_no_banner() -> None:
    metrics = copy.deepcopy(METRICS)
    metrics["clusters"][1]["utilization"]["gpu"]["coverage"] = 0.3
    assert report(metrics).banners == ()


def test_a_node_that_takes_no_new_work_keeps_its_devices() -> None:
    found = report({"clusters": [cluster("ml", group("w", 1, 0, 0.9, 0.9, 0.9))]}, None, None).summary.counts
    assert (found["total"].value, found["held"].value) == (3, 1)


@pytest.mark.parametrize("name", FORMATS)
def test_a_tenant_sees_nothing_of_the_site(name: str) -> None:
    metrics = {
        **METRICS,
        "unattributed": [{"server": "site-a", "node": "hypervisor-7", "reason": "no node"}],
        "servers": [{"name": "site-b", "url": "http://b", "failure": {"reason": "refused by bmc-9"}}],
        "gaps": [{"cluster": "ml", "node": None, "reason": "card 0000:3b:00.0 of 10.1.2.3:9400 is silent"}],
    }
    shown = rendered(report(metrics, settings=Settings("Report", "operator")), FORMATS, 0.1)
    hidden = rendered(report(metrics, settings=Settings("Report", "tenant")), FORMATS, 0.1)
    for trace in (SERVER_ID, "10.0.0.5", "10.1.2.3", "3b:00.0", "site-a", "site-b", "bmc-9", "hypervisor-7"):
        assert trace not in hidden[name], trace
    if name in ("html", "json"):
        assert "site-a" in shown[name] and SERVER_ID in shown[name]
    assert "id-ml" in hidden["csv"]


@pytest.mark.parametrize("name", FORMATS)
def test_a_tenant_sees_nothing_of_the_site_that_errors_and_sources_say(name: str) -> None:
    metrics = copy.deepcopy(METRICS)
    ml = metrics["clusters"][0]
    ml["power"]["total"]["source"] = "Kepler (site (hv-7)); DCGM exporter (site-a)"
    ml["energy"]["total"] = figure(None, "kWh", 0, "no route to fe80::5054:ff:fe12:3456 of port fa:16:3e:aa:bb:cc")
    error = "energy: Failed to read from Prometheus 'site-a' at http://bmc-9:9090. Reason: no certificate of prom.site."
    reasons = [error, "see https://rack-4.site/metrics?x=1, or 2001:db8:0:0:0:0:0:17"]
    costs = {**COSTS, "gaps": [{"cluster": "ml", "node_group": None, "reason": said} for said in reasons]}
    failed = {"failed": True, "msg": "Failed to resolve host rack-5.", "failure": {"reason": "rack-5 is unknown"}}
    given = (metrics, costs, {"idle": failed})
    shown = rendered(report(*given, settings=Settings("Report", "operator")), FORMATS, 0.1)
    hidden = rendered(report(*given, settings=Settings("Report", "tenant")), FORMATS, 0.1)
    for trace in (
        "site-a", "hv-7", "bmc-9", "9090", "prom.site", "rack-4", "rack-5", "5054:ff", "fa:16:3e", "2001:db8",
    ):  # fmt: skip
        assert trace not in hidden[name], trace
        assert name != "json" or trace in shown[name], trace
    if name == "json":
        said = json.loads(hidden[name])
        assert [one["power"]["source"] for one in said["clusters"]] == [None, "Kepler; DCGM exporter"]
        assert [one["text"] for one in said["missing"]] == ["cannot be read"]
        assert [one["text"] for one in said["gaps"]][1:] == [
            "energy: Failed to read from Prometheus (hidden)",
            "see (hidden), or (hidden)",
        ]


@pytest.mark.parametrize(
    "said", ["OS::Heat::Stack at 12:30:00", "2026-01-31T08:00:00+00:00", "kcloud_node:power:watts"]
)
def test_what_only_looks_like_an_address_stays(said: str) -> None:
    costs = {**COSTS, "gaps": [{"cluster": "ml", "node_group": None, "reason": said}]}
    assert report(METRICS, costs, settings=Settings("Report", "tenant")).gaps[-1].text == said


def test_equal_data_are_equal_files() -> None:
    first = rendered(report(), FORMATS, 0.1)
    shuffled = copy.deepcopy(METRICS)
    shuffled["clusters"].reverse()
    assert rendered(report(shuffled), FORMATS, 0.1) == first == rendered(report(), FORMATS, 0.1)
    assert json.loads(first["json"])["summary"]["clusters"] == 2


@pytest.mark.parametrize(
    ("metrics", "costs", "decisions", "resource"),
    [
        ({"clusters": 3}, None, None, "metrics.clusters"),
        ({"clusters": [{"name": 7}]}, None, None, "metrics.clusters[0].name"),
        ({"clusters": [{"name": "a", "power": {"total": {"value": "much"}}}]}, None, None, "metrics.clusters[0].power.total.value"),
        (None, {"clusters": [{"cost_per_hour": 3}]}, None, "costs.clusters[0].cost_per_hour"),
        (None, None, {"idles": {}}, "decisions.idles"),
        (None, None, {"scaling": {"groups": [{"why_not": [3]}]}}, "decisions.scaling.groups[0].why_not[0]"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_by_its_path(metrics: Any, costs: Any, decisions: Any, resource: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        report(metrics, costs, decisions)
    assert caught.value.resource == resource
    assert caught.value.hint


@pytest.mark.parametrize(
    ("values", "expected"),
    [([], Sum(None, 0, 0)), ([None], Sum(None, 1, 1)), ([1, None, 2], Sum(3, 1, 3)), ([0.0], Sum(0, 0, 1))],
)
def test_total(values: list[float | None], expected: Sum) -> None:
    assert total(values) == expected
