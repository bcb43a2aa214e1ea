"""Opens logs: plain or packed files (gzip, Zstandard, bzip2, xz), in UTF-8 or, with its mark, UTF-16."""

from __future__ import annotations

import bz2
import codecs
import difflib
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TextIO, cast

from sim.errors import BadInput

HEAD = 1 << 16
"""Characters from the start of a log that detection looks at."""

PARQUET = b"PAR1"
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def _zstandard(path: Path, _: str) -> IO[bytes]:
    import pyarrow as pa

    return cast(IO[bytes], pa.input_stream(str(path), compression="zstd"))


_PACKED: dict[bytes, tuple[str, Callable[[Path, Any], Any]]] = {
    b"\x1f\x8b": ("gzip", gzip.open),
    b"\x28\xb5\x2f\xfd": ("Zstandard", _zstandard),
    b"BZh": ("bzip2", bz2.open),
    b"\xfd7zX": ("xz", lzma.open),
}
_ZIP = b"PK\x03\x04"


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
        with self.guarded():
            self.check()
            with self._unpacked() as raw:
                start = raw.peek(2)[:2]
                encoding = "utf-16" if start in _UTF16 else "utf-8-sig"
                text = io.TextIOWrapper(raw, encoding, errors="replace", newline="")
                yield text
                text.detach()

    def _unpacked(self) -> io.BufferedReader:
        start = magic(self.path)
        for mark, (_, opener) in _PACKED.items():
            if start.startswith(mark):
                return io.BufferedReader(opener(self.path, "rb"), 1 << 17)
        return io.BufferedReader(io.FileIO(self.path), 1 << 17)

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Turns what goes wrong while reading into BadInput."""
        try:
            yield
        except (EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError) as error:
            raise self._damaged(str(error)) from error
        except OSError as error:
            # Damage is told without a number by bz2 and Arrow; trouble with the file has one.
            if error.errno is None:
                raise self._damaged(str(error)) from error
            hint = "check that this file may be read"
            value = error.strerror or str(error)
            raise BadInput("can't read this file", place=self.shown, value=value, hint=hint) from error

    def _damaged(self, value: str) -> BadInput:
        names = [name for mark, (name, _) in _PACKED.items() if magic(self.path).startswith(mark)]
        kind = names[0] if names else "packed"
        hint = "the file is damaged or cut short: fetch it again"
        return BadInput(f"can't unpack this {kind} file", place=self.shown, value=value, hint=hint)

    def check(self) -> None:
        """Raise BadInput unless there is a file that may hold a log."""
        if not self.path.exists():
            raise BadInput("no such file", place=self.shown, hint=_near(self.path))
        if self.path.is_dir():
            raise BadInput("this is a folder", place=self.shown, hint="name one log file in it")
        if magic(self.path).startswith(_ZIP):
            hint = "unpack it first; plain text, gzip, Zstandard, bzip2 and xz can be read as they are"
            raise BadInput("this is a zip file", place=self.shown, hint=hint)

    @property
    def is_parquet(self) -> bool:
        """Whether the file is a Parquet table."""
        self.check()
        with self.guarded():
            return magic(self.path) == PARQUET

    def head(self) -> str:
        """The first :data:`HEAD` characters."""
        with self.open() as text:
            return text.read(HEAD)

    def first_line(self) -> str:
        """The first line that is not blank. Raises BadInput when there is none."""
        with self.open() as text:
            for line in text:
                if line.strip():
                    return line.rstrip("\r\n")
        raise BadInput("the file is empty", place=self.shown, hint="a log with at least one request")


def magic(path: Path) -> bytes:
    """The first four bytes."""
    with path.open("rb") as file:
        return file.read(4)


def _near(path: Path) -> str:
    names = [found.name for found in path.parent.iterdir()] if path.parent.is_dir() else []
    close = difflib.get_close_matches(path.name, names, 1)
    if close:
        return f"did you mean {close[0]}?"
    return f"a path relative to the scenario's folder; looked for {path}"
