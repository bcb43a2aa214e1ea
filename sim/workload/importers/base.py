"""What every importer shares: what it is given, what it yields, and its own shape."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import NamedTuple, Protocol

from sim.errors import BadRow
from sim.scenario.workloads import Columns
from sim.workload.importers.clock import Clock, Unit
from sim.workload.importers.database import Database
from sim.workload.importers.fields import UNKNOWN
from sim.workload.importers.json_values import Place
from sim.workload.importers.look import Look
from sim.workload.importers.records import Column, Record, records
from sim.workload.importers.source import Source

REQUEST_TOKENS = 2_000
"""Assumed mean input of a request where a log has sums but no count (Azure's code trace has 2,048)."""


class Who(NamedTuple):
    """Who sent a request, in the log's own words: nothing of it is written before it is made harmless.

    ``names`` are further words by which a mapping of teams may know the sender (an id beside an
    alias). ``key`` is the credential or its hash or id, ``key_name`` what people call it.
    """

    team: str = ""
    project: str = ""
    key: str = ""
    key_name: str = ""
    tag: str = ""
    names: tuple[str, ...] = ()


NOBODY = Who()


class Request(NamedTuple):
    """One request of a log. What the log does not say is UNKNOWN (-1), empty or None.

    Times are nanoseconds, ``start_ns`` since 1970 or since the log's own zero. ``input_tokens``
    counts ``cache_read`` and ``cache_write`` too. ``cost`` is micro-dollars as recorded. ``identity``
    is the log's own id of the row: a second row with it is a duplicate. ``cached`` means that a
    gateway answered from its own cache, ``tier`` is the provider's service tier.
    """

    start_ns: int
    input_tokens: int
    output_tokens: int
    cache_read: int = 0
    cache_write: int = 0
    who: Who = NOBODY
    model: str = ""
    provider: str = ""
    duration_ns: int = UNKNOWN
    first_token_ns: int = UNKNOWN
    status: int = UNKNOWN
    failed: bool | None = None
    error: str = ""
    retries: int = UNKNOWN
    session: str = ""
    cost: int = UNKNOWN
    cached: bool = False
    tier: str = ""
    identity: str = ""
    assumed: bool = False


class Bucket(NamedTuple):
    """Usage of a span of time in sums, ``requests`` of them or UNKNOWN; the rest as in :class:`Request`."""

    start_ns: int
    width_ns: int
    requests: int
    input_tokens: int
    output_tokens: int
    cache_read: int = 0
    cache_write: int = 0
    who: Who = NOBODY
    model: str = ""
    provider: str = ""
    tier: str = ""
    cost: int = UNKNOWN
    identity: str = ""


class Charge(NamedTuple):
    """Money without requests, from a bill: micro-dollars of a span of time."""

    start_ns: int
    width_ns: int
    micro_usd: int
    who: Who = NOBODY
    model: str = ""
    identity: str = ""


class Window(NamedTuple):
    """ServeGen's kind of row: a rate during a window, and how regular it is."""

    client: str
    start_ns: int
    width_ns: int
    per_second: float
    cv: float
    weibull: bool


class Sizes(NamedTuple):
    """Sizes of a client's requests from a time on: input and output, each mean, p50, p90, p95, p99, max."""

    client: str
    start_ns: int
    values: tuple[float, ...]


class Note(NamedTuple):
    """Not a row: something that a reader of the log's numbers should know."""

    text: str


class Refused(NamedTuple):
    """A row that can't be used, and why. ``file`` where it is not the log itself but the one beside it."""

    place: Place
    error: BadRow
    file: str = ""


Item = Request | Bucket | Charge | Window | Sizes | Note | Refused


@dataclass(frozen=True)
class Reading:
    """How a log is to be read.

    ``columns`` and ``tokens`` as in a scenario's trace. ``local`` is the zone of stamps that name
    none. ``request_tokens`` is the mean input that is assumed where there are sums without counts.
    """

    columns: Columns | None = None
    tokens: str | None = None
    local: tzinfo = UTC
    request_tokens: int = REQUEST_TOKENS
    clocks: list[Clock] = field(default_factory=list, compare=False)
    """The readers of time stamps that were asked for: they count what is ambiguous."""

    def clock(self, unit: Unit = "auto") -> Clock:
        """A reader of time stamps in this log's zone."""
        made = Clock(unit, self.local)
        self.clocks.append(made)
        return made


class Importer(Protocol):
    """One log format. ``example`` is a small valid file of three rows, for tests; ``wants`` says what
    the header or the keys must be, as error messages show it.
    """

    name: str
    about: str
    wants: str
    example: str

    def recognise(self, look: Look) -> str:
        """Why a log that looks so is of this format ("its header is …"); empty when it is not."""
        ...

    def read(self, source: Source | Database, reading: Reading) -> Iterator[Item]:
        """Every row as an item, refused ones too, in the log's order. Raises BadInput for a wrong header."""
        ...


def each(
    source: Source | Database, columns: Sequence[Column], parse: Callable[[Record], Item], unwrap: Sequence[str] = ()
) -> Iterator[Item]:
    """``parse`` of each record's values of ``columns``; what raises BadRow becomes Refused."""
    for place, found in records(source, columns, unwrap):
        try:
            if isinstance(found, BadRow):
                raise found
            yield parse(found)
        except BadRow as error:
            yield Refused(place, error)


def file_of(source: Source | Database, name: str) -> Source:
    """The file, for formats that come in files only. Raises BadInput for a database."""
    from sim.errors import BadInput

    if isinstance(source, Database):
        raise BadInput(f"{name} does not come from a database", place=source.shown, hint="name a file")
    return source


def part_of(part: int, whole: int, words: str) -> int:
    """``part`` itself. Refuses, with BadRow, more of it than of the whole."""
    if part > whole:
        raise BadRow(f"more {words} than input tokens", value=f"{part} > {whole}", hint="input must count it too")
    return part
