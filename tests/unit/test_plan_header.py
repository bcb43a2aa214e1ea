"""The header of a planned attempt: what is written is read, and what is wrong is said."""

from __future__ import annotations

import pytest

from sim.workload.plan_header import UNSAID, PlannedAttempt, read, write

ONE = PlannedAttempt(12, 2, 815, "team; of = signs", 0, 900, 100, 250)


@pytest.mark.parametrize("planned", [ONE, ONE._replace(at=0), ONE._replace(at=61_250_000_000)])
def test_what_is_written_is_read(planned: PlannedAttempt) -> None:
    assert read(write(planned)) == planned


def test_a_time_that_is_not_said_is_not_written() -> None:
    assert ONE.at == UNSAID and "at=" not in write(ONE)
    assert write(ONE._replace(at=7)) == write(ONE) + ";at=7"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("request=1;;=", "needs exactly"),
        (write(ONE) + ";more=1", "may say at"),
        (write(ONE) + ";at=-1", "at is not a whole number"),
        (write(ONE) + ";at=99999999999999999", "at is too large"),
        (write(ONE).replace("origin=0", "origin=9"), "origin"),
        (write(ONE).replace("cached=100", "cached=901"), "cached is more than input"),
    ],
)
def test_what_is_wrong_is_said(value: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read(value)
