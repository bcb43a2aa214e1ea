"""Running the server: a socket, uvicorn, and the words that tell where it is."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import uvicorn

from sim.collector import settle
from sim.emulator.app import Application
from sim.emulator.control import TOKEN_VARIABLE, control_app
from sim.emulator.site import Site
from sim.emulator.webhooks import Webhooks, is_loopback
from sim.emulator.wire import Protocol
from sim.errors import BadInput

COLLECT = (50_000, 10, 10)
"""Answering leaves no cycles, so the collector may look for them rarely: what is in flight keeps it busy for long."""
BACKLOG, GRACE_S, IDLE_S = 4096, 2, 75


@dataclass(frozen=True)
class Where:
    """How the server is reached."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """The base URL of Anthropic's clients; OpenAI's add ``/v1``."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)
        return f"http://{f'[{host}]' if ':' in host and not host.startswith('[') else host}:{self.port}"


def bound(host: str, port: int) -> socket.socket:
    """A listening socket. Raises BadInput when the address can't be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
    except OSError as error:
        made.close()
        hint = "choose another --port, or 0 for a free one"
        raise BadInput(f"can't listen: {error.strerror}", place="--port", value=f"{host}:{port}", hint=hint) from None
    made.listen(BACKLOG)
    return made


def needs_token(host: str, token: str | None) -> None:
    """Raises BadInput when the control plane would be open to other machines."""
    if token is None and not is_loopback(host):
        hint = f"set {TOKEN_VARIABLE} to a secret of your choice; control calls send it as a Bearer token"
        raise BadInput("the control plane needs a token when it is not on the loopback", place="--host", value=host,
                       hint=hint)  # fmt: skip


def raise_file_limit() -> None:
    """As many connections as the system lets this process have."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class _Announcing(uvicorn.Server):
    """Tells when it listens."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then tell."""
        await super().startup(sockets)
        if self.started:
            settle(COLLECT)
            self._ready()


def application(site: Site, webhooks: Webhooks, token: str | None, palette: str = "") -> Application:
    """What is served. ``palette`` is the dashboard's CSS variables."""
    control: Any = control_app(site, webhooks, token)
    control.state.palette = palette
    return Application(site, control)


def server(app: Application, ready: Callable[[], None]) -> uvicorn.Server:
    """The server, not started; it calls ``ready`` when it listens."""
    config = uvicorn.Config(
        app, loop="uvloop", http=Protocol, ws="none", lifespan="on", log_level="error", access_log=False,
        proxy_headers=False,
        server_header=False, timeout_keep_alive=IDLE_S, timeout_graceful_shutdown=GRACE_S, backlog=BACKLOG,
    )  # fmt: skip
    return _Announcing(config, ready)


def run(app: Application, listening: socket.socket, ready: Callable[[], None]) -> None:
    """Serve until a signal ends it."""
    raise_file_limit()
    server(app, ready).run(sockets=[listening])
