"""Retry policies as the integers that policy functions read."""

from __future__ import annotations

from collections.abc import Sequence

from sim.catalogue.resolve import resolve_retry
from sim.policy import backoff, breaker, retry_budget
from sim.policy.tables import ADAPTIVE, BREAKS, PACED, ClientRule
from sim.scenario.clients import Breaker, Client, RetryBudget, RetryPolicy

UNLIMITED = 1 << 39
CLIENT_CELLS = 3 * retry_budget.SLICES
"""Cells of one client: of its retry budget, and the calls and the failures that its breaker counts."""


def client_rules(clients: Sequence[Client], models: Sequence[str] = ()) -> tuple[list[ClientRule], list[int]]:
    """One rule a client, and a last one for what faults send (no retry, no bound); all delay tables.

    ``models`` are the plan's, among which fallbacks are numbered.
    """
    injected = Client.model_validate({"retry": {"max_attempts": 1}})
    rules: list[ClientRule] = []
    delays: list[int] = []
    for client in [*clients, injected]:
        policy = resolve_retry(client)
        error = policy.base if policy.base_error is None else policy.base_error
        rules.append(_rule(client, policy, len(rules))._replace(**_guards(client, policy), **_fallback(client, models)))
        delays += _delays(policy.base, policy) + _delays(error, policy)
    return rules, delays


def _rule(client: Client, policy: RetryPolicy, number: int) -> ClientRule:
    kind, cap, a, b = _retry_budget(policy.budget)
    jitter, throttle = policy.jitter, number * 2 * backoff.STEPS
    return ClientRule(
        UNLIMITED if policy.max_attempts == "unlimited" else policy.max_attempts,
        throttle, throttle + backoff.STEPS, policy.cap,
        round(jitter.low * backoff.ONE), round((jitter.high - jitter.low) * backoff.ONE),
        jitter.add_ns, int(jitter.decorrelated),
        int(policy.obey_retry_after), int(policy.jitter_retry_after),
        _or_none(policy.give_up_above), _classes(policy.retry_on), _or_none(policy.max_elapsed),
        client.timeout, _or_none(client.deadline), _or_none(client.max_concurrent),
        kind, cap, a, b, number * CLIENT_CELLS,
    )  # fmt: skip


def _guards(client: Client, policy: RetryPolicy) -> dict[str, int]:
    """What an attempt must pass at its client."""
    paced, breaks = client.rate_limit is not None, client.breaker is not None
    found = {
        "max_queue": _or_none(client.max_queue),
        "hedge_after": -1 if client.hedge is None else client.hedge.after,
        "guards": PACED * paced | ADAPTIVE * policy.adaptive_rate | BREAKS * breaks,
    }
    if client.rate_limit is not None:
        rate, unit = client.rate_limit.rate.credit
        found |= {"pace_rate": rate, "pace_unit": unit, "pace_cap": client.rate_limit.capacity * unit}
    return found if client.breaker is None else found | _breaker(client.breaker)


def _breaker(given: Breaker) -> dict[str, int]:
    rate = given.failure_rate
    return {
        "trip_count": given.failures or 0,
        "trip_share": 0 if rate is None else round(rate * breaker.PARTS),
        "trip_calls": given.min_calls,
        "trip_slice": -(-given.over // retry_budget.SLICES),
        "trip_on": _classes(given.on),
        "open_ns": given.open,
        "probes": given.probes,
    }


def _fallback(client: Client, models: Sequence[str]) -> dict[str, int]:
    given = client.fallback
    if given is None:
        return {}
    reasons = {"budget": backoff.BUDGET, "circuit": backoff.CIRCUIT}
    special = sum(1 << bit for name, bit in reasons.items() if name in given.on)
    statuses = _classes([name for name in given.on if name not in reasons])
    return {"fallback": models.index(given.model), "fallback_on": special | statuses}


def _or_none(value: int | None) -> int:
    return -1 if value is None else value


def _delays(base: int, policy: RetryPolicy) -> list[int]:
    """min(base × multiplier^n, cap) for n = 0 … STEPS - 1."""
    delays, grown = [], float(base)
    for _ in range(backoff.STEPS):
        delays.append(min(round(grown), policy.cap))
        grown = min(grown * policy.multiplier, float(policy.cap))
    return delays


def _classes(names: Sequence[str]) -> int:
    """Statuses, ``timeout`` and ``connection`` as a bit mask of status classes."""
    statuses = [499 if name == "timeout" else 0 if name == "connection" else int(name) for name in names]
    return sum(1 << backoff.status_class(status) for status in set(statuses))


def _retry_budget(given: RetryBudget | None) -> tuple[int, int, int, int]:
    """(kind, capacity, a, b) as :mod:`sim.policy.retry_budget` reads them."""
    if given is None:
        return retry_budget.NO_BUDGET, 0, 0, 1
    spec, milli = given.spec, retry_budget.MILLI
    if given.kind == "quota":
        return retry_budget.QUOTA, spec.capacity, spec.throttle_cost, spec.error_cost
    if given.kind == "throttle":
        return retry_budget.THROTTLE, spec.tokens * milli, round(spec.ratio * milli), 1
    if given.kind == "concurrent":
        return retry_budget.CONCURRENT, 0, round(spec.share * milli), spec.floor
    reserve = spec.per_second * milli * spec.ttl // 1_000_000_000
    return retry_budget.DEPOSIT, reserve, round(spec.share * milli), max(1, spec.ttl // retry_budget.SLICES)
