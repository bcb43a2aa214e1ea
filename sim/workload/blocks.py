"""The rows of one stream block by block, so that a month of requests never stands in memory.

One after another the blocks are exactly what :func:`sim.workload.generate.generate` gives. A block
of a described process is drawn when it is asked for; open streams have about ``rows`` rows a block,
sessions about as many, as a session is never cut. A *trace* is replayed whole before its first block
and cut into slices, because scaled copies of its rows may pass each other: it has to fit into memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sim.draws import Stream
from sim.scenario.workloads import Sessions, Workload
from sim.workload import sizes
from sim.workload.generate import generate, row_draws, starts
from sim.workload.importers.trace_rows import TraceRows
from sim.workload.rows import I64, Rows

BLOCK_ROWS = 8192


class BlockSource(Iterator[Rows]):
    """Blocks of one stream: ``Rows`` with at least one row, whose ``parent`` counts from the block's first row.

    ``first_ordinal`` is the number, within the stream, of the first row of the next block. Pickled in
    the middle, it goes on where it was.
    """

    def __init__(self, blocks: Iterator[Rows]) -> None:
        self._blocks = blocks
        self.first_ordinal = 0

    def __next__(self) -> Rows:
        block = next(self._blocks)
        while not len(block):
            block = next(self._blocks)
        self.first_ordinal += len(block)
        return block


def blocks(
    workload: Workload, stream: Stream, until_ns: int, trace: TraceRows | None = None, rows: int = BLOCK_ROWS
) -> BlockSource:
    """The blocks of what ``generate(workload, stream, until_ns, trace)`` gives.

    Raises BadInput where :func:`generate` does, except that a described process may have any number
    of requests; for a trace not before its first block.
    """
    if workload.arrivals.trace is not None:
        return BlockSource(_Sliced(workload, stream, until_ns, trace, rows))
    pieces = starts(workload, stream, until_ns, _starts_a_block(workload, rows))
    return BlockSource(_Drawn(pieces, row_draws(workload, stream)))


def _starts_a_block(workload: Workload, rows: int) -> int:
    spec = workload.arrivals.spec
    return max(1, int(rows / sizes.mean(spec.steps))) if isinstance(spec, Sessions) else rows


class _Drawn(Iterator[Rows]):
    """Blocks of a described process."""

    def __init__(self, pieces: Iterator[I64], draw: Callable[[I64], Rows]) -> None:
        self._pieces, self._draw = pieces, draw

    def __next__(self) -> Rows:
        return self._draw(next(self._pieces))


class _Sliced(Iterator[Rows]):
    """Blocks of a trace. A pickle holds the place only; the replay is made again."""

    def __init__(self, workload: Workload, stream: Stream, until_ns: int, trace: TraceRows | None, rows: int) -> None:
        self._given = (workload, stream, until_ns, trace)
        self._size, self._at = rows, 0
        self._whole: Rows | None = None

    def __next__(self) -> Rows:
        if self._whole is None:
            self._whole = generate(*self._given)
        if self._at >= len(self._whole):
            raise StopIteration
        first, self._at = self._at, self._at + self._size
        return self._whole[first : self._at]

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_whole": None}
