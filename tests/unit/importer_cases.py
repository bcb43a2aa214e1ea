"""What tests of importers share: traces, files, and a valid example of every format."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from sim.scenario.workloads import Columns, Trace
from sim.workload.importers import TraceRows
from sim.workload.importers.base import Importer, Item, Note, Reading, Refused, Request
from sim.workload.importers.labels import Labels
from sim.workload.importers.source import Source
from sim.workload.log.rows import Names, rows_of
from sim.workload.log.write import write as write_log

MAPS = {"generic": {"timestamp": "when", "input_tokens": "prompt", "output_tokens": "completion",
                    "cached_input_tokens": "cached", "team": "team"}}  # fmt: skip
DOCUMENTS = ("anthropic-usage", "anthropic-cost", "openai-usage")
"""Formats whose example is one JSON value over several lines."""

BILLS = ("anthropic-cost",)
"""Formats without requests."""

TABLES = ("keystorm",)
"""Formats that are no text."""


def trace(file: str = "log", **other: Any) -> Trace:
    return Trace.model_validate({"file": file, **other})


def write(folder: Path, text: str | bytes, file: str = "log") -> Path:
    (folder / file).write_bytes(text.encode() if isinstance(text, str) else text)
    return folder


def of(importer: Importer, **other: Any) -> Trace:
    """A trace in this importer's format, to be detected."""
    return trace(**({"columns": MAPS[importer.name]} if importer.name in MAPS else {}), **other)


def reading(importer: Importer) -> Reading:
    """How its example is read."""
    return Reading(Columns.model_validate(MAPS[importer.name]) if importer.name in MAPS else None)


def example(importer: Importer, folder: Path) -> bytes:
    """The bytes of its example."""
    if importer.name not in TABLES:
        return importer.example.encode()
    requests = [Request(10**18 + at, 100 + at, at, who=_who(at)) for at in range(3)]
    names = Names()
    rows, _ = rows_of(requests, Labels(b"salt"), names)
    list(write_log(folder / "made", iter([rows]), names, "utc"))
    return (folder / "made").read_bytes()


def _who(at: int) -> Any:
    from sim.workload.importers.base import Who

    return Who(team="ab"[at % 2])


def items(importer: Importer, folder: Path, file: str = "log") -> list[Item]:
    """Everything that it yields for a file."""
    return list(importer.read(Source(folder, file), reading(importer)))


def counts(found: list[Item]) -> tuple[int, int]:
    """Rows kept and rows refused."""
    refused = sum(isinstance(item, Refused) for item in found)
    return sum(not isinstance(item, Note) for item in found) - refused, refused


def same(one: TraceRows, other: TraceRows) -> bool:
    """Whether two traces are equal in all but their notes."""
    pairs = [(getattr(one, each.name), getattr(other, each.name)) for each in fields(one) if each.name != "notes"]
    if one.rates is not None and other.rates is not None:
        pairs = [pair for pair in pairs if pair[0] is not one.rates]
        pairs += [(getattr(one.rates, each.name), getattr(other.rates, each.name)) for each in fields(one.rates)]
    return all(np.array_equal(left, right) for left, right in pairs)


def lines(importer: Importer) -> list[str]:
    return importer.example.splitlines()
