"""Who sends and who answers keep out of each other's way, where there is room for it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from sim.live.cores import Cores, keep_to, parted

pytestmark = pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system does not bind processes")
NOBODY = Cores()


@pytest.mark.parametrize(
    ("usable", "workers", "sending", "answering"),
    [
        ({0, 1}, 1, {0}, {1}),
        ({3, 7, 9}, 2, {3, 7}, {9}),
        (set(range(8)), 4, {0, 1, 2, 3}, {4, 5, 6, 7}),
    ],
)
def test_each_side_has_half_of_the_cores(
    monkeypatch: pytest.MonkeyPatch, usable: set[int], workers: int, sending: set[int], answering: set[int]
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: usable)
    assert parted(workers) == (sending, answering)


@pytest.mark.parametrize(("usable", "workers"), [({5}, 1), ({0, 1}, 2), (set(range(8)), 5)])
def test_where_there_are_too_few_the_system_decides(
    monkeypatch: pytest.MonkeyPatch, usable: set[int], workers: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: usable)
    assert parted(workers) == NOBODY


def test_a_process_and_what_it_starts_keep_to_their_cores() -> None:
    one = min(os.sched_getaffinity(0))
    asks = "import os, subprocess, sys; input(); subprocess.run([sys.executable, '-c', sys.argv[1]], check=True)"
    tells = "import os; print(os.sched_getaffinity(0))"
    with subprocess.Popen(
        [sys.executable, "-c", asks, tells], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as running:
        keep_to(frozenset({one}), running.pid)
        assert running.communicate("\n", 60)[0] == f"{{{one}}}\n"
    keep_to(frozenset({one}), running.pid)  # it has ended: nothing is said
    keep_to(frozenset(), os.getpid())
    assert os.sched_getaffinity(0) >= {one}
