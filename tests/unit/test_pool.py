"""Pools: results in order and few ahead, errors as they were raised, workers that die, nothing left behind."""

from __future__ import annotations

import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from itertools import count, islice
from pathlib import Path

import pytest

from sim.errors import BadInput, BadScenario, KeystormError, Problem
from sim.study import dask_pool
from sim.study.pool import Pool, open_pool
from sim.study.process_pool import LOSSES, ProcessPool
from tests.unit import pool_work as work

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module", params=["threads 1", "threads 3", "processes 2"])
def pool(request: pytest.FixtureRequest) -> Iterator[Pool]:
    executor, workers = request.param.split()
    with open_pool(executor, int(workers)) as found:
        yield found


def test_results_come_in_the_order_of_the_items(pool: Pool) -> None:
    assert list(pool.map(work.slow_at_first, range(20))) == list(range(20))


def test_an_endless_stream_is_taken_a_few_items_at_a_time(pool: Pool) -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for item in count():
            taken.append(item)
            yield item

    assert list(islice(pool.map(work.square, items()), 10)) == [at * at for at in range(10)]
    assert 10 <= len(taken) <= 10 + 5


def test_no_items_no_results(pool: Pool) -> None:
    assert list(pool.map(work.square, iter(()))) == []


def test_what_is_shared_goes_with_the_work(pool: Pool) -> None:
    assert list(pool.map(partial(work.plus, b"x" * 100_000), range(3))) == [(100_000, 0), (100_000, 1), (100_000, 2)]


def test_an_error_is_the_one_that_was_raised(pool: Pool) -> None:
    results = pool.map(work.refuse, range(100))
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(BadInput) as caught:
        next(results)
    assert caught.value.problem == Problem("no three", "here", "3", "four")
    assert list(pool.map(work.square, range(3))) == [0, 1, 4], "the pool goes on"


def test_two_maps_at_a_time(pool: Pool) -> None:
    one, two = pool.map(work.square, count()), pool.map(work.square, count(10))
    assert [next(one) + next(two) for _ in range(5)] == [at * at + (at + 10) ** 2 for at in range(5)]


@pytest.mark.parametrize(
    "error",
    [BadInput("m", place="p", value="v", hint="h"), BadScenario([Problem("m", "p:1"), Problem("n", "p:2")])],
)
def test_errors_survive_the_way_between_processes(error: KeystormError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.exit_code) == (type(error), str(error), 2)
    assert vars(again) == vars(error)


@pytest.mark.parametrize("name", ["", "thread", "processes://x", "dask", "dask://", "threads://"])
def test_an_unknown_executor_is_told(name: str) -> None:
    with pytest.raises(BadInput, match="no such executor") as caught, open_pool(name):
        pass
    assert caught.value.problem.place == "--executor"


def test_processes_are_others_and_lost_items_are_run_again(tmp_path: Path) -> None:
    with ProcessPool(2) as processes:
        assert os.getpid() not in set(processes.map(work.process_of, range(4)))
        assert list(processes.map(partial(work.die_once, str(tmp_path)), range(20))) == list(range(20))
        assert (tmp_path / "died").exists()
        with pytest.raises(KeystormError, match=f"died {LOSSES + 1} times at the same piece of work"):
            list(processes.map(work.die, range(6)))
        assert list(processes.map(work.square, range(3))) == [0, 1, 4], "the next study gets new workers"


def gone(pids: list[int]) -> bool:
    """Whether all of these processes end within a while."""
    for _ in range(200):
        if not any(running(pid) for pid in pids):
            return True
        time.sleep(0.1)
    return False


def running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_no_worker_is_left_behind(how: signal.Signals) -> None:
    """Ctrl-C goes to the whole group of processes, as a terminal sends it; SIGKILL to the first one only."""
    command = [sys.executable, "-m", "tests.unit.pool_work"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          start_new_session=True) as started:  # fmt: skip
        assert started.stdout is not None
        assert started.stderr is not None
        workers = [int(started.stdout.readline()) for _ in range(2)]
        assert all(map(running, workers))
        if how == signal.SIGINT:
            os.killpg(started.pid, how)
        else:
            started.kill()
        assert gone(workers)
        told = started.stderr.read()
    assert started.returncode != 0
    assert told.count("KeyboardInterrupt") == (1 if how == signal.SIGINT else 0), told


def test_threads_work_at_the_same_time() -> None:
    both = threading.Barrier(2, timeout=30)
    with open_pool("threads", 2) as threads:
        assert sorted(threads.map(lambda item: both.wait() * 0 + item, range(2))) == [0, 1]


# Dask without a cluster; tests/agreement/test_executors.py has one


@pytest.mark.parametrize("address", ["somewhere", ":80", "host:", "host:http", "host:0", "host:70000"])
def test_an_address_is_checked_before_anything_else(address: str) -> None:
    with pytest.raises(BadInput, match="not an address"), open_pool(f"dask://{address}"):
        pass


def test_without_dask_the_hint_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(BadInput, match=r"pip install 'keystorm\[dask\]'"), open_pool("dask://127.0.0.1:8786"):
        pass


def test_a_scheduler_that_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed", reason="the extra keystorm[dask] is not installed")
    monkeypatch.setattr(dask_pool, "PATIENCE_S", 0.2)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: nobody else can
        port = taken.getsockname()[1]
        with pytest.raises(BadInput, match="no Dask scheduler answers"), open_pool(f"dask://127.0.0.1:{port}"):
            pass
