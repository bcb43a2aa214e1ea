"""Takes in the items of logs: counts every row, keeps what can be kept, says why not."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from sim.errors import BadRow
from sim.workload.importers.base import Bucket, Charge, Item, Note, Refused, Request, Sizes, Window
from sim.workload.importers.buckets import requests_of
from sim.workload.importers.labels import Labels
from sim.workload.log.rows import Names, identity, rows_of
from sim.workload.log.spool import Spool

SHOWN = 10
DUPLICATE = "a second row with the same id"


@dataclass
class LogFile:
    """What became of one log's rows. ``places`` are the first that were refused, by reason."""

    shown: str
    format: str
    why: str
    read: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    places: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def refuse(self, reason: str, place: object) -> None:
        """Count a row that is not kept. No value is kept: it might be somebody's."""
        self.rejected[reason] += 1
        places = self.places.setdefault(reason, [])
        if len(places) < SHOWN:
            places.append(str(place))


@dataclass
class Bill:
    """Recorded money without requests: micro-dollars by team and model, and the days that it covers."""

    sums: Counter[tuple[str, str]] = field(default_factory=Counter)
    start_ns: int = 0
    end_ns: int = 0

    def add(self, team: str, item: Charge, model: str) -> None:
        """One charge."""
        self.start_ns = min(self.start_ns or item.start_ns, item.start_ns)
        self.end_ns = max(self.end_ns, item.start_ns + item.width_ns)
        self.sums[team, model] += item.micro_usd


@dataclass
class Intake:
    """Feeds a spool with the requests of logs. ``bulk`` of them are held at once."""

    spool: Spool
    labels: Labels
    names: Names
    request_tokens: int
    bulk: int
    files: list[LogFile] = field(default_factory=list)
    bill: Bill = field(default_factory=Bill)
    windows: list[Window] = field(default_factory=list)
    sizes: list[Sizes] = field(default_factory=list)
    widest_ns: int = 0
    """Of the buckets that requests were made from."""
    buckets: int = 0
    uncounted: int = 0
    """Buckets without a count of requests."""
    plain: int = 0
    """Rows that are requests themselves."""
    repeated: int = 0
    """Requests whose id an earlier row has, of all logs."""
    _waiting: list[Request] = field(default_factory=list)
    _seen: set[int] = field(default_factory=set)

    def take(self, file: LogFile, items: Iterable[Item]) -> None:
        """All items of one log."""
        self.files.append(file)
        for item in items:
            if isinstance(item, Request):
                file.read += 1
                self.plain += 1
                self._keep(item)
            elif isinstance(item, Note):
                file.notes.append(item.text)
            else:
                file.read += 1
                self._other(file, item)
        self.flush()

    def _keep(self, request: Request) -> None:
        self._waiting.append(request)
        if len(self._waiting) >= self.bulk:
            self.flush()

    def _other(self, file: LogFile, item: Bucket | Charge | Window | Sizes | Refused) -> None:
        if isinstance(item, Refused):
            file.refuse(
                item.error.problem.message, f"{item.file} line {item.place}" if item.file else f"line {item.place}"
            )
        elif isinstance(item, Window):
            self.windows.append(item)
        elif isinstance(item, Sizes):
            self.sizes.append(item)
        elif self._again(item.identity):
            file.refuse(DUPLICATE, f"row {file.read}")
        elif isinstance(item, Bucket):
            self._bucket(file, item)
        else:
            team, _, _ = self.labels.of(item.who)
            self.bill.add(team, item, self.labels.harmless(item.model))

    def _again(self, text: str) -> bool:
        """Whether a sum with this identity was there before."""
        number = identity(text)
        if number and number in self._seen:
            return True
        self._seen.add(number)
        return False

    def _bucket(self, file: LogFile, item: Bucket) -> None:
        self.buckets += 1
        self.uncounted += item.requests < 0
        self.widest_ns = max(self.widest_ns, item.width_ns)
        try:
            for request in requests_of(item, self.buckets, self.request_tokens):
                self._keep(request)
        except BadRow as error:
            file.refuse(error.problem.message, f"row {file.read}")

    def flush(self) -> None:
        """Hand over what waits."""
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            self.spool.add(*rows_of(waiting, self.labels, self.names))

    @property
    def read(self) -> int:
        """Rows of all logs."""
        return sum(file.read for file in self.files)

    @property
    def rejected(self) -> Counter[str]:
        """Rows that are not kept, by reason."""
        found = sum((file.rejected for file in self.files), Counter[str]())
        if self.repeated:
            found[DUPLICATE] += self.repeated
        return found


def salt_of(start: str) -> bytes:
    """What pseudonyms are salted with: made from the start of the first log, which only its owner has."""
    return hashlib.blake2b(start.encode("utf-8", "replace"), digest_size=32, person=b"keystorm import").digest()
