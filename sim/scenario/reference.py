"""``docs/scenario-reference.md``, generated from the schema, the faults and the catalogue."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from sim.catalogue import model, model_names, retry_names, retry_preset, tiers
from sim.chaos.base import Fault
from sim.chaos.catalogue import FaultEntry
from sim.chaos.incidents import INCIDENTS, Incident, IncidentEntry
from sim.scenario.base import OneOf, money_text
from sim.scenario.clients import Client, Jitter, RetryPolicy
from sim.scenario.finance import Check
from sim.scenario.json_schema import json_schema, records, written_default
from sim.scenario.keys import Ladder, Limits, SpelledOut
from sim.scenario.schema import Scenario, Slo
from sim.scenario.workloads import Arrivals, FixedTime, SpreadTime, Workload
from sim.units import duration_text

_INTRO = """\
# Scenario reference

Generated from the schema by `sim/scenario/reference.py`; do not edit. `keystorm schema` prints the same as JSON Schema.

A scenario is a YAML file (booleans are `true` and `false` only, so `on` and `off` are ordinary keys). Quantities are
written with units:

| quantity | written as |
| --- | --- |
| duration | `250ms`, `30s`, `5m`, `2h`, `1h 30m`, `7d` (a month is 30 days) |
| rate | `60/min`, `5/s`, `2M/min`, `20/10s`, `1000/day` |
| tokens, counts | `2000`, `2k`, `1.5M` |
| share, factor | `0.8` or `80%`, `1.5` or `150%` |
| money | `$15`, `$0.30`, `$1.5k`; a spend cap `$1000/month` |
| size | a number of tokens, or `{median: 900, p95: 4000}` (lognormal), with `max` to cut it off |
| time | a duration, or `{median: 2s, p95: 8s}` (lognormal) |
"""

_INCIDENTS = """\
# Incidents

What `keystorm cost` draws months from. One entry is a fault of the catalogue above, by its name, without `at`: with how
many start in 30 days, and where the fault has a duration or a rate also a distribution, `{median: 2h, p95: 24h}` or
`{median: 60/min, p95: 600/min}` (lognormal). `team` may be a list, of which each incident draws one. What outlasts the
scenario ends with it. All other commands run without incidents."""

_FIRST = (Scenario, Workload, Arrivals, Client, RetryPolicy, Ladder, SpelledOut, Limits)
_HIDDEN = (Slo, Jitter, Check, IncidentEntry)
"""Written as text: an objective as `team: metric >= bound`, a jitter as a word."""


def markdown() -> str:
    """The whole page."""
    parts = [_INTRO, *_schema_sections(), *_chaos(), *_incidents(), *_catalogue()]
    return "\n".join(part.rstrip() + "\n" for part in parts)


def _ordered() -> list[type[BaseModel]]:
    rest = [record for record in records() if record not in _FIRST and record not in _HIDDEN]
    elsewhere = (Fault, FaultEntry, Incident)
    plain = [record for record in rest if not issubclass(record, elsewhere)]
    return [*_FIRST, *sorted(plain, key=lambda record: record.__name__)]


def _schema_sections() -> Iterator[str]:
    schema = json_schema()
    for record in _ordered():
        part = schema if record is Scenario else schema["$defs"][record.__name__]
        yield _section(record, part)


def _section(record: type[BaseModel], part: Mapping[str, Any]) -> str:
    """A heading, the record's docstring, and a row for each key."""
    said = inspect.cleandoc(record.__doc__ or "").replace("``", "`")
    one_of = "\nExactly one of these keys:\n" if issubclass(record, OneOf) else ""
    rows = [_row(record, name, part) for name in record.model_fields]
    return "\n".join([f"## {record.__name__}", "", said, one_of, *_table("key", "value", "default", rows=rows)])


def _row(record: type[BaseModel], name: str, part: Mapping[str, Any]) -> tuple[str, str, str]:
    field = record.model_fields[name]
    key = field.alias or name
    entry = part["properties"][key]
    default = "required" if field.is_required() else _yaml(written_default(record, name, field))
    return f"`{key}`", _accepts(entry), "" if issubclass(record, OneOf) else default


def _yaml(value: Any) -> str:
    if value is None or value in ({}, [], ""):
        return "–"
    return f"`{value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}`"


def _accepts(entry: Mapping[str, Any]) -> str:
    """What a value may be, in a few words."""
    if "$ref" in entry:
        name = entry["$ref"].rpartition("/")[2]
        special = {FaultEntry.__name__: "[one fault](#chaos)", IncidentEntry.__name__: "[one incident](#incidents)"}
        return special.get(name, f"[{name}](#{name.lower()})")
    forms = [form for form in (*entry.get("anyOf", ()), *entry.get("oneOf", ())) if form.get("type") != "null"]
    forms = [form for form in forms if form.get("const") != 0]
    if forms:
        return " or ".join(dict.fromkeys(_accepts(form) for form in forms))
    if "enum" in entry:
        return ", ".join(f"`{word}`" for word in entry["enum"] if isinstance(word, str) or not _spelled(word, entry))
    return _plain(entry)


def _spelled(word: object, entry: Mapping[str, Any]) -> bool:
    return str(word) in entry["enum"]


def _plain(entry: Mapping[str, Any]) -> str:
    example = next(iter(entry.get("examples", ())), None)
    if "const" in entry:
        return f"`{entry['const']}`"
    if example is not None and ("pattern" in entry or isinstance(example, dict)):
        return f"`{_example(example)}`"
    if entry.get("type") == "array":
        return f"list of {_accepts(entry['items'])}" if "items" in entry else "`[start, end]`"
    if isinstance(entry.get("additionalProperties"), dict):
        return f"mapping of names to {_accepts(entry['additionalProperties'])}"
    shown = f", as `{_example(example)}`" if example is not None else ""
    kind = str(entry.get("type", ""))
    return {"string": "text", "integer": "whole number", "object": "mapping"}.get(kind, kind) + shown


def _example(example: Any) -> str:
    return ", ".join(f"{key}: {value}" for key, value in example.items()) if isinstance(example, dict) else str(example)


def _table(*heads: str, rows: Sequence[tuple[str, ...]]) -> list[str]:
    lines = [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
    return lines + [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]


def _chaos() -> Iterator[str]:
    schema = json_schema()["$defs"]
    yield "# Chaos\n\nOne fault an entry. How to add one: [adding-a-fault.md](adding-a-fault.md)."
    for name, field in FaultEntry.model_fields.items():
        fault = next(record for record in records() if record.__name__ in str(field.annotation))
        section = _section(fault, schema[fault.__name__])
        yield section.replace(f"## {fault.__name__}", f"## {name}", 1)


def _incidents() -> Iterator[str]:
    yield _INCIDENTS
    one = next(iter(INCIDENTS.values()))
    section = _section(Incident, json_schema()["$defs"][one.__name__])
    yield section.replace("## Incident", "## Every incident", 1)


def _catalogue() -> Iterator[str]:
    yield "# Catalogue\n\nData with dates and sources. A scenario overrides models under `models:`."
    yield "\n".join(["## Models", "", _ASSUMED, "", *_table(
        "model", "input", "output", "cached input", "first token", "per token", "date", "source", rows=_models()
    )])  # fmt: skip
    yield "\n".join(["## Retry presets", "", *_table("preset", "policy", "source", "note", rows=_presets())])
    yield "\n".join(
        ["## Provider tiers", "", *_table("tier", "models", "limits a minute", "spend cap", "source", rows=_tiers())]
    )


_ASSUMED = "Prices in USD per million tokens. **Answer times are assumptions** (median / 95th percentile)."


def _models() -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for name in model_names():
        entry = model(name)
        prices = (entry.price.input, entry.price.output, entry.price.cached_input)
        shown = ["–" if price is None else money_text(price) for price in prices]
        times = [_time(entry.first_token), _time(entry.per_token)]
        source = entry.source + (f"; {entry.note}" if entry.note else "")
        rows.append((f"`{name}`", *shown, *times, entry.date, source))
    return rows


def _time(time: SpreadTime | FixedTime) -> str:
    if isinstance(time, FixedTime):
        return duration_text(time.fixed)
    return f"{duration_text(time.median)} / {duration_text(time.p95)}"


def _presets() -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for name in retry_names():
        entry = retry_preset(name)
        policy = entry.policy.model_dump(mode="json", exclude_unset=True, exclude_none=True)
        shown = ", ".join(f"{key}: {_flow(value)}" for key, value in policy.items())
        rows.append((f"`{name}`", f"`{{{shown}}}`", f"{entry.source} ({entry.date})", entry.note))
    return rows


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return json.dumps(value) if isinstance(value, bool) else str(value)


def _tiers() -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for name, tier in tiers().items():
        cap = "–" if tier.spend_cap is None else str(tier.spend_cap.amount)
        for group, limits in tier.classes.items():
            given = limits.model_dump(mode="json", exclude_unset=True, exclude_none=True)
            shown = ", ".join(
                f"{key}: {value['rate'] if isinstance(value, dict) else _flow(value)}" for key, value in given.items()
            )
            rows.append((f"`{name}`", group, shown, cap, f"{tier.source} ({tier.date})"))
    return rows
