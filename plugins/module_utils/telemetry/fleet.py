# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The option ``telemetry`` of the modules that decide: the fleet as its cloud and its Prometheus servers show it.

What the servers say becomes part of the fleet, in the form of the options that a user could give in its place. Options that
are given win over the fleet, as everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.errors import InvalidRequest, KcloudError
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning import cost
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.devices import is_slice
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.flavors import read_flavor_map
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.fleet import read_flavors
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import Flavor
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.attribution import Directory
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.catalogue import METRICS, WAITING
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.figures import kubernetes_of, measured
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.information import (
    MASTER,
    Inventory,
    read_inventory,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.inputs import (
    Inputs,
    Signals,
    Workers,
    described,
    inputs_of,
    room_of,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.model import (
    MOST_STEPS,
    ClusterNode,
    Reading,
    Window,
    read_duration,
    read_window,
    usual_step,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.placements import (
    of_workloads,
    placements_of,
    waiting_of,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.sources.chosen import (
    SOURCE_ARGUMENT_SPEC,
    Chosen,
    read_source,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.telemetry.sources.reading import read_all

if TYPE_CHECKING:
    from openstack.connection import Connection

Plain = dict[str, Any]
WHERE = "telemetry."
WINDOW = "15m"
# A mark waits longer than its grace in working hours, or while others go first. The window follows it for so many seconds
LONGEST_WAIT_S = 7 * 86400
NOUNS = {"placements": "workloads on", "utilization": "utilization of"}
NOT_READ = "its nodes were not read"
# Where a cluster's own pods run: of Kubernetes, of its network, of its devices, and of what measures it
SYSTEM = (
    "kube-*",
    "calico-*",
    "tigera-operator",
    "gpu-operator",
    "network-operator",
    "node-feature-discovery",
    "openstack-system",
    "monitoring",
    "monitoring-system",
)
# What decisions take of the catalogue: neither power nor energy
DECISIVE = (*(metric for metric in METRICS if metric.measures not in ("power", "energy")), WAITING)

# The documentation of this is plugins/doc_fragments/telemetry.py.
OPTION: dict[str, dict[str, Any]] = {
    "telemetry": {
        "type": "dict",
        "options": {
            **SOURCE_ARGUMENT_SPEC,
            "window": {"type": "str"},
            "step": {"type": "str"},
            "system_namespaces": {"type": "list", "elements": "str", "default": list(SYSTEM)},
        },
    },
}


@dataclass(frozen=True)
class Telemetry:
    """The option, read. ``system`` are patterns of the namespaces whose pods belong to a cluster itself."""

    source: Chosen
    window: Window
    system: tuple[str, ...]


@dataclass(frozen=True)
class Shown:
    """How the nodes of a fleet are shown.

    :param devices: kind and number of the accelerators of each flavor, by name and by id.
    :param system: patterns of the namespaces whose pods belong to a cluster itself.
    :param single_nodes: the decision is about single nodes, also where nothing says what is free on them.
    :param rooms: what is free on nodes is asked of telemetry; no user has given placements.
    """

    signals: Signals
    devices: Mapping[str, tuple[tuple[str, int], ...]]
    system: tuple[str, ...]
    single_nodes: bool
    rooms: bool


@dataclass(frozen=True)
class Sight:
    """What was read: the nodes, what the servers said, and why some did not."""

    inventory: Inventory
    readings: tuple[Reading, ...]
    failures: tuple[tuple[str, KcloudError], ...]
    blind: bool


def read_telemetry(
    params: Mapping[str, Any],
    environment: Mapping[str, str],
    hide: Callable[[Iterable[str]], None],
    window: Callable[[Mapping[str, Any]], Window],
) -> Telemetry | None:
    """The option of a module; None where it is not given.

    :param hide: takes secrets that no answer may show.
    :param window: the window of these suboptions.
    :raises InvalidRequest: a suboption cannot be read, or there is a fleet, whose nodes no cloud names.
    """
    given = params["telemetry"]
    if given is None:
        return None
    if params["fleet"] is not None:
        raise InvalidRequest(
            "Failed to read option 'telemetry': with 'fleet' no cloud is read that says which nodes the metrics are about",
            resource="telemetry",
            hint="Leave out 'fleet', or give its 'placements' and utilisation in place of 'telemetry'",
        )
    source = read_source(given, environment, hide, WHERE)
    return Telemetry(source, source.fitted(window(given)), tuple(given["system_namespaces"] or ()))


def recent_window(given: Mapping[str, Any], end: int) -> Window:
    """The window of a decision about now."""
    return read_window(given["window"] or WINDOW, given["step"], end, WHERE)


def idle_window(
    given: Mapping[str, Any], end: int, idle_s: int, grace_s: int, gap_s: int, marked: Iterable[int] = ()
) -> Window:
    """The window in which idleness shows: that of the policy with its grace, and one step more, in which it began.

    Where the user gives no window, it reaches back over the oldest mark: a mark counts only where all since then is known to be idle.
    Its step stays that of the policy, so that a short use shows as much as without marks.

    :param marked: since when clusters are marked, in seconds.
    :raises InvalidRequest: the window is too short for the policy, or each of its steps is a gap.
    """
    least = max(idle_s + grace_s, 1)
    window = read_duration(f"{WHERE}window", given["window"]) if given["window"] is not None else least
    if window < least:
        raise InvalidRequest(
            f"Failed to read option '{WHERE}window': {window} s are less than the {least} s of 'idle_hours' and 'grace_hours'",
            resource=f"{WHERE}window",
            hint=f"Give {least}s or more, or leave it out",
        )
    step = given["step"] if given["step"] is not None else f"{max(1, min(usual_step(window), gap_s))}s"
    found = read_window(f"{window}s", step, end, WHERE)
    if found.step > gap_s:
        raise InvalidRequest(
            f"Failed to read option '{WHERE}step': {found.step} s are more than the {gap_s} s of 'max_gap_hours'",
            resource=f"{WHERE}step",
            hint="Give a step that is no longer than 'max_gap_hours', or leave it out",
        )
    if given["window"] is None:
        waited = min(max((end - at for at in marked), default=0), grace_s + LONGEST_WAIT_S)
        window = max(window, min(idle_s + waited, found.step * (MOST_STEPS - 1)))
    return replace(found, steps=-(-window // found.step) + 1)


def look(
    params: Mapping[str, Any], telemetry: Telemetry | None, *, single_nodes: bool = True, queued: bool = True
) -> Callable[[Connection], Callable[[Plain], Plain]] | None:
    """How to read the nodes and the servers beside a fleet: takes a connection, answers what makes that part of the fleet.

    A server that cannot be read raises nothing: what it would say is unknown, and a note says why.

    :param params: those of the module.
    :param single_nodes: whether the decision is about single nodes.
    :param queued: whether pods that wait for a node keep their cluster busy. A decision that finds nodes for them needs to
        know the room of that cluster.
    :returns: None without telemetry.
    """
    if telemetry is None:
        return None

    def read(connection: Connection) -> Callable[[Plain], Plain]:
        inventory = read_inventory(connection, params["api_version"], params.get("cluster_names"))
        readings, answers = read_all(telemetry.source.sources(connection), telemetry.window, DECISIVE)
        failures = tuple((source.name, error) for source, _count, error in answers if error is not None)
        sight = Sight(inventory, tuple(readings), failures, len(failures) == len(answers))
        return lambda fleet: seen_fleet(fleet, params, telemetry, sight, single_nodes=single_nodes, queued=queued)

    return read


def seen_fleet(
    fleet: Plain, params: Mapping[str, Any], telemetry: Telemetry, sight: Sight, *, single_nodes: bool, queued: bool
) -> Plain:
    """The fleet with what telemetry says of it."""
    signals = _signals(sight, telemetry.window)
    if not queued:
        signals = replace(signals, waiting={})
    flavors = _flavors(fleet, params)
    devices = {key: _devices(flavor) for key, flavor in flavors.items()}
    inputs: dict[str, Inputs] = {}
    nodes: dict[str, Mapping[str, tuple[ClusterNode, ...]]] = {}
    for cluster, groups in sight.inventory.clusters:
        working = [group for group in cluster.node_groups if group.role != MASTER]
        workers = Workers(
            cluster.id,
            tuple(node for group in working for node in groups[group.name]),
            sum(group.node_count for group in working),
            {group.name: _exported(flavors.get(group.flavor_id or "")) for group in working},
        )
        inputs[cluster.id] = inputs_of(workers, signals, telemetry.system)
        nodes[cluster.id] = groups
    shown = Shown(signals, devices, telemetry.system, single_nodes, params["placements"] is None)
    clusters = [
        _cluster(entry, nodes.get(entry["id"], {}), inputs.get(entry["id"]), shown) for entry in fleet["clusters"]
    ]
    found = [inputs[entry["id"]] for entry in clusters if entry["id"] in inputs]
    placements = [entry for one in found for entry in one.placements]
    if not single_nodes:
        asked = [params.get("workload"), *(params.get("workloads") or ())]
        placements = of_workloads(placements, {str(one["name"]) for one in asked if one and one.get("name")})
    return {
        **fleet,
        "clusters": clusters,
        "placements": None if sight.blind else placements,
        "utilization": [entry for one in found for entry in one.utilization],
        "observations": [entry for one in found for entry in one.observations],
        "telemetry": _gaps(clusters, inputs, sight, single_nodes=single_nodes),
    }


def _signals(sight: Sight, window: Window) -> Signals:
    directory = Directory(sight.inventory.nodes, sight.readings, sight.inventory.every_cluster)
    waiting = [reading for reading in sight.readings if reading.metric == WAITING]
    readings = [reading for reading in sight.readings if reading.metric != WAITING]
    known, _strangers, _implausible = measured(readings, directory)
    kube = kubernetes_of(readings, directory)
    workers = {node: entry.server for node, entry in kube.items() if node.role != MASTER}
    placements, _unsaid = placements_of(readings, directory, workers)
    return Signals(known, kube, placements, window, waiting_of(waiting, readings, directory))


def _flavors(fleet: Plain, params: Mapping[str, Any]) -> dict[str, Flavor]:
    """The flavors with their accelerators, by name and by id."""
    rates, mapped = cost.read_prices(None, "prices"), read_flavor_map(params["flavor_map"], "flavor_map")
    _in_order, by_key = read_flavors(fleet["flavors"], mapped, rates, [])
    return by_key


def _devices(flavor: Flavor) -> tuple[tuple[str, int], ...]:
    """Kind and number of the accelerators of a flavor."""
    return tuple((entry.kind, entry.count) for entry in flavor.accelerators)


def _exported(flavor: Flavor | None) -> tuple[tuple[str, int], ...]:
    """The same as exporters show it at least, see ``Workers.devices``; nothing of a flavor that the cloud does not name."""
    accelerators = () if flavor is None else flavor.accelerators
    return tuple((entry.kind, 0 if is_slice(entry.model) else entry.count) for entry in accelerators)


def _cluster(entry: Plain, groups: Mapping[str, tuple[ClusterNode, ...]], inputs: Inputs | None, shown: Shown) -> Plain:
    """A cluster of the fleet with the nodes of its groups, and with what is free on them where all its workloads are known."""
    rooms = shown.rooms and inputs is not None and not inputs.unseen
    if not (rooms or shown.single_nodes):
        return entry

    def node_group(group: Plain) -> Plain:
        nodes = groups.get(group["name"], ())
        if len(nodes) != group["node_count"]:
            return group
        devices = shown.devices.get(group["flavor"] or "", ())
        found = [
            {
                **described(node, group["node_addresses"], shown.signals),
                **(room_of(node, devices, shown.signals, shown.system) if rooms else {}),
            }
            for node in nodes
        ]
        return {**group, "nodes": found}

    return {**entry, "node_groups": [node_group(group) for group in entry["node_groups"]]}


def _gaps(clusters: Sequence[Plain], inputs: Mapping[str, Inputs], sight: Sight, *, single_nodes: bool) -> Plain:
    """What is not known, and why: the form of a fleet's ``telemetry``."""
    failed = [f"server {name} could not be read: {error.reason or error.message}" for name, error in sight.failures]
    beside = "".join(f"; {text}" for text in failed)
    unknown: list[Plain] = []
    alike: dict[tuple[str, str], list[str]] = {}
    for entry in clusters:
        one = inputs.get(entry["id"]) or Inputs(unseen=NOT_READ, unmeasured=NOT_READ)
        reasons = {"placements": one.unseen, "utilization": one.unmeasured if single_nodes else ""}
        said = {key: reason for key, reason in reasons.items() if reason}
        if said:
            unknown.append({"cluster": entry["id"], **{key: f"{reason}{beside}" for key, reason in said.items()}})
        for key, reason in said.items():
            alike.setdefault((key, reason), []).append(entry["name"])
    notes = [f"telemetry: {text}; its figures are unknown" for text in failed]
    notes += [
        f"telemetry: nothing is known of the {NOUNS[key]} {', '.join(names)}, which counts as busy: {reason}"
        for (key, reason), names in sorted(alike.items())
    ]
    return {"notes": notes, "unknown": unknown, "blind": "; ".join(failed) if sight.blind else ""}
