"""What a validation says of itself, in one sentence."""

from __future__ import annotations

from typing import Any

import pytest

from sim.report.validate_words import headline


def summary(failed: list[str]) -> dict[str, Any]:
    entry = {"share": 0.97, "requests": 1200, "failed": failed, "invalid": []}
    return {"speed": 1, "agrees": False, "configurations": {"shared": entry}}


@pytest.mark.parametrize(
    ("failed", "said"),
    [
        ([], "no numbers are beyond their tolerance."),
        (["shop: cost"], "one number is beyond its tolerance."),
        (["shop: cost", "shop: p95"], "two numbers are beyond their tolerance."),
    ],
)
def test_it_counts_what_is_beyond(failed: list[str], said: str) -> None:
    assert headline(summary(failed)).endswith(f"1,200 requests end alike, {said}")
