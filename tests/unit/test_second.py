"""The second interpreter: what it is told, in order, and what becomes of it when something fails."""

from __future__ import annotations

import operator
import os
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError

import pytest

from sim.study.second import Failed, Second


@pytest.fixture
def second() -> Iterator[Second]:
    process = Second()
    yield process
    process.close()


def test_one_thing_after_the_other_in_a_process_of_its_own(second: Second) -> None:
    asked = [second.submit(operator.add, at, 1) for at in range(5)]
    assert [one.result() for one in asked] == [1, 2, 3, 4, 5]
    assert second.submit(os.getpid).result() == second._process.pid != os.getpid()


def test_it_stands_back(second: Second) -> None:
    assert second.submit(os.nice, 0).result() >= 5


def test_what_raises_has_failed_and_the_next_is_done_all_the_same(second: Second) -> None:
    broken, whole = second.submit(operator.truediv, 1, 0), second.submit(operator.add, 1, 2)
    with pytest.raises(Failed, match="ZeroDivisionError"):
        broken.result()
    assert whole.result() == 3


def test_what_is_printed_there_is_no_answer(second: Second) -> None:
    assert second.submit(print, "an answer?").result() is None


def test_a_process_that_dies_fails_what_it_was_asked(second: Second) -> None:
    with pytest.raises(Failed, match="no more"):
        second.submit(os._exit, 3).result()
    with pytest.raises(Failed, match="no more"):
        second.submit(operator.add, 1, 2).result()


def test_closing_ends_what_it_is_at(second: Second) -> None:
    endless, waiting = second.submit(time.sleep, 3600), second.submit(operator.add, 1, 2)
    second.close()
    with pytest.raises((Failed, CancelledError)):
        endless.result()
    assert waiting.cancelled()
    assert second._process.returncode is not None
