"""What is taken of a trace: some clients, a window of time, or one part a client."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sim.errors import BadInput
from sim.scenario.workloads import Trace
from sim.workload.importers.trace_rows import Rates, TraceRows


@dataclass(frozen=True)
class Part:
    """A piece of a split trace: ``name`` for the team, its requests, and what it replays."""

    name: str
    clients: tuple[str, ...]
    requests: float
    per_second: float
    trace: Trace
    rows: TraceRows


def keep(rows: TraceRows, only: tuple[str, ...], file: str = "the trace") -> TraceRows:
    """The rows of some clients; times and span stay, so that clients stay in step."""
    if not only:
        raise BadInput("only is empty", place=file, hint="name at least one client, or leave it out")
    for client in only:
        if client not in rows.client:
            raise _unknown(client, rows.client, file)
    codes = [rows.client.index(client) for client in dict.fromkeys(only)]
    renumber = np.full(len(rows.client), -1, np.int32)
    renumber[codes] = np.arange(len(codes))
    rows = replace(rows, client=tuple(dict.fromkeys(only)))
    if rows.rates is not None:
        rates = _windows(rows.rates, renumber[rows.rates.client_code] >= 0)
        return replace(rows, rates=replace(rates, client_code=renumber[rates.client_code]))
    kept = _pick(rows, renumber[rows.client_code] >= 0)
    return replace(kept, client_code=renumber[kept.client_code])


def _unknown(client: str, clients: tuple[str, ...], file: str) -> BadInput:
    if clients == ("",):
        hint = "leave out only and split; a generic log names clients by columns.team"
        return BadInput("this trace names no clients", place=file, value=repr(client), hint=hint)
    close = difflib.get_close_matches(client, clients, 1)
    some = ", ".join(clients[:20]) + (", …" if len(clients) > 20 else "")
    hint = f"did you mean {close[0]!r}?" if close else f"its clients are {some}"
    return BadInput("the trace has no such client", place=file, value=repr(client), hint=hint)


def _pick(rows: TraceRows, mask: NDArray[np.bool_]) -> TraceRows:
    return replace(
        rows,
        arrival_ns=rows.arrival_ns[mask],
        input_tokens=rows.input_tokens[mask],
        cached_tokens=rows.cached_tokens[mask],
        output_tokens=rows.output_tokens[mask],
        client_code=rows.client_code[mask],
    )


def _windows(rates: Rates, mask: NDArray[np.bool_]) -> Rates:
    columns = ("start_ns", "width_ns", "count", "cv", "weibull", "client_code", "sizes")
    return replace(rates, **{column: getattr(rates, column)[mask] for column in columns})


def cut_window(rows: TraceRows, trace: Trace) -> TraceRows:
    """The part within ``trace.window``, counted from the window's start."""
    if trace.window is None:
        return rows
    start, end = trace.window[0], min(trace.window[1], rows.span_ns)
    if rows.rates is not None:
        cut = replace(rows, rates=_cut_rates(rows.rates, start, end))
    else:
        cut = _pick(rows, (rows.arrival_ns >= start) & (rows.arrival_ns < end))
        cut = replace(cut, arrival_ns=cut.arrival_ns - start)
    if not cut.requests.sum():
        hint = f"the trace is {rows.span_ns / 1e9:,.0f} s long; windows count from its start"
        value = f"{trace.window[0] / 1e9:g} s to {trace.window[1] / 1e9:g} s"
        raise BadInput("no rows in this window", place=trace.file, value=value, hint=hint)
    return replace(cut, span_ns=end - start)


def _cut_rates(rates: Rates, start: int, end: int) -> Rates:
    begin = np.maximum(rates.start_ns, start)
    width = np.minimum(rates.start_ns + rates.width_ns, end) - begin
    share = width / rates.width_ns
    cut = replace(rates, start_ns=begin - start, width_ns=width, count=rates.count * share)
    return _windows(cut, width > 0)


def split(trace: Trace, rows: TraceRows, top: int | None = None) -> tuple[Part, ...]:
    """One part a client, the largest first; beyond ``top`` the rest are one part named "other".

    Each part's ``trace`` has ``only`` set and ``split`` off, and ``rows`` is what
    :func:`read_trace` would return for it. Raises BadInput when the trace names no clients.
    """
    if rows.client == ("",):
        raise _unknown("split", rows.client, trace.file)
    requests = rows.requests
    # Clients that have no rows (within the window) make no team.
    order = [int(code) for code in np.argsort(-requests, kind="stable") if requests[code] > 0]
    kept = order[: top or len(order)]
    parts = [_part(rows.client[code], [code], trace, rows) for code in kept]
    rest = order[len(kept) :]
    if rest:
        taken = {part.name for part in parts}
        label = next(each for each in ("other", *(f"other-{n}" for n in range(2, 1000))) if each not in taken)
        parts.append(_part(label, sorted(rest), trace, rows))
    return tuple(parts)


def _part(label: str, codes: list[int], trace: Trace, rows: TraceRows) -> Part:
    clients = tuple(rows.client[code] for code in codes)
    requests = float(rows.requests[codes].sum())
    single = trace.model_copy(update={"only": clients, "split": False, "top": None})
    return Part(label, clients, requests, requests / rows.span_ns * 1e9, single, keep(rows, clients, trace.file))
