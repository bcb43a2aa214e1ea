"""Simulated against recorded: the configuration in force, on the log's own rows, in the real engine.

Every row of the log that met a limit is sent as one attempt that is never retried: the retries of a
real client stand in the log as rows of their own. So what is compared is the model of limits, answers
and prices, not that of clients. Only where the log counts retries that left no row do the scenario's
clients retry; then answer times are those of requests that needed none, on both sides. A refused row
whose size the log does not know has the median of its team's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sim.catalogue.resolve import model_gaps
from sim.engine.run import run_world
from sim.engine.tables import RunResult
from sim.engine.world import build_setting, build_world
from sim.errors import BadInput
from sim.metrics.stats import interval
from sim.results.columns import SUCCEEDED
from sim.scenario.clients import Client
from sim.scenario.plan import Plan, build_plan, expected_by_team, model_names
from sim.scenario.schema import Scenario
from sim.scenario.topology import build_topology
from sim.study.fitting.answers import durations_known, succeeded
from sim.study.fitting.bench import ended
from sim.study.fitting.log import Log
from sim.study.fitting.text import length_ns
from sim.study.fitting.throttling import TOTAL, replay_traffic
from sim.study.fitting.types import Compared, Estimate, History, Options
from sim.units import MICRO, SECOND

F64 = NDArray[np.float64]
Bool = NDArray[np.bool_]
Numbers = dict[tuple[str, str], float]
"""(team, metric) → value."""

UNITS = {"rate_limited_share": "share", "server_error_share": "share", "latency_p50_s": "s", "latency_p95_s": "s",
         "latency_p99_s": "s", "cost_usd": "usd"}  # fmt: skip
"""Metrics that are compared, with their units."""
LEVELS = {"latency_p50_s": 0.5, "latency_p95_s": 0.95, "latency_p99_s": 0.99}
AGREES, NEAR = 0.1, 0.25
"""Relative differences up to which two numbers agree, or are near;"""
POINTS = {AGREES: 0.01, NEAR: 0.03}
"""and for shares, differences that are as good however small the share."""
KNOWN, FEW = 0.5, 30


def has_history(log: Log) -> bool:
    """Whether the log says how requests ended, or how long they took."""
    said = float(((log["status"] >= 0) | (log["failed"] >= 0)).mean())
    return said >= KNOWN or durations_known(log) >= KNOWN


def against_history(
    log: Log, scenario: Scenario, configuration: str, options: Options | None = None, *, inferred: str = ""
) -> History:  # fmt: skip
    """Compare what ``configuration`` of ``scenario`` makes of the log's rows with what the log recorded.

    ``scenario`` says how models answer and what they cost; its workloads are not used. ``inferred``
    says what the limits were inferred from, where nobody told them. Raises BadInput where the
    configuration does not know a team, or the scenario a model, of the log.
    """
    options = options or Options()
    if configuration not in scenario.configurations:
        hint = f"one of {', '.join(scenario.configurations)}"
        raise BadInput("no such configuration", value=repr(configuration), hint=hint)
    met = _with_sizes(log.where((log["cached"] != 1) & ~log.batch))
    recorded = _recorded(met)
    found = _simulated(met, scenario, configuration, options)
    rows = tuple(_rows(recorded, found))
    trust, verdict = _trust(rows, inferred)
    said = scenario.configurations[configuration].model_dump(mode="json", exclude_defaults=True, exclude_unset=True)
    return History(_shown(said), bool(inferred), inferred or "as told", rows, trust, verdict, tuple(_notes(met, log)))


def _shown(said: Mapping[str, object]) -> str:
    from sim.study.fitting.text import flow

    return flow(dict(said))


def _with_sizes(log: Log) -> Log:
    """The same, where refused rows without a size have the median of what their team sends to that model."""
    inputs, outputs = log["input"].copy(), log["output"].copy()
    good = succeeded(log)
    for team, model in np.unique(np.stack([log["team"], log["model"]]), axis=1).T.tolist():
        mine = (log["team"] == team) & (log["model"] == model)
        known = mine & good & (log["input"] > 0)
        if not known.any():
            known = mine & (log["input"] > 0)
        typical = int(np.median(inputs[known])) if known.any() else 1
        answer = int(np.median(outputs[known])) if known.any() else 1
        inputs[mine & (inputs <= 0)] = typical
        outputs[mine & ~good & (outputs <= 0)] = answer
    return replace(log, columns={**log.columns, "input": inputs, "output": outputs})


def _recorded(log: Log) -> Numbers:
    """What the log says, for each team and everybody; what it does not know is missing."""
    found: Numbers = {}
    good = succeeded(log)
    for name, mine in _groups(log.teams, log["team"]):
        known = mine & ((log["status"] >= 0) | (log["failed"] >= 0))
        if known.sum() >= KNOWN * mine.sum():
            found[name, "rate_limited_share"] = float((log["status"][mine] == 429).mean())
            found[name, "server_error_share"] = float((log["status"][mine] >= 500).mean())
        timed = mine & good & (log["duration"] > 0) & (log["retries"] <= 0)
        if timed.sum() >= max(FEW, KNOWN * (mine & good).sum()):
            found |= _quantiles(name, log["duration"][timed] / SECOND)
        priced = mine & (log["cost"] >= 0)
        if priced.sum() >= 0.9 * mine.sum() and (log["cost"][mine] > 0).any():
            found[name, "cost_usd"] = float(log["cost"][priced].sum()) / MICRO
    return found


def _groups(teams: Sequence[str], codes: NDArray[np.int64]) -> Iterator[tuple[str, Bool]]:
    for code, team in enumerate(teams):
        mine: Bool = codes == code
        if mine.any():
            yield team, mine
    yield TOTAL, np.ones(len(codes), bool)


def _quantiles(name: str, seconds: F64) -> Numbers:
    return {(name, metric): float(np.quantile(seconds, level)) for metric, level in LEVELS.items()}


def _simulated(log: Log, scenario: Scenario, configuration: str, options: Options) -> list[Numbers]:
    """The same numbers of each replication."""
    models = {name: name or options.model for name in log.models}
    _check_models(scenario, models)
    teams, traces = replay_traffic(log, models)
    alone = {name: team.model_copy(update={"client": _client(log, scenario, name)}) for name, team in teams.items()}
    ours = scenario.model_copy(update={
        "teams": alone, "duration": length_ns(log), "warmup": 0, "replications": options.replications,
        "seed": options.seed, "slos": (), "incidents": (), "finance": None,
    })  # fmt: skip
    chosen = scenario.configurations[configuration].model_copy(update={"client": None})
    topology = build_topology(configuration, chosen, expected_by_team(ours, traces))
    missing = sorted(
        set(alone) - {team for account in topology.accounts for path in account.leaves() for team in path[-1].teams}
    )
    if missing:
        hint = "a configuration of the log's teams; --teams maps names when importing"
        raise BadInput("the configuration has no key for a team of the log", value=repr(missing[0]), hint=hint)
    setting = build_setting(ours, topology, tuple(sorted(alone)), model_names(ours))
    found = []
    for replication in range(options.replications):
        plan = build_plan(ours, replication, traces)
        found.append(_measured(plan, ended(run_world(options.engine, build_world(setting, plan)._replace(rows=1)))))
    return found


def _client(log: Log, scenario: Scenario, team: str) -> Client:
    known = scenario.teams.get(team)
    return known.client if _hidden(log) and known is not None else Client(retry="none")


def _hidden(log: Log) -> bool:
    """Whether the log counts retries that left no row."""
    return bool((log["retries"] > 0).any())


def _check_models(scenario: Scenario, models: Mapping[str, str]) -> None:
    for name in models.values():
        gaps = model_gaps(scenario.models, name)
        if gaps:
            hint = "add it to the scenario's models, with price, first_token and per_token, or with like: a known model"
            raise BadInput(f"nobody says {' and '.join(gaps)} of a model of the log", value=repr(name), hint=hint)


def _measured(plan: Plan, result: RunResult) -> Numbers:
    found: Numbers = {}
    good = (result.outcome == SUCCEEDED) & (result.attempts == 1)
    took = (result.finish - result.arrival) / SECOND
    for name, mine in _groups(plan.teams, plan.team):
        found[name, "rate_limited_share"] = float((result.status[mine] == 429).mean())
        found[name, "server_error_share"] = float((result.status[mine] >= 500).mean())
        if (mine & good).any():
            found |= _quantiles(name, took[mine & good])
        found[name, "cost_usd"] = float(result.cost[mine].sum()) / MICRO
    return found


def _rows(recorded: Numbers, found: Sequence[Numbers]) -> Iterator[Compared]:
    for (team, metric), value in recorded.items():
        values = np.array([one.get((team, metric), np.nan) for one in found])
        mean = interval(values)
        estimate = Estimate(float(mean.mean), float(mean.low), float(mean.high))
        yield Compared(team, metric, UNITS[metric], value, estimate, verdict_of(value, estimate, UNITS[metric]))


def verdict_of(recorded: float, simulated: Estimate, unit: str) -> str:
    """Agrees, near, differs; unknown where nothing was simulated."""
    if not np.isfinite(simulated.value):
        return "unknown"
    off = abs(simulated.value - recorded)
    for bound, word in ((AGREES, "agrees"), (NEAR, "near")):
        if off <= max(bound * abs(recorded), POINTS[bound] if unit == "share" else 0.0):
            return word
    return "agrees" if simulated.holds(recorded) else "differs"


def _trust(rows: Sequence[Compared], inferred: str) -> tuple[str, str]:
    """How far what-ifs may be trusted: by everybody's numbers first, then by the teams' 429s."""
    total = [row for row in rows if row.team == TOTAL and row.metric != "latency_p99_s"]
    off = [_words(row) for row in total if row.verdict == "differs"]
    if not total:
        return "low", "The log has nothing that could be compared."
    if off:
        return "low", f"Low trust: the simulation does not reproduce {', '.join(off)}. Fix that before what-ifs."
    wrong = [row.team for row in rows if row.team != TOTAL and row.metric == "rate_limited_share"
             and row.verdict == "differs"]  # fmt: skip
    near = [_words(row) for row in total if row.verdict == "near"]
    if wrong:
        return "fair", f"Fair trust: everybody together agrees, but not the 429s of {', '.join(wrong[:3])}."
    if near:
        return "fair", f"Fair trust: {', '.join(near)} up to {NEAR:.0%} off, the rest within {AGREES:.0%}."
    if inferred:
        return "fair", (
            "Fair trust: all numbers agree, but the limit was inferred from this log, so its 429s prove little. "
            "Tell the limits that were in force."
        )  # fmt: skip
    return "high", f"High trust: 429s, answer times and cost of everybody are within {AGREES:.0%} of the log."


def _words(row: Compared) -> str:
    names = {"rate_limited_share": "the share of 429s", "server_error_share": "the share of server errors",
             "cost_usd": "the cost"}  # fmt: skip
    return names.get(row.metric, row.metric.replace("_s", "").replace("_", " "))


def _notes(met: Log, log: Log) -> Iterator[str]:
    if _hidden(log):
        yield "The log counts retries that left no row: the fitted clients retry here; times are those without a retry."
    else:
        yield "Each row is one attempt; retries that the log shows are rows of their own, so no client retries here."
    if len(met) < len(log):
        yield f"{len(log) - len(met):,} rows out of a gateway's cache or in batches met no limit and are left out."
    unsized = int(((log["input"] <= 0) & (log["status"] >= 400)).sum())
    if unsized:
        yield f"{unsized:,} refused rows have no size: they count with the median of their team's."
