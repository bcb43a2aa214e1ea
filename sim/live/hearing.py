"""Answers as they are understood: the engine's status, retry-after, who refused, and the usage."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Any

from sim.live.clients import Answer, Usage
from sim.results.columns import STATUS_OK, STATUS_TIMEOUT

REFUSED_BY = "x-keystorm-refused-by"
SECOND = 1_000_000_000
_KNOWN = frozenset((200, 400, 401, 403, 429, 500, 503, 529))
_LIKE = {408: STATUS_TIMEOUT, 502: 503, 504: 503}
"""What clients treat like another status."""
_KINDS = {"overloaded_error": 529, "rate_limit_error": 429, "timeout_error": STATUS_TIMEOUT,
          "service_unavailable_error": 503, "requests": 429}  # fmt: skip
"""Kinds of errors inside a stream."""
_SPENT = ("insufficient_quota", "budget_exceeded", "enforced_spend_limit_reached", "billing_error", "usage limits")
"""What says in an error body that a spend cap is reached."""
Header = Callable[[str], str | None]


def status_of(status: int) -> int:
    """A status as the engine knows it: others of the server's are those that clients treat alike."""
    if status in _KNOWN:
        return status
    return _LIKE.get(status, 500 if status >= 500 else status)


def retry_after(header: Header, seconds: int) -> int:
    """Virtual ns until the client is asked to come back, -1 for none. ``seconds`` are virtual ns a second.

    ``retry-after-ms`` first, then seconds, then an HTTP date, as the official clients read it.
    """
    ms = header("retry-after-ms")
    if ms is not None and (found := _number(ms)) is not None:
        return round(found * seconds / 1000)
    said = header("retry-after")
    if said is None:
        return -1
    if (found := _number(said)) is not None:
        return round(found * seconds)
    try:
        return max(0, round((parsedate_to_datetime(said).timestamp() - time.time()) * seconds))
    except ValueError:
        return -1


def _number(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if 0 <= found < 1e9 else None


def usage_of(said: Any) -> Usage | None:
    """The tokens of a ``usage`` object of either API; None where there is none."""
    if not isinstance(said, dict):
        return None
    if "prompt_tokens" in said:
        details = said.get("prompt_tokens_details") or {}
        cached = int(details.get("cached_tokens") or 0)
        return Usage(int(said["prompt_tokens"]) - cached, cached, int(said.get("completion_tokens") or 0))
    if "input_tokens" not in said:
        return None
    fresh = int(said["input_tokens"]) + int(said.get("cache_creation_input_tokens") or 0)
    return Usage(fresh, int(said.get("cache_read_input_tokens") or 0), int(said.get("output_tokens") or 0))


def refusal(status: int, header: Header, body: bytes, seconds: int, *, emulated: bool) -> Answer:
    """An answer that is no success. At a target that does not say who refused, its status does."""
    name = header(REFUSED_BY) or ""
    if not name and not emulated:
        text = body[:4096].decode("utf-8", "replace")
        name = "budget:target" if any(word in text for word in _SPENT) else f"target:{status}"
    return Answer(status_of(status), name, retry_after(header, seconds), refused=True)


def whole(body: bytes) -> Answer:
    """A complete answer in one piece."""
    try:
        said = json.loads(body)
    except ValueError:
        return Answer(STATUS_OK)
    return Answer(STATUS_OK, usage=usage_of(said.get("usage")) if isinstance(said, dict) else None)


def streamed(body: bytes) -> Answer:
    """A complete stream: the last usage that it told, or the error in it."""
    usage: Usage | None = None
    for line in body.split(b"\n"):
        if not line.startswith(b"data:") or (b'"usage"' not in line and b'"error"' not in line):
            continue
        try:
            said = json.loads(line[5:])
        except ValueError:
            continue
        if isinstance(error := said.get("error"), dict):
            return Answer(_KINDS.get(str(error.get("type")), 500), usage=usage)
        found = usage_of(said.get("usage") or (said.get("message") or {}).get("usage"))
        usage = found or usage
    return Answer(STATUS_OK, usage=usage)
