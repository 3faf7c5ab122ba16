# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that stand for something else in the cloud: found, told to be the same, missed with the closest ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from ansible_collections.kcloud.infrastructure.plugins.module_utils.cloud import connect
from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest, ServiceError
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.objects import (
    Cluster,
    ClusterTemplate,
    DesiredCluster,
    DesiredGroup,
    NodeGroup,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.plan.names import (
    Names,
    compared,
    compared_in_cluster,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.read.references import References
from ansible_collections.kcloud.infrastructure.tests.unit.plugins.module_utils.scripted import (
    ANY,
    Entry,
    Script,
    scripted_cloud,
)

pytest.importorskip("openstack")
# openstacksdk 4.10 warns of what it does itself when it first makes a service's proxy
pytestmark = pytest.mark.filterwarnings("ignore:The 'service_type' parameter is unnecesary")
FLAVORS = [{"id": "1", "name": "cpu.medium"}, {"id": "2", "name": "gpu.a100.xlarge"}]
BY_ID = ("GET", "/nova/v2.1/flavors/2.*", 200, {"flavor": FLAVORS[1]})
BY_NAME = [
    ("GET", "/nova/v2.1/flavors/gpu.a100.xlarge.*", 404, {}),
    ("GET", "/nova/v2.1/flavors/detail.*", 200, {"flavors": FLAVORS}),
]


@contextmanager
def references(entries: Sequence[Entry]) -> Iterator[tuple[References, Script]]:
    with scripted_cloud(entries) as cloud:
        yield References(connect({"auth": cloud.auth()})), cloud.script


def test_the_same_text_costs_nothing() -> None:
    """Nor does a field that is no reference."""
    with references([]) as (found, script):
        pairs = [("flavor_id", "x", "x"), ("coe", "a", "b"), ("flavor_id", None, "x"), ("flavor_id", None, None)]
        names = found.names(pairs)
        assert names.same("flavor_id", "x", "x") and not names.same("coe", "a", "b")
        assert not names.same("flavor_id", None, "x") and names.same("flavor_id", None, None)
        given = {"flavor_id": "x", "coe": "a", "image_id": None}
        actual = ClusterTemplate("t-1", "t", flavor_id="x")
        assert found.names(compared(given, actual)).aligned(given, actual) == given
        assert script.sent == []


def test_a_name_and_an_id_of_one_thing_are_the_same() -> None:
    """Asked once each, however often it is compared."""
    with references([*BY_NAME, BY_ID]) as (found, script):
        actual, given = ClusterTemplate("t-1", "t", flavor_id="2"), {"flavor_id": "gpu.a100.xlarge"}
        assert found.names(compared(given, actual)).aligned(given, actual) == {"flavor_id": "2"}
        asked = len(script.sent)
        cluster = Cluster("1", "c", flavor_id="2", node_groups=(NodeGroup("g", "gpu", flavor_id="2"),))
        wanted = DesiredCluster(
            "c", {"flavor_id": "gpu.a100.xlarge"}, (DesiredGroup("gpu", flavor_id="gpu.a100.xlarge"),)
        )
        aligned = found.names(compared_in_cluster(wanted, cluster)).aligned_cluster(wanted, cluster)
        assert aligned.given == {"flavor_id": "2"} and aligned.groups[0].flavor_id == "2"
        assert len(script.sent) == asked


def test_two_things_are_two_things() -> None:
    """Also when one of them is missing."""
    entries = [
        BY_ID, ("GET", "/nova/v2.1/flavors/1.*", 200, {"flavor": FLAVORS[0]}),
        ("GET", "/nova/v2.1/flavors/none.*", 404, {}), ("GET", "/nova/v2.1/flavors/detail.*", 200, {"flavors": FLAVORS}),
    ]  # fmt: skip
    with references(entries) as (found, _script):
        names = found.names([("flavor_id", "1", "2"), ("flavor_id", "none", "2")])
        assert not names.same("flavor_id", "1", "2") and not names.same("flavor_id", "none", "2")


def test_a_plan_compares_only_what_was_read() -> None:
    """A pair that the reading left out is a defect, and not a difference."""
    with pytest.raises(KeyError):
        Names().same("flavor_id", "1", "2")


def test_what_is_missing_is_told_with_the_closest() -> None:
    """By the option's name, as users write it."""
    entries = [
        ("GET", "/nova/v2.1/flavors/gpu.a100.xlrage.*", 404, {}),
        ("GET", "/nova/v2.1/flavors/detail.*", 200, {"flavors": FLAVORS}, ANY),
    ]
    with references(entries) as (found, _script), pytest.raises(InvalidRequest) as caught:
        found.check({"name": "c", "flavor_id": "gpu.a100.xlrage"}, "cluster/c")
    assert caught.value.code == "REFERENCE_NOT_FOUND" and caught.value.resource == "flavor/gpu.a100.xlrage"
    assert "'flavor'" in caught.value.message and "gpu.a100.xlarge" in str(caught.value.hint)


def test_what_is_there_passes() -> None:
    """And what is not given is not asked for."""
    with references(BY_NAME) as (found, _script):
        found.check({"name": "c", "flavor_id": "gpu.a100.xlarge", "keypair": None}, "cluster/c")


def test_a_service_that_is_ill_is_not_a_missing_flavor() -> None:
    """The error is about the look, with its status."""
    with (
        references([("GET", "/nova/v2.1/flavors/x.*", 500, {}, ANY)]) as (found, _script),
        pytest.raises(ServiceError) as caught,
    ):
        found.check({"flavor_id": "x"}, "cluster/c")
    assert caught.value.resource == "flavor/x"
