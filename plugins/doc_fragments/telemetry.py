# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where metrics come from, documented once."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  servers:
    description:
      - The Prometheus servers to read, side by side. Each figure says from which server it is.
      - Not given, those that the environment variable E(PROMETHEUS_CLUSTERS) names, a JSON list of objects with the same keys;
        C(ca_bundle) in it is O(servers[].ca_cert).
      - A server that cannot be read is reported in RV(servers), and its figures are unknown. The module fails when no server can be read.
    type: list
    elements: dict
    suboptions:
      name:
        description: What figures call the server.
        type: str
        required: true
      url:
        description: Address of the server, such as V(https://prometheus.example.org), without C(/api/v1).
        type: str
        required: true
      username:
        description: User for basic authentication.
        type: str
      password:
        description: Password of O(servers[].username).
        type: str
      token:
        description: Bearer token.
        type: str
      client_cert:
        description: Path of a client certificate.
        type: str
      client_key:
        description: Path of the key of O(servers[].client_cert).
        type: str
      ca_cert:
        description: Path of a bundle of CA certificates to check the server with.
        type: str
      validate_certs:
        description: Whether to check the server's certificate.
        type: bool
        default: true
      timeout:
        description: Seconds that a single request may take. A request that fails for the moment is sent up to four times.
        type: int
        default: 30
      clusters:
        description:
          - Names or ids of the clusters that the server watches, or patterns of names, such as one cluster for a server inside of it.
          - The label C(cluster) of a series, with the name or id of a cluster, says more and counts in its place.
          - An address, such as C(10.0.0.5) in C(instance), names a node only where one of both says the cluster, as every
            cluster has a network of its own and addresses repeat.
        type: list
        elements: str
        default: []
"""
