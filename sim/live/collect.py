"""From what the processes of a run left in a folder to its tables, its measures and its gates."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from sim.engine.frames import Labels, Names, attempt_frame, request_frame
from sim.engine.tables import RunResult
from sim.errors import RunInvalid
from sim.live.control import Control, Journal
from sim.live.crew import CREW_FILE, part_name
from sim.live.gates import Gate, Lateness, Measured, Worker, gates
from sim.live.outcome import LiveOutcome
from sim.live.parts import AT, Part, lateness, merged, refuser_names, sha256, unpack, with_log
from sim.live.schedule import I64
from sim.live.share import Share
from sim.results.store import Writer

LIVE_FILE = "live.json"


def collected(share: Share, folder: Path, environment: Mapping[str, str]) -> LiveOutcome:
    """What the processes left. Raises RunInvalid when the run did not take place."""
    said = _crew(folder)
    parts = [_part(folder, int(number), digest) for number, digest in said["parts"].items()]
    result, sent = merged(share.plan, share.setting, parts)
    order, at_server = share.order, None
    names = refuser_names(share.setting, parts)
    if order.control_url is not None:
        journal = Journal(Control(order.control_url, environment).journal())
        result = with_log(result, journal.billed(result.log))
        arrived, _ = journal.arrived(sent)
        at_server = _late_at_server(arrived, sent, float(order.factor))
        sent = np.column_stack((sent, np.where(arrived >= 0, arrived, sent[:, 3])))
    result = _reached_at(result, sent)
    measured = _measured(share, said, parts, sent, at_server)
    requests, attempts = tables(share, result, names)
    return LiveOutcome(
        order, requests, attempts, result, names, measured, gates(measured), said["start_unix_ns"], said["wall_s"]
    )


def _crew(folder: Path) -> dict[str, Any]:
    try:
        said: dict[str, Any] = json.loads((folder / CREW_FILE).read_text("utf-8"))
    except (OSError, ValueError):
        raise RunInvalid("the sending processes ended before the run did") from None
    if said["problem"]:
        raise RunInvalid(said["problem"])
    return said


def _part(folder: Path, number: int, digest: str) -> Part:
    data = (folder / part_name(number)).read_bytes()
    if sha256(data) != digest:
        raise RunInvalid(f"the part of process {number} is not what it sent")
    return unpack(data)


def _measured(
    share: Share, said: Mapping[str, Any], parts: list[Part], sent: I64, at_server: Lateness | None
) -> Measured:
    workers = {part.worker.number: part.worker for part in parts}
    every = [workers.get(number) or _lost(share, number, said["workers"]) for number in range(said["workers"])]
    reasons = dict.fromkeys(reason for reason in [*(part.stop_reason for part in parts), said["stop_reason"]] if reason)
    late = np.maximum(0, sent[:, 3] - sent[:, 2]) / float(share.order.factor)
    return Measured(
        int(np.count_nonzero(share.plan.arrival_ns >= 0)), sum(one.started for one in every),
        lateness(late, sent[:, 2]), at_server,
        tuple(every), ", ".join(reasons),
    )  # fmt: skip


def _lost(share: Share, number: int, count: int) -> Worker:
    rows = share.rows(number, count)
    due = int(np.count_nonzero(share.plan.arrival_ns[rows] >= 0))
    return Worker(number, due, 0, 0, 0.0, 0.0, 0, 0, 0, complete=False)


def _late_at_server(arrived: I64, sent: I64, speed: float) -> Lateness:
    came = arrived >= 0
    planned = sent[came, 2]
    return lateness(np.maximum(0, arrived[came] - planned) / speed, planned)


def _reached_at(result: RunResult, sent: I64) -> RunResult:
    """The result with attempts at the times at which they came to the emulator, or left where there is none.

    They stand in the last column of ``sent``. In the log that the clients wrote they are when they should have left.
    """
    reached = {(int(row[0]), int(row[1])): int(row[-1]) for row in sent}
    log = result.log.copy()
    for line in log:
        line[AT] = reached.get((int(line[0]), int(line[1])), line[AT])
    return replace(result, log=log)


def tables(share: Share, result: RunResult, refusers: tuple[str, ...]) -> tuple[Any, Any]:
    """The two tables of a run."""
    setting, order = share.setting, share.order
    every = tuple(dict.fromkeys(("", *refusers)))
    names = Names((setting.name,), setting.teams, tuple(dict.fromkeys(setting.keys)), setting.models, every)
    keys = [names.keys.index(key) for key in setting.keys]
    labels = Labels(setting.name, order.replication, keys, [every.index(name) for name in refusers])
    return request_frame(result, labels, names), attempt_frame(result, labels, names)


def write(outcome: LiveOutcome, folder: Path) -> None:
    """Keep the tables and LIVE_FILE in a folder."""
    with Writer(folder) as writer:
        writer.add(outcome.requests, outcome.attempts)
        writer.commit()
    said = {
        "order": asdict(outcome.order), "start_unix_ns": outcome.start_unix_ns, "wall_s": outcome.wall_s,
        "valid": outcome.valid, "measured": asdict(outcome.measured), "gates": [asdict(one) for one in outcome.gates],
    }  # fmt: skip
    partial = folder / f".{LIVE_FILE}.partial"
    partial.write_text(json.dumps(said, indent=2) + "\n", "utf-8")
    partial.replace(folder / LIVE_FILE)


def sentence(one: Gate) -> str:
    """A gate in words, for a terminal."""
    mark = "passed" if one.passed else "FAILED"
    return f"{one.name}: {one.value:g} {one.unit} (bound {one.limit:g}): {mark}, {one.meaning}".replace("  ", " ")
