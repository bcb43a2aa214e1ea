"""``keystorm capacity``: how much room there is, and what growth breaks first, and when."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.cli import console
from sim.cli.study import ENGINES, MISSED, whole_number

if TYPE_CHECKING:
    from sim.scenario.loader import Loaded
    from sim.study.capacity.capacity import Study
    from sim.study.capacity.options import Options

NAME = "capacity"
HELP = "tell how much room each limit has, when growth breaks it, what it costs and which tier is needed"
MOST_MONTHS = 120


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    add = parser.add_argument
    add("scenario", metavar="SCENARIO", help="a scenario file, or a name that `keystorm scenarios` lists")
    add("--configuration", action="append", metavar="NAME",
        help="which one (default: the first in the file); may be repeated, the words tell of the first")  # fmt: skip
    add("--months", type=whole_number(1, MOST_MONTHS), default=12, metavar="N", help="how far ahead (default: 12)")
    add("--growth", action="append", metavar="RATE",
        help="a month: 10%% for all (the default), or TEAM=20%% for one; may be repeated")  # fmt: skip
    add("--add-team", action="append", metavar="NAME=LIKE:MONTH", help="a team that joins as a copy; may be repeated")
    add("--what-if", action="append", metavar="CHANGE",
        help="beside it: another configuration, or changes as 'requests=120/min', 'projects: split=equal', "
        "'requests=x2, spend_cap=none', 'tier=anthropic/build', 'growth=20%%'; may be repeated")  # fmt: skip
    add("--start", metavar="YYYY-MM", help="the month that is now, to name months by the calendar")
    add("--with-faults", action="store_true", help="keep the scenario's faults (left out otherwise)")
    add("--fail-within", type=whole_number(0, MOST_MONTHS), metavar="N",
        help=f"exit code {MISSED} if anything breaks within N months")  # fmt: skip
    _running(add)


def _running(add: Any) -> None:
    """The flags that say how to run and where to write."""
    add("--duration", metavar="TIME", help="instead of the scenario's, as 2h")
    add("--replications", type=whole_number(1, 100_000), metavar="N", help="instead of the scenario's")
    add("--seed", type=whole_number(0, 2**32 - 1), metavar="S", help="instead of the scenario's")
    add("--out", type=Path, metavar="DIR", help="where the result goes (default: reports/NAME-capacity)")
    add("--engine", choices=ENGINES, default=ENGINES[0], help="all give the same result (default: %(default)s)")
    add("--executor", default="threads", metavar="WHERE",
        help="where the runs happen: threads, processes, or dask://HOST:PORT (default: %(default)s)")  # fmt: skip
    add("--workers", type=whole_number(1, 10_000), metavar="N", help="how many threads or processes")
    add("--json", action="store_true", help="print capacity.json to standard output, and nothing else there")
    add("--quiet", action="store_true", help="print nothing but errors (and --json)")
    add("--skip-bad-rows", action="store_true", help="leave out rows of a trace that can't be read")


def call(args: argparse.Namespace) -> int:
    """Run it; the exit code."""
    from sim.scenario.loader import load
    from sim.study.api import given

    overrides = given(seed=args.seed, replications=args.replications, duration=args.duration)
    loaded = load(args.scenario, skip_bad_rows=args.skip_bad_rows, overrides=overrides)
    study = _perform(args, loaded, _options(args, loaded))
    return _tell(args, study)


def _options(args: argparse.Namespace, loaded: Loaded) -> Options:
    """The flags read against the scenario; everything that is wrong is told before anything runs."""
    from sim.cli.directory import usable
    from sim.study.capacity.options import Options, growth_of, start_of

    return Options(
        months=args.months,
        growth=growth_of(args.growth or (), args.add_team or (), loaded.scenario, args.months),
        configurations=tuple(dict.fromkeys(args.configuration or ())),
        what_ifs=tuple(args.what_if or ()),
        start=start_of(args.start),
        faults=args.with_faults,
        engine=args.engine,
        out=usable(args.out or Path("reports", f"{loaded.scenario.name}-capacity")),
        command=args.words,
    )


def _perform(args: argparse.Namespace, loaded: Loaded, options: Options) -> Study:
    import sys

    from sim.study.capacity.capacity import capacity
    from sim.study.pool import open_pool
    from sim.study.progress import choose

    progress = choose(sys.stderr, quiet=args.quiet)
    try:
        with open_pool(args.executor, args.workers) as pool:
            return capacity(loaded, options, pool, progress)
    finally:
        progress.close()


def _tell(args: argparse.Namespace, study: Study) -> int:
    """Print what was found; the exit code."""
    from sim.report.capacity_terminal import text

    first = next(iter(study.summary["cases"].values()))["first"]
    failed = args.fail_within is not None and first is not None and first["date"]["month"] <= args.fail_within
    caution = f"something breaks within {args.fail_within} months: exit code {MISSED}" if failed else ""
    console.result(args, study.summary, text, study.directory, caution)
    return MISSED if failed else 0
