"""``keystorm``: arguments → calls, no logic.

Each command is a small module with ``NAME``, ``HELP``, ``arguments(parser)`` and ``call(args)``, which
returns the exit code. Exit codes: 0; 1 trouble outside the input; 2 bad input; 98 the run is invalid;
99 an objective is missed; 130 interrupted. Nothing heavy is imported before a command needs it.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence
from typing import NoReturn, Protocol

from sim.cli import (
    capacity,
    compare,
    console,
    cost,
    fit,
    gateway,
    import_log,
    init,
    live,
    migrate,
    report,
    run,
    scenarios,
    schema,
    serve,
    tune,
    validate,
)
from sim.errors import KeystormError

INTERRUPTED, PIPE_CLOSED = 130, 141


class Command(Protocol):
    """What a module of this package has to have to be a command."""

    NAME: str
    HELP: str

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's arguments."""

    def call(self, args: argparse.Namespace) -> int:
        """Do it; the exit code."""


COMMANDS: tuple[Command, ...] = (
    compare, run, tune, capacity, cost, import_log, fit, migrate, serve, live, validate, gateway, report, scenarios,
    init, schema,
)  # fmt: skip


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that names the nearest command or flag when one is mistyped."""

    def error(self, message: str) -> NoReturn:
        """End with exit code 2 and one clear line."""
        self.print_usage(sys.stderr)
        console.error(message + _nearest(message, self.prog))
        raise SystemExit(2)


def _nearest(message: str, prog: str) -> str:
    """The hint below a usage error: what was probably meant, or where to look."""
    from difflib import get_close_matches

    if message.startswith("unrecognized arguments") or "invalid choice" in message:
        known = [*(command.NAME for command in COMMANDS), *_flags()]
        for word in message.split(": ", 1)[-1].split(" (choose")[0].replace("'", " ").split():
            near = get_close_matches(word.removeprefix("invalid choice: "), known, n=1, cutoff=0.7)
            if near:
                return f'\n    hint: did you mean "{near[0]}"?'
    return f'\n    hint: "{prog} --help" lists what is possible'


def _flags() -> set[str]:
    flags: set[str] = set()
    for command in COMMANDS:
        one = argparse.ArgumentParser(add_help=False)
        command.arguments(one)
        flags |= set(one._option_string_actions)
    return flags


class _Version(argparse.Action):
    def __call__(self, *_: object) -> None:
        import sim

        console.data(f"keystorm {sim.__version__}")
        raise SystemExit(0)


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = Parser(
        prog="keystorm",
        description="What happens to each team when many teams share one LLM API key, and what isolation would change.",
        epilog="Start with: keystorm scenarios; keystorm compare noisy-neighbour",
        allow_abbrev=False,
    )
    top.add_argument("--version", action=_Version, nargs=0, help="print the version and end")
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    for command in COMMANDS:
        sub = commands.add_parser(command.NAME, help=command.HELP, description=command.HELP, allow_abbrev=False)
        command.arguments(sub)
        sub.set_defaults(call=command.call)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; the exit code. Never lets a traceback through, unless KEYSTORM_DEBUG is set."""
    console.tolerate_any_text()
    try:
        args = parser().parse_args(arguments)
        args.words = ("keystorm", *(sys.argv[1:] if arguments is None else arguments))
        code: int = args.call(args)
        sys.stdout.flush()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    except BrokenPipeError:
        return _pipe_closed()
    except KeyboardInterrupt:
        console.message("keystorm: interrupted; nothing half-written is left")
        return INTERRUPTED
    except Exception as trouble:
        return _failed(trouble)
    return code


def _pipe_closed() -> int:
    """The reader of standard output left (``keystorm … | head``): end quietly."""
    with contextlib.suppress(OSError, ValueError):  # a stream without a file descriptor has nothing to flush
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return PIPE_CLOSED


def _failed(trouble: Exception) -> int:
    """Tell an error in the user's terms; the exit code that it asks for."""
    if os.environ.get("KEYSTORM_DEBUG"):
        import traceback

        traceback.print_exc()
    if isinstance(trouble, KeystormError):
        console.error(str(trouble))
        return trouble.exit_code
    if isinstance(trouble, OSError) and trouble.strerror:
        console.error(": ".join(str(part) for part in (trouble.filename, trouble.strerror) if part))
        return 1
    console.error(
        f"unexpected {type(trouble).__name__}: {trouble}\n"
        "    This is a fault in keystorm, not in your input. Run it again with KEYSTORM_DEBUG=1 and report\n"
        "    what it prints, with the scenario file and the output of `keystorm --version`."
    )
    return 1
