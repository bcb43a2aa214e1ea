"""What a reader must know before believing a report: unequal sides, two regimes, a single replication."""

from __future__ import annotations

from collections.abc import Callable

from sim.report.capacity import capacity_text, spend_text, unequal
from sim.report.cast import Summary, place
from sim.report.numbers import Stat, value_text

_WORDS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]


def counted(count: int, noun: str) -> str:
    """``two teams``, ``one team``, ``46 teams``."""
    said = _WORDS[count] if count < len(_WORDS) else str(count)
    return f"{said} {noun}" + ("" if count == 1 else "s")


def capital(text: str) -> str:
    """``text`` with a capital letter at its start."""
    return text[:1].upper() + text[1:]


def joined(parts: list[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def capacity_warnings(summary: Summary) -> list[str]:
    """A warning when the sides do not have the same total capacity, or budget: then it is no fair comparison."""
    different = unequal(summary)
    if different:
        return [
            f"The configurations do not have the same total capacity ({_sides(summary, different, capacity_text)}). "
            "Part of what they change is capacity, not isolation."
        ]
    budgets = unequal(summary, spend=True)
    if budgets:
        return [
            f"The configurations may not spend the same in all ({_sides(summary, budgets, spend_text)}). "
            "Part of what they change is the budget."
        ]
    return []


def _sides(summary: Summary, names: tuple[str, ...], say: Callable[[Summary, str], str]) -> str:
    """What each configuration has, those with the same together."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(say(summary, name), []).append(f"“{name}”")
    return "; ".join(f"{joined(those)} {text}" for text, those in groups.items())


def regimes(summary: Summary) -> list[str]:
    """Where replications split in two, the share that is stuck instead of a mean."""
    texts = []
    for name, entry in summary["configurations"].items():
        for team, split in sorted((entry.get("regimes") or {}).items()):
            stuck, low, high = (Stat(float(split[key])) for key in ("stuck_share", "stuck_mean", "well_mean"))
            texts.append(
                f"{capital(place(summary, name))} {team} has two regimes: in {value_text(stuck, 'share')} of the "
                f"replications it is stuck at {value_text(low, 'share')} success, in the others it reaches "
                f"{value_text(high, 'share')}. A mean describes neither."
            )
    return texts


def _doubts(summary: Summary) -> list[str]:
    if summary.get("replications", 1) > 1:
        return []
    if summary.get("live"):
        return ["One run: no intervals, so small differences may be luck. Other seeds are other runs."]
    return ["One replication only: no intervals, so small differences may be luck. Use --replications 20."]


def cautions(summary: Summary) -> list[str]:
    """All warnings that the summary calls for, the gravest first."""
    return [*capacity_warnings(summary), *regimes(summary), *_doubts(summary)]
