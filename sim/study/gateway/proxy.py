"""LiteLLM's proxy as a process: found, started on the loopback, waited for, ended by its id."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from sim.errors import BadInput, RunInvalid
from sim.live.secrets import redacted

STARTS_IN_S, ENDS_IN_S, LOOK_S = 300.0, 20.0, 0.5
READY = "/health/liveliness"
OWN = Path(".venv-litellm/bin/litellm")
"""Where `make live-litellm` puts it."""
SAID = "proxy.log"
SECRET_PREFIX = "KEYSTORM_"
"""What the variables of secrets begin with."""


@dataclass(frozen=True)
class Proxy:
    """A proxy that answers."""

    url: str
    pid: int
    started_s: float
    """How long it took."""


def executable(named: Path | None) -> Path:
    """The command that starts LiteLLM: as named, that of `make live-litellm`, or on the PATH. Raises BadInput."""
    found = named or (OWN if OWN.exists() else None) or (Path(there) if (there := shutil.which("litellm")) else None)
    if found is not None and found.is_file() and os.access(found, os.X_OK):
        return found.absolute()
    hint = "`make live-litellm` installs it into .venv-litellm; --litellm names another one"
    raise BadInput("there is no LiteLLM to start", place="--litellm", value=str(found or OWN), hint=hint)


def free_port() -> int:
    """A port of the loopback that nobody listens at."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def proxy(command: Path, config: Path, environment: Mapping[str, str]) -> Iterator[Proxy]:
    """A proxy that lives as long as the block. Raises RunInvalid, with its last words, when it does not start."""
    port, log = free_port(), config.with_name(SAID)
    words = [str(command), "--config", config.name, "--host", "127.0.0.1", "--port", str(port), "--telemetry", "False"]
    with log.open("wb") as said:
        running = subprocess.Popen(
            words, cwd=config.parent, env=dict(environment), stdin=subprocess.DEVNULL, stdout=said, stderr=said,
            start_new_session=True,
        )  # fmt: skip
        try:
            hidden = [value for name, value in environment.items() if name.startswith(SECRET_PREFIX)]
            yield Proxy(f"http://127.0.0.1:{port}", running.pid, _ready(running, port, log, hidden))
        finally:
            _end(running)


def _ready(running: subprocess.Popen[bytes], port: int, log: Path, hidden: Sequence[str]) -> float:
    """Wait until it says that it lives; the seconds that it took."""
    import httpx

    begun = time.monotonic()
    while time.monotonic() < begun + STARTS_IN_S:
        if running.poll() is not None:
            raise RunInvalid(f"LiteLLM ended with {running.returncode}: {last_words(log, hidden)}")
        with suppress(httpx.HTTPError):
            if httpx.get(f"http://127.0.0.1:{port}{READY}", timeout=5.0, trust_env=False).status_code == 200:
                return time.monotonic() - begun
        time.sleep(LOOK_S)
    raise RunInvalid(f"LiteLLM did not answer in {STARTS_IN_S:.0f} s: {last_words(log, hidden)}")


def last_words(log: Path, hidden: Sequence[str], lines: int = 12) -> str:
    """The end of what the proxy said, without secrets."""
    said = [line for line in log.read_text("utf-8", "replace").splitlines() if line.strip()]
    return redacted("\n".join(said[-lines:]), hidden) or "it said nothing"


def _end(running: subprocess.Popen[bytes]) -> None:
    """End it and what it started: its session is its own."""
    for way in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(running.pid, way)
        with suppress(subprocess.TimeoutExpired):
            running.wait(ENDS_IN_S)
            return
