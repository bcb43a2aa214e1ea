"""The Anthropic shape: what bodies must say, and how answers, streams, errors and headers look.

Source: Anthropic API reference (messages, errors, rate limits, streaming), read in November 2026.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sim.emulator.bodies import (
    Trouble,
    Wanted,
    count_of,
    estimated_tokens,
    flag_of,
    messages_of,
    text_of,
)
from sim.emulator.quotas import Quota

NAME = "anthropic"
VERSIONS = ("2023-06-01", "2026-10-21")
SAMPLING = ("temperature", "top_p", "top_k")
"""What the newer version does not take any more."""
ROLES = frozenset(("user", "assistant", "system"))
TYPES = {
    400: "invalid_request_error", 401: "authentication_error", 402: "billing_error", 403: "permission_error",
    404: "not_found_error", 408: "timeout_error", 409: "conflict_error", 413: "request_too_large",
    429: "rate_limit_error", 500: "api_error", 503: "api_error", 504: "timeout_error", 529: "overloaded_error",
}  # fmt: skip
SECOND = 1_000_000_000
Usage = tuple[int, int, int]
"""Uncached input, cached input and output tokens."""


def check_version(headers: Mapping[bytes, bytes]) -> str:
    """The API version that the headers name. Raises Trouble 400."""
    given = headers.get(b"anthropic-version")
    if given is None:
        raise Trouble(400, "anthropic-version: header is required")
    version = given.decode("latin-1")
    if version not in VERSIONS:
        raise Trouble(400, f"anthropic-version: {version[:40]!r} is not one of {', '.join(VERSIONS)}")
    return version


def read(body: Mapping[str, Any], headers: Mapping[bytes, bytes], *, counting: bool = False) -> Wanted:
    """What a body asks for; ``counting`` for count_tokens. Raises Trouble 400."""
    version = check_version(headers)
    model, stream = text_of(body, "model"), flag_of(body, "stream")
    most = count_of(body, "max_tokens")
    if most is None and not counting:
        raise Trouble(400, "max_tokens: Field required")
    messages_of(body, ROLES)
    _check_sampling(body, version)
    if not isinstance(body.get("system", ""), (str, list)):
        raise Trouble(400, "system: Input should be a string or a list of blocks")
    return Wanted(model, most, stream and not counting, True, estimated_tokens(body))


def _check_sampling(body: Mapping[str, Any], version: str) -> None:
    for name in SAMPLING:
        value = body.get(name)
        if value is None:
            continue
        if version != VERSIONS[0]:
            raise Trouble(400, f"{name}: not supported since version {VERSIONS[1]}")
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise Trouble(400, f"{name}: Input should be a valid number")
        if not 0 <= value <= (500 if name == "top_k" else 1):
            raise Trouble(400, f"{name}: Input should be between 0 and {500 if name == 'top_k' else 1}")


def error(trouble: Trouble, request_id: str) -> bytes:
    """The body of an error."""
    return f'{{"type":"error",{error_part(trouble)},"request_id":"{request_id}"}}'.encode()


def error_part(trouble: Trouble) -> str:
    """``"error": {…}``, which is also what an error inside a stream says."""
    kind = TYPES.get(trouble.status) or ("invalid_request_error" if trouble.status < 500 else "api_error")
    details = f',"details":{{"error_code":{json.dumps(trouble.code)}}}' if trouble.code else ""
    return f'"error":{{"type":"{kind}","message":{json.dumps(trouble.message)}{details}}}'


_LIMIT_NAMES = {"requests": "requests", "input": "input-tokens", "output": "output-tokens", "tokens": "tokens"}


@lru_cache(maxsize=1024)
def date_text(second: int) -> str:
    """Unix seconds as RFC 3339."""
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def limit_head(quotas: Mapping[str, Quota], date_ns: int) -> str:
    """What is left of each limit, as header lines; ``tokens`` tells the tightest of all token limits."""
    found = ""
    tokens: Quota | None = None
    for kind, quota in quotas.items():
        if kind != "requests" and (tokens is None or quota[1] * tokens[0] < tokens[1] * quota[0]):
            tokens = quota
        if kind != "tokens":
            found += _lines(kind, quota, date_ns)
    return found if tokens is None else found + _lines("tokens", tokens, date_ns)


def _lines(kind: str, quota: Quota, date_ns: int) -> str:
    limit, left, reset_ns = quota
    if kind != "requests":
        left = (left + 500) // 1000 * 1000
    head = f"anthropic-ratelimit-{_LIMIT_NAMES[kind]}-"
    reset = date_text(-(-(date_ns + reset_ns) // SECOND))
    return f"{head}limit: {limit}\r\n{head}remaining: {left}\r\n{head}reset: {reset}\r\n"


def common_head(request_id: str, account: str, elapsed_ns: int) -> str:
    """What every answer carries, as header lines."""
    return f"request-id: {request_id}\r\n"


def message(number: str, model: str, text: str, stop: str, usage: Usage, created: int) -> bytes:
    """A whole answer. ``model`` and ``text`` are safe inside JSON strings."""
    return (
        f'{{"id":"msg_{number}","type":"message","role":"assistant","model":"{model}",'
        f'"content":[{{"type":"text","text":"{text}"}}],"stop_reason":"{stop}","stop_sequence":null,'
        f'"usage":{_usage(usage)}}}'
    ).encode()


def _usage(usage: Usage) -> str:
    return (
        f'{{"input_tokens":{usage[0]},"cache_creation_input_tokens":0,"cache_read_input_tokens":{usage[1]},'
        f'"output_tokens":{usage[2]},"service_tier":"standard"}}'
    )


STOPS = {True: "max_tokens", False: "end_turn"}


class Stream:
    """The events of one streamed answer, in their order."""

    def __init__(self, number: str, model: str, usage: Usage, wants_usage: bool, created: int) -> None:
        self._number, self._model, self._usage = number, model, usage

    def opening(self) -> bytes:
        """Before the first token."""
        start = (
            f'{{"type":"message_start","message":{{"id":"msg_{self._number}","type":"message","role":"assistant",'
            f'"model":"{self._model}","content":[],"stop_reason":null,"stop_sequence":null,'
            f'"usage":{_usage((*self._usage[:2], 0))}}}}}'
        )
        block = '{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}'
        return (
            f"event: message_start\ndata: {start}\n\nevent: content_block_start\ndata: {block}\n\n"
            'event: ping\ndata: {"type":"ping"}\n\n'
        ).encode()

    def delta(self, text: str) -> bytes:
        """Some tokens."""
        return (
            'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
            f'"delta":{{"type":"text_delta","text":"{text}"}}}}\n\n'
        ).encode()

    def closing(self, stop: str) -> bytes:
        """After the last token."""
        return (
            'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n'
            f'event: message_delta\ndata: {{"type":"message_delta","delta":{{"stop_reason":"{stop}",'
            f'"stop_sequence":null}},"usage":{_usage(self._usage)}}}\n\n'
            'event: message_stop\ndata: {"type":"message_stop"}\n\n'
        ).encode()

    def broken(self, trouble: Trouble) -> bytes:
        """An error after the 200."""
        return f'event: error\ndata: {{"type":"error",{error_part(trouble)}}}\n\n'.encode()


def model_entry(name: str, created: int) -> dict[str, Any]:
    """One entry of the list of models."""
    words = " ".join(part.capitalize() if part.isalpha() else part for part in name.split("-"))
    return {"type": "model", "id": name, "display_name": words, "created_at": date_text(created)}


def model_list(entries: list[dict[str, Any]]) -> dict[str, Any]:
    """The list of models, all on one page."""
    return {"data": entries, "has_more": False, "first_id": entries[0]["id"] if entries else None,
            "last_id": entries[-1]["id"] if entries else None}  # fmt: skip
