"""A small scenario for ``keystorm cost``: quick months, one of everything, and sums that can be done by hand."""

from __future__ import annotations

from pathlib import Path

from sim.scenario.loader import Loaded, load_text
from sim.study.cost.checkpoint import Kept
from sim.study.cost.cost import Found, Study, cases_of, cost, prepare, run_all
from sim.study.cost.options import Options
from sim.study.pool import open_pool
from sim.study.progress import Silent

TEXT = """\
name: small
question: What does a month cost?
duration: 30d
seed: 11
models:
  flat: {like: claude-haiku-4-5, price: {input: $10, output: $10}, first_token: 1s, per_token: 1ms}
teams:
  web:
    workload: [{arrivals: {poisson: {rate: 1/h}}, model: flat, input_tokens: 900, output_tokens: 100}]
    client: {retry: none, timeout: 60s}
  batch:
    workload: [{arrivals: {poisson: {rate: 2/h}}, model: flat, input_tokens: 900, output_tokens: 100}]
    client: {retry: none, timeout: 60s}
configurations:
  shared: {isolation: shared, limits: {requests: 60/min}}
  capped: {isolation: projects, limits: {requests: 60/min}, split: equal, project_spend_cap: $20/month}
  accounts: {isolation: accounts, limits: {requests: 60/min}, split: equal, project_spend_cap: $20/month}
incidents:
  - runaway_job:
      name: loop
      team: [web, batch]
      rate: 30/min
      for: {median: 30m, p95: 2h}
      per_month: {low: 0.5, mode: 1, high: 3}
      length: {low: 0.5, mode: 1, high: 2}
  - policy_violations:
      name: ban
      team: batch
      for: 12h
      probability: 50%
      recovery: 5d
      per_month: 0.3
finance:
  budget: $25/month
  hourly_rate: {low: $50, mode: $100, high: $150, source: a survey}
  costs:
    counting: {per: month, hours: 4, instead: {capped: &less {hours: 1}, accounts: *less}}
    audit: {per: year, money: $120}
    recovery: {per: incident, incident: ban, by_reach: true, money: {low: $100, mode: $200, high: $400}}
    goodwill: {per: lost_request, money: $0.10}
  saving:
    from: shared
    to: [capped, accounts]
    prices: {flat: {input: $1, output: $1}}
  claims:
    - says: Own work is below the budget.
      tests: "shared: bill_p50 >= $1"
    - says: Nothing is lost.
      tests: "capped: lost_share <= 0%"
    - says: People are happier.
      untestable: nobody asked them
"""


def loaded(text: str = TEXT) -> Loaded:
    """The sample, or a text like it."""
    return load_text(text, Path("small.yaml"))


def run(
    text: str = TEXT, months: int = 12, executor: str = "threads", workers: int = 1, tornado: int = 0
) -> Found:  # fmt: skip
    """The months of a text."""
    what, options = loaded(text), Options(months=months, tornado_months=tornado)
    with open_pool(executor, workers) as pool:
        names = tuple(what.scenario.configurations)
        return run_all(prepare(what, options), names, options, pool, Silent(), Kept(None, ""))


def study(text: str = TEXT, **options: object) -> Study:
    """The whole study of a text."""
    with open_pool("threads", 1) as pool:
        return cost(loaded(text), Options(**options), pool, Silent())  # type: ignore[arg-type]


__all__ = ["TEXT", "cases_of", "loaded", "run", "study"]
