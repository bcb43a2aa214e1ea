"""``keystorm scenarios``: the library, each with the question that it answers."""

from __future__ import annotations

import argparse
import json

from sim.cli import console

NAME = "scenarios"
HELP = "list the scenarios that come with keystorm, each with its question"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("--json", action="store_true", help="as JSON, for scripts")


def call(args: argparse.Namespace) -> int:
    """List them; the exit code."""
    from sim.scenario.library import entries

    rows = [{"name": entry.name, "question": entry.question, "path": str(entry.path)} for entry in entries()]
    if args.json:
        console.data(json.dumps(rows, indent=2, ensure_ascii=False))
        return 0
    width = max(len(row["name"]) for row in rows)
    console.data("\n".join(f"{row['name']:<{width}}  {row['question']}" for row in rows))
    console.message("\nrun one: keystorm compare NAME")
    return 0
