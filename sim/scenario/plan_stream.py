"""A plan chunk by chunk: one replication's requests in the plan's order, without ever holding all of them.

Every stream is drawn block by block (:mod:`sim.workload.blocks`). All rows before the earliest of the
times that the streams have reached are complete, and a chunk is a slice of time from among them: all
requests of an instant, and so whole sessions, stand in one chunk. Memory holds a chunk and a block of
each stream, whatever the duration; an instant at which more requests come than a chunk has rows makes
a larger chunk, and a trace is replayed whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from heapq import heapify, heappop, heappush

import numpy as np
from numpy.typing import NDArray

from sim.draws import Stream
from sim.scenario.plan import Plan, nothing_arrives, plan_of
from sim.scenario.plan_rows import Piece
from sim.scenario.schema import Scenario
from sim.scenario.streams import Streams, expected_requests, sources
from sim.scenario.workloads import Trace
from sim.workload.blocks import BLOCK_ROWS, BlockSource, blocks
from sim.workload.importers.trace_rows import TraceRows
from sim.workload.rows import Rows

I64 = NDArray[np.int64]

CHUNK_ROWS = 200_000
_LEAST_BLOCK = 1024
_NEVER = np.iinfo(np.int64).max


class _Feed:
    """One stream: blocks that were drawn and not yet given away in full."""

    def __init__(self, stream: int, start_ns: int, source: BlockSource) -> None:
        self._stream, self._start_ns, self._source = stream, start_ns, source
        self._held: list[Rows] = []
        self._skip, self._ordinal = 0, 0
        self.reached_ns = 0

    @property
    def first_ns(self) -> int:
        """The time of the first request held."""
        return int(self._held[0].order_ns[self._skip]) + self._start_ns if self._held else _NEVER

    def pull(self) -> int:
        """Draw a block; its rows, 0 when the stream has ended. Later ones come at ``reached_ns`` or after."""
        block = next(self._source, None)
        if block is None:
            return 0
        self._held.append(block)
        self.reached_ns = int(block.order_ns[-1]) + self._start_ns
        return len(block)

    def sample(self, step: int) -> list[I64]:
        """The times of every ``step``-th request held, about."""
        skips = [self._skip] + [0] * len(self._held)
        return [rows.order_ns[skip::step] + self._start_ns for rows, skip in zip(self._held, skips, strict=False)]

    def take(self, before_ns: int) -> Iterator[Piece]:
        """Give away the requests before an instant."""
        while self._held:
            rows = self._held[0]
            end = int(np.searchsorted(rows.order_ns, before_ns - self._start_ns))
            if end > self._skip:
                yield Piece(self._stream, rows[self._skip : end], self._ordinal, self._skip)
            self._ordinal += end - self._skip
            self._skip = end
            if end < len(rows):
                return
            self._held.pop(0)
            self._skip = 0


class PlanStream(Iterator[Plan]):
    """One after another the chunks are exactly :func:`build_plan`'s plan; ``child`` counts within a chunk.

    ``position`` is the number of the first request of the next chunk, ``expected_total`` how many there
    are on average, ``reached_ns`` a time that no request of a later chunk comes before (the duration
    once there was no further chunk). Pickled between two chunks it gives the same rest: that is a checkpoint.
    ``chunk_rows`` is about the length of a chunk; it and ``block_rows`` change cuts and speed only.
    Raises BadInput at the first chunk when nothing at all arrives.
    """

    def __init__(
        self, scenario: Scenario, replication: int, traces: Mapping[Trace, TraceRows],
        chunk_rows: int = CHUNK_ROWS, block_rows: int | None = None,
    ) -> None:  # fmt: skip
        found = sources(scenario)
        size = block_rows or min(BLOCK_ROWS, max(_LEAST_BLOCK, chunk_rows // len(found)))
        self.streams = Streams.of(scenario, replication)
        self.expected_total = expected_requests(scenario, traces)
        self.position, self.reached_ns = 0, 0
        self._chunk_rows, self._held = chunk_rows, 0
        # So much that a chunk is complete even when no stream has got beyond the middle of its last block.
        self._enough = chunk_rows + size * len(found)
        self._feeds = [
            _Feed(number, source.start_ns, blocks(
                source.workload, Stream(scenario.seed, replication, source.name), source.length_ns,
                source.trace(traces), size,
            ))
            for number, source in enumerate(found)
        ]  # fmt: skip
        self._growing = [(0, number) for number in range(len(found))]
        heapify(self._growing)

    def __next__(self) -> Plan:
        self._fill()
        if not self._held:
            if not self.position:
                raise nothing_arrives()
            self.reached_ns = self.streams.duration_ns
            raise StopIteration
        self.reached_ns = self._cut()
        chunk = plan_of(self.streams, [piece for feed in self._feeds for piece in feed.take(self.reached_ns)])
        self._held -= len(chunk)
        self.position += len(chunk)
        return chunk

    def _fill(self) -> None:
        """Draw from the stream that is least far until there is enough, and an instant is complete."""
        while self._growing and (self._held < self._enough or self._first_ns() >= self._growing[0][0]):
            _, number = heappop(self._growing)
            rows = self._feeds[number].pull()
            if rows:
                self._held += rows
                heappush(self._growing, (self._feeds[number].reached_ns, number))

    def _first_ns(self) -> int:
        return min(feed.first_ns for feed in self._feeds)

    def _cut(self) -> int:
        """The instant before which about ``chunk_rows`` requests come, all of them drawn."""
        step = max(1, self._chunk_rows // (8 * len(self._feeds)))
        times = np.sort(np.concatenate([times for feed in self._feeds for times in feed.sample(step)]))
        complete = self._growing[0][0] if self._growing else self.streams.duration_ns
        wanted = self._chunk_rows // step
        cut = min(int(times[wanted]), complete) if wanted < len(times) else complete
        return max(cut, self._first_ns() + 1)
