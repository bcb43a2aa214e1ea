"""``GET /metrics``: what the server counted, in Prometheus' names, types and units."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

import sim
from sim.emulator.site import Site
from sim.emulator.tally import BUCKETS
from sim.units import MICRO

_WHO = ("api", "account", "project", "key", "team", "model")
CONTENT_TYPE = CONTENT_TYPE_LATEST


class SiteCollector(Collector):
    """Reads the tally when it is asked, so that counting costs a request nothing more."""

    def __init__(self, site: Site) -> None:
        self.site = site

    def collect(self) -> Iterator[Any]:
        """All families."""
        yield self._build()
        yield self._requests()
        yield from self._sums()
        yield self._times()
        yield GaugeMetricFamily(
            "keystorm_requests_in_flight", "Admitted requests that are being answered.", self.site.tally.in_flight
        )
        yield from self._limits()
        yield from self._caps()

    def _build(self) -> InfoMetricFamily:
        labels = {"version": sim.__version__, "scenario": self.site.loaded.scenario.name,
                  "configuration": self.site.configuration}  # fmt: skip
        return InfoMetricFamily("keystorm_build", "What is served.", labels)

    def _requests(self) -> CounterMetricFamily:
        family = CounterMetricFamily(
            "keystorm_requests", "Answered requests; refused_by is empty unless something refused.",
            labels=(*_WHO, "status", "refused_by"),
        )  # fmt: skip
        for place, cell in self.site.tally.cells.items():
            family.add_metric([*place[:6], str(place.status), place.refused_by], cell.requests)
        return family

    def _sums(self) -> Iterator[CounterMetricFamily]:
        tokens = CounterMetricFamily("keystorm_tokens", "Tokens of admitted requests.", labels=(*_WHO, "kind"))
        spend = CounterMetricFamily("keystorm_spend_usd", "What was billed, in US dollars.", labels=_WHO)
        sums: dict[tuple[str, ...], list[int]] = {}
        for place, cell in self.site.tally.cells.items():
            one = sums.setdefault(place[:6], [0, 0, 0, 0])
            if place.status == 200:
                one[0] += cell.input_tokens
                one[1] += cell.cached_tokens
            one[2] += cell.output_tokens
            one[3] += cell.cost_microusd
        for who, (fresh, cached, output, cost) in sums.items():
            for kind, count in (("input", fresh), ("cached_input", cached), ("output", output)):
                tokens.add_metric([*who, kind], count)
            spend.add_metric(who, cost / MICRO)
        yield tokens
        yield spend

    def _times(self) -> HistogramMetricFamily:
        family = HistogramMetricFamily(
            "keystorm_request_duration_seconds", "Virtual time from a request's arrival to its answer.",
            labels=("api", "project", "status"),
        )  # fmt: skip
        sums: dict[tuple[str, str, str], tuple[list[int], list[float]]] = {}
        for place, cell in self.site.tally.cells.items():
            name = (place.api, f"{place.account}/{place.project}", str(place.status))
            counts, seconds = sums.setdefault(name, ([0] * len(cell.times), []))
            seconds.append(cell.seconds)
            for at, count in enumerate(cell.times):
                counts[at] += count
        for labels, (counts, seconds) in sums.items():
            family.add_metric(labels, _cumulative(counts), sum(seconds))
        return family

    def _limits(self) -> Iterator[GaugeMetricFamily]:
        left = GaugeMetricFamily(
            "keystorm_limit_remaining", "What a limit lets pass now.", labels=("limit", "dimension")
        )
        size = GaugeMetricFamily("keystorm_limit_capacity", "The most that it lets pass at once.",
                                 labels=("limit", "dimension"))  # fmt: skip
        now = self.site.clock.now()
        for row, told in enumerate(self.site.decisions.setting.rows.all_limits):
            if told.cut_of >= 0:  # a fault's, with the name of the limit that it cuts
                continue
            left.add_metric([told.name, told.dimension], self.site.decisions.level(row, now)[0])
            size.add_metric([told.name, told.dimension], told.capacity)
        yield left
        yield size

    def _caps(self) -> Iterator[GaugeMetricFamily]:
        names = {
            "keystorm_spend_cap_usd": "The most that may be spent in a window of this cap.",
            "keystorm_spend_cap_spent_usd": "Spent in the window that is running.",
            "keystorm_spend_cap_held_usd": "Held for requests under way, where a cap reserves.",
        }
        families = [GaugeMetricFamily(name, text, labels=("cap",)) for name, text in names.items()]
        now = self.site.clock.now()
        for row, told in enumerate(self.site.decisions.setting.rows.caps):
            spend = self.site.decisions.spend(row, now)
            for family, value in zip(families, (spend.cap, spend.spent, spend.held), strict=True):
                family.add_metric([told.name], value / MICRO)
        yield from families


def _cumulative(counts: list[int]) -> list[tuple[str, float]]:
    total, found = 0, []
    for bound, count in zip([*map(str, BUCKETS), "+Inf"], counts, strict=True):
        total += count
        found.append((bound, float(total)))
    return found


def exposition(site: Site) -> bytes:
    """The text of ``/metrics``."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(SiteCollector(site))
    return generate_latest(registry)
