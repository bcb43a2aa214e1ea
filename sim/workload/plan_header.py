"""The header by which a planned request is known over HTTP: ``x-keystorm-plan``.

A server that decides with the plan's numbers gives the attempt the sizes and the luck of its plan
row, so that a live run and a simulation see the same draws. Written as
``request=12;attempt=0;draw=815;team=checkout;origin=0;input=900;cached=0;output=250``, and where
client and server have one clock ``;at=61250000000``: answers take their time from there.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote, unquote

from sim.chaos.base import FOREIGN
from sim.draws import MASK62

NAME = "x-keystorm-plan"
_LARGEST = 1 << 53
UNSAID = -1


class PlannedAttempt(NamedTuple):
    """One attempt of a planned request. Tokens; ``input`` includes ``cached``; ``draw`` is the row's draw key.

    ``origin`` is where it comes from (sim.results.columns.ORIGINS); ``at`` is when its client meant to send it, virtual
    ns of the server's clock, -1 where that is not said.
    """

    request: int
    attempt: int
    draw: int
    team: str
    origin: int
    input: int
    cached: int
    output: int
    at: int = UNSAID


def write(planned: PlannedAttempt) -> str:
    """The header's value."""
    return ";".join(
        f"{name}={quote(value) if isinstance(value, str) else value}"
        for name, value in planned._asdict().items() if value != UNSAID
    )  # fmt: skip


def read(value: str) -> PlannedAttempt:
    """What :func:`write` wrote. Raises ``ValueError`` that says what is wrong."""
    given = dict(part.strip().partition("=")[::2] for part in value.split(";") if part.strip())
    if set(given) | {"at"} != set(PlannedAttempt._fields):
        raise ValueError(f"needs exactly {', '.join(PlannedAttempt._fields[:-1])}, and may say at")
    numbers = {name: _number(name, value) for name, value in given.items() if name != "team"}
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
