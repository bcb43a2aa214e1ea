"""``keystorm tune``: the smallest limits with which every project meets its objectives."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from sim.cli import console
from sim.cli.study import ENGINES, MISSED, whole_number

if TYPE_CHECKING:
    from sim.scenario.loader import Loaded
    from sim.study.tune.tune import Study

NAME = "tune"
HELP = "find the smallest limits with which every project meets its objectives, and divide an account among them"
FORMS = "limits.yaml, litellm, anthropic or csv"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    add = parser.add_argument
    add("scenario", metavar="SCENARIO", help="a scenario file, or a name that `keystorm scenarios` lists")
    add(
        "--configuration", metavar="NAME", help="which one to tune (default: the first that limits each team by itself)"
    )
    dimensions = "what to tune: rpm, burst, input_tokens, output_tokens, tokens, concurrency (default: %(default)s)"
    add("--dimensions", metavar="LIST", default="rpm,burst", help=dimensions)
    add("--account-capacity", metavar="RATE", help="what the account gives in all, as 600/min (default: its own limit)")
    add("--export", action="append", metavar="FORM", help=f"{FORMS} (default: limits.yaml and csv; may be repeated)")
    add("--out", type=Path, metavar="DIR", help="where the result goes (default: reports/NAME-tune)")
    add("--replications", type=whole_number(1, 100_000), metavar="N", help="instead of the scenario's")
    add("--seed", type=whole_number(0, 2**32 - 1), metavar="S", help="instead of the scenario's")
    add("--engine", choices=ENGINES, default=ENGINES[0], help="all give the same result (default: %(default)s)")
    where = "threads, processes or dask://HOST:PORT; all give the same result (default: %(default)s)"
    add("--executor", default="threads", metavar="WHERE", help=where)
    add("--json", action="store_true", help="print tune.json to standard output, and nothing else there")
    add("--quiet", action="store_true", help="print nothing but errors (and --json)")
    add("--skip-bad-rows", action="store_true", help="leave out rows of a trace that can't be read")


def call(args: argparse.Namespace) -> int:
    """Run it; the exit code."""
    import sys

    from sim.cli.directory import usable
    from sim.scenario.loader import load
    from sim.study.api import given
    from sim.study.progress import choose
    from sim.study.tune.options import Options, capacity, dimensions, exports
    from sim.study.tune.tune import tune

    options = Options(
        configuration=args.configuration,
        dimensions=dimensions(args.dimensions),
        account_capacity=None if args.account_capacity is None else capacity(args.account_capacity),
        exports=exports(args.export or ()),
        engine=args.engine,
        executor=args.executor,
        command=args.words,
    )
    overrides = given(seed=args.seed, replications=args.replications)
    loaded = load(args.scenario, skip_bad_rows=args.skip_bad_rows, overrides=overrides)
    out = usable(_out(args, loaded))
    progress = choose(sys.stderr, quiet=args.quiet)
    try:
        study = tune(loaded, options.into(out), progress)
    finally:
        progress.close()
    return tell(args, study)


def _out(args: argparse.Namespace, loaded: Loaded) -> Path:
    out: Path = args.out or Path("reports", f"{loaded.scenario.name}-tune")
    return out


def tell(args: argparse.Namespace, study: Study) -> int:
    """Print what was found; 99 when an objective of the scenario is missed all the same, otherwise 0."""
    from sim.report.tune_terminal import text

    caution = console.missed_text(len(study.missed), "missed even with the recommended limits", MISSED)
    console.result(args, study.summary, text, study.directory, caution)
    return MISSED if study.missed else 0
