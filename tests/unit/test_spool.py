"""Sorting in bounded memory: what comes out is what a sort of everything gives, without second rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sim.units import SECOND
from sim.workload.importers.base import Request, Who
from sim.workload.importers.labels import Labels
from sim.workload.log import spool as module
from sim.workload.log.read import open_log, parts_of
from sim.workload.log.rows import ROW, Names, identity, rows_of
from sim.workload.log.spool import Spool
from sim.workload.log.write import write

NONE = np.empty(0, np.int64)


def filled(spool: Spool, starts: list[np.ndarray], ids: list[np.ndarray] | None = None) -> None:
    """Rows whose ``output`` is their number in the log."""
    number = 0
    for at, piece in enumerate(starts):
        rows = np.zeros(len(piece), ROW)
        rows["start"], rows["output"] = piece, number + np.arange(len(piece))
        spool.add(rows, np.zeros(len(piece), np.uint64) if ids is None else ids[at].astype(np.uint64))
        number += len(piece)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts and passes of a few rows, so that a small log needs many."""
    monkeypatch.setattr(module, "PART", 64)
    monkeypatch.setattr(module, "COMPARED", 50)
    monkeypatch.setattr(module, "_SAMPLE", 8)


@pytest.mark.parametrize("shape", ["sorted", "backwards", "shuffled", "one instant", "two instants"])
def test_everything_comes_out_sorted_and_equal_times_in_order(shape: str, tmp_path: Path) -> None:
    draws = np.random.default_rng(5)
    whole = {
        "sorted": np.arange(1000) * 7, "backwards": np.arange(1000)[::-1] * 7, "shuffled": draws.integers(0, 400, 1000),
        "one instant": np.full(1000, 5), "two instants": np.repeat([9, 3], 500),
    }[shape]  # fmt: skip
    with Spool(tmp_path) as spool:
        filled(spool, np.array_split(whole, 7))
        parts = list(spool.merged(NONE))
        assert spool.unsorted == int(np.count_nonzero(np.diff(whole) < 0))
    found = np.concatenate(parts)
    order = np.argsort(whole, kind="stable")
    assert found["start"].tolist() == whole[order].tolist()
    assert found["output"].tolist() == order.tolist()
    assert len(parts) > 3 or "instant" in shape
    assert list(tmp_path.iterdir()) == []


def test_second_rows_are_found_wherever_they_stand(tmp_path: Path) -> None:
    draws = np.random.default_rng(6)
    ids, starts = draws.integers(0, 300, 900), draws.integers(0, 10_000, 900)
    with Spool(tmp_path) as spool:
        filled(spool, np.array_split(starts, 5), np.array_split(ids, 5))
        dropped = spool.duplicates()
        kept = np.concatenate(list(spool.merged(dropped)))
    # Rows without an identity (0) are all kept; of the others one each.
    named = set(ids[ids > 0].tolist())
    assert len(kept) == np.count_nonzero(ids == 0) + len(named)
    assert {int(ids[at]) for at in kept["output"] if ids[at]} == named
    assert len(dropped) + len(kept) == 900
    # Of two in one piece the earlier stays, of two pieces the one in the first.
    first_piece = {int(each) for each in ids[:180] if each}
    assert sum(int(ids[at]) in first_piece and at >= 180 for at in kept["output"]) == 0


def test_coarse_stamps_are_seen_and_spread_within_their_step(tmp_path: Path) -> None:
    draws = np.random.default_rng(8)
    whole = 11 + 3 * SECOND * np.sort(draws.integers(0, 50, 1000))
    with Spool(tmp_path) as spool:
        filled(spool, np.array_split(whole, 4))
        assert spool.tick_ns == 3 * SECOND
        found = np.concatenate(list(spool.merged(NONE, spool.tick_ns)))
    moved = found["start"] - whole[found["output"]]
    assert ((moved >= 0) & (moved < 3 * SECOND)).all()
    assert (np.diff(found["start"]) >= 0).all()
    assert abs(moved.mean() / SECOND - 1.5) < 0.1
    assert len(np.unique(found["start"])) > 990


@pytest.mark.parametrize("stamps", [np.arange(100) * SECOND, np.repeat(np.arange(50), 2) * 1_000_000])
def test_stamps_that_are_even_or_fine_are_left_alone(stamps: np.ndarray, tmp_path: Path) -> None:
    with Spool(tmp_path) as spool:
        filled(spool, [stamps])
        assert spool.tick_ns == 0


def test_an_empty_spool_gives_nothing(tmp_path: Path) -> None:
    with Spool(tmp_path) as spool:
        spool.add(np.empty(0, ROW), np.empty(0, np.uint64))
        assert list(spool.merged(spool.duplicates())) == []
        assert (len(spool), spool.tick_ns) == (0, 0)


def test_a_log_is_read_as_it_was_written(tmp_path: Path) -> None:
    requests = [
        Request(10 + at, 100 + at, at, 5, 6, Who("ab"[at % 2], "p", "sk-1"), "m", "anthropic", 7, -1, 429,
                [None, True][at % 2], "E", 2, f"s{at}", -1 + at, bool(at % 2), "batch", f"id{at}", True)
        for at in range(5)
    ]  # fmt: skip
    names, again = Names(), Names()
    rows, ids = rows_of(requests, Labels(b"salt"), names)
    assert len(set(ids.tolist())) == 5
    list(write(tmp_path / "log", iter([rows[:2], rows[2:]]), names, "utc"))
    with open_log(tmp_path / "log") as file:
        assert file.metadata.num_row_groups == 2
        found = np.concatenate(list(parts_of(file, again, "log")))
    assert found.tolist() == rows.tolist()
    assert again == names


def test_identities_are_numbers_and_nothing_is_none() -> None:
    assert identity("") == 0
    assert identity("a") != identity("b")
    assert 0 < identity("\ud800") < 2**64
