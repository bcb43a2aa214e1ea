"""ServeGen's client pools: CSV of rates by client and window, and a second CSV of token quantiles.

Source: alibaba/ServeGen, its per-client files joined into ``client,window_s,rate_rps,cv_iat,family``
(windows of 600 s) and ``client,window_s,in_mean,in_p50,…,out_max`` (windows of 6 h). There are no
rows to replay: :mod:`sim.workload.rates` draws the arrivals of each window and their sizes.

A window takes the sizes of its client's latest token row, else of its client's first one. A client
without token rows takes the pool's average row: each statistic's mean over all rows, weighted by the
requests that have that row. Without a ``tokens`` file the scenario must give the sizes.
"""

from __future__ import annotations

from collections.abc import Iterator

from sim.errors import BadRow
from sim.scenario.base import MAX_TOKENS
from sim.units import HOUR, SECOND
from sim.workload.importers.base import Item, Reading, Refused, Sizes, Window, each, file_of
from sim.workload.importers.database import Database
from sim.workload.importers.fields import name, number
from sim.workload.importers.look import Look
from sim.workload.importers.records import Record, must
from sim.workload.importers.source import Source

WINDOW_NS = 600 * SECOND
TOKEN_WINDOW_NS = 6 * HOUR
COLUMNS = ("client", "window_s", "rate_rps", "cv_iat", "family")
STATISTICS = ("mean", "p50", "p90", "p95", "p99", "max")
TOKEN_COLUMNS = ("client", "window_s", *(f"{side}_{each}" for side in ("in", "out") for each in STATISTICS))
_LAST_START = 10_000 * 86_400
"""Ten thousand days: a later window is a mistake."""


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
    about = "ServeGen's client pools: rates by client and window, and token quantiles (CSV)"
    wants = ",".join(COLUMNS)
    example = (
        "client,window_s,rate_rps,cv_iat,family,shape,scale\n"
        "0,0,0.085,6.6932,Gamma,0.022322,73.018\n"
        "0,600,0.39,0.91375,Gamma,1.1977,2.0746\n"
        "7,600,0.42,1.0023,Weibull,0.99546,2.3859\n"
    )
    tokens_example = ",".join(TOKEN_COLUMNS) + "\n0,0,263.9,143,657,793,900,1056,1398.5,1172,2225,3211,6329,17997\n"

    def recognise(self, look: Look) -> str:
        """By its header."""
        return "its header is ServeGen's" if look.kind == "csv" and look.has(*COLUMNS) else ""

    def read(self, source: Source | Database, reading: Reading) -> Iterator[Item]:
        """All windows, then the sizes of the ``tokens`` file when there is one."""
        source = file_of(source, self.name)
        seen = _Seen()
        yield from each(source, [must(column) for column in COLUMNS], lambda record: _rate_row(record, seen))
        if reading.tokens is not None:
            beside, seen = source.beside(reading.tokens), _Seen()
            for item in each(beside, [must(column) for column in TOKEN_COLUMNS], lambda each: _token_row(each, seen)):
                yield item._replace(file=beside.shown) if isinstance(item, Refused) else item


class _Seen(set[tuple[str, int]]):
    """The pairs of client and start that had a row; refuses a second one."""

    def check(self, client: str, start: int) -> None:
        if (client, start) in self:
            hint = "one row for a client and a window"
            raise BadRow("a second row for this window", value=f"client {client}, {start // SECOND} s", hint=hint)
        self.add((client, start))


def _rate_row(record: Record, seen: _Seen) -> Window:
    client, start, rate, cv, family = record
    values = (number(rate, "rate_rps", 0, 1e9), number(cv, "cv_iat", 1e-6, 1e4), _family(family))
    who, start_ns = name(client, "client"), _start(start, WINDOW_NS)
    seen.check(who, start_ns)
    return Window(who, start_ns, WINDOW_NS, values[0], values[1], values[2] > 0)


def _token_row(record: Record, seen: _Seen) -> Sizes:
    client, start, *texts = record
    names = TOKEN_COLUMNS[2:]
    values = tuple(number(text, each, 0, MAX_TOKENS) for text, each in zip(texts, names, strict=True))
    for side in (values[1:6], values[7:12]):
        if list(side) != sorted(side):
            raise BadRow("quantiles fall", value=str(side), hint="p50 ≤ p90 ≤ p95 ≤ p99 ≤ max")
    who, start_ns = name(client, "client"), _start(start, TOKEN_WINDOW_NS)
    seen.check(who, start_ns)
    return Sizes(who, start_ns, values)
