"""How a live run is to be done: what a user may say about it, checked before anything starts."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from sim.errors import BadInput
from sim.live.order import APIS

if TYPE_CHECKING:
    from collections.abc import Mapping

SENDING, SERVING = ("locust", "geventhttpclient", "httpx"), ("uvicorn", "uvloop", "httptools", "starlette")


@dataclass(frozen=True)
class Options:
    """``target``: the base URL, none for an emulator of our own. Sums are dollars.

    ``models``: names that models have at the target. ``owned``: the user says that the target is theirs.
    """

    configuration: str
    out: Path
    target: str | None = None
    api: str = "anthropic"
    speed: Fraction = Fraction(1)
    workers: int = 1
    stream: bool = False
    models: Mapping[str, str] = field(default_factory=dict)
    max_requests: int | None = None
    max_spend_usd: float | None = None
    owned: bool = False
    port: int = 0
    skip_bad_rows: bool = False
    seed: int | None = None
    command: tuple[str, ...] = ()


def check(options: Options) -> None:
    """Raises BadInput for what can't be done, whatever the scenario."""
    if options.api not in APIS:
        raise BadInput("no such API", place="--api", value=repr(options.api), hint=f"one of {', '.join(APIS)}")
    if options.target is None and (options.models or options.owned):
        flag = "--model" if options.models else "--i-own-this-target"
        raise BadInput("has no meaning without a target", place=flag, hint="add --target URL, or leave it out")
    if options.target is not None and options.port:
        raise BadInput("no emulator is started for a target", place="--port", value=str(options.port),
                       hint="leave out --port; the target's port stands in its URL")  # fmt: skip
    installed(serving=options.target is None)


def installed(*, serving: bool) -> None:
    """Raises BadInput when the libraries that send, or those that serve, are missing."""
    extras = {"live": SENDING, **({"serve": SERVING} if serving else {})}
    missing = {extra: [name for name in names if find_spec(name) is None] for extra, names in extras.items()}
    wanted = [extra for extra, names in missing.items() if names]
    if wanted:
        told = ", ".join(name for names in missing.values() for name in names)
        hint = f"pip install 'keystorm[{','.join(wanted)}]'"
        raise BadInput("live needs libraries that are not installed", value=told, hint=hint)
