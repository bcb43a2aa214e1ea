"""From a workload to its rows, and to what it is expected to send.

Sizes are drawn per purpose and in arrival order, so that a longer horizon only appends rows and a
change of one size leaves the others as they are. An answer is as long as drawn: ``max_tokens`` never
cuts it, a request asks for at least its own output.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from sim.draws import Stream
from sim.errors import BadInput
from sim.scenario.workloads import Sessions, Size, Trace, Workload
from sim.units import SECOND
from sim.workload import rates, replay, sizes
from sim.workload.arrivals import LARGE, joined, mean_count, process
from sim.workload.importers.trace_rows import TraceRows
from sim.workload.processes import Warped
from sim.workload.profile import Warp
from sim.workload.replay import Replay
from sim.workload.rows import I64, Expected, Rows
from sim.workload.sessions import MAX_STEPS, SessionDraws, per_session

MAX_REQUESTS = 100_000_000
"""A stream of more requests than this in one replication would not fit into memory."""


def generate(workload: Workload, stream: Stream, until_ns: int, trace: TraceRows | None = None) -> Rows:
    """The requests of one stream that arrive (or whose session starts) in [0, ``until_ns``).

    ``trace`` is what :func:`sim.workload.importers.read_trace` returned, needed for trace arrivals.
    Raises BadInput for a stream of more than MAX_REQUESTS, and for a trace without sizes when the
    workload gives none.
    """
    _check_size(mean_requests(workload, until_ns, trace), until_ns)
    if workload.arrivals.trace is not None:
        return _trace_rows(workload, workload.arrivals.trace, _given(trace), stream, until_ns)
    return row_draws(workload, stream)(joined(starts(workload, stream, until_ns)))


def starts(workload: Workload, stream: Stream, until_ns: int, most: int = LARGE) -> Iterator[I64]:
    """When requests arrive (or sessions start) of a described process, bent by the profile; sorted pieces."""
    if workload.profile is None:
        return process(workload.arrivals, stream, until_ns, most)
    warp = Warp(workload.profile)
    return Warped(process(workload.arrivals, stream, math.ceil(warp.load(until_ns)), most), warp, until_ns)


def row_draws(workload: Workload, stream: Stream) -> Callable[[I64], Rows]:
    """Makes the rows of a described process from its starts; goes on drawing when called again."""
    return OpenDraws(workload, stream) if workload.arrivals.sessions is None else SessionDraws(workload, stream)


class OpenDraws:
    """The rows of open arrivals: sizes drawn in arrival order."""

    def __init__(self, workload: Workload, stream: Stream) -> None:
        self._workload = workload
        self._input, self._output = stream.generator("input"), stream.generator("output")

    def __call__(self, times: I64) -> Rows:
        """The rows that arrive at ``times``."""
        inputs = _drawn(self._workload.input_tokens, self._input, len(times))
        outputs = _drawn(self._workload.output_tokens, self._output, len(times))
        return _open(self._workload, times, inputs, sizes.part(self._workload.cached_input, inputs), outputs)


def expected(workload: Workload, until_ns: int, trace: TraceRows | None = None) -> Expected:
    """The mean of what :func:`generate` gives over all replications; sessions run to their end."""
    if workload.arrivals.trace is not None:
        return _expected_trace(workload, workload.arrivals.trace, _given(trace), until_ns)
    count = _mean_starts(workload, until_ns)
    if workload.arrivals.sessions is not None:
        each = per_session(workload)
        return Expected(count * each.requests, count * each.input_tokens, count * each.output_tokens)
    return Expected(count, count * _mean(workload.input_tokens), count * _mean(workload.output_tokens))


def _check_size(requests: float, until_ns: int) -> None:
    if requests > MAX_REQUESTS:
        raise BadInput(
            "too many requests to hold in memory", value=f"{requests:,.0f} in {until_ns / SECOND:,.0f} s",
            hint=f"at most {MAX_REQUESTS:,} a stream: lower the rate or the duration",
        )  # fmt: skip


def _given(trace: TraceRows | None) -> TraceRows:
    if trace is None:
        raise ValueError("trace arrivals need the rows that read_trace returns")
    return trace


def _drawn(size: Size | None, draws: np.random.Generator, count: int) -> I64:
    assert size is not None  # the schema asks for sizes unless arrivals is a trace
    return sizes.draw(size, draws, count)


def _mean(size: Size | None) -> float:
    assert size is not None  # as above
    return sizes.mean(size)


def _open(workload: Workload, times: I64, inputs: I64, cached: I64, outputs: I64) -> Rows:
    return Rows.open(times, inputs, cached, outputs, np.maximum(outputs, workload.max_tokens))


def _mean_starts(workload: Workload, until_ns: int) -> float:
    horizon = until_ns if workload.profile is None else Warp(workload.profile).load(until_ns)
    return mean_count(workload.arrivals, horizon)


def mean_requests(workload: Workload, until_ns: int, trace: TraceRows | None = None) -> float:
    """The requests of :func:`expected`, without the sampling that sessions' tokens need."""
    if workload.arrivals.trace is not None:
        return float(_weights(workload.arrivals.trace, _given(trace), until_ns).sum())
    spec = workload.arrivals.spec
    steps = min(sizes.mean(spec.steps), MAX_STEPS) if isinstance(spec, Sessions) else 1.0
    return _mean_starts(workload, until_ns) * steps


def _trace_rows(workload: Workload, spec: Trace, trace: TraceRows, stream: Stream, until_ns: int) -> Rows:
    _check_sizes(workload, spec, trace)
    found = _replayed(spec, trace, stream, until_ns)
    inputs, cached, outputs = found.input_tokens, found.cached_tokens, found.output_tokens
    if workload.input_tokens is not None:
        inputs = _drawn(workload.input_tokens, stream.generator("input"), len(inputs))
    if workload.input_tokens is not None or workload.cached_input:
        cached = sizes.part(workload.cached_input, inputs)
    if workload.output_tokens is not None:
        outputs = _drawn(workload.output_tokens, stream.generator("output"), len(inputs))
    return _open(workload, found.arrival_ns, inputs, cached, outputs)


def _replayed(spec: Trace, trace: TraceRows, stream: Stream, until_ns: int) -> Replay:
    if trace.rates is not None:
        return rates.draw(spec, trace, trace.rates, stream, until_ns)
    return replay.replay(spec, trace, stream, until_ns)


def _check_sizes(workload: Workload, spec: Trace, trace: TraceRows) -> None:
    given = workload.input_tokens is not None and workload.output_tokens is not None
    if trace.rates is not None and not len(trace.rates.quantiles) and not given:
        hint = "name its tokens file (tokens: …), or give input_tokens and output_tokens"
        raise BadInput("this trace has no token sizes", place=spec.file, hint=hint)


def _weights(spec: Trace, trace: TraceRows, until_ns: int) -> replay.F64:
    """Expected requests of each row or window."""
    if trace.rates is not None:
        return rates.expected_counts(spec, trace, trace.rates, until_ns)
    return replay.expected_copies(spec, trace, until_ns)


def _expected_trace(workload: Workload, spec: Trace, trace: TraceRows, until_ns: int) -> Expected:
    _check_sizes(workload, spec, trace)
    weights = _weights(spec, trace, until_ns)
    count = float(weights.sum())
    inputs = _total(workload.input_tokens, trace, rates.INPUT, weights)
    outputs = _total(workload.output_tokens, trace, rates.OUTPUT, weights)
    return Expected(count, inputs, outputs)


def _total(size: Size | None, trace: TraceRows, side: int, weights: replay.F64) -> float:
    if size is not None:
        return float(weights.sum()) * sizes.mean(size)
    if trace.rates is not None:
        return float(weights @ rates.mean_tokens(trace.rates, side)[trace.rates.sizes])
    return float(weights @ (trace.input_tokens if side == rates.INPUT else trace.output_tokens))
