"""A migration as its report reads it: ``summary.json`` with names for what the words and figures ask of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from sim.report.cautions import joined
from sim.report.numbers import NB, Stat, kind_of, number, stat, value_text
from sim.report.style import REST, TEAMS_LIGHT

Json = Mapping[str, Any]
TOP = len(TEAMS_LIGHT)
RUNGS = {
    "keys": "a key each", "projects": "projects with limits", "gateway": "projects behind a gateway",
    "accounts": "accounts of their own",
}  # fmt: skip
LABELS = {
    "rpm": "/min", "burst": "burst", "input_tokens": "input tokens/min", "output_tokens": "output tokens/min",
    "tokens": "tokens/min", "concurrency": "at once",
}  # fmt: skip


@dataclass(frozen=True)
class View:
    """One migration."""

    summary: Json

    @property
    def steps(self) -> Sequence[Json]:
        """The steps in order."""
        found: Sequence[Json] = self.summary["steps"]
        return found

    @property
    def states(self) -> Sequence[Json]:
        """Today, and the state after each step."""
        found: Sequence[Json] = self.summary["states"]
        return found

    @cached_property
    def projects(self) -> Mapping[str, Json]:
        """The projects by name, the largest first."""
        return {one["name"]: one for one in self.summary["projects"]}

    @property
    def services(self) -> int:
        """All services."""
        return sum(int(one["services"]) for one in self.summary["teams"].values())

    @property
    def today(self) -> Stat:
        """The risk today."""
        return stat(self.summary["risk"], "today")

    @property
    def end(self) -> Stat:
        """The risk after the last step."""
        return stat(self.summary["risk"], "end")

    @property
    def limited(self) -> bool:
        """Whether projects get limits on this rung."""
        return bool(self.summary["limits"]["dimensions"])

    def colour(self, project: str) -> str:
        """A project's colour in every figure."""
        names = list(self.projects)
        place = names.index(project) if project in names else TOP
        return TEAMS_LIGHT[place] if place < TOP else REST

    def token(self, project: str) -> str:
        """The name of that colour."""
        names = list(self.projects)
        place = names.index(project) if project in names else TOP
        return f"team-{place}" if place < TOP else "rest"


def percent(share: float, digits: int | None = None) -> str:
    """A share as a percentage, one decimal where it is small."""
    places = digits if digits is not None else 0 if abs(share) >= 0.0995 or share == 0 else 1
    return f"{number(100 * share, places)}{NB}%"


def usd(amount: float) -> str:
    """Dollars; cents only where there are some."""
    return f"${amount:,.0f}" if float(amount).is_integer() or amount >= 1000 else f"${amount:,.2f}"


def points(change: Stat, *, sign: bool = True) -> str:
    """A change of a share in points."""
    return value_text(change.scaled(100), "count", sign=sign) + f"{NB}points"


def risk_text(value: Stat) -> str:
    """Services at risk: as many digits as the interval deserves."""
    return value_text(value, "count") if abs(value.mean) >= 10 else number(value.mean, 2)


def limits_text(sets: Sequence[Json]) -> str:
    """``46/min, burst 60``; of several sets those of some models with their names."""
    return "; ".join(_set_text(one) for one in sets) if sets else "no limits of its own"


def _set_text(one: Json) -> str:
    parts = []
    for name, label in LABELS.items():
        if one.get(name) is None:
            continue
        amount = number(float(one[name]), 0 if float(one[name]).is_integer() else 2)
        parts.append(f"{label}{NB}{amount}" if name == "burst" else f"{amount}{'' if label[0] == '/' else NB}{label}")
    models = f" for {joined(list(one['models']))}" if one.get("models") else ""
    return ", ".join(parts) + models


def names_text(names: Sequence[str], most: int = 3) -> str:
    """``a, b and c``; of many the first few and how many more."""
    if len(names) <= most + 1:
        return joined(list(names)) if names else "nobody"
    return f"{', '.join(names[:most])} and {len(names) - most} more"


def day_text(text: str | None, *, year: bool = False) -> str:
    """``Tue 1 Dec``."""
    if text is None:
        return ""
    day = date.fromisoformat(text)
    return f"{day:%a} {day.day} {day:%b}" + (f" {day.year}" if year else "")


def bound_text(one: Json) -> str:
    """Beyond which 429 share of a key to go back, or why there is no such bound."""
    if one["telling"]:
        return f"429 share of {one['key']} above {percent(one['bound'], 1)}"
    return f"429 share of {one['key']} varies too much for a bound ({percent(one['least'])} to {percent(one['most'])})"


def when_text(step: Json) -> str:
    """The day of a step, or how many working days after the first."""
    slot = step["slot"]
    if slot["day"] is not None:
        return day_text(slot["day"])
    return "day 0" if slot["offset"] == 0 else f"day {slot['offset']}"


def value_of(metric: str, entry: Json) -> str:
    """A metric's mean with its unit."""
    return value_text(stat({"it": entry}, "it"), kind_of(metric))


def services_text(view: View) -> str:
    """``10 services``: in digits, as it stands beside other numbers."""
    return f"{view.services:,} service{'' if view.services == 1 else 's'}"


def of_services(count: float, view: View) -> str:
    """``9 of 10 services``."""
    return f"{number(count, 0 if abs(count - round(count)) < 0.05 else 1)} of {services_text(view)}"
