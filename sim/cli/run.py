"""``keystorm run``: one configuration of a scenario, with the same outputs as ``compare``."""

from __future__ import annotations

import argparse
from pathlib import Path

from sim.cli import study
from sim.study.naming import slug

NAME = "run"
HELP = "run one configuration of a scenario, and report on it"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    study.arguments(parser)
    parser.add_argument("--configuration", metavar="NAME", help="which one (default: the first in the file)")


def call(args: argparse.Namespace) -> int:
    """Run it; the exit code."""
    loaded = study.read(args)
    name = args.configuration or next(iter(loaded.scenario.configurations))
    study.known("--configuration", [name], loaded.scenario.configurations)
    out = args.out or Path("reports", f"{loaded.scenario.name}-{slug(name)}")
    return study.perform(args, loaded, out, (name,))
