"""The loop of :mod:`sim.engine.loop`, compiled by Numba from the same source.

Lists of records become structured arrays with the same field names, so that ``limits[row].rate``
reads alike in both. Arrays have no types to lose when empty, so one compilation serves all worlds.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, field
from functools import cache
from operator import attrgetter
from typing import Any

import numpy as np

from sim.engine.agenda_compiled import (
    ADMISSION_ROWS,
    ADMISSIONS,
    ATTEMPT_ROWS,
    FREE,
    HEAP,
    LOG,
    REPORT,
    REQUEST_ROWS,
    ROOM,
)
from sim.engine.fold import SALTS
from sim.engine.kernel_source import LOOP, inner_functions, load_kernel
from sim.engine.loop import DONE
from sim.engine.tables import (
    ADMISSION_WIDTH,
    BECAME_WIDTH,
    I64,
    LOG_WIDTH,
    REPORT_WIDTH,
    Call,
    Request,
    RunResult,
    Second,
    State,
    World,
    result_of_report,
)
from sim.engine.whole_program import whole_program
from sim.engine.world import fresh_small_state, request_dtype
from sim.policy import tables as records

FIRST_ROOM = 1 << 13
"""Rows of the heap to begin with."""
LEAST_ROOM = 1 << 10
"""The same for a small plan: a study runs thousands of them, and clearing memory would take most of the time."""
BLOCK = 1 << 13
"""Rows of log, report and admissions in a stream: few enough to be in the processor's cache when they are counted."""
LARGEST_KEPT = (32 << 20) - (1 << 16)
"""Bytes; glibc learns from blocks below 32 MiB."""
FIRST_SLOTS, LEAST_SLOTS = 1 << 10, 1 << 6
_lock = threading.Lock()
_kernels: dict[str, Any] = {}
_compiled: set[Any] = set()

_RECORDS: dict[tuple[type[Any], str], type[Any]] = {
    (World, "clients"): records.ClientRule,
    (records.Rules, "limits"): records.LimitRule,
    (records.Rules, "caps"): records.CapRule,
    (records.Rules, "keys"): records.KeyRule,
    (records.Rules, "effects"): records.EffectRule,
    (records.Rules, "models"): records.ModelRule,
    (records.Rules, "prices"): records.PriceRule,
    (State, "clients"): records.ClientMemory,
    (State, "models"): records.ModelMemory,
    (records.Memory, "limits"): records.LimitMemory,
    (records.Memory, "caps"): records.CapMemory,
    (records.Memory, "effects"): records.EffectMemory,
    (records.Memory, "bans"): records.BanMemory,
}
"""Which record the rows of a list are; lists that are not here hold plain integers."""


def _table(rows: list[Any], record: Any) -> Any:
    if record is None:
        return np.array(rows, np.int64)
    kind = request_dtype(record)
    if rows and not isinstance(rows[0], tuple):
        rows = list(map(attrgetter(*(kind.names or ())), rows))  # astuple copies deeply: ten times as slow
    return np.array(rows, kind)


def arrays(given: Any) -> Any:
    """Lists to arrays through nested named tuples; numbers and arrays stay as they are."""
    if not hasattr(given, "_fields"):
        return given
    kind = type(given)
    values = []
    for name, value in zip(kind._fields, given, strict=True):
        values.append(_table(value, _RECORDS.get((kind, name))) if isinstance(value, list) else arrays(value))
    return kind(*values)


def kernel(part: str = LOOP) -> Any:
    """The module with the compiled loop or counting, loaded once a process; its disk cache is quick the next time."""
    with _lock:
        if part not in _kernels:
            _keep_freed_memory()
            with _light_optimisation():
                _kernels[part] = load_kernel(part)
    return _kernels[part]


def _keep_freed_memory() -> None:
    """Let glibc keep the memory of one run for the next, instead of handing it back to be cleared again.

    Once it has seen a mapped block be freed it maps only larger ones, and hands back only more than twice as much
    (mallopt(3), M_MMAP_THRESHOLD): a third of what a short run took was for pages that are touched for the first time.
    """
    np.empty(LARGEST_KEPT, np.uint8)


def call(part: str, name: str, *given: Any) -> Any:
    """Call a function of the kernel; the first time it is compiled, or read from the disk cache."""
    function = getattr(kernel(part), name)
    if function not in _compiled:
        import numba

        with _lock, _light_optimisation(), whole_program(inner_functions()):
            function.compile(tuple(map(numba.typeof, given)))
        _compiled.add(function)
    return function(*given)


@contextmanager
def _light_optimisation() -> Iterator[None]:
    """Compile at LLVM's level 1: a fifth less time than at Numba's 3, and code of the same speed.

    What matters is that everything is inlined, and that does not depend on the level. Who sets
    NUMBA_OPT gets that.
    """
    import numba

    config: Any = numba.config
    level = config.OPT
    if "NUMBA_OPT" not in os.environ:
        config.OPT = type(level)(1)
    try:
        yield
    finally:
        config.OPT = level


_RULES = ("rules", "clients", "delays", "knots", "wakes")
"""What of a world is the same in every replication of a configuration."""


class _Fixed(threading.local):
    """The tables of the world that this thread ran last, but for its requests, and its state before anything happened.

    A study runs thousands of small plans by the same rules: making these anew would take most of its time.
    """

    def __init__(self) -> None:
        self._of: dict[str, Any] = {}
        self._tables: dict[str, Any] = {}
        self._state: Any = None

    def of(self, world: World) -> tuple[World, State]:
        """Both for this world; the state is the caller's own."""
        parts = {name: getattr(world, name) for name in _RULES}
        if not self._of or any(self._of[name] is not part for name, part in parts.items()):
            tables = arrays(world._replace(requests=()))
            self._tables = {name: getattr(tables, name) for name in _RULES}
            self._state, self._of = arrays(fresh_small_state(world)), parts
        return world._replace(**self._tables), _copied(self._state)


_fixed = _Fixed()


def _copied(given: Any) -> Any:
    """Nested named tuples of arrays with arrays of their own."""
    if hasattr(given, "_fields"):
        return type(given)(*map(_copied, given))
    return given.copy() if isinstance(given, np.ndarray) else given


@cache
def _blank() -> Any:
    """One call before anything happened, which nobody writes to."""
    return np.array([astuple(Call())], request_dtype(Call))


def fresh_arrays(world: World, state: State, room: int = FIRST_ROOM, slots: int = FIRST_SLOTS) -> State:
    """The state of the compiled loop before anything happened, with ``room`` for events and for a block of rows.

    ``state`` holds the small tables, as arrays; ``slots`` requests can be under way before memory must grow.
    """
    blank = _blank()
    calls = np.repeat(blank, slots)
    calls["outcome"] = 0
    return state._replace(
        requests=np.zeros(slots, request_dtype(Request)),
        calls=calls,
        seconds=np.zeros(slots, request_dtype(Second)),
        blank=blank,
        free=np.arange(slots - 1, -1, -1),
        heap=_heap(world.wakes, room),
        log=lines(LOG_WIDTH, BLOCK if world.rows >= ATTEMPT_ROWS else 2 * ROOM),
        report=lines(REPORT_WIDTH, BLOCK if world.rows >= REQUEST_ROWS else 2 * FIRST_SLOTS),
        admissions=lines(ADMISSION_WIDTH, BLOCK if world.rows >= ADMISSION_ROWS else 2 * ROOM),
        used=np.array([len(world.wakes), 0, 0, slots, 0], np.int64),
        sums=np.zeros(len(SALTS), np.int64),
    )


def columns(width: int, room: int) -> I64:
    """Memory ``(width, at least room)`` for rows that stay where they are written: each column lies in one piece.

    A row is written to all columns at once: a multiple of 4 KiB between them would put them all
    into one set of the processor's cache, so they lie one cache line beside such a multiple.
    """
    # Never whole in memory, nor are lines(): one compilation for any strides serves both.
    return np.empty((width, room // 512 * 512 + 521), np.int64)[:, :-1]


def lines(width: int, room: int) -> I64:
    """Zeros ``(width, room)`` for rows that leave soon: each row lies in one piece, which is quicker."""
    return np.zeros((room, width + 1), np.int64)[:, :width].T


def more_slots(state: State, count: int) -> State:
    """The same with ``count`` more free slots. A free slot's call has an outcome, so that it is not live."""
    old = len(state.calls)
    calls = np.concatenate([state.calls, np.repeat(state.blank, count)])
    calls["outcome"][old:] = 0
    free, held = np.zeros(old + count, np.int64), state.used[FREE]
    free[:held] = state.free[:held]
    free[held : held + count] = np.arange(old + count - 1, old - 1, -1)
    state.used[FREE] += count
    requests = np.concatenate([state.requests, np.zeros(count, state.requests.dtype)])
    seconds = np.concatenate([state.seconds, np.zeros(count, state.seconds.dtype)])
    return state._replace(calls=calls, requests=requests, seconds=seconds, free=free)


def _heap(wakes: Any, room: int) -> I64:
    """A heap with the ends of brown-outs, which are in order, and room for more events."""
    heap = np.zeros((room, 3), np.int64)
    for number, time in enumerate(wakes, 1):
        heap[number] = time, number - 1, -1
    return heap


def emptied(state: State) -> None:
    """What was written is no longer needed."""
    state.used[[REPORT, LOG, ADMISSIONS]] = 0


@dataclass
class Sink:
    """Where reports and logs go when the loop's memory is full: blocks of columns, in order."""

    reports: list[I64] = field(default_factory=list)
    logs: list[I64] = field(default_factory=list)

    def take(self, state: State) -> None:
        """Copy what is written out of the state, which is then empty."""
        self.reports.append(state.report[:, : state.used[REPORT]].copy())
        self.logs.append(state.log[:, : state.used[LOG]].copy())
        emptied(state)

    def result(self) -> tuple[I64, I64]:
        """All reports ``(REPORT_WIDTH, n)`` in the plan's order, and the log ``(LOG_WIDTH, m)``."""
        reports = np.concatenate(self.reports, axis=1)
        return reports[:, np.argsort(reports[0])], np.concatenate(self.logs, axis=1)


@dataclass
class LogSink:
    """What a whole plan leaves stays where it is written, but for a log that is full."""

    logs: list[I64] = field(default_factory=list)

    def take(self, state: State) -> None:
        """Copy the log out of the state if there is no more room in it."""
        if state.used[LOG] + ROOM > state.log.shape[1]:
            self.logs.append(state.log[:, : state.used[LOG]].copy())
            state.used[LOG] = 0

    def log(self, state: State) -> I64:
        """The whole log, when all is over."""
        last = state.log[:, : state.used[LOG]]
        return np.concatenate([*self.logs, last], axis=1) if self.logs else last


def with_room(tables: World, state: State, wanted: int) -> State:
    """The state with room for another event: a larger heap, report, or ``wanted`` more slots.

    Called when the loop stopped for want of room, after its rows were taken.
    """
    if state.used[HEAP] + ROOM > len(state.heap):
        state = state._replace(heap=np.concatenate([state.heap, np.zeros_like(state.heap)]))
    if state.used[FREE] < wanted:
        state = more_slots(state, max(wanted, len(state.calls)))
    needed = len(state.calls) - state.used[FREE] + wanted + ROOM
    # Twice what is needed, or the loop would stop after every few rows.
    if tables.in_order == 0 and state.report.shape[1] < 2 * needed:
        state = state._replace(report=lines(REPORT_WIDTH, 3 * needed))
    return state


def advance(tables: World, state: State, sink: Any) -> State:
    """Handle every event before ``tables.until``; rows go to ``sink.take`` as memory fills."""
    at = 0
    while (at := call(LOOP, "run", tables, state, at)) != DONE:
        sink.take(state)
        state = with_room(tables, state, _slots_wanted(tables, at))
    return state


def _slots_wanted(tables: World, at: int) -> int:
    """Slots that the next arrival needs: the steps of its session."""
    count = 1
    while at < len(tables.requests) and (at := int(tables.requests[at]["child"])) >= 0:
        count += 1
    return count


def finish(tables: World, state: State, sink: Any) -> None:
    """The horizon: report what is still under way."""
    at = 0
    while (at := call(LOOP, "close", tables, state, at)) != DONE:
        sink.take(state)
        state = with_room(tables, state, 0)
    sink.take(state)


def run_compiled(world: World) -> RunResult:
    """Run one world in compiled code; releases the GIL while it runs."""
    count, sink = len(world.requests), LogSink()
    tables, small = _fixed.of(world._replace(in_order=1))
    room = min(FIRST_ROOM, max(LEAST_ROOM, 4 * count))
    state = fresh_arrays(world, small, room, min(FIRST_SLOTS, max(LEAST_SLOTS, count)))
    if world.rows >= REQUEST_ROWS:  # one place more than there are requests, so that the report is never full
        state = state._replace(report=columns(BECAME_WIDTH, count + 1))
    if world.rows >= ATTEMPT_ROWS:
        state = state._replace(log=columns(LOG_WIDTH, 2 * count + LEAST_ROOM))
    finish(tables, advance(tables, state, sink), sink)
    return result_of_report(tables.requests, state.report[:, :count], sink.log(state))
