"""What a workload becomes: the requests of one stream, as arrays, in arrival order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

I64 = NDArray[np.int64]


@dataclass(frozen=True)
class Rows:
    """``n`` requests of one stream; every array is int64 of shape ``(n,)``.

    Open arrivals have ``parent`` -1 and ``arrival_ns`` ≥ 0, sorted. The steps of a session stand
    one after another: the first is an open arrival, each next has ``arrival_ns`` -1, ``parent``
    the row (in this stream) that it follows, and ``think_ns`` from that row's end to its own
    arrival. ``order_ns`` is the arrival of the session's first step and sorts the rows.
    ``stops`` is 1 where a step is not sent when its parent failed.
    """

    arrival_ns: I64
    order_ns: I64
    parent: I64
    think_ns: I64
    stops: I64
    input_tokens: I64
    cached_tokens: I64
    output_tokens: I64
    max_tokens: I64

    def __len__(self) -> int:
        return len(self.arrival_ns)

    def __getitem__(self, part: slice) -> Rows:
        """Some of the rows, as views; ``parent`` counts from where it did."""
        return Rows(*(values[part] for values in vars(self).values()))

    @classmethod
    def open(cls, arrival_ns: I64, input_tokens: I64, cached_tokens: I64, output_tokens: I64, max_tokens: I64) -> Rows:
        """Rows without sessions: each arrives at its own time."""
        none = np.full(len(arrival_ns), -1, np.int64)
        zero = np.zeros(len(arrival_ns), np.int64)
        return cls(
            arrival_ns, arrival_ns, none, zero, zero,
            input_tokens, cached_tokens, output_tokens, max_tokens,
        )  # fmt: skip


@dataclass(frozen=True)
class Expected:
    """What a stream is expected to send in all: counts over the whole duration, floats."""

    requests: float
    input_tokens: float
    output_tokens: float
