"""Attempts by second: how a herd comes back."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from sim.live.outcome import LiveOutcome
from sim.units import SECOND

if TYPE_CHECKING:
    import pandas as pd

WIDE, MOST = 50, 40


def waves(attempts: pd.DataFrame) -> list[tuple[int, int, int]]:
    """(virtual second, attempts that left in it, how many of them were answered with success)."""
    second = (attempts["at_ns"] // SECOND).tolist()
    good = (attempts["status"] == 200).tolist()
    sent, won = Counter(second), Counter(at for at, one in zip(second, good, strict=True) if one)
    return [(at, sent[at], won[at]) for at in sorted(sent)]


def told(outcome: LiveOutcome) -> list[str]:
    """The waves as lines; the largest fills the width."""
    found = waves(outcome.attempts)
    most = max((count for _, count, _ in found), default=1)
    lines = [
        f"{at:>6} s {count:>6} attempts {won:>5} succeeded  {'#' * max(1, count * WIDE // most)}"
        for at, count, won in found[:MOST]
    ]
    left = len(found) - MOST
    return ["attempts by virtual second:", *lines, *([f"… and {left} more seconds"] if left > 0 else [])]
