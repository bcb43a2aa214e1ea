"""``keystorm migrate``: from one shared key to projects, step by step, each step run on the user's own traffic."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from sim.cli import console
from sim.cli.study import ENGINES, MISSED, whole_number

if TYPE_CHECKING:
    from sim.study.migrate.migrate import Study
    from sim.study.migrate.options import Options
    from sim.study.migrate.source import Assumed

NAME = "migrate"
HELP = "plan the way off a shared key: projects, limits, caps, order, calendar; every step run on your own traffic"
FORMS = "limits.yaml, litellm, anthropic or csv"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    add = parser.add_argument
    add("source", metavar="LOG-or-SCENARIO", help="a scenario (file or library name), a log in any format of "
        "docs/importing.md, or the folder of an import")  # fmt: skip
    add("--from", dest="configuration", metavar="NAME", help="today's configuration (default: the first)")
    add("--to", default="projects", metavar="RUNG", help="keys, projects, gateway or accounts (default: %(default)s)")
    add("--mapping", type=Path, metavar="FILE", help="YAML or CSV: project: [team, …] or team: project")
    add("--group-below", default="1%", metavar="SHARE", help="teams with a smaller share of requests and tokens, and "
        "no objective of their own, share a project (default: %(default)s; 0%% for none)")  # fmt: skip
    add("--headroom", default="25%", metavar="SHARE", help="limits above what is needed, as far as the account gives "
        "it (default: %(default)s)")  # fmt: skip
    add("--account-capacity", metavar="RATE", help="what the account gives in all, as 600/min (default: its own limit)")
    add("--tier", metavar="NAME", help="the account's tier, for a log, as anthropic/build")
    add("--model", metavar="NAME", help="what a log's unknown models are taken for (default: claude-sonnet-4-5)")
    add("--dimensions", metavar="LIST", help="what is limited: rpm, burst, input_tokens, … (default: rpm, burst, and "
        "tokens that come near the account's)")  # fmt: skip
    add("--drills", type=whole_number(0, 20), default=3, metavar="N", help="biggest consumers that go wrong in drills "
        "(default: %(default)s)")  # fmt: skip
    add("--waves", type=whole_number(1, 60), default=8, metavar="N", help="steps at most (default: %(default)s)")
    add("--canary", default="auto", metavar="PROJECT", help="what goes first: auto (where projects are many), none, or "
        "a project (default: %(default)s)")  # fmt: skip
    add("--start", metavar="DAY", help="the first step's day, as 2026-12-01 (default: days are counted)")
    add("--every", default="2d", metavar="DAYS", help="working days between steps, as 2d or 1w (default: %(default)s)")
    add("--freeze", action="append", default=[], metavar="FIRST..LAST", help="days on which nothing may change, as "
        "2026-12-18..2027-01-03 (may be repeated)")  # fmt: skip
    add("--export", action="append", metavar="FORM", help=f"{FORMS} (default: all; may be repeated)")
    add("--out", type=Path, metavar="DIR", help="where the result goes (default: reports/NAME-migrate)")
    add("--replications", type=whole_number(1, 100_000), metavar="N", help="instead of the scenario's")
    add("--seed", type=whole_number(0, 2**32 - 1), metavar="S", help="instead of the scenario's")
    add("--engine", choices=ENGINES, default=ENGINES[0], help="all give the same result (default: %(default)s)")
    where = "threads, processes or dask://HOST:PORT; all give the same result (default: %(default)s)"
    add("--executor", default="threads", metavar="WHERE", help=where)
    add("--json", action="store_true", help="print summary.json to standard output, and nothing else there")
    add("--quiet", action="store_true", help="print nothing but errors (and --json)")
    add("--skip-bad-rows", action="store_true", help="leave out rows of a trace that can't be read")


def call(args: argparse.Namespace) -> int:
    """Run it; the exit code."""
    import sys

    from sim.cli.directory import usable
    from sim.study.api import given as overridden
    from sim.study.migrate.migrate import migrate
    from sim.study.migrate.source import given, name_of
    from sim.study.progress import choose

    options, assumed = _options(args), _assumed(args)
    out = usable(args.out or Path("reports", f"{name_of(args.source)}-migrate"))
    overrides = overridden(seed=args.seed, replications=args.replications)
    progress = choose(sys.stderr, quiet=args.quiet)
    try:
        source = given(
            args.source, out, overrides=overrides, assumed=assumed, progress=progress, skip=args.skip_bad_rows
        )
        study = migrate(source, options.into(out), progress)
    finally:
        progress.close()
    return tell(args, study)


def _options(args: argparse.Namespace) -> Options:
    """The flags, read."""
    from sim.study.migrate.calendar import day_of, every_of, freeze_of
    from sim.study.migrate.options import Options, factor_of, rung_of, share_of
    from sim.study.tune.options import EXPORTS, capacity, dimensions, exports

    return Options(
        configuration=args.configuration,
        target=rung_of(args.to),
        mapping=args.mapping,
        group_below=share_of(args.group_below, "--group-below"),
        headroom=factor_of(args.headroom, "--headroom"),
        account_capacity=None if args.account_capacity is None else capacity(args.account_capacity),
        drills=args.drills,
        canary=args.canary,
        waves=args.waves,
        start=None if args.start is None else day_of(args.start, "--start"),
        every=every_of(args.every),
        freezes=tuple(freeze_of(text) for text in args.freeze),
        dimensions=None if args.dimensions is None else dimensions(args.dimensions),
        exports=EXPORTS if args.export is None else exports(args.export),
        engine=args.engine,
        executor=args.executor,
        command=args.words,
    )


def _assumed(args: argparse.Namespace) -> Assumed:
    """What a log does not say. Raises BadInput where it is said of a scenario, which says it itself."""
    from sim.errors import BadInput
    from sim.study.migrate.source import UNKNOWN_MODEL, Assumed, is_log, known_model
    from sim.study.tune.options import capacity

    for flag, value in (("--tier", args.tier), ("--model", args.model)):
        if value is not None and not is_log(args.source):
            hint = "a scenario says it itself; leave the flag out"
            raise BadInput("this is for logs", place=flag, value=repr(value), hint=hint)
    return Assumed(
        tier=args.tier,
        capacity=None if args.account_capacity is None else capacity(args.account_capacity),
        model=UNKNOWN_MODEL if args.model is None else known_model(args.model),
    )


def tell(args: argparse.Namespace, study: Study) -> int:
    """Print the plan; 99 when an objective of the scenario is still missed after the last step, otherwise 0."""
    from sim.report.migrate_terminal import text

    caution = console.missed_text(len(study.missed), "still missed after the last step", MISSED)
    files = (("report", "report.html"), ("runbook", "runbook.md"))
    console.result(args, study.summary, text, study.directory, caution, files)
    return MISSED if study.missed else 0
