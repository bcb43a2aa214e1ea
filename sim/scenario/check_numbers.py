"""Would it run? Bounds on requests, endless loops, limits beyond int64."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from math import gcd

from sim.catalogue import retry_names, retry_preset
from sim.chaos.leaked_key import LeakedKey
from sim.chaos.runaway_job import RunawayJob
from sim.chaos.thundering_herd import ThunderingHerd
from sim.scenario.check_faults import windows
from sim.scenario.check_names import levels
from sim.scenario.clients import Client, RetryPolicy
from sim.scenario.keys import DIMENSIONS, Ladder, Limits, RateLimit, SpelledOut
from sim.scenario.parts import Parts
from sim.scenario.schema import Provider
from sim.scenario.words import Found
from sim.scenario.workloads import Fixed, Workload
from sim.scenario.yaml_lines import Path
from sim.units import MAX_TIME, MS, Rate, duration_text
from sim.workload.rows import Expected

MAX_REQUESTS = 100_000_000_000
"""Requests of one replication: a day of computing for each configuration, so most likely a typing error."""

MAX_CREDITS = MAX_TIME // 4
"""Largest bucket in integer credits, as sim.scenario.limit_rows has it."""

QUICKEST = MS
"""A client that may try without end must not try more often than this."""


def numbers(parts: Parts) -> Iterator[Found]:
    """Every number that is well written and can't work."""
    yield from windows(parts)
    yield from _endless(parts)
    yield from _client_rates(parts)
    for name, configuration in parts.sound_configurations.items():
        for path, limits in _limit_sets(configuration):
            yield from _overflows(limits, ("configurations", name, *path))


# Endless loops


def _endless(parts: Parts) -> Iterator[Found]:
    if parts.provider is None:
        return
    for path, client in parts.clients.items():
        policy = known_policy(client)
        if policy is not None and _spins(policy, parts.provider):
            message = "tries without end and without a pause, so simulated time would stand still"
            hint = f"set base, or round_trip under provider, to {duration_text(QUICKEST)} or more, or set max_attempts"
            yield Found((*path, "retry"), message, _policy_name(client), hint)


def _policy_name(client: Client) -> str:
    return repr(client.retry) if isinstance(client.retry, str) else f"max_attempts: {client.retry.max_attempts}"


def known_policy(client: Client) -> RetryPolicy | None:
    """The retry policy of a client; None when its name is unknown."""
    if isinstance(client.retry, RetryPolicy):
        return client.retry
    return retry_preset(client.retry).policy if client.retry in retry_names() else None


def _spins(policy: RetryPolicy, provider: Provider) -> bool:
    """Whether a request could be tried for ever, more often than once per QUICKEST."""
    if policy.max_attempts != "unlimited" and policy.max_attempts <= 1000:
        return False
    base = policy.base if policy.base_error is None else min(policy.base, policy.base_error)
    pause = min(base, policy.cap) * policy.jitter.high + policy.jitter.add_ns
    return provider.round_trip + pause < QUICKEST


# Limits in integers


def _client_rates(parts: Parts) -> Iterator[Found]:
    for path, client in parts.clients.items():
        given = client.rate_limit
        if given is not None and credits_of(given.rate, given.capacity) >= MAX_CREDITS:
            hint = "a smaller burst, or a rounder rate"
            value = f"{given.rate} with a burst of {given.capacity:,}"
            yield Found((*path, "rate_limit"), "too large to count exactly", value, hint)


def _limit_sets(configuration: Ladder | SpelledOut) -> Iterator[tuple[Path, Limits]]:
    if isinstance(configuration, Ladder):
        for at, limits in enumerate(configuration.limits):
            yield ("limits", at), limits
        return
    for path, _, level in levels(configuration):
        for at, limits in enumerate(level.limits):
            yield (*path, "limits", at), limits


def credits_of(rate: Rate, burst: int) -> int:
    """Integer credits of a full bucket: one credit is 1/period of a request, cut by the common divisor."""
    period = rate.period_ns * rate.count.denominator
    return burst * (period // gcd(rate.count.numerator, period))


def _overflows(limits: Limits, path: Path) -> Iterator[Found]:
    if limits.algorithm != "token_bucket":
        return
    for dimension in DIMENSIONS:
        limit: RateLimit | None = getattr(limits, dimension)
        if limit is not None and credits_of(limit.rate, burst_of(limits, dimension)) >= MAX_CREDITS:
            hint = "a smaller burst, a shorter period (1000/day as 42/h), or a rounder rate"
            value = f"{limit.rate} with a burst of {burst_of(limits, dimension):,}"
            yield Found((*path, dimension), "too large to count exactly", value, hint)


def burst_of(limits: Limits, dimension: str) -> int:
    """The capacity of one dimension's bucket: as written, else a whole period."""
    limit: RateLimit = getattr(limits, dimension)
    given = limits.burst if dimension == "requests" and limits.burst is not None else limit.burst
    return max(1, int(limit.rate.count)) if given is None else given


# Traffic


def _divides_exactly(ladder: Ladder, teams: int) -> bool:
    """Whether by-traffic divides a total without a least part of 1 (see allocate): a quiet team gets 0."""
    if ladder.split != "by-traffic":
        return False
    rates = [getattr(limits, name) for limits in ladder.limits for name in DIMENSIONS]
    totals = [limit.rate.count * ladder.overcommit for limit in rates if limit is not None]
    return any(total.denominator != 1 or total < teams for total in totals)


def traffic(parts: Parts, expected: Mapping[str, Expected]) -> Iterator[Found]:
    """Too many requests in all, or none from a team that ``by-traffic`` gives a share.

    ``expected`` has the final teams by name, injected requests excluded.
    """
    total = sum(one.requests for one in expected.values()) + sum(_injected(parts).values())
    if total > MAX_REQUESTS:
        most = max(expected, key=lambda team: expected[team].requests)
        hint = f"shorten duration or lower rates; {most} alone sends {expected[most].requests:,.0f}"
        yield Found(("duration",), f"more than {MAX_REQUESTS:,} requests a replication", f"{total:,.0f}", hint)
    for name, configuration in parts.sound_configurations.items():
        if isinstance(configuration, Ladder) and _divides_exactly(configuration, len(expected)):
            for team, one in expected.items():
                if one.requests <= 0:
                    path: Path = ("configurations", name, "split")
                    message = f"team {team} sends nothing, so by-traffic leaves it nothing"
                    yield Found(path, message, "'by-traffic'", "use equal, or shares by team")


def _injected(parts: Parts) -> dict[int, float]:
    """Requests that each fault adds, by its position."""
    found: dict[int, float] = {}
    for at, entry in enumerate(parts.chaos):
        fault = None if entry is None else entry.fault
        if isinstance(fault, RunawayJob | LeakedKey):
            found[at] = fault.rate.per_second * fault.for_ / 1e9
        elif isinstance(fault, ThunderingHerd):
            found[at] = float(fault.size)
    return found


def silent(expected: Mapping[str, Expected]) -> Iterator[str]:
    """A note about each team that sends nothing."""
    for team, one in expected.items():
        if one.requests <= 0:
            yield f"team {team} sends no request within the duration"


# Requests that never fit


def never_fits(parts: Parts) -> Iterator[str]:
    """A note about each fixed request that is larger than a bucket it has to pass."""
    estimate = Fraction(1) if parts.provider is None else parts.provider.input_estimate
    for name, configuration in parts.sound_configurations.items():
        for path, limits in _limit_sets(configuration):
            where = "/".join(str(part) for part in (name, *path) if not isinstance(part, int))
            teams = _teams_below(configuration, path, parts)
            yield from dict.fromkeys(_oversized(parts, teams, limits, where, estimate))


def _teams_below(configuration: Ladder | SpelledOut, path: Path, parts: Parts) -> set[str]:
    """The team entries whose requests pass the limits at ``path``."""
    if isinstance(configuration, Ladder):
        return set(parts.teams)
    level = path[:-2]
    below = [one for where, _, one in levels(configuration) if where[: len(level)] == level]
    return {team for one in below for team in getattr(one, "teams", None) or ()}


def _oversized(parts: Parts, teams: set[str], limits: Limits, where: str, estimate: Fraction) -> Iterator[str]:
    for team, entry in parts.sound_teams.items():
        for workload in entry.workload if team in teams else ():
            if limits.models is not None and workload.model not in limits.models:
                continue
            for dimension in ("input_tokens", "tokens"):
                size = _least_charge(workload, limits, estimate)
                if getattr(limits, dimension) is not None and size > burst_of(limits, dimension):
                    yield (
                        f"{where}: a request of team {team} needs {size:,} {dimension} and at most "
                        f"{burst_of(limits, dimension):,} ever fit, so it is always refused"
                    )


def _least_charge(workload: Workload, limits: Limits, estimate: Fraction) -> int:
    """Input tokens that every request of a workload is charged at its start; 0 when they vary."""
    if not isinstance(workload.input_tokens, Fixed):
        return 0
    fresh = Fraction(1) if limits.count_cached_input else 1 - workload.cached_input
    return int(workload.input_tokens.fixed * fresh * estimate)
