"""The log-mel of the localiser: against librosa, in its place to the sample, at any loudness, and at the ends."""

import json

import librosa
import numpy as np
import pytest
from signals import SR, sine

from fakeorreal.errors import FakeOrRealError
from fakeorreal.features import FrameMel, build_front_end
from fakeorreal.features.htk_filters import htk_filters

SHORT = FrameMel(seconds=2.0)
OTHER = FrameMel(sr=24000, seconds=1.0)


def librosa_decibels(y, sr=SR, hop=160, window=400):
    """With the middle of every window at that of its 10 ms: librosa puts the window in the middle of 1024 samples."""
    before = (1024 - window) // 2 + (window - hop) // 2
    mel = librosa.feature.melspectrogram(
        y=np.pad(y.astype(float), (before, 1024)),
        sr=sr,
        n_fft=1024,
        win_length=window,
        hop_length=hop,
        center=False,
        n_mels=128,
        htk=True,
        norm=None,
    )
    return librosa.power_to_db(mel[:, : len(y) // hop], ref=np.max, amin=1e-30, top_db=80).T


@pytest.mark.parametrize(("seconds", "n"), [(10.0, 160000), (10.0, 250001), (10.0, 1), (2.0, 20000), (0.5, 8000)])
def test_shape_and_type(seconds, n, make_speech):
    front_end = FrameMel(seconds=seconds)
    features = front_end(make_speech(max(n / SR, 0.1), SR)[:n])
    assert features.shape == front_end.shape == (round(100 * seconds), 128)
    assert features.dtype == np.float32
    assert features.max() == 0 and features.min() >= -80


def test_equals_librosa(make_speech):
    y = make_speech(10.0, SR)
    np.testing.assert_allclose(FrameMel()(y), librosa_decibels(y), rtol=1e-5, atol=1e-5)
    y = make_speech(1.0, 24000)
    np.testing.assert_allclose(OTHER(y), librosa_decibels(y, 24000, 240, 600), rtol=1e-5, atol=1e-5)


def test_no_band_is_empty():
    filters = htk_filters(SR, 1024, 128)
    np.testing.assert_allclose(filters.T, librosa.filters.mel(sr=SR, n_fft=1024, htk=True, norm=None), atol=1e-6)
    assert filters.max(axis=0).min() > 0.1


@pytest.mark.parametrize("at", [80, 80 + 160 * 37, 80 + 160 * 199])
def test_a_click_in_the_middle_of_a_row_is_loudest_there_and_its_neighbours_are_alike(at):
    y = np.zeros(2 * SR, np.float32)
    y[at] = 0.5
    level = SHORT(y).mean(axis=1)
    k = at // 160
    assert level.argmax() == k
    assert np.flatnonzero(level > -80).tolist() == [row for row in (k - 1, k, k + 1) if 0 <= row < 200]
    if 0 < k < 199:
        np.testing.assert_allclose(level[k - 1], level[k + 1], atol=1e-3)


def test_a_boundary_of_frames_lies_between_their_rows():
    """Noise from 0.5 s on: 20-ms frame 25 begins there, of which rows 50 and 51 are the two halves."""
    y = np.zeros(2 * SR, np.float32)
    y[SR // 2 :] = 0.1 * np.random.default_rng(0).standard_normal(3 * SR // 2)
    level = SHORT(y).mean(axis=1)
    assert (level[:49] == -80).all()
    steady = level[60:190].mean()
    before, after = level[49] - steady, level[50] - steady  # windows that hold 7.5 ms of it and 17.5 ms
    assert -25 < before < -8 and abs(after) < 3


@pytest.mark.parametrize("gain", [1e-4, 0.03, 2.0])
def test_loudness_is_taken_out(make_speech, gain):
    y = make_speech(2.0, SR)
    np.testing.assert_allclose(SHORT(np.float32(gain) * y), SHORT(y), atol=1e-3)


def test_a_sine_is_in_its_band():
    features = SHORT(sine(1000, seconds=2.0))[2:-2]
    middles = librosa.mel_frequencies(130, fmin=0, fmax=SR / 2, htk=True)[1:-1]
    assert (features.argmax(axis=1) == np.abs(middles - 1000).argmin()).all()


def test_a_short_clip_is_followed_by_silence_and_a_long_one_is_cut(make_speech):
    y = make_speech(3.0, SR)
    np.testing.assert_array_equal(SHORT(y), SHORT(y[: 2 * SR]))
    short = SHORT(y[:16000])
    np.testing.assert_array_equal(short, SHORT(np.pad(y[:16000], (0, 16000))))
    assert (short[102:] == -80).all()
    assert np.median(short[:98]) > -79


def test_silence_is_the_floor():
    np.testing.assert_array_equal(SHORT(np.zeros(SR)), -80)


def test_nothing_is_left_behind(make_speech):
    y = make_speech(2.0, SR)
    before = y.copy()
    features = SHORT(y)
    SHORT(make_speech(2.0, SR, seed=1))
    np.testing.assert_array_equal(SHORT(y), features)
    np.testing.assert_array_equal(y, before)


def test_config_round_trip():
    assert build_front_end(json.loads(json.dumps(OTHER.config()))) == OTHER


@pytest.mark.parametrize("y", [np.zeros(0), np.zeros((2, SR)), np.array([0.0, np.nan])], ids=["empty", "stereo", "nan"])
def test_bad_waveform_is_an_error(y):
    with pytest.raises(FakeOrRealError, match="mono waveform"):
        FrameMel()(y)


@pytest.mark.parametrize("sr", [22050, 44100, 48000, 0])
def test_a_rate_without_whole_rows_is_an_error(sr):
    with pytest.raises(FakeOrRealError, match="multiple of 400"):
        FrameMel(sr=sr)
