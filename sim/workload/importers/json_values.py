"""The JSON values of a log, one after another in bounded memory, with the line on which each starts.

Three forms are told apart by the start of the file: one object a line (a broken line then costs that
line only), one large array, and objects that run over several lines.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, TextIO

from sim.errors import BadInput, BadRow
from sim.workload.importers.fields import DECODER
from sim.workload.importers.source import Source

Place = int | str
"""A line, or a line with the way inside its value: ``7, data[3]``."""

MOST = 1 << 28
"""Characters of the largest single value: more is an array that has to be unpacked first."""

_CHUNK = 1 << 20
_SPACE, _COMMAS = re.compile(r"\s*"), re.compile(r"[\s,]*")


def values(source: Source, unwrap: Sequence[str] = ()) -> Iterator[tuple[Place, dict[str, Any] | BadRow]]:
    """Every object of the file. One that has a list under a name of ``unwrap`` gives that list's objects."""
    for line, found in _values(source):
        yield from _objects(line, found, unwrap)


def _objects(place: Place, found: Any, unwrap: Sequence[str]) -> Iterator[tuple[Place, dict[str, Any] | BadRow]]:
    if isinstance(found, BadRow):
        yield place, found
    elif not isinstance(found, dict):
        yield place, BadRow("not a JSON object", value=short(json.dumps(found)), hint="one object a line")
    else:
        name = next((each for each in unwrap if isinstance(found.get(each), list)), None)
        if name is None:
            yield place, found
            return
        for at, each in enumerate(found[name]):
            yield from _objects(f"{place}, {name}[{at}]", each, ())


def _values(source: Source) -> Iterator[tuple[int, Any]]:
    with source.open() as text:
        opening = _opening(text)
        if not opening.strip():
            raise BadInput("the file is empty", place=source.shown, hint="a log with at least one request")
        again = _Again(opening, text)
        if opening.lstrip().startswith("[") or not _one_a_line(opening):
            yield from _stream(again, source.shown)
        else:
            yield from _lines(again)


def _opening(text: TextIO) -> str:
    """The first lines, up to the second that is not blank."""
    lines: list[str] = []
    for line in text:
        lines.append(line)
        if sum(1 for each in lines if each.strip()) == 2:
            break
    return "".join(lines)


class _Again:
    """A text whose first characters were read already."""

    def __init__(self, opening: str, rest: TextIO) -> None:
        self._opening, self._rest = opening, rest

    def __iter__(self) -> Iterator[str]:
        yield from self._opening.splitlines(keepends=True) if "\n" in self._opening else [self._opening]
        yield from self._rest

    def read(self, size: int) -> str:
        """At least one character, about ``size``; empty at the end."""
        found, self._opening = self._opening, ""
        return found or self._rest.read(size)


def _one_a_line(opening: str) -> bool:
    """Whether each line is a value: the first is one or at least ends as one, or the second starts as one."""
    first, _, second = opening.strip().partition("\n")
    return first.rstrip().endswith("}") or second.startswith("{") or not second


def _lines(text: _Again) -> Iterator[tuple[int, Any]]:
    for line, content in enumerate(text, 1):
        if content and not content.isspace():
            yield line, parsed(content)


def parsed(content: str) -> Any:
    """The value of one line, or BadRow. Numbers with a fraction stay text: no digit of a stamp is lost."""
    try:
        return DECODER.decode(content)
    except (ValueError, RecursionError) as error:
        return BadRow("not JSON", value=short(content), hint=f"one object a line ({type(error).__name__})")


def _stream(text: _Again, shown: str) -> Iterator[tuple[int, Any]]:
    """Values out of an array, or one after another; what follows a broken one can't be told apart."""
    feed = _Feed(text)
    inside = feed.next() == "["
    feed.to(feed.at + inside)
    feed.between = _COMMAS if inside else _SPACE
    while feed.next() not in ("", "]" if inside else ""):
        line, value = feed.line, _one(feed, shown)
        yield line, value
        if isinstance(value, BadRow):
            return
    if inside and not feed.next():
        yield feed.line, BadRow("the array is not closed", hint="is the file cut short?")


class _Feed:
    """A text with a place in it; holds little more than the value at that place."""

    def __init__(self, text: _Again) -> None:
        self._text, self.buffer, self.at, self.line = text, "", 0, 1
        self.between = _SPACE

    def more(self) -> bool:
        """Read on; False at the end of the text."""
        piece = self._text.read(max(_CHUNK, len(self.buffer) - self.at))
        self.buffer, self.at = self.buffer[self.at :] + piece, 0
        return bool(piece)

    def to(self, end: int) -> None:
        """Move on."""
        self.line += self.buffer.count("\n", self.at, end)
        self.at = end

    def next(self) -> str:
        """The first character of what comes next; empty at the end."""
        while True:
            space = self.between.match(self.buffer, self.at)
            self.to(space.end() if space else self.at)
            if self.at < len(self.buffer):
                return self.buffer[self.at]
            if not self.more():
                return ""


def _one(feed: _Feed, shown: str) -> Any:
    """The value at the feed's place, or BadRow; moves behind it."""
    while True:
        try:
            value, end = DECODER.raw_decode(feed.buffer, feed.at)
        except (ValueError, RecursionError) as error:
            if len(feed.buffer) - feed.at > MOST:
                hint = "unpack it: jq -c '.[]' or jq -c '.data[]' writes one object a line"
                raise BadInput(f"one JSON value of more than {MOST >> 20} MB", place=shown, hint=hint) from None
            if not _hopeless(error, feed.buffer) and feed.more():
                continue
            hint = "nothing after this place could be read: is the file cut short?"
            return BadRow("not JSON from here on", value=short(feed.buffer[feed.at : feed.at + 80]), hint=hint)
        if end == len(feed.buffer) and not isinstance(value, (dict, list)) and feed.more():
            continue  # a number may go on
        feed.to(end)
        return value


def _hopeless(error: Exception, buffer: str) -> bool:
    """Whether more text can't help: the fault is not near the end, and no open string reaches there."""
    if not isinstance(error, json.JSONDecodeError):
        return True
    return len(buffer) - error.pos > 200 and not error.msg.startswith("Unterminated string")


def lookup(found: dict[str, Any], name: str) -> Any:
    """The value of a key, or of a path such as ``usage.input_tokens``; None when absent."""
    if name in found:
        return found[name]
    if "." not in name:
        return None
    inner: Any = found
    for step in name.split("."):
        inner = inner.get(step) if isinstance(inner, dict) else None
    return inner


def short(content: str) -> str:
    """At most sixty characters of what was found."""
    text = content.strip()
    return text if len(text) <= 60 else text[:57] + "..."
