"""The control plane: state, audit log, faults, keys, budgets, webhooks, metrics and the dashboard.

Open to everybody on this machine while the server listens on the loopback only; behind a token
otherwise. A browser's page of another origin is refused in either case.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from sim import units
from sim.emulator import audit, dashboard, prometheus
from sim.emulator.site import Site
from sim.emulator.state import faults_of, key_of, state_of, summary_of
from sim.emulator.webhooks import Webhooks, is_loopback
from sim.errors import BadInput

TOKEN_VARIABLE = "KEYSTORM_CONTROL_TOKEN"
OPEN = ("/keystorm/health", "/keystorm", "/keystorm/", "/keystorm/dashboard.js", "/keystorm/dashboard.css")
"""What needs no token: it says nothing about traffic."""
MAX_BODY = 64 * 1024
HEARTBEAT_S = 0.02
"""How late a brown-out's end may be noticed."""
TICK_S, BEAT_S = 0.1, 1.0
"""How often the dashboard hears of new requests at most, and of refilled limits at least."""


def problem(status: int, message: str) -> JSONResponse:
    """An error of the control plane."""
    return JSONResponse({"error": {"message": message}}, status)


class Guard:
    """Asks for the token, and keeps pages of other origins out."""

    def __init__(self, app: ASGIApp, token: str | None) -> None:
        self.app, self.token = app, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass or refuse one request."""
        if scope["type"] == "http":
            refusal = self._refusal(Request(scope))
            if refusal is not None:
                await refusal(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def _refusal(self, request: Request) -> Response | None:
        origin = request.headers.get("origin")
        if origin is not None and origin.partition("://")[2] != request.headers.get("host"):
            return problem(403, "a page of another origin may not use the control plane")
        if self.token is None:
            return None if _is_here(request) else problem(403, "the control plane answers to the loopback's names only")
        if request.url.path in OPEN:
            return None
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and hmac.compare_digest(given.encode(), self.token.encode()):
            return None
        return problem(401, f"Authorization: Bearer TOKEN is required, with the server's {TOKEN_VARIABLE}")


def _is_here(request: Request) -> bool:
    """Whether a request was meant for this machine: a name that was made to point here is another origin's trick."""
    try:
        return is_loopback(urlsplit(f"//{request.headers.get('host', '')}").hostname or "")
    except ValueError:
        return False


async def fields(request: Request, **known: type) -> dict[str, Any]:
    """The JSON object in a body, with these fields and no other. Raises BadInput."""
    size = 0
    parts = []
    async for part in request.stream():
        size += len(part)
        if size > MAX_BODY:
            raise BadInput("the body is too large", value=f"{size} bytes", hint=f"at most {MAX_BODY}")
        parts.append(part)
    try:
        found = json.loads(b"".join(parts) or b"{}")
    except (ValueError, RecursionError):
        raise BadInput("the body is not JSON", hint="send a JSON object") from None
    if not isinstance(found, dict):
        raise BadInput("the body is not a JSON object", value=type(found).__name__, hint="send a JSON object")
    for name, value in found.items():
        if known and (name not in known or not isinstance(value, known[name])):
            told = ", ".join(f"{one} ({kind.__name__})" for one, kind in known.items())
            raise BadInput("not a field here, or of a wrong type", place=name, value=repr(value)[:80], hint=told)
    return found


def needed(said: dict[str, Any], name: str) -> Any:
    """A field that must be there. Raises BadInput."""
    if name not in said:
        raise BadInput("is missing", place=name, hint=f'send {{"{name}": …}}')
    return said[name]


class Control:
    """The routes, each a method."""

    def __init__(self, site: Site, webhooks: Webhooks) -> None:
        self.site, self.webhooks = site, webhooks

    async def health(self, request: Request) -> Response:
        """Whether the server answers."""
        return JSONResponse({"status": "ok"})

    async def home(self, request: Request) -> Response:
        """To the dashboard."""
        return RedirectResponse("/keystorm/")

    async def state(self, request: Request) -> Response:
        """Everything."""
        return JSONResponse(state_of(self.site))

    async def events(self, request: Request) -> Response:
        """The dashboard's stream: the state without keys, again when a request was answered, and every second."""
        headers = {"cache-control": "no-store"}
        return StreamingResponse(self._events(), media_type="text/event-stream", headers=headers)

    async def _events(self) -> AsyncIterator[str]:
        seen, waited = -1, BEAT_S
        while True:
            if self.site.tally.answered != seen or waited >= BEAT_S:
                seen, waited = self.site.tally.answered, 0.0
                yield f"event: state\ndata: {json.dumps(summary_of(self.site))}\n\n"
            await asyncio.sleep(TICK_S)
            waited += TICK_S

    async def audit(self, request: Request) -> Response:
        """The audit log: JSON by pages, or CSV."""
        given = dict(request.query_params)
        if "text/csv" in request.headers.get("accept", ""):
            given.setdefault("format", "csv")
        asked, path = audit.question(given), self.site.journal.path
        if asked.form == "csv":
            headers = {"content-disposition": 'attachment; filename="audit.csv"'}
            return StreamingResponse(_lazily(audit.csv_of(path, asked)), media_type="text/csv", headers=headers)
        return JSONResponse(await run_in_threadpool(audit.page, path, asked))

    async def journal(self, request: Request) -> Response:
        """The attempts table so far, as lines of JSON."""
        said = audit.attempts(self.site.journal.path, self.site.configuration)
        return StreamingResponse(_lazily(said), media_type="application/x-ndjson")

    async def reset(self, request: Request) -> Response:
        """Start again; ``{"at_unix_ns": …}`` says when virtual time is 0."""
        said = await fields(request, at_unix_ns=int)
        kept = self.site.reset(said.get("at_unix_ns"))
        return JSONResponse({"reset": True, "old_log": kept.name, "epoch_unix_ns": self.site.clock.epoch})

    async def faults(self, request: Request) -> Response:
        """What is injected, and what the scenario has in store."""
        return JSONResponse({"faults": faults_of(self.site, self.site.clock.now())})

    async def inject(self, request: Request) -> Response:
        """Begin a fault."""
        added = self.site.faults.inject(await fields(request), self.site.clock.now())
        return JSONResponse({"injected": added.number}, 201)

    async def stop(self, request: Request) -> Response:
        """End one fault, or all that were injected."""
        number = request.path_params.get("number")
        ended = self.site.faults.stop(number)
        return JSONResponse({"stopped": ended}) if ended or number is None else problem(404, f"no fault {number}")

    async def advance(self, request: Request) -> Response:
        """Begin the next month of every budget."""
        await fields(request)
        self.site.advance_budgets()
        return JSONResponse({"spend": summary_of(self.site)["spend"]})

    async def keys(self, request: Request) -> Response:
        """All keys with their secrets."""
        return JSONResponse({"keys": [key_of(key) for key in self.site.keyring.keys]})

    async def create(self, request: Request) -> Response:
        """A new key: ``{"project": "account/project", "name": …, "teams": […]}``."""
        said = await fields(request, project=str, name=str, teams=list)
        name = needed(said, "name")
        if not name or "/" in name or len(name) > 80 or not name.isprintable():
            raise BadInput("not a key's name", place="name", value=repr(name), hint="printable, and without /")
        made = self.site.create_key(needed(said, "project"), name, [str(team) for team in said.get("teams", [])])
        return JSONResponse(key_of(made), 201)

    async def rotate(self, request: Request) -> Response:
        """A new secret: ``{"name": …, "grace": "10m"}``; the old one works for ``grace``, which is 0 by default."""
        said = await fields(request, name=str, grace=str)
        grace = units.duration(said["grace"]) if "grace" in said else 0
        return JSONResponse(key_of(self.site.rotate_key(needed(said, "name"), grace)))

    async def revoke(self, request: Request) -> Response:
        """End a key: ``{"name": …}``."""
        return JSONResponse(key_of(self.site.revoke_key(needed(await fields(request, name=str), "name"))))

    async def hooks(self, request: Request) -> Response:
        """Where webhooks go, and how the last ones ended."""
        return JSONResponse({"urls": self.webhooks.urls, "sent": list(self.webhooks.sent)})

    async def hook(self, request: Request) -> Response:
        """One more, or one less: ``{"url": …}``."""
        url = needed(await fields(request, url=str), "url")
        if request.method == "POST":
            self.webhooks.add(url)
        else:
            self.webhooks.remove(url)
        return JSONResponse({"urls": self.webhooks.urls}, 201 if request.method == "POST" else 200)

    async def metrics(self, request: Request) -> Response:
        """For Prometheus."""
        return Response(prometheus.exposition(self.site), headers={"content-type": prometheus.CONTENT_TYPE})


async def _lazily(parts: Iterator[str]) -> AsyncIterator[str]:
    """Parts that are made in a thread, so that a long log stops nobody."""
    async for part in iterate_in_threadpool(parts):
        yield part


def routes(control: Control) -> list[Route]:
    """Paths and methods."""
    return [
        Route("/", control.home),
        Route("/keystorm", control.home),
        Route("/keystorm/", dashboard.page),
        Route("/keystorm/dashboard.{kind:str}", dashboard.asset),
        Route("/keystorm/health", control.health),
        Route("/keystorm/state", control.state),
        Route("/keystorm/events", control.events),
        Route("/keystorm/journal", control.journal),
        Route("/keystorm/reset", control.reset, methods=["POST"]),
        Route("/keystorm/faults", control.faults, methods=["GET"]),
        Route("/keystorm/faults", control.inject, methods=["POST"]),
        Route("/keystorm/faults", control.stop, methods=["DELETE"]),
        Route("/keystorm/faults/{number:int}", control.stop, methods=["DELETE"]),
        Route("/keystorm/budgets/advance", control.advance, methods=["POST"]),
        Route("/keystorm/keys", control.keys, methods=["GET"]),
        Route("/keystorm/keys", control.create, methods=["POST"]),
        Route("/keystorm/keys/rotate", control.rotate, methods=["POST"]),
        Route("/keystorm/keys/revoke", control.revoke, methods=["POST"]),
        Route("/keystorm/webhooks", control.hooks, methods=["GET"]),
        Route("/keystorm/webhooks", control.hook, methods=["POST", "DELETE"]),
        Route("/v1/audit/logs", control.audit),
        Route("/metrics", control.metrics),
    ]


def _bad_input(request: Request, error: Exception) -> Response:
    return problem(400, str(error))


def _left(request: Request, error: Exception) -> Response:
    return problem(400, "the body did not come to its end")  # nobody hears it


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": {"message": error.detail}}, error.status_code, error.headers)


async def _tick(site: Site) -> None:
    while True:
        site.tick()
        await asyncio.sleep(HEARTBEAT_S)


def control_app(site: Site, webhooks: Webhooks, token: str | None) -> Starlette:
    """The control plane as an application."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        ticking = asyncio.create_task(_tick(site))
        yield
        ticking.cancel()
        await webhooks.close()
        site.journal.close()

    handlers: Any = {BadInput: _bad_input, HTTPException: _http_error, ClientDisconnect: _left}
    return Starlette(
        routes=routes(Control(site, webhooks)), middleware=[Middleware(Guard, token=token)],
        exception_handlers=handlers, lifespan=lifespan,
    )  # fmt: skip
