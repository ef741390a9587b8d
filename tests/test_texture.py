"""The spectral texture: what it depends on and what not, and its measures against independent computation."""

import json
import subprocess
import sys

import numpy as np
import pytest
from scipy import fft, stats
from scipy.signal import fftconvolve, firwin2, get_window
from signals import SR

from fakeorreal import channels
from fakeorreal.errors import FakeOrRealError
from fakeorreal.features import SpectralTexture, build_front_end
from fakeorreal.features.texture import _LogSpectrum

N = 40000  # samples in 2.5 s
LAGS = ((1, 2, 3, 5), (1, 2, 4), (1, 2, 4, 8))  # at windows of 32, 64 and 16 ms

# Measures in their order, each with the bands of 250 Hz that it looks at.
NEEDS = [
    # Sub-bands of 8 bands that overlap by half: 24 cepstra, of each the spread, a difference per lag, peakedness.
    *(range(4 * k, 4 * k + 8) for lags in LAGS for k in range(7) for _ in range(24 * (2 + len(lags)))),
    # Skewness, differences at 4 lags, 10 rates of modulation, mean and spread of the group delay, flatness.
    *([band] for _ in range(18) for band in range(32)),
    # Ripples: 22 periods and the depth below 4 kHz, 26 and the depth above; the highest band is left out.
    *(range(15) for _ in range(23)),
    *(range(16, 31) for _ in range(27)),
    # Spectra of 4 ms, which the lowest band is too narrow for: two differences, likeness 8 bands apart, skewness.
    *([band] for _ in range(2) for band in range(1, 32)),
    *([band, band + 8] for band in range(1, 24)),
    *([band] for band in range(1, 32)),
]
BAND_STATISTICS = 7 * 24 * (6 + 5 + 6)  # index of the first


@pytest.fixture(scope="module")
def texture():
    return SpectralTexture()


@pytest.fixture(scope="module")
def speech(make_speech):
    return make_speech(2.5, SR)


@pytest.fixture(scope="module")
def measured(texture, speech):
    return texture(speech)


def noise(low=0, high=8001, n=N):
    """Gaussian noise with nothing below ``low`` and from ``high`` Hz on."""
    spectrum = np.random.default_rng(0).standard_normal(n // 2 + 1) * np.exp(2j * np.pi * np.arange(n // 2 + 1) ** 1.7)
    frequency = np.arange(n // 2 + 1) * SR / n
    y = fft.irfft(np.where((frequency >= low) & (frequency < high), spectrum, 0), n)
    return (0.1 * y / y.std()).astype(np.float32)


# Shape and settings


def test_shape_type_and_purity(texture, speech, measured):
    assert texture.shape == measured.shape == (len(NEEDS), 2) == (3598, 2)
    assert measured.dtype == np.float32 and np.isfinite(measured).all()
    assert (measured[:, 1] == 1).all()
    before = speech.copy()
    texture(noise())  # nothing is left behind by another clip
    np.testing.assert_array_equal(texture(speech), measured)
    np.testing.assert_array_equal(speech, before)


def test_another_length(speech):
    other = SpectralTexture(1.5)
    assert other(speech).shape == other.shape != SpectralTexture().shape  # fewer rates of modulation
    np.testing.assert_array_equal(other(speech), other(speech[:24000]))


def test_a_very_short_waveform_is_repeated_to_half_a_second(texture, speech):
    np.testing.assert_array_equal(texture(speech[:7000]), texture(np.resize(speech[:7000], 8000)))
    with pytest.raises(FakeOrRealError, match="0 samples"):
        texture(speech[:0])


def test_config_round_trip():
    for front_end in (SpectralTexture(), SpectralTexture(1.5)):
        config = json.loads(json.dumps(front_end.config()))
        assert config["seconds"] == front_end.seconds and config["class"] == "SpectralTexture"
        assert build_front_end(config) == front_end
    with pytest.raises(FakeOrRealError, match="Received: 0"):
        build_front_end({**config, "version": 0})


def test_it_needs_no_heavy_library():
    script = """
import sys
import numpy as np
from fakeorreal.features import SpectralTexture
SpectralTexture()(np.sin(np.arange(8000, dtype=np.float32)))
heavy = ("tensorflow", "keras", "librosa", "pandas", "sklearn", "matplotlib", "numba", "scipy.signal", "joblib")
print([name for name in heavy if name in sys.modules])
"""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (result.stdout.strip(), result.stderr) == ("[]", "")


# What it does not depend on


@pytest.mark.parametrize("gain", [1e-4, 0.5, 3.0])
def test_level_does_not_matter(texture, speech, measured, gain):
    scaled = texture(np.float32(gain) * speech)
    np.testing.assert_allclose(scaled, measured, atol=2e-3)  # rounding of float32
    assert np.quantile(np.abs(scaled - measured), 0.99) < 1e-4


def test_sign_and_offset_do_not_matter(texture, speech, measured):
    np.testing.assert_array_equal(texture(-speech), measured)
    assert np.quantile(np.abs(texture(speech + np.float32(0.3)) - measured), 0.99) < 1e-3


@pytest.mark.parametrize("gains", [(0, 3, 6, 0, -6, 3, 6), (8, 4, 0, -4, -8, -4, 0)])  # dB
def test_a_smooth_equaliser_hardly_matters(texture, make_speech, speech, measured, gains):
    taps = firwin2(255, (0, 100, 300, 1000, 3000, 6000, 8000), 10 ** (np.array(gains) / 20), fs=SR)
    moved = np.abs(texture(fftconvolve(speech, taps, "same").astype(np.float32)) - measured)[:, 0]
    assert np.median(moved) < 0.01 and np.quantile(moved, 0.9) < 0.1
    another = np.abs(texture(make_speech(2.5, SR, f0=150, seed=4)) - measured)[:, 0]  # so that this says something
    assert np.median(another) > 5 * np.median(moved) and np.quantile(another, 0.9) > 3 * np.quantile(moved, 0.9)


# What holds no sound is not valid


@pytest.mark.parametrize(
    ("low", "high", "bands", "valid"),
    [
        # Sub-bands of bands 4-11, 8-15 and 12-19; 18 measures of 16 bands; no half of the ripples; 2 measures and
        # skewness of 16 bands; bands 4-11 with those 8 above.
        (1000, 5000, range(4, 20), 3 * 24 * 17 + 18 * 16 + 0 + 3 * 16 + 8),
        # Sub-bands of bands 0-7 and 4-11; bands 1-13 and, for the pairs, 1-5.
        (0, 3500, range(14), 2 * 24 * 17 + 18 * 14 + 0 + 3 * 13 + 5),
        # The upper four sub-bands but the first of them, 16-23, 20-27, 24-31; the upper half of the ripples.
        (4000, 8001, range(16, 32), 3 * 24 * 17 + 18 * 16 + 27 + 3 * 16 + 8),
    ],
)
def test_flags_fall_where_the_band_is_limited(texture, low, high, bands, valid):
    value, flag = texture(noise(low, high)).T
    expected = [set(needed) <= set(bands) for needed in NEEDS]
    assert sum(expected) == valid
    np.testing.assert_array_equal(flag, expected)
    assert not value[flag == 0].any() and (value[flag == 1] != 0).mean() > 0.99


def test_the_telephone_leaves_what_lies_below_4_khz(texture, speech):
    value, flag = texture(channels.telephone_call(speech, sr=SR)).T
    bands = {needed[0] for needed, ok in zip(NEEDS, flag, strict=True) if ok and len(needed) == 1}
    assert {*range(2, 13)} <= bands <= {*range(17)}
    assert np.isfinite(value).all()


@pytest.mark.parametrize(
    "y", [np.zeros(N), np.full(N, 0.3), np.eye(1, N, 20000)[0], np.zeros(100)], ids=["zeros", "0.3", "impulse", "short"]
)
def test_nothing_to_measure_gives_zeros(texture, y):
    with np.errstate(divide="raise", invalid="raise"):
        assert not texture(y.astype(np.float32)).any()


def test_clipped_and_partly_silent_speech_gives_finite_numbers(texture, speech):
    for y in (np.clip(20 * speech, -1, 1), np.where(np.arange(N) < 35000, 0, speech)):
        features = texture(y.astype(np.float32))
        assert np.isfinite(features).all() and features[:, 1].any()


# Measures against independent computation


@pytest.fixture(scope="module")
def frames(speech):
    return frames_of(speech)


def frames_of(y):
    """Power of windows of 32 ms in float64, without 0 Hz, over the floor; which frames are active; (k, 256), (k,)."""
    y = np.asarray(y, float) - y.mean()
    y /= np.sqrt(np.mean(y**2))
    window = get_window("hann", 512)
    power = np.array([np.abs(np.fft.rfft(y[k : k + 512] * window)[1:]) ** 2 for k in range(0, len(y) - 511, 128)])
    level = power.mean(axis=1)
    loud = np.percentile(level, 95)
    return power + 1e-6 * loud, level > 1e-4 * loud


def spread(x):
    return x.std(axis=0) + 1e-3


def test_cepstra_of_sub_bands_are_those_of_scipy(measured, frames):
    power, active = frames
    assert 0.5 < active.mean() <= 1
    found = measured[: 7 * 6 * 24, 0].reshape(7, 6, 24)
    for k in range(7):
        sub_band = np.log(power[:, 32 * k : 32 * k + 64])
        cepstra = fft.dct(sub_band, type=2, norm="ortho", axis=1)[:, 1:49]
        expected = [np.log(spread(cepstra[active]))]
        for lag in (1, 2, 3, 5):
            pairs = [cepstra[i + lag] - cepstra[i] for i in range(len(power) - lag) if active[i] and active[i + lag]]
            expected.append(np.log(spread(np.array(pairs)) / spread(cepstra[active])))
        around = np.abs(cepstra[active] - cepstra[active].mean(axis=0)).mean(axis=0)
        expected.append(np.log(around / spread(cepstra[active]) + 1e-3))
        expected = np.array(expected).reshape(6, 24, 2).mean(axis=2)  # neighbouring coefficients
        np.testing.assert_allclose(found[k], expected, atol=1e-3)


def test_a_short_waveform_is_measured_as_it_is(texture, speech):
    """Over its own frames: none lies across the seam of a repetition."""
    y = speech[:19200]
    power, active = frames_of(y)
    assert len(power) == 147
    level = np.log(power.reshape(-1, 32, 8).mean(axis=2))
    skewness = texture(y)[BAND_STATISTICS : BAND_STATISTICS + 32, 0]
    np.testing.assert_allclose(skewness, stats.skew(level[active]), rtol=0.01, atol=0.01)


def test_skewness_and_flatness_of_bands(measured, frames):
    power, active = frames
    bands = power.reshape(-1, 32, 8)
    level = np.log(bands.mean(axis=2))
    found = measured[BAND_STATISTICS : BAND_STATISTICS + 18 * 32, 0].reshape(18, 32)
    np.testing.assert_allclose(found[0], stats.skew(level[active]), rtol=0.01, atol=0.01)
    flatness = np.log(stats.gmean(bands, axis=2)) - level
    np.testing.assert_allclose(found[17], np.log(spread(flatness[active])), atol=1e-3)


@pytest.mark.parametrize(("rate", "k"), [(4, 3), (8, 5), (20, 7)])
def test_modulation_is_found_at_its_rate(texture, rate, k):
    # 309 frames 8 ms apart: bins of 0.405 Hz. The ranges begin at bins 2, 3, 4, 7, 11, 17, 27, 41, 64 and 100;
    # 4 Hz is bin 9.9, in the range from 7; 8 Hz is bin 19.8, in that from 17; 20 Hz is bin 49.4, in that from 41.
    y = noise() * (1 + 0.9 * np.sin(2 * np.pi * rate * np.arange(N) / SR)).astype(np.float32)
    shares = texture(y)[BAND_STATISTICS + 5 * 32 : BAND_STATISTICS + 15 * 32, 0].reshape(10, 32)
    assert (shares.argmax(axis=0) == k).all()


def test_ripples_are_found_at_their_period(texture):
    # An echo after 160 samples: ripples of 100 Hz, which is 12.8 of 7.8 Hz. The 456 bins below 4 kHz hold 35.6 of
    # them, in the fourth range of ten; the 520 above 40.6, in the fifth.
    y = noise()
    echoed = y + 0.5 * np.r_[np.zeros(160, np.float32), y[:-160]]
    more = (texture(echoed) - texture(y))[BAND_STATISTICS + 18 * 32 :, 0]
    assert (more[:22].argmax(), more[23:49].argmax()) == (3, 4)
    assert more[3] > 1 and more[27] > 1
    assert more[22] > 0.5 and more[49] > 0.5  # their depth


def test_differences_count_where_both_frames_are_active():
    x = np.array([[0.0], [1], [3], [6], [10], [15], [21], [28], [36], [45]])
    spectrum = object.__new__(_LogSpectrum)

    def counted(active, lag):
        spectrum.active = active
        weights = spectrum.weights(lag)
        assert weights.sum() == pytest.approx(1) and len(set(weights[weights > 0])) == 1
        return (x[lag:] - x[:-lag])[weights > 0].ravel().tolist()

    active = np.array([1, 1, 1, 0, 1, 1, 1, 1, 1, 1], bool)
    #                  0  1  3  .  10 15 21 28 36 45
    assert counted(active, 1) == [1, 2, 5, 6, 7, 8, 9]
    # 0-3, 10-21, 15-28, 21-36, 28-45; and 3-10, for of both ends no one lies in the pause. 1-6 and 6-15 do not count.
    assert counted(active, 2) == [3, 7, 11, 13, 15, 17]
    # five pairs are hardly any: all are taken
    few = np.array([1, 1, 1, 1, 1, 1, 0, 0, 0, 0], bool)
    assert counted(few, 1) == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    few[6] = True
    assert counted(few, 1) == [1, 2, 3, 4, 5, 6]
