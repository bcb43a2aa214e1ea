"""Retry policies as the integers that policy functions read."""

from __future__ import annotations

from collections.abc import Sequence

from sim.catalogue.resolve import resolve_retry
from sim.policy import backoff, retry_budget
from sim.policy.tables import ClientRule
from sim.scenario.clients import Client, RetryBudget, RetryPolicy

UNLIMITED = 1 << 39


def client_rules(clients: Sequence[Client]) -> tuple[list[ClientRule], list[int]]:
    """One rule a client, and a last one for what faults send (no retry, no bound); all delay tables."""
    injected = Client.model_validate({"retry": {"max_attempts": 1}})
    rules: list[ClientRule] = []
    delays: list[int] = []
    for client in [*clients, injected]:
        policy = resolve_retry(client)
        error = policy.base if policy.base_error is None else policy.base_error
        rules.append(_rule(client, policy, len(rules)))
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
        _or_none(policy.give_up_above), _retryable(policy.retry_on), _or_none(policy.max_elapsed),
        client.timeout, _or_none(client.deadline), _or_none(client.max_concurrent),
        kind, cap, a, b, number * retry_budget.SLICES,
    )  # fmt: skip


def _or_none(value: int | None) -> int:
    return -1 if value is None else value


def _delays(base: int, policy: RetryPolicy) -> list[int]:
    """min(base × multiplier^n, cap) for n = 0 … STEPS - 1."""
    delays, grown = [], float(base)
    for _ in range(backoff.STEPS):
        delays.append(min(round(grown), policy.cap))
        grown = min(grown * policy.multiplier, float(policy.cap))
    return delays


def _retryable(names: Sequence[str]) -> int:
    statuses = [499 if name == "timeout" else 0 if name == "connection" else int(name) for name in names]
    return sum(1 << backoff.status_class(status) for status in statuses)


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
