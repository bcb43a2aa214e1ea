"""``keystorm fit``: reads the log, fits it, compares with history, and writes the folder."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sim.errors import BadInput
from sim.results.store import write_json, write_text
from sim.scenario.loader import Loaded, load
from sim.scenario.schema import Scenario
from sim.study.fitting.fit import fit_log
from sim.study.fitting.history import against_history, has_history
from sim.study.fitting.infer import infer
from sim.study.fitting.log import Log, read_log
from sim.study.fitting.summary import summary_of
from sim.study.fitting.types import Fitted, History, Options
from sim.study.importing.options import Options as ImportOptions
from sim.study.importing.run import import_logs
from sim.study.manifest import manifest
from sim.study.progress import Progress
from sim.workload.log.write import FILE

SCENARIO, SUMMARY = "scenario.yaml", "fit.json"
IN_FORCE = "shared"
"""The configuration of a fitted scenario that stands for what was in force."""


@dataclass(frozen=True)
class InForce:
    """The arrangement of keys that was in force, where a scenario says it."""

    scenario: Scenario
    configuration: str


@dataclass(frozen=True)
class Study:
    """What a fit gave: the scenario, the comparison with history, and where it is."""

    fitted: Fitted
    history: History | None
    summary: dict[str, Any]
    directory: Path | None


def in_force(source: str, configuration: str | None) -> InForce:
    """A configuration of a scenario file, its first by default. Raises BadInput and BadScenario."""
    from sim.scenario.words import choices

    scenario = load(source).scenario
    name = configuration or next(iter(scenario.configurations))
    if name not in scenario.configurations:
        hint = choices(name, scenario.configurations)
        raise BadInput("no such configuration", place="--configuration", value=repr(name), hint=hint)
    return InForce(scenario, name)


@contextlib.contextmanager
def opened(source: str, options: ImportOptions, progress: Progress) -> Iterator[Log]:
    """The log of an import, or of anything that can be imported: that is done on the way, and not kept."""
    path = Path(source)
    if (path.is_dir() and (path / FILE).exists()) or path.suffix == ".parquet":
        yield read_log(path)
        return
    if not path.exists() and "://" not in source:
        hint = "the folder that keystorm import wrote, or a log that it reads"
        raise BadInput("no such log", place=source, hint=hint)
    if path.is_dir():
        hint = "the folder that keystorm import wrote, or a log that it reads"
        raise BadInput(f"this folder has no {FILE}", place=source, hint=hint)
    with tempfile.TemporaryDirectory(prefix="keystorm-fit-") as folder:
        import_logs([source], options, Path(folder) / "log", progress)
        yield replace(read_log(Path(folder) / "log"), shown=path.name)


def fit(
    log: Log, options: Options, progress: Progress, *, out: Path | None = None, known: InForce | None = None
) -> Study:  # fmt: skip
    """Fit a log, compare with its history where it has one, and write everything into ``out``."""
    fitted = fit_log(log, options, progress)
    history = None
    if has_history(log):
        progress.start("simulating what was recorded", 1)
        history = _history(log, fitted, options, known)
    summary = summary_of(log, fitted, history, options)
    if out is not None:
        progress.start("writing the report", 1)
        _write(out, fitted.loaded, fitted.text, summary, options)
    return Study(fitted, history, summary, out)


def _history(log: Log, fitted: Fitted, options: Options, known: InForce | None) -> History:
    scenario = fitted.loaded.scenario
    if known is not None:
        arranged = {known.configuration: known.scenario.configurations[known.configuration]}
        scenario = scenario.model_copy(update={"configurations": arranged, "provider": known.scenario.provider})
        return against_history(log, scenario, known.configuration, options)
    how = "" if options.limits is not None else infer(log).how
    return against_history(log, scenario, IN_FORCE, options, inferred=how)


def _write(out: Path, loaded: Loaded, text: str, summary: dict[str, Any], options: Options) -> None:
    from sim.report.kinds import render

    write_text(out / SCENARIO, text)
    write_json(out / SUMMARY, summary)
    write_json(out / "manifest.json", manifest(loaded, kind="fit", engine=options.engine, command=options.command))
    render(out)
