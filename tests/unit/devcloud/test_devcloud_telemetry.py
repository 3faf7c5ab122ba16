# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Generated telemetry: values that can be worked out by hand, and names that the collection's catalogue knows."""

from __future__ import annotations

import json
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(REPOSITORY))

from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.catalogue import METRICS

from devcloud import ports, processes
from devcloud.errors import DevcloudError
from devcloud.telemetry import prometheus
from devcloud.telemetry.fleet import read_fleet
from devcloud.telemetry.openmetrics import history, present
from devcloud.telemetry.profiles import PROFILES, Wave

END = 1_796_000_400
assert END % 3600 == 0
# What no generated cluster has
NOT_GENERATED = {"DCGM_FI_PROF_GR_ENGINE_ACTIVE", "habanalabs_power_mW", "habanalabs_utilization"}


def node(name: str, **changes: Any) -> dict[str, Any]:
    return {"name": name, "id": f"id-{name}", **changes}


GPU = {"kind": "gpu", "devices": 2}


def samples(text: str) -> dict[str, dict[int, float]]:
    """Values by time of each series of an OpenMetrics text."""
    found: dict[str, dict[int, float]] = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            series, value, time = line.rsplit(" ", 2)
            found.setdefault(series, {})[int(time)] = float(value)
    return found


def of(cluster: dict[str, Any], **more: Any) -> dict[str, dict[int, float]]:
    fleet = {"end": END, "hours": 2, "clusters": [{"name": "c", "nodes": [node("n", **GPU)], **cluster}], **more}
    return samples(history(read_fleet(json.dumps(fleet), 0)))


def one(found: dict[str, dict[int, float]], *words: str) -> dict[int, float]:
    """The single series whose text holds all words."""
    (series,) = [values for text, values in found.items() if all(word in text for word in words)]
    return series


def rise(values: dict[int, float]) -> float:
    """How far a counter rose, with a fall taken for a new beginning at 0."""
    points = [values[time] for time in sorted(values)]
    return sum(after - before if after >= before else after for before, after in pairwise(points))


@pytest.mark.parametrize("wave", [Wave(0.25), Wave(0.0, 1.0, high_s=600), Wave(5.0, 2.0, high_s=7, period_s=13)])
def test_an_integral_is_the_sum_of_its_seconds(wave: Wave) -> None:
    assert wave.integral(1000, 9001) == pytest.approx(sum(wave.at(second) for second in range(1000, 9001)))


def test_a_busy_node() -> None:
    """Package 10 + 90 x 0.6 W and DRAM 12 W for two hours; each of two GPUs 50 + 300 x 0.85 W."""
    found = of({"profile": "busy"})
    assert rise(one(found, "kepler_node_cpu_joules_total", "package")) == pytest.approx(64 * 7200)
    assert rise(one(found, "kepler_node_cpu_joules_total", "dram")) == pytest.approx(12 * 7200)
    assert set(one(found, "POWER_USAGE", "GPU-n-0").values()) == {305.0}
    assert rise(one(found, "ENERGY_CONSUMPTION", "GPU-n-1")) == pytest.approx(305 * 7200 * 1000)
    idle, user = (rise(one(found, "node_cpu_seconds_total", mode)) for mode in ("idle", "user"))
    assert (idle, user) == (pytest.approx(0.4 * 4 * 7200), pytest.approx(0.6 * 4 * 7200))


def test_half_of_the_devices_are_requested_and_used() -> None:
    found = of({"profile": "half"})
    assert set(one(found, "GPU_UTIL", "GPU-n-0").values()) == {80.0}
    assert set(one(found, "GPU_UTIL", "GPU-n-1").values()) == {0.0}
    assert set(one(found, "resource_requests", "nvidia_com_gpu").values()) == {1.0}


def test_nothing_runs_on_an_idle_cluster_but_its_daemons() -> None:
    found = of({"profile": "idle"})
    assert not [text for text in found if "resource_requests" in text]
    assert 'created_by_kind="DaemonSet"' in next(text for text in found if text.startswith("kube_pod_info"))
    assert set(one(found, "GPU_UTIL", "GPU-n-0").values()) == {0.0}


@pytest.mark.parametrize("seed", [0, 7])
def test_spikes_have_the_same_mean_with_any_seed(seed: int) -> None:
    values = one(of({"profile": "spiky"}, seed=seed), "GPU_UTIL", "GPU-n-0")
    steps = [value for time, value in values.items() if time < END]
    assert sum(steps) / len(steps) == pytest.approx(90 / 6)


def test_counters_begin_anew_and_rise_as_far_as_others() -> None:
    values = one(of({"profile": "reset"}), "kepler_node_cpu_joules_total", "package")
    points = [values[time] for time in sorted(values)]
    falls = sum(after < before for before, after in pairwise(points))
    assert falls >= 2
    assert rise(values) == pytest.approx(64 * 7200)


def test_a_gap_is_the_last_third_of_each_hour() -> None:
    minutes = {time // 60 % 60 for time in one(of({"profile": "gap"}), "GPU_UTIL", "GPU-n-0")}
    assert minutes == set(range(40))


def test_a_silent_cluster_has_no_series() -> None:
    assert of({"profile": "silent"}) == {}


def test_microwatts() -> None:
    atom = [node("n", kind="npu", model="rebellions-atom", devices=1)]
    found = of({"profile": "idle", "microwatts": True, "nodes": atom})
    assert set(one(found, "RBLN_DEVICE_STATUS:CARD_POWER").values()) == {40e6}


def test_a_pod_that_waits_has_no_node() -> None:
    found = of({"profile": "busy", "pending": 4})
    series = next(text for text in found if "resource_requests" in text and "waiting" in text)
    assert "node=" not in series
    assert set(found[series].values()) == {4.0}


def test_only_a_master_has_a_role() -> None:
    found = of({"nodes": [node("m", role="master"), node("w")]})
    assert set(one(found, "kube_node_role", 'node="m"', 'role="control-plane"').values()) == {1.0}
    assert sum("kube_node_role" in series for series in found) == 1


def test_the_present_continues_the_history() -> None:
    fleet = read_fleet(json.dumps({"end": END, "hours": 1, "clusters": [{"name": "c", "nodes": [node("n")]}]}), 0)
    now = {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in present(fleet, END).splitlines()}
    assert now == {series: values[END] for series, values in samples(history(fleet)).items()}


def test_the_catalogue_finds_all_its_metrics() -> None:
    kinds = [
        node("g", **GPU),
        node("r", kind="npu", model="furiosa-rngd", devices=1),
        node("a", kind="npu", model="rebellions-atom", devices=1),
    ]
    clusters = [
        {"name": kind, "exporters": kind, "nodes": kinds, "pending": 1} for kind in ("new", "old", "hypervisor")
    ]
    text = history(read_fleet(json.dumps({"end": END, "hours": 0.1, "clusters": clusters}), 0))
    names = {line.split("{")[0] for line in text.splitlines()}
    assert {name for metric in METRICS for name in metric.needs} - names == NOT_GENERATED


@pytest.mark.parametrize(
    ("fleet", "words"),
    [
        ("{", "not JSON"),
        ("[]", "fleet is not an object"),
        ('{"hour": 1}', "unknown key hour"),
        ('{"hours": 0}', "at least one whole step"),
        ('{"clusters": [{"name": "c", "profile": "lazy"}]}', r"clusters\[0\].profile is 'lazy'"),
        ('{"clusters": [{"name": "c", "nodes": [{"name": "n", "kind": "tpu"}]}]}', r"nodes\[0\].kind is 'tpu'"),
        ('{"clusters": [{"nodes": []}]}', r"clusters\[0\] has no name"),
    ],
)
def test_a_wrong_fleet_is_refused(fleet: str, words: str) -> None:
    with pytest.raises(DevcloudError, match=words):
        read_fleet(fleet, 0)


def test_every_profile_is_bounded() -> None:
    for profile in PROFILES.values():
        shares = (profile.held, profile.memory, profile.silent_s / 3600, profile.device.at(0), profile.cpu.at(0))
        assert all(0 <= share <= 1 for share in shares)


def test_a_prometheus_that_does_not_answer_is_not_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prometheus, "READY_S", -1.0)
    monkeypatch.setattr(ports, "answers_http", lambda *_asked, **_options: False)
    try:
        with pytest.raises(DevcloudError, match="does not answer"):
            prometheus.start(tmp_path, "# EOF\n")
        assert processes.family(tmp_path.resolve(), prometheus.NAME) == []
    finally:
        prometheus.stop(tmp_path)
