"""What tokens cost, in whole micro-dollars."""

from __future__ import annotations

from sim.policy.tables import PriceRule, Rules

MILLION = 1_000_000


def cost(price: PriceRule, uncached: int, cached: int, output: int) -> int:
    """Micro-dollars of one answer, rounded half up; prices are micro-dollars per million tokens."""
    total = uncached * price.input + cached * price.cached + output * price.output
    return (total + MILLION // 2) // MILLION


def price_at(rules: Rules, model: int, at: int) -> int:
    """The row of ``rules.prices`` for an attempt that starts at ``at``: a change of the price, or the model's own."""
    for row in range(len(rules.models), len(rules.prices)):
        price = rules.prices[row]
        if price.model == model and price.start <= at and at < price.end:
            return row
    return model


def bill(rules: Rules, model: int, at: int, uncached: int, cached: int, output: int) -> int:
    """Micro-dollars of an answer to an attempt that started at ``at``."""
    return cost(rules.prices[price_at(rules, model, at)], uncached, cached, output)
