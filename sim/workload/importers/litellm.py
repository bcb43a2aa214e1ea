"""LiteLLM's spend logs: the table LiteLLM_SpendLogs as CSV, JSON or JSONL, or straight from PostgreSQL.

Source: the schema of the LiteLLM proxy (``schema.prisma``, model LiteLLM_SpendLogs) and what the proxy
writes into ``metadata``. ``prompt_tokens`` counts cached input too; the parts stand in ``metadata``,
under ``usage_object`` or ``additional_usage_values``. A failed request has no output, and no input where it
did not get to a model; its status is ``metadata.error_information.error_code``, which the proxy leaves
empty where it has no deployment left to ask. ``completionStartTime`` is the end of the request where
nothing was streamed: the time to the first token is not known then. Tags that the proxy adds itself
("User-Agent: …") name no team. Prompts, answers, users and addresses are not even read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sim.workload.importers.base import Item, Reading, Request, Who, each
from sim.workload.importers.clock import Clock
from sim.workload.importers.database import Database
from sim.workload.importers.fields import (
    UNKNOWN,
    decimal,
    flag,
    inner,
    mapping,
    micro_usd,
    milliseconds,
    status,
    text,
    tokens_or,
)  # fmt: skip
from sim.workload.importers.look import Look
from sim.workload.importers.records import Record, may, must
from sim.workload.importers.source import Source

COLUMNS = (
    must("request_id"), must("startTime"), must("prompt_tokens"), must("completion_tokens"),
    may("endTime"), may("completionStartTime"), may("request_duration_ms"), may("api_key"), may("spend"),
    may("model"), may("model_group"), may("custom_llm_provider"), may("team_id"), may("organization_id"),
    may("project_id"), may("session_id"), may("status"), may("cache_hit"), may("request_tags"), may("call_type"),
    may("metadata"),
)  # fmt: skip
_CODES = {"RouterRateLimitError": 429, "RouterRateLimitErrorBasic": 429}
"""What clients are answered where the row has no code: every deployment rests after an error."""
_NAMES = tuple(column.names[0] for column in COLUMNS)


class LiteLLM:
    """One row a request."""

    name = "litellm"
    about = "LiteLLM_SpendLogs: CSV, JSON, JSONL, or PostgreSQL by its address"
    wants = "request_id, startTime, prompt_tokens, completion_tokens, spend"
    example = (
        "request_id,call_type,api_key,spend,total_tokens,prompt_tokens,completion_tokens,startTime,endTime,"
        "completionStartTime,model,team_id,metadata,cache_hit,request_tags,end_user,session_id,status\n"
        "chatcmpl-1,acompletion,88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b,0.0042,1210,1000,210,"
        "2026-11-16 18:17:03.979,2026-11-16 18:17:08.1,2026-11-16 18:17:04.4,anthropic/claude-sonnet-4-5,checkout,"
        '"{""user_api_key_alias"": ""checkout-prod"", ""usage_object"": {""prompt_tokens_details"": '
        '{""cached_tokens"": 512}}, ""attempted_retries"": 1}",False,"[""User-Agent: python"", ""web""]",'
        "jo@example.com,s-1,success\n"
        "chatcmpl-2,acompletion,88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b,0,0,0,0,"
        "2026-11-16 18:17:04,2026-11-16 18:17:04.2,,,search,"
        '"{""status"": ""failure"", ""error_information"": {""error_code"": ""429"", ""error_class"": '
        '""RateLimitError""}}",None,[],,s-2,failure\n'
        "chatcmpl-3,anthropic_messages,,0.001,420,400,20,2026-11-16 18:17:05,2026-11-16 18:17:06,"
        "2026-11-16 18:17:06,claude-haiku-4-5,search,{},True,[],,,success\n"
    )

    def recognise(self, look: Look) -> str:
        """By its columns or keys; an address of a database is taken for LiteLLM's."""
        if look.kind == "database":
            return "it is a database, and LiteLLM's is the one that is known"
        found = look.has("request_id", "startTime", "prompt_tokens", "completion_tokens") and look.any_of(
            "spend", "api_key"
        )
        return f"it has LiteLLM's columns (request_id, startTime, prompt_tokens, {found})" if found else ""

    def read(self, source: Source | Database, reading: Reading) -> Iterator[Item]:
        """All rows."""
        clock = reading.clock("iso")

        def parse(record: Record) -> Request:
            return _request(dict(zip(_NAMES, record, strict=True)), clock)

        return each(source, COLUMNS, parse, unwrap=("data", "logs"))


def _request(row: dict[str, Any], clock: Clock) -> Request:
    told = mapping(row["metadata"])
    start, end = clock.ns(row["startTime"]), clock.ns_or(row["endTime"])
    inputs, outputs = (
        tokens_or(row["prompt_tokens"], "prompt_tokens"),
        tokens_or(row["completion_tokens"], "completion_tokens"),
    )
    read, write = _cached(told)
    failed, code, error = _outcome(row, told)
    duration = milliseconds(row["request_duration_ms"], "request_duration_ms")
    if duration == UNKNOWN and end >= start:
        duration = end - start
    return Request(
        # Older versions did not count cached input.
        start, inputs if read + write <= inputs else inputs + read + write, outputs, read, write, _who(row, told),
        model=_model(row), provider=text(row["custom_llm_provider"]), duration_ns=duration,
        first_token_ns=_first_token(clock.ns_or(row["completionStartTime"]), start, end), status=code, failed=failed,
        error=error, retries=_count(told.get("attempted_retries")), session=text(row["session_id"]),
        cost=micro_usd(row["spend"], "spend"), cached=flag(row["cache_hit"]),
        tier="batch" if "batch" in text(row["call_type"]) else "", identity=text(row["request_id"]),
    )  # fmt: skip


def _model(row: dict[str, Any]) -> str:
    """The model's own name; what the proxy calls it where the request never got to a model."""
    return (text(row["model"]) or text(row["model_group"])).rpartition("/")[2]


def _who(row: dict[str, Any], told: dict[str, Any]) -> Who:
    alias, team = (
        text(told.get("user_api_key_team_alias")),
        text(row["team_id"]) or text(told.get("user_api_key_team_id")),
    )
    tags = [text(each) for each in inner(row["request_tags"]) or () if not text(each).startswith("User-Agent")]
    names = (team, text(row["organization_id"]), *tags[1:])
    key = text(row["api_key"]) or text(told.get("user_api_key"))
    key_name = text(told.get("user_api_key_alias"))
    return Who(alias or team, text(row["project_id"]), key, key_name, tags[0] if tags else "", names)


def _cached(told: dict[str, Any]) -> tuple[int, int]:
    """Tokens read from and written to the provider's cache: the largest that is told anywhere."""
    read = write = 0
    for name in ("usage_object", "additional_usage_values"):
        usage = mapping(told.get(name))
        if usage:
            details = mapping(usage.get("prompt_tokens_details"))
            read = max(read, *(tokens_or(each, "cached tokens") for each in (
                usage.get("cache_read_input_tokens"), details.get("cached_tokens"))))  # fmt: skip
            write = max(write, *(tokens_or(each, "cached tokens") for each in (
                usage.get("cache_creation_input_tokens"), details.get("cache_creation_tokens"))))  # fmt: skip
    return read, write


def _outcome(row: dict[str, Any], told: dict[str, Any]) -> tuple[bool | None, int, str]:
    """Whether it failed, the status, and the kind of error."""
    word = text(row["status"]) or text(told.get("status"))
    if word == "success":
        return False, 200, ""
    error = mapping(told.get("error_information"))
    if word == "failure" or error:
        kind = text(error.get("error_class"))
        code = status(error.get("error_code"))
        return True, _CODES.get(kind, UNKNOWN) if code == UNKNOWN else code, kind
    return None, UNKNOWN, ""


def _first_token(first: int, start: int, end: int) -> int:
    return first - start if start <= first < end else UNKNOWN


def _count(value: Any) -> int:
    found = decimal(value)
    return int(found) if found is not None and 0 <= found <= 1000 else UNKNOWN
