"""A run that is fed its plan chunk by chunk, so that memory holds only what is under way.

The same compiled loop as :mod:`sim.engine.compiled_engine`: a whole plan is one chunk. What has
ended leaves as rows to a sink, as tallies that are counted from the rows, and as the run's part of the digest.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.engine import compiled_engine
from sim.engine.agenda_compiled import ADMISSION_ROWS, ADMISSIONS, LOG, REPORT
from sim.engine.digest import of_sums
from sim.engine.kernel_source import COUNTING
from sim.engine.tables import REFUSALS, State, World
from sim.engine.world import Setting, fresh_small_state, request_table
from sim.results.tallies import Tallies
from sim.scenario.plan import Plan


class Nowhere:
    """A sink for runs that keep no rows."""

    def take(self, state: State) -> None:
        """There is nothing to take."""


class Counted:
    """A sink that counts what it hands on to another."""

    def __init__(self, rules: Any, tallies: Tallies, sink: Any) -> None:
        self.rules, self.tallies, self.sink = rules, tallies, sink

    def take(self, state: State) -> None:
        """Count what is written, and empty the state."""
        over, ended, admitted = (int(state.used[place]) for place in (REPORT, LOG, ADMISSIONS))
        compiled_engine.call(
            COUNTING,
            "count",
            self.rules,
            self.tallies,
            state.report,
            over,
            state.log,
            ended,
            state.admissions,
            admitted,
        )
        self.sink.take(state)
        compiled_engine.emptied(state)


class StreamRun:
    """One configuration on one replication's stream. Pickles between chunks: that is a checkpoint."""

    def __init__(
        self, setting: Setting, duration_ns: int, horizon_ns: int, rows: int, tallies: Tallies | None = None
    ) -> None:
        empty = np.zeros(0, np.int64)
        rules = setting.rules
        written = rows if tallies is None else ADMISSION_ROWS
        fixed = setting.clients, setting.delays, setting.knots, rules, setting.wakes
        world = World(empty, *fixed, duration_ns, 0, written)
        self.setting = setting
        self.horizon_ns = horizon_ns
        self.tables: World = compiled_engine.arrays(world)
        small = compiled_engine.arrays(fresh_small_state(world))
        self.state: State = compiled_engine.fresh_arrays(world, small)
        self.requests = 0
        self.tallies = tallies

    def feed(self, chunk: Plan, until_ns: int, sink: Any) -> None:
        """Take the next requests and handle all events before ``until_ns``, when the next chunk begins."""
        table = request_table(self.setting, chunk, self.requests)
        if self.tallies is not None:  # tallies want refusals in the order of their times
            table["heard"] |= REFUSALS
        self.requests += len(chunk)
        self._advance(table, min(until_ns, self.horizon_ns + 1), sink)

    def end(self, sink: Any) -> str:
        """No more requests: run to the horizon, name what did not end. The digest of the run."""
        nothing = np.zeros(0, self.state.requests.dtype)
        self._advance(nothing, self.horizon_ns + 1, sink)
        compiled_engine.finish(self.tables, self.state, self._counted(sink))
        if self.tallies is not None:
            compiled_engine.call(COUNTING, "tally_close", self.tallies)
        return of_sums(self.requests, [int(one) for one in self.state.sums])

    def _advance(self, table: Any, until_ns: int, sink: Any) -> None:
        tables = self.tables._replace(requests=table, until=until_ns)
        self.state = compiled_engine.advance(tables, self.state, self._counted(sink))

    def _counted(self, sink: Any) -> Any:
        return sink if self.tallies is None else Counted(self.tables.rules, self.tallies, sink)
