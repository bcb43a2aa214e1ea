"""Charts drawn by two: the same as by one, whoever draws them and whatever fails."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest

from sim.report.document import Chart
from sim.report.figures import FIGURES
from sim.report.inputs import Study
from sim.report.together import draw_charts
from sim.study.second import Failed, Second
from tests.unit import report_sample as sample


class Noting:
    """A helper that says what it was asked; after ``whole`` calls it fails."""

    def __init__(self, whole: int, do: Callable[..., Any] | None = None) -> None:
        self.whole, self.do, self.asked = whole, do, list[str]()

    def submit(self, function: Callable[..., Any], *given: Any) -> Future[Any]:
        told: Future[Any] = Future()
        self.asked += given[1:]
        if len(self.asked) > self.whole:
            told.set_exception(Failed("no more"))
        else:
            told.set_result((self.do or function)(*given))
        return told


@pytest.fixture(scope="module")
def study() -> Study:
    return sample.make(sample.summary())


@pytest.fixture(scope="module")
def alone(study: Study) -> list[Chart]:
    return draw_charts(study)


def test_another_process_draws_the_same(study: Study, alone: list[Chart]) -> None:
    second = Second()
    try:
        assert second.submit(draw_charts, study).result() == alone
        assert draw_charts(study, second) == alone
    finally:
        second.close()


def test_the_helper_begins_at_the_end_of_the_page_and_its_charts_are_used(study: Study, alone: list[Chart]) -> None:
    helper = Noting(len(FIGURES), lambda *given: Chart(given[1], "drawn elsewhere", "", (), "") if given else None)
    drawn = draw_charts(study, helper)
    assert helper.asked
    assert helper.asked == list(FIGURES)[::-1][: len(helper.asked)]
    assert [one.name for one in drawn if one.title == "drawn elsewhere"] == helper.asked[::-1]
    assert [one for one in drawn if one.name not in helper.asked] == [
        one for one in alone if one.name not in helper.asked
    ]


@pytest.mark.parametrize("whole", [-1, 0])
def test_what_a_helper_fails_to_draw_is_drawn_here(whole: int, study: Study, alone: list[Chart]) -> None:
    assert draw_charts(study, Noting(whole)) == alone
