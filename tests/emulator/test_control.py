"""The control plane: state, keys, faults, budgets, audit log, journal, webhooks, metrics, and who may use it."""

from __future__ import annotations

import csv
import io
import json
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from sim.errors import BadInput
from sim.results.columns import ATTEMPTS
from tests.emulator.server import SCENARIO, Served, anthropic_headers, message, serving


def ask(served: Served, project: str = "data", said: Any = None, **headers: str) -> httpx.Response:
    return served.call("POST", "/v1/messages", said or message(), headers=anthropic_headers(served, project, **headers))


def waited_for(what: Any, seconds: float = 20) -> bool:
    """Whether something becomes true in time."""
    end = time.monotonic() + seconds
    while not what() and time.monotonic() < end:
        time.sleep(0.02)
    return bool(what())


def test_the_state_tells_keys_limits_spend_and_counts(served: Served) -> None:
    assert ask(served, "storefront").status_code == 200
    state = served.call("GET", "/keystorm/state").json()
    key = next(one for one in state["keys"] if one["project"] == "storefront")
    assert {"name", "secret", "account", "project", "teams"} <= set(key)
    assert (key["name"], key["teams"]) == ("acme/storefront/default", ["checkout"])
    assert key["secret"].startswith("ks-test-")
    limits = {one["name"]: one for one in state["limits"]}
    assert limits["project:acme/storefront:requests"]["capacity"] == 2
    assert limits["account:acme:input_tokens"]["rate"] == "1000000/min"
    assert state["spend"][0]["name"] == "project:acme/storefront" and state["spend"][0]["spent_usd"] > 0
    assert state["requests"]["succeeded"] == 1


def test_a_reset_forgets_everything_but_the_log(served: Served) -> None:
    ask(served, "storefront")
    served.inject(refuse={"status": 503})
    answer = served.call("POST", "/keystorm/reset", {}).json()
    assert (served.site.journal.path.parent / answer["old_log"]).read_text("utf-8").count("\n") == 2
    state = served.call("GET", "/keystorm/state").json()
    assert (state["requests"]["answered"], state["spend"][0]["spent_usd"], state["faults"]) == (0, 0, [])
    assert state["clock"]["virtual_ns"] < 10**9 and served.rows() == []


def test_a_reset_may_say_when_time_begins(served: Served) -> None:
    soon = time.time_ns() + 3600 * 10**9
    served.call("POST", "/keystorm/reset", {"at_unix_ns": soon})
    assert served.call("GET", "/keystorm/state").json()["clock"]["virtual_ns"] == 0
    served.call("POST", "/keystorm/reset", {"at_unix_ns": time.time_ns() - 5 * 10**9})
    assert served.call("GET", "/keystorm/state").json()["clock"]["virtual_ns"] >= 5 * 10**9


# Keys


def test_a_rotated_key_works_beside_the_old_one_for_its_grace(served: Served) -> None:
    old = served.secret("data")
    new = served.call("POST", "/keystorm/keys/rotate", {"name": "acme/data/default", "grace": "1h"}).json()["secret"]
    assert new != old
    for secret in (old, new):
        headers = {**anthropic_headers(served), "x-api-key": secret}
        assert served.call("POST", "/v1/messages", message(), headers=headers).status_code == 200
    served.call("POST", "/keystorm/keys/rotate", {"name": "acme/data/default"})
    assert served.call("POST", "/v1/messages", message(), headers=headers).status_code == 401, "no grace"


def test_a_revoked_key_opens_nothing_until_it_is_rotated(served: Served) -> None:
    name = {"name": "acme/data/default"}
    assert served.call("POST", "/keystorm/keys/revoke", name).json()["revoked"] is True
    assert ask(served).status_code == 401
    served.call("POST", "/keystorm/keys/rotate", name)
    assert ask(served).status_code == 200


def test_a_new_key_shares_the_limits_of_its_project(served: Served) -> None:
    said = {"project": "acme/storefront", "name": "second", "teams": ["checkout"]}
    made = served.call("POST", "/keystorm/keys", said)
    assert made.status_code == 201 and made.json()["name"] == "acme/storefront/second"
    assert served.call("POST", "/keystorm/keys", said).status_code == 400
    headers = {**anthropic_headers(served), "x-api-key": made.json()["secret"]}
    statuses = [served.call("POST", "/v1/messages", message(), headers=headers).status_code]
    statuses += [ask(served, "storefront").status_code for _ in range(2)]
    assert statuses == [200, 200, 429], "a burst of two for both keys together"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("keys", {"project": "acme/none", "name": "x"}), ("keys", {"project": "acme/data", "name": "a/b"}),
        ("keys", {"project": "acme/data"}), ("keys/rotate", {"name": "none"}), ("keys/revoke", {}),
        ("keys/rotate", {"name": "acme/data/default", "grace": "soon"}), ("reset", {"at_unix_ns": "now"}),
        ("faults", {"none": {}}), ("faults", {"storm": {"for": "1m", "team": "nobody"}}), ("faults", {"storm": {}}),
        ("faults", {"runaway_job": {"team": "lab", "for": "1m", "rate": "9/min"}}), ("faults", {}),
        ("faults", {"refuse": {"status": 200}}), ("webhooks", {"url": "x"}),
        ("webhooks", {"url": "http://example.com/x"}),
    ],
)  # fmt: skip
def test_bad_input_is_told_what_is_wrong(served: Served, path: str, said: Any) -> None:
    answer = served.call("POST", f"/keystorm/{path}", said)
    assert answer.status_code == 400
    assert len(answer.json()["error"]["message"]) > 20


# Budgets and webhooks


@pytest.fixture
def listener() -> Iterator[tuple[str, list[dict[str, Any]], list[int]]]:
    """A webhook's receiver: (URL, what came, the statuses that it answers with, the last one for good)."""
    came: list[dict[str, Any]] = []
    statuses = [200]

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            came.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(statuses.pop(0) if len(statuses) > 1 else statuses[0])
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as receiver:
        thread = threading.Thread(target=receiver.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{receiver.server_port}/hook", came, statuses
        receiver.shutdown()
        thread.join()


CHEAP = SCENARIO.replace("burst: 2", "burst: 100").replace("$1/month", "{amount: $0.001/month, alerts: [50%, 80%]}")


def test_spend_thresholds_are_told_once_and_again_next_month(tmp_path: Path, listener: Any) -> None:
    url, came, _ = listener
    with serving(tmp_path, CHEAP, webhooks=[url]) as served:
        while ask(served, "storefront").status_code == 200:
            pass
        assert waited_for(lambda: len(came) == 2)
        assert [(one["type"], one["data"]["threshold"]) for one in came] == [
            ("spend.threshold", 0.5), ("spend.threshold", 0.8)]  # fmt: skip
        assert came[1]["data"]["cap"] == "project:acme/storefront" and came[1]["data"]["teams"] == ["checkout"]
        assert 0.0008 <= came[1]["data"]["spent_usd"] and came[1]["data"]["cap_usd"] == 0.001
        refused = ask(served, "storefront")
        assert refused.status_code == 400 and "workspace API usage limits" in refused.text
        spend = served.call("POST", "/keystorm/budgets/advance", {}).json()["spend"]
        assert spend[0]["spent_usd"] == 0
        assert ask(served, "storefront").status_code == 200, "a new month"


def test_a_webhook_is_tried_again_a_few_times(tmp_path: Path, listener: Any) -> None:
    url, came, statuses = listener
    statuses[:] = [500, 503, 200]
    with serving(tmp_path, CHEAP, webhooks=[url]) as served:
        while ask(served, "storefront").status_code == 200:
            pass
        assert waited_for(lambda: all(one["delivered"] for one in served.hooks.sent) and len(served.hooks.sent) == 2)
        sent = served.call("GET", "/keystorm/webhooks").json()["sent"]
        assert sum(one["tries"] for one in sent) == len(came) == 4
        assert {one["id"] for one in came} == {one["event"]["id"] for one in sent}, "the same event each time"


# Audit log and journal


def test_the_audit_log_is_filtered_by_project_date_and_cost(served: Served) -> None:
    ask(served, "storefront")
    ask(served, "data", message(max_tokens=20))
    ask(served, "data", message(max_tokens="x"))
    assert [row["project"] for row in served.rows()] == ["storefront", "data", "data"]

    def found(query: str) -> list[int]:
        return [row["status"] for row in served.call("GET", f"/v1/audit/logs?{query}").json()["data"]]

    today = time.strftime("%Y-%m-%d", time.gmtime())
    assert found("project=data") == found("project=acme/data") == [200, 400]
    assert found(f"from={today}&to={today}") == [200, 200, 400], "a plain date ends with its day"
    assert found("from=2099-01-01") == found("to=2020-01-01T00:00:00Z") == []
    assert found("min_cost=0.000001") == [200, 200] and found("max_cost=0&status=400") == [400]
    assert found("min_cost=0.0002&project=data") == [200]


def test_the_audit_log_comes_in_pages(served: Served) -> None:
    for _ in range(5):
        ask(served)
    first = served.call("GET", "/v1/audit/logs?limit=2").json()
    rest = served.call("GET", f"/v1/audit/logs?limit=5&after={first['last_id']}").json()
    assert (len(first["data"]), first["has_more"], len(rest["data"]), rest["has_more"]) == (2, True, 3, False)


def test_the_audit_log_as_csv_is_safe_in_a_spreadsheet(served: Served) -> None:
    ask(served, user_agent="=cmd()")
    for how in ({"headers": {"accept": "text/csv"}}, {"params": {"format": "csv"}}):
        text = served.call("GET", "/v1/audit/logs", **how).text
        (row,) = csv.DictReader(io.StringIO(text))
        assert (row["project"], row["model"], row["user_agent"]) == ("data", "claude-sonnet-5", "'=cmd()")
        assert float(row["cost_usd"]) == pytest.approx(6 * 2e-6 + 12 * 1e-5)
        assert int(row["total_tokens"]) == 18


def test_a_query_that_cannot_be_read_is_refused_with_all_its_problems(served: Served) -> None:
    answer = served.call("GET", "/v1/audit/logs?from=yesterday&limit=0&tema=x")
    assert answer.status_code == 400
    assert all(word in answer.json()["error"]["message"] for word in ("yesterday", "limit", "tema"))


def test_the_journal_is_the_attempts_table_with_the_plan_of_the_header(served: Served) -> None:
    plan = "request=7;attempt=2;draw=99;team=checkout;origin=1;input=900;cached=300;output=5"
    answer = ask(served, "data", None, x_keystorm_plan=plan)
    assert answer.json()["usage"] == {
        "input_tokens": 600, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 300, "output_tokens": 5,
        "service_tier": "standard"}  # fmt: skip
    ask(served)
    rows = [json.loads(line) for line in served.call("GET", "/keystorm/journal").text.splitlines()]
    assert all(list(row) == [column.name for column in ATTEMPTS] for row in rows)
    first = rows[0]
    assert (first["request"], first["attempt"], first["team"], first["input_tokens"]) == (7, 2, "checkout", 600)
    assert first["end_ns"] - first["at_ns"] >= 29e6, "20 ms and 5 tokens of 2 ms, less what a loop is early"
    assert (rows[1]["request"], rows[1]["team"]) == (-1, "analytics")
    assert ask(served, "data", None, x_keystorm_plan="request=1").status_code == 400
    assert ask(served, "data", None, x_keystorm_team="nobody").status_code == 400


def test_luck_is_that_of_the_draw_key(tmp_path: Path) -> None:
    text = SCENARIO.replace(
        "{first_token: 20ms, per_token: 2ms}", "{first_token: {median: 30ms, p95: 300ms}, per_token: 0ms}"
    )
    took = []
    with serving(tmp_path, text) as served:
        for draw in (1, 2, 1):
            plan = f"request=1;attempt=0;draw={draw};team=analytics;origin=0;input=9;cached=0;output=5"
            assert ask(served, x_keystorm_plan=plan).status_code == 200
        took = [
            row["end_ns"] - row["at_ns"]
            for row in map(json.loads, served.call("GET", "/keystorm/journal").text.splitlines())
        ]
    from sim.emulator.decisions import Decisions, Sizes

    decisions: Decisions = served.site.decisions
    planned = []
    for draw in (1, 2):
        request = decisions.request(1, 0, 0, Sizes(9, 0, 5, 12), draw)
        planned.append(decisions.begin(request, 0, 0).ends_at)
    assert planned[0] != planned[1]
    for found, expected in zip(took, (planned[0], planned[1], planned[0]), strict=True):
        assert found >= expected - 1e6, "never before its time; how late depends on the machine"


def test_speed_compresses_waits_and_tells_virtual_seconds(tmp_path: Path) -> None:
    with serving(tmp_path, speed=Fraction(20)) as served:
        served.inject(latency={"factor": 100, "for": "1h"})  # 2 s and 0.2 s a token: 4.4 s, 0.22 s of the wall
        before = time.monotonic()
        assert ask(served).status_code == 200
        row = json.loads(served.call("GET", "/keystorm/journal").text)
        assert row["end_ns"] - row["at_ns"] >= 4.3e9
        assert time.monotonic() - before < 4.3, "a wait of 4.4 virtual seconds"


# Metrics and guard


def test_metrics_have_prometheus_names_and_types(served: Served) -> None:
    ask(served, "storefront")
    for _ in range(2):
        ask(served, "storefront")
    answer = served.call("GET", "/metrics")
    families = {one.name: one for one in text_string_to_metric_families(answer.text)}
    assert families["keystorm_requests"].type == "counter"
    counts = {one.labels["status"]: one.value for one in families["keystorm_requests"].samples}
    assert counts == {"200": 2, "429": 1}
    assert {one.labels["refused_by"] for one in families["keystorm_requests"].samples} == {
        "", "project:acme/storefront:requests"}  # fmt: skip
    times = families["keystorm_request_duration_seconds"]
    assert times.type == "histogram"
    last = {one.labels["status"]: one.value for one in times.samples if one.labels.get("le") == "+Inf"}
    assert last == {"200": 2, "429": 1}
    assert families["keystorm_limit_remaining"].type == "gauge"
    spent = families["keystorm_spend_usd"].samples[0].value
    assert families["keystorm_spend_cap_spent_usd"].samples[0].value == pytest.approx(spent) and spent > 0


def test_the_control_plane_asks_for_its_token(tmp_path: Path) -> None:
    with serving(tmp_path, token="let-me-in") as served:
        for path in ("state", "keys", "journal", "events"):
            assert served.call("GET", f"/keystorm/{path}").status_code == 401
        assert served.call("POST", "/keystorm/reset", {}).status_code == 401
        assert served.call("GET", "/metrics").status_code == served.call("GET", "/v1/audit/logs").status_code == 401
        allowed = {"authorization": "Bearer let-me-in"}
        assert served.call("GET", "/keystorm/state", headers=allowed).status_code == 200
        assert served.call("GET", "/keystorm/state", headers={"authorization": "Bearer let"}).status_code == 401
        assert served.call("GET", "/keystorm/").status_code == served.call("GET", "/keystorm/health").status_code == 200
        assert "ks-test-" not in served.call("GET", "/keystorm/").text
        assert ask(served).status_code == 200, "the provider's own routes have keys of their own"


def test_a_page_of_another_origin_is_kept_out(served: Served) -> None:
    for headers in ({"origin": "http://evil.example"}, {"origin": "null"}):
        assert served.call("POST", "/keystorm/reset", {}, headers=headers).status_code == 403
    assert served.call("GET", "/keystorm/state", headers={"origin": served.url}).status_code == 200
    assert served.call("GET", "/keystorm/state", headers={"host": "evil.example"}).status_code == 403, "DNS rebinding"


def test_the_control_plane_is_not_opened_to_others_without_a_token() -> None:
    from sim.emulator.serve import needs_token

    needs_token("127.0.0.1", None)
    needs_token("::1", None)
    needs_token("0.0.0.0", "secret")
    for host in ("0.0.0.0", "192.168.1.5", "::"):
        with pytest.raises(BadInput, match="KEYSTORM_CONTROL_TOKEN"):
            needs_token(host, None)
