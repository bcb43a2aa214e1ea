"""What Poisson theory says about a bucket: the loss of M/D/1/K, and the smallest burst for a target loss.

A token bucket of rate r and capacity B without retries, fed by Poisson arrivals, loses what an
M/D/1/K queue loses, K = B, service time 1/r (sim/policy/bucket.py; docs/model.md shows it).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

LARGEST = 20_000
"""Bursts beyond this are not looked for."""
_HUGE = 1e200


def losses(load: float) -> Iterator[float]:
    """The loss of M/D/1/K at ``load`` (arrivals × service time) for K = 1, 2, …, without end.

    From the chain embedded at departures (Gross and Harris, Fundamentals of Queueing Theory, §5.1.7),
    whose probabilities follow from up-crossings = down-crossings, which adds positive terms only.
    """
    above = _more_than(load)
    weights = np.ones(64)
    total, size = 1.0, 1
    while True:
        yield max(0.0, 1 - 1 / (weights[0] / total + load))
        # Level size-1 is crossed upwards from 0 by more than size-1 arrivals, from i by more than size-i.
        while len(above) <= size:
            above = np.concatenate([above, np.zeros(len(above))])
        crossings = weights[0] * above[size - 1] + float(weights[1:size] @ above[size - 1 : 0 : -1])
        if size == len(weights):
            weights = np.concatenate([weights, np.zeros(size)])
        weights[size] = crossings / math.exp(-load)
        total += weights[size]
        size += 1
        if total > _HUGE:
            weights, total = weights / total, 1.0


def _more_than(load: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """P(N > k) for a Poisson N of mean ``load``, k = 0, 1, … until it is nothing, ``(n,)``."""
    from scipy.special import gammainc

    count = int(load + 40 * math.sqrt(load) + 60)
    found: np.ndarray[tuple[int], np.dtype[np.float64]] = gammainc(np.arange(1, count + 1), load)
    return found


def loss(load: float, burst: int) -> float:
    """The share of Poisson arrivals that a bucket refuses, ``load`` times its rate, with this burst."""
    for places, found in enumerate(losses(load), 1):
        if places >= burst:
            return found
    raise AssertionError("losses() has no end")


def smallest_burst(load: float, target: float) -> int | None:
    """The smallest burst that loses at most ``target`` of Poisson arrivals; None when none up to LARGEST does.

    With a load of 1 or more the loss never falls below 1 - 1/load, whatever the burst.
    """
    if load <= 0:
        return 1
    if load >= 1 and target <= 1 - 1 / load:
        return None
    for burst, found in enumerate(losses(load), 1):
        if found <= target:
            return burst
        if burst >= LARGEST:
            return None
    return None
