# Copyright (c) 2026 kcloud.infrastructure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gateway's own metrics, for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from gateway.gateway import Gateway


class _OfGateway:
    """What is read when Prometheus asks."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def collect(self) -> Iterator[Metric]:
        jobs = GaugeMetricFamily(
            "kcloud_gateway_jobs", "Jobs by state, of all gateways of this database", labels=["state"]
        )
        for state, count in sorted(self._gateway.store.counts().items()):
            jobs.add_metric([state], count)
        yield jobs
        yield GaugeMetricFamily(
            "kcloud_gateway_tokens_file_error",
            "1 while the tokens file cannot be read, and the tokens of before count",
            value=float(self._gateway.tokens.error is not None),
        )
        cache = self._gateway.cache
        yield CounterMetricFamily("kcloud_gateway_cloud_reads", "Reads of a cloud", value=cache.reads)
        yield CounterMetricFamily(
            "kcloud_gateway_cache_hits", "Requests that an earlier read answered", value=cache.hits
        )


class Measures:
    """Counts requests by route, never by address: addresses hold names."""

    def __init__(self, gateway: Gateway) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(_OfGateway(gateway))
        labels = ("method", "route", "status")
        self._requests = Counter("kcloud_gateway_requests", "Requests", labels, registry=self.registry)
        self._seconds = Histogram(
            "kcloud_gateway_request_seconds", "How long requests took", ("method", "route"), registry=self.registry
        )

    def saw(self, method: str, route: str, status: int, seconds: float) -> None:
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)
