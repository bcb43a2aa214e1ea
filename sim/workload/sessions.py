"""Agent sessions: a chain of requests in which the next starts when the last has ended."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.draws import Stream
from sim.errors import BadInput
from sim.scenario.workloads import Fixed, Sessions, Size, Workload
from sim.workload import sizes
from sim.workload.rows import I64, Rows

MAX_STEPS = 100_000
"""Longest session; lognormal draws are cut here."""

_SAMPLE_SESSIONS, _SAMPLE_ROWS = 20_000, 2_000_000


@dataclass(frozen=True)
class PerSession:
    """Means over sessions that run to their end."""

    requests: float
    input_tokens: float
    output_tokens: float


def _steps(spec: Size, stream: Stream, count: int) -> I64:
    largest = spec.fixed if isinstance(spec, Fixed) else spec.median
    if largest > MAX_STEPS:
        raise BadInput("too many steps in a session", value=f"{largest:,}", hint=f"at most {MAX_STEPS:,}")
    return np.minimum(sizes.draw(spec, stream.generator("steps"), count), MAX_STEPS)


def _earlier(values: I64, first_row: I64, steps: I64) -> I64:
    """For each row, the sum of ``values`` over the earlier rows of its session."""
    before = np.cumsum(values) - values
    return before - np.repeat(before[first_row], steps)


def session_rows(workload: Workload, starts: I64, stream: Stream) -> Rows:
    """The rows of sessions that start at ``starts`` (sorted, int64); sessions one after another.

    Drawn per session: the number of steps and the first input. Drawn per step: its output and the
    think time before it. Raises BadInput when sessions are longer than MAX_STEPS.
    """
    spec: Sessions = workload.arrivals.spec
    assert workload.input_tokens is not None  # the schema's promise
    assert workload.output_tokens is not None
    steps = _steps(spec.steps, stream, len(starts))
    first_row = np.cumsum(steps) - steps
    total = int(steps.sum())
    step = np.arange(total) - np.repeat(first_row, steps)
    output = sizes.draw(workload.output_tokens, stream.generator("output"), total)
    first_input = sizes.draw(workload.input_tokens, stream.generator("input"), len(starts))
    inputs = np.repeat(first_input, steps) + step * spec.grow
    if spec.keep_output:
        inputs += _earlier(output, first_row, steps)
    inputs = np.clip(inputs, 1, max(1, spec.max_input))
    think = sizes.draw(spec.think, stream.generator("think"), total, least=0)
    later = step > 0
    order = np.repeat(starts, steps)
    return Rows(
        arrival_ns=np.where(later, -1, order),
        order_ns=order,
        parent=np.where(later, np.arange(total) - 1, -1),
        think_ns=np.where(later, think, 0),
        stops=(later & (spec.on_failure == "stop")).astype(np.int64),
        input_tokens=inputs,
        cached_tokens=sizes.part(workload.cached_input, inputs),
        output_tokens=output,
        max_tokens=np.maximum(output, workload.max_tokens),
    )


def per_session(workload: Workload) -> PerSession:
    """Means of one session, for expectations.

    The cut at ``max_input`` has no closed form, so this averages up to 20,000 sessions drawn with a
    key of its own: the same for every seed, and exact when all sizes are fixed.
    """
    spec: Sessions = workload.arrivals.spec
    length = min(sizes.mean(spec.steps), float(MAX_STEPS))
    count = max(16, min(_SAMPLE_SESSIONS, int(_SAMPLE_ROWS / length)))
    rows = session_rows(workload, np.zeros(count, np.int64), Stream(0, 0, "expected sessions"))
    return PerSession(
        len(rows) / count,
        float(rows.input_tokens.sum(dtype=float)) / count,
        float(rows.output_tokens.sum(dtype=float)) / count,
    )
