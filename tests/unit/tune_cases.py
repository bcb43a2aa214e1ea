"""Small scenarios for the tests of tune: random ones by number, and their labs."""

from __future__ import annotations

import random
from typing import Any

from sim.scenario.plan import build_plan, expected_by_team
from sim.scenario.schema import Scenario
from sim.scenario.topology import Topology, build_topology
from sim.study.tune.goals import objectives
from sim.study.tune.lab import Job, Lab, own_plan
from sim.study.tune.subjects import subjects_of

Body = dict[str, Any]
INSTANT: Body = {"price": {"input": "$1", "output": "$2"}, "first_token": "500ms", "per_token": "1ms"}


def workload(arrivals: Body, tokens: int = 100) -> Body:
    return {"arrivals": arrivals, "model": "m", "input_tokens": tokens, "output_tokens": 20}


def scenario(teams: Body, configuration: Body, **more: Any) -> Scenario:
    """A scenario of ten minutes with one configuration."""
    body = {"name": "small", "duration": "10m", "drain": "10m", "replications": 4, "seed": 3, "models": {"m": INSTANT},
            "teams": teams, "configurations": {"c": configuration}}  # fmt: skip
    return Scenario.model_validate({**body, **more})


PROJECTS: Body = {"isolation": "projects", "limits": {"requests": "60/min", "burst": 20}, "split": "equal"}


def topology_of(given: Scenario, name: str = "c") -> Topology:
    return build_topology(name, given.configurations[name], expected_by_team(given, {}))


def job(given: Scenario, name: str, dimensions: tuple[str, ...] = ("rpm", "burst")) -> Job:
    """What it takes to search one project of the only configuration."""
    topology = topology_of(given)
    subject = next(one for one in subjects_of(topology) if one.name == name)
    plans = tuple(
        own_plan(build_plan(given, at, {}), subject.teams, contained=False) for at in range(given.replications)
    )
    asked = objectives(given)
    wanted = tuple(one for team in subject.teams for one in asked[team])
    return Job(given, topology, subject, plans, wanted, dimensions, "compiled")


def lab(given: Scenario, name: str, dimensions: tuple[str, ...] = ("rpm", "burst")) -> Lab:
    return Lab(job(given, name, dimensions))


def _arrivals(r: random.Random) -> Body:
    rate = f"{r.choice([4, 8, 12])}/min"
    return r.choice([
        {"poisson": {"rate": rate}},
        {"gamma": {"rate": rate, "cv": r.choice([2.0, 4.0])}},
        {"bursts": {"rate": f"{r.choice([30, 60])}/min", "on": "30s", "off": "90s"}},
        {"herd": {"size": r.randint(4, 12), "at": "1m", "every": "2m"}},
        {"constant": {"rate": rate}},
    ])  # fmt: skip


def _retry(r: random.Random) -> Any:
    patient = {"max_attempts": r.choice([3, 6]), "base": "1s", "cap": "20s", "jitter": r.choice(["none", "full"])}
    return r.choice(["none", "none", "anthropic-sdk", "stamina", patient])


def random_scenario(number: int) -> Scenario:
    """Scenario number ``number`` with one team in a project of its own: always the same one."""
    r = random.Random(f"keystorm tune {number}")
    slos = [{"a": f"success_rate >= {r.choice([80, 90, 95, 99])}%"}]
    slos += [{"a": f"latency_p95_s <= {r.choice([3, 10])}"}] if r.random() < 0.3 else []
    storm = {"storm": {"status": r.choice([503, 429]), "at": "4m", "for": "1m", "probability": r.choice([0.2, 0.8])}}
    team = {"workload": [workload(_arrivals(r)) for _ in range(r.randint(1, 2))], "client": {"retry": _retry(r)}}
    return scenario({"a": team}, PROJECTS, slos=slos, chaos=[storm] if r.random() < 0.4 else [], seed=number)
