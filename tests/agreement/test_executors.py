"""One study in threads, in processes and on a Dask cluster that loses a worker: the same to the last bit."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pandas as pd
import pytest

from sim.errors import BadInput
from sim.scenario.loader import load_text
from sim.study.compare import Options, Study, compare
from sim.study.progress import Silent

# Worker processes take both cores: one after the other, beside whatever else runs.
pytestmark = pytest.mark.xdist_group("workers")
ROOT = Path(__file__).parents[2]
SCENARIO = """\
name: executors
duration: 6m
drain: 1m
replications: 4
seed: 11
teams:
  checkout:
    workload:
      - arrivals: {poisson: {rate: 40/min}}
        model: claude-haiku-4-5
        input_tokens: {median: 400, p95: 1500}
        output_tokens: {median: 100, p95: 300}
  batch:
    workload:
      - arrivals: {bursts: {rate: 120/min, on: 1m, off: 1m}}
        model: claude-haiku-4-5
        input_tokens: 800
        output_tokens: 200
    client: {retry: {max_attempts: 6, base: 1s, cap: 10s, jitter: full}}
configurations:
  shared: {isolation: shared, limits: {requests: 60/min, burst: 20}}
  projects: {isolation: projects, limits: {requests: 60/min, burst: 20}, split: equal}
chaos:
  - storm: {status: 503, at: 3m, for: 30s, probability: 0.5}
slos:
  - checkout: success_rate >= 99%
"""


def study(executor: str, workers: int | None = None, progress: Silent | None = None) -> Study:
    loaded = load_text(SCENARIO, Path("executors.yaml"))
    return compare(loaded, Options(executor=executor, workers=workers), progress or Silent())


@cache
def alone() -> Study:
    return study("threads", 1)


def assert_same(found: Study) -> None:
    assert found.summary["checks"]["digest"] == alone().summary["checks"]["digest"]
    assert json.dumps(found.summary) == json.dumps(alone().summary)
    pd.testing.assert_frame_equal(found.requests, alone().requests)
    pd.testing.assert_frame_equal(found.attempts, alone().attempts)


def test_the_study_is_no_trifle() -> None:
    assert alone().summary["checks"]["rows_planned"] > 2_000
    assert alone().requests["outcome"].nunique() >= 2
    assert alone().attempts["attempt"].max() == 5


@pytest.mark.parametrize(("executor", "workers"), [("threads", 4), ("processes", 2)])
def test_executors_give_the_same(executor: str, workers: int) -> None:
    assert_same(study(executor, workers))


# A Dask cluster on this machine


@dataclass
class Cluster:
    """A scheduler and two worker processes, all of them started here."""

    address: str
    workers: list[subprocess.Popen[bytes]]


def start(module: str, *arguments: str) -> subprocess.Popen[bytes]:
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen([sys.executable, "-m", f"distributed.cli.{module}", *arguments], cwd=ROOT, **quiet)


def listening(host: str, port: int) -> bool:
    """Whether somebody answers there within a while."""
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex((host, port)) == 0:
                return True
        time.sleep(0.1)
    return False


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    pytest.importorskip("distributed", reason="the extra keystorm[dask] is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host, port = free.getsockname()
    started = [start("dask_scheduler", "--host", host, "--port", str(port), "--no-dashboard")]
    try:
        assert listening(host, port), "the scheduler does not start"
        # Without nannies: what is killed is the worker itself, and nobody starts it again.
        flags = ("--host", host, "--no-nanny", "--no-dashboard", "--nthreads", "1", "--local-directory", str(tmp_path))
        started += [start("dask_worker", f"tcp://{host}:{port}", *flags) for _ in range(2)]
        yield Cluster(f"dask://{host}:{port}", started[1:])
    finally:
        for process in started:
            process.kill()
        for process in started:
            process.wait()


class Killer(Silent):
    """Kills one worker after a few results, at a moment when it has results that nobody has fetched."""

    def __init__(self, cluster: Cluster, after: int) -> None:
        self.cluster, self.left = cluster, after

    def advance(self, n: int = 1) -> None:
        self.left -= n
        if self.left == 0:
            victim = self.cluster.workers[0]
            assert holds_results(self.cluster.address, victim.pid)
            victim.kill()
            victim.wait()


def holds_results(address: str, pid: int) -> bool:
    """Whether the worker of this process comes to hold the result of a job within a while."""
    from distributed import Client

    with Client(address.replace("dask", "tcp"), set_as_default=False) as client:
        (worker,) = (where for where, its in client.run(os.getpid).items() if its == pid)
        for _ in range(300):
            if any(str(key).startswith("_call") for key in client.has_what()[worker]):
                return True
            time.sleep(0.1)
    return False


def test_a_dask_worker_that_is_killed_changes_nothing(cluster: Cluster) -> None:
    assert_same(study(cluster.address, progress=Killer(cluster, 4)))
    assert cluster.workers[0].returncode == -9
    assert cluster.workers[1].poll() is None, "the other one has done the rest"


def test_a_scheduler_without_workers_is_told(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    from sim.study import dask_pool

    monkeypatch.setattr(dask_pool, "PATIENCE_S", 1)
    for worker in cluster.workers:
        worker.kill()
        worker.wait()
    with pytest.raises(BadInput, match="has no workers"):
        study(cluster.address)
