"""The scenario: what a file says, frozen and checked, before anything is drawn or run."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from sim.chaos.catalogue import FaultEntry
from sim.chaos.incidents import IncidentEntry
from sim.errors import BadUnit
from sim.scenario.base import (
    AlsoListed,
    Count,
    Duration,
    Flag,
    Label,
    Moment,
    Ratio,
    Share,
    Strict,
    Whole,
    listed,
)
from sim.scenario.clients import Client
from sim.scenario.finance import Finance
from sim.scenario.keys import Configuration
from sim.scenario.prices import Prices
from sim.scenario.workloads import Time, Workload
from sim.units import DAY, HOUR, MS

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"


class Model(Strict):
    """A model that the scenario adds to the catalogue, or changes.

    ``first_token`` and ``per_token`` are the provider's answer times. ``service`` says how they
    spread: ``lognormal`` by median and p95 (the default; a single duration never varies), or
    ``exponential``, where a single duration is the mean and of a spread only the median counts.
    ``slots`` answers run at once (none: no bound), ``queue`` more may wait for a slot, beyond that
    comes a 529. What is not given comes from the catalogue entry of this name, or of ``like``.
    """

    like: str | None = None
    price: Prices | None = None
    first_token: Time | None = None
    per_token: Time | None = None
    service: Literal["lognormal", "exponential"] | None = None
    slots: Whole | None = Field(default=None, gt=0)
    queue: Whole = Field(default=0, ge=0)


class Provider(Strict):
    """How the provider answers, whatever the model.

    ``style`` decides the status of a spent budget. ``round_trip`` is the time until a refusal
    arrives. ``input_estimate`` is what a limiter charges at the start as a share of the true
    input. ``bill_abandoned``: what was produced for a client that left is billed.
    """

    style: Literal["anthropic", "openai", "litellm"] = "anthropic"
    round_trip: Duration = 20 * MS
    input_estimate: Ratio = Fraction(1)
    bill_abandoned: Flag = True


class Team(Strict):
    """A team: its dependent services, what it sends, and how its client behaves."""

    services: Whole = Field(default=1, ge=1, le=100_000)
    workload: Annotated[tuple[Workload, ...], BeforeValidator(listed), AlsoListed()] = Field(min_length=1)
    client: Client = Client()


class Audit(Strict):
    """The audit log that ``--audit`` writes. ``retention``: how long such a log is kept."""

    retention: Duration = Field(default=90 * DAY, gt=0)


class Slo(Strict):
    """An objective of a team, ``*`` (each team) or ``total``: ``success_rate >= 99.5%``."""

    team: str
    metric: str
    op: Literal[">=", "<=", ">", "<"]
    bound: float

    def __str__(self) -> str:
        return f"{self.team}: {self.metric} {self.op} {self.bound:g}"

    def met_by(self, value: float) -> bool:
        """Whether ``value`` satisfies the objective; NaN never does."""
        tests = {">=": value >= self.bound, "<=": value <= self.bound, ">": value > self.bound, "<": value < self.bound}
        return tests[self.op]


_OBJECTIVE = re.compile(r"^\s*([a-z0-9_]+)\s*(>=|<=|>|<)\s*(\d+(?:\.\d*)?|\.\d+)\s*(%?)\s*$")


def read_slo(value: Any) -> Any:
    """One ``{team: "metric >= bound"}`` mapping; raises BadUnit when it is anything else."""
    if isinstance(value, Slo):
        return value
    hint = "one team and one objective, without quotes: - checkout: success_rate >= 99.5%"
    if not isinstance(value, dict) or len(value) != 1:
        raise BadUnit("not an objective", hint=hint)
    ((team, text),) = value.items()
    match = _OBJECTIVE.match(text) if isinstance(text, str) else None
    if match is None:
        raise BadUnit("not an objective", value=repr(text) if isinstance(text, str) else "", hint=hint)
    bound = float(match[3]) / (100 if match[4] else 1)
    return Slo(team=str(team), metric=match[1], op=match[2], bound=bound)  # type: ignore[arg-type]


def _written(slo: Slo) -> dict[str, str]:
    return {slo.team: f"{slo.metric} {slo.op} {slo.bound!r}"}


SloText = Annotated[
    Slo,
    BeforeValidator(read_slo),
    PlainSerializer(_written),
    WithJsonSchema(
        {
            "type": "object",
            "minProperties": 1,
            "maxProperties": 1,
            "additionalProperties": {"type": "string", "pattern": _OBJECTIVE.pattern},
            "examples": [{"checkout": "success_rate >= 99.5%"}],
        }
    ),
]

Name = Annotated[str, Field(pattern=NAME, max_length=80)]
TeamName = Label

MAX_FAULTS = 120
"""Each fault draws luck of its own; :mod:`sim.draws` has numbers for so many purposes."""


class Scenario(Strict):
    """A whole scenario. ``warmup`` is left out of the metrics, ``drain`` lets retries end.

    ``start`` is the moment of time 0, which only the audit log shows.
    ``incidents`` and ``finance`` are for ``keystorm cost``; other commands run without them.
    """

    name: Name
    question: str = ""
    duration: Duration = Field(gt=0)
    warmup: Duration = 0
    drain: Duration = HOUR // 6
    replications: Whole = Field(default=20, ge=1, le=100_000)
    seed: Whole = Field(default=1, ge=0, lt=2**32)
    start: Moment = datetime(2026, 1, 1, tzinfo=UTC)
    audit: Audit = Audit()
    provider: Provider = Provider()
    models: dict[Label, Model] = Field(default_factory=dict)
    teams: dict[TeamName, Team] = Field(min_length=1)
    configurations: dict[TeamName, Configuration] = Field(min_length=1)
    chaos: tuple[FaultEntry, ...] = Field(default=(), max_length=MAX_FAULTS)
    slos: tuple[SloText, ...] = ()
    incidents: tuple[IncidentEntry, ...] = Field(default=(), max_length=MAX_FAULTS)
    finance: Finance | None = None

    @model_validator(mode="after")
    def _warm_before_end(self) -> Scenario:
        if self.warmup >= self.duration:
            raise BadUnit("warmup is not shorter than duration", hint="nothing would be measured; shorten warmup")
        return self


__all__ = ["Client", "Count", "Model", "Prices", "Provider", "Scenario", "Share", "Slo", "Team", "Workload"]
