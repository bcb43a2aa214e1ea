"""What one project's traffic is like: how bursty, how much at once, how much in its busiest minute."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim.engine.tables import LOG, RunResult
from sim.metrics.tables import F64, I64
from sim.policy.admission import NOBODY
from sim.units import MINUTE


def rates(arrivals: Sequence[I64], duration_ns: int) -> dict[str, float | None]:
    """Requests a minute, the coefficient of variation of their gaps, and the busiest minute, means over runs.

    ``arrivals`` are the starts of each run's requests, in any order; -1 did not come.
    """
    told = [_rates(np.sort(run[run >= 0]), duration_ns) for run in arrivals]
    names = ("per_minute", "gap_cv", "busiest_minute")
    columns = (np.array([one[at] for one in told]) for at in range(3))
    return {
        name: float(column[np.isfinite(column)].mean()) if np.isfinite(column).any() else None
        for name, column in zip(names, columns, strict=True)
    }


def _rates(times: I64, duration_ns: int) -> tuple[float, float, float]:
    gaps = np.diff(times).astype(np.float64)
    cv = float(gaps.std() / gaps.mean()) if len(gaps) > 1 and gaps.mean() > 0 else np.nan
    return len(times) * MINUTE / duration_ns, cv, busiest(times, np.ones(len(times)))


def busiest(times: I64, weights: F64 | I64, window_ns: int = MINUTE) -> float:
    """The most that falls into any window (its end excluded); a bucket of that rate and burst refuses none of it."""
    if len(times) == 0:
        return 0.0
    order = np.argsort(times, kind="stable")
    at, total = times[order], np.concatenate(([0.0], np.cumsum(weights[order])))
    end = np.searchsorted(at, at + window_ns, side="left")
    return float(np.max(total[end] - total[: len(at)]))


def most_at_once(starts: I64, ends: I64) -> int:
    """The most intervals that overlap; one that ends when another starts does not overlap it."""
    moments = np.concatenate([starts, ends])
    steps = np.concatenate([np.ones(len(starts), np.int64), -np.ones(len(ends), np.int64)])
    order = np.lexsort((steps, moments))
    return int(np.cumsum(steps[order]).max(initial=0))


def use(results: Sequence[RunResult], horizon_ns: int) -> dict[str, float]:
    """What admitted attempts used at most, in any run: at once, and in any minute.

    Input counts uncached, when an attempt starts; output when it ends.
    """
    told = [_use(result, horizon_ns) for result in results]
    return {name: max(one[name] for one in told) for name in told[0]}


def _use(result: RunResult, horizon_ns: int) -> dict[str, float]:
    log = dict(zip(LOG, result.log.T, strict=True))
    inside = log["refused_by"] == NOBODY
    at, uncached, output = (log[name][inside] for name in ("at", "uncached", "output"))
    end = np.where(log["end"][inside] < 0, horizon_ns, log["end"][inside])
    return {
        "at_once": float(most_at_once(at, end)),
        "requests": busiest(at, np.ones(len(at))),
        "input_tokens": busiest(at, uncached),
        "output_tokens": busiest(end, output),
        "tokens": busiest(np.concatenate([at, end]), np.concatenate([uncached, output])),
    }


def refused_share(results: Sequence[RunResult], codes: Sequence[int], warmup_ns: int) -> F64:
    """In each run the share of measured requests that one of the refusers ``codes`` refused last, ``(n,)``."""
    shares = []
    for one in results:
        counted = (one.arrival >= 0) & (one.arrival >= warmup_ns)
        refused = counted & np.isin(one.refused_by, codes)
        shares.append(refused.sum() / counted.sum() if counted.any() else 0.0)
    return np.array(shares)
