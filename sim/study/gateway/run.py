"""Predict, send through LiteLLM, compare, probe: one run from a scenario to a folder."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.catalogue.resolve import resolve_model
from sim.engine.frames import attempt_frame, request_frame
from sim.live.gates import gates
from sim.live.order import LiveOrder
from sim.results.columns import OUTCOMES, UNFINISHED
from sim.scenario.plan import build_plan, model_names
from sim.study.gateway import config, probes, verdicts
from sim.study.gateway.asking import ROUTES, Caller
from sim.study.gateway.options import HELD, LATE_P99_NS, Compared, Decisions, Found, GatewayStudy, Options, Tables
from sim.study.gateway.proxy import executable, proxy
from sim.study.gateway.scenario import UPSTREAM, Staged, silent, staged
from sim.study.gateway.verdicts import Verdict
from sim.study.live import options as live_options
from sim.study.live.emulator import Emulator, emulator
from sim.study.live.files import invalid
from sim.study.live.run import Aim, sent
from sim.study.naming import slug, working_folder
from sim.study.runs import agree, checked_run, labels_of, names_of, settings_of
from sim.study.validate.agree import compare
from sim.study.validate.replayed import replay
from sim.units import MICRO, SECOND

if TYPE_CHECKING:
    from sim.engine.world import Setting
    from sim.live.outcome import LiveOutcome
    from sim.scenario.loader import Loaded
    from sim.scenario.plan import Plan
    from sim.scenario.schema import Scenario
    from sim.study.progress import Progress

WARM = 3
"""Rounds of requests on both routes before anything is measured: a proxy's first answers take seconds."""


@dataclass(frozen=True)
class _Stage:
    """A proxy that answers, the emulator behind it, and the secrets of all its keys by variable."""

    url: str
    started_s: float
    behind: Emulator
    secrets: Mapping[str, str]
    log: Path


def gateway(loaded: Loaded, options: Options, environment: Mapping[str, str], progress: Progress) -> GatewayStudy:
    """Compare each configuration with what LiteLLM makes of it, and write what came of it.

    Raises BadInput or BadScenario for what can't be arranged, RunInvalid where a run did not come to its end.
    """
    from sim.study.gateway.files import write

    live_options.installed(serving=True)
    command = executable(options.litellm)
    names = options.configurations or tuple(loaded.scenario.configurations)
    settings_of(loaded, names)  # every name is checked before anything is started
    with working_folder(options.out) as work:
        stage = staged(loaded, names, options.wall_ns, options.window_s, options.peak, work / "scenario.yaml")
        stage.loaded.path.write_text(stage.text, "utf-8")
        for note in stage.notes:
            progress.note(note)
        with _up(stage, command, options, environment, work, progress) as up:
            found = _found(stage, names, options, up, work, environment, progress)
        progress.start("comparing and drawing", 1)
        told = write(options, loaded, stage, found, up.log)
        progress.advance()
        return told


@contextmanager
def _up(
    stage: Staged, command: Path, options: Options, environment: Mapping[str, str], work: Path, progress: Progress
) -> Iterator[_Stage]:  # fmt: skip
    """Emulator and proxy, for as long as the block."""
    keys = [*(key for one in stage.arrangements.values() for key in one.keys.values()), *probes.keys().values()]
    held, folder = config.fresh_secrets(keys), work / "proxy"
    deployed = config.deployments(stage.loaded.scenario, model_names(stage.loaded.scenario), probes.DEPLOYMENTS)
    path = config.write(folder, stage.loaded.scenario, deployed, keys)
    progress.start("starting the emulator and LiteLLM", 1)
    with emulator(str(stage.loaded.path.resolve()), UPSTREAM, work / "emulator", speed=Fraction(1)) as behind:
        upstream = behind.url, next(iter(behind.secrets.values()))
        around = config.environment(environment, folder, held, upstream, options.window_s)
        with proxy(command, path, around) as running:
            progress.advance()
            progress.note(f"LiteLLM answers after {running.started_s:.0f} s")
            yield _Stage(running.url, running.started_s, behind, held, folder / config.LOG)


def _found(
    stage: Staged, names: tuple[str, ...], options: Options, up: _Stage, work: Path, environment: Mapping[str, str],
    progress: Progress,
) -> Found:  # fmt: skip
    bench = _bench(stage, options, up)
    version = _warm(bench)
    quiet = silent(stage.loaded)
    compared = [_compared(stage, quiet, name, up, work, environment, progress) for name in names]
    found: list[Verdict] = []
    if options.probes:
        progress.start("probing", len(probes.PROBES))
        found = probes.run(bench, progress.note, done=progress.advance)
    rows = read_log(up.log)
    for one in compared:
        aliases = {key.alias for key in stage.arrangements[one.name].keys.values()}
        found.append(_booked(one, rows, aliases, stage.loaded.scenario))
    return Found(tuple(compared), tuple(found), version, up.started_s, overhead(rows))


def _bench(stage: Staged, options: Options, up: _Stage) -> probes.Bench:
    scenario = stage.loaded.scenario
    price = resolve_model(scenario, model_names(scenario)[0])
    secrets = {name: up.secrets[key.variable] for name, key in probes.keys().items()}
    each = (price.price_input / MICRO**2, price.price_output / MICRO**2)
    return probes.Bench(Caller(up.url, next(iter(scenario.teams))), secrets, up.behind.url, options.window_s, each)


def _warm(bench: probes.Bench) -> str:
    """Let the proxy import and open what it only does when it is asked; its version by its answers."""
    seen = [bench.caller.ask(bench.ask("free", route))[0] for _ in range(WARM) for route in ROUTES]
    return seen[-1].headers.get("x-litellm-version", "")


def _compared(
    stage: Staged, quiet: Loaded, name: str, up: _Stage, work: Path, environment: Mapping[str, str], progress: Progress
) -> Compared:  # fmt: skip
    """One configuration: predicted with and without retry-after, sent, compared."""
    setting = settings_of(stage.loaded, (name,))[0]
    plan = build_plan(stage.loaded.scenario, 0, stage.loaded.traces)
    progress.start(f"predicting {name}", 1)
    predicted = {told: _simulated(one, name) for told, one in ((True, stage.loaded), (False, quiet))}
    progress.advance()
    outcome = _sent(stage, name, up, work / slug(name), environment, progress)
    outcome = replace(outcome, gates=gates(outcome.measured, LATE_P99_NS))
    told = says_when(outcome)
    agreement = compare(predicted[told], (outcome.requests, outcome.attempts), HELD)
    limits = {key: dict(one.limits) for key, one in stage.arrangements[name].keys.items()}
    return Compared(
        name, predicted, told, outcome, agreement, decisions(setting, plan, outcome), tuple(invalid(outcome)), limits
    )


def _simulated(loaded: Loaded, name: str) -> Tables:
    """The tables of one configuration, run in two engines."""
    setting = settings_of(loaded, (name,))[0]
    run = checked_run("simpy", setting, build_plan(loaded.scenario, 0, loaded.traces), 0)
    agree(run, "plain")
    names = names_of([setting])
    labels = labels_of(setting, 0, names)
    return request_frame(run.result, labels, names), attempt_frame(run.result, labels, names)


def _sent(
    stage: Staged, name: str, up: _Stage, folder: Path, environment: Mapping[str, str], progress: Progress
) -> LiveOutcome:  # fmt: skip
    """The plan through the proxy. Its headers go through it, so that the emulator gives the planned answers."""
    keys = stage.arrangements[name].keys
    order = LiveOrder(
        scenario=str(stage.loaded.path.resolve()), scenario_sha256=stage.loaded.sha256, configuration=name,
        base_url=up.url, secrets={key: one.variable for key, one in keys.items()},
    )  # fmt: skip
    return sent(Aim(order, {**environment, **up.secrets}, None, ()), folder, progress)


def says_when(outcome: LiveOutcome) -> bool:
    """Whether most refusals of a run carried ``retry-after``."""
    refused = outcome.attempts[outcome.attempts["status"] == verdicts.LIMITED]
    return bool(len(refused)) and float((refused["retry_after_ns"] >= 0).mean()) > 0.5


def decisions(setting: Setting, plan: Plan, outcome: LiveOutcome) -> Decisions:
    """Feed the rules with the live attempts at their own times, and count where they decide alike."""
    found = replay(setting, plan, outcome.result, outcome.refusers).decided
    log = outcome.attempts
    refused = dict(zip(zip(log["request"], log["attempt"], strict=True), log["refused_by"].astype(str) != "",
                       strict=True))  # fmt: skip
    other = [one for which, one in found.items() if refused[which] != (one.refused_by >= 0)]
    return Decisions(len(found), len(found) - len(other), sum(abs(one.distance) <= SECOND for one in other))


# The proxy's own log


def read_log(path: Path) -> list[dict[str, Any]]:
    """The rows that the hook wrote; none where nothing was booked."""
    if not path.exists():
        return []
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return [{**row, "metadata": json.loads(row["metadata"])} for row in rows]


def overhead(rows: list[dict[str, Any]]) -> tuple[float, float]:
    """What the proxy added to answers, ms: median and p95."""
    told = [float(row["metadata"]["litellm_overhead_time_ms"]) for row in rows
            if row["metadata"].get("litellm_overhead_time_ms") is not None]  # fmt: skip
    p50, p95 = np.quantile(told, (0.5, 0.95)) if told else (np.nan, np.nan)
    return float(p50), float(p95)


def _booked(one: Compared, rows: list[dict[str, Any]], aliases: set[str], scenario: Scenario) -> Verdict:
    ours = float(one.outcome.attempts["cost_microusd"].sum()) / MICRO
    own = [row for row in rows if row["metadata"].get("user_api_key_alias") in aliases]
    requests = one.outcome.requests
    cut = sum(_whole(row, scenario) for row in requests[requests["outcome"] == OUTCOMES[UNFINISHED]].to_dict("records"))
    return verdicts.booked(one.name, ours, cut, sum(float(row["spend"]) for row in own))


def _whole(row: Mapping[Any, Any], scenario: Scenario) -> float:
    """What a request's complete answer would cost, dollars."""
    price = resolve_model(scenario, str(row["model"]))
    return float(row["input_tokens"] * price.price_input + row["output_tokens"] * price.price_output) / MICRO**2
