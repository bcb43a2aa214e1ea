"""``keystorm gateway``: a scenario's keys and limits at a LiteLLM proxy, beside what the simulator says of them."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from sim.cli import console
from sim.cli.live import INVALID
from sim.cli.study import known, whole_number
from sim.cli.validate import wall_time

if TYPE_CHECKING:
    from sim.study.gateway.options import GatewayStudy

NAME = "gateway"
HELP = "start a LiteLLM proxy with a scenario's keys and limits, and tell whether it does what the simulator predicts"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    add = parser.add_argument
    add("scenario", metavar="SCENARIO", help="a scenario file, or a name that `keystorm scenarios` lists")
    add("--configuration", action="append", metavar="NAME", help="which (default: all; may be repeated)")
    add("--wall", type=wall_time, default=wall_time("2m"), metavar="TIME",
        help="how long each live run may take: the scenario's timeline is squeezed into it (default: 2m)")  # fmt: skip
    add("--window", type=whole_number(1, 3600), default=10, metavar="S",
        help="seconds of the proxy's rate-limit windows, and of the simulator's (default: 10)")  # fmt: skip
    add("--peak", type=whole_number(1, 1000), default=12, metavar="N",
        help="planned requests in the busiest second at the most (default: 12)")  # fmt: skip
    add("--litellm", type=Path, metavar="FILE",
        help="what starts LiteLLM (default: .venv-litellm/bin/litellm, else that of the PATH)")  # fmt: skip
    add("--no-probes", action="store_true", help="leave out the small experiments that find where it departs")
    add("--seed", type=whole_number(0, 2**32 - 1), metavar="S", help="instead of the scenario's")
    add("--out", type=Path, metavar="DIR", help="where the result goes (default: reports/gateway-NAME)")
    add("--json", action="store_true", help="print summary.json to standard output, and nothing else there")
    add("--quiet", action="store_true", help="print nothing but errors (and --json)")


def call(args: argparse.Namespace) -> int:
    """Run it; the exit code."""
    import sys

    from sim.cli.directory import usable
    from sim.scenario.loader import load
    from sim.study.api import given
    from sim.study.gateway.options import Options
    from sim.study.gateway.run import gateway
    from sim.study.progress import choose

    loaded = load(args.scenario, overrides=given(seed=args.seed, replications=1))
    known("--configuration", args.configuration or (), loaded.scenario.configurations)
    options = Options(
        usable(args.out or Path("reports", f"gateway-{loaded.scenario.name}")), tuple(args.configuration or ()),
        args.wall, args.window, float(args.peak), args.litellm, not args.no_probes, args.words,
    )  # fmt: skip
    progress = choose(sys.stderr, quiet=args.quiet)
    try:
        return _tell(args, gateway(loaded, options, os.environ, progress))
    finally:
        progress.close()


def _tell(args: argparse.Namespace, found: GatewayStudy) -> int:
    """Print what was found; 98 when the proxy did otherwise, or a live run says nothing."""
    from sim.report.gateway_terminal import text

    failed = f"the proxy did not do what is predicted, or a run is invalid: exit code {INVALID}"
    console.result(args, found.summary, text, found.directory, "" if found.agrees else failed)
    return 0 if found.agrees else INVALID
