"""``keystorm import``: real logs into one request log with a profile of it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from sim.cli import console

if TYPE_CHECKING:
    from sim.study.importing.run import Study

NAME = "import"
HELP = "read real logs (LiteLLM, Anthropic, OpenAI, Langfuse, …) into one request log, with a profile of every team"
OUT = Path("reports", "import")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    add = parser.add_argument
    add("logs", nargs="+", metavar="LOG", help="files, plain or packed (gzip, zstd, bzip2, xz), or postgresql://…")
    add(
        "--format",
        default="auto",
        metavar="NAME",
        help="a format of docs/importing.md (default: found out, and told why)",
    )
    add("--out", type=Path, default=OUT, metavar="DIR", help="where the result goes (default: %(default)s)")
    add(
        "--columns",
        metavar="MAP",
        help="for other CSV and JSON: timestamp=COLUMN,input_tokens=…,output_tokens=…,team=…",
    )
    add("--timezone", default="UTC", metavar="ZONE", help="of stamps without one, and of hours in the profile, as "
        "Europe/Berlin or +02:00 (default: %(default)s)")  # fmt: skip
    add(
        "--teams",
        type=Path,
        metavar="FILE",
        help="YAML or CSV that says which key, workspace, tag or name is which team",
    )
    add("--team-by", metavar="LIST", help="what a team is taken from, in turn: team, project, key, key_name, tag "
        "(default: team,project,key)")  # fmt: skip
    add("--request-tokens", metavar="N", help="mean input of a request, assumed where a log has sums without "
        "counts, or no sizes (default: 2000)")  # fmt: skip
    add(
        "--spread-ticks",
        default="auto",
        metavar="TICK",
        help="spread stamps that stand on coarse steps: auto, never, or 3s",
    )
    add("--tokens", metavar="FILE", help="the token quantiles beside a ServeGen log of rates")
    add("--window", metavar="START..END", help="the part of a ServeGen log to draw, as 0s..2h")
    add(
        "--json", action="store_true", help="print what was imported as JSON to standard output, and nothing else there"
    )
    add("--quiet", action="store_true", help="print nothing but errors (and --json)")


def call(args: argparse.Namespace) -> int:
    """Import; the exit code."""
    import sys

    from sim.cli.directory import usable
    from sim.study.importing.options import Options, column_map, known_format, senders, ticks, whole_tokens, window
    from sim.study.importing.run import import_logs
    from sim.study.progress import choose
    from sim.workload.importers.clock import zone

    given = Options()
    options = Options(
        format=known_format(args.format),
        columns=None if args.columns is None else column_map(args.columns),
        tokens=args.tokens,
        timezone=args.timezone,
        local=zone(args.timezone),
        team_by=given.team_by if args.team_by is None else senders(args.team_by),
        teams=args.teams,
        request_tokens=given.request_tokens if args.request_tokens is None else whole_tokens(args.request_tokens),
        spread_ticks=ticks(args.spread_ticks),
        window=None if args.window is None else window(args.window),
        command=args.words,
    )
    progress = choose(sys.stderr, quiet=args.quiet)
    try:
        study = import_logs(args.logs, options, usable(args.out), progress)
    finally:
        progress.close()
    return tell(args, study)


def tell(args: argparse.Namespace, study: Study) -> int:
    """Print what was imported."""
    from sim.report.import_terminal import text

    console.result(args, study.summary, text, study.directory, files=(("profile", "profile.html"),))
    return 0
