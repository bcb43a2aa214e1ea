"""``keystorm import`` from end to end: rows, teams, privacy, assumptions, files, and the replay of what it wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.cli.main import main
from sim.errors import BadInput
from sim.scenario.loader import load
from sim.study.importing.mapping import read_mapping
from sim.study.importing.options import Options, column_map, known_format, senders, shown_command, ticks, window
from sim.study.importing.run import import_logs
from sim.study.progress import Silent
from sim.units import HOUR, SECOND
from sim.workload.importers import IMPORTERS, read_trace
from sim.workload.importers.base import Who
from sim.workload.importers.labels import Labels, fingerprint
from tests.unit.importer_cases import BILLS, MAPS, example, trace

SECRETS = (
    "sk-ant-api03-SECRET",
    "jo@example.com",
    "What is my salary?",
    "10.9.8.7",
    "Bearer hush",
    "session-of-jo",
    "Mozilla",
)


def imported(folder: Path, logs: dict[str, str | bytes], **options: Any) -> dict[str, Any]:
    """The summary of an import of these files into ``folder/out``."""
    for name, content in logs.items():
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    given = Options(bulk=2, **options)
    return import_logs([str(folder / name) for name in logs], given, folder / "out", Silent()).summary


def table(folder: Path) -> Any:
    import pandas as pd

    return pd.read_parquet(folder / "out" / "requests.parquet")


def lines(rows: list[dict[str, Any]]) -> str:
    return "\n".join(map(json.dumps, rows))


def litellm(at: int, team: str = "a", **other: Any) -> dict[str, Any]:
    row = {"request_id": f"r{at}", "startTime": f"2026-11-16T18:{at // 60:02d}:{at % 60:02d}Z", "prompt_tokens": 1000,
           "endTime": f"2026-11-16T18:{at // 60:02d}:{at % 60:02d}.5Z", "completion_tokens": 10, "spend": 0.5,
           "api_key": "sk-ant-api03-SECRET", "model": "claude-sonnet-4-5", "team_id": team, "status": "success",
           "end_user": "jo@example.com", "user": "jo@example.com", "messages": [{"content": "What is my salary?"}],
           "response": "What is my salary?", "requester_ip_address": "10.9.8.7", "session_id": "session-of-jo",
           "proxy_server_request": {"headers": {"authorization": "Bearer hush", "user-agent": "Mozilla"}},
           "metadata": {"user_api_key_user_email": "jo@example.com"}}  # fmt: skip
    return row | other


# --- rows


@pytest.mark.parametrize("name", [name for name in IMPORTERS if name not in BILLS])
def test_every_format_is_imported_with_its_rows_counted(name: str, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "log").write_bytes(example(IMPORTERS[name], tmp_path))
    words = ["import", str(tmp_path / "log"), "--out", str(tmp_path / "out"), "--json"]
    if name in MAPS:
        words += ["--columns", ",".join(f"{key}={value}" for key, value in MAPS[name].items())]
    if name == "servegen":
        (tmp_path / "sizes").write_text(IMPORTERS[name].tokens_example)  # type: ignore[attr-defined]
        words += ["--tokens", "sizes"]
        import os

        os.chdir(tmp_path)
        words[1] = "log"
    assert main(words) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["format"] == name
    assert told["rows_read"] == (4 if name == "servegen" else 3)
    assert told["rows_read"] == told["rows_kept"] + told["rows_rejected"]
    assert told["rows_rejected"] == sum(told["rejected"].values()) == 0
    assert told["requests"] == len(table(tmp_path)) > 0
    assert sum(one["requests"] for one in told["profile"]) == told["requests"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir() if path.name != "figures") == [
        "manifest.json", "profile.html", "profile.json", "profile.md", "requests.parquet",
    ]  # fmt: skip


def test_duplicates_disorder_and_broken_rows_are_counted_by_reason(tmp_path: Path) -> None:
    rows = [litellm(at) for at in (3, 1, 2, 1, 5, 4, 3)]
    rows[5]["prompt_tokens"] = -7
    told = imported(tmp_path, {"one.jsonl": lines(rows) + "\nnonsense\n", "two.jsonl": lines([litellm(9), litellm(2)])})
    assert told["rows_read"] == 10
    assert told["rejected"] == {"a second row with the same id": 3, "prompt_tokens is negative": 1, "not JSON": 1}
    assert (told["rows_kept"], told["rows_rejected"], told["duplicates"]) == (5, 5, 3)
    assert told["out_of_order"] == 4
    assert told["files"][0]["places"]["not JSON"] == ["line 8"]
    found = table(tmp_path)
    assert (np.diff(found["start_ns"]) > 0).all()
    assert len(found) == 5


def test_a_log_that_is_all_wrong_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "log").write_text(lines([litellm(1, prompt_tokens="many")] * 3))
    with pytest.raises(BadInput, match=r"no request can be imported(.|\n)*3 × prompt_tokens is no number"):
        import_logs([str(tmp_path / "log")], Options(), tmp_path / "out", Silent())
    assert not (tmp_path / "out").exists()


def test_an_interrupted_import_leaves_the_result_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    imported(tmp_path, {"log": lines([litellm(1)])})
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir() if path.is_file()}

    def broken(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sim.study.importing.run.summary_of", broken)
    with pytest.raises(KeyboardInterrupt):
        imported(tmp_path, {"log": lines([litellm(1), litellm(2)])})
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir() if path.is_file()} == before
    assert [path for path in (tmp_path / "out").iterdir() if path.name.startswith(".")] == []


def test_equal_logs_give_equal_files(tmp_path: Path) -> None:
    text = lines([litellm(at) for at in range(20)])
    imported(tmp_path, {"log": text})
    first = (tmp_path / "out" / "requests.parquet").read_bytes(), (tmp_path / "out" / "profile.html").read_bytes()
    imported(tmp_path, {"log": text})
    again = (tmp_path / "out" / "requests.parquet").read_bytes(), (tmp_path / "out" / "profile.html").read_bytes()
    assert first == again


# --- privacy


@pytest.mark.parametrize("bad", [False, True])
def test_nothing_personal_is_in_any_output(bad: bool, tmp_path: Path, capsys: Any) -> None:
    rows = [litellm(at) for at in range(5)]
    rows.append(litellm(6, team="sk-ant-api03-SECRET"))
    rows.append(litellm(7, team="jo@example.com", model="jo@example.com"))
    rows.append(litellm(8, metadata={"error_information": {"error_code": "500", "error_class": "jo@example.com"}}))
    rows.append(litellm(4, request_id="x", status="failure", metadata={
        "error_information": {"error_code": "400", "error_class": "Refused: What is my salary?"}}))  # fmt: skip
    if bad:
        rows += [litellm(9, prompt_tokens="What is my salary?"), litellm(9, startTime="jo@example.com")]
    (tmp_path / "log").write_text(lines(rows) + ('\n{"secret": "What is my salary?" Bearer hush' if bad else ""))
    (tmp_path / "teams.csv").write_text("sk-ant-api03-OTHER,x\n")
    words = ["import", str(tmp_path / "log"), "--out", str(tmp_path / "out"), "--teams", str(tmp_path / "teams.csv")]
    assert main(words) == 0
    assert main([*words, "--json"]) == 0
    told = capsys.readouterr()
    outputs = {path.name: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    rows_text = table(tmp_path).to_csv()
    for secret in (*SECRETS, "sk-ant"):
        assert secret not in told.out + told.err + rows_text
        for name, content in outputs.items():
            assert secret.encode() not in content, name
    teams = set(table(tmp_path)["team"])
    assert "a" in teams
    assert set(table(tmp_path)["error.type"]) == {"", "other"}
    assert fingerprint("sk-ant-api03-SECRET") in teams
    assert any(team.startswith("person-") for team in teams)


def test_keys_have_the_same_fingerprint_everywhere_and_people_do_not() -> None:
    one, other = Labels(b"one"), Labels(b"other")
    assert one.of(Who(key="sk-1"))[0] == other.of(Who(key="sk-1"))[0] == fingerprint("sk-1")
    assert fingerprint(fingerprint("sk-1")) == fingerprint("sk-1")
    assert one.harmless("jo@example.com") != other.harmless("jo@example.com")
    assert one.session("s") != other.session("s")
    assert one.session("") == -1
    assert [one.harmless(text) for text in ("checkout", "claude-sonnet-4-5", "proj_abc", "Team 7")] == [
        "checkout", "claude-sonnet-4-5", "proj_abc", "Team 7",
    ]  # fmt: skip
    for secret in ("sk-proj-abc", "Bearer x", "hs_live_1", "AKIAIOSFODNN7EXAMPLE", "88dc28d0f030c55ed4ab77ed8faf0981",
                   "eyJhbGciOiJIUzI1NiJ9.e30.x", "x sk-1 y"):  # fmt: skip
        assert one.harmless(secret) == fingerprint(secret), secret
    assert len(one.harmless("n" * 200)) == 80


def test_an_address_of_a_database_is_shown_without_its_password() -> None:
    words = ("keystorm", "import", "postgresql://jo:hush@db.internal:5432/litellm", "--json")
    assert shown_command(words) == ("keystorm", "import", "postgresql://db.internal:5432/litellm", "--json")


# --- teams


def test_teams_come_from_what_is_asked_for_and_from_a_mapping(tmp_path: Path) -> None:
    rows = [litellm(1), litellm(2, team=None), litellm(3, team="b", request_tags=["User-Agent: x", "web"]),
            litellm(4, team="c", metadata={"user_api_key_alias": "night-batch"})]  # fmt: skip
    key = fingerprint("sk-ant-api03-SECRET")
    assert imported(tmp_path, {"log": lines(rows)})["teams"] == sorted(["a", key, "b", "c"])
    assert imported(tmp_path, {"log": lines(rows)}, team_by=("tag", "key_name", "team"))["teams"] == [
        "(none)", "a", "night-batch", "web",
    ]  # fmt: skip
    (tmp_path / "teams.yaml").write_text("shop: [a, web]\nnight: 'night-*'\n" + f"ops: [{key}]\n")
    rows.append(litellm(5, team="z", api_key="x"))
    told = imported(tmp_path, {"log": lines(rows)}, teams=tmp_path / "teams.yaml")
    assert sorted(told["teams"]) == ["ops", "shop", "z"]
    assert told["quality"]["unmapped"] == ["z"]


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("t.yaml", "shop: [a, 7]\nb: search\n", {"a": "shop", "7": "shop", "b": "search"}),
        ("t.csv", "name,team\na,shop\n\nb,search\n", {"a": "shop", "b": "search"}),
        ("t.csv", "a,shop\n", {"a": "shop"}),
    ],
)  # fmt: skip
def test_mappings_in_both_forms(name: str, text: str, found: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    assert read_mapping(tmp_path / name) == found


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("t.yaml", "- a\n", "not a map"), ("t.yaml", "shop: [a]\nother: [a]\n", "two teams"),
        ("t.yaml", "shop: [[a]]\n", "not a name"), ("t.csv", "a,b,c\n", "t.csv:1: not two columns"),
        ("t.csv", "a,\n", "not a name and its team"), ("t.csv", "", "no team"),
        ("t.yaml", "a: " + "x" * 81, "at most 80"),
    ],
)  # fmt: skip
def test_mappings_that_are_refused(name: str, text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(BadInput, match=said):
        read_mapping(tmp_path / name)
    with pytest.raises(BadInput, match="can't read"):
        read_mapping(tmp_path / "absent.yaml")


# --- assumptions


def test_sums_become_requests_by_stated_assumptions_and_are_kept_exactly(tmp_path: Path) -> None:
    told = imported(tmp_path, {"log": IMPORTERS["anthropic-usage"].example}, request_tokens=1000)
    found = table(tmp_path)
    assert len(found) == told["requests"] == 12 + 4 + 2
    assert found["assumed"].all()
    assert (told["assumed_requests"], told["resolution_s"]) == (18, 60)
    sums = found.groupby("gen_ai.request.model", observed=True)[[f"gen_ai.usage.{each}" for each in (
        "input_tokens", "output_tokens", "cache_read.input_tokens", "cache_creation.input_tokens")]].sum()  # fmt: skip
    assert sums.loc["claude-sonnet-4-5"].tolist() == [13_500, 790, 2000, 1000]
    assert sums.loc["claude-haiku-4-5"].tolist() == [4000, 100, 0, 0]
    assert "1,000 input tokens on average" in told["assumptions"][0]
    assert told["out_of_order"] == 0
    # Whatever rests on it can say so.
    replayed = read_trace(trace("out/requests.parquet"), tmp_path)
    assert any("14 rows in out/requests.parquet were made from sums" in note for note in replayed.notes)
    direct = read_trace(trace("log", request_tokens=1000), tmp_path)
    assert any("1,000 input tokens on average" in note for note in direct.notes)
    # Nothing finer than a bucket is told, on the page neither.
    assert told["total"]["cv"] is None
    assert told["total"]["peak_to_mean"]["1s"] is None
    page = (tmp_path / "out" / "profile.md").read_text()
    assert "Single requests are made up" in page
    assert "1,000 input tokens on average" in page
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["assumptions"] == told["assumptions"]


def test_overlapping_pages_are_counted_once(tmp_path: Path) -> None:
    text = IMPORTERS["openai-usage"].example
    told = imported(tmp_path, {"a.json": text, "b.json": text})
    assert (told["rows_read"], told["rows_kept"], told["duplicates"], told["requests"]) == (6, 3, 3, 8)


def test_a_bill_is_compared_and_is_no_log_of_its_own(tmp_path: Path) -> None:
    bill = IMPORTERS["anthropic-cost"].example
    told = imported(tmp_path, {"usage.json": IMPORTERS["anthropic-usage"].example, "cost.json": bill})
    assert told["format"] == "anthropic-usage+anthropic-cost"
    assert told["bill"]["usd"] == pytest.approx(1.2395)
    listed = 10_500 * 3e-6 + 1000 * 3e-6 + 2000 * 0.3e-6 + 790 * 15e-6 + 4000 * 1e-6 + 100 * 5e-6
    assert told["total"]["cost"] == pytest.approx(
        {"recorded_usd": 0, "list_usd": listed, "usd": listed, "unpriced_requests": 0}, rel=1e-6
    )
    assert "The bill says $1.24" in (tmp_path / "out" / "profile.html").read_text()
    with pytest.raises(BadInput, match=r"no request can be imported(.|\n)*beside a usage report"):
        imported(tmp_path, {"cost.json": bill})


def test_ticks_are_spread_and_told_unless_forbidden(tmp_path: Path) -> None:
    rows = [{"timestamp": 3000 * (at // 10), "input_length": 10, "output_length": 1} for at in range(400)]
    told = imported(tmp_path, {"log": lines(rows)})
    assert told["quality"]["tick_s"] == 3
    assert any("steps of 3 s" in text for text in told["assumptions"])
    assert told["total"]["peak"]["1s"] < 10
    assert told["clock"] == "relative"
    assert imported(tmp_path, {"log": lines(rows)}, spread_ticks=0)["total"]["peak"]["1s"] == 10


def test_stamps_without_a_zone_are_of_the_zone_that_is_given(tmp_path: Path) -> None:
    from sim.workload.importers.clock import zone

    text = IMPORTERS["azure"].example
    imported(tmp_path, {"log": text})
    utc = table(tmp_path)["start_ns"].tolist()
    told = imported(tmp_path, {"log": text}, timezone="Europe/Berlin", local=zone("Europe/Berlin"))
    assert table(tmp_path)["start_ns"].tolist() == [each - HOUR for each in utc]
    assert told["start"] == "2023-11-16T17:17:03.979960Z"
    assert any("Stamps without a zone are Europe/Berlin" in text for text in told["assumptions"])
    assert told["total"]["rhythm"][24 * 3 + 18] == 3
    assert "3 time stamps name no zone: taken for Europe/Berlin" in told["notes"]
    assert "3 time stamps name no zone" in (tmp_path / "out" / "profile.html").read_text()
    again = text.replace("2023-11-16 18:", "2023-10-29 02:")
    told = imported(tmp_path, {"log": again}, timezone="Europe/Berlin", local=zone("Europe/Berlin"))
    assert any(note.startswith("3 of them are near a change of clocks") for note in told["notes"])


# --- the profile and the replay


def test_the_profile_tells_shares_refusals_and_times(tmp_path: Path) -> None:
    rows = [litellm(at, "ab"[at % 4 == 0]) for at in range(100)]
    for row in rows[:10]:
        row |= {"status": "failure", "prompt_tokens": 0, "completion_tokens": 0, "spend": 0,
                "metadata": {"error_information": {"error_code": "429", "error_class": "RateLimitError"}}}  # fmt: skip
    told = imported(tmp_path, {"log": lines(rows)})
    first, second = told["profile"]
    assert (first["team"], first["requests"], second["requests"]) == ("a", 75, 25)
    assert told["total"]["limited"] == first["limited"] + second["limited"] == 10
    assert first["cost"]["recorded_usd"] == pytest.approx(0.5 * (75 - first["limited"]))
    assert first["latency_s"]["p50"] == pytest.approx(0.5, rel=0.01)
    assert first["concurrency"] == {"mean": pytest.approx(75 * 0.5 / 99), "peak": 1}
    assert first["input"]["p50"] == 1000
    assert told["total"]["cv"] == pytest.approx(0, abs=1e-6)
    assert told["quality"]["known"] == {"status": 1, "duration": 1, "first_token": 0, "cost": 1, "session": 1}
    found = table(tmp_path)
    assert found["http.response.status_code"].value_counts().to_dict() == {200: 90, 429: 10}
    assert set(found["error.type"]) == {"", "RateLimitError"}


def test_what_was_imported_is_replayed_by_team(tmp_path: Path) -> None:
    rows = [litellm(at, "ab"[at % 4 == 0], prompt_tokens=100 + at) for at in range(40)]
    rows[7] |= {"status": "failure", "prompt_tokens": 0, "completion_tokens": 0}
    rows[9] |= {"cache_hit": "True"}
    rows[11] |= {"model": "gpt-4.1"}
    imported(tmp_path, {"log": lines(rows)})
    found = read_trace(trace("out/requests.parquet", team="a"), tmp_path)
    own = [at for at in range(40) if at % 4 and at not in (7, 9)]
    assert found.input_tokens.tolist() == [100 + at for at in own]
    assert (found.arrival_ns // SECOND).tolist() == own
    assert any("1 failed rows without tokens" in note for note in found.notes)
    only = read_trace(trace("out/requests.parquet", team="a", models=["gpt-4.1"]), tmp_path)
    assert only.input_tokens.tolist() == [111]
    (tmp_path / "scenario.yaml").write_text("""
name: again
question: Does it replay?
duration: 1m
replications: 1
teams:
  a: {workload: [{model: claude-sonnet-4-5, arrivals: {trace: {file: out/requests.parquet, team: a}}}]}
configurations: {shared: {isolation: shared, limits: {requests: 60/min}}}
""")
    loaded = load(str(tmp_path / "scenario.yaml"))
    assert len(next(iter(loaded.traces.values())).arrival_ns) == len(own)


def test_a_report_is_made_again_from_its_folder(tmp_path: Path, capsys: Any) -> None:
    imported(tmp_path, {"log": lines([litellm(at, "ab"[at % 2]) for at in range(60)])})
    page = (tmp_path / "out" / "profile.html").read_bytes()
    (tmp_path / "out" / "profile.html").unlink()
    assert main(["report", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "profile.html").read_bytes() == page
    assert "profile.html" in capsys.readouterr().err


# --- the command line


def test_the_command_says_why_and_what(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "log").write_text(lines([litellm(at) for at in range(5)]) + "\nnonsense")
    assert main(["import", str(tmp_path / "log"), "--out", str(tmp_path / "out")]) == 0
    told = capsys.readouterr()
    assert "as litellm: it has LiteLLM's columns" in told.err
    assert "6 rows read = 5 kept + 1 left out (1 not JSON)" in told.out
    assert "profile:" in told.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--format", "litelm"], "did you mean litellm?"), (["--timezone", "Mars"], "no such time zone"),
        (["--columns", "time=x"], "not a map of columns"), (["--columns", "timestamp=x"], "no column for input_tokens"),
        (["--team-by", "floor"], "a team can't be taken from this"), (["--request-tokens", "0"], "from 1 to a million"),
        (["--request-tokens", "x"], "not a number of tokens"), (["--spread-ticks", "soon"], "not a tick"),
        (["--window", "5m"], "not a window"), (["--window", "0s..1h"], "imported as a whole"),
        (["--tokens", "x"], "litellm has no tokens file"), (["--teams", "absent.yaml"], "can't read this file"),
        (["--format", "azure"], "no column TIMESTAMP"),
    ],
)  # fmt: skip
def test_what_is_asked_for_wrongly_is_told(words: list[str], said: str, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "log").write_text(
        "request_id,startTime,prompt_tokens,completion_tokens,spend\nr,2026-11-16 18:17:03,1,1,0\n"
    )
    assert main(["import", str(tmp_path / "log"), "--out", str(tmp_path / "out"), *words]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_options_read_what_people_write() -> None:
    assert known_format("auto") == "auto"
    assert column_map("timestamp=a.b, input_tokens=c,output_tokens=d,unit=ms").timestamp == "a.b"
    assert senders("tag, team") == ("tag", "team")
    assert [ticks(text) for text in ("auto", "never", "3s")] == [None, 0, 3 * SECOND]
    assert window("0s..2h") == (0, 2 * HOUR)


def test_rates_are_drawn_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sizes").write_text(IMPORTERS["servegen"].tokens_example)  # type: ignore[attr-defined]
    told = imported(tmp_path, {"log": IMPORTERS["servegen"].example}, tokens=str(tmp_path / "sizes"))
    assert told["requests"] == pytest.approx(600 * (0.085 + 0.39 + 0.42), abs=3)
    assert sorted(told["teams"]) == ["0", "7"]
    assert told["clock"] == "relative"
    assert any("drawn" in text for text in told["assumptions"])
    cut = imported(
        tmp_path, {"log": IMPORTERS["servegen"].example}, tokens=str(tmp_path / "sizes"), window=(0, 600 * SECOND)
    )
    assert cut["requests"] == pytest.approx(600 * 0.085, abs=2)
    with pytest.raises(BadInput, match="no sizes"):
        imported(tmp_path, {"log": IMPORTERS["servegen"].example})
