"""The collector rests and is back afterwards, whoever had stopped it before."""

from __future__ import annotations

import gc
import subprocess
import sys

import pytest

from sim.collector import RARELY, resting


def test_it_is_back_afterwards_and_after_an_error() -> None:
    assert gc.isenabled()
    with resting():
        with pytest.raises(ZeroDivisionError), resting():
            raise ZeroDivisionError
        assert not gc.isenabled(), "the outer one still rests"
    assert gc.isenabled()


def test_who_had_stopped_it_keeps_it_so() -> None:
    gc.disable()
    try:
        with resting():
            assert not gc.isenabled()
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_settled_it_looks_rarely_and_not_at_what_was_here() -> None:
    asked = (
        "import gc; from sim.collector import settle; settle(); print(*gc.get_threshold(), gc.get_freeze_count() > 0)"
    )
    told = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout
    assert told.split() == [*map(str, RARELY), "True"]
