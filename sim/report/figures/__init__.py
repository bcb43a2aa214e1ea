"""The figures of a report, in the order of the page. A new figure is one module and one line here."""

from __future__ import annotations

from sim.report.figures import (
    amplification,
    attempts,
    blast,
    budgets,
    contention,
    cost,
    latency,
    outcomes,
    review,
    timeline,
)
from sim.report.figures.base import Drawing, Sheet

FIGURES: dict[str, Drawing] = {
    "timeline": timeline.draw,
    "blast": blast.draw,
    "outcomes": outcomes.draw,
    "latency": latency.draw,
    "contention": contention.draw,
    "attempts": attempts.draw,
    "amplification": amplification.draw,
    "cost": cost.draw,
    "budgets": budgets.draw,
    "review": review.draw,
}

__all__ = ["FIGURES", "Drawing", "Sheet"]
