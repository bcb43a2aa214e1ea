"""The plain workload in C, compiled when it is asked for: ``plain.c`` through the machine's own compiler."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.workload import ATTEMPTS, Outcome, Plain

SOURCE = Path(__file__).with_name("plain.c")
FLAGS = ("-O3", "-march=native", "-shared", "-fPIC")
_NUMBERS = (
    "count", "attempts", "rate", "unit", "cap", "round_trip", "low", "span", "price_in", "price_cached", "price_out",
)  # fmt: skip
_INPUTS = ("arrival", "uncached", "cached", "output", "key", "knots", "steps")
_RESULTS = ("outcome", "made", "finish", "cost")
_POINTER = ctypes.POINTER(ctypes.c_int64)


class _Plain(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int64) for name in _NUMBERS] + [(name, _POINTER) for name in _INPUTS + _RESULTS]


@cache
def compiler() -> str | None:
    """The C compiler: $CC, cc or gcc; None when there is none."""
    names = filter(None, (os.environ.get("CC"), "cc", "gcc"))
    return next(filter(None, map(shutil.which, names)), None)


def build(folder: Path) -> ctypes.CDLL:
    """The compiled source. Raises CalledProcessError when it does not compile."""
    made = folder / "plain.so"
    subprocess.run([str(compiler()), *FLAGS, "-o", str(made), str(SOURCE)], check=True, capture_output=True)
    return ctypes.CDLL(str(made))


def runner(library: ctypes.CDLL, name: str, given: Plain) -> Callable[[], Outcome]:
    """A call of one function of the library on the workload; what is handed over is made beforehand."""
    world, client = given.world, given.world.clients[0]
    count = len(given.arrival)
    numbers = (
        count, ATTEMPTS, given.rate, given.unit, given.burst * given.unit, given.round_trip,
        client.low, client.span, *given.prices,
    )  # fmt: skip
    steps = world.delays[client.throttle : client.throttle + ATTEMPTS]
    inputs: list[Any] = [
        given.arrival, given.uncached, given.cached, given.output,
        np.ascontiguousarray(world.requests["draw_key"]), world.knots, np.asarray(steps, np.int64),
    ]  # fmt: skip
    function = getattr(library, name)
    function.restype = ctypes.c_int64

    def run() -> Outcome:
        results = [np.empty(count, np.int64) for _ in _RESULTS]
        pointers = [column.ctypes.data_as(_POINTER) for column in (*inputs, *results)]
        if function(ctypes.byref(_Plain(*numbers, *pointers))) != 0:
            raise MemoryError("the C loop got no memory for its heap")
        outcome, made, finish, cost = results
        return Outcome(outcome, made, finish, cost)

    return run
