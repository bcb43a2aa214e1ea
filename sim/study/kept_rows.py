"""Rows of a stream: taken from its runs block by block, written in an order that no thread decides.

Each run has a :class:`Taker` that turns blocks into frames in the run's own thread. After each chunk
of the plan their frames are written, configuration by configuration: rows stand in the order in which
requests ended within a chunk, wherever blocks were cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sim.engine.agenda_compiled import LOG, REPORT
from sim.engine.frames import Labels, Names, attempt_frame, request_frame
from sim.engine.stream import Nowhere
from sim.engine.tables import I64, State, result_block
from sim.engine.world import Setting
from sim.results.parts import Parts
from sim.study.runs import labels_of, names_of

if TYPE_CHECKING:
    import pandas as pd

TOGETHER = 1 << 16
"""Rows that become one frame: fewer would cost more, more would take more memory."""

Frames = tuple["pd.DataFrame", "pd.DataFrame | None"]


class Taker:
    """A sink that keeps rows until they are drained."""

    def __init__(self, labels: Labels, names: Names, *, attempts: bool) -> None:
        self._labels, self._names, self._attempts = labels, names, attempts
        self._reports: list[I64] = []
        self._logs: list[I64] = []
        self._frames: list[Frames] = []

    def take(self, state: State) -> None:
        """Copy what is written."""
        self._reports.append(state.report[:, : state.used[REPORT]].copy())
        self._logs.append(state.log[:, : state.used[LOG] if self._attempts else 0].copy())
        if sum(block.shape[1] for block in (*self._reports, *self._logs)) >= TOGETHER:
            self._convert()

    def _convert(self) -> None:
        report, log = np.concatenate(self._reports, axis=1), np.concatenate(self._logs, axis=1)
        self._reports, self._logs = [], []
        block = result_block(report, log)
        requests = request_frame(block, self._labels, self._names)
        attempts = attempt_frame(block, self._labels, self._names) if self._attempts else None
        self._frames.append((requests, attempts))

    def drain(self) -> list[Frames]:
        """Give away all that was taken."""
        if self._reports:
            self._convert()
        frames, self._frames = self._frames, []
        return frames


@dataclass
class NoRows:
    """For studies that keep no rows."""

    def begin(self, settings: Sequence[Setting], replication: int) -> list[Nowhere]:
        """A sink for each configuration's run."""
        return [Nowhere() for _ in settings]

    def write(self) -> None:
        """There is nothing to write."""

    def mark(self) -> int:
        """Nothing is there to be gone on from."""
        return 0

    def commit(self) -> None:
        """There is nothing to put in place."""

    def drop(self) -> None:
        """There is nothing to let go of."""


class KeptRows:
    """Writes the rows of a study as its replications go by; ``kind`` is ``requests`` or ``attempts`` (both tables)."""

    def __init__(self, out: Path, identity: str, settings: Sequence[Setting], kind: str, done: int) -> None:
        self._names = names_of(settings)
        self._attempts = kind == "attempts"
        self._parts = Parts(out, identity, attempts=self._attempts, done=done)
        self._takers: list[Taker] = []

    def begin(self, settings: Sequence[Setting], replication: int) -> list[Taker]:
        """A sink for each configuration's run of one replication."""
        labels = [labels_of(setting, replication, self._names) for setting in settings]
        self._takers = [Taker(one, self._names, attempts=self._attempts) for one in labels]
        return self._takers

    def write(self) -> None:
        """Write what the sinks have taken."""
        for taker in self._takers:
            for frames in taker.drain():
                self._parts.add(*frames)

    def mark(self) -> int:
        """Bring all that is written to the disk; what to go on from, for a checkpoint."""
        return self._parts.close_part()

    def commit(self) -> None:
        """The study is over: put the tables in place."""
        self._parts.commit()

    def drop(self) -> None:
        """The study was interrupted: what is not marked is written anew."""
        self._parts.drop()
