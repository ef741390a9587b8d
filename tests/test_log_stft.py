import librosa
import numpy as np
import pytest
from signals import SR, sine

from fakeorreal.features import LogSTFT
from fakeorreal.features.log_stft import power_spectrogram

SETTINGS = [
    LogSTFT(),
    LogSTFT(sr=22050, hop_length=220),
    LogSTFT(n_fft=256, hop_length=100, seconds=0.5),
    LogSTFT(n_fft=511, hop_length=128, seconds=0.04),  # little more than a window
]


@pytest.mark.parametrize(
    ("front_end", "shape"), list(zip(SETTINGS, [(256, 100, 1), (256, 101, 1), (129, 81, 1), (256, 5, 1)], strict=True))
)
def test_shape(front_end, shape, rng):
    features = front_end(rng.standard_normal(30000))
    assert features.shape == front_end.shape == shape
    assert features.dtype == np.float32


@pytest.mark.parametrize("front_end", SETTINGS, ids=repr)
def test_equals_librosa(front_end, make_speech):
    n = round(front_end.seconds * front_end.sr)
    y = np.stack([make_speech(1.0, front_end.sr, seed=seed)[:n] for seed in (0, 1)])
    y /= np.abs(y).max()
    expected = librosa.stft(
        y.astype(np.float64), n_fft=front_end.n_fft, hop_length=front_end.hop_length, pad_mode="reflect"
    )
    power = power_spectrogram(y, front_end.n_fft, front_end.hop_length)
    np.testing.assert_allclose(np.sqrt(power.swapaxes(1, 2)), np.abs(expected), atol=2e-6 * np.abs(expected).max())
    features = front_end.transform(y)[..., 0]
    clear = np.abs(expected) > 1e-3 * np.abs(expected).max()  # elsewhere rounding shows in the logarithm
    np.testing.assert_allclose(features[clear], np.log(np.abs(expected[clear]) ** 2), atol=5e-3)
    assert clear.mean() > 0.25


def test_silence_is_the_offset():
    np.testing.assert_allclose(LogSTFT()(np.zeros(SR)), np.log(1e-12), rtol=1e-6)


def test_a_sine_is_in_its_bin():
    features = LogSTFT()(sine(3000))[:, 2:-2, 0]
    assert (features.argmax(axis=0) == round(3000 * 511 / SR)).all()


def test_short_clips_are_repeated(make_speech):
    y = make_speech(0.3, SR)
    np.testing.assert_array_equal(LogSTFT()(y), LogSTFT()(np.resize(y, SR)))
