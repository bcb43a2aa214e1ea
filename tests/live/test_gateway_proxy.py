"""What is written for the proxy, what it is started with, and that it is ended."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import httpx
import pytest

from sim.errors import BadInput, RunInvalid
from sim.scenario.loader import load_text
from sim.study.gateway import config, probes
from sim.study.gateway.keys import GatewayKey
from sim.study.gateway.proxy import executable, proxy
from sim.study.gateway.run import overhead, read_log
from tests.live.test_live_command import SCENARIO

KEY = GatewayKey("shared-shop", "shared", "KEYSTORM_GATEWAY_KEY_0_0", {"rpm_limit": 9})


def test_the_configuration_has_prices_and_no_retries_and_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    scenario = load_text(SCENARIO, Path("desk.yaml")).scenario
    held = config.fresh_secrets([KEY])
    path = config.write(tmp_path, scenario, config.deployments(scenario, ("fast",), probes.DEPLOYMENTS), [KEY])
    around = config.environment({"A": "b", "DATABASE_URL": "x"}, Path(), held, ("http://127.0.0.1:9", "up-secret"), 10)
    said = json.loads(path.read_text())
    assert [one["model_name"] for one in said["model_list"]] == ["fast", *probes.DEPLOYMENTS]
    assert {one["litellm_params"]["model"] for one in said["model_list"]} == {"anthropic/fast"}
    price = said["model_list"][0]["model_info"]
    assert (price["input_cost_per_token"], price["output_cost_per_token"]) == pytest.approx((3e-6, 15e-6))
    assert said["router_settings"]["num_retries"] == said["litellm_settings"]["num_retries"] == 0
    assert said["general_settings"]["custom_auth"] == f"{config.MODULE}.authenticate"
    assert (tmp_path / f"{config.MODULE}.py").read_bytes() == config.HOOK.read_bytes()
    secrets = {*held.values(), around[config.MASTER], around[config.UPSTREAM_KEY]}
    assert len(secrets) == 3
    assert all(secret.startswith("sk-ks-test-") for secret in held.values())
    written = "".join(one.read_text() for one in tmp_path.iterdir())
    assert not any(secret in written for secret in secrets)
    assert (around["A"], around["LITELLM_RATE_LIMIT_WINDOW_SIZE"], around["LITELLM_LOCAL_MODEL_COST_MAP"]) == (
        "b",
        "10",
        "True",
    )
    assert "DATABASE_URL" not in around, "a database that happens to be there is not the proxy's"
    assert all(Path(around[name]).is_absolute() for name in (config.KEYS_VARIABLE, config.LOG_VARIABLE))
    assert json.loads(Path(around[config.KEYS_VARIABLE]).read_text()) == [KEY.told()]


def stand_in(folder: Path, text: str) -> Path:
    """A program that is started as LiteLLM would be."""
    path = folder / "litellm"
    path.write_text(f"#!{sys.executable}\nimport os, sys\nport = int(sys.argv[sys.argv.index('--port') + 1])\n{text}\n")
    path.chmod(0o755)
    return path


SERVES = """
from http.server import BaseHTTPRequestHandler, HTTPServer
class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/health/liveliness" else 404)
        self.send_header("content-length", "0")
        self.end_headers()
HTTPServer(("127.0.0.1", port), Answer).serve_forever()
"""


def test_a_proxy_is_waited_for_and_ended_by_its_id(tmp_path: Path) -> None:
    command = stand_in(tmp_path, SERVES)
    (tmp_path / "config.yaml").touch()
    with proxy(command, tmp_path / "config.yaml", os.environ) as running:
        assert httpx.get(f"{running.url}/health/liveliness", trust_env=False).status_code == 200
        os.kill(running.pid, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(running.pid, 0)


def test_one_that_does_not_start_says_why_without_secrets(tmp_path: Path) -> None:
    command = stand_in(tmp_path, "print('no good key: ' + os.environ['KEYSTORM_GATEWAY_MASTER']); sys.exit(3)")
    (tmp_path / "config.yaml").touch()
    environment = {**os.environ, "KEYSTORM_GATEWAY_MASTER": "sk-ks-test-0123456789abcdef"}
    with pytest.raises(RunInvalid, match=r"ended with 3: no good key: \[key") as raised:  # noqa: SIM117
        with proxy(command, tmp_path / "config.yaml", environment):
            pass
    assert "0123456789abcdef" not in str(raised.value)


def test_litellm_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BadInput, match="make live-litellm"):
        executable(None)
    with pytest.raises(BadInput, match="no LiteLLM to start"):
        executable(tmp_path / "absent")
    found = stand_in(tmp_path, "")
    assert executable(None) == found == executable(Path("litellm"))


def test_the_spend_log_is_read_back(tmp_path: Path) -> None:
    assert read_log(tmp_path / "absent") == []
    sample = Path(__file__).parents[1] / "unit" / "litellm_spend_logs.jsonl"
    rows = read_log(sample)
    assert {row["metadata"]["user_api_key_alias"] for row in rows} >= {"shared-shared", "probe-budget"}
    p50, p95 = overhead(rows)
    assert 0 < p50 <= p95
