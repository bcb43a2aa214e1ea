"""The fitted scenario as a file: YAML whose comments say what each number was fitted from."""

from __future__ import annotations

import json
import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sim.scenario.keys import Limits
from sim.study.fitting import described
from sim.study.fitting.log import Log
from sim.study.fitting.shapes import start_of
from sim.study.fitting.types import ClientFit, Estimate, Options, ProviderFit, SizeFit, StreamFit
from sim.units import SECOND, duration_text
from sim.workload.profile import DAYS

WIDTH = 116
RARE = 5e-4
"""Server errors below this share are none."""
Said = Mapping[str, Any]


def scenario_text(
    log: Log, options: Options, streams: Sequence[StreamFit], clients: Sequence[ClientFit],
    providers: Sequence[ProviderFit], errors: Mapping[str, float], limits: tuple[Limits, str],
    models: Mapping[str, str], notes: Sequence[str],
) -> str:  # fmt: skip
    """The whole file. ``models`` maps the log's names of models to those of the scenario."""
    lines = [
        *_head(log, options, notes), *_models(providers, models, options.model), "", "teams:",
        *_teams(log, streams, clients, models), "", *_configurations(*limits), *_storms(errors, log),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def length_ns(log: Log) -> int:
    """The scenario's duration: the log's, in whole seconds."""
    return -(-log.span_ns // SECOND) * SECOND


def _head(log: Log, options: Options, notes: Sequence[str]) -> Iterator[str]:
    name, length = Path(log.shown).name, duration_text(length_ns(log))
    yield from _comment(
        f"Fitted by keystorm fit from {len(log):,} requests in {length} of {name}. Numbers in brackets are 95 % "
        "intervals. No request of the log is in here: scale it, change it, share it.", 0
    )  # fmt: skip
    for note in notes:
        yield from _comment(note, 0)
    yield f"name: {options.name}"
    yield "question: What would other limits, keys or clients have changed for the traffic of this log?"
    yield f"duration: {duration_text(length_ns(log))}"
    yield f"replications: {options.replications}"
    yield f"seed: {options.seed}"
    if log.clock != "relative":
        from datetime import UTC, datetime

        yield f"start: {datetime.fromtimestamp(log.origin_ns // SECOND, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _comment(text: str, indent: int) -> Iterator[str]:
    prefix = " " * indent + "# "
    yield from textwrap.wrap(text, WIDTH, initial_indent=prefix, subsequent_indent=prefix, break_long_words=False)


def flow(value: Any) -> str:
    """A value on one line, as YAML reads it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {flow(each)}" for name, each in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(flow(each) for each in value) + "]"
    if isinstance(value, str):
        return value if value and all(each.isalnum() or each in ".-_/$" for each in value) else json.dumps(value)
    return json.dumps(value)


def _item(name: str, value: Any, indent: int) -> Iterator[str]:
    """``name: value``, with long lists folded."""
    text = " " * indent + f"{name}: {flow(value)}"
    if len(text) <= WIDTH:
        yield text
    else:
        yield from textwrap.wrap(
            text, WIDTH, subsequent_indent=" " * (indent + 2), break_long_words=False, break_on_hyphens=False
        )  # fmt: skip


def _models(providers: Sequence[ProviderFit], models: Mapping[str, str], stand_in: str) -> list[str]:
    lines: list[str] = []
    for fit in providers:
        said = described.model(fit, stand_in)
        if said is None or models[fit.model] != fit.model:
            continue
        lines += _comment(f"{fit.why}{_about(said, fit)}.", 2)
        lines += _item(json.dumps(fit.model), said, 2)
    return ["models:", *lines] if lines else []


def _about(said: Said, fit: ProviderFit) -> str:
    told = ""
    if fit.first_token is not None:
        told += f"; first token {_times(fit.first_token)}"
    if fit.per_token is not None:
        told += f", each token {_times(fit.per_token)}"
    if fit.price is not None:
        told += "; the price is what explains the recorded costs best"
    if "like" in said:
        told += f"; not in the catalogue, where {said['like']} stands for what the log does not say"
    return told


def _times(times: Mapping[str, Estimate]) -> str:
    return f"median {interval(times['median'])} s, p95 {interval(times['p95'])} s"


def interval(estimate: Estimate, digits: int = 3) -> str:
    """``1.2 [1.1, 1.3]``."""
    text = described.plain(estimate.value, digits)
    if not (math.isfinite(estimate.low) and math.isfinite(estimate.high)) or estimate.low == estimate.high:
        return text
    return f"{text} [{described.plain(estimate.low, digits)}, {described.plain(estimate.high, digits)}]"


def _teams(
    log: Log, streams: Sequence[StreamFit], clients: Sequence[ClientFit], models: Mapping[str, str]
) -> Iterator[str]:  # fmt: skip
    by_team = {fit.team: fit for fit in clients}
    for team in dict.fromkeys(stream.team for stream in streams):
        yield f"  {json.dumps(team, ensure_ascii=False)}:"
        yield "    workload:"
        for stream in streams:
            if stream.team == team:
                yield from _workload(log, stream, models[stream.model])
        client = by_team.get(team)
        said = None if client is None else described.client(client)
        if client is not None:
            yield from _comment(f"Client: {client.why}{'' if said else '; left at the default'}.", 4)
        if said is not None:
            yield from _item("client", said, 4)


def stream_words(log: Log, stream: StreamFit, model: str) -> dict[str, Any]:
    """The workload of a stream as a mapping."""
    day, into = start_of(log)
    return described.workload(
        stream.chosen, model, stream.input, stream.output, stream.cached, stream.session, (DAYS[day], into)
    )  # fmt: skip


def _workload(log: Log, stream: StreamFit, model: str) -> Iterator[str]:
    said = stream_words(log, stream, model)
    chosen = stream.chosen
    yield from _comment(f"{stream.requests:,} requests. Arrivals: {chosen.title} ({stream.why}).", 6)
    told = ", ".join(f"{name} {interval(each)}{_unit(name)}" for name, each in chosen.values.items())
    burst = "" if stream.log.cv is None else f" The log’s gaps have a CV of {stream.log.cv:.3g}."
    yield from _comment(f"{told}.{burst}", 6)
    for note in stream.notes:
        yield from _comment(f"Mind: {note}.", 6)
    yield from _dashed("arrivals", said.pop("arrivals"))
    rhythm = said.pop("profile", None)
    if rhythm is not None:
        about = "hours in UTC, the log's start" if "hours" in rhythm else "requests of the log in each step"
        yield f"        profile:  # {about}"
        for name, value in rhythm.items():
            yield from _item(name, value, 10)
    for name, value in said.items():
        comment = {"input_tokens": stream.input, "output_tokens": stream.output}.get(name)
        if comment is not None:
            yield from _comment(size_words(comment), 8)
        yield from _item(name, value, 8)


def _dashed(name: str, value: Any) -> Iterator[str]:
    lines = list(_item(name, value, 8))
    yield "      - " + lines[0].lstrip()
    yield from lines[1:]


def _unit(name: str) -> str:
    return {"rate": "/min", "on": " s", "off": " s", "start": " s", "at": " s", "every": " s"}.get(name, "")


def size_words(fit: SizeFit) -> str:
    """What a size was fitted from."""
    log, own = fit.log, fit.fitted
    told = f"mean {log['mean']:,.0f} in the log, {own['mean']:,.0f} here; p50 {log['p50']:,.0f}, {own['p50']:,.0f}; "
    told += f"p95 {log['p95']:,.0f}, {own['p95']:,.0f}"
    if fit.kind == "fixed":
        return "always the same size in the log"
    return f"{fit.kind} ({told}; largest gap of the distributions {fit.distance:.3f})"


def _configurations(limits: Limits, how: str) -> Iterator[str]:
    said = limits.model_dump(mode="json", exclude_defaults=True, exclude_unset=True)
    yield "configurations:"
    yield from _comment(f"Limits: {how}.", 2)
    yield f"  shared: {flow({'isolation': 'shared', 'limits': said})}"
    yield f"  projects: {flow({'isolation': 'projects', 'limits': said, 'split': 'by-traffic'})}"


def storms(errors: Mapping[str, float], log: Log) -> list[dict[str, Any]]:
    """Server errors as faults that last as long as the log: entries under ``chaos:``."""
    return [
        {"storm": {"status": int(status), "at": "0s", "for": duration_text(length_ns(log)),
                   "probability": float(described.plain(share, 4))}}
        for status, share in errors.items() if status in ("500", "503", "529") and share >= RARE
    ]  # fmt: skip


def _storms(errors: Mapping[str, float], log: Log) -> Iterator[str]:
    found = storms(errors, log)
    if found:
        yield ""
        yield "chaos:"
    for entry in found:
        storm = entry["storm"]
        share = 100 * storm["probability"]
        yield from _comment(f"{share:.2g} % of the log’s rows ended with {storm['status']}; spread evenly here.", 2)
        yield f"  - {flow(entry).removeprefix('{').removesuffix('}')}"


__all__ = ["flow", "interval", "length_ns", "scenario_text", "size_words", "storms", "stream_words"]
