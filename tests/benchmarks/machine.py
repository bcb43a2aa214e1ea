"""The machine that was measured on, in words that name no host."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

from tests.benchmarks import by_c

PACKAGES = ("numpy", "numba", "llvmlite", "simpy", "ciw", "pandas")


def processor() -> str:
    """The processor's model, as the system tells it."""
    told = Path("/proc/cpuinfo")
    for line in told.read_text("utf-8").splitlines() if told.exists() else ():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def memory_gib() -> float:
    """Main memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def compiler() -> str:
    """The C compiler's own first line, without where it stands."""
    found = by_c.compiler()
    if found is None:
        return "no C compiler"
    told = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
    return told.splitlines()[0]


def _version(name: str) -> str:
    try:
        return f"{name} {importlib.metadata.version(name)}"
    except importlib.metadata.PackageNotFoundError:
        return f"no {name}"


def described() -> str:
    """One paragraph."""
    packages = ", ".join(map(_version, PACKAGES))
    return (
        f"{processor()}, {os.cpu_count()} cores, {memory_gib():.0f} GiB, {platform.system()}; "
        f"Python {platform.python_version()}, {packages}; {compiler()}."
    )
