"""The faults of a scenario as the rows that policy functions read, in one configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise, product
from math import ceil

from sim.catalogue.resolve import ResolvedModel
from sim.chaos.base import FOREVER, Effect, EffectKind, PriceChange, Scope
from sim.draws import FAULT, LUCKS
from sim.policy import faults
from sim.policy.tables import EffectRule, PriceRule
from sim.scenario.prices import MAX_PRICE
from sim.scenario.schema import Scenario

Place = tuple[int, int, int, int, int]
"""Numbers of a team, a model, an account, a project and a key."""

NOBODY = -2
"""The scope of a name that a configuration does not have."""


@dataclass(frozen=True)
class Places:
    """Numbers of names: of teams and models, and of this configuration's accounts, projects and keys.

    Projects of different accounts may have one name, and keys of different projects: it stands for all of them.
    """

    team: Mapping[str, int]
    model: Mapping[str, int]
    account: Mapping[str, Sequence[int]]
    project: Mapping[str, Sequence[int]]
    key: Mapping[str, Sequence[int]]
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
    """Every effect of every fault by kind, in the order of the file; one row for each place that its scope names."""
    content = categories(scenario)
    found = [
        (effect.name, _rule(fault, effect, scope, content))
        for fault, effect in sorted(_effects(scenario), key=lambda one: one[1].kind)
        for scope in _scopes(effect.scope, places)
    ]
    rules = [rule for _, rule in found]
    kinds = [sum(1 for rule in rules if rule.kind < kind) for kind in range(faults.KINDS + 1)]
    wakes = sorted({rule.end for rule in rules if rule.kind == faults.SLOTS})
    return Effects(rules, tuple(name for name, _ in found), kinds, wakes)


def _effects(scenario: Scenario) -> Iterator[tuple[int, Effect]]:
    for number, entry in enumerate(scenario.chaos):
        for effect in entry.fault.effects(scenario):
            yield number, effect


def _rule(fault: int, effect: Effect, scope: Place, content: Mapping[str, int]) -> EffectRule:
    ban = effect.ban
    return EffectRule(
        effect.start_ns, effect.end_ns, int(effect.kind), effect.status, _share(effect.probability),
        effect.retry_after_ns, *scope,
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
        return faults.STALLED
    if effect.kind == EffectKind.SLOTS:
        return ceil(effect.factor * faults.SURE)  # rounded up, so that 10 % of 10 slots are one
    return round(effect.factor * faults.ONE)


def _scopes(scope: Scope, places: Places) -> Iterator[Place]:
    """(team, model, account, project, key) of each place of a scope: -1 everybody, NOBODY for an unknown name."""

    def one(name: str | None, known: Mapping[str, int]) -> int:
        return -1 if name is None else known.get(name, NOBODY)

    def each(name: str | None, known: Mapping[str, Sequence[int]]) -> Sequence[int]:
        return (-1,) if name is None else known.get(name, (NOBODY,))

    keys = each(scope.key, places.key) if scope.key_of is None else (places.key_of[scope.key_of],)
    team, model = one(scope.team, places.team), one(scope.model, places.model)
    for account, project, key in product(
        each(scope.account, places.account), each(scope.project, places.project), keys
    ):
        yield team, model, account, project, key


def prices_of(scenario: Scenario, names: Sequence[str], models: Sequence[ResolvedModel]) -> list[PriceRule]:
    """A row a model, then what price changes put in their place: rows of one model do not overlap."""
    own = [
        PriceRule(at, 0, FOREVER, one.price_input, one.price_cached_input, one.price_output)
        for at, one in enumerate(models)
    ]
    changes = [change for entry in scenario.chaos for change in entry.fault.price_changes()]
    changes.sort(key=lambda one: one.start_ns)
    return own + [
        row
        for at, name in enumerate(names)
        for row in _changed(own[at], [change for change in changes if change.model in (None, name)])
    ]


def _changed(own: PriceRule, changes: Sequence[PriceChange]) -> Iterator[PriceRule]:
    """A model's prices between the edges of its changes. Those that hold work one on the other, by their start."""
    edges = sorted({edge for change in changes for edge in (change.start_ns, change.end_ns)})
    for start, end in pairwise(edges):
        price = own
        for change in changes:
            if change.start_ns <= start < change.end_ns:
                price = _new_price(change, price)
        if price is not own:
            yield price._replace(start=start, end=end)


def _new_price(change: PriceChange, old: PriceRule) -> PriceRule:
    """What a change makes of the price that holds."""
    if change.prices is not None:
        cached = change.prices.cached_input
        new = change.prices.input, change.prices.input if cached is None else cached, change.prices.output
    else:
        new = _times(old.input, change), _times(old.cached, change), _times(old.output, change)
    return old._replace(input=new[0], cached=new[1], output=new[2])


def _times(price: int, change: PriceChange) -> int:
    return min(MAX_PRICE, round(price * change.factor))
