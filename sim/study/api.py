"""The same as the command, from Python: :func:`compare`, :func:`run`, :func:`tune`, :func:`capacity`, …

Each reads a scenario (a path, a library name, or what :func:`load` gave), runs, and gives back a
:class:`~sim.study.result.Result` with numbers, data frames, figures and the report. Nothing is written
unless ``out`` names a folder. Arguments are those of the command's flags, in the same units and
spellings; all errors are :class:`~sim.errors.KeystormError`: BadScenario and BadInput for what is asked,
RunInvalid for a run that can't be trusted. ``progress`` is told how far it is; by default nobody is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sim.scenario.loader import Loaded, load
from sim.study.compare import Options
from sim.study.compare import compare as _compare
from sim.study.manifest import manifest
from sim.study.progress import Progress, Silent
from sim.study.result import Result, read

if TYPE_CHECKING:
    from sim.study.fitting.log import Log
    from sim.study.fitting.run import InForce
    from sim.study.fitting.types import Fitted, History
    from sim.study.fitting.types import Options as FitOptions

__all__ = [
    "Fit", "Loaded", "Options", "Result", "capacity", "compare", "cost", "fit", "import_logs", "load", "read", "run",
    "tune", "validate",
]  # fmt: skip

Source = Loaded | str | Path


def given(**values: object) -> Mapping[str, object]:
    """The arguments that are not None."""
    return {name: value for name, value in values.items() if value is not None}


def _loaded(source: Source, **overrides: object) -> Loaded:
    """The scenario; what :func:`load` gave is taken as it is."""
    return source if isinstance(source, Loaded) else load(source, overrides=given(**overrides))


def command_line(name: str, source: Source, **flags: object) -> tuple[str, ...]:
    """The command line that gets the same numbers."""
    words = ["keystorm", name, str(source.path if isinstance(source, Loaded) else source)]
    for flag, value in given(**flags).items():
        for one in value if isinstance(value, (list, tuple)) else (value,):
            words += [f"--{flag.replace('_', '-')}", str(one)]
    return tuple(words)


def _folder(out: str | Path | None) -> Path | None:
    """Where to write, if anywhere. Raises BadInput where something else would be lost."""
    from sim.results.folder import usable

    return None if out is None else usable(Path(out))


def compare(
    source: Source,
    *,
    seed: int | None = None,
    replications: int | None = None,
    out: str | Path | None = None,
    options: Options | None = None,
    progress: Progress | None = None,
) -> Result:
    """Run every configuration of a scenario on the same draws.

    ``seed`` and ``replications`` replace what a file says, not what :func:`load` gave. ``options`` are
    :class:`~sim.study.compare.Options`; ``out`` stands before its own. The result's ``requests`` has a
    row a request and ``attempts`` a row a try, unless the study streams.
    """
    return _compared("compare", source, seed, replications, out, options, progress)


def run(
    source: Source,
    configuration: str | None = None,
    *,
    seed: int | None = None,
    replications: int | None = None,
    out: str | Path | None = None,
    options: Options | None = None,
    progress: Progress | None = None,
) -> Result:
    """Run one configuration, the first in the file by default. Otherwise as :func:`compare`."""
    loaded = _loaded(source, seed=seed, replications=replications)
    name = configuration or next(iter(loaded.scenario.configurations))
    chosen = replace(options or Options(), configurations=(name,))
    flags = {"seed": seed, "replications": replications, "configuration": configuration}
    chosen = chosen if chosen.command else replace(chosen, command=command_line("run", source, **flags))
    return _compared("run", loaded, None, None, out, chosen, progress)


def _compared(
    name: str, source: Source, seed: int | None, replications: int | None, out: str | Path | None,
    options: Options | None, progress: Progress | None,
) -> Result:  # fmt: skip
    chosen, loaded = options or Options(), _loaded(source, seed=seed, replications=replications)
    command = chosen.command or command_line(name, source, seed=seed, replications=replications)
    chosen = replace(chosen, command=command, out=_folder(out) or chosen.out)
    study = _compare(loaded, chosen, progress or Silent())
    told = manifest(loaded, kind="compare", engine=chosen.engine, command=command)
    return Result("compare", study.summary, told, study.missed, study.directory, study.requests, study.attempts)


def tune(
    source: Source,
    *,
    configuration: str | None = None,
    dimensions: Sequence[str] = ("rpm", "burst"),
    account_capacity: str | None = None,
    export: Sequence[str] = (),
    seed: int | None = None,
    replications: int | None = None,
    out: str | Path | None = None,
    progress: Progress | None = None,
) -> Result:
    """Find the smallest limits with which every project meets its objectives.

    ``dimensions``: some of rpm, burst, input_tokens, output_tokens, tokens, concurrency (per minute but
    for burst and concurrency). ``account_capacity``: what the account gives in all, as ``"600/min"``.
    """
    from sim.study.tune import options as asked
    from sim.study.tune.tune import tune as search

    loaded = _loaded(source, seed=seed, replications=replications)
    command = command_line(
        "tune", source, configuration=configuration, dimensions=",".join(dimensions),
        account_capacity=account_capacity, export=export, seed=seed, replications=replications,
    )  # fmt: skip
    options = asked.Options(
        configuration=configuration, dimensions=asked.dimensions(",".join(dimensions)),
        account_capacity=None if account_capacity is None else asked.capacity(account_capacity),
        exports=asked.exports(tuple(export)), out=_folder(out), command=command,
    )  # fmt: skip
    study = search(loaded, options, progress or Silent())
    told = manifest(loaded, kind="tune", engine=options.engine, command=command)
    return Result("tune", study.summary, told, study.missed, study.directory)


def capacity(
    source: Source,
    *,
    months: int = 12,
    growth: Sequence[str] = (),
    add_team: Sequence[str] = (),
    configuration: Sequence[str] = (),
    what_if: Sequence[str] = (),
    start: str | None = None,
    with_faults: bool = False,
    duration: str | None = None,
    seed: int | None = None,
    replications: int | None = None,
    out: str | Path | None = None,
    progress: Progress | None = None,
) -> Result:
    """Tell how much room each limit has, when growth breaks it, what it costs and which tier is needed.

    ``growth`` a month, as ``["10%", "checkout=20%"]``; ``add_team`` as ``["search=checkout:3"]``;
    ``what_if`` as ``["requests=x2"]``; ``start`` names month 0, as ``"2027-01"``.
    """
    from sim.study.capacity import options as asked
    from sim.study.capacity.capacity import capacity as study_of
    from sim.study.pool import THREADS, open_pool

    loaded = _loaded(source, seed=seed, replications=replications, duration=duration)
    command = command_line(
        "capacity", source, months=months, growth=growth, add_team=add_team, configuration=configuration,
        what_if=what_if, start=start, duration=duration, seed=seed, replications=replications,
    ) + (("--with-faults",) if with_faults else ())  # fmt: skip
    options = asked.Options(
        months=months, growth=asked.growth_of(growth, add_team, loaded.scenario, months),
        configurations=tuple(configuration), what_ifs=tuple(what_if), start=asked.start_of(start),
        faults=with_faults, out=_folder(out), command=command,
    )  # fmt: skip
    with open_pool(THREADS, None) as pool:
        study = study_of(loaded, options, pool, progress or Silent())
    told = manifest(loaded, kind="capacity", engine=options.engine, command=command)
    return Result("capacity", study.summary, told, [], study.directory)


def cost(
    source: Source,
    *,
    months: int = 200,
    budget: str | None = None,
    configuration: Sequence[str] = (),
    tornado_months: int | None = None,
    duration: str | None = None,
    seed: int | None = None,
    out: str | Path | None = None,
    progress: Progress | None = None,
) -> Result:
    """Draw months with their incidents: what each configuration costs, how surely, and what a saving is made of.

    ``budget`` as ``"$15k/month"``. ``tornado_months`` are run for each end of each assumption (default:
    half of ``months``, at most 100; 0 for none). The scenario, or ``duration``, has to last a month.
    """
    from sim.study.cost import options as asked
    from sim.study.cost.cost import cost as study_of
    from sim.study.pool import THREADS, open_pool

    loaded = _loaded(source, seed=seed, duration=duration)
    command = command_line("cost", source, months=months, budget=budget, configuration=configuration,
                       tornado_months=tornado_months, duration=duration, seed=seed)  # fmt: skip
    few = min(100, months // 2)
    options = asked.Options(
        months=months, tornado_months=few if tornado_months is None else tornado_months,
        configurations=tuple(configuration), budget_usd=asked.budget_of(budget, loaded.scenario),
        out=_folder(out), command=command,
    )  # fmt: skip
    with open_pool(THREADS, None) as pool:
        study = study_of(loaded, options, pool, progress or Silent())
    told = manifest(loaded, kind="cost", engine=options.engine, command=command)
    return Result("cost", study.summary, told, [], study.directory)


def import_logs(
    logs: Sequence[str | Path],
    out: str | Path,
    *,
    format: str = "auto",
    timezone: str = "UTC",
    columns: str | None = None,
    progress: Progress | None = None,
) -> Result:
    """Read real logs into one request log in the folder ``out``, with a profile of every team.

    ``columns`` maps other CSV and JSON, as ``"timestamp=ts,input_tokens=in,output_tokens=out,team=who"``.
    Raises BadInput; then the folder is as it was.
    """
    from sim.study.importing import options as asked
    from sim.study.importing.files import manifest as told
    from sim.study.importing.run import import_logs as study_of
    from sim.workload.importers.clock import zone

    folder = _folder(out) or Path(out)
    options = asked.Options(
        format=asked.known_format(format), timezone=timezone, local=zone(timezone),
        columns=None if columns is None else asked.column_map(columns),
        command=("keystorm", "import", *map(str, logs), "--out", str(out)),
    )  # fmt: skip
    study = study_of([str(log) for log in logs], options, folder, progress or Silent())
    return Result("import", study.summary, told(study.summary, options), [], study.directory)


@dataclass(frozen=True)
class Fit(Result):
    """A fit: beside what every result has the scenario itself, and the comparison with the log's history."""

    fitted: Fitted = field(kw_only=True, repr=False)
    """``fitted.loaded`` is the scenario, ready for :func:`compare`; ``fitted.text`` is its file."""
    history: History | None = field(default=None, repr=False)

    def _beside(self) -> Mapping[str, str]:
        from sim.study.fitting.run import SCENARIO

        return {SCENARIO: self.fitted.text}


def fit(
    log: Log | str | Path,
    *,
    options: FitOptions | None = None,
    known: InForce | None = None,
    out: str | Path | None = None,
    progress: Progress | None = None,
) -> Fit:
    """Fit a described scenario to a log, and compare with its history where it has one.

    ``log`` is what :func:`sim.study.fitting.log.read_log` gave, a folder that ``keystorm import``
    wrote, or any file that it reads. ``known`` is the arrangement of keys that was in force. Raises
    BadInput where there is nothing to fit.
    """
    from sim.study.fitting import run as fitting
    from sim.study.fitting.log import Log as InMemory
    from sim.study.fitting.types import Options as Chosen
    from sim.study.importing.options import Options as Reading
    from sim.study.importing.options import shown_command

    chosen, shown, folder = options or Chosen(), progress or Silent(), _folder(out)
    if isinstance(log, InMemory):
        study = fitting.fit(log, chosen, shown, out=folder, known=known)
    else:
        words = chosen.command or command_line("fit", log, seed=chosen.seed, replications=chosen.replications)
        chosen = replace(chosen, command=shown_command(words))
        with fitting.opened(str(log), Reading(), shown) as opened:
            study = fitting.fit(opened, chosen, shown, out=folder, known=known)
    told = manifest(study.fitted.loaded, kind="fit", engine=chosen.engine, command=chosen.command)
    return Fit("fit", study.summary, told, [], study.directory, fitted=study.fitted, history=study.history)


def validate(
    source: Source,
    out: str | Path,
    *,
    configuration: Sequence[str] = (),
    wall: str = "60s",
    speed: int = 1,
    workers: int = 1,
    api: str = "anthropic",
    seed: int | None = None,
    progress: Progress | None = None,
) -> Result:
    """Run the same plan in the simulator and over HTTP, into the folder ``out``: do they agree?

    ``wall`` is how long each live run may take, ``speed`` virtual seconds a second. Needs
    ``keystorm[live,serve]``. ``summary["agrees"]`` is the answer; each configuration tells why its
    live run is ``invalid``, where it is. Raises BadInput for what can't be validated.
    """
    import os
    from fractions import Fraction

    from sim.study.validate import options as asked
    from sim.study.validate.validate import validate as study_of
    from sim.units import duration

    loaded = _loaded(source, seed=seed, replications=1)
    command = command_line("validate", source, configuration=configuration, wall=wall, speed=speed, workers=workers,
                       api=api, seed=seed, out=out)  # fmt: skip
    options = asked.Options(
        _folder(out) or Path(out), tuple(configuration), duration(wall), Fraction(speed), workers, api, command
    )
    study = study_of(loaded, options, os.environ, progress or Silent())
    told = manifest(loaded, kind="validate", engine="live", command=command)
    return Result("validate", study.summary, told, [], study.directory)
