"""Connections to one target: as many as there are requests in flight, each used again, none waited for.

Built on geventhttpclient, with three of its habits changed, each of which was seen to spoil a measurement:
its pool has a bound at which requests queue unseen, its test of whether an idle connection lives fails from
file descriptor 1024 on, so that connections double, and it asks the resolver for each new connection.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import gevent
from gevent import monkey, socket
from gevent.pool import Pool
from geventhttpclient.connectionpool import ConnectionPool, SSLConnectionPool

IDLE_S = 4.0
"""By default an idle connection is not used again after so long: many servers close theirs after five seconds."""
_poll: Callable[[], Any] = monkey.get_original("select", "poll") if hasattr(select, "poll") else select.poll


class Connections:
    """The connections of one process to one target, without TLS or with it."""

    def __init__(self, base_url: str, idle_s: float = IDLE_S) -> None:
        said = urlsplit(base_url)
        self.host = said.hostname or ""
        tls = said.scheme == "https"
        self.port = said.port or (443 if tls else 80)
        kind: Any = _Encrypted if tls else _Plain
        self._pool = kind(self.host, self.port, self.host, self.port)
        self._pool.connection_timeout = self._pool.network_timeout = None
        self._pool.addresses = []
        self._idle: list[tuple[float, Any]] = []
        self._idle_s = idle_s
        self.opened = self.in_flight = self.peak = self.starved = 0

    def resolve(self) -> None:
        """Find the target's addresses, once. Raises OSError."""
        self._pool.addresses = [ConnectionPool._resolve(self._pool)[0]]

    def prewarm(self, count: int) -> None:
        """Open connections ahead of the first request."""
        opening = Pool(64)
        for made in [opening.spawn(self._open) for _ in range(count)]:
            self._idle.append((time.monotonic(), made.get()))

    def take(self) -> Any:
        """A connection for one request. Raises OSError when it can't be had."""
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        now = time.monotonic()
        while self._idle:
            since, found = self._idle.pop()
            if now - since <= self._idle_s and _lives(found):
                return found
            found.close()
        try:
            return self._open()
        except OSError as error:
            self.in_flight -= 1
            self.starved += error.errno in _OURS
            raise
        except gevent.GreenletExit:
            self.in_flight -= 1
            raise

    def _open(self) -> Any:
        made = self._pool._create_socket()
        self.opened += 1
        return made

    # What geventhttpclient's responses call when they have been read, or were not

    def return_socket(self, used: Any) -> None:
        """The answer was read to its end."""
        self.in_flight -= 1
        self._idle.append((time.monotonic(), used))

    def release_socket(self, used: Any) -> None:
        """The connection is of no more use."""
        self.in_flight -= 1
        used.close()

    def close(self) -> None:
        """Close what is idle."""
        for _, one in self._idle:
            one.close()
        self._idle.clear()


class _Plain(ConnectionPool):
    addresses: list[Any]

    def _resolve(self) -> Any:
        return self.addresses

    def after_connect(self, sock: Any) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class _Encrypted(SSLConnectionPool):
    addresses: list[Any]

    def _resolve(self) -> Any:
        return self.addresses


def _lives(one: Any) -> bool:
    """Whether an idle connection can be used: nothing has come on it, not even its end."""
    descriptor = one.fileno()
    if descriptor < 0:
        return False
    asked = _poll()
    asked.register(descriptor, select.POLLIN)
    return not asked.poll(0)


def _errors() -> frozenset[int]:
    import errno

    return frozenset((errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS, errno.ENOMEM))


_OURS = _errors()
"""Errors that say that this machine has no more connections to give, not that the target refused one."""
