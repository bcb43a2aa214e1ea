"""What detection sees of a log: its kind, its column names or keys, and its first lines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sim.errors import BadInput
from sim.workload.importers.database import Database
from sim.workload.importers.records import header_names
from sim.workload.importers.source import Source

_KEY = re.compile(r'"([^"\\]{1,100})"\s*:')


@dataclass(frozen=True)
class Look:
    """The start of a log. ``kind`` is csv, json, parquet, database or text.

    ``names`` are lower-case: the header's columns of a CSV, the keys anywhere in the first objects
    of JSON (inside texts quotes are escaped, so a prompt can't contribute any). ``line`` is the
    first line that is not blank.
    """

    kind: str
    names: frozenset[str] = frozenset()
    line: str = ""

    def has(self, *wanted: str) -> bool:
        """Whether all of these columns or keys are there."""
        return all(name.lower() in self.names for name in wanted)

    def any_of(self, *wanted: str) -> str:
        """The first of these that is there; empty when none is."""
        return next((name for name in wanted if name.lower() in self.names), "")

    def missing(self, wanted: Sequence[str]) -> list[str]:
        """Those that are not there."""
        return [name for name in wanted if name.lower() not in self.names]


def look(source: Source | Database) -> Look:
    """Look at the start of a log. Raises BadInput when it is empty or can't be read."""
    if isinstance(source, Database):
        return Look("database")
    if source.is_parquet:
        return Look("parquet")
    head = source.head().strip()
    if not head:
        raise BadInput("the file is empty", place=source.shown, hint="a log with at least one request")
    line = head.splitlines()[0]
    if head.startswith(("{", "[")):
        return Look("json", frozenset(key.lower() for key in _KEY.findall(head)), line)
    names = header_names(line)
    return Look("csv" if len(names) > 1 else "text", frozenset(name.lower() for name in names), line)
