# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where metrics come from, documented once."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  source:
    description:
      - V(prometheus) reads the servers of O(servers).
      - V(aetos) reads OpenStack's Prometheus behind Keystone, with the token of this login. The catalog names its address, by the service
        type C(metric-storage), unless C(metric_storage_endpoint_override) in C(clouds.yaml) does.
      - Aetos shows a project's member only series whose label C(project) is the id of the project. It has no query for a range, so the end
        of the window is a multiple of O(step).
    type: str
    choices: [prometheus, aetos]
    default: prometheus
  servers:
    description:
      - The Prometheus servers to read, side by side. Each figure says from which server it is. Not with O(source=aetos).
      - Not given, those that the environment variable E(PROMETHEUS_CLUSTERS) names, a JSON list of objects with the same keys;
        C(ca_bundle) in it is O(servers[].ca_cert).
      - An answer with warnings, such as a partial one of Thanos, counts as none (C(PARTIAL_ANSWER)).
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

    # Modules that decide
    DECISION = r"""
options:
  telemetry:
    description:
      - Read from Prometheus what runs on the clusters and how much of them is used. Options that are given count in place of it.
      - kube-state-metrics says what runs where (O(placements)) and what is free on each node. The node exporter and the exporters of
        accelerators say what is used.
      - A cluster is known when all its workers are. An unknown cluster counts as busy, and the answer says which server failed or which
        exporter is missing.
      - A worker with accelerators is known when their exporter shows as many devices as its flavor has. Of slices, such as those of MIG,
        one is enough, as some exporters show slices and others whole devices.
      - M(kcloud.infrastructure.cluster_idle) and M(kcloud.infrastructure.cluster_consolidation) take a cluster for busy in which a pod
        waits for a node. The others decide as if it did not wait, so list it in what they place or in what is pending.
      - An answer with warnings, such as a partial one of Thanos, counts as a server that failed.
      - Nothing is decided to change when no server can be read. The task does not fail.
      - Needs a cloud, so it is refused beside O(fleet).
    type: dict
    version_added: 0.2.0
    suboptions:
      source:
        description:
          - V(prometheus) reads the servers of O(telemetry.servers).
          - V(aetos) reads OpenStack's Prometheus behind Keystone, with the token of this login. The catalog names its address, by the
            service type C(metric-storage), unless C(metric_storage_endpoint_override) in C(clouds.yaml) does.
          - Aetos shows a project's member only series whose label C(project) is the id of the project.
        type: str
        choices: [prometheus, aetos]
        default: prometheus
      servers:
        description:
          - The Prometheus servers to read, side by side. Not with O(telemetry.source=aetos).
          - Not given, those that the environment variable E(PROMETHEUS_CLUSTERS) names, a JSON list of objects with the same keys;
            C(ca_bundle) in it is O(telemetry.servers[].ca_cert).
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
            description: Password of O(telemetry.servers[].username).
            type: str
          token:
            description: Bearer token.
            type: str
          client_cert:
            description: Path of a client certificate.
            type: str
          client_key:
            description: Path of the key of O(telemetry.servers[].client_cert).
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
      window:
        description:
          - The time that means cover, up to now, as a number with V(s), V(m), V(h), V(d) or V(w). Not given, V(15m).
          - The utilisation of a node is unknown when less than half of this time has data.
          - M(kcloud.infrastructure.cluster_idle) asks for at least the hours of its policy with the grace. Not given, it also reaches back
            over the oldest mark, by up to seven days and the grace. A mark from before a shorter window is void.
        type: str
      step:
        description:
          - Each value covers so much time. A step without any sample is a gap. So a step must be longer than two intervals between
            samples of a server.
          - Not given, a sixtieth of O(telemetry.window), at least V(5m).
        type: str
      system_namespaces:
        description:
          - Namespaces of the pods that belong to a cluster itself, or patterns such as V(kube-*).
          - These pods take room on nodes and do not count as workloads. The same holds for pods of a DaemonSet, in any namespace,
            unless they request accelerators.
        type: list
        elements: str
        default: ["kube-*", "calico-*", tigera-operator, gpu-operator, network-operator,
          node-feature-discovery, openstack-system, monitoring, monitoring-system]
"""
