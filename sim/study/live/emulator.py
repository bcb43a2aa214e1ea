"""An emulator of our own: a process on the loopback, on a free port, ended by its id when the run is over."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from sim.errors import RunInvalid
from sim.live.cores import keep_to

STARTS_IN_S, ENDS_IN_S = 60.0, 10.0


@dataclass(frozen=True)
class Emulator:
    """Where it is, and what opens it."""

    url: str
    pid: int
    secrets: Mapping[str, str]
    """Key → secret."""


@contextmanager
def emulator(
    scenario: str, configuration: str, folder: Path, *, speed: Fraction, port: int = 0, skip_bad_rows: bool = False,
    cores: frozenset[int] = frozenset(),
) -> Iterator[Emulator]:  # fmt: skip
    """Serve one configuration while the block runs; ``folder`` keeps its audit log and what it says when it fails.

    It keeps to these ``cores``, to any without them.

    Raises RunInvalid when it does not start.
    """
    folder.mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable, "-m", "sim", "serve", scenario, "--configuration", configuration, "--port", str(port), "--json",
        "--data", str(folder), "--fresh", "--speed", str(speed), *(["--skip-bad-rows"] if skip_bad_rows else []),
    ]  # fmt: skip
    errors = folder / "emulator.log"
    with errors.open("wb") as said:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said)
        keep_to(cores, process.pid)
        try:
            told = _first_line(process, errors)
            secrets = {str(key["name"]): str(key["secret"]) for key in told["keys"]}
            yield Emulator(str(told["anthropic_base_url"]), process.pid, secrets)
        finally:
            _end(process)


def _first_line(process: subprocess.Popen[bytes], errors: Path) -> Any:
    """The line of JSON by which it says that it listens."""
    assert process.stdout is not None
    found, until = b"", time.monotonic() + STARTS_IN_S
    while not found.endswith(b"\n"):
        ready, _, _ = select.select([process.stdout], [], [], max(0.0, until - time.monotonic()))
        piece = os.read(process.stdout.fileno(), 1 << 16) if ready else b""
        if not piece:
            words = errors.read_text("utf-8", "replace").strip()[-2000:]
            raise RunInvalid(f"the emulator did not start: {words or 'it said nothing'}")
        found += piece
    return json.loads(found)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask it to end, and make it if it does not."""
    process.terminate()
    try:
        process.wait(ENDS_IN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
