"""The scenario's JSON Schema, for editors and for hints; what ``keystorm schema`` prints."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from sim.scenario.schema import Scenario
from sim.scenario.yaml_lines import Path

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """The whole schema, draft 2020-12, with the catalogue's presets and models as examples."""
    from sim.catalogue import model_names, retry_names

    schema = {"$schema": DIALECT, **_plain_schema()}
    schema["title"] = "keystorm scenario"
    definitions = schema["$defs"]
    retry = definitions["Client"]["properties"]["retry"]
    retry["examples"] = list(retry_names())
    definitions["Workload"]["properties"]["model"]["examples"] = list(model_names())
    return schema


@cache
def _definitions() -> dict[str, type[BaseModel]]:
    """Every record of the schema by its name."""
    found: dict[str, type[BaseModel]] = {}
    waiting: list[type[BaseModel]] = [Scenario]
    while waiting:
        record = waiting.pop()
        if record.__name__ not in found:
            found[record.__name__] = record
            waiting += [inner for field in record.model_fields.values() for inner in _records(field.annotation)]
    return found


def _records(annotation: Any) -> Iterator[type[BaseModel]]:
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        yield annotation
    for part in getattr(annotation, "__args__", ()):
        yield from _records(part)


def records() -> tuple[type[BaseModel], ...]:
    """Every record that a scenario is made of, the scenario itself first."""
    return tuple(_definitions().values())


def _plain_schema() -> dict[str, Any]:
    schema = Scenario.model_json_schema()
    for name, record in _definitions().items():
        part = schema if record is Scenario else schema["$defs"].get(name)
        if part is not None:
            part["description"] = inspect.cleandoc(record.__doc__ or "")
            _written_defaults(part, record)
    return schema


def _written_defaults(part: dict[str, Any], record: type[BaseModel]) -> None:
    """Defaults as a file would write them (``10m``, not a count of nanoseconds)."""
    for name, field in record.model_fields.items():
        entry = part["properties"][field.alias or name]
        entry.pop("title", None)
        for form in (entry, *entry.get("anyOf", [])):
            form.pop("gt", None)  # not a keyword of JSON Schema; the loader checks it
        if "default" in entry:
            entry["default"] = written_default(record, name, field)


def written_default(record: type[BaseModel], name: str, field: FieldInfo) -> Any:
    """A field's default in the way that a file writes it; None when it has none."""
    if field.is_required():
        return None
    blank = record.model_construct(**{name: field.get_default(call_default_factory=True, validated_data={})})
    dumped = blank.model_dump(mode="json", by_alias=True, include={name}, exclude_defaults=False)
    return next(iter(dumped.values()), None)


@cache
def _cached() -> dict[str, Any]:
    return json_schema()


def _forms(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A schema and everything that it may be instead: references and alternatives followed."""
    if "$ref" in schema:
        yield from _forms(_cached()["$defs"][schema["$ref"].rpartition("/")[2]])
    yield schema
    for form in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        yield from _forms(form)


def _at(path: Path) -> list[dict[str, Any]]:
    """Every schema that a value at ``path`` may follow."""
    here = list(_forms(_cached()))
    for part in path:
        inner: list[dict[str, Any]] = []
        for form in here:
            step = form.get("items") if isinstance(part, int) else _member(form, part)
            if isinstance(step, dict):
                inner += _forms(step)
        here = inner
    return here


def _member(form: dict[str, Any], key: str) -> Any:
    return form.get("properties", {}).get(key, form.get("additionalProperties"))


def keys_at(path: Path) -> list[str]:
    """The keys that a mapping at ``path`` may have."""
    return list(dict.fromkeys(key for form in _at(path) for key in form.get("properties", {})))


def examples_at(path: Path) -> list[str]:
    """Examples of the value at ``path``, as a file writes them."""
    return [str(example) for form in _at(path) for example in form.get("examples", ()) if not isinstance(example, dict)]
