"""What one process found, as bytes: its rows' results, when its attempts left, and how it went."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from sim.engine.tables import LOG, LOG_WIDTH, RunResult
from sim.engine.world import Setting
from sim.live.gates import TURN_NS, Lateness, Worker
from sim.policy.admission import NOBODY
from sim.results.columns import NOT_STARTED, STATUS_OK
from sim.scenario.plan import Plan

I64 = NDArray[np.int64]
REQUEST, ATTEMPT, AT, STATUS, REFUSER, COST, OUTPUT = (
    LOG.index(name) for name in ("request", "attempt", "at", "status", "refused_by", "cost", "output")
)
SENT = 4
"""Columns of :attr:`Part.sent`: request, attempt, when it should have left, and when it left (virtual ns)."""


@dataclass(frozen=True)
class Part:
    """The results of one process. ``names`` are what refusers' codes mean in it."""

    worker: Worker
    result: RunResult
    names: tuple[str, ...]
    sent: I64
    stop_reason: str = ""

    def pack(self) -> bytes:
        """The part as bytes."""
        said = {"worker": asdict(self.worker), "names": self.names, "stop_reason": self.stop_reason}
        held = io.BytesIO()
        arrays = {one.name: getattr(self.result, one.name) for one in fields(RunResult)}
        text = np.frombuffer(json.dumps(said).encode(), np.uint8)
        np.savez_compressed(held, said=text, sent=self.sent, **arrays)
        return held.getvalue()


def unpack(data: bytes) -> Part:
    """What :meth:`Part.pack` made."""
    with np.load(io.BytesIO(data), allow_pickle=False) as held:
        said = json.loads(held["said"].tobytes())
        result = RunResult(**{one.name: held[one.name] for one in fields(RunResult)})
        return Part(Worker(**said["worker"]), result, tuple(said["names"]), held["sent"], said["stop_reason"])


def sha256(data: bytes) -> str:
    """The hash by which a part is known to have arrived whole."""
    return hashlib.sha256(data).hexdigest()


def refuser_names(setting: Setting, parts: Sequence[Part]) -> tuple[str, ...]:
    """The refusers of all parts: the configuration's, then those that only the target named."""
    return tuple(dict.fromkeys([*setting.refusers, *(name for part in parts for name in part.names)]))


def merged(plan: Plan, setting: Setting, parts: Sequence[Part]) -> tuple[RunResult, I64]:
    """One result for the whole plan, and when attempts left, ``(m, SENT)`` by (request, attempt).

    Rows that no part has were never sent: not_started. Refusers' codes are places in
    :func:`refuser_names`.
    """
    names = {name: at for at, name in reversed(list(enumerate(refuser_names(setting, parts))))}
    columns = {one.name: getattr(_nothing(plan, setting), one.name) for one in fields(RunResult) if one.name != "log"}
    logs, sent = [np.empty((0, LOG_WIDTH), np.int64)], [np.empty((0, SENT), np.int64)]
    for part in parts:
        codes = np.array([*(names[name] for name in part.names), NOBODY], np.int64)
        rows = part.result.number
        for name, column in columns.items():
            column[rows] = getattr(part.result, name)
        columns["refused_by"][rows] = codes[part.result.refused_by]
        log = part.result.log.copy()
        log[:, REFUSER] = codes[log[:, REFUSER]]
        logs.append(log)
        sent.append(part.sent)
    result = RunResult(**columns, log=_by_attempt(np.concatenate(logs)))
    return result, _by_attempt(np.concatenate(sent))


def _by_attempt(rows: I64) -> I64:
    return rows[np.lexsort((rows[:, ATTEMPT], rows[:, REQUEST]))]


def _nothing(plan: Plan, setting: Setting) -> RunResult:
    """The result of a run in which nothing was sent."""
    count = len(plan)
    none, zero = np.full(count, -1, np.int64), np.zeros(count, np.int64)
    key = np.asarray(setting.team_key)[plan.team]
    return RunResult(
        np.arange(count), plan.arrival_ns.copy(), zero.copy(), np.full(count, NOT_STARTED), none.copy(), none.copy(),
        zero.copy(), zero.copy(), zero.copy(), none.copy(), zero.copy(), plan.model.copy(), plan.origin.copy(),
        plan.team.copy(), key, plan.model.copy(), plan.input_tokens - plan.cached_tokens, plan.cached_tokens.copy(),
        plan.output_tokens.copy(), np.empty((0, LOG_WIDTH), np.int64),
    )  # fmt: skip


def lateness(late_ns: I64, planned_ns: I64) -> Lateness:
    """Percentiles of how late attempts were, wall ns ``(m,)``, that should have come at ``planned_ns``, virtual."""
    if not len(late_ns):
        return Lateness()
    p50, p99 = np.percentile(late_ns, (50, 99))
    beyond = np.percentile(np.maximum(0, late_ns - TURN_NS * turns(late_ns, planned_ns)), 99)
    return Lateness(len(late_ns), int(p50), int(p99), int(late_ns.max()), int(beyond))


def turns(late_ns: I64, planned_ns: I64) -> I64:
    """How many of the attempts that were due at the same instant came before each of them."""
    order = np.lexsort((late_ns, planned_ns))
    planned = planned_ns[order]
    found = np.empty(len(order), np.int64)
    found[order] = np.arange(len(order)) - np.searchsorted(planned, planned)
    return found


def with_log(result: RunResult, log: I64) -> RunResult:
    """The result with another log, and with the costs of its requests those of their attempts there."""
    cost, wasted = np.zeros_like(result.cost), np.zeros_like(result.cost)
    place = np.searchsorted(result.number, log[:, REQUEST])
    np.add.at(cost, place, log[:, COST])
    bad = log[:, STATUS] != STATUS_OK
    np.add.at(wasted, place[bad], log[bad, COST])
    return replace(result, cost=cost, wasted=wasted, log=log)
