"""The provider's rules fed with the attempts of a finished run, at the times that the run says.

For each attempt: what the rules decide, and how far its limits were from deciding otherwise. With the
log of a live run this shows whether its emulator decided by the rules alone: then all that differs
from the simulation is when attempts arrived.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sim.emulator.decisions import Attempt, Decisions, Sizes
from sim.engine.tables import LOG, RunResult
from sim.engine.world import Setting
from sim.policy.bucket import NEVER
from sim.policy.limits import CONCURRENCY, SLIDING, TOKEN_BUCKET, applies, charged_at_start, limit_wait, memory_of
from sim.policy.tables import LimitRule
from sim.scenario.plan import Plan

WAKE, END, ATTEMPT = 0, 1, 2
Which = tuple[int, int]
"""(request, attempt)."""
Row = Mapping[str, int]


class Decided(NamedTuple):
    """What the rules say about one attempt.

    ``distance``: ns until its limits would let it in (above 0, it is refused), or how much earlier it
    could have come (below 0, or 0: it took the last of something); NEVER where time alone changes nothing.
    """

    status: int
    refused_by: int
    distance: int


@dataclass(frozen=True)
class Replayed:
    """Every attempt that reached a decision: by the rules, and whether the log agrees."""

    decided: Mapping[Which, Decided]
    asked: int
    same: int
    """Attempts whose refusal, or admission, is the one that the log has."""


def replay(setting: Setting, plan: Plan, result: RunResult, refusers: Sequence[str] | None = None) -> Replayed:
    """Feed the rules of ``setting`` with the attempts of ``result``, by time.

    ``refusers`` are what its codes mean, those of the setting by default.
    """
    names = setting.refusers if refusers is None else refusers
    rows = [dict(zip(LOG, map(int, row), strict=True)) for row in result.log]
    decisions = Decisions(setting)
    decided: dict[Which, Decided] = {}
    under_way: dict[int, Attempt] = {}
    same = 0
    for now, kind, number in _events(setting, rows, under_way):
        decisions.pass_time(now)
        if kind == WAKE:
            continue
        row = rows[number]
        if kind == END:
            one = under_way.pop(number)
            if decisions.under_way(one):
                decisions.end(one, row["status"], now)
            continue
        request = _request(decisions, plan, row)
        distance = _distance(decisions, request, row, now)
        one = decisions.begin(request, row["attempt"], now)
        if one.admitted:
            under_way[number] = one
        found = Decided(one.call.status, -1 if one.admitted else one.call.refused_by, distance)
        decided[row["request"], row["attempt"]] = found
        same += _name(setting.refusers, found.refused_by) == _name(names, row["refused_by"])
    return Replayed(decided, len(rows), same)


def _name(refusers: Sequence[str], code: int) -> str:
    return refusers[code] if code >= 0 else ""


def _events(setting: Setting, rows: list[dict[str, int]], open_: Mapping[int, Any]) -> Iterator[tuple[int, int, int]]:
    """(time, kind, row): ends of brown-outs, ends of admitted attempts, attempts; in the engines' order."""
    heap = [(wake, WAKE, at, at) for at, wake in enumerate(setting.wakes)]
    heap += [(row["at"], ATTEMPT, row["request"], number) for number, row in enumerate(rows)]
    heapq.heapify(heap)
    while heap:
        now, kind, _, number = heapq.heappop(heap)
        yield now, kind, number
        if kind == ATTEMPT and number in open_ and rows[number]["end"] >= 0:
            heapq.heappush(heap, (max(now, rows[number]["end"]), END, rows[number]["request"], number))


def _request(decisions: Decisions, plan: Plan, row: Row) -> Any:
    at = row["request"]
    cached, most = int(plan.cached_tokens[at]), int(plan.max_tokens[at])
    sizes = Sizes(int(plan.input_tokens[at]) - cached, cached, int(plan.output_tokens[at]), most)
    return decisions.request(
        row["key"], row["team"], row["model"], sizes, int(plan.draw_key[at]), int(plan.origin[at])
    )  # fmt: skip


def _distance(decisions: Decisions, request: Any, row: Row, now: int) -> int:
    """How far the key's limits are from the other decision, ns (:class:`Decided`)."""
    rules, memory = decisions.world.rules, decisions.state.memory
    ask = decisions.ask_before(request, row["attempt"], now)
    longest, least = 0, NEVER
    for at in decisions.limits_of(request.key):
        rule = rules.limits[at]
        if not applies(rule, ask.model, now):
            continue
        need, own = max(1, charged_at_start(rule, ask)), memory_of(rules, memory, at, now)
        wait = limit_wait(rule, own, memory.cells, need, now)
        if wait != 0:
            longest = max(longest, NEVER if wait < 0 else wait)
        else:
            least = min(least, _slack(rule, own, need, now))
    return longest if longest else -least


def _slack(rule: LimitRule, memory: Any, need: int, now: int) -> int:
    """How much earlier a limit would have let it in too; a window has its start, concurrency nothing of the kind."""
    level, stamp = int(memory.level), int(memory.stamp)
    if rule.algorithm == TOKEN_BUCKET:
        return (level - need * rule.unit) // max(1, rule.rate)
    if rule.algorithm == CONCURRENCY:
        return 0 if level + 2 * need > rule.cap else NEVER
    return max(0, now - (stamp * rule.window if rule.algorithm == SLIDING else stamp))


__all__ = ["ATTEMPT", "Decided", "Replayed", "replay"]
