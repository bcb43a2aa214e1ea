"""Random scenarios that say everything the schema can say, small enough to run by the hundred."""

from __future__ import annotations

import random
from typing import Any

from sim.catalogue import retry_names
from sim.scenario.schema import Scenario

MODELS = ("claude-sonnet-4-5", "claude-haiku-4-5", "gpt-4.1")
ROUND = ("1s", "2s", "5s", "10s")


def _arrivals(r: random.Random) -> dict[str, Any]:
    rate = f"{r.choice([6, 30, 60, 120])}/min"
    return r.choice([
        {"constant": {"rate": rate}},
        {"poisson": {"rate": rate}},
        {"gamma": {"rate": rate, "cv": r.choice([0.5, 2.0, 5.0])}},
        {"weibull": {"rate": rate, "cv": r.choice([0.7, 3.0])}},
        {"bursts": {"rate": rate, "on": r.choice(ROUND), "off": r.choice(ROUND), "random": r.random() < 0.3}},
        {"herd": {"size": r.randint(1, 40), "at": r.choice(["0s", "10s", "30s"]), "every": "60s"}},
        {"sessions": {"rate": "10/min", "steps": r.randint(1, 6), "think": r.choice(ROUND), "grow": 500,
                      "on_failure": r.choice(["stop", "continue"])}},
    ])  # fmt: skip


def _size(r: random.Random, most: int) -> Any:
    return r.choice([r.randint(1, most), {"median": most // 4 + 1, "p95": most}])


def _workload(r: random.Random) -> dict[str, Any]:
    return {
        "arrivals": _arrivals(r),
        "model": r.choice(MODELS),
        "input_tokens": _size(r, 4000),
        "cached_input": r.choice([0, 0.5, 1]),
        "output_tokens": _size(r, 800),
        "max_tokens": r.choice([100, 1024, 4096]),
    }


def _policy(r: random.Random) -> dict[str, Any]:
    budget = r.choice([None, None, {"quota": {"capacity": 20}}, {"throttle": {"tokens": 4}},
                       {"concurrent": {"floor": 1}}, {"deposit": {"per_second": 0, "ttl": "5s"}}])  # fmt: skip
    policy: dict[str, Any] = {
        "max_attempts": r.choice([1, 2, 5, 12]),
        "base": r.choice(["0s", "1s", "250ms"]),
        "base_error": r.choice(["0s", "1s"]),
        "multiplier": r.choice([1, 2, 3]),
        "cap": r.choice(["4s", "20s"]),
        "jitter": r.choice(["none", "none", "full", "equal", "decorrelated", "range(0.5, 1.5)", "add(1s)"]),
        "obey_retry_after": r.random() < 0.6,
        "jitter_retry_after": r.random() < 0.2,
        "retry_on": r.sample(["429", "500", "503", "529", "400", "403", "timeout"], r.randint(1, 7)),
    }
    policy |= {"give_up_above": "5s"} if r.random() < 0.2 else {}
    policy |= {"max_elapsed": "15s"} if r.random() < 0.2 else {}
    return policy | ({"budget": budget} if budget else {})


def _client(r: random.Random) -> dict[str, Any]:
    presets = [name for name in retry_names() if name not in ("tenacity-bare", "finagle")]
    client: dict[str, Any] = {
        "retry": r.choice([*presets, _policy(r), _policy(r)]),
        "timeout": r.choice(["2s", "10s", "60s"]),
    }
    client |= {"deadline": r.choice(["10s", "30s"])} if r.random() < 0.3 else {}
    client |= {"max_concurrent": r.choice([1, 2, 8])} if r.random() < 0.4 else {}
    return client


def _guarded(r: random.Random, client: dict[str, Any]) -> dict[str, Any]:
    """The client with what it may have of its own: a short queue, a rate, a breaker, another model."""
    found = dict(client)
    if isinstance(client["retry"], dict) and r.random() < 0.2:
        found["retry"] = {**client["retry"], "adaptive_rate": True}
    found |= {"max_queue": r.choice([0, 1, 5])} if "max_concurrent" in client and r.random() < 0.4 else {}
    if r.random() < 0.25:
        found["rate_limit"] = r.choice(["30/min", {"rate": "2/s", "burst": 1}, {"rate": "7/min", "burst": 3}])
    found |= {"breaker": _breaker(r)} if r.random() < 0.3 else {}
    found |= {"hedge": r.choice(["500ms", "2s", "5s"])} if r.random() < 0.3 else {}
    if r.random() < 0.35:
        reasons = ["budget", "429", "500", "503", "529", "403", "timeout", *(["circuit"] * ("breaker" in found))]
        model = r.choice([*MODELS, "deepseek-v3.2"])
        found["fallback"] = {"model": model, "on": r.sample(reasons, r.randint(1, len(reasons)))}
    return found


def _breaker(r: random.Random) -> dict[str, Any]:
    share = {"failure_rate": r.choice([0.3, 1]), "over": r.choice(ROUND), "min_calls": r.randint(1, 6)}
    rule = r.choice([{"failures": r.randint(1, 4)}, share])
    rule |= {"on": ["503", "timeout"]} if r.random() < 0.2 else {}
    return {**rule, "open": r.choice(["500ms", *ROUND]), "probes": r.randint(1, 3)}


def _team(r: random.Random, clients: random.Random) -> dict[str, Any]:
    workloads = [_workload(r) for _ in range(r.randint(1, 2))]
    return {"workload": workloads, "client": _guarded(clients, _client(r))}


def _limits(r: random.Random) -> dict[str, Any]:
    algorithm = r.choice(["token_bucket", "token_bucket", "fixed_window", "sliding_window"])
    limits: dict[str, Any] = {"algorithm": algorithm, "charge_rejected": r.random() < 0.3}
    limits["window"] = r.choice(["calendar", "first_use"])
    limits["charge_output"] = r.choice(["produced", "reserved"])
    limits["count_cached_input"] = r.random() < 0.5
    if r.random() < 0.8:
        limits["requests"] = r.choice(["30/min", "60/min", "2/s", "7/min"])
        limits |= {"burst": r.choice([1, 5, 20])} if algorithm == "token_bucket" and r.random() < 0.7 else {}
    if r.random() < 0.3:
        limits["input_tokens"] = r.choice(["20k/min", "100k/min"])
    if r.random() < 0.3:
        limits["output_tokens"] = r.choice(["5k/min", "30k/min"])
    if r.random() < 0.2:
        limits["tokens"] = "60k/min"
    if r.random() < 0.2 or not {"requests", "input_tokens", "output_tokens", "tokens"} & limits.keys():
        limits["concurrency"] = r.choice([1, 3, 10])
    return limits | ({"models": r.sample(MODELS, 2)} if r.random() < 0.2 else {})


def _cap(r: random.Random, amount: str) -> dict[str, Any]:
    cap: dict[str, Any] = {"amount": amount, "mode": r.choice(["postpaid", "reserve"])}
    return cap | ({"models": r.sample(MODELS, 2)} if r.random() < 0.3 else {})


def _level(r: random.Random) -> dict[str, Any]:
    level: dict[str, Any] = {}
    if r.random() < 0.6:
        level["limits"] = [_limits(r) for _ in range(r.randint(1, 2))]
    if r.random() < 0.25:
        level["spend_cap"] = [_cap(r, amount) for amount in r.sample(["$0.05/hour", "$0.3/hour", "$0.4/day"], 2)]
    return level | ({"models": list(r.sample(MODELS, 2))} if r.random() < 0.15 else {})


def _spelled(r: random.Random, teams: list[str]) -> dict[str, Any]:
    half = max(1, len(teams) // 2)
    keys = {f"k{at}": {**_level(r), "teams": [team]} for at, team in enumerate(teams[:half])}
    projects: dict[str, Any] = {"first": {**_level(r), "keys": keys}}
    if teams[half:]:
        projects["second"] = {**_level(r), "teams": teams[half:]}
    if r.random() < 0.3:
        projects["first"]["content_policy"] = {"allowed": ["security"]}
    return {"accounts": {"main": {**_level(r), "projects": projects, "gateway": r.random() < 0.3}}}


def _configurations(r: random.Random, teams: list[str]) -> dict[str, Any]:
    rung = r.choice(["shared", "keys", "projects", "gateway", "accounts"])
    ladder: dict[str, Any] = {"isolation": rung, "limits": _limits(r)}
    if rung in ("projects", "gateway"):
        ladder |= {"split": r.choice(["equal", "by-traffic"]), "overcommit": r.choice([1, 2])}
    return {"ladder": ladder, "spelled": _spelled(r, teams)}


def _chaos(r: random.Random, teams: list[str]) -> list[dict[str, Any]]:
    faults: list[dict[str, Any]] = []
    for _ in range(r.randint(0, 3)):
        storm: dict[str, Any] = {"status": r.choice([429, 500, 503, 529]), "at": r.choice(["10s", "30s"]), "for": "20s"}
        storm["probability"] = r.choice([0.3, 1])
        storm |= {"retry_after": r.choice(["0s", "1s", "7s"])} if r.random() < 0.5 else {}
        storm |= r.choice([{}, {}, {"team": r.choice(teams)}, {"project": "second"}, {"key": "k0"}])
        faults.append({"storm": storm})
    if r.random() < 0.4:
        faults.append({"runaway_job": {"team": r.choice(teams), "at": "20s", "for": "15s", "rate": "600/min"}})
    faults += [_fault(r, teams) for _ in range(r.choice([0, 0, 1, 2, 4]))]
    return r.sample(faults, len(faults))


def _fault(r: random.Random, teams: list[str]) -> dict[str, Any]:
    """Any other fault of the catalogue, with edges on whole seconds where ties are."""
    team, window = r.choice(teams), {"at": r.choice(["10s", "20s", "31s"]), "for": r.choice(["5s", "20s", "40s"])}
    chance = {"probability": r.choice([0.1, 0.5, 1])}
    scope = r.choice([{}, {"team": team}, {"model": MODELS[0]}, {"project": "second"}])
    rollout = r.choice(["0s", "15s", {"default": "3s", "teams": {team: "20s"}}])
    return r.choice([
        {"storm": {"status": 503, **window, **scope, "fail_first": r.randint(1, 30)}},
        {"latency": {**window, **chance, **scope, "factor": r.choice([0.5, 3, 20])}},
        {"stall": {**window, **chance, **scope}},
        {"connection_reset": {**window, **chance, **scope, "when": r.choice(["connect", "answer"])}},
        {"brown_out": {**window, "slots": r.choice(["0%", "25%", "50%"])}},
        {"limits_cut": {**window, "to": r.choice(["20%", "50%"]), **r.choice([{}, {"project": "second"}])}},
        {"thundering_herd": {"at": window["at"], "team": team, "size": r.randint(1, 60)}},
        {"policy_violations": {
            **window, **scope, "probability": r.choice(["2%", "20%"]), "threshold": r.choice([1, 3]),
            "within": r.choice(["5s", "1m"]), "ban": r.choice(["key", "project", "account", "nothing"]),
            "categories": {"security": 0.5, "other": 0.4}, **r.choice([{}, {"recovery": "13s"}]),
        }},
        {"leaked_key": {"team": team, "at": "10s", "for": "20s", "rate": "120/min", "rollout": rollout,
                        "grace": r.choice(["0s", "7s"])}},
        {"key_rotation": {"at": "20s", "every": "25s", "times": 2, "overlap": r.choice(["0s", "60s"]),
                          "rollout": rollout, "botched": r.choice([[], [1], [1, 2]]), "rollback": "9s",
                          "failover": r.random() < 0.5}},
        {"price_change": {"at": window["at"], **r.choice([{"factor": 3}, {"factor": 0.5, "for": "20s"}])}},
    ])  # fmt: skip


def random_scenario(number: int) -> Scenario:
    """Scenario number ``number``: always the same one."""
    r = random.Random(f"keystorm agreement {number}")
    teams = [f"team-{at}" for at in range(r.randint(1, 4))]
    clients = random.Random(f"keystorm clients {number}")
    models = {name: {"slots": r.choice([1, 4]), "queue": r.choice([0, 3, 50])} for name in r.sample(MODELS, 1)}
    return Scenario.model_validate({
        "name": f"generated-{number}",
        "duration": "90s",
        "drain": r.choice(["0s", "30s", "5m"]),
        "seed": number,
        "provider": {
            "style": r.choice(["anthropic", "openai", "litellm"]),
            "round_trip": r.choice(["20ms", "1s"]),
            "input_estimate": r.choice([0.5, 1, 1.5]),
            "bill_abandoned": r.random() < 0.5,
        },
        "models": models if r.random() < 0.4 else {},
        "teams": {name: _team(r, clients) for name in teams},
        "configurations": _configurations(r, teams),
        "chaos": _chaos(r, teams),
    })  # fmt: skip


def _scope(r: random.Random, teams: list[str]) -> dict[str, str]:
    """Anybody, or one team, model, project, account or key; some of the names exist in one configuration only."""
    choice = [("team", teams), ("model", MODELS), ("project", ["second", *teams]), ("account", ["main", "shared"]),
              ("key", ["k0", "default", *teams])]  # fmt: skip
    return {level: r.choice(names) for level, names in r.sample(choice, r.choice([0, 0, 1, 1, 2]))}


def _any_fault(r: random.Random, teams: list[str]) -> dict[str, Any]:
    """Any fault at any instant, with any scope and strength."""
    start = r.randrange(80_000)
    window = {"at": f"{start}ms", "for": f"{r.randint(1, 90_000 - start)}ms"}
    team, hit = r.choice(teams), {**window, "probability": r.choice([0.05, 0.5, 1]), **_scope(r, teams)}
    rollout = {"default": f"{r.randrange(20_000)}ms", "teams": {team: f"{r.randrange(40_000)}ms"}}
    sender = {"team": team, **r.choice([{}, {"model": r.choice(MODELS)}, {"output_tokens": _size(r, 3000)}])}
    turns = r.randint(1, 4)
    return r.choice([
        {"storm": {"status": r.choice([429, 500, 503, 529]), **hit,
                   **r.choice([{}, {"retry_after": f"{r.randrange(9000)}ms"}, {"fail_first": r.randint(1, 40)}])}},
        {"latency": {**hit, "factor": r.choice([0.01, 0.7, 2, 300])}},
        {"stall": hit},
        {"connection_reset": {**hit, "when": r.choice(["connect", "answer"])}},
        {"brown_out": {**window, "slots": r.choice(["0%", "33.3%", "75%"]),
                       **r.choice([{}, {"model": r.choice(MODELS)}])}},
        {"limits_cut": {**window, "to": r.choice(["1%", "33.3%", "90%"]), **r.choice([
            {}, {"project": r.choice(["second", *teams])}, {"account": "main"}, {"key": "k0"},
            {"dimensions": ["requests", "concurrency"]}, {"dimensions": ["output_tokens", "tokens"]}])}},
        {"runaway_job": {**window, **sender, "rate": r.choice(["60/min", "10/s"])}},
        {"thundering_herd": {"at": window["at"], **sender, "size": r.randint(1, 100)}},
        {"policy_violations": {
            **hit, "threshold": r.randint(1, 6), "within": r.choice(["1s", "20s", "1d"]),
            "ban": r.choice(["key", "project", "account", "nothing"]),
            "categories": r.choice([{}, {"security": 1}, {"security": 0.3, "other": 0.3, "fraud": 0.1}]),
            **r.choice([{}, {"recovery": f"{r.randint(1, 40_000)}ms"}])}},
        {"leaked_key": {**window, **sender, "rate": r.choice(["30/min", "5/s"]), "rollout": rollout,
                        "grace": f"{r.randrange(20_000)}ms"}},
        {"key_rotation": {"at": window["at"], "every": f"{r.randint(1, 40_000)}ms", "times": turns,
                          "overlap": f"{r.randrange(30_000)}ms", "rollout": rollout, "failover": r.random() < 0.5,
                          "botched": r.sample(range(1, turns + 1), r.randint(0, turns)),
                          "rollback": f"{r.randint(1, 20_000)}ms", **r.choice([{}, {"team": team}])}},
        {"price_change": {"at": window["at"], **r.choice([{}, {"for": window["for"]}]), **r.choice([
            {"factor": r.choice([0, 0.333, 3])}, {"factor": 1.1, "model": r.choice(MODELS)},
            {"model": r.choice(MODELS), "price": {"input": "$7", "output": "$0.5"}}])}},
    ])  # fmt: skip


def random_timeline(number: int) -> Scenario:
    """Scenario ``number`` with up to 15 faults of any kind, any of which may overlap; always the same one."""
    r = random.Random(f"keystorm faults {number}")
    calm = random_scenario(number)
    chaos = [_any_fault(r, list(calm.teams)) for _ in range(r.choice([1, 3, 6, 15]))]
    body = calm.model_dump(mode="json", by_alias=True, exclude_none=True) | {"chaos": chaos}
    reserving = {"amount": r.choice(["$0.02/hour", "$0.2/hour", "$1/day"]), "mode": "reserve"}
    body["configurations"]["ladder"] |= {"spend_cap": reserving}
    return Scenario.model_validate(body)


def tie_heavy() -> Scenario:
    """Everything at whole seconds: equal arrivals, fixed answers, retry-after, windows, fault edges."""
    fixed = {"first_token": "1s", "per_token": "0s", "slots": 3, "queue": 2}
    workload = {"arrivals": {"constant": {"rate": "1/s"}}, "model": "gpt-4.1", "input_tokens": 10, "output_tokens": 5}
    herd = {**workload, "arrivals": {"herd": {"size": 7, "at": "5s", "every": "10s"}}}
    steps = {"rate": "12/min", "steps": 4, "think": "1s"}
    agent = {**workload, "arrivals": {"sessions": steps}}
    retry = {"max_attempts": 6, "base": "1s", "multiplier": 1, "jitter": "none"}
    patient = {"retry": retry, "timeout": "2s", "max_concurrent": 2, "hedge": "1s"}
    return Scenario.model_validate({
        "name": "ties",
        "duration": "2m",
        "provider": {"round_trip": "1s"},
        "models": {"gpt-4.1": fixed},
        "teams": {
            "b": {"workload": [workload, herd], "client": {"retry": retry, "timeout": "1s"}},
            "a": {"workload": [workload, herd], "client": patient},
            "c": {"workload": agent, "client": {"retry": retry, "deadline": "6s"}},
        },
        "configurations": {
            "bucket": {"isolation": "shared", "limits": {"requests": "60/min", "burst": 2}},
            "window": {"isolation": "shared", "limits": {"requests": "6/s", "algorithm": "fixed_window"}},
            "sliding": {"isolation": "shared", "limits": {"requests": "60/min", "algorithm": "sliding_window"}},
            "parts": {"isolation": "projects", "limits": {"requests": "180/min", "burst": 6, "concurrency": 6}},
        },
        "chaos": [
            {"storm": {"status": 503, "at": "30s", "for": "10s", "retry_after": "1s"}},
            {"storm": {"status": 429, "at": "40s", "for": "10s", "probability": 0.5}},
        ],
    })  # fmt: skip
