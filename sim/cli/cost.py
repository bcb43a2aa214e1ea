"""``keystorm cost``: what a month costs, how sure that is, and what a saving is made of."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.cli import console
from sim.cli.study import ENGINES, whole_number

if TYPE_CHECKING:
    from sim.scenario.loader import Loaded
    from sim.study.cost.cost import Study
    from sim.study.cost.options import Options

NAME = "cost"
HELP = (
    "draw months with their incidents, and tell what each configuration costs, how surely, and what a saving is made of"
)
MOST_MONTHS = 100_000


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    add = parser.add_argument
    add("scenario", metavar="SCENARIO", help="a scenario file, or a name that `keystorm scenarios` lists")
    add("--months", type=whole_number(2, MOST_MONTHS), default=200, metavar="N",
        help="how many months to draw (default: %(default)s; a bound for the 99th percentile takes 368)")  # fmt: skip
    add("--budget", metavar="MONEY", help="chance to exceed it, as $15k/month (default: the scenario's)")
    add("--configuration", action="append", metavar="NAME", help="which (default: all); may be repeated")
    add("--tornado-months", type=whole_number(0, MOST_MONTHS), metavar="N",
        help="months for each end of an assumption, 0 for none (default: half of the months, at most 100)")  # fmt: skip
    _running(add)


def _running(add: Any) -> None:
    """The flags that say how to run and where to write."""
    add("--duration", metavar="TIME", help="instead of the scenario's, as 30d: each replication is a month")
    add("--seed", type=whole_number(0, 2**32 - 1), metavar="S", help="instead of the scenario's")
    add("--out", type=Path, metavar="DIR", help="where the result goes (default: reports/NAME-cost)")
    add("--engine", choices=ENGINES, default=ENGINES[0], help="all give the same result (default: %(default)s)")
    add("--executor", default="threads", metavar="WHERE",
        help="where the runs happen: threads, processes, or dask://HOST:PORT (default: %(default)s)")  # fmt: skip
    add("--workers", type=whole_number(1, 10_000), metavar="N", help="how many threads or processes")
    add("--json", action="store_true", help="print summary.json to standard output, and nothing else there")
    add("--quiet", action="store_true", help="print nothing but errors (and --json)")
    add("--skip-bad-rows", action="store_true", help="leave out rows of a trace that can't be read")


def call(args: argparse.Namespace) -> int:
    """Run it; the exit code."""
    from sim.scenario.loader import load
    from sim.study.api import given

    overrides = given(seed=args.seed, duration=args.duration)
    loaded = load(args.scenario, skip_bad_rows=args.skip_bad_rows, overrides=overrides)
    return _tell(args, _perform(args, loaded, _options(args, loaded)))


def _options(args: argparse.Namespace, loaded: Loaded) -> Options:
    """The flags read against the scenario; everything that is wrong is told before anything runs."""
    from sim.cli.directory import usable
    from sim.study.cost.options import Options, budget_of, check_month, chosen

    check_month(loaded.scenario)
    names = tuple(dict.fromkeys(args.configuration or ()))
    chosen(names, loaded.scenario)
    few = min(100, args.months // 2)
    return Options(
        months=args.months,
        tornado_months=few if args.tornado_months is None else args.tornado_months,
        configurations=names,
        budget_usd=budget_of(args.budget, loaded.scenario),
        engine=args.engine,
        out=usable(args.out or Path("reports", f"{loaded.scenario.name}-cost")),
        command=args.words,
    )


def _perform(args: argparse.Namespace, loaded: Loaded, options: Options) -> Study:
    import sys

    from sim.study.cost.cost import cost
    from sim.study.pool import open_pool
    from sim.study.progress import choose

    progress = choose(sys.stderr, quiet=args.quiet)
    try:
        with open_pool(args.executor, args.workers) as pool:
            return cost(loaded, options, pool, progress)
    finally:
        progress.close()


def _tell(args: argparse.Namespace, study: Study) -> int:
    """Print what was found; the exit code."""
    from sim.report.cost_terminal import text

    console.result(args, study.summary, text, study.directory)
    return 0
