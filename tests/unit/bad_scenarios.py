"""The table of bad scenarios: a good one, and each way of spoiling it."""

from __future__ import annotations

from typing import NamedTuple

GOOD = """\
name: good
question: Is it good?
duration: 1h
warmup: 5m
replications: 2
seed: 3
provider: {style: anthropic, round_trip: 20ms}
models:
  ours:
    like: claude-sonnet-4-5
    price: {input: $1, output: $2}
teams:
  web:
    services: 2
    workload:
      - arrivals: {poisson: {rate: 12/min}}
        model: claude-sonnet-4-5
        input_tokens: {median: 900, p95: 4000}
        output_tokens: 250
    client: {retry: anthropic-sdk, timeout: 60s}
  batch:
    workload:
      - arrivals: {bursts: {rate: 90/min, on: 5m, off: 20m}}
        model: ours
        input_tokens: 2000
        output_tokens: 400
    client:
      retry: {max_attempts: 8, base: 1s, cap: 60s, jitter: none}
configurations:
  shared: {isolation: shared, limits: {requests: 60/min, burst: 60}}
  projects: {isolation: projects, limits: {requests: 60/min}, split: {web: 40%, batch: 60%}}
  mine:
    accounts:
      anthropic:
        limits: {requests: 60/min}
        projects:
          front: {teams: [web], limits: {requests: 30/min, burst: 10}, spend_cap: $1000/month}
          data: {teams: [batch], limits: {requests: 30/min}}
chaos:
  - storm: {status: 503, at: 20m, for: 5m, probability: 0.8}
  - runaway_job: {team: batch, at: 30m, for: 10m, rate: 600/min}
slos:
  - web: success_rate >= 99.5%
  - total: jain_index >= 0.9
"""


class Bad(NamedTuple):
    """One mistake: replace ``old`` by ``new`` in GOOD; the problem stands on the line with ``marker``."""

    name: str
    old: str
    new: str
    marker: str
    message: str
    value: str = ""
    hint: str = ""


CASES = (
    # Keys
    Bad("unknown key at the top", "duration: 1h", "duratoin: 1h", "duratoin", "unknown key", "'duratoin'",
        "'duration'"),
    Bad("unknown key, nothing near", "seed: 3", "seed: 3\nzzz: 1", "zzz", "unknown key", "'zzz'",
        "known: name, question"),
    Bad("unknown key in a team", "services: 2", "servces: 2", "servces", "unknown key", "'servces'", "'services'"),
    Bad("unknown key in a workload", "        model: ours", "        modle: ours", "modle", "unknown key", "'modle'",
        "'model'"),
    Bad("unknown key in a client", "timeout: 60s", "time_out: 60s", "time_out", "unknown key", "'time_out'",
        "'timeout'"),
    Bad("unknown key in a configuration's client", "{isolation: shared,", "{isolation: shared, client: {retri: none},",
        "retri", "unknown key", "'retri'", "'retry'"),
    Bad("unknown preset in a configuration", "{isolation: shared,", "{isolation: shared, client: {retry: nome},",
        "nome", "unknown retry policy", "'nome'", "'none'"),
    Bad("a start without an offset", "seed: 3", "seed: 3\nstart: 2026-01-01T00:00:00", "start", "not a moment",
        "'2026-01-01T00:00:00'", "2026-01-01T00:00:00Z"),
    Bad("no retention at all", "seed: 3", "seed: 3\naudit: {retention: 0}", "retention", "must be above 0", "0"),
    Bad("unknown key in a retry policy", "cap: 60s", "cep: 60s", "cep:", "unknown key", "'cep'", "'cap'"),
    Bad("unknown key in a limit", "limits: {requests: 60/min}, split", "limits: {request: 60/min}, split",
        "request:", "unknown key", "'request'", "'requests'"),
    Bad("unknown key in a rung", "  shared: {isolation", "  shared: {isolatoin", "isolatoin", "unknown key",
        "'isolatoin'", "'isolation'"),
    Bad("unknown arrival process", "{poisson:", "{poison:", "{poison:", "unknown key", "'poison'", "'poisson'"),
    Bad("unknown fault", "- storm:", "- strom:", "strom", "unknown key", "'strom'", "'storm'"),
    Bad("unknown key in a fault", "for: 5m, prob", "four: 5m, prob", "four:", "unknown key", "'four'", "'for'"),
    Bad("the same key twice", "seed: 3", "seed: 3\nseed: 4", "seed: 4", "the key is given twice, first on line 6",
        "'seed'", "keep one"),
    Bad("the same team twice", "  batch:\n", "  web: {}\n  batch:\n", "web: {}", "given twice, first on line 13",
        "'web'"),
    Bad("a key that is a list", "seed: 3", "? [a]\n: 1", "? [a]", "a key must be plain text"),
    Bad("no name", "name: good\n", "", "question", "name is missing", "", "add name:"),
    Bad("no duration", "duration: 1h\n", "", "name: good", "duration is missing", "", "add duration: 5m"),
    Bad("no rate", "{poisson: {rate: 12/min}}", "{poisson: {}}", "{poisson", "rate is missing", "",
        "add rate: 60/min"),
    Bad("no model", "        model: ours\n", "", "arrivals: {bursts", "model is missing", "", "add model: claude"),
    Bad("no sizes", "        input_tokens: 2000\n", "", "arrivals: {bursts", "input_tokens is missing", "",
        "a number, as 2000"),
    Bad("no arrivals in a kind", "{poisson: {rate: 12/min}}", "{}", "arrivals: {}",
        "needs exactly one kind, and none is given", "{}", "give exactly one of constant, poisson"),
    Bad("two arrival processes", "{poisson: {rate: 12/min}}", "{poisson: {rate: 12/min}, herd: {size: 3}}", "herd",
        "poisson and herd are given", "", "exactly one of"),
    # Kinds of values
    Bad("a list for a mapping", "teams:\n  web:", "teams:\n  other: [1]\n  web:", "other:", "needs a mapping", "[1]",
        "{key: value}"),
    Bad("a word for a list", "chaos:\n", "chaos: soon\nxchaos:\n", "chaos: soon", "needs a list", "'soon'",
        "[a, b]"),
    Bad("a number for a text", "question: Is it good?", "question: 42", "question", "needs text", "42", "quote it"),
    Bad("a boolean for a count", "services: 2", "services: true", "services", "not a whole number", "true", "as 3"),
    Bad("a fraction for a count", "services: 2", "services: 2.5", "services", "not a whole number", "2.5"),
    Bad("a quoted count", "services: 2", 'services: "2"', "services", "not a whole number", "'2'", "without quotes"),
    Bad("zero services", "services: 2", "services: 0", "services", "must be at least 1", "0"),
    Bad("too many replications", "replications: 2", "replications: 1000000", "replications",
        "must be at most 100000", "1000000"),
    Bad("nothing for a value", "services: 2", "services:", "services", "not a whole number", "nothing"),
    Bad("yes for true", "off: 20m}", "off: 20m, random: yes}", "random", "not true or false", "'yes'",
        "write true or false"),
    Bad("no such word", "isolation: projects", "isolation: project", "project, ", "not one of the known words",
        "'project'", "'projects'"),
    Bad("no such status", "status: 503", "status: 504", "status", "not one of the known words", "504",
        "one of 429, 500, 503, 529"),
    Bad("not a number", "{poisson: {rate: 12/min}}", "{gamma: {rate: 12/min, cv: high}}", "cv: high", "not a number",
        "'high'", "1.5"),
    Bad("infinite", "{poisson: {rate: 12/min}}", "{gamma: {rate: 12/min, cv: .inf}}", ".inf", "must be"),
    Bad("not a number at all", "{poisson: {rate: 12/min}}", "{gamma: {rate: 12/min, cv: .nan}}", ".nan", "must be"),
    # Quantities
    Bad("duration without a unit", "duration: 1h", "duration: 60", "duration", "not a duration", "60", '"5m"'),
    Bad("duration with a wrong unit", "duration: 1h", "duration: 1hr", "duration", "not a duration", "'1hr'",
        '"2h"'),
    Bad("negative duration", "timeout: 60s", "timeout: -60s", "timeout", "not a duration", "'-60s'"),
    Bad("zero duration", "duration: 1h", "duration: 0s", "duration", "must be above 0", "'0s'"),
    Bad("ten thousand years", "timeout: 60s", "timeout: 20000d", "timeout", "more than ten years", "'20000d'",
        "3650d"),
    Bad("rate without a time", "rate: 12/min", "rate: 12", "rate: 12}", "not a rate", "12", '"60/min"'),
    Bad("rate with a wrong time", "rate: 12/min", "rate: 12/mn", "12/mn", "not a rate", "'12/mn'", '"60/min"'),
    Bad("zero rate", "rate: 12/min", "rate: 0/min", "rate: 0", "not a positive rate", "'0/min'"),
    Bad("limit without a time", "limits: {requests: 60/min, burst: 60}", "limits: {requests: 60, burst: 60}",
        "requests: 60,", "not a rate", "60", "60/min"),
    Bad("negative tokens", "output_tokens: 250", "output_tokens: -1", "output_tokens: -1", "not a whole number",
        "-1"),
    Bad("half a token", "output_tokens: 250", "output_tokens: 2.5", "output_tokens: 2.5", "not a size", "2.5",
        "{median: 900"),
    Bad("tokens in words", "output_tokens: 250", "output_tokens: many", "many", "not a count", "'many'", '"2k"'),
    Bad("too many tokens", "output_tokens: 250", "output_tokens: 1G", "1G", "must be at most 100000000", "'1G'"),
    Bad("share above 1", "probability: 0.8", "probability: 8", "probability", "not a share", "8", "between 0 and 1"),
    Bad("money without a dollar", "{input: $1,", "{input: 1,", "input: 1,", "not a sum of money", "1", '"$15"'),
    Bad("price beyond reason", "{input: $1,", "{input: $1M,", "$1M", "a price of more than $10,000", "'$1M'",
        "as $15"),
    Bad("cap without a time", "spend_cap: $1000/month", "spend_cap: $1000", "$1000", "not a spend cap", "'$1000'",
        '"$1000/month"'),
    Bad("cap a minute", "spend_cap: $1000/month", "spend_cap: $1/min", "$1/min", "not a spend cap", "'$1/min'"),
    Bad("the same cap twice", "spend_cap: $1000/month", "spend_cap: [$1000/month, {amount: $1000/month}]", "$1000",
        "the same spend cap twice", "$1000/month", "keep one"),
    Bad("a cap of no model", "spend_cap: $1000/month", "spend_cap: {amount: $1000/month, models: []}", "models: []",
        "needs at least one entry"),
    Bad("an unknown model in a cap", "spend_cap: $1000/month", "spend_cap: [{amount: $1000/month, models: [our]}]",
        "[our]", "unknown model", "'our'", "'ours'"),
    Bad("an alert at nothing", "spend_cap: $1000/month", "spend_cap: {amount: $1000/month, alerts: [0%]}", "alerts",
        "an alert at nothing", "0", "above 0"),
    Bad("no jitter like that", "jitter: none", "jitter: some", "jitter", "not a jitter", "'some'", "decorrelated"),
    Bad("jitter backwards", "jitter: none", "jitter: 'range(2, 1)'", "jitter", "not a jitter", "'range(2, 1)'"),
    Bad("jitter with two points", "jitter: none", "jitter: 'range(1.2.3, 4)'", "jitter", "not a jitter",
        "'range(1.2.3, 4)'"),
    Bad("no attempts", "max_attempts: 8", "max_attempts: 0", "max_attempts", "not a number of attempts", "0",
        "unlimited"),
    Bad("attempts in words", "max_attempts: 8", "max_attempts: many", "max_attempts", "not a number of attempts",
        "'many'"),
    Bad("retry is a number", "retry: anthropic-sdk", "retry: 3", "retry: 3", "not a retry policy", "3",
        "max_attempts: 5"),
    Bad("a rate limit without a time", "timeout: 60s", "rate_limit: 60", "rate_limit", "not a rate", "60", "60/min"),
    Bad("a rate limit in words", "timeout: 60s", "rate_limit: slow", "rate_limit", "not a rate", "'slow'"),
    Bad("a rate limit that is a list", "timeout: 60s", "rate_limit: [60/min]", "rate_limit", "not a rate limit",
        '["60/min"]', "{rate: 60/min, burst: 10}"),
    Bad("a rate limit without room", "timeout: 60s", "rate_limit: {rate: 60/min, burst: 0}", "rate_limit",
        "must be above 0", "0"),
    Bad("a rate limit too large to count", "timeout: 60s", "rate_limit: {rate: 7/h, burst: 1000000}", "rate_limit",
        "too large to count exactly", "7/h with a burst of 1,000,000", "smaller burst"),
    Bad("an unknown key in a rate limit", "timeout: 60s", "rate_limit: {rates: 1/s}", "rate_limit", "unknown key",
        "'rates'", "'rate'"),
    Bad("a breaker without a rule", "timeout: 60s", "breaker: {open: 5s}", "breaker", "opens by one rule", "",
        "failures: 5 (in a row)"),
    Bad("a breaker with two rules", "timeout: 60s", "breaker: {failures: 5, failure_rate: 50%}", "breaker",
        "failures and failure_rate are given"),
    Bad("a window without a share", "timeout: 60s", "breaker: {failures: 5, over: 10s}", "breaker",
        "over without failure_rate"),
    Bad("a breaker of no failures", "timeout: 60s", "breaker: {failures: 0}", "failures", "must be at least 1", "0"),
    Bad("a breaker of every answer", "timeout: 60s", "breaker: {failure_rate: 0%}", "failure_rate", "must be above 0"),
    Bad("a breaker without probes", "timeout: 60s", "breaker: {failures: 5, probes: 0}", "probes",
        "must be at least 1", "0"),
    Bad("a breaker on no status", "timeout: 60s", "breaker: {failures: 5, on: []}", "breaker",
        "needs at least one entry", "[]"),
    Bad("a breaker on a status that is none", "timeout: 60s", "breaker: {failures: 5, on: [418]}", "breaker",
        "not one of the known words", "418"),
    Bad("an unknown fallback", "timeout: 60s", "fallback: deepsek-v3.2", "fallback", "unknown model",
        "'deepsek-v3.2'", "'deepseek-v3.2'"),
    Bad("a fallback without a model", "timeout: 60s", "fallback: {on: [429]}", "fallback", "model is missing"),
    Bad("a fallback that is a list", "timeout: 60s", "fallback: [gpt-4.1]", "fallback", "not a fallback",
        '["gpt-4.1"]', "{model: deepseek-v3.2"),
    Bad("a fallback for no reason", "timeout: 60s", "fallback: {model: gpt-4.1, on: [sorrow]}", "fallback",
        "not one of the known words", "'sorrow'"),
    Bad("a fallback to the same model", "timeout: 60s", "fallback: claude-sonnet-4-5", "fallback",
        "the model that the team asks for anyway", "'claude-sonnet-4-5'", "another model"),
    Bad("a fallback on a breaker that is not there", "timeout: 60s", "fallback: {model: gpt-4.1, on: [circuit]}",
        "client: {retry: anthropic-sdk", "a fallback on circuit without a breaker", "", "add breaker"),
    Bad("a hedge at once", "timeout: 60s", "hedge: 0s", "hedge", "must be above 0"),
    Bad("a hedge without a unit", "timeout: 60s", "hedge: 5", "hedge", "not a hedge", "5", "as 5s"),
    Bad("a queue of nothing", "timeout: 60s", "max_queue: 5", "client: {retry: anthropic-sdk",
        "max_queue without max_concurrent"),
    Bad("a negative queue", "timeout: 60s", "max_concurrent: 1, max_queue: -1", "max_queue", "must be at least 0",
        "-1"),
    Bad("an adaptive rate in words", "jitter: none", "adaptive_rate: slow", "adaptive_rate", "not true or false",
        "'slow'"),
    Bad("retry on a status that is none", "jitter: none", "retry_on: [418]", "retry_on",
        "not one of the known words", "418"),
    # Things that don't fit together
    Bad("p95 below the median", "p95: 4000", "p95: 40", "p95", "p95 (40) is below the median (900)", "",
        "at least the median"),
    Bad("warm-up as long as the run", "warmup: 5m", "warmup: 1h", "name: good", "warmup is not shorter", "",
        "shorten warmup"),
    Bad("burst without requests", "{requests: 60/min, burst: 60}", "{tokens: 60k/min, burst: 60}", "burst: 60",
        "burst without requests", "", "{requests: 60/min, burst: 10}"),
    Bad("burst twice", "{requests: 60/min, burst: 60}", "{requests: {rate: 60/min, burst: 6}, burst: 60}",
        "burst: 6}", "given twice"),
    Bad("burst of a window", "{requests: 60/min, burst: 60}",
        "{requests: 60/min, burst: 60, algorithm: fixed_window}", "fixed", "burst has no meaning for fixed_window",
        "", "remove burst"),
    Bad("a limit of nothing", "limits: {requests: 60/min, burst: 60}", "limits: {charge_rejected: true}",
        "charge_rejected", "limits limit nothing", "", "at least one of requests"),
    Bad("split where nothing is split", "{isolation: shared,", "{isolation: shared, split: equal,", "split: equal",
        "shared has nothing to split", "", "remove split"),
    Bad("project cap without projects", "{isolation: shared,", "{isolation: shared, project_spend_cap: $1/day,",
        "$1/day", "project_spend_cap has no meaning for shared", "", "spend_cap"),
    Bad("shares above 1", "{web: 40%, batch: 60%}", "{web: 50%, batch: 60%}", "batch: 60%", "sum to more than 1",
        "1.1", "overcommit"),
    Bad("teams and projects", "        limits: {requests: 60/min}\n        projects:",
        "        teams: [web]\n        projects:", "anthropic:", "the account has both teams and projects", "",
        "not both"),
    Bad("neither teams nor keys", "data: {teams: [batch], limits", "data: {limits", "data:",
        "the project has neither teams nor keys"),
    Bad("a profile for a herd", "- arrivals: {poisson: {rate: 12/min}}",
        "- profile: {day: Mon}\n        arrivals: {herd: {size: 5}}", "profile", "a profile can't modulate herd", "",
        "remove profile"),
    Bad("a profile of zeros", "- arrivals: {poisson: {rate: 12/min}}",
        "- profile: {days: [0, 0, 0, 0, 0, 0, 0]}\n        arrivals: {poisson: {rate: 12/min}}", "profile",
        "only zeros"),
    Bad("a profile of three hours", "- arrivals: {poisson: {rate: 12/min}}",
        "- profile: {days: [1, 2, 3]}\n        arrivals: {poisson: {rate: 12/min}}", "profile", "needs 7 entries"),
    # Names that refer to nothing
    Bad("unknown model", "model: ours", "model: claude-sonet-4-5", "claude-sonet", "unknown model",
        "'claude-sonet-4-5'", "'claude-sonnet-4-5'"),
    Bad("unknown preset", "retry: anthropic-sdk", "retry: antropic", "antropic", "unknown retry policy",
        "'antropic'", "'anthropic-sdk'"),
    Bad("unknown base of a model", "like: claude-sonnet-4-5", "like: claude-5", "like:", "unknown model",
        "'claude-5'", "did you mean"),
    Bad("a model like itself", "like: claude-sonnet-4-5", "like: ours", "like: ours",
        "like leads back to where it started", "ours → ours", "remove like"),
    Bad("models in a circle", "like: claude-sonnet-4-5",
        "like: theirs\n    price: {input: $1, output: $2}\n  theirs:\n    like: ours", "like: theirs",
        "like leads back", "ours → theirs → ours"),
    Bad("a model without times", "    like: claude-sonnet-4-5\n", "", "ours:", "first_token is missing", "",
        "like: claude-sonnet-4-5"),
    Bad("a model without a price", "    like: claude-sonnet-4-5\n    price: {input: $1, output: $2}\n",
        "    first_token: 1s\n    per_token: 10ms\n", "ours:", "price is missing", "", "price: {input: $3"),
    Bad("a team without a key", "front: {teams: [web],", "front: {teams: [batch2],", "mine:",
        "team web has no key here", "", "add web to the teams"),
    Bad("an unknown team in a project", "teams: [batch]", "teams: [btach]", "btach", "unknown team", "'btach'",
        "'batch'"),
    Bad("a team with two keys", "teams: [batch]", "teams: [batch, web]", "batch, web",
        "team web has two keys, the first in anthropic/front", "'web'", "keep one"),
    Bad("an unknown team in split", "{web: 40%, batch: 60%}", "{web: 40%, bacth: 60%}", "bacth", "unknown team",
        "'bacth'", "'batch'"),
    Bad("a team without a share", "{web: 40%, batch: 60%}", "{web: 40%}", "split: {web: 40%}",
        "team batch has no share", "", "batch: 10%"),
    Bad("a share of zero", "{web: 40%, batch: 60%}", "{web: 0, batch: 60%}", "web: 0",
        "team web has a share of zero", "0", "more than 0"),
    Bad("an unknown model in an allow-list", "data: {teams", "data: {models: [gpt-4], teams", "gpt-4",
        "unknown model", "'gpt-4'", "'gpt-4.1'"),
    Bad("an unknown model in a limit", "data: {teams: [batch], limits: {",
        "data: {teams: [batch], limits: {models: [our], ", "[our]", "unknown model", "'our'", "'ours'"),
    Bad("an unknown team in a fault", "runaway_job: {team: batch", "runaway_job: {team: bathc", "bathc",
        "unknown team", "'bathc'", "'batch'"),
    Bad("an unknown model in a fault", "{status: 503,", "{status: 503, model: our,", "model: our,", "unknown model",
        "'our'", "'ours'"),
    Bad("a model that nobody asks for", "{status: 503,", "{status: 503, model: gpt-4.1,", "gpt-4.1",
        "no team asks for this model", "'gpt-4.1'", "ours"),
    Bad("an unknown account", "{status: 503,", "{status: 503, account: antropic,", "antropic",
        "no configuration has this account", "'antropic'", "'anthropic'"),
    Bad("an unknown project", "{status: 503,", "{status: 503, project: frunt,", "frunt",
        "no configuration has this project", "'frunt'", "'front'"),
    Bad("an unknown key", "{status: 503,", "{status: 503, key: web7,", "web7", "no configuration has this key",
        "'web7'", "default"),
    Bad("an unknown team in an objective", "- web: success", "- wed: success", "wed:", "unknown team", "'wed'",
        "'web'"),
    Bad("an unknown metric", "success_rate >=", "sucess_rate >=", "sucess", "unknown metric", "'sucess_rate'",
        "'success_rate'"),
    Bad("a metric of the total for a team", "- total: jain", "- web: jain", "jain",
        "jain_index has no value for one team", "'jain_index'", "total"),
    Bad("a share in percent without the sign", ">= 99.5%", ">= 99.5", "99.5",
        "success_rate is a share and can't reach 99.5", "'success_rate'", "99.5%"),
    Bad("an objective without a bound", "success_rate >= 99.5%", "success_rate", "- web: success",
        "not an objective", "'success_rate'", ">= 99.5%"),
    Bad("an objective that is a list", "- web: success_rate >= 99.5%", "- [web]", "- [web]", "not an objective"),
    Bad("a bound with two points", ">= 99.5%", ">= 99.5.1%", "99.5.1", "not an objective",
        "'success_rate >= 99.5.1%'"),
    Bad("a team called total", "  web:\n    services", "  total:\n    services", "total:\n    services",
        "a team can't be called total", "", "everybody"),
    Bad("a control character in a name", "  batch:\n", '  "ba\\u0007tch": {}\n  batch:\n', "u0007",
        "a name has a control character", r"'ba\x07tch'", "letters"),
    Bad("text that runs backwards", "  batch:\n", '  "ba\\u202Etch": {}\n  batch:\n', "u202E",
        "a name has a control character"),
    Bad("a space around a name", "  batch:\n", '  " x": {}\n  batch:\n', '" x"', "starts or ends with a space",
        "' x'", "'x'"),
    Bad("an empty name", "name: good", 'name: ""', "name:", "a name can't have", "''", "letters, digits"),
    Bad("a name with a slash", "name: good", "name: a/b", "name:", "characters that a name can't have", "'a/b'",
        "letters"),
    # Numbers that can't work
    Bad("a fault after the end", "at: 20m", "at: 2h", "storm", "the fault starts after the end", "2h", "before 1h"),
    Bad("a fault across the end", "for: 5m, prob", "for: 55m, prob", "storm", "the fault ends after the end", "55m",
        "for: 40m"),
    Bad("a bucket beyond int64", "limits: {requests: 60/min, burst: 60}", "limits: {requests: 7/month, burst: 7000}",
        "7/month", "too large to count exactly", "7/month with a burst of 7,000", "shorter period"),
    Bad("a hundred million requests a second", "rate: 12/min", "rate: 100M/s", "duration",
        "more than 100,000,000,000 requests", "360,000,", "web alone"),
    Bad("a trace that is not there", "{poisson: {rate: 12/min}}", "{trace: {file: none.csv}}", "none.csv",
        "none.csv: no such file"),
    Bad("top without split", "{poisson: {rate: 12/min}}", "{trace: {file: none.csv, top: 3}}", "top: 3",
        "top has no meaning", "", "split: true"),
    Bad("generic without columns", "{poisson: {rate: 12/min}}", "{trace: {file: x.csv, format: generic}}", "generic",
        "needs to know the columns", "", "columns: {timestamp"),
    Bad("a window backwards", "{poisson: {rate: 12/min}}", "{trace: {file: x.csv, window: [9m, 3m]}}", "window",
        "the window ends before it starts", "", "[10m, 40m]"),
    Bad("a window of one", "{poisson: {rate: 12/min}}", "{trace: {file: x.csv, window: [9m]}}", "window",
        "not a window", '["9m"]'),
)  # fmt: skip
