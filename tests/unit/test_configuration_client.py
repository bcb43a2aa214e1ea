"""The client of a configuration changes what it states of each team's client, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.scenario.loader import load_text
from sim.scenario.schema import Scenario
from sim.study.runs import settings_of
from sim.units import SECOND
from tests.unit.bad_scenarios import GOOD

SHARED = "  shared: {isolation: shared,"


def clients(client: str) -> dict[str, object]:
    """The rule of team web's client on the shared key when the configuration's client is ``client``."""
    text = GOOD.replace(SHARED, f"{SHARED} client: {client},", 1)
    setting = settings_of(load_text(text, Path("good.yaml")), ["shared"])[0]
    return setting.clients[setting.teams.index("web")]._asdict()


def test_what_is_not_stated_stays_the_team_s_own() -> None:
    """Team web has the anthropic preset and a timeout of 60 s."""
    before, after = clients("{}"), clients("{retry: none}")
    assert {name for name in before if before[name] != after[name]} >= {"max_attempts"}
    assert (before["max_attempts"], after["max_attempts"]) == (3, 1)
    assert before["timeout"] == after["timeout"] == 60 * SECOND


@pytest.mark.parametrize(
    ("client", "field", "value"),
    [
        ("{timeout: 600s}", "timeout", 600 * SECOND),
        ("{deadline: 5s}", "deadline", 5 * SECOND),
        ("{max_concurrent: 7}", "max_concurrent", 7),
    ],
)
def test_what_is_stated_changes_alone(client: str, field: str, value: int) -> None:
    """Even where it equals the schema's default, as a timeout of 600 s does."""
    before, after = clients("{}"), clients(client)
    assert {name for name in before if before[name] != after[name]} == {field}
    assert after[field] == value


def test_a_bound_can_be_taken_away() -> None:
    text = GOOD.replace("timeout: 60s}", "timeout: 60s, deadline: 9s}", 1)
    text = text.replace(SHARED, f"{SHARED} client: {{deadline: null}},", 1)
    shared, projects, _ = settings_of(load_text(text, Path("good.yaml")), None)
    web = shared.teams.index("web")
    assert (shared.clients[web].deadline, projects.clients[web].deadline) == (-1, 9 * SECOND)


def test_the_patch_is_still_one_after_it_was_written_and_read() -> None:
    """What a manifest holds says the same as the file."""
    text = GOOD.replace(SHARED, f"{SHARED} client: {{retry: none}},", 1)
    scenario = load_text(text, Path("good.yaml")).scenario
    dumped = scenario.model_dump(mode="json", by_alias=True, exclude_none=True)
    assert dumped["configurations"]["shared"]["client"] == {"retry": "none"}
    again = Scenario.model_validate(dumped).configurations["shared"].client
    assert again is not None
    assert again.model_fields_set == {"retry"}
