"""What a migration is asked: where to, along which boundaries, how fast, and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from difflib import get_close_matches
from fractions import Fraction
from pathlib import Path

from sim.errors import BadInput, BadUnit
from sim.study.migrate.calendar import Freeze
from sim.study.migrate.hybrid import RUNGS, Rung
from sim.study.tune.options import EXPORTS
from sim.units import Rate, ratio, share

MOST_WAVES = 8
AUTO, NONE = "auto", "none"


@dataclass(frozen=True)
class Options:
    """A migration's own settings.

    ``configuration`` is today's (none: the first). ``group_below``: teams with a smaller share of requests
    and of tokens share a project. ``headroom``: limits are so much above what is needed, where the account
    gives it. ``drills``: how many of the biggest consumers have a runaway job, bans and a leak. ``canary``
    is ``auto``, ``none`` or a project. ``start`` is the first working day, ``every`` working days apart.
    """

    configuration: str | None = None
    target: Rung = "projects"
    mapping: Path | None = None
    group_below: Fraction = Fraction(1, 100)
    headroom: Fraction = Fraction(1, 4)
    account_capacity: Rate | None = None
    drills: int = 3
    canary: str = AUTO
    waves: int = MOST_WAVES
    start: date | None = None
    every: int = 2
    freezes: tuple[Freeze, ...] = ()
    dimensions: tuple[str, ...] | None = None
    exports: tuple[str, ...] = EXPORTS
    engine: str = "compiled"
    executor: str = "threads"
    workers: int | None = None
    out: Path | None = None
    command: tuple[str, ...] = ()

    def into(self, out: Path | None) -> Options:
        """The same, written into ``out``."""
        return replace(self, out=out)


def near(word: str, known: Sequence[str]) -> str:
    """A hint: the nearest name, or all of them."""
    found = get_close_matches(word, known, n=1)
    return f'did you mean "{found[0]}"?' if found else f"one of: {', '.join(known)}"


def rung_of(text: str) -> Rung:
    """A rung of the isolation ladder above ``shared``. Raises BadInput."""
    found = next((rung for rung in RUNGS if rung == text), None)
    if found is None:
        raise BadInput("no such rung", place="--to", value=repr(text), hint=near(text, RUNGS))
    return found


def share_of(text: str, place: str) -> Fraction:
    """A share from ``1%`` or ``0.01``. Raises BadInput."""
    try:
        return share(text)
    except BadUnit as error:
        raise BadInput("not a share", place=place, value=repr(text), hint=error.problem.hint) from None


def factor_of(text: str, place: str) -> Fraction:
    """A share that may be above 1, at most 10, from ``25%``. Raises BadInput."""
    try:
        found = ratio(text)
    except BadUnit as error:
        raise BadInput("not a share", place=place, value=repr(text), hint=error.problem.hint) from None
    if found > 10:
        raise BadInput("out of range", place=place, value=repr(text), hint="from 0% to 1000%, as 25%")
    return found
