"""Bad scenarios: every kind of mistake, with its line, the value as written, and what would be right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sim.errors import BadScenario, Problem
from sim.scenario.loader import load, load_text
from tests.unit.bad_faults import FAULTS, STORM
from tests.unit.bad_scenarios import CASES, GOOD, Bad

JARGON = re.compile(
    r"Input should|input_value|input_type|function-|tagged-union|valid (?:tuple|dictionary|string|list|integer)"
    r"|pydantic|ValidationError|Traceback|type=|validator|=spread|=fixed|=ladder|=policy|\bNone\b"
)


def problems(text: str, folder: Path) -> tuple[Problem, ...]:
    with pytest.raises(BadScenario) as caught:
        load_text(text, folder / "bad.yaml")
    assert caught.value.exit_code == 2
    assert not JARGON.search(str(caught.value)), str(caught.value)
    return caught.value.problems


def line_of(text: str, marker: str) -> int:
    return text[: text.index(marker)].count("\n") + 1


def test_the_table_starts_from_a_good_scenario(tmp_path: Path) -> None:
    assert load_text(GOOD, tmp_path / "good.yaml").scenario.name == "good"
    assert len({case.name for case in (*CASES, *FAULTS)}) == len(CASES) + len(FAULTS) >= 150


@pytest.mark.parametrize("case", [*CASES, *FAULTS], ids=lambda case: case.name)
def test_one_mistake(case: Bad, tmp_path: Path) -> None:
    assert case.old in GOOD
    text = GOOD.replace(case.old, case.new, 1)
    found = problems(text, tmp_path)
    place = f"bad.yaml:{line_of(text, case.marker)}"
    fitting = [problem for problem in found if case.message in problem.message and problem.place.endswith(place)]
    assert fitting, "\n".join(map(str, found))
    assert any(case.value in problem.value and case.hint in problem.hint for problem in fitting), "\n".join(
        map(str, fitting)
    )


@pytest.mark.parametrize(
    "case", [case for case in CASES if "duratoin" in case.new or "isolatoin" in case.new], ids=lambda case: case.name
)
def test_a_misspelt_key_is_not_also_missing(case: Bad, tmp_path: Path) -> None:
    assert len(problems(GOOD.replace(case.old, case.new, 1), tmp_path)) == 1


# A mistake in the file itself, before any meaning: text, line, message, hint
FILES = (
    ("", 1, "the file is empty", "keystorm init"),
    ("# only a comment\n", 1, "the file is empty", "keystorm init"),
    ("- name: x\n", 1, "holds a list, not a mapping", "name:"),
    ("just words\n", 1, "holds a single value", "name:"),
    ("name: x\n\tduration: 1h\n", 2, "not valid YAML", "spaces"),
    ("name: x\nteams: {a: [1, 2\n", 3, "not valid YAML", "bracket"),
    ("name: x: y\n", 1, "not valid YAML", "quote text"),
    ("name: 'x\n", 2, "not valid YAML", "quotation mark"),
    ("name: *unknown\n", 1, "not valid YAML", "&name"),
    ("name: x\n---\nname: y\n", 2, "not valid YAML", "one scenario a file"),
    ("name: x\nquestion: a \x07 bell\n", 2, "not valid YAML", "remove the character"),
    ("name: &a [*a]\n", 1, "an anchor contains itself", "remove the alias"),
    ("name: x\nteams: " + "[" * 60 + "]" * 60 + "\n", 2, "nested more than 40 deep", "levels"),
    (f"name: x\nquestion: {'long ' * 2000}\n", 2, "more than 4000 characters", "shorten"),
    ("a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
        f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcdef", "bcdefg", strict=True)
    ), 1, "more than 200000 values", "aliases"),
)  # fmt: skip


@pytest.mark.parametrize(("text", "line", "message", "hint"), FILES, ids=lambda value: str(value)[:24])
def test_a_file_that_is_no_scenario(text: str, line: int, message: str, hint: str, tmp_path: Path) -> None:
    (found,) = problems(text, tmp_path)
    assert message in found.message
    assert hint in found.hint
    assert int(found.place.rpartition(":")[2]) in (line, line - 1)  # parsers differ by one at the end of a file


def test_a_tag_has_no_meaning(tmp_path: Path) -> None:
    found = problems(GOOD.replace("name: good", "name: !!python/name:os.system good"), tmp_path)
    assert [problem.message for problem in found] == ["a YAML tag has no meaning in a scenario"]


def test_every_problem_at_once_in_the_order_of_lines(tmp_path: Path) -> None:
    text = GOOD
    for name in (
        "unknown key in a team",
        "rate with a wrong time",
        "unknown preset",
        "an unknown team in split",
        "no such status",
        "an unknown team in a fault",
        "an unknown metric",
        "the same key twice",
    ):
        case = next(case for case in CASES if case.name == name)
        text = text.replace(case.old, case.new, 1)
    found = problems(text, tmp_path)
    lines = [int(problem.place.rpartition(":")[2]) for problem in found]
    assert len(found) == 8
    assert lines == sorted(lines)


def test_a_client_that_never_waits_would_stop_time(tmp_path: Path) -> None:
    text = GOOD.replace("round_trip: 20ms", "round_trip: 0s").replace("retry: anthropic-sdk", "retry: tenacity-bare")
    (found,) = problems(text, tmp_path)
    assert "time would stand still" in found.message
    assert found.place.endswith(f"bad.yaml:{line_of(text, 'tenacity-bare')}")
    assert (found.value, "1ms" in found.hint) == ("'tenacity-bare'", True)


def test_a_quiet_team_gets_the_least_part_where_there_is_one(tmp_path: Path) -> None:
    quiet = GOOD.replace("{web: 40%, batch: 60%}", "by-traffic").replace(
        "{poisson: {rate: 12/min}}", "{herd: {size: 3, at: 2h}}"
    )
    (tmp_path / "quiet.yaml").write_text(quiet)
    assert load(tmp_path / "quiet.yaml").scenario.configurations
    (found,) = problems(
        quiet.replace(
            "{isolation: projects, limits: {requests: 60/min}", "{isolation: projects, limits: {requests: 1/min}"
        ),
        tmp_path,
    )
    assert "team web sends nothing" in found.message


def test_parts_that_cannot_be_counted(tmp_path: Path) -> None:
    sessions = "{sessions: {rate: 7/h, steps: {median: 12, p95: 40}}}"
    text = GOOD.replace("{requests: 60/min}, split: {web: 40%, batch: 60%}", "{requests: 0.7/month}, split: by-traffic")
    (found,) = problems(text.replace("{poisson: {rate: 12/min}}", sessions), tmp_path)
    assert "too large to be counted exactly" in found.message
    assert found.place.endswith(f"bad.yaml:{line_of(text, '  projects: {isolation')}")
    assert "rounder rate" in found.hint


# Files that are not there, or can't be read


def refused(source: Path | str) -> Problem:
    with pytest.raises(BadScenario) as caught:
        load(source)
    (problem,) = caught.value.problems
    return problem


def test_missing_file(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(GOOD, "utf-8")
    found = refused(tmp_path / "mien.yaml")
    assert found.message == "no such scenario"
    assert "mine.yaml" in found.hint


def test_unknown_name_of_the_library() -> None:
    found = refused("noisy-neighbor")
    assert found.message == "no such scenario"
    assert "'noisy-neighbour'" in found.hint


def test_folder(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD, "utf-8")
    found = refused(tmp_path)
    assert "folder" in found.message
    assert "a.yaml" in found.hint


def test_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"name: x\nquestion: caf\xe9\n")
    found = refused(path)
    assert (found.message, found.value) == ("not UTF-8 text", "byte 0xe9")
    assert found.place.endswith("latin.yaml:2")


def test_utf16(tmp_path: Path) -> None:
    path = tmp_path / "wide.yaml"
    path.write_bytes("name: x\n".encode("utf-16"))
    assert "UTF-16" in refused(path).message


def test_too_large(tmp_path: Path) -> None:
    path = tmp_path / "huge.yaml"
    path.write_bytes(b"# " + b"x" * 5_000_001)
    assert "larger than 5,000,000 bytes" in refused(path).message


def test_overrides_are_named_by_their_flag(tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text(GOOD, "utf-8")
    with pytest.raises(BadScenario) as caught:
        load(tmp_path / "good.yaml", overrides={"seed": -1, "replications": 0})
    assert sorted(problem.place for problem in caught.value.problems) == ["--replications", "--seed"]


def test_a_cut_that_finds_no_limit_in_one_configuration_is_worth_a_note(tmp_path: Path) -> None:
    text = GOOD.replace(STORM, "limits_cut: {at: 20m, for: 5m, to: 50%, project: front}")
    (tmp_path / "cut.yaml").write_text(text)
    said = load(tmp_path / "cut.yaml").notes
    assert [line for line in said if "limits_cut" in line] == [
        f"limits_cut at 20m: configuration {name} has no limit of project front, so nothing is cut there"
        for name in ("shared", "projects")
    ]


def test_more_categories_than_can_be_told_apart(tmp_path: Path) -> None:
    faults = "\n  - ".join(
        f"policy_violations: {{at: 20m, for: 5m, probability: 1%, categories: {{{', '.join(names)}}}}}"
        for names in ([f"c{fault}-{at}: 1%" for at in range(20)] for fault in range(3))
    )
    (found,) = problems(GOOD.replace(STORM, faults), tmp_path)
    assert (found.message, found.value) == ("more than 60 categories of content in all", "61")
    assert load_text(GOOD.replace(STORM, faults.replace("c2-19: 1%", "c1-19: 1%")), tmp_path / "x.yaml")
