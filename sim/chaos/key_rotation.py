"""Scheduled key rotation: zero-downtime, late, or botched until it is rolled back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, model_validator

from sim.chaos.base import Effect, EffectKind, Fault, Mark, Scope
from sim.chaos.rollout import Rollout, RolloutText
from sim.errors import BadUnit
from sim.scenario.base import Duration, Flag, Whole
from sim.units import DAY, MINUTE

if TYPE_CHECKING:
    from sim.scenario.schema import Scenario

NAME = "credential:rotated"


class KeyRotation(Fault):
    """``key_rotation: {at: 10d, every: 30d, times: 3, overlap: 90d, rollout: 1h, botched: [2], rollback: 20m}``.

    From ``at`` on, ``times`` times, every key gets a successor (``team``: only the key that this team
    uses). The old one stays valid for ``overlap``; a team whose ``rollout`` takes longer is answered
    401 in between. In a rotation listed in ``botched`` (1 is the first) the new credential does not
    work: a team is answered 401 from its rollout until ``rollback`` later. With ``failover`` a client
    tries the previous key next: while that is still valid only first attempts fail, and a policy that
    retries 401 hides it.
    """

    team: str | None = None
    every: Duration = Field(default=30 * DAY, gt=0)
    times: Whole = Field(default=1, ge=1, le=120)
    overlap: Duration = 90 * DAY
    rollout: RolloutText = Field(default_factory=Rollout)
    botched: tuple[Annotated[Whole, Field(ge=1)], ...] = ()
    rollback: Duration = Field(default=15 * MINUTE, gt=0)
    failover: Flag = False

    @model_validator(mode="after")
    def _turns_exist(self) -> KeyRotation:
        beyond = [turn for turn in self.botched if turn > self.times]
        if beyond:
            hint = f"a number from 1 to {self.times}, or raise times"
            raise BadUnit("botched names a rotation that does not happen", value=str(beyond[0]), hint=hint)
        return self

    @property
    def starts(self) -> tuple[int, ...]:
        """When each rotation begins."""
        return tuple(self.at + turn * self.every for turn in range(self.times))

    @property
    def window(self) -> tuple[int, int]:
        """Until the last team of the last rotation has settled."""
        last = self.starts[-1] + self.rollout.longest() + (self.rollback if self.times in self.botched else 0)
        return self.at, max(self.at + 1, last)

    @property
    def summary(self) -> str:
        """As ``key rotation, 1 of 3 botched``."""
        bad = len(set(self.botched))
        return f"key rotation × {self.times}" + (f", {bad} botched" if bad else "")

    @property
    def marks(self) -> tuple[Mark, ...]:
        """Each rotation."""
        return tuple(
            Mark(start, "botched rotation" if turn in self.botched else "rotation")
            for turn, start in enumerate(self.starts, 1)
        )

    def effects(self, scenario: Scenario) -> Sequence[Effect]:
        """401 where a team still has a key that is no longer valid, or already one that does not work."""
        return [
            Effect(start, end, EffectKind.DENY, Scope(team=team, key_of=self.team), NAME, 401, before=before)
            for turn, rotated in enumerate(self.starts, 1)
            for team in sorted(scenario.teams)
            for start, end, before in self._gaps(turn, rotated + self.overlap, rotated + self.rollout.of(team))
            if start < end
        ]

    def _gaps(self, turn: int, old_ends: int, new_from: int) -> Iterator[tuple[int, int, int | None]]:
        """From when to when a team's key does not work in one rotation, and before which attempt."""
        yield old_ends, new_from, None
        if turn in self.botched:
            mended = new_from + self.rollback
            saved = min(max(new_from, old_ends), mended) if self.failover else new_from
            yield new_from, saved, 1
            yield saved, mended, None
