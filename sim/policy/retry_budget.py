"""What bounds the retries of a whole client: the budgets of AWS, gRPC, Envoy and Finagle.

All amounts are integers; gRPC and Finagle count in thousandths. A budget is asked when a retry
is wanted and told when a request succeeds, fails or starts.
"""

from __future__ import annotations

from typing import Any

from sim.policy.pacing import RATE, TOKEN
from sim.policy.tables import ClientMemory, ClientRule
from sim.policy.window import roll

NO_BUDGET, QUOTA, THROTTLE, CONCURRENT, DEPOSIT = 0, 1, 2, 3, 4
MILLI = 1000
SLICES = 10
"""A Finagle deposit lives between (SLICES − 1)/SLICES and the whole of its time to live."""


def started(rule: ClientRule, memory: ClientMemory, cells: Any, now: int) -> None:
    """A request starts; Finagle deposits its share of a retry."""
    if rule.budget == DEPOSIT:
        change(rule, memory, cells, rule.budget_a, now)


def advance(rule: ClientRule, memory: ClientMemory, cells: Any, now: int) -> None:
    """Let deposits and withdrawals older than the time to live expire."""
    index = now // rule.budget_b
    if index > memory.stamp:
        memory.level -= roll(cells, rule.cells, SLICES, memory.stamp, index)
        memory.stamp = index


def change(rule: ClientRule, memory: ClientMemory, cells: Any, amount: int, now: int) -> None:
    """Deposit (or, negative, withdraw) thousandths of a retry."""
    advance(rule, memory, cells, now)
    cells[rule.cells + memory.stamp % SLICES] += amount
    memory.level += amount


def succeeded(rule: ClientRule, memory: ClientMemory, last_cost: int) -> None:
    """A request succeeds; ``last_cost`` is what its last retry cost (0 when it had none)."""
    if rule.budget == QUOTA:
        memory.level = min(rule.budget_cap, memory.level + max(1, last_cost))
    elif rule.budget == THROTTLE:
        memory.level = min(rule.budget_cap, memory.level + rule.budget_a)


def failed(rule: ClientRule, memory: ClientMemory) -> None:
    """An attempt fails in a retryable way; gRPC takes one token."""
    if rule.budget == THROTTLE:
        memory.level = max(0, memory.level - MILLI)


def retry_cost(rule: ClientRule, memory: ClientMemory, cells: Any, status: int, now: int) -> int:
    """What a retry costs now, taken from the budget; -1 when the budget does not allow it.

    Envoy counts requests and retries under way, which the engine keeps in ``memory``.
    """
    if rule.budget == QUOTA:
        price = rule.budget_a if status == 429 else rule.budget_b
        if memory.level < price:
            return -1
        memory.level -= price
        return price
    if rule.budget == THROTTLE:
        return 0 if 2 * memory.level > rule.budget_cap else -1
    if rule.budget == CONCURRENT:
        share = memory.active * rule.budget_a // MILLI
        return 0 if memory.retrying < max(rule.budget_b, share) else -1
    if rule.budget == DEPOSIT:
        advance(rule, memory, cells, now)
        if memory.level + rule.budget_cap < MILLI:
            return -1
        change(rule, memory, cells, -MILLI, now)
    return 0


def fresh_client(rule: ClientRule) -> ClientMemory:
    """An idle client with a full retry budget, a full bucket of its own, and no adaptive rate yet."""
    level = rule.budget_cap if rule.budget in (QUOTA, THROTTLE) else 0
    return ClientMemory(level=level, pace_level=rule.pace_cap, fill_rate=RATE, fill_cap=TOKEN)
