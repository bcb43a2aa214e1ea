"""A good scenario with incidents and finance, and each way of spoiling it."""

from __future__ import annotations

from tests.unit.bad_scenarios import Bad

GOOD = """\
name: good
duration: 30d
teams:
  web:
    workload:
      - arrivals: {poisson: {rate: 12/h}}
        model: claude-sonnet-4-5
        input_tokens: 900
        output_tokens: 250
  batch:
    workload:
      - arrivals: {poisson: {rate: 6/h}}
        model: claude-sonnet-4-5
        input_tokens: 900
        output_tokens: 250
configurations:
  shared: {isolation: shared, limits: {requests: 60/min}}
  projects: {isolation: projects, limits: {requests: 60/min}, split: equal}
incidents:
  - runaway_job:
      team: [web, batch]
      rate: {median: 60/min, p95: 600/min}
      for: {median: 2h, p95: 24h}
      per_month: {low: 0.2, mode: 0.5, high: 1.5}
  - storm: {name: overload, status: 529, for: 10m, per_month: 3, source: a status page}
finance:
  budget: $15k/month
  hourly_rate: {low: $60, mode: $100, high: $160, source: a survey}
  costs:
    reconciliation:
      per: month
      hours: {low: 20, mode: 40, high: 60}
      instead:
        projects: {hours: 2}
    recovery: {per: incident, incident: overload, money: $500, by_reach: true}
    goodwill: {per: lost_request, money: $0.01}
  saving:
    from: shared
    to: [projects]
    prices: {claude-sonnet-4-5: {input: $1, output: $5}}
  claims:
    - says: A third of the bill goes.
      tests: "saving: bill_share >= 33%"
    - says: Nobody notices.
      untestable: no metric of noticing
"""

CASES = (
    Bad("at in an incident", "for: 10m, per_month: 3", "for: 10m, at: 1h, per_month: 3", "at: 1h", "unknown key",
        "'at'"),
    Bad("no rate of incidents", ", per_month: 3", "", "storm:", "per_month is missing", "", "per_month"),
    Bad("an incident that does not exist", "- storm:", "- strom:", "strom:", "unknown key", "'strom'", "'storm'"),
    Bad("a negative rate of incidents", "per_month: 3", "per_month: -3", "per_month: -3", "must be at least 0"),
    Bad("a rate of incidents in words", "per_month: 3", "per_month: often", "often", "not a number or range",
        "'often'", "0.5"),
    Bad("a range out of order", "low: 0.2, mode: 0.5", "low: 0.7, mode: 0.5", "0.7", "a range is not in order",
        "mode: 0.5", "at most"),
    Bad("a misspelt key in a range", "low: 0.2, mode", "lwo: 0.2, mode", "lwo", "unknown key", "'lwo'", "'low'"),
    Bad("a 95th percentile below the median", "{median: 2h, p95: 24h}", "{median: 2h, p95: 1h}", "p95: 1h",
        "p95 is below the median"),
    Bad("a rate's 95th percentile below the median", "p95: 600/min", "p95: 6/min", "6/min}",
        "p95 is below the median"),
    Bad("an unknown team among several", "[web, batch]", "[web, bach]", "bach", "unknown team", "'bach'", "'batch'"),
    Bad("no team at all", "team: [web, batch]", "team: []", "team: []", "needs at least one entry"),
    Bad("two incidents of one name", "name: overload", "name: runaway_job", "- storm",
        "two incidents have one name", "'runaway_job'", "name:"),
    Bad("far too many incidents", "per_month: 3", "per_month: 300", "incidents:",
        "more than 40 incidents", "301.5", "workload"),
    Bad("no such status", "status: 529", "status: 528", "528", "not one of the known words", "528"),
    Bad("an unknown level", "for: 10m, per", "for: 10m, account: shred, per", "- storm",
        "no configuration has this account", "'shred'", "'shared'"),
    Bad("an incident that can't last", "for: 10m", "for: 0s", "- storm", "for must be above 0", "0"),
    Bad("a budget without a period", "$15k/month", "$15k", "$15k", "not a spend cap", "'$15k'", "$1000/month"),
    Bad("a cost with both", "money: $500,", "money: $500, hours: 3,", "recovery", "both money and hours", "",
        "not both"),
    Bad("a cost with neither", "money: $0.01", "source: nobody", "goodwill", "neither money nor hours"),
    Bad("an unknown period", "per: month", "per: fortnight", "fortnight", "not one of the known words",
        "'fortnight'"),
    Bad("a cost of no incident", "per: incident, incident: overload", "per: incident", "recovery", "which incident"),
    Bad("a monthly cost of an incident", "per: lost_request,", "per: month, by_reach: true,", "goodwill",
        "a cost per month has no incident"),
    Bad("a cost of an unknown incident", "incident: overload", "incident: overlaod", "overlaod", "unknown incident",
        "'overlaod'", "'overload'"),
    Bad("a cost instead of nowhere", "        projects: {hours", "        project: {hours", "project: {hours",
        "unknown configuration", "'project'", "'projects'"),
    Bad("a saving from nowhere", "from: shared", "from: shred", "from: shred", "unknown configuration", "'shred'",
        "'shared'"),
    Bad("a saving to nowhere", "to: [projects]", "to: [projcts]", "projcts", "unknown configuration", "'projcts'",
        "'projects'"),
    Bad("a price of no model", "prices: {claude-sonnet-4-5", "prices: {claude-sonet-4-5", "claude-sonet",
        "unknown model", "'claude-sonet-4-5'", "'claude-sonnet-4-5'"),
    Bad("a claim that says no number", "saving: bill_share >= 33%", "saving is large", "saving is large",
        "not a test", "'saving is large'", "bill_p99"),
    Bad("a claim of an unknown measure", "bill_share", "bil_share", "bil_share", "unknown measure", "'bil_share'",
        "'bill_share'"),
    Bad("a claim about nobody", "saving: bill", "savings: bill", "savings: bill", "unknown configuration",
        "'savings'", "'saving'"),
    Bad("a share beyond all", ">= 33%", ">= 33", ">= 33", "bill_share is a share", "33", "33%"),
    Bad("a claim both ways", "untestable: no metric", 'tests: "saving: bill >= $1"\n      untestable: no metric',
        "says: Nobody", "both tests and untestable"),
    Bad("a claim no way", "      untestable: no metric of noticing\n", "", "says: Nobody",
        "neither tests nor untestable"),
)  # fmt: skip
