# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is publicly known of each accelerator model: data, for flavors that say no more than a name.

Memory and highest power are those of the vendors' data sheets (NVIDIA product briefs of the SXM or data-centre card;
AMD Instinct and Intel Gaudi data sheets; furiosa.ai product pages for RNGD and Warboy; docs.rbln.ai and Rebellions'
product pages for ATOM). Where a model is sold in several sizes the smallest memory counts, so that a promise made
on it holds for all. ``rate`` is a relative price: how many vCPU hours one device hour is worth, in the proportions
of public clouds' list prices. All of it gives way to ``flavor_map`` and ``prices``.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

# Data sheets do not state idle power; accelerators measured idle draw about this share of their highest.
IDLE_PERCENT = 15
VENDORS = re.compile(r"^(nvidia|amd|intel|habana|furiosa|rebellions|tesla)-(?=.)")


class Device(NamedTuple):
    """One accelerator model: memory in GiB, power in watts, ``rate`` in vCPU hours per hour. 0 GiB is unknown."""

    kind: str
    mem_gib: int
    max_w: int
    rate: int


KNOWN = {
    "a2": Device("gpu", 16, 60, 8),
    "a10": Device("gpu", 24, 150, 25),
    "a16": Device("gpu", 16, 63, 12),
    "a30": Device("gpu", 24, 165, 40),
    "a40": Device("gpu", 48, 300, 45),
    "a100": Device("gpu", 40, 400, 100),
    "b200": Device("gpu", 180, 1000, 350),
    "h100": Device("gpu", 80, 700, 220),
    "h200": Device("gpu", 141, 700, 260),
    "l4": Device("gpu", 24, 72, 20),
    "l40": Device("gpu", 48, 300, 45),
    "l40s": Device("gpu", 48, 350, 50),
    "mi210": Device("gpu", 64, 300, 70),
    "mi300x": Device("gpu", 192, 750, 220),
    "p100": Device("gpu", 12, 300, 35),
    "t4": Device("gpu", 16, 70, 12),
    "v100": Device("gpu", 16, 300, 60),
    "vgpu": Device("gpu", 0, 70, 12),
    "atom": Device("npu", 16, 85, 15),
    "gaudi2": Device("npu", 96, 600, 90),
    "gaudi3": Device("npu", 128, 900, 130),
    "rngd": Device("npu", 48, 180, 40),
    "warboy": Device("npu", 16, 60, 8),
}
# For models of a known kind that the table lacks: a middling device of which the memory is not known.
UNKNOWN = {"gpu": Device("gpu", 0, 300, 50), "npu": Device("npu", 0, 150, 25)}
UNKNOWN_KIND = Device("", 0, 150, 25)


def canonical(name: str) -> str:
    """A model's name without vendor and in one spelling: ``NVIDIA_A100`` -> ``a100``."""
    return VENDORS.sub("", re.sub(r"[\s_.]+", "-", name.strip().lower()))


def known_model(name: str) -> str | None:
    """The model that a free name speaks of: ``furiosa-rngd-v2`` -> ``rngd``; None when it speaks of none."""
    words = re.split(r"[-:/]", canonical(name))
    return next((word for word in words if word in KNOWN), None)


# Words that make a device a slice of another: who asks for an A100 does not mean a seventh of one.
SLICES = ("mig", "vgpu")
# NVIDIA's MIG profiles: a device has seven compute slices
SLICE = re.compile(r"(?:^|-)mig-([1-7])g(?:-|$)")
SLICES_OF_A_DEVICE = 7


@cache
def is_slice(model: str) -> bool:
    """Whether a model is a slice of a device: ``a100-mig-1g-5gb`` is one, ``a100-80gb`` and ``vgpu`` alone are not."""
    words = model.split("-")
    return "mig" in words or "vgpu" in words[1:]


def part_of_device(model: str) -> tuple[int, int]:
    """How much of a device a model is, as a fraction: ``a100-mig-3g-20gb`` has three of seven compute slices; else 1/1."""
    found = SLICE.search(model)
    return (int(found[1]), SLICES_OF_A_DEVICE) if found else (1, 1)


def profile(model: str) -> str:
    """The MIG profile of a slice, whatever the device: ``a100-mig-1g-5gb`` -> ``mig-1g-5gb``; empty for a whole device."""
    found = re.search(r"(?:^|-)(mig-.+)$", model)
    return found[1] if found else ""


def is_model(model: str, wanted: str) -> bool:
    """Whether a model is the wanted one or a size of it: ``a100-80gb`` is an ``a100``, ``a100-mig-1g-5gb`` is not."""
    wanted = canonical(wanted)
    if model == wanted:
        return True
    return model.startswith(f"{wanted}-") and not any(word in SLICES for word in model[len(wanted) :].split("-"))


def device(kind: str, model: str) -> Device:
    """What is known of a model, or the middling device of its kind."""
    return KNOWN.get(known_model(model) or "") or UNKNOWN.get(kind, UNKNOWN_KIND)
