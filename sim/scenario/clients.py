"""Clients as a scenario writes them: timeout, concurrency and retry policy."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, PlainSerializer, Tag, WithJsonSchema, model_validator

from sim import units
from sim.errors import BadUnit
from sim.scenario.base import (
    DURATION,
    RATE,
    Count,
    Duration,
    Flag,
    Number,
    OneOf,
    PerTime,
    Share,
    Strict,
    Whole,
    also,
    short,
    tagged,
    text,
)

_FACTOR = r"(\d+(?:\.\d*)?|\.\d+)"
_RANGE = re.compile(rf"^range\(\s*{_FACTOR}\s*,\s*{_FACTOR}\s*\)$")
_ADD = re.compile(r"^add\(\s*([\d.]+\s*[a-z]+)\s*\)$")


class QuotaBudget(Strict):
    """AWS: a bucket of ``capacity``; a retry costs ``throttle_cost`` or ``error_cost``.

    A success returns what its last retry cost, or 1 when it had none. Source: botocore.
    """

    capacity: Whole = Field(default=500, gt=0)
    throttle_cost: Whole = Field(default=5, ge=0)
    error_cost: Whole = Field(default=14, ge=0)


class ThrottleBudget(Strict):
    """gRPC A6: ``tokens`` at the start, −1 a failure, +``ratio`` a success, no retry at ≤ half."""

    tokens: Whole = Field(default=10, gt=0, le=1000)
    ratio: Share = Fraction(1, 10)


class ConcurrentBudget(Strict):
    """Envoy: retries in flight at most max(``floor``, ``share`` of the requests in flight)."""

    share: Share = Fraction(1, 5)
    floor: Whole = Field(default=3, ge=0)


class DepositBudget(Strict):
    """Finagle: every request deposits ``share`` of a retry, plus ``per_second``, kept for ``ttl``."""

    share: Share = Fraction(1, 5)
    per_second: Whole = Field(default=10, ge=0)
    ttl: Duration = Field(default=10_000_000_000, gt=0)


class RetryBudget(OneOf):
    """What bounds the retries of all requests of a client together; one of the kinds."""

    quota: QuotaBudget | None = None
    throttle: ThrottleBudget | None = None
    concurrent: ConcurrentBudget | None = None
    deposit: DepositBudget | None = None


class Jitter(Strict):
    """How a delay d is drawn: d·U(low, high) + U(0, add); ``decorrelated`` = U(base, 3·previous)."""

    low: Number = Field(default=1.0, ge=0, le=10)
    high: Number = Field(default=1.0, ge=0, le=10)
    add_ns: Whole = Field(default=0, ge=0)
    decorrelated: Flag = False


def read_jitter(value: Any) -> Any:
    """``none``, ``full``, ``equal``, ``decorrelated``, ``range(a, b)`` or ``add(1s)``."""
    if isinstance(value, (Jitter, dict)):
        return value
    named = {
        "none": Jitter(),
        "full": Jitter(low=0.0),
        "equal": Jitter(low=0.5),
        "decorrelated": Jitter(decorrelated=True),
    }
    text = str(value).strip()
    if text in named:
        return named[text]
    if match := _RANGE.match(text):
        low, high = float(match[1]), float(match[2])
        if low <= high <= 10:
            return Jitter(low=low, high=high)
    if match := _ADD.match(text):
        return Jitter(add_ns=units.duration(match[1]))
    hint = "none, full, equal, decorrelated, range(0.75, 1) or add(1s)"
    raise BadUnit("not a jitter", value=repr(value), hint=hint)


def jitter_text(jitter: Jitter) -> str | dict[str, Any]:
    """The short writing of a jitter that :func:`read_jitter` reads back, or all of its fields."""
    named = {
        Jitter(): "none",
        Jitter(low=0.0): "full",
        Jitter(low=0.5): "equal",
        Jitter(decorrelated=True): "decorrelated",
    }
    if jitter in named:
        return named[jitter]
    if jitter == Jitter(add_ns=jitter.add_ns):
        return f"add({units.duration_text(jitter.add_ns)})"
    if jitter.add_ns == 0 and not jitter.decorrelated:
        return f"range({jitter.low:g}, {jitter.high:g})"
    return jitter.model_dump()


JitterText = Annotated[
    Jitter,
    BeforeValidator(read_jitter),
    PlainSerializer(jitter_text),
    WithJsonSchema({
        "anyOf": [
            {"enum": ["none", "full", "equal", "decorrelated"]},
            {"type": "string", "pattern": "^(range|add)\\(.*\\)$", "examples": ["range(0.75, 1)", "add(1s)"]},
            {"type": "object"},
        ]
    }),
]  # fmt: skip
"""``none``, ``full``, ``equal``, ``decorrelated``, ``range(0.75, 1)`` or ``add(1s)``."""

RETRYABLE = ("429", "500", "503", "529", "400", "401", "403", "timeout", "connection")

Retryable = Annotated[
    Literal["429", "500", "503", "529", "400", "401", "403", "timeout", "connection"],
    BeforeValidator(lambda value: str(value) if isinstance(value, int) else value),
    WithJsonSchema({"enum": [*RETRYABLE, *(int(name) for name in RETRYABLE if name.isdigit())]}),
]
"""A status, ``timeout`` or ``connection``."""


def read_attempts(value: Any) -> Any:
    """A number of attempts from 1 to 1,000,000, or ``unlimited``."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    if value == "unlimited" or (whole and 1 <= value <= 1_000_000):
        return value
    raise BadUnit("not a number of attempts", value=repr(value), hint="from 1 (no retry) to 1000000, or unlimited")


Attempts = Annotated[
    int | Literal["unlimited"],
    BeforeValidator(read_attempts),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1, "maximum": 1_000_000}, {"const": "unlimited"}]}),
]
"""How often a request is tried in all, the first attempt included."""


class RetryPolicy(Strict):
    """What a client does after an attempt that failed.

    Delay before retry n (n = 0, 1, …): ``min(base · multiplier^n, cap)``, jittered. ``base_error``
    replaces ``base`` after anything but a 429. ``retry-after`` replaces the delay when
    ``obey_retry_after``; above ``give_up_above`` the client gives up; ``jitter_retry_after``
    jitters it too. ``max_attempts: unlimited`` never stops by itself. ``adaptive_rate``: from its first
    429 on the client sends at a rate of its own that shrinks with each 429 and grows again (botocore's
    adaptive mode).
    """

    max_attempts: Attempts = 3
    base: Duration = 500_000_000
    base_error: Duration | None = None
    multiplier: Number = Field(default=2.0, ge=1, le=10)
    cap: Duration = 8_000_000_000
    jitter: JitterText = Jitter()
    obey_retry_after: Flag = True
    jitter_retry_after: Flag = False
    give_up_above: Duration | None = None
    retry_on: tuple[Retryable, ...] = ("429", "500", "503", "529", "timeout", "connection")
    max_elapsed: Duration | None = Field(default=None, gt=0)
    budget: RetryBudget | None = None
    adaptive_rate: Flag = False


def _retry_form(value: Any) -> str:
    return tagged("name" if isinstance(value, str) else "policy")


def _retry_shape(value: Any) -> Any:
    if isinstance(value, (str, dict, RetryPolicy)):
        return value
    hint = "none, a preset as anthropic-sdk, or {max_attempts: 5, base: 1s}"
    raise BadUnit("not a retry policy", value=repr(value), hint=hint)


Retry = Annotated[
    Annotated[RetryPolicy, Tag(tagged("policy"))] | Annotated[str, Tag(tagged("name"))],
    Discriminator(_retry_form),
    BeforeValidator(_retry_shape),
]
"""A preset's name, ``none``, or a policy spelled out."""


class ClientRate(Strict):
    """The client's own token bucket: ``burst`` attempts at once, ``rate`` in the long run.

    Each attempt takes a token before it leaves; where none is left it waits its turn, in order. A
    burst that is not given equals the rate's whole period.
    """

    rate: PerTime
    burst: Count | None = Field(default=None, gt=0)

    @property
    def capacity(self) -> int:
        """Tokens that the bucket holds."""
        return max(1, int(self.rate.count)) if self.burst is None else self.burst


ClientRateText = Annotated[
    ClientRate,
    BeforeValidator(short("rate", (str, int, float), "rate limit", "60/min, or {rate: 60/min, burst: 10}")),
    also(text(RATE, "60/min")),
]
"""``60/min``, or ``{rate: 60/min, burst: 10}``."""


class Breaker(Strict):
    """A circuit breaker: after failures the client stops sending, then tries again with a few probes.

    It opens after ``failures`` in a row, or when ``failure_rate`` of the answers ``over`` the last time
    were failures, of at least ``min_calls``. For ``open`` nothing is sent: requests fail at once. Then
    ``probes`` attempts pass; if all are answered well it closes, if one fails it opens again. ``on``
    says which statuses are failures. It watches the models that workloads ask for, not a fallback.
    """

    failures: Whole | None = Field(default=None, ge=1, le=1_000_000)
    failure_rate: Share | None = Field(default=None, gt=0)
    over: Duration = Field(default=30_000_000_000, gt=0)
    min_calls: Whole = Field(default=20, ge=1, le=1_000_000)
    open: Duration = Field(default=30_000_000_000, gt=0)
    probes: Whole = Field(default=1, ge=1, le=1_000_000)
    on: tuple[Retryable, ...] = Field(default=("429", "500", "503", "529", "timeout", "connection"), min_length=1)

    @model_validator(mode="after")
    def _one_rule(self) -> Breaker:
        if (self.failures is None) == (self.failure_rate is None):
            found = "neither failures nor failure_rate is" if self.failures is None else "failures and failure_rate are"
            hint = "failures: 5 (in a row), or failure_rate: 50% with over and min_calls"
            raise BadUnit(f"a breaker opens by one rule, and {found} given", hint=hint)
        default = type(self).model_fields
        extra = {name for name in ("over", "min_calls") if getattr(self, name) != default[name].default}
        if self.failures is not None and extra:
            names = " and ".join(sorted(extra))
            raise BadUnit(f"{names} without failure_rate", hint="remove it, or count with failure_rate: 50%")
        return self


REASONS = ("budget", "circuit", *RETRYABLE)

Reason = Annotated[
    Literal["budget", "circuit", "429", "500", "503", "529", "400", "401", "403", "timeout", "connection"],
    BeforeValidator(lambda value: str(value) if isinstance(value, int) else value),
    WithJsonSchema({"enum": [*REASONS, *(int(name) for name in REASONS if name.isdigit())]}),
]
"""A status, ``timeout``, ``connection``, ``budget`` (a spend cap) or ``circuit`` (the breaker is open)."""


class Fallback(Strict):
    """Another model that takes over when the retry policy would stop, once, with a fresh set of attempts.

    ``on`` says after what: last statuses, ``circuit`` (the breaker is open), or ``budget``, which falls
    back at once, without trying the same again, whatever the status of the provider's style for it.
    """

    model: str
    on: tuple[Reason, ...] = Field(default=("budget", "429", "529"), min_length=1)


FallbackText = Annotated[
    Fallback,
    BeforeValidator(short("model", (str,), "fallback", "a model, or {model: deepseek-v3.2, on: [budget, 429, 529]}")),
    also({"type": "string"}),
]
"""A model, or ``{model: deepseek-v3.2, on: [budget, 429, 529]}``."""


class Hedge(Strict):
    """A second attempt for one that was admitted and is not answered ``after`` some time.

    The provider treats it like any other, but it waits in no queue for a slot. The first good answer
    wins; the client hangs up on the other attempt, which is billed like one that it abandoned.
    """

    after: Duration = Field(gt=0)


HedgeText = Annotated[
    Hedge,
    BeforeValidator(short("after", (str,), "hedge", "a time, as 5s, or {after: 5s}")),
    also(text(DURATION, "5s")),
]
"""``5s``, or ``{after: 5s}``."""


class Client(Strict):
    """How a team calls: a retry policy (a preset's name, ``none`` or spelled out) and its bounds.

    ``timeout`` bounds one attempt, ``deadline`` the whole request from its intended start.
    ``max_concurrent`` requests run at once, others queue in order, at most ``max_queue`` of them; more
    fail at once. ``rate_limit`` is a token bucket of the client's own, ``breaker`` a circuit breaker,
    ``fallback`` another model that takes over, ``hedge`` a second attempt when the first takes long.
    """

    retry: Retry = "anthropic-sdk"
    timeout: Duration = Field(default=600_000_000_000, gt=0)
    deadline: Duration | None = Field(default=None, gt=0)
    max_concurrent: Whole | None = Field(default=None, gt=0)
    max_queue: Whole | None = Field(default=None, ge=0)
    rate_limit: ClientRateText | None = None
    breaker: Breaker | None = None
    fallback: FallbackText | None = None
    hedge: HedgeText | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Client:
        if self.max_queue is not None and self.max_concurrent is None:
            raise BadUnit(
                "max_queue without max_concurrent", hint="write max_concurrent: 100 beside it: nothing else queues"
            )
        if self.fallback is not None and "circuit" in self.fallback.on and self.breaker is None:
            raise BadUnit(
                "a fallback on circuit without a breaker", hint="add breaker: {failures: 5}, or remove circuit"
            )
        return self
