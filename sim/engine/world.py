"""Plan + topology + catalogue → the tables that engines run on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

import numpy as np

from sim.catalogue.resolve import ResolvedModel, resolve_model
from sim.engine.client_rules import CLIENT_CELLS, client_rules
from sim.engine.fault_tables import Places, categories, effects_of, prices_of
from sim.engine.service_tables import knots
from sim.engine.tables import ALL_ENDS, ANSWERS, I64, QUIET, Call, Request, Second, State, World
from sim.policy import limits, retry_budget
from sim.policy.tables import (
    ADAPTIVE,
    BREAKS,
    NO_ALERT,
    BanMemory,
    CapMemory,
    CapRule,
    ClientRule,
    EffectMemory,
    KeyRule,
    LimitRule,
    Memory,
    ModelMemory,
    ModelRule,
    Provider,
    Rules,
)
from sim.policy.window import CELLS
from sim.scenario.keys import SpendCap
from sim.scenario.limit_rows import LimitRow, Rows, rows_of
from sim.scenario.plan import WORKLOAD, Plan
from sim.scenario.schema import Scenario
from sim.scenario.topology import Node, Topology, key_name

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
    wakes: list[int]
    keys: tuple[str, ...]
    refusers: tuple[str, ...]
    team_key: tuple[int, ...]
    key_account: tuple[int, ...]
    key_project: tuple[int, ...]
    input_estimate: float


def build_setting(scenario: Scenario, topology: Topology, teams: Sequence[str], models: Sequence[str]) -> Setting:
    """Everything of a configuration that does not depend on the draws."""
    rows = rows_of(topology).with_cuts([cut for entry in scenario.chaos for cut in entry.fault.limit_cuts()])
    effects = effects_of(scenario, places(teams, models, topology))
    resolved = [resolve_model(scenario, name) for name in models]
    paths = topology.paths()
    clients, delays = client_rules([topology.client_of(scenario.teams[team].client) for team in teams], models)
    rules = Rules(
        _limit_rules(rows.all_limits, models),
        [row for one in rows.limits_of_key for row in one],
        [_cap_rule(row.cap, models) for row in rows.caps],
        [row for one in rows.caps_of_key for row in one],
        _key_rules(rows, topology, models, categories(scenario)),
        effects.rules,
        effects.kinds,
        [_model_rule(one) for one in resolved],
        prices_of(scenario, models, resolved),
        _provider(scenario, rows, len(models), len(effects.rules)),
    )
    return Setting(
        topology.name, tuple(teams), tuple(models), topology, rows, rules, clients, delays, _knots(resolved),
        effects.wakes, tuple(map(key_name, paths)),
        _refusers(rows, models, effects.names), tuple(topology.key_of(team) for team in teams),
        _numbers(path[0].name for path in paths), _numbers(key_name(path[:2]) for path in paths),
        float(scenario.provider.input_estimate),
    )  # fmt: skip


def _numbers(names: Iterable[str]) -> tuple[int, ...]:
    seen: dict[str, int] = {}
    return tuple(seen.setdefault(name, len(seen)) for name in names)


def _mask(names: Sequence[str] | None, models: Sequence[str]) -> int:
    return _ALL_MODELS if names is None else sum(1 << at for at, model in enumerate(models) if model in names)


def _key_rules(rows: Rows, topology: Topology, models: Sequence[str], content: Mapping[str, int]) -> list[KeyRule]:
    found, limit, cap = [], 0, 0
    bans: dict[str, int] = {}
    for at, path in enumerate(topology.paths()):
        allowed = _ALL_MODELS
        for node in path:
            allowed &= _mask(node.models, models)
        last_limit, last_cap = limit + len(rows.limits_of_key[at]), cap + len(rows.caps_of_key[at])
        relaxed = sum(1 << content[name] for name in path[1].allowed_content if name in content)
        found.append(KeyRule(limit, last_limit, cap, last_cap, allowed, relaxed, *_bans(path, bans)))
        limit, cap = last_limit, last_cap
    return found


def _bans(path: tuple[Node, ...], known: dict[str, int]) -> Iterator[int]:
    """Numbers of the bans of a key, its project and its account: one for all where a provider sees the account only."""
    for depth in (3, 2, 1):
        yield known.setdefault(key_name(path[: 1 if path[0].gateway else depth]), len(known))


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
            int(row.limits.count_cached_input), _mask(row.limits.models, models), row.start_ns, row.end_ns, row.cut_of,
        ))  # fmt: skip
        if row.cut_of >= 0:
            found[-1] = found[-1]._replace(cells=found[row.cut_of].cells)  # it counts with the limit that it cuts
        elif algorithm == limits.SLIDING:
            cells += CELLS + 1
    return found


def _cap_rule(cap: SpendCap, models: Sequence[str]) -> CapRule:
    amount = cap.amount.micro_usd
    first = min((-(-amount * share // 1) for share in cap.alerts), default=NO_ALERT)
    return CapRule(amount, cap.amount.period_ns, int(cap.mode == "reserve"), _mask(cap.models, models), int(first))


def _algorithm(row: LimitRow) -> int:
    if row.rate is None:
        return limits.CONCURRENCY
    if row.limits.algorithm == "fixed_window":
        return limits.FIXED_CALENDAR if row.limits.window == "calendar" else limits.FIXED_FIRST_USE
    return limits.SLIDING if row.limits.algorithm == "sliding_window" else limits.TOKEN_BUCKET


def places(teams: Sequence[str], models: Sequence[str], topology: Topology) -> Places:
    """Numbers of all names that a fault's scope may say."""
    paths = topology.paths()
    return Places(
        {name: at for at, name in enumerate(teams)},
        {name: at for at, name in enumerate(models)},
        _by_name(paths, 0),
        _by_name(paths, 1),
        _by_name(paths, 2),
        {team: topology.key_of(team) for team in teams},
    )


def _by_name(paths: Sequence[Sequence[Node]], depth: int) -> dict[str, tuple[int, ...]]:
    """The numbers of all accounts (``depth`` 0), projects or keys of one name."""
    found: dict[str, dict[int, None]] = {}
    for path, number in zip(paths, _numbers(key_name(path[: depth + 1]) for path in paths), strict=True):
        found.setdefault(path[depth].name, {})[number] = None
    return {name: tuple(numbers) for name, numbers in found.items()}


def _model_rule(model: ResolvedModel) -> ModelRule:
    slots = -1 if model.slots is None else model.slots
    return ModelRule(slots, model.queue)


def _knots(models: Sequence[ResolvedModel]) -> I64:
    tables = [knots(time, one.service) for one in models for time in (one.first_token, one.per_token)]
    return np.asarray(tables, np.int64).ravel()


def _provider(scenario: Scenario, rows: Rows, models: int, effects: int) -> Provider:
    caps = len(rows.all_limits)
    slots = caps + len(rows.caps)
    said = scenario.provider
    status = _BUDGET_STATUS[said.style]
    access = slots + models + effects
    return Provider(
        said.round_trip, int(said.bill_abandoned), status, caps, slots, slots + models, access, access + 1
    )  # fmt: skip


def _refusers(rows: Rows, models: Sequence[str], effects: Sequence[str]) -> tuple[str, ...]:
    return (
        *(row.name for row in rows.all_limits),
        *(f"budget:{row.name}" for row in rows.caps),
        *(f"slots:{model}" for model in models),
        *effects,
        "model:not_allowed",
        *(f"ban:{level}" for level in ("key", "project", "account")),
    )


@cache
def request_dtype(record: Any) -> np.dtype[Any]:
    """The structured dtype whose fields are a record class's, all int64."""
    names = record._fields if hasattr(record, "_fields") else [field.name for field in fields(record)]
    return np.dtype([(name, np.int64) for name in names])


def build_world(setting: Setting, plan: Plan) -> World:
    """One replication in one configuration. ``requests`` is a structured array, the rest are lists."""
    requests, until = request_table(setting, plan, 0), plan.horizon_ns + 1
    return World(
        requests, setting.clients, setting.delays, setting.knots, setting.rules, setting.wakes, plan.duration_ns, until
    )


def request_table(setting: Setting, plan: Plan, first: int) -> Any:
    """A plan, or a chunk of one whose first request has number ``first``, as a structured array."""
    key = np.asarray(setting.team_key)[plan.team]
    client = np.where(plan.origin != WORKLOAD, len(plan.teams), plan.team)
    uncached = plan.input_tokens - plan.cached_tokens
    return _table_of(
        np.arange(first, first + len(plan)), plan.origin, client, plan.team,
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
    queued = [_remembers(rule) for rule in setting.clients]
    slotted = [rule.slots >= 0 for rule in rules.models]
    settled = [one.first_cap < one.last_cap or _corrects(rules, one) for one in rules.keys]
    by_client = np.where(queued, ALL_ENDS, QUIET)[client]
    by_provider = np.where(slotted, ANSWERS, QUIET)[model] | np.where(settled, ANSWERS, QUIET)[key]
    return np.asarray(by_client | by_provider, np.int64)


def _remembers(rule: ClientRule) -> bool:
    """Whether an answer to one request of a client changes what it does with others, or asks another model."""
    shared = rule.max_concurrent >= 0 or rule.budget != retry_budget.NO_BUDGET
    return shared or rule.guards & (ADAPTIVE | BREAKS) != 0 or rule.fallback >= 0 or rule.hedge_after >= 0


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
    cells = sum(1 for rule in rules.limits if rule.algorithm == limits.SLIDING and rule.cut_of < 0) * (CELLS + 1)
    bans = 1 + max(max(key.ban, key.ban_project, key.ban_account) for key in rules.keys)
    memory = Memory(
        [limits.fresh_limit(rule) for rule in rules.limits], [0] * cells, [CapMemory() for _ in rules.caps],
        [EffectMemory() for _ in rules.effects], [BanMemory() for _ in range(bans)],
    )  # fmt: skip
    return State(
        [],
        [],
        [retry_budget.fresh_client(rule) for rule in world.clients],
        [0] * (len(world.clients) * CLIENT_CELLS),
        [ModelMemory() for _ in rules.models],
        memory,
        [(time, number, -1) for number, time in enumerate(world.wakes)],
        [],
    )


def fresh_state(world: World) -> State:
    """The state of an interpreted world before anything happened: lists of records."""
    calls = [Call(arrival=request.arrival, model=request.model) for request in world.requests]
    seconds = [Second() for _ in calls] if any(rule.hedge_after >= 0 for rule in world.clients) else []
    return fresh_small_state(world)._replace(requests=world.requests, calls=calls, seconds=seconds, admissions=[])
