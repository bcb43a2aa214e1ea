"""The circuit breaker against a small one that keeps what it saw as lists and names."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from sim.engine.client_rules import CLIENT_CELLS, client_rules
from sim.policy.breaker import answered, blocks, passes
from sim.policy.retry_budget import SLICES, fresh_client
from sim.scenario.clients import Client
from sim.units import SECOND

LIVES, STEPS = 150, 300
FAILURES = (429, 500, 503, 529, 499, 0)


@dataclass
class Reference:
    """sony/gobreaker's states and generations, with a window of time slices for the share."""

    failures: int | None
    share: float
    slice_ns: int
    min_calls: int
    open_ns: int
    probes: int
    state: str = "closed"
    generation: int = 0
    expiry: int = 0
    requests: int = 0
    results: list[tuple[int, bool]] = field(default_factory=list)

    def _set(self, state: str, now: int) -> None:
        self.state, self.generation, self.requests, self.results = state, self.generation + 1, 0, []
        self.expiry = now + self.open_ns if state == "open" else 0

    def before(self, now: int) -> int | None:
        """The generation that the attempt leaves in; None when it may not leave."""
        if self.state == "open" and now >= self.expiry:
            self._set("half-open", now)
        if self.state == "open" or (self.state == "half-open" and self.requests >= self.probes):
            return None
        self.requests += 1
        return self.generation

    def after(self, generation: int, failed: bool, now: int) -> None:
        if generation != self.generation:
            return
        self.results.append((now, failed))
        if self.state == "half-open":
            if failed:
                self._set("open", now)
            elif len(self.results) == self.probes:
                self._set("closed", now)
        elif self._too_many(now):
            self._set("open", now)

    def _too_many(self, now: int) -> bool:
        if self.failures is not None:
            last = self.results[-self.failures :]
            return len(last) == self.failures and all(failed for _, failed in last)
        recent = [failed for time, failed in self.results if time // self.slice_ns > now // self.slice_ns - SLICES]
        return len(recent) >= self.min_calls and sum(recent) >= self.share * len(recent)


def live(reference: Reference, said: dict[str, object], draws: np.random.Generator, pause: int) -> dict[str, int]:
    """A random life, told to both: attempts leave, answers come late and out of order, times pass."""
    rule = client_rules([Client.model_validate({"breaker": said})])[0][0]
    memory, cells, flying, now = fresh_client(rule), [0] * CLIENT_CELLS, [], int(draws.integers(0, 1 << 50))
    seen = {"open": 0, "half-open": 0, "closed": 0, "blocked": 0, "late": 0}
    bad = draws.random()
    for _ in range(STEPS):
        now += int(draws.integers(0, pause)) if draws.random() < 0.8 else 0
        bad = draws.random() if draws.random() < 0.03 else bad
        if flying and draws.random() < 0.5:
            ours, theirs = flying.pop(int(draws.integers(len(flying))))
            failed = draws.random() < bad
            seen["late"] += theirs != reference.generation
            status = int(draws.choice(FAILURES if failed else (200, 400, 403)))
            answered(rule, memory, cells, ours, status, now)
            reference.after(theirs, failed, now)
        else:
            stopped, generation = blocks(rule, memory, now), reference.before(now)
            assert stopped == (generation is None)
            seen["blocked"] += stopped
            if generation is not None:
                flying.append((passes(memory, now), generation))
        seen[reference.state] += 1
    return seen


def add(first: dict[str, int], second: dict[str, int]) -> dict[str, int]:
    return {name: first.get(name, 0) + second[name] for name in second}


def test_a_breaker_of_failures_in_a_row_is_that_of_gobreaker() -> None:
    draws, total = np.random.default_rng(1), dict[str, int]()
    for _ in range(LIVES):
        failures, probes, opened = int(draws.integers(1, 6)), int(draws.integers(1, 4)), int(draws.integers(1, 40))
        reference = Reference(failures, 0, 1, 0, opened * SECOND, probes)
        said = {"failures": failures, "open": f"{opened}s", "probes": probes}
        total = add(total, live(reference, said, draws, 5 * SECOND))
    assert min(total.values()) > 300


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_a_breaker_of_a_share_counts_the_last_slices_of_time(share: float) -> None:
    draws, total = np.random.default_rng(2), dict[str, int]()
    for _ in range(LIVES):
        over, least, opened = int(draws.integers(1, 60)), int(draws.integers(1, 12)), int(draws.integers(1, 20))
        reference = Reference(None, share, over * SECOND // SLICES, least, opened * SECOND, 2)
        said = {"failure_rate": share, "over": f"{over}s", "min_calls": least, "open": f"{opened}s", "probes": 2}
        total = add(total, live(reference, said, draws, 2 * SECOND))
    assert min(total.values()) > 100


def test_only_what_is_listed_is_a_failure() -> None:
    said = {"breaker": {"failures": 1, "on": ["503"], "open": "5s"}}
    rule = client_rules([Client.model_validate(said)])[0][0]
    memory, cells = fresh_client(rule), [0] * CLIENT_CELLS
    for status in (429, 500, 529, 499, 0, 400):
        answered(rule, memory, cells, passes(memory, 0), status, 0)
        assert not blocks(rule, memory, 0)
    answered(rule, memory, cells, passes(memory, 0), 503, 7)
    assert blocks(rule, memory, 7)
    assert blocks(rule, memory, 5 * SECOND + 6)
    assert not blocks(rule, memory, 5 * SECOND + 7)
