"""Values of logs: token counts, numbers, money, names and time stamps, exactly or not at all."""

from __future__ import annotations

from typing import Any

import pytest

from sim.errors import BadInput, BadRow
from sim.workload.importers.clock import Clock, zone
from sim.workload.importers.fields import inner, micro_usd, name, number, span, status, tokens


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


def test_money_lengths_and_statuses() -> None:
    assert micro_usd("123.45", "amount", 100) == 1_234_500
    assert micro_usd("$0.0000015", "cost") == 2
    assert micro_usd("", "cost") == micro_usd(None, "cost") == -1
    assert span("4.121", "latency") == 4_121_000_000
    assert span("-", "latency") == -1
    assert [status(value) for value in (200, "429", "429.0", "ok", None, 99, 600, True)] == [
        200,
        429,
        429,
        -1,
        -1,
        -1,
        -1,
        -1,
    ]
    for bad in ("x", "-1", "1e99"):
        with pytest.raises(BadRow):
            micro_usd(bad, "cost")
        with pytest.raises(BadRow):
            span(bad, "latency")


@pytest.mark.parametrize(
    ("value", "wanted"),
    [('{"a": 1.50}', {"a": "1.50"}), ("{'a': None, 'b': True}", {"a": None, "b": True}), ("[1, 2]", [1, 2]),
     ("{broken", None), ("plain", None), (7, None), ({"a": 1}, {"a": 1}), ("", None), ("[" * 9999, None)],
)  # fmt: skip
def test_objects_inside_of_texts(value: Any, wanted: Any) -> None:
    assert inner(value) == wanted


def test_time_zones_are_explicit() -> None:
    berlin = Clock("iso", zone("Europe/Berlin"))
    utc = Clock("iso")
    assert berlin.ns("2026-07-01 12:00:00") == utc.ns("2026-07-01T10:00:00Z")
    assert berlin.ns("2026-12-01 12:00:00") == utc.ns("2026-12-01T11:00:00Z")
    assert berlin.ns("2026-12-01T12:00:00-03") == utc.ns("2026-12-01T15:00:00Z")
    assert berlin.bare == 2
    assert berlin.twice == 0
    assert Clock("iso", zone("+05:30")).ns("2026-12-01 12:00:00") == utc.ns("2026-12-01T06:30:00Z")
    for bad in ("Europe/Berln", "+25:00", "", "../etc/passwd"):
        with pytest.raises(BadInput, match="no such time zone"):
            zone(bad)


def test_an_hour_that_occurs_twice_is_the_first_and_counted() -> None:
    berlin, utc = Clock("iso", zone("Europe/Berlin")), Clock("iso")
    assert berlin.ns("2026-10-25 02:30:00") == utc.ns("2026-10-25T00:30:00Z")
    assert berlin.twice == 1
    for _ in range(3):
        berlin.ns("2026-10-25 02:30:59")
    assert berlin.twice == 4
    berlin.ns("2026-10-25 04:30:00")
    assert berlin.twice == 4
