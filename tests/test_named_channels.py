"""Channels by name: what they keep, what the test conditions do, and those of the training."""

import numpy as np
import pytest
from signals import SR, band_power, decibel, delay, octaves, sine, snr

from fakeorreal import channels
from fakeorreal.augmentation import random_channel
from fakeorreal.errors import FakeOrRealError
from fakeorreal.named_channels import AUGMENTATIONS, CONDITIONS, apply_channel
from fakeorreal.synthesis.resynthesis import resynthesise


@pytest.mark.parametrize("name", [*AUGMENTATIONS, *CONDITIONS])
@pytest.mark.parametrize("n", [1, 2, 321, 16001])
def test_apply_channel_keeps_length_and_type(make_speech, name, n):
    y = make_speech(1.5, SR)[:n]
    before = y.copy()
    out = apply_channel(y, sr=SR, name=name, key="a")
    assert out.shape == (n,) and out.dtype == np.float32 and np.isfinite(out).all()
    assert np.array_equal(y, before)


@pytest.mark.parametrize("name", [*AUGMENTATIONS, *CONDITIONS])
def test_apply_channel_changes_the_clip_but_not_beyond_recognition(make_speech, name):
    y = make_speech(1.0, SR)
    out = apply_channel(y, sr=SR, name=name, key="a")
    assert 0.5 < np.corrcoef(y, out)[0, 1] < 1 - 1e-6
    assert np.array_equal(out, apply_channel(y, sr=SR, name=name, key="a"))


@pytest.mark.parametrize("name", [*(name for name in AUGMENTATIONS if name != "mp3"), "noise-15dB"])
def test_apply_channel_differs_from_clip_to_clip(make_speech, name):
    y = make_speech(1.0, SR)
    first, second = (apply_channel(y, sr=SR, name=name, key=key) for key in ("a", "b"))
    assert not np.allclose(first, second, atol=1e-3)


@pytest.mark.parametrize("name", [*AUGMENTATIONS, *CONDITIONS])
def test_apply_channel_to_silence(name):
    out = apply_channel(np.zeros(4000, np.float32), sr=SR, name=name, key="a")
    assert np.isfinite(out).all() and np.abs(out).max() < 1e-4


def test_apply_channel_unknown():
    with pytest.raises(
        FakeOrRealError, match=r"noise, mp3, band, room, mp3-64k, .* or a rung of `ladders.LADDERS`. Received: 'vinyl'"
    ):
        apply_channel(np.zeros(100, np.float32), sr=SR, name="vinyl", key="a")


# Test conditions


@pytest.mark.parametrize("name", CONDITIONS)
@pytest.mark.parametrize("n", [8000, 16001, 40000])
def test_conditions_do_not_shift_in_time(make_speech, name, n):
    y = make_speech(2.5, SR)[:n]
    assert delay(y, of=apply_channel(y, sr=SR, name=name, key="a")) == 0


@pytest.mark.parametrize(("name", "low", "high"), [("mp3-64k", 20, 60), ("opus-24k", 5, 30)])
def test_codecs_keep_speech_to_its_end(make_speech, name, low, high):
    y = make_speech(2.0, SR)[:31999]
    out = apply_channel(y, sr=SR, name=name, key="a")
    assert low < snr(y, out) < high
    assert snr(y[-800:], out[-800:]) > low - 5
    assert np.abs(apply_channel(4 * y, sr=SR, name=name, key="a")).max() <= 1


def test_telephone_condition_keeps_300_to_3400_hz(rng):
    y = (0.1 * rng.standard_normal(4 * SR)).astype(np.float32)
    out = apply_channel(y, sr=SR, name="telephone", key="a")

    def gain(low, high):
        return decibel(band_power(out, low, high) / band_power(y, low, high))

    assert gain(500, 3000) == pytest.approx(0, abs=0.5)
    assert gain(0, 150) < -20 and gain(4100, 8000) < -30  # what remains is the rounding of mu-law
    tone = sine(1000, seconds=2)
    assert 30 < snr(tone[4000:-4000], apply_channel(tone, sr=SR, name="telephone", key="a")[4000:-4000]) < 45


def test_noise_condition_is_pink_and_15_db_down(make_speech):
    y = make_speech(2.5, SR)
    out = apply_channel(y, sr=SR, name="noise-15dB", key="a")
    assert snr(y, out) == pytest.approx(15, abs=0.01)
    assert np.diff(octaves(out - y)).mean() == pytest.approx(0, abs=0.3)  # pink: as much in every octave


# What the detector is trained on

TRAINING = ("random", "resynthesis", "resynthesis+random")


@pytest.mark.parametrize("name", TRAINING)
@pytest.mark.parametrize("n", [3200, 16001])
def test_training_channels_keep_length_and_type(make_speech, name, n):
    y = make_speech(1.5, SR)[:n]
    before = y.copy()
    out = apply_channel(y, sr=SR, name=name, key="a")
    assert out.shape == (n,) and out.dtype == np.float32 and np.isfinite(out).all()
    assert np.array_equal(y, before) and not np.allclose(out, y, atol=1e-3)
    assert np.array_equal(out, apply_channel(y, sr=SR, name=name, key="a"))
    assert not np.allclose(out, apply_channel(y, sr=SR, name=name, key="b"), atol=1e-3)


def test_a_resynthesised_clip_then_goes_through_a_random_channel(make_speech):
    y, rng = make_speech(0.5, SR), channels.seeded("resynthesis+random:a")
    wanted = random_channel(resynthesise(y, sr=SR, rng=rng), sr=SR, rng=rng)
    np.testing.assert_array_equal(apply_channel(y, sr=SR, name="resynthesis+random", key="a"), wanted)
