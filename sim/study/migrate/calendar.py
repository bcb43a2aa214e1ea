"""When each step happens: working days, a cadence, and times in which nothing may change. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sim.errors import BadInput

SATURDAY = 5
MOST_DAYS, LONGEST_FREEZE = 60, 366
_EVERY = re.compile(r"^\s*(\d{1,3})\s*(d|w)\s*$")
Freeze = tuple[date, date]
"""First and last day, both included."""


@dataclass(frozen=True)
class Slot:
    """One step's time.

    ``offset`` counts working days from the first step. ``day`` is when the keys change and ``until`` the
    day on which the watch ends and the next step may begin; both None where no start was given.
    ``moved`` says why the day is later than the cadence alone would have it.
    """

    offset: int
    day: date | None
    until: date | None
    moved: str = ""


def day_of(text: str, place: str) -> date:
    """A day from ``2026-12-01``. Raises BadInput."""
    hint = "a day that exists, as 2026-12-01"
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text.strip()):
        raise BadInput("not a day", place=place, value=repr(text), hint=hint)
    try:
        found = date.fromisoformat(text.strip())
    except ValueError:
        raise BadInput("no such day", place=place, value=repr(text), hint=hint) from None
    if not 2000 <= found.year <= 2199:
        raise BadInput("not a day of this century or the next", place=place, value=repr(text), hint=hint)
    return found


def every_of(text: str) -> int:
    """Working days between steps from ``2d`` or ``1w`` (five of them). Raises BadInput."""
    match = _EVERY.match(text)
    days = 0 if match is None else int(match[1]) * (5 if match[2] == "w" else 1)
    if not 1 <= days <= MOST_DAYS:
        hint = f"working days from 1d to {MOST_DAYS}d, or weeks, as 2d or 1w"
        raise BadInput("not a cadence", place="--every", value=repr(text), hint=hint)
    return days


def freeze_of(text: str) -> Freeze:
    """A freeze from ``2026-12-18..2027-01-03`` or a single day. Raises BadInput."""
    first, sign, last = (part.strip() for part in text.partition(".."))
    start = day_of(first, "--freeze")
    end = day_of(last, "--freeze") if sign else start
    if end < start:
        hint = "FIRST..LAST, as 2026-12-18..2027-01-03"
        raise BadInput("a freeze ends before it starts", place="--freeze", value=repr(text), hint=hint)
    if (end - start).days > LONGEST_FREEZE:
        hint = f"at most {LONGEST_FREEZE} days: nothing could ever be changed"
        raise BadInput("a freeze is too long", place="--freeze", value=repr(text), hint=hint)
    return start, end


def _frozen(day: date, freezes: Sequence[Freeze]) -> Freeze | None:
    return next((one for one in freezes if one[0] <= day <= one[1]), None)


def working(day: date, freezes: Sequence[Freeze]) -> bool:
    """Whether keys may be changed on a day: no weekend, no freeze."""
    return day.weekday() < SATURDAY and _frozen(day, freezes) is None


def _next_working(day: date, freezes: Sequence[Freeze]) -> tuple[date, str]:
    """The day itself or the first working day after it, and what was in the way."""
    why = ""
    while not working(day, freezes):
        freeze = _frozen(day, freezes)
        said = "weekend" if freeze is None else f"freeze {freeze[0]} to {freeze[1]}"
        why = said if freeze is not None or not why else why
        day += timedelta(days=1)
    return day, why


def _after(day: date, working_days: int) -> date:
    """So many weekdays later, whatever is frozen."""
    while working_days > 0:
        day += timedelta(days=1)
        working_days -= day.weekday() < SATURDAY
    return day


def schedule(steps: int, every: int, start: date | None = None, freezes: Sequence[Freeze] = ()) -> list[Slot]:
    """A slot for each of ``steps``: ``every`` weekdays apart, never in a freeze or on a weekend.

    A freeze moves a step to the first working day after it, and all later ones with it. The watch of a
    step lasts until the next one, of the last one as long as the cadence.
    """
    if start is None:
        return [Slot(at * every, None, None) for at in range(steps)]
    days: list[tuple[date, str]] = []
    wanted = start
    for _ in range(steps):
        days.append(_next_working(wanted, freezes))
        wanted = _after(days[-1][0], every)
    ends = [day for day, _ in days[1:]] + [_next_working(wanted, freezes)[0]]
    return [Slot(at * every, day, end, why) for at, ((day, why), end) in enumerate(zip(days, ends, strict=True))]
