"""The proxy's configuration as text: models with the scenario's prices, the hook, and no retries of its own."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile
from typing import Any

from sim.catalogue.resolve import resolve_model
from sim.scenario.schema import Scenario
from sim.study.gateway.keys import GatewayKey
from sim.units import MICRO

HOOK = Path(__file__).with_name("litellm_hook.py")
MODULE = "keystorm_litellm"
"""What the hook is called beside the configuration."""
KEYS_VARIABLE, LOG_VARIABLE = "KEYSTORM_GATEWAY_KEYS", "KEYSTORM_GATEWAY_LOG"
CONFIG, KEYS, LOG = "config.yaml", "keys.json", "spend-logs.jsonl"
UPSTREAM_URL, UPSTREAM_KEY, MASTER = "KEYSTORM_UPSTREAM_URL", "KEYSTORM_UPSTREAM_KEY", "KEYSTORM_GATEWAY_MASTER"


@dataclass(frozen=True)
class Deployment:
    """One model of the proxy: what clients call it, what the upstream calls it, and limits of its own."""

    name: str
    model: str
    limits: Mapping[str, int]


def deployments(scenario: Scenario, names: Sequence[str], probes: Iterable[str] = ()) -> list[Deployment]:
    """A deployment for each model of the scenario, and for each probe one more of the first model."""
    return [*(Deployment(name, name, {}) for name in names), *(Deployment(name, names[0], {}) for name in probes)]


def configuration(scenario: Scenario, deployed: Sequence[Deployment]) -> dict[str, Any]:
    """The configuration as data. Keys and addresses are names of environment variables.

    LiteLLM reads YAML; JSON is YAML too.
    """
    return {
        "model_list": [_model(scenario, one) for one in deployed],
        "general_settings": {
            "master_key": f"os.environ/{MASTER}", "custom_auth": f"{MODULE}.authenticate",
            "custom_auth_run_common_checks": True, "forward_client_headers_to_llm_api": True,
        },
        "router_settings": {"num_retries": 0, "optional_pre_call_checks": ["enforce_model_rate_limits"]},
        "litellm_settings": {"num_retries": 0, "telemetry": False, "drop_params": True},
    }  # fmt: skip


def _model(scenario: Scenario, one: Deployment) -> dict[str, Any]:
    price = resolve_model(scenario, one.model)
    return {
        "model_name": one.name,
        "litellm_params": {
            "model": f"anthropic/{one.model}", "api_base": f"os.environ/{UPSTREAM_URL}",
            "api_key": f"os.environ/{UPSTREAM_KEY}", **one.limits,
        },
        "model_info": {
            "input_cost_per_token": price.price_input / MICRO**2,
            "output_cost_per_token": price.price_output / MICRO**2,
            "cache_read_input_token_cost": price.price_cached_input / MICRO**2,
        },
    }  # fmt: skip


def write(folder: Path, scenario: Scenario, deployed: Sequence[Deployment], keys: Iterable[GatewayKey]) -> Path:
    """Write configuration, keys and hook into ``folder``; the configuration's path. No secret is in any of them."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / CONFIG
    path.write_text(json.dumps(configuration(scenario, deployed), indent=1) + "\n", "utf-8")
    (folder / KEYS).write_text(json.dumps([key.told() for key in keys], indent=1) + "\n", "utf-8")
    copyfile(HOOK, folder / f"{MODULE}.py")
    return path


def fresh_secrets(keys: Iterable[GatewayKey]) -> dict[str, str]:
    """A synthetic secret for each key's variable; LiteLLM hashes what begins with ``sk-`` before it logs it."""
    return {key.variable: f"sk-ks-test-{secrets.token_hex(12)}" for key in keys}


def environment(
    outer: Mapping[str, str], folder: Path, held: Mapping[str, str], upstream: tuple[str, str], window_s: int
) -> dict[str, str]:
    """The proxy's environment. ``held`` are secrets by variable, ``upstream`` is the URL and its key.

    The proxy works in a folder of its own, so paths are whole. It asks nobody for its table of prices, and is
    kept from a database and a cache that happen to be there.
    """
    kept = {name: value for name, value in outer.items() if name not in ("DATABASE_URL", "REDIS_URL", "REDIS_HOST")}
    return {
        **kept, **held, UPSTREAM_URL: upstream[0], UPSTREAM_KEY: upstream[1],
        MASTER: f"sk-ks-test-{secrets.token_hex(12)}", KEYS_VARIABLE: str(folder.resolve() / KEYS),
        LOG_VARIABLE: str(folder.resolve() / LOG), "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_RATE_LIMIT_WINDOW_SIZE": str(window_s), "LITELLM_LOG": "ERROR", "NO_COLOR": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip
