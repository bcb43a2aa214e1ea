"""Who does what in a run under Locust: one captain, who says when, and hands, who send.

They speak by Locust's own messages, so one process, ``--processes N``, and a master with workers on
other machines are the same: alone, captain and hand are in one process.

    captain → hand   assign  {k, n, sha256, speed}       which rows, of which plan
    hand → captain   ping, ready {k, offset_ns, …}       the plan is read, connections stand
    captain → hand   begin   {start_unix_ns}             when virtual time is 0
    hand → captain   progress, part {k, data, sha256}    how far it is; what it found
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gevent
from gevent.event import Event

from sim.errors import KeystormError
from sim.live.clients import Finished
from sim.live.control import Control, started
from sim.live.guard import Guard
from sim.live.order import LiveOrder
from sim.live.parts import sha256
from sim.live.replayer import Replayer
from sim.live.share import Share, share_of
from sim.results.columns import OUTCOMES, SUCCEEDED

ASSIGN, PING, PONG, READY, BEGIN, PROGRESS, PART = (
    f"keystorm_{name}" for name in ("assign", "ping", "pong", "ready", "begin", "progress", "part")
)
PINGS, PING_S = 9, 2.0
READY_S = 600.0
"""How long reading scenario and plan may take."""
AFTER_S = 60.0
"""How long after the horizon the last part may come."""
PIECE = 1 << 20
"""Bytes of a part in one message."""
CREW_FILE, PROGRESS_FILE = "crew.json", "progress.json"
Guarding = Callable[[LiveOrder, int, int], Guard]
"""The guard of process k of n."""


class Hand:
    """Sends one process's rows."""

    def __init__(self, environment: Any, order: LiveOrder, secrets: Mapping[str, str], guarding: Guarding) -> None:
        self._locust, self._order, self._secrets, self._guarding = environment, order, secrets, guarding
        self._assigned, self._begun = Event(), Event()
        self._told: dict[str, Any] = {}
        self._pongs: dict[int, int] = {}
        self._busy = False
        for name, listener in ((ASSIGN, self._on_assign), (BEGIN, self._on_begin), (PONG, self._on_pong)):
            environment.runner.register_message(name, listener)

    def _on_assign(self, environment: Any, msg: Any) -> None:
        self._told = dict(msg.data)
        self._begun.clear()
        self._assigned.set()

    def _on_begin(self, environment: Any, msg: Any) -> None:
        self._told |= msg.data
        self._begun.set()

    def _on_pong(self, environment: Any, msg: Any) -> None:
        at = time.time_ns()
        # The master's clock was read about half way: what lies between is split evenly.
        self._pongs[at - msg.data["at"]] = (msg.data["at"] + at) // 2 - msg.data["master"]

    def _say(self, name: str, **said: Any) -> None:
        self._locust.runner.send_message(name, said)

    def serve(self) -> None:
        """Do one assignment after another; a second user in the same process has nothing to do."""
        if self._busy:
            Event().wait()
        self._busy = True
        try:
            while True:
                self._assigned.wait()
                self._assigned.clear()
                self._replay()
        finally:
            self._busy = False

    def _replay(self) -> None:
        number = self._told["k"]
        try:
            replayer = self._ready(number, self._told["n"])
        except (KeystormError, OSError) as problem:
            self._say(READY, k=number, problem=str(problem), pid=os.getpid())
            return
        self._say(READY, k=number, pid=os.getpid(), offset_ns=replayer.clock_offset_ns, due=replayer.clients.due)
        self._begun.wait()
        telling = gevent.spawn(self._tell, replayer)
        try:
            replayer.run(self._told["start_unix_ns"] + replayer.clock_offset_ns)
        except gevent.GreenletExit:
            replayer.stop("interrupted")
            raise
        finally:
            telling.kill(block=False)
            self._deliver(replayer)

    def _ready(self, number: int, count: int) -> Replayer:
        """Everything that can be done before the start. Raises KeystormError and OSError."""
        share = share_of(self._order)
        if share.sha256 != self._told["sha256"]:
            raise KeystormError("this process draws another plan than the master: other versions of keystorm or numpy")
        rows = share.rows(number, count)
        replayer = Replayer(share, rows, self._secrets, number, self._guarding(self._order, number, count))
        replayer.clients.done = self._stats(share)
        replayer.prepare()
        replayer.clock_offset_ns = self._offset()
        return replayer

    def _stats(self, share: Share) -> Callable[[Finished], None]:
        """Tell Locust of each request that is over, its latency from the intended start."""
        fire, teams, api = self._locust.events.request.fire, share.setting.teams, self._order.api

        def done(one: Finished) -> None:
            failure = None if one.outcome == SUCCEEDED else f"{OUTCOMES[one.outcome]}: {one.status}"
            ms = (one.finish - one.arrival) / 1e6
            fire(
                request_type=api,
                name=teams[one.team],
                response_time=ms,
                response_length=0,
                exception=failure,
                context={},
            )

        return done

    def _offset(self) -> int:
        """What this wall clock is ahead of the captain's: the fastest of some pings tells. ns."""
        self._pongs.clear()
        for number in range(PINGS):
            self._say(PING, at=time.time_ns())
            deadline = time.monotonic() + PING_S
            while len(self._pongs) <= number and time.monotonic() < deadline:
                gevent.sleep(0.001)
        return self._pongs[min(self._pongs)] if self._pongs else 0

    def _tell(self, replayer: Replayer) -> None:
        while True:
            gevent.sleep(0.5)
            self._say(PROGRESS, k=replayer.number, started=replayer.clients.started)

    def _deliver(self, replayer: Replayer) -> None:
        data = replayer.part().pack()
        pieces = [data[at : at + PIECE] for at in range(0, len(data), PIECE)]
        for at, piece in enumerate(pieces):
            self._say(PART, k=replayer.number, at=at, of=len(pieces), data=piece, sha256=sha256(data))


class Captain:
    """Says who sends what and when, and keeps what came back in ``folder``: the parts, and how it went."""

    def __init__(self, environment: Any, order: LiveOrder, folder: Path, variables: Mapping[str, str]) -> None:
        self._locust, self.order, self.folder, self.variables = environment, order, folder, variables
        self._ready: dict[int, dict[str, Any]] = {}
        self._progress: dict[int, int] = {}
        self._pieces: dict[int, dict[int, bytes]] = {}
        self._parts: dict[int, str] = {}
        self._ids: list[str] = []
        self.running = False
        for name, listener in (
            (PING, self._on_ping),
            (READY, self._on_ready),
            (PROGRESS, self._on_progress),
            (PART, self._on_part),
        ):
            environment.runner.register_message(name, listener)

    def _on_ping(self, environment: Any, msg: Any) -> None:
        self._say(PONG, msg.node_id, at=msg.data["at"], master=time.time_ns())

    def _on_ready(self, environment: Any, msg: Any) -> None:
        self._ready[msg.data["k"]] = msg.data

    def _on_progress(self, environment: Any, msg: Any) -> None:
        self._progress[msg.data["k"]] = msg.data["started"]

    def _on_part(self, environment: Any, msg: Any) -> None:
        said = msg.data
        pieces = self._pieces.setdefault(said["k"], {})
        pieces[said["at"]] = said["data"]
        if len(pieces) == said["of"]:
            data = b"".join(pieces[at] for at in range(said["of"]))
            if sha256(data) == said["sha256"]:
                (self.folder / part_name(said["k"])).write_bytes(data)
                self._parts[said["k"]] = said["sha256"]

    def _say(self, name: str, client: str, **said: Any) -> None:
        self._locust.runner.send_message(name, said, client)

    # The run

    def run(self) -> dict[str, Any]:
        """A whole run; how it went, as it is kept in CREW_FILE. Raises nothing: a problem is told there."""
        self.running = True
        found: dict[str, Any] = {"problem": "", "stop_reason": ""}
        try:
            found |= self._run()
        except KeystormError as problem:
            found["problem"] = str(problem)
        finally:
            self.running = False
        found["parts"] = {str(number): digest for number, digest in self._parts.items()}
        write_json(self.folder / CREW_FILE, found)
        return found

    def _run(self) -> dict[str, Any]:
        order = self.order
        share = share_of(order)
        if order.control_url is not None:
            Control(order.control_url, self.variables).check(order, share.loaded.scenario.name)
        # Alone, the runner has no clients: whoever it sends to is itself.
        self._ids = sorted(getattr(self._locust.runner, "clients", None) or ["local"])
        count = len(self._ids)
        users = self._locust.runner.target_user_count
        if users < count:
            raise KeystormError(f"{count} processes need {count} users, and there are {users}: add -u {count}")
        for number, client in enumerate(self._ids):
            self._say(ASSIGN, client, k=number, n=count, sha256=share.sha256, speed=order.speed)
        problem = self._wait_for(lambda: len(self._ready) == count, READY_S, count)
        problem = problem or next((one["problem"] for one in self._ready.values() if one.get("problem")), "")
        if problem:
            raise KeystormError(problem)
        start = time.time_ns() + round(order.lead_s * 1e9)
        if order.control_url is not None:
            started(Control(order.control_url, self.variables), order, share.loaded.scenario.name, start)
        for client in self._ids:
            self._say(BEGIN, client, start_unix_ns=start)
        length = order.lead_s + share.plan.horizon_ns / 1e9 / float(order.factor) + AFTER_S
        reason = self._wait_for(lambda: len(self._parts) == count, length, count)
        wall = max(0.0, (time.time_ns() - start) / 1e9)
        return {"workers": count, "start_unix_ns": start, "wall_s": wall, "stop_reason": reason and "worker_lost"}

    def _wait_for(self, whole: Callable[[], bool], most_s: float, count: int) -> str:
        """Wait until it is whole; what went wrong otherwise. Workers that are lost are waited for no longer."""
        deadline = time.monotonic() + most_s
        while not whole():
            lost = self._lost()
            if len(lost | set(self._parts)) == count and lost:
                return f"workers were lost: {', '.join(map(str, sorted(lost)))}"
            if time.monotonic() > deadline:
                return "workers did not answer in time"
            self._report()
            gevent.sleep(0.1)
        self._report()
        return ""

    def _lost(self) -> set[int]:
        clients = getattr(self._locust.runner, "clients", None)
        if clients is None:
            return set()
        gone = {number for number, one in enumerate(self._ids) if one not in clients or clients[one].state == "missing"}
        return gone - set(self._parts)

    def tidy(self) -> None:
        """Remove what was only kept to be collected."""
        for name in (CREW_FILE, PROGRESS_FILE, *map(part_name, self._parts)):
            (self.folder / name).unlink(missing_ok=True)

    def _report(self) -> None:
        said = {
            "started": sum(self._progress.values()), "due": sum(one.get("due", 0) for one in self._ready.values()),
            "pids": [one["pid"] for one in self._ready.values()],
        }  # fmt: skip
        write_json(self.folder / PROGRESS_FILE, said)


def part_name(number: int) -> str:
    """The file of a process's part."""
    return f"part-{number}.npz"


def write_json(path: Path, said: Any) -> None:
    """Write a file so that nobody reads half of it."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(json.dumps(said), "utf-8")
    partial.replace(path)
