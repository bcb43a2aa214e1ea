"""The official ``anthropic`` package, unmodified, by base URL: every call, error class and retry path."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import anthropic
import pytest

from tests.emulator.server import MODEL, Served, message

SAID = "Each team sends its requests through one key and the limit does "


Client = Callable[..., anthropic.Anthropic]


@pytest.fixture
def client(served: Served) -> Iterator[Client]:
    """Makes clients of a project's key, which do not retry unless told to."""
    with ExitStack() as open_ones:

        def made(project: str = "data", retries: int = 0, **more: Any) -> anthropic.Anthropic:
            given = {"base_url": served.url, "api_key": served.secret(project), "max_retries": retries, **more}
            return open_ones.enter_context(anthropic.Anthropic(**given))

        yield made


@pytest.fixture
def plain(client: Client) -> anthropic.Anthropic:
    """A client that does not retry."""
    return client()


def test_a_message_has_text_usage_and_a_request_id(plain: anthropic.Anthropic) -> None:
    found = plain.messages.create(**message())
    assert found.content[0].text == SAID  # type: ignore[union-attr]
    assert (found.role, found.model, found.stop_reason) == ("assistant", MODEL, "max_tokens")
    assert (found.usage.input_tokens, found.usage.output_tokens) == (6, 12)
    assert found._request_id is not None and found._request_id.startswith("req_")


def test_a_longer_bound_ends_the_turn_by_itself(plain: anthropic.Anthropic) -> None:
    found = plain.messages.create(**message(max_tokens=500))
    assert (found.stop_reason, found.usage.output_tokens) == ("end_turn", 20), "20 tokens are usual in this scenario"


def test_headers_tell_what_is_left(plain: anthropic.Anthropic) -> None:
    headers = plain.messages.with_raw_response.create(**message()).headers
    assert int(headers["anthropic-ratelimit-requests-limit"]) == 6000
    assert 5998 <= int(headers["anthropic-ratelimit-requests-remaining"]) <= 6000
    assert headers["anthropic-ratelimit-input-tokens-limit"] == "1000000"
    assert int(headers["anthropic-ratelimit-output-tokens-remaining"]) % 1000 == 0
    assert headers["anthropic-ratelimit-tokens-limit"] in ("1000000", "500000"), "the tightest token limit"
    assert headers["anthropic-ratelimit-requests-reset"].endswith("Z")
    assert headers["request-id"].startswith("req_")


def test_a_stream_has_its_events_in_order(plain: anthropic.Anthropic) -> None:
    kinds: list[str] = []
    with plain.messages.create(**message(stream=True)) as events:
        kinds = [event.type for event in events]
    middle = kinds[2:-3]
    assert kinds[:2] == ["message_start", "content_block_start"]
    assert set(middle) <= {"content_block_delta", "ping"} and "content_block_delta" in middle
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]


def test_a_stream_says_what_a_message_says(plain: anthropic.Anthropic) -> None:
    with plain.messages.stream(**message()) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text == SAID
    assert (final.stop_reason, final.usage.input_tokens, final.usage.output_tokens) == ("max_tokens", 6, 12)


def test_both_ways_to_authenticate_and_both_versions(served: Served) -> None:
    for version in ("2023-06-01", "2026-10-21"):
        bearer = {"anthropic-version": version, "authorization": f"Bearer {served.secret('data')}"}
        by_key = {"anthropic-version": version, "x-api-key": served.secret("data")}
        assert served.call("POST", "/v1/messages", message(), headers=bearer).status_code == 200
        assert served.call("POST", "/v1/messages", message(), headers=by_key).status_code == 200


def test_the_newer_version_takes_no_sampling_parameters(served: Served, client: Client) -> None:
    old, new = (client(default_headers={"anthropic-version": version}) for version in ("2023-06-01", "2026-10-21"))
    for name, value in (("temperature", 0.5), ("top_p", 0.5), ("top_k", 5)):
        body = message(extra_body={name: value})
        with pytest.raises(anthropic.BadRequestError, match=name):
            new.messages.create(**body)
        old.messages.create(**body)


def test_tokens_are_counted_in_a_limiter_group_of_its_own(served: Served, client: Client) -> None:
    shop = client("storefront")
    for _ in range(2):
        shop.messages.create(**message())
    with pytest.raises(anthropic.RateLimitError):
        shop.messages.create(**message())
    asked = {"model": MODEL, "messages": message()["messages"]}
    assert [shop.messages.count_tokens(**asked).input_tokens for _ in range(2)] == [6, 6]
    with pytest.raises(anthropic.RateLimitError):
        shop.messages.count_tokens(**asked)


def test_models_are_listed_and_found(plain: anthropic.Anthropic) -> None:
    assert [one.id for one in plain.models.list()] == [MODEL, "slotted"]
    assert plain.models.retrieve(MODEL).display_name == "Claude Sonnet 5"
    with pytest.raises(anthropic.NotFoundError):
        plain.models.retrieve("no-such-model")


ERRORS = [
    (400, anthropic.BadRequestError, "invalid_request_error"),
    (401, anthropic.AuthenticationError, "authentication_error"),
    (403, anthropic.PermissionDeniedError, "permission_error"),
    (404, anthropic.NotFoundError, "not_found_error"),
    (409, anthropic.ConflictError, "conflict_error"),
    (413, anthropic.APIStatusError, "request_too_large"),
    (422, anthropic.UnprocessableEntityError, "invalid_request_error"),
    (429, anthropic.RateLimitError, "rate_limit_error"),
    (500, anthropic.InternalServerError, "api_error"),
    (503, anthropic.InternalServerError, "api_error"),
    (504, anthropic.InternalServerError, "timeout_error"),
    (529, anthropic.InternalServerError, "overloaded_error"),
]


@pytest.mark.parametrize(("status", "kind", "name"), ERRORS)
def test_every_error_class(
    served: Served, plain: anthropic.Anthropic, status: int, kind: type[anthropic.APIStatusError], name: str
) -> None:
    served.inject(refuse={"status": status, "count": 1})
    with pytest.raises(kind) as caught:
        plain.messages.create(**message())
    assert caught.value.status_code == status
    body: Any = caught.value.body
    assert (body["type"], body["error"]["type"]) == ("error", name)
    assert body["request_id"].startswith("req_")
    plain.messages.create(**message())


def test_errors_by_their_own_cause(served: Served, plain: anthropic.Anthropic, client: Client) -> None:
    with pytest.raises(anthropic.AuthenticationError):
        client(api_key="ks-test-none").messages.create(**message())
    with pytest.raises(anthropic.NotFoundError, match="claude-none"):
        plain.messages.create(**message(model="claude-none"))
    with pytest.raises(anthropic.PermissionDeniedError):
        plain.messages.create(**message(model="slotted"))
    with pytest.raises(anthropic.BadRequestError, match="messages"):
        plain.messages.create(**message(messages=[]))


def test_a_ramp_limit_has_its_code(served: Served, plain: anthropic.Anthropic) -> None:
    served.inject(refuse={"status": 429, "count": 1, "retry_after": "3s", "error_code": "ramp_limit_exceeded"})
    with pytest.raises(anthropic.RateLimitError) as caught:
        plain.messages.create(**message())
    body: Any = caught.value.body
    assert body["error"]["details"]["error_code"] == "ramp_limit_exceeded"
    assert caught.value.response.headers["retry-after"] == "3"


RETRIED = [
    {"status": 429, "retry_after": "50ms", "retry_after_as": "ms"},
    {"status": 429, "retry_after": "1s"},
    {"status": 429, "retry_after": "1s", "retry_after_as": "date"},
    {"status": 408, "retry_after": "50ms", "retry_after_as": "ms"},
    {"status": 409, "retry_after": "50ms", "retry_after_as": "ms"},
    {"status": 500, "retry_after": "50ms", "retry_after_as": "ms"},
    {"status": 529, "retry_after": "50ms", "retry_after_as": "ms"},
    {"status": 400, "should_retry": True, "retry_after": "50ms", "retry_after_as": "ms"},
]


@pytest.mark.parametrize("refusal", RETRIED, ids=lambda one: "-".join(map(str, one.values())))
def test_what_the_client_retries_succeeds_the_second_time(
    served: Served, refusal: dict[str, Any], client: Client
) -> None:
    served.inject(refuse={**refusal, "count": 1})
    before = time.monotonic()
    client(retries=2).messages.create(**message())
    statuses = [(row["status"], row["attempt"]) for row in served.rows()]
    assert statuses == [(refusal["status"], 0), (200, 1)], "the client says which try it is"
    if refusal["retry_after"] == "1s" and "retry_after_as" not in refusal:
        assert time.monotonic() - before >= 1


NOT_RETRIED = [{"status": 400}, {"status": 401}, {"status": 404}, {"status": 500, "should_retry": False}]


@pytest.mark.parametrize("refusal", NOT_RETRIED, ids=lambda one: str(one["status"]))
def test_what_it_does_not_retry_comes_once(served: Served, refusal: dict[str, Any], client: Client) -> None:
    served.inject(refuse={**refusal, "count": 1})
    with pytest.raises(anthropic.APIStatusError):
        client(retries=2).messages.create(**message())
    assert len(served.rows()) == 1


def test_a_broken_connection_is_retried(served: Served, client: Client) -> None:
    served.inject(reset={"count": 1})
    client(retries=1).messages.create(**message())
    assert [row["status"] for row in served.rows()] == [0, 200]


def test_a_timeout_is_retried(served: Served, client: Client) -> None:
    served.inject(freeze={"count": 1})
    client(retries=1, timeout=0.3).messages.create(**message())
    assert [row["status"] for row in served.rows()] == [499, 200]


def test_an_error_in_a_stream_is_raised_and_not_retried(served: Served, client: Client) -> None:
    served.inject(latency={"factor": 50, "for": "1m"})  # 100 ms a token: what a busy machine adds is less
    served.inject(break_stream={"after_tokens": 3, "count": 1})
    with (
        pytest.raises(anthropic.APIStatusError) as caught,
        client(retries=2).messages.stream(**message()) as one,
    ):
        one.get_final_message()
    assert "overloaded_error" in str(caught.value)
    rows = served.rows()
    assert [(row["status"], row["fault"]) for row in rows] == [(529, "break_stream")]
    assert 0 < rows[0]["output_tokens"] < 12 and rows[0]["cost_usd"] > 0, "what was produced is billed"


def test_the_real_limit_is_retried_when_it_said(served: Served, client: Client) -> None:
    shop = client("storefront", retries=2)
    for _ in range(3):
        shop.messages.create(**message())
    rows = served.rows()
    assert [row["status"] for row in rows] == [200, 200, 429, 200], "after the promised seconds there is room"
    assert rows[2]["refused_by"] == "project:acme/storefront:requests"
