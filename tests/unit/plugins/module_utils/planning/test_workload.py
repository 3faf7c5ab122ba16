# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The user's short form of a workload: what it means, and what is refused with which words."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import Demand, Part
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.workload import read_workload
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.planning.cases import MISSION


def test_the_example() -> None:
    workload = read_workload(MISSION)
    assert workload.forms == ((Part(32_000, 128 * 1024, (Demand("gpu", 4),)),),)
    assert workload.power_budget_mw == 2_000_000
    assert workload.prefers == ("gpu-intensive", "hybrid-balanced")
    assert (workload.replicas, workload.isolation, workload.gang, workload.notes) == (1, "none", True, ())


@pytest.mark.parametrize(
    ("given", "demand"),
    [
        ({"gpu_required": True}, Demand("gpu", 1)),
        ({"gpu_count": 2}, Demand("gpu", 2)),
        ({"gpu_count": "2"}, Demand("gpu", 2)),
        ({"gpu_required": "True", "gpu_model": "NVIDIA-A100"}, Demand("gpu", 1, models=("a100",))),
        ({"gpu_models": ["h100", "A100"]}, Demand("gpu", 1, models=("a100", "h100"))),
        ({"gpu_memory_gb": 40}, Demand("gpu", 1, mem_mib=40 * 1024)),
        ({"npu_count": 2, "npu_model": "furiosa-rngd"}, Demand("npu", 2, models=("rngd",))),
        ({"npu_count": 1, "accelerator_models": ["atom"]}, Demand("npu", 1, models=("atom",))),
        ({"accelerator": {"kind": "gpu", "share": 0.25}}, Demand("gpu", 1, share=250)),
        (
            {"accelerator": {"kind": "NPU", "count": 2, "models": "warboy", "memory_gb": 8}},
            Demand("npu", 2, models=("warboy",), mem_mib=8 * 1024),
        ),
    ],
)
def test_accelerators(given: dict[str, Any], demand: Demand) -> None:
    assert read_workload(given).forms == ((Part(0, 0, (demand,)),),)


@pytest.mark.parametrize(
    "given",
    [
        {"gpu_required": False},
        {"gpu_count": 0},
        {"gpu_required": False, "gpu_count": 0, "gpu_model": "a100"},
        {"gpu_required": None, "npu_required": None},
    ],
)
def test_no_accelerators(given: dict[str, Any]) -> None:
    assert read_workload({"cpu_cores": 1, **given}).forms == ((Part(1000, 0),),)


def test_two_kinds_may_stand_apart() -> None:
    workload = read_workload({"type": "mixed", "gpu_count": 1, "npu_count": 2, "cpu_cores": 1.5})
    gpu, npu = Demand("gpu", 1), Demand("npu", 2)
    assert workload.forms == ((Part(1500, 0, (gpu, npu)),), (Part(1500, 0, (gpu,)), Part(1500, 0, (npu,))))
    assert workload.prefers[0] == "hybrid-balanced"
    assert "different nodes of one cluster" in workload.notes[0]


@pytest.mark.parametrize(
    ("given", "prefers", "noted"),
    [
        ({"type": "inference"}, ("npu-optimized", "hybrid-balanced", "gpu-intensive"), False),
        ({"type": "real-time"}, ("npu-optimized", "hybrid-balanced", "gpu-intensive"), False),
        ({"type": "data_processing"}, ("cpu-only", "hybrid-balanced"), False),
        ({"preferred_cluster": "gpu_intensive"}, ("gpu-intensive", "cpu-only", "hybrid-balanced"), False),
        ({"type": "quantum"}, ("cpu-only",), True),
        ({"type": "quantum", "gpu_count": 1}, ("gpu-intensive",), True),
        ({"type": "quantum", "npu_count": 1}, ("npu-optimized",), True),
        ({"type": "quantum", "npu_count": 1, "gpu_count": 1}, ("hybrid-balanced",), True),
        ({}, ("cpu-only", "hybrid-balanced"), False),
    ],
)
def test_preferred_cluster_types(given: dict[str, Any], prefers: tuple[str, ...], noted: bool) -> None:
    workload = read_workload({"cpu_cores": 1, **given})
    assert workload.prefers == prefers
    assert ("type quantum unknown: judged by its resources only" in workload.notes) is noted


def test_aliases_of_the_askers_policies() -> None:
    workload = read_workload({"cpu_cores": 1, "max_latency_ms": 20, "power_budget_w": 0.5, "max_cost_per_hour": 1.25})
    assert (workload.latency_ms, workload.power_budget_mw, workload.max_cost) == (20, 500, 1_250_000)


@pytest.mark.parametrize(
    ("given", "option", "words"),
    [
        ({"gpu_cont": 4}, "workload.gpu_cont", "Did you mean 'gpu_count'?"),
        ({"colour": "red"}, "workload.colour", "Known keys: accelerator"),
        ({"gpu_count": "four"}, "workload.gpu_count", "'four' is not a whole number of at least 0"),
        ({"gpu_count": 1.5}, "workload.gpu_count", "1.5 is not a whole number"),
        ({"gpu_count": -1}, "workload.gpu_count", "-1 is not a whole number"),
        ({"gpu_count": True}, "workload.gpu_count", "True is not a whole number"),
        ({"cpu_cores": -2}, "workload.cpu_cores", "-2 is not a number of at least 0"),
        ({"cpu_cores": float("nan")}, "workload.cpu_cores", "nan is not a number"),
        ({"cpu_cores": "inf"}, "workload.cpu_cores", "inf is not a number"),
        ({"cpu_cores": [1]}, "workload.cpu_cores", "[1] is not a number"),
        ({"memory_gb": {}}, "workload.memory_gb", "{} is not a number"),
        ({"gpu_required": "perhaps"}, "workload.gpu_required", "'perhaps' is not true or false"),
        ({"gpu_required": False, "gpu_count": 4}, "workload.gpu_count", "although gpu_required is false"),
        ({"gpu_required": True, "gpu_count": 0}, "workload.gpu_count", "although gpu_required is true"),
        ({"accelerator": {"kind": "tpu"}}, "workload.accelerator.kind", "'tpu' is not one of gpu, npu"),
        ({"accelerator": {}}, "workload.accelerator.kind", "None is not one of gpu, npu"),
        ({"accelerator": {"kind": "gpu", "share": 0}}, "workload.accelerator.share", "0 is not a share"),
        ({"accelerator": {"kind": "gpu", "share": 1.5}}, "workload.accelerator.share", "1.5 is not a share"),
        ({"accelerator": {"kind": "gpu", "size": 1}}, "workload.accelerator.size", "Known keys"),
        ({"accelerator": "gpu"}, "workload.accelerator", "'gpu' is not a dictionary"),
        ({"gpu_count": 1, "accelerator": {"kind": "gpu"}}, "workload.accelerator", "begin with 'gpu_'"),
        ({"cpu_cores": 1, "accelerator_models": "a100"}, "workload.accelerator_models", "exactly one kind"),
        ({"replicas": 0}, "workload.replicas", "0 is not a whole number of at least 1"),
        ({"isolation": "total"}, "workload.isolation", "'total' is not one of none, node, cluster, project"),
        ({"latency_ms": 1, "max_latency_ms": 2}, "workload.max_latency_ms", "'latency_ms' says the same"),
        ({"type": 7}, "workload.type", "7 is not a text"),
        ({"tolerations": {"a": 1}}, "workload.tolerations", "is not a list"),
        ({"current_placement": {"node": "n1"}}, "workload.current_placement.node", "Known keys: cluster, node_group"),
        ({"cpu_cores": 0}, "workload", "asks for nothing"),
    ],
)
def test_refused(given: dict[str, Any], option: str, words: str) -> None:
    base = {} if option == "workload" else {"memory_gb": 1}
    with pytest.raises(InvalidRequest) as caught:
        read_workload({**base, **given})
    assert caught.value.code == "INVALID_REQUEST"
    assert caught.value.resource == option
    assert words in caught.value.sentence()
    assert caught.value.hint


def test_not_a_dictionary() -> None:
    with pytest.raises(InvalidRequest, match="'workload'"):
        read_workload("train something")


def test_the_set_of_kinds_is_open() -> None:
    workload = read_workload({"accelerator": {"kind": "pim", "count": 2}}, kinds={"pim"})
    assert workload.forms == ((Part(0, 0, (Demand("pim", 2),)),),)
