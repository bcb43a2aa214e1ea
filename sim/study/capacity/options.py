"""What a capacity study is asked: how traffic grows, for how long, and which arrangements to look at."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fractions import Fraction
from pathlib import Path

from sim.errors import BadInput
from sim.scenario.schema import Scenario

MAX_MONTHS = 120
FASTEST = Fraction(10)
"""Growth of 1,000 % a month: beyond it nobody plans by the month."""

DEFAULT_GROWTH = "10%"
_PERCENT = re.compile(r"^\s*([+-]?)\s*(\d+(?:\.\d+)?|\.\d+)\s*(%?)\s*$")
_NEW_TEAM = re.compile(r"^([^=]+)=(.+?)(?::([^:]*))?$")
_START = re.compile(r"^(\d{4})-(0[1-9]|1[0-2])$")


@dataclass(frozen=True)
class NewTeam:
    """A team that joins at the start of ``month`` as a copy of ``like``, with the traffic of ``like`` today."""

    name: str
    like: str
    month: int


@dataclass(frozen=True)
class Growth:
    """Growth a month as a share (0.1 is 10 %): of all teams, of some, and the teams to come."""

    overall: Fraction = Fraction(1, 10)
    teams: tuple[tuple[str, Fraction], ...] = ()
    new_teams: tuple[NewTeam, ...] = ()

    def of(self, team: str) -> Fraction:
        """Growth a month of one team."""
        return dict(self.teams).get(team, self.overall)


@dataclass(frozen=True)
class Options:
    """A capacity study's own settings; ``what_ifs`` are texts as :mod:`sim.study.capacity.what_if` reads them.

    ``start`` is the year and month that month 0 stands for. ``faults`` keeps the scenario's chaos.
    """

    months: int = 12
    growth: Growth = Growth()
    configurations: tuple[str, ...] = ()
    what_ifs: tuple[str, ...] = ()
    start: tuple[int, int] | None = None
    faults: bool = False
    engine: str = "compiled"
    out: Path | None = None
    command: tuple[str, ...] = ()


def near(word: str, known: Iterable[str]) -> str:
    """A hint: the nearest name, or all of them."""
    names = list(known)
    found = get_close_matches(word, names, n=1)
    return f'did you mean "{found[0]}"?' if found else f"one of: {', '.join(names)}"


def percent(text: str, place: str) -> Fraction:
    """Growth a month from ``10%``, ``0.1`` or ``-5%``. Raises BadInput."""
    match = _PERCENT.match(text)
    hint = "per cent a month, as 10% or TEAM=20%; a team may shrink, as TEAM=-5%"
    if match is None:
        raise BadInput("not a growth rate", place=place, value=repr(text), hint=hint)
    value = Fraction(match[2]) / (100 if match[3] else 1) * (-1 if match[1] == "-" else 1)
    if not -1 < value <= FASTEST:
        raise BadInput("growth out of range", place=place, value=repr(text), hint="from above -100% to 1000% a month")
    return value


def growth_of(rates: Sequence[str], joining: Sequence[str], scenario: Scenario, months: int) -> Growth:
    """Growth as the flags say it. Raises BadInput for a team that neither exists nor joins."""
    new_teams = tuple(_new_team(text, scenario, months) for text in joining)
    names = [team.name for team in new_teams]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise BadInput("a team joins twice", place="--add-team", value=repr(twice), hint="give each a name of its own")
    overall, teams = percent(DEFAULT_GROWTH, "--growth"), dict[str, Fraction]()
    for text in rates:
        team, sign, rate = text.rpartition("=")
        if not sign:
            overall = percent(rate, "--growth")
            continue
        known = [*scenario.teams, *names]
        if team.strip() not in known:
            raise BadInput("no such team", place="--growth", value=repr(team.strip()), hint=near(team.strip(), known))
        teams[team.strip()] = percent(rate, "--growth")
    return Growth(overall, tuple(teams.items()), new_teams)


def _new_team(text: str, scenario: Scenario, months: int) -> NewTeam:
    """``NAME=LIKE:MONTH``; the month is 1 when it is not given."""
    match = _NEW_TEAM.match(text)
    if match is None:
        hint = "NAME=LIKE:MONTH, as search=checkout:3"
        raise BadInput("not a team to add", place="--add-team", value=repr(text), hint=hint)
    name, like, month = match[1].strip(), match[2].strip(), (match[3] or "1").strip()
    if like not in scenario.teams:
        raise BadInput("no such team", place="--add-team", value=repr(like), hint=near(like, scenario.teams))
    if name in scenario.teams or name in ("*", "total") or not name or len(name) > 80 or not name.isprintable():
        taken = "there is a team of this name" if name in scenario.teams else "not a team's name"
        raise BadInput(taken, place="--add-team", value=repr(name), hint="a new name, of 1 to 80 characters")
    if not (month.isascii() and month.isdigit() and 1 <= int(month) <= months):
        hint = f"a whole month from 1 to {months}, as {name}={like}:3"
        raise BadInput("not a month of this study", place="--add-team", value=repr(month), hint=hint)
    return NewTeam(name, like, int(month))


def start_of(text: str | None) -> tuple[int, int] | None:
    """Year and month from ``2026-12``. Raises BadInput."""
    if text is None:
        return None
    match = _START.match(text)
    if match is None:
        raise BadInput("not a month", place="--start", value=repr(text), hint="a year and a month, as 2026-12")
    return int(match[1]), int(match[2])
