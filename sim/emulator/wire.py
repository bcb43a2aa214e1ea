"""What only a real connection can do: uvicorn's protocol with a way to its transport, and a bound on headers."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable
from typing import Any

from starlette.types import Receive, Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

TRANSPORT = "keystorm.transport"
"""Where a scope has its connection's transport."""
MAX_HEAD = 64 * 1024
"""Bytes of a request line and its headers; beyond it comes a 431."""
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_LINGER_NOT = struct.pack("ii", 1, 0)


class Protocol(HttpToolsProtocol):
    """uvicorn's own, which hands its transport to the application and refuses endless headers."""

    _head = 0
    _in_head = False

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self.scope[TRANSPORT] = self.transport  # type: ignore[literal-required]
        self._in_head, self._head = True, 0

    def on_headers_complete(self) -> None:
        """Its headers are whole."""
        self._in_head = False
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Bytes came in."""
        super().data_received(data)
        if self._in_head:
            self._head += len(data)
            if self._head > MAX_HEAD and not self.transport.is_closing():
                self.transport.write(_TOO_LARGE)
                self.transport.close()


def reset(scope: Scope) -> None:
    """Reset the connection: the client sees ECONNRESET, not an end of the stream."""
    transport: Any = scope[TRANSPORT]
    descriptor = os.dup(transport.get_extra_info("socket").fileno())
    with socket.socket(fileno=descriptor) as same:
        same.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    transport.abort()


async def hang_up(scope: Scope, receive: Receive, how: Callable[[Scope], None]) -> None:
    """End the connection, and wait until it has ended: then uvicorn does not miss the rest of the answer."""
    how(scope)
    while (await receive())["type"] != "http.disconnect":
        pass


def close(scope: Scope) -> None:
    """Send what was written and close, whatever was promised."""
    scope[TRANSPORT].close()
