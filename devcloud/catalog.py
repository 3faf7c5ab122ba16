# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the cloud is seeded with, as data."""

from __future__ import annotations

from dataclasses import dataclass, field

REGION = "RegionOne"
TENANT = "kcloud"
OTHER_TENANT = "tenant-b"
OPERATORS = {TENANT: "kcloud-operator", OTHER_TENANT: "tenant-b-operator"}
OPERATOR_ROLES = ("member", "reader", "heat_stack_owner")
KEYPAIR = "kcloud-keypair"


@dataclass(frozen=True)
class Flavor:
    """A Nova flavor; `memory` is in GiB."""

    name: str
    cores: int
    memory: int
    specs: dict[str, str] = field(default_factory=dict)


def _accelerated(name: str, cores: int, memory: int, resource: str, count: int, kind: str, model: str) -> Flavor:
    """Return a flavor whose accelerators the scheduler counts; the accelerator:* specs are for people."""
    specs = {
        f"resources:{resource}": str(count),
        "accelerator:kind": kind,
        "accelerator:model": model,
        "accelerator:count": str(count),
    }
    return Flavor(name, cores, memory, specs)


FLAVORS = (
    _accelerated("gpu.a100.large", 8, 64, "CUSTOM_GPU_A100", 1, "gpu", "nvidia-a100"),
    _accelerated("gpu.a100.xlarge", 48, 256, "CUSTOM_GPU_A100", 4, "gpu", "nvidia-a100"),
    _accelerated("npu.rngd.large", 16, 64, "CUSTOM_NPU_RNGD", 1, "npu", "furiosa-rngd"),
    _accelerated("npu.rngd.xlarge", 64, 256, "CUSTOM_NPU_RNGD", 4, "npu", "furiosa-rngd"),
    _accelerated("npu.atom.large", 8, 32, "CUSTOM_NPU_ATOM", 1, "npu", "rebellions-atom"),
    # The two ways of other clouds, to be read only: neither a Cyborg nor such a device is here.
    Flavor("npu.warboy.device", 8, 32, {"accel:device_profile": "warboy-1"}),
    Flavor("gpu.l40s.pci", 16, 128, {"pci_passthrough:alias": "l40s:1"}),
    Flavor("cpu.medium", 4, 8),
    Flavor("cpu.large", 16, 64),
)

# name -> Glance properties
IMAGES: dict[str, dict[str, str]] = {
    "fedora-coreos": {"os_distro": "fedora-coreos"},
    "ubuntu-capi": {"os_distro": "ubuntu", "kube_version": "v1.31.1"},
}

# project -> (Magnum clusters, Nova quota set, Neutron quota)
QUOTAS: dict[str, tuple[int, dict[str, int], dict[str, int]]] = {
    TENANT: (
        500,
        {"cores": 2000, "ram": 16777216, "instances": 500, "server_groups": 500, "server_group_members": 500},
        {
            "network": 200,
            "subnet": 400,
            "router": 200,
            "port": 2000,
            "security_group": 500,
            "security_group_rule": 5000,
            "floatingip": 500,
        },
    ),
    OTHER_TENANT: (
        2,
        {"cores": 40, "ram": 262144, "instances": 5, "server_groups": 10, "server_group_members": 10},
        {
            "network": 5,
            "subnet": 10,
            "router": 5,
            "port": 50,
            "security_group": 20,
            "security_group_rule": 200,
            "floatingip": 10,
        },
    ),
}

EXTERNAL_NETWORK = "public"
EXTERNAL_CIDR = "172.24.0.0/16"
EXTERNAL_POOL = {"start": "172.24.1.0", "end": "172.24.254.254"}
