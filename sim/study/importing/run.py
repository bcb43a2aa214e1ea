"""Reads logs of any length into one request log, and profiles it on the way."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sim.errors import BadInput
from sim.study.importing import rate_draws
from sim.study.importing.files import write_all
from sim.study.importing.intake import Intake, LogFile, salt_of
from sim.study.importing.mapping import read_mapping
from sim.study.importing.options import Options
from sim.study.importing.profile import Profile, profiled, total
from sim.study.importing.summary import summary_of
from sim.study.progress import Progress
from sim.units import SECOND
from sim.workload.importers import IMPORTERS
from sim.workload.importers.base import Importer, Item, Reading
from sim.workload.importers.database import Database, is_address
from sim.workload.importers.detect import detect
from sim.workload.importers.labels import Labels
from sim.workload.importers.source import Source
from sim.workload.log.rows import Names
from sim.workload.log.spool import Spool
from sim.workload.log.write import FILE, write

RELATIVE = 100_000_000 * SECOND
"""A log that ends before this (March 1973) counts from a zero of its own."""

REPORTED, REPLICATIONS = 100_000, 5


@dataclass(frozen=True)
class Study:
    """What an import gave: its summary, and where it is."""

    summary: dict[str, Any]
    directory: Path


def import_logs(logs: Sequence[str], options: Options, out: Path, progress: Progress) -> Study:
    """Import ``logs`` into the folder ``out``. Raises BadInput; then the folder is as it was."""
    found = [_source(log, options) for log in logs]
    labels = Labels(_salt(found[0][0]), options.team_by, {} if options.teams is None else read_mapping(options.teams))
    with _working(out) as work, Spool(work) as spool:
        intake = Intake(spool, labels, Names(), options.request_tokens, options.bulk)
        for source, importer, why in found:
            progress.start(f"reading {source.shown} as {importer.name}: {why}", 1)
            file = LogFile(source.shown, importer.name, why)
            reading = Reading(options.columns, options.tokens, options.local, options.request_tokens)
            intake.take(file, _told(_read(source, importer, reading, options), progress))
            file.notes += _zones(reading, options.timezone)
        _draw(intake, options)
        if not intake.plain:
            spool.unsorted = 0  # requests that were made from sums and rates come one sum or client after another
        _check(intake)
        profile = _merge(intake, options, work, progress)
        summary = summary_of(intake, options, profile) | {"history": _history(work / FILE, profile, progress)}
        progress.start("writing the profile", 1)
        safe = write_all(out, work / FILE, summary, options)
    return Study(safe, out)


def _source(log: str, options: Options) -> tuple[Source | Database, Importer, str]:
    source = Database(log) if is_address(log) else Source(Path(), log)
    return (source, *detect(source, IMPORTERS, options.format, mapped=options.columns is not None))


def _salt(source: Source | Database) -> bytes:
    """Of the log's first bytes; a database's address is as secret."""
    if isinstance(source, Database):
        return salt_of(source.secret)
    with source.guarded(), source.path.open("rb") as file:
        return salt_of(file.read(1 << 16).decode("latin-1"))


@contextlib.contextmanager
def _working(out: Path) -> Iterator[Path]:
    """A hidden folder in ``out`` for what is not finished; ``out`` goes again when it was made in vain."""
    made = not out.exists()
    out.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".partial-", dir=out))
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)
        if made and not any(out.iterdir()):
            out.rmdir()


def _read(source: Source | Database, importer: Importer, reading: Reading, options: Options) -> Iterator[Item]:
    if options.tokens is not None and importer.name != "servegen":
        hint = "leave it out; only servegen has one"
        raise BadInput(f"{importer.name} has no tokens file", place="--tokens", value=options.tokens, hint=hint)
    if options.window is not None and importer.name != "servegen":
        hint = "leave it out; a scenario cuts a window out of what was imported"
        raise BadInput(f"a log of {importer.name} is imported as a whole", place="--window", hint=hint)
    return importer.read(source, reading)


def _zones(reading: Reading, timezone: str) -> Iterator[str]:
    """What a reader should know of stamps without a zone."""
    bare, twice = (sum(getattr(clock, name) for clock in reading.clocks) for name in ("bare", "twice"))
    if bare:
        yield f"{bare:,} time stamps name no zone: taken for {timezone}"
    if twice:
        yield f"{twice:,} of them are near a change of clocks, where a time occurs twice or never: taken for the first"


def _told(items: Iterator[Item], progress: Progress) -> Iterator[Item]:
    """The same items, with a word each so many rows."""
    for number, item in enumerate(items, 1):
        if number % (10 * REPORTED) == 0:
            progress.note(f"{number:,} rows read")
        yield item


def _draw(intake: Intake, options: Options) -> None:
    """Requests from rates, where a log had those."""
    if not intake.windows:
        return
    file = next(one for one in intake.files if one.format == "servegen")
    for rows in rate_draws.drawn(intake, file.shown, options.window, options.seed):
        intake.spool.add(rows, np.zeros(len(rows), np.uint64))
    file.notes.append(rate_draws.note(intake, options.window))


def _check(intake: Intake) -> None:
    """Refuse logs without a single request, saying what became of their rows."""
    if len(intake.spool):
        return
    said = "; ".join(f"{count:,} × {reason}" for reason, count in intake.rejected.most_common(5))
    shown = ", ".join(file.shown for file in intake.files)
    value = f"{intake.read:,} rows read" + (f": {said}" if said else "")
    hint = "a bill is imported beside a usage report or a request log" if intake.bill.sums else "a log with requests"
    raise BadInput("no request can be imported", place=shown, value=value, hint=hint)


def _history(log: Path, profile: Profile, progress: Progress) -> dict[str, Any] | None:
    """What was recorded against what is simulated; None where the log says too little, or is too long for it."""
    from sim.study.fitting.log import read_log
    from sim.study.fitting.recorded import FEWEST, MOST, history_of
    from sim.study.fitting.summary import history_told
    from sim.study.fitting.types import Options as Fitting

    said = total(profile, "status_known") + total(profile, "duration_known")
    if not FEWEST <= profile.written <= MOST or not said or total(profile, "assumed") == profile.written:
        return None
    progress.start("simulating what was recorded", 1)
    found = history_of(read_log(log), Fitting(replications=REPLICATIONS))
    return None if found is None else history_told(found)


def _merge(intake: Intake, options: Options, work: Path, progress: Progress) -> Profile:
    """Sort, drop duplicates, spread ticks, write; the profile of what was written."""
    spool = intake.spool
    progress.start(f"sorting {len(spool):,} requests", 1)
    dropped = spool.duplicates()
    intake.repeated = len(dropped)
    tick = spool.tick_ns if options.spread_ticks is None else options.spread_ticks
    clock = "relative" if spool.end < RELATIVE else "utc"
    profile = profiled(intake, options.local, clock, tick)
    for part in write(work / FILE, spool.merged(dropped, tick), intake.names, clock):
        profile.take(part)
    return profile
