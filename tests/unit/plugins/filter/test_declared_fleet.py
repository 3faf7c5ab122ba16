# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the roles fleet and accelerator_cluster declare of clusters, templates and networks."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.kcloud.infrastructure.plugins.filter.declared_fleet import declared_fleet

FLAVORS = [
    {"id": "1", "name": "cpu.medium", "vcpus": 4, "ram_mib": 8192, "disk_gib": 20, "extra_specs": {}},
    {
        "id": "2",
        "name": "gpu.large",
        "vcpus": 8,
        "ram_mib": 65536,
        "disk_gib": 20,
        "extra_specs": {"resources:CUSTOM_GPU_A100": "1"},
    },
]
CATALOG: dict[str, Any] = {
    "gpu": {
        "name": "gpu-template",
        "network_driver": "calico",
        "master_count": 1,
        "node_count": 2,
        "min_node_count": 1,
        "max_node_count": 16,
        "accelerator": {"kind": "gpu"},
        "node_groups": {},
        "labels": {"kcloud_type": "gpu", "gpu_enabled": True},
    },
    "mixed": {
        "name": "mixed-template",
        "image": "own-image",
        "node_count": 1,
        "accelerator": {"kind": "gpu"},
        "node_groups": {"cpu": {"accelerator": {"kind": "none"}, "node_count": 1, "min_node_count": 0}},
        "labels": {"kcloud_type": "mixed"},
    },
}
# As a template of Jinja gives them: what is unset is null
SETTINGS: dict[str, Any] = {
    "node_count": None,
    "master_count": None,
    "flavor": None,
    "master_flavor": None,
    "labels": {},
    "overrides": {},
    "own_network": False,
    "network_cidr": None,
    "image": "fedora",
    "keypair": "key",
    "external_network": "public",
    "dns_nameserver": None,
    "flavor_map": {},
    "purge_node_groups": False,
    "replace_node_groups": "refuse",
    "recreate": False,
    "upgrade": "never",
    "max_batch_size": None,
    "delete_replaced": False,
    "purge_versions": False,
    "driver": None,
    "create_timeout": 60,
    "network": {"pool": None, "prefix": None, "tags": None, "allow_replace": None},
}


def declare(*entries: dict[str, Any], settings: dict[str, Any] | None = None, **given: Any) -> dict[str, Any]:
    """The declaration of clusters of the types above."""
    given = {"cloud": {"flavors": FLAVORS, "problems": {}}, **given}
    return declared_fleet(entries, CATALOG, {**SETTINGS, **(settings or {})}, **given)


def existing(name: str, type_name: str = "gpu", **changes: Any) -> dict[str, Any]:
    """A cluster as magnum_fleet_info returns it without details."""
    labels = {"kcloud_managed_by": "accelerator_cluster", "kcloud_type": type_name}
    groups = [
        {"name": "default-master", "flavor_id": "cpu.medium", "node_count": 1},
        {"name": "default-worker", "flavor_id": "gpu.large", "node_count": 5},
        {"name": "cpu", "flavor_id": "cpu.medium", "node_count": 5},
    ]
    return {
        "name": name,
        "id": f"id-of-{name}",
        "status": "CREATE_COMPLETE",
        "created_at": "2026-01-01",
        "master_count": 1,
        "master_flavor_id": "cpu.medium",
        "labels": labels,
        "node_groups": groups,
        **changes,
    }


# --- what is to exist -------------------------------------------------------------------------------------------------


def test_a_new_cluster() -> None:
    """Everything that the modules need, and nothing that is unset."""
    assert declare({"name": "ml", "type": "gpu"}) == {
        "cluster_templates": [
            {
                "name": "gpu-template",
                "state": "present",
                "coe": "kubernetes",
                "external_network": "public",
                "image": "fedora",
                "network_driver": "calico",
                "flavor": "gpu.large",
                "master_flavor": "cpu.medium",
                "labels": {"kcloud_type": "gpu", "gpu_enabled": True},
                "versioning": False,
                "purge_versions": False,
            }
        ],
        "networks": [],
        "clusters": [
            {
                "name": "ml",
                "state": "present",
                "cluster_template": "gpu-template",
                "master_count": 1,
                "labels": {"kcloud_type": "gpu", "gpu_enabled": True, "kcloud_managed_by": "accelerator_cluster"},
                "merge_labels": True,
                "node_groups": [
                    {
                        "name": "default-worker",
                        "node_count": 2,
                        "flavor": "gpu.large",
                        "max_node_count": 16,
                        "min_node_count": 1,
                    }
                ],
                "keypair": "key",
                "flavor": "gpu.large",
                "master_flavor": "cpu.medium",
                "create_timeout": 60,
                "delete_replaced": False,
                "purge_node_groups": False,
                "recreate": False,
                "replace_node_groups": "refuse",
                "upgrade": "never",
            }
        ],
        "plans": [
            {
                "name": "ml",
                "type": "gpu",
                "template": "gpu-template",
                "network": None,
                "exists": False,
                "status": None,
                "flavor": "gpu.large",
                "master_flavor": "cpu.medium",
                "node_groups": [
                    {
                        "name": "default-worker",
                        "node_count": 2,
                        "flavor": "gpu.large",
                        "max_node_count": 16,
                        "min_node_count": 1,
                    }
                ],
                "template_flavor": "gpu.large",
                "template_master_flavor": "cpu.medium",
                "rows": [
                    {
                        "name": "default-master",
                        "flavor": "cpu.medium",
                        "now": None,
                        "node_count": 1,
                        "max_node_count": None,
                        "min_node_count": None,
                    },
                    {
                        "name": "default-worker",
                        "flavor": "gpu.large",
                        "now": None,
                        "node_count": 2,
                        "max_node_count": 16,
                        "min_node_count": 1,
                    },
                ],
                "demand": {"clusters": 1, "instances": 3, "cores": 20, "ram_mib": 2 * 65536 + 8192},
            }
        ],
        "rows": [
            {
                "cluster": "ml",
                "type": "gpu",
                "group": "default-master",
                "flavor": "cpu.medium",
                "now": None,
                "node_count": 1,
                "max_node_count": None,
                "min_node_count": None,
            },
            {
                "cluster": "ml",
                "type": "gpu",
                "group": "default-worker",
                "flavor": "gpu.large",
                "now": None,
                "node_count": 2,
                "max_node_count": 16,
                "min_node_count": 1,
            },
        ],
    }


def test_clusters_of_one_type_share_a_template() -> None:
    """It is declared once, for as many clusters as there are."""
    declared = declare(
        {"name": "a", "type": "gpu"}, {"name": "b", "type": "gpu", "node_count": 3}, {"name": "c", "type": "mixed"}
    )
    assert [entry["name"] for entry in declared["cluster_templates"]] == ["gpu-template", "mixed-template"]
    assert [entry["cluster_template"] for entry in declared["clusters"]] == [
        "gpu-template",
        "gpu-template",
        "mixed-template",
    ]
    assert [entry["name"] for entry in declared["plans"]] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        # The digests are those that existing clusters have in the names of their templates
        ({"network_driver": "flannel", "tls_disabled": True, "node_groups": {}}, "gpu-template-dab883b5"),
        ({"tls_disabled": True, "network_driver": "flannel"}, "gpu-template-dab883b5"),
        ({"network_driver": "calico", "labels": {"p": "q"}}, "gpu-template-3946b973"),
        ({"labels": {"p": "q"}, "max_node_count": 3, "docker_volume_size": 9}, "gpu-template"),
        ({"name": "other", "network_driver": "calico"}, "other-3946b973"),
    ],
)
def test_what_only_a_template_can_say_gives_a_template_of_its_own(overrides: dict[str, Any], name: str) -> None:
    """Named by a digest of that, in whatever order it is written; what a cluster can say does not count."""
    entry = {"name": "ml", "type": "gpu", "overrides": overrides}
    (template,), (cluster,) = (declare(entry)[key] for key in ("cluster_templates", "clusters"))
    assert template["name"] == cluster["cluster_template"] == name
    assert (
        declare({"name": "ml", "type": "gpu"}, settings={"overrides": overrides})["clusters"][0]["cluster_template"]
        == name
    )


def test_an_own_network() -> None:
    """The cluster is on it, whatever network its type names, and a label tells a teardown of it."""
    settings = {
        "dns_nameserver": "8.8.8.8",
        "network": {"pool": "10.0.0.0/8", "prefix": 26, "tags": ["x"], "allow_replace": None},
    }
    entry = {
        "name": "ml",
        "type": "gpu",
        "own_network": True,
        "overrides": {"fixed_network": "other", "fixed_subnet": "s"},
    }
    declared = declare({**entry, "network_cidr": "10.9.0.0/24"}, settings=settings)
    assert declared["networks"] == [
        {
            "name": "ml-network",
            "state": "present",
            "cidr": "10.9.0.0/24",
            "external_network": "public",
            "pool": "10.0.0.0/8",
            "prefix": 26,
            "tags": ["x"],
            "dns_nameservers": ["8.8.8.8"],
        }
    ]
    (cluster,) = declared["clusters"]
    assert cluster["network"] == "ml-network" and cluster["labels"]["kcloud_network"] == "ml-network"
    assert "fixed_network" not in cluster and "fixed_subnet" not in cluster
    (cluster,) = declare({**entry, "own_network": "no"})["clusters"]
    assert (cluster["fixed_network"], cluster["fixed_subnet"]) == ("other", "s")
    assert "network" not in cluster and "kcloud_network" not in cluster["labels"]


def test_an_entry_wins_over_the_settings_and_null_leaves_them_in_force() -> None:
    """As in the roles of the four types."""
    settings = {
        "node_count": 7,
        "labels": {"team": "all", "more": "yes"},
        "overrides": {"max_node_count": 9},
        "keypair": "",
    }
    (cluster,) = declare(
        {"name": "a", "type": "gpu", "node_count": None, "labels": {"team": "a"}, "overrides": ""}, settings=settings
    )["clusters"]
    assert cluster["node_groups"][0]["node_count"] == 7 and cluster["node_groups"][0]["max_node_count"] == 9
    assert {"team": "a", "more": "yes"}.items() <= cluster["labels"].items()
    assert "keypair" not in cluster
    (cluster,) = declare({"name": "a", "type": "gpu", "node_count": 0}, settings=settings)["clusters"]
    assert cluster["node_groups"][0]["node_count"] == 0


def test_labels_that_say_what_a_cluster_is_cannot_be_overridden() -> None:
    """A teardown trusts them."""
    labels = {"kcloud_type": "x", "kcloud_managed_by": "me"}
    declared = declare({"name": "a", "type": "gpu", "labels": labels})
    (cluster,), (template,) = declared["clusters"], declared["cluster_templates"]
    assert template["labels"] == CATALOG["gpu"]["labels"], "what is said of one cluster is not said of its type"
    assert (cluster["labels"]["kcloud_type"], cluster["labels"]["kcloud_managed_by"]) == ("gpu", "accelerator_cluster")


def test_versions_of_a_template() -> None:
    """Only where a cluster may follow its template."""
    settings = {"upgrade": "in_place", "purge_versions": "true", "max_batch_size": 2}
    declared = declare({"name": "a", "type": "gpu"}, settings=settings)
    (template,), (cluster,) = declared["cluster_templates"], declared["clusters"]
    assert template["versioning"] is True and template["purge_versions"] is True
    assert cluster["upgrade"] == "in_place" and cluster["max_batch_size"] == 2
    (template,) = declare({"name": "a", "type": "gpu"}, settings={"purge_versions": True})["cluster_templates"]
    assert template["versioning"] is False and template["purge_versions"] is False


def test_a_second_run_keeps_what_an_autoscaler_made() -> None:
    """Neither counts nor flavors are declared; the template, which the clusters use, keeps its flavors."""
    template = {"name": "gpu-template", "version_of": "gpu-template", "current": True, "clusters": ["a", "b"]}
    found = {"clusters": [existing("a"), existing("b")], "cluster_templates": [template], "networks": []}
    declared = declare({"name": "a", "type": "gpu"}, {"name": "b", "type": "gpu", "node_count": 6}, found=found)
    assert [entry["node_groups"][0].get("node_count") for entry in declared["clusters"]] == [None, 6]
    assert all("flavor" not in entry for entry in declared["clusters"])
    assert "flavor" not in declared["cluster_templates"][0]
    assert [(row["cluster"], row["now"], row["node_count"]) for row in declared["rows"]] == [("a", 5, 5), ("b", 5, 6)]
    assert [plan["demand"]["instances"] for plan in declared["plans"]] == [0, 1]


def test_a_successor_is_its_cluster_where_one_may_be_created_beside() -> None:
    """A longer name that ends otherwise is another cluster."""
    successor = existing("a-0123abcd", created_at="2026-02-01", master_count=3)
    found = {"clusters": [existing("a"), successor, existing("a-other", created_at="2026-03-01")]}
    (plan,) = declare({"name": "a", "type": "gpu"}, settings={"upgrade": "in_place_or_beside"}, found=found)["plans"]
    assert plan["rows"][0]["now"] == 3
    (plan,) = declare({"name": "a", "type": "gpu"}, found=found)["plans"]
    assert plan["rows"][0]["now"] == 1


def test_one_template_cannot_have_two_contents() -> None:
    """Two types of one template name, where their contents differ; the run would change it back and forth."""
    catalog = {**CATALOG, "twin": {**CATALOG["gpu"], "network_driver": "flannel"}}
    with pytest.raises(
        AnsibleFilterError, match="clusters 'a' and 'b'.*'gpu' and 'twin'.*'gpu-template' a different network_driver"
    ):
        declared_fleet(
            [{"name": "a", "type": "gpu"}, {"name": "b", "type": "twin"}], catalog, SETTINGS, cloud={"flavors": FLAVORS}
        )


@pytest.mark.parametrize(
    ("entry", "settings", "words"),
    [
        (
            {"name": "a", "type": "gpux"},
            {},
            "type 'gpux' of cluster 'a'. Types are gpu, mixed; add your own in accelerator_cluster_types",
        ),
        ({"name": "a", "type": "gpu", "overrides": {"nodecount": 3}}, {}, "unknown keys nodecount. Known are coe, "),
        (
            {"name": "a", "type": "gpu"},
            {"overrides": {"node_groups": {"g": {"nodes": 3}}}},
            "unknown keys nodes.*in node_groups ",
        ),
        ({"name": "a", "type": "gpu"}, {"image": None}, "cluster 'a': no image. Set accelerator_cluster_image"),
        (
            {"name": "a", "type": "gpu", "nodecount": 3},
            {},
            "cluster 'a': unknown keys nodecount. Known are name, type, flavor",
        ),
        ({"name": "a"}, {}, "needs name and type"),
        ({"name": "a", "type": "gpu", "node_count": 40}, {}, "'default-worker' wants 40 nodes.*1 to 16"),
    ],
)
def test_what_cannot_be_declared(entry: dict[str, Any], settings: dict[str, Any], words: str) -> None:
    """The message names the cluster, the value and a fix."""
    with pytest.raises(AnsibleFilterError, match=words):
        declare(entry, settings=settings)


def test_a_name_is_listed_once() -> None:
    """Two entries of one name would contradict each other."""
    with pytest.raises(AnsibleFilterError, match="a listed more than once"):
        declare({"name": "a", "type": "gpu"}, {"name": "b", "type": "gpu"}, {"name": "a", "type": "mixed"})


def test_flavors_that_could_not_be_read() -> None:
    """They matter only where a flavor must be found; then the message says why none was."""
    cloud = {"flavors": [], "problems": {"flavors": {"code": "NOT_PERMITTED", "reason": "Nova said no"}}}
    with pytest.raises(AnsibleFilterError, match="could not be read: Nova said no"):
        declare({"name": "a", "type": "gpu"}, cloud=cloud)
    named = {"name": "a", "type": "gpu", "flavor": "x", "master_flavor": "y"}
    assert declare(named, cloud=cloud)["clusters"][0]["flavor"] == "x"


def test_what_is_not_listed_any_more_is_shown_before_it_is_pruned() -> None:
    """Of this environment only, and no successor of a listed cluster."""
    owned = {"kcloud_environment": "prod", "kcloud_type": "gpu"}
    clusters = [
        existing("a", labels=owned),
        existing("a-0123abcd", labels=owned),
        existing("old", labels=owned),
        existing("going", labels=owned, status="DELETE_IN_PROGRESS"),
        existing("test", labels={"kcloud_environment": "test"}),
        existing("theirs", labels={}),
    ]
    networks = [
        {"name": name, "id": name, "status": "CREATE_COMPLETE", "tags": ["kcloud", f"kcloud_environment={environment}"]}
        for name, environment in (("a-network", "prod"), ("old-network", "prod"), ("test-network", "test"))
    ]
    templates = [
        {"name": name, "version_of": of, "tags": tags, "clusters": users}
        for name, of, tags, users in (
            ("gpu-template", "gpu-template", "kcloud_environment=prod", []),
            ("gpu-template-2", "gpu-template", "version-of=gpu-template,kcloud_environment=prod", []),
            ("old-template", "old-template", "current, kcloud_environment=prod", ["old"]),
            ("shared", "shared", "kcloud_environment=prod", ["old", "theirs"]),
            ("test-template", "test-template", "kcloud_environment=test", []),
            ("nobody", "nobody", None, []),
        )
    ]
    found = {"clusters": clusters, "networks": networks, "cluster_templates": templates}
    entry = {"name": "a", "type": "gpu", "own_network": True}

    def deleted(rows: list[dict[str, Any]]) -> list[tuple[str, str]]:
        return [(row["cluster"], row["type"]) for row in rows if row["node_count"] == "delete"]

    rows = declare(entry, found=found, prune_environment="prod")["rows"]
    assert deleted(rows) == [("old", "gpu"), ("old-network", "network"), ("old-template", "cluster template")]
    assert deleted(declare(entry, found=found)["rows"]) == []


def test_the_order_of_what_was_found_changes_nothing() -> None:
    """Nor does a second reading of the same."""
    clusters = [existing("a"), existing("b"), existing("a-0123abcd", created_at="2026-05-01"), existing("c", "mixed")]
    entries = [{"name": name, "type": "gpu"} for name in "abc"]
    settings = {"upgrade": "in_place_or_beside"}
    first = declare(*entries, found={"clusters": clusters}, settings=settings)
    assert declare(*entries, found={"clusters": clusters[::-1]}, settings=settings) == first
    assert json.loads(json.dumps(first)) == first


def test_300_clusters_take_less_than_a_second() -> None:
    """Each is looked up, not searched for, and equal needs of flavors are answered once."""
    names = [f"c{number}" for number in range(300)]
    found = {"clusters": [existing(name) for name in names]}
    many = [{**flavor, "name": f"{flavor['name']}-{number}"} for number in range(30) for flavor in FLAVORS]
    started = time.process_time()
    declared = declare(*({"name": name, "type": "gpu"} for name in names), found=found, cloud={"flavors": many})
    assert time.process_time() - started < 1
    assert len(declared["clusters"]) == 300 and len(declared["cluster_templates"]) == 1


# --- what is to be deleted --------------------------------------------------------------------------------------------


def test_a_teardown() -> None:
    """The clusters with their templates and own networks; a template goes with the last cluster that uses it."""
    templates = [
        {"name": "gpu-template", "version_of": "gpu-template", "current": False, "clusters": ["a", "b"]},
        {"name": "gpu-template-2", "version_of": "gpu-template", "current": True, "clusters": ["b", "theirs"]},
    ]
    networks = [{"name": "a-network", "id": "n", "status": "CREATE_COMPLETE", "tags": []}]
    found = {
        "clusters": [existing("a"), existing("b"), existing("theirs")],
        "cluster_templates": templates,
        "networks": networks,
    }
    declared = declare(
        {"name": "a", "type": "gpu", "own_network": True},
        {"name": "b", "type": "gpu"},
        state="absent",
        found=found,
        cloud={},
    )
    assert {key: declared[key] for key in ("cluster_templates", "networks", "clusters")} == {
        "cluster_templates": [{"name": "gpu-template", "state": "absent", "versioning": True, "if_used": "keep"}],
        "networks": [{"name": "a-network", "state": "absent"}],
        "clusters": [
            {"name": "a", "state": "absent", "upgrade": "never"},
            {"name": "b", "state": "absent", "upgrade": "never"},
        ],
    }
    assert declared["rows"] == [
        {"kind": "cluster", "name": "a", "status": "CREATE_COMPLETE"},
        {"kind": "cluster template", "name": "gpu-template", "status": None},
        {"kind": "cluster template", "name": "gpu-template-2", "status": "kept, used by theirs"},
        {"kind": "network", "name": "a-network", "status": "CREATE_COMPLETE"},
        {"kind": "cluster", "name": "b", "status": "CREATE_COMPLETE"},
    ]
    assert [plan["name"] for plan in declared["plans"]] == ["a", "b"]


def test_a_teardown_of_what_does_not_exist() -> None:
    """It is declared all the same and nothing is shown; neither image nor flavor is needed."""
    declared = declare(
        {"name": "a", "type": "gpu", "own_network": True}, state="absent", settings={"image": None}, cloud={}
    )
    assert declared["rows"] == [] and len(declared["clusters"]) == len(declared["networks"]) == 1


def test_a_teardown_of_all_that_the_role_made() -> None:
    """Known by its labels, with a network where one of these names it; the clusters of others stay."""
    labels = {"kcloud_managed_by": "accelerator_cluster", "kcloud_type": "mixed", "kcloud_network": "b-network"}
    found = {
        "clusters": [existing("a"), existing("b", labels=labels), existing("theirs", labels={"kcloud_type": "gpu"})]
    }
    declared = declare({"name": "a", "type": "gpu"}, state="absent", managed=True, found=found, cloud={})
    assert [entry["name"] for entry in declared["clusters"]] == ["a", "b"]
    assert [entry["name"] for entry in declared["cluster_templates"]] == ["gpu-template", "mixed-template"]
    assert [entry["name"] for entry in declared["networks"]] == ["b-network"]
    assert [
        entry["name"] for entry in declare({"name": "a", "type": "gpu"}, state="absent", found=found)["clusters"]
    ] == ["a"]


def test_a_teardown_deletes_the_network_that_a_successor_uses() -> None:
    """Its label names it, once for all clusters that use it; the name of a successor would lead to another one."""
    labels = {"kcloud_managed_by": "accelerator_cluster", "kcloud_type": "gpu"}

    def networks(*listed: dict[str, Any], **labelled: str) -> list[str]:
        clusters = [
            existing(name.replace("_", "-"), labels={**labels, "kcloud_network": of}) for name, of in labelled.items()
        ]
        declared = declare(*listed, state="absent", managed=True, found={"clusters": clusters}, cloud={})
        return [entry["name"] for entry in declared["networks"]]

    a = {"name": "a", "type": "gpu", "own_network": True}
    assert networks(a_0123abcd="a-network", b="b-network") == ["a-network", "b-network"]
    assert networks(a, a="a-network", a_0123abcd="a-network") == ["a-network"]
    assert networks(a_0123abcd="a-network", a_4567cdef="a-network") == ["a-network"]
    assert networks(c="") == ["c-network"]


@pytest.mark.parametrize(
    "entry", [{"name": "a", "type": "gpux"}, {"name": "a", "type": "gpu", "overrides": {"nodecount": 3}}]
)
def test_a_teardown_reads_its_list_as_strictly(entry: dict[str, Any]) -> None:
    """A mistake in it would leave something behind."""
    with pytest.raises(AnsibleFilterError):
        declare(entry, state="absent")
