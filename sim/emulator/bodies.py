"""Reading the body of a request: JSON, the checks that both dialects share, and how many tokens it has."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

MAX_BODY = 32 * 1024 * 1024
"""The largest body, in bytes; beyond it comes a 413."""
MAX_TOKENS = 1_000_000
CHARACTERS_A_TOKEN, TOKENS_A_MESSAGE, TOKENS_AN_IMAGE = 4, 3, 1600
_decode = json.JSONDecoder().decode
_BINARY = frozenset(("image", "image_url", "input_image", "document", "file", "input_audio"))


class Trouble(Exception):
    """Why a request is not answered: a status, words, and what else the error body says.

    ``kind`` is ``budget`` for a spent cap and ``model`` for one that is unknown or not allowed; otherwise the
    status says it. ``code`` is ``error.details.error_code`` of Anthropic and ``error.code`` of OpenAI.
    """

    def __init__(self, status: int, message: str, kind: str = "", code: str = "", param: str | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.kind, self.code, self.param = status, message, kind, code, param


class Wanted(NamedTuple):
    """What a body asks for."""

    model: str
    max_tokens: int | None
    stream: bool
    usage: bool
    """Whether the end of a stream tells the usage."""
    input_tokens: int


def parse(body: bytes) -> dict[str, Any]:
    """The JSON object of a body. Raises Trouble 400."""
    try:
        found = _decode(str(body, "utf-8"))
    except RecursionError:
        raise Trouble(400, "The request body is nested too deeply.") from None
    except ValueError as error:
        raise Trouble(400, f"The request body is not valid JSON: {str(error)[:120]}") from None
    if not isinstance(found, dict):
        raise Trouble(400, "The request body is not a JSON object.")
    return found


def text_of(body: Mapping[str, Any], name: str) -> str:
    """A text that must be there. Raises Trouble 400."""
    value = body.get(name)
    if not isinstance(value, str) or not value:
        problem = "Field required" if value is None else "Input should be a valid string"
        raise Trouble(400, f"{name}: {problem}", param=name)
    return value


def flag_of(body: Mapping[str, Any], name: str) -> bool:
    """A flag that is off when it is not there. Raises Trouble 400."""
    value = body.get(name)
    if value is None or isinstance(value, bool):
        return bool(value)
    raise Trouble(400, f"{name}: Input should be a valid boolean", param=name)


def count_of(body: Mapping[str, Any], name: str) -> int | None:
    """A number from 1 to MAX_TOKENS, if it is there. Raises Trouble 400."""
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise Trouble(400, f"{name}: Input should be a valid integer", param=name)
    if not 1 <= value <= MAX_TOKENS:
        bound = "greater than or equal to 1" if value < 1 else f"less than or equal to {MAX_TOKENS}"
        raise Trouble(400, f"{name}: Input should be {bound}", param=name)
    return value


def messages_of(body: Mapping[str, Any], roles: frozenset[str]) -> list[Any]:
    """The messages, each with a role of ``roles`` and content. Raises Trouble 400."""
    messages = body.get("messages")
    if not isinstance(messages, list):
        problem = "Field required" if messages is None else "Input should be a valid list"
        raise Trouble(400, f"messages: {problem}", param="messages")
    if not messages:
        raise Trouble(400, "messages: at least one message is required", param="messages")
    for at, message in enumerate(messages):
        _check_message(at, message, roles)
    return messages


def _check_message(at: int, message: Any, roles: frozenset[str]) -> None:
    place = f"messages.{at}"
    if not isinstance(message, dict):
        raise Trouble(400, f"{place}: Input should be an object", param=place)
    role = message.get("role")
    if not isinstance(role, str) or role not in roles:
        raise Trouble(400, f"{place}.role: Input should be one of {', '.join(sorted(roles))}", param=place)
    content = message.get("content")
    if isinstance(content, list):
        if not all(isinstance(block, dict) and isinstance(block.get("type"), str) for block in content):
            raise Trouble(400, f"{place}.content: each block should be an object with a type", param=place)
    elif not isinstance(content, str) and (content is not None or role != "assistant"):
        raise Trouble(400, f"{place}.content: Input should be a string or a list of blocks", param=place)


def estimated_tokens(body: Mapping[str, Any]) -> int:
    """Tokens of the input as a limiter guesses them: characters of text / 4, and some for each message."""
    messages = body["messages"]
    letters = characters(messages)
    for name in ("system", "tools", "functions", "response_format"):
        if name in body:
            letters += characters(body[name])
    return max(1, -(-letters // CHARACTERS_A_TOKEN)) + TOKENS_A_MESSAGE * len(messages)


def characters(value: Any) -> int:
    """Characters of all texts and names in a value; an image counts as so many tokens, whatever its bytes."""
    total, todo = 0, [value]
    while todo:
        one = todo.pop()
        if isinstance(one, str):
            total += len(one)
        elif isinstance(one, list):
            todo.extend(one)
        elif isinstance(one, dict):
            if one.get("type") in _BINARY if isinstance(one.get("type"), str) else False:
                total += TOKENS_AN_IMAGE * CHARACTERS_A_TOKEN
            else:
                todo.extend(item for name, item in one.items() if name not in ("type", "role", "cache_control"))
    return total
