"""``keystorm serve``: one configuration of a scenario as a provider over HTTP."""

from __future__ import annotations

import argparse
import json
import os
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.cli import console
from sim.cli.study import known, whole_number
from sim.study.naming import slug

if TYPE_CHECKING:
    from sim.emulator.serve import Where
    from sim.emulator.site import Site

NAME = "serve"
HELP = "serve one configuration of a scenario as an emulated provider over HTTP"
EXTRA = "serve"


def speed(text: str) -> Fraction:
    """A factor of time, for argparse."""
    try:
        found = Fraction(text)
    except (ValueError, ZeroDivisionError):
        found = Fraction(0)
    if not Fraction(1, 1000) <= found <= 1000:
        raise argparse.ArgumentTypeError(f"expected a factor from 0.001 to 1000, found {text!r}")
    return found


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    add = parser.add_argument
    add("scenario", metavar="SCENARIO", help="a scenario file, or a name that `keystorm scenarios` lists")
    add("--configuration", metavar="NAME", help="which one (default: the first in the file)")
    add("--host", default="127.0.0.1", metavar="ADDRESS", help="where to listen (default: %(default)s)")
    add(
        "--port", type=whole_number(0, 65535), default=8047, metavar="N", help="0 for a free one (default: %(default)s)"
    )
    add(
        "--data",
        type=Path,
        metavar="DIR",
        help="where the audit log is kept (default: reports/serve-NAME-CONFIGURATION)",
    )
    add("--fresh", action="store_true", help="begin a new audit log; the old one is kept beside it")
    add("--speed", type=speed, default=Fraction(1), metavar="K", help="virtual seconds a second (default: 1)")
    add(
        "--webhook",
        action="append",
        default=[],
        metavar="URL",
        help="where spend.threshold events go (may be repeated)",
    )
    add("--allow-remote-webhooks", action="store_true", help="webhooks may go to other machines")
    add("--skip-bad-rows", action="store_true", help="leave out rows of a trace that can't be read")
    add("--json", action="store_true", help="tell where it is as one line of JSON on standard output")


def call(args: argparse.Namespace) -> int:
    """Serve until interrupted; the exit code."""
    _installed()
    from sim.emulator.control import TOKEN_VARIABLE
    from sim.emulator.journal import FILE, put_aside
    from sim.emulator.serve import Where, application, bound, needs_token, run
    from sim.emulator.site import Site
    from sim.emulator.webhooks import Webhooks
    from sim.scenario.loader import load

    token = os.environ.get(TOKEN_VARIABLE) or None
    needs_token(args.host, token)
    loaded = load(args.scenario, skip_bad_rows=args.skip_bad_rows)
    name = args.configuration or next(iter(loaded.scenario.configurations))
    known("--configuration", [name], loaded.scenario.configurations)
    directory = args.data or Path("reports", f"serve-{loaded.scenario.name}-{slug(name)}")
    with bound(args.host, args.port) as listening:
        where = Where(args.host, listening.getsockname()[1])
        if args.fresh and (directory / FILE).exists():
            put_aside(directory / FILE)
        site = Site(loaded, name, directory, speed=args.speed)
        hooks = Webhooks(site, args.webhook, anywhere=args.allow_remote_webhooks)
        tell = _as_json if args.json else _in_words
        run(application(site, hooks, token, palette()), listening, lambda: tell(site, where))
    return 0


def _installed() -> None:
    """Raises BadInput when the server's libraries are missing."""
    from importlib.util import find_spec

    from sim.errors import BadInput

    missing = [name for name in ("uvicorn", "uvloop", "httptools", "starlette", "httpx", "prometheus_client")
               if find_spec(name) is None]  # fmt: skip
    if missing:
        hint = f"pip install 'keystorm[{EXTRA}]'"
        raise BadInput("serve needs libraries that are not installed", value=", ".join(missing), hint=hint)


def palette() -> str:
    """The report's colours as CSS variables, for light and dark ground."""
    from sim.report.style import css_variables

    dark = f"@media (prefers-color-scheme:dark){{:root{{{css_variables(1)}}}}}"
    return f":root{{{css_variables(0)}}}\n{dark}\n"


def facts(site: Site, where: Where) -> dict[str, Any]:
    """Where everything is, as ``--json`` prints it."""
    url = where.url
    return {
        "anthropic_base_url": url, "openai_base_url": f"{url}/v1", "dashboard": f"{url}/keystorm/",
        "state": f"{url}/keystorm/state", "metrics": f"{url}/metrics", "audit_log": f"{url}/v1/audit/logs",
        "audit_file": str(site.journal.path), "scenario": site.loaded.scenario.name,
        "configuration": site.configuration, "speed": float(site.clock.speed), "pid": os.getpid(),
        "keys": [{"name": key.name, "secret": key.secret, "account": key.account, "project": key.project,
                  "teams": list(key.teams)} for key in site.keyring.keys],
    }  # fmt: skip


def _as_json(site: Site, where: Where) -> None:
    console.data(json.dumps(facts(site, where), ensure_ascii=False))
    _flush()


def _in_words(site: Site, where: Where) -> None:
    said = facts(site, where)
    told = site.tally.answered
    lines = [
        f"{said['scenario']}, configuration {said['configuration']}"
        + (f", at {said['speed']:g} × speed" if said["speed"] != 1 else ""),
        f"  dashboard  {said['dashboard']}",
        f"  audit log  {said['audit_file']}" + (f" (goes on after {told:,} requests)" if told else ""),
        "",
        *(line for key in said["keys"] for line in _exports(key, said)),
        "The keys are synthetic. Ctrl-C ends the server.",
    ]
    console.data("\n".join(lines))
    _flush()


def _exports(key: dict[str, Any], said: dict[str, Any]) -> list[str]:
    return [
        f"# {key['name']}: {', '.join(key['teams'])}",
        f"export ANTHROPIC_BASE_URL={said['anthropic_base_url']} ANTHROPIC_API_KEY={key['secret']}",
        f"export OPENAI_BASE_URL={said['openai_base_url']} OPENAI_API_KEY={key['secret']}",
        "",
    ]


def _flush() -> None:
    import sys

    sys.stdout.flush()
