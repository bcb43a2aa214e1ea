"""A stand-in for the replayer: the simulator itself, with every arrival a little later, as over a network.

What it gives back has the shape of a live run, so that everything around the replayer can be tested in
a moment, and so that what a comparison must find is known beforehand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sim.engine.frames import attempt_frame, request_frame
from sim.live.gates import Lateness, Measured, Worker, gates
from sim.live.order import LiveOrder
from sim.live.outcome import LiveOutcome
from sim.scenario.loader import load
from sim.scenario.plan import Plan, build_plan
from sim.study.runs import Run, checked_run, labels_of, names_of, settings_of
from sim.units import MS


def late_plan(plan: Plan, late_ns: int, seed: int = 1) -> Plan:
    """The same plan with each arrival up to ``late_ns`` later, in the same order."""
    moved = plan.arrival_ns + np.random.default_rng(seed).integers(0, late_ns + 1, len(plan))
    return replace(plan, arrival_ns=np.where(plan.arrival_ns < 0, -1, np.maximum.accumulate(moved)))


def run_of(path: str, configuration: str, late_ns: int = 0, seed: int | None = None) -> Run:
    """One configuration of a scenario file, with late arrivals."""
    loaded = load(path, overrides={} if seed is None else {"seed": seed})
    setting = settings_of(loaded, (configuration,))[0]
    return checked_run("plain", setting, late_plan(build_plan(loaded.scenario, 0, loaded.traces), late_ns), 0)


Tables = tuple[pd.DataFrame, pd.DataFrame]


def tables(run: Run) -> Tables:
    """The two tables of a run."""
    names = names_of([run.setting])
    labels = labels_of(run.setting, 0, names)
    return request_frame(run.result, labels, names), attempt_frame(run.result, labels, names)


class Sender:
    """Stands for :func:`sim.live.run.run_live`; keeps what it was given."""

    def __init__(self, late_ns: int = 0, seed: int | None = None, stop: str = "", lateness_p99_ns: int = MS) -> None:
        self.late_ns, self.seed, self.stop, self.lateness = late_ns, seed, stop, lateness_p99_ns
        self.orders: list[LiveOrder] = []
        self.environments: list[Mapping[str, str]] = []

    def __call__(
        self, order: LiveOrder, folder: Path, environment: Mapping[str, str], progress: Any = None
    ) -> LiveOutcome:
        """What a live run of this order would leave."""
        self.orders.append(order)
        self.environments.append(environment)
        order.write(folder)
        run = run_of(order.scenario, order.configuration, self.late_ns, self.seed)
        count = len(run.plan)
        started = count // 2 if self.stop else count
        late = Lateness(count, self.lateness // 2, *[self.lateness] * 3)
        measured = Measured(
            count, started, late, None, (Worker(0, count, started, count, 0.3, 0.5, 9, 8, 0),), self.stop
        )
        if progress is not None:
            progress(count, count, "")
        return LiveOutcome(order, *tables(run), run.result, run.setting.refusers, measured, gates(measured), 0, 1.0)
