"""The JSON Schema and the reference page say what the loader does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from sim.catalogue import model_names, retry_names
from sim.scenario import library
from sim.scenario.json_schema import examples_at, json_schema, keys_at, records
from sim.scenario.reference import markdown
from sim.scenario.yaml_lines import read
from tests.unit.bad_scenarios import CASES, GOOD

VALIDATOR = jsonschema.Draft202012Validator(json_schema())
DOCS = Path(__file__).parents[2] / "docs"


def valid(text: str) -> bool:
    return bool(VALIDATOR.is_valid(read(text, "x.yaml").data))


def test_it_is_a_schema() -> None:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["title"] == "keystorm scenario"
    assert schema["required"] == ["name", "duration", "teams", "configurations"]


@pytest.mark.parametrize("name", library.names())
def test_every_scenario_of_the_library_is_valid(name: str) -> None:
    document = read((library.folder() / f"{name}.yaml").read_text("utf-8"), name)
    errors = [f"{list(error.absolute_path)}: {error.message}" for error in VALIDATOR.iter_errors(document.data)]
    assert errors == []


def test_the_starter_and_the_good_one_are_valid() -> None:
    assert valid(library.starter())
    assert valid(GOOD)


LONG_FORMS = (
    (
        "workload:\n      - arrivals: {poisson: {rate: 12/min}}",
        "workload:\n        arrivals: {poisson: {rate: 12/min}}",
    ),
    ("output_tokens: 250", "output_tokens: {fixed: 2k}"),
    ("limits: {requests: 60/min, burst: 60}", "limits: [{requests: {rate: 60/min, burst: 6}}, {concurrency: 5}]"),
    ("spend_cap: $1000/month", "spend_cap: {amount: $1000/month, mode: reserve, alerts: [50%, 0.8]}"),
    ("split: {web: 40%, batch: 60%}", "split: by-traffic"),
    ("retry: anthropic-sdk", "retry: {max_attempts: unlimited, jitter: 'range(0.5, 1)', retry_on: [429, timeout]}"),
    ("timeout: 60s", "timeout: 1h 30m"),
)


@pytest.mark.parametrize(("old", "new"), LONG_FORMS)
def test_every_way_of_writing_is_valid(old: str, new: str) -> None:
    assert old in GOOD
    assert valid(GOOD.replace(old, new))


SEEN_BY_THE_SCHEMA = {
    "unknown key at the top", "unknown key in a team", "unknown arrival process", "unknown fault", "no name", "no rate",
    "no arrivals in a kind", "two arrival processes", "a list for a mapping", "a boolean for a count", "zero services",
    "no such word", "no such status", "duration without a unit", "duration with a wrong unit", "rate without a time",
    "money without a dollar", "cap without a time", "no attempts", "retry is a number", "an objective without a bound",
    "a name with a slash",
}  # fmt: skip


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.name in SEEN_BY_THE_SCHEMA], ids=lambda case: case.name
)
def test_editors_see_these_mistakes(case: Any) -> None:
    assert not valid(GOOD.replace(case.old, case.new, 1))


def test_descriptions_defaults_and_examples() -> None:
    schema = json_schema()
    for record in records():
        part = schema if record.__name__ == "Scenario" else schema["$defs"].get(record.__name__)
        assert part is None or len(part["description"]) > 20, record
    client = schema["$defs"]["Client"]["properties"]
    assert client["timeout"]["default"] == "10m"
    assert client["retry"]["examples"] == list(retry_names())
    assert schema["$defs"]["Workload"]["properties"]["model"]["examples"] == list(model_names())
    assert schema["properties"]["drain"]["default"] == "10m"
    assert '"gt"' not in str(schema).replace("'", '"')


def test_looking_up_what_may_stand_at_a_path() -> None:
    assert "retry" in keys_at(("teams", "any", "client"))
    assert "arrivals" in keys_at(("teams", "any", "workload", 3))
    assert {"isolation", "accounts"} <= set(keys_at(("configurations", "any")))
    assert "probability" in keys_at(("chaos", 0, "storm"))
    assert keys_at(("nowhere",)) == []
    assert examples_at(("teams", "any", "workload", 0, "arrivals", "poisson", "rate")) == ["60/min"]


def test_the_reference_page_is_current() -> None:
    page = (DOCS / "scenario-reference.md").read_text("utf-8")
    assert page == markdown(), "write it again: python -m tests.generated_docs"


def test_every_link_of_the_reference_page_has_its_heading() -> None:
    import re

    page = markdown()
    heads = {line.lstrip("# ").lower() for line in page.splitlines() if line.startswith("#")}
    links = set(re.findall(r"\]\(#([^)]+)\)", page))
    assert links <= heads
    assert {"storm", "runaway_job", "retry presets"} <= heads
