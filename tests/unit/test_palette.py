"""The palette survives colour-blindness and grey print: computed, not looked at.

sRGB → linear → (simulated dichromacy, Machado et al. 2009, severity 1) → CIE L*a*b* (D65).
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from sim.report import style

XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
SIGHT = {
    "full": np.eye(3),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
GROUNDS = {"light": 0, "dark": 1}
APART = {"full": 20, "deuteranopia": 20, "protanopia": 20, "tritanopia": 12}
"""CIE76 distances; tritanopia is a thousand times rarer than the others and has its own bound."""


def linear(colour: str) -> np.ndarray:
    values = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def lab(colour: str, sight: str = "full") -> np.ndarray:
    seen = XYZ @ np.clip(SIGHT[sight] @ linear(colour), 0, 1) / XYZ.sum(axis=1)
    f = np.where(seen > 216 / 24389, np.cbrt(seen), (24389 / 27 * seen + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def contrast(one: str, two: str) -> float:
    light, dark = sorted((float(XYZ[1] @ linear(colour)) for colour in (one, two)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def closest(colours: list[str], sight: str) -> float:
    return min(float(np.linalg.norm(lab(a, sight) - lab(b, sight))) for a, b in itertools.combinations(colours, 2))


def smallest_step(colours: list[str]) -> float:
    return float(np.diff(np.sort([lab(colour)[0] for colour in colours])).min())


def palette(prefix: str, ground: str) -> list[str]:
    return [pair[GROUNDS[ground]] for name, pair in style.TOKENS.items() if name.startswith(prefix)]


def test_the_measure_knows_black_white_and_confusable_colours():
    assert lab("#ffffff") == pytest.approx([100, 0, 0], abs=0.02)
    assert lab("#000000") == pytest.approx([0, 0, 0], abs=0.02)
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    confusable = ["#8b7a00", "#c44f2c"]
    assert closest(confusable, "full") > 2 * closest(confusable, "deuteranopia")


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("ground", GROUNDS)
def test_teams_stay_apart(ground, sight):
    assert closest(palette("team-", ground), sight) > APART[sight]


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("ground", GROUNDS)
def test_no_team_looks_like_the_rest_or_like_an_outcome(ground, sight):
    for colour in palette("team-", ground):
        assert closest([colour, style.TOKENS["rest"][GROUNDS[ground]]], sight) > 10
        if sight == "full":
            assert all(closest([colour, other], sight) > 14 for other in palette("outcome-", ground))


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("ground", GROUNDS)
def test_better_and_worse_stay_apart(ground, sight):
    assert closest([style.PAGE[name][GROUNDS[ground]] for name in ("good", "bad")], sight) > 20


@pytest.mark.parametrize("ground", GROUNDS)
def test_teams_differ_in_grey(ground):
    assert smallest_step(palette("team-", ground)) > 2.2


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("ground", GROUNDS)
def test_outcomes_stay_apart(ground, sight):
    assert closest(palette("outcome-", ground), sight) > 20


@pytest.mark.parametrize("ground", GROUNDS)
def test_outcomes_differ_clearly_in_grey(ground):
    assert smallest_step(palette("outcome-", ground)) > 9


@pytest.mark.parametrize("ground", GROUNDS)
def test_the_heat_ramp_is_monotonous_and_its_numbers_are_legible(ground):
    ramp, at = palette("ramp-", ground), GROUNDS[ground]
    steps = np.diff([lab(colour)[0] for colour in ramp])
    assert (steps < -1).all() if ground == "light" else (steps > 1).all()
    for place, colour in enumerate(ramp):
        name = style.TOKEN_OF[style.ink_on(place / 10)]
        assert contrast(style.TOKENS[name][at], colour) >= 4.5, (place, colour)


@pytest.mark.parametrize("ground", GROUNDS)
def test_text_and_marks_stand_out_from_the_ground(ground):
    at = GROUNDS[ground]
    surface = style.TOKENS["surface"][at]
    assert contrast(style.TOKENS["ink"][at], surface) > 12
    assert contrast(style.TOKENS["muted"][at], surface) >= 4.5
    for colour in [*palette("team-", ground), style.TOKENS["rest"][at]]:
        assert contrast(colour, surface) >= 3, colour
    for name in ("good", "bad", "link"):
        assert min(contrast(style.PAGE[name][at], ground) for ground in (surface, style.TOKENS["card"][at])) >= 4.5
    for text in (style.TOKENS["ink"][at], style.PAGE["link"][at]):
        assert contrast(text, style.PAGE["warn"][at]) >= 4.5


def test_light_values_name_their_token_without_doubt():
    assert len(style.TOKEN_OF) == len(style.TOKENS)


def test_drawing_gives_the_callers_settings_back():
    import matplotlib

    with matplotlib.rc_context({"font.size": 33.0}):
        with style.drawing():
            assert matplotlib.rcParams["svg.fonttype"] == "none"
            assert matplotlib.rcParams["font.size"] == style.TEXT
        assert matplotlib.rcParams["font.size"] == 33.0
