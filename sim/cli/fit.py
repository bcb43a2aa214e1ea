"""``keystorm fit``: from a real log to a scenario that is described, and how well the two agree."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.cli import console
from sim.cli.study import ENGINES, whole_number

if TYPE_CHECKING:
    from sim.study.fitting.run import Study
    from sim.study.importing.options import Options as ImportOptions

NAME = "fit"
HELP = "fit a described scenario to a real log, and show how far simulated and recorded numbers agree"
OUT = Path("reports", "fit")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    add = parser.add_argument
    add("log", metavar="LOG", help="the folder that `keystorm import` wrote, or any log that it reads")
    add("--out", type=Path, default=OUT, metavar="DIR", help="where the result goes (default: %(default)s)")
    add("--name", metavar="NAME", help="of the scenario (default: made from the log's)")
    add("--limits", metavar="LIST", help="the limits that were in force on the shared key, as "
        "requests=60/min,burst=60,input_tokens=100k/min (default: inferred)")  # fmt: skip
    add("--scenario", metavar="FILE", help="a scenario with the arrangement of keys that was in force")
    add("--configuration", metavar="NAME", help="which of its configurations (default: its first)")
    add("--model", metavar="NAME", help="stands for models that the log or the catalogue do not know")
    add("--no-sessions", action="store_true", help="fit requests one by one, also where the log shows sessions")
    add("--replications", type=whole_number(2, 10_000), default=20, metavar="N", help="default: %(default)s")
    add("--seed", type=whole_number(0, 2**32 - 1), default=1, metavar="S", help="default: %(default)s")
    add("--engine", choices=ENGINES, default=ENGINES[0], help="all give the same result (default: %(default)s)")
    reading = parser.add_argument_group("reading a log that is not imported yet (docs/importing.md)")
    for flag, mark, said in (
        ("--format", "NAME", "a format of docs/importing.md (default: found out)"),
        ("--columns", "MAP", "timestamp=COLUMN,input_tokens=…,output_tokens=…,team=…"),
        ("--timezone", "ZONE", "of stamps without one"),
        ("--team-by", "LIST", "what a team is taken from, in turn"),
        ("--tokens", "FILE", "the token quantiles beside a ServeGen log of rates"),
        ("--window", "START..END", "the part of a ServeGen log to draw"),
    ):
        reading.add_argument(flag, metavar=mark, help=said)
    reading.add_argument("--teams", type=Path, metavar="FILE", help="which key, workspace, tag or name is which team")
    add("--json", action="store_true", help="print fit.json to standard output, and nothing else there")
    add("--quiet", action="store_true", help="print nothing but errors (and --json)")


def call(args: argparse.Namespace) -> int:
    """Fit; the exit code."""
    import sys

    from sim.cli.directory import usable
    from sim.study.fitting.limits import limits_told, model_told, name_told
    from sim.study.fitting.run import fit, in_force, opened
    from sim.study.fitting.types import MODEL, Options
    from sim.study.importing.options import shown_command
    from sim.study.progress import choose

    options = Options(
        name=name_told(args.name, args.log), seed=args.seed, replications=args.replications,
        sessions=not args.no_sessions, limits=None if args.limits is None else limits_told(args.limits),
        engine=args.engine, command=shown_command(args.words),
        model=MODEL if args.model is None else model_told(args.model),
    )  # fmt: skip
    known = _known(args, in_force)
    out = usable(args.out)
    progress = choose(sys.stderr, quiet=args.quiet)
    try:
        with opened(args.log, _reading(args), progress) as log:
            study = fit(log, options, progress, out=out, known=known)
    finally:
        progress.close()
    return tell(args, study)


def _known(args: argparse.Namespace, read: Any) -> Any:
    """What ``--scenario`` says was in force."""
    from sim.errors import BadInput

    if args.scenario is None:
        if args.configuration is not None:
            hint = "name the scenario that has it: --scenario FILE"
            raise BadInput(
                "a configuration of no scenario", place="--configuration", value=args.configuration, hint=hint
            )
        return None
    if args.limits is not None:
        hint = "keep one of the two: the scenario has limits of its own"
        raise BadInput("limits beside a scenario", place="--limits", value=args.limits, hint=hint)
    return read(args.scenario, args.configuration)


def _reading(args: argparse.Namespace) -> ImportOptions:
    """How a raw log is imported on the way."""
    from sim.study.importing.options import Options, column_map, known_format, senders, window
    from sim.workload.importers.clock import zone

    given: dict[str, Any] = {
        "format": None if args.format is None else known_format(args.format),
        "columns": None if args.columns is None else column_map(args.columns),
        "timezone": args.timezone,
        "local": None if args.timezone is None else zone(args.timezone),
        "team_by": None if args.team_by is None else senders(args.team_by),
        "tokens": args.tokens, "teams": args.teams,
        "window": None if args.window is None else window(args.window),
        "command": args.words,
    }  # fmt: skip
    return Options(**{name: value for name, value in given.items() if value is not None})


def tell(args: argparse.Namespace, study: Study) -> int:
    """Print what was fitted."""
    from sim.report.fit_terminal import text

    files = (("scenario", "scenario.yaml"), ("report", "report.html"))
    console.result(args, study.summary, text, study.directory, files=files)
    return 0
