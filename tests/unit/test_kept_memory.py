"""Memory of one run is there for the next: pages are not touched for the first time again and again."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
import numpy as np
from sim.engine.compiled_engine import _keep_freed_memory

def run():
    columns = [np.ones(40_000) for _ in range(40)]  # 13 MB, freed at the end

if "keep" in sys.argv:
    _keep_freed_memory()
for _ in range(3):
    run()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    run()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(*words: str) -> int:
    """Pages touched for the first time by ten runs."""
    told = subprocess.run([sys.executable, "-c", FAULTS, *words], capture_output=True, text=True, check=True)
    return int(told.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="how glibc frees memory")
def test_what_one_run_freed_the_next_one_uses() -> None:
    assert faults() > 10_000, "without it each run's 3,000 pages are new"
    assert faults("keep") < 300
