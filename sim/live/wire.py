"""One attempt over HTTP: bytes out, an answer back, or a connection that the client leaves."""

from __future__ import annotations

from typing import Any

import gevent
from geventhttpclient.response import HTTPParseError, HTTPSocketPoolResponse

from sim.live import hearing
from sim.live.clients import Answer
from sim.live.connections import Connections
from sim.results.columns import STATUS_CONNECTION

BLOCK = 1 << 16
BROKEN = Answer(STATUS_CONNECTION)


class HungUp(gevent.GreenletExit):  # type: ignore[misc]
    """The client does not wait for this attempt any more."""


class Wire:
    """Sends attempts to one target. ``seconds`` are virtual ns a second of its ``retry-after``."""

    def __init__(self, connections: Connections, seconds: int, *, stream: bool, emulated: bool) -> None:
        self.connections, self._seconds, self._stream, self._emulated = connections, seconds, stream, emulated

    def connect(self) -> Any:
        """A connection for one attempt. Raises OSError."""
        return self.connections.take()

    def exchange(self, connection: Any, request: bytes) -> Answer:
        """Send a request over a connection that was taken for it, and hear the answer to its end.

        A greenlet that is killed meanwhile closes the connection: the target sees its client leave.
        """
        try:
            connection.sendall(request)
        except BaseException as error:
            self.connections.release_socket(connection)
            if isinstance(error, OSError):
                return BROKEN
            raise
        try:
            pool: Any = self.connections
            response = HTTPSocketPoolResponse(connection, pool, block_size=BLOCK, method="POST")
            try:
                body = response.read()
                complete = response.message_complete
            finally:
                response.release()
        except (OSError, HTTPParseError):
            return BROKEN
        return self._heard(response, bytes(body)) if complete else BROKEN

    def _heard(self, response: Any, body: bytes) -> Answer:
        status = response.status_code
        if status != 200:
            return hearing.refusal(status, response.get, body, self._seconds, emulated=self._emulated)
        return hearing.streamed(body) if self._stream else hearing.whole(body)
