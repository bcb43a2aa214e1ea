"""What plain `locust -f locustfiles/replay.py` is told, by options or variables, as an order."""

from __future__ import annotations

import argparse
import ipaddress
import os
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from sim.errors import BadInput
from sim.live.control import Control, Silent
from sim.live.order import APIS, LiveOrder

OWN_VARIABLE = "KEYSTORM_I_OWN_THIS_TARGET"
SECRET_PREFIX = "KEYSTORM_SECRET_"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options beside Locust's own; each can be given as a variable too, KEYSTORM_SCENARIO and so on."""
    add: Any = parser.add_argument_group("keystorm").add_argument
    add("--scenario", default="", env_var="KEYSTORM_SCENARIO", help="a scenario file, or a name of the library")
    add("--configuration", default="", env_var="KEYSTORM_CONFIGURATION", help="which one (default: the file's first)")
    add("--api", default="anthropic", choices=APIS, env_var="KEYSTORM_API", help="the shape of requests")
    add("--speed", default="1", env_var="KEYSTORM_SPEED", help="virtual seconds a second (default: 1)")
    add("--replication", type=int, default=0, env_var="KEYSTORM_REPLICATION", help="which plan (default: 0)")
    add("--sse", action="store_true", env_var="KEYSTORM_STREAM", help="ask for answers as streams")
    add("--keystorm-out", default="reports/locust", env_var="KEYSTORM_OUT", help="where tables and live.json go")


def order_from(options: Any, host: str | None, environment: Mapping[str, str]) -> tuple[LiveOrder, Mapping[str, str]]:
    """The order, and the variables that hold its secrets. Raises BadInput and BadScenario."""
    from sim.scenario.loader import load

    if not options.scenario:
        raise BadInput("which scenario?", place="--scenario", value="nothing", hint="--scenario noisy-neighbour")
    if not host:
        hint = "--host http://127.0.0.1:8047, where `keystorm serve` listens"
        raise BadInput("which target?", place="--host", value="nothing", hint=hint)
    check_owned(host, environment)
    loaded = load(options.scenario)
    configuration = options.configuration or next(iter(loaded.scenario.configurations))
    order = LiveOrder(
        options.scenario, loaded.sha256, configuration, host.rstrip("/"), api=options.api, speed=options.speed,
        replication=options.replication, stream=bool(options.sse),
    )  # fmt: skip
    return with_keys(order, environment)


def with_keys(order: LiveOrder, environment: Mapping[str, str]) -> tuple[LiveOrder, Mapping[str, str]]:
    """The order with the keys of its target: an emulator tells them, others' are in the environment."""
    from dataclasses import replace

    root = order.base_url.removesuffix("/v1") if order.api == "openai" else order.base_url
    try:
        keys = Control(root, environment).state()["keys"]
    except Silent:
        raise
    except BadInput:  # somebody else's server
        return replace(order, secrets=named(order, environment), plan_header=False), environment
    held = {f"{SECRET_PREFIX}{at}": key["secret"] for at, key in enumerate(keys)}
    secrets = {key["name"]: f"{SECRET_PREFIX}{at}" for at, key in enumerate(keys)}
    return replace(order, secrets=secrets, control_url=root), {**environment, **held}


def named(order: LiveOrder, environment: Mapping[str, str]) -> dict[str, str]:
    """For each key the variable that holds its secret: KEYSTORM_KEY_ACCOUNT_PROJECT_KEY, or the API's own for all."""
    from sim.live.share import share_of

    usual = {"anthropic": "ANTHROPIC_API_KEY", "openai": "OPENAI_API_KEY"}[order.api]
    found = {}
    for key in share_of(order).setting.keys:
        own = "KEYSTORM_KEY_" + re.sub(r"[^A-Z0-9]+", "_", key.upper()).strip("_")
        found[key] = usual if own not in environment and usual in environment else own
    return found


def check_owned(host: str, environment: Mapping[str, str] = os.environ) -> None:
    """Raises BadInput for a target that is not on this machine, unless its owner says so."""
    name = urlsplit(host).hostname or ""
    try:
        local = name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        local = False
    if not local and environment.get(OWN_VARIABLE) != "1":
        hint = f"set {OWN_VARIABLE}=1 if it is yours; then this sends real load, which may cost money"
        raise BadInput("the target is not on this machine", place="--host", value=host, hint=hint)
