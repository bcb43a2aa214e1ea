"""What makes a run invalid, each by itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sim.live.gates import MS, Lateness, Measured, Worker, gates, valid

WORKER = Worker(0, 500, 500, 700, 0.4, 0.6, 40, 40, 0)
LATE = Lateness(1400, MS, 9 * MS, 30 * MS)
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
        ({"late": Lateness(1400, MS, 11 * MS, 30 * MS)}, ["lateness_p99"]),
        ({"late_at_server": Lateness(1400, MS, 10 * MS + 1, 30 * MS)}, ["lateness_p99_at_server"]),
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
