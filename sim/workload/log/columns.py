"""The request log that ``keystorm import`` writes: every column once, with its type and its meaning.

Names with ``gen_ai.``, ``http.`` and ``error.`` are OpenTelemetry's. A null means that the imported log
does not say. Rows are in order of ``start_ns``. Times count from 1970 in UTC, or from the log's own zero
where it has no date (``clock`` in manifest.json).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

VERSION = 1
META = b"keystorm_log"
"""Key of the file's metadata: a JSON object with ``version`` and ``clock``."""

NAME, INT, SMALL, YES = "name", "int64", "int16", "bool"


@dataclass(frozen=True)
class LogColumn:
    """One column: its name, its kind, the field of a row that it holds, its meaning; ``null`` where it may be."""

    name: str
    kind: str
    field: str
    meaning: str
    null: bool = False


COLUMNS = (
    LogColumn("start_ns", INT, "start", "when the request was sent"),
    LogColumn("duration_ns", INT, "duration", "until the last byte of the answer", null=True),
    LogColumn("time_to_first_token_ns", INT, "first", "until the first byte of a streamed answer", null=True),
    LogColumn("team", NAME, "team", "who sent it, as mapped; (none) where nothing says it"),
    LogColumn("project", NAME, "project", "workspace or project of the provider or gateway"),
    LogColumn("key", NAME, "key", "fingerprint of the key, its hash or its id"),
    LogColumn("gen_ai.provider.name", NAME, "provider", "who serves the model"),
    LogColumn("gen_ai.request.model", NAME, "model", "the model asked for"),
    LogColumn("gen_ai.usage.input_tokens", INT, "input", "input, cached input included"),
    LogColumn("gen_ai.usage.cache_read.input_tokens", INT, "read", "the part read from the provider's cache"),
    LogColumn("gen_ai.usage.cache_creation.input_tokens", INT, "write", "the part written to the provider's cache"),
    LogColumn("gen_ai.usage.output_tokens", INT, "output", "output"),
    LogColumn("gen_ai.conversation.id", INT, "session", "a number for the session; not the log's own id", null=True),
    LogColumn("http.response.status_code", SMALL, "status", "the final status", null=True),
    LogColumn("error.type", NAME, "error", "kind of error, never its text"),
    LogColumn("failed", YES, "failed", "whether the log calls it a failure", null=True),
    LogColumn("retries", SMALL, "retries", "attempts beyond the first that the log counts for it", null=True),
    LogColumn("cost_microusd", INT, "cost", "what the log says that it cost", null=True),
    LogColumn("gateway_cache_hit", YES, "cached", "a gateway answered from its own cache: no limit was met"),
    LogColumn("service_tier", NAME, "tier", "the provider's tier; batch meets limits of its own"),
    LogColumn("assumed", YES, "assumed", "made from sums, or with an assumed size"),
)

FIELDS = {column.field: column for column in COLUMNS}
KINDS = tuple(column.field for column in COLUMNS if column.kind == NAME)
"""Fields that hold names, as numbers into a list of them."""


def schema() -> Any:
    """The Arrow schema."""
    import pyarrow as pa

    types = {NAME: pa.dictionary(pa.int32(), pa.string()), INT: pa.int64(), SMALL: pa.int16(), YES: pa.bool_()}
    return pa.schema([pa.field(column.name, types[column.kind], nullable=column.null) for column in COLUMNS])


def markdown() -> str:
    """The columns as a table for the documentation."""
    lines = ["| column | type | |", "| --- | --- | --- |"]
    for column in COLUMNS:
        kind = "text" if column.kind == NAME else column.kind
        lines.append(f"| `{column.name}` | {kind}{', may be null' if column.null else ''} | {column.meaning} |")
    return "\n".join(lines) + "\n"
