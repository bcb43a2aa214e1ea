"""A tuning study's summary as words, tables and figures read it: projects in order, with names for what they show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sim.report.cast import TOP
from sim.report.numbers import NB, Stat, stat
from sim.report.style import REST, TEAMS_LIGHT

SUCCESS = ("success_rate", "own_success_rate")
LABELS = {
    "rpm": "RPM", "burst": "Burst", "input_tokens": "Input tokens/min", "output_tokens": "Output tokens/min",
    "tokens": "Tokens/min", "concurrency": "At once",
}  # fmt: skip
"""How dimensions are called in headings."""
WORDS = {
    "rpm": "{}/min", "burst": f"burst{NB}{{}}", "input_tokens": "{} input tokens/min",
    "output_tokens": "{} output tokens/min", "tokens": "{} tokens/min", "concurrency": "{} at once",
}  # fmt: skip
"""How settings are written in sentences."""


@dataclass(frozen=True)
class Project:
    """One project of the summary, and its place among all (for its colour)."""

    name: str
    place: int
    data: Mapping[str, Any]

    @property
    def colour(self) -> str:
        """Its colour in every figure."""
        return TEAMS_LIGHT[self.place] if self.place < TOP else REST

    @property
    def token(self) -> str:
        """The name of that colour."""
        return f"team-{self.place}" if self.place < TOP else "rest"

    @property
    def needed(self) -> Mapping[str, Any]:
        """What it needs alone, by dimension; empty when nothing was found."""
        return self.data["needed"] or {}

    @property
    def recommended(self) -> Mapping[str, Any]:
        """What it gets, by dimension."""
        return self.data["recommended"] or {}

    @property
    def short(self) -> bool:
        """Whether it gets less than it needs."""
        return float(self.data["shortfall"]) > 0

    @property
    def objectives(self) -> list[Mapping[str, Any]]:
        """Its objectives as they were searched for."""
        return list(self.data["objectives"])

    @property
    def primary(self) -> Mapping[str, Any]:
        """The objective that tables and maps show: the first about success, the scenario's before what is assumed."""
        found = [one for one in self.objectives if one["metric"] in SUCCESS] or self.objectives
        return min(found, key=lambda one: one["source"] == "default")

    @property
    def missing(self) -> tuple[str, int, int]:
        """The limit that most is missing of, what is given of it, and what is needed."""
        pairs = {name: (self.recommended.get(name), wants) for name, wants in self.needed.items() if wants}
        known = {name: (gets, wants) for name, (gets, wants) in pairs.items() if gets is not None}
        name = min(known, key=lambda one: known[one][0] / known[one][1])
        return name, *known[name]

    def together(self, side: str) -> Stat:
        """The metric of :attr:`primary` with everybody there: ``today`` or ``recommended``."""
        one = self.primary
        return stat(self.data["together"][side][one["team"]], one["metric"])

    def told(self, side: str, metric: str) -> Stat:
        """Another metric of the same team."""
        return stat(self.data["together"][side][self.primary["team"]], metric)

    def change(self, metric: str) -> Stat:
        """Recommended minus today, replication by replication."""
        return stat(self.data["change"][self.primary["team"]], metric)


@dataclass(frozen=True)
class View:
    """The whole summary; projects with the highest recommended rate first."""

    summary: Mapping[str, Any]
    projects: tuple[Project, ...]

    @classmethod
    def of(cls, summary: Mapping[str, Any]) -> View:
        """Order the projects."""

        def weight(name: str) -> tuple[float, str]:
            needed = summary["projects"][name]["needed"] or {}
            return -float(needed.get("rpm") or 0), name

        names = sorted(summary["projects"], key=weight)
        return cls(summary, tuple(Project(name, at, summary["projects"][name]) for at, name in enumerate(names)))

    @property
    def dimensions(self) -> tuple[str, ...]:
        """What was tuned."""
        return tuple(self.summary["dimensions"])

    @property
    def found(self) -> tuple[Project, ...]:
        """The projects for which some settings meet the goals."""
        return tuple(one for one in self.projects if one.needed)

    @property
    def short(self) -> tuple[Project, ...]:
        """The projects that get less than they need, the shortest first."""
        return tuple(sorted((one for one in self.projects if one.short), key=lambda one: -one.data["shortfall"]))

    @property
    def objectives(self) -> list[Mapping[str, Any]]:
        """Verdicts on draws that the search has not seen."""
        return list(self.summary["objectives"])

    @property
    def crowded(self) -> list[Mapping[str, Any]]:
        """The accounts that do not have what their projects need."""
        return [one for one in self.summary["accounts"] if not one["fits"]]


def whole(number: float | int | None) -> str:
    """A setting: thousands separated, an en dash for none."""
    if number is None:
        return "–"
    return f"{int(number):,}" if float(number).is_integer() else f"{number:,.2f}".rstrip("0")


def setting(values: Mapping[str, Any], dimensions: tuple[str, ...]) -> str:
    """Settings in a few words: ``93/min, burst 46``."""
    parts = [WORDS[key].format(whole(values[key])) for key in dimensions if values.get(key) is not None]
    return ", ".join(parts) or "no limit"
