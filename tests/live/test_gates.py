"""What makes a run invalid, each by itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sim.live.gates import MS, Lateness, Measured, Worker, gates, valid
from sim.live.parts import lateness, turns

WORKER = Worker(0, 500, 500, 700, 0.4, 0.6, 40, 40, 0)
LATE = Lateness(1400, MS, 12 * MS, 30 * MS, 9 * MS)
GOOD = Measured(1000, 1000, LATE, LATE, (WORKER, replace(WORKER, number=1)))


def failed(measured: Measured) -> list[str]:
    return [one.name for one in gates(measured) if not one.passed]


def test_a_good_run_passes_all() -> None:
    assert failed(GOOD) == []
    assert valid(gates(GOOD))
    names = [one.name for one in gates(GOOD)]
    assert names == [
        "rows_sent", "workers_complete", "lateness_p99", "lateness_p99_at_server", "generator_cpu", "pool_waits",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"started": 999}, ["rows_sent"]),
        ({"late": Lateness(1400, MS, 11 * MS, 30 * MS, 11 * MS)}, ["lateness_p99"]),
        ({"late_at_server": Lateness(1400, MS, 12 * MS, 30 * MS, 10 * MS + 1)}, ["lateness_p99_at_server"]),
        ({"workers": (WORKER, replace(WORKER, complete=False))}, ["workers_complete"]),
        ({"workers": (WORKER, replace(WORKER, cpu=0.95))}, ["generator_cpu"]),
        ({"workers": (WORKER, replace(WORKER, pool_waits=1))}, ["pool_waits"]),
        ({"started": 400, "workers": (WORKER, replace(WORKER, complete=False))}, ["rows_sent", "workers_complete"]),
    ],
)
def test_each_fault_fails_its_own_gate(change: dict[str, object], names: list[str]) -> None:
    measured = replace(GOOD, **change)  # type: ignore[arg-type]
    assert failed(measured) == names
    assert not valid(gates(measured))


def test_a_target_that_is_no_emulator_is_not_asked_when_attempts_arrived() -> None:
    measured = replace(GOOD, late_at_server=None)
    assert "lateness_p99_at_server" not in [one.name for one in gates(measured)]
    assert valid(gates(measured))


def test_the_bound_of_lateness_can_be_chosen() -> None:
    strict = gates(GOOD, late_p99_ns=5 * MS)
    assert [(one.name, one.limit) for one in strict if not one.passed] == [
        ("lateness_p99", 5), ("lateness_p99_at_server", 5),
    ]  # fmt: skip


def test_attempts_of_one_instant_take_turns() -> None:
    """Five at once, one that is late by itself, and one that came after others but is late beyond its turn."""
    planned = np.array([0, 0, 0, 0, 0, 50, 70, 70], np.int64)
    late = np.array([3, 1, 2, 4, 5, 6, 1, 9], np.int64) * MS
    assert turns(late, planned).tolist() == [2, 0, 1, 3, 4, 0, 0, 1]
    found = lateness(late, planned)
    assert found.max_ns == 9 * MS
    assert found.beyond_p99_ns == int(np.percentile(np.array([1, 1, 1, 1, 1, 6, 1, 8]) * MS, 99))


def test_no_attempt_is_not_late() -> None:
    nothing = np.zeros(0, np.int64)
    assert lateness(nothing, nothing) == Lateness()
