"""Fits of the public traces are refused as the traces are, at three limits, to within a tenth."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.scenario.loader import load_text
from sim.study.fitting.fit import fit_log
from sim.study.fitting.log import read_log
from sim.study.fitting.types import Fitted, Options
from sim.study.importing.options import Options as Reading
from sim.study.importing.run import import_logs
from sim.study.progress import Silent
from sim.units import SECOND

pytestmark = pytest.mark.data

TOLERANCE = 0.1


def fitted(log: str, reading: Reading, replications: int, folder: Path) -> Fitted:
    import_logs([log], reading, folder / "log", Silent())
    return fit_log(read_log(folder / "log"), Options(replications=replications))


def agrees(found: Fitted) -> None:
    tests = [test for test in found.total() if test.dimension == "requests"]
    assert len(tests) == 3
    assert all(0.04 < test.log < 0.45 for test in tests)
    errors = {test.limit: round(test.error, 3) for test in tests}
    assert all(abs(error) <= TOLERANCE for error in errors.values()), errors


def test_azure_code(shared_data: Path, tmp_path: Path) -> None:
    found = fitted(str(shared_data / "azure_llm_2023_code.csv.gz"), Reading(), 12, tmp_path)
    agrees(found)
    (stream,) = found.streams
    assert stream.chosen.shape == "steps", "no renewal process alone has these refusals"
    assert stream.fitted is not None
    for scale in ("1s", "1min"):
        assert stream.fitted.dispersion[scale] == pytest.approx(stream.log.dispersion[scale], rel=0.25)
    for size in (stream.input, stream.output):
        assert size.kind == "quantiles"
        assert size.fitted["mean"] == pytest.approx(size.log["mean"], rel=0.03)
    assert load_text(found.text, Path("azure.yaml")).scenario == found.loaded.scenario


@pytest.mark.parametrize(("pool", "seconds"), [("deepseek_r1", 2400), ("m_small", 60)])
def test_servegen(pool: str, seconds: int, shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shared_data)
    reading = Reading(tokens=f"servegen_{pool}_client_tokens.csv.gz", window=(0, seconds * SECOND))
    found = fitted(f"servegen_{pool}_client_rates.csv.gz", reading, 8, tmp_path)
    agrees(found)
    assert any("drawn or assumed" in note for note in found.notes)
