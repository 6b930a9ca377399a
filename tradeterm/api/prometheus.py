"""Gauges as Prometheus reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from prometheus_client import Metric

    from tradeterm.views.gauges import Gauge

__all__ = ["CONTENT_TYPE", "exposition"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class _Given(Collector):
    """Hands over gauges that were read already."""

    def __init__(self, gauges: Iterable[Gauge]) -> None:
        self._gauges = gauges

    def collect(self) -> Iterator[Metric]:
        for gauge in self._gauges:
            names = list(gauge.values[0][0])
            family = GaugeMetricFamily(gauge.name, gauge.meaning, labels=names)
            for labels, value in gauge.values:
                family.add_metric([labels[name] for name in names], value)
            yield family


def exposition(gauges: Iterable[Gauge]) -> bytes:
    """Return the text of these gauges; nothing of this process is added."""
    registry = CollectorRegistry()
    registry.register(_Given(gauges))
    return generate_latest(registry)
