# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The six measurements; each prepares its fleet, measures, and returns the rows of its table."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from benchmarks.fleet import ROOT, breakdown, contenders, declaration, peer
from benchmarks.fleet.contenders import Contender
from benchmarks.fleet.figures import FASTER, MEMORY, TO_FLOOR, Goal, Sample, names, row, spread
from benchmarks.fleet.imports import import_seconds
from benchmarks.fleet.processes import Command, Run, timed

Rows = list[dict[str, Any]]
FLOOR = "floor: plain clients"
FLEET = "magnum_fleet"
LOOP = "loop of magnum_cluster"
COE_LOOP = "loop of openstack.cloud.coe_cluster"
LISTS = ("clusters", "templates", "groups")
AT_MOST_FLOOR = Goal(TO_FLOOR, "<=", 1.5)
# Declared clusters -> how many times faster than the loop of openstack.cloud
FASTER_GOALS = {20: Goal(FASTER, ">=", 10), 100: Goal(FASTER, ">=", 40)}
SINGLE_GOAL = Goal(TO_FLOOR, "<=", 1.25)
CREATE_GOAL = Goal(TO_FLOOR, "<=", 1.2)
MEMORY_GOAL = Goal(MEMORY, "<=", 150)


@dataclass(frozen=True)
class Cloud:
    """What the benchmark's project says of itself."""

    template_id: str
    endpoints: tuple[tuple[str, str], ...]
    magnum: str


def step(verb: str, *options: str) -> dict[str, Any]:
    """One step of `project.py`, in a process of its own: it loads the clients, this one must stay small.

    :raises subprocess.CalledProcessError: it failed; it has said why.
    """
    command = [sys.executable, "-m", "benchmarks.fleet.project", verb, *options]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    return json.loads(done.stdout.splitlines()[-1])


def cloud(admin: str) -> Cloud:
    """The project, created where it is missing."""
    found = step("create", "--cloud", admin)
    return Cloud(found["template_id"], tuple((url, kind) for url, kind in found["endpoints"]), found["magnum"])


def seeded(asked: argparse.Namespace, present: int) -> dict[str, Any]:
    """At least this many clusters in the project."""
    options = ("--prefix", declaration.KEPT, "--count", str(present), "--at-once", str(asked.at_once))
    return step("seed", *options) if present else {"present": 0}


def fleet_of(count: int) -> list[str]:
    """Names of the first clusters of the seeded fleet."""
    return names(declaration.KEPT, count)


def unchanged(asked: argparse.Namespace, found: Cloud) -> Rows:
    """Nothing to change: 1 to 300 declared clusters of a project that has 300."""
    seeding = seeded(asked, asked.present)
    present = seeding["present"]
    each = _loops(asked, found, fleet_of(asked.present))
    rows: Rows = []
    for count in asked.clusters:
        wanted = fleet_of(count)
        both = [Contender(FLOOR, (contenders.floor(LISTS, wanted),))]
        if FLEET not in asked.without:
            both.append(Contender(FLEET, (contenders.module(FLEET, declaration.fleet(wanted)),)))
        samples = contenders.measured(both, asked.runs, found.endpoints)
        samples.update({name: sample.scaled(count) for name, sample in each.items()})
        goals = [AT_MOST_FLOOR] if count > 1 else []
        goals += [FASTER_GOALS[count]] if count in FASTER_GOALS else []
        rows += [
            row(
                name,
                sample,
                floor=samples[FLOOR],
                peer=samples.get(COE_LOOP),
                goals=goals if name == FLEET else (),
                declared=count,
                present=present,
            )
            for name, sample in samples.items()
        ]
    return rows


def _loops(asked: argparse.Namespace, found: Cloud, fleet: Sequence[str]) -> dict[str, Sample]:
    """What one task of each loop takes: the mean of a few clusters, the first and the last of the fleet among them."""
    chosen = [fleet[at] for at in spread(len(fleet), asked.loop_samples)]
    loops = []
    if LOOP not in asked.without:
        commands = tuple(contenders.module("magnum_cluster", declaration.cluster(name)) for name in chosen)
        loops.append(Contender(LOOP, commands, 1 / len(chosen)))
    if COE_LOOP not in asked.without:
        loops.append(Contender(COE_LOOP, _coe_commands(found, chosen, changed=False), 1 / len(chosen)))
    return contenders.measured(loops, asked.runs, found.endpoints)


def _coe_commands(found: Cloud, wanted: Sequence[str], changed: bool) -> tuple[Command, ...]:
    other = peer.installed()
    return tuple(
        contenders.peer_module(other, "coe_cluster", declaration.coe_cluster(name, found.template_id), changed)
        for name in wanted
    )


def create(asked: argparse.Namespace, found: Cloud) -> Rows:
    """Twenty new clusters in one call, beside one alone and beside loops; all are deleted again."""
    wanted = names(declaration.NEW, asked.count)
    reading = Contender(FLOOR, (contenders.floor(("clusters", "templates")),))
    lists = contenders.measured([reading], asked.runs, found.endpoints)[FLOOR]
    one = Sample(tuple(step("alone", "--prefix", declaration.NEW, "--count", str(asked.runs))["seconds"]))
    _cleared()
    many = Sample(tuple(_many_created(asked) for _run in range(asked.creations)))
    fleet, longest = _fleet_created(asked, found, wanted)
    loop = None if LOOP in asked.without else _loop_created(asked, found, LOOP, _own_commands(wanted, asked))
    coe = (
        None if COE_LOOP in asked.without else _loop_created(asked, found, COE_LOOP, _coe_created(wanted, asked, found))
    )
    return create_rows(asked.count, one, many, lists, longest, fleet, loop, coe)


def create_rows(
    count: int,
    one: Sample,
    many: Sample,
    lists: Sample,
    longest: Sample | None,
    fleet: Sample | None,
    loop: Sample | None,
    coe: Sample | None,
) -> Rows:
    """The table of `create`; what was not measured is None.

    :param one: a creation alone, by a plain client.
    :param many: all creations by a plain client, side by side: what Magnum itself takes for so many.
    :param lists: the floor.
    :param longest: the longest creation within each call of `magnum_fleet`; without, `one` stands in for it.
    :param coe: its requests only: its wait never ends.
    """
    slowest = longest or one
    base = Sample((slowest.median + lists.median,))
    waited = Sample((coe.median + slowest.median,)) if coe else None
    whole = f"{count} clusters"
    entries: list[tuple[str, Sample | None, str]] = [
        ("one alone, plain client", one, "from the request until it is seen complete"),
        ("all at once, plain client", many, "from the first request until all are seen complete"),
        (FLOOR, lists, "login and two lists"),
        ("longest of the call", longest, "by Magnum's own clock, in whole seconds"),
        ("longest + floor", base, f"'{TO_FLOOR}' compares with this"),
        (FLEET, fleet, whole),
        (LOOP, loop, whole),
        (COE_LOOP, coe, f"{whole}, requests only: its wait never ends"),
        ("the same, then waiting", waited, "the line above + the longest; 'coe loop' is this"),
    ]
    return [
        row(
            who,
            sample,
            floor=base,
            peer=waited if who in (FLEET, LOOP) else None,
            goals=(CREATE_GOAL,) if who == FLEET else (),
            note=note,
        )
        for who, sample, note in entries
        if sample
    ]


def _many_created(asked: argparse.Namespace) -> float:
    """Seconds in which a plain client creates them, all requests side by side."""
    count = str(asked.count)
    taken = step("seed", "--prefix", declaration.NEW, "--count", count, "--at-once", count)["seconds"]
    _cleared()
    return taken


def _cleared() -> None:
    """The new clusters are gone."""
    step("delete", "--prefix", declaration.NEW)


def _fleet_created(
    asked: argparse.Namespace, found: Cloud, wanted: list[str]
) -> tuple[Sample, Sample] | tuple[None, None]:
    """What a call takes that creates these clusters, and the longest single creation in it."""
    if FLEET in asked.without:
        return None, None
    options = {**declaration.fleet(wanted), "max_parallel": len(wanted), "progress": False}
    contender = Contender(FLEET, (contenders.module(FLEET, options, changed=True),))
    runs, longest = [], []
    for _run in range(asked.creations):
        runs.append(contenders.once_counted(contender, found.endpoints))
        longest.append(max(step("creations", "--prefix", declaration.NEW)["seconds"]))
        _cleared()
    return joined(runs), Sample(tuple(longest))


def joined(samples: Sequence[Sample]) -> Sample:
    """Runs of one contender that were taken one by one; the requests are those of the last."""
    return replace(
        samples[-1],
        seconds=tuple(second for sample in samples for second in sample.seconds),
        peaks_mb=tuple(peak for sample in samples for peak in sample.peaks_mb),
    )


def _own_commands(wanted: list[str], asked: argparse.Namespace) -> tuple[Command, ...]:
    return tuple(
        contenders.module("magnum_cluster", {**declaration.cluster(name), "progress": False}, changed=True)
        for name in wanted[: asked.loop_samples]
    )


def _coe_created(wanted: list[str], asked: argparse.Namespace, found: Cloud) -> tuple[Command, ...]:
    return _coe_commands(found, wanted[: asked.loop_samples], changed=True)


def _loop_created(asked: argparse.Namespace, found: Cloud, who: str, commands: tuple[Command, ...]) -> Sample:
    """What the loop takes, by a few of its creations."""
    taken = contenders.once_counted(Contender(who, commands, asked.count / len(commands)), found.endpoints)
    _cleared()
    return taken


def single(asked: argparse.Namespace, found: Cloud) -> Rows:
    """One module call that finds nothing to change."""
    seeding = seeded(asked, asked.present)
    name = fleet_of(1)[0]
    both = [
        Contender(FLOOR, (contenders.floor(("clusters",)),), note="login and one list"),
        Contender("magnum_cluster", (contenders.module("magnum_cluster", declaration.cluster(name)),)),
    ]
    if COE_LOOP not in asked.without:
        both.append(Contender("openstack.cloud.coe_cluster", _coe_commands(found, [name], changed=False)))
    samples = contenders.measured(both, asked.runs, found.endpoints)
    return [
        row(
            contender.name,
            samples[contender.name],
            floor=samples[FLOOR],
            goals=(SINGLE_GOAL,) if contender.name == "magnum_cluster" else (),
            note=contender.note,
            present=seeding["present"],
        )
        for contender in both
    ]


def memory(asked: argparse.Namespace, found: Cloud) -> Rows:
    """Peak memory of processes that look at the whole fleet."""
    return _whole_fleet(asked, found, asked.present, _fleet_readers(asked, asked.present), (MEMORY_GOAL,))


def info(asked: argparse.Namespace, found: Cloud) -> Rows:
    """The modules that read the whole fleet."""
    readers = _fleet_readers(asked, 0)
    return [line for count in asked.clusters for line in _whole_fleet(asked, found, count, readers, (AT_MOST_FLOOR,))]


def _fleet_readers(asked: argparse.Namespace, declared: int) -> list[Contender]:
    """Contenders that look at all clusters; `magnum_fleet` among them where clusters are declared."""
    found = [Contender(FLOOR, (contenders.floor(LISTS, None),))]
    if declared and FLEET not in asked.without:
        found.append(Contender(FLEET, (contenders.module(FLEET, declaration.fleet(fleet_of(declared))),)))
    if FLEET not in asked.without:
        found.append(Contender("magnum_fleet_info", (contenders.module("magnum_fleet_info", {}),)))
    found.append(Contender("magnum_cluster_info", (contenders.module("magnum_cluster_info", {}),)))
    found.append(Contender("cluster_match", (contenders.module("cluster_match", declaration.workload()),)))
    return found


def _whole_fleet(
    asked: argparse.Namespace, found: Cloud, count: int, readers: Sequence[Contender], goals: Sequence[Goal]
) -> Rows:
    present = seeded(asked, count)["present"]
    samples = contenders.measured(readers, asked.runs, found.endpoints)
    return [
        row(name, sample, floor=samples[FLOOR], goals=() if name == FLOOR else goals, present=present)
        for name, sample in samples.items()
    ]


def profile(asked: argparse.Namespace, found: Cloud) -> Rows:
    """Where the seconds of single calls go."""
    seeded(asked, asked.present)
    calls: dict[str, dict[str, Any]] = {
        "magnum_cluster": declaration.cluster(fleet_of(1)[0]),
        FLEET: declaration.fleet(fleet_of(asked.present)),
        "magnum_cluster_info": {},
        "cluster_match": declaration.workload(),
    }
    return [
        {"call": name, **line}
        for name, options in calls.items()
        if name not in asked.without
        for line in _profiled(asked, found, name, options)
    ]


def _profiled(asked: argparse.Namespace, found: Cloud, name: str, options: dict[str, Any]) -> Rows:
    command = contenders.module(name, options)
    python = command.arguments[0]
    empty = Command((python, "-c", "print('{}')"), command.environment)
    runs = [timed(command) for _run in range(asked.runs)]
    starts = [timed(empty) for _run in range(asked.runs)]
    # Parts of one run add up; of several, the one in the middle stands for all
    traces = [contenders.traced(_with_import_times(command), found.endpoints) for _run in range(asked.runs)]
    traced, requests = sorted(traces, key=lambda trace: trace[0].seconds)[len(traces) // 2]
    playbook = contenders.playbook(name, options)
    return breakdown.rows(
        traced=traced.seconds,
        start=_median(starts, lambda run: run.seconds),
        imports=breakdown.without(
            import_seconds(traced.errors), import_seconds(timed(_with_import_times(empty)).errors)
        ),
        requests=requests,
        plain=_median(runs, lambda run: run.seconds),
        cpu=_median(runs, lambda run: run.cpu_seconds),
        with_ansible=_median([timed(playbook) for _run in range(asked.runs)], lambda run: run.seconds),
    )


def _with_import_times(command: Command) -> Command:
    """The same process; Python writes on standard error how long each import takes."""
    python, *rest = command.arguments
    return replace(command, arguments=(python, "-X", "importtime", *rest))


def _median(runs: Sequence[Run], figure: Callable[[Run], float]) -> float:
    return median(figure(run) for run in runs)
