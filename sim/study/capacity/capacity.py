"""``keystorm capacity``: run the months, find what breaks when, and put it all into one dict.

Every case sees the same draws, and so does every month (:mod:`sim.study.capacity.growth`). Whole
months are run for the curves; the gap in which something breaks is then halved three times: what
breaks stays broken, so nothing between other months has to be run. Month 0 is the scenario itself,
and its first replication is repeated in a second engine.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.errors import BadInput
from sim.scenario.plan import build_plan, expected_by_team
from sim.study.capacity.arrange import Today, growths_of, settings_of
from sim.study.capacity.breaks import broken, midpoints, missed
from sim.study.capacity.curves import Date, Table
from sim.study.capacity.goals import Goal, goals_of
from sim.study.capacity.growth import Base, cast, grown, objectives
from sim.study.capacity.measure import Point, Work, measure
from sim.study.capacity.options import Options
from sim.study.capacity.what_if import Case, cases_of
from sim.study.runs import agree, checked_run, compile_once

if TYPE_CHECKING:
    from sim.scenario.loader import Loaded
    from sim.study.pool import Pool
    from sim.study.progress import Progress

FINEST = 1 / 8
"""Gaps around a date are halved down to this many months, under four days."""
MOST_MONTHS = 13
"""Months that are run for the curves; of a longer study every second, third, … month."""
MOST_MIDDLES = 16
"""Further months that a case may get around its dates."""
JUST = 1 / 1024
"""How long before a team joins its last month without it is run, so that the step is not taken for growth."""
MOST_REQUESTS = 20_000_000
"""Requests of one replication in any month: each is a run whose rows are held in memory."""


@dataclass(frozen=True)
class Study:
    """What a capacity study found: the dict of ``capacity.json``, and where it was written."""

    summary: dict[str, Any]
    directory: Path | None


def grid(options: Options) -> tuple[float, ...]:
    """The months of the curves: all of a year and the last one always; where a team joins, before and after."""
    step = -(-options.months // (MOST_MONTHS - 1))
    joining = {float(new.month) for new in options.growth.new_teams}
    whole = {float(month) for month in range(0, options.months + 1, step)}
    return tuple(sorted({*whole, float(options.months), *joining, *(month - JUST for month in joining)}))


def capacity(loaded: Loaded, options: Options, pool: Pool, progress: Progress) -> Study:
    """Run the study. Raises BadInput for settings that do not fit the scenario, RunInvalid for a bad run."""
    from sim.study.capacity.summary import summary_of

    work = prepare(loaded, options)
    compile_once(options.engine, progress)
    tables = run_all(work, options, pool, progress)
    progress.start("checking in a second engine", len(work.cases))
    for run in first_runs(work):
        agree(run, "plain" if options.engine == "simpy" else "simpy")
        progress.advance()
    progress.start("measuring and drawing", 1)
    summary = summary_of(loaded, options, work, tables)
    if options.out is not None:
        from sim.study.capacity.files import write

        write(options.out, loaded, options, summary)
    progress.advance()
    return Study(summary, options.out)


def prepare(loaded: Loaded, options: Options) -> Work:
    """The work that all points share. Raises BadInput where a case or a month can't be run."""
    scenario = loaded.scenario if options.faults else loaded.scenario.model_copy(update={"chaos": ()})
    base, cases = Base(scenario, dict(loaded.traces)), cases_of(scenario, options)
    for growth in growths_of(cases):
        _check_size(grown(base, growth, options.months), options.months)
    today = Today.of(base)
    return Work(base, today, cases, settings_of(cases, base, today), options.engine)


def _check_size(month: Base, number: int) -> None:
    total = sum(one.requests for one in expected_by_team(month.scenario, month.traces).values())
    if total > MOST_REQUESTS:
        hint = "a shorter --duration, fewer --months, or less --growth"
        value = f"{total:,.0f} in month {number}"
        raise BadInput(f"more than {MOST_REQUESTS:,} requests a replication", place="capacity", value=value, hint=hint)


def goals_at_end(work: Work, case: Case, months: float) -> tuple[Goal, ...]:
    """The objectives of all teams that are there in the last month."""
    scenario = work.base.scenario
    teams = {name: scenario.teams[like] for name, like in cast(scenario, case.growth, months).items()}
    slos = objectives(scenario, case.growth, months)
    return goals_of(scenario.model_copy(update={"teams": teams, "slos": slos}))


def run_all(work: Work, options: Options, pool: Pool, progress: Progress) -> dict[str, Table]:
    """Every case's table: the months of the grid, then those around its dates."""
    tables = {case.name: Table() for case in work.cases}
    runs = work.base.scenario.replications
    names = tuple(tables)
    first = [Point(month, run, names) for month in grid(options) for run in range(runs)]
    _run(work, first, tables, pool, progress, "simulating months")
    spent = dict.fromkeys(tables, 0)
    while wanted := _wanted(work, options, tables, spent):
        points = [Point(month, run, cases) for month, cases in wanted.items() for run in range(runs)]
        _run(work, points, tables, pool, progress, "narrowing dates")
    return tables


def _run(
    work: Work, points: list[Point], tables: Mapping[str, Table], pool: Pool, progress: Progress, title: str
) -> None:
    progress.start(title, len(points))
    for found in pool.map(partial(measure, work), points):
        for one in found:
            tables[one.case].add(one)
        progress.advance()


def _wanted(
    work: Work, options: Options, tables: Mapping[str, Table], spent: dict[str, int]
) -> dict[float, tuple[str, ...]]:
    """The months to run next, each with the cases that need it; ``spent`` counts them."""
    wanted: dict[float, list[str]] = {}
    for case in work.cases:
        goals = goals_at_end(work, case, options.months)
        dates = _dates(tables[case.name], goals)
        months = midpoints(tables[case.name], dates, FINEST, MOST_MIDDLES - spent[case.name])
        spent[case.name] += len(months)
        for month in months:
            wanted.setdefault(month, []).append(case.name)
    return {month: tuple(wanted[month]) for month in sorted(wanted)}


def _dates(table: Table, goals: tuple[Goal, ...]) -> Iterable[Date]:
    """The dates that are worth narrowing: of limits that break and of objectives; spend grows smoothly."""
    misses = missed(table, goals)
    return [*(one.date for one in misses), *(one.breaks for one in broken(table, goals, misses))]


def first_runs(work: Work) -> Iterator[Any]:
    """Each case in month 0, first replication."""
    for growth, cases in growths_of(work.cases).items():
        month = grown(work.base, growth, 0)
        plan = build_plan(month.scenario, 0, month.traces)
        for case in cases:
            yield checked_run(work.engine, work.setting(case.name, growth, 0), plan, 0)
