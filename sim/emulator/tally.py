"""What the server counts while it answers: for metrics, the dashboard and the state."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

from sim.emulator.journal import Row

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
"""Upper bounds of answer times, in seconds of virtual time."""
SECOND = 1_000_000_000
MINUTES_KEPT, RECENT = 300, 24


class Place(NamedTuple):
    """What is counted together."""

    api: str
    account: str
    project: str
    key: str
    team: str
    model: str
    status: int
    refused_by: str


@dataclass(slots=True)
class Cell:
    """The counts of one place."""

    requests: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    cost_microusd: int = 0
    seconds: float = 0.0
    times: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))


class Tally:
    """Counts since the last reset, the last few rows, and five minutes of outcomes by second."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Start from nothing."""
        self.cells: dict[Place, Cell] = {}
        self.recent: deque[Row] = deque(maxlen=RECENT)
        self.by_second: deque[list[int]] = deque(maxlen=MINUTES_KEPT)
        self.answered = 0
        self.in_flight = 0

    def add(self, row: Row) -> None:
        """Count a row."""
        place = Place(row.api, row.account, row.project, row.key, row.team, row.model, row.status, row.refused_by)
        cell = self.cells.get(place)
        if cell is None:
            cell = self.cells[place] = Cell()
        cell.requests += 1
        cell.input_tokens += row.input_tokens
        cell.cached_tokens += row.cached_tokens
        cell.output_tokens += row.output_tokens
        cell.cost_microusd += row.cost_microusd
        took = (row.end_ns - row.at_ns) / SECOND
        cell.seconds += took
        cell.times[bisect_left(BUCKETS, took)] += 1
        self.answered += 1
        self.recent.append(row)
        self._second(row)

    def _second(self, row: Row) -> None:
        """Count by (second of the wall, answered, rate limited, otherwise failed)."""
        second = row.date_ns // SECOND
        if not self.by_second or self.by_second[-1][0] != second:
            self.by_second.append([second, 0, 0, 0])
        self.by_second[-1][1 if row.status == 200 else 2 if row.status == 429 else 3] += 1
