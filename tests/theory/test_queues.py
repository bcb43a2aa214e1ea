"""Queues inside the model against queueing theory: provider slots, and a client's concurrency limit.

Two kinds of proof. Exactly: on the engine's own arrivals and service times, every wait is the one
of a first-come-first-served queue that is written here from its definition, to the nanosecond.
On average: waits and losses are those of the closed forms, within intervals over replications.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import exp, log, sqrt

import numpy as np
import pytest

from sim.engine.tables import LOG
from sim.units import MINUTE, SECOND
from tests.theory.worlds import I64, INSTANT, Body, Mean, Ran, first_attempts, first_tokens, mean, runs, scenario, team

SIGMA = sqrt(log(1 + 4.0))
"""Of the logarithm of a lognormal time with a squared coefficient of variation of 4."""
ENDLESS = 1_000_000
"""Places in a queue that nothing here fills."""
MANY = 24
"""Replications of an hour. Every system runs in each."""
WARMUP = 5 * MINUTE


@dataclass(frozen=True)
class System:
    """Poisson arrivals that bring ``load`` mean service times' work in each of them.

    ``slots``: at so many slots of the provider, with ``queue`` places to wait; none: at a client that
    runs one request at a time.
    """

    service: str
    seconds: float
    """The mean service time."""
    load: float
    slots: int | None = None
    queue: int = ENDLESS

    @property
    def unit(self) -> float:
        """The mean service time in nanoseconds."""
        return self.seconds * SECOND

    @property
    def per_second(self) -> float:
        return self.load / self.seconds

    def model(self) -> Body:
        """A model with these answer times; lognormal ones have a squared CV of 4."""
        bounds = {} if self.slots is None else {"slots": self.slots, "queue": self.queue}
        if self.service != "lognormal":
            service = "exponential" if self.service == "exponential" else None
            return {**INSTANT, **bounds, "first_token": f"{self.seconds}s", "service": service}
        median = self.seconds * exp(-SIGMA * SIGMA / 2)
        spread = {"median": f"{median:.9f}s", "p95": f"{median * exp(1.6448536269514722 * SIGMA):.9f}s"}
        return {**INSTANT, **bounds, "first_token": spread}

    def team(self, model: str) -> Body:
        patient = {"retry": "none", "timeout": "100h"}
        client = patient if self.slots is not None else {**patient, "max_concurrent": 1}
        return team(f"{self.per_second}/s", model, client=client)


SYSTEMS = {
    "loss-fixed": System("fixed", 1, 8, 10, 0),
    "loss-exponential": System("exponential", 1, 8, 10, 0),
    "loss-lognormal": System("lognormal", 1, 8, 10, 0),
    "m/m/10": System("exponential", 0.5, 8, 10),
    "m/m/2": System("exponential", 0.25, 1.5, 2),
    "m/m/3/8": System("exponential", 1, 3, 3, 5),
    "m/d/1": System("fixed", 0.1, 0.8),
    "m/m/1": System("exponential", 0.1, 0.8),
    "m/g/1": System("lognormal", 0.04, 0.8),
}


@dataclass(frozen=True)
class Averages:
    """Averages of one system in one replication, after the warm-up; times in mean service times."""

    lost: float
    wait: float
    waiting: float
    service: float
    arrivals: float
    """The number of arrivals by its expectation."""


def runs_of_all(count: int) -> Iterator[Ran]:
    teams = {name: system.team(name) for name, system in SYSTEMS.items()}
    models = {name: system.model() for name, system in SYSTEMS.items()}
    yield from runs(scenario(teams, "1h", models=models, drain="100h", provider={"round_trip": 0}), count)


@cache
def first() -> Ran:
    return next(runs_of_all(1))


@cache
def averages() -> Mapping[str, Sequence[Averages]]:
    """Of every system, one entry a replication."""
    found: dict[str, list[Averages]] = {name: [] for name in SYSTEMS}
    for ran in runs_of_all(MANY):
        spent = first_tokens(ran)
        for name in SYSTEMS:
            found[name].append(averages_of(ran, spent, name))
    return found


def averages_of(ran: Ran, spent: I64, name: str) -> Averages:
    system = SYSTEMS[name]
    mine = ran.of(name) & (ran.result.arrival >= WARMUP)
    served = mine & (ran.result.status == 200)
    waited = (ran.result.finish - ran.result.arrival - spent)[served]
    expected = system.per_second * (ran.plan.duration_ns - WARMUP) / SECOND
    return Averages(
        lost=1 - served.sum() / mine.sum(),
        wait=waited.mean() / system.unit,
        waiting=float((waited > 0).mean()),
        service=spent[mine].mean() / system.unit,
        arrivals=mine.sum() / expected,
    )


def measured(system: str, name: str) -> Mean:
    """One average of a system over replications, relieved of what services and arrivals explain."""
    found = averages()[system]
    controls = np.array([[one.service - 1, one.arrivals - 1] for one in found])
    return mean([getattr(one, name) for one in found], controls[:, controls.std(axis=0) > 1e-9])


def waits(ran: Ran, name: str) -> I64:
    """Each admitted request's wait, in arrival order: its whole time less its service time."""
    mine = ran.of(name) & (ran.result.status == 200)
    found: I64 = (ran.result.finish - ran.result.arrival - first_tokens(ran))[mine]
    return found


# Exactly


def fcfs(arrivals: I64, spent: I64, servers: int, room: int) -> tuple[list[int], list[bool]]:
    """Waits of who gets in and whether each is turned away: servers and room by first come, first served.

    An end at the instant of an arrival comes before it.
    """
    free, queued, found, lost = [0] * servers, list[int](), [], []
    for arrival, service in zip(arrivals.tolist(), spent.tolist(), strict=True):
        while queued and queued[0] <= arrival:
            heapq.heappop(queued)
        lost.append(free[0] > arrival and len(queued) >= room)
        if not lost[-1]:
            start = max(arrival, heapq.heappop(free))
            heapq.heappush(free, start + service)
            found.append(start - arrival)
            if start > arrival:
                heapq.heappush(queued, start)
    return found, lost


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_wait_is_that_of_a_queue(name: str) -> None:
    ran, system = first(), SYSTEMS[name]
    mine = ran.of(name)
    expected, lost = fcfs(ran.result.arrival[mine], first_tokens(ran)[mine], system.slots or 1, system.queue)
    assert np.array_equal(waits(ran, name), expected)
    assert np.array_equal(ran.result.status[mine] == 529, lost)
    assert any(lost) == (system.queue < ENDLESS)
    assert (max(expected) > 0) == (system.queue > 0)


def test_who_waits_for_a_client_reaches_the_provider_late_and_who_waits_for_a_slot_does_not() -> None:
    ran = first()
    late = first_attempts(ran)[:, LOG.index("at")] - ran.result.arrival
    for name, system in SYSTEMS.items():
        mine = late[ran.of(name)]
        assert np.array_equal(mine, waits(ran, name) if system.slots is None else 0 * mine)


# On average


def erlang_b(servers: int, load: float) -> float:
    """The share lost of Poisson arrivals to servers without a queue, whatever the service times."""
    lost = 1.0
    for number in range(1, servers + 1):
        lost = load * lost / (number + load * lost)
    return lost


def erlang_c(servers: int, load: float) -> float:
    """The share that waits in M/M/c."""
    lost = erlang_b(servers, load)
    return servers * lost / (servers - load * (1 - lost))


def mmck_loss(servers: int, room: int, load: float) -> float:
    """The share lost of M/M/c with ``room`` places to wait, from its birth-death chain."""
    weights = [1.0]
    for number in range(1, servers + room + 1):
        weights.append(weights[-1] * load / min(number, servers))
    return weights[-1] / sum(weights)


def test_the_closed_forms_are_the_published_ones() -> None:
    assert erlang_b(10, 8) == pytest.approx(0.121661, abs=5e-7)
    assert erlang_c(10, 8) == pytest.approx(0.409180, abs=5e-7)
    assert erlang_c(10, 8) / (10 - 8) == pytest.approx(0.204590, abs=5e-7)
    assert erlang_c(1, 0.8) == pytest.approx(0.8)
    assert mmck_loss(10, 0, 8) == pytest.approx(erlang_b(10, 8))
    assert pollaczek_khinchine(0.8, 0) == pytest.approx(2)
    assert pollaczek_khinchine(0.8, 1) == pytest.approx(4)
    assert pollaczek_khinchine(0.8, 4) == pytest.approx(10)


def pollaczek_khinchine(load: float, cv2: float) -> float:
    """The mean wait in M/G/1, in mean service times."""
    return load / (1 - load) * (1 + cv2) / 2


@pytest.mark.parametrize("service", ["fixed", "exponential", "lognormal"])
def test_slots_without_a_queue_lose_by_erlang_b(service: str) -> None:
    """For any service times with this mean: Erlang's formula is insensitive to the rest."""
    found = measured(f"loss-{service}", "lost")
    assert found.covers(erlang_b(10, 8))
    assert found.rejects(erlang_b(10, 8), 0.03)


def test_slots_with_a_short_queue_lose_as_m_m_c_k() -> None:
    found, exact = measured("m/m/3/8", "lost"), mmck_loss(3, 5, 3.0)
    assert found.covers(exact)
    assert found.rejects(exact, 0.05)


def test_slots_with_a_queue_make_wait_by_erlang_c() -> None:
    share, wait = measured("m/m/10", "waiting"), measured("m/m/10", "wait")
    assert share.covers(0.409180)
    assert share.rejects(0.409180, 0.03)
    assert wait.covers(0.204590)
    assert wait.rejects(0.204590, 0.1)


def test_two_slots_make_wait_as_m_m_2() -> None:
    found, exact = measured("m/m/2", "wait"), erlang_c(2, 1.5) / (2 - 1.5)
    assert found.covers(exact)
    assert found.rejects(exact, 0.1)


@pytest.mark.parametrize(("name", "cv2", "share"), [("m/d/1", 0, 0.05), ("m/m/1", 1, 0.08), ("m/g/1", 4, 0.15)])
def test_a_client_of_one_makes_wait_by_pollaczek_khinchine(name: str, cv2: float, share: float) -> None:
    """At a load of 0.8: 2, 4 (so that the whole time in M/M/1 is 5) and 10 mean service times."""
    found, exact = measured(name, "wait"), pollaczek_khinchine(0.8, cv2)
    assert found.covers(exact)
    assert found.rejects(exact, share)
