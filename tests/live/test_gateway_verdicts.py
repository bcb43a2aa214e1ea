"""What probes conclude from what they see: from a provider nothing departs, from a gateway what it does otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest

from sim.study.gateway import probes, verdicts
from sim.study.gateway.asking import CHAT, MESSAGES, Ask, Caller, Seen, seen
from sim.study.gateway.probes import Bench
from sim.study.gateway.verdicts import Verdict

PRICE = (3e-6, 15e-6)
FIRST = Seen(200, 0.0)


def answers(*statuses: int, **more: Any) -> list[Seen]:
    return [Seen(status, 10.0, **more) for status in statuses]


@pytest.mark.parametrize(
    ("found", "departs", "observed"),
    [
        (verdicts.window(2, answers(200, 200, 429)), False, "2 admitted (200 × 2, 429 × 1)"),
        (verdicts.window(2, answers(200, 200, 200)), True, "3 admitted (200 × 3)"),
        (verdicts.window_again(2, 10, 11.0, answers(200, 429)), True, "1 admitted"),
        (verdicts.retry_after(CHAT, 10, FIRST, Seen(429, 4.5, {"retry-after": "6"})), False, "429, retry-after: 6"),
        (verdicts.retry_after(CHAT, 10, FIRST, Seen(429, 4.5, {"retry-after": "10"})), True, "429, retry-after: 10"),
        (verdicts.retry_after(MESSAGES, 10, FIRST, Seen(429, 4.5)), True, "429, no retry-after"),
        (verdicts.charged_elsewhere(Seen(429, 0.0), Seen(200, 3.0)), False, "429, then 200"),
        (verdicts.charged_elsewhere(Seen(429, 0.0), Seen(429, 3.0)), True, "429, then 429"),
        (verdicts.tokens_within("t", "q", 100, answers(200, 429, tokens=(20, 40))), True,
         "120 tokens in 1 answers, 1.2 × the limit"),
        (verdicts.tokens_within("t", "q", 200, answers(200, tokens=(20, 40))), False, "60 tokens in 1 answers"),
        (verdicts.budget_within("b", "q", 0.001, PRICE, answers(200, tokens=(0, 100))), True,
         "$0.0015 in 1 answers, 1.5 × the cap"),
        (verdicts.mapped("m", "q", 529, Seen(529, 0.0)), False, "529"),
        (verdicts.mapped("m", "q", 529, Seen(500, 0.0, kind="api_error")), True, "500 api_error"),
        (verdicts.mapped("m", "q", 429, Seen(429, 0.0, kind="other"), ("insufficient_quota",)), True, "429 other"),
        (verdicts.handed_on(CHAT, 7, Seen(429, 0.0, {"retry-after": "7"})), False, "429, retry-after: 7"),
        (verdicts.handed_on(CHAT, 7, Seen(429, 0.0, {"llm_provider-retry-after": "7"})), True,
         "429, no retry-after, llm_provider-retry-after: 7"),
        (verdicts.cooldown(Seen(401, 0.0), Seen(200, 0.1), 0.0, 20), False, "401, then 200"),
        (verdicts.cooldown(Seen(401, 0.0), Seen(429, 0.1), 4.8, 20), True,
         "401, then 429; answered again after 4.8 s"),
        (verdicts.cooldown(Seen(401, 0.0), Seen(429, 0.1), None, 20), True, "401, then 429; not in 20 s"),
        (verdicts.booked("c", 0.5, 0.0, 0.5), False, "$0.5000"),
        (verdicts.booked("c", 0.5, 0.2, 0.4), True, "$0.4000"),
        (verdicts.booked("c", 0.5, 0.2, 0.6), False, "$0.6000"),
        (verdicts.booked("c", 0.5, 0.2, 0.8), True, "$0.8000"),
    ],
)  # fmt: skip
def test_a_verdict_follows_from_what_was_seen(found: Verdict, departs: bool, observed: str) -> None:
    assert (found.departs, found.observed) == (departs, observed)
    assert found.json()["expected"] and found.json()["question"]


def test_an_answer_is_read_in_either_shape() -> None:
    said = {"usage": {"prompt_tokens": 3, "completion_tokens": 4}}
    assert seen(httpx.Response(200, json=said), 1.0).tokens == (3, 4)
    assert seen(httpx.Response(200, json={"usage": {"input_tokens": 5, "output_tokens": 6}}), 1.0).tokens == (5, 6)
    refused = seen(
        httpx.Response(429, json={"error": {"type": "slow"}}, headers={"Retry-After": "9", "x-other": "1"}), 1
    )
    assert (refused.status, refused.kind, dict(refused.headers)) == (429, "slow", {"retry-after": "9"})
    assert seen(httpx.Response(502, text="<html>"), 1.0) == Seen(502, 1.0)
    assert seen(httpx.Response(400, json=["?"]), 1.0).kind == ""


class Provider(Caller):
    """A stand-in for a proxy that does what a provider would, with a clock that only sleeping moves."""

    def __init__(self) -> None:
        super().__init__("http://127.0.0.1:1", "team")
        self.now, self.fault = 100.0, (0, 0)
        self.used: dict[str, list[tuple[float, float]]] = {}

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def ask(self, *asks: Ask) -> list[Seen]:
        return [self.answer(one) for one in asks]

    def fits(self, name: str, amount: float, limit: float, lasts_s: float = 10.0) -> bool:
        kept = [one for one in self.used.get(name, []) if self.now - self.used[name][0][0] < lasts_s]
        self.used[name] = kept
        return sum(size for _, size in kept) + amount <= limit

    def answer(self, one: Ask) -> Seen:
        if self.fault[0]:
            (status, wait), self.fault = self.fault, (0, 0)
            return Seen(status, self.now, {"retry-after": str(wait)} if wait else {})
        key = next(key for name, key in probes.keys().items() if name == one.secret)
        tokens, spent = one.input + one.output, one.input * PRICE[0] + one.output * PRICE[1]
        never = 1e9
        asked = {"rpm_limit": (one.secret, 1, 10.0), "team_rpm_limit": (key.team + "!", 1, 10.0),
                 "tpm_limit": (one.secret, tokens, 10.0), "max_budget": (one.secret, spent, never)}  # fmt: skip
        for name, limit in key.limits.items():
            place, amount, lasts = asked[name]
            if not self.fits(place, amount, limit, lasts):
                return self.refused(name, one, place)
        for name in key.limits:
            place, amount, _ = asked[name]
            self.used.setdefault(place, []).append((self.now, amount))
        return Seen(200, self.now, tokens=(one.input, one.output))

    def refused(self, name: str, one: Ask, place: str) -> Seen:
        if name == "max_budget" and one.route == MESSAGES:
            return Seen(400, self.now, kind="invalid_request_error")
        if name == "max_budget":
            return Seen(429, self.now, kind="insufficient_quota")
        left = 10 - (self.now - self.used[place][0][0]) if self.used[place] else 10
        return Seen(429, self.now, {"retry-after": f"{-(-left // 1):.0f}"})


class OtherBench(Bench):
    """A bench whose upstream is the stand-in itself."""

    @contextmanager
    def refusing(self, status: int, retry_after: str | None = None) -> Iterator[None]:
        self.caller.fault = (status, int((retry_after or "0s")[:-1]))  # type: ignore[attr-defined]
        yield


def bench(caller: Provider) -> Bench:
    return OtherBench(
        caller, {name: name for name, _ in probes.keys().items()}, "", 10, PRICE, caller.sleep, lambda: caller.now
    )  # fmt: skip


def test_nothing_departs_at_a_provider() -> None:
    told: list[str] = []
    found = probes.run(bench(Provider()), told.append)
    assert [one.name for one in found if one.departs] == []
    assert len(told) == len(found) >= 15
    assert len({one.name for one in found}) == len(found)


class Gateway(Provider):
    """Without ``retry-after`` on messages, with a status of its own for budgets, and a cooldown after a 401."""

    rests_until = 0.0

    def answer(self, one: Ask) -> Seen:
        if self.now < self.rests_until and one.model == "probe-401":
            return Seen(429, self.now, kind="rate_limit_error")
        found = super().answer(one)
        if found.status == 401:
            self.rests_until = self.now + 5.0
        return replace(found, headers={}) if one.route == MESSAGES else found

    def refused(self, name: str, one: Ask, place: str) -> Seen:
        if name == "max_budget":
            return Seen(422, self.now, kind="budget_exceeded")
        return super().refused(name, one, place)


def test_what_a_gateway_does_otherwise_is_found() -> None:
    found = {one.name: one for one in probes.run(bench(Gateway()), lambda text: None)}
    departs = {name for name, one in found.items() if one.departs}
    assert departs == {
        f"retry-after on {MESSAGES}", f"upstream's retry-after on {MESSAGES}", f"budget on {MESSAGES}",
        f"budget on {CHAT}", "cooldown after a 401",
    }  # fmt: skip
    assert found["cooldown after a 401"].observed == "401, then 429 rate_limit_error; answered again after 5.0 s"
