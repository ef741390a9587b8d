"""The mel of the In-the-Wild CNN: against librosa, at any loudness, and on clips that are too short."""

import json

import librosa
import numpy as np
import pytest
from signals import SR, sine

from fakeorreal.errors import FakeOrRealError
from fakeorreal.features import WildMel, build_front_end

EMPTY = [0, 3, 6, 13]
pytestmark = pytest.mark.filterwarnings("ignore:Empty filters")  # librosa's word on the same


def librosa_mel(y, sr=SR):
    return librosa.feature.melspectrogram(
        y=y, sr=sr, n_fft=400, hop_length=200, n_mels=128, htk=True, norm=None, pad_mode="reflect"
    )


def librosa_decibels(y, sr=SR):
    return librosa.power_to_db(librosa_mel(y, sr)[:, :80], ref=np.max, amin=1e-30, top_db=80)


@pytest.fixture
def speech(make_speech):
    return make_speech(1.0, SR)


@pytest.fixture(params=[False, True], ids=["corrected", "published"])
def front_end(request):
    return WildMel(published=request.param)


@pytest.mark.parametrize("seconds", [0.01, 0.3, 1.0, 2.7])
def test_shape_and_type(front_end, seconds, make_speech):
    features = front_end(make_speech(seconds, SR))
    assert features.shape == front_end.shape == (128, 80, 1)
    assert features.dtype == np.float32
    assert np.isfinite(features).all()


def test_other_rates_and_lengths(make_speech):
    front_end = WildMel(sr=22050, seconds=0.5)
    y = make_speech(0.5, 22050)
    assert front_end(y).shape == front_end.shape == (128, 11025 // 200, 1)
    expected = librosa_mel(y[:11000], 22050)[:, :55]
    np.testing.assert_allclose(WildMel(sr=22050, seconds=0.5, published=True)(y)[..., 0], expected, rtol=2e-3)


def test_published_equals_librosa(speech):
    expected = librosa_mel(speech)
    assert expected.shape == (128, 81)  # the last of which is cut
    found = WildMel(published=True)(speech)[..., 0]
    np.testing.assert_allclose(found, expected[:, :80], rtol=1e-3, atol=1e-9 * expected.max())
    assert np.flatnonzero(found.max(axis=1) == 0).tolist() == EMPTY


def test_published_seconds_are_those_of_the_whole_clip_but_for_their_first_frame(make_speech):
    y = make_speech(3.0, SR)
    whole = librosa_mel(y)
    for k in range(3):
        found = WildMel(published=True)(y[k * SR : (k + 1) * SR])[..., 0]
        expected = whole[:, 80 * k : 80 * (k + 1)]
        np.testing.assert_allclose(found[:, 1:], expected[:, 1:], rtol=1e-3, atol=1e-9 * expected.max())


@pytest.mark.parametrize("level", [1.0, 1e-2])
def test_corrected_equals_librosa(speech, level):
    y = np.float32(level) * speech
    np.testing.assert_allclose(WildMel()(y)[..., 0], librosa_decibels(y), atol=2e-3)


def test_corrected_equals_librosa_far_below_a_loud_tone(rng):
    y = sine(440, amplitude=0.9)
    y[6000:] = 1e-3 * rng.standard_normal(10000)
    expected = librosa_decibels(y)
    assert ((expected > -79) & (expected < -60)).sum() > 1000
    np.testing.assert_allclose(WildMel()(y)[..., 0], expected, atol=0.02)


@pytest.mark.parametrize("gain", [0.5, 2.0**-10])
def test_loudness_says_nothing_unless_as_published(speech, gain):
    np.testing.assert_array_equal(WildMel()(np.float32(gain) * speech), WildMel()(speech))
    published = WildMel(published=True)
    np.testing.assert_array_equal(published(np.float32(gain) * speech), np.float32(gain) ** 2 * published(speech))


def test_corrected_lies_between_the_floor_and_the_loudest_point(speech):
    speech[:8000] = 0
    features = WildMel()(speech)
    assert (features.min(), features.max()) == (-80, 0)
    assert (features[:, :35] == -80).all() and (features[EMPTY] == -80).all()


def test_silence_is_the_lowest_value():
    silence = np.zeros(SR)
    np.testing.assert_array_equal(WildMel()(silence), -80)
    np.testing.assert_array_equal(WildMel(published=True)(silence), 0)


@pytest.mark.parametrize("frequency", [1000, 3000, 7000])
def test_a_sine_is_in_the_band_of_its_mel(frequency):
    bands = librosa.mel_frequencies(n_mels=130, fmin=0, fmax=8000, htk=True)[1:-1]
    loudest = WildMel()(sine(frequency))[:, 5:-5, 0].argmax(axis=0)
    assert (np.abs(loudest - np.abs(bands - frequency).argmin()) <= 1).all()


def test_a_long_clip_is_cut(front_end, make_speech):
    y = make_speech(2.5, SR)
    np.testing.assert_array_equal(front_end(y), front_end(y[:SR]))


def test_a_short_clip_is_repeated_or_as_published_filled_with_zeros(make_speech):
    short = make_speech(0.3, SR)
    np.testing.assert_array_equal(WildMel()(short), WildMel()(np.resize(short, SR)))
    published = WildMel(published=True)(short)[..., 0]
    expected = librosa_mel(short)
    assert expected.shape == (128, 25)
    np.testing.assert_allclose(published[:, :25], expected, rtol=1e-3, atol=1e-9 * expected.max())
    assert not published[:, 25:].any()


def test_nothing_is_left_behind(front_end, speech, make_speech):
    before = speech.copy()
    features = front_end(speech)
    front_end(make_speech(0.7, SR, seed=1))
    np.testing.assert_array_equal(front_end(speech), features)
    np.testing.assert_array_equal(speech, before)


def test_config_round_trip(front_end):
    assert build_front_end(json.loads(json.dumps(front_end.config()))) == front_end
    assert WildMel().config() != WildMel(published=True).config()


@pytest.mark.parametrize("y", [np.zeros(0), np.zeros((2, SR)), np.array([0.0, np.inf])], ids=["empty", "stereo", "inf"])
def test_bad_waveform_is_an_error(front_end, y):
    with pytest.raises(FakeOrRealError, match="mono waveform"):
        front_end(y)
