"""LiteLLM's spend logs straight from PostgreSQL: a real server on the loopback interface, where one is installed."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sim.cli.main import main
from sim.errors import BadInput
from sim.workload.importers import IMPORTERS
from sim.workload.importers.base import Reading, Request
from sim.workload.importers.database import Database, without_secrets

psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed: keystorm[postgres]")
PASSWORD = "hush-hush"
TABLE = """CREATE TABLE "LiteLLM_SpendLogs" (
  request_id TEXT PRIMARY KEY, call_type TEXT NOT NULL, api_key TEXT NOT NULL DEFAULT '', spend FLOAT NOT NULL,
  total_tokens INT NOT NULL, prompt_tokens INT NOT NULL, completion_tokens INT NOT NULL,
  "startTime" TIMESTAMP(3) NOT NULL, "endTime" TIMESTAMP(3) NOT NULL, "completionStartTime" TIMESTAMP(3),
  request_duration_ms INT, model TEXT NOT NULL, model_group TEXT, custom_llm_provider TEXT, "user" TEXT,
  metadata JSONB, cache_hit TEXT, request_tags JSONB, team_id TEXT, organization_id TEXT, end_user TEXT,
  session_id TEXT, status TEXT, messages JSONB, response JSONB)"""
ROW = """INSERT INTO "LiteLLM_SpendLogs" (request_id, call_type, api_key, spend, total_tokens, prompt_tokens,
  completion_tokens, "startTime", "endTime", model, metadata, team_id, end_user, status, messages)
  SELECT 'r' || n, 'acompletion', 'hash', 0.25, 110, 100, 10,
  TIMESTAMP '2026-11-16 18:17:03.979' + n * INTERVAL '1 second',
  TIMESTAMP '2026-11-16 18:17:05' + n * INTERVAL '1 second', 'claude-sonnet-4-5',
  '{"usage_object": {"cache_read_input_tokens": 40}}', CASE WHEN n % 3 = 0 THEN 'a' ELSE 'b' END, 'jo@example.com',
  'success', '{"content": "What is my salary?"}' FROM generate_series(1, 12000) AS n"""


def _tools() -> Path:
    """The folder of initdb and postgres."""
    found = [Path(each).resolve().parent for each in (shutil.which("initdb"), shutil.which("postgres")) if each]
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    for folder in found:
        if (folder / "initdb").exists() and (folder / "pg_ctl").exists():
            return folder
    pytest.skip("PostgreSQL's initdb and pg_ctl are not installed")


def _owner() -> str | None:
    """Somebody else than root, as which PostgreSQL refuses to run."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    pytest.skip("PostgreSQL does not run as root, and there is no other user")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of its own with the table in it."""
    tools, owner = _tools(), _owner()
    folder = tmp_path_factory.mktemp("postgres")
    if owner is not None:
        for each in (folder, *folder.parents[:2]):
            each.chmod(0o755)
        shutil.chown(folder, owner)

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(words, capture_output=True, text=True, user=owner, cwd=folder, check=False)

    (folder / "secret").write_text(PASSWORD)
    (folder / "secret").chmod(0o644)
    data = str(folder / "data")
    made = run(
        str(tools / "initdb"), "-D", data, "-U", "gatekeeper", "--pwfile", str(folder / "secret"), "-A", "scram-sha-256"
    )
    if made.returncode:
        pytest.skip(f"PostgreSQL can't be set up here: {made.stderr[-200:]}")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
    started = run(str(tools / "pg_ctl"), "-D", data, "-o", options, "-l", str(folder / "log"), "-w", "start")
    if started.returncode:
        pytest.skip(f"PostgreSQL can't be started here: {started.stdout[-200:]}")
    try:
        found = f"postgresql://gatekeeper:{PASSWORD}@127.0.0.1:{port}/postgres"
        with psycopg.connect(found) as connection:
            connection.execute(TABLE)
            connection.execute(ROW)
        yield found
    finally:
        run(str(tools / "pg_ctl"), "-D", data, "-m", "immediate", "stop")


def test_the_table_is_imported_by_its_address(address: str, tmp_path: Path, capsys: Any) -> None:
    assert main(["import", address, "--out", str(tmp_path / "out"), "--json"]) == 0
    told = capsys.readouterr()
    summary = json.loads(told.out)
    assert (summary["format"], summary["rows_read"], summary["rows_rejected"]) == ("litellm", 12_000, 0)
    assert summary["teams"] == ["b", "a"]
    assert summary["total"]["tokens"] == {
        "input": 1_200_000,
        "cache_read": 480_000,
        "cache_creation": 0,
        "output": 120_000,
    }
    assert summary["total"]["cost"]["recorded_usd"] == 3000
    assert summary["start"] == "2026-11-16T18:17:04.979000Z"
    for secret in (PASSWORD, "jo@example.com", "salary", "gatekeeper"):
        assert secret not in told.out + told.err
        for path in (tmp_path / "out").rglob("*"):
            assert path.is_dir() or secret.encode() not in path.read_bytes(), path


def test_rows_are_those_of_the_file_formats(address: str) -> None:
    first = next(iter(IMPORTERS["litellm"].read(Database(address), Reading())))
    assert isinstance(first, Request)
    assert (first.identity, first.start_ns, first.duration_ns) == ("r1", 1_794_853_024_979_000_000, 1_021_000_000)
    assert (first.input_tokens, first.cache_read, first.cost, first.who.team) == (100, 40, 250_000, "b")


def test_what_goes_wrong_is_told_without_the_password(address: str, tmp_path: Path, capsys: Any) -> None:
    for wrong in (address.replace(PASSWORD, "guess-work"), address.rsplit("/", 1)[0] + "/nowhere"):
        assert main(["import", wrong, "--out", str(tmp_path / "out")]) == 2
        said = capsys.readouterr().err
        assert "can't read this database" in said
        assert PASSWORD not in said
        assert "guess-work" not in said
    assert not (tmp_path / "out").exists()


def test_another_format_does_not_come_from_a_database(address: str) -> None:
    with pytest.raises(BadInput, match="does not come from a database"):
        list(IMPORTERS["otel"].read(Database(address), Reading()))
    assert without_secrets("postgres://u:p@h/d?sslkey=x") == "postgresql://h/d"
