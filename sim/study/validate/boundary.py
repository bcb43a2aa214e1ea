"""Why requests of two runs of one plan end otherwise: how near to a boundary the first other decision was.

Two runs decide by the same rules, so they part where an attempt came a little earlier or later, and
something was just about to change: a bucket about to have a token, a cap about to be reached, a fault
about to end. The distance to that change is compared with how late attempts were around it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sim.engine.tables import LOG, RunResult
from sim.engine.world import Setting
from sim.policy.bucket import NEVER
from sim.results.columns import STATUS_NONE
from sim.scenario.plan import Plan
from sim.study.validate.replayed import Replayed, replay
from sim.units import SECOND

I64 = NDArray[np.int64]
WITHIN, FOLLOWS, CLIENT, ELSE = "at a boundary", "after an earlier one", "the client", "not explained"
CAUSES = {
    WITHIN: "its first other decision was nearer to a boundary than attempts around it were late",
    FOLLOWS: "the same limit or cap had decided otherwise before, so it stood otherwise",
    CLIENT: "the provider decided the same; the client's own state (queue, retry budget, breaker) had moved",
    ELSE: "none of these",
}
AROUND_NS = SECOND
"""Lateness is the most of any attempt within so much wall time."""


@dataclass(frozen=True)
class Parting:
    """Where a request's two histories part. Virtual ns; codes of refusers, -1 for none."""

    request: int
    attempt: int
    at_ns: int
    rule: str
    """What decided: a limit, a cap, a fault, a ban, slots; ``end`` for the end of an answer; ``client``."""
    first: str
    second: str
    """What was decided in each run."""
    distance_ns: int
    """To the nearest boundary; NEVER when there is none."""
    late_ns: int
    """The most by which attempts around it came at another time."""
    cause: str


@dataclass(frozen=True)
class Analysis:
    """All requests that end otherwise, each with where and why."""

    partings: tuple[Parting, ...]
    counts: Mapping[str, int]
    replayed: tuple[Replayed, Replayed]
    late_ns: I64
    """By how much the second run's attempts came later, of those with a common past."""


class Names:
    """Refusers by name: one number for all of a name, the configuration's first, then those of a target's own."""

    def __init__(self, *every: Sequence[str]) -> None:
        self.all = tuple(dict.fromkeys(name for names in every for name in names))

    def codes(self, refusers: Sequence[str]) -> I64:
        """From a run's codes to these, with -1 for nothing at the end, where -1 finds it."""
        return np.array([*(self.all.index(name) for name in refusers), -1], np.int64)

    def of(self, code: int | None) -> str:
        """The name, empty for nothing."""
        return self.all[code] if code is not None and code >= 0 else ""


class Side:
    """One run, to be asked about its attempts."""

    def __init__(self, setting: Setting, plan: Plan, result: RunResult, refusers: Sequence[str], names: Names) -> None:
        self.setting, self.result, self.names = setting, result, names
        self.columns = dict(zip(LOG, result.log.T, strict=True))
        self.columns["refused_by"] = names.codes(refusers)[self.columns["refused_by"]]
        places = zip(self.columns["request"].tolist(), self.columns["attempt"].tolist(), strict=True)
        self.place = {which: number for number, which in enumerate(places)}
        self.replayed = replay(setting, plan, result, refusers)

    def value(self, name: str, which: tuple[int, int]) -> int | None:
        """A field of an attempt, if it was made."""
        number = self.place.get(which)
        return None if number is None else int(self.columns[name][number])

    def made(self, request: int) -> int:
        """How many attempts a request made."""
        return int(self.result.attempts[request])

    @cached_property
    def crossings(self) -> dict[int, int]:
        """For each cap when what had been billed reached it in its first window."""
        found = {}
        by_end = np.argsort(self.columns["end"], kind="stable")
        for row, rule in enumerate(self.setting.rules.caps):
            keys = [key for key, caps in enumerate(self.setting.rows.caps_of_key) if row in caps]
            counted = np.isin(self.columns["key"], keys) & ((rule.models >> self.columns["model"]) & 1 == 1)
            order = by_end[counted[by_end]]
            over = np.flatnonzero(np.cumsum(self.columns["cost"][order]) >= rule.cap)
            if len(over):
                found[row] = int(self.columns["end"][order[over[0]]])
        return found

    def nearest_other(self, refuser: int, at: int, refused: bool) -> int:
        """The time to the nearest attempt that ``refuser`` treated the other way."""
        hit = self.columns["refused_by"] == refuser
        other = ~hit & (self.columns["refused_by"] < 0) & self._meets(refuser) if refused else hit
        times = self.columns["at"][other]
        return int(np.abs(times - at).min()) if len(times) else NEVER

    def rows_of(self, refuser: int) -> list[int]:
        """The configuration's own codes of everything that has a refuser's name."""
        name = self.names.of(refuser)
        return [code for code, own in enumerate(self.setting.refusers) if own == name]

    def _meets(self, refuser: int) -> NDArray[np.bool_]:
        """Attempts that ask this refuser: those of keys that have this limit or cap; all, for anything else."""
        provider, rows = self.setting.rules.provider, self.setting.rows
        codes = self.rows_of(refuser)
        if not codes or min(codes) >= provider.slot_code:
            return np.ones(len(self.columns["key"]), np.bool_)
        pairs = zip(rows.limits_of_key, rows.caps_of_key, strict=True)
        own = [{*limits, *(provider.cap_code + cap for cap in caps)} for limits, caps in pairs]
        return np.isin(self.columns["key"], [key for key, met in enumerate(own) if met.intersection(codes)])


def analyse(
    setting: Setting, plan: Plan, first: RunResult, second: RunResult, differing: Sequence[int], speed: float,
    refusers: Sequence[str] | None = None,
) -> Analysis:  # fmt: skip
    """Explain the requests that end otherwise. ``speed``: virtual seconds a second in the second run.

    ``refusers`` are what the second run's codes mean, as the first's by default.
    """
    others = setting.refusers if refusers is None else refusers
    names = Names(setting.refusers, others)
    one, two = Side(setting, plan, first, setting.refusers, names), Side(setting, plan, second, others, names)
    times, late = _lateness(one, two)
    partings = [_parting(one, two, request, plan.horizon_ns) for request in differing]
    found = list(_judged(partings, _others(one, two), times, late, AROUND_NS * speed))
    counts = {cause: sum(one.cause == cause for one in found) for cause in CAUSES}
    return Analysis(tuple(found), counts, (one.replayed, two.replayed), late)


def _lateness(one: Side, two: Side) -> tuple[I64, I64]:
    """(when, by how much the second run was later) of every attempt before which both decided the same."""
    found = []
    for request in np.flatnonzero((one.result.attempts > 0) & (two.result.attempts > 0)).tolist():
        for attempt in range(min(one.made(request), two.made(request))):
            which = (request, attempt)
            at, then = one.value("at", which), two.value("at", which)
            if at is None or then is None:
                break
            found.append((at, then - at))
            if one.value("refused_by", which) != two.value("refused_by", which):
                break
    pairs = np.asarray(sorted(found), np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def _others(one: Side, two: Side) -> dict[str, int]:
    """For each refuser when the two runs first differ about it, in any attempt that both made."""
    found: dict[str, int] = {}
    for which in one.place.keys() & two.place.keys():
        codes = {int(side.columns["refused_by"][side.place[which]]) for side in (one, two)}
        if len(codes) > 1:
            at = min(side.value("at", which) or 0 for side in (one, two))
            found |= {name: min(at, found.get(name, at)) for code in codes if (name := one.names.of(code))}
    return found


def _parting(one: Side, two: Side, request: int, horizon: int) -> Parting:
    """The first attempt of a request that the two runs treat otherwise."""
    for attempt in range(max(one.made(request), two.made(request))):
        which = (request, attempt)
        if which not in one.place or which not in two.place:
            at = next(side.value("at", which) for side in (one, two) if which in side.place)
            told = ["sent" if which in side.place else "not sent" for side in (one, two)]
            return Parting(request, attempt, at or 0, "client", told[0], told[1], abs(horizon - (at or 0)), 0, "")
        refusers = [side.value("refused_by", which) for side in (one, two)]
        if refusers[0] != refusers[1]:
            return _refusal(one, two, which, horizon)
        statuses = [side.value("status", which) for side in (one, two)]
        if statuses[0] != statuses[1]:
            return _end(one, two, which, horizon)
    return Parting(request, -1, int(max(0, one.result.arrival[request])), "client", "", "", NEVER, 0, "")


def _end(one: Side, two: Side, which: tuple[int, int], horizon: int) -> Parting:
    """Both let it in; the answer ended otherwise: after the drain, or after the client's patience."""
    statuses = [side.value("status", which) or 0 for side in (one, two)]
    ends = [end for side in (one, two) if (end := side.value("end", which)) is not None and end >= 0]
    edge = (
        [abs(horizon - end) for end in ends] if STATUS_NONE in statuses else [abs(ends[0] - ends[-1])] if ends else []
    )
    told = [_status(status) for status in statuses]
    at = one.value("at", which) or 0
    return Parting(*which, at, "end", told[0], told[1], min(edge, default=NEVER), 0, "")


def _refusal(one: Side, two: Side, which: tuple[int, int], horizon: int) -> Parting:
    """One run let it in and the other refused it, or other rules refused it."""
    codes = [side.value("refused_by", which) for side in (one, two)]
    refuser = max(code if code is not None else -1 for code in codes)
    times = [side.value("at", which) or 0 for side in (one, two)]
    near = [_near(side, which, refuser, time, code == refuser)
            for side, time, code in zip((one, two), times, codes, strict=True)]  # fmt: skip
    told = [_decision(one.names.of(code), side.value("status", which))
            for side, code in zip((one, two), codes, strict=True)]  # fmt: skip
    return Parting(
        *which, times[0], one.names.of(refuser), told[0], told[1], min(min(near), abs(horizon - times[0])), 0, ""
    )


def _near(side: Side, which: tuple[int, int], refuser: int, at: int, refused: bool) -> int:
    """How far an attempt was from the other decision of this refuser, in one run."""
    found = side.nearest_other(refuser, at, refused)
    provider, rules = side.setting.rules.provider, side.setting.rules
    for code in side.rows_of(refuser):
        if code < provider.cap_code:
            decided = side.replayed.decided.get(which)
            found = min(found, NEVER if decided is None else abs(decided.distance))
        elif code < provider.slot_code and code - provider.cap_code in side.crossings:
            found = abs(at - side.crossings[code - provider.cap_code])
        elif 0 <= code - provider.effect_code < len(rules.effects):
            edges = [rules.effects[row - provider.effect_code] for row in side.rows_of(refuser)]
            return min(min(abs(at - int(edge.start)), abs(at - int(edge.end))) for edge in edges)
    return found


def _judged(
    partings: Sequence[Parting], others: Mapping[str, int], times: I64, late: I64, around: float
) -> Iterator[Parting]:  # fmt: skip
    """Each with the lateness around it, and its cause."""
    for one in sorted(partings, key=lambda parting: parting.at_ns):
        near = np.abs(times - one.at_ns) <= around
        most = int(np.abs(late[near]).max(initial=0))
        if one.distance_ns <= most:
            cause = WITHIN
        elif one.rule == "client":
            cause = CLIENT
        else:  # a limit that stands as in the other run decides alike, but for the lateness: it stood otherwise
            cause = FOLLOWS if others.get(one.rule, NEVER) < one.at_ns else ELSE
        yield replace(one, late_ns=most, cause=cause)


def _decision(refuser: str, status: int | None) -> str:
    return f"refused by {refuser}" if refuser else _status(status or 0)


def _status(status: int) -> str:
    return {STATUS_NONE: "no end", 200: "answered", 0: "connection broken", 499: "client timeout"}.get(
        status, f"answered {status}"
    )
