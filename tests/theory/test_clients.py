"""What clients have of their own, in small worlds where arithmetic says what must come out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sim.engine.tables import LOG
from sim.policy.pricing import MILLION
from sim.results.columns import (
    FAILED,
    GAVE_UP,
    STATUS_CIRCUIT,
    STATUS_NONE,
    STATUS_OK,
    STATUS_QUEUE,
    STATUS_TIMEOUT,
    SUCCEEDED,
)
from sim.units import SECOND
from tests.theory.worlds import I64, INSTANT, Body, Ran, runs, scenario, team

SLOW: Body = {"price": {"input": "$3", "output": "$15"}, "first_token": "10s", "per_token": 0}
CHEAP: Body = {"price": {"input": "$1", "output": "$1"}, "first_token": "1s", "per_token": 0}
MODELS: Body = {"m": INSTANT, "slow": SLOW, "cheap": CHEAP}
HERD: Body = {"herd": {"size": 6, "at": "1s"}}
STEADY: Body = {"constant": {"rate": "1/s"}}


def run(client: Body, arrivals: Body, model: str = "m", **more: Any) -> Ran:
    """One minute of one team, in the engine that people read."""
    given = scenario({"a": team("", model, client=client, arrivals=arrivals)}, "1m", **{"models": MODELS, **more})
    (ran,) = runs(given, 1, "simpy")
    return ran


def log(ran: Ran, column: str) -> I64:
    found: I64 = ran.result.log[:, LOG.index(column)]
    return found


# A rate of its own


def test_attempts_leave_at_the_clients_own_rate() -> None:
    ran = run({"retry": "none", "rate_limit": {"rate": "1/s", "burst": 2}}, HERD)
    assert sorted(log(ran, "at")) == [SECOND * at for at in (1, 1, 2, 3, 4, 5)]
    assert sorted(ran.result.held) == [SECOND * at for at in (0, 0, 1, 2, 3, 4)]
    assert (ran.result.finish - ran.result.arrival == ran.result.held).all()
    assert (ran.result.throttle == 0).all()


def test_a_retry_needs_a_token_too() -> None:
    """Refused at 1 s, tried again after its own delay of 1 s or when the token is there, whichever is later."""
    retry = {"max_attempts": 2, "base": "1s", "jitter": "none"}
    client = {"retry": retry, "rate_limit": {"rate": "20/min", "burst": 1}}
    storm = {"storm": {"status": 429, "at": 0, "for": "1m"}}
    ran = run(client, {"herd": {"size": 1, "at": "1s"}}, chaos=[storm], provider={"round_trip": "500ms"})
    assert list(log(ran, "at")) == [SECOND, 4 * SECOND]
    assert ran.result.held[0] == 1.5 * SECOND
    assert ran.result.throttle[0] == SECOND


def test_who_would_leave_after_the_deadline_gives_up_without_a_token() -> None:
    ran = run({"retry": "none", "rate_limit": {"rate": "1/s", "burst": 1}, "deadline": "2500ms"}, HERD)
    late = ran.result.outcome == GAVE_UP
    assert late.sum() == 3
    assert (ran.result.attempts[late] == 0).all()
    assert (ran.result.finish[late] == SECOND).all()
    assert sorted(log(ran, "at")) == [SECOND, 2 * SECOND, 3 * SECOND]


# A queue that is not endless


def test_a_full_queue_turns_requests_away_at_once() -> None:
    ran = run({"retry": "none", "max_concurrent": 2, "max_queue": 1}, HERD, "slow")
    away = ran.result.status == STATUS_QUEUE
    assert away.sum() == 3
    assert (ran.result.outcome[away] == GAVE_UP).all()
    assert (ran.result.finish[away] == SECOND).all()
    assert len(ran.result.log) == 3
    assert sorted(ran.result.held) == [0, 0, 0, 0, 0, 10 * SECOND]


# A breaker

STORM = {"storm": {"status": 503, "at": "10s", "for": "20s"}}


def test_while_the_breaker_is_open_nothing_is_sent() -> None:
    """Failures at 10, 11, 12 s open it; probes at 17.0, 22.0, 27.0 s fail, that at 32 s closes it."""
    client = {"retry": "none", "breaker": {"failures": 3, "open": "4900ms"}}
    ran = run(client, STEADY, chaos=[STORM], provider={"round_trip": 0})
    arrived = ran.result.arrival // SECOND
    stopped = ran.result.status == STATUS_CIRCUIT
    first = int(arrived[0])
    seconds = [at - first for at in arrived[log(ran, "request")] if 10 <= at <= 32]
    assert first in (0, 1)
    assert stopped.sum() == 32 - 10 + 1 - len(seconds)
    assert len(seconds) == 3 + 4
    assert (ran.result.attempts[stopped] == 0).all()
    assert (ran.result.cost[stopped] == 0).all()
    assert (ran.result.outcome[stopped] == GAVE_UP).all()
    assert (ran.result.finish[stopped] == ran.result.arrival[stopped]).all()
    assert (ran.result.outcome[arrived > 32] == SUCCEEDED).all()


def test_a_retry_meets_the_open_breaker_too() -> None:
    """Opened by its own first two attempts, the request is stopped before the third."""
    client = {"retry": {"max_attempts": 5, "base": "1s", "jitter": "none"}, "breaker": {"failures": 2, "open": "40s"}}
    ran = run(client, {"herd": {"size": 1, "at": "10s"}}, chaos=[STORM])
    assert ran.result.attempts[0] == 2
    assert ran.result.status[0] == STATUS_CIRCUIT
    assert ran.result.outcome[0] == GAVE_UP


# Another model


def test_when_the_policy_would_stop_the_other_model_takes_over_with_fresh_attempts() -> None:
    retry = {"max_attempts": 3, "base": "1s", "multiplier": 1, "jitter": "none"}
    client = {"retry": retry, "fallback": {"model": "cheap", "on": [529]}}
    storms = [{"storm": {"status": 529, "at": 0, "for": "1m", "model": "slow"}},
              {"storm": {"status": 529, "at": 0, "for": "3900ms", "model": "cheap"}}]  # fmt: skip
    ran = run(client, {"herd": {"size": 1, "at": "1s"}}, "slow", chaos=storms, provider={"round_trip": 0})
    slow, cheap = ran.setting.models.index("slow"), ran.setting.models.index("cheap")
    assert list(log(ran, "model")) == [slow] * 3 + [cheap] * 2
    assert list(log(ran, "at")) == [SECOND * at for at in (1, 2, 3, 3, 4)]
    assert ran.result.outcome[0] == SUCCEEDED
    assert ran.result.last_model[0] == cheap
    assert ran.result.model[0] == slow


def test_no_other_model_takes_over_after_what_is_not_listed_nor_a_second_time() -> None:
    storm = {"storm": {"status": 503, "at": 0, "for": "1m"}}
    other = run({"retry": "none", "fallback": {"model": "cheap", "on": [429]}}, HERD, "slow", chaos=[storm])
    assert (other.result.attempts == 1).all()
    again = run({"retry": "none", "fallback": {"model": "cheap", "on": [503]}}, HERD, "slow", chaos=[storm])
    assert (again.result.attempts == 2).all()
    assert (again.result.outcome == GAVE_UP).all()


@pytest.mark.parametrize("style", ["anthropic", "openai", "litellm"])
def test_a_spent_budget_falls_back_at_once_whatever_its_status(style: str) -> None:
    """The cap holds one request of the dear model a month; what a cheap one may cost still fits."""
    workload = {"arrivals": STEADY, "model": "slow", "input_tokens": 1000, "output_tokens": 1000, "max_tokens": 1000}
    client = {"retry": "anthropic-sdk", "fallback": {"model": "cheap", "on": ["budget"]}}
    cap = {"amount": "$0.03/month", "mode": "reserve"}
    accounts = {"main": {"teams": ["a"], "spend_cap": cap}}
    given = scenario({"a": {"workload": workload, "client": client}}, "8s", models=MODELS, accounts=accounts,
                     provider={"style": style, "round_trip": 0})  # fmt: skip
    (ran,) = runs(given, 1, "simpy")
    cheap = ran.setting.models.index("cheap")
    fell_back = ran.result.last_model == cheap
    assert fell_back.sum() == len(ran.plan) - 1
    won = fell_back & (ran.result.outcome == SUCCEEDED)
    assert won.sum() == (30_000 - 18_000) // 2000
    assert (ran.result.attempts[won] == 2).all()
    assert (ran.result.finish[won] - ran.result.arrival[won] == SECOND).all()
    assert (ran.result.cost[won] == 2000).all()
    assert ran.result.cost[~fell_back].tolist() == [18_000]


def test_an_open_breaker_falls_back_and_does_not_watch_what_stands_in() -> None:
    client = {"retry": "none", "breaker": {"failures": 2, "open": "1h"},
              "fallback": {"model": "cheap", "on": ["circuit"]}}  # fmt: skip
    storm = {"storm": {"status": 503, "at": 0, "for": "5s"}}
    ran = run(client, STEADY, "slow", chaos=[storm])
    cheap = ran.setting.models.index("cheap")
    assert (ran.result.outcome[:2] == GAVE_UP).all()
    assert (ran.result.last_model[2:] == cheap).all()
    stormy = ran.result.arrival[2:] < 5 * SECOND
    assert (ran.result.outcome[2:][stormy] == GAVE_UP).all()
    assert (ran.result.outcome[2:][~stormy] == SUCCEEDED).all()


# Hedges

SPREAD: Body = {"price": {"input": "$3", "output": "$15"}, "first_token": {"median": "2s", "p95": "20s"},
                "per_token": "1ms"}  # fmt: skip
WORKLOAD: Body = {"arrivals": {"poisson": {"rate": "2/s"}}, "model": "spread", "input_tokens": 1000,
                  "output_tokens": 2000}  # fmt: skip


def hedging(client: Body, **more: Any) -> Ran:
    body = {"workload": WORKLOAD, "client": {"retry": "none", **client}}
    (ran,) = runs(
        scenario({"a": body}, "10m", models={"spread": {**SPREAD, **more.pop("model", {})}}, **more), 1, "simpy"
    )
    return ran


def test_the_first_of_two_answers_wins_and_the_other_is_billed_for_what_it_produced() -> None:
    alone, ran = hedging({}), hedging({"hedge": "4s"})
    request, number, at, end, status = (log(ran, name) for name in ("request", "attempt", "at", "end", "status"))
    slow = alone.result.finish - alone.result.arrival > 4 * SECOND
    assert (ran.result.attempts == np.where(slow, 2, 1)).all()
    assert 0.3 < slow.mean() < 0.7
    firsts, seconds = (number == 0), (number == 1)
    assert (at[seconds] - at[firsts][request[seconds]] == 4 * SECOND).all()
    assert (end[seconds] == end[firsts][request[seconds]]).all()
    assert (np.sort([status[seconds], status[firsts][request[seconds]]], axis=0).T == [STATUS_OK, STATUS_TIMEOUT]).all()
    second_won = status[seconds] == STATUS_OK
    assert 0.1 < second_won.mean() < 0.9
    assert (ran.result.outcome == SUCCEEDED).all()
    assert (ran.result.finish <= alone.result.finish).all()
    assert (ran.result.finish[~slow] == alone.result.finish[~slow]).all()


def test_hedges_cost_what_the_loser_had_produced() -> None:
    ran, free = hedging({"hedge": "4s"}), hedging({"hedge": "4s"}, provider={"bill_abandoned": False})
    output, cost, lost = log(ran, "output"), log(ran, "cost"), log(ran, "status") == STATUS_TIMEOUT
    assert (cost == (1000 * 3 * MILLION + output * 15 * MILLION + MILLION // 2) // MILLION).all()
    assert (output[~lost] == 2000).all()
    assert (output[lost] < 2000).all()
    assert output[lost].max() > 0
    assert ran.result.cost.sum() == cost.sum()
    assert ran.result.wasted.sum() == cost[lost].sum() > 0
    assert (free.result.finish == ran.result.finish).all()
    assert (free.result.cost == 33_000).all()
    assert (free.result.wasted == 0).all()


def test_a_hedge_waits_in_no_queue_for_a_slot() -> None:
    """One slot: the hedge of the answer under way is refused, and the answer comes when it comes."""
    ran = run({"retry": "none", "hedge": "4s"}, {"herd": {"size": 2, "at": "1s"}}, "one", models={
        **MODELS, "one": {**SLOW, "slots": 1, "queue": 5}})  # fmt: skip
    assert sorted(ran.result.finish) == [11 * SECOND, 21 * SECOND]
    assert sorted(log(ran, "status")) == [STATUS_OK, STATUS_OK, 529, 529]
    assert (ran.result.attempts == 2).all()
    assert (ran.result.outcome == SUCCEEDED).all()


def test_after_both_have_failed_the_client_reacts_to_the_last() -> None:
    client = {"retry": {"max_attempts": 2, "base": "1s", "jitter": "none"}, "timeout": "5s", "hedge": "2s"}
    ran = run(client, {"herd": {"size": 1, "at": "1s"}}, "slow")
    assert list(log(ran, "at")) == [SECOND * at for at in (1, 3, 9, 11)]
    assert list(log(ran, "end")) == [SECOND * at for at in (6, 8, 14, 16)]
    assert ran.result.outcome[0] == GAVE_UP
    assert ran.result.finish[0] == 16 * SECOND


def test_no_hedge_leaves_without_a_token_or_past_an_open_breaker() -> None:
    paced = run({"retry": "none", "hedge": "2s", "rate_limit": {"rate": "1/h", "burst": 7}}, HERD, "slow")
    assert len(paced.result.log) == 7
    storm = {"storm": {"status": 503, "at": "2s", "for": "1s"}}
    client = {"retry": "none", "hedge": "3s", "breaker": {"failures": 1, "open": "5s"}}
    stopped = run(client, {"herd": {"size": 1, "at": "1s", "every": "1500ms"}}, "slow", chaos=[storm])
    first = stopped.result.log[log(stopped, "request") == 0]
    assert len(first) == 1
    assert stopped.result.outcome[0] == SUCCEEDED


def test_outcomes_say_what_the_client_did_not_send() -> None:
    ran = run({"retry": "none", "deadline": "1s", "max_concurrent": 1}, HERD, "slow")
    never = ran.result.attempts == 0
    assert never.any()
    assert set(ran.result.outcome.tolist()) <= {FAILED, GAVE_UP}
    assert (ran.result.status[never] == STATUS_NONE).all()
