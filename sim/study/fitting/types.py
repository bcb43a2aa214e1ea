"""What a fit finds, as plain records: estimates with intervals, processes, sizes, and what was compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sim.errors import BadInput

if TYPE_CHECKING:
    from sim.scenario.keys import Limits
    from sim.scenario.loader import Loaded

MODEL = "claude-sonnet-4-5"
"""Stands for models that a log does not name or the catalogue does not have, unless told otherwise."""

SHARES = (0.05, 0.15, 0.4)
"""What the three test limits refuse of the log's own requests."""

TOLERANCE = 0.1
"""How far, as a share of the log's refusals, those of the fitted scenario may be."""


@dataclass(frozen=True)
class Options:
    """Everything that a fit may be told.

    ``replications`` of every simulated number. ``limits`` are those in force when the log was
    written; None: inferred. ``model`` stands for unknown ones. ``sessions``: whether sessions are
    fitted where the log shows them.
    """

    name: str = "fitted"
    seed: int = 1
    replications: int = 20
    model: str = MODEL
    sessions: bool = True
    limits: Limits | None = None
    engine: str = "compiled"
    shares: tuple[float, ...] = SHARES
    tolerance: float = TOLERANCE
    command: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.replications < 2:
            raise BadInput(
                "too few replications", value=str(self.replications), hint="at least 2: an interval needs two"
            )


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval; NaN where there is none."""

    value: float
    low: float = float("nan")
    high: float = float("nan")

    def holds(self, truth: float) -> bool:
        """Whether the interval contains a value."""
        return self.low <= truth <= self.high


@dataclass(frozen=True)
class Burstiness:
    """How unevenly requests come: the CV of their gaps; peak to mean and index of dispersion by scale.

    Scales are ``1s``, ``1min`` and ``10min``; None where the log is too short.
    """

    per_minute: float
    cv: float | None
    peak: Mapping[str, float | None]
    dispersion: Mapping[str, float | None]


@dataclass(frozen=True)
class Candidate:
    """One process that was fitted to the arrivals of a stream.

    ``process`` is a key of the scenario's ``arrivals`` and ``values`` its parameters (a rate per
    minute, times in seconds). ``shape`` is ``flat``, ``hours``, ``week`` or ``steps``: the profile,
    whose weights are ``weights`` with steps of ``step_s``. ``parameters`` counts all of them.
    ``error`` is the worst relative error of refusals at the test limits, None where it was not
    simulated.
    """

    process: str
    values: Mapping[str, Estimate]
    log_likelihood: float
    parameters: int
    shape: str = "flat"
    weights: tuple[float, ...] = ()
    days: tuple[float, ...] = ()
    step_s: float = 0.0
    error: float | None = None

    @property
    def aic(self) -> float:
        """Akaike's criterion: 2 × parameters - 2 × log-likelihood; less is better."""
        return 2 * self.parameters - 2 * self.log_likelihood

    @property
    def title(self) -> str:
        """As it is called in tables."""
        if self.shape == "steps":
            return f"{self.process} in steps of {self.step_s:g} s"
        return self.process if self.shape == "flat" else f"{self.process} with a profile of the {self.shape}"


@dataclass(frozen=True)
class SizeFit:
    """A token size: ``kind`` is fixed, lognormal or quantiles, ``values`` its parameters.

    ``log`` and ``fitted`` hold mean, p50, p95 and p99 of both sides; ``distance`` is
    Kolmogorov-Smirnov's, the largest gap between the two distributions.
    """

    kind: str
    values: Mapping[str, Estimate]
    log: Mapping[str, float]
    fitted: Mapping[str, float]
    distance: float


@dataclass(frozen=True)
class SessionFit:
    """Agents' sessions: how many, and how they go on."""

    sessions: int
    steps: SizeFit
    think: SizeFit
    """In milliseconds."""
    grow: Estimate
    keep_output: bool
    closed_share: float
    """The part of steps that started after the step before had ended."""


@dataclass(frozen=True)
class StreamFit:
    """The requests of one team for one model, and the process that stands for them."""

    team: str
    model: str
    requests: int
    chosen: Candidate
    candidates: tuple[Candidate, ...]
    input: SizeFit
    output: SizeFit
    cached: Estimate
    session: SessionFit | None
    log: Burstiness
    fitted: Burstiness | None
    why: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ClientFit:
    """What a team's rows show of its retries. ``source`` is ``chains``, ``retries`` or ``none``."""

    team: str
    source: str
    max_attempts: int
    base_s: Estimate
    multiplier: float
    retried: int
    why: str


@dataclass(frozen=True)
class ProviderFit:
    """How a model answered: seconds to the first token and per output token, by median and 95th percentile."""

    model: str
    requests: int
    first_token: Mapping[str, Estimate] | None
    per_token: Mapping[str, Estimate] | None
    price: Mapping[str, float] | None
    """Dollars per million tokens, where the log's costs had to tell it: input, cached_input, output."""
    why: str


@dataclass(frozen=True)
class LimitTest:
    """Refusals at one limit: of the log, replayed, and of the fitted scenario; shares of requests."""

    team: str
    """``total`` for everybody on one key."""
    dimension: str
    limit: str
    log: float
    fitted: Estimate
    spread: tuple[float, float]
    """From where to where single replications reach (5th to 95th percentile)."""
    likely: bool = True
    """Whether the log's share is where one more replication would be in 99 of 100 cases."""

    @property
    def error(self) -> float:
        """Relative to the log's."""
        return self.fitted.value / self.log - 1 if self.log else float("nan")


@dataclass(frozen=True)
class Fitted:
    """A fitted scenario: ``text`` as YAML with comments, ``loaded`` the same, checked."""

    text: str
    loaded: Loaded
    streams: tuple[StreamFit, ...]
    clients: tuple[ClientFit, ...]
    providers: tuple[ProviderFit, ...]
    errors: Mapping[str, float]
    """Status → share of attempts, of the statuses from 500 on."""
    throttling: tuple[LimitTest, ...]
    notes: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    """What does not fit, in sentences."""

    def total(self) -> tuple[LimitTest, ...]:
        """The tests of everybody on one key."""
        return tuple(test for test in self.throttling if test.team == "total")


@dataclass(frozen=True)
class Compared:
    """One recorded number beside the simulated one. ``verdict``: agrees, near, differs or unknown."""

    team: str
    metric: str
    unit: str
    recorded: float
    simulated: Estimate
    verdict: str


@dataclass(frozen=True)
class History:
    """The configuration in force, simulated on the recorded traffic, against what was recorded.

    ``inferred``: the limits were not told but taken from the log, so that its 429s are no
    independent test of them. ``trust`` is high, fair or low, ``verdict`` says so in a sentence.
    """

    limits: str
    inferred: bool
    how: str
    rows: tuple[Compared, ...]
    trust: str
    verdict: str
    notes: tuple[str, ...] = field(default=())

    def of(self, team: str, metric: str) -> Compared | None:
        """One number of a team, or of ``total``."""
        return next((row for row in self.rows if (row.team, row.metric) == (team, metric)), None)
