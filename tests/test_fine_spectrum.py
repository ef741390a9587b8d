"""The fine spectrum: against a plain computation frame by frame, and what it depends on and what not."""

import json

import numpy as np
import pytest
from scipy.signal import fftconvolve, firwin, lfilter, stft
from signals import SR

from fakeorreal import audio
from fakeorreal.errors import FakeOrRealError
from fakeorreal.features import FineSpectrum, build_front_end

N = 40000  # samples in 2.5 s


@pytest.fixture(scope="module")
def fine():
    return FineSpectrum()


@pytest.fixture(scope="module")
def speech(make_speech):
    """A voice with half a second of silence in it, and without anything above 5 kHz."""
    y = make_speech(2.5, SR)
    y[8000:16000] = 0
    return fftconvolve(y, firwin(255, 5000, fs=SR, window=("kaiser", 12)), "same").astype(np.float32)


@pytest.fixture(scope="module")
def expected(speech):
    return by_hand(speech)


def by_hand(y):
    """(log power, phase step, mask) by scipy and loops, in float64; frames that the clip fills."""
    _, _, spectrum = stft(y.astype(float), SR, "hann", 512, 512 - 160, boundary=None, padded=False)
    spectrum = 256 * spectrum.T[:, 1:]  # scipy divides by the sum of the window
    level = np.array([np.mean(np.abs(frame) ** 2) for frame in spectrum])
    loud = sorted(level)[-12]
    active = [k for k in range(len(level)) if level[k] > 1e-4 * loud]
    logarithm, step, mask = (np.zeros(spectrum.shape) for _ in range(3))
    for b in range(256):
        logs = np.log(np.abs(spectrum[:, b]) ** 2 / loud + 1e-6)
        logs -= sum(logs[k] for k in active) / len(active)
        spread = np.sqrt(sum(logs[k] ** 2 for k in active) / len(active) + 1e-6)
        logarithm[:, b], mask[:, b] = logs / (1 + spread), spread > 0.7
        if b < 255:
            here, above = spectrum[:, b], spectrum[:, b + 1]
            cosine = np.cos(np.angle(above) - np.angle(here)) * np.abs(here) * np.abs(above) / loud
            step[:, b] = -cosine / np.sqrt((np.abs(here) ** 2 / loud + 1e-5) * (np.abs(above) ** 2 / loud + 1e-5))
    return np.stack([logarithm, step, mask], axis=2)


# Shape and settings


def test_shape_type_and_purity(fine, speech, rng):
    features = fine(speech)
    # 1 + (40000 - 512) // 160 windows of 512 begin every 160 samples
    assert fine.shape == features.shape == (247, 256, 3) and features.dtype == np.float32
    assert np.isfinite(features).all()
    before = speech.copy()
    fine(rng.standard_normal(20000))  # nothing is left behind by another clip
    np.testing.assert_array_equal(fine(speech), features)
    np.testing.assert_array_equal(speech, before)
    assert FineSpectrum(seconds=1.0).shape == (97, 256, 3)


def test_what_goes_beyond_its_seconds_is_not_looked_at(speech):
    second = FineSpectrum(seconds=1.0)
    np.testing.assert_array_equal(second(speech), second(speech[:SR]))


def test_a_short_clip_leaves_the_last_frames_empty(fine, speech):
    features = fine(speech[:SR])  # 97 windows
    assert features[:97].any(axis=(1, 2)).all() and not features[97:].any()
    np.testing.assert_array_equal(features[:97], FineSpectrum(seconds=1.0)(speech[:SR]))


def test_config_round_trip():
    for front_end in (FineSpectrum(), FineSpectrum(8000, 1.5)):
        config = json.loads(json.dumps(front_end.config()))
        assert (config["class"], config["sr"], config["seconds"]) == ("FineSpectrum", front_end.sr, front_end.seconds)
        assert build_front_end(config) == front_end
    with pytest.raises(FakeOrRealError, match="Received: 0"):
        build_front_end({**config, "version": 0})


@pytest.mark.parametrize(
    "y", [np.zeros(0), np.zeros((2, SR)), np.array([0.1, np.nan]), np.array([np.inf])], ids=["0", "2", "nan", "inf"]
)
def test_bad_waveform_is_an_error(fine, y):
    with pytest.raises(FakeOrRealError, match=r"finite mono waveform.*Received: shape"):
        fine(y)


# Against independent computation


def test_equals_a_computation_by_hand(fine, speech, expected):
    features = fine(speech)
    assert len(expected) == 247 and 0.5 < expected[..., 2].mean() < 0.8
    np.testing.assert_allclose(features[..., 0], expected[..., 0], atol=2e-3)
    np.testing.assert_allclose(features[..., 1], expected[..., 1], atol=2e-3)
    np.testing.assert_array_equal(features[..., 2], expected[..., 2])
    assert np.ptp(features[..., 0]) > 4 and np.ptp(features[..., 1]) > 1.5
    assert not features[:, 255, 1].any()  # no bin lies above it


def test_the_twelfth_loudest_frame_stands_for_the_clip(fine, rng):
    y = (rng.standard_normal(8000) * np.exp(-np.arange(8000) / 800)).astype(np.float32)  # 1.7 dB less in every frame
    np.testing.assert_allclose(fine(y)[:47], by_hand(y), atol=2e-3)


def test_silent_frames_do_not_count_for_mean_and_spread(fine, speech):
    features = fine(speech)
    silent = range(51, 97)  # windows within samples 8127 to 15873, half a filter inside: they begin at 8160 to 15360
    np.testing.assert_allclose(features[silent, :, 1], 0, atol=1e-6)
    heard = features[0, :, 2] == 1
    assert (features[silent][..., 0][:, heard] < -0.5).all()
    sounding = np.delete(features[..., 0], range(48, 100), axis=0).mean(axis=0)
    assert np.abs(sounding[heard]).max() < 0.1


@pytest.mark.parametrize(("low", "high"), [(5, 120), (0, 200), (11, 256)])
def test_bins_outside_a_band_are_empty(fine, speech, low, high):
    features = fine.transform(speech, low, high)
    outside = [b for b in range(256) if not low <= b < high]
    np.testing.assert_allclose(features[:, outside], 0, atol=1e-4)
    assert not features[:, high - 1, 1].any() and np.isfinite(features).all()
    inside = slice(low, high - 1)  # only the level of the clip is another one
    assert np.quantile(np.abs(features[:, inside] - fine(speech)[:, inside]), 0.9) < 0.1


# What it depends on


@pytest.mark.parametrize("gain", [0.1, 1e-3, 2.0])
def test_level_does_not_matter(fine, speech, gain):
    np.testing.assert_allclose(fine(np.float32(gain) * speech), fine(speech), atol=2e-3)


def test_a_fixed_filter_hardly_matters(fine, make_speech):
    y = make_speech(2.5, SR)
    filtered = lfilter([1.0, -0.6], [1.0], y).astype(np.float32)  # 8 dB down at 0 Hz, 4 dB up at 8 kHz

    def moved(change):
        return np.median(np.abs(change))

    def log_power(y):
        _, _, spectrum = stft(y, SR, "hann", 512, 512 - 160, boundary=None, padded=False)
        return np.log(np.abs(spectrum.T[:, 1:]) ** 2 + 1e-12)

    assert moved(log_power(filtered) - log_power(y)) > 0.5
    assert moved(fine(filtered)[..., 0] - fine(y)[..., 0]) < 0.03
    another = make_speech(2.5, SR, f0=150, seed=4)  # so that this says something
    assert moved(fine(another)[..., 0] - fine(y)[..., 0]) > 0.3


@pytest.mark.parametrize(("place", "step"), [(256, 1.0), (128, 0.0), (64, -np.cos(np.pi / 4)), (384, 0.0)])
def test_phase_step_of_a_single_pulse_tells_its_place_in_the_frame(fine, place, step):
    # Samples of a frame advance the phase from bin to bin by 2 π place / 512.
    y = np.zeros(N, np.float32)
    y[100 * 160 + place] = 0.5
    np.testing.assert_allclose(fine(y)[100, :255, 1], step, atol=1e-3)


def test_phase_steps_of_noise_are_spread(fine, rng):
    steps = fine(rng.standard_normal(N))[..., 1]
    assert steps.std() > 0.3 and steps.min() < -0.9 and steps.max() > 0.9


def test_the_mask_says_which_bins_hold_sound(fine, rng):
    # Noise below 4 kHz, which are 127 of the bins, in steps of 20 dB; the rest lies below the floor of the logarithm.
    y = rng.standard_normal(N // 2) * np.where(np.arange(N // 2) // 2000 % 2, 0.1, 1)
    y = audio.resample(y.astype(np.float32), sr_from=8000, sr_to=SR)
    mask = fine(y)[..., 2]
    assert (mask == mask[0]).all()
    assert mask[0, :120].all() and not mask[0, 136:].any()


# What there is nothing in


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "y",
    [np.zeros(N), np.zeros(20), np.full(N, 1e-9), np.eye(1, N, 99)[0], np.full(N, 0.3), np.eye(1, N, 39800)[0]],
    ids=["zeros", "short", "residue", "pulse", "0.3", "late"],
)
def test_hardly_anything_gives_finite_numbers(fine, y):
    features = fine(y.astype(np.float32))
    assert np.isfinite(features).all()
    assert features.any() == (np.abs(y).max() > 0.01)


def test_digital_silence_gives_zeros_in_any_band(fine):
    assert not fine.transform(np.zeros(N, np.float32), 3, 120).any()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("n", [20, 511, 512, 671, 672])
def test_a_very_short_clip(fine, make_speech, n):
    features = fine(make_speech(1.0, SR)[5000:][:n])
    frames = 2 if n == 672 else 1
    assert np.isfinite(features).all() and features[:frames].any() and not features[frames:].any()
