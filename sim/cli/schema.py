"""``keystorm schema``: the JSON Schema of scenario files, for editors."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from sim.cli import console

NAME = "schema"
HELP = "print the JSON Schema of scenario files, which editors use to complete and check"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("--out", type=Path, metavar="FILE", help="write it there instead of standard output")


def call(args: argparse.Namespace) -> int:
    """Print or write it; the exit code."""
    from sim.scenario.json_schema import json_schema

    text = json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
    if args.out is None:
        console.data(text)
        return 0
    from sim.results.store import write_text

    write_text(args.out, text)
    console.message(f"schema: {args.out}")
    return 0
