"""One state in one replication, under every situation: all that a step's account needs of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.engine.tables import LOG
from sim.metrics.blast import thresholds
from sim.metrics.compute import Values
from sim.metrics.context import Context
from sim.metrics.tables import F64
from sim.scenario.schema import Scenario
from sim.scenario.topology import Topology
from sim.study.migrate.lab import Work, lost
from sim.study.runs import Run, checked_run
from sim.study.tune.measure import Frame

BLOCKS = 10
"""Parts of the measured time in which attempts are counted."""


@dataclass(frozen=True)
class Measured:
    """``loss`` is ``(situations, teams)``, ``values`` the declared metrics of the traffic as it is, ``(1, teams + 1)``.

    ``sent`` and ``limited``: attempts without any fault and those answered with 429, ``(teams, BLOCKS)``; ``below``: by
    situation and probe which teams fell under their objective in its time, ``(teams,)``; ``digests`` by
    situation. Teams are in the order of their names, but for ``values``, which are in the scenario's.
    """

    loss: F64
    values: Values
    sent: F64
    limited: F64
    below: Mapping[tuple[int, str], NDArray[np.bool_]]
    digests: tuple[str, ...]


def measure(work: Work, job: tuple[int, Topology]) -> Measured:
    """Run one replication of a state."""
    replication, topology = job
    runs = [
        checked_run(work.engine, work.setting(at, topology), work.plan(at, replication), replication)
        for at in range(len(work.situations))
    ]
    bounds = in_order(work.scenario, work.teams)
    below = {
        (at, probe.name): _below(work, run, (probe.start_ns, probe.end_ns), bounds)
        for at, run in enumerate(runs) for probe in work.situations[at].probes
    }  # fmt: skip
    first = runs[0]
    frame = Frame.of(work.scenario, [first.plan])
    sent, limited = _attempts(work, runs[work.calm])
    return Measured(
        np.array([work.read_of(run).loss for run in runs]), frame.values([first.result]), sent, limited, below,
        tuple(run.digest for run in runs),
    )  # fmt: skip


def in_order(scenario: Scenario, teams: Sequence[str]) -> F64:
    """Each team's threshold of success, by name."""
    context = Context(scenario, "", "", {}, 0, 0, "")
    found = dict(zip(context.teams, thresholds(context).tolist(), strict=True))
    return np.array([found[team] for team in teams], np.float64)


def _below(work: Work, run: Run, span: tuple[int, int], bounds: F64) -> NDArray[np.bool_]:
    """Which teams lost more of what they sent in ``span`` than their objective allows."""
    counted, gone = lost(run.plan, run.result, work.scenario.warmup)
    inside = counted & (run.result.arrival >= span[0]) & (run.result.arrival < span[1])
    teams = len(run.plan.teams)
    offered = np.bincount(run.plan.team[inside], minlength=teams)
    missing = np.bincount(run.plan.team[inside & gone], minlength=teams)
    allowed = np.floor((1 - bounds) * offered + 1e-9)
    below: NDArray[np.bool_] = missing > allowed
    return below


def _attempts(work: Work, run: Run) -> tuple[F64, F64]:
    """Attempts of measured requests by team and part of the measured time, and those answered with 429."""
    log = dict(zip(LOG, run.result.log.T, strict=True))
    kept = log["arrival"] >= work.scenario.warmup
    teams = len(run.plan.teams)
    scenario = work.scenario
    length = -(-(scenario.duration - scenario.warmup) // BLOCKS)
    block = np.minimum((log["arrival"][kept] - scenario.warmup) // length, BLOCKS - 1)
    cell = run.plan.team[log["request"][kept]] * BLOCKS + block
    limited = log["status"][kept] == 429
    shape = teams, BLOCKS
    sent, refused = (np.bincount(cell[rows], minlength=teams * BLOCKS) for rows in (slice(None), limited))
    return sent.reshape(shape).astype(float), refused.reshape(shape).astype(float)
