"""A real replay: Locust in a process of its own against the emulator in another, on the loopback."""

from __future__ import annotations

import os
import signal
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import psutil
import pytest

if find_spec("locust") is None:  # importing it would patch this process
    pytest.skip("the extra `live` is not installed", allow_module_level=True)
pytest.importorskip("uvicorn", reason="the extra `serve` is not installed")

from sim.engine.run import run_world
from sim.engine.tables import LOG, RunResult
from sim.engine.world import build_world
from sim.live.gates import Gate
from sim.live.run import LOG_FILE, LiveOutcome, run_live
from sim.live.share import share_of
from sim.results.columns import ATTEMPTS, NOT_STARTED, REQUESTS, STATUS_OK
from sim.results.store import read
from tests.live.serving import CALM, emulator, environment, order_for

SPEED = "12"


def replayed(tmp_path: Path, configuration: str, progress: object = None, **more: object) -> LiveOutcome:
    path = tmp_path / "calm.yaml"
    path.write_text(CALM, "utf-8")
    with emulator(path, configuration, tmp_path / "serve", SPEED) as told:
        order = order_for(path, configuration, told, SPEED, **more)
        return run_live(order, tmp_path / "out", environment(told), progress)  # type: ignore[arg-type]


def simulated(outcome: LiveOutcome) -> RunResult:
    share = share_of(outcome.order)
    return run_world("plain", build_world(share.setting, share.plan))


def gate(outcome: LiveOutcome, name: str) -> Gate:
    return next(one for one in outcome.gates if one.name == name)


def assert_agrees(outcome: LiveOutcome) -> None:
    """Request by request, but for those that a storm's edge or a busy machine may turn the other way."""
    expected, found = simulated(outcome), outcome.result
    alike = (found.outcome == expected.outcome) & (found.attempts == expected.attempts)
    assert np.mean(alike) >= 0.97, np.flatnonzero(~alike)
    assert len(found.outcome) == len(expected.outcome) == len(outcome.requests)
    assert abs(found.cost.sum() - expected.cost.sum()) <= 0.05 * expected.cost.sum()
    output, status = LOG.index("output"), LOG.index("status")
    luck = {(row[0], row[1]): row[output] for row in expected.log.tolist() if row[status] == STATUS_OK}
    same = [luck[row[0], row[1]] == row[output] for row in found.log.tolist() if (row[0], row[1]) in luck]
    assert sum(same) >= 0.97 * len(same) > 300


@pytest.mark.parametrize(("api", "stream"), [("anthropic", False), ("openai", True)])
def test_a_replay_agrees_with_the_simulation_request_by_request(tmp_path: Path, api: str, stream: bool) -> None:
    outcome = replayed(tmp_path, "roomy", api=api, stream=stream)
    assert_agrees(outcome)
    assert gate(outcome, "rows_sent").passed
    assert gate(outcome, "pool_waits").passed
    assert outcome.measured.late_at_server is not None
    assert outcome.measured.late_at_server.count == outcome.measured.late.count == len(outcome.attempts)
    assert outcome.measured.stop_reason == ""
    requests, attempts = read(tmp_path / "out")
    assert list(requests.columns) == [column.name for column in REQUESTS]
    assert list(attempts.columns) == [column.name for column in ATTEMPTS]
    assert not any(path.name.startswith(".partial") for path in (tmp_path / "out").iterdir())


def test_no_secret_is_in_any_file_of_a_run(tmp_path: Path) -> None:
    path = tmp_path / "calm.yaml"
    path.write_text(CALM, "utf-8")
    with emulator(path, "spent", tmp_path / "serve", SPEED) as told:
        order = order_for(path, "spent", told, SPEED, max_requests=60)
        outcome = run_live(order, tmp_path / "out", environment(told))
        secrets = [key["secret"].encode() for key in told["keys"]]
    files = [one for one in (tmp_path / "out").rglob("*") if one.is_file()]
    assert {"live.json", "order.json", LOG_FILE, "requests.parquet"} <= {one.name for one in files}
    assert not [one for one in files if any(secret in one.read_bytes() for secret in secrets)]
    assert outcome.measured.stop_reason == "max_requests"
    assert len(outcome.attempts) == 60
    assert not outcome.valid
    assert np.count_nonzero(outcome.result.outcome == NOT_STARTED) > 100


def test_two_workers_send_what_one_would(tmp_path: Path) -> None:
    outcome = replayed(tmp_path, "roomy", workers=2)
    assert_agrees(outcome)
    assert [one.complete for one in outcome.measured.workers] == [True, True]
    assert min(one.started for one in outcome.measured.workers) > 0
    assert gate(outcome, "rows_sent").passed


class Killer:
    """Ends one worker, hard, once it sends."""

    def __init__(self) -> None:
        self.killed: list[int] = []

    def __call__(self, done: int, planned: int, note: str) -> None:
        if done < 20 or self.killed:
            return
        locust = [one for one in psutil.Process().children() if "locust" in " ".join(one.cmdline())]
        worker = locust[0].children()[0]
        self.killed.append(worker.pid)
        os.kill(worker.pid, signal.SIGKILL)


def test_a_killed_worker_makes_the_run_invalid(tmp_path: Path) -> None:
    killer = Killer()
    outcome = replayed(tmp_path, "roomy", killer, workers=2)
    assert len(killer.killed) == 1
    assert outcome.measured.stop_reason == "worker_lost"
    assert not outcome.valid
    assert not gate(outcome, "rows_sent").passed
    assert not gate(outcome, "workers_complete").passed
    assert [one.complete for one in outcome.measured.workers].count(False) == 1
    assert len(outcome.requests) == len(share_of(outcome.order).plan), "nothing vanishes"
    assert np.count_nonzero(outcome.result.outcome == NOT_STARTED) > 100
