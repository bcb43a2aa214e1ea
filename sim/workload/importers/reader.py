"""Reads logs record by record: gzip or plain, CSV or JSONL, with the line each record starts on."""

from __future__ import annotations

import csv
import difflib
import gzip
import json
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO, cast

from sim.errors import BadInput, BadRow

Record = tuple[Any, ...]
"""The values of the columns asked for: text from CSV; text, int, bool, None, list or dict from JSON."""

_PACKED = {
    b"\x28\xb5\x2f\xfd": "Zstandard", b"\xfd7zX": "xz", b"BZh": "bzip2", b"PK\x03\x04": "zip",
    b"PAR1": "Parquet",
}  # fmt: skip


class Source:
    """A log file. ``shown`` is its name as the user wrote it, ``base`` what that is relative to."""

    def __init__(self, base: Path, shown: str) -> None:
        self.base = base
        self.shown = shown
        self.path = base / Path(shown).expanduser()

    def beside(self, shown: str) -> Source:
        """Another file of the same trace."""
        return Source(self.base, shown)

    @contextmanager
    def open(self) -> Iterator[TextIO]:
        """The text, line ends untouched. Raises BadInput for what can't be opened or unpacked.

        Bytes that are no UTF-8 become U+FFFD: the row that holds them is then refused or not by
        the values that are needed, and no other row is lost.
        """
        try:
            self._check()
            opener = gzip.open if _magic(self.path).startswith(b"\x1f\x8b") else open
            with opener(self.path, "rt", encoding="utf-8-sig", errors="replace", newline="") as text:
                yield cast(TextIO, text)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            hint = "the file is damaged or cut short: fetch it again"
            raise BadInput("can't unpack this gzip file", place=self.shown, value=str(error), hint=hint) from error
        except OSError as error:
            hint = "check that this file may be read"
            value = error.strerror or str(error)
            raise BadInput("can't read this file", place=self.shown, value=value, hint=hint) from error

    def _check(self) -> None:
        if not self.path.exists():
            raise BadInput("no such file", place=self.shown, hint=_near(self.path))
        if self.path.is_dir():
            raise BadInput("this is a folder", place=self.shown, hint="name one log file in it")
        start = _magic(self.path)
        for magic, name in _PACKED.items():
            if start.startswith(magic):
                hint = "gzip and plain text can be read: unpack or convert it first"
                raise BadInput(f"this is a {name} file", place=self.shown, hint=hint)

    def first_line(self) -> str:
        """The first line that is not blank. Raises BadInput when there is none."""
        with self.open() as text:
            for line in text:
                if line.strip():
                    return line.rstrip("\r\n")
        raise BadInput("the file is empty", place=self.shown, hint="a log with at least one request")


def _magic(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(4)


def _near(path: Path) -> str:
    names = [found.name for found in path.parent.iterdir()] if path.parent.is_dir() else []
    close = difflib.get_close_matches(path.name, names, 1)
    if close:
        return f"did you mean {close[0]}?"
    return f"a path relative to the scenario's folder; looked for {path}"


def records(
    source: Source, wanted: Sequence[str], optional: Sequence[str] = ()
) -> Iterator[tuple[int, Record | BadRow]]:
    """(line, values of ``wanted`` then ``optional``) of each record, or what is wrong with it.

    A file whose first character is ``{`` is JSONL, else CSV with a header (comma, semicolon or
    tab). Blank lines are no records. ``optional`` keys may be absent from a JSON object, which gives
    None; a CSV header must name them all.
    """
    first = source.first_line().lstrip()
    if first.startswith("["):
        hint = "one JSON object a line; `jq -c '.[]'` turns an array into that"
        raise BadInput("this is a JSON array", place=source.shown, hint=hint)
    read = _json_records if first.startswith("{") else _csv_records
    return read(source, wanted, optional)


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


def _csv_records(
    source: Source, wanted: Sequence[str], optional: Sequence[str]
) -> Iterator[tuple[int, Record | BadRow]]:
    header = source.first_line()
    names = header_names(header)
    places = _places(source, names, [*wanted, *optional])
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


def _place(names: list[str], wanted: str) -> int:
    """Where a column stands, exactly as written or else in any case; -1 when it is absent."""
    if wanted in names:
        return names.index(wanted)
    lower = [name.lower() for name in names]
    return lower.index(wanted.lower()) if wanted.lower() in lower else -1


def _places(source: Source, names: list[str], wanted: Sequence[str]) -> list[int]:
    places = [_place(names, name) for name in wanted]
    missing = [name for name, place in zip(wanted, places, strict=True) if place < 0]
    if missing:
        close = difflib.get_close_matches(missing[0], names, 1)
        meant = f"did you mean {close[0]}? " if close else ""
        raise BadInput(
            f"no column {' and no column '.join(missing)}", place=f"{source.shown}:1",
            value=", ".join(names)[:200], hint=f"{meant}the header must name {', '.join(wanted)}",
        )  # fmt: skip
    return places


def _picked(row: list[str], places: list[int], width: int, lines: int) -> Record | BadRow:
    if len(row) != width:
        over = f"; the row runs over {lines} lines: is a quote not closed?" if lines > 1 else ""
        return BadRow("wrong number of columns", value=str(len(row)), hint=f"{width}, as in the header{over}")
    return tuple(row[place] for place in places)


def _json_records(
    source: Source, wanted: Sequence[str], optional: Sequence[str]
) -> Iterator[tuple[int, Record | BadRow]]:
    with source.open() as text:
        for line, content in enumerate(text, 1):
            if not content.isspace():
                yield line, _json_record(content, wanted, optional)


def _json_record(content: str, wanted: Sequence[str], optional: Sequence[str]) -> Record | BadRow:
    try:
        # Numbers with a fraction stay text, so that no digit of a time stamp is lost.
        found = json.loads(content, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError) as error:
        return BadRow("not JSON", value=_short(content), hint=f"one object a line ({type(error).__name__})")
    if not isinstance(found, dict):
        return BadRow("not a JSON object", value=_short(content), hint="one object a line")
    values = [_lookup(found, name) for name in wanted]
    if None in values:
        missing, keys = wanted[values.index(None)], ", ".join(map(str, found))
        return BadRow(f"no value for {missing}", value=_short(content), hint=f"the keys here are {keys[:200]}")
    return tuple(values + [_lookup(found, name) for name in optional])


def _lookup(found: dict[str, Any], name: str) -> Any:
    """The value of a key, or of a path such as ``usage.input_tokens``; None when absent."""
    if name in found:
        return found[name]
    inner: Any = found
    for step in name.split("."):
        inner = inner.get(step) if isinstance(inner, dict) else None
    return inner


def _short(content: str) -> str:
    text = content.strip()
    return text if len(text) <= 60 else text[:57] + "..."
