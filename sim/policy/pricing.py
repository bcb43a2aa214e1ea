"""What tokens cost, in whole micro-dollars."""

from __future__ import annotations

from sim.policy.tables import ModelRule

MILLION = 1_000_000


def cost(model: ModelRule, uncached: int, cached: int, output: int) -> int:
    """Micro-dollars of one answer, rounded half up; prices are micro-dollars per million tokens."""
    total = uncached * model.input + cached * model.cached + output * model.output
    return (total + MILLION // 2) // MILLION
