"""Running a live run: Locust in processes of its own, watched for a bounded time; what it found, read back."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from sim.errors import BadInput, RunInvalid
from sim.live.cores import keep_to, parted
from sim.live.order import LiveOrder
from sim.live.outcome import LiveOutcome
from sim.live.share import Share, share_of

ORDER_VARIABLE, PARTS_VARIABLE = "KEYSTORM_ORDER", "KEYSTORM_PARTS"
LOCUSTFILE = Path(__file__).with_name("locustfile.py")
LOG_FILE = "locust.log"
SLACK_S = 120.0
"""How much longer than the run itself its processes may take in all, beside reading a plan."""
LOOK_S, END_S = 0.2, 15.0

__all__ = ["LiveOutcome", "Watching", "run_live"]


class Watching(Protocol):
    """Whoever wants to know how far a run is."""

    def __call__(self, done: int, planned: int, note: str) -> None:
        """So many of the planned requests have started; ``note`` says what is going on, or nothing new."""
        ...


def run_live(
    order: LiveOrder, folder: Path, environment: Mapping[str, str], progress: Watching | None = None
) -> LiveOutcome:
    """Send a plan to its target, and wait for the end.

    ``folder`` gets ``requests.parquet``, ``attempts.parquet``, ``live.json`` (what was measured, and the
    gates), the order and Locust's log. ``environment`` is that of the sending processes: secrets reach
    them by it alone. Raises BadInput for an order that can't be carried out, RunInvalid when the
    processes did not come to their end; a run that did is returned whatever its gates say.
    """
    from sim.live.collect import collected, write

    installed()
    share = share_of(order)
    share.secrets(environment)
    folder.mkdir(parents=True, exist_ok=True)
    parts = Path(tempfile.mkdtemp(prefix=".partial-", dir=folder))
    try:
        told = {ORDER_VARIABLE: str(order.write(folder)), PARTS_VARIABLE: str(parts)}
        _send(share, parts, folder / LOG_FILE, {**environment, **told}, progress)
        outcome = collected(share, parts, environment)
        write(outcome, folder)
        return outcome
    finally:
        shutil.rmtree(parts, ignore_errors=True)


def installed() -> None:
    """Raises BadInput when the libraries of live runs are missing."""
    from importlib.util import find_spec

    missing = [name for name in ("locust", "gevent", "geventhttpclient", "httpx") if find_spec(name) is None]
    if missing:
        hint = "pip install 'keystorm[live]'"
        raise BadInput("live runs need libraries that are not installed", value=", ".join(missing), hint=hint)


def command(order: LiveOrder) -> list[str]:
    """Locust's command line: no secret is in it."""
    several = ["--processes", str(order.workers)] if order.workers > 1 else []
    users = str(order.workers)
    return [
        sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless", "-u", users, "-r", users,
        "--host", order.base_url, "--exit-code-on-error", "0", "--only-summary", "--loglevel", "WARNING", *several,
    ]  # fmt: skip


def _send(share: Share, parts: Path, log: Path, environment: Mapping[str, str], progress: Watching | None) -> None:
    """Run Locust to its end. Raises RunInvalid when it does not come to one."""
    order = share.order
    most = SLACK_S + order.lead_s + share.plan.horizon_ns / 1e9 / float(order.factor)
    with log.open("wb") as said:
        running = subprocess.Popen(
            command(order), env=dict(environment), stdin=subprocess.DEVNULL, stdout=said, stderr=said,
            start_new_session=True,
        )  # fmt: skip
        if order.control_url is not None:
            keep_to(parted(order.workers).sending, running.pid)
        try:
            _watch(running, parts, time.monotonic() + most, len(share.plan), progress)
        finally:
            _end(running)


def _watch(
    running: subprocess.Popen[bytes], parts: Path, deadline: float, planned: int, progress: Watching | None
) -> None:
    from sim.live.crew import PROGRESS_FILE

    while running.poll() is None:
        if time.monotonic() > deadline:
            raise RunInvalid("the sending processes did not come to their end in time")
        with suppress(OSError, ValueError):
            said = json.loads((parts / PROGRESS_FILE).read_text("utf-8"))
            if progress is not None:
                progress(said["started"], said["due"] or planned, "")
        time.sleep(LOOK_S)


def _end(running: subprocess.Popen[bytes]) -> None:
    """End Locust and all its workers, whatever state they are in."""
    for way in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(running.pid, way)
        with suppress(subprocess.TimeoutExpired):
            running.wait(END_S)
            if way == signal.SIGKILL:
                return
