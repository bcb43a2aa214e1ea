"""``keystorm cost``: draw months, run every configuration on each, and count the money.

A month is drawn once: its assumptions, its incidents, its traffic. Every configuration, with and without
the incidents, at the old and the new prices, sees the same month, so differences are paired.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.errors import BadInput
from sim.scenario.finance import Finance
from sim.scenario.plan import expected_by_team, expected_requests
from sim.scenario.plan_stream import PlanStream
from sim.scenario.topology import build_topology
from sim.study.cost import saving, tornado
from sim.study.cost.assumptions import assumptions
from sim.study.cost.checkpoint import Kept, identity_of
from sim.study.cost.ledger import Ledger
from sim.study.cost.month import Case, Job, Month, Work, run_month, setting_of, timeline_of
from sim.study.cost.options import Options, check_month, chosen
from sim.study.runs import agree, checked_run, compile_once
from sim.study.streaming import CHECKED_REQUESTS

if TYPE_CHECKING:
    from sim.scenario.loader import Loaded
    from sim.scenario.schema import Scenario
    from sim.study.pool import Pool
    from sim.study.progress import Progress


MOST_REQUESTS = 8_000_000
"""Requests of one month: each of the months that are run at the same time takes about half a kilobyte for each."""


@dataclass(frozen=True)
class Found:
    """Everything that was run: the months in order, the same as a ledger, and those for the tornado."""

    work: Work
    names: tuple[str, ...]
    months: tuple[Month, ...]
    ledger: Ledger
    ends: tornado.Ends


@dataclass(frozen=True)
class Study:
    """What a cost study found: the dict of ``summary.json``, and where it was written."""

    summary: dict[str, Any]
    directory: Path | None


def cost(loaded: Loaded, options: Options, pool: Pool, progress: Progress) -> Study:
    """Run the study. Raises BadInput for settings that do not fit the scenario, RunInvalid for a bad run."""
    from sim.study.cost.summary import summary_of

    check_month(loaded.scenario)
    names = chosen(options.configurations, loaded.scenario)
    work = prepare(loaded, options)
    compile_once(options.engine, progress)
    check_sizes(work, options)
    check_start(work, cases_of(loaded.scenario, names), progress)
    kept = Kept(options.out, identity_of(work, loaded.sha256))
    found = run_all(work, names, options, pool, progress, kept)
    progress.start("counting and drawing", 1)
    summary = summary_of(loaded, options, found)
    if options.out is not None:
        from sim.study.cost.files import write

        write(options.out, loaded, options, found, summary)
    kept.clear()
    progress.advance()
    return Study(summary, options.out)


def prepare(loaded: Loaded, options: Options) -> Work:
    """What all months share. Warm-up is for metrics of a short run; a bill has none, so it is taken away."""
    scenario, traces = loaded.scenario.model_copy(update={"warmup": 0}), dict(loaded.traces)
    expected = expected_by_team(scenario, traces)
    topologies = {
        name: build_topology(name, configuration, expected) for name, configuration in scenario.configurations.items()
    }
    return Work(scenario, traces, topologies, assumptions(scenario), options.engine)


def cases_of(scenario: Scenario, names: Sequence[str]) -> tuple[Case, ...]:
    """Every case of a month: each configuration with and without incidents, then what the saving needs."""
    wanted = dict.fromkeys(Case(name, quiet=quiet) for name in names for quiet in (False, True))
    plan = scenario.finance.saving if scenario.finance is not None else None
    if plan is not None and _whole(plan, names):
        wanted |= dict.fromkeys(saving.cases(plan))
    return tuple(wanted)


def _whole(plan: Any, names: Sequence[str]) -> bool:
    """Whether all configurations of the saving are run; with ``--configuration`` some may not be."""
    return set(saving.chain(plan)) <= set(names)


def saving_of(scenario: Scenario, names: Sequence[str]) -> Any:
    """The saving to take apart, if all of its configurations are there."""
    plan = scenario.finance.saving if scenario.finance is not None else None
    return plan if plan is not None and _whole(plan, names) else None


def tornado_cases(scenario: Scenario, names: Sequence[str]) -> tuple[Case, ...]:
    """The two cases whose difference the tornado looks at, or the one case whose cost."""
    plan = saving_of(scenario, names)
    if plan is None:
        return (Case(names[0]),)
    first, *_, last = saving.chain(plan)
    return Case(first), Case(last)


def check_sizes(work: Work, options: Options) -> None:
    """Every month is drawn (not run) before the first is run. Raises BadInput where one does not fit into memory."""
    scenario, uncertain = work.scenario, any(one.uncertain for one in work.known)
    ends = list(tornado.jobs(work.known, options.tornado_months, ())) if uncertain else []
    for job in (*(Job(month, ()) for month in range(options.months)), *ends):
        timeline = timeline_of(scenario, job.month, work.values(job))
        loud = scenario.model_copy(update={"chaos": (*scenario.chaos, *timeline)})
        requests = expected_requests(loud, work.traces)
        if requests > MOST_REQUESTS:
            hint = "lower rates, or the p95 of an incident's rate or length: so wide a tail makes months without end"
            value = f"{requests:,.0f} in month {job.month}"
            raise BadInput(f"a month of more than {MOST_REQUESTS:,} requests", place="cost", value=value, hint=hint)


def check_start(work: Work, cases: Sequence[Case], progress: Progress) -> None:
    """Repeat the beginning of month 0 in a second engine. Raises RunInvalid when engines disagree."""
    job = Job(0, tuple(cases))
    timeline = timeline_of(work.scenario, 0, work.values(job))
    loud = work.scenario.model_copy(update={"chaos": (*work.scenario.chaos, *timeline)})
    beginning = next(PlanStream(loud, 0, work.traces, chunk_rows=CHECKED_REQUESTS))
    other = "plain" if work.engine == "simpy" else "simpy"
    checked = [case for case in cases if not case.quiet]
    progress.start(f"checking the beginning against the {other} engine", len(checked))
    for case in checked:
        agree(checked_run(work.engine, setting_of(work, case, loud, beginning), beginning, 0), other)
        progress.advance()


def run_all(
    work: Work, names: tuple[str, ...], options: Options, pool: Pool, progress: Progress, kept: Kept
) -> Found:  # fmt: skip
    """The months, then both ends of each assumption."""
    cases = cases_of(work.scenario, names)
    jobs = [Job(month, cases) for month in range(options.months)]
    months = _run(work, jobs, pool, progress, kept, "simulating months")
    pair = tornado_cases(work.scenario, names)
    uncertain = any(one.uncertain for one in work.known)
    asked = list(tornado.jobs(work.known, options.tornado_months, pair)) if uncertain else []
    ended: dict[tuple[str, float], list[Month]] = {}
    for job, month in zip(asked, _run(work, asked, pool, progress, kept, "moving each assumption"), strict=True):
        ended.setdefault(job.fixed or tornado.CENTRE, []).append(month)
    finance = work.scenario.finance or Finance()
    teams = tuple(sorted(work.scenario.teams))
    return Found(work, names, tuple(months), Ledger.of(months, teams, finance), ended)


def _run(work: Work, jobs: Sequence[Job], pool: Pool, progress: Progress, kept: Kept, title: str) -> list[Month]:
    """The month of every job, in order; those that an interrupted study has done are taken from it."""
    if not jobs:
        return []
    progress.start(title, len(jobs))
    missing = list(kept.missing(jobs))
    if len(missing) < len(jobs):
        progress.note(f"going on: {len(jobs) - len(missing):,} of {len(jobs):,} months were run before")
        progress.advance(len(jobs) - len(missing))
    for job, month in zip(missing, pool.map(partial(run_month, work), missing), strict=True):
        kept.add(job, month)
        progress.advance()
    return [kept.get(job) for job in jobs]


__all__ = ["Found", "Study", "cases_of", "cost", "prepare"]
