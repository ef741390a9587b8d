"""Occlusion: a score that hears one place lights up there and nowhere else; what is hidden is only what it says."""

import numpy as np
import pytest
from scipy.signal import welch
from signals import SR, decibel, sine

from fakeorreal.errors import FakeOrRealError
from fakeorreal.occlusion import PATCHES, occlusion_map

N = 2 * SR  # columns of a quarter second, bands of 1 kHz
BANDS, COLUMNS = PATCHES


@pytest.fixture
def noise(rng):
    return (0.1 * rng.standard_normal(N)).astype(np.float32)


def loudness(low, high):
    """Score: dB between two frequencies."""

    def score(y):
        frequency, density = welch(y, SR, nperseg=1024)
        return decibel(density[(frequency >= low) & (frequency <= high)].sum())

    return score


def hidden_waveforms(y):
    """What is handed to the score: the waveform as it is, then with each patch hidden, shape (bands, columns, n)."""
    heard = []
    occlusion_map(lambda y: heard.append(y) or 0.0, y)
    whole, *hidden = heard
    np.testing.assert_array_equal(whole, y)
    return np.reshape(hidden, (BANDS, COLUMNS, len(y)))


@pytest.mark.parametrize("band", range(BANDS))
def test_a_score_of_one_band_lights_up_there_and_nowhere_else(noise, band):
    centre = 1000 * band + 500
    found = occlusion_map(loudness(centre - 50, centre + 50), noise)
    assert found.shape == PATCHES and found.dtype == np.float32
    assert (found[band] > 0.2).all()  # an eighth of the time, 10 dB less: about 0.5 dB of the whole
    elsewhere = np.delete(found, band, axis=0)
    assert np.abs(elsewhere).max() < 0.02


@pytest.mark.parametrize("column", [0, 3, 7])
def test_a_score_of_one_moment_lights_up_there_and_nowhere_else(noise, column):
    middle = round((column + 0.5) * N / COLUMNS)
    found = occlusion_map(lambda y: float(np.square(y[middle - 100 : middle + 100]).sum()), noise)
    assert found[:, column].sum() > 0
    assert np.abs(np.delete(found, column, axis=1)).max() < 0.02 * found[:, column].sum()


def test_what_speaks_for_real_is_negative(noise):
    score = loudness(2450, 2550)
    np.testing.assert_allclose(occlusion_map(lambda y: -score(y), noise), -occlusion_map(score, noise))


def test_a_scale_of_the_score_is_that_of_the_map(noise):
    score = loudness(2450, 2550)
    np.testing.assert_allclose(
        occlusion_map(lambda y: 3 * score(y) + 5, noise), 3 * occlusion_map(score, noise), atol=1e-3
    )


def test_a_patch_becomes_noise_10_decibels_softer():
    """A tone within a patch: its own frequency goes, and noise of a tenth of its power takes its place."""
    y = sine(3500, seconds=2.0)
    middle = slice(round(4.4 * N / COLUMNS), round(4.6 * N / COLUMNS))
    hidden = hidden_waveforms(y)[3, 4, middle].astype(float)
    assert decibel(np.square(hidden).mean() / np.square(y[middle], dtype=float).mean()) == pytest.approx(-10, abs=3)
    tone = np.exp(2j * np.pi * 3500 * np.arange(len(hidden)) / SR)
    assert abs(tone @ hidden) < 0.3 * abs(tone @ y[middle])


def test_the_rest_of_the_waveform_stays(noise):
    hidden = hidden_waveforms(noise)
    for column in range(COLUMNS):
        reached = np.arange(N) / N * COLUMNS - 0.5 - column  # distance to the middle, in columns
        np.testing.assert_array_equal(
            hidden[:, column, np.abs(reached) > 1], np.tile(noise, (BANDS, 1))[:, abs(reached) > 1]
        )


def test_all_patches_together_are_the_waveform(rng):
    """Hidden one by one and added up, they hide everything once: a tone is gone, each frequency to the same part."""
    y = sum(sine(frequency, seconds=2.0, amplitude=0.02) for frequency in range(300, 8000, 700))
    hidden = hidden_waveforms(y).astype(float)
    rest = y - (y - hidden).sum(axis=(0, 1))  # the noise of all patches
    for frequency in range(300, 8000, 700):
        tone = np.exp(2j * np.pi * frequency * np.arange(N) / SR)
        assert abs(tone @ rest) < 0.1 * abs(tone @ y)


def test_what_holds_nothing_weighs_nothing(noise):
    y = noise.copy()
    y[N // 2 :] = 0
    found = occlusion_map(lambda y: float(np.abs(y).sum()), y)
    assert np.abs(found[:, 5:]).max() < 0.01 * np.abs(found[:, :3]).max()
    assert not occlusion_map(lambda y: float(np.abs(y).sum()), np.zeros(N)).any()


def test_again_it_is_the_same(noise):
    first = occlusion_map(loudness(0, 8000), noise)
    np.random.default_rng(7).standard_normal(10)
    np.testing.assert_array_equal(occlusion_map(loudness(0, 8000), noise), first)


@pytest.mark.parametrize("n", [128, 129, 8001])
def test_any_length(rng, n):
    assert np.isfinite(occlusion_map(lambda y: float(y.std()), rng.standard_normal(n))).all()


def test_too_short_a_waveform():
    with pytest.raises(FakeOrRealError, match=r"128 samples or more\. Received: 127"):
        occlusion_map(lambda y: 0.0, np.zeros(127))
