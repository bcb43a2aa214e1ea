"""A server in a thread, for tests: on a free port of the loopback, ended by the test itself."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import httpx

from sim.cli.serve import palette
from sim.emulator.serve import Where, application, bound, server
from sim.emulator.site import Site
from sim.emulator.webhooks import Webhooks
from sim.scenario.loader import load_text

MODEL = "claude-sonnet-5"
SCENARIO = """
name: desk
question: Does it answer as a provider does?
duration: 1h
teams:
  checkout: {workload: {arrivals: {poisson: {rate: 9/min}}, model: claude-sonnet-5, input_tokens: 9, output_tokens: 20}}
  analytics: {workload: {arrivals: {herd: {size: 9}}, model: claude-sonnet-5, input_tokens: 9, output_tokens: 20}}
  lab: {workload: {arrivals: {poisson: {rate: 9/min}}, model: slotted, input_tokens: 9, output_tokens: 20}}
models:
  claude-sonnet-5: {first_token: 20ms, per_token: 2ms}
  slotted: {like: claude-sonnet-5, slots: 1, queue: 1}
configurations:
  mine:
    accounts:
      acme:
        limits: {requests: 6000/min, input_tokens: 1M/min, output_tokens: 500k/min}
        projects:
          storefront: {teams: [checkout], limits: {requests: 20/min, burst: 2}, spend_cap: $1/month}
          data: {teams: [analytics], models: [claude-sonnet-5]}
      other: {teams: [lab]}
  shared: {isolation: shared, limits: {requests: 60/min}}
"""


@dataclass(frozen=True)
class Served:
    """A running server."""

    site: Site
    url: str
    hooks: Webhooks

    def secret(self, project: str) -> str:
        """The secret of the first key of a project."""
        return next(key.secret for key in self.site.keyring.keys if key.project == project)

    def call(self, method: str, path: str, said: Any = None, **more: Any) -> httpx.Response:
        """One call of the control plane, or a raw one of the provider."""
        return httpx.request(method, f"{self.url}{path}", json=said, timeout=10, trust_env=False, **more)

    def inject(self, **fault: Any) -> int:
        """Begin a fault; its number."""
        answer = self.call("POST", "/keystorm/faults", fault)
        assert answer.status_code == 201, answer.text
        return int(answer.json()["injected"])

    def rows(self) -> list[dict[str, Any]]:
        """The audit log."""
        found: list[dict[str, Any]] = self.call("GET", "/v1/audit/logs?limit=10000").json()["data"]
        return found


@contextmanager
def serving(
    directory: Path, text: str = SCENARIO, configuration: str = "mine", *, speed: Fraction = Fraction(1),
    token: str | None = None, webhooks: Sequence[str] = (),
) -> Iterator[Served]:  # fmt: skip
    """Serve while the block runs."""
    site = Site(load_text(text, directory / "desk.yaml"), configuration, directory, speed=speed)
    hooks = Webhooks(site, list(webhooks))
    ready = threading.Event()
    with bound("127.0.0.1", 0) as listening:
        where = Where("127.0.0.1", listening.getsockname()[1])
        running = server(application(site, hooks, token, palette()), ready.set)
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        assert ready.wait(20)
        try:
            yield Served(site, where.url, hooks)
        finally:
            running.should_exit = True
            thread.join(20)
            site.journal.close()
    assert not thread.is_alive()


def message(**more: Any) -> dict[str, Any]:
    """The arguments of a small request for a message, alike for both clients."""
    return {"model": MODEL, "max_tokens": 12, "messages": [{"role": "user", "content": "hello there"}], **more}


VERSION = {"anthropic-version": "2023-06-01"}


def anthropic_headers(served: Served, project: str = "data", **more: str) -> dict[str, str]:
    """What an Anthropic client sends."""
    return {
        "x-api-key": served.secret(project),
        **VERSION,
        **{name.replace("_", "-"): one for name, one in more.items()},
    }
