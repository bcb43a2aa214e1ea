"""Compare configurations of a scenario on the same draws: run, check, measure, write, report."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim import __version__
from sim.catalogue.resolve import resolve_model
from sim.engine.digest import combined
from sim.engine.frames import attempt_frame, request_frame
from sim.engine.world import Setting
from sim.metrics.context import ConfigurationInfo, Context, LimitInfo
from sim.metrics.summary import summarise
from sim.results.store import Writer, write_json
from sim.scenario.capacity import capacity
from sim.scenario.loader import Loaded
from sim.scenario.workloads import FixedTime, SpreadTime
from sim.study.progress import Progress
from sim.study.runs import Without, agree, all_runs, counterfactuals, counts, labels_of, names_of, settings_of
from sim.units import duration_text

if TYPE_CHECKING:
    import pandas as pd

_VERSIONS = ("numpy", "pandas", "simpy", "numba", "pyarrow", "matplotlib", "pydantic")


@dataclass(frozen=True)
class Options:
    """How to run: which engine, where to write, what to leave out.

    ``gate`` names the configurations whose objectives count as missed; none is all of them.
    ``command`` is what a report prints as the way to get the same numbers again.
    """

    engine: str = "compiled"
    out: Path | None = None
    configurations: tuple[str, ...] | None = None
    counterfactual: bool = True
    gate: tuple[str, ...] | None = None
    command: tuple[str, ...] = ()


@dataclass(frozen=True)
class Study:
    """What a study found. The tables are those of :mod:`sim.results.columns`."""

    summary: dict[str, Any]
    missed: list[dict[str, Any]]
    directory: Path | None
    requests: pd.DataFrame
    attempts: pd.DataFrame


@dataclass(frozen=True)
class _Tables:
    requests: pd.DataFrame
    attempts: pd.DataFrame
    digest: str
    planned: int
    whole: list[Without]
    """What each run offered and won with nobody left out."""


def compare(loaded: Loaded, options: Options, progress: Progress) -> Study:
    """Run every configuration (or those of ``options``) and measure them side by side.

    Raises BadInput for a configuration or an engine that does not exist, and RunInvalid when
    rows are missing or the two engines disagree on the first replication.
    """
    settings = settings_of(loaded, options.configurations)
    _warn_of_compilation(options.engine, progress)
    tables = _run_all(loaded, settings, options, progress)
    without = _counterfactual_table(loaded, settings, options, tables, progress)
    progress.start("measuring and drawing", 1)
    context = _context(loaded, settings, options, tables)
    summary = summarise(tables.requests, tables.attempts, without, context)
    missed = _missed(summary, options.gate)
    if options.out is not None:
        _write(options.out, loaded, options, tables, without, summary)
    progress.advance()
    return Study(summary, missed, options.out, tables.requests, tables.attempts)


def _warn_of_compilation(engine: str, progress: Progress) -> None:
    if engine == "compiled":
        from sim.engine.kernel_source import is_warm

        if not is_warm():
            progress.note("compiling the engine once; later runs start at once")


def _run_all(loaded: Loaded, settings: Sequence[Setting], options: Options, progress: Progress) -> _Tables:
    """All runs as two tables; the first replication is repeated in the other engine."""
    import pandas as pd

    names, other = names_of(settings), "plain" if options.engine == "simpy" else "simpy"
    requests, attempts, digests, whole = [], [], [], []
    progress.start("simulating", loaded.scenario.replications * len(settings))
    for run in all_runs(loaded, settings, options.engine):
        labels = labels_of(run, names)
        requests.append(request_frame(run.plan, run.result, labels, names))
        attempts.append(attempt_frame(run.plan, run.result, labels, names))
        digests.append(run.digest)
        whole.append(Without(run.setting.name, run.replication, "", *counts(run, loaded.scenario.warmup)))
        if run.replication == 0:
            agree(run, other)
        progress.advance()
    planned = sum(len(frame) for frame in requests)
    tables = pd.concat(requests, ignore_index=True), pd.concat(attempts, ignore_index=True)
    return _Tables(*tables, combined(digests), planned, whole)


def _counterfactual_table(
    loaded: Loaded, settings: Sequence[Setting], options: Options, tables: _Tables, progress: Progress
) -> pd.DataFrame | None:
    """Who would lose what without whom, beside what they lose with everybody there."""
    import pandas as pd

    teams = settings[0].teams
    if len(teams) < 2 or not options.counterfactual:
        return None
    progress.start("leaving each team out", loaded.scenario.replications * len(settings) * len(teams))
    found = list(tables.whole)
    for one in counterfactuals(loaded, settings, options.engine):
        found.append(one)
        progress.advance()
    rows = [
        (one.configuration, one.replication, one.left_out, victim, one.offered[at], one.succeeded[at])
        for one in found
        for at, victim in enumerate(teams)
        if victim != one.left_out
    ]
    columns = ["configuration", "replication", "left_out", "victim", "offered", "succeeded"]
    return pd.DataFrame(rows, columns=columns)


def _context(loaded: Loaded, settings: Sequence[Setting], options: Options, tables: _Tables) -> Context:
    configurations = {
        setting.name: ConfigurationInfo(
            capacity(setting.topology), tuple(LimitInfo.of(row) for row in setting.rows.limits)
        )
        for setting in settings
    }
    return Context(
        loaded.scenario,
        loaded.sha256,
        options.engine,
        configurations,
        tables.planned,
        len(tables.requests),
        tables.digest,
    )


def _missed(summary: Mapping[str, Any], gate: tuple[str, ...] | None) -> list[dict[str, Any]]:
    return [slo for slo in summary["slos"] if not slo["met"] and (gate is None or slo["configuration"] in gate)]


def _write(
    out: Path, loaded: Loaded, options: Options, tables: _Tables, without: pd.DataFrame | None, summary: dict[str, Any]
) -> None:
    """Tables, summary and manifest; then the report from them. No file of an earlier study stays."""
    from sim.report.render import render

    with Writer(out) as writer:
        writer.add(tables.requests, tables.attempts)
        writer.commit()
    if without is None:
        (out / "counterfactual.parquet").unlink(missing_ok=True)
    else:
        _write_parquet(out / "counterfactual.parquet", without)
    write_json(out / "summary.json", summary)
    write_json(out / "manifest.json", _manifest(loaded, options))
    render(out)


def _write_parquet(path: Path, table: pd.DataFrame) -> None:
    partial = path.with_name(f".{path.name}.partial")
    try:
        table.to_parquet(partial, index=False)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _manifest(loaded: Loaded, options: Options) -> dict[str, Any]:
    """What was run, with what; nothing about where or when, so that equal runs write equal files."""
    scenario = loaded.scenario
    return {
        "keystorm": __version__,
        "command": list(options.command),
        "scenario": {
            "name": scenario.name,
            "sha256": loaded.sha256,
            "resolved": scenario.model_dump(mode="json", by_alias=True, exclude_none=True),
        },
        "seed": scenario.seed,
        "replications": scenario.replications,
        "engine": options.engine,
        "versions": {"python": platform.python_version()} | {name: version(name) for name in _VERSIONS},
        "assumptions": _answer_times(loaded),
        "notes": list(loaded.notes),
    }


def _answer_times(loaded: Loaded) -> list[str]:
    """What is assumed about each model's answers, one sentence a model."""
    used = {workload.model for team in loaded.scenario.teams.values() for workload in team.workload}
    sentences = []
    for name in sorted(used):
        model = resolve_model(loaded.scenario, name)
        slots = "without bound" if model.slots is None else f"at most {model.slots} at once, {model.queue} waiting"
        first, each = _time(model.first_token), _time(model.per_token)
        sentences.append(f"{name} answers after {first} to the first token and {each} per output token, {slots}.")
    return sentences


def _time(time: SpreadTime | FixedTime) -> str:
    if isinstance(time, FixedTime):
        return duration_text(time.fixed)
    return f"{duration_text(time.median)} (median; p95 {duration_text(time.p95)})"
