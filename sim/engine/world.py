"""Plan + topology + catalogue → the tables that engines run on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from sim.catalogue.resolve import ResolvedModel, resolve_model
from sim.chaos.base import Effect
from sim.engine.client_rules import client_rules
from sim.engine.service_tables import knots
from sim.engine.tables import ALL_ENDS, ANSWERS, I64, QUIET, Call, Request, State, World
from sim.policy import limits, retry_budget
from sim.policy.tables import (
    CapMemory,
    CapRule,
    ClientRule,
    EffectRule,
    KeyRule,
    LimitRule,
    Memory,
    ModelMemory,
    ModelRule,
    Provider,
    Rules,
)
from sim.policy.window import CELLS
from sim.scenario.limit_rows import LimitRow, Rows, rows_of
from sim.scenario.plan import INJECTED, Plan
from sim.scenario.schema import Scenario
from sim.scenario.topology import Topology, key_name

_BUDGET_STATUS = {"anthropic": 400, "openai": 429, "litellm": 422}
_DIMENSION = {"requests": 0, "input_tokens": 1, "output_tokens": 2, "tokens": 3, "concurrency": 4}
_ALL_MODELS = (1 << 62) - 1
_PART = 1 << 13
"""Rows of a request table that fit into a processor's cache."""


@dataclass(frozen=True)
class Setting:
    """One configuration, ready for any plan of its scenario: rules, clients, and what codes mean.

    ``refusers[code]`` names what refused an attempt; ``keys`` names keys by number.
    """

    name: str
    teams: tuple[str, ...]
    models: tuple[str, ...]
    topology: Topology
    rows: Rows
    rules: Rules
    clients: list[ClientRule]
    delays: list[int]
    knots: I64
    keys: tuple[str, ...]
    refusers: tuple[str, ...]
    team_key: tuple[int, ...]
    key_account: tuple[int, ...]
    key_project: tuple[int, ...]
    input_estimate: float


def build_setting(scenario: Scenario, topology: Topology, teams: Sequence[str], models: Sequence[str]) -> Setting:
    """Everything of a configuration that does not depend on the draws."""
    rows = rows_of(topology)
    effects = [effect for entry in scenario.chaos for effect in entry.fault.effects()]
    resolved = [resolve_model(scenario, name) for name in models]
    paths = topology.paths()
    clients, delays = client_rules([topology.client or scenario.teams[team].client for team in teams])
    rules = Rules(
        _limit_rules(rows.limits, models),
        [row for one in rows.limits_of_key for row in one],
        [
            CapRule(row.cap.amount.micro_usd, row.cap.amount.period_ns, int(row.cap.mode == "reserve"))
            for row in rows.caps
        ],
        [row for one in rows.caps_of_key for row in one],
        _key_rules(rows, topology, models),
        _effect_rules(effects, teams, models, topology),
        [_model_rule(one) for one in resolved],
        _provider(scenario, rows, len(models), len(effects)),
    )
    return Setting(
        topology.name, tuple(teams), tuple(models), topology, rows, rules, clients, delays, _knots(resolved),
        tuple(map(key_name, paths)),
        _refusers(rows, models, effects), tuple(topology.key_of(team) for team in teams),
        _numbers(path[0].name for path in paths), _numbers(key_name(path[:2]) for path in paths),
        float(scenario.provider.input_estimate),
    )  # fmt: skip


def _numbers(names: Iterable[str]) -> tuple[int, ...]:
    seen: dict[str, int] = {}
    return tuple(seen.setdefault(name, len(seen)) for name in names)


def _mask(names: Sequence[str] | None, models: Sequence[str]) -> int:
    return _ALL_MODELS if names is None else sum(1 << at for at, model in enumerate(models) if model in names)


def _key_rules(rows: Rows, topology: Topology, models: Sequence[str]) -> list[KeyRule]:
    found, limit, cap = [], 0, 0
    for at, path in enumerate(topology.paths()):
        allowed = _ALL_MODELS
        for node in path:
            allowed &= _mask(node.models, models)
        last_limit, last_cap = limit + len(rows.limits_of_key[at]), cap + len(rows.caps_of_key[at])
        found.append(KeyRule(limit, last_limit, cap, last_cap, allowed))
        limit, cap = last_limit, last_cap
    return found


def _limit_rules(rows: Sequence[LimitRow], models: Sequence[str]) -> list[LimitRule]:
    found, cells = [], 0
    for row in rows:
        algorithm = _algorithm(row)
        rate, unit = row.credit if algorithm == limits.TOKEN_BUCKET else (0, 1)
        window = 0 if row.rate is None else row.rate.period_ns
        if algorithm == limits.SLIDING:
            window = -(-window // CELLS)
        found.append(LimitRule(
            algorithm, _DIMENSION[row.dimension], rate, unit, row.capacity * unit, window, cells,
            int(row.limits.charge_rejected), int(row.limits.charge_output == "reserved"),
            int(row.limits.count_cached_input), _mask(row.limits.models, models),
        ))  # fmt: skip
        cells += (CELLS + 1) * (algorithm == limits.SLIDING)
    return found


def _algorithm(row: LimitRow) -> int:
    if row.rate is None:
        return limits.CONCURRENCY
    if row.limits.algorithm == "fixed_window":
        return limits.FIXED_CALENDAR if row.limits.window == "calendar" else limits.FIXED_FIRST_USE
    return limits.SLIDING if row.limits.algorithm == "sliding_window" else limits.TOKEN_BUCKET


def _effect_rules(
    effects: Sequence[Effect], teams: Sequence[str], models: Sequence[str], topology: Topology
) -> list[EffectRule]:
    """Scopes as numbers; a name that this configuration does not have matches nobody (-2)."""
    paths = topology.paths()
    accounts = dict(zip([path[0].name for path in paths], _numbers(path[0].name for path in paths), strict=True))
    numbers = _numbers(key_name(path[:2]) for path in paths)
    projects = {path[1].name: numbers[at] for at, path in enumerate(paths)}
    keys = {path[2].name: at for at, path in enumerate(paths)} | {key_name(path): at for at, path in enumerate(paths)}
    team_number, model_number = {n: i for i, n in enumerate(teams)}, {n: i for i, n in enumerate(models)}

    def scoped(name: str | None, known: Mapping[str, int]) -> int:
        return -1 if name is None else known.get(name, -2)

    return [
        EffectRule(
            one.start_ns, one.end_ns, int(one.kind), one.status, int(one.probability * (1 << 32)), one.retry_after_ns,
            scoped(one.scope.team, team_number), scoped(one.scope.model, model_number),
            scoped(one.scope.account, accounts), scoped(one.scope.project, projects), scoped(one.scope.key, keys),
        )
        for one in effects
    ]  # fmt: skip


def _model_rule(model: ResolvedModel) -> ModelRule:
    slots = -1 if model.slots is None else model.slots
    return ModelRule(model.price_input, model.price_cached_input, model.price_output, slots, model.queue)


def _knots(models: Sequence[ResolvedModel]) -> I64:
    tables = [knots(time, one.service) for one in models for time in (one.first_token, one.per_token)]
    return np.asarray(tables, np.int64).ravel()


def _provider(scenario: Scenario, rows: Rows, models: int, effects: int) -> Provider:
    caps = len(rows.limits)
    slots = caps + len(rows.caps)
    said = scenario.provider
    status = _BUDGET_STATUS[said.style]
    return Provider(
        said.round_trip, int(said.bill_abandoned), status, caps, slots, slots + models, slots + models + effects
    )


def _refusers(rows: Rows, models: Sequence[str], effects: Sequence[Effect]) -> tuple[str, ...]:
    return (
        *(row.name for row in rows.limits),
        *(f"budget:{row.name}" for row in rows.caps),
        *(f"slots:{model}" for model in models),
        *(f"storm:{effect.status}" for effect in effects),
        "model:not_allowed",
    )


def request_dtype(record: Any) -> np.dtype[Any]:
    """The structured dtype whose fields are a record class's, all int64."""
    names = record._fields if hasattr(record, "_fields") else [field.name for field in fields(record)]
    return np.dtype([(name, np.int64) for name in names])


def build_world(setting: Setting, plan: Plan) -> World:
    """One replication in one configuration. ``requests`` is a structured array, the rest are lists."""
    requests, rules = request_table(setting, plan, 0), setting.rules
    until = plan.horizon_ns + 1
    return World(requests, setting.clients, setting.delays, setting.knots, rules, plan.duration_ns, until)


def request_table(setting: Setting, plan: Plan, first: int) -> Any:
    """A plan, or a chunk of one whose first request has number ``first``, as a structured array."""
    key = np.asarray(setting.team_key)[plan.team]
    client = np.where(plan.origin == INJECTED, len(plan.teams), plan.team)
    uncached = plan.input_tokens - plan.cached_tokens
    return _table_of(
        np.arange(first, first + len(plan)), client, plan.team,
        np.asarray(setting.key_account)[key], np.asarray(setting.key_project)[key], key,
        plan.model, plan.arrival_ns, plan.child, plan.think_ns, plan.stops, uncached, plan.cached_tokens,
        np.rint(uncached * setting.input_estimate), np.rint(plan.input_tokens * setting.input_estimate),
        plan.output_tokens, plan.max_tokens, plan.draw_key, _heard(setting, client, plan.model, key),
    )  # fmt: skip


def _table_of(*columns: Any) -> Any:
    """Columns in the order of Request's fields as one table, part by part so that rows stay in the cache."""
    table = np.empty(len(columns[0]), request_dtype(Request))
    for start in range(0, len(table), _PART):
        part = slice(start, start + _PART)
        for name, column in zip(Request._fields, columns, strict=True):
            table[name][part] = column[part]
    return table


def _heard(setting: Setting, client: I64, model: I64, key: I64) -> I64:
    """Which ends of attempts matter to others, for each request: QUIET, ANSWERS or ALL_ENDS (the client hears both)."""
    rules = setting.rules
    queued = [rule.max_concurrent >= 0 or rule.budget != retry_budget.NO_BUDGET for rule in setting.clients]
    slotted = [rule.slots >= 0 for rule in rules.models]
    settled = [one.first_cap < one.last_cap or _corrects(rules, one) for one in rules.keys]
    by_client = np.where(queued, ALL_ENDS, QUIET)[client]
    by_provider = np.where(slotted, ANSWERS, QUIET)[model] | np.where(settled, ANSWERS, QUIET)[key]
    return np.asarray(by_client | by_provider, np.int64)


def _corrects(rules: Rules, key: KeyRule) -> bool:
    """Whether the end of an attempt changes a limit of the key: all but those of requests."""
    rows = rules.limit_rows[key.first_limit : key.last_limit]
    return any(rules.limits[row].dimension != limits.REQUESTS for row in rows)


def interpreted(world: World) -> World:
    """The same world with lists instead of arrays, which Python reads faster."""
    requests = [Request._make(row) for row in world.requests.tolist()]
    return world._replace(requests=requests, knots=world.knots.tolist())


def fresh_small_state(world: World) -> State:
    """The state before anything happened, without the calls: lists of records."""
    rules = world.rules
    cells = sum(1 for rule in rules.limits if rule.algorithm == limits.SLIDING) * (CELLS + 1)
    memory = Memory([limits.fresh_limit(rule) for rule in rules.limits], [0] * cells, [CapMemory() for _ in rules.caps])
    return State(
        [],
        [],
        [retry_budget.fresh_client(rule) for rule in world.clients],
        [0] * (len(world.clients) * retry_budget.SLICES),
        [ModelMemory() for _ in rules.models],
        memory,
        [],
        [],
    )


def fresh_state(world: World) -> State:
    """The state of an interpreted world before anything happened: lists of records."""
    calls = [Call(arrival=request.arrival) for request in world.requests]
    return fresh_small_state(world)._replace(requests=world.requests, calls=calls, admissions=[])
