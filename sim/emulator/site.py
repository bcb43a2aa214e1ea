"""Everything that one server has: rules, clock, keys, faults, counts and the log, and what they do together."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from sim.catalogue.data import model as catalogue_model
from sim.catalogue.data import model_names as catalogue_names
from sim.catalogue.resolve import model_gaps
from sim.clock import Clock
from sim.draws import Stream, key
from sim.emulator.decisions import UNKNOWN_TEAM, Decisions
from sim.emulator.faults import Faults
from sim.emulator.journal import UNFINISHED, Journal, Row, lines
from sim.emulator.keyring import KeyRecord, Keyring
from sim.emulator.quotas import Quotas
from sim.emulator.tally import Tally
from sim.engine.fault_tables import Places
from sim.engine.world import Setting, build_setting, places
from sim.errors import BadInput
from sim.scenario.keys import SpendCap
from sim.scenario.loader import Loaded
from sim.scenario.plan import expected_by_team, model_names
from sim.scenario.topology import build_topology

USUAL_OUTPUT = 256
"""Tokens of an answer where the scenario's traffic does not tell."""


@dataclass(frozen=True)
class Crossing:
    """A spend cap that reached a share of its amount."""

    cap: str
    share: float
    spent_microusd: int
    cap_microusd: int
    teams: tuple[str, ...]
    at_ns: int


class Rulebook:
    """Rules of a configuration, for every model that the scenario knows, and for any faults."""

    def __init__(self, loaded: Loaded, configuration: str) -> None:
        """Raises BadInput for a configuration that does not exist."""
        self.scenario = scenario = loaded.scenario
        if configuration not in scenario.configurations:
            hint = f"one of {', '.join(scenario.configurations)}"
            raise BadInput("no such configuration", place="--configuration", value=repr(configuration), hint=hint)
        expected = expected_by_team(scenario, loaded.traces)
        self.topology = build_topology(configuration, scenario.configurations[configuration], expected)
        own = [name for name in scenario.models if not model_gaps(scenario.models, name)]
        self.teams, self.models = sorted(scenario.teams), sorted({*model_names(scenario), *own})

    def setting(self, chaos: Sequence[Any]) -> Setting:
        """The rules with these entries of ``chaos``."""
        scenario = self.scenario.model_copy(update={"chaos": tuple(chaos)})
        return build_setting(scenario, self.topology, self.teams, self.models)

    def places(self) -> Places:
        """Numbers of the names that a fault may say."""
        return places(self.teams, self.models, self.topology)


def usual_output(loaded: Loaded) -> int:
    """The mean answer of the scenario's own traffic, in tokens."""
    expected = expected_by_team(loaded.scenario, loaded.traces).values()
    requests = sum(one.requests for one in expected)
    return max(1, round(sum(one.output_tokens for one in expected) / requests)) if requests else USUAL_OUTPUT


def _thresholds(cap: SpendCap) -> list[tuple[float, int]]:
    """(share, micro-dollars) at which somebody wants to know, the lowest first; one that is never reached for none."""
    found = sorted((float(share), int(share * cap.amount.micro_usd)) for share in cap.alerts)
    return found or [(1.0, 1 << 62)]


class Site:
    """One configuration of a scenario as a provider."""

    def __init__(self, loaded: Loaded, configuration: str, directory: Path, *, speed: Fraction = Fraction(1)) -> None:
        """Raises BadInput for an unknown configuration, and for a log that is another's or in use."""
        self.loaded, self.configuration = loaded, configuration
        rulebook = Rulebook(loaded, configuration)
        setting = rulebook.setting(loaded.scenario.chaos)
        self.decisions = Decisions(setting)
        self.clock = Clock(speed)
        self.style = loaded.scenario.provider.style
        self.usual_output = usual_output(loaded)
        self.teams = {name: at for at, name in enumerate(setting.teams)}
        self.models = {name: at for at, name in enumerate(setting.models)}
        self.quoted = {name: json.dumps(name)[1:-1] for name in setting.models}
        teams = [path[-1].teams for path in setting.topology.paths()]
        self.keyring = Keyring(f"{loaded.sha256}/{configuration}", zip(setting.keys, teams, strict=True))
        self.faults = Faults(self.decisions, loaded.scenario, rulebook.setting, rulebook.places())
        self.quotas = Quotas(self.decisions, self.clock.date)
        self.faults.on_change = self.quotas.forget
        self.tally = Tally()
        self.crossed: set[tuple[int, int, float]] = set()
        self._alerts = [_thresholds(row.cap) for row in setting.rows.caps]
        self._sizes: dict[str, str] = {}
        self.on_crossing: Callable[[Crossing], None] = lambda crossing: None
        self._luck = Stream(loaded.scenario.seed, 0, "emulator").key_base
        self._run, self._serial = os.urandom(5).hex(), 0
        self.journal = Journal(directory, self._identity())
        self._resume()

    def _identity(self) -> dict[str, object]:
        return {
            "scenario": self.loaded.scenario.name, "scenario_sha256": self.loaded.sha256,
            "configuration": self.configuration, "speed": str(self.clock.speed), "epoch_ns": self.clock.epoch,
        }  # fmt: skip

    # Requests

    def tick(self) -> None:
        """What time brings by itself: slots come back when a brown-out ends, injected faults end."""
        now = self.clock.now()
        self.decisions.pass_time(now)
        self.faults.expire(now)

    def next_id(self) -> str:
        """A number that no other request has, in this run or any other."""
        self._serial += 1
        return f"{self._run}{self._serial:012x}"

    def next_luck(self) -> int:
        """The draw key of a request that is in no plan, by the order of arrival."""
        return key(self._luck, self._serial)

    def team_number(self, name: str) -> int:
        """The number of a team, UNKNOWN_TEAM for no name."""
        return self.teams.get(name, UNKNOWN_TEAM)

    def limit_size(self, name: str) -> str:
        """How much a limit lets pass, in words."""
        if name not in self._sizes:
            rows = {row.name: row for row in self.decisions.setting.rows.all_limits}
            self._sizes[name] = f" of {rows[name].rate or rows[name].capacity}" if name in rows else ""
        return self._sizes[name]

    def record(self, row: Row, number: int = -1) -> None:
        """Log and count what is about to be answered. Raises OSError when the log can't be written.

        ``number`` is the key's, whose caps are looked at.
        """
        self.journal.write(row)
        self.tally.add(row)
        if row.cost_microusd and number >= 0:
            self._look_at_caps(number, row.end_ns)

    def _look_at_caps(self, number: int, now: int) -> None:
        for cap in self.decisions.caps_of(number):
            if self.decisions.spent(cap) < self._alerts[cap][0][1]:
                continue
            spend = self.decisions.spend(cap, now)
            for share, least in self._alerts[cap]:
                if spend.spent >= least and (cap, spend.window, share) not in self.crossed:
                    self.crossed.add((cap, spend.window, share))
                    told = self.decisions.setting.rows.caps[cap]
                    self.on_crossing(Crossing(told.name, share, spend.spent, spend.cap, told.teams, now))

    # Control

    def reset(self, at_unix_ns: int | None = None) -> Path:
        """Start again: full limits, no spend, no injected fault, the configuration's keys, virtual time 0, a new log.

        ``at_unix_ns`` is when virtual time is 0, now by default. Returns where the old log is.
        """
        self.clock.start(at_unix_ns)
        self.faults.stop()
        self.decisions.forget()
        self.keyring.reset()
        self.tally.forget()
        self.quotas.forget()
        self.crossed.clear()
        self._serial = 0
        return self.journal.restart(self._identity())

    def advance_budgets(self) -> None:
        """Begin the next window of every spend cap now."""
        now = self.clock.now()
        self.journal.event({"event": "budgets.advanced", "at_ns": now})
        self._advance(now)

    def _advance(self, now: int) -> None:
        self.decisions.next_month(now)
        self.crossed.clear()

    def create_key(self, project: str, name: str, teams: list[str]) -> KeyRecord:
        """A new key in a project, which is named ``account/project``. Raises BadInput."""
        sibling = next((one for one in self.keyring.keys if f"{one.account}/{one.project}" == project), None)
        if sibling is None:
            known = dict.fromkeys(f"{one.account}/{one.project}" for one in self.keyring.keys)
            raise BadInput("no such project", place="project", value=repr(project), hint=f"one of {', '.join(known)}")
        if unknown := [team for team in teams if team not in self.teams]:
            raise BadInput(
                "no such team", place="teams", value=repr(unknown[0]), hint=f"one of {', '.join(self.teams)}"
            )
        full = f"{project}/{name}"
        if full in self.keyring.names():
            raise BadInput("there is a key of this name", place="name", value=repr(full), hint="choose another name")
        made = self.keyring.create(self.decisions.add_key(sibling.number), full, teams)
        self.journal.event({"event": "key.created", "project": project, "name": name, "teams": teams})
        return made

    def rotate_key(self, name: str, grace: int) -> KeyRecord:
        """Give a key a new secret; the old one works for ``grace`` ns of virtual time. Raises BadInput."""
        now = self.clock.now()
        key_ = self.keyring.rotate(name, now, grace)
        self.journal.event({"event": "key.rotated", "name": name, "at_ns": now, "grace_ns": grace})
        return key_

    def revoke_key(self, name: str) -> KeyRecord:
        """Let a key open nothing any more. Raises BadInput."""
        key_ = self.keyring.revoke(name)
        self.journal.event({"event": "key.revoked", "name": name})
        return key_

    # Restart

    def _resume(self) -> None:
        """Take up what an earlier run logged: time goes on, spend stands, revoked keys stay revoked."""
        self.clock.start(int(self.journal.head["epoch_ns"]))
        begun: dict[str, Row] = {}
        for said in lines(self.journal.path):
            event = said.pop("event", None)
            if "request_id" not in said:
                self._redo(str(event), said)
                continue
            row = Row(**said)
            if event == "begun":
                begun[row.request_id] = row
            else:
                begun.pop(row.request_id, None)
                self._restore(row)
        for row in begun.values():
            self.record(row._replace(status=UNFINISHED, end_ns=-1))

    def _restore(self, row: Row) -> None:
        self.tally.add(row)
        if row.cost_microusd:
            number = next((one.number for one in self.keyring.keys if one.name == row.key), None)
            if number is not None:
                self.decisions.restore(number, row.cost_microusd, row.end_ns)

    def _redo(self, event: str, said: Mapping[str, Any]) -> None:
        if event == "budgets.advanced":
            self._advance(said["at_ns"])
        elif event == "key.created":
            sibling = next(one for one in self.keyring.keys if f"{one.account}/{one.project}" == said["project"])
            number = self.decisions.add_key(sibling.number)
            self.keyring.create(number, f"{said['project']}/{said['name']}", said["teams"])
        elif event == "key.rotated":
            self.keyring.rotate(said["name"], said["at_ns"], said["grace_ns"])
        elif event == "key.revoked":
            self.keyring.revoke(said["name"])

    def created(self, name: str) -> int:
        """When a model was published, unix seconds: the date of its catalogue entry, or the server's start."""
        from datetime import UTC, datetime

        if name not in catalogue_names():
            return self.clock.epoch // 1_000_000_000
        parts = [int(part) for part in catalogue_model(name).date.split("-")]
        year, month, day = (*parts, 1, 1)[:3]
        return int(datetime(year, month, day, tzinfo=UTC).timestamp())
