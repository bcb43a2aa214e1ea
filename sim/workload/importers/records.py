"""Reads logs record by record, CSV or JSON, with the line that each record starts on."""

from __future__ import annotations

import csv
import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sim.errors import BadInput, BadRow
from sim.workload.importers.database import Database
from sim.workload.importers.json_values import Place, lookup, short, values
from sim.workload.importers.source import Source

Record = tuple[Any, ...]
"""The values of the columns asked for: text from CSV; text, int, bool, None, list or dict from JSON."""

Found = tuple[Place, Record | BadRow]


@dataclass(frozen=True)
class Column:
    """A column that is wanted: its names, the usual one first.

    ``header``: a CSV header must have it. ``value``: a JSON object must have it.
    """

    names: tuple[str, ...]
    header: bool = True
    value: bool = True


def must(*names: str) -> Column:
    """A column without which there is no row."""
    return Column(names)


def may(*names: str) -> Column:
    """A column that may be absent: None then."""
    return Column(names, header=False, value=False)


def records(source: Source | Database, columns: Sequence[Column], unwrap: Sequence[str] = ()) -> Iterator[Found]:
    """(place, values of ``columns``) of each record, or what is wrong with it.

    A file whose first character is ``{`` or ``[`` is JSON (see :mod:`json_values`), else CSV with a
    header (comma, semicolon or tab). Blank lines are no records.
    """
    if isinstance(source, Database):
        return source.rows(columns)
    if source.first_line().lstrip().startswith(("{", "[")):
        return _json_records(source, columns, unwrap)
    return _csv_records(source, columns)


def delimiter(header: str) -> str:
    """The most frequent of comma, semicolon and tab; comma when none occurs."""
    return max(",;\t", key=header.count)


def header_names(line: str) -> list[str]:
    """The column names of a CSV header."""
    try:
        row = next(csv.reader([line], delimiter=delimiter(line)), [])
    except csv.Error:
        return []
    return [name.strip() for name in row]


def _csv_records(source: Source, columns: Sequence[Column]) -> Iterator[Found]:
    # A log line may hold a whole prompt.
    csv.field_size_limit(1 << 28)
    header = source.first_line()
    names = header_names(header)
    places = _places(source, names, columns)
    with source.open() as text:
        rows = csv.reader(text, delimiter=delimiter(header))
        started, line = False, 1
        while True:
            try:
                row = next(rows)
            except StopIteration:
                return
            except csv.Error as error:
                yield line, BadRow("not a CSV row", value=str(error), hint="is a quote not closed?")
            else:
                if started and row:
                    yield line, _picked(row, places, len(names), rows.line_num - line + 1)
                started = started or any(field.strip() for field in row)
            line = rows.line_num + 1


def place_of(names: Sequence[str], wanted: str) -> int:
    """Where a column stands, exactly as written or else in any case; -1 when it is absent."""
    if wanted in names:
        return names.index(wanted)
    lower = [name.lower() for name in names]
    return lower.index(wanted.lower()) if wanted.lower() in lower else -1


def _places(source: Source, names: list[str], columns: Sequence[Column]) -> list[int]:
    found = [[at for name in column.names if (at := place_of(names, name)) >= 0] for column in columns]
    missing = [column.names[0] for column, at in zip(columns, found, strict=True) if column.header and not at]
    if missing:
        close = difflib.get_close_matches(missing[0], names, 1)
        meant = f"did you mean {close[0]}? " if close else ""
        wanted = ", ".join(column.names[0] for column in columns if column.header)
        raise BadInput(
            f"no column {' and no column '.join(missing)}", place=f"{source.shown}:1",
            value=", ".join(names)[:200], hint=f"{meant}the header must name {wanted}",
        )  # fmt: skip
    return [at[0] if at else -1 for at in found]


def _picked(row: list[str], places: list[int], width: int, lines: int) -> Record | BadRow:
    if len(row) != width:
        over = f"; the row runs over {lines} lines: is a quote not closed?" if lines > 1 else ""
        return BadRow("wrong number of columns", value=str(len(row)), hint=f"{width}, as in the header{over}")
    return tuple([row[place] if place >= 0 else None for place in places])


def _json_records(source: Source, columns: Sequence[Column], unwrap: Sequence[str]) -> Iterator[Found]:
    for place, found in values(source, unwrap):
        yield place, found if isinstance(found, BadRow) else picked(found, columns)


def picked(found: dict[str, Any], columns: Sequence[Column]) -> Record | BadRow:
    """The wanted values of an object; BadRow when one that must be there is absent."""
    values = tuple([_first(found, column.names) for column in columns])
    for value, column in zip(values, columns, strict=True):
        if value is None and column.value:
            keys = ", ".join(map(str, found))
            return BadRow(f"no value for {column.names[0]}", value=short(keys), hint="every object needs one")
    return values


def _first(found: dict[str, Any], names: tuple[str, ...]) -> Any:
    for name in names:
        value = lookup(found, name)
        if value is not None:
            return value
    return None
