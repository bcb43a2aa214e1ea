"""The presets of SDKs and retry libraries against the packages themselves, asked without a network."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import anthropic
import httpx
import httpx2
import numpy as np
import openai
import pytest
import stamina
import tenacity
from botocore.retries import quota, standard
from scipy import stats
from stamina import _core as stamina_core

from sim.catalogue.data import retry_preset
from sim.draws import JITTER, draw32
from sim.engine.client_rules import client_rules
from sim.policy.backoff import FAILED, GIVE_UP, next_delay
from sim.scenario.clients import Client
from sim.units import SECOND

MODEL, KEY = "m", "no-key"
ANTHROPIC, OPENAI = "anthropic-sdk", "openai-sdk"
DRAWS = 2000


def ours(preset: str, made: int, status: int, after: float | None, u: int = 0, added: int = 0) -> int:
    """The preset's delay in ns before the next attempt, after ``made``; FAILED or GIVE_UP."""
    rules, delays = client_rules([Client(retry=preset)])
    ns = -1 if after is None else round(after * SECOND)
    return next_delay(rules[0], delays, made, status, ns, 0, 0, -1, u, added)


class Sdk:
    """An SDK's client whose requests are all answered alike, and the sleeps between them."""

    def __init__(self, name: str, status: int | None, headers: dict[str, str], body: Any = None) -> None:
        self.sent, self.slept = 0, list[float]()
        self.status, self.headers, self.body = status, headers, body or {"error": {"message": "no", "type": "no"}}
        self.name = name

    def _answer(self, library: Any, request: Any) -> Any:
        self.sent += 1
        if self.status is None:
            raise library.ConnectError("no connection", request=request)
        if self.status == 499:
            raise library.ReadTimeout("too late", request=request)
        return library.Response(self.status, headers=self.headers, json=self.body)

    def ask(self) -> None:
        """One request, to its bitter end."""
        library: Any = httpx2 if self.name == ANTHROPIC else httpx
        transport = library.MockTransport(lambda request: self._answer(library, request))
        messages: list[Any] = [{"role": "user", "content": "?"}]
        with library.Client(transport=transport) as http, mock.patch("time.sleep", self.slept.append):
            if self.name == ANTHROPIC:
                client = anthropic.Anthropic(api_key=KEY, http_client=http, base_url="http://127.0.0.1:9")
                with pytest.raises(anthropic.APIError):
                    client.messages.create(model=MODEL, max_tokens=1, messages=messages)
            else:
                other = openai.OpenAI(api_key=KEY, http_client=http, base_url="http://127.0.0.1:9")
                with pytest.raises(openai.APIError):
                    other.chat.completions.create(model=MODEL, messages=messages)


STATUSES = (400, 401, 403, 429, 500, 503, 529, 499, None)


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("name", [ANTHROPIC, OPENAI])
def test_the_sdk_tries_as_often_as_the_preset(name: str, status: int | None) -> None:
    sdk = Sdk(name, status, {})
    sdk.ask()
    attempts = 1
    while ours(name, attempts, status or 0, None) >= 0:
        attempts += 1
    assert sdk.sent == attempts
    assert attempts == (1 if status in (400, 401, 403) else 3)


@pytest.mark.parametrize("after", ["0", "0.4", "1", "7", "120", "121", "4000"])
@pytest.mark.parametrize("name", [ANTHROPIC, OPENAI])
def test_the_sdk_obeys_retry_after_as_the_preset(name: str, after: str) -> None:
    sdk = Sdk(name, 429, {"retry-after": after})
    sdk.ask()
    delay = ours(name, 1, 429, float(after))
    if delay == GIVE_UP:
        assert sdk.sent == 1
        assert name == OPENAI
        assert float(after) > 120
    elif float(after) > 0:
        assert sdk.slept == [pytest.approx(delay / SECOND)] * 2
        assert delay == ours(name, 1, 429, float(after), (1 << 32) - 1), "without jitter"
    else:
        assert 0.375 <= sdk.slept[0] <= 0.5 and 0.75 <= sdk.slept[1] <= 1
        assert 0.375 * SECOND <= delay <= 0.5 * SECOND


def test_retry_after_may_be_milliseconds_and_the_server_has_the_last_word() -> None:
    """What the model leaves out: no provider of ours sends these headers."""
    sdk = Sdk(ANTHROPIC, 429, {"retry-after-ms": "250", "retry-after": "9"})
    sdk.ask()
    assert sdk.slept == [0.25, 0.25]
    never = Sdk(ANTHROPIC, 429, {"x-should-retry": "false"})
    never.ask()
    assert never.sent == 1


HOPELESS = {
    ANTHROPIC: {"type": "error", "error": {"type": "rate_limit_error", "message": "spend limit",
                                           "details": {"error_code": "enforced_spend_limit_reached"}}},
    OPENAI: {"error": {"message": "quota", "type": "insufficient_quota", "param": None, "code": "insufficient_quota"}},
}  # fmt: skip


@pytest.mark.parametrize("name", [ANTHROPIC, OPENAI])
def test_a_hopeless_429_is_retried_by_the_sdk_and_by_the_preset(name: str) -> None:
    sdk = Sdk(name, 429, {}, HOPELESS[name])
    sdk.ask()
    assert sdk.sent == 3
    assert ours(name, 2, 429, None) >= 0
    assert ours(name, 3, 429, None) == GIVE_UP


def uniforms(draw: Callable[[int], int]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Delays in seconds of many different draws."""
    return np.array([draw(draw32(17 * at, 0, JITTER)) for at in range(DRAWS)]) / SECOND


def same_distribution(theirs: Iterator[float], found: np.ndarray[Any, np.dtype[np.float64]]) -> None:
    sample = np.fromiter(theirs, float, DRAWS)
    assert stats.ks_2samp(sample, found).pvalue > 1e-4


@pytest.mark.parametrize("retry", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("name", [ANTHROPIC, OPENAI])
def test_delays_of_the_sdks_are_those_of_the_presets(name: str, retry: int) -> None:
    """Beyond the two retries of the default too: users raise max_retries."""
    random.seed(35)
    policy = retry_preset(name).policy.model_copy(update={"max_attempts": 20})
    rules, delays = client_rules([Client(retry=policy)])
    found = uniforms(lambda u: next_delay(rules[0], delays, retry + 1, 503, -1, 0, 0, -1, u, 0))
    client: Any = anthropic.Anthropic(api_key=KEY) if name == ANTHROPIC else openai.OpenAI(api_key=KEY)
    options: Any = mock.Mock(get_max_retries=lambda _: 10)
    same_distribution((client._calculate_retry_timeout(10 - retry, options, None) for _ in range(DRAWS)), found)
    top = min(0.5 * 2**retry, 8)
    assert 0.75 * top <= found.min() and found.max() <= top


@pytest.mark.parametrize("retry", [0, 1, 2, 7])
@pytest.mark.parametrize("throttled", [True, False])
def test_delays_of_botocore_are_those_of_the_preset(throttled: bool, retry: int) -> None:
    random.seed(36)
    detector = mock.Mock(is_throttling_error_from_context=lambda _: throttled)
    backoff = standard.ExponentialBackoff(throttling_detector=detector)
    context = mock.Mock(attempt_number=retry + 1, http_response=None)
    policy = retry_preset("botocore-standard").policy.model_copy(update={"max_attempts": 20})
    rules, delays = client_rules([Client(retry=policy)])
    status = 429 if throttled else 503
    found = uniforms(lambda u: next_delay(rules[0], delays, retry + 1, status, -1, 0, 0, -1, u, 0))
    same_distribution((backoff.delay_amount(context) for _ in range(DRAWS)), found)


def test_bounds_of_botocore_are_those_of_the_presets() -> None:
    for name in ("botocore-standard", "botocore-adaptive"):
        policy = retry_preset(name).policy
        assert policy.budget is not None
        spec = policy.budget.spec
        assert policy.max_attempts == standard.DEFAULT_MAX_ATTEMPTS
        assert spec.capacity == quota.RetryQuota.INITIAL_CAPACITY
        assert spec.throttle_cost == standard.RetryQuotaChecker._THROTTLING_RETRY_COST
        assert spec.error_cost == standard.RetryQuotaChecker._RETRY_COST
        transient = {str(status) for status in standard.TransientRetryableChecker._TRANSIENT_STATUS_CODES}
        throttling = {str(status) for status in standard.ThrottlingStatusCodeChecker._THROTTLING_STATUS_CODES}
        modelled = {"429", "500", "503", "529"}
        assert set(policy.retry_on) - {"timeout", "connection"} == (transient | throttling) & modelled


def test_bare_tenacity_never_waits_and_never_stops() -> None:
    calls, slept = 0, list[float]()

    @tenacity.retry(sleep=slept.append)
    def loop() -> None:
        nonlocal calls
        calls += 1
        if calls < 5000:
            raise ConnectionError

    loop()
    assert calls == 5000
    assert set(slept) == {0}
    assert {ours("tenacity-bare", made, status, None) for made in (1, 5000) for status in (400, 401, 429, 503, 0)} == {
        0
    }
    assert ours("tenacity-bare", 5000, 429, 30.0) == 0


@pytest.mark.parametrize("attempt", [1, 2, 4, 7])
def test_delays_of_stamina_are_those_of_the_preset(attempt: int) -> None:
    random.seed(37)
    defaults = stamina.retry.__kwdefaults__
    shape = [defaults[f"wait_{name}"] for name in ("max", "initial", "exp_base", "jitter")]
    theirs = (stamina_core._compute_backoff(attempt, *shape) for _ in range(DRAWS))
    found = uniforms(lambda u: ours("stamina", attempt, 503, None, 0, u))
    same_distribution(theirs, found)
    policy = retry_preset("stamina").policy
    assert policy.max_attempts == defaults["attempts"]
    assert policy.max_elapsed == defaults["timeout"] * SECOND


def test_a_status_that_nobody_lists_is_not_retried() -> None:
    assert ours(ANTHROPIC, 1, 400, None) == FAILED
