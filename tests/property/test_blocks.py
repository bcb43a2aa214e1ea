"""Blocks are exactly what is generated at once, wherever they are cut and wherever they are pickled."""

from __future__ import annotations

import pickle
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.draws import Stream
from sim.errors import BadInput
from sim.scenario.workloads import Workload
from sim.units import DAY, HOUR, SECOND
from sim.workload.blocks import BlockSource, blocks
from sim.workload.generate import generate
from sim.workload.importers import TraceRows, read_trace
from sim.workload.rows import Rows
from tests.property.test_workload_property import workloads

STREAM = Stream(35, 0, "team/0")
SPREAD = {"median": 900, "p95": 4000}


def joined(parts: list[Rows]) -> dict[str, Any]:
    """All blocks as one, with parents that count from the first row of all."""
    first = np.cumsum([0, *map(len, parts)])
    moved = [np.where(part.parent < 0, -1, part.parent + at) for part, at in zip(parts, first, strict=False)]
    columns = {name: [getattr(part, name) for part in parts] for name in Rows.__dataclass_fields__}
    return {name: np.concatenate(values) for name, values in (columns | {"parent": moved}).items()}


def same(parts: list[Rows], whole: Rows) -> None:
    assert all(len(part) for part in parts)
    assert sum(map(len, parts)) == len(whole)
    for name, values in joined(parts).items() if parts else ():
        assert values.dtype == np.int64
        np.testing.assert_array_equal(values, getattr(whole, name), err_msg=name)


def interrupted(source: BlockSource) -> list[Rows]:
    """All blocks, the source pickled before each and counted."""
    found: list[Rows] = []
    while True:
        source = pickle.loads(pickle.dumps(source))
        assert source.first_ordinal == sum(map(len, found))
        block = next(source, None)
        if block is None:
            return found
        found.append(block)


@settings(max_examples=250, deadline=None, derandomize=True)
@given(workloads(), st.integers(0, 2**32 - 1), st.integers(1, 2 * HOUR), st.integers(1, 400))
def test_blocks_are_what_is_generated_at_once(workload: Workload, seed: int, until: int, rows: int) -> None:
    stream = Stream(seed, 1, "team/0")
    found = list(blocks(workload, stream, until, rows=rows))
    same(found, generate(workload, stream, until))
    if workload.arrivals.sessions is None:
        assert max(map(len, found), default=0) <= rows
    assert all((part.parent < np.arange(len(part))).all() for part in found)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(workloads(), st.integers(1, HOUR), st.integers(30, 400))
def test_a_source_pickled_anywhere_goes_on(workload: Workload, until: int, rows: int) -> None:
    same(interrupted(blocks(workload, STREAM, until, rows=rows)), generate(workload, STREAM, until))


def described(arrivals: dict[str, Any], **other: Any) -> Workload:
    body = {"arrivals": arrivals, "model": "m", "input_tokens": SPREAD, "output_tokens": 7, **other}
    return Workload.model_validate(body)


@pytest.mark.parametrize(
    "arrivals",
    [
        {"gamma": {"rate": "100/s", "cv": 30}},
        {"weibull": {"rate": "100/s", "cv": 0.2}},
        {"bursts": {"rate": "100/s", "on": "40ms", "off": "10ms", "random": True}},
        {"bursts": {"rate": "1/s", "on": "1ms", "off": "2ms", "random": True}},
        {"bursts": {"rate": "300/s", "on": "1s", "off": "2s", "start": "99s"}},
        {"constant": {"rate": "99.9/s"}},
        {"herd": {"size": 30_011, "at": "1s", "every": "3m"}},
        {"sessions": {"rate": "30/s", "steps": {"median": 2, "p95": 30}, "think": {"median": "1s", "p95": "9s"}}},
    ],
    ids=lambda arrivals: next(iter(arrivals)),
)
def test_long_streams_at_the_length_that_is_used(arrivals: dict[str, Any]) -> None:
    workload = described(arrivals)
    found = list(blocks(workload, STREAM, 600 * SECOND))
    assert len(found) > 3
    same(found, generate(workload, STREAM, 600 * SECOND))


@pytest.mark.parametrize(
    "arrivals",
    [
        {"poisson": {"rate": "10M/s"}},
        {"constant": {"rate": "10M/s"}},
        {"herd": {"size": 1_000_000, "at": "1s", "every": "1ms"}},
        {"bursts": {"rate": "10M/s", "on": "1s", "off": "9s", "random": True}},
        {"sessions": {"rate": "1M/s", "steps": 3}},
    ],
    ids=lambda arrivals: next(iter(arrivals)),
)
def test_a_stream_of_any_length_begins_at_once(arrivals: dict[str, Any]) -> None:
    """A month of these has more than 10^12 requests, which no memory holds and no test has the time to draw."""
    workload = described(arrivals)
    with pytest.raises(BadInput, match="too many requests to hold in memory"):
        generate(workload, STREAM, 30 * DAY)
    source = blocks(workload, STREAM, 30 * DAY, rows=1000)
    assert all(len(block) <= 1000 for block in islice(source, 50))
    assert source.first_ordinal > 10_000
    assert len(pickle.dumps(source)) < 200_000


# --- traces


@pytest.fixture
def trace(tmp_path: Path) -> tuple[Workload, TraceRows]:
    """A log of 500 rows replayed in a loop, with copies that pass each other."""
    seconds = np.cumsum(np.random.default_rng(1).gamma(0.1, 5, 500))
    (tmp_path / "log").write_text("t,in,out\n" + "".join(f"{at},{k + 1},1\n" for k, at in enumerate(seconds)))
    columns = {"timestamp": "t", "input_tokens": "in", "output_tokens": "out", "unit": "s"}
    body = {"file": "log", "columns": columns, "loop": True, "scale": 2.5, "spread_ticks": "3s"}
    workload = Workload.model_validate({"arrivals": {"trace": body}, "model": "m", "output_tokens": SPREAD})
    assert workload.arrivals.trace is not None
    return workload, read_trace(workload.arrivals.trace, tmp_path)


def test_blocks_of_a_trace(trace: tuple[Workload, TraceRows]) -> None:
    workload, rows = trace
    whole = generate(workload, STREAM, HOUR, rows)
    assert len(whole) > 5000
    same(list(blocks(workload, STREAM, HOUR, rows, rows=77)), whole)
    same(interrupted(blocks(workload, STREAM, HOUR, rows, rows=1777)), whole)


def test_a_pickle_of_a_trace_has_its_place_and_not_its_rows(trace: tuple[Workload, TraceRows]) -> None:
    workload, rows = trace
    source = blocks(workload, STREAM, 9 * HOUR, rows, rows=100)
    before = len(pickle.dumps(source))
    next(source)
    assert len(pickle.dumps(source)) == pytest.approx(before, abs=50)
