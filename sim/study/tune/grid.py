"""The settings that are tried: whole numbers that a person would type into a console.

Every whole number up to 100; from there steps of 2 % to 1 %: 100, 102, … 200, 205, … 500, 510, …
1,000, 1,020, … A place is the 0-based position of a setting in this series.
"""

from __future__ import annotations

_SMALL = 99
"""Settings below 100."""
_PER_DECADE = 160
_PARTS = ((0, 100, 2), (50, 200, 5), (110, 500, 10))
"""Of a decade from 100 to 1,000: first place, first value, step."""


def value(place: int) -> int:
    """The setting at a place."""
    if place < _SMALL:
        return place + 1
    decade, rest = divmod(place - _SMALL, _PER_DECADE)
    first, start, step = next(part for part in reversed(_PARTS) if rest >= part[0])
    return int((start + (rest - first) * step) * 10**decade)


def at_most(number: float) -> int:
    """The place of the largest setting that is not above ``number``; -1 below 1."""
    if number < 1:
        return -1
    whole = int(number)
    if whole < 100:
        return whole - 1
    decade = len(str(whole)) - 3
    lead: int = whole // 10**decade
    first, start, step = next(part for part in reversed(_PARTS) if lead >= part[1])
    place: int = _SMALL + decade * _PER_DECADE + first + (lead - start) // step
    return place


def at_least(number: float) -> int:
    """The place of the smallest setting that is not below ``number``."""
    below = at_most(number)
    return below if below >= 0 and value(below) >= number else below + 1


def rounded_up(number: float) -> int:
    """The smallest setting that is not below ``number``."""
    return value(at_least(number))


def step_at(number: int) -> int:
    """How far apart settings are just below ``number``, at least 1."""
    place = at_least(number)
    return value(place) - value(place - 1) if place > 0 else 1
