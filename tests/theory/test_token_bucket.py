"""A token bucket of rate r and capacity K fed by Poisson arrivals loses what an M/D/1/K queue loses."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, getcontext
from fractions import Fraction
from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from sim.draws import Stream
from sim.engine.world import request_dtype
from sim.policy.limits import fresh_limit
from sim.policy.tables import LimitMemory, LimitRule
from sim.scenario.workloads import Arrivals
from sim.units import MINUTE
from sim.workload.arrivals import arrivals
from tests.property.drivers import compiled, refusals
from tests.theory.worlds import I64, Body, Mean, Ran, mean, runs, scenario, team

REFILL = 1000
"""Tokens a minute; arrivals come at ρ times that."""
LOADS, BURSTS = (0.5, 0.9, 1.1, 2.0), (1, 2, 5, 20, 60)
GRID = [(load, burst) for load in LOADS for burst in BURSTS]
WARMUP = 2 * MINUTE
RARE = {(0.5, 20), (0.5, 60), (0.9, 60)}
"""Losses of 1.4e-11, 2e-33 and 4.6e-7: the runs see none."""


@cache
def exact_loss(load: float, places: int) -> float:
    """The loss of M/D/1/K, from the chain embedded at departures (Gross and Harris, §5.1.7).

    In 80 digits, since the recursion subtracts: a float would lose 1e-33 among its rounding.
    """
    getcontext().prec = 80
    rho = Decimal(str(load))
    arrive = [(-rho).exp()]
    for number in range(1, places + 1):
        arrive.append(arrive[-1] * rho / number)
    left = [Decimal(1)]
    for j in range(places - 1):
        seen = sum((left[i] * arrive[j - i + 1] for i in range(1, j + 1)), left[0] * arrive[j])
        left.append((left[j] - seen) / arrive[0])
    empty = left[0] / sum(left)
    return float(1 - 1 / (empty + rho))


@pytest.mark.parametrize(("load", "places", "published"), [(0.9, 5, 0.06436), (1.1, 20, 0.09290)])
def test_the_exact_loss_is_the_published_one(load: float, places: int, published: float) -> None:
    assert exact_loss(load, places) == pytest.approx(published, abs=5e-6)


@pytest.mark.parametrize("load", LOADS)
def test_the_exact_loss_has_its_limits(load: float) -> None:
    assert exact_loss(load, 1) == pytest.approx(load / (1 + load), rel=1e-12)
    assert exact_loss(2.0, 60) == pytest.approx(0.5, rel=1e-9)
    losses = [exact_loss(load, places) for places in range(1, 80)]
    assert all(larger >= smaller for larger, smaller in pairwise(losses))


# The whole engine, all twenty buckets in one world: an account a bucket


def name(load: float, burst: int) -> str:
    return f"rho{load}-k{burst}"


@cache
def replications() -> Sequence[Ran]:
    teams = {name(load, burst): team(f"{load * REFILL:g}/min") for load, burst in GRID}
    accounts: Body = {
        name(load, burst): {"teams": [name(load, burst)], "limits": {"requests": f"{REFILL}/min", "burst": burst}}
        for load, burst in GRID
    }
    return list(runs(scenario(teams, "12m", accounts=accounts), 8))


def measured_loss(ran: Ran, load: float, burst: int) -> float:
    counted = ran.of(name(load, burst)) & (ran.result.arrival >= WARMUP)
    assert set(np.unique(ran.result.status[counted])) <= {200, 429}
    return float((ran.result.status[counted] == 429).mean())


@pytest.mark.parametrize(("load", "burst"), GRID)
def test_the_engine_loses_what_m_d_1_k_loses(load: float, burst: int) -> None:
    losses, exact = [measured_loss(ran, load, burst) for ran in replications()], exact_loss(load, burst)
    if (load, burst) in RARE:
        assert sum(losses) == 0
        return
    assert mean(losses).covers(exact)
    assert mean(losses).half < (2 if (load, burst) == (0.9, 20) else 0.4) * exact


def refused_by_queue(arrivals: I64, burst: int) -> list[bool]:
    """A D/1/K queue, written from the definition of its unfinished work, in units of 1/REFILL ns."""
    work, last, service, refused = 0, 0, MINUTE, []
    for arrival in arrivals.tolist():
        work, last = max(0, work - (arrival - last) * REFILL), arrival
        refused.append(work + service > burst * service)
        work += 0 if refused[-1] else service
    return refused


@pytest.mark.parametrize(("load", "burst"), GRID)
def test_the_engine_refuses_the_very_arrivals_that_a_queue_refuses(load: float, burst: int) -> None:
    ran = replications()[0]
    mine = ran.of(name(load, burst))
    expected = refused_by_queue(ran.result.arrival[mine], burst)
    assert np.array_equal(ran.result.status[mine] == 429, expected)


# The same policy functions alone, on many more arrivals


def policy_loss(load: float, burst: int, replication: int, until: int) -> float:
    """The share refused of the arrivals after the warm-up, by the compiled policy functions."""
    process = Arrivals.model_validate({"poisson": {"rate": f"{load * REFILL:g}/min"}})
    times = arrivals(process, Stream(35, replication, f"theory/{load}"), until)
    exact = Fraction(REFILL, MINUTE)
    rule = LimitRule(0, 0, exact.numerator, exact.denominator, burst * exact.denominator, MINUTE, 0, 0, 0, 0, 1)
    fresh = fresh_limit(rule)
    memory = np.array([(fresh.level, fresh.stamp)], request_dtype(LimitMemory))
    refused = compiled(refusals)(
        np.array([tuple(rule)], request_dtype(LimitRule)), memory, np.zeros(1, np.int64), times
    )
    return float(refused[times >= WARMUP].mean())


POWER = {(0.9, 20): 0.25, (0.5, 5): 0.06}
"""How far off a truth must be to be noticed, where 3 % is too fine."""


def policy_mean(load: float, burst: int) -> Mean:
    return mean([policy_loss(load, burst, replication, int(180 / load) * MINUTE) for replication in range(20)])


@pytest.mark.parametrize(("load", "burst"), GRID)
def test_the_policy_loses_what_m_d_1_k_loses(load: float, burst: int) -> None:
    found, exact = policy_mean(load, burst), exact_loss(load, burst)
    if (load, burst) in RARE:
        assert found.value <= 1e-5
        return
    assert found.covers(exact)
    assert found.rejects(exact, POWER.get((load, burst), 0.03))
