"""Rates as people write them: a count in a time, which may be several of its unit, as windows of gateways are."""

from __future__ import annotations

import pytest

from sim.errors import BadUnit
from sim.units import DAY, MINUTE, SECOND, Rate, rate


@pytest.mark.parametrize(
    ("text", "count", "period"),
    [
        ("60/min", 60, MINUTE), ("17/10s", 17, 10 * SECOND), ("2k / 5 min", 2000, 5 * MINUTE), ("1/1s", 1, SECOND),
        ("9/30days", 9, 30 * DAY),
    ],
)  # fmt: skip
def test_a_rate_is_read_and_written_back(text: str, count: int, period: int) -> None:
    found = rate(text)
    assert found == Rate(count, period)  # type: ignore[arg-type]
    assert rate(str(found)) == found
    assert rate(text.replace("/", " /")) == found


def test_the_same_rate_in_other_words_refills_alike() -> None:
    assert rate("10/10s").credit == rate("60/min").credit
    assert rate("10/10s") != rate("60/min"), "a window of ten seconds is another one than a minute"


@pytest.mark.parametrize("text", ["5/0s", "5/31days", "5/10", "5/s10", "/10s", "5/1.5s", "5/-1s"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(BadUnit, match="rate"):
        rate(text)
