"""The profile of a log: what each team sends, when, how evenly, how large, at what price."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.study.importing.intake import Intake
from sim.study.importing.rhythm import Rhythm, bin_width
from sim.study.importing.tracks import Busy, Gaps, Peaks, Sizes
from sim.units import MINUTE, MS, SECOND
from sim.workload.log.rows import Names, Rows
from sim.workload.rows import I64

MOST_TEAMS = 400
"""Teams that are profiled one by one; later ones are summed up."""

SCALES = {"1s": SECOND, "1min": MINUTE, "10min": 10 * MINUTE}
TOKEN_BINS, TIME_BINS = 950, 1250
COUNTS = ("requests", "input", "read", "write", "output", "failed", "limited", "server", "status_known", "assumed",
          "cost", "cost_known", "duration_known", "first_known", "retries", "sessions", "gateway_cached", "batch",
          "unsized")  # fmt: skip
"""What is counted for each team. ``limited`` is answered with 429, ``server`` with 500 and above; ``unsized``
are requests that did not fail and have no tokens."""


@dataclass
class Profile:
    """Measures of all teams (tracks 0 to :data:`MOST_TEAMS`) and, in ``whole``, of everybody."""

    names: Names
    clock: str
    tick_ns: int
    start_ns: int
    end_ns: int
    rhythm: Rhythm
    teams: int
    width_ns: int
    counts: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    models: dict[tuple[int, int], NDArray[np.float64]] = field(default_factory=lambda: defaultdict(lambda: np.zeros(7)))
    written: int = 0
    longest_gap_ns: int = 0
    longest_gap_at: int = 0
    _last: int = -1

    def __post_init__(self) -> None:
        tracks = self.teams + 1  # the last one is everybody
        self.counts = {name: np.zeros(self.teams) for name in COUNTS}
        self.gaps, self.busy = Gaps(tracks), Busy(tracks)
        self.peaks = {name: Peaks(tracks, self.start_ns, width) for name, width in SCALES.items()}
        self.sizes = {"input": Sizes(tracks, TOKEN_BINS), "output": Sizes(tracks, TOKEN_BINS),
                      "duration": Sizes(tracks, TIME_BINS), "first": Sizes(tracks, TIME_BINS)}  # fmt: skip
        bins = self.span_ns // self.width_ns + 1
        self.along = np.zeros((self.teams, bins), np.int64)
        self.limited_along = np.zeros(bins, np.int64)

    @property
    def span_ns(self) -> int:
        """From the first start to the last; at least a nanosecond."""
        return max(1, self.end_ns - self.start_ns)

    def take(self, part: Rows) -> None:
        """A part of the sorted log."""
        team = np.minimum(part["team"], self.teams - 1).astype(np.int64)
        starts = np.ascontiguousarray(part["start"])
        self.written += len(part)
        self._count(part, team)
        self._pauses(starts)
        for track in (team, np.full(len(team), self.teams)):
            self.gaps.take(starts, track)
            self.busy.take(starts, part["duration"], track)
            self.rhythm.take(starts, track)
            for peak in self.peaks.values():
                peak.take(starts, track)
            self._sizes(part, track)
        self._along(part, team)
        self._models(part, team)

    def _sizes(self, part: Rows, track: I64) -> None:
        """Tokens, and times in milliseconds. A failed request without tokens has no size."""
        sized = (part["failed"] != 1) | (part["input"] > 0)
        for name in ("input", "output"):
            self.sizes[name].take(np.where(sized, part[name], -1), track)
        for name in ("duration", "first"):
            self.sizes[name].take(np.where(part[name] >= 0, part[name] // MS, -1), track)

    def _count(self, part: Rows, team: I64) -> None:
        status, failed = part["status"], part["failed"] == 1
        batch = np.isin(part["tier"], [at for at, name in enumerate(self.names.list("tier")) if name == "batch"])
        values = {
            "requests": np.ones(len(part)), "input": part["input"], "read": part["read"], "write": part["write"],
            "output": part["output"], "failed": failed, "limited": status == 429, "server": status >= 500,
            "status_known": (status >= 0) | (part["failed"] >= 0), "assumed": part["assumed"] == 1,
            "cost": np.maximum(part["cost"], 0), "cost_known": part["cost"] >= 0,
            "duration_known": part["duration"] >= 0, "first_known": part["first"] >= 0,
            "retries": np.maximum(part["retries"], 0), "sessions": part["session"] >= 0,
            "gateway_cached": part["cached"] == 1, "batch": batch,
            "unsized": ~failed & (part["input"] == 0) & (part["output"] == 0),
        }  # fmt: skip
        for name, column in values.items():
            self.counts[name] += np.bincount(team, column, self.teams)

    def _pauses(self, starts: I64) -> None:
        before = np.concatenate(([self._last if self._last >= 0 else starts[0]], starts[:-1]))
        gaps = starts - before
        at = int(np.argmax(gaps))
        if gaps[at] > self.longest_gap_ns:
            self.longest_gap_ns, self.longest_gap_at = int(gaps[at]), int(before[at])
        self._last = int(starts[-1])

    def _along(self, part: Rows, team: I64) -> None:
        teams, bins = self.along.shape
        place = np.minimum((part["start"] - self.start_ns) // self.width_ns, bins - 1)
        self.along += np.bincount(team * bins + place, minlength=teams * bins).reshape(teams, bins)
        self.limited_along += np.bincount(place[part["status"] == 429], minlength=bins)

    def _models(self, part: Rows, team: I64) -> None:
        """By team and model: requests, fresh input, read, write, output, cost, and requests with a cost.

        The tokens are those of requests without a recorded cost, which a price list has to tell.
        """
        many = max(1, len(self.names.of["model"]))
        pairs, where = np.unique(team * many + part["model"], return_inverse=True)
        priced = part["cost"] >= 0
        fresh = part["input"] - part["read"] - part["write"]
        columns = (np.ones(len(part)), *(np.where(priced | (part["cached"] == 1), 0, each)
                                         for each in (fresh, part["read"], part["write"], part["output"])),
                   np.maximum(part["cost"], 0), priced)  # fmt: skip
        sums = np.stack([np.bincount(where, column, len(pairs)) for column in columns])
        for at, pair in enumerate(pairs.tolist()):
            self.models[divmod(pair, many)] += sums[:, at]


def profiled(intake: Intake, local: tzinfo, clock: str, tick_ns: int) -> Profile:
    """An empty profile of what the spool holds."""
    spool = intake.spool
    teams = min(MOST_TEAMS + 1, max(1, len(intake.names.of["team"])))
    end = spool.end + max(0, tick_ns - 1)
    width = bin_width(max(1, end - spool.start))
    rhythm = Rhythm(teams + 1, local, relative=clock == "relative")
    return Profile(intake.names, clock, tick_ns, spool.start, end, rhythm, teams, width)


def team_names(profile: Profile) -> list[str]:
    """The name of each track but the last."""
    names = profile.names.list("team")
    if len(names) <= MOST_TEAMS:
        return names
    return [*names[:MOST_TEAMS], f"({len(names) - MOST_TEAMS:,} more teams)"]


def total(profile: Profile, name: str) -> int:
    """A count over all teams."""
    return int(profile.counts[name].sum())


def count_of(profile: Profile, name: str, track: int) -> int:
    """A count of one team."""
    return int(profile.counts[name][track])


Told = dict[str, Any]
