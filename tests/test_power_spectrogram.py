"""The power spectrogram of AI-SPY: against librosa, at its floor, and on clips that are too short."""

import json

import librosa
import numpy as np
import pytest
from signals import SR, sine

from fakeorreal.errors import FakeOrRealError
from fakeorreal.features import PowerSpectrogram, build_front_end

OTHER = PowerSpectrogram(sr=22050, seconds=0.5, n_fft=510, hop_length=100, top_db=60.0)


def published(y, n_fft=2048, hop_length=512, top_db=80):
    power = np.abs(librosa.stft(y, n_fft=n_fft, hop_length=hop_length)) ** 2
    return librosa.power_to_db(power + 1e-10, ref=np.max, top_db=top_db)[..., None]


@pytest.fixture
def speech(make_speech):
    return make_speech(3.0, SR)


def test_shape(speech):
    features = PowerSpectrogram()(speech)
    assert features.shape == PowerSpectrogram().shape == (1025, 94, 1)
    assert features.dtype == np.float32
    assert OTHER(speech).shape == OTHER.shape == (256, 1 + 11025 // 100, 1)


@pytest.mark.parametrize("level", [1.0, 1e-2, 1e-4])  # in the last the offset shows
def test_equals_librosa(speech, level):
    y = np.float32(level) * speech
    np.testing.assert_allclose(PowerSpectrogram()(y), published(y), atol=1e-3)
    np.testing.assert_allclose(OTHER(y), published(y[:11025], 510, 100, 60), atol=1e-3)


def test_equals_librosa_far_below_a_loud_tone():
    y = sine(440, seconds=3.0, amplitude=0.9)
    y[20000:30000] *= 1e-4
    expected = published(y)
    assert ((expected > -79) & (expected < -70)).sum() > 1000  # where single precision would show
    np.testing.assert_allclose(PowerSpectrogram()(y), expected, atol=1e-3)


def test_lies_between_the_floor_and_the_loudest_point(speech):
    speech[:20000] = 0
    features = PowerSpectrogram()(speech)
    assert (features.min(), features.max()) == (-80, 0)
    assert (OTHER(speech[15000:]).min(), OTHER(speech[15000:]).max()) == (-60, 0)


def test_a_sine_is_in_its_bin():
    features = PowerSpectrogram()(sine(3000, seconds=3.0))[:, 2:-2, 0]
    assert (features.argmax(axis=0) == 3000 * 2048 // SR).all()


def test_silence_is_zero():
    np.testing.assert_array_equal(PowerSpectrogram()(np.zeros(SR)), 0)


def test_a_long_clip_is_cut_and_a_short_one_repeated(make_speech):
    y = make_speech(4.0, SR)
    np.testing.assert_array_equal(PowerSpectrogram()(y), PowerSpectrogram()(y[: 3 * SR]))
    short = PowerSpectrogram()(y[:10000])
    np.testing.assert_array_equal(short, PowerSpectrogram()(np.resize(y[:10000], 3 * SR)))
    assert np.median(short[:, 60]) > -79  # not the silence of published zeros


def test_nothing_is_left_behind(speech, make_speech):
    before = speech.copy()
    features = PowerSpectrogram()(speech)
    PowerSpectrogram()(make_speech(3.0, SR, seed=1))
    np.testing.assert_array_equal(PowerSpectrogram()(speech), features)
    np.testing.assert_array_equal(speech, before)


def test_config_round_trip():
    assert build_front_end(json.loads(json.dumps(OTHER.config()))) == OTHER


@pytest.mark.parametrize("y", [np.zeros(0), np.zeros((2, SR)), np.array([0.0, np.inf])], ids=["empty", "stereo", "inf"])
def test_bad_waveform_is_an_error(y):
    with pytest.raises(FakeOrRealError, match="mono waveform"):
        PowerSpectrogram()(y)
