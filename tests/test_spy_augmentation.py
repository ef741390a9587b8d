"""Waveforms and spectrograms altered in training: each step alone, how often, and what none of them touches."""

import numpy as np
import pytest
from signals import SR, power, sine, snr

from fakeorreal import augmentation
from fakeorreal.spy_augmentation import AUGMENTATIONS, SEAM, alter, mask, shift

STEPS = ("pitch", "stretch", "shift", "equaliser", "noise", "gain")


class Only:
    """A generator whose yes-or-no draws choose these steps of `alter` and no other."""

    def __init__(self, *steps, seed=0):
        self._no = [step not in steps for step in STEPS]
        self._rng = np.random.default_rng(seed)

    def random(self):
        return float(self._no.pop(0))

    def __getattr__(self, name):
        return getattr(self._rng, name)


def altered(y, *steps, seed=0):
    return alter(y, sr=SR, rng=Only(*steps, seed=seed))


def peak(y):
    return np.argmax(np.abs(np.fft.rfft(y * np.hanning(len(y))))) * SR / len(y)


@pytest.fixture(scope="module")
def speech(make_speech):
    return make_speech(1.0, SR)


def test_the_state_of_the_generator_decides(speech):
    first, again, other = (alter(speech, sr=SR, rng=np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.allclose(first, other, atol=1e-3)


def test_length_type_and_range_stay_and_so_does_the_clip(speech):
    loud = speech / np.abs(speech).max()
    before = loud.copy()
    for seed in range(15):
        out = alter(loud, sr=SR, rng=np.random.default_rng(seed))
        assert out.shape == loud.shape and out.dtype == np.float32 and np.abs(out).max() <= 1
    assert np.array_equal(loud, before)
    assert np.array_equal(altered(loud), loud)
    assert not alter(np.zeros(SR, np.float32), sr=SR, rng=Only(*STEPS)).any()


# Each step alone


def test_pitch_moves_by_up_to_two_semitones():
    semitones = [12 * np.log2(peak(altered(sine(1000), "pitch", seed=seed)) / 1000) for seed in range(20)]
    assert -2.05 < min(semitones) < -1.5 and 1.5 < max(semitones) < 2.05


def test_stretching_moves_time_and_keeps_the_pitch():
    y = np.concatenate([sine(500), sine(2000)])
    moments = []
    for seed in range(12):
        out = altered(y, "stretch", seed=seed)
        blocks = out[: len(out) // 320 * 320].reshape(-1, 320)
        high = np.abs(np.diff(blocks, axis=1)).mean(axis=1) / np.abs(blocks).mean(axis=1) > 0.4
        moments.append(320 * np.argmax(high) / SR)
        assert peak(out[: round(0.75 * SR)]) == pytest.approx(500, abs=3)
    assert 1 / 1.2 - 0.05 < min(moments) < 0.93 and 1.1 < max(moments) < 1 / 0.8 + 0.05


def test_a_shifted_clip_goes_around_without_a_click():
    y = sine(100.25, amplitude=0.5)
    largest = np.abs(np.diff(y)).max()
    assert np.abs(y[0] - y[-1]) > 20 * largest  # a plain roll would click
    for seed in range(20):
        assert np.abs(np.diff(altered(y, "shift", seed=seed))).max() < 2 * largest


def test_a_shifted_clip_begins_anywhere_and_is_else_as_it_was(rng):
    noise, fade, begins = rng.standard_normal(SR), round(SEAM * SR), []
    turn = SR - fade
    for seed in range(20):
        out = shift(noise, sr=SR, rng=np.random.default_rng(seed))
        begins.append(np.random.default_rng(seed).integers(turn))
        place = (begins[-1] + np.arange(SR)) % turn
        there = place >= fade  # not in the seam
        np.testing.assert_array_equal(out[there], noise[place[there]])
        assert power(out) == pytest.approx(1, abs=0.05)
    assert min(begins) < 0.2 * SR and max(begins) > 0.8 * SR


def test_the_equaliser_is_that_of_the_random_channel(speech):
    wanted = augmentation.equalise(speech, sr=SR, rng=np.random.default_rng(5))
    np.testing.assert_allclose(altered(speech, "equaliser", seed=5), np.clip(wanted, -1, 1), atol=1e-7)


def test_noise_is_20_to_40_db_below_the_clip(speech):
    for level in (1, 0.01):
        ratios = [snr(level * speech, altered(level * speech, "noise", seed=seed)) for seed in range(20)]
        assert 19.5 < min(ratios) < 23 and 37 < max(ratios) < 40.5


def test_the_level_moves_by_up_to_6_db_and_clips_at_full_scale(speech):
    changes = [10 * np.log10(power(altered(0.1 * speech, "gain", seed=s)) / power(0.1 * speech)) for s in range(20)]
    assert -6.01 < min(changes) < -4.5 and 4.5 < max(changes) < 6.01
    loud = max((altered(2 * speech, "gain", seed=seed) for seed in range(20)), key=power)
    assert (np.abs(loud) == 1).mean() > 0.001


# SpecAugment


def test_masks_are_bands_and_stretches_of_the_published_widths(rng):
    levels = rng.uniform(-80, 0, (200, 100, 1)).astype(np.float32)
    before, shares = levels.copy(), []
    for seed in range(200):
        out = mask(levels, np.random.default_rng(seed))
        hit = (out != levels)[..., 0]
        bands, frames = hit.all(axis=1), hit.all(axis=0)
        np.testing.assert_array_equal(hit, bands[:, None] | frames)
        assert np.allclose(out[hit], levels.mean()) and np.array_equal(out[~hit], levels[~hit])
        shares.append((bands.mean(), frames.mean()))
    low, high = np.min(shares, axis=0), np.max(shares, axis=0)
    assert low[0] < 0.05 and low[1] < 0.1
    assert 0.24 < high[0] <= 0.3 and 0.48 < high[1] <= 0.6
    assert np.array_equal(levels, before) and out.dtype == np.float32


@pytest.mark.parametrize(("name", "share"), [("spy_cnn", 0.2), ("spy_vit", 0.05)])
def test_the_published_shares_of_waveforms_and_of_spectrograms_are_altered(rng, name, share):
    y, ramp = rng.standard_normal(2400).astype(np.float32), np.arange(2400, dtype=np.float32).reshape(40, 60, 1)

    heard = []

    class Front:
        sr = SR

        def __call__(self, y):
            heard.append(y)
            return ramp

    front_end = Front()
    outs = [AUGMENTATIONS[name](y, front_end, np.random.default_rng([7, k])) for k in range(1000)]
    masked = [not np.array_equal(out, ramp) for out in outs]
    changed = [not np.array_equal(y, other) for other in heard]
    assert [np.mean(changed), np.mean(masked)] == pytest.approx([share, share], rel=0.2)
    assert np.mean(np.logical_and(changed, masked)) == pytest.approx(share**2, abs=0.02)
