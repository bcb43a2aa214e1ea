"""Values of logs: token counts, numbers, money, names and time stamps, exactly or not at all."""

from __future__ import annotations

from typing import Any

import pytest

from sim.errors import BadRow
from sim.workload.importers.clock import Clock
from sim.workload.importers.fields import name, number, tokens


@pytest.mark.parametrize("value", ["12", " 12 ", "12.0", 12, "1.2e1"])
def test_tokens_that_are_whole(value: Any) -> None:
    assert tokens(value, "input") == 12


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("nan", "no number"), ("NaN", "no number"), ("inf", "no number"), ("-Infinity", "no number"),
        ("", "no number"), ("twelve", "no number"), (None, "no number"), (True, "no number"), ([1], "no number"),
        ("-3", "negative"), (-3, "negative"), ("12.5", "not whole"), ("1e-999999", "not whole"),
        ("1e999999", "impossibly large"), (10**400, "impossibly large"), ("100000001", "impossibly large"),
    ],
)  # fmt: skip
def test_tokens_that_are_refused(value: Any, message: str) -> None:
    with pytest.raises(BadRow, match=message) as caught:
        tokens(value, "input")
    assert caught.value.problem.hint
    assert len(caught.value.problem.value) <= 60


@pytest.mark.parametrize("value", ["nan", "-1", "1e13", "", "x", None])
def test_numbers_that_are_refused(value: Any) -> None:
    with pytest.raises(BadRow, match="rate is"):
        number(value, "rate")


@pytest.mark.parametrize(
    ("value", "unit", "ns"),
    [
        ("2023-11-16 18:17:03.9799600", "iso", 1_700_158_623_979_960_000),
        ("2023-11-16T18:17:03.979960001Z", "iso", 1_700_158_623_979_960_001),
        ("2023-11-16T19:17:03,5+01:00", "iso", 1_700_158_623_500_000_000),
        ("2023-11-16T18:17", "iso", 1_700_158_620_000_000_000),
        ("1700158623.979960001", "s", 1_700_158_623_979_960_001),
        (1_700_158_623, "s", 1_700_158_623_000_000_000),
        ("1700158623979.96", "ms", 1_700_158_623_979_960_000),
        (1_700_158_623_979_960, "us", 1_700_158_623_979_960_000),
        (1_700_158_623_979_960_001, "ns", 1_700_158_623_979_960_001),
    ],
)
def test_time_stamps_are_exact_and_units_guessed(value: Any, unit: Any, ns: int) -> None:
    assert Clock(unit).ns(value) == ns
    clock = Clock("auto")
    assert clock.ns(value) == ns
    assert clock.unit == unit
    assert clock.note


@pytest.mark.parametrize(
    "value",
    ["", "yesterday", "-5", "nan", "1e400", "2023-13-16 18:17:03", "1969-12-31 00:00:00", "9999-01-01 00:00:00", None],
)
def test_time_stamps_that_are_refused(value: Any) -> None:
    for unit in ("auto", "s", "iso"):
        with pytest.raises(BadRow, match="time stamp"):
            Clock(unit).ns(value)  # type: ignore[arg-type]


def test_names_are_short_and_printable() -> None:
    assert name(" checkout ") == "checkout"
    assert name(7) == "7"
    assert name(None) == name("") == "(none)"
    assert name("a\nb\ud800") == "a\ufffdb\ufffd"
    for bad in ("x" * 81, {"a": 1}, [1], True):
        with pytest.raises(BadRow):
            name(bad)
