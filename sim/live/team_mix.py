"""Users of every team in a closed loop: one class a team, weighed by the traffic that the scenario expects of it."""

from __future__ import annotations

import argparse
import itertools
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import gevent
import numpy as np
from locust import FastHttpUser, events, task
from locust.argument_parser import LocustArgumentParser

from sim.engine.tables import Request
from sim.engine.world import request_table
from sim.errors import BadInput, KeystormError
from sim.live.asking import Asking
from sim.live.clients import Send
from sim.live.hearing import retry_after
from sim.live.options import add_options, order_from
from sim.live.order import LiveOrder
from sim.live.share import Share, share_of
from sim.units import SECOND

ROWS = 5000
"""Planned requests of a team that its users send again and again."""
LONGEST_S = 60.0


class Mix:
    """What all users of a run share: bodies and headers of planned requests, by team."""

    def __init__(self, order: LiveOrder, share: Share, variables: Mapping[str, str]) -> None:
        self.asking = Asking(order, share.setting, share.secrets(variables))
        self.factor = float(order.factor)
        self._round: dict[str, Iterator[Send]] = {}
        table = request_table(share.setting, share.plan, 0)
        for number, team in enumerate(share.setting.teams):
            rows = np.flatnonzero((share.plan.team == number) & (share.plan.origin == 0))[:ROWS]
            requests = [Request._make(row) for row in table[rows].tolist()]
            self._round[team] = itertools.cycle(Send(at, 0, q, q.model, 0) for at, q in enumerate(requests))

    def next(self, team: str) -> Send:
        """The team's next request."""
        return next(self._round[team])


class TeamUser(FastHttpUser):
    """One user of one team: asks, waits, asks again."""

    abstract = True
    team = ""
    think_s = 1.0
    mix: Mix

    def wait_time(self) -> float:
        """Seconds between an answer and the next request."""
        return self.think_s

    @task
    def ask(self) -> None:
        """One request; after a refusal as long a wait as it asks for."""
        one, asking = self.mix.next(self.team), self.mix.asking
        with self.client.post(
            asking.url, data=asking.body(one).decode(), headers=asking.headers(one), name=self.team, catch_response=True
        ) as answer:
            if answer.status_code == 200:
                return
            answer.failure(f"status {answer.status_code}")
            ns = retry_after(answer.headers.get, SECOND) if answer.headers else -1
        if ns > 0:
            gevent.sleep(min(LONGEST_S, ns / SECOND / self.mix.factor))


def weights(share: Share) -> dict[str, int]:
    """How many of a hundred users a team has, at least one: its share of the plan's own requests."""
    own = share.plan.team[share.plan.origin == 0]
    counts = np.bincount(own, minlength=len(share.setting.teams))
    return {
        team: max(1, round(100 * count / len(own)))
        for team, count in zip(share.setting.teams, counts.tolist(), strict=True)
        if count
    }


def team_classes(
    arguments: Sequence[str] | None = None, environment: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """A user class for each team, by its name; Locust reads them from the file's own names.

    Locust makes its classes before it has read its options, so the scenario and the host are read here first.
    """
    variables = os.environ if environment is None else environment
    try:
        order, options, variables = _early(sys.argv[1:] if arguments is None else arguments, variables)
        share = share_of(order)
        mix = Mix(order, share, variables)
    except KeystormError as problem:
        sys.stderr.write(f"team_mix.py: {problem}\n")
        raise SystemExit(2) from None
    return {
        _class_name(team): type(
            _class_name(team), (TeamUser,),
            {"team": team, "weight": weight, "think_s": options.think, "mix": mix, "host": order.base_url},
        )
        for team, weight in weights(share).items()
    }  # fmt: skip


def _early(
    arguments: Sequence[str], environment: Mapping[str, str]
) -> tuple[LiveOrder, argparse.Namespace, Mapping[str, str]]:
    parser = LocustArgumentParser(add_help=False)
    parser.add_argument("--host", "-H", default=None, env_var="LOCUST_HOST")
    _mix_options(parser)
    options, _ = parser.parse_known_args(list(arguments))
    if not 0 <= options.think <= 3600:
        raise BadInput("not a time to think", place="--think", value=str(options.think), hint="seconds, from 0 to 3600")
    order, variables = order_from(options, options.host, environment)
    return order, options, variables


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator]
def _mix_options(parser: Any) -> None:
    add_options(parser)
    parser.add_argument("--think", type=float, default=1.0, env_var="KEYSTORM_THINK", help="seconds between requests")


def _class_name(team: str) -> str:
    """A team's name as a Python class."""
    word = "".join(part.capitalize() for part in "".join(c if c.isalnum() else " " for c in team).split())
    return f"Team{word}"
