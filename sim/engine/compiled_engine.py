"""The loop of :mod:`sim.engine.loop`, compiled by Numba from the same source.

Lists of records become structured arrays with the same field names, so that ``limits[row].rate``
reads alike in both. Arrays have no types to lose when empty, so one compilation serves all worlds.
"""

from __future__ import annotations

import threading
from dataclasses import astuple
from typing import Any

import numpy as np

from sim.engine.agenda_compiled import HEAP, LOG, ROOM
from sim.engine.kernel_source import load_kernel
from sim.engine.loop import DONE
from sim.engine.tables import LOG_WIDTH, Call, RunResult, State, World, result_of
from sim.engine.world import fresh_small_state, request_dtype
from sim.policy import tables as records

FIRST_ROOM = 1 << 16
"""Rows of heap and log to begin with."""
_lock = threading.Lock()
_kernel: Any = None

_RECORDS: dict[tuple[type[Any], str], type[Any]] = {
    (World, "clients"): records.ClientRule,
    (records.Rules, "limits"): records.LimitRule,
    (records.Rules, "caps"): records.CapRule,
    (records.Rules, "keys"): records.KeyRule,
    (records.Rules, "effects"): records.EffectRule,
    (records.Rules, "models"): records.ModelRule,
    (State, "clients"): records.ClientMemory,
    (State, "models"): records.ModelMemory,
    (records.Memory, "limits"): records.LimitMemory,
    (records.Memory, "caps"): records.CapMemory,
}
"""Which record the rows of a list are; lists that are not here hold plain integers."""


def _table(rows: list[Any], record: type[Any] | None) -> Any:
    if record is None:
        return np.array(rows, np.int64)
    return np.array([row if isinstance(row, tuple) else astuple(row) for row in rows], request_dtype(record))


def arrays(given: Any) -> Any:
    """Lists to arrays through nested named tuples; numbers and arrays stay as they are."""
    if not isinstance(given, tuple):
        return given
    kind = type(given)
    values = []
    for name, value in zip(kind._fields, given, strict=True):  # type: ignore[attr-defined]
        values.append(_table(value, _RECORDS.get((kind, name))) if isinstance(value, list) else arrays(value))
    return kind(*values)


def fresh_calls(arrival: Any) -> Any:
    """The calls of all requests before anything happened, as a structured array ``(n,)``."""
    blank = np.array([astuple(Call())], request_dtype(Call))
    calls = np.repeat(blank, len(arrival))
    calls["arrival"] = arrival
    return calls


def kernel() -> Any:
    """The module with the compiled loop, made once a process; Numba's disk cache makes it quick the next time."""
    global _kernel
    with _lock:
        if _kernel is None:
            _kernel = load_kernel()
    return _kernel


def run_compiled(world: World) -> RunResult:
    """Run one world in compiled code; releases the GIL while it runs."""
    small = fresh_small_state(world)
    calls = fresh_calls(world.requests["arrival"])
    heap, log = np.zeros((FIRST_ROOM, 2), np.int64), np.zeros((FIRST_ROOM, LOG_WIDTH), np.int64)
    state = arrays(small._replace(calls=calls, heap=heap, log=log, used=np.zeros(2, np.int64)))
    tables, at = arrays(world), 0
    blocks: list[Any] = []
    while at != DONE:
        at = kernel().run(tables, state, at)
        state = _with_room(state, blocks)
    at = 0
    while at != DONE:
        at = kernel().close(state, at)
        state = _with_room(state, blocks)
    return result_of(calls, np.concatenate(blocks))


def _with_room(state: State, blocks: list[Any]) -> State:
    """Take the log out of the state, and double the heap when it is nearly full."""
    used = state.used
    blocks.append(state.log[: used[LOG]].copy())
    used[LOG] = 0
    if used[HEAP] + ROOM > len(state.heap):
        return state._replace(heap=np.concatenate([state.heap, np.zeros_like(state.heap)]))
    return state
