"""Dividing a fixed total into parts that a person can type into a console."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from sim.scenario.keys import DIMENSIONS, Limits, RateLimit
from sim.units import Rate


def allocate(total: Fraction | int, shares: Sequence[Fraction]) -> list[Fraction]:
    """Parts of ``total`` in proportion to ``shares``, by largest remainder.

    A whole total of at least one for each gives whole parts of at least 1 that sum to ``total`` ×
    the sum of the shares, rounded down (or to 1 each, if that is more); a larger share never gets
    less. Any other total is divided exactly.
    """
    total = Fraction(total)
    weight = sum(shares, Fraction(0))
    if total.denominator != 1 or total < len(shares) or weight == 0:
        return [total * share for share in shares]
    exact = [total * share for share in shares]
    parts = [max(1, int(one)) for one in exact]
    for _ in range(abs(int(total * weight) - sum(parts))):
        _step(parts, exact, int(total * weight))
    return [Fraction(part) for part in parts]


def _step(parts: list[int], exact: Sequence[Fraction], whole: int) -> None:
    """Bring the sum one nearer to ``whole``, where it is most due; nobody falls below 1."""
    missing = [one - part for one, part in zip(exact, parts, strict=True)]
    above_one = [at for at, part in enumerate(parts) if part > 1]
    if sum(parts) < whole:
        parts[missing.index(max(missing))] += 1
    elif above_one:
        parts[min(above_one, key=missing.__getitem__)] -= 1


def _rates(limit: RateLimit, shares: Sequence[Fraction], over: Fraction) -> list[RateLimit]:
    counts = allocate(limit.rate.count * over, shares)
    bursts = allocate(int(limit.burst * over), shares) if limit.burst is not None else [None] * len(shares)
    return [
        RateLimit.model_construct(
            rate=Rate(count, limit.rate.period_ns), burst=None if burst is None else max(1, int(burst))
        )
        for count, burst in zip(counts, bursts, strict=True)
    ]


def split_limits(
    limits: Limits, by_request: Sequence[Fraction], by_token: Sequence[Fraction], overcommit: Fraction
) -> list[Limits]:
    """One set of limits a share. Requests and concurrency go by the first shares, tokens by the second."""
    changes: list[dict[str, object]] = [{} for _ in by_request]
    for name in DIMENSIONS:
        limit = getattr(limits, name)
        if limit is not None:
            shares = by_request if name == "requests" else by_token
            for change, part in zip(changes, _rates(limit, shares, overcommit), strict=True):
                change[name] = part
    if limits.burst is not None:
        for change, whole in zip(changes, allocate(int(limits.burst * overcommit), by_request), strict=True):
            change["burst"] = max(1, int(whole))
    if limits.concurrency is not None:
        for change, whole in zip(changes, allocate(int(limits.concurrency * overcommit), by_request), strict=True):
            change["concurrency"] = max(1, int(whole))
    return [limits.model_copy(update=change) for change in changes]
