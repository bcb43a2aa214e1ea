"""The header by which a planned request is known over HTTP: ``x-keystorm-plan``.

A server that decides with the plan's numbers gives the attempt the sizes and the luck of its plan
row, so that a live run and a simulation see the same draws. Written as
``request=12;attempt=0;draw=815;team=checkout;origin=0;input=900;cached=0;output=250``.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote, unquote

from sim.chaos.base import FOREIGN
from sim.draws import MASK62

NAME = "x-keystorm-plan"
_LARGEST = 1 << 53
_FIELDS = ("request", "attempt", "draw", "origin", "input", "cached", "output")


class PlannedAttempt(NamedTuple):
    """One attempt of a planned request. Tokens; ``input`` includes ``cached``; ``draw`` is the row's draw key.

    ``origin`` is where it comes from (sim.results.columns.ORIGINS).
    """

    request: int
    attempt: int
    draw: int
    team: str
    origin: int
    input: int
    cached: int
    output: int


def write(planned: PlannedAttempt) -> str:
    """The header's value."""
    return ";".join(
        f"{name}={quote(value) if isinstance(value, str) else value}" for name, value in planned._asdict().items()
    )


def read(value: str) -> PlannedAttempt:
    """What :func:`write` wrote. Raises ``ValueError`` that says what is wrong."""
    given = dict(part.strip().partition("=")[::2] for part in value.split(";") if part.strip())
    if set(given) != set(PlannedAttempt._fields):
        raise ValueError(f"needs exactly {', '.join(PlannedAttempt._fields)}")
    numbers = {name: _number(name, given[name]) for name in _FIELDS}
    if numbers["origin"] > FOREIGN:
        raise ValueError(f"origin is not from 0 to {FOREIGN}")
    if numbers["cached"] > numbers["input"]:
        raise ValueError("cached is more than input")
    return PlannedAttempt(team=unquote(given["team"]), **numbers)


def _number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 19:
        raise ValueError(f"{name} is not a whole number")
    number = int(text)
    if number > (MASK62 if name == "draw" else _LARGEST):
        raise ValueError(f"{name} is too large")
    return number
