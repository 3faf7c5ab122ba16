# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever is given to a module ends in an answer or in an error that says what to do, never in a traceback.

Good questions are spoiled at random, from a fixed seed, then go through Ansible's own check of the options, then into the part of
the module that asks no cloud. `PROPERTY_EXAMPLES=1000` makes 20,000 of them. tests/faults does the same with whole modules.
"""

from __future__ import annotations

import copy
import json
import os
import random
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import KcloudError
from ansible_collections.kcloud.infrastructure.plugins.module_utils.heat.read.desired import read_desired
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.desired import (
    absent_cluster,
    desired_cluster,
    desired_node_group,
    desired_template,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.report.assemble import make_report, read_settings
from ansible_collections.kcloud.infrastructure.plugins.module_utils.report_files import FORMATS, rendered
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.cost.tariff import node_price
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.cost_information import (
    given_metrics,
    read_request,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.fleet import (
    OPTION,
    idle_window,
    read_telemetry,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.model import read_window
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.sources.chosen import read_source
from ansible_collections.kcloud.infrastructure.plugins.modules import (
    cluster_consolidation,
    cluster_cost_info,
    cluster_idle,
    cluster_match,
    cluster_metrics_info,
    cluster_report,
    cluster_scaling,
    heat_stack,
    magnum_cluster,
    magnum_cluster_template,
    magnum_nodegroup,
)

SEED = 20261130
# Each question is spoiled so many times for each example that a property takes
SPOILED_PER_EXAMPLE = 20
LONGEST_SECONDS = 2
# Nobody waits longer for one answer: far above what any takes, so that a question without end is found and named
NET_SECONDS = 60

JUNK: tuple[Any, ...] = (
    None, "", " ", "a", "none", "-1", "0.5", "1e9", "nan", "inf", "a/b", "../x", "x#y", "\u2603", "\x00", "a" * 300, "{}",
    -1, 0, 1, 7, 2**31, 10**30, -0.5, 1.5, float("inf"), float("nan"), True, False,
    [], [""], [None], ["a", "a"], [[]], [1], [{}], [{"name": "a"}], {}, {"": ""}, {"a": None}, {"name": "a"},
    {"name": {"name": []}}, [[{"a": []}]], "2027-01-01T00:00:00Z", "2027-13-01", "gpu", "HEALTHY", "gpu.a100.large", "ml",
)  # fmt: skip

FLEET: dict[str, Any] = {
    "flavors": [
        {"name": "cpu.medium", "vcpus": 4, "ram_mib": 8192, "disk_gib": 40},
        {
            "name": "gpu.a100.large",
            "vcpus": 16,
            "ram_mib": 131072,
            "extra_specs": {"pci_passthrough:alias": "a100:2", "hw:numa_nodes": "1"},
        },
        {"name": "npu.rngd.large", "vcpus": 8, "ram_mib": 65536, "extra_specs": {"resources:CUSTOM_NPU_RNGD": "1"}},
    ],
    "templates": [{"id": "t1", "name": "gpu", "flavor": "gpu.a100.large", "master_flavor": "cpu.medium", "labels": {}}],
    "clusters": [
        {
            "id": "c1",
            "name": "ml",
            "project_id": "p1",
            "status": "CREATE_COMPLETE",
            "health_status": "HEALTHY",
            "cluster_template_id": "t1",
            "labels": {"auto_scaling_enabled": "false", "kcloud_made_for": "x=1"},
            "created_at": "2026-11-01T00:00:00Z",
            "node_groups": [
                {
                    "id": "g1",
                    "name": "default-worker",
                    "role": "worker",
                    "flavor": "gpu.a100.large",
                    "node_count": 3,
                    "min_node_count": 1,
                    "max_node_count": 5,
                    "nodes": [{"id": "n1", "name": "ml-0", "utilization": 0.4, "taints": [], "labels": {}}, {"name": "ml-1"}],
                },
                {"name": "default-master", "role": "master", "flavor": "cpu.medium", "node_count": 1},
            ],
        },
        {
            "name": "web",
            "status": "UPDATE_COMPLETE",
            "health_status": "UNKNOWN",
            "node_groups": [{"name": "default-worker", "flavor": "cpu.medium", "node_count": 2}],
        },
    ],
    "quota": {"clusters": {"limit": 4, "used": 2}, "cores": {"limit": 64, "used": 50}},
    "accelerators_free": {"CUSTOM_NPU_RNGD": 2},
}  # fmt: skip
WORKLOAD: dict[str, Any] = {
    "name": "training-1",
    "type": "ml_training",
    "gpu_required": True,
    "gpu_count": 2,
    "cpu_cores": 8,
    "memory_gb": 32,
    "replicas": 2,
    "priority": 3,
    "latency_ms": 20,
    "power_budget": 2000,
    "max_cost_per_hour": 9.5,
    "duration_h": 4,
    "tolerations": ["gpu"],
    "labels": {"team": "a"},
    "current_placement": {"cluster": "web", "node_group": "default-worker"},
}
PLACEMENTS = [
    {"workload": "shop", "cluster": "web", "node": "web-node-0", "cpu_cores": 2, "memory_gb": 1},
    {"workload": "training-0", "cluster": "ml", "node_group": "default-worker", "node": "ml-0", "gpu_count": 1},
]
COMMON: dict[str, Any] = {
    "fleet": FLEET,
    "placements": PLACEMENTS,
    "prices": {"flavors": {"cpu.medium": 0.1}, "currency": "USD", "rates": {"vcpu": 0.02, "devices": {"a100": 1.2}}},
    "flavor_map": {"npu.rngd.large": {"kind": "npu", "model": "rngd", "count": 1}},
}
TYPES = {"gpu-intensive": {"node_groups": [{"name": "w", "accelerator": {"kind": "gpu"}, "max_node_count": 8}]}}
METRICS = {
    "clusters": [
        {
            "id": "c1",
            "energy": {"total": {"value": 1.5, "source": "counter", "coverage": 0.5, "window": 3600, "reason": None}},
            "node_groups": [
                {"name": "w", "nodes": [{"requests": {"cpu": {"value": 1}}, "free": {"cpu": {"value": 3}}}]},
            ],
        }
    ]
}
SERVERS = [
    {
        "name": "site-a",
        "url": "https://127.0.0.1:9090",
        "token": "t",
        "ca_cert": "/ca.pem",
        "timeout": 5,
        "clusters": ["ml"],
    },
    {
        "name": "site-b",
        "url": "http://127.0.0.1:9091/prefix",
        "username": "u",
        "password": "p",
        "validate_certs": False,
    },
]
GROUP = {"name": "npu", "flavor": "npu.rngd.large", "node_count": 2, "min_node_count": 1, "max_node_count": 4}
STACK = {
    "heat_template_version": "wallaby",
    "parameters": {"length": {"type": "number", "default": 8, "hidden": True}},
    "resources": {"text": {"type": "OS::Heat::RandomString", "properties": {"length": {"get_param": "length"}}}},
}


def _own(options: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """What of this the module knows: the common questions differ a little in their options."""
    return {name: value for name, value in given.items() if name in options}


def _hide(_secrets: Iterable[str]) -> None:
    """Nothing is shown here."""


def _decides(module: Any) -> Callable[[dict[str, Any]], Any]:
    """The whole of a deciding module; without a fleet it would ask a cloud, so it gets one."""

    def run(params: dict[str, Any]) -> Any:
        return module.run({**params, "fleet": {}} if params["fleet"] is None else params, False, _hide)

    return run


def _costs(params: dict[str, Any]) -> dict[str, Any]:
    """What costs depend on without a cloud: the request, the metrics that are handed over, and a flavor's price."""
    request, known = read_request(params, params["now"] or 1_800_000_000), given_metrics(params["metrics"])
    prices = [node_price(request.tariff, flavor["name"], flavor).figure.as_result() for flavor in FLEET["flavors"]]
    return {"prices": prices, "hours": request.period.as_result(), "energy": known.of("c1").energy.as_result()}


def _measures(params: dict[str, Any]) -> Any:
    """What reads metrics, up to the first request."""
    return read_source(params, {}, _hide), read_window(params["window"], params["step"], params["now"] or 0)


def _with_telemetry(params: dict[str, Any]) -> Any:
    """The option of the modules that decide, up to the first request; none is fine."""
    return read_telemetry(params, {}, _hide, lambda given: idle_window(given, 0, 7200, 3600, 1800)) or "none"


# What is asked: the module's options, a good question, and what is done with it before, or without, a cloud
QUESTIONS: dict[str, tuple[dict[str, Any], dict[str, Any], Callable[[dict[str, Any]], Any]]] = {
    "match one": (
        cluster_match.SPEC,
        {**COMMON, "workload": WORKLOAD, "cluster_types": TYPES, "max_candidates": 5},
        _decides(cluster_match),
    ),
    "match many": (
        cluster_match.SPEC,
        {**COMMON, "workloads": [WORKLOAD, {"name": "chat", "npu_count": 1, "cpu_cores": 2}], "time_limit": LONGEST_SECONDS},
        _decides(cluster_match),
    ),
    "scaling": (
        cluster_scaling.SPEC,
        {
            **COMMON,
            "workloads": [WORKLOAD],
            "utilization": [{"cluster": "ml", "node": "ml-0", "utilization": 0.6}],
            "memory": {
                "at": 1_799_999_000,
                "unneeded": [
                    {"cluster_id": "c1", "node_group": "default-worker", "node": "ml-1", "since": 1_799_990_000, "seen": 3}
                ],
                "scaled_out": [{"cluster_id": "c1", "at": 1_799_990_000}],
                "counts": [{"cluster_id": "c1", "node_group": "default-worker", "node_count": 3}],
                "opened": [
                    {"workload": "x", "replicas": 1, "cluster_id": "c1", "node_group": "default-worker", "node_count": 3}
                ],
            },
            "now": 1_800_000_000,
        },
        _decides(cluster_scaling),
    ),
    "consolidation": (
        cluster_consolidation.SPEC,
        {**COMMON, "actions": ["close_node", "merge"], "require_metrics": False, "max_candidates": 5},
        _decides(cluster_consolidation),
    ),
    "idle": (
        cluster_idle.SPEC,
        {
            **COMMON,
            "allow_prefixes": ["ml"],
            "busy_hours": [8, 18],
            "observations": [{"cluster": "ml", "at": "2027-01-14T20:00:00+00:00", "utilization": 0.02}],
            "marks": [{"cluster_id": "c1", "marked_at": 1_799_990_000}],
            "policy_document": {
                "apiVersion": "policy.kcloud.io/v1",
                "kind": "AutomationRule",
                "spec": {
                    "conditions": ["cluster.utilization < 10", {"field": "cluster.age", "operator": ">", "value": "2h"}],
                    "actions": [{"type": "mark", "grace_period": "1h"}, {"type": "delete_cluster"}],
                    "exceptions": [{"condition": "cluster.labels.keep == 1 AND time.hour > 8", "reason": "r"}],
                },
            },
            "parked": [
                {"cluster_id": "c1", "parked_at": 1_799_990_000, "node_groups": [{"name": "default-worker", "node_count": 3}]}
            ],
            "protected": ["web*"],
            "wake_hours": [7, 19],
            "timezone": "UTC",
            "now": 1_800_000_000,
            "local_hour": 3,
        },
        _decides(cluster_idle),
    ),
    "cost": (
        cluster_cost_info.SPEC,
        {
            "prices": {"flavors": {"a": 1.5}, "currency": "USD", "rates": {"vcpu": 0.02, "devices": {"a100": 1.2}, "floating_ip": 1}},
            "accelerator_config": {"accelerators": [{"type": "mig", "model": "1g.5gb", "specs": {"cost_per_hour": 0.2}}]},
            "flavor_map": COMMON["flavor_map"],
            "begin": "2026-12-01T00:00:00Z",
            "end": "2026-12-02T00:00:00Z",
            "electricity_rate": 0.12,
            "pue": 1.3,
            "format": "focus",
            "metrics": METRICS,
            "now": 1_800_000_000,
        },
        _costs,
    ),
    "metrics": (
        cluster_metrics_info.SPEC,
        {"servers": SERVERS, "names": ["ml-*"], "window": "1d", "step": "10m", "now": 1_800_000_000},
        _measures,
    ),
    "telemetry": (
        {**OPTION, "fleet": {"type": "dict"}},
        {"telemetry": {"servers": SERVERS, "window": "4h", "step": "10m", "system_namespaces": ["kube-*"]}},
        _with_telemetry,
    ),
    "report": (
        cluster_report.SPEC,
        {
            "metrics": {
                "clusters": [
                    {
                        "id": "c1",
                        "name": "ml",
                        "status": "CREATE_COMPLETE",
                        "utilization": {"gpu": {"value": 0.4, "unit": "ratio", "coverage": 1.0, "window": 3600}},
                        "power": {"total": {"value": 400, "unit": "W"}},
                        "series": {"begin": 0, "step": 300, "utilization": {"gpu": [0.1, None]}, "power": {"total": [1, 2]}},
                        "node_groups": [{"name": "w", "node_count": 2, "requests": {"gpu": {"value": 1}}}],
                    }
                ],
                "gaps": [{"cluster": "ml", "node": "ml-0", "reason": "unknown"}],
                "window": {"begin": 0, "end": 600, "step": 300},
            },
            "costs": {"currency": "USD", "clusters": [{"id": "c1", "name": "ml", "cost_per_hour": {"value": 2}}]},
            "decisions": {"idle": {"clusters": [{"cluster": "ml", "cluster_id": "c1", "action": "mark", "saving_h": 2}]}},
            "records": [{"action": "park", "cluster_id": "c1", "saving_h": 2, "stage": "done", "written": 5}],
        },
        # Without a folder, so that nothing is written
        lambda params: rendered(
            make_report(
                params["metrics"], params["costs"], params["decisions"], read_settings(params), params["records"]
            ),
            FORMATS,
            0.05,
        ),
    ),
    "cluster": (
        magnum_cluster.SPEC,
        {
            "name": "ml",
            "cluster_template": "gpu",
            "keypair": "k",
            "node_count": 3,
            "master_count": 1,
            "labels": {"a": "b"},
            "node_groups": [GROUP, {"name": "old", "state": "absent"}],
        },
        desired_cluster,
    ),
    "cluster, absent": (magnum_cluster.SPEC, {"name": "ml", "state": "absent"}, absent_cluster),
    "node group": (
        magnum_nodegroup.SPEC,
        {**GROUP, "cluster": "ml", "labels": {"a": "b"}, "nodes_to_remove": ["10.0.0.4"]},
        desired_node_group,
    ),
    "template": (
        magnum_cluster_template.SPEC,
        {"name": "gpu", "image": "i", "external_network": "public", "coe": "kubernetes", "labels": {"a": "b"}},
        desired_template,
    ),
    "stack": (
        heat_stack.OWN_ARGUMENTS,
        {"name": "s", "template_body": STACK, "environment": [{"parameter_defaults": {"length": 9}}], "tags": ["a"],
         "parameters": {"length": 3}},
        lambda params: read_desired(params, params["parameters"] or {}),
    ),
}  # fmt: skip


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place inside a value, as (parent, key)."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, held in inner:
        yield value, key
        yield from places(held)


def spoiled(good: dict[str, Any], options: Mapping[str, Any], chance: random.Random) -> dict[str, Any]:
    """The question with one to four things wrong: a value, a key that is missing or unknown, an entry twice."""
    bad = copy.deepcopy(good)
    for _time in range(chance.randint(1, 4)):
        parent, key = chance.choice(list(places(bad)) or [(bad, "name")])
        match chance.randrange(6):
            case 0 | 1 | 2:
                parent[key] = copy.deepcopy(chance.choice(JUNK))
            case 3 if isinstance(parent, dict):
                parent.pop(key, None)
            case 4 if isinstance(parent, list):
                parent.append(copy.deepcopy(parent[key]))
            case 4 | 5:
                bad[chance.choice(list(options))] = copy.deepcopy(chance.choice(JUNK))
            case _:
                parent[key] = copy.deepcopy(chance.choice(JUNK))
    # By way of JSON, as Ansible hands it over
    return json.loads(json.dumps(bad))


def _too_long(_signal: int, _frame: object) -> None:
    raise TimeoutError(f"no answer within {NET_SECONDS} s")


def test_the_good_questions_are_good() -> None:
    """Otherwise everything would be refused for one and the same reason."""
    for name, (options, good, ask) in QUESTIONS.items():
        checked = ArgumentSpecValidator(options).validate(copy.deepcopy(good))
        assert not checked.error_messages, f"{name}: {checked.error_messages}"
        assert ask(checked.validated_parameters) is not None, name


@pytest.mark.parametrize("name", QUESTIONS)
def test_bad_input_is_answered_or_refused(
    name: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """An answer can be given to Ansible; an error has a code and a fix. Most questions must be bad indeed."""
    options, good, ask = QUESTIONS[name]
    monkeypatch.chdir("/")
    old = signal.signal(signal.SIGALRM, _too_long)
    request.addfinalizer(lambda: signal.signal(signal.SIGALRM, old))
    times = SPOILED_PER_EXAMPLE * int(os.environ.get("PROPERTY_EXAMPLES", "10")) // len(QUESTIONS)
    refused = 0
    for number in range(times):
        bad = spoiled(good, options, random.Random(f"{SEED} {name} {number}"))
        try:
            checked = ArgumentSpecValidator(options).validate(copy.deepcopy(bad))
        except (OverflowError, TypeError):
            # Ansible's own: an infinite number where a whole one is due, nothing where a dictionary of suboptions is
            refused += 1
            continue
        if checked.error_messages:
            refused += 1
            continue
        signal.alarm(NET_SECONDS)
        try:
            found = ask(checked.validated_parameters)
        except KcloudError as error:
            refused += 1
            assert error.code and error.hint, f"{number}: {error!r} of {bad}"
        except Exception as error:
            raise AssertionError(f"{number}: {bad}") from error
        else:
            if isinstance(found, dict):
                json.dumps(found)
        finally:
            signal.alarm(0)
    assert refused >= times / 5
