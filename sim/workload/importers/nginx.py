r"""Access logs of a gateway: nginx's combined format, or one JSON object a line.

Source: nginx's documentation of ``log_format``. A combined line may go on with ``$request_time`` alone or
with ``name=value`` pairs (``rt=0.41 team=search``). nginx writes a line when a request has *ended*: its
start is that minus the request time, where it is logged. Requests other than model calls are refused
with that reason. Access logs have no tokens unless a gateway adds them: a request that was answered is
then taken to have the assumed mean input and a tenth of it as output. Addresses, agents and users are
not kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from sim.draws import draw32
from sim.errors import BadRow
from sim.units import SECOND
from sim.workload.importers.base import Item, Note, Reading, Refused, Request, Who, each, file_of
from sim.workload.importers.clock import Clock
from sim.workload.importers.database import Database
from sim.workload.importers.fields import EMPTY, UNKNOWN, micro_usd, span, status, text, tokens_or
from sim.workload.importers.json_values import short
from sim.workload.importers.look import Look
from sim.workload.importers.records import Record, may, must
from sim.workload.importers.source import Source

OUTPUT_SHARE = 10
_SUBSECOND = 1
_MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec"
_LINE = re.compile(
    r"^(?P<address>\S+) \S+ (?P<user>.*?) \[(?P<time>\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] "
    r'"(?P<request>(?:[^"\\]|\\.)*)" (?P<status>\d{3}) (?P<bytes>\d+|-)(?P<rest>.*)$'
)
_PAIR = re.compile(r'([A-Za-z_][\w.-]*)=("(?:[^"\\]|\\.)*"|\S+)')
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_CALL = re.compile(
    r"/(?:messages|chat/completions|completions|responses|embeddings|complete|converse(?:-stream)?|invoke"
    r"(?:-with-response-stream)?)/?$|:(?:generateContent|streamGenerateContent)$"
)
_TIMES = ("time_iso8601", "msec", "timestamp", "@timestamp", "time", "ts", "time_local")
COLUMNS = {
    "time": must(*_TIMES),
    "status": must("status", "status_code", "response_status"),
    "path": must("request_uri", "uri", "path", "request", "url"),
    "request_time": may("request_time", "rt", "duration", "upstream_response_time", "urt"),
    "first": may("upstream_header_time", "uht", "time_to_first_byte", "ttfb"),
    "model": may("model", "llm_model"),
    "input": may("input_tokens", "prompt_tokens"),
    "output": may("output_tokens", "completion_tokens"),
    "cached": may("cached_tokens", "cache_read_input_tokens"),
    "team": may("team", "http_x_team", "x_team", "consumer"),
    "project": may("project", "http_x_project", "service"),
    "key": may("http_x_api_key", "http_authorization", "authorization", "api_key", "key"),
    "id": may("request_id", "http_x_request_id", "reqid"),
    "cost": may("cost_usd",),
}  # fmt: skip
_NAMES = {name: field for field, column in COLUMNS.items() for name in column.names}


class Nginx:
    """One line a request."""

    name = "nginx"
    about = "access logs: nginx's combined format, or JSON lines with status and path"
    wants = 'lines as 10.0.0.1 - - [16/Nov/2026:18:17:03 +0000] "POST /v1/messages HTTP/1.1" 200 …, or JSON'
    example = (
        '10.0.0.1 - - [16/Nov/2026:18:17:08 +0000] "POST /v1/messages HTTP/1.1" 200 5120 "-" "python-httpx/0.27" '
        "rt=4.121 team=checkout\n"
        '10.0.0.2 - jo [16/Nov/2026:19:17:08 +0100] "POST /v1/messages HTTP/2.0" 429 210 "-" "say \\"hi\\"" '
        "rt=0.002 team=search\n"
        '10.0.0.1 - - [16/Nov/2026:18:17:09 +0000] "POST /v1/chat/completions?x=1 HTTP/1.1" 200 88 "-" "curl/8" '
        "rt=0.9 team=checkout\n"
    )

    def recognise(self, look: Look) -> str:
        """By its first line, or by its keys."""
        if _LINE.match(look.line):
            return "its first line is of nginx's combined format"
        time, sent = look.any_of(*_TIMES), look.any_of("request_time", "body_bytes_sent", "bytes_sent", "remote_addr")
        path = look.any_of("request_uri", "uri", "request", "path")
        found = look.kind == "json" and time and sent and path and look.has("status")
        return f"its objects have {time}, status, {path} and {sent}, as access logs do" if found else ""

    def read(self, source: Source | Database, reading: Reading) -> Iterator[Item]:
        """Every line."""
        source = file_of(source, self.name)
        clock, assumed, coarse = reading.clock(), 0, 0
        for number, item in enumerate(_items(source, reading, clock)):
            if isinstance(item, Request):
                assumed += item.assumed
                if (item.start_ns + max(0, item.duration_ns)) % SECOND == 0:
                    coarse += 1
                    moved = item.start_ns + (draw32(number, 0, _SUBSECOND) * SECOND >> 32)
                    item = item._replace(start_ns=moved)
            yield item
        if coarse:
            yield Note(f"{coarse:,} rows of {source.shown} are stamped in whole seconds: spread within their second")
        if assumed:
            size = f"{reading.request_tokens:,} input and {reading.request_tokens // OUTPUT_SHARE:,} output tokens"
            yield Note(f"{assumed:,} rows of {source.shown} have no token counts: {size} are assumed for each")


def _items(source: Source, reading: Reading, clock: Clock) -> Iterator[Item]:
    if source.first_line().lstrip().startswith(("{", "[")):

        def parse(record: Record) -> Request:
            return _request(dict(zip(COLUMNS, record, strict=True)), reading, clock)

        yield from each(source, tuple(COLUMNS.values()), parse)
        return
    with source.open() as lines:
        for number, line in enumerate(lines, 1):
            if line.isspace():
                continue
            try:
                yield _request(_fields(line.rstrip("\r\n")), reading, clock)
            except BadRow as error:
                yield Refused(number, error)


def _fields(line: str) -> dict[str, Any]:
    """The values of a combined line under the names of COLUMNS."""
    match = _LINE.match(line)
    if match is None:
        raise BadRow("not a line of an access log", value=short(line), hint="nginx's combined format")
    found: dict[str, Any] = dict.fromkeys(COLUMNS)
    found |= {"time": match["time"], "status": match["status"], "path": match["request"]}
    rest = match["rest"]
    for name, value in _PAIR.findall(rest):
        if name in _NAMES and _NAMES[name] not in ("time", "status", "path"):
            found[_NAMES[name]] = value.strip('"')
    if found["request_time"] is None:
        bare = [word for word in _QUOTED.sub(" ", rest).split() if re.fullmatch(r"\d+\.\d+", word)]
        found["request_time"] = bare[0] if bare else None
    return found


def _request(row: dict[str, Any], reading: Reading, clock: Clock) -> Request:
    if not _CALL.search(_path(text(row["path"]))):
        raise BadRow("a request that is no model call", hint="a POST to /v1/messages, /v1/chat/completions, …")
    code = status(row["status"])
    if code == UNKNOWN:
        raise BadRow("status is no HTTP status", value=short(text(row["status"])), hint="from 100 to 599")
    took = span(_last(row["request_time"]), "request_time")
    inputs, outputs, assumed = _sizes(row, code, reading)
    end = clock.ns(_stamp(row["time"]))
    return Request(
        max(0, end - max(0, took)), inputs, outputs, min(inputs, tokens_or(row["cached"], "cached_tokens")),
        who=Who(text(row["team"]), text(row["project"]), text(row["key"])), model=text(row["model"]), duration_ns=took,
        first_token_ns=span(_last(row["first"]), "upstream_header_time"), status=code, failed=code >= 400,
        cost=micro_usd(row["cost"], "cost_usd"), identity=text(row["id"]), assumed=assumed,
    )  # fmt: skip


def _path(request: str) -> str:
    """The path of ``POST /v1/messages?x HTTP/1.1``, of a whole address, or of a path alone."""
    words = request.split()
    path = words[1] if len(words) > 1 else request
    return path.partition("?")[0]


def _last(value: Any) -> Any:
    """The last of several times (nginx lists one for each upstream that it tried); None for "-"."""
    last = text(value).replace(":", ",").split(",")[-1].strip()
    return None if last in ("", "-") else last


def _stamp(value: Any) -> Any:
    """An ISO stamp of ``16/Nov/2026:18:17:08 +0000``; anything else as it is."""
    if isinstance(value, str) and value[2:3] == "/":
        month = _MONTHS.find(value[3:6])
        if month < 0 or month % 3:
            raise BadRow("not a time stamp", value=short(value), hint="as 16/Nov/2026:18:17:08 +0000")
        return f"{value[7:11]}-{month // 3 + 1:02d}-{value[:2]}T{value[12:20]}{value[21:]}"
    return value


def _sizes(row: dict[str, Any], code: int, reading: Reading) -> tuple[int, int, bool]:
    """Input, output, and whether they are assumed."""
    if row["input"] not in EMPTY and row["input"] != "-":
        outputs = None if row["output"] == "-" else row["output"]
        return tokens_or(row["input"], "input_tokens"), tokens_or(outputs, "output_tokens"), False
    if code >= 400:
        return 0, 0, False
    return reading.request_tokens, reading.request_tokens // OUTPUT_SHARE, True
