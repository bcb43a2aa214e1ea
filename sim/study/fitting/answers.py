"""How models answered: times to the first token and per token, prices, and the mix of server errors.

Where the log has times to the first token both parts are measured. Otherwise an answer takes F + P × n
for n output tokens, with F and P lognormal and independent: E = mean F + n mean P and
Var = var F + n² var P are fitted to durations by weighted least squares, twice, and give both spreads.
Intervals are bootstrapped.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from sim.draws import Stream
from sim.study.fitting.gaps import logarithmic
from sim.study.fitting.log import Log
from sim.study.fitting.types import Estimate, ProviderFit
from sim.study.importing.prices import price_of
from sim.units import MICRO, SECOND
from sim.workload.rows import I64
from sim.workload.sizes import Z95

F64 = NDArray[np.float64]
Times = dict[str, Estimate]

ENOUGH, SAMPLE, BOOTSTRAPS = 30, 20_000, 60


def succeeded(log: Log) -> NDArray[np.bool_]:
    """Answered, as far as the log says: not failed, no status from 400 on, and not out of a gateway's cache."""
    found: NDArray[np.bool_] = (log["failed"] != 1) & (log["status"] < 400) & (log["cached"] != 1)
    return found


def providers(log: Log) -> Iterator[ProviderFit]:
    """The answers of each model, where the log has times or costs."""
    good = succeeded(log)
    for code, name in enumerate(log.models):
        mine = good & (log["model"] == code)
        if mine.any():
            yield _provider(log.where(mine), name)


def errors(log: Log) -> dict[str, float]:
    """Status → share of all rows, of the statuses from 500 on."""
    status = log["status"]
    found, counts = np.unique(status[status >= 500], return_counts=True)
    return {str(int(each)): float(count / len(log)) for each, count in zip(found, counts, strict=True)}


def _provider(rows: Log, model: str) -> ProviderFit:
    timed = (rows["duration"] > 0) & (rows["retries"] <= 0)
    price = None if price_of(model) is not None else _price(rows)
    staged = timed & (rows["first"] >= 0) & (rows["first"] <= rows["duration"])
    if staged.sum() >= max(ENOUGH, timed.sum() / 2):
        first, each, why = _staged(rows.where(staged))
    elif timed.sum() >= ENOUGH:
        first, each, why = _regressed(rows.where(timed))
    else:
        return ProviderFit(model, len(rows), None, None, price, "the log has no durations")
    return ProviderFit(model, len(rows), first, each, price, why)


def _staged(rows: Log) -> tuple[Times, Times | None, str]:
    first = lognormal(np.maximum(rows["first"], 1) / SECOND)
    long = rows["output"] > 1
    each = None
    if long.sum() >= ENOUGH:
        rest = (rows["duration"] - rows["first"])[long] / rows["output"][long]
        each = lognormal(np.maximum(rest, 1.0) / SECOND)
    return first, each, f"{len(rows):,} answers with times to the first token"


def lognormal(values: F64) -> Times:
    """Median and 95th percentile of a lognormal, by maximum likelihood."""
    logs = np.log(values)
    centre, sigma, count = float(logs.mean()), float(logs.std()), len(values)
    return {
        "median": logarithmic(math.exp(centre), sigma / math.sqrt(count)),
        "p95": logarithmic(
            math.exp(centre + Z95 * sigma), sigma * math.sqrt((1 + Z95**2 / 2) / count)
        ),
    }  # fmt: skip


def _regressed(rows: Log) -> tuple[Times, Times, str]:
    took, output = rows["duration"] / SECOND, rows["output"].astype(float)
    draws = Stream(0, 0, "fit/bootstrap").generator("rows")
    if len(took) > SAMPLE:
        some = draws.choice(len(took), SAMPLE, replace=False)
        took, output = took[some], output[some]
    best = _parts(took, output)
    again = np.array(
        [_parts(took[pick], output[pick]) for pick in draws.integers(0, len(took), (BOOTSTRAPS, len(took)))]
    )
    spread = np.log(np.maximum(again, 1e-9)).std(axis=0)
    found = [logarithmic(value, float(each)) for value, each in zip(best, spread, strict=True)]
    why = f"{len(rows):,} durations against their output tokens: the log has no times to the first token"
    return (
        dict(zip(("median", "p95"), found[:2], strict=True)),
        dict(zip(("median", "p95"), found[2:], strict=True)),
        why,
    )


def _parts(took: F64, output: F64) -> tuple[float, float, float, float]:
    """Median and p95 of the first token, and of each token."""
    design, squares = np.stack([np.ones_like(output), output], 1), np.stack([np.ones_like(output), output**2], 1)
    weight = np.ones_like(took)
    mean, variance = np.zeros(2), np.zeros(2)
    for _ in range(3):
        mean = _positive(design, took, 1 / np.sqrt(weight))
        variance = _positive(squares, (took - design @ mean) ** 2, 1 / weight)
        weight = np.maximum(squares @ variance, 1e-12)
    found: list[float] = []
    for average, var in zip(mean.tolist(), variance.tolist(), strict=True):
        average = max(average, 1e-6)
        sigma = math.sqrt(math.log1p(var / average**2))
        median = average * math.exp(-sigma * sigma / 2)
        found += [median, median * math.exp(Z95 * sigma)]
    return found[0], found[1], found[2], found[3]


def _positive(design: F64, wanted: F64, weight: F64) -> F64:
    """Weighted least squares without negative parts."""
    from scipy.optimize import nnls

    scale = np.maximum(design.max(axis=0), 1e-300)
    solution, _ = nnls(design / scale * weight[:, None], wanted * weight)
    parts: F64 = solution / scale
    return parts


def _price(rows: Log) -> Mapping[str, float] | None:
    """Dollars per million tokens that explain the recorded costs best; None without costs."""
    known = rows["cost"] > 0
    if known.sum() < ENOUGH:
        return None
    fresh, read, output, cost = (rows[name][known].astype(float) for name in ("input", "read", "output", "cost"))
    design = np.stack([fresh - read, read, output], 1)
    used = design.max(axis=0) > 0
    parts = np.zeros(3)
    parts[used] = _positive(design[:, used], cost, 1 / np.maximum(cost, 1.0))
    if not used[1]:
        parts[1] = parts[0]
    # Micro-dollars a token are dollars per million tokens.
    return dict(zip(("input", "cached_input", "output"), (parts * MICRO / 1e6).tolist(), strict=True))


def durations_known(log: Log) -> float:
    """The share of answered rows that have a duration."""
    good = succeeded(log)
    return float((log["duration"][good] > 0).mean()) if good.any() else 0.0


def limited_rows(log: Log) -> I64:
    """The rows that were answered with 429."""
    return np.flatnonzero(log["status"] == 429)


__all__ = ["durations_known", "errors", "limited_rows", "lognormal", "providers", "succeeded"]
