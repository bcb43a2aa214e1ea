"""What an import tells: rows, teams, models, quality, all as plain numbers and texts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from sim.study.importing.intake import Intake
from sim.study.importing.options import Options
from sim.study.importing.prices import list_cost, price_of
from sim.study.importing.profile import SCALES, Profile, team_names, total
from sim.study.importing.rhythm import QUARTER
from sim.units import HOUR, MICRO, MS, SECOND
from sim.workload.importers.buckets import assumption

RARE = 0.001
"""Below this share a count is not worth a warning."""


def summary_of(intake: Intake, options: Options, profile: Profile) -> dict[str, Any]:
    """The whole summary; teams with most requests first."""
    rejected = intake.rejected
    names = list(dict.fromkeys(file.format for file in intake.files))
    teams = _teams(intake, profile)
    return {
        "kind": "import",
        "format": "+".join(names),
        "rows_read": intake.read,
        "rows_kept": intake.read - rejected.total(),
        "rows_rejected": rejected.total(),
        "rejected": dict(rejected.most_common()),
        "duplicates": rejected.get("a second row with the same id", 0),
        "out_of_order": intake.spool.unsorted,
        "requests": profile.written,
        "teams": [one["team"] for one in teams],
        "files": [_file(file) for file in intake.files],
        "clock": profile.clock,
        "timezone": options.timezone,
        "start": _stamp(profile, profile.start_ns),
        "end": _stamp(profile, profile.end_ns),
        "span_s": profile.span_ns / SECOND,
        "assumptions": _assumptions(intake, options, profile),
        "assumed_requests": total(profile, "assumed"),
        "resolution_s": intake.widest_ns / SECOND,
        "total": _track(intake, profile, profile.teams, "everybody"),
        "profile": teams,
        "models": _models(profile),
        "bill": _bill(intake),
        "quality": _quality(intake, profile),
        "along": _along(profile),
        "hours_covered": (profile.rhythm.hours_seen(profile.start_ns, profile.end_ns) * QUARTER / HOUR).tolist(),
        "notes": [note for file in intake.files for note in file.notes],
    }


def _stamp(profile: Profile, ns: int) -> str:
    """A moment in UTC, or its distance from the log's zero."""
    if profile.clock == "relative":
        return f"{ns / SECOND:.3f} s"
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=ns // 1000)
    return moment.isoformat().replace("+00:00", "Z")


def _file(file: Any) -> dict[str, Any]:
    return {
        "file": file.shown, "format": file.format, "why": file.why, "rows_read": file.read,
        "rejected": dict(file.rejected.most_common()), "places": file.places, "notes": file.notes,
    }  # fmt: skip


def _assumptions(intake: Intake, options: Options, profile: Profile) -> list[str]:
    """Everything that was made up or decided, in sentences."""
    said = []
    if intake.buckets:
        said.append(f"The log has sums, not requests: {assumption(options.request_tokens)}.")
    if intake.windows:
        said.append("The log has rates, not requests: arrivals and sizes are drawn from its windows.")
    if profile.tick_ns:
        tick = profile.tick_ns / SECOND
        said.append(f"Time stamps stand on steps of {tick:g} s: each request was moved by a draw of up to one step.")
    if profile.clock == "utc":
        said.append(f"Stamps without a zone are {options.timezone}; hours and weekdays are told in {options.timezone}.")
    else:
        said.append("The log counts from a zero of its own: hours and days are counted from there, not from midnight.")
    return said


def _teams(intake: Intake, profile: Profile) -> list[dict[str, Any]]:
    found = [_track(intake, profile, track, name) for track, name in enumerate(team_names(profile))]
    return sorted((one for one in found if one["requests"]), key=lambda one: (-one["requests"], one["team"]))


def _track(intake: Intake, profile: Profile, track: int, name: str) -> dict[str, Any]:
    """Everything about one team, or about everybody."""
    everybody = track == profile.teams
    count = {key: int(values.sum() if everybody else values[track]) for key, values in profile.counts.items()}
    span = profile.span_ns
    coarse = intake.widest_ns
    return {
        "team": name,
        **{key: count[key] for key in ("requests", "failed", "limited", "server", "retries", "assumed")},
        "status_known": count["status_known"],
        "tokens": {"input": count["input"], "cache_read": count["read"], "cache_creation": count["write"],
                   "output": count["output"]},
        "per_minute": count["requests"] * 60 * SECOND / span,
        "cv": None if coarse else profile.gaps.cv(track),
        "peak_to_mean": {
            key: None if width < coarse else profile.peaks[key].ratio(track, count["requests"], span)
            for key, width in SCALES.items()
        },
        "peak": {key: None if width < coarse else int(profile.peaks[key].most[track]) for key, width in SCALES.items()},
        "input": profile.sizes["input"].told(track), "output": profile.sizes["output"].told(track),
        "latency_s": profile.sizes["duration"].told(track, MS / SECOND),
        "first_token_s": profile.sizes["first"].told(track, MS / SECOND),
        "concurrency": profile.busy.told(track, span),
        "cost": _cost(profile, None if everybody else track),
        "rhythm": profile.rhythm.counts[track].tolist(),
    }  # fmt: skip


def _cost(profile: Profile, track: int | None) -> dict[str, Any]:
    """Recorded dollars, list price of the rest, and requests that have neither."""
    recorded = listed = 0.0
    unknown = 0
    for (team, model), sums in profile.models.items():
        if track is not None and team != track:
            continue
        requests, fresh, read, write, output, cost, priced = sums
        recorded += cost
        if requests > priced:
            price = price_of(profile.names.list("model")[model])
            if price is None:
                unknown += int(requests - priced) if fresh + read + write + output else 0
            else:
                listed += list_cost(price, fresh, read, write, output)
    return {"recorded_usd": recorded / MICRO, "list_usd": listed / MICRO, "usd": (recorded + listed) / MICRO,
            "unpriced_requests": unknown}  # fmt: skip


def _models(profile: Profile) -> list[dict[str, Any]]:
    names = profile.names.list("model")
    teams = team_names(profile)
    found: dict[str, dict[str, Any]] = {}
    for (team, model), sums in sorted(profile.models.items()):
        name = names[model] or "(not said)"
        one = found.setdefault(name, {"model": name, "requests": 0, "teams": {}, "priced": price_of(name) is not None})
        one["requests"] += int(sums[0])
        one["teams"][teams[team]] = one["teams"].get(teams[team], 0) + int(sums[0])
    return sorted(found.values(), key=lambda one: (-one["requests"], one["model"]))


def _bill(intake: Intake) -> dict[str, Any] | None:
    bill = intake.bill
    if not bill.sums:
        return None
    rows = [{"team": team, "model": model, "usd": micro / MICRO} for (team, model), micro in sorted(bill.sums.items())]
    return {"usd": sum(bill.sums.values()) / MICRO, "rows": rows, "start_ns": bill.start_ns, "end_ns": bill.end_ns}


def _quality(intake: Intake, profile: Profile) -> dict[str, Any]:
    """How far the log can be trusted, as counts and shares."""
    whole = max(1, profile.written)
    share = {
        name: total(profile, key) / whole
        for name, key in (("status", "status_known"), ("duration", "duration_known"), ("first_token", "first_known"),
                          ("cost", "cost_known"), ("session", "sessions"))
    }  # fmt: skip
    return {
        "known": share,
        "unsized": total(profile, "unsized"),
        "gateway_cached": total(profile, "gateway_cached"),
        "batch": total(profile, "batch"),
        "tick_s": profile.tick_ns / SECOND,
        "longest_silence_s": profile.longest_gap_ns / SECOND,
        "longest_silence_at": _stamp(profile, profile.longest_gap_at),
        "unmapped": sorted(intake.labels.unmapped)[:100],
        "unmapped_count": len(intake.labels.unmapped),
        "hidden_names": intake.labels.hidden,
        "uncounted_buckets": intake.uncounted,
        "buckets": intake.buckets,
    }


def _along(profile: Profile) -> dict[str, Any]:
    """Requests along the log, by team; the last bin may be a part of one."""
    names = team_names(profile)
    order = np.argsort(-profile.along.sum(axis=1), kind="stable")[:10]
    rows = {names[at]: profile.along[at].tolist() for at in order if profile.along[at].any()}
    return {
        "width_s": profile.width_ns / SECOND,
        "teams": rows,
        "all": profile.along.sum(axis=0).tolist(),
        "limited": profile.limited_along.tolist(),
    }
