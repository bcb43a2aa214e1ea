"""Rows that a stream writes are the rows of a study in memory, each once, however often it is interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import pandas as pd
import pytest

from sim.engine import compiled_engine
from sim.errors import BadInput
from sim.results.parts import UNDER_WAY
from sim.results.store import read
from sim.scenario.loader import load_text
from sim.scenario.plan_stream import PlanStream
from sim.study import checkpoints, streaming
from sim.study import compare as comparing
from sim.study.checkpoints import CHECKPOINT
from sim.study.compare import Options, Study, compare
from sim.study.progress import Silent
from tests.agreement.test_executors import SCENARIO

KEY = ["configuration", "replication", "request"]
CHUNK = 100


class Stops(Silent):
    """Lets a signal come when that many chunks are done: rows are written then, but no checkpoint counts them."""

    def __init__(self, after: int = -1, number: int = signal.SIGKILL) -> None:
        self.left, self.number = after, number
        self.notes: list[str] = []

    def start(self, title: str, total: int) -> None:
        self.streaming = title == "streaming"

    def advance(self, n: int = 1) -> None:
        if self.streaming and n:  # the first step is what was done before, which may be nothing
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), self.number)

    def note(self, text: str) -> None:
        self.notes.append(text)


def study(out: Path | None, rows: str | None = "attempts", progress: Silent | None = None, **more: object) -> Study:
    loaded = load_text(SCENARIO, Path("rows.yaml"))
    options = Options(out=out, rows=rows, counterfactual=False, **more)  # type: ignore[arg-type]
    return compare(loaded, options, progress or Silent())


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    cut(monkeypatch.setattr)


def cut(put: Callable[[object, str, object], None]) -> None:
    """Many chunks and blocks, and a checkpoint after each chunk."""
    put(compiled_engine, "BLOCK", 64)
    put(streaming, "PlanStream", partial(PlanStream, chunk_rows=CHUNK))
    put(checkpoints, "EVERY_S", 0.0)


@cache
def in_memory() -> Study:
    return study(None)


def tables(out: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    requests, attempts = read(out)
    return requests, attempts


def same_rows(found: pd.DataFrame, wanted: pd.DataFrame, key: list[str]) -> None:
    """The same rows, in whatever order; categories may be listed in another order."""
    one, other = (frame.sort_values(key, ignore_index=True).astype({"team": str}) for frame in (found, wanted))
    names = [name for name, kind in one.dtypes.items() if isinstance(kind, pd.CategoricalDtype)]
    kinds = dict.fromkeys(names, str)
    pd.testing.assert_frame_equal(one.astype(kinds), other.astype(kinds))


def test_a_stream_writes_the_rows_of_a_study_in_memory(tmp_path: Path) -> None:
    streamed = study(tmp_path, stream=True)
    assert streamed.summary["checks"]["digest"] == in_memory().summary["checks"]["digest"]
    requests, attempts = tables(tmp_path)
    wanted = in_memory()
    assert wanted.requests is not None
    assert wanted.attempts is not None
    assert len(requests) > 20 * CHUNK
    same_rows(requests, wanted.requests, KEY)
    same_rows(attempts, wanted.attempts, [*KEY, "attempt"])
    assert len(list((tmp_path / "requests.parquet").iterdir())) > 10, "a part for each checkpoint"
    pd.testing.assert_frame_equal(
        pd.read_parquet(tmp_path / "requests.parquet")[["finish_ns"]], requests[["finish_ns"]]
    )
    assert not (tmp_path / UNDER_WAY).exists()
    assert not (tmp_path / CHECKPOINT).exists()


def test_a_stream_can_keep_requests_only(tmp_path: Path) -> None:
    study(tmp_path, stream=True)
    study(tmp_path, "requests", stream=True)
    requests, attempts = tables(tmp_path)
    assert not len(attempts), "those of the study before are gone"
    wanted = in_memory().requests
    assert wanted is not None
    same_rows(requests, wanted, KEY)


def interrupted(out: Path, after: int, number: int) -> int:
    """Run the study in a process of its own until a signal comes; its exit code."""
    command = [sys.executable, "-c", f"from {__name__} import child; child({str(out)!r}, {after}, {number})"]
    return subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, check=False).returncode


def child(out: str, after: int, number: int) -> None:
    """What :func:`interrupted` runs."""
    cut(setattr)
    study(Path(out), progress=Stops(after, number), stream=True)


def test_a_killed_stream_goes_on_without_losing_or_repeating_a_row(tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    digest = study(whole, stream=True).summary["checks"]["digest"]
    for after in (3, 4, 9):
        assert interrupted(broken, after, signal.SIGKILL) == -signal.SIGKILL
        assert (broken / CHECKPOINT).exists()
        assert not (broken / "requests.parquet").exists()
    progress = Stops()
    assert study(broken, progress=progress, stream=True).summary["checks"]["digest"] == digest
    assert any("going on from a checkpoint" in note for note in progress.notes)
    for found, wanted in zip(tables(broken), tables(whole), strict=True):
        pd.testing.assert_frame_equal(found, wanted)


def test_ctrl_c_writes_a_checkpoint_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "EVERY_S", 1e9)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    digest = study(whole, stream=True).summary["checks"]["digest"]
    progress = Stops(7, signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        study(broken, progress=progress, stream=True)
    assert "the same command goes on from there" in progress.notes[-1]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    again = Stops()
    assert study(broken, progress=again, stream=True).summary["checks"]["digest"] == digest
    assert any("going on from a checkpoint" in note for note in again.notes)
    for found, wanted in zip(tables(broken), tables(whole), strict=True):
        pd.testing.assert_frame_equal(found, wanted)


def test_a_checkpoint_whose_rows_are_gone_is_not_gone_on_from(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        study(tmp_path, progress=Stops(7, signal.SIGINT), stream=True)
    next((tmp_path / UNDER_WAY / "attempts.parquet").iterdir()).unlink()
    progress = Stops()
    study(tmp_path, progress=progress, stream=True)
    assert any("beginning anew" in note for note in progress.notes)
    wanted = in_memory().attempts
    assert wanted is not None
    same_rows(tables(tmp_path)[1], wanted, [*KEY, "attempt"])


def test_what_does_not_fit_in_memory_streams_without_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparing, "IN_MEMORY", 100)
    progress = Stops()
    found = study(tmp_path, None, progress)
    assert any("streaming without rows" in note for note in progress.notes)
    assert found.requests is None
    assert not (tmp_path / "requests.parquet").exists()
    study(tmp_path, "requests")
    assert (tmp_path / "requests.parquet").is_dir()


def test_rows_of_a_stream_need_a_place_in_this_process(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="written where it runs"):
        study(tmp_path, stream=True, executor="processes")
    with pytest.raises(BadInput, match="need a directory"):
        study(None, stream=True)
    with pytest.raises(BadInput, match="only the compiled engine"):
        study(tmp_path, stream=True, engine="simpy")
