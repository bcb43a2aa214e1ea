"""``keystorm report``: render a result again from its tables, without running anything."""

from __future__ import annotations

import argparse
from pathlib import Path

from sim.cli import console
from sim.cli.directory import finished

NAME = "report"
HELP = "render report.html, report.md and the figures of a result again, without running"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("directory", type=Path, metavar="DIR", help="what a study (compare, run, …) wrote")
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")


def call(args: argparse.Namespace) -> int:
    """Render; the exit code."""
    directory = finished(args.directory)
    from sim.report.kinds import render

    page = render(directory)
    if not args.quiet:
        console.message(f"report: {page}")
    return 0
