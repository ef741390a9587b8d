"""Fakes from recordings: every kind is drawn, keeps the words, and is another waveform."""

import librosa
import numpy as np
import pytest
from signals import SR, band_power, decibel, power

from fakeorreal.synthesis import resynthesis
from fakeorreal.synthesis.resynthesis import resynthesise
from fakeorreal.synthesis.vocoders import VOCODERS

SEEDS = range(12)  # in which each of the three kinds is drawn


@pytest.fixture(scope="module")
def speech(make_speech):
    return make_speech(1.0, SR, f0=110, seed=5)


@pytest.fixture
def drawn(monkeypatch):
    """The kinds that were drawn, with the names of vocoders; nothing is synthesised."""
    kinds = []
    monkeypatch.setattr(resynthesis, "copy_synthesis", lambda y, name, *, sr, seed: (kinds.append(name), y[::-1])[1])
    for name in ("invert_mel", "leave_images"):
        monkeypatch.setattr(resynthesis, name, lambda y, sr, rng, name=name: (kinds.append(name), y)[1])
    return kinds


def log_mel(y):
    power = librosa.feature.melspectrogram(y=y, sr=SR, n_fft=1024, hop_length=256, n_mels=40)
    return librosa.power_to_db(power, top_db=60)


def likeness(y, out):
    """Correlation of the mel envelopes, the long-term spectrum apart."""
    moving = [mel - mel.mean(axis=1, keepdims=True) for mel in (log_mel(y), log_mel(out))]
    return np.corrcoef(*(mel.ravel() for mel in moving))[0, 1]


class Choices:
    """A generator that hands out these choices in order, and seeded numbers otherwise."""

    def __init__(self, *choices, seed=0):
        self._choices, self._rng = list(choices), np.random.default_rng(seed)

    def choice(self, values, **_):
        value = self._choices.pop(0)
        assert value in list(values)
        return value

    def __getattr__(self, name):
        return getattr(self._rng, name)


# Any kind


def test_kinds_are_drawn_3_to_4_to_1(drawn):
    for seed in range(800):
        resynthesise(np.zeros(10, np.float32), sr=SR, rng=np.random.default_rng(seed))
    assert set(drawn) == {*VOCODERS, "invert_mel", "leave_images"}
    shares = [np.mean([kind in VOCODERS for kind in drawn]), drawn.count("invert_mel") / 800]
    assert shares == pytest.approx([3 / 8, 4 / 8], abs=0.06)
    assert min(drawn.count(name) for name in VOCODERS) > 40  # of 75 each


def test_another_waveform_that_says_the_same(speech):
    before = speech.copy()
    for seed in SEEDS:
        out = resynthesise(speech, sr=SR, rng=np.random.default_rng(seed))
        assert out.shape == speech.shape and out.dtype == np.float32 and np.isfinite(out).all()
        assert decibel(power(out - speech) / power(speech)) > -40
        assert likeness(speech, out) > 0.7 > 0.3 > likeness(speech, out[::-1])
        assert decibel(power(out) / power(speech)) == pytest.approx(0, abs=5)
    assert np.array_equal(speech, before)


def test_the_state_of_the_generator_decides(speech):
    for seed in SEEDS:
        first, again = (resynthesise(speech[:4000], sr=SR, rng=np.random.default_rng(seed)) for _ in range(2))
        assert np.array_equal(first, again)


@pytest.mark.parametrize("n", [3200, 3201, 9999])
def test_length_is_kept(speech, n):
    for seed in SEEDS:
        out = resynthesise(speech[:n], sr=SR, rng=np.random.default_rng(seed))
        assert out.shape == (n,) and np.isfinite(out).all()


def test_silence_stays_next_to_silence():
    for seed in SEEDS:
        out = resynthesise(np.zeros(4000, np.float32), sr=SR, rng=np.random.default_rng(seed))
        assert np.abs(out).max() < 1e-6


# Mel inversion


@pytest.mark.parametrize(("n_fft", "parts", "mels"), [(512, 8, 50), (1024, 4, 80), (2048, 4, 128)])
def test_mel_inversion_keeps_the_mel_envelope(speech, n_fft, parts, mels):
    out = resynthesis.invert_mel(speech, sr=SR, rng=Choices(n_fft, parts, mels, "both", 16))
    assert likeness(speech, out) > 0.85
    assert abs(np.corrcoef(speech, out)[0, 1]) < 0.5


def test_the_phase_or_the_resolution_alone_can_be_lost(speech):
    def spectrum(y):
        return librosa.stft(np.asarray(y, np.float32), n_fft=1024, hop_length=256)

    original, phase, resolution = (
        spectrum(y)
        for y in (
            speech,
            resynthesis.invert_mel(speech, sr=SR, rng=Choices(1024, 4, 50, "phase", 30)),
            resynthesis.invert_mel(speech, sr=SR, rng=Choices(1024, 4, 50, "resolution")),
        )
    )

    def phase_kept(other):
        return (original * other.conj()).sum().real / (np.abs(original) * np.abs(other)).sum()

    def magnitude_lost(other):
        return ((np.abs(other) - np.abs(original)) ** 2).sum() / (np.abs(original) ** 2).sum()

    assert phase_kept(resolution) > 0.9 > 0.5 > abs(phase_kept(phase))
    assert magnitude_lost(resolution) > 2 * magnitude_lost(phase)


# Imaging


@pytest.mark.parametrize(("factor", "length"), [(2, 2), (2, 5), (4, 4), (4, 12)])
def test_imaging_mirrors_the_low_band_into_the_high(factor, length):
    y = np.random.default_rng(0).standard_normal(2 * SR).astype(np.float32)
    y = 0.1 * np.sin(2 * np.pi * 700 * np.arange(2 * SR) / SR).astype(np.float32) + 1e-4 * y
    out = resynthesis.leave_images(y, sr=SR, rng=Choices(factor, length))
    assert decibel(power(out) / power(y)) == pytest.approx(0, abs=0.5)
    image = SR / factor - 700
    neighbours = band_power(out, image - 400, image - 200)
    assert decibel(band_power(out, image - 60, image + 60) / neighbours) > 20
    assert decibel(band_power(y, image - 60, image + 60) / band_power(y, image - 400, image - 200)) < 5
