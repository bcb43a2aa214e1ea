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
        self.path = said.path.rstrip("/") + PATHS[order.api]
        self.url = f"{said.scheme}://{said.netloc}{self.path}"
        kept = {
            "user-agent": f"keystorm/{sim.__version__}",
            "accept": "text/event-stream" if order.stream else "application/json",
            "content-type": "application/json",
        }
        self._head = [{**kept, **self._auth(secrets[key])} for key in setting.keys]
        start = f"POST {self.path} HTTP/1.1\r\nhost: {said.netloc.rpartition('@')[2]}\r\n"
        self._lines = [start + "".join(f"{name}: {value}\r\n" for name, value in one.items()) for one in self._head]
        self._small = lru_cache(maxsize=4096)(lambda model, most: self._json(model, most, SMALL))

    def _auth(self, secret: str) -> dict[str, str]:
        if self._order.api == "openai":
            return {"authorization": f"Bearer {secret}"}
        return {"x-api-key": secret, "anthropic-version": VERSION}

    def bytes_of(self, one: Send) -> bytes:
        """The whole request."""
        body, planned = self.body(one), ""
        if self._order.plan_header:
            planned = f"{plan_header.NAME}: {self._planned(one)}\r\n"
        return f"{self._lines[one.request.key]}{planned}content-length: {len(body)}\r\n\r\n".encode("latin-1") + body

    def headers(self, one: Send) -> dict[str, str]:
        """Its headers, for another HTTP client to send."""
        planned = {plan_header.NAME: self._planned(one)} if self._order.plan_header else {}
        return {**self._head[one.request.key], **planned}

    def body(self, one: Send) -> bytes:
        """Its body: small where the plan's header tells the sizes, else as long as planned."""
        q = one.request
        if self._order.plan_header:
            return self._small(one.model, q.max_tokens)
        return self._json(one.model, q.max_tokens, text_of(q.uncached + q.cached, q.number))

    def _planned(self, one: Send) -> str:
        q = one.request
        return plan_header.write(PlannedAttempt(
            q.number, one.number, q.draw_key, self._setting.teams[q.team], q.origin, q.uncached + q.cached, q.cached,
            q.output, one.at if self._order.control_url is not None else plan_header.UNSAID,
        ))  # fmt: skip

    def _json(self, model: int, most: int, text: str) -> bytes:
        messages = [{"role": "user", "content": text}]
        said: dict[str, object] = {"model": self._names[model], "max_tokens": max(1, most), "messages": messages}
        if self._order.stream:
            said["stream"] = True
            if self._order.api == "openai":
                said["stream_options"] = {"include_usage": True}
        return json.dumps(said).encode()
