"""Requests as bytes: a row of the plan in the shape of Anthropic's or OpenAI's API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import urlsplit

import sim
from sim.engine.world import Setting
from sim.live.clients import Send
from sim.live.order import LiveOrder
from sim.workload import plan_header
from sim.workload.plan_header import PlannedAttempt

PATHS = {"anthropic": "/v1/messages", "openai": "/chat/completions"}
VERSION = "2023-06-01"
_TEXT = (
    "the of and to in is that for it as was with be by on not he his but at are this have from or had an they which "
    "one you were all her she there would their we him been has when who will no more if out so up said what its "
    "about than into them can only other time new some could these two may first then do any like my now over such"
)
WORDS = tuple(_TEXT.split())
"""Short English words, each of which is one token to the common tokenizers."""
SMALL = "Planned traffic: sizes are those of the plan."


def text_of(tokens: int, number: int) -> str:
    """About so many tokens, no two requests alike, so that no cache shortens the answer."""
    start, count = number % len(WORDS), len(WORDS)
    words = (WORDS[(start + at * 7 + at // count) % count] for at in range(max(1, tokens) - 3))
    return " ".join([f"({number})", *words])


class Asking:
    """Makes the bytes of attempts for one target."""

    def __init__(self, order: LiveOrder, setting: Setting, secrets: Mapping[str, str]) -> None:
        """``secrets`` are those of keys, by the key's name."""
        self._order, self._setting = order, setting
        self._names = [order.models.get(name, name) for name in setting.models]
        said = urlsplit(order.base_url)
        path = said.path.rstrip("/") + PATHS[order.api]
        host = said.netloc.rpartition("@")[2]
        head = f"POST {path} HTTP/1.1\r\nhost: {host}\r\nuser-agent: keystorm/{sim.__version__}\r\n"
        head += "accept: text/event-stream\r\n" if order.stream else "accept: application/json\r\n"
        self._heads = [f"{head}{self._auth(secrets[key])}content-type: application/json\r\n" for key in setting.keys]
        self._body = lru_cache(maxsize=4096)(self._small)

    def _auth(self, secret: str) -> str:
        if self._order.api == "openai":
            return f"authorization: Bearer {secret}\r\n"
        return f"x-api-key: {secret}\r\nanthropic-version: {VERSION}\r\n"

    def bytes_of(self, one: Send) -> bytes:
        """The whole request."""
        q = one.request
        head = self._heads[q.key]
        if self._order.plan_header:
            planned = PlannedAttempt(
                q.number, one.number, q.draw_key, self._setting.teams[q.team], q.origin,
                q.uncached + q.cached, q.cached, q.output,
            )  # fmt: skip
            head = f"{head}{plan_header.NAME}: {plan_header.write(planned)}\r\n"
            body = self._body(one.model, q.max_tokens)
        else:
            body = self._json(one.model, q.max_tokens, text_of(q.uncached + q.cached, q.number))
        return f"{head}content-length: {len(body)}\r\n\r\n".encode("latin-1", "replace") + body

    def _small(self, model: int, most: int) -> bytes:
        return self._json(model, most, SMALL)

    def _json(self, model: int, most: int, text: str) -> bytes:
        messages = [{"role": "user", "content": text}]
        said: dict[str, object] = {"model": self._names[model], "max_tokens": max(1, most), "messages": messages}
        if self._order.stream:
            said["stream"] = True
            if self._order.api == "openai":
                said["stream_options"] = {"include_usage": True}
        return json.dumps(said).encode()
