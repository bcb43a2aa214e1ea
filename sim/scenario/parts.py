"""The sound parts of a scenario, so that one mistake does not hide the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from sim.chaos.catalogue import FaultEntry
from sim.chaos.incidents import IncidentEntry
from sim.scenario.base import Duration, listed
from sim.scenario.clients import Client
from sim.scenario.finance import Finance
from sim.scenario.keys import Configuration, Ladder, SpelledOut
from sim.scenario.schema import Model, Provider, Scenario, Slo, SloText, Team
from sim.scenario.yaml_lines import Path


@dataclass(frozen=True)
class Parts:
    """What could be read; ``None`` stands for a part with mistakes of its own.

    ``teams`` are the entries as written. ``clients`` and ``models_asked`` (by workloads) stand by
    their path, so that those of a team with another mistake are known too. ``members`` says which
    teams each entry stands for: itself, or with ``split`` one a client; ``unread`` are entries
    whose clients are not known, because their trace can't be read.
    """

    duration: int | None
    provider: Provider | None
    models: Mapping[str, Model | None]
    teams: Mapping[str, Team | None]
    configurations: Mapping[str, Ladder | SpelledOut | None]
    clients: Mapping[Path, Client]
    models_asked: Mapping[Path, str]
    chaos: tuple[FaultEntry | None, ...]
    slos: tuple[Slo | None, ...]
    members: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unread: tuple[str, ...] = ()
    incidents: tuple[IncidentEntry | None, ...] = ()
    finance: Finance | None = None

    def is_team(self, name: str) -> bool:
        """Whether a team of this name exists, or may exist in a trace that can't be read."""
        return name in self.team_names or any(name.startswith(f"{entry}-") for entry in self.unread)

    @property
    def team_names(self) -> tuple[str, ...]:
        """Every team by its final name."""
        return tuple(name for entry in self.teams for name in self.members.get(entry, (entry,)))

    @property
    def sound_teams(self) -> dict[str, Team]:
        """The team entries without mistakes of their own."""
        return {name: team for name, team in self.teams.items() if team is not None}

    @property
    def sound_models(self) -> dict[str, Model]:
        """The model entries without mistakes of their own."""
        return {name: model for name, model in self.models.items() if model is not None}

    @property
    def sound_configurations(self) -> dict[str, Ladder | SpelledOut]:
        """The configurations without mistakes of their own."""
        return {name: one for name, one in self.configurations.items() if one is not None}


def of_scenario(scenario: Scenario) -> Parts:
    """The parts of a scenario that is sound as a whole."""
    clients: dict[Path, Client] = {("teams", name, "client"): team.client for name, team in scenario.teams.items()}
    for name, configuration in scenario.configurations.items():
        if configuration.client is not None:
            clients["configurations", name, "client"] = configuration.client
    asked: dict[Path, str] = {
        ("teams", name, "workload", at, "model"): workload.model
        for name, team in scenario.teams.items()
        for at, workload in enumerate(team.workload)
    }
    return Parts(
        scenario.duration, scenario.provider, scenario.models, scenario.teams,
        scenario.configurations, clients, asked, scenario.chaos, scenario.slos,
        incidents=scenario.incidents, finance=scenario.finance,
    )  # fmt: skip


def of_data(data: Mapping[str, Any]) -> Parts:
    """What can be read of a scenario that has mistakes."""
    return Parts(
        _read("duration", data.get("duration")),
        _read("provider", data.get("provider", {})),
        _each("model", data.get("models")),
        _each("team", data.get("teams")),
        _each("configuration", data.get("configurations")),
        dict(_clients(data)),
        dict(_models_asked(data)),
        tuple(_read("fault", entry) for entry in _items(data.get("chaos"))),
        tuple(_read("slo", entry) for entry in _items(data.get("slos"))),
        incidents=tuple(_read("incident", entry) for entry in _items(data.get("incidents"))),
        finance=_read("finance", data.get("finance")),
    )


def _clients(data: Mapping[str, Any]) -> Iterator[tuple[Path, Client]]:
    for section in ("teams", "configurations"):
        for name, entry in _entries(data.get(section)):
            client = _read("client", entry["client"]) if "client" in entry else None
            if client is not None:
                yield (section, name, "client"), client


def _models_asked(data: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    for name, entry in _entries(data.get("teams")):
        for at, workload in enumerate(_items(listed(entry.get("workload")))):
            if isinstance(workload, dict) and isinstance(workload.get("model"), str):
                yield ("teams", name, "workload", at, "model"), workload["model"]


def _entries(value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """The entries of a section that are mappings."""
    for name, entry in value.items() if isinstance(value, dict) else ():
        if isinstance(entry, dict):
            yield name, entry


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _each(kind: str, value: Any) -> dict[str, Any]:
    return {name: _read(kind, entry) for name, entry in value.items()} if isinstance(value, dict) else {}


@cache
def _adapters() -> dict[str, TypeAdapter[Any]]:
    kinds: dict[str, Any] = {
        "duration": Duration, "provider": Provider, "model": Model, "team": Team, "configuration": Configuration,
        "client": Client, "fault": FaultEntry, "slo": SloText,
        "incident": IncidentEntry, "finance": Finance,
    }  # fmt: skip
    return {name: TypeAdapter(kind) for name, kind in kinds.items()}


def _read(kind: str, value: Any) -> Any:
    try:
        return _adapters()[kind].validate_python(value)
    except ValidationError:
        return None
