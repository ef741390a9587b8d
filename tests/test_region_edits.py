"""Edits: the region is another, as loud as before; all else stays."""

import librosa
import numpy as np
import pytest
from signals import SR, band_power, decibel, power, sine

from fakeorreal.errors import FakeOrRealError
from fakeorreal.synthesis import region_edits
from fakeorreal.synthesis.region_edits import EDITS, edit_region, extend_band

REGIONS = [(8000, 24000), (30400, 33600)]  # ..#####.#... of 3 s, one sign = 0.25 s
FADE = 320  # samples: 20 ms
LEAST_CHANGE = {"denoising": 0.12, "coding": 0.05, "imaging": 0.05}
"""Energy of what an edit changes, as a share of the region's, square root; the others change half of it or more."""

each_edit = pytest.mark.parametrize("method", EDITS)


@pytest.fixture(scope="module")
def speech(make_speech):
    return make_speech(3, SR, f0=110, seed=5)


@pytest.fixture(scope="module")
def donor(make_speech):
    return make_speech(2.5, SR, f0=190, seed=6)


@pytest.fixture(scope="module")
def edited(speech, donor):
    """By (method, extend)."""
    return {(m, extend): edit(speech, m, donor=donor, extend=extend) for m in EDITS for extend in (False, True)}


def edit(y, method, seed=0, regions=REGIONS, **options):
    return edit_region(y, regions, method, sr=SR, rng=np.random.default_rng(seed), **options)


def near_regions(n, reach):
    near = np.zeros(n, bool)
    for start, end in REGIONS:
        near[max(start - reach, 0) : end + reach] = True
    return near


@each_edit
@pytest.mark.parametrize("extend", [False, True])
def test_the_regions_change_and_nothing_else(speech, edited, method, extend):
    out = edited[method, extend]
    assert out.shape == speech.shape and out.dtype == np.float32 and np.isfinite(out).all()
    assert np.array_equal(out[~near_regions(len(out), FADE)], speech[~near_regions(len(out), FADE)])
    for start, end in REGIONS:
        before, after = speech[start:end], out[start:end]
        assert np.sqrt(power(after - before) / power(before)) > LEAST_CHANGE.get(method, 0.5)
        assert decibel(power(after) / power(before)) == pytest.approx(0, abs=0.1)


@each_edit
def test_the_seed_decides(speech, donor, edited, method):
    assert np.array_equal(edit(speech, method, donor=donor), edited[method, False])
    other = edit(speech, method, seed=1, donor=donor)
    drawn = method not in ("reversal", "lpc-vocoder")  # all of it is voiced: pulses, no noise
    assert np.array_equal(other, edited[method, False]) is not drawn


@each_edit
def test_the_input_is_left_alone(speech, donor, method):
    y, other = speech.copy(), donor.copy()
    edit(y, method, regions=REGIONS[1:], donor=other)
    assert np.array_equal(y, speech) and np.array_equal(other, donor)


@each_edit
def test_silence_stays_silent(donor, method):
    out = edit(np.zeros(3 * SR, np.float32), method, regions=REGIONS[1:], donor=donor)
    assert np.isfinite(out).all() and np.abs(out).max() < 1e-6


# What each of them does


@pytest.mark.parametrize("method", ["mel-inversion", "harmonic-vocoder", "denoising"])
def test_words_stay_where_they_are(speech, edited, method):
    start, end = REGIONS[0]
    before, after = (
        librosa.power_to_db(librosa.feature.melspectrogram(y=y[start:end], sr=SR, n_mels=40), top_db=40)
        for y in (speech, edited[method, False])
    )
    assert np.corrcoef(before.ravel(), after.ravel())[0, 1] > 0.9
    half_a_syllable = round(0.125 * SR / 512)
    contours = before.mean(axis=0), after.mean(axis=0)
    assert (
        np.corrcoef(*contours)[0, 1] > 0.8 > 0 > np.corrcoef(contours[0], np.roll(contours[1], half_a_syllable))[0, 1]
    )


def test_reversal(speech, edited):
    for start, end in REGIONS:
        assert np.allclose(edited["reversal", False][start:end], speech[start:end][::-1], atol=1e-6)


@pytest.mark.parametrize("seconds", [2.5, 0.3])
def test_splice_takes_a_stretch_of_the_donor(speech, donor, seconds):
    out = edit(speech, "splice", donor=donor[: round(seconds * SR)])
    for start, _ in REGIONS:
        taken = out[start : start + 3000] / np.linalg.norm(out[start : start + 3000])
        there = np.tile(donor[: round(seconds * SR)], 3)
        norms = np.sqrt(np.convolve(np.square(there, dtype=float), np.ones(3000), "valid"))
        assert (np.correlate(there, taken, "valid") / norms).max() > 0.999


def test_noise_lpc_knows_nothing_of_the_region_but_its_level(rng):
    noise = 0.05 * rng.standard_normal(3 * SR).astype(np.float32)
    y = np.convolve(noise, np.ones(8) / 8, "same").astype(np.float32)  # dull, with a tone of 6 kHz in the region
    start, end = REGIONS[0]
    y[start:end] += sine(6000, seconds=1.0)
    out = edit(y, "noise-lpc", regions=REGIONS[:1])[start:end]
    share = [band_power(x, 5800, 6200) / band_power(x, 0, 8000) for x in (y[start:end], out)]
    assert share[0] > 0.5 and share[1] < 0.1


def test_noise_lpc_turns_from_one_spectrum_to_the_other():
    rng = np.random.default_rng(1)
    y = np.r_[sine(1000, seconds=1.5), sine(3000, seconds=1.5)] + 1e-3 * rng.standard_normal(3 * SR)
    out = edit(y.astype(np.float32), "noise-lpc", regions=[(16000, 32000)])
    first, last = out[16000:20000], out[28000:32000]
    assert band_power(first, 800, 1200) > 3 * band_power(first, 2800, 3200)
    assert band_power(last, 2800, 3200) > 3 * band_power(last, 800, 1200)


def test_denoising_takes_noise_out(rng):
    noise = 0.01 * rng.standard_normal(3 * SR).astype(np.float32)
    y = sine(1000, seconds=3) + noise
    out = edit(y, "denoising", regions=REGIONS[:1])[slice(*REGIONS[0])]
    assert band_power(out, 3000, 7000) < 0.5 * band_power(y, 3000, 7000)
    assert band_power(out, 900, 1100) == pytest.approx(band_power(y, 900, 1100), rel=0.1)


# The upper band


def test_the_upper_half_mirrors_the_lower(rng):
    y = sine(1000) + sine(5000)
    reference = 0.02 * rng.standard_normal(SR).astype(np.float32)
    out = extend_band(y, reference, sr=SR)
    assert band_power(out, 900, 1100) == pytest.approx(band_power(y, 900, 1100), rel=0.02)
    assert band_power(out, 4900, 5100) < 1e-3 * band_power(y, 4900, 5100)
    assert band_power(out, 6900, 7100) == pytest.approx(band_power(reference, 4000, 8000), rel=0.1)


# Seams


def stand_in(monkeypatch, edit):
    monkeypatch.setitem(EDITS, "stand-in", edit)


def test_a_seam_between_the_same_is_none(speech, monkeypatch):
    stand_in(monkeypatch, lambda y, start, stop, **_: y[start:stop])
    assert np.allclose(edit(speech, "stand-in"), speech, atol=1e-6)


def test_a_seam_between_strangers_keeps_the_power(monkeypatch):
    powers = []
    stand_in(monkeypatch, lambda y, start, stop, rng, **_: rng.standard_normal(stop - start))
    for seed in range(50):
        y = np.random.default_rng(1000 + seed).standard_normal(3 * SR).astype(np.float32)
        out = edit(y, "stand-in", seed)
        powers.append([power(out[8000 - FADE // 2 - 80 : 8000 - FADE // 2 + 80]), power(out[24080:24240])])
    assert decibel(np.mean(powers, axis=0)) == pytest.approx([0, 0], abs=0.4)  # a linear one would lose 3 dB


def test_a_seam_goes_over_steadily(monkeypatch):
    y = np.ones(3 * SR, np.float32)
    stand_in(
        monkeypatch, lambda y, start, stop, **_: np.where(np.arange(start, stop) < 8000, 1.0, -1.0)
    )  # from 1 to -1
    out = edit(y, "stand-in", regions=[(8000, 24000)])
    assert np.all(out[:8000] == 1) and np.all(out[8000:24000] == -1)
    tail = out[24000 : 24000 + FADE]
    assert np.all(np.diff(tail) > 0) and tail[0] < -0.9 and tail[-1] > 0.9
    assert np.all(out[24000 + FADE :] == 1)


@pytest.mark.parametrize("region", [(0, 8000), (40000, 48000), (0, 48000)])
def test_regions_at_the_ends_of_the_clip(speech, donor, region):
    for method in ("noise-lpc", "reversal"):
        out = edit(speech, method, regions=[region])
        assert np.isfinite(out).all() and out.shape == speech.shape
        assert power(out[slice(*region)] - speech[slice(*region)]) > 0.1 * power(speech[slice(*region)])


# What is refused


def test_unknown_method(speech):
    with pytest.raises(FakeOrRealError, match=r"`method` must be one of mel-inversion, .*Received: 'inpainting'"):
        edit(speech, "inpainting")


@pytest.mark.parametrize("region", [(-1, 8000), (40000, 48001), (8000, 8799), (9000, 8000)])
def test_bad_region(speech, region):
    with pytest.raises(
        FakeOrRealError, match=rf"at least 50 ms\. Received: samples {region[0]} to {region[1]} of 48000"
    ):
        edit(speech, "reversal", regions=[region])


@pytest.mark.parametrize(("other", "received"), [(None, "None"), (np.zeros(0, np.float32), "0")])
def test_nothing_to_splice_from(speech, other, received):
    with pytest.raises(FakeOrRealError, match=f"`donor` must .*Received: {received}"):
        edit(speech, "splice", donor=other)


def test_every_name_is_one_of_the_module():
    assert {name: edit.__name__.replace("_", "-") for name, edit in region_edits.EDITS.items()} == {m: m for m in EDITS}
