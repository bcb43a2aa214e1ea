"""Sorts a log of any length in bounded memory, finds its duplicates, and spreads coarse time stamps.

Rows come in pieces. Each piece is sorted and appended to a file; at the end the pieces are merged, part
by part of the time axis. A row whose identity an earlier row has is a duplicate and is left out,
wherever in the log the two stand: identities are compared in several passes, each over so many of them
as fit into memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import IO

import numpy as np
from numpy.typing import NDArray

from sim.draws import Stream
from sim.units import SECOND
from sim.workload.log.rows import ROW, Rows
from sim.workload.rows import I64

PART = 1 << 18
"""Rows that are merged at once, about."""

COMPARED = 1 << 22
"""Identities that are compared at once."""

_SAMPLE = 256
_ROWS, _IDS = "rows.bin", "identities.bin"
COARSE = 0.1
"""So many of the gaps have to be zero before stamps count as coarse."""


class Spool:
    """Rows on disk in ``folder``, in sorted pieces; use as a context manager."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: list[IO[bytes]] = [(folder / name).open("wb") for name in (_ROWS, _IDS)]
        self._ends: list[int] = [0]
        self._places: list[I64] = []
        self._samples: list[I64] = []
        self._last: int | None = None
        self._first = 0
        self._step, self._still, self._high = 0, 0, 0
        self.unsorted = 0
        """Rows that are earlier than the row before them."""
        self.identified = 0
        self.start, self.end = 0, 0
        """The earliest and the latest start."""

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()
        for name in (_ROWS, _IDS):
            (self._folder / name).unlink(missing_ok=True)

    def __len__(self) -> int:
        return self._ends[-1]

    def add(self, rows: Rows, identities: NDArray[np.uint64]) -> None:
        """Append a piece."""
        if not len(rows):
            return
        self._watch(rows["start"])
        order = np.argsort(rows["start"], kind="stable")
        rows, identities = rows[order], identities[order]
        for file, values in zip(self._files, (rows, identities), strict=True):
            values.tofile(file)
        self.identified += int(np.count_nonzero(identities))
        self._places.append(self._ends[-1] + np.arange(0, len(rows), _SAMPLE))
        self._samples.append(rows["start"][::_SAMPLE].copy())
        self._grow(len(rows), int(rows["start"][0]), int(rows["start"][-1]))

    def _grow(self, count: int, low: int, high: int) -> None:
        """The last piece goes on where a new one begins after its end: a sorted log is one piece."""
        if len(self._ends) > 1 and low >= self._high:
            self._ends[-1] += count
        else:
            self._ends.append(self._ends[-1] + count)
        self._high = high

    def _watch(self, starts: I64) -> None:
        """Order, range and step of the stamps as they come."""
        if self._last is None:
            self._first = self.start = self.end = int(starts[0])
            self._last = self._first
        before = np.concatenate(([self._last], starts[:-1]))
        self.unsorted += int(np.count_nonzero(starts < before))
        self._last = int(starts[-1])
        self.start, self.end = min(self.start, int(starts.min())), max(self.end, int(starts.max()))
        self._step = int(np.gcd(self._step, np.gcd.reduce(starts - self._first)))
        ordered = np.sort(starts)
        self._still += int(np.count_nonzero(ordered[1:] == ordered[:-1]))

    @property
    def tick_ns(self) -> int:
        """The step on which all stamps stand, if it is coarse (1 s or more, with many stamps alike); else 0."""
        coarse = self._step >= SECOND and self._still >= COARSE * len(self)
        return self._step if coarse else 0

    def _close(self) -> None:
        for file in self._files:
            file.close()

    def duplicates(self) -> I64:
        """The places, in the spool, of rows whose identity an earlier row has; sorted."""
        for file in self._files:
            file.flush()
        if not self.identified:
            return np.empty(0, np.int64)
        passes = -(-self.identified // COMPARED)
        found = [self._repeated(each, passes) for each in range(passes)]
        return np.sort(np.concatenate(found))

    def _repeated(self, number: int, passes: int) -> I64:
        """Those of one pass: the identities that leave this remainder."""
        places, values = [], []
        for at in range(0, len(self), COMPARED):
            piece = np.fromfile(self._folder / _IDS, np.uint64, COMPARED, offset=8 * at)
            mine = np.flatnonzero((piece != 0) & (piece % np.uint64(passes) == number))
            places.append(mine + at)
            values.append(piece[mine])
        where, what = np.concatenate(places), np.concatenate(values)
        order = np.argsort(what, kind="stable")
        again = what[order][1:] == what[order][:-1]
        return np.asarray(where[order][1:][again], np.int64)

    def merged(self, dropped: I64, tick_ns: int = 0) -> Iterator[Rows]:
        """All rows but the ``dropped`` in order of time, in parts.

        With ``tick_ns`` each stamp first moves by a uniform draw of up to a tick.
        """
        for file in self._files:
            file.flush()
        if not len(self):
            return
        low, high = self.start, self.end + max(1, tick_ns)
        edges = [low, *self._edges(tick_ns, low, high), high]
        for number, (start, end) in enumerate(pairwise(edges)):
            part = self._between(start, end, dropped)
            if tick_ns:
                part["start"] += np.floor(
                    Stream(0, 0, f"ticks/{number}").generator("moves").random(len(part)) * tick_ns
                ).astype(np.int64)
            if len(part):
                yield part[np.argsort(part["start"], kind="stable")]

    def _edges(self, tick_ns: int, low: int, high: int) -> list[int]:
        """Instants, within the range, between which about :data:`PART` rows stand; at ticks' starts."""
        samples = np.sort(np.concatenate(self._samples))
        edges = samples[PART // _SAMPLE :: PART // _SAMPLE]
        if tick_ns:
            edges -= (edges - self._first) % tick_ns
        edges = np.unique(edges)
        return [int(edge) for edge in edges[(edges > low) & (edges < high)]]

    def _between(self, start: int, end: int, dropped: I64) -> Rows:
        """The rows of all pieces between two instants, piece by piece."""
        found = []
        places, samples = np.concatenate(self._places), np.concatenate(self._samples)
        for first, last in pairwise(self._ends):
            mine = slice(*np.searchsorted(places, (first, last)))
            low, high = (self._find(each, first, last, places[mine], samples[mine]) for each in (start, end))
            rows = self._read(low, high)
            if len(dropped):
                gone = dropped[np.searchsorted(dropped, low) : np.searchsorted(dropped, high)]
                rows = np.delete(rows, gone - low)
            found.append(rows)
        return np.concatenate(found)

    def _find(self, value: int, first: int, last: int, places: I64, samples: I64) -> int:
        """The first row of a piece that starts at or after ``value``: between two samples, then in what is there."""
        at = int(np.searchsorted(samples, value, side="left"))
        if at == 0:
            return first
        low, high = int(places[at - 1]), int(places[at]) if at < len(places) else last
        return low + int(np.searchsorted(self._read(low, high)["start"], value, side="left"))

    def _read(self, low: int, high: int) -> Rows:
        """Some rows, read and not mapped: mapped pages count as memory for as long as they are mapped."""
        return np.fromfile(self._folder / _ROWS, ROW, high - low, offset=low * ROW.itemsize)
