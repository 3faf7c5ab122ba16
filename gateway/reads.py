# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the cloud of a tenant says, read by the collection's own modules, once for all who ask within a few seconds."""

from __future__ import annotations

import importlib
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from gateway.collection import NAME
from gateway.problems import Problem, of_failure

Plain = dict[str, Any]
Answer = TypeVar("Answer")
# An error is remembered for so long, so that a cloud that is away is not asked by every client
FAILURE_S = 2.0
# Answers that nobody has asked for again for so long are forgotten
FORGET_S = 300.0


def library(path: str) -> Any:
    """A part of the collection, by its path below `plugins`, such as `module_utils.errors`."""
    return importlib.import_module(f"{NAME}.plugins.{path}")


def ask(module: str, options: Mapping[str, Any]) -> Plain:
    """What a module of the collection answers to these options: its own `run`, with its own checks and defaults.

    :raises Problem: the options are wrong, or the cloud cannot be read.
    """
    from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

    found = library(f"modules.{module}")
    spec = library("module_utils.module").argument_spec(found.SPEC)
    checked = ArgumentSpecValidator(spec).validate(dict(options))
    if checked.error_messages:
        raise Problem(422, "INVALID_REQUEST", f"Failed to read the request: {'; '.join(checked.error_messages)}")
    hidden: set[str] = set()
    takes_hide = found.run.__code__.co_argcount == 3
    more = (hidden.update,) if takes_hide else ()
    return translated(lambda: found.run(checked.validated_parameters, False, *more), hidden)


def workload_of(document: Mapping[str, Any]) -> Any:
    """What a Workload of the optimiser asks of the planner: `Asked` of the library, as events read it, too.

    :raises Problem: it cannot be read.
    """
    return translated(lambda: library("module_utils.planning.optimizer").asked_of(document))


def translated(work: Callable[[], Answer], hidden: set[str] | frozenset[str] = frozenset()) -> Answer:
    """The work's answer; an error of the library becomes a problem, without the texts that must not show."""
    errors = library("module_utils.errors")
    try:
        return work()
    except errors.KcloudError as error:

        def shown(text: Any) -> str | None:
            if text is None:
                return None
            for secret in sorted(filter(None, hidden), key=len, reverse=True):
                text = str(text).replace(secret, "********")
            return str(text)

        failure = {
            key: shown(value) for key, value in error.failure().items() if key in ("code", "reason", "hint", "resource")
        }
        raise of_failure(shown(error.message) or "", failure) from None


@dataclass(frozen=True)
class Reading:
    """An answer, and when it was read by the monotonic clock."""

    answer: Any
    at: float
    error: Problem | None = None
    asked_at: float = 0


class Cache:
    """One reading of each thing, for all who ask; one thread reads while the others wait for it.

    Keys begin with the tenant.

    :param max_age: seconds for which a reading is good.
    """

    def __init__(self, max_age: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_age, self._clock = max_age, clock
        self._lock = threading.Lock()
        self._of_key: dict[Any, threading.Lock] = {}
        self._readings: dict[Any, Reading] = {}
        # Since when a tenant's readings count: one that began before a change may not show it
        self._valid_from: dict[str, float] = {}
        self.hits = 0
        self.reads = 0

    def get(self, key: Any, read: Callable[[], Any], max_age: float | None = None) -> tuple[Any, float]:
        """The answer, and its age in seconds.

        :raises Problem: it cannot be read.
        """
        with self._lock:
            lock = self._of_key.setdefault(key, threading.Lock())
        with lock:
            now = self._clock()
            found = self._readings.get(key)
            if found is not None:
                limit = self._max_age if max_age is None else max_age
                age = now - found.at
                fresh = age <= (min(limit, FAILURE_S) if found.error else limit)
                if fresh and found.at >= self._valid_from.get(key[0], found.at):
                    self._readings[key] = replace(found, asked_at=now)
                    self.hits += 1
                    if found.error:
                        raise found.error
                    return found.answer, age
            self.reads += 1
            try:
                answer = read()
            except Problem as problem:
                self._readings[key] = Reading(None, self._clock(), problem, now)
                raise
            # As old as its first request
            self._readings[key] = Reading(answer, now, None, now)
            self._forget(now)
            return answer, self._clock() - now

    def drop(self, tenant: str) -> None:
        """What was read of a tenant until now counts no longer: something has changed."""
        self._valid_from[tenant] = self._clock()

    def _forget(self, now: float) -> None:
        with self._lock:
            for key in [key for key, reading in list(self._readings.items()) if now - reading.asked_at > FORGET_S]:
                self._readings.pop(key, None)
                self._of_key.pop(key, None)


class Cloud:
    """The reads of one tenant.

    :param variables: those of the site; matches heed its cluster types, flavors and prices.
    """

    def __init__(
        self, tenant: str, cloud: str, cache: Cache, timeout: int, variables: Mapping[str, Any], assume_empty: bool
    ) -> None:
        self.tenant = tenant
        self._auth = {"cloud": cloud, "api_timeout": timeout}
        self._cache, self._variables, self._assume_empty = cache, variables, assume_empty

    def clusters(self, max_age: float | None = None) -> tuple[list[Plain], float]:
        """All clusters with a summary of their node groups."""
        return self._cache.get(
            (self.tenant, "clusters"),
            lambda: ask("magnum_cluster_info", {**self._auth, "node_groups": "summary"})["clusters"],
            max_age,
        )

    def cluster(self, reference: str) -> tuple[Plain, float]:
        """One cluster by id or name, of the same reading.

        :raises Problem: none has it, or several have the name.
        """
        clusters, age = self.clusters()
        return _one(clusters, reference, "cluster"), age

    def diagnosed(self, reference: str) -> tuple[Plain, float]:
        """One cluster, with why it is not well and how far it is."""
        known, _age = self.cluster(reference)
        identity = known["id"]
        found, age = self._cache.get(
            (self.tenant, "diagnosed", identity),
            lambda: ask("magnum_cluster_info", {**self._auth, "name": identity, "diagnose": True})["clusters"],
        )
        return _one(found, identity, "cluster"), age

    def templates(self) -> tuple[list[Plain], float]:
        """All cluster templates."""
        return self._cache.get(
            (self.tenant, "templates"),
            lambda: ask("magnum_cluster_template_info", self._auth)["cluster_templates"],
        )

    def template(self, reference: str) -> tuple[Plain, float]:
        """One cluster template by id or name.

        :raises Problem: none has it, or several have the name.
        """
        templates, age = self.templates()
        return _one(templates, reference, "cluster template"), age

    def metrics(self, reference: str) -> tuple[Plain, Plain | None, float]:
        """A cluster, its figures by Prometheus, and their age; None where no server is named."""
        known, age = self.cluster(reference)
        if not self._is_watched():
            return known, None, age
        found, age = self._cache.get(
            (self.tenant, "metrics"), lambda: ask("cluster_metrics_info", {**self._auth, "window": "1h"})
        )
        return known, {**_of_cluster(found, known), "window": found["window"]}, age

    def costs(self, reference: str) -> tuple[Plain, Plain, float]:
        """A cluster, what it costs, and the age of that."""
        known, _age = self.cluster(reference)
        options = {**self._auth, "prices": self._prices(), "flavor_map": self._flavor_map(), "window": "1h"}
        found, age = self._cache.get((self.tenant, "costs"), lambda: ask("cluster_cost_info", options))
        return (
            known,
            {**_of_cluster(found, known), "period": found.get("period"), "currency": found.get("currency")},
            age,
        )

    def fleet(self) -> tuple[Plain, float]:
        """The fleet as the planner takes it, with what telemetry says of it where a server is named."""
        return self._cache.get((self.tenant, "fleet"), self._read_fleet)

    def _read_fleet(self) -> Plain:
        reader = library("module_utils.fleet_reader")
        hidden: set[str] = set()

        def read() -> Plain:
            params = {**self._auth, "interface": "public", "api_version": os.environ.get("MAGNUM_API_VERSION") or None}
            look = None
            if self._is_watched():
                fleet = library("module_utils.telemetry.fleet")
                option = {"source": "prometheus", "servers": None, "window": None, "step": None}
                given = {"telemetry": {**option, "system_namespaces": list(fleet.SYSTEM)}, "fleet": None}
                telemetry = fleet.read_telemetry(
                    given, os.environ, hidden.update, lambda option: fleet.recent_window(option, int(time.time()))
                )
                look = fleet.look({**params, **QUESTION, **given}, telemetry, single_nodes=False, queued=False)
            return reader.read_fleet(params, lambda _flavors: reader.every_group, look)

        return translated(read, hidden)

    def match(
        self, workload: Mapping[str, Any], *, without: frozenset[str] = frozenset(), name: str | None = None
    ) -> tuple[Plain, float]:
        """The decision about a workload, as `cluster_match` makes it, and the age of the fleet that it is about.

        :param without: names and ids of clusters that must not be used.
        """
        fleet, age = self.fleet()
        options: Plain = {
            "workload": dict(workload),
            "fleet": fleet,
            "cluster_types": self.cluster_types(),
            "flavor_map": self._flavor_map(),
            "prices": self._prices(),
            "max_candidates": 50,
            "new_cluster_name": name,
        }
        if without:
            allowed, others = _parted(fleet["clusters"], lambda entry: not {entry["name"], entry["id"]} & without)
            names = {entry["name"] for entry in allowed}
            # No pattern stands for no cluster: a name that no cluster can have does
            options["cluster_names"] = sorted(names) or ["-"]
            # A name chooses all clusters that have it, so those are left out by their ids. The others stay: their names are taken
            options["fleet"] = {
                **fleet,
                "clusters": allowed + [entry for entry in others if entry["name"] not in names],
            }
        if self._assume_empty and not self._is_watched():
            options["placements"] = []
        return ask("cluster_match", options), age

    def devices(self, fleet: Plain) -> dict[str, dict[str, int]]:
        """How many accelerators of each kind a node has, by the name of its flavor, as the planner reads flavors."""
        planner = library("module_utils.planning.fleet")
        prices = library("module_utils.planning.cost").read_prices(None)
        found, _by_key = planner.read_flavors(
            fleet["flavors"], library("module_utils.planning.flavors").read_flavor_map(self._flavor_map()), prices, []
        )
        counts: dict[str, dict[str, int]] = {}
        for flavor in found:
            own = counts.setdefault(flavor.name, {})
            for entry in flavor.accelerators:
                own[entry.kind] = own.get(entry.kind, 0) + entry.count
        return counts

    def cluster_types(self) -> Plain:
        """The cluster types that the role `workload_placement` offers, in the planner's form."""
        catalog = library("filter.cluster_catalog").cluster_catalog(
            built_in_types(),
            self._variables.get("cluster_templates") or {},
            self._variables.get("accelerator_cluster_types") or {},
        )
        return library("filter.planner_types").planner_types(catalog)

    def _is_watched(self) -> bool:
        return bool(os.environ.get("PROMETHEUS_CLUSTERS"))

    def _flavor_map(self) -> Plain:
        return dict(self._variables.get("accelerator_cluster_flavor_map") or {})

    def _prices(self) -> Plain:
        return dict(self._variables.get("workload_placement_prices") or {})

    @property
    def assumes_empty(self) -> bool:
        """Whether nodes count as empty, since nothing says what runs on them."""
        return self._assume_empty and not self._is_watched()


# Other options of a match, beside the fleet's
QUESTION = {
    "placements": None,
    "utilization": None,
    "flavor_map": None,
    "prices": None,
    "require_metrics": False,
    "cluster_names": None,
}


def built_in_types() -> Plain:
    """The four cluster types, as the role `accelerator_cluster` has them."""
    from pathlib import Path

    import yaml

    package = library("module_utils.errors").__file__
    folder = Path(package).parents[2] / "roles" / "accelerator_cluster" / "vars" / "main"
    return yaml.safe_load((folder / "types.yml").read_text(encoding="utf-8"))["__accelerator_cluster_types"]


def _one(found: list[Plain], reference: str, kind: str) -> Plain:
    of_id = [entry for entry in found if entry["id"] == reference]
    fitting = of_id or [entry for entry in found if entry["name"] == reference]
    if len(fitting) == 1:
        return fitting[0]
    if not fitting:
        raise Problem(
            404,
            "NOT_FOUND",
            f"No {kind} of this tenant has the name or id '{reference}'",
            hint=f"GET /{'clusters' if kind == 'cluster' else 'templates'} lists them",
            resource=f"{kind.replace(' ', '_')}/{reference}",
        )
    ids = ", ".join(sorted(entry["id"] for entry in fitting))
    raise Problem(
        409, "AMBIGUOUS_NAME", f"{len(fitting)} objects have the name '{reference}'", reason=ids, hint="Give the id"
    )


def _parted(entries: list[Plain], belongs: Callable[[Plain], bool]) -> tuple[list[Plain], list[Plain]]:
    """Those that belong, and the others."""
    return [entry for entry in entries if belongs(entry)], [entry for entry in entries if not belongs(entry)]


def _of_cluster(found: Plain, cluster: Plain) -> Plain:
    for entry in found["clusters"]:
        if entry["id"] == cluster["id"]:
            return dict(entry)
    return {"reason": f"the cluster is {cluster['status']}, and its nodes are not read"}
