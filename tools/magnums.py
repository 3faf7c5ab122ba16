# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which targets and scenarios run against which Magnum: the test cloud can hold several (devcloud/README.md).

A piece is labelled by its name, and against another Magnum than the cloud's own by `magnum20/NAME`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

OWN = "22"
RELEASES = ("20", "22", "23")
CLOUDS = {
    "cloud": "devcloud",
    "cloud_other_tenant": "devcloud-tenant-b",
    "cloud_admin": "devcloud-admin",
    "cloud_appcred": "devcloud-appcred",
    "cloud_appcred_unrestricted": "devcloud-appcred-unrestricted",
}

# What every run repeats on another Magnum than the cloud's own
ALWAYS: dict[str, frozenset[str]] = {
    "20": frozenset({"cluster_match", "workload_placement"}),
}

# What a run about another Magnum leaves out, with the reason; everything else must pass there
NO_MAGNUM = dict.fromkeys(
    ("heat_stack", "heat_stack_info", "readable_plan", "table"), "asks nothing of Magnum, so it would only pass again"
)
CATALOG = {
    "heat_templates": "Heat's own resources go by the catalog, to the cloud's own Magnum",
    "job_output": "logs in by the option 'auth', which goes by the catalog, to the cloud's own Magnum",
}
NO_HEAT = dict.fromkeys(
    (
        "gpu_intensive_cluster",
        "magnum_cluster_failures",
        "magnum_cluster_heat",
        "magnum_cluster_upgrade",
        "magnum_nodegroup_heat",
        "workload_lifecycle",
    ),
    "makes a cluster through the Heat driver, which Magnum 23 has no more",
)
ABSENT: dict[str, dict[str, str]] = {
    "20": {**NO_MAGNUM, **CATALOG},
    "23": {**NO_MAGNUM, **CATALOG, **NO_HEAT},
}


def checked(release: str) -> str:
    """The release that is asked for; nothing means the cloud's own."""
    if release and release not in RELEASES:
        raise SystemExit(f"MAGNUM={release}: there is no such Magnum here, choose of {', '.join(RELEASES)}")
    return release or OWN


def label(release: str, name: str) -> str:
    """How a piece is called.

    >>> label("20", "magnum_cluster"), label("22", "magnum_cluster")
    ('magnum20/magnum_cluster', 'magnum_cluster')
    """
    return name if release == OWN else f"magnum{release}/{name}"


def split(piece: str) -> tuple[str, str]:
    """Release and name of a piece.

    >>> split("magnum20/magnum_cluster"), split("magnum_cluster")
    (('20', 'magnum_cluster'), ('22', 'magnum_cluster'))
    """
    before, slash, name = piece.partition("/")
    return (before.removeprefix("magnum"), name) if slash else (OWN, piece)


def clouds(release: str) -> dict[str, str]:
    """The clouds of clouds.yaml that the tests of a release use, by the names of the tests' variables.

    >>> clouds("20")["cloud_admin"]
    'devcloud-magnum20-admin'
    """
    mark = "devcloud" if release == OWN else f"devcloud-magnum{release}"
    return {variable: name.replace("devcloud", mark, 1) for variable, name in CLOUDS.items()}


def pieces(names: Sequence[str], release: str, wanted: Iterable[str], beside: bool) -> list[str]:
    """The pieces of a run, in the order of the names, those on another Magnum last.

    :param names: all targets or scenarios, those with most to do first.
    :param release: which Magnum the run is about.
    :param wanted: what is asked for: names, or labels such as ``magnum20/NAME``. Nothing means all that can pass there.
    :param beside: whether a run about one Magnum may use others, too.
    """
    asked = set(wanted)
    chosen = [
        label(release, name)
        for name in names
        if (asked & {name, label(release, name)} if asked else name not in ABSENT.get(release, ()))
    ]
    others = [other for other in RELEASES if other not in {OWN, release}] if beside else []
    for other in others:
        usual = ALWAYS.get(other, frozenset()) if release == OWN else frozenset()
        chosen += [label(other, name) for name in names if (label(other, name) in asked if asked else name in usual)]
    return chosen


def releases(pieces: Iterable[str]) -> set[str]:
    """The Magnums beside the cloud's own that these pieces need."""
    return {split(piece)[0] for piece in pieces} - {OWN}
