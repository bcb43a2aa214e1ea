"""Workloads as a scenario writes them: when requests come, and how large they are."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from sim.errors import BadUnit
from sim.scenario.base import (
    COUNT,
    DURATION,
    Duration,
    Flag,
    Label,
    Number,
    OneOf,
    PerTime,
    Ratio,
    Share,
    Strict,
    Tokens,
    Whole,
    also,
    short,
    tagged,
    text,
)
from sim.scenario.profiles import Profile


class Constant(Strict):
    """Arrivals at equal distances, the first after one distance."""

    rate: PerTime


class Poisson(Strict):
    """Exponential inter-arrival times: independent users."""

    rate: PerTime


class Renewal(Strict):
    """Independent inter-arrival times with a mean of 1/rate and a coefficient of variation."""

    rate: PerTime
    cv: Number = Field(gt=0, le=100)


class Bursts(Strict):
    """Poisson arrivals at ``rate`` during ``on``, silence during ``off``, again and again.

    With ``random: true`` the lengths of on and off are exponential with these means. The first
    burst starts at ``start``.
    """

    rate: PerTime
    on: Duration = Field(gt=0)
    off: Duration = Field(ge=0)
    start: Duration = 0
    random: Flag = False


class Herd(Strict):
    """``size`` requests at one instant, repeated every ``every`` when given."""

    size: Whole = Field(gt=0, le=1_000_000)
    at: Duration = 0
    every: Duration | None = Field(default=None, gt=0)


class Spread(Strict):
    """A token size or time that is lognormal, by its median and 95th percentile."""

    median: Tokens = Field(gt=0)
    p95: Tokens = Field(gt=0)
    max: Tokens | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _ordered(self) -> Spread:
        if self.p95 < self.median:
            raise BadUnit(
                f"p95 ({self.p95}) is below the median ({self.median})", hint="p95 must be at least the median"
            )
        return self


class Fixed(Strict):
    """Always the same size."""

    fixed: Tokens


class Quantiles(Strict):
    """A token size by its quantiles, for what is not lognormal.

    None is below ``min``, one of ten is below ``p10``, and so on. Between two of them the logarithm
    grows evenly.
    """

    min: Tokens
    p10: Tokens
    p20: Tokens
    p30: Tokens
    p40: Tokens
    p50: Tokens
    p60: Tokens
    p70: Tokens
    p80: Tokens
    p90: Tokens
    p95: Tokens
    p99: Tokens
    max: Tokens

    @property
    def knots(self) -> tuple[int, ...]:
        """The values at the quantiles, from ``min`` to ``max``."""
        return tuple(getattr(self, name) for name in type(self).model_fields)

    @model_validator(mode="after")
    def _ordered(self) -> Quantiles:
        names = tuple(type(self).model_fields)
        for low, high in pairwise(names):
            if getattr(self, high) < getattr(self, low):
                raise BadUnit(
                    f"{high} ({getattr(self, high)}) is below {low} ({getattr(self, low)})",
                    hint=f"quantiles grow: {', '.join(names)}",
                )
        return self


def _is_fixed(value: Any) -> str:
    """Which of the forms of a size or time this is, so that errors speak of one only."""
    if isinstance(value, dict):
        return tagged("fixed" if "fixed" in value else "quantiles" if "p50" in value else "spread")
    if isinstance(value, Quantiles):
        return tagged("quantiles")
    return tagged("fixed" if isinstance(value, (Fixed, FixedTime)) else "spread")


Size = Annotated[
    Annotated[Spread, Tag(tagged("spread"))]
    | Annotated[Fixed, Tag(tagged("fixed"))]
    | Annotated[Quantiles, Tag(tagged("quantiles"))],
    Discriminator(_is_fixed),
    BeforeValidator(short("fixed", (int, str), "size", "a number, as 2000 or 2k, or {median: 900, p95: 4000}")),
    also(text(COUNT, "2k"), {"type": "integer"}),
]
"""A number of tokens: ``2000``, ``{median: 900, p95: 4000}``, or quantiles from ``min`` to ``max``."""


class SpreadTime(Strict):
    """A duration that is lognormal, by its median and 95th percentile."""

    median: Duration = Field(gt=0)
    p95: Duration = Field(gt=0)

    @model_validator(mode="after")
    def _ordered(self) -> SpreadTime:
        if self.p95 < self.median:
            raise BadUnit("p95 is below the median", hint="p95 must be at least the median")
        return self


class FixedTime(Strict):
    """Always the same duration."""

    fixed: Duration


Time = Annotated[
    Annotated[SpreadTime, Tag(tagged("spread"))] | Annotated[FixedTime, Tag(tagged("fixed"))],
    Discriminator(_is_fixed),
    BeforeValidator(short("fixed", (int, str), "time", "a duration, as 5s, or {median: 2s, p95: 8s}")),
    also(text(DURATION, "5s"), {"const": 0}),
]
"""A duration that may vary: ``5s``, or ``{median: 2s, p95: 8s}``."""


class Sessions(Strict):
    """Agents: sessions start as a Poisson process, each runs ``steps`` requests in a row.

    The next step starts ``think`` after the last has ended. The context grows: input of step k =
    first input + k × ``grow`` + everything produced before (when ``keep_output``), cut at
    ``max_input``. When a step fails for good, the session ends (``on_failure: stop``) or goes on.
    """

    rate: PerTime
    steps: Size = Fixed(fixed=10)
    think: Time = FixedTime.model_validate({"fixed": "5s"})
    grow: Tokens = 0
    keep_output: Flag = True
    max_input: Tokens = Field(default=180_000, gt=0)
    on_failure: Literal["stop", "continue"] = "stop"


class Columns(Strict):
    """Which column of a CSV or which key of a JSON row holds what (format ``generic``).

    The first three are needed. A replay uses ``cached_input_tokens`` and ``team`` beside them;
    ``keystorm import`` keeps the others too.
    """

    timestamp: str
    input_tokens: str
    output_tokens: str
    cached_input_tokens: str | None = None
    team: str | None = None
    unit: Literal["auto", "s", "ms", "us", "ns", "iso"] = "auto"
    project: str | None = None
    key: str | None = None
    model: str | None = None
    session: str | None = None
    request_id: str | None = None
    status: str | None = None
    end: str | None = None
    duration_s: str | None = None
    duration_ms: str | None = None
    first_token_ms: str | None = None
    cost_usd: str | None = None
    gateway_cache_hit: str | None = None


def _pair(value: Any) -> Any:
    if isinstance(value, (list, tuple)) and len(value) == 2:
        return value
    raise BadUnit("not a window", value=repr(value), hint="[start, end], as [10m, 40m]")


Window = Annotated[tuple[Duration, Duration], BeforeValidator(_pair)]
"""From when to when, as ``[10m, 40m]``."""


class Trace(Strict):
    """Real rows replayed. ``speed`` compresses time, ``scale`` multiplies the rate.

    ``scale`` below 1 thins the rows, above 1 repeats them with jittered stamps; both by keyed
    draws. ``window`` is cut out of the trace before both, ``loop`` repeats the trace until the
    scenario ends. ``tokens`` is the second file of the ServeGen format, ``request_tokens`` the mean
    input that is assumed where a log has sums without counts. ``only`` keeps some clients, ``team``
    one of them; ``split`` makes every client (or value of ``columns.team``) a team of its own,
    ``top`` keeps the largest and sums up the others. ``models`` keeps requests for some models.
    """

    file: str
    format: Literal[
        "auto", "generic", "azure", "burstgpt", "mooncake", "servegen", "litellm", "anthropic-usage",
        "anthropic-console", "anthropic-cost", "openai-usage", "holysheep", "langfuse", "helicone", "otel", "nginx",
        "keystorm",
    ] = "auto"  # fmt: skip
    tokens: str | None = None
    columns: Columns | None = None
    request_tokens: Tokens | None = Field(default=None, gt=0)
    speed: Ratio = Field(default=Fraction(1), gt=0, le=1_000_000)
    scale: Ratio = Field(default=Fraction(1), gt=0, le=1000)
    window: Window | None = None
    loop: Flag = False
    spread_ticks: Duration | None = None
    only: tuple[str, ...] | None = None
    team: str | None = None
    models: tuple[str, ...] | None = None
    split: Flag = False
    top: Whole | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _window_ordered(self) -> Trace:
        if self.window is not None and self.window[0] >= self.window[1]:
            raise BadUnit("the window ends before it starts", hint="window: [start, end], as [10m, 40m]")
        if self.format == "generic" and self.columns is None:
            hint = "add columns: {timestamp: …, input_tokens: …, output_tokens: …}"
            raise BadUnit("format generic needs to know the columns", hint=hint)
        if self.top is not None and not self.split:
            raise BadUnit("top has no meaning without split", hint="add split: true, or remove top")
        if self.team is not None and (self.split or self.only is not None):
            raise BadUnit("team takes one client, only and split several", hint="keep one of the three")
        return self

    @property
    def clients(self) -> tuple[str, ...] | None:
        """The clients that are kept; None for all."""
        return self.only if self.team is None else (self.team,)


class Arrivals(OneOf):
    """When requests come: one of the processes below."""

    constant: Constant | None = None
    poisson: Poisson | None = None
    gamma: Renewal | None = None
    weibull: Renewal | None = None
    bursts: Bursts | None = None
    herd: Herd | None = None
    trace: Trace | None = None
    sessions: Sessions | None = None


class Workload(Strict):
    """One stream of requests of a team.

    Sizes are tokens a request. ``max_tokens`` is what the client asks for, which some providers
    charge up front. A trace brings sizes of its own, which stand unless given here.
    """

    arrivals: Arrivals
    model: Label
    input_tokens: Size | None = None
    cached_input: Share = Fraction(0)
    output_tokens: Size | None = None
    max_tokens: Tokens = Field(default=4096, gt=0)
    profile: Profile | None = None

    @model_validator(mode="after")
    def _sizes_known(self) -> Workload:
        if self.arrivals.trace is None and (self.input_tokens is None or self.output_tokens is None):
            missing = "input_tokens" if self.input_tokens is None else "output_tokens"
            hint = "a number, as 2000, or {median: 900, p95: 4000}; only a trace brings sizes of its own"
            raise BadUnit(f"{missing} is missing", hint=hint)
        if self.profile is not None and self.arrivals.kind in ("herd", "trace"):
            hint = "remove profile: a herd comes at its instants, a trace has a rhythm of its own"
            raise BadUnit(f"a profile can't modulate {self.arrivals.kind}", hint=hint)
        return self
