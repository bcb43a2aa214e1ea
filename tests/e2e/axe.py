"""axe-core, an outside judge of accessibility: fetched by npm in the pinned version, checked, kept in ``build/``.

It is used in tests only and never committed. Where npm or its registry can't be had, tests that want it are skipped.
"""

from __future__ import annotations

import base64
import hashlib
import io
import shutil
import subprocess
import tarfile
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VERSION = "4.14.1"
SHA512 = "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="
KEPT = ROOT / "build" / "axe"
PATIENCE_S = 60


@cache
def source() -> str:
    """The script, from ``build/axe`` or from npm. Skips the test with a reason where neither has it."""
    pack = KEPT / f"axe-core-{VERSION}.tgz"
    if not pack.exists():
        _fetch()
    content = pack.read_bytes()
    found = base64.b64encode(hashlib.sha512(content).digest()).decode()
    assert found == SHA512, f"{pack.name} is not the pinned one: sha512 {found}"
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        file = archive.extractfile("package/axe.min.js")
        assert file is not None
        return file.read().decode("utf-8")


def _fetch() -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("no npm here to get axe-core with")
    KEPT.mkdir(parents=True, exist_ok=True)
    command = [npm, "pack", f"axe-core@{VERSION}", "--pack-destination", str(KEPT), "--silent"]
    try:
        done = subprocess.run(command, cwd=KEPT, capture_output=True, text=True, timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        pytest.skip("npm does not answer: axe-core can't be had")
    if done.returncode:
        pytest.skip(f"npm can't get axe-core: {done.stderr.strip().splitlines()[-1:]}")
