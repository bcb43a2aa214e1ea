"""``keystorm live``: the plan of a scenario over HTTP, to an emulator of its own or to a real target."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.cli import console
from sim.cli.serve import speed
from sim.cli.study import MISSED, known, missed_text, whole_number
from sim.study.naming import slug

if TYPE_CHECKING:
    from sim.scenario.loader import Loaded
    from sim.study.live.options import Options
    from sim.study.live.run import Live

NAME = "live"
HELP = (
    "send a scenario's requests over HTTP, to an emulator or to your own gateway, and report on it as on a simulation"
)
INVALID = 98
APIS = ("anthropic", "openai")


def _money(text: str) -> float:
    from sim.errors import BadUnit
    from sim.units import MICRO, money

    try:
        return money(text if text.startswith(("$", "USD")) else f"${text}") / MICRO
    except BadUnit:
        raise argparse.ArgumentTypeError(f"expected dollars, as $5, found {text!r}") from None


def _renamed(text: str) -> tuple[str, str]:
    ours, sign, theirs = text.partition("=")
    if not (sign and ours.strip() and theirs.strip()):
        raise argparse.ArgumentTypeError(f"expected OURS=THEIRS, found {text!r}")
    return ours.strip(), theirs.strip()


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    add = parser.add_argument
    add("scenario", metavar="SCENARIO", help="a scenario file, or a name that `keystorm scenarios` lists")
    add("--configuration", metavar="NAME", help="which one (default: the first in the file)")
    add("--speed", type=speed, default=speed("1"), metavar="K", help="virtual seconds a second (default: 1)")
    add("--workers", type=whole_number(1, 64), default=1, metavar="N", help="processes that send (default: 1)")
    add("--stream", action="store_true", help="ask for streamed answers")
    add("--api", choices=APIS, default=APIS[0], help="in whose shape to ask (default: %(default)s)")
    _target(parser.add_argument_group("a real target"))
    add("--port", type=whole_number(0, 65535), default=0, metavar="N",
        help="of the emulator, where no target is given (default: a free one)")  # fmt: skip
    add("--seed", type=whole_number(0, 2**32 - 1), metavar="S", help="instead of the scenario's")
    add("--out", type=Path, metavar="DIR", help="where the result goes (default: reports/live-NAME-CONFIGURATION)")
    add("--dry-run", action="store_true", help="send nothing: tell what would be sent and what it would cost")
    add("--json", action="store_true", help="print summary.json to standard output, and nothing else there")
    add("--quiet", action="store_true", help="print nothing but errors (and --json)")
    add("--skip-bad-rows", action="store_true", help="leave out rows of a trace that can't be read")


def _target(group: Any) -> None:
    add = group.add_argument
    add("--target", metavar="URL", help="where to send instead of an emulator; keys come from KEYSTORM_KEY_… variables")
    add("--i-own-this-target", action="store_true", help="the target is mine to load, though it is not this machine")
    add("--max-requests", type=whole_number(0, 10**9), metavar="N", help="attempts that may be sent at most")
    add("--max-spend", type=_money, metavar="$X",
        help="dollars that are never exceeded, requests in flight included; the run stops before")  # fmt: skip
    add("--model", type=_renamed, action="append", default=[], metavar="OURS=THEIRS",
        help="what a model is called at the target (may be repeated)")  # fmt: skip


def call(args: argparse.Namespace) -> int:
    """Price it, or run it; the exit code."""
    from sim.scenario.loader import load
    from sim.study.api import given
    from sim.study.live.options import check

    overrides = given(seed=args.seed, replications=1)
    loaded = load(args.scenario, skip_bad_rows=args.skip_bad_rows, overrides=overrides)
    name = args.configuration or next(iter(loaded.scenario.configurations))
    known("--configuration", [name], loaded.scenario.configurations)
    options = _options(args, loaded, name)
    if args.dry_run:
        return _price(args, loaded, options)
    check(options)
    return _tell(args, _perform(args, loaded, options))


def _options(args: argparse.Namespace, loaded: Loaded, name: str) -> Options:
    from sim.study.live.options import Options

    return Options(
        configuration=name, out=args.out or Path("reports", f"live-{loaded.scenario.name}-{slug(name)}"),
        target=args.target, api=args.api, speed=args.speed, workers=args.workers, stream=args.stream,
        models=dict(args.model), max_requests=args.max_requests, max_spend_usd=args.max_spend,
        owned=args.i_own_this_target, port=args.port, skip_bad_rows=args.skip_bad_rows, seed=args.seed,
        command=args.words,
    )  # fmt: skip


def _price(args: argparse.Namespace, loaded: Loaded, options: Options) -> int:
    """The dry run: nothing is sent, no name is looked up, no key is needed."""
    from sim.live.target import parse, variables
    from sim.study.live.limits import beyond_reach
    from sim.study.live.price import price

    told = price(loaded, options.configuration, options.speed).json()
    where, notes = "an emulator of its own", []
    if options.target is not None:
        where = parse(options.target, options.api, lambda host, port: ()).base_url
        named = variables(list(dict.fromkeys(team["key"] for team in told["teams"])))
        notes = [*(f"{key} is read from {name}" for key, name in named.items()), *beyond_reach(loaded)]
    told["bounds"] = list(_bounds(options, told))
    if args.json:
        console.data(json.dumps({**told, "target": where, "notes": notes}, indent=2, ensure_ascii=False))
    elif not args.quiet:
        from sim.report.live_terminal import priced

        console.data(priced(told, where, notes))
    return 0


def _bounds(options: Options, told: dict[str, Any]) -> Iterator[tuple[str, str, bool]]:
    """Each bound that is given, and whether what is expected goes beyond it."""
    if options.max_requests is not None:
        yield "--max-requests", f"{options.max_requests:,}", told["expected_attempts"] > options.max_requests
    if options.max_spend_usd is not None:
        yield "--max-spend", f"${options.max_spend_usd:,.2f}", told["expected_usd"] > options.max_spend_usd


def _perform(args: argparse.Namespace, loaded: Loaded, options: Options) -> Live:
    import sys

    from sim.cli.directory import usable
    from sim.study.live.run import live
    from sim.study.progress import choose

    usable(options.out)
    progress = choose(sys.stderr, quiet=args.quiet)
    try:
        return live(loaded, options, os.environ, progress)
    finally:
        progress.close()


def _tell(args: argparse.Namespace, found: Live) -> int:
    """Print what was found; 98 when the run says nothing, 99 when an objective is missed, else 0."""
    from sim.report.live_terminal import text as validity
    from sim.report.terminal import text

    def words(summary: Any) -> str:
        return text(summary) + "\n" + validity(summary["live"])

    invalid = f"the run is invalid ({'; '.join(found.invalid)}): exit code {INVALID}"
    console.result(args, found.summary, words, found.directory, invalid if found.invalid else missed_text(found.missed))
    return INVALID if found.invalid else MISSED if found.missed else 0
