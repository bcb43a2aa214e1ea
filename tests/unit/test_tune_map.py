"""Where a recommended setting lies on the map of a project."""

from __future__ import annotations

import pytest

from sim.report.figures.tune_map import place_on


@pytest.mark.parametrize(
    ("axis", "value", "place"),
    [
        ([10, 20, 40], 20, 1.0),
        ([10, 20, 40], 10, 0.0),
        ([10, 40], 20, 0.5),
        ([10, 20, 40], 41, None),
        ([10, 20, 40], 9, None),
        ([10, 20, 40], None, None),
        ([None], None, 0.0),
        ([None], 7, 0.0),
    ],
)
def test_a_setting_lies_between_its_neighbours_by_ratio(
    axis: list[int | None], value: int | None, place: float | None
) -> None:
    found = place_on(axis, value)
    assert found is None if place is None else found == pytest.approx(place)
