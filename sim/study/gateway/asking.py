"""Calls of a probe: one request after another or all at once, and what came back of each."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sim.workload import plan_header
from sim.workload.plan_header import PlannedAttempt

if TYPE_CHECKING:
    import httpx

MESSAGES, CHAT = "/v1/messages", "/v1/chat/completions"
ROUTES = (MESSAGES, CHAT)
TIMEOUT_S = 60.0
NOTED = ("retry-after", "llm_provider-retry-after", "x-litellm-version", "x-litellm-key-spend")


@dataclass(frozen=True)
class Ask:
    """One request: by which key, for which model of the proxy, on which route. Tokens are those of the answer.

    ``most`` is ``max_tokens``, None for a request that does not say it.
    """

    secret: str
    model: str
    route: str = MESSAGES
    input: int = 20
    output: int = 20
    most: int | None = 50


@dataclass(frozen=True)
class Seen:
    """What came back. ``kind`` is the error's ``type``; ``tokens`` are (input, output) of an answer."""

    status: int
    at_s: float
    """When it was asked, of a monotonic clock."""
    headers: Mapping[str, str] = field(default_factory=dict)
    kind: str = ""
    tokens: tuple[int, int] = (0, 0)


class Caller:
    """Asks a proxy. Each probe is a team of its own at the emulator behind it."""

    def __init__(self, url: str, team: str) -> None:
        self.url, self._team, self._number = url, team, 0

    def ask(self, *asks: Ask) -> list[Seen]:
        """Ask all at once; what came back, in their order."""
        return asyncio.run(self._together(asks))

    def in_turn(self, *asks: Ask) -> list[Seen]:
        """Ask one after the other."""
        return [seen for one in asks for seen in self.ask(one)]

    async def _together(self, asks: Sequence[Ask]) -> list[Seen]:
        import httpx

        async with httpx.AsyncClient(base_url=self.url, timeout=TIMEOUT_S, trust_env=False) as client:
            return list(await asyncio.gather(*(self._one(client, one) for one in asks)))

    async def _one(self, client: httpx.AsyncClient, one: Ask) -> Seen:
        self._number += 1
        planned = PlannedAttempt(self._number, 0, self._number, self._team, 0, one.input, 0, one.output)
        head = {"authorization": f"Bearer {one.secret}", "anthropic-version": "2023-06-01",
                plan_header.NAME: plan_header.write(planned)}  # fmt: skip
        body: dict[str, Any] = {"model": one.model, "messages": [{"role": "user", "content": "word " * one.input}]}
        if one.most is not None:
            body["max_tokens"] = one.most
        begun = time.monotonic()
        return seen(await client.post(one.route, json=body, headers=head), begun)


def seen(answer: httpx.Response, at_s: float) -> Seen:
    """An answer as probes look at it."""
    try:
        said = answer.json()
    except ValueError:
        said = {}
    said = said if isinstance(said, dict) else {}
    error, usage = said.get("error") or {}, said.get("usage") or {}
    kind = str(error.get("type") or "") if isinstance(error, dict) else ""
    tokens = (int(usage.get("input_tokens") or usage.get("prompt_tokens") or 0),
              int(usage.get("output_tokens") or usage.get("completion_tokens") or 0))  # fmt: skip
    kept = {name: answer.headers[name] for name in NOTED if name in answer.headers}
    return Seen(answer.status_code, at_s, kept, kind, tokens)
