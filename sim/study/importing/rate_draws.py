"""Draws requests from logs of rates, as a scenario's replay would, to write them as rows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sim.draws import Stream
from sim.errors import BadInput
from sim.scenario.workloads import Trace
from sim.study.importing.intake import Intake
from sim.units import duration_text
from sim.workload.importers.base import Who
from sim.workload.importers.labels import Labels
from sim.workload.importers.rate_rows import rates_of
from sim.workload.importers.select import cut_window
from sim.workload.importers.trace_rows import TraceRows
from sim.workload.log.rows import ROW, Names, Rows
from sim.workload.rates import client_draw

MOST = 50_000_000
"""Requests that are drawn in all."""


def drawn(intake: Intake, shown: str, window: tuple[int, int] | None, seed: int) -> Iterator[Rows]:
    """The requests of each client. Raises BadInput without sizes, and for too many."""
    rates, clients, span, _ = rates_of(intake.windows, intake.sizes)
    if not len(rates.quantiles):
        raise BadInput("these rates have no sizes", place=shown, hint="name the file of token quantiles with --tokens")
    none = np.empty(0, np.int64)
    rows = TraceRows(none, none, none, none, clients, none.astype(np.int32), span, rates=rates)
    trace = Trace(file=shown)
    if window is not None:
        trace = trace.model_copy(update={"window": window})
        rows = cut_window(rows, trace)
    if rows.requests.sum() > MOST:
        hint = f"at most {MOST:,}: cut a part out with --window, as 0s..2h"
        raise BadInput(
            "too many requests to write one by one", place=shown, value=f"{rows.requests.sum():,.0f}", hint=hint
        )
    assert rows.rates is not None
    for client, name in enumerate(clients):
        stream = Stream(seed, 0, "import")
        times, inputs, outputs = client_draw(trace, rows, rows.rates, client, stream, rows.span_ns)
        yield _rows(times, inputs, outputs, name, intake.labels, intake.names)


def _rows(
    times: np.ndarray, inputs: np.ndarray, outputs: np.ndarray, client: str, labels: Labels, names: Names
) -> Rows:
    rows = np.full(len(times), -1, ROW)
    team, project, key = labels.of(Who(client))
    for kind, name in (("team", team), ("project", project), ("key", key)):
        rows[kind] = names.codes(kind, [name])[0]
    for kind in ("model", "provider", "error", "tier"):
        rows[kind] = names.codes(kind, [""])[0]
    rows["start"], rows["input"], rows["output"] = times, inputs, outputs
    for field, value in (("read", 0), ("write", 0), ("cached", 0), ("assumed", 1)):
        rows[field] = value
    return rows


def note(intake: Intake, window: tuple[int, int] | None) -> str:
    """What was assumed, as a sentence."""
    part = "" if window is None else f" from {duration_text(window[0])} to {duration_text(window[1])}"
    return f"the log has rates, not requests: they are drawn from it{part} (docs/model.md says how)"
