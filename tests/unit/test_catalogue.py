"""The catalogue against the facts that it was written from, and a scenario's models over it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sim.catalogue import (
    model,
    model_gaps,
    model_names,
    resolve_model,
    resolve_retry,
    retry_names,
    retry_preset,
    tiers,
)  # fmt: skip
from sim.scenario.clients import Client, RetryPolicy
from sim.scenario.loader import load_text
from sim.scenario.workloads import FixedTime, SpreadTime
from sim.units import MINUTE, MS, SECOND
from tests.unit.bad_scenarios import GOOD

# Prices in USD per million tokens: input, output, cache read
PRICES = {
    **dict.fromkeys(("claude-sonnet-4-5", "claude-sonnet-4-6"), (3, 15, 0.30)),
    **dict.fromkeys(("claude-sonnet-5", "claude-sonnet-5-5"), (2, 10, 0.20)),
    **dict.fromkeys([f"claude-opus-{version}" for version in ("4-5", "4-6", "4-7", "4-8", "5")], (5, 25, 0.50)),
    "claude-haiku-4-5": (1, 5, 0.10),
    "gpt-4.1": (2, 8, 0.50),
    "gpt-4.1-mini": (0.4, 1.6, 0.10),
    "gemini-2.5-flash": (0.30, 2.50, 0.03),
    "deepseek-v3.2": (0.28, 0.40, 0.028),
    "article/claude-sonnet-4-5": (15, 15, None),
    "article/claude-sonnet-4-5-holysheep": (1, 1, None),
    "article/gpt-4.1": (8, 8, None),
    "article/gemini-2.5-flash": (2.50, 2.50, None),
    "article/deepseek-v3.2": (0.42, 0.42, None),
}


@pytest.mark.parametrize("name", PRICES)
def test_prices(name: str) -> None:
    price = model(name).price
    expected = [None if usd is None else round(usd * 1_000_000) for usd in PRICES[name]]
    assert [price.input, price.output, price.cached_input] == expected


@pytest.mark.parametrize(
    ("name", "p50"), [("claude-sonnet-4-5", 38), ("gpt-4.1", 42), ("gemini-2.5-flash", 25), ("deepseek-v3.2", 31)]
)
def test_the_article_s_latency(name: str, p50: int) -> None:
    first = model(f"article/{name}").first_token
    assert isinstance(first, SpreadTime)
    assert first.median == p50 * MS


@pytest.mark.parametrize("name", model_names())
def test_every_model_says_when_and_where_it_was_read(name: str) -> None:
    entry = model(name)
    assert entry.date >= "2026-01"
    assert len(entry.source) > 5
    assert entry.price.cached_input is None or entry.price.cached_input < entry.price.input
    for time in (entry.first_token, entry.per_token):
        assert isinstance(time, FixedTime) or 0 < time.median < time.p95


def test_the_model_of_the_article_s_code_is_there() -> None:
    assert model("claude-sonnet-4-20250514").price == model("claude-sonnet-4-5").price
    assert "article" in model("claude-sonnet-4-20250514").note


# Retry presets: the delay before retry n at the two ends of the draw, from the formula of each client


def ends(policy: RetryPolicy, retry: int, *, throttled: bool = True) -> tuple[float, float]:
    """Smallest and largest delay in seconds before retry ``retry``, by the schema's own words."""
    base = policy.base if throttled or policy.base_error is None else policy.base_error
    delay = min(base * policy.multiplier**retry, policy.cap)
    high = delay * policy.jitter.high + policy.jitter.add_ns
    if policy.jitter.add_ns:
        high = min(high, policy.cap)
    return delay * policy.jitter.low / SECOND, high / SECOND


def sdk(n: int) -> tuple[float, float]:
    return 0.75 * min(0.5 * 2**n, 8), min(0.5 * 2**n, 8)


FORMULAS: dict[str, Any] = {
    "anthropic-sdk": sdk,
    "openai-sdk": sdk,
    "botocore-standard": lambda n: (0, min(2**n, 20)),
    "botocore-adaptive": lambda n: (0, min(2**n, 20)),
    "grpc": lambda n: (0.8 * min(0.1 * 2**n, 1), 1.2 * min(0.1 * 2**n, 1)),
    "envoy": lambda n: (0, min(0.025 * 2**n, 0.25)),
    "finagle": lambda n: (0, 0),
    "tenacity-bare": lambda n: (0, 0),
    "stamina": lambda n: (min(5, 0.1 * 2**n), min(5, 0.1 * 2**n + 1)),
    "holysheep-article": lambda n: (0.5 * 2**n, 1.5 * 2**n),
}
LAST = {"holysheep-article": 2}


@pytest.mark.parametrize("name", FORMULAS)
def test_delays(name: str) -> None:
    policy = retry_preset(name).policy
    for retry in range(LAST.get(name, 10)):
        assert ends(policy, retry) == pytest.approx(FORMULAS[name](retry)), retry


@pytest.mark.parametrize(
    ("name", "attempts", "obeys"),
    [
        ("none", 1, None), ("anthropic-sdk", 3, True), ("openai-sdk", 3, True), ("botocore-standard", 3, False),
        ("botocore-adaptive", 3, False),
        ("grpc", 5, False), ("envoy", 4, False), ("finagle", "unlimited", False), ("tenacity-bare", "unlimited", False),
        ("stamina", 10, False), ("holysheep-article", 3, True),
    ],
)  # fmt: skip
def test_attempts_and_retry_after(name: str, attempts: object, obeys: bool | None) -> None:
    policy = retry_preset(name).policy
    assert policy.max_attempts == attempts
    assert obeys is None or policy.obey_retry_after is obeys


def test_the_list_of_presets_is_whole() -> None:
    assert set(retry_names()) == {"none", *FORMULAS}
    assert all(retry_preset(name).source and retry_preset(name).date for name in retry_names())


def test_what_sets_the_clients_apart() -> None:
    policies = {name: retry_preset(name).policy for name in retry_names()}
    assert policies["openai-sdk"].give_up_above == 120 * SECOND
    assert policies["anthropic-sdk"].give_up_above is None
    assert not policies["anthropic-sdk"].jitter_retry_after
    assert set(policies["anthropic-sdk"].retry_on) == {"429", "500", "503", "529", "timeout", "connection"}
    article = policies["holysheep-article"]
    assert article.jitter_retry_after
    assert ends(article, 1, throttled=False) == (0, 0)
    assert ends(policies["botocore-standard"], 1, throttled=False) == (0, pytest.approx(0.1))
    assert policies["botocore-adaptive"] == policies["botocore-standard"].model_copy(update={"adaptive_rate": True})
    assert [name for name, policy in policies.items() if policy.adaptive_rate] == ["botocore-adaptive"]
    assert policies["stamina"].max_elapsed == 45 * SECOND
    assert {"400", "401", "403"} <= set(policies["tenacity-bare"].retry_on)


def test_retry_budgets() -> None:
    def budget(name: str) -> Any:
        found = retry_preset(name).policy.budget
        assert found is not None
        return found.spec

    assert budget("botocore-standard").model_dump() == {"capacity": 500, "throttle_cost": 5, "error_cost": 14}
    assert (budget("grpc").tokens, float(budget("grpc").ratio)) == (10, 0.1)
    assert (float(budget("envoy").share), budget("envoy").floor) == (0.2, 3)
    finagle = budget("finagle")
    assert (float(finagle.share), finagle.per_second, finagle.ttl) == (0.2, 10, 10 * SECOND)


def test_resolve_retry() -> None:
    own = RetryPolicy(max_attempts=7)
    assert resolve_retry(Client(retry=own)) is own
    assert resolve_retry(Client(retry="grpc")) == retry_preset("grpc").policy
    assert resolve_retry(Client()) == retry_preset("anthropic-sdk").policy
    with pytest.raises(KeyError):
        resolve_retry(Client(retry="nobody"))


# Tiers


def test_tiers() -> None:
    start = tiers()["anthropic/start"]
    limits = start.classes["sonnet-4"]
    rates = [getattr(limits, name).rate.per_minute for name in ("requests", "input_tokens", "output_tokens")]
    assert rates == [1000, 2_000_000, 400_000]
    assert str(start.spend_cap.amount) == "$500/month"  # type: ignore[union-attr]
    assert start.classes["haiku-3-5"].count_cached_input
    assert tiers()["anthropic/tier-1"].classes["sonnet-4"].requests.rate.per_minute == 50  # type: ignore[union-attr]
    assert tiers()["anthropic/scale"].classes["fable-5"].requests.rate.period_ns == MINUTE  # type: ignore[union-attr]


# A scenario's models

MODELS = """models:
  claude-haiku-4-5: {price: {input: $2, output: $6}}
  slow: {like: claude-haiku-4-5, first_token: 9s, slots: 4, queue: 7, service: exponential}
  slower: {like: slow, per_token: 50ms, slots: null}
  whole: {price: {input: $1, output: $2, cached_input: $0.25}, first_token: 1s, per_token: 0}
"""


def resolved(name: str, tmp_path: Path) -> Any:
    text = GOOD.replace("models:\n", MODELS)
    return resolve_model(load_text(text, tmp_path / "x.yaml").scenario, name)


def test_a_model_of_the_catalogue(tmp_path: Path) -> None:
    found = resolved("claude-sonnet-4-5", tmp_path)
    assert (found.price_input, found.price_output, found.price_cached_input) == (3_000_000, 15_000_000, 300_000)
    assert (found.service, found.slots, found.queue) == ("lognormal", None, 0)
    assert found.first_token == model("claude-sonnet-4-5").first_token


def test_an_entry_changes_the_catalogue_s(tmp_path: Path) -> None:
    found = resolved("claude-haiku-4-5", tmp_path)
    # Cache reads have no price of their own once the price is replaced: they cost what input costs.
    assert (found.price_input, found.price_output, found.price_cached_input) == (2_000_000, 6_000_000, 2_000_000)
    assert found.per_token == model("claude-haiku-4-5").per_token


def test_like(tmp_path: Path) -> None:
    slow, slower = resolved("slow", tmp_path), resolved("slower", tmp_path)
    assert (slow.price_input, slow.first_token.fixed, slow.slots, slow.queue) == (2_000_000, 9 * SECOND, 4, 7)
    assert slow.service == "exponential"
    assert (slower.first_token.fixed, slower.per_token.fixed, slower.slots, slower.queue) == (
        9 * SECOND,
        50 * MS,
        None,
        7,
    )


def test_a_model_of_its_own(tmp_path: Path) -> None:
    found = resolved("whole", tmp_path)
    assert (found.price_cached_input, found.per_token.fixed) == (250_000, 0)
    with pytest.raises(KeyError):
        resolved("nobody", tmp_path)


def test_gaps() -> None:
    assert model_gaps({}, "gpt-4.1") == ()
    assert model_gaps({}, "nobody") == ("price", "first_token", "per_token")
