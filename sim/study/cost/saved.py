"""A saving in numbers: the bars of a waterfall that sum exactly, and what isolation saves at an equal price."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from sim.metrics.stats import ratio_of_means
from sim.scenario.finance import Finance, Saving
from sim.study.cost.estimates import Estimate, mean
from sim.study.cost.ledger import Ledger
from sim.study.cost.month import I64, Case
from sim.study.cost.saving import BILL, PRICE, Parts, chain, groups, parts_of
from sim.units import MICRO

Json = dict[str, Any]


def saving_json(ledger: Ledger, saving: Saving, finance: Finance) -> Json:
    """The saving of a month as ``summary.json`` holds it."""
    parts, names = parts_of(ledger, saving), chain(saving)
    first = Case(names[0])
    bars = list(_bars(parts, saving, finance))
    return {
        "from": names[0],
        "to": list(names[1:]),
        "prices": {name: {"input": one.input / MICRO, "output": one.output / MICRO}
                   for name, one in saving.prices.items()},
        "source": saving.source,
        "before": _mean(ledger[first].total).json(),
        "after": _mean(ledger[_end(saving)].total).json(),
        "bars": bars,
        "levers": [_lever(parts, lever, ledger) for lever in _levers(saving)],
        "steps": [_step(ledger, *pair) for pair in pairwise(names)],
        **{key: one.json() for key, one in _estimates(ledger, saving).items()},
    }  # fmt: skip


def _end(saving: Saving) -> Case:
    return Case(chain(saving)[-1], repriced=bool(saving.prices))


def _mean(micro: I64, times: int = 1) -> Estimate:
    return mean(np.asarray(micro / (MICRO * times), np.float64))


def _levers(saving: Saving) -> tuple[str, ...]:
    return ((PRICE,) if saving.prices else ()) + saving.to


def _bars(parts: Parts, saving: Saving, finance: Finance) -> Iterator[Json]:
    """The waterfall: the price, what each step takes from the bill, then what the other costs become."""
    for lever in _levers(saving):
        kind = PRICE if lever == PRICE else "step"
        yield _bar(kind, lever, parts.sum(lever, BILL), parts)
    for group, items in groups(finance).items():
        yield _bar(group, ", ".join(items), sum((parts.sum(None, item) for item in items), 0 * parts.saved), parts)


def _bar(kind: str, name: str, amount: I64, parts: Parts) -> Json:
    found = _mean(amount, parts.times)
    return {"kind": kind, "name": name, "micro_usd_times": int(amount.sum()), **found.json()}


def _lever(parts: Parts, lever: str, ledger: Ledger) -> Json:
    """One lever's part of each component."""
    shares = {item: _mean(parts.sum(lever, item), parts.times).json() for item in (BILL, *ledger.items)}
    return {"lever": lever, "total": _mean(parts.sum(lever), parts.times).json(), "components": shares}


def _step(ledger: Ledger, before: str, after: str) -> Json:
    """One step at the scenario's prices, nothing averaged over orders."""
    one, two = ledger[Case(before)], ledger[Case(after)]
    return {
        "from": before, "to": after, "bill": _mean(one.billed - two.billed).json(),
        "total": _mean(one.total - two.total).json(),
    }  # fmt: skip


def _estimates(ledger: Ledger, saving: Saving) -> dict[str, Estimate]:
    """The numbers that a claim may speak of."""
    names = chain(saving)
    first, last, end = ledger[Case(names[0])], ledger[Case(names[-1])], ledger[_end(saving)]
    parts = parts_of(ledger, saving)
    found = {
        "total": _mean(parts.saved),
        "bill": _mean(first.billed - end.billed),
        "bill_share": _ratio(first.billed - end.billed, first.billed),
        "new_bill": _mean(end.billed),
        "isolation": _mean(first.total - last.total),
        "isolation_bill": _mean(first.billed - last.billed),
        "isolation_bill_share": _ratio(first.billed - last.billed, first.billed),
    }
    if saving.prices:
        found["price_share"] = _ratio(parts.sum(PRICE, BILL), parts.times * (first.billed - end.billed))
    return found


def _ratio(above: I64, below: I64) -> Estimate:
    found = ratio_of_means(above.astype(np.float64), below.astype(np.float64))
    ends = [float(one) if np.isfinite(one) else None for one in (found.low, found.high)]
    return Estimate(float(np.nan_to_num(found.mean)), *ends)


def saving_measures(ledger: Ledger, saving: Saving) -> dict[tuple[str, str], Estimate]:
    """The same by (``saving``, measure), for claims."""
    return {("saving", name): one for name, one in _estimates(ledger, saving).items()}
