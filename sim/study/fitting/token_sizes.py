"""Token sizes: fixed, lognormal where that is near enough, otherwise the quantiles themselves."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from sim.draws import Stream
from sim.scenario.workloads import Fixed, Quantiles, Size, Spread
from sim.study.fitting.gaps import Z975, logarithmic
from sim.study.fitting.types import Estimate, SizeFit
from sim.workload import sizes
from sim.workload.rows import I64

SAMPLE = 50_000
NEAR = 0.05
"""A lognormal is near enough up to this distance of Kolmogorov and Smirnov, and to this error of the mean."""
FAR = 0.15
"""So far off a mean is never taken, whatever chance explains."""
CHANCE = 1.63
"""Times 1/√n: a distance that chance passes in one of a hundred samples."""
NAMES = tuple(Quantiles.model_fields)


def size_fit(values: I64) -> SizeFit:
    """What stands for these sizes (1 or more of them); smaller ones than 1 count as 1."""
    values = np.maximum(values, 1)
    if values.min() == values.max():
        level = float(values[0])
        return SizeFit("fixed", {"fixed": Estimate(level, level, level)}, told(values), told(values), 0.0)
    logs = np.log(values)
    centre, sigma, count = float(logs.mean()), float(logs.std()), len(values)
    lognormal = {
        "median": logarithmic(math.exp(centre), sigma / math.sqrt(count)),
        "p95": logarithmic(
            math.exp(centre + sizes.Z95 * sigma), sigma * math.sqrt((1 + sizes.Z95**2 / 2) / count)
        ),
    }  # fmt: skip
    found = _judged("lognormal", lognormal, values)
    off = abs(found.fitted["mean"] / found.log["mean"] - 1)
    if found.distance <= max(NEAR, CHANCE / math.sqrt(count)) and off <= max(NEAR, min(3 * _noise(values), FAR)):
        return found
    return _judged("quantiles", _with_mean(_quantiles(values), values), values)


def _noise(values: I64) -> float:
    """The relative standard error of the mean."""
    return float(values.std() / values.mean() / math.sqrt(len(values)))


def _quantiles(values: I64) -> dict[str, Estimate]:
    """Quantiles with distribution-free intervals: the order statistics two standard deviations of their rank away."""
    ordered, count = np.sort(values), len(values)
    found = {}
    for name, level in zip(NAMES, sizes.LEVELS.tolist(), strict=True):
        half = Z975 * math.sqrt(count * level * (1 - level))
        low, high = (int(np.clip(level * (count - 1) + sign * half, 0, count - 1)) for sign in (-1, 1))
        found[name] = Estimate(
            float(np.rint(np.quantile(ordered, level))), float(ordered[low]), float(ordered[high])
        )  # fmt: skip
    return found


def _with_mean(found: dict[str, Estimate], values: I64) -> dict[str, Estimate]:
    """The same with the end of the upper tail, from p99 to the largest, where it makes the mean right.

    Between 99 % and the end the sizes of a log are rarely even in their logarithm, and they weigh most.
    """
    wanted = float(values.mean())
    low, high = found["p99"].value, found["max"].value

    def mean(top: float) -> float:
        return sizes.mean(scenario_size("quantiles", {**found, "max": Estimate(top)}))

    if mean(high) <= wanted:
        return found
    while high - low > 0.5:
        middle = (low + high) / 2
        low, high = (middle, high) if mean(middle) < wanted else (low, middle)
    return {**found, "max": Estimate(high, found["p99"].value, found["max"].value)}


def _judged(kind: str, values: Mapping[str, Estimate], log: I64) -> SizeFit:
    drawn = sizes.draw(scenario_size(kind, values), Stream(0, 0, "fit/sizes").generator(kind), SAMPLE)
    return SizeFit(kind, values, told(log), told(drawn), distance(log, drawn))


def distance(first: I64, second: I64) -> float:
    """Kolmogorov and Smirnov's: the largest difference between two empirical distributions."""
    places = np.unique(np.concatenate((first, second)))
    one = np.searchsorted(np.sort(first), places, side="right") / len(first)
    other = np.searchsorted(np.sort(second), places, side="right") / len(second)
    return float(np.abs(one - other).max())


def told(values: I64) -> dict[str, float]:
    """Mean and quantiles."""
    p50, p95, p99 = np.quantile(values, (0.5, 0.95, 0.99)).tolist()
    return {"mean": float(values.mean()), "p50": p50, "p95": p95, "p99": p99}


def scenario_size(kind: str, values: Mapping[str, Estimate]) -> Size:
    """The size as a scenario has it."""
    whole = written(kind, values)
    if kind == "fixed":
        return Fixed(fixed=whole["fixed"])
    return Quantiles(**whole) if kind == "quantiles" else Spread(**whole)


def written(kind: str, values: Mapping[str, Estimate]) -> dict[str, int]:
    """The numbers of a size as a file has them: whole, and in order."""
    whole = {name: max(1, round(each.value)) for name, each in values.items()}
    if kind == "lognormal":
        whole["p95"] = max(whole["p95"], whole["median"])
    return whole
