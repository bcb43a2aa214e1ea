"""Rows of many streams → the columns of a plan in its order, for a whole plan and for each chunk of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.draws import keys
from sim.scenario.streams import Streams
from sim.workload.rows import Rows

I64 = NDArray[np.int64]


@dataclass(frozen=True)
class Piece:
    """Some rows of one stream, whole sessions only. ``first_ordinal`` is the first row's number in the stream.

    The rows' ``parent`` counts from ``skipped`` rows before the first.
    """

    stream: int
    rows: Rows
    first_ordinal: int = 0
    skipped: int = 0


def plan_columns(streams: Streams, pieces: Sequence[Piece]) -> dict[str, I64]:
    """The columns of a plan of these pieces, which stand by (stream, ordinal); ``child`` counts within it.

    Requests of one instant are in an order drawn by the keys of their sessions' first steps.
    """
    sizes = np.array([len(piece.rows) for piece in pieces])
    first = np.cumsum(sizes) - sizes
    stream = np.repeat(np.array([piece.stream for piece in pieces]), sizes)
    ordinal = np.arange(len(stream)) + np.repeat(np.array([piece.first_ordinal for piece in pieces]) - first, sizes)
    start = streams.start_ns[stream]
    parent = _joined(pieces, "parent")
    parent = np.where(parent >= 0, parent + np.repeat(first - [piece.skipped for piece in pieces], sizes), -1)
    steps = np.flatnonzero(parent >= 0)
    key = keys(streams.key_base[stream], ordinal)
    order = in_order(_joined(pieces, "order_ns") + start, key[_first_steps(parent, steps)])
    arrival = np.where(parent < 0, _joined(pieces, "arrival_ns") + start, -1)
    stream = stream[order]
    same = ("think_ns", "stops", "input_tokens", "cached_tokens", "max_tokens")
    return {
        "team": streams.team[stream],
        "model": streams.model[stream],
        "origin": streams.origin[stream],
        "arrival_ns": arrival[order],
        "child": _children(parent, steps, order),
        # A provider never produces more than max_tokens, whatever a size distribution says.
        "output_tokens": np.minimum(_joined(pieces, "output_tokens"), _joined(pieces, "max_tokens"))[order],
        "draw_key": key[order],
        **{name: _joined(pieces, name)[order] for name in same},
    }


def _joined(pieces: Sequence[Piece], name: str) -> I64:
    return np.concatenate([getattr(piece.rows, name) for piece in pieces])


def _first_steps(parent: I64, steps: I64) -> I64:
    """For each row the first step of its session (itself for an open arrival)."""
    first = np.arange(len(parent))
    first[steps] = 0
    return np.maximum.accumulate(first) if len(steps) else first


def in_order(time: I64, luck: I64) -> I64:
    """The rows by time, then luck, then as they stand. Luck is looked at only where times are equal."""
    order = _by_time(time)
    time = time[order]
    tied = np.flatnonzero(time[1:] == time[:-1])
    wrong = tied[luck[order[tied + 1]] < luck[order[tied]]]
    if not len(wrong):
        return order
    instant = np.cumsum(np.concatenate(([0], time[1:] != time[:-1])))
    spoilt = np.zeros(instant[-1] + 1, bool)
    spoilt[instant[wrong]] = True
    places = np.flatnonzero(spoilt[instant])
    rows = order[places]
    order[places] = rows[np.lexsort((luck[rows], time[places]))]
    return order


def _by_time(time: I64) -> I64:
    """A stable argsort; where time and row fit into one integer together, that is sorted, five times faster."""
    bits = (len(time) - 1).bit_length()
    first = int(time.min())
    if (int(time.max()) - first).bit_length() + bits > 62:
        return np.argsort(time, kind="stable")
    both = ((time - first) << bits) | np.arange(len(time))
    both.sort()
    return both & ((1 << bits) - 1)


def _children(parent: I64, steps: I64, order: I64) -> I64:
    """For each row of the ordered plan, the row whose parent it is; -1 for none."""
    child = np.full(len(parent), -1, np.int64)
    if len(steps):
        position = np.empty(len(order), np.int64)
        position[order] = np.arange(len(order))
        child[position[parent[steps]]] = position[steps]
    return child
