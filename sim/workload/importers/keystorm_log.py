"""keystorm's own request log, as ``keystorm import`` writes it (Parquet).

Columns: :mod:`sim.workload.log.columns`. So any log that can be imported can be replayed by a scenario
as it was imported: mapped, sorted, without duplicates and with coarse stamps spread.
"""

from __future__ import annotations

from collections.abc import Iterator

from sim.workload.importers.base import Item, Reading, Request, Who, file_of
from sim.workload.importers.database import Database
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
