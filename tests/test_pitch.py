import librosa
import numpy as np
import pytest

from fakeorreal.errors import FakeOrRealError
from fakeorreal.synthesis.pitch import F0_MAX, F0_MIN, frames, track_pitch

SR = 16000
HOP = 80


def buzz(f0, *, first=1, gain=None, seconds=1.0):
    """Harmonics of f0 that fall by 6 dB per octave, from the ``first`` on; ``gain`` scales single ones."""
    t = np.arange(round(seconds * SR)) / SR
    gain = gain or {}
    parts = [gain.get(k, 1) / k * np.cos(2 * np.pi * k * f0 * t) for k in range(first, int(7500 / f0) + 1)]
    return np.sum(parts, axis=0)


def inner(contour):
    return contour[10:-10]


@pytest.mark.parametrize("f0", [75, 90, 110, 130, 165, 200, 240, 300, 380])
def test_steady_pitch_is_found_within_two_per_cent(f0):
    np.testing.assert_allclose(inner(track_pitch(buzz(f0), sr=SR, hop=HOP)), f0, rtol=0.02)


@pytest.mark.parametrize("sr", [8000, 22050, 48000])
def test_any_rate(sr):
    y = np.sum([np.cos(2 * np.pi * 150 * k * np.arange(sr) / sr) / k for k in range(1, 20)], axis=0)
    np.testing.assert_allclose(inner(track_pitch(y, sr=sr, hop=sr // 200)), 150, rtol=0.02)


@pytest.mark.parametrize(
    "y",
    [buzz(120, first=3), buzz(120, gain={2: 8.0}), buzz(240, gain={1: 0.1}), buzz(100, gain={1: 30.0})],
    ids=["no fundamental", "loud second harmonic", "faint fundamental", "nearly a sine"],
)
def test_no_octave_error(y, request):
    f0 = {"no": 120, "loud": 120, "faint": 240, "nearly": 100}[request.node.callspec.id.split()[0]]
    np.testing.assert_allclose(inner(track_pitch(y, sr=SR, hop=HOP)), f0, rtol=0.02)


def test_a_glide_is_followed():
    contour = np.linspace(100, 220, 2 * SR)
    phase = 2 * np.pi * np.cumsum(contour) / SR
    y = np.sum([np.cos(k * phase) / k for k in range(1, 30)], axis=0)
    truth = contour[::HOP]
    found = track_pitch(y, sr=SR, hop=HOP)[: len(truth)]
    np.testing.assert_allclose(inner(found), inner(truth), rtol=0.04)


@pytest.mark.parametrize("f0", [100, 200])
def test_agrees_with_yin(make_speech, f0):
    y = make_speech(2.0, SR, f0=f0)
    ours = track_pitch(y, sr=SR, hop=HOP)
    theirs = librosa.yin(y, fmin=F0_MIN, fmax=F0_MAX, sr=SR, frame_length=1024, hop_length=HOP)
    voiced = ours > 0
    assert voiced.mean() > 0.9
    assert np.mean(np.abs(ours[voiced] / theirs[voiced] - 1) < 0.03) > 0.95


def test_white_noise_and_silence_are_unvoiced(rng):
    assert np.mean(track_pitch(rng.standard_normal(2 * SR), sr=SR, hop=HOP) > 0) < 0.05
    assert not track_pitch(np.zeros(SR), sr=SR, hop=HOP).any()
    assert not track_pitch(np.full(SR, 0.3), sr=SR, hop=HOP)[20:-20].any()  # DC


def test_a_pause_is_unvoiced(rng):
    #  0        0.5       1.0       1.5 s
    #  | buzz    | pause   | buzz    |
    y = np.r_[buzz(150, seconds=0.5), 0.003 * rng.standard_normal(SR // 2), buzz(150, seconds=0.5)]
    f0 = track_pitch(y, sr=SR, hop=HOP)
    assert not f0[105:195].any()
    np.testing.assert_allclose(np.r_[f0[10:95], f0[205:290]], 150, rtol=0.02)


def test_loudness_does_not_matter():
    y = buzz(130)
    np.testing.assert_array_equal(track_pitch(1e-3 * y, sr=SR, hop=HOP), track_pitch(y, sr=SR, hop=HOP))


@pytest.mark.parametrize("n", [1, 79, 80, 81, 8000])
def test_length_of_the_contour(rng, n):
    assert track_pitch(rng.standard_normal(n), sr=SR, hop=HOP).shape == (1 + n // HOP,)


def test_low_rate_is_refused():
    with pytest.raises(FakeOrRealError, match=r"at least 1600 Hz.*sr=1000"):
        track_pitch(np.zeros(1000), sr=1000, hop=5)


@pytest.mark.parametrize(("n", "length", "hop"), [(100, 8, 3), (7, 20, 5), (1, 4, 2), (90, 30, 30)])
def test_frames_are_centred(rng, n, length, hop):
    y = rng.standard_normal(n)
    blocks = frames(y, length=length, hop=hop)
    assert blocks.shape == (1 + n // hop, length)
    for k, block in enumerate(blocks):
        for i, value in enumerate(block):
            at = k * hop - length // 2 + i
            assert value == (y[at] if 0 <= at < n else 0)
