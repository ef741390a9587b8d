"""Names of the measures: as many as there are, and the bands that each really looks at."""

from collections import Counter

import numpy as np
import pytest
from test_texture import BAND_STATISTICS, NEEDS, noise

from fakeorreal.features import SpectralTexture, texture_names
from fakeorreal.features.texture_names import measure_names


@pytest.fixture(scope="module")
def named():
    return measure_names(SpectralTexture())


def test_frequencies_are_those_of_the_bands(named):
    assert [(low, high) for _, low, high in named] == [(250 * min(bands), 250 * max(bands) + 250) for bands in NEEDS]


def test_another_length_has_other_rhythms_only(named):
    shorter = SpectralTexture(1.5)
    again = measure_names(shorter)
    assert len(again) == shorter.shape[0] < len(named)
    missing = Counter(named) - Counter(again)
    assert {statistic for statistic, _, _ in missing} == {texture_names.RHYTHM}


def test_how_many_measures_a_statistic_has(named):
    """Counted by hand from the front end: 7 sub-bands of 24 cepstra at lags of 4, 3 and 4; 32 bands; 4-ms spectra."""
    assert Counter(statistic for statistic, _, _ in named) == {
        texture_names.DETAIL: 3 * 7 * 24,
        texture_names.CHANGE: (4 + 3 + 4) * 7 * 24,
        texture_names.JUMPS: 3 * 7 * 24,
        texture_names.LOPSIDED: 32,
        texture_names.PACE: 4 * 32,
        texture_names.RHYTHM: 10 * 32,
        texture_names.TIMING: 2 * 32,
        texture_names.FLATNESS: 32,
        texture_names.RIPPLES: 23 + 27,
        texture_names.PERIOD: 31 + 31 + 23 + 31,
    }


def test_measures_of_noise_are_what_they_are_called(named):
    """Of Gaussian noise the mean magnitude is the standard deviation times the root of 2/pi, and differences of frames
    that do not overlap are the root of 2 times as large; band levels of 8 bins are skewed to low values."""
    values = SpectralTexture()(noise())[:, 0]
    of = {name: values[[statistic == name for statistic, _, _ in named]] for name in {n for n, _, _ in named}}
    assert of[texture_names.JUMPS].mean() == pytest.approx(np.log(2 / np.pi) / 2, abs=0.03)
    assert of[texture_names.CHANGE].max() < 0.5 and np.quantile(of[texture_names.CHANGE], 0.8) == pytest.approx(
        np.log(2) / 2, abs=0.05
    )
    assert of[texture_names.LOPSIDED].mean() < -0.1
    assert of[texture_names.RHYTHM].max() < 0  # logarithms of shares


def test_a_beat_moves_the_rhythms(named):
    t = np.arange(40000) / 16000
    rhythms = [statistic == texture_names.RHYTHM for statistic, _, _ in named]
    texture = SpectralTexture()
    plain, beaten = (
        texture(y.astype(np.float32))[rhythms, 0] for y in (noise(), noise() * (1 + 0.9 * np.sin(2 * np.pi * 6 * t)))
    )
    assert (beaten - plain).reshape(10, 32).mean(axis=1).argmax() == 4  # 15 turns in 2.5 s: the fifth, of 11 to 16


def test_band_statistics_begin_where_they_do(named):
    assert named[BAND_STATISTICS] == (texture_names.LOPSIDED, 0, 250)
