"""Agent sessions: a chain of requests in which the next starts when the last has ended."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.draws import Stream
from sim.errors import BadInput
from sim.scenario.workloads import Sessions, Workload
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


def _earlier(values: I64, first_row: I64, steps: I64) -> I64:
    """For each row, the sum of ``values`` over the earlier rows of its session."""
    before = np.cumsum(values) - values
    return before - np.repeat(before[first_row], steps)


class SessionDraws:
    """The rows of one stream's sessions, drawn in the order of their starts; goes on when called again.

    Drawn per session: the number of steps and the first input. Drawn per step: its output and the
    think time before it. Raises BadInput when sessions are longer than MAX_STEPS.
    """

    def __init__(self, workload: Workload, stream: Stream) -> None:
        spec: Sessions = workload.arrivals.spec
        largest = sizes.middle(spec.steps)
        if largest > MAX_STEPS:
            raise BadInput("too many steps in a session", value=f"{largest:,}", hint=f"at most {MAX_STEPS:,}")
        self._workload, self._spec = workload, spec
        self._steps, self._input, self._output, self._think = (
            stream.generator(purpose) for purpose in ("steps", "input", "output", "think")
        )

    def __call__(self, starts: I64) -> Rows:
        """The rows of sessions that start at ``starts`` (sorted, int64), one after another.

        ``parent`` counts from the first of these rows.
        """
        spec, workload = self._spec, self._workload
        assert workload.output_tokens is not None  # the schema's promise
        steps = np.minimum(sizes.draw(spec.steps, self._steps, len(starts)), MAX_STEPS)
        first_row, total = np.cumsum(steps) - steps, int(steps.sum())
        step = np.arange(total) - np.repeat(first_row, steps)
        output = sizes.draw(workload.output_tokens, self._output, total)
        inputs = self._inputs(steps, step, first_row, output)
        think = sizes.draw(spec.think, self._think, total, least=0)
        later, order = step > 0, np.repeat(starts, steps)
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

    def _inputs(self, steps: I64, step: I64, first_row: I64, output: I64) -> I64:
        """The growing context of each step."""
        spec = self._spec
        assert self._workload.input_tokens is not None  # the schema's promise
        first_input = sizes.draw(self._workload.input_tokens, self._input, len(steps))
        inputs = np.repeat(first_input, steps) + step * spec.grow
        if spec.keep_output:
            inputs += _earlier(output, first_row, steps)
        grown: I64 = np.clip(inputs, 1, max(1, spec.max_input))
        return grown


def per_session(workload: Workload) -> PerSession:
    """Means of one session, for expectations.

    The cut at ``max_input`` has no closed form, so this averages up to 20,000 sessions drawn with a
    key of its own: the same for every seed, and exact when all sizes are fixed.
    """
    spec: Sessions = workload.arrivals.spec
    length = min(sizes.mean(spec.steps), float(MAX_STEPS))
    count = max(16, min(_SAMPLE_SESSIONS, int(_SAMPLE_ROWS / length)))
    rows = SessionDraws(workload, Stream(0, 0, "expected sessions"))(np.zeros(count, np.int64))
    return PerSession(
        len(rows) / count,
        float(rows.input_tokens.sum(dtype=float)) / count,
        float(rows.output_tokens.sum(dtype=float)) / count,
    )
