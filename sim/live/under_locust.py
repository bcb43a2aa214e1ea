"""The open-loop replay as a Locust user, and what Locust's command line may say about it.

One user a process: it dispatches all requests of its process, whatever is under way. `keystorm live`
hands over an order; by plain `locust -f` the order is made from options and the host is asked for keys.
"""

from __future__ import annotations

import itertools
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gevent
from locust import User, events, task
from locust.runners import WorkerRunner

from sim.errors import KeystormError
from sim.live.crew import Captain, Hand
from sim.live.guard import Guard, Unbounded
from sim.live.options import add_options, order_from
from sim.live.order import LiveOrder, read_order
from sim.live.outcome import LiveOutcome
from sim.live.run import ORDER_VARIABLE, PARTS_VARIABLE
from sim.live.spending import guard_of

INVALID = 98
afterwards: list[Callable[[LiveOutcome], list[str]]] = []
"""What a locustfile says of a run that is over: lines for the terminal."""
_log = logging.getLogger(__name__)


def guarding(order: LiveOrder, number: int, count: int) -> Guard:
    """What bounds process ``number`` of ``count``."""
    bounded = order.max_requests is not None or order.max_spend_usd is not None
    return guard_of(order, number, count) if bounded else Unbounded()


class Replay(User):
    """Sends every request of a plan at its time, one user a process."""

    @task
    def replay(self) -> None:
        """Serve until the run is over."""
        self.environment.keystorm_hand.serve()


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator]
def _options(parser: Any) -> None:
    add_options(parser)


@events.init.add_listener  # type: ignore[untyped-decorator]
def _init(environment: Any, **_: Any) -> None:
    """Make this process a hand, a captain, or both."""
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        order, variables = _ordered(environment)
    except KeystormError as problem:
        _give_up(environment, str(problem))
        return
    if order is None:
        return
    runner = environment.runner
    if not isinstance(runner, WorkerRunner):
        folder = Path(os.environ.get(PARTS_VARIABLE) or environment.parsed_options.keystorm_out)
        folder.mkdir(parents=True, exist_ok=True)
        environment.keystorm_captain = Captain(environment, order, folder, variables)
    if not hasattr(runner, "clients"):
        environment.keystorm_hand = Hand(environment, order, variables, guarding)


def _ordered(environment: Any) -> tuple[LiveOrder | None, Mapping[str, str]]:
    """The order and the variables that hold its secrets. Raises KeystormError."""
    path = os.environ.get(ORDER_VARIABLE)
    if path:
        return read_order(Path(path)), os.environ
    options = environment.parsed_options
    return order_from(options, environment.host or options.host, os.environ)


def _give_up(environment: Any, problem: str) -> None:
    _log.error(problem)
    environment.process_exit_code = 2
    raise SystemExit(2)


@events.test_start.add_listener  # type: ignore[untyped-decorator]
def _start(environment: Any, **_: Any) -> None:
    captain = getattr(environment, "keystorm_captain", None)
    if captain is not None and not captain.running:
        gevent.spawn(_lead, environment, captain)


def _lead(environment: Any, captain: Captain) -> None:
    """A whole run; then the end of Locust where it has no page to go back to."""
    told = captain.run()
    if told["problem"]:
        _log.error(told["problem"])
        environment.process_exit_code = INVALID
    if not os.environ.get(PARTS_VARIABLE):
        _conclude(environment, captain)
    if environment.web_ui is None:
        environment.runner.quit()
    else:
        environment.runner.stop()


def _conclude(environment: Any, captain: Captain) -> None:
    """By plain `locust -f`: keep the tables, and say what the gates say."""
    from sim.live.collect import collected, sentence, write
    from sim.live.share import share_of

    try:
        outcome = collected(share_of(captain.order), captain.folder, captain.variables)
    except KeystormError as problem:
        _log.error(str(problem))
        environment.process_exit_code = INVALID
        return
    write(outcome, captain.folder)
    captain.tidy()
    for one in outcome.gates:
        (_log.info if one.passed else _log.error)(sentence(one))
    for line in itertools.chain.from_iterable(say(outcome) for say in afterwards):
        _log.info(line)
    _log.info("tables and live.json are in %s", captain.folder)
    if not outcome.valid:
        environment.process_exit_code = INVALID
