"""A provider for the client door that is the simulation itself: it answers each attempt as the engine's log has it."""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np

from sim.engine.tables import LOG, RunResult
from sim.engine.world import Setting
from sim.live.clients import Answer, Clients, Ended, Send, Usage
from sim.policy.bucket import NEVER
from sim.results.columns import STATUS_CONNECTION, STATUS_NONE, STATUS_OK, STATUS_TIMEOUT
from sim.scenario.plan import Plan


class Mirror:
    """Feeds a log back; virtual time jumps from event to event."""

    def __init__(self, setting: Setting, plan: Plan, result: RunResult, kept: Any = None) -> None:
        self.lines = {(int(row[0]), int(row[1])): dict(zip(LOG, map(int, row), strict=True)) for row in result.log}
        self.refusers = setting.refusers
        self.answers: list[tuple[int, int, int, int]] = []
        self.strange: list[Send] = []
        self.asked: list[tuple[int, int, int]] = []
        self.hung_up: set[tuple[int, int]] = set()
        rows = np.arange(len(plan)) if kept is None else kept
        self.clients = Clients(setting, plan, rows, self._send, self._ended)

    def _send(self, one: Send) -> bool:
        number = one.request.number
        line = self.lines.get((number, one.number))
        if line is None or line["at"] != one.at or line["model"] != one.model:
            self.strange.append(one)
            return True
        self.asked.append((number, one.number, one.at))
        if line["status"] not in (STATUS_TIMEOUT, STATUS_NONE):
            heapq.heappush(self.answers, (line["end"], number, one.row, one.number))
        return True

    def _ended(self, one: Ended) -> None:
        if one.status == STATUS_TIMEOUT:
            self.hung_up.add((int(self.clients.kept[one.row]), one.number))

    def run(self) -> RunResult:
        """Everything up to the horizon."""
        clients = self.clients
        while True:
            at = min(clients.next_at(), self.answers[0][0] if self.answers else NEVER)
            if at == NEVER or at > clients.horizon:
                return clients.close()
            # What is planned before an instant happens first; at it, answers are events among the others.
            clients.advance(at - 1)
            while self.answers and self.answers[0][0] == at:
                _, number, row, attempt = heapq.heappop(self.answers)
                clients.answered(row, attempt, self._answer(number, attempt), at)
            clients.advance(at)

    def _answer(self, number: int, attempt: int) -> Answer:
        line = self.lines[number, attempt]
        status, code = line["status"], line["refused_by"]
        usage = None
        if status == STATUS_OK:
            q = self.clients.world.requests[int(np.searchsorted(self.clients.kept, number))]
            usage = Usage(q.uncached, q.cached, line["output"])
        refused = code >= 0 if status == STATUS_CONNECTION else status != STATUS_OK
        return Answer(status, self.refusers[code] if code >= 0 else "", line["retry_after"], usage, refused)
