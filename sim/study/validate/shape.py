"""A scenario's data with its timeline squeezed: which of its values are times, rates and counts.

``time`` divides what lies on the timeline, ``rate`` multiplies what comes per time, and ``count``,
which is rate / time, multiplies what is counted over the timeline. What a request goes through by
itself (answer times, timeouts, retry delays, ``retry-after``, token sizes) stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from sim import units

_RATES = ("requests", "input_tokens", "output_tokens", "tokens")
_FAULT_TIMES = ("at", "for", "every", "recovery", "within", "grace", "overlap", "rollback", "rollout", "each")
_PERIODS = (units.SECOND, units.MINUTE, units.HOUR, units.DAY, units.WEEK, units.MONTH)


@dataclass(frozen=True)
class Squeeze:
    """By how much: ``time`` ≥ 1, ``rate`` ≤ ``time``.

    ``least_tokens`` is what a token limit must hold at once; ``duration`` is the scenario's, ns; ``caps`` is what
    spend caps are multiplied by beside what is kept of the requests.
    """

    time: Fraction
    rate: Fraction
    least_tokens: int = 0
    duration: int = 0
    caps: Fraction = Fraction(1)

    @property
    def count(self) -> Fraction:
        """The share of the scenario's requests that is kept."""
        return self.rate / self.time

    # Quantities, as a scenario writes them

    def shorter(self, text: Any) -> str:
        """A place or length on the timeline, at least 1 ns unless it was 0."""
        ns = units.duration(text)
        return units.duration_text(max(min(1, ns), round(ns / self.time)))

    def faster(self, text: Any) -> str:
        """So many per time."""
        return rate_text(units.rate(text).times(self.rate))

    def fewer(self, value: Any) -> int:
        """So many over the timeline, at least one."""
        return max(1, round(units.count(value) * self.count))

    def more(self, value: Any) -> int:
        """So many at once, where answers last as long as before."""
        return max(1, round(units.count(value) * self.rate))


def rate_text(rate: units.Rate) -> str:
    """A rate as a scenario can say it, by the minute, in three digits or whole: then it can be counted exactly."""
    minute = rate.count * units.MINUTE / rate.period_ns
    digits = 0
    while minute * 10**digits < 100:
        digits += 1
    return f"{float(round(minute, digits)):.{digits}f}/min"


def squeezed(data: Mapping[str, Any], by: Squeeze, configuration: str, drain_ns: int) -> dict[str, Any]:
    """The whole of a scenario, as ``model_dump`` gives it, with one configuration and one replication."""
    found = dict(data)
    for name in ("duration", "warmup"):
        found[name] = by.shorter(data[name])
    found |= {
        "drain": units.duration_text(drain_ns), "replications": 1,
        "teams": {name: _team(team, by) for name, team in data["teams"].items()},
        "configurations": {configuration: _level(data["configurations"][configuration], by)},
        "models": {name: _slots(model, by) for name, model in data["models"].items()},
        "chaos": [{kind: _fault(said, by) for kind, said in entry.items()} for entry in data["chaos"]],
    }  # fmt: skip
    for name in ("incidents", "finance"):
        found.pop(name, None)
    return found


def _changed(data: Mapping[str, Any], **ways: Callable[[Any], Any]) -> dict[str, Any]:
    """A mapping with some of its values made anew, where they are there."""
    return {name: ways[name](value) if name in ways else value for name, value in data.items()}


# Teams


def _team(team: Mapping[str, Any], by: Squeeze) -> dict[str, Any]:
    return _changed(
        team,
        workload=lambda all_: [_workload(one, by) for one in all_],
        client=lambda client: _client(client, by),
    )


def _workload(workload: Mapping[str, Any], by: Squeeze) -> dict[str, Any]:
    """A rhythm of hours has no place in a minute: what stays is its mean."""
    kept = {name: value for name, value in workload.items() if name != "profile"}
    return _changed(kept, arrivals=lambda said: {kind: _arrivals(kind, one, by) for kind, one in said.items()})


def _arrivals(kind: str, said: Mapping[str, Any], by: Squeeze) -> dict[str, Any]:
    if kind == "trace":
        faster = {"speed": float(units.ratio(said.get("speed", 1)) * by.time)}
        return {**said, **faster, "scale": float(units.ratio(said.get("scale", 1)) * by.count)}
    return _changed(
        said, rate=by.faster, on=by.shorter, off=by.shorter, start=by.shorter, at=by.shorter, every=by.shorter,
        size=by.fewer, think=lambda time: _spread(time, by),
    )  # fmt: skip


def _spread(time: Any, by: Squeeze) -> Any:
    return {name: by.shorter(value) for name, value in time.items()} if isinstance(time, dict) else by.shorter(time)


def _client(client: Mapping[str, Any], by: Squeeze) -> dict[str, Any]:
    return _changed(client, max_concurrent=by.more, max_queue=by.more, rate_limit=lambda said: _bucket(said, by))


def _slots(model: Mapping[str, Any], by: Squeeze) -> dict[str, Any]:
    return _changed(model, slots=by.more, queue=lambda waiting: by.more(waiting) if waiting else 0)


# Keys


def _level(level: Mapping[str, Any], by: Squeeze) -> dict[str, Any]:
    """A configuration, and what is in it: accounts, projects, keys."""
    below = lambda named: {name: _level(one, by) for name, one in named.items()}  # noqa: E731
    caps = lambda listed: [_cap(one, by) for one in listed]  # noqa: E731
    return _changed(
        level, accounts=below, projects=below, keys=below, spend_cap=caps, project_spend_cap=caps,
        limits=lambda listed: [_limits(one, by) for one in listed],
        client=lambda client: _client(client, by),
    )  # fmt: skip


def _cap(cap: Mapping[str, Any], by: Squeeze) -> dict[str, Any]:
    """A cap on what is spent over the timeline; all windows that it would have seen are one."""
    amount = units.money_rate(cap["amount"])
    windows = max(Fraction(1), Fraction(by.duration, amount.period_ns))
    micro = max(1, round(amount.micro_usd * by.count * windows * by.caps))
    return {**cap, "amount": f"${micro / units.MICRO:.6f}/{_NAMES[amount.period_ns]}"}


def _limits(limits: Mapping[str, Any], by: Squeeze) -> dict[str, Any]:
    found = dict(limits)
    windowed = limits.get("algorithm", "token_bucket") != "token_bucket"
    for name in _RATES:
        if limits.get(name) is not None:
            found[name] = _window(limits[name], by) if windowed else _sized(name, limits, by)
    found.pop("burst", None)
    return _changed(found, concurrency=by.more)


def _sized(name: str, limits: Mapping[str, Any], by: Squeeze) -> dict[str, Any]:
    """A bucket that empties at the same point of the timeline; tokens for the largest request stay in it."""
    said = limits[name]
    burst = said.get("burst") or (limits.get("burst") if name == "requests" else None)
    held = units.count(burst) if burst else max(1, int(units.rate(said["rate"]).count))
    least = 1 if name == "requests" else min(held, by.least_tokens)
    return {"rate": by.faster(said["rate"]), "burst": max(least, by.fewer(held))}


def _bucket(said: Mapping[str, Any], by: Squeeze) -> dict[str, Any]:
    return _sized("requests", {"requests": said}, by)


def _window(said: Mapping[str, Any], by: Squeeze) -> dict[str, Any]:
    """A window of about the squeezed length, of those that a scenario can say; a second is the shortest."""
    rate = units.rate(said["rate"])
    period = min(_PERIODS, key=lambda one: abs(float(rate.period_ns / by.time) - one))
    return {"rate": f"{max(1, round(rate.count * by.rate * period / rate.period_ns))}/{_NAMES[period]}"}


_NAMES = dict(zip(_PERIODS, ("s", "min", "h", "day", "week", "month"), strict=True))


# Faults


def _fault(said: Mapping[str, Any], by: Squeeze) -> dict[str, Any]:
    """Times are on the timeline, but for ``retry_after``, which a client waits for by itself."""
    ways: dict[str, Callable[[Any], Any]] = {name: lambda value: _times(value, by) for name in _FAULT_TIMES}
    counts = dict.fromkeys(("size", "threshold", "fail_first"), by.fewer)
    return _changed(said, **ways, rate=by.faster, **counts, review=lambda review: _changed(review, each=by.shorter))


def _times(value: Any, by: Squeeze) -> Any:
    """A duration, or a rollout: one for every team, and some of their own."""
    if isinstance(value, dict):
        return {name: _times(one, by) for name, one in value.items()}
    return by.shorter(value)
