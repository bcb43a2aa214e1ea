"""Replay of traces, draws from rates, and the rows of a workload."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.draws import Stream
from sim.errors import BadInput
from sim.scenario.workloads import Workload
from sim.units import DAY, HOUR, MINUTE, SECOND
from sim.workload.generate import expected, generate
from sim.workload.importers import TraceRows, read_trace
from sim.workload.rates import INPUT, gap_shapes, mean_tokens, tokens
from sim.workload.rows import Rows

COLUMNS = {"timestamp": "t", "input_tokens": "in", "output_tokens": "out"}
RATES_HEAD = "client,window_s,rate_rps,cv_iat,family\n"
SIZES_HEAD = "client,window_s," + ",".join(
    f"{side}_{each}" for side in ("in", "out") for each in ("mean", "p50", "p90", "p95", "p99", "max")
)


def workload(trace: dict[str, Any], **other: Any) -> Workload:
    return Workload.model_validate({"arrivals": {"trace": trace}, "model": "m", **other})


def opened(spec: Workload, folder: Path) -> TraceRows:
    assert spec.arrivals.trace is not None
    return read_trace(spec.arrivals.trace, folder)


def rows(spec: Workload, until: int, trace: TraceRows | None = None, replication: int = 0) -> Rows:
    return generate(spec, Stream(35, replication, "team/0"), until, trace)


def log(folder: Path, seconds: list[float]) -> dict[str, Any]:
    """A log whose row k has k + 1 input tokens and 1 output token."""
    body = "".join(f"{at},{k + 1},1\n" for k, at in enumerate(seconds))
    (folder / "log").write_text("t,in,out\n" + body)
    return {"file": "log", "columns": {**COLUMNS, "unit": "s"}}


def agrees(spec: Workload, until: int, trace: TraceRows | None, replications: int, slack: float = 0.0) -> None:
    """``expected`` lies within 4 standard errors of the mean of replications (and ``slack``)."""
    found = [rows(spec, until, trace, replication) for replication in range(replications)]
    wanted = expected(spec, until, trace)
    sums = [(len(each), each.input_tokens.sum(), each.output_tokens.sum()) for each in found]
    for values, mean in zip(np.array(sums, float).T, vars(wanted).values(), strict=True):
        assert abs(values.mean() - mean) <= 4 * values.std() / math.sqrt(replications) + slack * mean + 1e-6


# --- rows


def test_a_trace_replays_as_it_is(tmp_path: Path) -> None:
    spec = workload(log(tmp_path, [100, 100.5, 103]))
    found = rows(spec, HOUR, opened(spec, tmp_path))
    assert found.arrival_ns.tolist() == [0, SECOND // 2, 3 * SECOND]
    assert found.input_tokens.tolist() == [1, 2, 3]
    assert found.max_tokens.tolist() == [4096] * 3
    assert len(rows(spec, 3 * SECOND, opened(spec, tmp_path))) == 2
    assert vars(expected(spec, HOUR, opened(spec, tmp_path))) == {"requests": 3, "input_tokens": 6, "output_tokens": 3}


def test_speed_divides_time(tmp_path: Path) -> None:
    spec = workload(log(tmp_path, [0, 1, 3]) | {"speed": 4})
    assert rows(spec, HOUR, opened(spec, tmp_path)).arrival_ns.tolist() == [0, SECOND // 4, 3 * SECOND // 4]


def test_a_loop_keeps_the_rate(tmp_path: Path) -> None:
    spec = workload(log(tmp_path, [0, 1, 2, 3]) | {"loop": True})
    found = rows(spec, 10 * SECOND, opened(spec, tmp_path))
    assert (found.arrival_ns // SECOND).tolist() == list(range(10))
    assert found.input_tokens.tolist() == [1, 2, 3, 4, 1, 2, 3, 4, 1, 2]
    assert expected(spec, 10 * SECOND, opened(spec, tmp_path)).requests == 10


def test_thinning_keeps_each_row_with_the_same_chance(tmp_path: Path) -> None:
    spec = workload(log(tmp_path, [k / 10 for k in range(1000)]) | {"scale": 0.3})
    trace = opened(spec, tmp_path)
    times = np.concatenate([rows(spec, HOUR, trace, r).arrival_ns for r in range(400)])
    kept = np.bincount(times // (SECOND // 10), minlength=1000)
    assert set((times % (SECOND // 10)).tolist()) == {0}
    assert np.abs(kept - 120).max() < 5 * math.sqrt(400 * 0.3 * 0.7)
    assert kept.mean() == pytest.approx(120, abs=4 * math.sqrt(120 * 0.7 / 1000))


def test_scaling_up_repeats_rows_a_little_later(tmp_path: Path) -> None:
    spec = workload(log(tmp_path, [0, 60, 61, 62]) | {"scale": 2.5})
    trace = opened(spec, tmp_path)
    found = rows(spec, HOUR, trace)
    counts = np.bincount(found.input_tokens)[1:]
    assert set(counts.tolist()) <= {2, 3}
    own = np.array([0, 60, 61, 62])[found.input_tokens - 1] * SECOND
    moved = found.arrival_ns - own
    assert (np.bincount(found.input_tokens[moved == 0])[1:] == 1).all()
    assert 0 <= moved.min() <= moved.max() <= trace.mean_gap_ns
    assert len(np.unique(found.arrival_ns)) == len(found)


def test_ticks_are_spread_evenly(tmp_path: Path) -> None:
    spec = workload(log(tmp_path, [3 * (k // 500) for k in range(5000)]) | {"spread_ticks": "3s"})
    found = rows(spec, HOUR, opened(spec, tmp_path)).arrival_ns
    histogram = np.bincount(found // (3 * SECOND // 10))
    assert len(histogram) == 100
    assert np.abs(histogram - 50).max() < 5 * math.sqrt(50)


REPLAYS: list[dict[str, Any]] = [
    {"scale": 0.3}, {"scale": 3.7}, {"spread_ticks": "20s"},
    {"scale": 2, "spread_ticks": "3s", "loop": True, "speed": 3},
    {"scale": 0.5, "loop": True}, {"speed": 0.5, "loop": True}, {"window": ["10s", "30s"], "loop": True, "scale": 1.5},
]  # fmt: skip


@pytest.mark.parametrize("options", REPLAYS, ids=str)
def test_replays_append_and_agree_with_their_expectation(options: dict[str, Any], tmp_path: Path) -> None:
    seconds = np.cumsum(np.random.default_rng(1).gamma(0.1, 5, 100)).tolist()
    sizes = {"input_tokens": {"median": 9, "p95": 30}} if "window" in options else {}
    spec = workload(log(tmp_path, seconds) | options, **sizes)
    trace = opened(spec, tmp_path)
    for until in (20 * SECOND, 100 * SECOND + 1):
        agrees(spec, until, trace, 300)
    long = rows(spec, 200 * SECOND, trace)
    for until in (1, SECOND, 20 * SECOND, 100 * SECOND):
        short = rows(spec, until, trace)
        assert len(short) == np.searchsorted(long.arrival_ns, until)
        assert np.array_equal(short.arrival_ns, long.arrival_ns[: len(short)])
        assert np.array_equal(short.input_tokens, long.input_tokens[: len(short)])


def test_a_workload_may_give_sizes_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "log").write_text('{"timestamp":0,"input_length":700,"output_length":5,"hash_ids":[1]}\n' * 2)
    spec = workload({"file": "log"})
    assert rows(spec, HOUR, opened(spec, tmp_path)).cached_tokens.tolist() == [0, 512]
    share = workload({"file": "log"}, cached_input="10%")
    assert rows(share, HOUR, opened(share, tmp_path)).cached_tokens.tolist() == [70, 70]
    own = workload({"file": "log"}, input_tokens=100, output_tokens=7, max_tokens=5)
    found = rows(own, HOUR, opened(own, tmp_path))
    assert found.input_tokens.tolist() == [100, 100]
    assert found.cached_tokens.tolist() == [0, 0]
    assert found.output_tokens.tolist() == [7, 7]
    assert found.max_tokens.tolist() == [7, 7]


# --- rates


def pool(folder: Path, windows: str, sizes: str = "") -> dict[str, Any]:
    (folder / "rates").write_text(RATES_HEAD + windows)
    (folder / "sizes").write_text(f"{SIZES_HEAD}\n{sizes}")
    return {"file": "rates", **({"tokens": "sizes"} if sizes else {})}


SIZES = "a,0,260,140,650,790,900,1056,1400,1170,2220,3200,6300,18000\nb,0,90,91,92,93,94,95,1,1,1,1,1,1\n"


def steady(folder: Path, rate: float, cv: float, family: str, windows: int = 144) -> Workload:
    body = "".join(f"a,{600 * k},{rate},{cv},{family}\n" for k in range(windows))
    return workload(pool(folder, body), input_tokens=1, output_tokens=1)


@pytest.mark.parametrize("family", ["Gamma", "Weibull"])
@pytest.mark.parametrize("cv", [0.4, 1.0, 2.5, 6.0])
def test_rates_give_their_counts_and_cv(family: str, cv: float, tmp_path: Path) -> None:
    spec = steady(tmp_path, 2.0, cv, family)
    found = rows(spec, DAY, opened(spec, tmp_path)).arrival_ns
    assert (np.bincount(found // (600 * SECOND)) == 1200).all()
    gaps = np.diff(found)
    assert gaps.std() / gaps.mean() == pytest.approx(cv, rel=0.02 if cv <= 1 else 0.12)


def test_no_part_of_a_window_attracts_requests(tmp_path: Path) -> None:
    spec = steady(tmp_path, 0.2, 8.0, "Gamma", 2000)
    found = rows(spec, 2000 * 600 * SECOND, opened(spec, tmp_path)).arrival_ns
    sixths = (found % (600 * SECOND) // (100 * SECOND)).reshape(2000, 120)
    shares = np.stack([(sixths == part).mean(axis=1) for part in range(6)])
    error = shares.std(axis=1) / math.sqrt(2000)
    assert (np.abs(shares.mean(axis=1) - 1 / 6) < 4 * error).all()


def test_extreme_windows_do_not_underflow(tmp_path: Path) -> None:
    body = "".join(f"a,{600 * k},{rate},797,{family}\n" for k, (rate, family) in enumerate([
        (0.0016667, "Gamma"), (0.0016667, "Weibull"), (0.0033, "Gamma"), (50, "Gamma"), (50, "Weibull"),
        (0.0001, "Gamma"),
    ]))  # fmt: skip
    spec = workload(pool(tmp_path, body), input_tokens=1, output_tokens=1)
    counts = [np.bincount(rows(spec, HOUR, opened(spec, tmp_path), r).arrival_ns // (600 * SECOND), minlength=6)[:6]
              for r in range(200)]  # fmt: skip
    assert np.mean(counts, axis=0) == pytest.approx([1, 1, 1.98, 30_000, 30_000, 0.06], abs=0.07)


def test_gap_shapes_are_the_moments_of_a_dirichlet() -> None:
    draws = np.random.default_rng(2)
    for count, cv in ((5, 1.0), (50, 4.0), (1200, 6.0)):
        shape = gap_shapes(np.array([count]), np.array([cv]))[0]
        gaps = draws.dirichlet([shape] * count, 20_000)
        assert math.sqrt((gaps.var(axis=1) * count * count).mean()) == pytest.approx(cv, rel=0.02)


def test_thinned_rates_lose_burstiness_as_thinned_renewals_do(tmp_path: Path) -> None:
    full = steady(tmp_path, 20.0, 4.0, "Gamma")
    assert full.arrivals.trace is not None
    trace = full.arrivals.trace.model_copy(update={"scale": 0.1})
    spec = full.model_copy(update={"arrivals": full.arrivals.model_copy(update={"trace": trace})})
    gaps = np.diff(rows(spec, DAY, opened(spec, tmp_path)).arrival_ns)
    assert SECOND / gaps.mean() == pytest.approx(2, rel=0.01)
    assert gaps.std() / gaps.mean() == pytest.approx(math.sqrt(1 + 0.1 * 15), rel=0.05)


@pytest.mark.parametrize("options", [{}, {"scale": 0.03}, {"scale": 2.5, "speed": 7, "loop": True}, {"only": ["b"]},
                                     {"window": ["5m", "22m"], "loop": True}], ids=str)  # fmt: skip
def test_rates_append_and_agree_with_their_expectation(options: dict[str, Any], tmp_path: Path) -> None:
    windows = "a,0,0.5,3,Gamma\na,600,0.11,0.5,Weibull\nb,600,0.3,20,Weibull\na,1800,0.04,1,Gamma\n"
    spec = workload(pool(tmp_path, windows, SIZES) | options)
    trace = opened(spec, tmp_path)
    agrees(spec, 17 * MINUTE, trace, 300, slack=0.005)  # sizes are rounded, their means are not
    long = rows(spec, 100 * MINUTE, trace)
    for until in (1, MINUTE, 10 * MINUTE, 35 * MINUTE):
        short = rows(spec, until, trace)
        assert len(short) == np.searchsorted(long.arrival_ns, until)
        for column in ("arrival_ns", "input_tokens", "output_tokens"):
            assert np.array_equal(getattr(short, column), getattr(long, column)[: len(short)])


def test_a_client_is_drawn_alike_alone_and_in_the_pool(tmp_path: Path) -> None:
    windows = "a,0,0.5,3,Gamma\nb,0,0.3,20,Weibull\n"
    spec = workload(pool(tmp_path, windows, SIZES))
    alone = workload(pool(tmp_path, windows, SIZES) | {"only": ["b"]})
    both, one = rows(spec, HOUR, opened(spec, tmp_path)), rows(alone, HOUR, opened(alone, tmp_path))
    assert np.isin(one.arrival_ns, both.arrival_ns).all()
    assert len(one) == 180


def test_sizes_follow_their_quantiles_and_mean(tmp_path: Path) -> None:
    spec = workload(pool(tmp_path, "a,0,1,1,Gamma\n", SIZES))
    rates = opened(spec, tmp_path).rates
    assert rates is not None
    uniforms = np.random.default_rng(3).random(400_000)
    for side, statistics in enumerate(([260, 140, 650, 790, 900, 1056], [1400, 1170, 2220, 3200, 6300, 18_000])):
        found = tokens(rates, np.zeros(len(uniforms), np.int64), side, uniforms)
        assert found.mean() == pytest.approx(statistics[0], rel=0.005)
        assert np.quantile(found, [0.5, 0.9, 0.95, 0.99]) == pytest.approx(statistics[1:5], rel=0.01)
        assert 1 <= found.min() <= found.max() <= statistics[5]
    assert mean_tokens(rates, INPUT)[:2] == pytest.approx([260, 90], rel=0.01)


def test_rates_without_sizes_are_refused(tmp_path: Path) -> None:
    spec = workload(pool(tmp_path, "a,0,1,1,Gamma\n"), input_tokens=5)
    trace = opened(spec, tmp_path)
    for use in (expected, lambda *given: rows(*given)):
        with pytest.raises(BadInput, match="no token sizes"):
            use(spec, HOUR, trace)


# --- described workloads


def described(arrivals: dict[str, Any], **other: Any) -> Workload:
    sizes = {"input_tokens": {"median": 900, "p95": 4000}, "output_tokens": {"median": 250, "p95": 900}}
    return Workload.model_validate({"arrivals": arrivals, "model": "m", **sizes, **other})


RHYTHM = {"hours": [3, 1] * 12, "starts_at": "30m"}


@pytest.mark.parametrize(
    ("arrivals", "profile"),
    [
        ({"poisson": {"rate": "12/min"}}, None),
        ({"poisson": {"rate": "12/min"}}, RHYTHM),
        ({"gamma": {"rate": "12/min", "cv": 5}}, None),
        ({"weibull": {"rate": "12/min", "cv": 5}}, RHYTHM),
        ({"bursts": {"rate": "90/min", "on": "5m", "off": "20m", "random": True}}, None),
        ({"bursts": {"rate": "90/min", "on": "5m", "off": "20m", "random": True}}, RHYTHM),
        ({"herd": {"size": 50, "at": "10m", "every": "7m"}}, None),
    ],
    ids=str,
)
def test_expected_is_the_mean_of_many_replications(arrivals: dict[str, Any], profile: dict[str, Any] | None) -> None:
    agrees(described(arrivals, profile=profile), 95 * MINUTE, None, 400)


def test_one_size_may_change_and_nothing_else_does() -> None:
    base, other = (
        described({"poisson": {"rate": "12/min"}}),
        described({"poisson": {"rate": "12/min"}}, output_tokens=7),
    )
    one, two = rows(base, HOUR), rows(other, HOUR)
    assert np.array_equal(one.arrival_ns, two.arrival_ns)
    assert np.array_equal(one.input_tokens, two.input_tokens)
    assert two.output_tokens.tolist() == [7] * len(two)


def test_cached_input_is_a_share_of_the_input() -> None:
    found = rows(described({"poisson": {"rate": "12/min"}}, cached_input="25%"), HOUR)
    assert np.array_equal(found.cached_tokens, np.rint(found.input_tokens * 0.25))


def test_a_request_asks_for_at_least_its_own_output() -> None:
    found = rows(described({"poisson": {"rate": "60/min"}}, max_tokens=300), HOUR)
    assert np.array_equal(found.max_tokens, np.maximum(300, found.output_tokens))
    assert found.output_tokens.max() > 300


@pytest.mark.parametrize("arrivals", [{"poisson": {"rate": "1M/s"}}, {"sessions": {"rate": "9k/s", "steps": 50_000}}])
def test_more_than_fits_into_memory_is_refused_and_not_tried(arrivals: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="too many requests to hold in memory"):
        rows(described(arrivals), HOUR)


def test_a_loop_of_next_to_nothing_is_refused_and_not_tried(tmp_path: Path) -> None:
    for spec in (
        workload(log(tmp_path, [0, 1, 2]) | {"window": ["1s", "1000001us"], "loop": True, "scale": 0.001}),
        workload(pool(tmp_path, "a,0,1,1,Gamma\n", SIZES) | {"window": ["0s", "1us"], "loop": True}),
    ):
        with pytest.raises(BadInput, match="too short to be looped"):
            rows(spec, DAY, opened(spec, tmp_path))


def test_a_trace_workload_needs_its_rows() -> None:
    with pytest.raises(ValueError, match="read_trace"):
        expected(workload({"file": "log"}), HOUR)


def test_public_pool_within_its_day(shared_data: Path) -> None:
    """Two hours of every deepseek-r1 client: counts as recorded, sizes by their quantiles."""
    files = {"file": "servegen_deepseek_r1_client_rates.csv.gz", "tokens": "servegen_deepseek_r1_client_tokens.csv.gz"}
    spec = workload(files | {"window": ["12h", "14h"]})
    trace = opened(spec, shared_data)
    found, wanted = rows(spec, 2 * HOUR, trace), expected(spec, 2 * HOUR, trace)
    assert len(found) == pytest.approx(wanted.requests, rel=1e-3)
    assert found.input_tokens.sum() == pytest.approx(wanted.input_tokens, rel=0.03)
    assert found.output_tokens.sum() == pytest.approx(wanted.output_tokens, rel=0.03)
