"""A limit of any algorithm behind three verbs: wait, take, give back; and a key that asks them all.

A request is admitted by every limit of its key or by none. ``ask`` is what must be free,
``amount`` what is taken: output that is charged when produced asks for one token and takes none,
so a bucket in debt refuses. Corrections at the end charge more now, or give back where it was
charged: what a window no longer counts can't come back to it, or a window could let pass more
than its limit.

Accepted in any time T: at most rT + B for a token bucket of capacity B; a fixed window lets twice
its limit pass around a boundary (B = 2 × limit); a sliding window B = 1 × limit. A fixed window
from first use starts with what it lets in, not with what it is asked.

A fault cuts a limit by a lower row beside it, asked before it; both must agree. A cut window or
concurrency reads the count of the limit that it cuts; a cut bucket is one of its own, which starts
with what the other held.
"""

from __future__ import annotations

from typing import Any

from sim.policy.bucket import NEVER, credits, refilled, wait
from sim.policy.tables import Ask, LimitMemory, LimitRule, Memory, Rules
from sim.policy.window import CELLS, roll, sliding_wait

TOKEN_BUCKET, FIXED_CALENDAR, FIXED_FIRST_USE, SLIDING, CONCURRENCY = 0, 1, 2, 3, 4
REQUESTS, INPUT, OUTPUT, TOKENS, IN_FLIGHT = 0, 1, 2, 3, 4
UNKNOWN = -1
"""A refusal whose end nobody can tell: a concurrency limit."""
SECOND_NS = 1_000_000_000
DEEPEST = -(1 << 61)
"""The deepest debt of a bucket, in credits: deeper ones would leave int64 when they are added up."""


def advance(rule: LimitRule, memory: LimitMemory, cells: Any, now: int) -> None:
    """Bring a limit's memory to ``now``: refill a bucket, leave expired windows and cells."""
    algorithm = rule.algorithm
    if algorithm == TOKEN_BUCKET:
        memory.level = refilled(memory.level, memory.stamp, now, rule.rate, rule.cap)
        memory.stamp = now
    elif algorithm == FIXED_CALENDAR:
        start = now - now % rule.window
        if start != memory.stamp:
            memory.stamp = start
            memory.level = 0
    elif algorithm == FIXED_FIRST_USE:
        if now - memory.stamp >= rule.window:
            memory.level = 0
    elif algorithm == SLIDING:
        index = now // rule.window
        if index > memory.stamp:
            memory.level -= roll(cells, rule.cells, CELLS + 1, memory.stamp, index)
            memory.stamp = index


def limit_wait(rule: LimitRule, memory: LimitMemory, cells: Any, ask: int, now: int) -> int:
    """How long until ``ask`` fits: 0 now, NEVER, or UNKNOWN for concurrency. Advances the memory."""
    advance(rule, memory, cells, now)
    algorithm = rule.algorithm
    if algorithm == TOKEN_BUCKET:
        return wait(memory.level, credits(ask, rule.unit), rule.rate, rule.cap)
    if algorithm == CONCURRENCY:
        return 0 if memory.level + ask <= rule.cap else UNKNOWN
    if ask > rule.cap:
        return NEVER
    if algorithm == SLIDING:
        return sliding_wait(cells, rule.cells, memory.level, ask, rule.cap, now, rule.window)
    return 0 if memory.level + ask <= rule.cap else memory.stamp + rule.window - now


def take(rule: LimitRule, memory: LimitMemory, cells: Any, amount: int, now: int) -> None:
    """Charge ``amount`` (negative gives back). May leave a bucket in debt, a count over its cap."""
    advance(rule, memory, cells, now)
    algorithm = rule.algorithm
    if algorithm == TOKEN_BUCKET:
        memory.level = min(rule.cap, max(DEEPEST, memory.level - credits(amount, rule.unit)))
        return
    if algorithm == FIXED_FIRST_USE and amount > 0 and now - memory.stamp >= rule.window:
        memory.stamp = now
    if algorithm == SLIDING:
        cells[rule.cells + now // rule.window % (CELLS + 1)] += amount
        memory.level += amount
        return
    memory.level = max(0, memory.level + amount)


def correct(rule: LimitRule, memory: LimitMemory, cells: Any, change: int, since: int, now: int) -> None:
    """Correct by ``change`` what was charged at ``since``: more is charged now, less is given back.

    A window gets back only what it still counts, where it counts it.
    """
    algorithm = rule.algorithm
    if change >= 0 or algorithm == TOKEN_BUCKET or algorithm == CONCURRENCY:
        take(rule, memory, cells, change, now)
        return
    advance(rule, memory, cells, now)
    if algorithm == SLIDING:
        index = since // rule.window
        if memory.stamp - index <= CELLS:
            cells[rule.cells + index % (CELLS + 1)] += change
            memory.level += change
    elif since >= memory.stamp:
        memory.level = max(0, memory.level + change)


def charge_refusal(rule: LimitRule, memory: LimitMemory, cells: Any, now: int) -> None:
    """Charge one refused request to a limit that counts them; a bucket stops at empty."""
    advance(rule, memory, cells, now)
    if rule.algorithm == TOKEN_BUCKET:
        memory.level -= min(max(0, memory.level), rule.unit)
    elif memory.level < rule.cap:
        take(rule, memory, cells, 1, now)


def amount_of(rule: LimitRule, uncached: int, total: int, output: int) -> int:
    """What a request weighs in this limit's dimension, given its input and its output tokens."""
    dimension = rule.dimension
    if dimension == REQUESTS or dimension == IN_FLIGHT:
        return 1
    counted = total if rule.cached == 1 else uncached
    if dimension == INPUT:
        return counted
    if dimension == OUTPUT:
        return output
    return counted + output


def charged_at_start(rule: LimitRule, ask: Ask) -> int:
    """What an attempt is charged when it is admitted."""
    return amount_of(rule, ask.est_uncached, ask.est_total, ask.max_tokens if rule.reserve == 1 else 0)


def applies(rule: LimitRule, model: int, at: int) -> bool:
    """Whether this limit looks at attempts for this model that start at ``at``."""
    return (rule.models >> model) & 1 == 1 and rule.start <= at and at < rule.end


def memory_of(rules: Rules, memory: Memory, row: int, now: int) -> LimitMemory:
    """What a limit remembers; a cut bucket starts here, when it is first asked in its time."""
    rule = rules.limits[row]
    if rule.cut_of >= 0:
        if rule.algorithm != TOKEN_BUCKET:
            shared: LimitMemory = memory.limits[rule.cut_of]
            return shared
        if memory.limits[row].stamp < rule.start and rule.start <= now:
            whole = rules.limits[rule.cut_of]
            had = memory.limits[rule.cut_of]
            level = refilled(had.level, had.stamp, rule.start, whole.rate, whole.cap)
            memory.limits[row].level = converted(level, whole.unit, rule.unit, rule.cap)
            memory.limits[row].stamp = rule.start
    own: LimitMemory = memory.limits[row]
    return own


def remembers(rule: LimitRule) -> bool:
    """Whether a limit counts for itself: a cut window or concurrency does not."""
    return rule.cut_of < 0 or rule.algorithm == TOKEN_BUCKET


def converted(level: int, unit: int, other: int, cap: int) -> int:
    """Credits of ``unit`` a token as credits of ``other``, at most ``cap``; exact for a share of a rate."""
    common, rest = unit, other
    while rest > 0:
        common, rest = rest, common % rest
    down, up = unit // common, other // common
    while down >= 1 << 31 or up >= 1 << 31:  # no share has so many digits; then to nine of them
        down, up = (down >> 1) + 1, up >> 1
    if level // down >= cap // up:
        return cap
    return max(level // down, DEEPEST // up) * up + level % down * up // down


def key_wait(rules: Rules, memory: Memory, ask: Ask, now: int) -> tuple[int, int]:
    """Ask every limit of a key: (-1, 0) admitted, or the row that refuses longest and its wait."""
    worst = -1
    longest = 0
    for at in range(rules.keys[ask.key].first_limit, rules.keys[ask.key].last_limit):
        row = rules.limit_rows[at]
        rule = rules.limits[row]
        if applies(rule, ask.model, now):
            need = max(1, charged_at_start(rule, ask))
            ns = limit_wait(rule, memory_of(rules, memory, row, now), memory.cells, need, now)
            if rule.end < NEVER:  # a limit that a fault cut is gone when the fault is
                ns = min(ns, rule.end - now)
            if ns != 0 and (worst < 0 or ns > longest):
                worst = row
                longest = ns
    return worst, longest


def key_take(rules: Rules, memory: Memory, ask: Ask, now: int) -> None:
    """Charge an admitted attempt to every limit of its key."""
    for at in range(rules.keys[ask.key].first_limit, rules.keys[ask.key].last_limit):
        row = rules.limit_rows[at]
        rule = rules.limits[row]
        if remembers(rule) and applies(rule, ask.model, now):
            take(rule, memory_of(rules, memory, row, now), memory.cells, charged_at_start(rule, ask), now)


def key_settle(
    rules: Rules, memory: Memory, ask: Ask, uncached: int, total: int, output: int, since: int, now: int
) -> None:
    """At the end of an attempt admitted at ``since``: true input, produced output, a free place.

    A cut bucket is corrected if it holds now: what was admitted before is in it from its start.
    """
    for at in range(rules.keys[ask.key].first_limit, rules.keys[ask.key].last_limit):
        row = rules.limit_rows[at]
        rule = rules.limits[row]
        held = since if rule.cut_of < 0 else now
        if rule.dimension == REQUESTS or not remembers(rule) or not applies(rule, ask.model, held):
            continue
        change = -1
        if rule.dimension != IN_FLIGHT:
            change = amount_of(rule, uncached, total, output) - charged_at_start(rule, ask)
        correct(rule, memory_of(rules, memory, row, now), memory.cells, change, since, now)


def key_refused(rules: Rules, memory: Memory, ask: Ask, now: int) -> int:
    """Charge a refused attempt where refused attempts count; how many limits did."""
    charged = 0
    for at in range(rules.keys[ask.key].first_limit, rules.keys[ask.key].last_limit):
        row = rules.limit_rows[at]
        rule = rules.limits[row]
        counts = rule.charge_rejected == 1 and rule.dimension == REQUESTS and remembers(rule)
        if counts and applies(rule, ask.model, now):
            charge_refusal(rule, memory_of(rules, memory, row, now), memory.cells, now)
            charged += 1
    return charged


def retry_after(ns: int) -> int:
    """A wait as the ``retry-after`` header says it: whole seconds rounded up, in ns; -1 for none."""
    if ns < 0 or ns >= NEVER:
        return -1
    return -(-ns // SECOND_NS) * SECOND_NS


def fresh_limit(rule: LimitRule) -> LimitMemory:
    """The memory before anything happened: a full bucket, an empty window."""
    full = rule.cap if rule.algorithm == TOKEN_BUCKET else 0
    return LimitMemory(full, -NEVER if rule.algorithm == FIXED_FIRST_USE else 0)
