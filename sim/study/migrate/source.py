"""What is migrated: a scenario, or a log made into one.

A log is imported (unless it was before), its busiest stretch is cut out, and a scenario that replays it
is written beside the result: a team each, a trace each model. What a log does not say is assumed, and
told: the account's limits, each team's objective, clients, answer times.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sim.catalogue import model_names, tiers
from sim.errors import BadInput
from sim.scenario.loader import Loaded, load, load_text
from sim.study.importing.files import PROFILE
from sim.study.migrate.options import near
from sim.study.progress import Progress
from sim.units import DAY, HOUR, MINUTE, MONTH, SECOND, Rate, duration_text
from sim.workload.log.read import clock_of, open_log, parts_of
from sim.workload.log.rows import Names, Rows
from sim.workload.log.write import FILE, write

LOG, REPLAY, SCENARIO = "log", "replay.parquet", "scenario.yaml"
LENGTHS = (*(hours * HOUR for hours in (24, 12, 6, 3, 2, 1)), 30 * MINUTE, 15 * MINUTE)
"""How long a stretch of a log may be that is replayed; the longest that is not too much is taken."""
MOST_REQUESTS = 40_000
"""Requests of that stretch, as it is replayed for every step in every replication."""
MOST_TEAMS = 200
REPLICATIONS = 4
UNKNOWN_MODEL = "claude-sonnet-4-5"
OBJECTIVE = 0.99
WARMUP = 20
"""A twentieth of the stretch is warm-up, five minutes at most."""


@dataclass(frozen=True)
class Given:
    """A scenario to migrate, and where it is from. ``spend``: dollars a month by team, where a log tells it."""

    loaded: Loaded
    kind: str
    spend: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def is_log(source: str) -> bool:
    """Whether ``source`` is a log (or what an import left), not a scenario's file or name."""
    path = Path(source).expanduser()
    if path.is_dir():
        return (path / FILE).is_file()
    return source.startswith(("postgres://", "postgresql://")) or (
        path.is_file() and path.suffix.lower() not in (".yaml", ".yml")
    )


def given(
    source: str, out: Path, *, overrides: Mapping[str, object], assumed: Assumed, progress: Progress, skip: bool = False
) -> Given:
    """The scenario, as it is or made of a log; a log's is written into ``out``. Raises BadInput and BadScenario."""
    if not is_log(source):
        return Given(load(source, skip_bad_rows=skip, overrides=overrides), "scenario")
    folder = _imported(source, out, progress)
    return _of_log(source, folder, out, overrides, assumed)


@dataclass(frozen=True)
class Assumed:
    """What a log does not say.

    ``tier``: a provider's; ``capacity``: requests a minute; ``model``: what unknown ones are taken for.
    """

    tier: str | None = None
    capacity: Rate | None = None
    model: str = UNKNOWN_MODEL


def known_model(name: str) -> str:
    """A model of the catalogue. Raises BadInput with the nearest name."""
    if name not in model_names():
        raise BadInput("no such model", place="--model", value=repr(name), hint=near(name, list(model_names())))
    return name


def _imported(source: str, out: Path, progress: Progress) -> Path:
    """The folder of the imported log."""
    path = Path(source).expanduser()
    if path.is_dir():
        return path
    if path.is_file() and path.suffix == ".parquet" and path.name == FILE:
        return path.parent
    from sim.study.importing.options import Options
    from sim.study.importing.run import import_logs

    made = out / LOG
    try:
        import_logs([source], Options(command=("keystorm", "import", source)), made, progress)
    except BaseException:
        # Otherwise the folder would look like somebody else's at the next attempt.
        shutil.rmtree(made, ignore_errors=True)
        raise
    return made


# From the log to a scenario


def _of_log(source: str, folder: Path, out: Path, overrides: Mapping[str, object], assumed: Assumed) -> Given:
    rows, names, clock = _rows(folder / FILE)
    start, length = stretch(rows["start"])
    cut = rows[(rows["start"] >= start) & (rows["start"] < start + length)]
    teams, models = names.list("team"), names.list("model")
    _check_teams(cut, source)
    out.mkdir(parents=True, exist_ok=True)
    for _ in write(out / REPLAY, iter([cut]), names, clock):
        pass
    said, notes = scenario_of(name_of(source), cut, (teams, models), length, assumed)
    text = _yaml({**said, **overrides}, notes)
    (out / SCENARIO).write_text(text, encoding="utf-8")
    loaded = load_text(text, out / SCENARIO)
    span = int(rows["start"][-1] - rows["start"][0]) + 1
    notes = (_how_much(len(cut), len(rows), length, span), *notes)
    return Given(loaded, "log", _spend(folder, span), notes)


def _how_much(cut: int, whole: int, length: int, span: int) -> str:
    """How much of a log is replayed."""
    if cut == whole:
        return f"All {whole:,} requests of the log are replayed."
    part = f"{duration_text(length)} of {span / HOUR:,.1f} h, the stretch with most requests"
    return f"{cut:,} of {whole:,} requests are replayed: {part}."


def _rows(path: Path) -> tuple[Rows, Names, str]:
    names = Names()
    with open_log(path) as file:
        parts = [_replayed(part, names) for part in parts_of(file, names, str(path))]
        clock = clock_of(file)
    rows = np.concatenate(parts) if parts else np.empty(0)
    if not len(rows):
        raise BadInput(
            "no request of this log can be replayed", place=str(path), hint="a log with requests of known size"
        )
    return rows, names, clock


def _replayed(part: Rows, names: Names) -> Rows:
    """Without what a replay leaves out: failures of unknown size, answers of a gateway's cache, batches."""
    bare = (part["failed"] > 0) & (part["input"] == 0) & (part["output"] == 0)
    batch = [at for at, name in enumerate(names.list("tier")) if name == "batch"]
    kept: Rows = part[~bare & (part["cached"] == 0) & ~np.isin(part["tier"], batch)]
    return kept


def stretch(starts: Any, most: int = MOST_REQUESTS) -> tuple[int, int]:
    """Start and length of the part of a log that is replayed; ``starts`` are sorted, ns.

    The whole log where it is short enough; else, of the longest length in which never more than ``most``
    requests start, the place with most of them (in steps of a quarter of it); at least 15 minutes.
    """
    first, span = int(starts[0]), int(starts[-1] - starts[0]) + 1
    whole = -(-span // MINUTE) * MINUTE
    if len(starts) <= most and whole <= LENGTHS[0]:
        return first, max(MINUTE, whole)
    for length in LENGTHS:
        places = first + np.arange(0, max(1, span - length + 1), max(1, length // 4))
        counts = np.searchsorted(starts, places + length) - np.searchsorted(starts, places)
        if counts.max() <= most or length == LENGTHS[-1]:
            return int(places[int(np.argmax(counts))]), min(length, whole)
    raise AssertionError("a last length is always taken")


def _check_teams(cut: Rows, source: str) -> None:
    count = len(np.unique(cut["team"]))
    if count > MOST_TEAMS:
        hint = "import it with --teams FILE, which says which names are which team, then migrate the folder"
        raise BadInput("too many teams for a migration", place=source, value=f"{count:,}", hint=hint)


def name_of(source: str) -> str:
    """A name for the result from that of a file, of a folder or of the library."""
    stem = Path(source).name.split(".")[0] if "://" not in source else "database"
    if stem in (FILE.split(".")[0], LOG, ""):
        stem = Path(source).resolve().parent.name
    plain = "".join(letter if (letter.isalnum() and letter.isascii()) or letter in "._-" else "-" for letter in stem)
    return plain.strip("-._")[:80] or "log"


def scenario_of(
    name: str, cut: Rows, lists: tuple[list[str], list[str]], length: int, assumed: Assumed
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """A scenario's file as data, and what was assumed, in sentences."""
    teams, models = lists
    warmup = min(5 * MINUTE, length // WARMUP // SECOND * SECOND)
    found: dict[str, Any] = {}
    unknown: dict[str, str] = {}
    for team, model in np.unique(np.stack([cut["team"], cut["model"]], axis=1), axis=0).tolist():
        trace: dict[str, Any] = {"file": REPLAY, "team": teams[team] or "(none)", "models": [models[model]]}
        said = models[model] or assumed.model
        if said not in model_names():
            unknown[said] = assumed.model
        workload = {"model": said, "arrivals": {"trace": trace}}
        found.setdefault(_team_name(teams[team]), {"workload": []})["workload"].append(workload)
    limits, note = _limits(cut, models, assumed)
    data = {
        "name": name, "question": "What does each step away from the shared key change, on the logged traffic?",
        "duration": duration_text(length), "warmup": duration_text(warmup), "drain": "10m",
        "replications": REPLICATIONS, "seed": 1,
        "models": {model: {"like": like} for model, like in sorted(unknown.items())},
        "teams": found, "configurations": {"shared": {"isolation": "shared", **limits}},
        "slos": [{"*": f"success_rate >= {OBJECTIVE:.0%}"}],
    }  # fmt: skip
    notes = [note, f"The log has no objectives: {OBJECTIVE:.0%} success is asked for each team.",
             "The log does not say how clients retry: the defaults of a scenario's client are used."]  # fmt: skip
    if unknown:
        names = ", ".join(sorted(name or "(none)" for name in unknown))
        notes.append(f"Models that the catalogue does not have are taken to be like {assumed.model}: {names}.")
    if "" in models and np.isin(cut["model"], [models.index("")]).any():
        notes.append(f"Requests without a model are taken for {assumed.model}.")
    return data, tuple(notes)


def _team_name(name: str) -> str:
    return name or "(none)"


def _limits(cut: Rows, models: list[str], assumed: Assumed) -> tuple[dict[str, Any], str]:
    """The account's limits (and cap) as a configuration has them, and what they rest on."""
    if assumed.capacity is not None:
        return {
            "limits": {"requests": str(assumed.capacity)}
        }, f"The account gives {assumed.capacity} (--account-capacity)."
    if assumed.tier is not None:
        if assumed.tier not in tiers():
            hint = near(assumed.tier, list(tiers()))
            raise BadInput("no such tier", place="--tier", value=repr(assumed.tier), hint=hint)
        return _of_tier(assumed.tier, cut, models, assumed), f"The account has the limits of {assumed.tier} (--tier)."
    minutes = np.bincount(((cut["start"] - cut["start"][0]) // MINUTE).astype(np.int64))
    busy = max(1, int(np.ceil(np.quantile(minutes, 0.99))))
    note = (
        f"The log does not say what the account gives: {busy:,} requests a minute are assumed, as many as its "
        "busy minutes "
        "have (99th percentile). --account-capacity 600/min or --tier anthropic/build says what it is."
    )
    return {"limits": {"requests": f"{busy}/min"}}, note


def _of_tier(name: str, cut: Rows, models: list[str], assumed: Assumed) -> dict[str, Any]:
    """A tier's limits for the models that are asked for; one set where they are all of one class."""
    asked = {(models[at] or assumed.model) for at in np.unique(cut["model"]).tolist()}
    known = {model if model in model_names() else assumed.model for model in asked}
    tier = tiers()[name]
    used = {title: one for title, one in tier.classes.items()
            if one.models is None or any(model in one.models for model in known)}  # fmt: skip
    if not used:
        hint = "its classes have none of the log's models; name another tier, or --account-capacity"
        raise BadInput("this tier says nothing about the log's models", place="--tier", value=repr(name), hint=hint)
    sets = [one.model_dump(mode="json", exclude_defaults=True) for one in used.values()]
    if len(sets) == 1:
        sets[0].pop("models", None)
    else:
        for one in sets:
            one["models"] = [
                model for model in sorted(asked) if (model if model in known else assumed.model) in one["models"]
            ]
    cap = {} if tier.spend_cap is None else {"spend_cap": str(tier.spend_cap.amount)}
    return {"limits": sets, **cap}


def _yaml(data: Mapping[str, Any], notes: tuple[str, ...]) -> str:
    import yaml

    head = "".join(f"# {line}\n" for line in ("The replay of a log, made by keystorm migrate.", *notes))
    return head + yaml.safe_dump({key: value for key, value in data.items() if value != {}}, sort_keys=False,
                                 allow_unicode=True, width=110)  # fmt: skip


def _spend(folder: Path, span: int) -> dict[str, float]:
    """Dollars a month by team as the log's profile has them, where the log is at least a day long."""
    path = folder / PROFILE
    if span < DAY or not path.is_file():
        return {}
    profile = json.loads(path.read_text("utf-8"))
    return {_team_name(one["team"]): float(one["cost"]["usd"]) * MONTH / span
            for one in profile["profile"] if one["cost"].get("usd")}  # fmt: skip
