"""Calls of the emulator's control plane: is it the right one, when is its virtual time 0, what did it log.

They are made with httpx, before and after a run, never while it sends.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from sim.engine.tables import LOG
from sim.errors import BadInput, RunInvalid
from sim.live.order import LiveOrder
from sim.live.schedule import I64
from sim.results.columns import STATUS_NONE

TOKEN_VARIABLE = "KEYSTORM_CONTROL_TOKEN"
TIMEOUT_S = 30.0
JOURNAL = ("request", "attempt", "at_ns", "end_ns", "status", "output_tokens", "cost_microusd")
"""What is read of the emulator's journal; ``refused_by`` beside it."""
_LOG_COLUMNS = {"output_tokens": LOG.index("output"), "cost_microusd": LOG.index("cost")}


class Silent(BadInput):
    """Nothing listens there."""


class Control:
    """One emulator's control plane."""

    def __init__(self, url: str, environment: Mapping[str, str]) -> None:
        self.url = url.rstrip("/")
        token = environment.get(TOKEN_VARIABLE)
        self._head = {"authorization": f"Bearer {token}"} if token else {}

    def _call(self, method: str, path: str, said: Any = None) -> Any:
        import httpx

        try:
            answer = httpx.request(
                method, self.url + path, json=said, headers=self._head, timeout=TIMEOUT_S, trust_env=False
            )
        except httpx.HTTPError as error:
            hint = "start it with `keystorm serve`, or correct the address"
            raise Silent("nothing answers there", place=self.url, value=str(error), hint=hint) from None
        if answer.status_code >= 300:
            value = f"{answer.status_code} for {path}"
            raise BadInput(
                "not an emulator, or it refused", place=self.url, value=value, hint="keystorm serve"
            ) from None
        return answer

    def state(self) -> dict[str, Any]:
        """Everything that it tells of itself. Raises BadInput."""
        try:
            found = self._call("GET", "/keystorm/state").json()
        except ValueError:
            found = None
        if not isinstance(found, dict) or "clock" not in found:
            raise BadInput("not keystorm's emulator", place=self.url, value="no state", hint="keystorm serve")
        return found

    def check(self, order: LiveOrder, scenario: str) -> None:
        """Raises BadInput unless it serves what the order replays, at the same speed."""
        state = self.state()
        hint = f"keystorm serve {order.scenario} --configuration {order.configuration!r} --speed {order.speed}"
        told = {
            "scenario": (state["scenario"], scenario),
            "configuration": (state["configuration"], order.configuration),
            "speed": (float(state["clock"]["speed"]), float(order.factor)),
        }
        for name, (found, wanted) in told.items():
            if found != wanted:
                place = f"{self.url}: {name}"
                raise BadInput("the emulator serves something else", place=place, value=repr(found), hint=hint)

    def reset(self, start_unix_ns: int) -> None:
        """Start it anew, with virtual time 0 at this wall time."""
        self._call("POST", "/keystorm/reset", {"at_unix_ns": start_unix_ns})

    def journal(self) -> Iterator[dict[str, Any]]:
        """The attempts that it answered."""
        text = self._call("GET", "/keystorm/journal").text
        return (json.loads(line) for line in text.splitlines() if line)


class Journal:
    """The emulator's side of a run: numbers ``(m, len(JOURNAL))`` and refusers by (request, attempt)."""

    def __init__(self, rows: Iterator[dict[str, Any]]) -> None:
        self.rows: dict[tuple[int, int], tuple[int, ...]] = {}
        self.refusers: dict[tuple[int, int], str] = {}
        for row in rows:
            if row["request"] >= 0:
                place = (row["request"], row["attempt"])
                self.rows[place] = tuple(int(row[name]) for name in JOURNAL)
                self.refusers[place] = row["refused_by"]

    def arrived(self, sent: I64) -> tuple[I64, int]:
        """When attempts, ``(m, …)`` by request and attempt, came to the emulator (-1 never); how many never did."""
        at = JOURNAL.index("at_ns")
        none = (-1,) * len(JOURNAL)
        found = np.array([self.rows.get((int(row[0]), int(row[1])), none)[at] for row in sent], np.int64)
        return found, int(np.count_nonzero(found < 0))

    def billed(self, log: I64) -> I64:
        """The log with the output and the cost that the emulator booked, where it knows the attempt.

        An attempt that the end of the run cut off is booked after it, when its client hangs up: not in the run.
        """
        found = log.copy()
        for line in (found[at] for at in np.flatnonzero(log[:, LOG.index("status")] != STATUS_NONE)):
            row = self.rows.get((int(line[0]), int(line[1])))
            if row is not None:
                for name, column in _LOG_COLUMNS.items():
                    line[column] = row[JOURNAL.index(name)]
        return found


def started(control: Control, order: LiveOrder, scenario: str, start_unix_ns: int) -> None:
    """Set the emulator to a run's start. Raises RunInvalid when it came too late."""
    import time

    control.check(order, scenario)
    control.reset(start_unix_ns)
    if time.time_ns() >= start_unix_ns:
        raise RunInvalid("the emulator was not ready by the run's start; give it a longer lead")
