"""``keystorm compare``: every configuration of a scenario on the same draws."""

from __future__ import annotations

import argparse
from pathlib import Path

from sim.cli import study

NAME = "compare"
HELP = "run every configuration of a scenario on the same draws, and report the differences"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    study.arguments(parser)


def call(args: argparse.Namespace) -> int:
    """Run it; the exit code."""
    loaded = study.read(args)
    return study.perform(args, loaded, args.out or Path("reports", loaded.scenario.name), None)
