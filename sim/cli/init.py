"""``keystorm init``: a commented scenario to start from."""

from __future__ import annotations

import argparse
from pathlib import Path

from sim.cli import console

NAME = "init"
HELP = "write a commented scenario to start from"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("file", nargs="?", type=Path, default=Path("scenario.yaml"), metavar="FILE",
                        help="default: scenario.yaml")  # fmt: skip
    parser.add_argument("--force", action="store_true", help="overwrite FILE if it exists")


def call(args: argparse.Namespace) -> int:
    """Write it; the exit code."""
    from sim.errors import BadInput
    from sim.results.store import write_text
    from sim.scenario.library import starter

    if args.file.exists() and not args.force:
        raise BadInput("the file exists", place="init", value=str(args.file), hint="another name, or --force")
    write_text(args.file, starter())
    console.message(f"written: {args.file}\nnext: keystorm compare {args.file}")
    return 0
