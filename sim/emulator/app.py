"""The ASGI application: hot routes by their path, everything else through Starlette."""

from __future__ import annotations

import json
from types import ModuleType

from starlette.types import ASGIApp, Receive, Scope, Send

from sim.emulator import anthropic, openai
from sim.emulator.bodies import Trouble
from sim.emulator.exchange import Exchange
from sim.emulator.site import Site

HOT: dict[str, tuple[ModuleType, str]] = {
    "/v1/messages": (anthropic, "messages"),
    "/v1/chat/completions": (openai, "chat"),
    "/v1/messages/count_tokens": (anthropic, "count_tokens"),
}
"""What is called all the time: the dialect, and the name of what is called."""
MODELS = "/v1/models"


class Application:
    """What uvicorn serves. ``control`` takes every path that is no provider's."""

    def __init__(self, site: Site, control: ASGIApp) -> None:
        self.site, self.control = site, control

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.control(scope, receive, send)
            return
        path = scope["path"]
        found = HOT.get(path)
        if found is not None and scope["method"] == "POST":
            exchange = Exchange(self.site, found[0], found[1], scope)
            await (exchange.count() if found[1] == "count_tokens" else exchange.answer())
        elif found is not None:
            await self._fail(found[0], 405, "Method Not Allowed", scope)
        elif path == MODELS or path.startswith(f"{MODELS}/"):
            await self._models(path.removeprefix(MODELS).removeprefix("/"), scope)
        elif path.startswith("/v1/") and not path.startswith("/v1/audit/"):
            await self._fail(_dialect(scope), 404, f"Not found: {path[:200]}", scope)
        else:
            await self.control(scope, receive, send)

    async def _fail(self, dialect: ModuleType, status: int, message: str, scope: Scope) -> None:
        exchange = Exchange(self.site, dialect, "other", scope)
        await exchange.reply(status, dialect.error(Trouble(status, message), f"req_{exchange.number}"))

    async def _models(self, name: str, scope: Scope) -> None:
        """The list of models, or one of them, in the shape of whoever asks."""
        dialect, site = _dialect(scope), self.site
        if scope["method"] not in ("GET", "HEAD"):
            await self._fail(dialect, 405, "Method Not Allowed", scope)
            return
        exchange = Exchange(site, dialect, "models", scope)
        try:
            exchange.identify()
        except Trouble as trouble:
            await exchange.refuse(trouble)
            return
        entries = [dialect.model_entry(one, site.created(one)) for one in site.models if name in ("", one)]
        if name and not entries:
            await exchange.refuse(Trouble(404, f"model: {name[:80]}", kind="model"))
            return
        site.record(exchange.row(200, site.clock.now()))
        await exchange.reply(200, json.dumps(entries[0] if name else dialect.model_list(entries)).encode())


def _dialect(scope: Scope) -> ModuleType:
    """Who asks on a path that both dialects have: Anthropic's clients name an API version or send ``x-api-key``."""
    names = {name for name, _ in scope["headers"]}
    return anthropic if names & {b"anthropic-version", b"x-api-key"} else openai
