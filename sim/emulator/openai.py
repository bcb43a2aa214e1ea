"""The OpenAI shape: what bodies must say, and how answers, streams, errors and headers look.

Source: OpenAI API reference (chat completions, errors, rate limits), read in November 2026.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sim.emulator.bodies import Trouble, Wanted, count_of, estimated_tokens, flag_of, messages_of, text_of
from sim.emulator.quotas import Quota

NAME = "openai"
ROLES = frozenset(("system", "developer", "user", "assistant", "tool", "function"))
TYPES: dict[tuple[int, str], tuple[str, str | None]] = {
    (401, ""): ("invalid_request_error", "invalid_api_key"),
    (403, "model"): ("invalid_request_error", "model_not_found"),
    (404, "model"): ("invalid_request_error", "model_not_found"),
    (422, "budget"): ("budget_exceeded", "422"),
    (429, ""): ("requests", "rate_limit_exceeded"),
    (429, "budget"): ("insufficient_quota", "insufficient_quota"),
    (500, ""): ("server_error", None),
    (503, ""): ("service_unavailable_error", "server_is_overloaded"),
    (529, ""): ("service_unavailable_error", "server_is_overloaded"),
}
MS, SECOND = 1_000_000, 1_000_000_000
Usage = tuple[int, int, int]


def read(body: Mapping[str, Any], headers: Mapping[bytes, bytes], *, counting: bool = False) -> Wanted:
    """What a body asks for. Raises Trouble 400."""
    model, stream = text_of(body, "model"), flag_of(body, "stream")
    most, old = count_of(body, "max_completion_tokens"), count_of(body, "max_tokens")
    if most is not None and old is not None:
        raise Trouble(400, "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.")
    messages_of(body, ROLES)
    if (many := body.get("n")) is not None and (many != 1 or isinstance(many, bool)):
        raise Trouble(400, "n: only 1 choice is supported here", param="n")
    return Wanted(model, old if most is None else most, stream, _wants_usage(body, stream), estimated_tokens(body))


def _wants_usage(body: Mapping[str, Any], stream: bool) -> bool:
    options = body.get("stream_options")
    if options is None:
        return False
    if not isinstance(options, dict):
        raise Trouble(400, "stream_options: Input should be an object", param="stream_options")
    if not stream:
        raise Trouble(400, "The 'stream_options' parameter is only allowed when 'stream' is enabled.")
    return flag_of(options, "include_usage")


def error(trouble: Trouble, request_id: str) -> bytes:
    """The body of an error."""
    return json.dumps(error_part(trouble)).encode()


def error_part(trouble: Trouble) -> dict[str, Any]:
    """``{"error": …}``, which is also what an error inside a stream says."""
    other = ("invalid_request_error" if trouble.status < 500 else "server_error", None)
    kind, code = TYPES.get((trouble.status, trouble.kind)) or TYPES.get((trouble.status, ""), other)
    said = {"message": trouble.message, "type": kind, "param": trouble.param, "code": trouble.code or code}
    return {"error": said}


def duration_text(ns: int) -> str:
    """A duration as Go writes it, rounded up to milliseconds: ``120ms``, ``1s``, ``6m0s``."""
    ms = -(-max(0, ns) // MS)
    if ms < 1000:
        return f"{ms}ms" if ms else "0s"
    seconds, rest = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    tail = f"{seconds}" + (f".{rest:03d}".rstrip("0") if rest else "") + "s"
    if hours:
        return f"{hours}h{minutes}m{tail}"
    return f"{minutes}m{tail}" if minutes else tail


def limit_head(quotas: Mapping[str, Quota], date_ns: int) -> str:
    """What is left of the requests, and of the tightest limit of tokens, as header lines."""
    requests, tokens = quotas.get("requests"), [quota for kind, quota in quotas.items() if kind != "requests"]
    found = "" if requests is None else _lines("requests", requests)
    return found + _lines("tokens", min(tokens, key=lambda one: one[1] / one[0])) if tokens else found


def _lines(kind: str, quota: Quota) -> str:
    limit, left, reset_ns = quota
    return (
        f"x-ratelimit-limit-{kind}: {limit}\r\nx-ratelimit-remaining-{kind}: {left}\r\n"
        f"x-ratelimit-reset-{kind}: {duration_text(reset_ns)}\r\n"
    )


def common_head(request_id: str, account: str, elapsed_ns: int) -> str:
    """What every answer carries, as header lines."""
    return (
        f"x-request-id: {request_id}\r\nopenai-organization: {account}\r\n"
        f"openai-processing-ms: {elapsed_ns // MS}\r\nopenai-version: 2020-10-01\r\n"
    )


def message(number: str, model: str, text: str, stop: str, usage: Usage, created: int) -> bytes:
    """A whole answer. ``model`` and ``text`` are safe inside JSON strings."""
    return (
        f'{{"id":"chatcmpl-{number}","object":"chat.completion","created":{created},"model":"{model}",'
        f'"choices":[{{"index":0,"message":{{"role":"assistant","content":"{text}","refusal":null}},'
        f'"logprobs":null,"finish_reason":"{stop}"}}],"usage":{_usage(usage)},"system_fingerprint":null}}'
    ).encode()


def _usage(usage: Usage) -> str:
    sent = usage[0] + usage[1]
    return (
        f'{{"prompt_tokens":{sent},"completion_tokens":{usage[2]},"total_tokens":{sent + usage[2]},'
        f'"prompt_tokens_details":{{"cached_tokens":{usage[1]}}}}}'
    )


STOPS = {True: "length", False: "stop"}


class Stream:
    """The chunks of one streamed answer, in their order."""

    def __init__(self, number: str, model: str, usage: Usage, wants_usage: bool, created: int) -> None:
        self._usage, self._wants = usage, wants_usage
        self._head = (
            f'data: {{"id":"chatcmpl-{number}","object":"chat.completion.chunk","created":{created},'
            f'"model":"{model}","system_fingerprint":null,"choices":['
        )
        self._tail = '],"usage":null}\n\n' if wants_usage else "]}\n\n"

    def _chunk(self, delta: str, stop: str) -> str:
        choice = f'{{"index":0,"delta":{delta},"logprobs":null,"finish_reason":{stop}}}'
        return self._head + choice + self._tail

    def opening(self) -> bytes:
        """Before the first token."""
        return self._chunk('{"role":"assistant","content":"","refusal":null}', "null").encode()

    def delta(self, text: str) -> bytes:
        """Some tokens."""
        return self._chunk(f'{{"content":"{text}"}}', "null").encode()

    def closing(self, stop: str) -> bytes:
        """After the last token: the reason, the usage if it was asked for, and the end."""
        last = self._chunk("{}", f'"{stop}"')
        usage = f'{self._head}],"usage":{_usage(self._usage)}}}\n\n' if self._wants else ""
        return f"{last}{usage}data: [DONE]\n\n".encode()

    def broken(self, trouble: Trouble) -> bytes:
        """An error after the 200."""
        return f"data: {json.dumps(error_part(trouble))}\n\n".encode()


def model_entry(name: str, created: int) -> dict[str, Any]:
    """One entry of the list of models."""
    return {"id": name, "object": "model", "created": created, "owned_by": "keystorm"}


def model_list(entries: list[dict[str, Any]]) -> dict[str, Any]:
    """The list of models."""
    return {"object": "list", "data": entries}
