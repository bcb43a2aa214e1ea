"""``keystorm validate``: the same plan in the simulator and over HTTP, side by side."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from sim.cli import console
from sim.cli.live import APIS, INVALID
from sim.cli.serve import speed
from sim.cli.study import known, whole_number

if TYPE_CHECKING:
    from sim.scenario.loader import Loaded
    from sim.study.validate.options import Validation

NAME = "validate"
HELP = "run the same plan in the simulator and over HTTP, and tell request by request whether they agree"
SHORTEST_S, LONGEST_S = 2, 3600


def wall_time(text: str) -> int:
    """Argument type: how long a live run may take, ns."""
    from sim.errors import BadUnit
    from sim.units import SECOND, duration

    try:
        found = duration(text)
    except BadUnit:
        found = 0
    if not SHORTEST_S * SECOND <= found <= LONGEST_S * SECOND:
        raise argparse.ArgumentTypeError(f"expected a time from {SHORTEST_S}s to 1h, found {text!r}")
    return found


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    add = parser.add_argument
    add("scenario", metavar="SCENARIO", help="a scenario file, or a name that `keystorm scenarios` lists")
    add("--configuration", action="append", metavar="NAME",
        help="which (default: the first in the file; may be repeated, one run after another)")  # fmt: skip
    add("--wall", type=wall_time, default=wall_time("60s"), metavar="TIME",
        help="how long each live run may take: the scenario's timeline is squeezed into it (default: 60s)")  # fmt: skip
    add("--speed", type=speed, default=speed("1"), metavar="K",
        help="virtual seconds a second; above 1 tolerances are twice as wide (default: 1)")  # fmt: skip
    add("--workers", type=whole_number(1, 64), default=1, metavar="N", help="processes that send (default: 1)")
    add("--api", choices=APIS, default=APIS[0], help="in whose shape to ask (default: %(default)s)")
    add("--seed", type=whole_number(0, 2**32 - 1), metavar="S", help="instead of the scenario's")
    add("--out", type=Path, metavar="DIR", help="where the result goes (default: reports/validate-NAME)")
    add("--json", action="store_true", help="print summary.json to standard output, and nothing else there")
    add("--quiet", action="store_true", help="print nothing but errors (and --json)")
    add("--skip-bad-rows", action="store_true", help="leave out rows of a trace that can't be read")


def call(args: argparse.Namespace) -> int:
    """Run it; the exit code."""
    from sim.scenario.loader import load
    from sim.study.api import given

    overrides = given(seed=args.seed, replications=1)
    loaded = load(args.scenario, skip_bad_rows=args.skip_bad_rows, overrides=overrides)
    known("--configuration", args.configuration or (), loaded.scenario.configurations)
    return _tell(args, _perform(args, loaded))


def _perform(args: argparse.Namespace, loaded: Loaded) -> Validation:
    import sys

    from sim.cli.directory import usable
    from sim.study.progress import choose
    from sim.study.validate.options import Options
    from sim.study.validate.validate import validate

    options = Options(
        usable(args.out or Path("reports", f"validate-{loaded.scenario.name}")), tuple(args.configuration or ()),
        args.wall, args.speed, args.workers, args.api, args.words,
    )  # fmt: skip
    progress = choose(sys.stderr, quiet=args.quiet)
    try:
        return validate(loaded, options, os.environ, progress)
    finally:
        progress.close()


def _tell(args: argparse.Namespace, found: Validation) -> int:
    """Print what was found; 98 when the two do not agree, or the live run says nothing."""
    from sim.report.validate_terminal import text

    caution = "" if found.agrees else f"simulator and HTTP do not agree, or a run is invalid: exit code {INVALID}"
    console.result(args, found.summary, text, found.directory, caution)
    return 0 if found.agrees else INVALID
