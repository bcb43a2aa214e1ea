"""Loops over the policy functions for tests: plain Python as they stand, and compiled like the kernel.

A loop gets tables and memories (lists of records, or structured arrays of the same fields) and
arrays of events, and returns what the policy said. It judges nothing: the tests do.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cache
from types import FunctionType
from typing import Any, NamedTuple

import numpy as np

from sim.draws import FIRST_TOKEN, draw32
from sim.engine.kernel_source import MODULES, inner_functions, load_kernel
from sim.engine.whole_program import whole_program
from sim.policy.admission import OK, RATE_LIMITED, admit, settle
from sim.policy.bucket import NEVER
from sim.policy.limits import SLIDING, correct, key_wait, limit_wait, take
from sim.policy.service import drawn
from sim.policy.tables import Ask
from sim.policy.window import CELLS

ASK, SETTLE = 0, 1
STATUS, REFUSER, AFTER, WAIT, AT_WAIT, BEFORE_WAIT = range(6)
"""Columns of :func:`drive`'s answer; the last two are 1 where the limits would admit, -1 not asked."""


class Event(NamedTuple):
    """An attempt that asks, or the end of event number ``of`` if that was admitted."""

    kind: int
    of: int
    time: int
    key: int
    est_uncached: int
    est_total: int
    max_tokens: int
    hold: int
    uncached: int
    total: int
    output: int
    spent: int


def drive(rules: Any, memory: Any, events: Any) -> Any:
    """Every event in order; int64 ``(n, 6)``. Each 429 is asked again at its wait, and 1 ns before that."""
    said = np.full((len(events), 6), -1, np.int64)
    for at in range(len(events)):
        e = events[at]
        ask = Ask(e.key, 0, 0, 0, 0, e.est_uncached, e.est_total, e.max_tokens, e.hold, 0, 0, 0)
        if e.kind == SETTLE:
            if said[e.of, STATUS] == OK:
                settle(rules, memory, ask, e.uncached, e.total, e.output, e.spent, events[e.of].time, e.time)
            continue
        status, refuser, after = admit(rules, memory, ask, True, e.time)
        said[at, STATUS] = status
        said[at, REFUSER] = refuser
        said[at, AFTER] = after
        if status == RATE_LIMITED:
            _, ns = key_wait(rules, memory, ask, e.time)
            said[at, WAIT] = ns
            if ns > 0 and ns < NEVER:
                said[at, AT_WAIT] = would_admit(rules, memory, ask, e.time + ns)
                said[at, BEFORE_WAIT] = would_admit(rules, memory, ask, e.time + ns - 1)
    return said


def would_admit(rules: Any, memory: Any, ask: Any, now: int) -> int:
    """1 when the limits of the key admit at ``now``, else 0; leaves the memory as it was."""
    first = rules.keys[ask.key].first_limit
    last = rules.keys[ask.key].last_limit
    levels = [memory.limits[rules.limit_rows[at]].level for at in range(first, last)]
    stamps = [memory.limits[rules.limit_rows[at]].stamp for at in range(first, last)]
    places = [
        rules.limits[rules.limit_rows[at]].cells + cell
        for at in range(first, last)
        for cell in range(CELLS + 1 if rules.limits[rules.limit_rows[at]].algorithm == SLIDING else 0)
    ]
    cells = [memory.cells[place] for place in places]
    row, _ = key_wait(rules, memory, ask, now)
    for at in range(first, last):
        memory.limits[rules.limit_rows[at]].level = levels[at - first]
        memory.limits[rules.limit_rows[at]].stamp = stamps[at - first]
    for at in range(len(cells)):
        memory.cells[places[at]] = cells[at]
    return 1 if row < 0 else 0


class Deed(NamedTuple):
    """What happens to one limit: an attempt that asks, or a charge or correction that nobody can refuse."""

    row: int
    time: int
    ask: int
    """0: only charge."""
    charge: int
    """Of either sign; an attempt is charged what it asks, and this on top (a debt, or a refund)."""
    since: int
    """When what a refund gives back was charged."""


def promises(rules: Any, memory: Any, deeds: Any) -> Any:
    """Every deed in order; int64 ``(n, 4)``: the wait, if it fits then and 1 ns before (-1 not asked), the level."""
    said = np.full((len(deeds), 4), -1, np.int64)
    for at in range(len(deeds)):
        deed = deeds[at]
        rule = rules.limits[deed.row]
        mine = memory.limits[deed.row]
        if deed.ask > 0:
            ns = limit_wait(rule, mine, memory.cells, deed.ask, deed.time)
            said[at, 0] = ns
            if ns == 0:
                take(rule, mine, memory.cells, deed.ask, deed.time)
            elif ns > 0 and ns < NEVER:
                said[at, 1] = fits(rule, mine, memory.cells, deed.ask, deed.time + ns)
                said[at, 2] = fits(rule, mine, memory.cells, deed.ask, deed.time + ns - 1)
        if deed.charge != 0:
            correct(rule, mine, memory.cells, deed.charge, deed.since, deed.time)
        said[at, 3] = mine.level
    return said


def fits(rule: Any, mine: Any, cells: Any, ask: int, now: int) -> int:
    """1 when one limit admits at ``now``, else 0; leaves its memory as it was."""
    level = mine.level
    stamp = mine.stamp
    many = CELLS + 1 if rule.algorithm == SLIDING else 0
    kept = [cells[rule.cells + at] for at in range(many)]
    ns = limit_wait(rule, mine, cells, ask, now)
    mine.level = level
    mine.stamp = stamp
    for at in range(many):
        cells[rule.cells + at] = kept[at]
    return 1 if ns == 0 else 0


def refusals(rule: Any, memory: Any, cells: Any, times: Any) -> Any:
    """Which of unit requests at ``times`` one limit refuses; int64 ``(n,)`` of 0 and 1."""
    refused = np.zeros(len(times), np.int64)
    for at in range(len(times)):
        if limit_wait(rule[0], memory[0], cells, 1, times[at]) == 0:
            take(rule[0], memory[0], cells, 1, times[at])
        else:
            refused[at] = 1
    return refused


def service_times(knots: Any, keys: Any, tables: Any) -> Any:
    """The first attempt's time to the first token of requests with these keys and tables; int64 ``(n,)``."""
    found = np.zeros(len(keys), np.int64)
    for at in range(len(keys)):
        found[at] = drawn(knots, tables[at], draw32(keys[at], 0, FIRST_TOKEN))
    return found


def draws_of(keys: Any, attempt: int, purpose: int) -> Any:
    """The draws of many requests for one attempt and purpose; int64 ``(n,)``."""
    found = np.zeros(len(keys), np.int64)
    for at in range(len(keys)):
        found[at] = draw32(keys[at], attempt, purpose)
    return found


@cache
def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """A loop of this module in machine code, over the kernel's own copies of the policy functions."""
    import numba

    loop = _dispatcher(function)

    def call(*given: Any) -> Any:
        kinds = tuple(map(numba.typeof, given))
        if kinds not in loop.overloads:
            with whole_program(inner_functions()):
                loop.compile(kinds)
        return loop(*given)

    return call


@cache
def _dispatcher(function: Callable[..., Any]) -> Any:
    import numba

    package = load_kernel().__name__.rpartition(".")[0]
    names = dict(function.__globals__)
    for name, value in function.__globals__.items():
        if name in function.__code__.co_names and isinstance(value, FunctionType):
            if value.__module__ in MODULES:
                copy = importlib.import_module(f"{package}.{value.__module__.replace('.', '_')}")
                names[name] = getattr(copy, value.__name__)
            elif value.__module__ == __name__:
                names[name] = _dispatcher(value)
    return numba.njit(FunctionType(function.__code__, names), error_model="numpy")
