"""The traces of a scenario: read once, and with ``split`` turned into a team a client."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.errors import BadInput
from sim.scenario.base import printable
from sim.scenario.keys import Account, Key, Project, SpelledOut
from sim.scenario.parts import Parts
from sim.scenario.schema import Scenario, Slo, Team
from sim.scenario.words import Found
from sim.scenario.workloads import Trace
from sim.scenario.yaml_lines import Path as Where

if TYPE_CHECKING:
    from sim.workload.importers import Part, TraceRows

MAX_TEAMS = 500
"""Teams that one trace may be split into; beyond it ``top`` has to choose."""


@dataclass
class Traced:
    """What reading all traces gave.

    ``rows`` has every trace of ``teams``, which are the final teams by name. ``members`` says what
    each split entry became, ``unread`` which entries have a trace that can't be read.
    """

    rows: dict[Trace, TraceRows] = field(default_factory=dict)
    teams: dict[str, Team] = field(default_factory=dict)
    members: dict[str, tuple[str, ...]] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    found: list[Found] = field(default_factory=list)


def read_traces(parts: Parts, base: Path, *, skip_bad_rows: bool) -> Traced:
    """Reads every trace that a sound team replays; problems are collected, not raised."""
    traced = Traced()
    for name, team in parts.sound_teams.items():
        try:
            _team(traced, name, team, base, skip_bad_rows)
        except _Unread as error:
            traced.found.append(error.found)
            traced.unread.append(name)
    made = {member: entry for entry, members in traced.members.items() for member in members}
    for name in parts.teams:
        if name in made:
            hint = f"rename it: {made[name]} makes a team of each of its clients"
            traced.found.append(Found(("teams", name), "a split trace makes a team of this name too", repr(name), hint))
    traced.notes = list(dict.fromkeys(traced.notes))
    return traced


class _Unread(Exception):
    """A trace that can't be read, with its problem."""

    def __init__(self, found: Found) -> None:
        super().__init__(found.message)
        self.found = found


def _team(traced: Traced, name: str, team: Team, base: Path, skip_bad_rows: bool) -> None:
    splits = False
    for at, workload in enumerate(team.workload):
        trace = workload.arrivals.trace
        if trace is None:
            continue
        where: Where = ("teams", name, "workload", at, "arrivals", "trace")
        rows = _read(traced, trace, base, skip_bad_rows, where)
        if trace.split:
            splits = True
            _split(traced, name, team, trace, rows, where)
        else:
            traced.rows[trace] = rows
    if not splits:
        traced.teams[name] = team


def _read(traced: Traced, trace: Trace, base: Path, skip_bad_rows: bool, where: Where) -> TraceRows:
    from sim.workload.importers import read_trace

    if trace in traced.rows:
        return traced.rows[trace]
    try:
        rows = read_trace(trace, base, skip_bad_rows=skip_bad_rows)
    except BadInput as error:
        raise _Unread(_as_found(error, where)) from None
    traced.notes += rows.notes
    return rows


def _as_found(error: BadInput, where: Where) -> Found:
    problem = error.problem
    file = f"{problem.place}: " if problem.place else ""
    return Found(where, f"{file}{problem.message}", problem.value, problem.hint)


def _split(traced: Traced, name: str, team: Team, trace: Trace, rows: TraceRows, where: Where) -> None:
    from sim.workload.importers import split

    if len(team.workload) > 1:
        hint = "give the other workloads to a team of their own"
        raise _Unread(Found(where, "split needs a team entry with this workload only", "split: true", hint))
    try:
        pieces = split(trace, rows, trace.top)
    except BadInput as error:
        raise _Unread(_as_found(error, where)) from None
    if len(pieces) > MAX_TEAMS:
        hint = "add top: 20; the other clients become one team"
        raise _Unread(Found(where, f"split makes more than {MAX_TEAMS} teams", f"{len(pieces):,}", hint))
    members = {_member(name, piece, where): piece for piece in pieces}
    clash = next((member for member in members if member in traced.teams), None)
    if clash is not None:
        message = "two split traces make a team of the same name"
        raise _Unread(Found(where, message, repr(clash), "rename one of the entries"))
    for member, piece in members.items():
        traced.teams[member] = _with_trace(team, piece.trace)
        traced.rows[piece.trace] = piece.rows
    traced.members[name] = tuple(members)


def _member(entry: str, piece: Part, where: Where) -> str:
    """The name of a client's team."""
    try:
        name = printable(f"{entry}-{piece.name}")
    except BadInput as error:
        message = f"a client can't be a team: {error.problem.message}"
        raise _Unread(Found(where, message, repr(piece.name), "name the clients in only, without this one")) from None
    if len(name) > 80:
        message = "the name of a client's team is too long"
        raise _Unread(Found(where, message, repr(name), "at most 80 characters in all"))
    return name


def _with_trace(team: Team, trace: Trace) -> Team:
    (workload,) = team.workload
    arrivals = workload.arrivals.model_copy(update={"trace": trace})
    return team.model_copy(update={"workload": (workload.model_copy(update={"arrivals": arrivals}),)})


def expand(scenario: Scenario, traced: Traced) -> Scenario:
    """The scenario with the members of each split entry wherever the entry's name stood."""
    members = traced.members
    if not members:
        return scenario
    configurations = {
        name: _configuration(one, members) if isinstance(one, SpelledOut) else one
        for name, one in scenario.configurations.items()
    }
    slos = tuple(part for slo in scenario.slos for part in _objectives(slo, members))
    return scenario.model_copy(update={"teams": traced.teams, "configurations": configurations, "slos": slos})


def _objectives(slo: Slo, members: Mapping[str, tuple[str, ...]]) -> Iterable[Slo]:
    return (slo.model_copy(update={"team": team}) for team in members.get(slo.team, (slo.team,)))


def _configuration(configuration: SpelledOut, members: Mapping[str, tuple[str, ...]]) -> SpelledOut:
    accounts = {name: _level(account, members) for name, account in configuration.accounts.items()}
    return configuration.model_copy(update={"accounts": accounts})


def _level(level: Account | Project | Key, members: Mapping[str, tuple[str, ...]]) -> Any:
    """A level with its teams, and those of everything below it, expanded."""
    changes: dict[str, Any] = {}
    if level.teams is not None:
        changes["teams"] = tuple(team for entry in level.teams for team in members.get(entry, (entry,)))
    for inner in ("projects", "keys"):
        below = getattr(level, inner, None)
        if below is not None:
            changes[inner] = {name: _level(one, members) for name, one in below.items()}
    return level.model_copy(update=changes)
