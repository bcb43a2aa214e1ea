"""Reading scenarios: YAML 1.2, lines, anchors, overrides, split traces, and surviving anything."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from sim.errors import BadScenario
from sim.scenario.keys import SpelledOut
from sim.scenario.library import starter
from sim.scenario.loader import Loaded, load, load_text
from sim.scenario.schema import Scenario
from sim.scenario.yaml_lines import read, scalar
from sim.units import MINUTE
from tests.unit.bad_scenarios import GOOD
from tests.unit.test_bad_scenarios import JARGON

# YAML


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True), ("False", False), ("on", "on"), ("off", "off"), ("yes", "yes"), ("no", "no"), ("y", "y"),
        ("null", None), ("~", None), ("", None), ("12", 12), ("-3", -3), ("0x1f", 31), ("0o17", 15), ("017", 17),
        ("1.5", 1.5), ("1e3", 1000.0), (".5", 0.5), ("1_000", "1_000"), ("12:30", "12:30"),
        ("2026-11-01", "2026-11-01"),
        ("60/min", "60/min"), ("$15", "$15"), ("80%", "80%"), (".inf", float("inf")), ("1" * 40, float("1" * 40)),
    ],
)  # fmt: skip
def test_scalars_follow_the_core_schema_of_yaml_1_2(text: str, value: object) -> None:
    found = scalar(text)
    assert found == value
    assert type(found) is type(value)


def test_on_and_off_are_keys() -> None:
    document = read("bursts: {rate: 90/min, on: 5m, off: 20m}\n429: x\ntrue: y\n", "f.yaml")
    assert document.data == {"bursts": {"rate": "90/min", "on": "5m", "off": "20m"}, "429": "x", "true": "y"}


def test_quoted_and_block_text_stays_text() -> None:
    document = read("a: '12'\nb: \"true\"\nc: |\n  no\n  end\n", "f.yaml")
    assert document.data == {"a": "12", "b": "true", "c": "no\nend\n"}


def test_lines() -> None:
    document = read("a:\n  b: [1,\n    2]\n  c:\n    - x\n    -   y: 3\n", "f.yaml")
    assert document.place(("a",)) == "f.yaml:1"
    assert document.line(("a", "b", 1)) == 3
    assert document.line(("a", "c")) == 4
    assert document.line(("a", "c", 1, "y")) == 6
    assert document.line(("a", "c", 1, "nothing", "here")) == 6
    assert document.line(("nowhere",)) == 1


def test_anchors_and_merges() -> None:
    text = "base: &base\n  x: 1\n  y: 2\nother:\n  <<: *base\n  y: 3\nboth:\n  <<: [*base, {z: 4}]\n"
    document = read(text, "f.yaml")
    assert document.data["other"] == {"y": 3, "x": 1}
    assert document.data["both"] == {"x": 1, "y": 2, "z": 4}
    assert (document.line(("other", "x")), document.line(("other", "y"))) == (2, 6)


# Loading


def test_what_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "good.yaml"
    path.write_text(GOOD, "utf-8")
    loaded = load(path)
    assert (loaded.path, loaded.base, loaded.text) == (path, tmp_path, GOOD)
    assert loaded.sha256 == hashlib.sha256(GOOD.encode()).hexdigest()
    assert (loaded.traces, loaded.notes) == ({}, ())
    assert list(loaded.scenario.teams) == ["web", "batch"]
    assert loaded.scenario.teams["batch"].workload[0].arrivals.bursts.on == 5 * MINUTE  # type: ignore[union-attr]


def test_byte_order_mark_and_crlf_are_no_problem(tmp_path: Path) -> None:
    path = tmp_path / "good.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert load(path).scenario == load_text(GOOD, path).scenario


def test_overrides(tmp_path: Path) -> None:
    path = tmp_path / "good.yaml"
    path.write_text(GOOD, "utf-8")
    scenario = load(str(path), overrides={"seed": 9, "replications": 1}).scenario
    assert (scenario.seed, scenario.replications) == (9, 1)


def test_the_library_by_name() -> None:
    loaded = load("noisy-neighbour")
    assert loaded.scenario.name == "noisy-neighbour"
    assert loaded.path.name == "noisy-neighbour.yaml"


def test_the_starter_loads(tmp_path: Path) -> None:
    loaded = load_text(starter(), tmp_path / "scenario.yaml")
    assert starter().startswith("# yaml-language-server: $schema=")
    assert list(loaded.scenario.configurations) == ["shared", "projects", "mine"]
    assert loaded.notes == ()


@pytest.mark.parametrize("name", ["good", "noisy-neighbour", "agent-sessions", "thundering-herd", "runaway-loop"])
def test_a_dumped_scenario_loads_again(name: str, tmp_path: Path) -> None:
    scenario = (load_text(GOOD, tmp_path / "good.yaml") if name == "good" else load(name)).scenario
    dumped = scenario.model_dump(mode="json", by_alias=True, exclude_unset=True)
    text = yaml.safe_dump(dumped, sort_keys=False, allow_unicode=True)
    again = load_text(text, tmp_path / "again.yaml").scenario
    assert again == scenario
    assert Scenario.model_validate(scenario.model_dump(mode="json", by_alias=True, exclude_none=True)) == scenario


def test_short_forms_mean_the_same_as_long_ones(tmp_path: Path) -> None:
    long = GOOD.replace("limits: {requests: 60/min, burst: 60}", "limits: [{requests: {rate: 60/min, burst: 60}}]")
    long = long.replace("output_tokens: 250", "output_tokens: {fixed: 250}")
    long = long.replace("spend_cap: $1000/month", "spend_cap: {amount: $1000/month}")
    one, other = (load_text(text, tmp_path / "x.yaml").scenario for text in (GOOD, long))
    assert one.teams == other.teams
    assert one.configurations["mine"] == other.configurations["mine"]
    assert long != GOOD


def test_a_request_that_never_fits_is_a_note(tmp_path: Path) -> None:
    text = GOOD.replace("data: {teams: [batch], limits: {requests: 30/min}}",
                        "data: {teams: [batch], limits: {requests: 30/min, input_tokens: 1500/min}}")  # fmt: skip
    (note,) = load_text(text, tmp_path / "x.yaml").notes
    assert "a request of team batch needs 2,000 input_tokens and at most 1,500 ever fit" in note
    assert "projects/data/limits" in note
    assert load_text(text.replace("1500/min", "2000/min"), tmp_path / "x.yaml").notes == ()


def test_a_silent_team_is_a_note(tmp_path: Path) -> None:
    text = GOOD.replace("{poisson: {rate: 12/min}}", "{herd: {size: 3, at: 2h}}")
    assert load_text(text, tmp_path / "x.yaml").notes == ("team web sends no request within the duration",)


# Traces

ROWS = "when,who,in,out\n" + "".join(
    f"2026-11-01T00:{minute:02d}:00Z,{who},100,10\n"
    for minute in range(30)
    for who in ("ann", "bob", "eve")
    if who == "ann" or minute % {"bob": 2, "eve": 3}[who] == 0
)
TRACE = (
    "{trace: {file: log.csv, split: true, columns: {timestamp: when, input_tokens: in, output_tokens: out, team: who}}}"
)


def traced(tmp_path: Path, *changes: tuple[str, str], rows: str = ROWS, **options: Any) -> Loaded:
    """GOOD with team web replaying a log that is split by its clients."""
    (tmp_path / "log.csv").write_text(rows, "utf-8")
    text = GOOD.replace("{poisson: {rate: 12/min}}", TRACE)
    text = text.replace("split: {web: 40%, batch: 60%}", "split: equal")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return load_text(text, tmp_path / "x.yaml", **options)


def test_split_makes_a_team_of_each_client(tmp_path: Path) -> None:
    loaded = traced(tmp_path)
    assert list(loaded.scenario.teams) == ["web-ann", "web-bob", "web-eve", "batch"]
    assert {trace.only for trace in loaded.traces} == {("ann",), ("bob",), ("eve",)}
    sizes = {trace.only: len(rows.arrival_ns) for trace, rows in loaded.traces.items()}
    assert sizes == {("ann",): 30, ("bob",): 15, ("eve",): 10}
    for name in ("web-ann", "web-bob", "web-eve"):
        trace = loaded.scenario.teams[name].workload[0].arrivals.trace
        assert trace in loaded.traces
        assert trace is not None
        assert not trace.split


def test_a_split_entry_stands_for_its_teams(tmp_path: Path) -> None:
    scenario = traced(tmp_path).scenario
    mine = scenario.configurations["mine"]
    assert isinstance(mine, SpelledOut)
    assert mine.accounts["anthropic"].projects is not None
    assert mine.accounts["anthropic"].projects["front"].teams == ("web-ann", "web-bob", "web-eve")
    assert [slo.team for slo in scenario.slos] == ["web-ann", "web-bob", "web-eve", "total"]


def test_top_sums_up_the_others(tmp_path: Path) -> None:
    loaded = traced(tmp_path, ("split: true", "split: true, top: 1"))
    assert list(loaded.scenario.teams) == ["web-ann", "web-other", "batch"]
    (others,) = [len(rows.arrival_ns) for trace, rows in loaded.traces.items() if trace.only != ("ann",)]
    assert others == 25


def test_members_may_be_named_one_by_one(tmp_path: Path) -> None:
    change = ("front: {teams: [web], limits", "front: {teams: [web-ann, web-eve, web-bob], limits")
    assert len(traced(tmp_path, change).scenario.teams) == 4
    with pytest.raises(BadScenario, match=r"unknown team \(found 'web-anne'\)\n +hint: did you mean 'web-ann'"):
        traced(tmp_path, ("front: {teams: [web], limits", "front: {teams: [web-anne, web-eve, web-bob], limits"))


def test_a_fault_needs_one_of_the_members(tmp_path: Path) -> None:
    with pytest.raises(BadScenario, match=r"unknown team \(found 'web'\)"):
        traced(tmp_path, ("runaway_job: {team: batch", "runaway_job: {team: web"))
    assert traced(tmp_path, ("runaway_job: {team: batch", "runaway_job: {team: web-bob")).scenario.chaos


def test_a_made_team_that_exists(tmp_path: Path) -> None:
    extra = (
        "  web-ann: {workload: {arrivals: {poisson: {rate: 1/min}}, model: ours, input_tokens: 1, output_tokens: 1}}\n"
    )
    with pytest.raises(BadScenario, match="a split trace makes a team of this name too"):
        traced(tmp_path, ("  batch:\n", extra + "  batch:\n"))


def test_malformed_rows(tmp_path: Path) -> None:
    broken = ROWS + "2026-11-01T00:40:00Z,ann,many,10\n"
    with pytest.raises(BadScenario) as caught:
        traced(tmp_path, rows=broken)
    (problem,) = caught.value.problems
    assert problem.place.endswith("x.yaml:16")
    assert "log.csv:57" in problem.message
    assert "--skip-bad-rows" in problem.hint
    notes = traced(tmp_path, rows=broken, skip_bad_rows=True).notes
    assert any("1 of 56 rows skipped in log.csv" in note for note in notes)


def test_other_problems_are_reported_beside_a_missing_trace(tmp_path: Path) -> None:
    with pytest.raises(BadScenario) as caught:
        traced(tmp_path, ("log.csv", "lag.csv"), ("model: ours", "model: our"), ("teams: [web]", "teams: [web-ann]"))
    messages = [problem.message.split(": ")[-1] for problem in caught.value.problems]
    assert messages == ["no such file", "unknown model"]  # web-ann may be in the log


def test_every_client_of_servegen_is_a_team(shared_data: Path, tmp_path: Path) -> None:
    files = {name: shared_data / f"servegen_m_small_client_{name}.csv.gz" for name in ("rates", "tokens")}
    trace = f"{{file: {files['rates']}, tokens: {files['tokens']}, scale: 0.001, split: true}}"
    text = GOOD.replace("{poisson: {rate: 12/min}}", f"{{trace: {trace}}}").replace("{web: 40%, batch: 60%}", "equal")
    loaded = load_text(text, tmp_path / "x.yaml")
    assert len(loaded.scenario.teams) == 43 + 1
    assert len(loaded.traces) == 43
    assert any("read as servegen" in note for note in loaded.notes)


# Anything at all

STRANGE: tuple[Any, ...] = (
    None, True, False, 0, -1, 2.5, 10**25, float("nan"), float("inf"), "", "x", "60/min", "5m", "$1", "80%", "none",
    [], [1], ["a", "b"], [[]], {}, {"a": 1}, {"fixed": None}, {"rate": "1/min"}, [{}], {"": {}}, "\u0007", "9" * 3000,
)  # fmt: skip


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from paths(inner, (*path, key))


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    if isinstance(value, dict):
        return {key: replaced(inner, path[1:], new) if key == path[0] else inner for key, inner in value.items()}
    return [replaced(inner, path[1:], new) if at == path[0] else inner for at, inner in enumerate(value)]


DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
WHOLE = read(GOOD, "good.yaml").data


def refusal(text: str, folder: Path) -> BadScenario | None:
    try:
        load_text(text, folder / "strange.yaml")
    except BadScenario as error:
        return error
    return None


@pytest.mark.parametrize("path", [path for path in paths(WHOLE) if path], ids=lambda path: ".".join(map(str, path)))
def test_any_value_anywhere_loads_or_is_refused_in_plain_words(path: tuple[Any, ...], tmp_path: Path) -> None:
    for new in STRANGE:
        text = yaml.dump(replaced(WHOLE, path, new), Dumper=DUMPER, sort_keys=False)
        error = refusal(text, tmp_path)
        if error is not None:
            assert not JARGON.search(str(error)), str(error)
            assert all(problem.place and problem.message for problem in error.problems)
