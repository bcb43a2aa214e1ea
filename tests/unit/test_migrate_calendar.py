"""When steps happen: weekdays, cadence, freezes, and dates that can't be read."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.errors import BadInput
from sim.study.migrate.calendar import Freeze, day_of, every_of, freeze_of, schedule, working

FREEZE = freeze_of("2026-12-18..2027-01-03")


def days(steps: int, every: int, start: str, *freezes: Freeze) -> list[str]:
    return [str(slot.day) for slot in schedule(steps, every, day_of(start, "--start"), freezes)]


def test_steps_stand_on_weekdays_and_as_far_apart_as_asked() -> None:
    assert days(4, 2, "2026-12-01") == ["2026-12-01", "2026-12-03", "2026-12-07", "2026-12-09"]
    assert days(3, 5, "2026-12-01") == ["2026-12-01", "2026-12-08", "2026-12-15"]
    assert days(2, 1, "2026-12-05") == ["2026-12-07", "2026-12-08"]  # a Saturday


def test_a_freeze_moves_a_step_and_all_later_ones_and_says_so() -> None:
    slots = schedule(3, 2, date(2026, 12, 16), [FREEZE])
    assert [str(slot.day) for slot in slots] == ["2026-12-16", "2027-01-04", "2027-01-06"]
    assert [slot.moved for slot in slots] == ["", "freeze 2026-12-18 to 2027-01-03", ""]
    # The watch of a step goes on through the freeze, until the next one.
    assert [str(slot.until) for slot in slots] == ["2027-01-04", "2027-01-06", "2027-01-08"]
    assert schedule(1, 2, date(2026, 12, 5))[0].moved == "weekend"


def test_without_a_start_working_days_are_counted() -> None:
    slots = schedule(3, 2)
    assert [slot.offset for slot in slots] == [0, 2, 4]
    assert all(slot.day is None and slot.until is None for slot in slots)


@given(
    start=st.dates(date(2026, 1, 1), date(2028, 1, 1)), steps=st.integers(1, 12), every=st.integers(1, 10),
    freezes=st.lists(st.tuples(st.dates(date(2026, 1, 1), date(2028, 6, 1)), st.integers(0, 20)), max_size=3),
)  # fmt: skip
def test_never_on_a_weekend_or_in_a_freeze_never_earlier_and_watched_until_the_next(
    start: date, steps: int, every: int, freezes: list[tuple[date, int]]
) -> None:
    frozen = [(first, first + timedelta(days=length)) for first, length in freezes]
    slots = schedule(steps, every, start, frozen)
    found = [slot.day for slot in slots if slot.day is not None]
    assert len(found) == steps and found[0] >= start
    assert all(working(day, frozen) for day in found)
    for before, after in pairwise(slots):
        assert before.until == after.day and before.day is not None and after.day is not None
        weekdays = sum(
            (before.day + timedelta(days=at)).weekday() < 5 for at in range(1, (after.day - before.day).days + 1)
        )
        assert weekdays >= every


@pytest.mark.parametrize("text", ["tomorrow", "2026-13-01", "2026-02-30", "01.12.2026", "2026-12-1", "1926-12-01", ""])
def test_what_is_no_day_is_refused_with_the_place(text: str) -> None:
    with pytest.raises(BadInput) as error:
        day_of(text, "--start")
    assert error.value.problem.place == "--start" and "2026-12-01" in (error.value.problem.hint + "2026-12-01")
    assert error.value.exit_code == 2


@pytest.mark.parametrize("text", ["2027-01-03..2026-12-18", "2026-12-18..", "..", "2026-12-18..2028-12-18", "x..y"])
def test_what_is_no_freeze_is_refused(text: str) -> None:
    with pytest.raises(BadInput) as error:
        freeze_of(text)
    assert error.value.problem.place == "--freeze"


def test_a_freeze_may_be_one_day() -> None:
    assert freeze_of("2026-12-24") == (date(2026, 12, 24), date(2026, 12, 24))


@pytest.mark.parametrize(("text", "days"), [("2d", 2), ("1w", 5), (" 10 d ", 10), ("60d", 60)])
def test_a_cadence(text: str, days: int) -> None:
    assert every_of(text) == days


@pytest.mark.parametrize("text", ["0d", "2", "61d", "13w", "two days", "-1d", ""])
def test_what_is_no_cadence_is_refused(text: str) -> None:
    with pytest.raises(BadInput) as error:
        every_of(text)
    assert error.value.problem.place == "--every"
