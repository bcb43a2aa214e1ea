"""keystorm's own request log, as ``keystorm import`` writes it (Parquet).

Columns: :mod:`sim.workload.log.columns`. So any log that can be imported can be replayed by a scenario
as it was imported: mapped, sorted, without duplicates and with coarse stamps spread.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from sim.workload.importers.base import Item, Reading, Request, Who, file_of
from sim.workload.importers.collect import Collector
from sim.workload.importers.database import Database
from sim.workload.importers.labels import plain_name
from sim.workload.importers.look import Look
from sim.workload.importers.source import Source


class KeystormLog:
    """Parquet with one row a request."""

    name = "keystorm"
    about = "a request log that keystorm import wrote (Parquet)"
    wants = "a Parquet table that keystorm import wrote"
    example = ""

    def recognise(self, look: Look) -> str:
        """Any Parquet table: no other format comes as one."""
        return "it is a Parquet table" if look.kind == "parquet" else ""

    def read(self, source: Source | Database, reading: Reading) -> Iterator[Item]:
        """All rows."""
        from sim.workload.log.read import open_log, parts_of
        from sim.workload.log.rows import Names

        source = file_of(source, self.name)
        source.check()
        with source.guarded(), open_log(source.path, source.shown) as file:
            names = Names()
            for part in parts_of(file, names, source.shown):
                lists = {kind: names.list(kind) for kind in names.of}
                for row in part.tolist():
                    yield _request(row, lists)


def _request(row: tuple[int, ...], names: dict[str, list[str]]) -> Request:
    (start, duration, first, team, project, key, provider, model, inputs, read, write, output, session, status, error,
     failed, retries, cost, cached, tier, assumed) = row  # fmt: skip
    return Request(
        start, inputs, output, read, write, Who(names["team"][team], names["project"][project], names["key"][key]),
        names["model"][model], names["provider"][provider], duration, first, status,
        None if failed < 0 else bool(failed), names["error"][error], retries,
        str(session) if session >= 0 else "", cost, bool(cached), names["tier"][tier], assumed=bool(assumed),
    )  # fmt: skip


# The same for a replay, which needs few columns of many rows


def collect(source: Source, collector: Collector) -> None:
    """What ``collector.take(KeystormLog().read(…))`` collects, a part at a time instead of a row."""
    from sim.workload.log.read import open_log, parts_of
    from sim.workload.log.rows import Names

    source.check()
    with source.guarded(), open_log(source.path, source.shown) as file:
        names = Names()
        for part in parts_of(file, names, source.shown):
            _take(part, {kind: names.list(kind) for kind in names.of}, collector)


def _take(part: Any, names: dict[str, list[str]], collector: Collector) -> None:
    """One part: counted by what becomes of its rows, then those that are replayed."""
    bare = (part["failed"] > 0) & (part["input"] == 0) & (part["output"] == 0)
    free = ~bare & ((part["cached"] != 0) | (np.isin(part["tier"], _numbers(names["tier"], {"batch"}))))
    wanted = ~bare & ~free
    if collector.models is not None:
        other = wanted & ~np.isin(part["model"], _numbers(names["model"], collector.models))
        wanted &= ~other
        if other.any():
            collector.other(int(other.sum()), int(part["start"][other].min()))
    collector.rejects.read += len(part)
    collector.bare += int(bare.sum())
    collector.unlimited += int(free.sum())
    rows = part[wanted]
    collector.assumed += int((rows["assumed"] != 0).sum())
    for target, name in ((collector.times, "start"), (collector.inputs, "input"), (collector.cached, "read"),
                         (collector.outputs, "output")):  # fmt: skip
        target.frombytes(np.ascontiguousarray(rows[name], np.int64).tobytes())
    collector.codes.extend(_clients(rows, names, collector))


def _numbers(names: list[str], wanted: set[str] | frozenset[str]) -> list[int]:
    return [at for at, name in enumerate(names) if name in wanted]


def _clients(rows: Any, names: dict[str, list[str]], collector: Collector) -> list[int]:
    """The number of each row's client; new ones in the order in which they come."""
    who = np.stack([rows["team"], rows["project"], rows["key"]], axis=1)
    found, first, where = np.unique(who, axis=0, return_index=True, return_inverse=True)
    codes = np.zeros(len(found), np.int64)
    for at in np.argsort(first, kind="stable").tolist():
        team, project, key = found[at].tolist()
        name = plain_name(Who(names["team"][team], names["project"][project], names["key"][key]))
        codes[at] = collector.names.setdefault(name, len(collector.names))
    return [int(code) for code in codes[where.reshape(-1)]]
