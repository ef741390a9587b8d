import librosa
import numpy as np
import pytest
from scipy.fft import dct
from signals import SR, sine

from fakeorreal.errors import FakeOrRealError
from fakeorreal.features import LFCC
from fakeorreal.features.lfcc import _triangles


def triangles(bins, n_filters):
    """Filter after filter, bin after bin."""
    width = (bins - 1) / (n_filters + 1)
    return [[max(0, 1 - abs(k - middle * width) / width) for middle in range(1, n_filters + 1)] for k in range(bins)]


def test_triangles_of_a_small_bank():
    np.testing.assert_allclose(
        _triangles(9, 3),
        np.array([[0, 1, 2, 1, 0, 0, 0, 0, 0], [0, 0, 0, 1, 2, 1, 0, 0, 0], [0] * 5 + [1, 2, 1, 0]]).T / 2,
    )


@pytest.mark.parametrize(("bins", "n_filters"), [(256, 20), (100, 128)])
def test_triangles(bins, n_filters):
    np.testing.assert_allclose(_triangles(bins, n_filters), triangles(bins, n_filters), atol=1e-6)


@pytest.mark.parametrize(
    "front_end", [LFCC(), LFCC(sr=22050, n_fft=400, hop_length=220, n_filters=70, n_coefficients=13)], ids=repr
)
def test_equals_librosa_and_scipy(front_end, make_speech):
    y = make_speech(1.0, front_end.sr)
    spectrum = librosa.stft(
        y.astype(np.float64), n_fft=front_end.n_fft, hop_length=front_end.hop_length, pad_mode="reflect"
    )
    bands = np.array(triangles(len(spectrum), front_end.n_filters)).T @ np.abs(spectrum) ** 2
    cepstra = dct(np.log(bands + 1e-12), norm="ortho", axis=0)[: front_end.n_coefficients]
    slopes = librosa.feature.delta(cepstra, width=5, mode="nearest")
    expected = np.concatenate([cepstra, slopes, librosa.feature.delta(slopes, width=5, mode="nearest")])
    features = front_end(y)
    assert features.shape == front_end.shape == (*expected.shape, 1)
    assert features.dtype == np.float32
    np.testing.assert_allclose(features[..., 0], expected, atol=1e-5 * np.ptp(expected))


@pytest.mark.parametrize(("delta", "double_delta", "rows"), [(False, False, 20), (True, False, 40), (True, True, 60)])
def test_parts_are_rows_of_the_whole(delta, double_delta, rows, make_speech):
    y = make_speech(1.0, SR)
    part = LFCC(delta=delta, double_delta=double_delta)
    assert part.shape == (rows, 100, 1)
    np.testing.assert_array_equal(part(y), LFCC()(y)[:rows])


def test_a_steady_tone_has_no_slopes_inside():
    features = LFCC()(sine(3000, amplitude=0.5))
    assert np.abs(features[20:, 6:-6]).max() < 0.1 < np.abs(features[:20]).max()


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"delta": False}, "delta=False"), ({"n_coefficients": 21}, "=21"), ({"n_coefficients": 0}, "=0")],
)
def test_settings_that_do_not_fit(settings, message):
    with pytest.raises(FakeOrRealError, match=message):
        LFCC(**settings)
