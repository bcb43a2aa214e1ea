"""A scenario that was written down in full, as manifests do, is read back as it was."""

from __future__ import annotations

import pytest

from sim.scenario import library
from sim.scenario.loader import load
from sim.scenario.schema import Scenario
from tests.agreement.generated import random_scenario


def written(scenario: Scenario) -> Scenario:
    return Scenario.model_validate(scenario.model_dump(mode="json", by_alias=True, exclude_none=True))


@pytest.mark.parametrize("first", range(0, 100, 20))
def test_generated_scenarios(first: int) -> None:
    for number in range(first, first + 20):
        scenario = random_scenario(number)
        assert written(scenario) == scenario


@pytest.mark.parametrize("name", library.names())
def test_the_library(name: str) -> None:
    scenario = load(name).scenario
    assert written(scenario) == scenario
