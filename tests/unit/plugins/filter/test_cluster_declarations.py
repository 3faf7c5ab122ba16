# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Node groups that change, gathered by their clusters."""

from __future__ import annotations

from ansible_collections.kcloud.infrastructure.plugins.filter.cluster_declarations import cluster_declarations


def test_one_declaration_a_cluster() -> None:
    """Counts, names of nodes that go, and bounds where an autoscaler owns the count; in order of the clusters' ids."""
    entries = [
        {"cluster": "web", "cluster_id": "2", "node_group": "a", "node_count_after": 1, "nodes_to_remove": ["n1"]},
        {"cluster": "ml", "cluster_id": "1", "node_group": "b", "node_count_after": 3, "nodes_to_remove": []},
        {
            "cluster": "web",
            "cluster_id": "2",
            "node_group": "c",
            "node_count_after": 4,
            "min_node_count": 0,
            "max_node_count": 4,
        },
    ]
    assert cluster_declarations(entries) == [
        {"cluster": "ml", "cluster_id": "1", "node_groups": [{"name": "b", "node_count": 3}], "nodes": []},
        {
            "cluster": "web",
            "cluster_id": "2",
            "node_groups": [
                {"name": "a", "node_count": 1, "nodes_to_remove": ["n1"]},
                {"name": "c", "min_node_count": 0, "max_node_count": 4},
            ],
            "nodes": ["n1"],
        },
    ]


def test_nothing_changes() -> None:
    """No entry, no cluster."""
    assert cluster_declarations([]) == []


def test_names_of_nodes_are_shown_as_people_know_them() -> None:
    """A consolidation names nodes by address for people, and by id for Magnum."""
    entry = {"cluster": "ml", "cluster_id": "1", "node_group": "b", "node_count_after": 1, "nodes_to_remove": ["id-2"]}
    assert cluster_declarations([{**entry, "nodes": ["10.0.0.2"]}])[0]["nodes"] == ["10.0.0.2"]


def test_plain_types_only() -> None:
    """Ansible warns of named tuples in a loop, which Jinja's groupby makes."""
    entry = {"cluster": "ml", "cluster_id": "1", "node_group": "b", "node_count_after": 1}
    found = cluster_declarations([entry])
    assert [type(found), type(found[0]), type(found[0]["node_groups"])] == [list, dict, list]
