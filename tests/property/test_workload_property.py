"""Properties of workloads and importers over many generated cases, at fixed seeds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.draws import Stream
from sim.scenario.workloads import Workload
from sim.units import HOUR, MINUTE, SECOND
from sim.workload.generate import expected, generate
from sim.workload.importers import read_trace

RATE = st.integers(1, 120).map(lambda count: f"{count}/min")
LENGTH = st.integers(1, 900).map(lambda seconds: f"{seconds}s")
SIZE = st.one_of(
    st.integers(0, 5000),
    st.tuples(st.integers(1, 3000), st.integers(0, 9000)).map(lambda pair: {"median": pair[0], "p95": sum(pair)}),
    st.tuples(st.integers(1, 3000), st.integers(1, 5000)).map(
        lambda pair: {"median": pair[0], "p95": 3 * pair[0], "max": pair[1]}
    ),
)
RENEWAL = st.fixed_dictionaries({"rate": RATE, "cv": st.floats(0.01, 40)})
ARRIVALS = st.one_of(
    RATE.map(lambda rate: {"constant": {"rate": rate}}),
    RATE.map(lambda rate: {"poisson": {"rate": rate}}),
    RENEWAL.map(lambda spec: {"gamma": spec}),
    RENEWAL.map(lambda spec: {"weibull": spec}),
    st.fixed_dictionaries({"rate": RATE, "on": LENGTH, "off": LENGTH, "start": LENGTH, "random": st.booleans()}).map(
        lambda spec: {"bursts": spec}
    ),
    st.fixed_dictionaries({"size": st.integers(1, 200), "at": LENGTH, "every": LENGTH}).map(
        lambda spec: {"herd": spec}
    ),
    st.fixed_dictionaries({"rate": RATE, "steps": st.integers(1, 12), "grow": st.integers(0, 900),
                           "max_input": st.integers(1, 9000), "keep_output": st.booleans()}).map(
        lambda spec: {"sessions": spec}
    ),
)  # fmt: skip
WEIGHTS = st.lists(st.floats(0, 9), min_size=23, max_size=23).map(lambda weights: [1.0, *weights])
PROFILE = st.one_of(st.none(), st.fixed_dictionaries({"hours": WEIGHTS, "starts_at": LENGTH}))


@st.composite
def workloads(draw: st.DrawFn) -> Workload:
    arrivals = draw(ARRIVALS)
    profile = None if "herd" in arrivals else draw(PROFILE)
    sizes = {"input_tokens": draw(SIZE), "output_tokens": draw(SIZE), "cached_input": draw(st.floats(0, 1))}
    return Workload.model_validate({"arrivals": arrivals, "model": "m", "profile": profile, **sizes})


@settings(max_examples=300, deadline=None, derandomize=True)
@given(workloads(), st.integers(0, 2**32 - 1), st.integers(1, HOUR), st.integers(1, 2 * HOUR))
def test_rows_keep_their_promises_and_a_longer_horizon_appends(
    workload: Workload, seed: int, first: int, second: int
) -> None:
    stream = Stream(seed, 0, "team/0")
    short, long = sorted((first, second))
    less, more = generate(workload, stream, short), generate(workload, stream, long)
    for column, values in vars(more).items():
        assert values.dtype == np.int64
        assert np.array_equal(getattr(less, column), values[: len(less)]), column
    assert len(less) == np.searchsorted(more.order_ns, short)
    assert (np.diff(more.order_ns) >= 0).all()
    assert ((more.order_ns >= 0) & (more.order_ns < long)).all()
    assert (more.input_tokens >= 1).all()
    assert (more.output_tokens >= 1).all()
    assert ((more.cached_tokens >= 0) & (more.cached_tokens <= more.input_tokens)).all()
    assert (more.max_tokens >= more.output_tokens).all()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(workloads(), st.integers(MINUTE, HOUR))
def test_expected_requests_are_the_mean(workload: Workload, until: int) -> None:
    """Within 6 standard errors, as 60 cases are tried; rare bursts need the mean's own spread too."""
    counts = np.array([len(generate(workload, Stream(1, r, "team/0"), until)) for r in range(60)], float)
    wanted = expected(workload, until).requests
    spec = workload.arrivals.spec
    burst = getattr(spec, "cv", 1.0) ** 2 + 2 * getattr(spec, "size", 1)
    on = getattr(spec, "on", 0) * float(spec.rate.count) / spec.rate.period_ns if hasattr(spec, "on") else 0.0
    steps = float(spec.steps.fixed) if hasattr(spec, "steps") else 1.0
    spread = max(counts.std(), math.sqrt(wanted * (burst + 2 * on) * steps))
    assert abs(counts.mean() - wanted) <= 6 * spread / math.sqrt(60) + 1


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), min_size=1, max_size=40),
       st.floats(0.01, 6), st.floats(0.05, 50), st.booleans(), st.integers(1, 3000))  # fmt: skip
def test_replayed_rows_are_rows_of_the_trace(
    tmp_path_factory: pytest.TempPathFactory,
    pairs: list[tuple[int, int]],
    scale: float,
    speed: float,
    loop: bool,
    seconds: int,
) -> None:
    folder = tmp_path_factory.mktemp("trace")
    (folder / "log").write_text("t,in,out\n" + "".join(f"{at},{size},{at}\n" for at, size in pairs))
    columns = {"timestamp": "t", "input_tokens": "in", "output_tokens": "out", "unit": "ms"}
    body = {"file": "log", "columns": columns, "scale": round(scale, 3), "speed": round(speed, 3), "loop": loop}
    workload = Workload.model_validate({"arrivals": {"trace": body}, "model": "m"})
    rows = read_trace(workload.arrivals.spec, folder)
    if expected(workload, seconds * SECOND, rows).requests > 200_000:
        return
    found = generate(workload, Stream(3, 0, "x"), seconds * SECOND, rows)
    assert set(zip(found.output_tokens.tolist(), found.input_tokens.tolist(), strict=True)) <= set(pairs)
    assert (np.diff(found.arrival_ns) >= 0).all()
    assert not len(found) or found.arrival_ns[-1] < seconds * SECOND
    half = generate(workload, Stream(3, 0, "x"), seconds * SECOND // 2, rows)
    assert np.array_equal(half.input_tokens, found.input_tokens[: len(half)])
