"""Streams spread over a pool give what they give in one place, however they are cut and interrupted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from sim.scenario.loader import load_text
from sim.study import checkpoints
from sim.study.compare import Options, compare
from sim.study.progress import Silent
from tests.agreement.test_executors import SCENARIO

# Worker processes take both cores: one after the other, beside whatever else runs.
pytestmark = pytest.mark.xdist_group("workers")
REPLICATIONS, CONFIGURATIONS = 4, 2


def summary(executor: str, workers: int | None = None, out: Path | None = None, progress: Silent | None = None) -> str:
    loaded = load_text(SCENARIO, Path("executors.yaml"))
    options = Options(rows="none", executor=executor, workers=workers, out=out)
    return json.dumps(compare(loaded, options, progress or Silent()).summary)


@cache
def alone() -> str:
    return summary("threads")


class Here:
    """A pool in this process that keeps the jobs it was given."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.jobs: list[Any] = []

    def map(self, work: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            self.jobs.append(item)
            yield work(item)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Here]:
    """Puts a pool of that many pretended workers in the place of processes."""

    def put(workers: int) -> Here:
        pool = Here(workers)
        monkeypatch.setattr("sim.study.compare.open_pool", lambda *_: nullcontext(pool))
        return pool

    return put


def test_worker_processes_stream_the_same() -> None:
    assert json.loads(alone())["checks"]["rows_planned"] > 2_000
    assert summary("processes", 2) == alone()


@pytest.mark.parametrize(
    ("workers", "jobs"),
    [
        (REPLICATIONS, [(at, (0, 1)) for at in range(REPLICATIONS)]),
        (REPLICATIONS + 1, [(at, (place,)) for at in range(REPLICATIONS) for place in range(CONFIGURATIONS)]),
    ],
)
def test_more_workers_than_replications_take_configurations(
    here: Callable[[int], Here], workers: int, jobs: list[Any]
) -> None:
    pool = here(workers)
    assert summary("processes") == alone()
    assert pool.jobs == jobs


class Interrupted(Silent):
    """Ctrl-C when the third replication is done: the first step that is told is what was done before."""

    def __init__(self) -> None:
        self.steps = 0

    def start(self, title: str, total: int) -> None:
        self.steps = 0

    def advance(self, n: int = 1) -> None:
        self.steps += 1
        if self.steps == 4:
            raise KeyboardInterrupt


@pytest.mark.parametrize("then", ["processes", "threads"])
def test_an_interrupted_study_goes_on_with_the_replications_that_are_left(
    then: str, here: Callable[[int], Here], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "EVERY_S", 0.0)
    first = here(1)
    with pytest.raises(KeyboardInterrupt):
        summary("processes", out=tmp_path, progress=Interrupted())
    assert [at for at, _ in first.jobs] == [0, 1, 2]
    second = here(1)
    assert summary(then, out=tmp_path) == alone()
    assert [at for at, _ in second.jobs] == ([2, 3] if then == "processes" else []), "the third was not saved yet"
    assert not (tmp_path / checkpoints.CHECKPOINT).exists()
