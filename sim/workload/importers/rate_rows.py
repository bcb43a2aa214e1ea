"""Rates by client and window, with the sizes that belong to each window."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim.units import SECOND
from sim.workload.importers.base import Sizes, Window
from sim.workload.importers.trace_rows import F64, Rates
from sim.workload.rows import I64

STATISTICS = 6

Pair = tuple[str, int]
"""A client and the start of a window."""


def rates_of(windows: Sequence[Window], sizes: Sequence[Sizes]) -> tuple[Rates, tuple[str, ...], int, list[str]]:
    """The rates that are above zero, the clients, how long they span, and the clients without sizes."""
    busy = sorted(
        (one for one in windows if one.per_second > 0), key=lambda one: (_client_key(one.client), one.start_ns)
    )
    clients = sorted({one.client for one in busy}, key=_client_key)
    code = {client: number for number, client in enumerate(clients)}
    start = np.asarray([one.start_ns for one in busy], np.int64)
    width = np.asarray([one.width_ns for one in busy], np.int64)
    count = np.asarray([one.per_second * one.width_ns / SECOND for one in busy])
    pairs = [(one.client, one.start_ns) for one in busy]
    which, quantiles, bare = _sizes(pairs, count, {(one.client, one.start_ns): one.values for one in sizes})
    rates = Rates(
        start, width, count, np.asarray([one.cv for one in busy]), np.asarray([one.weibull for one in busy], bool),
        np.asarray([code[one.client] for one in busy], np.int32), which, quantiles,
    )  # fmt: skip
    return rates, tuple(clients), int((start + width).max()) if busy else 0, bare


def _client_key(client: str) -> tuple[bool, int, str]:
    """Sorts numbers as numbers, before other names."""
    return (not client.isdecimal(), int(client) if client.isdecimal() else 0, client)


def _sizes(pairs: list[Pair], count: F64, sizes: dict[Pair, tuple[float, ...]]) -> tuple[I64, F64, list[str]]:
    """For each window the number of its token row; the rows; the clients that have none."""
    if not sizes:
        return np.full(len(pairs), -1, np.int64), np.empty((0, 2, STATISTICS)), []
    rows = np.asarray(list(sizes.values())).reshape(-1, 2, STATISTICS)
    numbers = {pair: number for number, pair in enumerate(sizes)}
    starts: dict[str, list[int]] = {}
    for client, start in sorted(numbers):
        starts.setdefault(client, []).append(start)
    which = np.full(len(pairs), len(rows), np.int64)
    for at, (client, start) in enumerate(pairs):
        if client in starts:
            known = starts[client]
            nearest = max((each for each in known if each <= start), default=known[0])
            which[at] = numbers[client, nearest]
    weights = np.bincount(which, count, len(rows) + 1)[:-1]
    average = np.average(rows, axis=0, weights=weights if weights.sum() > 0 else None)
    bare = sorted({client for client, _ in pairs if client not in starts}, key=_client_key)
    return which, np.concatenate((rows, average[None])), bare
