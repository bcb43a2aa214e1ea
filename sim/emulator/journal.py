"""The durable log: one line for each request that was answered, written before its answer is sent.

A line is in the hands of the operating system when :meth:`Journal.write` returns, so killing the
process loses nothing that a client has seen (a power failure may). The first line says whose log it
is; lines with ``event`` say what was done to keys and budgets, so that a restart goes on where the
last run stopped.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import sim
from sim.errors import BadInput

FILE = "audit.jsonl"


class Row(NamedTuple):
    """One answered request. Times are virtual ns but for ``date_ns``; tokens; micro-dollars.

    The names of :data:`sim.results.columns.ATTEMPTS` mean the same here; ``request`` is -1 for a
    request that is in no plan. ``at_ns`` is when it had arrived, ``end_ns`` when it was answered.
    """

    request_id: str
    date_ns: int
    api: str
    account: str
    project: str
    key: str
    team: str
    model: str
    request: int
    attempt: int
    at_ns: int
    end_ns: int
    status: int
    refused_by: str
    retry_after_ns: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    cost_microusd: int
    stream: int
    fault: str
    user_agent: str


UNFINISHED = -1
"""The status of a stream that the server's end cut, as in :data:`sim.results.columns.STATUS_NONE`."""

_TEXTS = ("request_id", "api", "account", "project", "key", "team", "model", "refused_by", "fault", "user_agent")


@lru_cache(maxsize=4096)
def _words(*texts: str) -> str:
    """The part of a line that many requests have in common."""
    return ",".join(f'"{name}":{json.dumps(text)}' for name, text in zip(_TEXTS[1:], texts, strict=True))


def line_of(row: Row) -> bytes:
    """A row as one line of JSON. Its number is plain letters and digits."""
    (number, date, api, account, project, key, team, model, request, attempt, at, end, status, refuser, after,
     sent, cached, output, cost, stream, fault, agent) = row  # fmt: skip
    return (
        f'{{{_words(api, account, project, key, team, model, refuser, fault, agent)},"request_id":"{number}",'
        f'"date_ns":{date},"request":{request},"attempt":{attempt},"at_ns":{at},"end_ns":{end},"status":{status},'
        f'"retry_after_ns":{after},"input_tokens":{sent},"cached_tokens":{cached},"output_tokens":{output},'
        f'"cost_microusd":{cost},"stream":{stream}}}\n'
    ).encode()


class Journal:
    """A log in a folder. One server at a time: the file is locked while it is open."""

    def __init__(self, directory: Path, identity: Mapping[str, object]) -> None:
        """Open the log, or begin it. Raises BadInput when it is another scenario's, or in use."""
        directory.mkdir(parents=True, exist_ok=True)
        self.path = directory / FILE
        self._file = -1
        self.head: dict[str, Any] = {}
        self._open(identity)

    def _open(self, identity: Mapping[str, object]) -> None:
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._lock()
        self._mend()
        first = next(lines(self.path), None)
        if first is None:
            self.event({"keystorm": sim.__version__, **identity})
            first = {**identity}
        else:
            self._belongs(first, identity)
        self.head = first

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.close()
            hint = "end that server first, or name another folder with --data"
            raise BadInput("another server writes this log", value=str(self.path), hint=hint) from None

    def _mend(self) -> None:
        """Cut a last line that was not written to its end."""
        size = os.fstat(self._file).st_size
        back = min(size, 1 << 16)
        tail = os.pread(self._file, back, size - back)
        if tail and not tail.endswith(b"\n"):
            os.ftruncate(self._file, size - back + tail.rfind(b"\n") + 1)

    def _belongs(self, first: Mapping[str, Any], identity: Mapping[str, object]) -> None:
        differs = [name for name, value in identity.items() if name != "epoch_ns" and first.get(name) != value]
        if differs:
            self.close()
            found = ", ".join(f"{name} {first.get(name)!r}" for name in differs)
            hint = "start with --fresh (the old log is kept beside it), or name another folder with --data"
            raise BadInput("this log belongs to another server", place=str(self.path), value=found, hint=hint)

    def write(self, row: Row) -> None:
        """Add a row. Raises OSError when it can't be written."""
        os.write(self._file, line_of(row))

    def event(self, said: Mapping[str, object]) -> None:
        """Add a line that is no row."""
        os.write(self._file, json.dumps(said).encode() + b"\n")

    def restart(self, identity: Mapping[str, object]) -> Path:
        """Begin a new log; where the old one is now."""
        kept = put_aside(self.path)
        self.close()
        self._open(identity)
        return kept

    def close(self) -> None:
        """Let go of the file. Safe to call twice."""
        if self._file >= 0:
            os.close(self._file)
        self._file = -1


def put_aside(path: Path) -> Path:
    """Rename a log to ``audit-N.jsonl``; its new name."""
    at = 1
    while (kept := path.with_name(f"{path.stem}-{at}{path.suffix}")).exists():
        at += 1
    path.rename(kept)
    return kept


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """Every whole line of a log as it was said. Raises BadInput for a line that keystorm did not write."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                return
            try:
                found = json.loads(line)
            except ValueError:
                found = None
            if not isinstance(found, dict):
                hint = "remove the line, or start with --fresh"
                raise BadInput("not a line of an audit log", place=f"{path}:{number}", value=repr(line[:80]), hint=hint)
            yield found


def rows(path: Path) -> Iterator[Row]:
    """Every answered request of a log, in the order in which they were answered."""
    for said in lines(path):
        if "request_id" in said and "event" not in said:
            yield Row(**said)
