"""What each gateway's, provider's and tracer's log says, with every oddity that such logs have."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from sim.units import DAY, MINUTE, SECOND
from sim.workload.importers import IMPORTERS
from sim.workload.importers.base import Bucket, Charge, Item, Note, Reading, Refused, Request
from sim.workload.importers.detect import detect
from sim.workload.importers.source import Source
from tests.unit.importer_cases import items, write

START = 1_794_853_023_979_000_000  # 2026-11-16T18:17:03.979Z


def read(name: str, text: str, folder: Path) -> list[Item]:
    return items(IMPORTERS[name], write(folder, text))


def requests(name: str, text: str, folder: Path) -> list[Request]:
    found = [item for item in read(name, text, folder) if not isinstance(item, Note)]
    assert all(isinstance(item, Request) for item in found), found
    return [item for item in found if isinstance(item, Request)]


def example(name: str, folder: Path) -> list[Any]:
    return read(name, IMPORTERS[name].example, folder)


# --- LiteLLM


def test_litellm_says_who_what_when_and_how_it_ended(tmp_path: Path) -> None:
    first, failed, cached = example("litellm", tmp_path)
    assert (first.start_ns, first.duration_ns, first.first_token_ns) == (START, 4_121_000_000, 421_000_000)
    assert (first.input_tokens, first.cache_read, first.output_tokens, first.cost) == (1000, 512, 210, 4200)
    assert (first.who.team, first.who.key_name, first.who.tag) == ("checkout", "checkout-prod", "web")
    assert (first.model, first.status, first.failed, first.retries) == ("claude-sonnet-4-5", 200, False, 1)
    assert (first.session, first.identity, first.cached) == ("s-1", "chatcmpl-1", False)
    assert (failed.status, failed.failed, failed.error, failed.input_tokens) == (429, True, "RateLimitError", 0)
    # Nothing was streamed: the first token came with the last.
    assert (cached.cached, cached.first_token_ns, cached.duration_ns) == (True, -1, SECOND)


def litellm(**other: Any) -> str:
    row = {"request_id": "r", "startTime": "2026-11-16T18:17:03.979000+00:00", "endTime": "2026-11-16T18:17:08Z",
           "prompt_tokens": 10, "completion_tokens": 2, "spend": 1e-05, "api_key": "hash", "metadata": {}}  # fmt: skip
    return json.dumps(row | other)


def test_a_log_that_a_proxy_really_wrote_is_read_without_being_told_how(tmp_path: Path) -> None:
    """LiteLLM 1.106.2 wrote it, as docs/litellm.md says: one row of each kind that its probes and a replay left."""
    text = Path(__file__).with_name("litellm_spend_logs.jsonl").read_text("utf-8")
    found = requests("litellm", text, tmp_path)
    assert len(found) == 14
    assert Counter((one.status, one.failed) for one in found) == {
        (200, False): 3, (429, True): 4, (422, True): 2, (500, True): 2, (400, True): 2, (401, True): 1
    }  # fmt: skip
    assert {one.error for one in found if one.status == 429} == {
        "ProxyRateLimitError", "RateLimitError", "RouterRateLimitError"
    }  # fmt: skip
    assert all(one.output_tokens == one.cost == 0 for one in found if one.failed)
    answered = [one for one in found if not one.failed]
    assert [(one.input_tokens, one.output_tokens, one.cost) for one in answered] == [
        (20, 20, 360), (20, 20, 360), (2000, 400, 12000)
    ]  # fmt: skip
    assert {one.model for one in answered} == {"claude-sonnet-4-5"}
    assert all(one.duration_ns > 0 and one.who.key and one.who.team and one.who.key_name for one in found)
    importer, why = detect(Source(tmp_path, "log"), IMPORTERS)
    assert (importer.name, "LiteLLM's columns" in why) == ("litellm", True)


@pytest.mark.parametrize("form", ["lines", "array", "page", "pretty"])
def test_litellm_json_comes_in_four_forms(form: str, tmp_path: Path) -> None:
    rows = [json.loads(litellm(request_id=str(at))) for at in range(3)]
    forms = {"lines": "\n".join(map(json.dumps, rows)), "array": json.dumps(rows),
             "page": json.dumps({"data": rows, "total": 3, "page": 1}),
             "pretty": json.dumps({"data": rows}, indent=2)}  # fmt: skip
    found = requests("litellm", forms[form], tmp_path)
    assert [one.identity for one in found] == ["0", "1", "2"]
    assert {(one.start_ns, one.input_tokens, one.cost) for one in found} == {(START, 10, 10)}


def test_litellm_older_rows_do_not_count_cached_input(tmp_path: Path) -> None:
    usage = {"additional_usage_values": {"cache_read_input_tokens": 100, "cache_creation_input_tokens": 50}}
    (one,) = requests("litellm", litellm(metadata=usage), tmp_path)
    assert (one.input_tokens, one.cache_read, one.cache_write) == (160, 100, 50)


@pytest.mark.parametrize(
    ("metadata", "status", "outcome"),
    [
        ({"status": "failure", "error_information": {"error_code": "529"}}, None, (True, 529)),
        ({"error_information": {"error_code": "", "error_class": "Timeout"}}, None, (True, -1)),
        ({}, "success", (False, 200)), ({}, None, (None, -1)), ("{'status': 'success'}", "", (False, 200)),
        ("not a map", "failure", (True, -1)),
    ],
)  # fmt: skip
def test_litellm_tells_failures_in_several_ways(metadata: Any, status: Any, outcome: Any, tmp_path: Path) -> None:
    (one,) = requests("litellm", litellm(metadata=metadata, status=status), tmp_path)
    assert (one.failed, one.status) == outcome


def test_litellm_prefers_the_teams_alias_and_keeps_its_id_for_the_mapping(tmp_path: Path) -> None:
    told = {"user_api_key_team_alias": "Search", "user_api_key_team_id": "t-9"}
    (one,) = requests("litellm", litellm(metadata=told, team_id="t-9", organization_id="o-1"), tmp_path)
    assert one.who.team == "Search"
    assert {"t-9", "o-1"} <= set(one.who.names)


# --- Anthropic


def test_anthropic_usage_is_sums_without_counts(tmp_path: Path) -> None:
    first, batch, later = example("anthropic-usage", tmp_path)
    assert (first.width_ns, first.requests) == (MINUTE, -1)
    assert (first.input_tokens, first.cache_read, first.cache_write, first.output_tokens) == (12_000, 2000, 1000, 700)
    assert first.who.project.startswith("wrkspc_")
    assert (batch.tier, batch.who.project, batch.input_tokens) == ("batch", "", 4000)
    assert later.start_ns == first.start_ns + MINUTE
    assert len({one.identity for one in (first, batch, later)}) == 3


def test_anthropic_pages_may_follow_each_other(tmp_path: Path) -> None:
    text = IMPORTERS["anthropic-usage"].example
    assert len(read("anthropic-usage", text + text, tmp_path)) == 6
    pages = json.dumps([json.loads(text), json.loads(text)])
    assert [each.place for each in read("anthropic-usage", pages, tmp_path) if isinstance(each, Refused)] == []
    buckets = "\n".join(json.dumps(one) for one in json.loads(text)["data"])
    assert read("anthropic-usage", buckets, tmp_path) == read("anthropic-usage", text, tmp_path)


def test_a_broken_result_is_told_with_its_way_inside_the_page(tmp_path: Path) -> None:
    page = json.loads(IMPORTERS["anthropic-usage"].example)
    page["data"][0]["results"][1]["uncached_input_tokens"] = -1
    page["data"][1]["ending_at"] = page["data"][1]["starting_at"]
    found = read("anthropic-usage", json.dumps(page), tmp_path)
    assert [isinstance(item, Bucket) for item in found] == [True, False, False]
    assert [item.place for item in found if isinstance(item, Refused)] == ["1, data[0], results[1]", "1, data[1]"]


def test_the_consoles_days_are_utc_and_its_context_windows_do_not_matter(tmp_path: Path) -> None:
    first, batch, later = example("anthropic-console", tmp_path)
    assert (first.start_ns, first.width_ns) == (START // DAY * DAY - DAY, DAY)
    assert (first.input_tokens, first.cache_read, first.cache_write, first.output_tokens) == (16_000, 3000, 1000, 900)
    assert (first.who.project, first.who.key_name) == ("Storefront", "checkout-prod")
    assert (batch.tier, batch.who.project) == ("batch", "")
    assert later.start_ns == first.start_ns + DAY
    berlin = Reading(local=__import__("zoneinfo").ZoneInfo("Europe/Berlin"))
    write(tmp_path, IMPORTERS["anthropic-console"].example)
    assert next(IMPORTERS["anthropic-console"].read(Source(tmp_path, "log"), berlin)) == first


def test_columns_that_are_inserted_in_the_middle_change_nothing(tmp_path: Path) -> None:
    lines = IMPORTERS["anthropic-console"].example.split("\r\n")
    wider = "\r\n".join(line.replace(",", ",x,", 1) for line in lines)
    assert read("anthropic-console", wider, tmp_path) == example("anthropic-console", tmp_path)


def test_costs_are_cents_in_decimal_texts(tmp_path: Path) -> None:
    first, search, zero = example("anthropic-cost", tmp_path)
    assert all(isinstance(one, Charge) for one in (first, search, zero))
    assert [one.micro_usd for one in (first, search, zero)] == [1_234_500, 5_000, 0]
    other = IMPORTERS["anthropic-cost"].example.replace('"USD", "amount": "0.5"', '"EUR", "amount": "0.5"')
    (refused,) = [item for item in read("anthropic-cost", other, tmp_path) if isinstance(item, Refused)]
    assert "not US dollars" in str(refused.error)


# --- OpenAI and HolySheep


def test_openai_counts_requests(tmp_path: Path) -> None:
    first, batch, later = example("openai-usage", tmp_path)
    assert (first.requests, first.input_tokens, first.cache_read, first.width_ns) == (5, 9000, 4000, 3600 * SECOND)
    assert (first.who.project, first.start_ns) == ("proj_checkout", 1_794_852_000 * SECOND)
    assert (batch.tier, later.model) == ("batch", "")
    broken = IMPORTERS["openai-usage"].example.replace('"num_model_requests": 5', '"num_model_requests": 0')
    (refused,) = [item for item in read("openai-usage", broken, tmp_path) if isinstance(item, Refused)]
    assert "tokens without a request" in str(refused.error)


def test_holysheeps_totals_are_split_and_marked(tmp_path: Path) -> None:
    *rows, note = example("holysheep", tmp_path)
    assert [(one.input_tokens, one.output_tokens, one.assumed) for one in rows] == [
        (1080, 120, True), (81, 9, True), (3960, 440, True),
    ]  # fmt: skip
    assert [one.cost for one in rows] == [18_000, 1_400, 1_800]
    assert "total tokens only" in note.text
    text = "timestamp,project,model,input_tokens,output_tokens,cost_usd,user_agent\n1794853023,p,m,5,6,$0.01,x\n"
    (one,) = requests("holysheep", text, tmp_path)
    assert (one.input_tokens, one.output_tokens, one.assumed, one.cost) == (5, 6, False, 10_000)


def test_keystorms_own_audit_log_is_read_attempt_by_attempt(tmp_path: Path) -> None:
    head = "timestamp,project,model,token_consumption,cost_usd,user_agent,configuration,replication,account,"
    head += "key_fingerprint,team,request_id,attempt,input_tokens,cached_tokens,output_tokens,status,ended_at\n"
    row = (
        "2026-11-16T18:17:0{}Z,default,m,{},0.1,sdk,{},0,a,key_1,checkout,req-0-7,{},{},{},{},{},2026-11-16T18:17:09Z\n"
    )
    rows = [row.format(3, 0, "shared", 0, 0, 0, 0, 429), row.format(4, 160, "shared", 1, 100, 50, 10, 200),
            row.format(4, 160, "keys", 1, 100, 50, 10, 200)]  # fmt: skip
    first, second, third, note = read("holysheep", head + "".join(rows), tmp_path)
    assert isinstance(second, Request)
    assert (first.status, first.failed, first.input_tokens) == (429, True, 0)  # type: ignore[union-attr]
    assert (second.input_tokens, second.cache_read, second.output_tokens) == (150, 50, 10)
    assert (second.who.team, second.duration_ns) == ("checkout", 5 * SECOND)
    assert len({one.identity for one in (first, second, third)}) == 3  # type: ignore[union-attr]
    assert isinstance(note, Note)
    assert "mixes 2 simulated runs" in note.text


# --- tracers


def test_langfuse_sums_disjoint_counts(tmp_path: Path) -> None:
    first, failed, running = example("langfuse", tmp_path)
    assert (first.input_tokens, first.cache_read, first.output_tokens, first.cost) == (1000, 512, 210, 4600)
    assert (first.start_ns, first.duration_ns, first.first_token_ns) == (START, 4_121_000_000, 421_000_000)
    assert (first.who.team, first.session, first.status) == ("checkout", "s-1", 200)
    assert (failed.failed, failed.status, failed.input_tokens) == (True, -1, 0)
    assert (running.duration_ns, running.first_token_ns, running.cost) == (-1, -1, -1)


def test_langfuse_as_its_api_gives_it_and_spans_are_no_calls(tmp_path: Path) -> None:
    one = {"id": "a", "traceId": "t", "type": "GENERATION", "startTime": "2026-11-16T18:17:03.979Z",
           "model": "openai/gpt-4.1", "endTime": "2026-11-16T18:17:04Z",
           "completionStartTime": "2026-11-16T18:17:03.990Z",
           "usageDetails": {"input": 5, "output": 6, "cache_creation_input_tokens": 7, "cache_read_input_tokens": 3},
           "costDetails": {"total": 0.5}, "input": "a prompt", "environment": "default", "projectId": "p1"}  # fmt: skip
    page = {"data": [one, one | {"id": "b", "type": "SPAN"}], "meta": {"page": 1}}
    found, span = read("langfuse", json.dumps(page), tmp_path)
    assert isinstance(found, Request)
    assert (found.input_tokens, found.cache_read, found.cache_write, found.cost) == (15, 3, 7, 500_000)
    assert (found.model, found.first_token_ns, found.who.team, found.who.project) == ("gpt-4.1", 11_000_000, "", "p1")
    assert isinstance(span, Refused)
    assert "no model call" in str(span.error)


def test_langfuse_csv_holds_json_in_its_cells(tmp_path: Path) -> None:
    text = (
        "id,trace_id,type,start_time,end_time,provided_model_name,usage_details,total_cost,level\n"
        'o,t,GENERATION,2026-11-16 18:17:03.979000,,m,"{""input"":4,""output"":2}",,DEFAULT\n'
    )
    (one,) = requests("langfuse", text, tmp_path)
    assert (one.input_tokens, one.output_tokens, one.cost) == (4, 2, -1)


def test_helicones_costs_are_dollars_or_billionths(tmp_path: Path) -> None:
    first, refused, last = example("helicone", tmp_path)
    assert (first.cost, last.cost) == (4600, 4600)
    assert (first.who.team, refused.who.team, first.session) == ("checkout", "search", "s-1")
    assert (first.duration_ns, first.first_token_ns) == (4_121_000_000, 421_000_000)
    assert (refused.status, refused.failed, last.failed) == (429, True, False)


def test_spans_carry_new_and_old_names(tmp_path: Path) -> None:
    first, failed, old = example("otel", tmp_path)
    assert (first.start_ns, first.duration_ns) == (START, 4_121_000_001)
    assert (first.input_tokens, first.cache_read, first.output_tokens) == (1000, 512, 210)
    assert (first.provider, first.who.project, first.session, first.status) == ("anthropic", "shop", "s-1", 200)
    assert (failed.failed, failed.status, failed.error) == (True, 429, "")
    assert (old.provider, old.input_tokens, old.output_tokens) == ("openai", 30, 5)


def test_spans_of_agents_tools_and_databases_are_refused_with_the_reason(tmp_path: Path) -> None:
    def span(**attributes: str) -> dict[str, Any]:
        pairs = [{"key": key.replace("__", "."), "value": {"stringValue": value}} for key, value in attributes.items()]
        return {"startTimeUnixNano": "5", "endTimeUnixNano": "6", "attributes": pairs}

    spans = [
        span(db__system="x"),
        span(gen_ai__operation__name="invoke_agent"),
        span(gen_ai__operation__name="chat"),
        7,
    ]
    found = read("otel", json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}), tmp_path)
    assert [isinstance(item, Refused) for item in found] == [True, True, False, True]
    assert [item.place for item in found if isinstance(item, Refused)] == ["1, span 0", "1, span 1", "1, span 3"]


def test_access_logs_are_stamped_at_the_end(tmp_path: Path) -> None:
    first, refused, last, *notes = example("nginx", tmp_path)
    assert 0 <= first.start_ns - (1_794_853_028_000_000_000 - 4_121_000_000) < SECOND
    assert (first.duration_ns, first.who.team, first.input_tokens, first.assumed) == (
        4_121_000_000,
        "checkout",
        2000,
        True,
    )
    assert (refused.status, refused.failed, refused.input_tokens, refused.assumed) == (429, True, 0, False)
    assert refused.start_ns // SECOND == 1_794_853_027 or refused.start_ns // SECOND == 1_794_853_028
    assert last.output_tokens == 200
    assert any("no token counts" in note.text for note in notes)
    assert any("whole seconds" in note.text for note in notes)


def test_access_logs_in_json_with_tokens_of_the_gateway(tmp_path: Path) -> None:
    row = {"time_iso8601": "2026-11-16T18:17:08+00:00", "request_uri": "/v1/messages", "status": 200, "bytes_sent": 9,
           "request_time": 0.5, "upstream_response_time": "0.1, 0.4", "input_tokens": 11, "output_tokens": 3,
           "http_x_team": "search", "http_authorization": "Bearer sk-ant-secret"}  # fmt: skip
    text = "\n".join(
        json.dumps(row | {"request_uri": uri}) for uri in ("/v1/messages", "/v1/messages/count_tokens", "/health")
    )
    one, count, health = (item for item in read("nginx", text, tmp_path) if not isinstance(item, Note))
    assert isinstance(one, Request)
    assert (one.input_tokens, one.output_tokens, one.who.team, one.assumed) == (11, 3, "search", False)
    assert isinstance(count, Refused)
    assert isinstance(health, Refused)


# --- public traces


def test_burstgpts_failures_have_no_response(tmp_path: Path) -> None:
    first, second, failed = example("burstgpt", tmp_path)
    assert (first.start_ns, first.duration_ns, first.session, first.model) == (
        5 * SECOND,
        4_500_000_000,
        "17",
        "ChatGPT",
    )
    assert (second.who.tag, second.failed) == ("Conversation log", False)
    assert (failed.failed, failed.status, failed.input_tokens, failed.duration_ns) == (True, -1, 417, -1)
    old = (
        "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n5,ChatGPT,472,18,490,Conversation log\n"
    )
    (one,) = requests("burstgpt", old, tmp_path)
    assert (one.input_tokens, one.session) == (472, "")


def test_generic_keeps_whatever_is_mapped(tmp_path: Path) -> None:
    from sim.scenario.workloads import Columns

    columns = Columns.model_validate({
        "timestamp": "t", "input_tokens": "i", "output_tokens": "o", "status": "s", "end": "e",
        "key": "k", "model": "m",
        "cost_usd": "c", "first_token_ms": "f", "request_id": "r", "session": "n", "project": "p",
    })  # fmt: skip
    write(tmp_path, "t,i,o,s,e,k,m,c,f,r,n,p\n100,5,6,429,101.5,sk-1,gpt,0.25,20,id,sess,proj\n100,5,6,,,,,,,,,\n")
    first, bare, note = IMPORTERS["generic"].read(Source(tmp_path, "log"), Reading(columns))
    assert isinstance(first, Request)
    assert (first.duration_ns, first.status, first.failed, first.cost) == (1_500_000_000, 429, True, 250_000)
    assert (first.first_token_ns, first.identity, first.session, first.who.project) == (
        20_000_000,
        "id",
        "sess",
        "proj",
    )
    assert isinstance(bare, Request)
    assert (bare.duration_ns, bare.status, bare.failed, bare.cost) == (-1, -1, None, -1)
    assert isinstance(note, Note)
