"""ServeGen's client pools: CSV of rates by client and window, and a second CSV of token quantiles.

Source: alibaba/ServeGen, its per-client files joined into ``client,window_s,rate_rps,cv_iat,family``
(windows of 600 s) and ``client,window_s,in_mean,in_p50,…,out_max`` (windows of 6 h). There are no
rows to replay: :mod:`sim.workload.rates` draws the arrivals of each window and their sizes.

A window takes the sizes of its client's latest token row, else of its client's first one. A client
without token rows takes the pool's average row: each statistic's mean over all rows, weighted by the
requests that have that row. Without a ``tokens`` file the scenario must give the sizes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from sim.errors import BadRow
from sim.scenario.base import MAX_TOKENS
from sim.scenario.workloads import Trace
from sim.units import HOUR, SECOND
from sim.workload.importers.base import F64, SHOWN, Rates, Rejects, TraceRows, gather
from sim.workload.importers.fields import name, number
from sim.workload.importers.reader import Record, Source, header_names
from sim.workload.rows import I64

WINDOW_NS = 600 * SECOND
TOKEN_WINDOW_NS = 6 * HOUR
COLUMNS = ("client", "window_s", "rate_rps", "cv_iat", "family")
STATISTICS = ("mean", "p50", "p90", "p95", "p99", "max")
TOKEN_COLUMNS = ("client", "window_s", *(f"{side}_{each}" for side in ("in", "out") for each in STATISTICS))
_LAST_START = 10_000 * 86_400
"""Ten thousand days: a later window is a mistake."""


@dataclass
class _Windows:
    """Values by (client, start in ns); refuses a second row for the same pair."""

    values: dict[tuple[str, int], tuple[float, ...]] = field(default_factory=dict)

    def add(self, client: str, start: int, values: tuple[float, ...]) -> None:
        if (client, start) in self.values:
            hint = "one row for a client and a window"
            raise BadRow("a second row for this window", value=f"client {client}, {start // SECOND} s", hint=hint)
        self.values[client, start] = values


def _start(value: object, width_ns: int) -> int:
    seconds = number(value, "window_s", 0, _LAST_START)
    start = round(seconds * SECOND)
    if start % width_ns:
        hint = f"a multiple of {width_ns // SECOND} s"
        raise BadRow("window_s is no start of a window", value=f"{seconds:g}", hint=hint)
    return start


def _family(value: object) -> float:
    families = {"gamma": 0.0, "weibull": 1.0}
    if str(value).strip().lower() not in families:
        raise BadRow("unknown family", value=repr(value), hint="Gamma or Weibull")
    return families[str(value).strip().lower()]


class ServeGen:
    """Rates by client and window; sizes from the file that ``tokens`` names."""

    name = "servegen"
    columns = ",".join(COLUMNS)
    example = (
        "client,window_s,rate_rps,cv_iat,family,shape,scale\n"
        "0,0,0.085,6.6932,Gamma,0.022322,73.018\n"
        "0,600,0.39,0.91375,Gamma,1.1977,2.0746\n"
        "7,600,0.42,1.0023,Weibull,0.99546,2.3859\n"
    )
    tokens_example = ",".join(TOKEN_COLUMNS) + "\n0,0,263.9,143,657,793,900,1056,1398.5,1172,2225,3211,6329,17997\n"

    def recognise(self, first_line: str, trace: Trace) -> str:
        """By its header."""
        return "its header is ServeGen's" if set(COLUMNS) <= set(header_names(first_line)) else ""

    def read(self, source: Source, trace: Trace) -> TraceRows:
        """All windows, with the sizes of the ``tokens`` file when there is one."""
        windows, sizes = _Windows(), _Windows()
        rejects = [gather(source, COLUMNS, (), lambda record: _rate_row(record, windows))]
        if trace.tokens is not None:
            beside = source.beside(trace.tokens)
            rejects.append(gather(beside, TOKEN_COLUMNS, (), lambda record: _token_row(record, sizes)))
        return _trace(windows, sizes, rejects)


def _rate_row(record: Record, windows: _Windows) -> None:
    client, start, rate, cv, family = record
    values = (number(rate, "rate_rps", 0, 1e9), number(cv, "cv_iat", 1e-6, 1e4), _family(family))
    windows.add(name(client, "client"), _start(start, WINDOW_NS), values)


def _token_row(record: Record, sizes: _Windows) -> None:
    client, start, *texts = record
    names = TOKEN_COLUMNS[2:]
    values = tuple(number(text, each, 0, MAX_TOKENS) for text, each in zip(texts, names, strict=True))
    for side in (values[1:6], values[7:12]):
        if list(side) != sorted(side):
            raise BadRow("quantiles fall", value=str(side), hint="p50 ≤ p90 ≤ p95 ≤ p99 ≤ max")
    sizes.add(name(client, "client"), _start(start, TOKEN_WINDOW_NS), values)


def _client_key(client: str) -> tuple[bool, int, str]:
    """Sorts numbers as numbers, before other names."""
    return (not client.isdecimal(), int(client) if client.isdecimal() else 0, client)


def _trace(windows: _Windows, sizes: _Windows, rejects: list[Rejects]) -> TraceRows:
    pairs = [pair for pair, values in windows.values.items() if values[0] > 0]
    pairs.sort(key=lambda pair: (_client_key(pair[0]), pair[1]))
    clients = sorted({client for client, _ in pairs}, key=_client_key)
    code = {client: number for number, client in enumerate(clients)}
    start = np.asarray([start for _, start in pairs], np.int64)
    values = np.asarray([windows.values[pair] for pair in pairs], float).reshape(len(pairs), 3)
    count = values[:, 0] * (WINDOW_NS / SECOND)
    which, quantiles, bare = _sizes(pairs, count, sizes)
    rates = Rates(
        start, np.full(len(pairs), WINDOW_NS), count, values[:, 1], values[:, 2] > 0,
        np.asarray([code[client] for client, _ in pairs], np.int32), which, quantiles,
    )  # fmt: skip
    span = int(start.max()) + WINDOW_NS if pairs else 0
    return _rows_of(rates, tuple(clients), span, rejects, _bare_note(bare, rejects[-1].file))


def _rows_of(
    rates: Rates, clients: tuple[str, ...], span: int, rejects: list[Rejects], notes: tuple[str, ...]
) -> TraceRows:
    none = np.empty(0, np.int64)
    shown = [problem for each in rejects for problem in each.shown][:SHOWN]
    refused, read = sum(each.count for each in rejects), sum(each.read for each in rejects)
    codes = np.empty(0, np.int32)
    return TraceRows(none, none, none, none, clients, codes, span, tuple(shown), refused, read, notes, rates)


def _bare_note(bare: list[str], file: str) -> tuple[str, ...]:
    if not bare:
        return ()
    return (f"clients {', '.join(bare)} have no rows in {file}: their sizes follow the pool's average row",)


def _sizes(pairs: list[tuple[str, int]], count: F64, sizes: _Windows) -> tuple[I64, F64, list[str]]:
    """For each window the number of its token row; the rows; the clients that have none."""
    if not sizes.values:
        return np.full(len(pairs), -1, np.int64), np.empty((0, 2, len(STATISTICS))), []
    rows = np.asarray(list(sizes.values.values())).reshape(-1, 2, len(STATISTICS))
    numbers = {pair: number for number, pair in enumerate(sizes.values)}
    starts: dict[str, list[int]] = {}
    for client, start in sorted(numbers):
        starts.setdefault(client, []).append(start)
    which = np.full(len(pairs), len(rows), np.int64)
    for at, (client, start) in enumerate(pairs):
        if client in starts:
            known = starts[client]
            nearest = max((each for each in known if each <= start), default=known[0])
            which[at] = numbers[client, nearest]
    weights = np.bincount(which, count, len(rows) + 1)[:-1]
    average = np.average(rows, axis=0, weights=weights if weights.sum() > 0 else None)
    bare = sorted({client for client, _ in pairs if client not in starts}, key=_client_key)
    return which, np.concatenate((rows, average[None])), bare
