# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plain dictionaries of what is there -> Fleet, and all options together -> Request.

Facts (clusters, node groups, templates, flavors, quota) come from APIs: keys that nobody reads are passed over.
Wishes (workload, prices, flavor_map, objective weights) come from people: unknown keys there are errors.
Everything is put in order of name, so that the order of the input can never matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.kcloud.infrastructure.plugins.module_utils.magnum.model.state import state_in
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning import cost
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.devices import canonical, is_model
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.flavors import read_flavor, read_flavor_map
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.model import (
    WHOLE,
    Cluster,
    ClusterType,
    Flavor,
    Fleet,
    Group,
    Part,
    Policy,
    Prices,
    Quota,
    Request,
    Room,
    Rooms,
    TypeGroup,
    Workload,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.objective import WEIGHED
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.placements import (
    Placement,
    read_made_for,
    read_placements,
    settled,
    with_home,
    with_made,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.reading import (
    TRUE_TEXTS,
    flag,
    mapping,
    mappings,
    number,
    only_known,
    optional,
    refused,
    sequence,
    text,
    texts,
    whole,
)
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.rooms import closed, gathered
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.telemetry_gaps import read_gaps
from ansible_collections.kcloud.infrastructure.plugins.module_utils.planning.workload import (
    CPU,
    GPU,
    HYBRID,
    NPU,
    cluster_type_name,
    read_workload,
)

TYPE_LABEL = "kcloud_type"
LATENCY_LABEL = "kcloud_latency_ms"
LOCKS = ("do-not-disrupt", "protected")
QUOTAS = ("clusters", "instances", "cores", "ram_mib")
# The least that a control plane runs on, where nobody says which flavor it has.
MASTER_CPU_M, MASTER_MEM_MIB = 2000, 4096

Flavors = Mapping[str, Flavor]
Given = Mapping[str, Any]
Notes = list[str]


def read_request(
    workload: object,
    fleet: object,
    *,
    cluster_types: object = None,
    flavor_map: object = None,
    prices: object = None,
    placements: object = None,
    require_health: bool = False,
    assume_empty: bool = False,
) -> Request:
    """All options of a match, as plain data, made into what the planner thinks in.

    :param fleet: {flavors, clusters, templates, quota, accelerators_free, project_id}; it may also hold the options
        that follow, which win where both are given, and ``telemetry`` as in ``read_gaps``.
    :param placements: None says that nobody knows who stands where: then running nodes count as busy.
    :param assume_empty: they count as empty instead.
    :raises InvalidRequest: anything that cannot be read, by its path.
    """
    read = _read(fleet, cluster_types, flavor_map, prices, placements, assume_empty)
    # Where no flavors are known (yet), nobody can say which kinds there are not.
    wanted = read_workload(workload, kinds=read.kinds if read.flavors else None)
    placed = with_home(read_placements(*read.placements, wanted.name, read.kinds), wanted)
    if read.unsaid:
        placed = with_made(placed, read.clusters, [wanted])
    clusters, standing, home = settled(read.clusters, placed, wanted, read.notes)
    found = read.fleet(clusters, standing)
    return Request(replace(wanted, home=home), found, Policy(read.rates, require_health))


def read_batch(
    workloads: object,
    fleet: object,
    *,
    cluster_types: object = None,
    flavor_map: object = None,
    prices: object = None,
    placements: object = None,
    require_health: bool = False,
    assume_empty: bool = False,
) -> tuple[tuple[Workload, ...], Fleet, Policy]:
    """The same for many workloads at once, in order of their names; those that stand are in the fleet already.

    :raises InvalidRequest: as ``read_request``; also workloads without a name, or with one name.
    """
    read = _read(fleet, cluster_types, flavor_map, prices, placements, assume_empty)
    wanted: dict[str, Workload] = {}
    for path, given in mappings(workloads, "workloads"):
        workload = read_workload(given, path, read.kinds if read.flavors else None)
        if not workload.name or workload.name in wanted:
            hint = "In a list each workload needs a name, by which it is known later"
            raise refused(f"{path}.name", workload.name, "a name that no other workload of the list has", hint)
        wanted[workload.name] = workload
    raw, path = read.placements
    placed = read_placements(_sized_like(raw, path, workloads), path, "", read.kinds)
    own = [Placement(name, *entry.home, entry) for name, entry in sorted(wanted.items()) if entry.home]
    if read.unsaid:
        own = list(with_made(tuple(own), read.clusters, [wanted[name] for name in sorted(wanted)]))
    standing = {entry.name for entry in own}
    placed = (*own, *(entry for entry in placed if entry.name not in standing))
    clusters, standing, _home = settled(read.clusters, placed, None, read.notes)
    known = {key: cluster.id for cluster in reversed(clusters) for key in (cluster.name, cluster.id)}
    homes = {entry.name: (known[entry.cluster], entry.group) for entry in placed if entry.cluster in known}
    there: dict[str, int] = {}
    for entry in placed:
        if entry.workload is not None and entry.cluster in known and known[entry.cluster] == homes[entry.name][0]:
            there[entry.name] = there.get(entry.name, 0) + entry.workload.replicas
    found = tuple(replace(wanted[name], home=homes.get(name), standing=there.get(name, 0)) for name in sorted(wanted))
    return found, read.fleet(clusters, standing), Policy(read.rates, require_health)


def _sized_like(raw: object, path: str, workloads: object) -> list[Given]:
    """The placements, where one of a workload of the list may leave out its size."""
    sizes = {
        str(given.get("name")).strip(): {key: value for key, value in given.items() if key not in ("name", *PLACES)}
        for _path, given in mappings(workloads, "workloads")
    }
    return [
        {**sizes.get(name, {}), **given}
        for _path, given in mappings(raw, path)
        for name in [str(given.get("workload", given.get("name"))).strip()]
    ]


# Keys of a workload that say where it stands
PLACES = ("current_placement",)


@dataclass(frozen=True)
class _Read:
    """What all decisions read alike, before the workloads.

    :param unsaid: no user says which workloads run: one may run in the cluster that was made for it.
    """

    given: Given
    rates: Prices
    flavors: tuple[Flavor, ...]
    kinds: set[str]
    clusters: tuple[Cluster, ...]
    types: tuple[ClusterType, ...]
    placements: tuple[object, str]
    notes: Notes
    unsaid: bool
    blind: str

    def fleet(self, clusters: tuple[Cluster, ...], standing: tuple[tuple[Part, int], ...]) -> Fleet:
        """The fleet with the standing workloads in it."""
        project = text(self.given.get("project_id"), "fleet.project_id")
        return Fleet(
            flavors=self.flavors,
            clusters=clusters,
            types=self.types,
            quotas=read_quotas(self.given.get("quota")),
            free=read_free(self.given.get("accelerators_free")),
            project=project or _only(cluster.project for cluster in clusters),
            standing=standing,
            notes=tuple(sorted(set(self.notes))),
            blind=self.blind,
        )


def _read(
    fleet: object,
    cluster_types: object,
    flavor_map: object,
    prices: object,
    placements: object,
    assume_empty: bool,
) -> _Read:
    given = mapping(fleet, "fleet")

    def option(value: object, name: str) -> tuple[object, str]:
        return (value, name) if value is not None else (given.get(name), f"fleet.{name}")

    gaps = read_gaps(given).beside(placements)
    notes: Notes = list(gaps.notes)
    rates = cost.read_prices(*option(prices, "prices"))
    mapped = read_flavor_map(*option(flavor_map, "flavor_map"))
    flavors, by_key = read_flavors(given.get("flavors"), mapped, rates, notes)
    raw_types, types_path = option(cluster_types, "cluster_types")
    kinds = {kind for flavor in flavors for kind in flavor.kinds} | declared_kinds(raw_types, types_path)
    templates = read_templates(given.get("templates"))
    clusters = read_clusters(given.get("clusters"), by_key, templates, notes)
    if mapping(raw_types, types_path):
        types = read_types(raw_types, types_path, flavors, by_key, templates, notes)
    else:
        types = template_types(templates, flavors, by_key, notes)
    if not types:
        notes.append("no cluster type or template could be built from: creating a cluster was not considered")
    placed = option(placements, "placements")
    unseen = {entry.id for entry in clusters if placed[0] is None or entry.id in gaps.occupants}
    if assume_empty and (unseen or placed[0] is None):
        notes.append(ASSUMED_EMPTY)
    else:
        clusters = tuple(_unseen(entry) if entry.id in unseen else entry for entry in clusters)
    unsaid, blind = placed[0] is None or gaps.asked, "" if assume_empty else gaps.blind
    return _Read(given, rates, flavors, kinds, clusters, types, placed, notes, unsaid, blind)


ASSUMED_EMPTY = "assume_empty is true: running nodes of which nothing is known count as empty"


def _unseen(cluster: Cluster) -> Cluster:
    return replace(cluster, groups=tuple(map(_unknown, cluster.groups)))


def _unknown(group: Group) -> Group:
    """A group whose workloads are not known: unless its nodes say what is free, they offer nothing."""
    if group.measured or not group.count:
        return group
    return replace(group, known=False, rooms=((closed(group.flavor.empty), group.count),))


def _only(values: Iterable[str]) -> str:
    """The one value that all share, or none."""
    distinct = set(values)
    return distinct.pop() if len(distinct) == 1 else ""


def _labels(given: Given, path: str) -> dict[str, str]:
    labels = mapping(given.get("labels"), f"{path}.labels")
    return {
        str(name): str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in sorted(labels.items(), key=str)
    }


def _is_set(labels: Mapping[str, str], name: str) -> bool:
    """Whether a label says yes; Magnum keeps labels as text, YAML's ``true`` as ``True``."""
    return any(
        value.strip().lower() in TRUE_TEXTS for key, value in labels.items() if key.lower().replace("_", "-") == name
    )


# --- flavors


def read_flavors(
    raw: object, mapped: Mapping[str, Given], prices: Prices, notes: Notes
) -> tuple[tuple[Flavor, ...], dict[str, Flavor]]:
    """The cloud's flavors in order of name, and the same by name and by id."""
    by_key: dict[str, Flavor] = {}
    found = {}
    for path, given in mappings(raw, "fleet.flavors"):
        flavor, strange = read_flavor(given, path, mapped.get(str(given.get("name")), {}), prices)
        found[flavor.name] = flavor
        by_key[text(given.get("id"), f"{path}.id") or flavor.name] = flavor
        if strange:
            notes.append(
                f"flavor {flavor.name}: {', '.join(strange)} names no known accelerator; flavor_map can say it"
            )
    missing = sorted(set(mapped) - set(found))
    if missing:
        notes.append(f"flavor_map names flavors that the cloud lacks: {', '.join(missing)}")
    return tuple(found[name] for name in sorted(found)), {**by_key, **found}


def _flavor(name: str, flavors: Flavors, owner: str, notes: Notes) -> Flavor:
    if name not in flavors:
        notes.append(f"{owner}: flavor {name or 'without name'} is unknown; its nodes count as holding nothing")
    return flavors.get(name) or Flavor(name or "unknown", 0, 0)


# --- templates


def read_templates(raw: object) -> tuple[dict[str, Any], ...]:
    """Cluster templates, in order of name, hidden ones left out."""
    found = []
    for path, given in mappings(raw, "fleet.templates"):
        template = {
            "id": text(given.get("id"), f"{path}.id"),
            "name": text(given.get("name"), f"{path}.name"),
            "flavor": text(given.get("flavor", given.get("flavor_id")), f"{path}.flavor"),
            "master_flavor": text(given.get("master_flavor", given.get("master_flavor_id")), f"{path}.master_flavor"),
            "labels": _labels(given, path),
        }
        if not flag(given.get("hidden"), f"{path}.hidden"):
            found.append(template)
    return tuple(sorted(found, key=lambda template: (template["name"], template["id"])))


def _template(templates: Iterable[Given], key: str) -> Given | None:
    return next((template for template in templates if key and key in (template["id"], template["name"])), None)


def _template_of(given: Given, path: str, templates: Iterable[Given]) -> Given | None:
    return _template(templates, text(given.get("cluster_template_id"), f"{path}.cluster_template_id"))


def all_labels(given: Given, path: str, templates: Iterable[Given]) -> dict[str, str]:
    """The labels of a cluster: those of its template, and its own, which win."""
    template = _template_of(given, path, templates)
    return {**(template["labels"] if template else {}), **_labels(given, path)}


# --- clusters


def read_clusters(raw: object, flavors: Flavors, templates: Iterable[Given], notes: Notes) -> tuple[Cluster, ...]:
    """Clusters with their worker groups, in order of name. Nodes are empty unless they say what is free on them."""
    found = [_cluster(given, path, flavors, templates, notes) for path, given in mappings(raw, "fleet.clusters")]
    ids = [cluster.id for cluster in found]
    for index, identity in enumerate(ids):
        if identity in ids[:index]:
            hint = f"It is that of 'fleet.clusters[{ids.index(identity)}]', too: name each cluster once"
            raise refused(f"fleet.clusters[{index}].id", identity, "the id of one cluster only", hint)
    return tuple(sorted(found, key=lambda cluster: (cluster.name, cluster.id)))


def _cluster(given: Given, path: str, flavors: Flavors, templates: Iterable[Given], notes: Notes) -> Cluster:
    name = text(given.get("name"), f"{path}.name")
    if not name or name != given["name"]:
        raise refused(
            f"{path}.name", given.get("name"), "a cluster's name without spaces around it", "Name the cluster"
        )
    template = _template_of(given, path, templates)
    own_labels, labels = _labels(given, path), all_labels(given, path, templates)
    raw_groups = given.get("node_groups")
    if raw_groups is None:
        flavor = given.get("flavor", given.get("flavor_id"))
        raw_groups = [{"name": "default-worker", "flavor": flavor, "node_count": given.get("node_count", 0)}]
    groups = [
        _group(entry, group_path, flavors, name, notes)
        for group_path, entry in mappings(raw_groups, f"{path}.node_groups")
        if entry.get("role") != "master"
    ]
    _once([group.name for group in groups], f"{path}.node_groups")
    latency = given.get("latency_ms", labels.get(LATENCY_LABEL))
    type_name = text(given.get("type"), f"{path}.type") or labels.get(TYPE_LABEL, "")
    return Cluster(
        id=text(given.get("id"), f"{path}.id") or name,
        name=name,
        type=cluster_type_name(type_name) or derived_type(group.flavor for group in groups),
        groups=tuple(sorted(groups, key=lambda group: group.name)),
        template=template["name"] if template else "",
        status=text(given.get("status"), f"{path}.status", "CREATE_COMPLETE"),
        health=text(given.get("health_status"), f"{path}.health_status"),
        locks=tuple(lock for lock in LOCKS if _is_set(labels, lock)),
        project=text(given.get("project_id"), f"{path}.project_id"),
        latency_ms=optional(whole, latency, f"{path}.latency_ms"),
        autoscaled=_is_set(labels, "auto-scaling-enabled"),
        made_for=read_made_for(own_labels),
        state=state_in(given),
    )


def _once(names: list[str], path: str) -> None:
    """Refuse a name that two node groups of a cluster have."""
    for name in sorted(set(names)):
        if names.count(name) > 1:
            hint = "Give each node group of a cluster a name of its own"
            raise refused(path, name, "the name of one node group only", hint)


def derived_type(flavors: Iterable[Flavor]) -> str:
    """The type that accelerators make of a cluster."""
    kinds = {kind for flavor in flavors for kind in flavor.kinds}
    if {"gpu", "npu"} <= kinds:
        return HYBRID
    return GPU if "gpu" in kinds else NPU if "npu" in kinds else CPU if not kinds else ""


def _group(given: Given, path: str, flavors: Flavors, cluster: str, notes: Notes) -> Group:
    name = text(given.get("name"), f"{path}.name", "default-worker")
    flavor_name = text(given.get("flavor", given.get("flavor_id")), f"{path}.flavor")
    flavor = _flavor(flavor_name, flavors, f"{cluster}/{name}", notes)
    count = whole(given.get("node_count", 0), f"{path}.node_count")
    if "min_node_count" in given and given["min_node_count"] is None:
        # As magnum_cluster_info returns it where it did not read the details of node groups
        notes.append(f"{cluster}/{name}: its bounds were not read; any number of nodes counts as allowed")
    measured = given.get("nodes") is not None
    rooms = _measured(given["nodes"], f"{path}.nodes", flavor) if measured else ((flavor.empty, count),)
    return Group(
        name=name,
        flavor=flavor,
        count=count,
        min_count=optional(whole, given.get("min_node_count"), f"{path}.min_node_count") or 0,
        max_count=optional(whole, given.get("max_node_count"), f"{path}.max_node_count"),
        rooms=gathered(rooms),
        measured=measured,
        taints=texts(given.get("taints", given.get("node_taints")), f"{path}.taints"),
        status=text(given.get("status"), f"{path}.status") or "CREATE_COMPLETE",
    )


def _measured(raw: object, path: str, flavor: Flavor) -> Rooms:
    """Nodes that say what is free: {ready?, busy?, free: {cpu_m, mem_mib}, devices: [free milli-devices]}.

    What a node does not say is not free.
    """
    return tuple(
        (measured_room(given, node_path, flavor), 1)
        for node_path, given in mappings(raw, path)
        if flag(given.get("ready"), f"{node_path}.ready", True)
    )


def measured_room(given: Given, path: str, flavor: Flavor) -> Room:
    """What one node says is free on it."""
    free = mapping(given.get("free"), f"{path}.free")
    milli = [
        min(whole(entry, f"{path}.devices[{index}]"), WHOLE)
        for index, entry in enumerate(sequence(given.get("devices"), f"{path}.devices"))
    ]
    room = Room(
        min(whole(free.get("cpu_m", 0), f"{path}.free.cpu_m"), flavor.cpu_m),
        min(whole(free.get("mem_mib", 0), f"{path}.free.mem_mib"), flavor.mem_mib),
        _devices(flavor, milli),
    )
    return room._replace(busy=flag(given.get("busy"), f"{path}.busy", room != flavor.empty))


def _devices(flavor: Flavor, milli: list[int]) -> tuple[tuple[int, ...], ...]:
    """A node's flat list of devices, cut by the accelerators of its flavor; devices that are not listed are not free."""
    rest = [*milli, *[0] * sum(entry.count for entry in flavor.accelerators)]
    cut = []
    for entry in flavor.accelerators:
        cut.append(tuple(sorted(rest[: entry.count], reverse=True)))
        rest = rest[entry.count :]
    return tuple(cut)


# --- what could be created


def _kind(accelerator: Given, path: str) -> str:
    """The kind of an accelerator; ``none`` is none."""
    kind = text(accelerator.get("kind"), f"{path}.accelerator.kind").lower()
    return "" if kind == "none" else kind


def declared_kinds(raw: object, path: str) -> set[str]:
    """Accelerator kinds that cluster types speak of."""
    return {
        _kind(mapping(group.get("accelerator"), f"{group_path}.accelerator"), group_path)
        for name, given in mapping(raw, path).items()
        for group_path, group in mappings(
            mapping(given, f"{path}.{name}").get("node_groups"), f"{path}.{name}.node_groups"
        )
    } - {""}


def read_types(
    raw: object, path: str, flavors: tuple[Flavor, ...], by_key: Flavors, templates: Iterable[Given], notes: Notes
) -> tuple[ClusterType, ...]:
    """Declared cluster types, in order of name; one that no flavor of the cloud can serve is left out, with a note."""
    found, guess = [], cheapest_master(flavors)
    for key, entry in sorted(mapping(raw, path).items()):
        name, type_path = cluster_type_name(str(key)), f"{path}.{key}"
        given = mapping(entry, type_path)
        groups = [
            _type_group(group, group_path, name, flavors, by_key, notes)
            for group_path, group in mappings(given.get("node_groups"), f"{type_path}.node_groups")
        ]
        built = tuple(sorted((group for group in groups if group.flavors), key=lambda group: group.name))
        wanted = text(given.get("template"), f"{type_path}.template")
        # One that is named and not there yet: what it will say is known to no other template
        template = _template(templates, wanted) if wanted else _labelled(templates, name)
        read = ClusterType(
            name=name,
            groups=built,
            template=wanted or (template["name"] if template else ""),
            **_masters(given, type_path, template, by_key, guess),
            objective=_objective(given.get("objective"), f"{type_path}.objective"),
            latency_ms=optional(whole, given.get("latency_ms"), f"{type_path}.latency_ms"),
            labels=tuple(_labels(given, type_path).items()),
        )
        if not built or any(group.min_count and not group.flavors for group in groups):
            notes.append(f"cluster type {name} cannot be built: the cloud has no flavor for one of its node groups")
            continue
        if wanted and not _template(templates, wanted):
            notes.append(f"cluster type {name}: template {wanted} does not exist yet")
        found.append(read)
    return tuple(found)


def _labelled(templates: Iterable[Given], type_name: str) -> Given | None:
    return next(
        (entry for entry in templates if cluster_type_name(entry["labels"].get(TYPE_LABEL, "")) == type_name), None
    )


def _type_group(
    given: Given, path: str, type_name: str, flavors: tuple[Flavor, ...], by_key: Flavors, notes: Notes
) -> TypeGroup:
    name = text(given.get("name"), f"{path}.name", "default-worker")
    accelerator = mapping(given.get("accelerator"), f"{path}.accelerator")
    kind = _kind(accelerator, path)
    models = tuple(canonical(model) for model in texts(accelerator.get("models"), f"{path}.accelerator.models"))
    names = texts(given.get("flavors", given.get("flavor")), f"{path}.flavors")
    missing = [entry for entry in names if entry not in by_key]
    if missing:
        notes.append(f"cluster type {type_name}: the cloud lacks flavor {', '.join(missing)}")
    if names:
        able = [by_key[entry] for entry in names if entry in by_key]
    else:
        able = [flavor for flavor in flavors if _is_for(flavor, kind, models)]
    least = optional(whole, given.get("min_node_count"), f"{path}.min_node_count") or 0
    most = optional(whole, given.get("max_node_count"), f"{path}.max_node_count")
    if most is not None and most < least:
        raise refused(f"{path}.max_node_count", most, f"at least min_node_count ({least})")
    return TypeGroup(name, tuple(sorted(set(able), key=lambda flavor: flavor.name)), least, most)


def _is_for(flavor: Flavor, kind: str, models: tuple[str, ...]) -> bool:
    """Whether a flavor belongs into a group for this kind of accelerator, or for none."""
    if not kind:
        return not flavor.accelerators
    return any(
        entry.kind == kind and (not models or any(is_model(entry.model, model) for model in models))
        for entry in flavor.accelerators
    )


def _suits(flavor: Flavor, type_name: str) -> bool:
    """Whether nodes of a flavor make, or help to make, a cluster of the type; of unknown types any do."""
    return type_name not in (GPU, NPU, CPU) or derived_type([flavor]) == type_name


def template_types(
    templates: Iterable[Given], flavors: tuple[Flavor, ...], by_key: Flavors, notes: Notes
) -> tuple[ClusterType, ...]:
    """Without declared types each template is one; without a flavor in the template, one per flavor that suits its label."""
    found, guess = [], cheapest_master(flavors)
    for template in templates:
        labelled = cluster_type_name(template["labels"].get(TYPE_LABEL, ""))
        if template["flavor"]:
            workers = [_flavor(template["flavor"], by_key, template["name"], notes)]
        else:
            workers = [flavor for flavor in flavors if _suits(flavor, labelled)]
        latency = template["labels"].get(LATENCY_LABEL)
        for flavor in workers:
            found.append(
                ClusterType(
                    name=labelled or derived_type([flavor]),
                    groups=(TypeGroup("default-worker", (flavor,), 1),),
                    template=template["name"],
                    **_masters({}, "", template, by_key, guess),
                    latency_ms=optional(whole, latency, f"template {template['name']}: label {LATENCY_LABEL}"),
                )
            )
    return tuple(found)


def _masters(given: Given, path: str, template: Given | None, by_key: Flavors, guess: Flavor | None) -> Given:
    """The control plane of a new cluster: as declared, as in the template, or as guessed."""
    name = text(given.get("master_flavor"), f"{path}.master_flavor") or (template["master_flavor"] if template else "")
    count = optional(whole, given.get("master_count"), f"{path}.master_count")
    flavor = by_key.get(name, guess)
    masters = (flavor, 1 if count is None else count) if flavor else None
    return {"masters": masters, "masters_guessed": name not in by_key}


def cheapest_master(flavors: tuple[Flavor, ...]) -> Flavor | None:
    """What a control plane counts as where nobody says its flavor."""
    able = [
        flavor
        for flavor in flavors
        if not flavor.accelerators and flavor.cpu_m >= MASTER_CPU_M and flavor.mem_mib >= MASTER_MEM_MIB
    ]
    return min(able, key=lambda flavor: (flavor.price, flavor.name), default=None)


def _objective(raw: object, path: str) -> tuple[tuple[str, int], ...]:
    """Weights of a type's objective: {term: weight}."""
    given = mapping(raw, path)
    only_known(given, WEIGHED, path)
    return tuple(sorted((str(term), number(weight, f"{path}.{term}", 1000)) for term, weight in given.items()))


# --- limits


def read_quotas(raw: object) -> tuple[Quota, ...]:
    """{clusters|instances|cores|ram_mib: {limit, used}}; a limit of -1 or none means no limit."""
    given = mapping(raw, "fleet.quota")
    found = []
    for resource in QUOTAS:
        path = f"fleet.quota.{resource}"
        entry = mapping(given.get(resource), path)
        if entry.get("limit") not in (None, -1):
            found.append(
                Quota(resource, whole(entry["limit"], f"{path}.limit"), whole(entry.get("used", 0), f"{path}.used"))
            )
    return tuple(found)


def read_free(raw: object) -> tuple[tuple[str, int], ...]:
    """{Placement resource class: how many are free in the cloud}."""
    given = mapping(raw, "fleet.accelerators_free")
    return tuple(sorted((str(name), whole(count, f"fleet.accelerators_free.{name}")) for name, count in given.items()))
