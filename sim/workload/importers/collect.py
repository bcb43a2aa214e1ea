"""Collects the items of a log into what a scenario replays."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from sim.errors import BadInput, BadRow, Problem
from sim.workload.importers.base import Bucket, Charge, Item, Note, Reading, Refused, Request, Sizes, Who, Window
from sim.workload.importers.buckets import assumption, count_of, requests_of
from sim.workload.importers.fields import NO_NAME
from sim.workload.importers.json_values import Place
from sim.workload.importers.rate_rows import rates_of
from sim.workload.importers.trace_rows import SHOWN, TraceRows, natural_span


@dataclass
class Rejects:
    """Counts rows and keeps the first that were refused."""

    file: str
    read: int = 0
    count: int = 0
    shown: list[Problem] = field(default_factory=list)

    def add(self, place: Place, error: BadInput, file: str = "") -> None:
        """Counts a refused row."""
        self.count += 1
        if len(self.shown) < SHOWN:
            found = error.problem
            self.shown.append(Problem(found.message, f"{file or self.file}:{place}", found.value, found.hint))


@dataclass
class Collector:
    """Collects the items of a log. ``name_of`` says what the client is called that sent a request."""

    rejects: Rejects
    reading: Reading
    name_of: Callable[[Who], str]
    models: frozenset[str] | None = None
    times: array[int] = field(default_factory=lambda: array("q"))
    inputs: array[int] = field(default_factory=lambda: array("q"))
    cached: array[int] = field(default_factory=lambda: array("q"))
    outputs: array[int] = field(default_factory=lambda: array("q"))
    codes: array[int] = field(default_factory=lambda: array("i"))
    names: dict[str, int] = field(default_factory=dict)
    windows: list[Window] = field(default_factory=list)
    sizes: list[Sizes] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    bare: int = 0
    """Failed rows without tokens: their size is not known, and clients' retries stand beside them."""
    unlimited: int = 0
    """Requests that met no rate limit: a gateway's cache or a batch answered."""
    others: int = 0
    """Requests for models that are not wanted."""
    buckets: int = 0
    assumed: int = 0
    """Requests that were made from sums, or whose size is assumed."""
    first_other: int | None = None
    """The earliest request for another model: time counts from the log's start, so that models stay in step."""

    def take(self, items: Iterable[Item]) -> None:
        """All items of a log."""
        for item in items:
            if isinstance(item, Note):
                self.notes.append(item.text)
                continue
            self.rejects.read += 1
            if isinstance(item, Request):
                self._request(item)
            elif isinstance(item, Refused):
                self.rejects.add(item.place, item.error, item.file)
            elif isinstance(item, Bucket):
                self._bucket(item)
            elif isinstance(item, Window):
                self.windows.append(item)
            elif isinstance(item, Sizes):
                self.sizes.append(item)
            else:
                assert isinstance(item, Charge)  # a bill has no requests

    def _request(self, item: Request) -> None:
        if item.failed and not item.input_tokens and not item.output_tokens:
            self.bare += 1
        elif item.cached or item.tier == "batch":
            self.unlimited += 1
        elif self.models is not None and item.model not in self.models:
            self.other(1, item.start_ns)
        else:
            self.assumed += item.assumed
            self.times.append(item.start_ns)
            self.inputs.append(item.input_tokens)
            self.cached.append(item.cache_read)
            self.outputs.append(item.output_tokens)
            self.codes.append(self.names.setdefault(self.name_of(item.who), len(self.names)))

    def other(self, count: int, first_ns: int) -> None:
        """Requests for models that are not wanted, the earliest at ``first_ns``."""
        self.others += count
        self.first_other = first_ns if self.first_other is None else min(first_ns, self.first_other)

    def _bucket(self, item: Bucket) -> None:
        self.buckets += 1
        try:
            count_of(item, self.reading.request_tokens)
        except BadRow as error:
            self.rejects.add(f"bucket {self.buckets}", error)
            return
        for request in requests_of(item, self.buckets, self.reading.request_tokens):
            self._request(request)

    def finish(self) -> TraceRows:
        """The rows sorted by time (equal times as in the file), counted from the earliest of any model."""
        times = np.asarray(self.times, np.int64)
        order = np.argsort(times, kind="stable")
        notes = (*self.notes, *self._said(int(np.count_nonzero(np.diff(times) < 0))))
        times = times[order]
        first = [*times[:1].tolist(), *([] if self.first_other is None else [self.first_other])]
        times = times - min(first, default=0)
        rejects = self.rejects
        if self.windows:
            return self._rates(notes)
        inputs, cached, outputs = (
            np.asarray(each, np.int64)[order] for each in (self.inputs, self.cached, self.outputs)
        )
        return TraceRows(
            times, inputs, cached, outputs, self._clients(), np.asarray(self.codes, np.int32)[order],
            natural_span(times), tuple(rejects.shown), rejects.count, rejects.read, notes,
        )  # fmt: skip

    def _rates(self, notes: tuple[str, ...]) -> TraceRows:
        rates, clients, span, bare = rates_of(self.windows, self.sizes)
        none, rejects = np.empty(0, np.int64), self.rejects
        if bare:
            file = self.reading.tokens or rejects.file
            notes += (f"clients {', '.join(bare)} have no rows in {file}: their sizes follow the pool's average row",)
        return TraceRows(
            none, none, none, none, clients, none.astype(np.int32), span,
            tuple(rejects.shown), rejects.count, rejects.read, notes, rates,
        )  # fmt: skip

    def _clients(self) -> tuple[str, ...]:
        if len(self.names) <= 1:
            return tuple(self.names) or ("",)
        return tuple(name or NO_NAME for name in self.names)

    def _said(self, unsorted: int) -> tuple[str, ...]:
        file, said = self.rejects.file, []
        if unsorted:
            said.append(f"{unsorted:,} rows in {file} are earlier than the row before them: sorted")
        if self.bare:
            said.append(f"{self.bare:,} failed rows without tokens in {file} are not replayed")
        if self.unlimited:
            said.append(f"{self.unlimited:,} rows in {file} met no rate limit (cache or batch): not replayed")
        if self.others:
            said.append(f"{self.others:,} rows in {file} are for other models")
        if self.assumed and not self.buckets:
            said.append(f"{self.assumed:,} rows in {file} were made from sums or rates, or their sizes are assumed")
        if self.buckets:
            said.append(f"{file} has sums, not requests: {assumption(self.reading.request_tokens)}")
        return tuple(said)
