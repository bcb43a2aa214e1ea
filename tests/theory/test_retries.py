"""Retries against closed forms: independent faults, and the delays that each client's formula promises."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import pytest
from scipy import stats

from sim.catalogue.data import retry_names, retry_preset
from sim.engine.tables import LOG
from sim.results.columns import FAILED, GAVE_UP, SUCCEEDED
from sim.scenario.clients import RetryPolicy
from sim.units import SECOND
from tests.theory.worlds import F64, LEVEL, Body, Ran, runs, scenario, team

# Independent faults: the truncated geometric distribution

CASES = [(chance, retries) for chance in (0.1, 0.3, 0.5, 0.8) for retries in (0, 1, 2, 5)]
REQUESTS = 20_000


def case_name(chance: float, retries: int) -> str:
    return f"p{chance}-n{retries}"


@cache
def faulty() -> Ran:
    """One world of all cases: a storm a team over the whole run, and retries that wait for nothing."""
    teams = {}
    for chance, retries in CASES:
        retry = {"max_attempts": retries + 1, "base": "1ms", "cap": "1ms"}
        arrivals = {"constant": {"rate": f"{REQUESTS + 1}/h"}}
        teams[case_name(chance, retries)] = team("", arrivals=arrivals, client={"retry": retry})
    storms = [
        {"storm": {"team": case_name(*case), "status": 503, "at": 0, "for": "3h", "probability": case[0]}}
        for case in CASES
    ]
    (ran,) = runs(scenario(teams, "1h", chaos=storms), 1)
    return ran


def normal_half(variance: float) -> float:
    """Half of the interval of a mean over REQUESTS independent requests with this exact variance."""
    return float(stats.norm.ppf((1 + LEVEL) / 2) * np.sqrt(variance / REQUESTS))


@pytest.mark.parametrize(("chance", "retries"), CASES)
def test_attempts_are_truncated_geometric(chance: float, retries: int) -> None:
    ran = faulty()
    attempts = ran.result.attempts[ran.of(case_name(chance, retries))]
    assert len(attempts) == REQUESTS
    exact = (1 - chance ** (retries + 1)) / (1 - chance)
    numbers = np.arange(1, retries + 2)
    shares = np.array([*((1 - chance) * chance ** (numbers[:-1] - 1)), chance**retries])
    assert shares @ numbers == pytest.approx(exact)
    assert abs(attempts.mean() - exact) <= normal_half(shares @ numbers**2 - exact**2) + 1e-12
    found = np.bincount(attempts, minlength=retries + 2)[1:]
    assert found.sum() == REQUESTS
    assert retries == 0 or stats.chisquare(found, shares * REQUESTS).pvalue > 1 - LEVEL


@pytest.mark.parametrize(("chance", "retries"), CASES)
def test_success_misses_only_when_every_attempt_fails(chance: float, retries: int) -> None:
    ran = faulty()
    outcome = ran.result.outcome[ran.of(case_name(chance, retries))]
    exact = 1 - chance ** (retries + 1)
    half = normal_half(exact * (1 - exact))
    assert abs((outcome == SUCCEEDED).mean() - exact) <= half
    assert half < 0.012
    assert set(np.unique(outcome)) == ({SUCCEEDED, GAVE_UP} if REQUESTS * (1 - exact) > 1 else {SUCCEEDED})


# Delays of the presets

AFTER = 5.0


class Refusals(NamedTuple):
    """What meets every attempt of a team."""

    status: int
    after: float | None = None


SORTS = {"429": Refusals(429), "429-after": Refusals(429, AFTER), "503": Refusals(503)}
Bounds = tuple[float, float]


def sdk(n: int, refused: Refusals) -> Bounds:
    if refused.after:
        return refused.after, refused.after
    return 0.75 * min(0.5 * 2**n, 8), min(0.5 * 2**n, 8)


def botocore(n: int, refused: Refusals) -> Bounds:
    return 0, min((1 if refused.status == 429 else 0.05) * 2**n, 20)


def grpc(n: int, _: Refusals) -> Bounds:
    return 0.8 * min(0.1 * 2**n, 1), 1.2 * min(0.1 * 2**n, 1)


def envoy(n: int, _: Refusals) -> Bounds:
    return 0, min(0.025 * 2**n, 0.25)


def stamina(n: int, _: Refusals) -> Bounds:
    return min(5, 0.1 * 2**n), min(5, 0.1 * 2**n + 1)


def article(n: int, refused: Refusals) -> Bounds:
    if refused.status == 503:
        return 0, 0
    return 0.5 * (refused.after or 2**n), 1.5 * (refused.after or 2**n)


def at_once(_: int, __: Refusals) -> Bounds:
    return 0, 0


FORMULAS: dict[str, tuple[int, Callable[[int, Refusals], Bounds]]] = {
    "none": (1, at_once),
    "anthropic-sdk": (3, sdk),
    "openai-sdk": (3, sdk),
    "botocore-standard": (3, botocore),
    "botocore-adaptive": (3, botocore),
    "grpc": (5, grpc),
    "envoy": (4, envoy),
    "finagle": (7, at_once),
    "tenacity-bare": (7, at_once),
    "stamina": (10, stamina),
    "holysheep-article": (3, article),
}
"""Attempts and the uniform distribution of the delay before retry n, in seconds, from facts of November 2026."""
EACH = 3000


def without_budget(name: str) -> RetryPolicy:
    """A preset whose retries nothing stops or delays but its own formula; endless ones get seven attempts."""
    policy = retry_preset(name).policy
    most = 7 if policy.max_attempts == "unlimited" else policy.max_attempts
    return policy.model_copy(update={"budget": None, "adaptive_rate": False, "max_attempts": most})


@cache
def refused() -> Ran:
    """One world in which every attempt of every preset is refused, in each of the ways."""
    teams: dict[str, Body] = {}
    storms = []
    for name in FORMULAS:
        for sort, (status, after) in SORTS.items():
            teams[f"{name} {sort}"] = team(f"{EACH}/h", client={"retry": without_budget(name)})
            extra = {} if after is None else {"retry_after": f"{after}s"}
            storms.append({"storm": {"team": f"{name} {sort}", "status": status, "at": 0, "for": "3h", **extra}})
    (ran,) = runs(scenario(teams, "1h", chaos=storms), 1)
    return ran


def delays(ran: Ran, name: str) -> F64:
    """Seconds between an attempt's answer and the next attempt, ``(requests, attempts - 1)``."""
    request, number, at, end = (ran.result.log[:, LOG.index(column)] for column in ("request", "attempt", "at", "end"))
    mine = ran.of(name)[request]
    width = int(number[mine].max()) + 1
    found: F64 = (at[mine].reshape(-1, width)[:, 1:] - end[mine].reshape(-1, width)[:, :-1]) / SECOND
    return found


def test_every_preset_has_a_formula_here() -> None:
    assert set(FORMULAS) == set(retry_names())


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("name", FORMULAS)
def test_delays_of_a_preset_follow_its_formula(name: str, sort: str) -> None:
    ran, (attempts, formula) = refused(), FORMULAS[name]
    mine = ran.of(f"{name} {sort}")
    assert (ran.result.attempts[mine] == attempts).all()
    assert (ran.result.outcome[mine] == GAVE_UP).all()
    found = delays(ran, f"{name} {sort}")
    assert found.shape == (mine.sum(), attempts - 1)
    for n, column in enumerate(found.T):
        low, high = formula(n, SORTS[sort])
        if low == high:
            assert np.allclose(column, low, rtol=0, atol=2e-9)
        else:
            assert ((column >= low - 2e-9) & (column <= high + 2e-9)).all()
            assert stats.kstest(column, stats.uniform(low, high - low).cdf).pvalue > 1e-4


def test_a_slightly_wrong_formula_is_noticed() -> None:
    (column, _), (low, high) = delays(refused(), "botocore-standard 429").T, (0, 1)
    assert stats.kstest(column, stats.uniform(low, (high - low) * 1.06).cdf).pvalue < 1e-4


def test_jitter_of_one_retry_says_nothing_about_the_next() -> None:
    found = delays(refused(), "grpc 503")
    for first, second in zip(found.T, found.T[1:], strict=False):
        assert abs(stats.pearsonr(first, second).statistic) < 4 / np.sqrt(len(found))


# Policies spelled out


def spelled_out(retry: Body, storm: Body, *, client: Body | None = None) -> Ran:
    given = team(f"{EACH}/h", client={**(client or {}), "retry": retry})
    (ran,) = runs(scenario({"a": given}, "1h", chaos=[{"storm": {"at": 0, "for": "9h", **storm}}]), 1)
    return ran


def test_decorrelated_jitter_grows_from_the_last_delay() -> None:
    """Brooker's: sleep = min(cap, U(base, 3 · sleep)), where sleep starts as base."""
    retry = {"max_attempts": 6, "base": "1s", "cap": "20s", "jitter": "decorrelated"}
    found = delays(spelled_out(retry, {}), "a")
    last = np.ones(len(found))
    for column in found.T:
        assert (column <= 20 + 1e-9).all()
        free = np.where(column < 20 - 1e-6, (column - 1) / (3 * last - 1), np.nan)
        sure = free[3 * last <= 20]
        assert stats.kstest(sure, stats.uniform.cdf).pvalue > 1e-4
        last = column
    assert (found[:, -1] == 20).any()


def test_a_client_that_obeys_only_short_waits_gives_up_on_long_ones() -> None:
    long = spelled_out("openai-sdk", {"status": 429, "retry_after": "121s"})
    assert (long.result.attempts == 1).all()
    assert (long.result.outcome == GAVE_UP).all()
    short = spelled_out("openai-sdk", {"status": 429, "retry_after": "120s"})
    assert (short.result.attempts == 3).all()
    assert np.allclose(delays(short, "a"), 120)


def test_what_is_not_retryable_fails_at_once() -> None:
    ran = spelled_out("grpc", {"status": 529})
    assert (ran.result.attempts == 1).all()
    assert (ran.result.outcome == FAILED).all()


@pytest.mark.parametrize("deadline", [1.0, 2.6, 7.0])
def test_no_retry_starts_at_or_after_the_deadline(deadline: float) -> None:
    """Attempts at 0, 0.6, 1.7, 3.8, 7.9 s: a delay of 0.5 · 2^n after a round trip of 0.1 s."""
    retry = {"max_attempts": 50, "base": "500ms", "cap": "1h"}
    given = team(f"{EACH}/h", client={"retry": retry, "deadline": f"{deadline}s"})
    storm = {"storm": {"at": 0, "for": "9h"}}
    (ran,) = runs(scenario({"a": given}, "1h", chaos=[storm], provider={"round_trip": "100ms"}), 1)
    starts: Sequence[float] = [0.0, 0.6, 1.7, 3.8, 7.9]
    assert (ran.result.attempts == sum(start < deadline for start in starts)).all()
    assert (ran.result.finish - ran.result.arrival < deadline * SECOND).all()
