"""The command as a user runs it, killed and started again: nothing that was answered is lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.emulator.server import SCENARIO, VERSION, message

ROOT = Path(__file__).parents[2]
FAST = SCENARIO.replace("requests: 6000/min", "requests: 6M/min").replace("per_token: 2ms", "per_token: 0ms")


@contextmanager
def command(folder: Path, *more: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """``keystorm serve --json`` in a process of its own, killed at the end."""
    (folder / "desk.yaml").write_text(FAST, "utf-8")
    words = [
        sys.executable,
        "-m",
        "sim",
        "serve",
        str(folder / "desk.yaml"),
        "--port",
        "0",
        "--json",
        "--data",
        str(folder / "data"),
        *more,
    ]
    running = subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, env={**os.environ, **environment}
    )
    assert running.stdout is not None and running.stderr is not None
    try:
        line = running.stdout.readline()
        assert line, running.stderr.read()
        yield running, json.loads(line)
    finally:
        running.kill()
        running.wait(20)
        running.stdout.close()
        running.stderr.close()


def secret_of(told: dict[str, Any], project: str = "data") -> str:
    return next(str(key["secret"]) for key in told["keys"] if key["project"] == project)


def ids(told: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    after = ""
    while True:
        page = httpx.get(f"{told['audit_log']}?limit=10000{after}", trust_env=False, timeout=30).json()
        found += page["data"]
        if not page["has_more"]:
            return found
        after = f"&after={page['last_id']}"


def hammer(told: dict[str, Any], seen: list[str], stop: threading.Event) -> None:
    """Ask until the server is gone; keep the numbers of the answers that came whole."""
    headers = {"x-api-key": secret_of(told), **VERSION}
    with httpx.Client(headers=headers, trust_env=False, timeout=10) as client:
        while not stop.is_set():
            try:
                answer = client.post(f"{told['anthropic_base_url']}/v1/messages", json=message())
            except httpx.TransportError:
                return
            seen.append(answer.headers["request-id"])


def test_killed_and_started_again_the_log_has_every_answer(tmp_path: Path) -> None:
    seen: list[list[str]] = [[] for _ in range(8)]
    stop = threading.Event()
    with command(tmp_path) as (running, told):
        threads = [threading.Thread(target=hammer, args=(told, one, stop)) for one in seen]
        for thread in threads:
            thread.start()
        time.sleep(1.5)
        running.send_signal(signal.SIGKILL)
        for thread in threads:
            thread.join(30)
        stop.set()
    answered = {one for part in seen for one in part}
    assert len(answered) > 20
    with command(tmp_path) as (_, again):
        rows = ids(again)
        assert answered <= {row["request_id"] for row in rows}
        assert len(rows) <= len(answered) + len(seen), "at most what was on its way to each client"
        state = httpx.get(again["state"], trust_env=False).json()
        assert state["requests"]["answered"] == len(rows)
        assert state["clock"]["virtual_ns"] > 1.5e9, "time went on"


def test_a_restart_keeps_spend_keys_and_what_a_stream_had_begun(tmp_path: Path) -> None:
    with command(tmp_path) as (running, told):
        base, shop = told["anthropic_base_url"], {"x-api-key": secret_of(told, "storefront"), **VERSION}
        assert httpx.post(f"{base}/v1/messages", json=message(), headers=shop, trust_env=False).status_code == 200
        httpx.post(f"{base}/keystorm/keys/revoke", json={"name": "acme/data/default"}, trust_env=False)
        new = httpx.post(f"{base}/keystorm/keys", json={"project": "acme/storefront", "name": "b"}, trust_env=False)
        httpx.post(f"{base}/keystorm/faults", json={"freeze": {"after_tokens": 1}}, trust_env=False)
        spent = httpx.get(told["state"], trust_env=False).json()["spend"][0]["spent_usd"]
        with httpx.stream(
            "POST", f"{base}/v1/messages", json=message(stream=True), headers=shop, trust_env=False
        ) as one:
            parts = one.iter_bytes()
            next(parts)
            running.send_signal(signal.SIGKILL)
            with pytest.raises(httpx.TransportError):
                list(parts)
    with command(tmp_path) as (_, again):
        assert again["anthropic_base_url"] and secret_of(again, "storefront") == shop["x-api-key"]
        state = httpx.get(again["state"], trust_env=False).json()
        assert state["spend"][0]["spent_usd"] == spent > 0
        keys = {key["name"]: key for key in state["keys"]}
        assert keys["acme/data/default"]["revoked"] and keys["acme/storefront/b"]["secret"] == new.json()["secret"]
        assert [row["status"] for row in ids(again)] == [200, -1], "begun, and cut by the server's end"


def test_a_torn_last_line_is_cut(tmp_path: Path) -> None:
    with command(tmp_path) as (_, told):
        headers = {"x-api-key": secret_of(told), **VERSION}
        httpx.post(f"{told['anthropic_base_url']}/v1/messages", json=message(), headers=headers, trust_env=False)
    log = tmp_path / "data" / "audit.jsonl"
    whole = log.read_bytes()
    log.write_bytes(whole + b'{"api":"mess')
    with command(tmp_path) as (_, told):
        assert len(ids(told)) == 1
    assert log.read_bytes() == whole


def failed(folder: Path, *more: str, **environment: str) -> str:
    """The message of a command that ends with 2."""
    words = [
        sys.executable,
        "-m",
        "sim",
        "serve",
        str(folder / "desk.yaml"),
        "--port",
        "0",
        "--data",
        str(folder / "data"),
        *more,
    ]
    done = subprocess.run(
        words, capture_output=True, text=True, cwd=ROOT, env={**os.environ, **environment}, timeout=60, check=False
    )
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    return done.stderr


def test_a_log_has_one_server_and_one_scenario(tmp_path: Path) -> None:
    with command(tmp_path):
        assert "another server writes this log" in failed(tmp_path)
    (tmp_path / "desk.yaml").write_text(FAST.replace("duration: 1h", "duration: 2h"), "utf-8")
    assert "--fresh" in failed(tmp_path)
    (tmp_path / "desk.yaml").write_text(FAST, "utf-8")
    assert "configuration" in failed(tmp_path, "--configuration", "shared")
    with command(tmp_path, "--configuration", "shared", "--fresh"):
        assert (tmp_path / "data" / "audit-1.jsonl").exists()


def test_what_cannot_be_served_is_told(tmp_path: Path) -> None:
    (tmp_path / "desk.yaml").write_text(FAST, "utf-8")
    assert "KEYSTORM_CONTROL_TOKEN" in failed(tmp_path, "--host", "0.0.0.0")
    assert 'did you mean "mine"' in failed(tmp_path, "--configuration", "mime")
    assert "--allow-remote-webhooks" in failed(tmp_path, "--webhook", "http://example.com/hook")
    assert "0.001 to 1000" in failed(tmp_path, "--speed", "0")
    with command(tmp_path) as (_, told):
        port = str(told["anthropic_base_url"].rpartition(":")[2])
        assert "choose another --port" in failed(tmp_path, "--port", port)


def test_secrets_are_in_no_file(tmp_path: Path) -> None:
    with command(tmp_path, KEYSTORM_CONTROL_TOKEN="let-me-in") as (_, told):
        headers = {"x-api-key": secret_of(told), **VERSION}
        httpx.post(f"{told['anthropic_base_url']}/v1/messages", json=message(), headers=headers, trust_env=False)
        allowed = {"authorization": "Bearer let-me-in"}
        answer = httpx.post(
            f"{told['anthropic_base_url']}/keystorm/keys/rotate",
            json={"name": "acme/data/default"},
            headers=allowed,
            trust_env=False,
        )
        assert answer.status_code == 200
    written = b"".join(path.read_bytes() for path in (tmp_path / "data").iterdir())
    assert b"req" in written and b"ks-test-" not in written and b"let-me-in" not in written


def test_an_interrupt_ends_it_quietly(tmp_path: Path) -> None:
    with command(tmp_path) as (running, _):
        running.send_signal(signal.SIGINT)
        assert running.wait(20) == 130
        assert running.stderr is not None and "Traceback" not in running.stderr.read()
