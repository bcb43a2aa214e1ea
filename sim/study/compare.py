"""Compare configurations of a scenario on the same draws: run, check, measure, write, report."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.engine.digest import combined
from sim.engine.world import Setting
from sim.errors import BadInput
from sim.metrics.context import CapInfo, ConfigurationInfo, Context, KeyInfo, LimitInfo
from sim.metrics.review import desks
from sim.metrics.summary import summarise, summary_of
from sim.metrics.tallied import of_readings
from sim.results.audit import remove_audit, write_audit
from sim.results.store import ATTEMPTS_FILE, REQUESTS_FILE, Writer, remove, write_json
from sim.scenario.capacity import capacity
from sim.scenario.loader import Loaded
from sim.scenario.streams import expected_requests
from sim.study.audit import audit_of
from sim.study.beside import Beside, beside
from sim.study.checkpoints import Checkpoints
from sim.study.manifest import manifest
from sim.study.pool import THREADS, Pool, open_pool
from sim.study.progress import Progress
from sim.study.runs import Without, compile_once, settings_of
from sim.study.streaming import check_start, stream
from sim.study.work import Work, all_runs, check_engines, counterfactuals

if TYPE_CHECKING:
    import pandas as pd

    from sim.report.render import Drawn

COUNTERFACTUAL_FILE = "counterfactual.parquet"
IN_MEMORY = 5_000_000
"""Requests of all runs together that are kept in memory; beyond it a study streams."""


@dataclass(frozen=True)
class Options:
    """How to run: which engine, where to write, what to leave out.

    ``gate`` names the configurations whose objectives count as missed; none is all of them.
    ``rows`` is what is kept: ``attempts`` (and requests), ``requests``, or ``none``; by default ``attempts``,
    and ``none`` in a stream. A study streams (bounded memory, tallies, checkpoints, rows written as it goes on)
    when it is told to by ``stream``, when it keeps no rows, and when its rows would not fit in memory.
    ``executor`` and ``workers`` say where the runs happen (:func:`sim.study.pool.open_pool`); the result is the
    same everywhere. ``command`` is what a report prints as the way to get it again.
    """

    engine: str = "compiled"
    executor: str = THREADS
    workers: int | None = None
    out: Path | None = None
    configurations: tuple[str, ...] | None = None
    counterfactual: bool = True
    rows: str | None = None
    stream: bool = False
    gate: tuple[str, ...] | None = None
    command: tuple[str, ...] = ()
    audit: bool = False
    """Write the audit log too (:mod:`sim.results.audit`); it needs ``rows: attempts`` and ``out``."""


@dataclass(frozen=True)
class Study:
    """What a study found. The tables are those of :mod:`sim.results.columns`; none without rows."""

    summary: dict[str, Any]
    missed: list[dict[str, Any]]
    directory: Path | None
    requests: pd.DataFrame | None
    attempts: pd.DataFrame | None


@dataclass(frozen=True)
class _Tables:
    requests: pd.DataFrame
    attempts: pd.DataFrame
    digests: list[str]
    """Of each run, replication by replication."""
    planned: int
    whole: list[Without]
    """What each run offered and won with nobody left out."""


def compare(loaded: Loaded, options: Options, progress: Progress) -> Study:
    """Run every configuration (or those of ``options``) and measure them side by side.

    Raises BadInput for a configuration or an engine that does not exist, and RunInvalid when
    rows are missing or the two engines disagree on the first replication.
    """
    settings = settings_of(loaded, options.configurations)
    streams = _streams(loaded, settings, options)
    if options.audit and (streams or options.rows not in (None, "attempts")):
        said = "a stream" if streams else f"--rows {options.rows}"
        hint = "leave out --rows, --stream or --audit"
        raise BadInput("an audit log needs the attempts in memory", place="--audit", value=said, hint=hint)
    if streams:
        return _stream(loaded, settings, options, progress)
    work = Work.of(loaded, settings, options.engine)
    other = "plain" if options.engine == "simpy" else "simpy"
    once = expected_requests(loaded.scenario, loaded.traces) * len(settings)
    with beside(work, other, options.executor, once) as second, open_pool(options.executor, _workers(options)) as pool:
        compile_once(options.engine, progress)
        tables = _run_all(work, pool, progress)
        without = _counterfactual_table(work, pool, tables, progress) if options.counterfactual else None
        progress.start("measuring", 1)
        told = tables.planned, len(tables.requests), combined(tables.digests)
        summary = summarise(tables.requests, tables.attempts, without, context_of(loaded, settings, options, told))
        progress.advance()
        files = _told(loaded, options, summary)
        with _being_written(options.out, tables, options.rows or "attempts") as put:
            report = None if options.out is None else _drawn(files, progress, second)  # while the other engine runs
            progress.start(f"checking against the {other} engine", 1)
            theirs = None if second is None else second.digests()
            check_engines(work, pool, tables.digests[: len(settings)], other, theirs)
            progress.advance()
            progress.start("writing", 1)
            put()
    if options.out is not None and report is not None:
        _write_beside(options.out, without)
        if options.audit:
            write_audit(options.out, audit_of(loaded.scenario, settings, tables.requests, tables.attempts))
        _write(options.out, files)
        report.write(options.out)
    progress.advance()
    return Study(summary, missed_of(summary, options.gate), options.out, tables.requests, tables.attempts)


def _stream(loaded: Loaded, settings: Sequence[Setting], options: Options, progress: Progress) -> Study:
    """The same in bounded memory: tallies instead of tables, and checkpoints beside the result."""
    rows = _streamed_rows(options, progress)
    compile_once(options.engine, progress)
    check_start(loaded, settings, progress)
    if desks(loaded.scenario):
        progress.note("the review of refused content is told only where rows are kept")
    checkpoints = Checkpoints(options.out)
    with _elsewhere(options) as pool:
        empty = context_of(loaded, settings, options, (0, 0, ""))
        found, kept = stream(loaded, settings, empty, progress, checkpoints, pool, rows)
    progress.start("measuring", 1)
    context = context_of(loaded, settings, options, (found.planned, found.reported, found.digest))
    measured = ((name, of_readings(readings, context, name)) for name, readings in found.readings.items())
    summary = summary_of(measured, None, context)
    progress.advance()
    if options.out is not None:
        for name in (REQUESTS_FILE, ATTEMPTS_FILE, COUNTERFACTUAL_FILE):
            remove(options.out / name)
        remove_audit(options.out)
        kept.commit()
        files = _told(loaded, options, summary)
        _write(options.out, files)  # before the drawing: the run may have taken hours
        _drawn(files, progress).write(options.out)
    checkpoints.clear()
    return Study(summary, missed_of(summary, options.gate), options.out, None, None)


def _streams(loaded: Loaded, settings: Sequence[Setting], options: Options) -> bool:
    """Whether the study streams: it is told to, or all its rows would not fit in memory."""
    if options.stream or options.rows == "none":
        return True
    requests = expected_requests(loaded.scenario, loaded.traces) * len(settings) * loaded.scenario.replications
    return options.engine == "compiled" and requests > IN_MEMORY


def _streamed_rows(options: Options, progress: Progress) -> str:
    """Which rows a stream keeps. Raises BadInput for what can't be streamed."""
    if options.engine != "compiled":
        raise BadInput("only the compiled engine streams", value=f"--engine {options.engine}", hint="--engine compiled")
    if options.rows is None and not options.stream:
        progress.note("too long to be kept in memory: streaming without rows (--rows requests or attempts writes them)")
    rows = options.rows or "none"
    if rows != "none" and options.executor != THREADS:
        hint = "leave out --executor, or --rows none"
        raise BadInput("a stream's rows are written where it runs", value=f"--executor {options.executor}", hint=hint)
    if rows != "none" and options.out is None:
        raise BadInput("a stream's rows need a directory to be written to", value=f"rows={rows}", hint="give out")
    return rows


def _elsewhere(options: Options) -> AbstractContextManager[Pool | None]:
    """The pool of a study that streams; none for threads, of which each configuration has one."""
    return nullcontext() if options.executor == THREADS else open_pool(options.executor, options.workers)


def _workers(options: Options) -> int | None:
    """Threads help only where the engine lets go of the interpreter."""
    alone = options.executor == THREADS and options.engine != "compiled"
    return 1 if alone else options.workers


def _run_all(work: Work, pool: Pool, progress: Progress) -> _Tables:
    """All runs as two tables."""
    import pandas as pd

    requests, attempts, digests, whole = [], [], [], []
    progress.start("simulating", work.plans.scenario.replications * len(work.settings))
    for told in all_runs(work, pool):
        requests.append(told.requests)
        attempts.append(told.attempts)
        digests.append(told.digest)
        whole.append(told.whole)
        progress.advance()
    planned = sum(len(frame) for frame in requests)
    tables = pd.concat(requests, ignore_index=True), pd.concat(attempts, ignore_index=True)
    return _Tables(*tables, digests, planned, whole)


def _counterfactual_table(work: Work, pool: Pool, tables: _Tables, progress: Progress) -> pd.DataFrame | None:
    """Who would lose what without whom, beside what they lose with everybody there."""
    import pandas as pd

    teams = work.settings[0].teams
    if len(teams) < 2:
        return None
    progress.start("leaving each team out", work.plans.scenario.replications * len(work.settings) * len(teams))
    found = list(tables.whole)
    for one in counterfactuals(work, pool):
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


def context_of(loaded: Loaded, settings: Sequence[Setting], options: Options, checks: tuple[int, int, str]) -> Context:
    """What metrics must know; ``checks`` are the rows planned, the rows reported, and the digest."""
    configurations = {
        setting.name: ConfigurationInfo(
            capacity(setting.topology),
            tuple(map(LimitInfo.of, setting.rows.limits)),
            tuple(map(CapInfo.of, setting.rows.caps)),
            tuple(KeyInfo(one.name, two.name, key.name, key.teams) for one, two, key in setting.topology.paths()),
        )
        for setting in settings
    }
    return Context(loaded.scenario, loaded.sha256, options.engine, configurations, *checks)


def missed_of(summary: Mapping[str, Any], gate: tuple[str, ...] | None) -> list[dict[str, Any]]:
    """The objectives that are not met, of the configurations that count."""
    return [slo for slo in summary["slos"] if not slo["met"] and (gate is None or slo["configuration"] in gate)]


@contextmanager
def _being_written(out: Path | None, tables: _Tables, rows: str) -> Iterator[Callable[[], None]]:
    """Write the Parquet tables aside in a thread while the block runs; what it gets puts them in place, if called."""
    if out is None:
        yield lambda: None
        return
    attempts = tables.attempts if rows == "attempts" else None
    with Writer(out, attempts=attempts is not None) as writer, ThreadPoolExecutor(1) as thread:

        def write() -> None:
            writer.add(tables.requests, attempts)
            writer.finish()

        written = thread.submit(write)

        def put() -> None:
            written.result()
            writer.commit()

        yield put


def _write_beside(out: Path, without: pd.DataFrame | None) -> None:
    """The table of counterfactual runs; nothing of an earlier study stays."""
    remove_audit(out)
    if without is None:
        (out / COUNTERFACTUAL_FILE).unlink(missing_ok=True)
    else:
        _write_parquet(out / COUNTERFACTUAL_FILE, without)


def _told(loaded: Loaded, options: Options, summary: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The two files that a report is made from, by name."""
    said = manifest(loaded, kind="compare", engine=options.engine, command=options.command)
    return {"summary.json": summary, "manifest.json": said}


def _drawn(told: Mapping[str, dict[str, Any]], progress: Progress, helper: Beside | None = None) -> Drawn:
    """The report, before anything is written."""
    from sim.report.render import drawn

    progress.start("drawing", 1)
    report = drawn(told["summary.json"], told["manifest.json"], helper)
    progress.advance()
    return report


def _write(out: Path, told: Mapping[str, dict[str, Any]]) -> None:
    for name, value in told.items():
        write_json(out / name, value)


def _write_parquet(path: Path, table: pd.DataFrame) -> None:
    partial = path.with_name(f".{path.name}.partial")
    try:
        table.to_parquet(partial, index=False)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
