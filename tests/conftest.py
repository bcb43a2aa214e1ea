"""Fixtures that every kind of test may use."""

from __future__ import annotations

import math
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from sim.engine.run import _DOORS

# A deadline is a wall-clock assertion: on a busy machine it fails for no reason.
settings.register_profile("keystorm", deadline=None)
settings.load_profile("keystorm")

# A job in the background of a shell inherits that Ctrl-C is ignored, and so would every command that a test interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module")
def simpy_aside() -> Iterator[None]:
    """Studies of this module repeat nothing in SimPy, which would take most of their time; tests/agreement compares."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(_DOORS, "simpy", _DOORS["compiled"])
        patch.setattr("sim.study.beside.LEAST", math.inf)  # a process of its own would know nothing of it
        yield


DATA = Path(os.environ.get("KEYSTORM_DATA", Path(__file__).parents[1].parent / "shared" / "data"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of public traces; tests that need it are skipped where it is absent."""
    if not (DATA / "azure_llm_2023_code.csv.gz").exists():
        pytest.skip(f"no public traces in {DATA} (KEYSTORM_DATA names another folder)")
    return DATA
