"""What ``compare`` and ``run`` share: their flags, and the way from flags to a finished study."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.cli import console

if TYPE_CHECKING:
    from sim.scenario.loader import Loaded
    from sim.scenario.vary import Varying
    from sim.study.compare import Study

ENGINES = ("compiled", "plain", "simpy")
MISSED = 99


def whole_number(least: int, most: int) -> Any:
    """A reader of whole numbers between two bounds, for argparse."""

    def read(text: str) -> int:
        number = int(text) if text.isascii() and text.isdigit() else -1
        if not least <= number <= most:
            raise argparse.ArgumentTypeError(f"expected a whole number from {least:,} to {most:,}, found {text!r}")
        return number

    return read


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of both commands."""
    add = parser.add_argument
    add("scenario", metavar="SCENARIO", help="a scenario file, or a name that `keystorm scenarios` lists")
    add("--out", type=Path, metavar="DIR", help="where the result goes (default: reports/NAME)")
    add("--replications", type=whole_number(1, 100_000), metavar="N", help="instead of the scenario's")
    add("--seed", type=whole_number(0, 2**32 - 1), metavar="S", help="instead of the scenario's")
    add("--engine", choices=ENGINES, default=ENGINES[0], help="all give the same result (default: %(default)s)")
    add("--executor", default="threads", metavar="WHERE",
        help="where the runs happen: threads, processes, or dask://HOST:PORT (default: %(default)s)")  # fmt: skip
    add(
        "--workers", type=whole_number(1, 10_000), metavar="N", help="how many threads or processes (default: the CPUs)"
    )
    add("--json", action="store_true", help="print summary.json to standard output, and nothing else there")
    add("--quiet", action="store_true", help="print nothing but errors (and --json)")
    add("--skip-bad-rows", action="store_true", help="leave out rows of a trace that can't be read")
    add("--no-counterfactual", action="store_true", help="do not run each team's absence (faster)")
    add("--rows", choices=("none", "requests", "attempts"),
        help="what is kept: attempts and requests, requests only, or none "
             "(default: attempts; none in a stream)")  # fmt: skip
    add("--stream", action="store_true",
        help="bounded memory: rows are written as the run goes on, an interrupted run goes on where it was, no "
             "counterfactual; implied by --rows none and by more than 5,000,000 requests")  # fmt: skip
    add("--audit", action="store_true",
        help="write audit.parquet and audit.csv too: one row for every attempt, as an audit log has it")  # fmt: skip
    gate = "this configuration's objectives decide the exit code (default: all; may be repeated)"
    add("--gate", action="append", metavar="NAME", help=gate)


def read(args: argparse.Namespace, varying: Varying | None = None) -> Loaded:
    """The scenario with the flags applied, and the names in the flags checked against it."""
    from sim.scenario.loader import load
    from sim.study.api import given

    overrides = given(seed=args.seed, replications=args.replications)
    loaded = load(args.scenario, skip_bad_rows=args.skip_bad_rows, overrides=overrides, varying=varying)
    known("--gate", args.gate or (), loaded.scenario.configurations)
    return loaded


def known(flag: str, names: Iterable[str], configurations: Iterable[str]) -> None:
    """Raise BadInput, with the nearest name, for the first name that is no configuration."""
    from difflib import get_close_matches

    from sim.errors import BadInput

    choices = list(configurations)
    for name in names:
        if name not in choices:
            near = get_close_matches(name, choices, n=1)
            hint = f'did you mean "{near[0]}"?' if near else f"one of: {', '.join(choices)}"
            raise BadInput("no such configuration", place=flag, value=repr(name), hint=hint)


def perform(args: argparse.Namespace, loaded: Loaded, out: Path, only: tuple[str, ...] | None) -> int:
    """Run the study into ``out``, tell the result, and give the exit code."""
    import sys

    from sim.cli.directory import usable
    from sim.study.compare import Options, compare
    from sim.study.progress import choose

    options = Options(
        engine=args.engine,
        executor=args.executor,
        workers=args.workers,
        out=usable(out),
        configurations=only,
        counterfactual=not args.no_counterfactual,
        rows=args.rows,
        stream=args.stream,
        gate=tuple(args.gate) if args.gate else None,
        command=args.words,
        audit=args.audit,
    )
    progress = choose(sys.stderr, quiet=args.quiet)
    try:
        study = compare(loaded, options, progress)
    finally:
        progress.close()
    return tell(args, study)


def tell(args: argparse.Namespace, study: Study) -> int:
    """Print what was found; 99 when an objective that counts is missed, otherwise 0."""
    from sim.report.terminal import text

    console.result(args, study.summary, text, study.directory, missed_text(study.missed))
    return MISSED if study.missed else 0


def missed_text(missed: Sequence[Mapping[str, Any]]) -> str:
    """Why the command ends with 99, empty where it does not; the objectives themselves stand in the summary."""
    where = ", ".join(dict.fromkeys(f'"{slo["configuration"]}"' for slo in missed))
    return console.missed_text(len(missed), f"missed in {where}", MISSED)
