"""OpenTelemetry spans of model calls: OTLP as JSON, one export request a line (or an array of them).

Source: the OTLP specification and the semantic conventions of generative AI, the older names of
attributes too. ``gen_ai.usage.input_tokens`` counts cached input. Spans of other kinds, and those of
agents and tools (whose model calls are spans of their own), are refused with that reason. Only the
attributes named here are read: never messages, prompts or users.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sim.errors import BadRow
from sim.units import SECOND
from sim.workload.importers.base import Item, Reading, Refused, Request, Who, file_of
from sim.workload.importers.clock import Clock
from sim.workload.importers.database import Database
from sim.workload.importers.fields import UNKNOWN, decimal, span, status, text, tokens_or
from sim.workload.importers.json_values import values
from sim.workload.importers.look import Look
from sim.workload.importers.source import Source

INPUT = ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens")
OUTPUT = ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens")
READ = ("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens")
WRITE = ("gen_ai.usage.cache_creation.input_tokens", "gen_ai.usage.cache_creation_input_tokens")
MODEL = ("gen_ai.request.model", "gen_ai.response.model")
FIRST = (
    "gen_ai.response.time_to_first_chunk",
    "gen_ai.server.time_to_first_token",
    "gen_ai.response.time_to_first_token",
)
TEAM = ("team", "team.id", "service.team")
_NO_CALL = ("invoke_agent", "create_agent", "execute_tool", "invoke_workflow")


class OpenTelemetry:
    """One span a model call."""

    name = "otel"
    about = "OpenTelemetry gen_ai spans (OTLP JSON lines)"
    wants = "JSON with resourceSpans, their spans with gen_ai.* attributes"
    example = (
        '{"resourceSpans": [{"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},'
        ' "scopeSpans": [{"spans": [{"traceId": "5b8e", "spanId": "0a1b", "name": "chat claude-sonnet-4-5", '
        '"startTimeUnixNano": "1794853023979000000", "endTimeUnixNano": "1794853028100000001", "attributes": ['
        '{"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}}, '
        '{"key": "gen_ai.provider.name", "value": {"stringValue": "anthropic"}}, '
        '{"key": "gen_ai.request.model", "value": {"stringValue": "claude-sonnet-4-5"}}, '
        '{"key": "gen_ai.usage.input_tokens", "value": {"intValue": "1000"}}, '
        '{"key": "gen_ai.usage.cache_read.input_tokens", "value": {"intValue": 512}}, '
        '{"key": "gen_ai.usage.output_tokens", "value": {"intValue": "210"}}, '
        '{"key": "gen_ai.conversation.id", "value": {"stringValue": "s-1"}}], "status": {}}, '
        '{"spanId": "0a1c", "startTimeUnixNano": "1794853029000000000", "endTimeUnixNano": "1794853029200000000", '
        '"attributes": [{"key": "gen_ai.request.model", "value": {"stringValue": "claude-sonnet-4-5"}}, '
        '{"key": "error.type", "value": {"stringValue": "429"}}], "status": {"code": 2}}]}]}]}\n'
        '{"resourceSpans": [{"scopeSpans": [{"spans": [{"spanId": "0a1d", "startTimeUnixNano": 1794853030000000000, '
        '"endTimeUnixNano": 1794853031000000000, "attributes": [{"key": "gen_ai.system", "value": {"stringValue": '
        '"openai"}}, {"key": "gen_ai.usage.prompt_tokens", "value": {"intValue": "30"}}, '
        '{"key": "gen_ai.usage.completion_tokens", "value": {"intValue": "5"}}]}]}]}]}\n'
    )

    def recognise(self, look: Look) -> str:
        """By its keys."""
        found = look.kind == "json" and look.any_of("resourceSpans", "resource_spans")
        return f"its objects have {found}" if found else ""

    def read(self, source: Source | Database, reading: Reading) -> Iterator[Item]:
        """Every span."""
        clock = Clock("ns")
        for place, found in values(file_of(source, self.name)):
            try:
                if isinstance(found, BadRow):
                    raise found
                if not _list(found, "resourceSpans", "resource_spans"):
                    raise BadRow(
                        "no resourceSpans", value=", ".join(map(str, found))[:60], hint="one OTLP export a line"
                    )
            except BadRow as error:
                yield Refused(place, error)
                continue
            for at, (one, resource) in enumerate(_spans(found)):
                try:
                    yield _request(one, resource, clock)
                except BadRow as error:
                    yield Refused(f"{place}, span {at}", error)


def _list(found: Any, *names: str) -> list[Any]:
    for name in names:
        value = found.get(name) if isinstance(found, dict) else None
        if isinstance(value, list):
            return value
    return []


def _spans(found: dict[str, Any]) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Each span with the attributes of its resource."""
    for group in _list(found, "resourceSpans", "resource_spans"):
        resource = group.get("resource") if isinstance(group, dict) else None
        attributes = _attributes(resource)
        for scope in _list(group, "scopeSpans", "scope_spans", "instrumentationLibrarySpans"):
            for one in _list(scope, "spans"):
                yield one, attributes


def _attributes(holder: Any) -> dict[str, Any]:
    """Attributes by name: the value of whichever type is given."""
    found: dict[str, Any] = {}
    for pair in _list(holder, "attributes"):
        value = pair.get("value") if isinstance(pair, dict) else None
        if isinstance(value, dict) and len(value) == 1:
            found[str(pair.get("key"))] = next(iter(value.values()))
    return found


def _first_of(told: dict[str, Any], names: tuple[str, ...]) -> Any:
    return next((told[name] for name in names if told.get(name) not in (None, "")), None)


def _request(one: Any, resource: dict[str, Any], clock: Clock) -> Request:
    if not isinstance(one, dict):
        raise BadRow("not a JSON object", hint="spans are objects")
    told = _attributes(one)
    _check(told)
    start, end = (clock.ns_or(one.get(name)) for name in ("startTimeUnixNano", "endTimeUnixNano"))
    if start < 0:
        raise BadRow("no value for startTimeUnixNano", hint="nanoseconds since 1970")
    inputs, outputs = tokens_or(_first_of(told, INPUT), INPUT[0]), tokens_or(_first_of(told, OUTPUT), OUTPUT[0])
    read, write = tokens_or(_first_of(told, READ), READ[0]), tokens_or(_first_of(told, WRITE), WRITE[0])
    failed, code, error = _outcome(one, told)
    return Request(
        start, inputs if read + write <= inputs else inputs + read + write, outputs, read, write,
        _who(told, resource), text(_first_of(told, MODEL)),
        text(told.get("gen_ai.provider.name")) or text(told.get("gen_ai.system")),
        end - start if end >= start else UNKNOWN, span(_first_of(told, FIRST), FIRST[0], SECOND), code, failed, error,
        _retries(told.get("http.request.resend_count")), text(told.get("gen_ai.conversation.id")),
        identity="/".join((text(one.get("traceId")), text(one.get("spanId")))) if text(one.get("spanId")) else "",
    )  # fmt: skip


def _check(told: dict[str, Any]) -> None:
    if not any(name.startswith("gen_ai.") for name in told):
        raise BadRow("a span that is no model call", hint="only spans with gen_ai attributes are requests")
    if text(told.get("gen_ai.operation.name")) in _NO_CALL:
        raise BadRow("a span of an agent or a tool", hint="its model calls are spans of their own")


def _who(told: dict[str, Any], resource: dict[str, Any]) -> Who:
    both = resource | told
    return Who(
        text(_first_of(both, TEAM)), text(both.get("service.name")), names=(text(both.get("service.namespace")),)
    )


def _outcome(one: dict[str, Any], told: dict[str, Any]) -> tuple[bool, int, str]:
    error = text(told.get("error.type"))
    outcome = one.get("status")
    bad = isinstance(outcome, dict) and outcome.get("code") in (2, "STATUS_CODE_ERROR")
    code = status(told.get("http.response.status_code"))
    if code == UNKNOWN:
        code = status(error)
    if code == UNKNOWN and not (bad or error):
        code = 200
    return bool(bad or error or code >= 400), code, "" if error.isdecimal() else error


def _retries(value: Any) -> int:
    found = decimal(value)
    return int(found) if found is not None and 0 <= found <= 1000 else UNKNOWN
