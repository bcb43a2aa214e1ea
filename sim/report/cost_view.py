"""What the texts, tables and figures of a cost report ask of ``summary.json``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sim.report.numbers import NB, Stat, number, stat, value_text

Json = Mapping[str, Any]
USD = "usd"
CAUSES = {"answers": "own work", "waste": "retries and waste", "incidents": "sent by incidents"}
PER = {
    "month": "every month", "year": "every year", "incident": "per incident",
    "lost_request": "per request without an answer",
}  # fmt: skip
GROUPS = {"month": "hours and fees", "year": "hours and fees", "incident": "incidents’ other costs",
          "lost_request": "work not done"}  # fmt: skip


@dataclass(frozen=True)
class View:
    """A study's summary with the questions that are asked of it again and again."""

    summary: Json

    @property
    def names(self) -> list[str]:
        """The configurations in the order of the file."""
        return list(self.summary["configurations"])

    @property
    def months(self) -> int:
        """How many months were drawn."""
        return int(self.summary["months"])

    @property
    def budget(self) -> float | None:
        """Dollars a month."""
        found = self.summary["budget_usd"]
        return None if found is None else float(found)

    def configuration(self, name: str) -> Json:
        """Everything about one configuration."""
        found: Json = self.summary["configurations"][name]
        return found

    def bill(self, name: str, measure: str) -> Stat:
        """A number of the whole bill of a configuration."""
        return stat(self.configuration(name)["total"], measure)

    def groups(self) -> dict[str, list[str]]:
        """The items of the other costs by what they stand for."""
        found: dict[str, list[str]] = {}
        for item, per in self.summary["items"].items():
            found.setdefault(GROUPS[per], []).append(item)
        return found

    def other(self, name: str, group: str) -> float:
        """The mean of a group of other costs in a configuration."""
        return sum(stat(self.configuration(name)["other"], item).mean for item in self.groups()[group])

    @property
    def saving(self) -> Json | None:
        """The saving that was taken apart."""
        found: Json | None = self.summary["saving"]
        return found


def dollars(value: float) -> str:
    """Whole dollars, as ``$12,400``; a real minus."""
    sign = "\u2212" if round(value) < 0 else ""
    return f"{sign}${abs(value):,.0f}"


def usd(value: Stat) -> str:
    """``$12,400 ± 300``: whole dollars, whatever the interval."""
    if not value.known:
        return value_text(value, USD)
    return f"{dollars(value.mean)}{NB}{half(value)}".rstrip(NB)


def between(found: Json) -> str:
    """An interval as ``$31,000 to $45,000``, open where months are too few."""
    low, high = found["ci95"]
    if low is None and high is None:
        return ""
    if high is None:
        return f"{dollars(low)} or more"
    return f"{dollars(low)} to {dollars(high)}" if low is not None else f"up to {dollars(high)}"


def percent(value: float, digits: int = 0) -> str:
    """A share as ``93 %``; small ones get a digit."""
    shown = 100 * value
    more = digits if abs(shown) >= 9.95 or shown == 0 else max(digits, 1)
    return f"{number(shown, more)}{NB}%"


def share_between(found: Json) -> str:
    """The interval of a share as ``3.1 to 5.6 %``."""
    low, high = found["ci95"]
    return f"{number(100 * low, 1)} to {number(100 * high, 1)}{NB}%" if low is not None and high is not None else ""


def half(value: Stat) -> str:
    """Half an interval of dollars for the small text beside a value: whole dollars."""
    return f"±{NB}{value.half:,.0f}" if value.known and value.half >= 0.5 else ""


def quoted(name: str) -> str:
    """A configuration's name in quotation marks."""
    return f"“{name}”"
