"""``keystorm compare``: every configuration of a scenario on the same draws."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from sim.cli import study

if TYPE_CHECKING:
    from sim.scenario.loader import Loaded

NAME = "compare"
HELP = "run every configuration of a scenario on the same draws, and report the differences"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    study.arguments(parser)
    add = parser.add_argument
    add("--configuration", action="append", metavar="NAME", help="only this one (default: all; may be repeated)")
    add("--vary", action="append", metavar="PATH=A,B,...",
        help="each configuration once for each value at a path inside it, as client.retry=none,anthropic-sdk or "
        "limits.requests=60/min,120/min; may be repeated: then every combination")  # fmt: skip


def call(args: argparse.Namespace) -> int:
    """Run it; the exit code."""
    only = tuple(args.configuration or ())
    if not args.vary:
        loaded = study.read(args)
        study.known("--configuration", only, loaded.scenario.configurations)
        return study.perform(args, loaded, _out(args, loaded), only or None)
    from sim.scenario.vary import Varying

    loaded = study.read(args, Varying.of(args.vary, only))
    return study.perform(args, loaded, _out(args, loaded), None)


def _out(args: argparse.Namespace, loaded: Loaded) -> Path:
    return args.out or Path("reports", loaded.scenario.name)
