"""An import's summary as words, tables and figures read it: teams in order, with their colours."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sim.report.cast import TOP
from sim.report.numbers import NB
from sim.report.style import REST, TEAMS_LIGHT

Told = Mapping[str, Any]


@dataclass(frozen=True)
class Sender:
    """One team of the log, and its place among all (for its colour)."""

    name: str
    place: int
    data: Told

    @property
    def colour(self) -> str:
        """Its colour in every figure."""
        return TEAMS_LIGHT[self.place] if self.place < TOP else REST

    @property
    def token(self) -> str:
        """The name of that colour."""
        return f"team-{self.place}" if self.place < TOP else "rest"

    @property
    def requests(self) -> int:
        """How many it sent."""
        return int(self.data["requests"])

    @property
    def usd(self) -> float:
        """What it spent, by record or list price."""
        return float(self.data["cost"]["usd"])

    def peak(self, scale: str) -> float | None:
        """Peak to mean at a scale; None where the log is too short or too coarse for it."""
        found: float | None = self.data["peak_to_mean"][scale]
        return found


@dataclass(frozen=True)
class View:
    """The whole summary; teams with most requests first."""

    summary: Told
    senders: tuple[Sender, ...]

    @classmethod
    def of(cls, summary: Told) -> View:
        """Number the teams."""
        return cls(summary, tuple(Sender(one["team"], at, one) for at, one in enumerate(summary["profile"])))

    @property
    def total(self) -> Sender:
        """Everybody together."""
        return Sender("everybody", TOP, self.summary["total"])

    @property
    def relative(self) -> bool:
        """Whether the log has no date."""
        return bool(self.summary["clock"] == "relative")

    @property
    def made_up(self) -> bool:
        """Whether single requests are inferred from sums or rates."""
        return bool(self.summary["resolution_s"]) or self.summary["assumed_requests"] == self.summary["requests"]

    @property
    def hourly(self) -> bool:
        """Whether the log can tell hours of the day apart."""
        return float(self.summary["resolution_s"]) <= 3600

    def share(self, sender: Sender, what: str) -> float:
        """Its part of all requests, tokens (input and output), dollars or 429s; NaN of nothing."""
        whole, part = (_amount(one, what) for one in (self.total, sender))
        return part / whole if whole else float("nan")


def _amount(sender: Sender, what: str) -> float:
    if what == "tokens":
        return float(sender.data["tokens"]["input"] + sender.data["tokens"]["output"])
    if what == "usd":
        return sender.usd
    return float(sender.data[what])


def digits(value: float, count: int = 3) -> str:
    """So many significant digits, never an exponent."""
    if not value:
        return "0"
    places = max(0, count - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def span_text(seconds: float) -> str:
    """A length of time in its largest sensible unit."""
    for size, name in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= 2 * size:
            return f"{digits(seconds / size)} {name}s"
    return f"{digits(seconds)} second{'s' * (seconds != 1)}"


def per_time(per_minute: float) -> str:
    """A rate with the unit that keeps it readable."""
    if per_minute >= 600:
        return f"{digits(per_minute / 60)}/s"
    if per_minute >= 1:
        return f"{digits(per_minute)}/min"
    return f"{digits(per_minute * 60)}/h"


def count_text(value: float) -> str:
    """A count, shortened from a million on."""
    for size, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M")):
        if abs(value) >= size:
            return f"{digits(value / size)}{NB}{unit}"
    return f"{value:,.0f}"


def percent(share: float) -> str:
    """A share from 0 to 1."""
    if share != share:
        return "–"
    if share == 0:
        return f"0{NB}%"
    if 0 < share < 0.0005:
        return f"<{NB}0.1{NB}%"
    return f"{100 * share:.1f}{NB}%" if share < 0.1 else f"{100 * share:.0f}{NB}%"
