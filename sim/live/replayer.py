"""One process's part of a run: a dispatcher that sends each row of the plan at its time, whatever is under way.

Open loop: a request leaves when it is due, not when an earlier one has come back. The dispatcher is one
greenlet; each attempt is one more, from its first byte to its answer.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import gevent
import numpy as np

from sim.clock import Clock
from sim.collector import settle
from sim.live.asking import Asking
from sim.live.clients import Answer, Clients, Ended, Send
from sim.live.connections import IDLE_S, Connections
from sim.live.gates import Worker
from sim.live.guard import Guard, Unbounded
from sim.live.parts import SENT, Part
from sim.live.schedule import I64
from sim.live.share import Share, expected_in_flight
from sim.live.timer import Alarm
from sim.live.wire import BROKEN, HungUp, Wire
from sim.results.columns import STATUS_CONNECTION, STATUS_TIMEOUT
from sim.units import MICRO, SECOND

PREWARMED, PREWARMED_ELSEWHERE = 4096, 64
"""Connections that are opened ahead at most: to the emulator, and to somebody else's server."""
EMULATOR_IDLE_S = 60.0
SOON_S = 1e-6
"""Long enough for the event loop to look what has come meanwhile, which it does not do for a sleep of 0."""


class Replayer:
    """Sends the rows ``kept`` of a plan; :meth:`prepare`, :meth:`run`, then :meth:`part`."""

    def __init__(
        self, share: Share, kept: I64, environment: Mapping[str, str], number: int = 0, guard: Guard | None = None
    ) -> None:
        """Raises BadInput when a key has no secret."""
        order = share.order
        self.number, self._share, self._kept = number, share, kept
        self._guard: Guard = guard or Unbounded()
        self._bounded = not isinstance(self._guard, Unbounded)
        self.clock = Clock(order.factor)
        self.clients = Clients(share.setting, share.plan, kept, self._send, self._ended)
        self._asking = Asking(order, share.setting, share.secrets(environment))
        emulated = order.control_url is not None
        self.connections = Connections(order.base_url, EMULATOR_IDLE_S if emulated else IDLE_S)
        # An emulator asks for virtual seconds, everybody else for real ones.
        seconds = SECOND if order.plan_header else int(SECOND * order.factor)
        self._wire = Wire(self.connections, seconds, stream=order.stream, emulated=emulated)
        self._under_way: dict[tuple[int, int], Any] = {}
        self._sent: list[tuple[int, int, int, int]] = []
        self._heard: list[tuple[int, int, Answer, int]] = []
        self._alarm = Alarm()
        self._cpu = _Cpu()
        self.stop_reason = ""
        self.clock_offset_ns = 0

    # Before

    def prepare(self) -> None:
        """Find the target and open connections. Raises OSError."""
        raise_file_limit()
        self.connections.resolve()
        share = self._share
        wanted = expected_in_flight(share.setting, share.plan, self._kept)
        self.connections.prewarm(min(wanted, PREWARMED if share.order.control_url is not None else PREWARMED_ELSEWHERE))
        gc.collect()
        settle()

    # The run

    def run(self, start_unix_ns: int) -> None:
        """Send everything from virtual time 0 on, which is at this wall time; returns at the end of the drain."""
        self.clock.start(start_unix_ns)
        gevent.sleep(max(0.0, self.clock.due(0) - time.monotonic() - 0.005))
        measuring = gevent.spawn(self._cpu.run)
        try:
            self._dispatch()
        finally:
            self._cpu.stop()
            measuring.kill(block=False)
            for one in list(self._under_way.values()):
                one.kill(HungUp, block=False)
            gevent.sleep(0)
            self.connections.close()
            self._alarm.close()

    def stop(self, reason: str) -> None:
        """Send nothing more; what is under way is waited for."""
        self.stop_reason = self.stop_reason or reason
        self.clients.held = True
        self._alarm.ring()

    def _dispatch(self) -> None:
        clients, clock = self.clients, self.clock
        while True:
            self._hear()
            now = clock.now()
            clients.advance(now)
            if now >= clients.horizon or (clients.held and not self._under_way) or clients.idle:
                return
            self._alarm.wait_until(clock.due(min(clients.next_at(), clients.horizon)))

    def _send(self, one: Send) -> bool:
        if self._bounded and not self._guard.may_send(self.clients.most(one) / MICRO):
            self.stop_reason = self._guard.reason or "guard"
            return False
        self._under_way[one.row, one.number] = gevent.spawn(self._attempt, one)
        gevent.sleep(SOON_S)  # it leaves now, and not when all that are due with it have been thought about
        return True

    def _attempt(self, one: Send) -> None:
        request = self._asking.bytes_of(one)
        try:
            connection = self._wire.connect()
            self._sent.append((one.request.number, one.number, one.at, self.clock.now()))
            answer = self._wire.exchange(connection, request)
        except OSError:
            answer = BROKEN
        self._under_way.pop((one.row, one.number), None)
        self._heard.append((one.row, one.number, answer, self.clock.now()))
        self._alarm.ring()

    def _hear(self) -> None:
        """Hand over the answers that came at once, at one time: then ties have the order of every engine.

        libev tells the last of them first, so a herd that is refused together would come back in reverse.
        """
        heard, self._heard = self._heard, []
        now = min((at for *_, at in heard), default=0)
        for row, number, answer, _ in heard:
            self.clients.answered(row, number, answer, now)

    def _ended(self, one: Ended) -> None:
        if one.status == STATUS_TIMEOUT:
            left = self._under_way.pop((one.row, one.number), None)
            if left is not None:
                left.kill(HungUp, block=False)
        if not self._bounded:
            return
        most = self.clients.most(one)
        # What a lost answer will be billed nobody here knows: the most that it can be.
        lost = one.status in (STATUS_TIMEOUT, STATUS_CONNECTION)
        self._guard.settle(most / MICRO, (most if lost else one.cost) / MICRO)

    # After

    def part(self) -> Part:
        """What happened."""
        result = self.clients.close()
        connections, clients = self.connections, self.clients
        worker = Worker(
            self.number, clients.due, clients.started, len(self._sent), self._cpu.mean, self._cpu.peak,
            connections.opened, connections.peak, connections.starved, self.clock_offset_ns,
        )  # fmt: skip
        sent = np.array(self._sent, np.int64).reshape(-1, SENT)
        return Part(worker, result, tuple(clients.names), sent, self.stop_reason)


class _Cpu:
    """How much of a core this process uses, second by second."""

    def __init__(self) -> None:
        self.mean = self.peak = 0.0
        self._start = self._last = (0.0, 0.0)

    def run(self) -> None:
        self._start = self._last = _spent()
        while True:
            gevent.sleep(1.0)
            self._look()

    def _look(self) -> None:
        now = _spent()
        self.peak = max(self.peak, _share(self._last, now))
        self._last = now

    def stop(self) -> None:
        self.mean = _share(self._start, _spent())
        self.peak = max(self.peak, self.mean)


def _spent() -> tuple[float, float]:
    times = os.times()
    return time.monotonic(), times.user + times.system


def _share(before: tuple[float, float], after: tuple[float, float]) -> float:
    elapsed = after[0] - before[0]
    return (after[1] - before[1]) / elapsed if elapsed > 0 else 0.0


def raise_file_limit() -> None:
    """As many connections as the system lets this process have."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
