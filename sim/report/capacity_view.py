"""A capacity study's dict as its report reads it: cases, months, dates, and how limits are called."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sim.report.cast import TOP
from sim.report.numbers import NB, Stat, number, stat
from sim.report.style import REST, TEAMS_LIGHT

Json = Mapping[str, Any]
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_UNITS = {
    "requests": "requests", "input_tokens": "input tokens", "output_tokens": "output tokens", "tokens": "tokens",
    "concurrency": "at once",
}  # fmt: skip
_PLACES = {
    "shared": "the shared key",
    "keys": "the shared account with a key for each team",
    "projects": "the split into projects",
    "gateway": "the gateway",
    "accounts": "the split into accounts",
}


@dataclass(frozen=True)
class When:
    """A date: a month, and the edges of its interval; None where it is not within the study."""

    month: float | None
    early: float | None = None
    late: float | None = None

    @property
    def sort(self) -> float:
        """For ordering: what never comes is last, what may come earliest before it."""
        if self.month is not None:
            return self.month
        return 1e6 if self.early is None else 1e5 + self.early


def when(found: Json) -> When:
    """A date as capacity.json has it."""
    return When(found["month"], found["early"], found["late"])


@dataclass(frozen=True)
class Lines:
    """A mean over months with its band; NaN where there is no value."""

    months: tuple[float, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    def at(self, month: float) -> Stat:
        """The values in a month that was run (the nearest one before)."""
        place = max((at for at, one in enumerate(self.months) if one <= month + 1e-9), default=0)
        return Stat(self.mean[place], self.low[place], self.high[place])


def _floats(values: Sequence[float | None]) -> tuple[float, ...]:
    return tuple(math.nan if value is None else float(value) for value in values)


@dataclass(frozen=True)
class View:
    """One study."""

    summary: Json

    @property
    def months(self) -> int:
        """The last month."""
        return int(self.summary["months"])

    @property
    def cases(self) -> tuple[str, ...]:
        """The arrangements, the first being what others are compared with."""
        return tuple(self.summary["cases"])

    @property
    def first(self) -> str:
        """The arrangement that the words speak of."""
        return self.cases[0]

    def case(self, name: str) -> Json:
        """One arrangement."""
        found: Json = self.summary["cases"][name]
        return found

    @cached_property
    def teams(self) -> tuple[str, ...]:
        """All teams, those that cost most first."""
        usd: dict[str, float] = {}
        for name in self.cases:
            for team, spent in self.case(name)["cost"]["teams"].items():
                usd[team] = max(usd.get(team, 0.0), stat(spent, "last").mean)
        return tuple(sorted(usd, key=lambda team: (-usd[team], team)))

    def colour(self, team: str) -> str:
        """A team's colour in every figure."""
        place = self.teams.index(team) if team in self.teams else TOP
        return TEAMS_LIGHT[place] if place < TOP else REST

    def token(self, team: str) -> str:
        """The name of that colour."""
        place = self.teams.index(team) if team in self.teams else TOP
        return f"team-{place}" if place < TOP else "rest"

    def lines(self, case: str, *path: str) -> Lines:
        """A curve of ``series`` by its path, as ``("teams", "checkout", "usd")``."""
        series = self.case(case)["series"]
        found = series
        for step in path:
            found = found[step]
        return Lines(tuple(series["months"]), *(_floats(found[name]) for name in ("mean", "low", "high")))

    def month_name(self, month: float) -> str:
        """``month 4``; with a start, ``Apr 2027``."""
        if self.summary.get("start") is None:
            return f"month{NB}{month:g}" if month == int(month) else f"month{NB}{month:.1f}"
        year, first = (int(part) for part in self.summary["start"].split("-"))
        count = first - 1 + math.floor(month + 0.02)
        return f"{_MONTHS[count % 12]}{NB}{year + count // 12}"

    def tick(self, month: int) -> str:
        """A month on an axis, short; the year stands with the first month and with each January."""
        if self.summary.get("start") is None:
            return "now" if month == 0 else str(month)
        year, first = (int(part) for part in self.summary["start"].split("-"))
        count = first - 1 + month
        name = _MONTHS[count % 12]
        return f"{name} {(year + count // 12) % 100:02d}" if month == 0 or count % 12 == 0 else name

    def place(self, name: str) -> str:
        """A case in a sentence: ``the shared key``, ``“requests=120/min”``."""
        case = self.case(name)
        if name == case["configuration"] and case["isolation"] == name and name in _PLACES:
            return _PLACES[name]
        return f"“{name}”"


def grouped(view: View, found: Callable[[str], Any]) -> list[tuple[str, str]]:
    """Cases that agree in ``found``: (their names together, the first of them), in the order of the study."""
    groups: dict[str, list[str]] = {}
    for name in view.cases:
        groups.setdefault(repr(found(name)), []).append(name)
    return [(", ".join(names), names[0]) for names in groups.values()]


def tier_dates(view: View, name: str) -> list[tuple[object, ...]]:
    """The tiers that a case needs with their dates to a tenth of a month: by what cases are grouped."""
    return [
        (entry["account"], key, step["tier"], round(step["from"]["month"] or 0.0, 1), step["because"])
        for entry in view.case(name)["tiers"]
        for key in ("steps", "by_rates")
        for step in entry[key]
    ]


def short_number(value: float) -> str:
    """``60``, ``12.5``, ``400k``, ``2M``."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if (
            value >= size
            and round(value / (1e3 if letter == "k" else size), 2) * (1e3 if letter == "k" else size) == value
        ):
            return f"{value / (1e3 if letter == 'k' else size):g}{letter}"
    return number(value, 0 if value == round(value) else 1)


def limit_text(limit: Json) -> str:
    """``60 requests/min``; of a concurrency limit ``10 at once``."""
    unit = _UNITS.get(limit["dimension"], limit["dimension"])
    if limit["per_minute"] is None:
        return f"{number(limit['burst'], 0)}{NB}{unit}"
    rate = str(limit["rate"])
    amount = short_number(limit["per_minute"]) if rate.endswith("/min") else rate.partition("/")[0]
    period = "min" if rate.endswith("/min") else rate.partition("/")[2]
    models = f" ({', '.join(limit['models'])})" if limit.get("models") else ""
    return f"{amount}{NB}{unit}/{period}{models}"


def owner(name: str) -> str:
    """Whose limit or cap it is: ``account:shared:requests`` → ``account shared``."""
    level, _, rest = name.partition(":")
    where = rest.partition(":")[0]
    return f"{level} {where.rpartition('/')[2]}"


def by_name(entries: Sequence[Json], name: str) -> Json | None:
    """The entry of this name."""
    return next((entry for entry in entries if entry["name"] == name), None)


def date_text(date: When, view: View) -> str:
    """``after 4.2 months (4.0 to 4.5)``, ``already now``, ``not within 12 months``; with a start the month's name."""
    if date.month is None:
        if date.early is None:
            return f"not within {view.months}{NB}months"
        return f"not expected within {view.months}{NB}months, but possible after {date.early:.1f}"
    if date.month <= 0:
        return f"already now (or after {date.late:.1f}{NB}months)" if doubtful(date) else "already now"
    inside = [part for part in (span_text(date, view), calendar_name(date.month, view)) if part]
    return f"after {date.month:.1f}{NB}months" + (f" ({', '.join(inside)})" if inside else "")


def doubtful(date: When) -> bool:
    """Whether what seems to be so already may come later."""
    return date.month is not None and date.month <= 0 and date.late is not None and date.late >= 0.05


def calendar_name(month: float, view: View) -> str:
    """``Apr 2027`` where the study has a start, else nothing."""
    return view.month_name(month) if view.summary.get("start") else ""


def span_text(date: When, view: View) -> str:
    """``4.0 to 4.5``: the interval of a date; empty when there is none, or it is a point."""
    if date.month is None or date.early is None:
        return ""
    end = f"{date.late:.1f}" if date.late is not None else f"later than {view.months}"
    text = f"{date.early:.1f} to {end}"
    return "" if date.late is not None and f"{date.early:.1f}" == end else text
