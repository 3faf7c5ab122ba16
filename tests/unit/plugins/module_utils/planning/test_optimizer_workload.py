# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Workload of the optimiser as the planner's short form: every figure, every note, every refusal."""

from __future__ import annotations

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.optimizer import asked_of
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.workload import read_workload

TRAINING = {
    "id": "w-17",
    "name": "training",
    "type": "ml_training",
    "status": "pending",
    "priority": 500,
    "labels": {"team": "vision"},
    "annotations": {"sched.ai/intent": "throughput"},
    "requirements": {
        "cpu": 32,
        "memory": "128Gi",
        "storage": "1Ti",
        "gpu": {"count": 4, "type": "a100", "memory": "40Gi", "compute": "8.0"},
        "npu": {"count": 0},
        "network": {"bandwidth": "10Gbps"},
    },
    "constraints": {
        "maxCostPerHour": 12.5,
        "maxExecutionTime": "1h30m",
        "preferredClusters": ["a"],
        "forbiddenClusters": ["c", "b"],
        "nodeSelectors": {"zone": "seoul"},
        "tolerations": [{"key": "gpu", "operator": "Exists"}, {"key": "for", "value": "ml", "effect": "NoSchedule"}],
        "affinity": {"podAffinity": {}},
    },
    "metadata": {"namespace": "vision", "owner": "kim"},
}


def requirements(**needs):
    return {"name": "w", "requirements": needs}


def test_every_figure_of_a_workload_arrives():
    asked = asked_of(TRAINING)
    assert asked.workload == {
        "name": "training",
        "type": "ml_training",
        "priority": 500,
        "labels": {"team": "vision"},
        "cpu_cores": 32,
        "memory_gb": 128,
        "gpu_count": 4,
        "gpu_model": ["a100"],
        "gpu_memory_gb": 40,
        "max_cost_per_hour": 12.5,
        "duration_h": 2,
        "tolerations": ["gpu", "for=ml:NoSchedule"],
    }
    assert asked.forbidden == ("b", "c")
    assert [note.split(" does not count")[0] for note in asked.notes] == [
        "requirements.storage",
        "requirements.network",
        "requirements.gpu.compute",
        "constraints.preferredClusters",
        "constraints.affinity",
        "workload.constraints.nodeSelectors.zone",
    ]
    # The planner takes it as it is
    assert read_workload(asked.workload).replicas == 1


def test_the_short_form_passes_unchanged():
    short = {"type": "ml_training", "gpu_required": True, "gpu_count": 4, "cpu_cores": 32, "power_budget": 2000}
    assert asked_of(short).workload == short
    assert asked_of(short).notes == ()


@pytest.mark.parametrize(
    ("cpu", "cores"), [(4, 4), ("4", 4), ("500m", 0.5), ("1500m", 1.5), (0.25, 0.25), ("2.5", 2.5)]
)
def test_cores(cpu, cores):
    assert asked_of(requirements(cpu=cpu)).workload["cpu_cores"] == cores


@pytest.mark.parametrize(
    ("memory", "gib"),
    [
        ("64Gi", 64),
        ("512Mi", 0.5),
        ("1Ti", 1024),
        ("1073741824", 1),
        (1073741824, 1),
        ("1.5Gi", 1.5),
        ("4G", 4e9 / 1024**3),
    ],
)
def test_memory(memory, gib):
    assert asked_of(requirements(memory=memory)).workload["memory_gb"] == pytest.approx(gib)


@pytest.mark.parametrize("memory", ["64", 64, "64GB", "much", "-1Gi", True, ["1Gi"], "9" * 400 + "Gi"])
def test_memory_without_a_unit_is_refused(memory):
    with pytest.raises(InvalidRequest, match=r"requirements\.memory"):
        asked_of(requirements(memory=memory))


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"cost": 1}, "cost"),
        ({"requirements": {"tpu": {"count": 1}}}, "tpu"),
        ({"requirements": {"gpu": {"number": 1}}}, "number"),
        ({"constraints": {"forbidden": []}}, "forbidden"),
        ({"constraints": {"tolerations": [{"name": "x"}]}}, "name"),
        ({"requirements": {"gpu": {"count": -1}}}, "count"),
        ({"requirements": "much"}, "requirements"),
    ],
)
def test_what_nobody_reads_is_refused_by_name(changed, named):
    with pytest.raises(InvalidRequest, match=named):
        asked_of({**TRAINING, **changed})


def test_models_of_node_selectors_count_unless_the_requirements_name_one():
    selectors = {"constraints": {"nodeSelectors": {"accelerator.model": "rngd"}}}
    wanted = asked_of({**requirements(npu={"count": 2}), **selectors})
    assert wanted.workload["accelerator_models"] == ["rngd"]
    assert wanted.notes == ()
    both = asked_of({**requirements(npu={"count": 2, "type": "atom"}), **selectors})
    assert "accelerator_models" not in both.workload
    assert both.workload["npu_model"] == ["atom"]
    assert "nodeSelectors.accelerator.model does not count" in both.notes[0]


def test_an_equal_toleration_without_an_effect_tolerates_each_effect():
    tolerations = [{"key": "k", "value": "v"}, {"operator": "Exists"}]
    asked = asked_of({"name": "w", "requirements": {"cpu": 1}, "constraints": {"tolerations": tolerations}})
    assert asked.workload["tolerations"] == ["k=v:NoSchedule", "k=v:NoExecute", "k=v:PreferNoSchedule"]
    assert asked.notes == ("workload.constraints.tolerations[1] does not count: it names no taint",)


@pytest.mark.parametrize("written", [90, "90", "soon", "1h later", "9" * 5000 + "h"])
def test_a_duration_without_a_unit_is_noted(written):
    asked = asked_of({"name": "w", "requirements": {"cpu": 1}, "constraints": {"maxExecutionTime": written}})
    assert "duration_h" not in asked.workload
    assert "has no unit" in asked.notes[0]


@pytest.mark.parametrize(("written", "hours"), [("2h", 2), ("90m", 2), ("3600s", 1), ("1h0m1s", 2)])
def test_a_duration_is_rounded_up_to_hours(written, hours):
    constraints = {"maxExecutionTime": written}
    assert asked_of({"requirements": {"cpu": 1}, "constraints": constraints}).workload["duration_h"] == hours
