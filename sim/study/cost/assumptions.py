"""Every assumption of a study as a range: those of incidents and those of money."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sim.draws import Stream
from sim.scenario.finance import Finance, OneCost, OtherCost
from sim.scenario.ranges import MoneyRange, Range, triangular
from sim.scenario.schema import Scenario
from sim.units import MICRO

PER_MONTH, LENGTH, HOURLY_RATE = "per_month", "length", "finance/hourly_rate"
Values = Mapping[str, float]
"""Assumption's key → what it is taken to be; money in micro-dollars."""


@dataclass(frozen=True)
class Assumption:
    """One range. ``unit``: usd, hours, per_month or factor; ``bounds`` in micro-dollars where it is money."""

    key: str
    title: str
    unit: str
    bounds: tuple[float, float, float]
    source: str = ""

    @property
    def uncertain(self) -> bool:
        """Whether it has any width."""
        return self.bounds[0] < self.bounds[2]

    @property
    def shown(self) -> tuple[float, float, float]:
        """Low, mode, high as people read them: money in dollars."""
        scale = MICRO if self.unit == "usd" else 1
        low, mode, high = self.bounds
        return low / scale, mode / scale, high / scale


def assumptions(scenario: Scenario) -> tuple[Assumption, ...]:
    """All of a scenario, in the order of the file."""
    finance = scenario.finance or Finance()
    return (*_of_incidents(scenario), *_of_finance(finance))


def _of_incidents(scenario: Scenario) -> Iterator[Assumption]:
    for entry in scenario.incidents:
        said, name = entry.incident, entry.title
        source = said.per_month.source or said.source
        yield Assumption(rate_key(name), f"{name}: how often", PER_MONTH, said.per_month.bounds, source)
        yield Assumption(length_key(name), f"{name}: how long", "factor", said.length.bounds, said.length.source)


def _of_finance(finance: Finance) -> Iterator[Assumption]:
    yield _ranged(HOURLY_RATE, "an hour of work", finance.hourly_rate, "")
    for name, cost in finance.costs.items():
        yield _cost(cost_key(name, cost), name, cost)
        groups: dict[str, list[str]] = {}
        for configuration in cost.instead:
            groups.setdefault(cost_key(name, cost, configuration), []).append(configuration)
        for key, where in groups.items():
            if key != cost_key(name, cost):
                yield _cost(key, f"{name}, {', '.join(where)}", cost.instead[where[0]])


def _cost(key: str, title: str, cost: OneCost) -> Assumption:
    found = cost.money if cost.money is not None else cost.hours
    assert found is not None  # the schema asks for one of the two
    return _ranged(key, title, found, cost.source)


def _ranged(key: str, title: str, found: Range | MoneyRange, source: str) -> Assumption:
    unit = "usd" if isinstance(found, MoneyRange) else "hours"
    return Assumption(key, title, unit, found.bounds, found.source or source)


def rate_key(incident: str) -> str:
    """The key of how often an incident comes."""
    return f"incidents/{incident}/{PER_MONTH}"


def length_key(incident: str) -> str:
    """The key of the factor on an incident's durations."""
    return f"incidents/{incident}/{LENGTH}"


def cost_key(name: str, cost: OtherCost, configuration: str | None = None) -> str:
    """The key of a cost in a configuration. What is written alike in several is one assumption, drawn once."""
    usual, said = f"finance/costs/{name}", cost.instead.get(configuration or "")
    if said is None or (said.money, said.hours) == (cost.money, cost.hours):
        return usual
    return f"{usual}/instead/{next(other for other, one in cost.instead.items() if one == said)}"


def drawn(known: Sequence[Assumption], seed: int, month: int) -> dict[str, float]:
    """What each is in one month: triangular, each from a stream of its own."""
    return {
        one.key: triangular(_uniform(seed, month, one.key), one.bounds) if one.uncertain else one.bounds[1]
        for one in known
    }


def _uniform(seed: int, month: int, key: str) -> float:
    return float(Stream(seed, month, f"assumption/{key}").generator("value").random())


def at_modes(known: Sequence[Assumption], key: str = "", value: float = 0.0) -> dict[str, float]:
    """Each at its likeliest value, but for the one with this ``key``."""
    return {one.key: value if one.key == key else one.bounds[1] for one in known}
