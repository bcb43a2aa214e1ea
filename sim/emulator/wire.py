"""What only a real connection can do: uvicorn's protocol, with a way to its connection for those who answer.

ASGI itself can neither reset a connection nor wait for "the client left, or it is time", and checks
every header of every answer. :class:`Line` does these three on the connection that uvicorn keeps;
all that it knows about uvicorn's insides stands in this module.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from contextlib import suppress
from typing import Any

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

LINE = "keystorm.line"
"""Where a scope has its :class:`Line`."""
MAX_HEAD = 64 * 1024
"""Bytes of a request line and its headers; beyond it comes a 431."""
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_LINGER_NOT = struct.pack("ii", 1, 0)


class Gone(Exception):
    """The client hung up."""


_made: tuple[Any, bytes] = (None, b"")


def _common(headers: Any) -> bytes:
    """The headers that uvicorn adds to every answer (the date), which it makes anew every second."""
    global _made
    if _made[0] is not headers:
        _made = headers, b"".join(b"%b: %b\r\n" % pair for pair in headers)
    return _made[1]


class Line:
    """One request's connection. ``cycle`` is uvicorn's record of the request."""

    __slots__ = ("_chunked", "_cycle", "_loop", "_waiting", "before")

    def __init__(self, cycle: Any, loop: asyncio.AbstractEventLoop, before: Line | None) -> None:
        """``before`` is the line of the connection's last request, which a pipelined one may have overtaken."""
        self._cycle, self._loop = cycle, loop
        self.before = None if before is None or before.is_over else before
        self._chunked = False
        self._waiting: asyncio.Future[None] | None = None

    async def body(self, most: int) -> bytes:
        """The whole body, or so much of it that it exceeds ``most`` bytes. Raises Gone when the client hangs up."""
        cycle = self._cycle
        if not cycle.more_body and not cycle.disconnected and not cycle.waiting_for_100_continue:
            whole = bytes(cycle.body)
            cycle.body = bytearray()
            cycle.message_event.clear()
            return whole
        parts, size, more = [], 0, True
        while more and size <= most:
            message = await cycle.receive()
            if message["type"] == "http.disconnect":
                raise Gone
            parts.append(message["body"])
            size, more = size + len(message["body"]), message["more_body"]
        return b"".join(parts)

    @property
    def is_over(self) -> bool:
        """Whether its answer is complete."""
        return bool(self._cycle.response_complete)

    async def wait(self, due: float | None) -> None:
        """Wait until the loop's clock shows ``due``, or until :meth:`wake`. Raises Gone when the client hangs up."""
        cycle = self._cycle
        if not cycle.disconnected:
            self._waiting = self._loop.create_future()
            handle = None if due is None else self._loop.call_at(due, self.wake)
            try:
                await self._waiting
            finally:
                self._waiting = None
                if handle is not None:
                    handle.cancel()
        if cycle.disconnected:
            raise Gone

    def wake(self) -> None:
        """End a wait: the time has come, or the connection is lost."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    async def reply(self, status: int, head: str, body: bytes) -> None:
        """Send a whole answer in one piece. ``head`` is header lines, each with its line end."""
        if await self._writable():
            text = f"{head}content-length: {len(body)}\r\n"
            self._write(status, text, b"" if self._cycle.scope["method"] == "HEAD" else body)
            self._ended()

    async def start(self, status: int, head: str, length: int | None = None) -> None:
        """Begin an answer of a known length, or of an unknown one, which is sent in chunks."""
        if await self._writable():
            self._chunked = length is None and self._cycle.scope["http_version"] == "1.1"
            if length is None and not self._chunked:
                self._cycle.keep_alive = False
            ending = "transfer-encoding: chunked\r\n" if self._chunked else f"content-length: {length}\r\n"
            self._write(status, head if length is None and not self._chunked else head + ending, b"")

    async def part(self, data: bytes) -> None:
        """Send a part of an answer that was begun."""
        if data and await self._writable():
            self._cycle.transport.write(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)

    async def end(self) -> None:
        """End an answer that was begun."""
        if await self._writable():
            if self._chunked:
                self._cycle.transport.write(b"0\r\n\r\n")
            self._ended()

    async def _writable(self) -> bool:
        """Wait until the client has read most of what was sent; whether it is still there."""
        cycle = self._cycle
        if cycle.flow.write_paused and not cycle.disconnected:
            await cycle.flow.drain()
        return not cycle.disconnected

    def _write(self, status: int, head: str, body: bytes) -> None:
        cycle = self._cycle
        cycle.response_started, cycle.waiting_for_100_continue = True, False
        if "\nconnection: close" in head:
            cycle.keep_alive = False
        elif not cycle.keep_alive:
            head += "connection: close\r\n"
        dated = _common(cycle.default_headers)
        cycle.transport.write(b"".join((STATUS_LINE[status], dated, head.encode("latin-1", "replace"), b"\r\n", body)))

    def _ended(self) -> None:
        cycle = self._cycle
        cycle.response_complete = True
        cycle.message_event.set()
        if not cycle.keep_alive:
            cycle.transport.close()
        cycle.on_response()

    async def reset(self) -> None:
        """Reset the connection: the client sees ECONNRESET, not an end of the stream."""
        transport = self._cycle.transport
        descriptor = os.dup(transport.get_extra_info("socket").fileno())
        with socket.socket(fileno=descriptor) as same:
            same.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        transport.abort()
        await self._left()

    async def close(self) -> None:
        """Send what was written and close, whatever was promised."""
        self._cycle.transport.close()
        await self._left()

    async def _left(self) -> None:
        """Wait until the connection has ended: then uvicorn does not miss the rest of the answer."""
        with suppress(Gone):
            while True:
                await self.wait(None)


class Protocol(HttpToolsProtocol):
    """uvicorn's own, which gives each request its line and refuses endless headers."""

    _head = 0
    _in_head = False
    _line: Line | None = None

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._in_head, self._head = True, 0

    def on_headers_complete(self) -> None:
        """Its headers are whole; its task is made, and has not run yet."""
        self._in_head = False
        super().on_headers_complete()
        self._line = Line(self.cycle, self.loop, self._line)
        self.scope[LINE] = self._line  # type: ignore[literal-required]

    def connection_lost(self, exc: Exception | None) -> None:
        """The client left, or the connection broke: who waits is told."""
        super().connection_lost(exc)
        line = self._line
        while line is not None:
            line.wake()
            line = line.before

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def data_received(self, data: bytes) -> None:
        """Bytes came in."""
        super().data_received(data)
        if self._in_head:
            self._head += len(data)
            if self._head > MAX_HEAD and not self.transport.is_closing():
                self.transport.write(_TOO_LARGE)
                self.transport.close()


def line_of(scope: Scope) -> Line:
    """The line of a request, which is given away once: a line in its own scope is a cycle for the collector to find."""
    found: Line = scope.pop(LINE)
    return found
