"""What runs inside LiteLLM's own process: who a key is, and a line for each row of its spend log.

LiteLLM makes keys only in PostgreSQL. Without one a ``custom_auth`` hook says what a key may do, and nobody
books what it spends: so the booking that a proxy with a database registers is registered here too, and
each row that it would insert into LiteLLM_SpendLogs is written as a line of JSON instead. This file is
copied beside the proxy's configuration. It imports nothing of keystorm: it runs in LiteLLM's environment.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import litellm
from litellm.proxy._types import ProxyException, UserAPIKeyAuth
from litellm.proxy.hooks.proxy_track_cost_callback import ProxyDBLogger

KEYS_VARIABLE, LOG_VARIABLE = "KEYSTORM_GATEWAY_KEYS", "KEYSTORM_GATEWAY_LOG"
LEFT_OUT = ("messages", "response", "proxy_server_request", "requester_ip_address", "end_user", "user", "api_base")
"""Columns that say what was asked, or who asked from where."""
KEPT = ("user_api_key_alias", "user_api_key_team_id", "user_api_key_team_alias", "status", "error_information",
        "usage_object", "additional_usage_values", "attempted_retries", "max_retries", "attempted_fallbacks",
        "cost_breakdown", "litellm_overhead_time_ms")  # fmt: skip
"""What is kept of the metadata; the rest is tables of prices, and more of who asked from where."""


def _keys() -> dict[str, dict[str, Any]]:
    """Secret → what its key may do. Secrets are in the environment, the file only names their variables."""
    said = json.loads(Path(os.environ[KEYS_VARIABLE]).read_text("utf-8"))
    return {os.environ[one["variable"]]: one for one in said}


KEYS = _keys()
_booking: list[ProxyDBLogger] = []


async def authenticate(request: Any, api_key: str) -> UserAPIKeyAuth:
    """LiteLLM's ``custom_auth``: a known key with its limits. Raises ProxyException (401) for any other."""
    if not _booking:
        _book()
    found = KEYS.get(api_key)
    if found is None:
        raise ProxyException(message="no such key", type="auth_error", param="key", code=401)
    return UserAPIKeyAuth(api_key=api_key, key_alias=found["alias"], team_id=found["team"], **found["limits"])


def _book() -> None:
    """Register the booking of spend, as LiteLLM does at its start when it has a database."""
    from litellm.proxy.proxy_server import proxy_logging_obj

    _booking.append(ProxyDBLogger())
    litellm.logging_callback_manager.add_litellm_callback(_booking[0])
    litellm.logging_callback_manager.add_litellm_async_success_callback(_booking[0])
    writer, path = proxy_logging_obj.db_spend_update_writer, Path(os.environ[LOG_VARIABLE])
    insert = writer._record_spend_log

    async def record(*args: Any, **named: Any) -> Any:
        row = named.get("payload") or args[0]
        with path.open("a", encoding="utf-8") as log:
            log.write(json.dumps(kept(row), default=str) + "\n")
        return await insert(*args, **named)

    writer._record_spend_log = record


def kept(row: dict[str, Any]) -> dict[str, Any]:
    """A row without what was asked and who asked from where."""
    told = json.loads(row.get("metadata") or "{}")
    short = {name: told[name] for name in KEPT if told.get(name) is not None}
    error = short.get("error_information")
    if error:
        short["error_information"] = {name: error.get(name) for name in ("error_code", "error_class", "llm_provider")}
    found = {name: value for name, value in row.items() if name not in LEFT_OUT}
    return {**found, "metadata": json.dumps(short)}
