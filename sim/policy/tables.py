"""The rules that policy functions read and the memories that they write: one record a thing.

All fields are integers, so a table is a list of these records in the interpreted engines and a
numpy structured array with the same field names in the compiled one (``limits[row].rate`` reads
the same in both). Rules never change during a run, memories do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple


class LimitRule(NamedTuple):
    """One limit. A unit (request, token) is ``unit`` credits, refill is ``rate`` credits a ns."""

    algorithm: int
    """TOKEN_BUCKET, FIXED_CALENDAR, FIXED_FIRST_USE, SLIDING or CONCURRENCY (policy.limits)."""
    dimension: int
    """REQUESTS, INPUT, OUTPUT, TOKENS or IN_FLIGHT (policy.limits)."""
    rate: int
    unit: int
    cap: int
    """Capacity: credits for a bucket, plain counts for the others."""
    window: int
    """Nanoseconds: the window, or the width of a sliding window's cell."""
    cells: int
    """Where a sliding window's cells start among all cells."""
    charge_rejected: int
    reserve: int
    """1: output is charged from max_tokens at the start and settled at the end."""
    cached: int
    """1: cached input counts."""
    models: int
    """Bit mask of the models that are limited."""
    start: int = 0
    end: int = 1 << 62
    """The limit holds from ``start`` (included) to ``end`` (excluded): one that a fault cuts, for a while."""
    cut_of: int = -1
    """The row of the limit that a fault cuts by this one; -1 for a limit of its own."""


@dataclass(slots=True)
class LimitMemory:
    """Credits or a count, and the time (or cell number) that it is of."""

    level: int = 0
    stamp: int = 0


class KeyRule(NamedTuple):
    """A key: which limits and caps it meets (slices of the row lists), which models it may use."""

    first_limit: int
    last_limit: int
    first_cap: int
    last_cap: int
    allowed: int
    relaxed: int = 0
    """Bit mask of the categories of content that are no violation here."""
    ban: int = 0
    """Where the key's own ban is among all bans; its project's and account's follow in the next two."""
    ban_project: int = 0
    ban_account: int = 0


NO_ALERT = 1 << 62
"""A spend that no cap reaches."""


class CapRule(NamedTuple):
    """A spend cap in micro-dollars a window of ``period`` ns; ``reserve`` 1 holds an estimate first."""

    cap: int
    period: int
    reserve: int
    models: int
    """Bit mask of the models that count and are refused."""
    alert: int
    """The spend of the first alert, micro-dollars; NO_ALERT for none."""


@dataclass(slots=True)
class CapMemory:
    """Spent in window number ``window``, and held by requests under way (micro-dollars)."""

    window: int = 0
    spent: int = 0
    held: int = 0
    alerted_at: int = -1
    """When the window's spend reached the first alert, ns; -1 not yet."""


class ClientRule(NamedTuple):
    """A retry policy, see :class:`sim.scenario.clients.RetryPolicy`. Times in ns; -1 is none."""

    max_attempts: int
    throttle: int
    """Where the delays before retry 0, 1, … after a 429 start among all delays (STEPS entries)."""
    error: int
    """The same after anything else."""
    cap: int
    low: int
    """Jitter's lower factor in units of 2^-28."""
    span: int
    """Upper minus lower factor, in the same units."""
    add: int
    decorrelated: int
    obey: int
    jitter_after: int
    give_up_above: int
    retryable: int
    """Bit mask of status classes (policy.backoff)."""
    max_elapsed: int
    timeout: int
    deadline: int
    max_concurrent: int
    budget: int
    """NO_BUDGET, QUOTA, THROTTLE, CONCURRENT or DEPOSIT (policy.retry_budget)."""
    budget_cap: int
    budget_a: int
    budget_b: int
    cells: int
    """Where the cells of the budget and the breaker start among all clients' cells."""
    max_queue: int = -1
    guards: int = 0
    """Bits of what an attempt must pass before it leaves: PACED, ADAPTIVE, BREAKS (below)."""
    pace_rate: int = 0
    """The client's own token bucket in credits a ns, as a :class:`LimitRule`; 0 for none."""
    pace_unit: int = 1
    pace_cap: int = 0
    trip_count: int = 0
    """Failures in a row that open the breaker; 0: a share of them does (policy.breaker)."""
    trip_share: int = 0
    trip_calls: int = 0
    trip_slice: int = 0
    trip_on: int = 0
    """Bit mask of the status classes that are failures."""
    open_ns: int = 0
    probes: int = 1
    fallback: int = -1
    """The model that takes over; -1 for none."""
    fallback_on: int = 0
    """Bit mask of status classes, BUDGET and CIRCUIT (policy.backoff)."""
    hedge_after: int = -1


PACED, ADAPTIVE, BREAKS = 1, 2, 4


@dataclass(slots=True)
class ClientMemory:
    """What a client remembers.

    Requests and retries under way, the retry budget, and the queue (length, first and last; -1
    empty). Then its token bucket, its adaptive rate (policy.pacing) and its breaker (policy.breaker).
    """

    active: int = 0
    retrying: int = 0
    level: int = 0
    stamp: int = 0
    waiting: int = 0
    head: int = -1
    tail: int = -1
    pace_level: int = 0
    pace_stamp: int = 0
    limited: int = 0
    """1 from the first 429 on: the adaptive rate holds."""
    fill_rate: int = 0
    fill_cap: int = 0
    fill_level: int = 0
    fill_stamp: int = 0
    answers: int = 0
    half: int = 0
    measured: int = 0
    peak: int = 0
    middle: int = 0
    braked: int = 0
    circuit: int = 0
    era: int = 0
    opens_until: int = 0
    probing: int = 0
    calls: int = 0
    failures: int = 0
    slice: int = 0


class EffectRule(NamedTuple):
    """A fault's effect; a scope of -1 means everybody, -2 nobody. What a kind does not use is 0 or -1."""

    start: int
    end: int
    kind: int
    status: int
    chance: int
    """Probability in units of 2^-32."""
    retry_after: int
    team: int
    model: int
    account: int
    project: int
    key: int
    origin: int = -1
    """Only requests of this origin (results.columns.ORIGINS)."""
    least: int = 0
    """It hits where the draw lies in [least, least + chance): effects that share a draw exclude each other."""
    luck: int = 0
    """The purpose of its draw (sim.draws)."""
    first: int = -1
    """It stops after so many hits; -1 never."""
    before: int = -1
    """Only attempts with a smaller number; -1 all."""
    factor: int = 0
    """SLOW: answer times are multiplied by so many 2^-16, -1 no answer; SLOTS: the share that is left, in 2^-32."""
    category: int = 0
    """VIOLATE: the number of the content's category."""
    ban: int = -1
    """VIOLATE: what is banned: 0 the key, 1 its project, 2 its account, -1 nothing."""
    threshold: int = 1
    within: int = 0
    """VIOLATE: so many violations within so many ns of the first one ban."""
    lasts: int = 0
    """VIOLATE: for how long, ns."""


@dataclass(slots=True)
class EffectMemory:
    """How often an effect that stops by itself has hit."""

    hits: int = 0


@dataclass(slots=True)
class BanMemory:
    """A key, project or account: banned until when, and its violations since the first that counts."""

    until: int = 0
    count: int = 0
    since: int = 0


class ModelRule(NamedTuple):
    """Slots (-1 no bound) and places in their queue."""

    slots: int
    queue: int


class PriceRule(NamedTuple):
    """Prices of a model in micro-dollars per million tokens, for attempts that start in [start, end)."""

    model: int
    start: int
    end: int
    input: int
    cached: int
    output: int


@dataclass(slots=True)
class ModelMemory:
    """Slots in use, and the queue for them (length, first and last; -1 empty)."""

    busy: int = 0
    waiting: int = 0
    head: int = -1
    tail: int = -1


class Provider(NamedTuple):
    """Numbers of the provider, and where codes of refusers start (policy.admission)."""

    round_trip: int
    bill_abandoned: int
    budget_status: int
    cap_code: int
    slot_code: int
    effect_code: int
    access_code: int
    ban_code: int = 0
    """Of a banned key; a banned project and a banned account follow."""


class Ask(NamedTuple):
    """What one attempt asks for: who and where, what it weighs, and the key of its luck."""

    key: int
    team: int
    account: int
    project: int
    model: int
    est_uncached: int
    est_total: int
    max_tokens: int
    hold: int
    """The most that it can cost, micro-dollars."""
    draw_key: int
    attempt: int
    origin: int
    """Where the request comes from (results.columns.ORIGINS)."""


class Rules(NamedTuple):
    """All rules that decide about an attempt. ``*_rows`` list row numbers, keys own slices of them."""

    limits: Any
    limit_rows: Any
    caps: Any
    cap_rows: Any
    keys: Any
    effects: Any
    """By kind."""
    kinds: Any
    """Where each kind of effect starts among ``effects``, and after the last kind their number."""
    models: Any
    prices: Any
    """A row a model, in their order, then what price changes put in their place, later changes first."""
    provider: Provider


class Memory(NamedTuple):
    """All memory that decides about an attempt."""

    limits: Any
    cells: Any
    caps: Any
    effects: Any
    bans: Any
