"""The audit log of a study: what the result tables don't say, from its scenario and its configurations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sim.catalogue import retry_preset
from sim.engine.world import Setting
from sim.results.audit import Facts, audit_table
from sim.scenario.clients import Client
from sim.scenario.schema import Scenario
from sim.scenario.topology import key_name
from sim.units import epoch_ns

if TYPE_CHECKING:
    import pandas as pd

SPELLED_OUT = "custom-client"
"""The user agent of a client whose retry policy is no preset."""


def facts_of(scenario: Scenario, settings: Sequence[Setting]) -> Facts:
    """Keys and user agents of every configuration."""
    return Facts(
        epoch_ns(scenario.start),
        scenario.audit.retention,
        {key_name(path): (path[0].name, path[1].name) for one in settings for path in one.topology.paths()},
        {
            (one.name, team): user_agent(one.topology.client_of(scenario.teams[team].client))
            for one in settings
            for team in one.teams
        },
    )


def user_agent(client: Client) -> str:
    """What a client calls itself: by its preset, and the same word for every policy that is spelled out."""
    return (retry_preset(client.retry).user_agent if isinstance(client.retry, str) else "") or SPELLED_OUT


def audit_of(
    scenario: Scenario, settings: Sequence[Setting], requests: pd.DataFrame, attempts: pd.DataFrame
) -> pd.DataFrame:
    """The audit log of a study's two tables."""
    return audit_table(requests, attempts, facts_of(scenario, settings))
