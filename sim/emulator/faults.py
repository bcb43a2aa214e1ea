"""Faults that are injected while the server runs.

Two kinds. Those of a scenario's ``chaos``, and ``refuse``, go beside the scenario's own and are
decided by the policy (:mod:`sim.policy.faults`). The others act on the wire after an attempt was
admitted, where only a real connection can: resets at a chosen place, half-sent bodies, freezes,
drips. They are matched by the policy's own functions: window, scope, and the luck of the request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

from pydantic import Field, ValidationError

from sim.chaos.base import Effect, EffectKind, Fault, Scope
from sim.chaos.catalogue import FaultEntry
from sim.draws import FAULT, LUCKS
from sim.emulator.decisions import Decisions, fault_number
from sim.engine.fault_tables import Places
from sim.engine.world import Setting
from sim.errors import BadInput
from sim.policy.faults import SURE, active, hits, in_scope
from sim.policy.tables import Ask, EffectMemory, EffectRule
from sim.scenario.base import Duration, OneOf, Share, Strict, Whole
from sim.scenario.schema import MAX_FAULTS, Scenario
from sim.units import SECOND

FOREVER = 1 << 61
MOST = 48
"""Injected faults at once; with a scenario's own they have luck of their own (sim.draws)."""
SCOPES = ("team", "model", "account", "project", "key")


class Injected(Strict):
    """What every fault of this module says: for how long (until it is stopped by default), how often, on whom.

    ``count`` ends it after so many hits: ``{"refuse": {"status": 429, "count": 2}}`` fails the next two.
    """

    for_: Duration | None = Field(default=None, alias="for", gt=0)
    count: Whole | None = Field(default=None, ge=1)
    probability: Share = Fraction(1)
    team: str | None = None
    model: str | None = None
    account: str | None = None
    project: str | None = None
    key: str | None = None


class Refuse(Injected):
    """Answer with a status.

    ``retry_after_as`` says how the header is written, ``should_retry`` adds ``x-should-retry``.
    """

    status: Literal[400, 401, 402, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 504, 529] = 503
    retry_after: Duration | None = None
    retry_after_as: Literal["seconds", "ms", "date"] = "seconds"
    should_retry: bool | None = None
    error_code: str | None = Field(default=None, max_length=80)


class Reset(Injected):
    """Reset the connection (RST): before the first byte, or in a stream after some tokens."""

    after_tokens: Whole = Field(default=0, ge=0)


class HalfBody(Injected):
    """Send a part of the answer, promise the rest, and close."""

    part: Share = Fraction(1, 2)


class Freeze(Injected):
    """Send nothing more after some tokens while the fault lasts; the answer goes on when it ends."""

    after_tokens: Whole = Field(default=0, ge=0)


class Drip(Injected):
    """Send the answer a few bytes at a time."""

    size: Whole = Field(default=32, ge=1)
    gap: Duration = SECOND // 10


class BreakStream(Injected):
    """Break a stream after some tokens with an ``error`` event, after the 200."""

    after_tokens: Whole = Field(default=1, ge=0)


class Injection(OneOf):
    """One fault of this module by its name."""

    refuse: Refuse | None = None
    reset: Reset | None = None
    half_body: HalfBody | None = None
    freeze: Freeze | None = None
    drip: Drip | None = None
    break_stream: BreakStream | None = None


class _Refusing(Fault):
    """A refusal as a fault of a scenario."""

    effect: Effect

    def effects(self, scenario: Scenario) -> Sequence[Effect]:
        """The one effect."""
        return (self.effect,)


@dataclass(frozen=True)
class Entry:
    """What stands among a scenario's ``chaos``."""

    fault: Fault


@dataclass
class Active:
    """A fault that was injected: among the scenario's (``entry``), or on the wire (``effect``)."""

    number: int
    kind: str
    said: Mapping[str, Any]
    spec: Injected
    start: int
    end: int
    entry: Entry | None = None
    effect: EffectRule | None = None
    memories: list[EffectMemory] = field(default_factory=lambda: [EffectMemory()])
    seen: int = 0
    """How many attempts it refused or met."""


Settings = Callable[[Sequence[Any]], Setting]
"""The rules of the configuration for a scenario's ``chaos``."""


class Faults:
    """All injected faults of a server."""

    OWN = tuple(Injection.model_fields)

    def __init__(self, decisions: Decisions, scenario: Scenario, settings: Settings, places: Places) -> None:
        self._decisions, self._scenario, self._settings, self._places = decisions, scenario, settings, places
        self._serial = 0
        self.active: list[Active] = []
        self.wired: list[Active] = []
        """Those that act on the wire."""
        self.on_change: Callable[[], None] = lambda: None

    def inject(self, said: Mapping[str, Any], now: int) -> Active:
        """Begin a fault, written as ``{"refuse": {"status": 503, "for": "1m"}}`` or as in a scenario's ``chaos``.

        Raises BadInput.
        """
        if len(said) != 1 or not isinstance(next(iter(said.values())), Mapping):
            raise _bad("one fault by its name, with what it says", repr(sorted(said)), _EXAMPLE)
        if len(self.active) >= MOST:
            raise _bad("too many faults at once", str(MOST), "stop some of them")
        kind, fields = next(iter(said.items()))
        self._check_names(fields)
        added = self._own(kind, fields, now) if kind in self.OWN else self._of_scenario(kind, fields, now)
        self._serial += 1
        self.active.append(added)
        self._apply()
        return added

    def _own(self, kind: str, fields: Mapping[str, Any], now: int) -> Active:
        spec: Injected = _validated(Injection, {kind: fields}).spec
        end = now + (FOREVER if spec.for_ is None else spec.for_)
        made = Active(self._serial + 1, kind, dict(fields), spec, now, end)
        if isinstance(spec, Refuse):
            made.entry = Entry(_Refusing.model_construct(at=now, effect=_refusal(spec, now, end)))
        else:
            team, model, account, project, key = self._scope(spec)
            luck = FAULT + LUCKS * (MAX_FAULTS + MOST + self._serial % 24)
            chance = int(spec.probability * SURE)
            made.effect = EffectRule(now, end, -1, 0, chance, -1, team, model, account, project, key, luck=luck)
        return made

    def _of_scenario(self, kind: str, fields: Mapping[str, Any], now: int) -> Active:
        """A fault of the catalogue, from now on; ``for`` as written there."""
        if kind not in FaultEntry.model_fields:
            raise _bad("no such fault", repr(kind), f"one of {', '.join([*self.OWN, *FaultEntry.model_fields])}")
        entry = _validated(FaultEntry, {kind: {"at": f"{now}ns" if now else 0, **fields}})
        if entry.fault.traffic(self._scenario):
            raise _bad("this fault sends traffic, which a server can't", repr(kind), "send it yourself")
        start, end = entry.fault.window
        return Active(self._serial + 1, kind, dict(fields), Injected(), start, end, Entry(entry.fault))

    def _scope(self, spec: Injected) -> list[int]:
        return [
            -1 if getattr(spec, scope) is None else getattr(self._places, scope)[getattr(spec, scope)]
            for scope in SCOPES
        ]  # fmt: skip

    def _check_names(self, fields: Mapping[str, Any]) -> None:
        problems = [
            f"{scope} {fields[scope]!r}: one of {', '.join(getattr(self._places, scope))}"
            for scope in SCOPES
            if fields.get(scope) is not None and fields[scope] not in list(getattr(self._places, scope))
        ]
        if problems:
            raise _bad("names that this configuration does not have", "", "; ".join(problems))

    def _apply(self) -> None:
        """Rules with the faults that are left, each with what it remembers."""
        entries = [one for one in self.active if one.entry is not None]
        own = len(self._scenario.chaos)
        before = self._memories(own)
        setting = self._settings([*self._scenario.chaos, *(one.entry for one in entries)])
        taken: dict[int, int] = {}
        found = []
        for rule in setting.rules.effects:
            number = fault_number(rule)
            at = taken[number] = taken.get(number, -1) + 1
            memories = before.get(number, []) if number < own else entries[number - own].memories
            while len(memories) <= at:
                memories.append(EffectMemory())
            found.append(memories[at])
        self._decisions.change(setting, found)
        self.wired = [one for one in self.active if one.effect is not None]
        self.on_change()

    def _memories(self, own: int) -> dict[int, list[EffectMemory]]:
        """What the scenario's own faults remember."""
        found: dict[int, list[EffectMemory]] = {}
        for rule, memory in self._decisions.effects:
            if fault_number(rule) < own:
                found.setdefault(fault_number(rule), []).append(memory)
        return found

    def stop(self, number: int | None = None) -> int:
        """End one fault, or all of them; how many were ended."""
        kept = [] if number is None else [one for one in self.active if one.number != number]
        ended = len(self.active) - len(kept)
        if ended:
            self.active = kept
            self._apply()
        return ended

    def expire(self, now: int) -> None:
        """Forget faults whose time is over, or that have had all their hits."""
        kept = [one for one in self.active if now < one.end and not _spent(one)]
        if len(kept) != len(self.active):
            self.active = kept
            self._apply()

    def refused(self, refuser: int) -> Active | None:
        """The injected fault that a refuser's code stands for, counted as seen; None for any other refuser."""
        at = self._decisions.fault_of(refuser) - len(self._scenario.chaos)
        if at < 0:
            return None
        found = [one for one in self.active if one.entry is not None][at]
        found.seen += 1
        return found

    def on_wire(self, ask: Ask, now: int) -> Active | None:
        """The first wire fault that meets an admitted attempt, by the request's own luck; counts its hit."""
        for one in self.wired:
            effect, memory = one.effect, one.memories[0]
            assert effect is not None
            if active(effect, now) and in_scope(effect, ask) and hits(effect, ask, ask.attempt) and not _spent(one):
                memory.hits += 1
                one.seen += 1
                return one
        return None


def _spent(one: Active) -> bool:
    return one.spec.count is not None and one.memories[0].hits >= one.spec.count


def _refusal(spec: Refuse, start: int, end: int) -> Effect:
    after = -1 if spec.retry_after is None else spec.retry_after
    scope = Scope(spec.team, spec.model, spec.account, spec.project, spec.key)
    return Effect(
        start, end, EffectKind.REFUSE, scope, "injected:refuse", spec.status, spec.probability,
        retry_after_ns=after, first=spec.count,
    )  # fmt: skip


_EXAMPLE = '{"refuse": {"status": 429, "retry_after": "2s", "count": 3}} or {"storm": {"status": 503, "for": "1m"}}'


def _validated(kind: Any, said: Mapping[str, Any]) -> Any:
    try:
        return kind.model_validate(said)
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise _bad("not a fault", told, _EXAMPLE) from None


def _bad(message: str, value: str, hint: str) -> BadInput:
    return BadInput(message, place="fault", value=value, hint=hint)
