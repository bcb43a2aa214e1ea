"""What a live run is asked to do: written as JSON, read by every process that takes part, without any secret."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from fractions import Fraction
from pathlib import Path
from typing import Any

from sim.errors import BadInput

FILE = "order.json"
"""The name under which a run keeps its order in its folder."""
APIS = ("anthropic", "openai")
LEAD_S = 2.0


@dataclass(frozen=True)
class LiveOrder:
    """One configuration on one replication's plan, to be sent to one target."""

    scenario: str
    """A path, or a name of the library."""
    scenario_sha256: str
    """Of the file (:attr:`sim.scenario.loader.Loaded.sha256`): every process makes sure that it reads the same."""
    configuration: str
    base_url: str
    """What the official client of the API takes: for OpenAI it ends in ``/v1``."""
    secrets: Mapping[str, str] = field(default_factory=dict)
    """For each key of the configuration (``account/project/key``) the environment variable that holds its secret."""
    api: str = "anthropic"
    """``anthropic`` or ``openai``."""
    skip_bad_rows: bool = False
    """Whether rows of a trace that can't be read are left out."""
    replication: int = 0
    seed: int | None = None
    """Instead of the scenario's own."""
    plan_header: bool = True
    """Whether attempts say which row of the plan they are (:mod:`sim.workload.plan_header`), and whose.

    Then the emulator gives them their planned sizes and luck, bodies are small, and ``retry-after`` is in
    virtual seconds. Otherwise bodies are as long as the plan has them, and it is in seconds.
    """
    control_url: str | None = None
    """The emulator that answers in the end: its clock is set to the run's start, and its journal is read after."""
    speed: str = "1"
    """Virtual seconds a second, a fraction such as ``10`` or ``1/2``."""
    workers: int = 1
    """Processes that send; 1 sends from one process without a master."""
    stream: bool = False
    """Whether answers are asked for as streams."""
    models: Mapping[str, str] = field(default_factory=dict)
    """Models that have another name at the target."""
    max_requests: int | None = None
    """Attempts that may be sent at most; None for no bound."""
    max_spend_usd: float | None = None
    """Dollars that may be spent at most, by the catalogue's prices; None for no bound."""
    lead_s: float = LEAD_S
    """Seconds between the moment when everybody is ready and virtual time 0."""

    def __post_init__(self) -> None:
        if self.api not in APIS:
            raise BadInput("no such API", place="api", value=repr(self.api), hint=f"one of {', '.join(APIS)}")
        if self.workers < 1:
            raise BadInput("a run needs a worker", place="workers", value=str(self.workers), hint="1 or more")
        if self.factor <= 0:
            raise BadInput("time must go forward", place="speed", value=self.speed, hint="10, 1 or 1/2")

    @property
    def factor(self) -> Fraction:
        """``speed`` as a number. Raises BadInput."""
        try:
            return Fraction(self.speed)
        except (ValueError, ZeroDivisionError):
            raise BadInput("not a factor", place="speed", value=repr(self.speed), hint="10, 1 or 1/2") from None

    def text(self) -> str:
        """The order as JSON."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"

    def write(self, folder: Path) -> Path:
        """Keep the order in a folder; where it is."""
        path = folder / FILE
        path.write_text(self.text(), "utf-8")
        return path


def read_order(path: Path) -> LiveOrder:
    """What :meth:`LiveOrder.write` wrote. Raises BadInput."""
    hint = "give the order.json of a live run"
    try:
        said: Any = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput("not an order of a live run", place=str(path), value=str(error)[:120], hint=hint) from None
    known = {one.name for one in fields(LiveOrder)}
    if not isinstance(said, dict) or not set(said) <= known:
        strange = ", ".join(sorted(set(said) - known)) if isinstance(said, dict) else type(said).__name__
        raise BadInput("not an order of a live run", place=str(path), value=strange, hint=hint)
    return LiveOrder(**said)
