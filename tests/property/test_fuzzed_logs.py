"""Fuzzed logs: cut, with wrong bytes and broken packing; never a crash, never a silently lost row.

Over all formats about a hundred thousand mutations, at a fixed seed.
"""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from sim.errors import BadInput
from sim.study.importing.intake import Intake, LogFile
from sim.workload.importers import IMPORTERS, detect
from sim.workload.importers.base import Bucket, Importer, Item, Note, Refused, Request
from sim.workload.importers.labels import Labels
from sim.workload.importers.source import Source
from sim.workload.log.rows import Names
from sim.workload.log.spool import Spool
from tests.unit.importer_cases import MAPS, TABLES, example, items, reading

MUTATIONS = 6_700
"""For each of fifteen formats: 100,500 in all."""

PIECES = [
    b"\x00", b"\xff", b"\n", b"\r", b",", b'"', b"{", b"}", b"[", b"]", b":", b"\\", b"-", b"nan",
    b"Infinity", b"1e99999", b"9" * 30, b"\x1f\x8b", b";", b"\xef\xbb\xbf", b"\xff\xfe", b"null", b"true", b'"x"',
    b"\xed\xa0\x80", b"\t", b"0x1", b"\xe2\x89\xa4", b"2026-02-30", b"{}", b"[[", b'{"a":', b"1e-400", b"\x1a",
    b"0" * 5000,
]  # fmt: skip


def mutated(text: bytes, draws: np.random.Generator) -> bytes:
    """The text with 1 to 4 bytes or pieces replaced, inserted or removed; one in ten cut short."""
    for _ in range(draws.integers(1, 5)):
        at, size = draws.integers(0, len(text) + 1), draws.integers(0, 4)
        piece = PIECES[draws.integers(len(PIECES))] if draws.random() < 0.7 else bytes([draws.integers(256)])
        text = text[:at] + (b"" if draws.random() < 0.3 else piece) + text[at + size :]
    return text[: draws.integers(0, len(text) + 1)] if draws.random() < 0.1 else text


@pytest.mark.slow
@pytest.mark.parametrize("name", list(IMPORTERS))
def test_mutated_logs_never_crash_and_never_lose_a_row(name: str, tmp_path: Path) -> None:
    draws, importer = np.random.default_rng(35), IMPORTERS[name]
    text = example(importer, tmp_path)
    rows = len([line for line in text.splitlines() if line.strip()])
    read = 0
    for number in range(MUTATIONS if name not in TABLES else 500):
        content = mutated(text, draws)
        path = tmp_path / f"log{number}"  # a new file each time: truncating an old one waits for the disk
        path.write_bytes(gzip.compress(content, 1) if number % 50 == 0 else content)
        try:
            found = [item for item in items(importer, tmp_path, path.name) if not isinstance(item, Note)]
        except BadInput:
            continue
        finally:
            path.unlink()
        read += 1
        for item in found:
            if isinstance(item, Refused):
                assert item.error.problem.message
            if isinstance(item, Request | Bucket):
                assert 0 <= item.cache_read + item.cache_write <= item.input_tokens
                assert 0 <= item.start_ns < 2**63
        assert len(found) <= rows * 40
    assert read > (100 if name not in TABLES else 0)


@pytest.mark.parametrize("name", list(IMPORTERS))
def test_what_is_taken_in_adds_up(name: str, tmp_path: Path) -> None:
    """Through sorting and the search for duplicates: rows read = rows kept + rows rejected by reason."""
    draws, importer = np.random.default_rng(36), IMPORTERS[name]
    text = example(importer, tmp_path)
    for number in range(60):
        path = tmp_path / f"log{number}"
        path.write_bytes(text + mutated(text, draws) if name not in TABLES else text)
        with Spool(tmp_path) as spool:
            intake = Intake(spool, Labels(b"salt"), Names(), 2000, 2)
            try:
                intake.take(LogFile("log", name, ""), importer.read(Source(tmp_path, path.name), reading(importer)))
            except BadInput:
                continue
            dropped = spool.duplicates()
            intake.repeated = len(dropped)
            written = sum(len(part) for part in spool.merged(dropped))
        assert written + len(dropped) == len(spool)
        rows = sum(isinstance(item, Request) for item in items(importer, tmp_path, path.name))
        sums = intake.read - rows - sum(file.rejected.total() for file in intake.files)
        assert intake.read == len(items_but_notes(importer, tmp_path, path.name))
        if not intake.buckets:
            # Every row is a request that was written, a sum or a rate, or counted with its reason.
            assert intake.read == written + sums + intake.rejected.total()


def items_but_notes(importer: Importer, folder: Path, file: str) -> list[Item]:
    return [item for item in items(importer, folder, file) if not isinstance(item, Note)]


@pytest.mark.parametrize("name", [name for name in IMPORTERS if name not in TABLES])
def test_a_broken_line_costs_that_line_only(name: str, tmp_path: Path) -> None:
    """Twenty copies of the rows, one byte of one of them wrong: the others are all there."""
    importer, draws = IMPORTERS[name], np.random.default_rng(7)
    if not importer.example.startswith('{"data') and not importer.example.startswith('{"object'):
        lines = importer.example.splitlines()
        head = lines[:1] if len(lines) == 4 else []
        body = lines[len(head) :]
        for _ in range(200):
            many = [*body] * 20 if name != "servegen" else body
            at = draws.integers(len(many))
            broken = bytearray(many[at].encode())
            broken[draws.integers(len(broken))] = draws.integers(0x21, 0x7F)
            if b'"' in broken and broken != many[at].encode() and name in CSV_WITH_QUOTES:
                continue  # an open quote may swallow what follows, and is told
            text = b"\n".join([*(line.encode() for line in head + many[:at]), bytes(broken),
                               *(line.encode() for line in many[at + 1 :])])  # fmt: skip
            (tmp_path / "log").write_bytes(text)
            found = [item for item in items(importer, tmp_path) if not isinstance(item, Note)]
            spans = 2 if name == "otel" else 1
            assert len(found) >= len(importer_rows(importer, tmp_path, head, many)) - spans


CSV_WITH_QUOTES = ("litellm", "helicone", "holysheep", "azure", "burstgpt", "generic", "anthropic-console", "servegen")


def importer_rows(importer: object, folder: Path, head: list[str], many: list[str]) -> list[object]:
    """The rows of the file before it was broken."""
    (folder / "whole").write_text("\n".join([*head, *many]), "utf-8")
    return [item for item in items(importer, folder, "whole") if not isinstance(item, Note)]  # type: ignore[arg-type]


def test_wrong_bytes_are_detected_or_refused_never_worse(tmp_path: Path) -> None:
    draws = np.random.default_rng(11)
    for size in (1, 3, 100, 5000):
        for _ in range(100):
            (tmp_path / "log").write_bytes(draws.bytes(size))
            for name in IMPORTERS:
                try:
                    detect(Source(tmp_path, "log"), IMPORTERS)
                    list(IMPORTERS[name].read(Source(tmp_path, "log"), reading(IMPORTERS[name])))
                except BadInput:
                    continue
    assert MAPS
