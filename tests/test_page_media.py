"""Envelope, spectrogram and copy of a recording, against NumPy, librosa, Matplotlib and a decoder."""

import io

import librosa
import matplotlib
import numpy as np
import pytest
import soundfile as sf
from PIL import Image

from fakeorreal.page_media import COLUMNS, RANGE, examine

SR = 16000


def draw(y, *, copy=False, block=None):
    blocks = [y] if block is None else [y[k : k + block] for k in range(0, len(y), block)]
    return examine(blocks, len(y), sr=SR, copy=copy)


def shades(media):
    image = Image.open(io.BytesIO(media.spectrogram))
    assert image.mode == "P"
    return np.array(image)


def test_envelope_holds_the_extremes(make_speech):
    y = make_speech(10, SR)
    expected = [(min(part.min(), 0), max(part.max(), 0)) for part in np.array_split(y, COLUMNS)]
    assert draw(y).envelope.shape == (COLUMNS, 2)
    np.testing.assert_array_equal(draw(y).envelope, np.rint(127 * np.array(expected)))


def test_spectrogram_is_that_of_librosa(make_speech):
    y = make_speech(10, SR)
    power = np.abs(librosa.stft(y, n_fft=512, hop_length=160, window="hann", pad_mode="constant"))[:-1] ** 2
    decibels = 10 * np.log10(power / power.max())
    expected = np.rint(63 * np.clip(1 + decibels / RANGE, 0, 1))[::-1, : COLUMNS - 1]  # the last also holds the end
    found = shades(draw(y))
    assert found.shape == (256, COLUMNS)
    assert np.abs(found[:, :-1] - expected).max() <= 1


def test_long_columns_hold_the_mean_power(rng):
    """64 s: a column is four frames of 256 samples."""
    y = 0.1 * rng.standard_normal(64 * SR).astype(np.float32)
    power = np.abs(librosa.stft(y, n_fft=512, hop_length=256, window="hann", pad_mode="constant"))[:-1, :4000] ** 2
    power = power.reshape(256, COLUMNS, 4).mean(axis=2)
    decibels = 10 * np.log10(power / power.max())
    expected = np.rint(63 * np.clip(1 + decibels / RANGE, 0, 1))[::-1]
    assert np.abs(shades(draw(y))[:, :-1] - expected[:, :-1]).max() <= 1


@pytest.mark.parametrize("frequency", [1000, 3000, 7500])
def test_a_tone_stands_where_it_belongs(frequency):
    y = 0.5 * np.sin(2 * np.pi * frequency * np.arange(2 * SR) / SR).astype(np.float32)
    rows = shades(draw(y)).argmax(axis=0)
    assert np.abs((255 - rows) * SR / 512 - frequency).max() <= SR / 512


def test_colours_are_those_of_matplotlib(make_speech):
    palette = np.array(Image.open(io.BytesIO(draw(make_speech(1, SR)).spectrogram)).getpalette()).reshape(-1, 3)
    expected = 255 * matplotlib.colormaps["inferno"](np.linspace(0, 1, 64))[:, :3]
    assert palette.shape == (64, 3) and np.abs(palette - expected).max() < 12


@pytest.mark.parametrize("block", [1, 100, 511, 5000])
def test_blocks_make_no_difference(make_speech, block):
    y = make_speech(0.7, SR)
    whole, parts = draw(y), draw(y, block=block)
    np.testing.assert_array_equal(whole.envelope, parts.envelope)
    assert whole.spectrogram == parts.spectrogram


@pytest.mark.parametrize("n", [1, 20, 511, 8000, 16001])
def test_short_ones(rng, n):
    media = draw(rng.uniform(-1, 1, n).astype(np.float32))
    assert shades(media).shape == (256, len(media.envelope))
    assert len(media.envelope) == max(1, min(COLUMNS, n // 16))
    assert media.envelope.any()


@pytest.mark.parametrize("difference", [-3, 3])
def test_a_length_that_was_rounded(make_speech, difference):
    y = make_speech(2, SR)
    media, exact = examine([y], len(y) + difference, sr=SR, copy=False), draw(y)
    assert np.abs(shades(media).astype(int) - shades(exact)).mean() < 2  # of 64
    assert np.abs(media.envelope.astype(int) - exact.envelope).mean() < 1  # of 127


def test_silence_is_dark():
    media = draw(np.zeros(SR, np.float32))
    assert not shades(media).any() and not media.envelope.any()


def test_the_copy_sounds_the_same(make_speech):
    y = make_speech(3, SR)
    copy, sr = sf.read(io.BytesIO(draw(y, copy=True, block=10_000).audio))
    assert (sr, len(copy)) == (SR, len(y))
    assert np.corrcoef(copy, y)[0, 1] > 0.97
    assert len(draw(y, copy=True).audio) < 0.25 * 2 * len(y)


def test_too_loud_is_clipped():
    y = np.full(SR, 3.0, np.float32)
    media = draw(y, copy=True)
    assert media.envelope.max() == 127
    assert sf.info(io.BytesIO(media.audio)).frames == SR


def test_no_copy_unless_asked_for(make_speech):
    assert draw(make_speech(1, SR)).audio is None
