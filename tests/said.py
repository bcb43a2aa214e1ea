"""Numbers that a text says, against numbers that a summary holds: used by the tests of every report's words.

A number said is right where some number of the summary rounds to it in the digits that are said: as it
stands; of a share as per cent, also what is missing to the whole; half of an interval; a size in thousands
or millions where the text says so. Counts of things (teams, months, rows) are the sizes of lists in the
summary. What stands in a text of the summary (a limit of ``60/min``, an objective, a name) may be repeated.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

NB = "\u00a0"
NUMBER = re.compile(r"[+\u2212]?\$?\d(?:[\d,]*\d)?(?:\.\d+)?")
UNIT = r"%|points|k\b|M\b|G\b"
QUANTITY = re.compile(
    rf"({NUMBER.pattern})(?: ?({UNIT})|(?= to {NUMBER.pattern} ({UNIT})))?(?: ± <?({NUMBER.pattern}))?"
)
SIZES = {"k": 1e3, "M": 1e6, "G": 1e9}


def plain(text: str) -> str:
    return text.replace(NB, " ")


def numbers(value: Any) -> Iterator[float]:
    """Every number of a summary, halves of intervals, and sizes of lists and dicts."""
    if isinstance(value, dict):
        yield float(len(value))
        bounds = value.get("ci95")
        if bounds and None not in bounds:
            yield (bounds[1] - bounds[0]) / 2
        for inner in value.values():
            yield from numbers(inner)
    elif isinstance(value, list):
        yield float(len(value))
        for inner in value:
            yield from numbers(inner)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield float(value)


def texts(value: Any) -> Iterator[str]:
    """Every text of a summary, names of its parts included."""
    if isinstance(value, dict):
        yield from (str(key) for key in value)
        for inner in value.values():
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)
    elif isinstance(value, str):
        yield value


def claims(text: str) -> Iterator[tuple[str, str]]:
    """(number as written, its unit) of each quantity; an interval has its mean's unit."""
    for found in QUANTITY.finditer(plain(text)):
        unit = found[2] or found[3] or ""
        yield found[1], unit
        if found[4]:
            yield found[4], "points" if unit == "%" else unit


def forms(value: float, unit: str) -> tuple[float, ...]:
    """What may be said of a number of the summary."""
    if unit in SIZES:
        return (value / SIZES[unit],)
    return {"%": (100 * value, 100 * (1 - value)), "points": (100 * value,)}.get(unit, (value,))


def strays(text: str, summary: Any, more: Iterable[float] = ()) -> list[str]:
    """Numbers of ``text`` that no number of the summary, nor of ``more``, rounds to."""
    known = [*numbers(summary), *more]
    kept = {token for one in texts(summary) for token in NUMBER.findall(plain(one))}
    for name in sorted({one for one in texts(summary) if re.search(r"\d", one)}, key=len, reverse=True):
        text = text.replace(name, "")
    text = re.sub(r"p(50|95|99)\b|\b\d+th\b|\b429s?\b|--replications \d+", "", plain(text))
    return [said for said, unit in claims(text) if said not in kept and not _close(said, unit, known)]


def _close(said: str, unit: str, known: Iterable[float]) -> bool:
    value = float(said.replace("\u2212", "-").replace("$", "").replace(",", ""))
    near = 0.5000001 / 10 ** len(said.partition(".")[2])
    return any(
        abs(form - abs(value)) <= near or abs(form - value) <= near for one in known for form in forms(one, unit)
    )
