"""A fallback to a cheaper model when the budget is spent: refused by a cap over all models, let in by one of some."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.scenario.loader import load_text
from sim.study.compare import Options, compare
from sim.study.progress import Silent

TEXT = """\
name: fallback
duration: 20m
replications: 2
teams:
  data:
    workload:
      - arrivals: {constant: {rate: 30/min}}
        model: claude-sonnet-4-5
        input_tokens: 2000
        output_tokens: 300
        max_tokens: 500
    client: {retry: none, fallback: deepseek-v3.2}
configurations:
  all models: {isolation: shared, spend_cap: {amount: $2/day, mode: MODE}}
  sonnet only: {isolation: shared, spend_cap: {amount: $2/day, mode: MODE, models: [claude-sonnet-4-5]}}
  both: {isolation: shared, spend_cap: [{amount: $2/day, mode: MODE, models: [claude-sonnet-4-5]}, $2.1/day]}
"""


@pytest.mark.parametrize("mode", ["postpaid", "reserve"])
def test_the_fallback_needs_a_cap_that_leaves_its_model_out(mode: str) -> None:
    """A sonnet request costs $0.0105 and a deepseek one $0.00068: 190 of the 600 requests reach the cap."""
    study = compare(load_text(TEXT.replace("MODE", mode), Path("f.yaml")), Options(counterfactual=False), Silent())
    sides = study.summary["configurations"]
    rates = {name: side["total"]["success_rate"]["mean"] for name, side in sides.items()}
    assert rates["sonnet only"] == 1
    assert 0.25 < rates["all models"] < 0.45
    assert rates["all models"] < rates["both"] < 1, "the second cap stops the fallback in its turn"
    assert study.attempts is not None
    rows = study.attempts[study.attempts["configuration"] == "sonnet only"]
    cheap = rows[rows["model"] == "deepseek-v3.2"]
    assert len(cheap) > 700
    assert set(cheap["status"]) == {200}
    assert set(rows[rows["status"] == 400]["refused_by"]) == {"budget:account:shared[claude-sonnet-4-5]"}
    (cap,) = sides["sonnet only"]["budgets"]
    assert cap["spend_usd"]["mean"] == pytest.approx(2.0, abs=0.05), "what deepseek cost does not count"
    assert sides["sonnet only"]["total"]["cost_usd"]["mean"] > cap["spend_usd"]["mean"] + 0.2
