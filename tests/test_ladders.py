"""Rungs of the ladders: what every channel keeps, and what each kind of damage does."""

import re

import numpy as np
import pytest
from signals import SR, band_power, decibel, delay, octaves, power, sine, snr

from fakeorreal import channels
from fakeorreal.ladders import LADDERS, RUNGS
from fakeorreal.named_channels import CONDITIONS, apply_channel

NEW_LENGTH = ("trimming", "speed")
NAMES = {family: [name for _, name in ladder.rungs if name] for family, ladder in LADDERS.items()}
KEEP_LENGTH = [name for family, names in NAMES.items() if family not in NEW_LENGTH for name in names]


def through(y, name, key="a"):
    return apply_channel(y, sr=SR, name=name, key=key)


def noise(n, rng):
    return (0.1 * rng.standard_normal(n)).astype(np.float32)


# All of them


def test_every_rung_has_a_name_of_its_own_and_every_ladder_one_clean_end():
    assert sorted(name for names in NAMES.values() for name in names) == sorted(RUNGS)
    assert all(re.fullmatch(r"[a-z][a-z0-9.]*(-[a-zA-Z0-9.]+)*", name) for name in RUNGS)
    assert set(CONDITIONS) <= set(RUNGS)
    for ladder in LADDERS.values():
        assert [value for value, name in ladder.rungs if name is None] == ["clean"]
        values = [value for value, name in ladder.rungs if name]
        assert all(isinstance(value, str) for value in values) or values == sorted(set(values))


def test_the_ladders_span_what_they_promise():
    ends = {family: (names[0], names[-1]) for family, names in NAMES.items()}
    assert ends["mp3"] == ("mp3-16k", "mp3-320k")
    assert ends["noise"] == ("noise-minus-5dB", "noise-30dB")
    assert ends["gain"] == ("gain-minus-40dB", "gain-12dB")
    assert ends["room"] == ("room-0.1s", "room-1.5s")
    assert NAMES["telephony"] == ["telephone", "mu-law", "g722"]


@pytest.mark.parametrize("name", RUNGS)
def test_a_rung_keeps_type_and_input_and_depends_on_the_key_alone(make_speech, name):
    y = make_speech(0.5, SR)
    before = y.copy()
    out = through(y, name)
    assert out.dtype == np.float32 and np.isfinite(out).all()
    assert np.array_equal(y, before) and not np.shares_memory(out, y)
    assert np.array_equal(out, through(y, name))
    differs = not np.array_equal(out, through(y, name, key="b"))
    assert differs == (name in NAMES["noise"] + NAMES["room"])


@pytest.mark.parametrize("n", [1, 2, 321, 8001])
@pytest.mark.parametrize("name", KEEP_LENGTH)
def test_a_rung_keeps_the_length(make_speech, name, n):
    out = through(make_speech(0.6, SR)[:n], name)
    assert out.shape == (n,) and np.isfinite(out).all()


@pytest.mark.parametrize("n", [1, 2, 321, 8001])
@pytest.mark.parametrize("name", NAMES["trimming"] + NAMES["speed"])
def test_what_does_not_keep_the_length(make_speech, name, n):
    number = float(re.search(r"[0-9.]+", name)[0])
    wanted = min(n, number * SR) if name.startswith("first") else n / number
    assert len(through(make_speech(0.6, SR)[:n], name)) == pytest.approx(wanted, abs=1)


@pytest.mark.parametrize("name", RUNGS)
def test_silence_stays_silence(name):
    assert np.abs(through(np.zeros(4000, np.float32), name)).max() < 2e-4  # G.722 never rests entirely


@pytest.mark.parametrize("name", [name for name in KEEP_LENGTH if name not in NAMES["room"]])
def test_nothing_shifts_in_time(make_speech, name):
    y = make_speech(2.5, SR)[:8000]
    narrow = name in ("opus-6k", "opus-8k")  # libopus leaves 0.1 ms where it sends the low band alone
    assert abs(delay(y, of=through(y, name))) <= (2 if narrow else 0)


@pytest.mark.parametrize("family", ["mp3", "opus", "vorbis", "aac", "low-pass", "noise", "resampling"])
def test_the_lowest_rung_is_the_worst(make_speech, family):
    y = make_speech(1.0, SR)
    worst, best = (snr(y, through(y, NAMES[family][k])) for k in (0, -1))
    assert worst + 5 < best


@pytest.mark.parametrize("family", ["high-pass", "clipping"])
def test_the_highest_rung_is_the_worst(make_speech, family):
    y = make_speech(1.0, SR)
    best, worst = (snr(y, through(y, NAMES[family][k])) for k in (0, -1))
    assert worst + 5 < best


# Codecs


@pytest.mark.parametrize("name", NAMES["mp3"] + NAMES["opus"] + NAMES["aac"])
def test_codecs_send_as_many_bits_as_their_name_says(make_speech, monkeypatch, name):
    sent = []

    def encode(*arguments, _encode=channels._encode, **options):
        encoder, packets = _encode(*arguments, **options)
        sent.extend(packets)
        return encoder, packets

    monkeypatch.setattr(channels, "_encode", encode)
    through(make_speech(2.5, SR), name)
    seconds = [float(packet.duration * packet.time_base) for packet in sent]
    assert 2.5 < sum(seconds) < 2.67  # rest of a frame, and the delay
    bits = 8 * sum(packet.size for packet in sent[:-1])  # the last packet is mostly padding
    wanted = 1000 * int(re.search(r"-(\d+)k", name)[1])
    assert bits / sum(seconds[:-1]) == pytest.approx(wanted, rel=0.15 if name.startswith("aac") else 2e-3)


@pytest.mark.parametrize("name", ["mp3-320k", "aac-32k", "vorbis-q6", "g722"])
def test_codecs_keep_speech_to_its_end_and_clip(make_speech, name):
    y = make_speech(2.0, SR)[:31999]
    out = through(y, name)
    assert 15 < snr(y, out) < 90
    assert snr(y[-800:], out[-800:]) > 12
    assert np.abs(through(4 * y, name)).max() < 1.2  # Vorbis goes a little beyond what it was given


# Bands and rates


@pytest.mark.parametrize("name", NAMES["low-pass"] + NAMES["high-pass"])
def test_band_limits_have_the_response_of_butterworth_twice(name):
    impulse = np.zeros(8192, np.float32)
    impulse[4096] = 1
    out = through(impulse, name)
    cut_off = float(name.rpartition("-")[2])
    frequency = np.fft.rfftfreq(8192, 1 / SR)
    with np.errstate(divide="ignore"):
        # Butterworth's law on the warped axis of the bilinear transform, order 8, forward and backward
        ratio = np.tan(np.pi * frequency / SR) / np.tan(np.pi * cut_off / SR)
        wanted = 1 / (1 + (ratio if name.startswith("low") else 1 / ratio) ** 16)
    np.testing.assert_allclose(np.abs(np.fft.rfft(out)), wanted, atol=2e-3)
    assert np.allclose(out[97:4096][::-1], out[4097:8096], atol=1e-5)  # zero phase


@pytest.mark.parametrize("name", NAMES["resampling"])
def test_resampling_leaves_what_is_below_half_the_rate(rng, name):
    y, half = noise(2 * SR, rng), int(name.rpartition("-")[2]) / 2
    out = through(y, name)
    kept = min(0.8 * half, 7000)
    assert decibel(band_power(out, 100, kept) / band_power(y, 100, kept)) == pytest.approx(0, abs=0.1)
    if half < 7000:
        assert decibel(band_power(out, half + 200, 8000) / band_power(y, half + 200, 8000)) < -40


# Noise, rooms


@pytest.mark.parametrize(("value", "name"), [rung for rung in LADDERS["noise"].rungs if rung[1]])
def test_noise_is_pink_at_its_ratio(make_speech, value, name):
    y = make_speech(2.5, SR)
    out = through(y, name)
    assert snr(y, out) == pytest.approx(value, abs=0.01)
    assert np.diff(octaves(out - y)).mean() == pytest.approx(0, abs=0.3)


@pytest.mark.parametrize(("value", "name"), [rung for rung in LADDERS["room"].rungs if rung[1]])
def test_a_room_decays_in_its_time_and_is_as_loud_as_the_source(value, name):
    impulse = np.zeros(2 * SR, np.float32)
    impulse[0] = 1
    heard = through(impulse, name)
    walls = heard[1:].astype(float)
    assert decibel(np.sum(walls**2) / heard[0] ** 2) == pytest.approx(0, abs=0.01)
    left = decibel(np.cumsum(walls[::-1] ** 2)[::-1][: round(0.7 * value * SR)])  # Schroeder integration
    left -= left[0]
    inside = (left < -5) & (left > -35)
    slope = np.polyfit(np.flatnonzero(inside) / SR, left[inside], 1)[0]
    assert -60 / slope == pytest.approx(value, rel=0.15)


# Length, speed


@pytest.mark.parametrize(("value", "name"), [rung for rung in LADDERS["speed"].rungs if rung[1]])
def test_speed_raises_the_pitch(value, name):
    out = through(sine(1000, seconds=2), name)
    spectrum = np.abs(np.fft.rfft(out[2000:22000] * np.hanning(20000)))
    assert np.argmax(spectrum) * SR / 20000 == pytest.approx(1000 * value, abs=1)
    assert power(out[2000:-2000]) == pytest.approx(0.005, rel=0.01)


def test_trimming_keeps_the_beginning(make_speech):
    y = make_speech(3.0, SR)
    for value, name in LADDERS["trimming"].rungs:
        if name:
            np.testing.assert_array_equal(through(y, name), y[: round(value * SR)])
