"""The check before any load: what it asks, what it finds, and that no secret is in what it says."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from sim.live.preflight import Expected, Preflight, as_json, check, limits_of, lines
from sim.live.secrets import fingerprint, redacted
from sim.live.target import parse

SECRET, OTHER = "sk-test-marked-0123456789-abcdefgh", "sk-test-marked-9876543210-hgfedcba"
NOW = datetime(2026, 7, 1, 12, 0, 0, tzinfo=UTC)
MODEL = "claude-sonnet-4-5"
LISTED = {"data": [{"type": "model", "id": MODEL}, {"type": "model", "id": "claude-haiku-4-5"}]}


def asked(
    answer: Callable[[httpx.Request], httpx.Response], api: str = "anthropic", limits: dict[str, float] | None = None
) -> Preflight:
    """What the check finds at a target that answers so."""
    target = parse("http://127.0.0.1:1", api, lambda host, port: ["127.0.0.1"])
    named = {"shared/a/default": "KEYSTORM_KEY_SHARED_A", "shared/b/default": "KEYSTORM_KEY_SHARED_B"}
    environment = {"KEYSTORM_KEY_SHARED_A": SECRET, "KEYSTORM_KEY_SHARED_B": OTHER}
    expected = dict.fromkeys(named, Expected(limits or {}, (MODEL,)))
    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        found = check(target, named, environment, expected, client, lambda: NOW)
    said = "\n".join([*lines(found), json.dumps(as_json(found))])
    assert SECRET not in said
    assert OTHER not in said
    return found


def test_a_good_target_is_asked_once_with_each_key_and_nothing_is_generated() -> None:
    seen: list[tuple[str, str, str]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append((request.method, request.url.path, request.headers["x-api-key"]))
        return httpx.Response(200, json=LISTED, headers={"date": "Wed, 01 Jul 2026 12:00:01 GMT"})

    found = asked(answer)
    assert seen == [("GET", "/v1/models", SECRET), ("GET", "/v1/models", OTHER)]
    assert (found.problems, found.warnings) == ((), ())
    assert found.found[0].models == (MODEL, "claude-haiku-4-5")
    assert found.found[0].skew_s == 1.0
    assert f"(key {fingerprint(SECRET)}): GET /v1/models → 200, accepted, 2 models" in lines(found)[0]


def test_openai_is_asked_with_a_bearer() -> None:
    seen = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append((request.url.path, request.headers["authorization"]))
        return httpx.Response(200, json=LISTED)

    asked(answer, "openai")
    assert seen == [("/v1/models", f"Bearer {SECRET}"), ("/v1/models", f"Bearer {OTHER}")]


def test_where_there_is_no_list_the_tokens_of_a_word_are_counted() -> None:
    seen = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.path)
        return (
            httpx.Response(404) if request.url.path == "/v1/models" else httpx.Response(200, json={"input_tokens": 3})
        )

    found = asked(answer)
    assert seen == ["/v1/models", "/v1/messages/count_tokens"] * 2
    assert found.problems == ()
    assert found.found[0].accepted


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_is_not_accepted_is_a_problem_that_names_its_variable(status: int) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        bad = request.headers["x-api-key"] == OTHER
        echo = {"error": {"type": "authentication_error", "message": f"Incorrect key: {OTHER} ({OTHER[:14]}…)"}}
        return httpx.Response(status, json=echo) if bad else httpx.Response(200, json=LISTED)

    found = asked(answer)
    (problem,) = found.problems
    assert f"KEYSTORM_KEY_SHARED_B, key {fingerprint(OTHER)}) is not accepted: {status}: Incorrect key: [key" in problem
    assert OTHER[:14] not in problem, "nor the beginning that the server quotes"


def test_a_target_that_is_not_there() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError(f"refused while sending {request.headers['x-api-key']}")

    found = asked(answer)
    assert found.problems[0].startswith("the target can't be reached: ConnectError: refused while sending [key ")


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (httpx.Response(502, text="<html>Bad gateway</html>"), "answers 502"),
        (httpx.Response(308, headers={"location": "https://elsewhere.example.com"}), "redirects"),
        (httpx.Response(400, json={"error": {"message": "no database"}}), "answered 400: no database"),
    ],
)
def test_other_problems(answer: httpx.Response, says: str) -> None:
    assert says in asked(lambda request: answer).problems[0]


def test_limits_that_headers_state_are_compared_with_the_scenarios() -> None:
    head = {"anthropic-ratelimit-requests-limit": "50", "anthropic-ratelimit-input-tokens-limit": "30000"}
    assumed = {"requests": 60.0, "input_tokens": 30000.0}
    found = asked(lambda request: httpx.Response(200, json=LISTED, headers=head), limits=assumed)
    assert found.problems == ()
    (warning, other) = found.warnings
    assert "limits requests to 50 a minute by its headers, the scenario to 60" in warning
    assert other.startswith("shared/b/default")


def test_headers_of_both_shapes_are_read_and_nonsense_is_not() -> None:
    assert limits_of({"x-ratelimit-limit-requests": "500", "x-ratelimit-limit-tokens": "30k"}) == {"requests": 500}
    assert limits_of({"anthropic-ratelimit-output-tokens-limit": "8000"}) == {"output_tokens": 8000}
    assert limits_of({"anthropic-ratelimit-requests-limit": "-5"}) == {}


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (httpx.Response(200, json={"data": [{"id": "gpt-5"}]}), f"does not list {MODEL}"),
        (httpx.Response(429, json={"error": {"message": "slow down"}}), "rate-limited at this moment (slow down)"),
        (httpx.Response(200, json=LISTED, headers={"date": "Wed, 01 Jul 2026 11:59:00 GMT"}), "60 s behind ours"),
        (httpx.Response(404), "whether the key is accepted is not known"),
    ],
)
def test_what_may_surprise_is_a_warning(answer: httpx.Response, says: str) -> None:
    found = asked(lambda request: answer)
    assert found.problems == ()
    assert any(says in warning for warning in found.warnings)


def test_tls_and_the_end_of_its_certificate_are_told() -> None:
    class Stream:
        def get_extra_info(self, name: str) -> Any:
            return self if name == "ssl_object" else None

        def version(self) -> str:
            return "TLSv1.3"

        def getpeercert(self) -> dict[str, str]:
            return {"notAfter": "Jul  9 12:00:00 2026 GMT"}

    found = asked(lambda request: httpx.Response(200, json=LISTED, extensions={"network_stream": Stream()}))
    assert "TLSv1.3, certificate until 2026-07-09" in lines(found)[0]
    assert "the target's certificate ends in 8 days" in found.warnings


def test_redaction_leaves_other_words_alone() -> None:
    assert redacted("nothing to see", [SECRET]) == "nothing to see"
    assert redacted(f"a {SECRET} b", [SECRET]) == f"a [key {fingerprint(SECRET)}] b"
    assert SECRET[-8:] not in redacted(f"…{SECRET[-8:]}", [SECRET])
    assert redacted("", ["", SECRET]) == ""
