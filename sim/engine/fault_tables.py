"""The faults of a scenario as the rows that policy functions read, in one configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from sim.catalogue.resolve import ResolvedModel
from sim.chaos.base import FOREVER, Effect, EffectKind, PriceChange, Scope
from sim.draws import FAULT, LUCKS
from sim.policy import faults
from sim.policy.service import STALLED
from sim.policy.tables import EffectRule, PriceRule
from sim.scenario.schema import Scenario

NOBODY = -2
"""The scope of a name that a configuration does not have."""


@dataclass(frozen=True)
class Places:
    """Numbers of names: of teams and models, and of this configuration's accounts, projects and keys."""

    team: Mapping[str, int]
    model: Mapping[str, int]
    account: Mapping[str, int]
    project: Mapping[str, int]
    key: Mapping[str, int]
    key_of: Mapping[str, int]
    """The key that each team uses."""


@dataclass(frozen=True)
class Effects:
    """All effects by kind: their rules, what they are called, where each kind starts, ends of brown-outs."""

    rules: list[EffectRule]
    names: tuple[str, ...]
    kinds: list[int]
    wakes: list[int]


def categories(scenario: Scenario) -> dict[str, int]:
    """Numbers of the categories of content that faults send."""
    names = {effect.category for _, effect in _effects(scenario) if effect.kind == EffectKind.VIOLATE}
    return {name: at for at, name in enumerate(sorted(names))}


def effects_of(scenario: Scenario, places: Places) -> Effects:
    """Every effect of every fault; a fault's own order is kept, what refuses the key comes first."""
    content = categories(scenario)
    found = sorted(_effects(scenario), key=lambda one: (one[1].kind, one[1].status > 401))
    rules = [_rule(fault, effect, places, content) for fault, effect in found]
    kinds = [sum(1 for rule in rules if rule.kind < kind) for kind in range(faults.KINDS + 1)]
    wakes = sorted({rule.end for rule in rules if rule.kind == faults.SLOTS})
    return Effects(rules, tuple(effect.name for _, effect in found), kinds, wakes)


def _effects(scenario: Scenario) -> Iterator[tuple[int, Effect]]:
    for number, entry in enumerate(scenario.chaos):
        for effect in entry.fault.effects(scenario):
            yield number, effect


def _rule(fault: int, effect: Effect, places: Places, content: Mapping[str, int]) -> EffectRule:
    team, model, account, project, key = _scope(effect.scope, places)
    ban = effect.ban
    return EffectRule(
        effect.start_ns, effect.end_ns, int(effect.kind), effect.status, _share(effect.probability),
        effect.retry_after_ns, team, model, account, project, key,
        -1 if effect.scope.origin is None else effect.scope.origin,
        _share(effect.least), FAULT + LUCKS * fault + effect.luck,
        -1 if effect.first is None else effect.first, -1 if effect.before is None else effect.before,
        _factor(effect), content.get(effect.category, 0),
        *((-1, 1, 0, 0) if ban is None else (ban.level, ban.threshold, ban.within_ns, ban.lasts_ns)),
    )  # fmt: skip


def _share(share: Fraction) -> int:
    return int(share * faults.SURE)


def _factor(effect: Effect) -> int:
    if effect.factor is None:
        return STALLED
    return round(effect.factor * faults.ONE)


def _scope(scope: Scope, places: Places) -> tuple[int, int, int, int, int]:
    """Numbers of a scope: -1 everybody, NOBODY for a name that this configuration does not have."""

    def number(name: str | None, known: Mapping[str, int]) -> int:
        return -1 if name is None else known.get(name, NOBODY)

    key = number(scope.key, places.key)
    if scope.key_of is not None:
        key = places.key_of[scope.key_of]
    return (
        number(scope.team, places.team), number(scope.model, places.model),
        number(scope.account, places.account), number(scope.project, places.project), key,
    )  # fmt: skip


def prices_of(scenario: Scenario, names: Sequence[str], models: Sequence[ResolvedModel]) -> list[PriceRule]:
    """A row a model, then what price changes put in their place, later changes first."""
    own = [
        PriceRule(at, 0, FOREVER, one.price_input, one.price_cached_input, one.price_output)
        for at, one in enumerate(models)
    ]
    changes = [change for entry in scenario.chaos for change in entry.fault.price_changes()]
    changed = [
        _new_price(change, own[at])
        for change in sorted(changes, key=lambda one: -one.start_ns)
        for at, name in enumerate(names)
        if change.model in (None, name)
    ]
    return own + changed


def _new_price(change: PriceChange, old: PriceRule) -> PriceRule:
    if change.prices is not None:
        cached = change.prices.cached_input
        input_price, output = change.prices.input, change.prices.output
        return PriceRule(
            old.model, change.start_ns, change.end_ns, input_price, input_price if cached is None else cached, output
        )
    new = (round(price * change.factor) for price in (old.input, old.cached, old.output))
    return PriceRule(old.model, change.start_ns, change.end_ns, *new)
