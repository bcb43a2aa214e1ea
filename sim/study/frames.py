"""The numbers of a study as pandas data frames: the tables that a report offers as CSV, and a few more.

One line here for each table of each kind. A function takes the summary and gives CSV text or a data
frame; it is imported when it is asked for.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from sim.report.tables import FORMULA_STARTS

if TYPE_CHECKING:
    import pandas as pd

Summary = Mapping[str, Any]

FRAMES: dict[str, dict[str, str]] = {
    "compare": {
        "metrics": "sim.report.tables:teams_csv",
        "differences": "sim.study.frames:differences",
        "contention": "sim.study.frames:contention",
        "objectives": "sim.study.frames:objectives",
        "over_time": "sim.report.inputs:over_time",
        "latency": "sim.report.inputs:quantiles",
    },
    "tune": {
        "settings": "sim.study.tune.exports:table_csv",
        "objectives": "sim.study.frames:objectives_tuned",
        "map": "sim.study.frames:tuned_map",
    },
    "capacity": {
        "dates": "sim.report.capacity_csv:dates_csv",
        "costs": "sim.report.capacity_csv:costs_csv",
        "months": "sim.report.capacity_csv:months_csv",
    },
    "cost": {
        "bills": "sim.report.cost_csv:bills_csv",
        "saving": "sim.report.cost_csv:saving_csv",
        "tornado": "sim.report.cost_csv:tornado_csv",
    },
    "import": {"teams": "sim.study.frames:senders", "models": "sim.study.frames:models"},
    "fit": {
        "refusals": "sim.study.fitting.frames:refusals",
        "arrivals": "sim.study.fitting.frames:arrivals",
        "candidates": "sim.study.fitting.frames:candidates",
        "sizes": "sim.study.fitting.frames:sizes",
        "history": "sim.study.fitting.frames:history",
    },
    "migrate": {
        "steps": "sim.report.migrate_csv:summary_csv",
        "changes": "sim.study.migrate.frames:changes",
        "orders": "sim.study.migrate.frames:orders",
        "projects": "sim.study.migrate.frames:projects",
        "objectives": "sim.study.migrate.frames:objectives",
        "watch": "sim.study.migrate.frames:watch",
    },
    "validate": {
        "metrics": "sim.study.validate.frames:metrics",
        "causes": "sim.study.validate.frames:causes",
        "partings": "sim.study.validate.frames:partings",
        "gates": "sim.study.validate.frames:gates",
    },
}
FRAMES["live"] = {**FRAMES["compare"], "gates": "sim.study.frames:gates"}
"""Kind of study → table → ``module:function``."""


def frame(kind: str, name: str, summary: Summary) -> pd.DataFrame:
    """One table of a summary; without rows where the study has none of it."""
    module, _, function = FRAMES[kind][name].partition(":")
    found = getattr(import_module(module), function)(summary)
    return _read(found) if isinstance(found, str) else found


def _read(text: str) -> pd.DataFrame:
    """CSV as a data frame; names get back what a spreadsheet would have taken for a formula."""
    import pandas as pd

    if not text:
        return pd.DataFrame()
    found = pd.read_csv(io.StringIO(text), keep_default_na=False, na_values=[""])
    starts = "".join(FORMULA_STARTS)
    for column in found.select_dtypes(include=["object", "string"]):
        found[column] = found[column].str.replace(rf"^'(?=[{starts}])", "", regex=True)
    return found


def measured(found: Mapping[str, Any]) -> dict[str, Any]:
    """Mean (or single estimate) and interval as three cells."""
    low, high = found.get("ci95") or (None, None)
    return {"mean": found["mean"] if "mean" in found else found["value"], "ci95_low": low, "ci95_high": high}


def differences(summary: Summary) -> pd.DataFrame:
    """configuration, team ("(all teams)": all), metric, mean, ci95_low, ci95_high: paired, minus the first one."""
    base = next(iter(summary["configurations"]))
    return table(
        {"configuration": pair.removesuffix(f" - {base}"), "team": team, "metric": metric, **measured(found)}
        for pair, sides in summary["paired"].items()
        for team, metrics in [*sides["teams"].items(), ("(all teams)", sides["total"])]
        for metric, found in metrics.items()
    )


def contention(summary: Summary) -> pd.DataFrame:
    """configuration, form (consumption or counterfactual), victim, culprit, share from 0 to 1."""
    return table(
        {"configuration": name, "form": form, "victim": victim, "culprit": culprit, "share": share}
        for name, forms in summary["contention"].items()
        for form in ("consumption", "counterfactual")
        for victim, row in (forms.get(form) or {}).items()
        for culprit, share in row.items()
    )


def objectives(summary: Summary) -> pd.DataFrame:
    """configuration, team, metric, op, bound, met, mean, ci95_low, ci95_high."""
    keys = ("configuration", "team", "metric", "op", "bound", "met")
    return table({key: one[key] for key in keys} | measured(one["value"]) for one in summary["slos"])


def objectives_tuned(summary: Summary) -> pd.DataFrame:
    """text, source (scenario or default), met with the recommended limits, and today; mean and interval of each."""
    return table(_tuned(summary))


def _tuned(summary: Summary) -> Iterator[dict[str, Any]]:
    for one in summary["objectives"]:
        for side, found in (("recommended", one), ("today", one["today"])):
            head = {"text": one["text"], "source": one["source"], "limits": side, "met": found["met"]}
            yield head | measured(found["value"])


def tuned_map(summary: Summary) -> pd.DataFrame:
    """project, rpm, burst, success from 0 to 1, met: each project alone, over the mapped settings."""
    return table(
        {"project": name, "rpm": rpm, "burst": burst, "success": value, "met": met}
        for name, one in summary["projects"].items()
        for burst, values, marks in zip(one["map"]["burst"], one["map"]["value"], one["map"]["met"], strict=True)
        for rpm, value, met in zip(one["map"]["rpm"], values, marks, strict=True)
    )


def senders(summary: Summary) -> pd.DataFrame:
    """A row a team: requests, failed, limited, per_minute, cv, tokens, dollars, peak to mean by interval."""
    return table(
        {
            **{key: one[key] for key in ("team", "requests", "failed", "limited", "per_minute", "cv")},
            **{f"{key}_tokens": value for key, value in one["tokens"].items()},
            "usd": one["cost"]["usd"],
            **{f"peak_to_mean_{key}": value for key, value in one["peak_to_mean"].items()},
        }
        for one in summary["profile"]
    )


def models(summary: Summary) -> pd.DataFrame:
    """A row a model, as the profile has it."""
    return table(summary["models"])


def gates(summary: Summary) -> pd.DataFrame:
    """A gate of a live run a row: name, value, limit, unit, passed, meaning."""
    return table(summary["live"]["gates"])


def table(rows: Any) -> pd.DataFrame:
    """Rows as dicts → a data frame."""
    import pandas as pd

    return pd.DataFrame(list(rows))
