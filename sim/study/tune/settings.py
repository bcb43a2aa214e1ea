"""One choice of limits for one project, and how it becomes the limits that a scenario writes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from sim.scenario.keys import Limits, RateLimit
from sim.units import HOUR, MINUTE, Rate

PLANE = ("rpm", "burst")
RATES = ("input_tokens", "output_tokens", "tokens")
EXTRAS = (*RATES, "concurrency")
DIMENSIONS = (*PLANE, *EXTRAS)
"""What can be tuned: requests a minute and their burst, tokens a minute, and requests under way at once."""

ENDLESS = 10_000_000
"""Requests a minute that refuse nobody: 167,000 a second."""


@dataclass(frozen=True)
class Settings:
    """Chosen values by dimension; ``None`` is no such limit, a dimension that is absent stays as configured."""

    chosen: tuple[tuple[str, int | None], ...] = ()

    @classmethod
    def of(cls, values: Mapping[str, int | None]) -> Settings:
        """From a mapping, in the order of :data:`DIMENSIONS`."""
        return cls(tuple((name, values[name]) for name in DIMENSIONS if name in values))

    @property
    def values(self) -> dict[str, int | None]:
        """As a mapping."""
        return dict(self.chosen)

    def but(self, **changes: int | None) -> Settings:
        """The same with some values replaced."""
        return Settings.of({**self.values, **changes})

    def __getitem__(self, name: str) -> int | None:
        return self.values.get(name)


AS_CONFIGURED = Settings()
"""Everything stays."""


@dataclass(frozen=True)
class Base:
    """A project's limits as configured: the set that is tuned, and those that stay as they are."""

    tuned: Limits | None
    fixed: tuple[Limits, ...] = ()

    @classmethod
    def of(cls, limits: Iterable[Limits]) -> Base:
        """The first set that limits all models by the hour or less is tuned, the others are kept."""
        given = tuple(limits)
        found = next((one for one in given if _tunable(one)), None)
        return cls(found, tuple(one for one in given if one is not found))

    @property
    def has_burst(self) -> bool:
        """Whether a burst of requests means anything: not to windows."""
        return self.tuned is None or self.tuned.algorithm == "token_bucket"

    def limits(self, settings: Settings, *, fixed: bool = True) -> tuple[Limits, ...]:
        """All limits of the project under ``settings``; without the kept sets when ``fixed`` is false."""
        changed = _changed(self.tuned, settings)
        return ((changed,) if changed is not None else ()) + (self.fixed if fixed else ())

    def current(self) -> dict[str, float]:
        """The values as configured, by dimension; rates a minute. What is not limited is absent."""
        return amounts(self.tuned)


def _tunable(limits: Limits) -> bool:
    rates = [getattr(limits, name) for name in ("requests", *RATES)]
    return limits.models is None and all(one is None or one.rate.period_ns <= HOUR for one in rates)


def amounts(limits: Limits | None) -> dict[str, float]:
    """What one set of limits says, by dimension."""
    if limits is None:
        return {}
    found: dict[str, float] = {}
    if limits.requests is not None:
        found["rpm"] = _per_minute(limits.requests)
        if limits.algorithm == "token_bucket":
            burst = limits.burst or limits.requests.burst
            found["burst"] = float(burst or max(1, int(limits.requests.rate.count)))
    found |= {name: _per_minute(getattr(limits, name)) for name in RATES if getattr(limits, name) is not None}
    return found | ({} if limits.concurrency is None else {"concurrency": float(limits.concurrency)})


def _per_minute(limit: RateLimit) -> float:
    return float(limit.rate.count * MINUTE / limit.rate.period_ns)


def _changed(base: Limits | None, settings: Settings) -> Limits | None:
    """``base`` with the chosen values; None when nothing is limited any more."""
    start = base or Limits.model_construct()
    update: dict[str, Any] = {}
    for name, value in settings.chosen:
        if name in RATES:
            update[name] = None if value is None else _rate(value)
        elif name == "concurrency":
            update[name] = value
    made = start.model_copy(update={**update, **_requests(start, settings)})
    some = any(getattr(made, name) is not None for name in ("requests", *RATES, "concurrency"))
    return made if some else None


def _requests(base: Limits, settings: Settings) -> dict[str, Any]:
    """The limit on requests and its burst, with the burst beside it as scenarios write it."""
    chosen = settings.values
    limit = base.requests
    burst = base.burst or (limit.burst if limit is not None else None)
    if "rpm" in chosen:
        limit = None if chosen["rpm"] is None else _rate(chosen["rpm"])
    if "burst" in chosen:
        burst = chosen["burst"]
    if limit is None:
        return {"requests": None, "burst": None}
    if base.algorithm != "token_bucket":
        return {"requests": limit, "burst": None}
    return {"requests": limit.model_copy(update={"burst": None}), "burst": burst}


def _rate(count: int) -> RateLimit:
    return RateLimit.model_construct(rate=Rate(Fraction(count), MINUTE), burst=None)
