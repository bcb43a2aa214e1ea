"""Configurations as a scenario writes them: limits, caps, and arrangements of keys.

A configuration is either one line of the isolation ladder (:class:`Ladder`) or spelled out
(:class:`SpelledOut`); :mod:`sim.scenario.topology` turns both into the same thing.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    PlainSerializer,
    Tag,
    WithJsonSchema,
    model_validator,
)

from sim import units
from sim.errors import BadUnit
from sim.scenario.base import (
    NUMBER,
    RATE,
    AlsoListed,
    Count,
    Flag,
    Label,
    PerTime,
    Ratio,
    Share,
    Strict,
    also,
    listed,
    short,
    tagged,
    text,
)
from sim.scenario.clients import Client

Rung = Literal["shared", "keys", "projects", "gateway", "accounts"]
DIMENSIONS = ("requests", "input_tokens", "output_tokens", "tokens")


class RateLimit(Strict):
    """A rate with a capacity of its own; ``burst`` is the most that passes at one instant."""

    rate: PerTime
    burst: Count | None = Field(default=None, gt=0)


RateText = Annotated[
    RateLimit,
    BeforeValidator(short("rate", (str, int, float), "rate", "60/min, or {rate: 60/min, burst: 10}")),
    also(text(RATE, "60/min")),
]
"""``60/min``, or ``{rate: 60/min, burst: 10}``."""


class Limits(Strict):
    """One set of limits of a level. All given dimensions must agree to let a request in.

    ``burst`` is short for the burst of ``requests``; a burst that is not given equals the limit's
    whole period. ``window`` says when a fixed window starts: on the calendar minute, or with the
    first request. ``charge_rejected``: a refused attempt counts too (OpenAI). ``charge_output``:
    output tokens are charged when ``produced``, or ``reserved`` from max_tokens and settled.
    ``count_cached_input``: cache reads count as input. ``models``: only these models are limited.
    """

    requests: RateText | None = None
    burst: Count | None = Field(default=None, gt=0)
    input_tokens: RateText | None = None
    output_tokens: RateText | None = None
    tokens: RateText | None = None
    concurrency: Count | None = Field(default=None, gt=0)
    algorithm: Literal["token_bucket", "fixed_window", "sliding_window"] = "token_bucket"
    window: Literal["calendar", "first_use"] = "calendar"
    charge_rejected: Flag = False
    charge_output: Literal["produced", "reserved"] = "produced"
    count_cached_input: Flag = False
    models: tuple[str, ...] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Limits:
        rates = [name for name in DIMENSIONS if getattr(self, name) is not None]
        if not rates and self.concurrency is None:
            raise BadUnit("limits limit nothing", hint=f"give at least one of {', '.join(DIMENSIONS)}, concurrency")
        if self.burst is not None and self.requests is None:
            raise BadUnit("burst without requests", hint="write {requests: 60/min, burst: 10}")
        if self.burst is not None and self.requests is not None and self.requests.burst is not None:
            raise BadUnit("burst is given twice: beside requests and inside it", hint="keep one of the two")
        if self.algorithm != "token_bucket" and self._any_burst(rates):
            raise BadUnit(f"burst has no meaning for {self.algorithm}", hint="remove burst, or use token_bucket")
        return self

    def _any_burst(self, rates: list[str]) -> bool:
        return self.burst is not None or any(getattr(self, name).burst is not None for name in rates)


LimitList = Annotated[tuple[Limits, ...], BeforeValidator(listed), AlsoListed()]
"""One set of limits, or a list of sets that all hold."""


_MONEY_RATE = rf"^\s*(\$|USD\s)\s*{NUMBER}\s*[kKMG]?\s*/\s*[a-z]+\s*$"
MAX_SPEND = 10**9 * units.MICRO


def _spend(value: Any) -> Any:
    amount = value if isinstance(value, units.MoneyRate) else units.money_rate(value)
    if 0 < amount.micro_usd <= MAX_SPEND:
        return amount
    raise BadUnit("not a spend cap", value=repr(value), hint="from above $0 to $1G")


MoneyPerTime = Annotated[
    units.MoneyRate,
    BeforeValidator(_spend),
    PlainSerializer(str),
    WithJsonSchema(text(_MONEY_RATE, "$1000/month")),
]
"""A :class:`sim.units.MoneyRate`, written as ``$1000/month``."""


def _alert(share: Fraction) -> Fraction:
    if share == 0:
        raise BadUnit(
            "an alert at nothing", value="0", hint="a share of the amount above 0, as 80%; alerts: [] is none"
        )
    return share


class SpendCap(Strict):
    """The most that may be spent in each window of ``amount``'s period.

    ``postpaid`` books spend when a request ends, so concurrent requests overshoot; ``reserve``
    holds an estimate first and settles it. ``alerts`` are shares of the amount. ``models``: only
    these models count and are refused; others pass, so that a client can fall back to them.
    """

    amount: MoneyPerTime
    mode: Literal["postpaid", "reserve"] = "postpaid"
    alerts: tuple[Annotated[Share, AfterValidator(_alert)], ...] = (Fraction(4, 5),)
    models: tuple[str, ...] | None = Field(default=None, min_length=1)


CapText = Annotated[
    SpendCap,
    BeforeValidator(
        short("amount", (str, int, float), "spend cap", "$1000/month, or {amount: $1000/month, mode: reserve}")
    ),
    also(text(_MONEY_RATE, "$1000/month")),
]
"""``$1000/month``, or ``{amount: $1000/month, mode: reserve}``."""


class ContentPolicy(Strict):
    """Which categories of content a project may send: none that breaks the policy, or those ``allowed``."""

    mode: Literal["strict", "relaxed"] = "relaxed"
    allowed: tuple[Label, ...] = ()

    @model_validator(mode="after")
    def _says_what(self) -> ContentPolicy:
        if (self.mode == "relaxed") != bool(self.allowed):
            hint = "write {mode: relaxed, allowed: [security]}, or leave it out"
            raise BadUnit(f"a {self.mode} policy allows {'nothing' if not self.allowed else 'something'}", hint=hint)
        return self


def _cap_list(value: Any) -> Any:
    """One cap is short for a list of one; ``none`` (or nothing) is no cap."""
    if value is None or value == "none":
        return []
    return value if isinstance(value, (list, tuple)) else [value]


def _different(caps: tuple[SpendCap, ...]) -> tuple[SpendCap, ...]:
    seen: set[tuple[units.MoneyRate, tuple[str, ...] | None]] = set()
    for cap in caps:
        said = cap.amount, cap.models
        if said in seen:
            raise BadUnit("the same spend cap twice", value=str(cap.amount), hint="keep one of the two")
        seen.add(said)
    return caps


CapList = Annotated[
    tuple[CapText, ...], BeforeValidator(_cap_list), AfterValidator(_different), AlsoListed(), also({"const": "none"})
]
"""One cap, a list of caps that all hold (by the hour, the day and the month), or ``none``."""


class Level(Strict):
    """What an account, a project and a key may each have."""

    limits: LimitList = ()
    spend_cap: CapList = ()
    models: tuple[str, ...] | None = None


def _either(level: str, other: str, teams: object) -> BadUnit:
    """The refusal of a level that says both who uses it and what it is made of, or neither."""
    said = f"neither teams nor {other}" if teams is None else f"both teams and {other}"
    hint = f"give teams: [..] (one key for them all) or {other}: {{name: {{..}}}}, not both"
    return BadUnit(f"the {level} has {said}", hint=hint)


class Key(Level):
    """A credential; the teams that use it."""

    teams: tuple[str, ...] = Field(min_length=1)


class Project(Level):
    """A workspace. Either ``teams`` (one key for them all) or ``keys`` by name.

    ``content_policy`` allows categories of content that faults of ``policy_violations`` send.
    """

    content_policy: ContentPolicy | None = None

    teams: tuple[str, ...] | None = Field(default=None, min_length=1)
    keys: dict[Label, Key] | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _one_way(self) -> Project:
        if (self.teams is None) == (self.keys is None):
            raise _either("project", "keys", self.teams)
        return self


class Account(Level):
    """What a provider limits and bans as a whole. Either ``projects`` by name or ``teams``.

    ``gateway``: the projects and keys are a gateway's own; the provider sees, and bans, this account only.
    """

    gateway: Flag = False

    projects: dict[Label, Project] | None = Field(default=None, min_length=1)
    teams: tuple[str, ...] | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _one_way(self) -> Account:
        if (self.teams is None) == (self.projects is None):
            raise _either("account", "projects", self.teams)
        return self


def _stated(client: Client | None) -> dict[str, Any] | None:
    return None if client is None else client.model_dump(mode="json", by_alias=True, exclude_unset=True)


ClientPatch = Annotated[Client | None, PlainSerializer(_stated)]
"""What a configuration changes of every team's client: the fields that it states, and no others."""


class SpelledOut(Strict):
    """A configuration account by account.

    ``client`` changes every team's client, to compare policies: the fields that it states. What it
    does not state stays each team's own; ``retry`` is replaced as a whole.
    """

    accounts: dict[Label, Account] = Field(min_length=1)
    client: ClientPatch = None


def _split_shape(value: Any) -> Any:
    if value in ("equal", "by-traffic") or isinstance(value, dict):
        return value
    hint = "equal, by-traffic, or shares as {checkout: 60%, analytics: 40%}"
    raise BadUnit("not a split", value=repr(value), hint=hint)


Split = Annotated[
    Annotated[Literal["equal", "by-traffic"], Tag(tagged("rule"))] | Annotated[dict[str, Share], Tag(tagged("shares"))],
    Discriminator(lambda value: tagged("shares" if isinstance(value, dict) else "rule")),
    BeforeValidator(_split_shape),
]
"""How a total is divided among teams: ``equal``, ``by-traffic``, or shares by team."""


class Ladder(Strict):
    """A configuration as one rung of the isolation ladder.

    ``shared``, ``keys``, ``projects`` and ``gateway`` have ``limits`` as the fixed total of one
    account. ``projects`` and ``gateway`` split it among teams: ``equal``, ``by-traffic``, or
    shares by team; ``overcommit`` multiplies the parts (not the total). ``accounts`` gives each
    team the whole of ``limits`` unless ``split`` is written. ``spend_cap`` is the total's,
    ``project_spend_cap`` each team's own. ``content_policy`` allows a team's project some content.
    ``client`` changes every team's client, to compare policies: the fields that it states, as
    ``{retry: none}``; timeouts and what else it leaves out stay the teams'.
    """

    isolation: Rung
    limits: LimitList = ()
    split: Split | None = None
    overcommit: Ratio = Field(default=Fraction(1), ge=1, le=100)
    spend_cap: CapList = ()
    project_spend_cap: CapList = ()
    content_policy: dict[str, ContentPolicy] = Field(default_factory=dict)
    client: ClientPatch = None

    @model_validator(mode="after")
    def _fits_rung(self) -> Ladder:
        splits = self.isolation in ("projects", "gateway", "accounts")
        if not splits and (self.split is not None or self.overcommit != 1):
            hint = "remove split and overcommit, or use projects, gateway or accounts"
            raise BadUnit(f"{self.isolation} has nothing to split", hint=hint)
        if not splits and self.project_spend_cap:
            raise BadUnit(
                f"project_spend_cap has no meaning for {self.isolation}, which has one project", hint="write spend_cap"
            )
        if not splits and self.content_policy:
            hint = "use projects, gateway or accounts"
            raise BadUnit(f"{self.isolation} has one project, whose policy is everybody's", hint=hint)
        if isinstance(self.split, dict) and sum(self.split.values()) > 1:
            total = f"{float(sum(self.split.values())):.4g}"
            raise BadUnit(
                "the shares in split sum to more than 1", value=total, hint="lower them, or use overcommit: 1.5"
            )
        return self


def _form(value: Any) -> str:
    has_accounts = "accounts" in value if isinstance(value, dict) else isinstance(value, SpelledOut)
    return tagged("spelled" if has_accounts else "ladder")


Configuration = Annotated[
    Annotated[Ladder, Tag(tagged("ladder"))] | Annotated[SpelledOut, Tag(tagged("spelled"))], Discriminator(_form)
]
