"""The official ``openai`` package, unmodified, by base URL: every call, error class and retry path."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import openai
import pytest

from tests.emulator.server import MODEL, Served, message

SAID = "Each team sends its requests through one key and the limit does "
Client = Callable[..., openai.OpenAI]


@pytest.fixture
def client(served: Served) -> Iterator[Client]:
    """Makes clients of a project's key, which do not retry unless told to."""
    with ExitStack() as open_ones:

        def made(project: str = "data", retries: int = 0, **more: Any) -> openai.OpenAI:
            given = {"base_url": f"{served.url}/v1", "api_key": served.secret(project), "max_retries": retries, **more}
            return open_ones.enter_context(openai.OpenAI(**given))

        yield made


@pytest.fixture
def plain(client: Client) -> openai.OpenAI:
    """A client that does not retry."""
    return client()


def test_a_completion_has_text_and_usage(plain: openai.OpenAI) -> None:
    found = plain.chat.completions.create(**message())
    assert found.choices[0].message.content == SAID
    assert (found.choices[0].finish_reason, found.model) == ("length", MODEL)
    assert found.usage is not None
    assert (found.usage.prompt_tokens, found.usage.completion_tokens, found.usage.total_tokens) == (6, 12, 18)


def test_the_bound_is_optional_and_has_two_names(plain: openai.OpenAI) -> None:
    body = message(max_tokens=None)
    body.pop("max_tokens")
    assert plain.chat.completions.create(**body).choices[0].finish_reason == "stop"
    found = plain.chat.completions.create(**body, max_completion_tokens=5)
    assert found.usage is not None and found.usage.completion_tokens == 5
    with pytest.raises(openai.BadRequestError, match="max_completion_tokens"):
        plain.chat.completions.create(**body, max_completion_tokens=5, max_tokens=5)


def test_headers_tell_what_is_left(plain: openai.OpenAI) -> None:
    headers = plain.chat.completions.with_raw_response.create(**message()).headers
    assert headers["x-ratelimit-limit-requests"] == "6000"
    assert 5998 <= int(headers["x-ratelimit-remaining-requests"]) <= 6000
    assert headers["x-ratelimit-reset-requests"].endswith("s")
    assert headers["x-ratelimit-limit-tokens"] in ("1000000", "500000")
    assert headers["openai-organization"] == "acme" and int(headers["openai-processing-ms"]) >= 40
    assert headers["x-request-id"].startswith("req_")


@pytest.mark.parametrize("usage", [True, False])
def test_a_stream_ends_with_its_usage_when_that_is_asked_for(plain: openai.OpenAI, usage: bool) -> None:
    options: Any = {"include_usage": True} if usage else openai.omit
    with plain.chat.completions.create(**message(stream=True, stream_options=options)) as stream:
        chunks = list(stream)
    last = chunks.pop() if usage else None
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == SAID
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].finish_reason for chunk in chunks[-2:]] == [None, "length"]
    assert all(chunk.usage is None for chunk in chunks)
    if last is not None:
        assert last.choices == [] and last.usage is not None
        assert (last.usage.prompt_tokens, last.usage.completion_tokens) == (6, 12)


def test_models_are_listed_and_found(plain: openai.OpenAI) -> None:
    assert [one.id for one in plain.models.list()] == [MODEL, "slotted"]
    assert plain.models.retrieve(MODEL).object == "model"
    with pytest.raises(openai.NotFoundError) as caught:
        plain.models.retrieve("no-such-model")
    assert caught.value.code == "model_not_found"


ERRORS: list[tuple[int, type[openai.APIStatusError], str | None]] = [
    (400, openai.BadRequestError, None),
    (401, openai.AuthenticationError, "invalid_api_key"),
    (403, openai.PermissionDeniedError, None),
    (404, openai.NotFoundError, None),
    (409, openai.ConflictError, None),
    (422, openai.UnprocessableEntityError, None),
    (429, openai.RateLimitError, "rate_limit_exceeded"),
    (500, openai.InternalServerError, None),
    (503, openai.InternalServerError, "server_is_overloaded"),
    (529, openai.InternalServerError, "server_is_overloaded"),
]


@pytest.mark.parametrize(("status", "kind", "code"), ERRORS)
def test_every_error_class(
    served: Served, plain: openai.OpenAI, status: int, kind: type[openai.APIStatusError], code: str | None
) -> None:
    served.inject(refuse={"status": status, "count": 1})
    with pytest.raises(kind) as caught:
        plain.chat.completions.create(**message())
    assert (caught.value.status_code, caught.value.code) == (status, code)
    plain.chat.completions.create(**message())


def test_errors_by_their_own_cause(client: Client, plain: openai.OpenAI) -> None:
    with pytest.raises(openai.AuthenticationError) as caught:
        client(api_key="ks-test-none").chat.completions.create(**message())
    assert caught.value.code == "invalid_api_key" and "ks-test-none" not in str(caught.value)
    with pytest.raises(openai.NotFoundError, match="gpt-none"):
        plain.chat.completions.create(**message(model="gpt-none"))
    with pytest.raises(openai.PermissionDeniedError):
        plain.chat.completions.create(**message(model="slotted"))
    with pytest.raises(openai.BadRequestError, match="role"):
        plain.chat.completions.create(**message(messages=[{"role": "nobody", "content": "x"}]))


RETRIED = [
    {"status": 429, "retry_after": "50ms", "retry_after_as": "ms"},
    {"status": 429, "retry_after": "1s"},
    {"status": 408, "retry_after": "50ms", "retry_after_as": "ms"},
    {"status": 503, "retry_after": "50ms", "retry_after_as": "ms"},
]


@pytest.mark.parametrize("refusal", RETRIED, ids=lambda one: "-".join(map(str, one.values())))
def test_what_the_client_retries_succeeds_the_second_time(
    served: Served, client: Client, refusal: dict[str, Any]
) -> None:
    served.inject(refuse={**refusal, "count": 1})
    client(retries=2).chat.completions.create(**message())
    assert [(row["status"], row["attempt"]) for row in served.rows()] == [(refusal["status"], 0), (200, 1)]


def test_it_does_not_wait_longer_than_two_minutes(served: Served, client: Client) -> None:
    served.inject(refuse={"status": 429, "retry_after": "121s"})
    with pytest.raises(openai.RateLimitError):
        client(retries=2).chat.completions.create(**message())
    assert len(served.rows()) == 1


def test_a_broken_connection_and_half_a_body_are_retried(served: Served, client: Client) -> None:
    served.inject(reset={"count": 1})
    client(retries=1).chat.completions.create(**message())
    assert [row["status"] for row in served.rows()] == [0, 200]


def test_a_timeout_is_retried(served: Served, client: Client) -> None:
    served.inject(freeze={"count": 1})
    client(retries=1, timeout=0.3).chat.completions.create(**message())
    assert [row["status"] for row in served.rows()] == [499, 200]


def test_an_error_in_a_stream_is_raised_and_not_retried(served: Served, client: Client) -> None:
    served.inject(break_stream={"after_tokens": 3, "count": 1})
    with (
        pytest.raises(openai.APIError, match="Overloaded"),
        client(retries=2).chat.completions.create(**message(stream=True)) as stream,
    ):
        list(stream)
    assert len(served.rows()) == 1


def test_a_spent_budget_is_a_hopeless_429_in_the_openai_style(tmp_path: Any) -> None:
    from tests.emulator.server import SCENARIO, serving

    text = SCENARIO.replace("duration: 1h", "duration: 1h\nprovider: {style: openai}").replace(
        "$1/month", "$0.0001/month"
    )
    with serving(tmp_path, text) as served:
        with openai.OpenAI(base_url=f"{served.url}/v1", api_key=served.secret("storefront"), max_retries=1) as shop:
            shop.chat.completions.create(**message())
            with pytest.raises(openai.RateLimitError) as caught:
                shop.chat.completions.create(**message())
        assert caught.value.code == "insufficient_quota"
        assert [row["status"] for row in served.rows()] == [200, 429, 429], "the client retries what is hopeless"
