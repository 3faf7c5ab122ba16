# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an optimiser or Alertmanager posts: what passes, as which variables, and that nothing else passes."""

from __future__ import annotations

import json

import jinja2
import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.alert_request import read_alert
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.optimizer_request import (
    read_request,
    shown,
)
from hypothesis import given, settings
from hypothesis import strategies as st

ID = "0b8d41a2-7d52-4c37-8f6c-1f5a1d0f7a11"
CREATE = {
    "name": "ml-training",
    "cluster_template_id": "gpu-intensive",
    "node_count": 4,
    "labels": {"gpu_type": "a100"},
}
DIGEST = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("path", "payload", "verb", "lock", "given_variables"),
    [
        (
            "clusters",
            CREATE,
            "create",
            "ml-training",
            {
                "requested_cluster_name": "ml-training",
                "requested_cluster_template": "gpu-intensive",
                "requested_cluster_node_count": 4,
                "requested_cluster_labels": {"gpu_type": "a100"},
            },
        ),
        (
            "clusters",
            {**CREATE, "cluster_template_id": ID, "master_count": 3, "keypair": "kcloud-keypair", "labels": None},
            "create",
            "ml-training",
            {
                "requested_cluster_name": "ml-training",
                "requested_cluster_template": ID,
                "requested_cluster_node_count": 4,
                "requested_cluster_master_count": 3,
                "requested_cluster_keypair": "kcloud-keypair",
                "requested_cluster_labels": {},
            },
        ),
        (
            f"clusters/{ID}/scale",
            {"node_count": 0, "node_group": "gpu-worker", "expected_state": DIGEST},
            "scale",
            ID,
            {
                "requested_cluster_name": ID,
                "requested_cluster_node_count": 0,
                "requested_cluster_node_group": "gpu-worker",
                "requested_cluster_expected_state": DIGEST,
            },
        ),
        (
            "/clusters/a/scale/",
            {"node_count": 2},
            "scale",
            "a",
            {
                "requested_cluster_name": "a",
                "requested_cluster_node_count": 2,
                "requested_cluster_node_group": "default-worker",
            },
        ),
        ("clusters/a/delete", {}, "delete", "a", {"requested_cluster_name": "a"}),
        ("cleanup", {}, "cleanup", "fleet", {}),
        ("cleanup/idle-clusters", {}, "cleanup", "fleet", {}),
        (
            "match",
            {"type": "ml_training", "gpu_required": True, "gpu_count": 4, "power_budget": 2000},
            "match",
            "fleet",
            {
                "workload_placement_workload": {
                    "type": "ml_training",
                    "gpu_required": True,
                    "gpu_count": 4,
                    "power_budget": 2000,
                }
            },
        ),
        (
            "match/workload",
            {"name": "w", "requirements": {"cpu": "500m"}, "annotations": {"raw": "{{ stays outside }}"}},
            "match",
            "fleet",
            {"workload_placement_workload": {"name": "w", "cpu_cores": 0.5}},
        ),
    ],
)
def test_a_request_becomes_the_variables_of_a_role(path, payload, verb, lock, given_variables):
    request = read_request(path, payload)
    assert (request.verb, request.lock, request.given) == (verb, lock, given_variables)


TEMPLATE = "{{ lookup('pipe', 'id') }}"


@pytest.mark.parametrize(
    ("path", "payload", "named"),
    [
        ("nowhere", {}, "the path nowhere"),
        ("clusters/a", {}, "path"),
        ("clusters/a/b/scale", {"node_count": 1}, "path"),
        ("clusters/{{ x }}/scale", {"node_count": 1}, "is not a name"),
        ("clusters/a%0A/delete", {}, "is not a name"),
        ("clusters", [], "payload"),
        ("clusters", None, "payload"),
        ("clusters", {**CREATE, "names": "x"}, "did you mean 'name'"),
        ("clusters", {**CREATE, "name": None}, "payload.name"),
        ("clusters", {**CREATE, "name": TEMPLATE}, "payload.name"),
        ("clusters", {**CREATE, "name": "a\n"}, "payload.name"),
        ("clusters", {**CREATE, "name": "None"}, "payload.name"),
        ("clusters", {**CREATE, "name": "12"}, "payload.name"),
        ("clusters", {**CREATE, "name": "a" * 243}, "payload.name"),
        ("clusters", {**CREATE, "name": ["a"]}, "payload.name"),
        ("clusters", {**CREATE, "name": ID}, "does not look like an id"),
        ("clusters", {**CREATE, "name": "ABcd" * 8}, "does not look like an id"),
        ("clusters", {**CREATE, "cluster_template_id": "x; rm"}, "payload.cluster_template_id"),
        ("clusters", {**CREATE, "keypair": {"a": 1}}, "payload.keypair"),
        ("clusters", {**CREATE, "node_count": "4"}, "payload.node_count"),
        ("clusters", {**CREATE, "node_count": True}, "payload.node_count"),
        ("clusters", {**CREATE, "node_count": -1}, "payload.node_count"),
        ("clusters", {**CREATE, "node_count": 1.5}, "payload.node_count"),
        ("clusters", {**CREATE, "node_count": 10**6}, "payload.node_count"),
        ("clusters", {**CREATE, "master_count": 0}, "payload.master_count"),
        ("clusters", {**CREATE, "labels": [1]}, "payload.labels"),
        ("clusters", {**CREATE, "labels": {"a": TEMPLATE}}, "payload.labels.a"),
        ("clusters", {**CREATE, "labels": {"a": {"b": 1}}}, "payload.labels.a"),
        ("clusters", {**CREATE, "labels": {TEMPLATE: "a"}}, "payload.labels"),
        ("clusters", {**CREATE, "labels": {"__ansible_unsafe": "a"}}, "payload.labels"),
        ("clusters", {**CREATE, "labels": {"a": "#jinja2: x"}}, "payload.labels.a"),
        ("clusters", {**CREATE, "labels": {"a": "x\ny"}}, "payload.labels.a"),
        ("clusters", {**CREATE, "labels": {"a": "x" * 600}}, "payload.labels.a"),
        ("clusters", {**CREATE, "labels": {"a": float("nan")}}, "payload.labels.a"),
        ("clusters", {**CREATE, "labels": {f"a{place}": 1 for place in range(300)}}, "300 entries"),
        ("clusters/a/scale", {}, "payload.node_count"),
        ("clusters/a/scale", {"node_count": 1, "requested_cluster_action": "delete"}, "requested_cluster_action"),
        ("clusters/a/scale", {"node_count": 1, "expected_state": "0" * 64}, "payload.expected_state"),
        ("clusters/a/delete", {"force": True}, "force"),
        ("cleanup", {"cluster_cleanup_apply": True}, "cluster_cleanup_apply"),
        ("match", {}, "asks for nothing"),
        ("match", {"cpu_cores": "much"}, "payload.cpu_cores"),
        ("match", {"name": TEMPLATE, "cpu_cores": 1}, "payload.name"),
        ("match", {"cpu_cores": 1, "labels": {"a": [[TEMPLATE]]}}, "payload.labels.a"),
        ("match", {"cpu_cores": 1, "kcloud_hosts": "all"}, "kcloud_hosts"),
        ("match", {"requirements": {"cpu": 1}, "constraints": {"forbiddenClusters": ["a"]}}, "forbiddenClusters"),
    ],
)
def test_what_is_refused_is_named(path, payload, named):
    with pytest.raises(InvalidRequest) as caught:
        read_request(path, payload)
    assert named.lower() in caught.value.sentence().lower()


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from([TEMPLATE, "{% x %}", "{# x #}"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text() | st.sampled_from(["name", TEMPLATE]), inner, max_size=3)
    ),
    max_leaves=8,
)
KEYS = (
    *CREATE,
    "master_count",
    "keypair",
    "requirements",
    "constraints",
    "type",
    "cpu_cores",
    "gpu_model",
    "tolerations",
)


@given(
    st.sampled_from(["clusters", "clusters/a/scale", "clusters/{{ x }}/delete", "match", "cleanup"]),
    st.dictionaries(st.sampled_from(KEYS), JSON, max_size=4),
    st.booleans(),
)
@settings(max_examples=400, deadline=None)
def test_whatever_is_posted_nothing_that_jinja_would_render_passes(path, payload, complete):
    try:
        request = read_request(path, {**CREATE, **payload} if complete and path == "clusters" else payload)
    except InvalidRequest:
        return
    for text in strings(dict(request.variables)):
        assert jinja2.Template(text).render() == text
        assert not text.startswith("#jinja2:")
    # Java reads it next
    json.dumps(dict(request.variables), allow_nan=False)


def strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, one in value.items():
            yield key
            yield from strings(one)
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from strings(one)


@pytest.mark.parametrize("raw", ["{{ x }}", "a\x1b[31m\nb", "x" * 1000, {"a": "{% x %}"}, None])
def test_a_log_shows_one_short_line_without_braces(raw):
    text = shown(raw)
    assert len(text) <= 80
    assert text.isprintable()
    assert not set(text) & set("{}#\\`$")


# --- alerts


def alert(**changed):
    labels = {"alertname": "KcloudAcceleratorsIdle", "cluster": "train", "severity": "warning"}
    return {
        "status": "firing",
        "labels": labels,
        "annotations": {"summary": TEMPLATE},
        "fingerprint": "0a1b",
        **changed,
    }


def test_an_alert_says_its_name_and_its_cluster_and_no_more():
    assert read_alert(alert()) == {"firing": "KcloudAcceleratorsIdle", "cluster": "train"}
    assert read_alert(alert(status="resolved")) == {"resolved": "KcloudAcceleratorsIdle", "cluster": "train"}


@pytest.mark.parametrize(
    ("raw", "named"),
    [
        ("text", "alert"),
        (None, "alert"),
        (alert(status="{{ x }}"), "status"),
        (alert(status=None), "status"),
        (alert(labels=None), "labels.alertname"),
        (alert(labels="x"), "labels"),
        (alert(labels={"alertname": TEMPLATE, "cluster": "a"}), "labels.alertname"),
        (alert(labels={"alertname": "A", "cluster": TEMPLATE}), "labels.cluster"),
        (alert(labels={"alertname": "A", "cluster": "a*"}), "labels.cluster"),
        (alert(labels={"alertname": "A"}), "labels.cluster"),
    ],
)
def test_what_is_no_alert_is_refused(raw, named):
    with pytest.raises(InvalidRequest, match=named):
        read_alert(raw)
