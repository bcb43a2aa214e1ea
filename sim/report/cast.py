"""Who plays in a report: the order of teams, their colours, and how configurations are called.

Made once from the summary and handed to every figure and table, so that a team keeps its colour
everywhere. The most hurt team comes first, its culprit second, then the others by traffic; beyond
ten they share one grey.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sim.report.numbers import stat
from sim.report.style import REST, TEAMS_LIGHT

Summary = Mapping[str, Any]
TOP = len(TEAMS_LIGHT)

_PLACES = {
    "shared": "on the shared key",
    "keys": "with a key for each team",
    "projects": "with projects",
    "gateway": "behind the gateway",
    "accounts": "with separate accounts",
}


@dataclass(frozen=True)
class Cast:
    """Configurations in file order; ``top`` teams with a colour of their own; the ``others``."""

    configurations: tuple[str, ...]
    top: tuple[str, ...]
    others: tuple[str, ...]

    @property
    def baseline(self) -> str:
        """The configuration that all others are compared with."""
        return self.configurations[0]

    @property
    def teams(self) -> tuple[str, ...]:
        """All teams, most telling first."""
        return self.top + self.others

    def colour(self, team: str) -> str:
        """The team's colour in every figure."""
        return TEAMS_LIGHT[self.top.index(team)] if team in self.top else REST

    def token(self, team: str) -> str:
        """The name of that colour in :data:`sim.report.style.TOKENS`."""
        return f"team-{self.top.index(team)}" if team in self.top else "rest"


def shorten(text: str, room: int) -> str:
    """``text`` on one line of at most ``room`` (≥ 4) characters: the middle gives way, the end often tells."""
    text = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    if len(text) <= room:
        return text
    tail = (room - 1) // 2 if room < 16 else (room - 1) // 3
    return f"{text[: room - 1 - tail].rstrip()}…{text[len(text) - tail :].lstrip()}"


def configurations(summary: Summary) -> tuple[str, ...]:
    """Names in the order of the scenario file."""
    return tuple(summary["configurations"])


def teams_by_traffic(summary: Summary) -> tuple[str, ...]:
    """All teams, largest number of offered requests on the baseline first, then by name."""
    metrics = summary["configurations"][configurations(summary)[0]]["teams"]
    offered = {team: stat(metrics[team], "offered").mean for team in metrics}
    return tuple(sorted(metrics, key=lambda team: (-offered[team] if offered[team] == offered[team] else 0, team)))


def cast_of(summary: Summary, leads: tuple[str, ...] = ()) -> Cast:
    """The cast of one study; ``leads`` (victim, culprit) come first."""
    ordered = [*leads, *(team for team in teams_by_traffic(summary) if team not in leads)]
    return Cast(configurations(summary), tuple(ordered[:TOP]), tuple(ordered[TOP:]))


def place(summary: Summary, name: str) -> str:
    """A configuration in a sentence: ``on the shared key``, ``with projects``, ``with “mine”``."""
    rung = summary["configurations"][name].get("isolation")
    return _PLACES[name] if rung == name and name in _PLACES else f"with “{name}”"
