"""Everything that a study found as one dict: the ``summary.json`` from which the report is made."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.engine.digest import combined
from sim.metrics.stats import ratio_of_means
from sim.scenario.check_incidents import ONLY_HERE
from sim.scenario.finance import Finance
from sim.study.cost import tornado
from sim.study.cost.assumptions import PER_MONTH, Assumption
from sim.study.cost.claims import judged
from sim.study.cost.cost import Found, saving_of, tornado_cases
from sim.study.cost.estimates import (
    F64,
    Estimate,
    chance,
    chance_of_worse,
    deviation,
    mean,
    quantile,
    quantile_difference,
)
from sim.study.cost.month import CAUSES, I64, Case
from sim.study.cost.options import Options
from sim.study.cost.saved import saving_json, saving_measures
from sim.units import MICRO

if TYPE_CHECKING:
    from sim.scenario.loader import Loaded

Json = dict[str, Any]
QUANTILES = {"bill_p50": 0.5, "bill_p95": 0.95, "bill_p99": 0.99}


def summary_of(loaded: Loaded, options: Options, found: Found) -> Json:
    """The whole summary."""
    scenario, seed = loaded.scenario, loaded.scenario.seed
    measured: dict[tuple[str, str], Estimate] = {}
    configurations = {name: _configuration(found, name, options, measured) for name in found.names}
    finance = scenario.finance or Finance()
    saving = saving_of(scenario, found.names)
    if saving is not None:
        measured |= saving_measures(found.ledger, saving)
    summary: Json = _plain({
        "scenario": {"name": scenario.name, "question": " ".join(scenario.question.split()), "sha256": loaded.sha256},
        "seed": seed,
        "months": len(found.months),
        "engine": options.engine,
        "budget_usd": options.budget_usd,
        "teams": list(found.ledger.teams),
        "causes": list(CAUSES),
        "items": {name: cost.per for name, cost in finance.costs.items()},
        "configurations": configurations,
        "differences": {name: _difference(found, name, seed) for name in found.names[1:]},
        "saving": None if saving is None else saving_json(found.ledger, saving, finance),
        "tornado": _tornado(found, options),
        "claims": [judged(claim, measured) for claim in finance.claims],
        "incidents": [_incident(found, entry.title, entry.kind) for entry in scenario.incidents],
        "assumptions": [_assumption(one) for one in found.work.known],
        "checks": _checks(found),
        "notes": [note for note in loaded.notes if note != ONLY_HERE],
    })  # fmt: skip
    return summary


def _plain(value: Any) -> Any:
    """Numbers of numpy as plain ones."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return value.item() if isinstance(value, np.generic) else value


def usd(micro: I64) -> F64:
    """Dollars of whole micro-dollars."""
    return np.asarray(micro / MICRO, np.float64)


def _configuration(found: Found, name: str, options: Options, measured: dict[tuple[str, str], Estimate]) -> Json:
    """One configuration: its bills in all and by team, what they are for, and what comes beside them."""
    ledger, seed = found.ledger, found.work.scenario.seed
    account, quiet = ledger[Case(name)], ledger[Case(name, quiet=True)]
    billed, other = usd(account.billed), usd(account.other.sum(axis=1))
    total = bill_measures(billed, seed, options.budget_usd)
    beside = {
        "overage_mean": mean(usd(account.billed - quiet.billed)),
        "other_mean": mean(other),
        "total_mean": mean(billed + other),
        "lost_share": _share(account.lost, account.offered),
    }
    items = {item: mean(usd(ledger.item(Case(name), item))) for item in ledger.items}
    measured |= {(name, key): value for key, value in (total | beside | items).items()}
    teams = {team: usd(account.bill[:, at].sum(axis=1)) for at, team in enumerate(ledger.teams)}
    return {
        "isolation": found.work.topologies[name].isolation,
        "total": _json(total) | {"worse_chance": chance_of_worse(len(billed))},
        **_json(beside),
        "planned_mean": mean(usd(quiet.billed)).json(),
        "causes": {cause: mean(usd(account.bill[:, :, at].sum(axis=1))).json() for at, cause in enumerate(CAUSES)},
        "other": _json(items),
        "teams": {team: _json(bill_measures(values, seed, None)) for team, values in teams.items()},
        "bills_usd": np.sort(billed).round(2).tolist(),
    }


def _json(estimates: Mapping[str, Estimate]) -> Json:
    return {name: one.json() for name, one in estimates.items()}


def bill_measures(values: F64, seed: int, budget_usd: float | None) -> dict[str, Estimate]:
    """Mean, spread, quantiles and the worst of monthly bills; with a budget, the chance to exceed it."""
    found = {"bill_mean": mean(values), "bill_sd": deviation(values, seed)}
    found |= {name: quantile(values, share) for name, share in QUANTILES.items()}
    found["bill_worst"] = Estimate(float(values.max()), float(values.max()), None)
    if budget_usd is not None:
        found["exceed"] = chance(int(np.count_nonzero(values > budget_usd)), len(values))
    return found


def _share(part: I64, whole: I64) -> Estimate:
    found = ratio_of_means(part.sum(axis=1).astype(np.float64), whole.sum(axis=1).astype(np.float64))
    low, high = float(found.low), float(found.high)
    known = bool(np.isfinite(low))
    return Estimate(float(np.nan_to_num(found.mean)), low if known else None, high if known else None)


def _difference(found: Found, name: str, seed: int) -> Json:
    """What another configuration changes against the first, month by month."""
    first, other = (found.ledger[Case(one)] for one in (found.names[0], name))
    before, after = usd(first.billed), usd(other.billed)
    return {
        "bill_mean": mean(after - before).json(),
        "total_mean": mean(usd(other.total - first.total)).json(),
        **{key: quantile_difference(before, after, share, seed).json() for key, share in QUANTILES.items()},
    }


def _tornado(found: Found, options: Options) -> Json | None:
    scenario, finance = found.work.scenario, found.work.scenario.finance or Finance()
    if not found.ends:
        return None
    cases = tornado_cases(scenario, found.names)
    bars = tornado.bars(found.work.known, found.ends, finance, cases)
    return {
        "months": options.tornado_months,
        "outcome": "saving" if len(cases) == 2 else "cost",
        "configurations": [case.configuration for case in cases],
        "at_modes": mean(tornado.outcome(finance, found.ends[tornado.CENTRE], cases)).json(),
        "bars": [
            {**_assumption(bar.assumption), "at_low": bar.at_low, "at_high": bar.at_high, "swing": bar.swing.json()}
            for bar in bars
        ],
    }


def _assumption(one: Assumption) -> Json:
    low, mode, high = one.shown
    return {
        "key": one.key, "title": one.title, "unit": one.unit, "low": low, "mode": mode, "high": high,
        "source": one.source,
    }  # fmt: skip


def _incident(found: Found, title: str, kind: str) -> Json:
    """How often an incident came, and was assumed to come."""
    counts = np.array([month.counts[title] for month in found.months], np.float64)
    assumed = next(one for one in found.work.known if one.key == f"incidents/{title}/{PER_MONTH}")
    struck = [month for month in found.months if month.counts[title]]
    reach = {name: _reach([m.bills[Case(name)].reached[title] for m in struck]) for name in found.names}
    return {
        "name": title, "kind": kind, "assumed_mean": sum(assumed.shown) / 3, "drawn_mean": mean(counts).json(),
        "reached_share": reach,
    }  # fmt: skip


def _reach(shares: list[float]) -> Json | None:
    """The mean share of teams that an incident reached, in months that had one."""
    return mean(np.array(shares)).json() if shares else None


def _checks(found: Found) -> Json:
    digests = [digest for month in found.months for digest in month.digests]
    values = hashlib.sha256(repr([sorted(month.values.items()) for month in found.months]).encode()).hexdigest()
    return {
        "digest": combined(digests), "runs": len(digests), "assumptions_sha256": values,
        "requests": sum(month.requests for month in found.months),
    }  # fmt: skip
