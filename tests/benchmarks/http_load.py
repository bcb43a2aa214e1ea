"""A closed loop of keep-alive connections over loopback, and what a server process spent on it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil


@dataclass
class Load:
    """So many requests in all; statuses as they came."""

    request: bytes
    left: int
    statuses: Counter[int] = field(default_factory=Counter)
    done: asyncio.Event = field(default_factory=asyncio.Event)
    under_way: int = 0

    def next(self) -> bytes | None:
        """The next request to send; None when all are sent."""
        if self.left <= 0:
            return None
        self.left -= 1
        self.under_way += 1
        return self.request

    def answered(self, status: int) -> None:
        """Count an answer."""
        self.statuses[status] += 1
        self.under_way -= 1
        if self.left <= 0 and self.under_way == 0:
            self.done.set()


class _Caller(asyncio.Protocol):
    """One connection: sends, reads to the end of the answer (by its content-length), sends again."""

    def __init__(self, load: Load) -> None:
        self._load, self._buffer = load, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = transport
        self._send()

    def _send(self) -> None:
        said = self._load.next()
        if said is None:
            self._transport.close()
        else:
            self._transport.write(said)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        """Take part of an answer."""
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        at = self._buffer.find(b"content-length: ") + 16
        size = int(self._buffer[at : self._buffer.find(b"\r", at)])
        if len(self._buffer) >= end + 4 + size:
            status, self._buffer = int(self._buffer[9:12]), b""
            self._load.answered(status)
            self._send()


def request_bytes(path: str, body: object, headers: dict[str, str]) -> bytes:
    """A POST as it goes over the wire."""
    said = json.dumps(body).encode()
    lines = [f"POST {path} HTTP/1.1", "host: 127.0.0.1", *(f"{name}: {value}" for name, value in headers.items()),
             "content-type: application/json", f"content-length: {len(said)}", "", ""]  # fmt: skip
    return "\r\n".join(lines).encode() + said


def drive(port: int, request: bytes, count: int, connections: int) -> Counter[int]:
    """Send so many requests over so many connections; how often each status came."""

    async def all_of_them() -> Counter[int]:
        load, loop = Load(request, count), asyncio.get_running_loop()
        for _ in range(connections):
            await loop.create_connection(lambda: _Caller(load), "127.0.0.1", port)
        await asyncio.wait_for(load.done.wait(), 300)
        return load.statuses

    return asyncio.run(all_of_them())


@contextmanager
def server(*command: str) -> Iterator[tuple[int, dict[str, object]]]:
    """A server in a process of its own that prints one line of JSON when it listens: (process id, the line)."""
    running = subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, text=True)
    try:
        assert running.stdout is not None
        yield running.pid, json.loads(running.stdout.readline())
    finally:
        running.terminate()
        running.wait(20)
        if running.stdout is not None:
            running.stdout.close()


def cpu_of(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def memory_of(pid: int) -> int:
    """Bytes that a process holds."""
    return int(psutil.Process(pid).memory_info().rss)


def cost(pid: int, port: int, request: bytes, count: int, connections: int) -> tuple[float, float, Counter[int]]:
    """(microseconds of the server's CPU a request, requests a second, statuses)."""
    before, start = cpu_of(pid), time.perf_counter()
    statuses = drive(port, request, count, connections)
    return (cpu_of(pid) - before) / count * 1e6, count / (time.perf_counter() - start), statuses
