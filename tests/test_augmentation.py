"""Random channels: each step alone, all of them together, and what any chain of them keeps."""

import numpy as np
import pytest
import soundfile as sf
from signals import SR, band_power, decibel, delay, power, sine, snr

from fakeorreal import augmentation, channels
from fakeorreal.augmentation import random_channel

STEPS = ("speed", "equaliser", "room", "distortion", "impulses", "noise", "codec", "band")


class Only:
    """A generator whose yes-or-no draws choose these steps and no other."""

    def __init__(self, *steps, seed=0):
        self._yes = [step in steps for step in STEPS]
        self._rng = np.random.default_rng(seed)

    def random(self, size=None):
        return self._rng.random(size) if size else 1.0 - self._yes.pop(0)

    def __getattr__(self, name):
        return getattr(self._rng, name)


@pytest.fixture(scope="module")
def speech(make_speech):
    return make_speech(1.0, SR)


# Every chain


def test_the_state_of_the_generator_decides(speech):
    first, again, other = (random_channel(speech, sr=SR, rng=np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.allclose(first, other, atol=1e-3)


@pytest.mark.parametrize("n", [1, 50, 3201, 16000])
def test_length_type_and_level(speech, n):
    y = speech[4000 : 4000 + n]
    before = y.copy()
    for seed in range(25):
        out = random_channel(y, sr=SR, rng=np.random.default_rng(seed))
        assert out.shape == y.shape and out.dtype == np.float32 and np.isfinite(out).all()
        if n > 3000:
            assert decibel(power(out)) == pytest.approx(channels.SPEECH_LEVEL, abs=0.01)
    assert np.array_equal(y, before)


def test_silence_gives_finite_numbers():
    for seed in range(40):
        out = random_channel(np.zeros(4000, np.float32), sr=SR, rng=np.random.default_rng(seed))
        assert out.shape == (4000,) and np.isfinite(out).all()


def test_every_step_is_taken_at_times(speech, monkeypatch):
    taken = []

    def note(step):
        def leave(y, *_, **__):
            taken.append(step)
            return y

        return leave

    for step, home, name in (
        ("speed", augmentation, "resample"),
        ("equaliser", augmentation, "equalise"),
        ("room", channels, "apply_room"),
        ("impulses", augmentation, "_impulses"),
        ("noise", channels, "add_noise"),
        ("codec", augmentation, "_codec"),
        ("band", channels, "band_limit"),
    ):
        monkeypatch.setattr(home, name, note(step))
    plain = channels.set_level(speech)
    chains = []
    for seed in range(150):
        taken.clear()
        out = random_channel(speech, sr=SR, rng=np.random.default_rng(seed))
        chains.append({*taken, *(() if np.allclose(out, plain, atol=1e-6) else ("distortion",))})
    assert set.union(*chains) == set(STEPS)
    assert set() in chains  # some clips stay as they are
    assert all(any(step not in chain for chain in chains) for step in STEPS)
    assert max(map(len, chains)) >= 5


# Each step alone


def test_without_any_step_only_the_level_changes(speech):
    np.testing.assert_allclose(random_channel(speech, sr=SR, rng=Only()), channels.set_level(speech), atol=1e-6)


def test_speed_changes_pitch_by_up_to_a_tenth():
    pitches = []
    for seed in range(20):
        out = random_channel(sine(1000), sr=SR, rng=Only("speed", seed=seed))
        pitches.append(np.argmax(np.abs(np.fft.rfft(out))) * SR / len(out))
    assert 1000 / 1.1 - 1 <= min(pitches) < 960 and 1040 < max(pitches) <= 1000 / 0.9 + 1


def test_the_equaliser_is_smooth_limited_and_does_not_delay():
    responses = []
    for seed in range(20):
        impulse = np.zeros(4096)
        impulse[2048] = 1
        out = augmentation.equalise(impulse, sr=SR, rng=np.random.default_rng(seed))
        np.testing.assert_allclose(out[2048:2176], out[2048:1920:-1], atol=1e-9)  # linear phase, delay taken out
        assert np.abs(out[2176:]).max() < 1e-9  # 255 taps: the fine structure of a voice is out of its reach
        responses.append(20 * np.log10(np.abs(np.fft.rfft(out))))
    responses = np.array(responses)
    assert np.abs(responses).max() < 16  # dB
    assert np.ptp(responses, axis=1).min() > 2 and responses.max() > 8 > -8 > responses.min()


def test_the_equaliser_keeps_the_time(speech):
    assert delay(speech, of=random_channel(speech, sr=SR, rng=Only("equaliser"))) == 0


def test_the_room_is_that_of_the_channels(speech):
    wanted = channels.set_level(channels.apply_room(speech, sr=SR, rng=np.random.default_rng(5)))
    np.testing.assert_allclose(random_channel(speech, sr=SR, rng=Only("room", seed=5)), wanted, atol=1e-6)


def test_distortion_acts_on_each_sample_alone_and_presses_the_peaks(speech):
    for seed in range(5):
        out = random_channel(speech, sr=SR, rng=Only("distortion", seed=seed))
        order = np.argsort(speech)
        assert (np.diff(out[order]) > -1e-6).all()  # rises with the input
        assert np.abs(out).max() < np.abs(channels.set_level(speech)).max()


def test_impulses_are_sparse_and_follow_the_signal(speech):
    y = speech.copy()
    y[:4000] = 0
    for seed in range(5):
        out = augmentation._impulses(y, np.random.default_rng(seed))
        hit = out != y
        assert 0 < hit.mean() < 0.012
        assert not hit[:4000].any()
        assert (np.abs(out - y) <= 2 * np.abs(y) + 1e-9).all()


def test_noise_is_8_to_40_db_down(speech):
    y = channels.set_level(speech)
    ratios = []
    for seed in range(20):
        out = random_channel(speech, sr=SR, rng=Only("noise", seed=seed)).astype(float)
        ratios.append(snr(y, out * (out @ y) / (out @ out)))
    assert 7.5 < min(ratios) < 15 and 30 < max(ratios) < 41


def test_the_band_ends_between_3400_and_7600_hz(rng):
    noise = 0.1 * rng.standard_normal(2 * SR).astype(np.float32)
    for seed in range(5):
        out = random_channel(noise, sr=SR, rng=Only("band", seed=seed))
        middle = band_power(out, 300, 3000)
        assert decibel(band_power(out, 0, 20) / middle) < -30
        assert decibel(band_power(out, 7900, 8001) / middle) < decibel(band_power(noise, 7900, 8001) / middle) - 3


# Codecs


class Codec:
    """A generator that draws this codec, rate and quality (0 to 1)."""

    def __init__(self, kind, rate=None, quality=0.5):
        self.integers = lambda n: kind
        self.choice = lambda rates: rate
        self.uniform = lambda low, high: low + quality * (high - low)


MP3, MP3_OTHER_RATE, VORBIS, OPUS, OPUS_OTHER_RATE, G722, TELEPHONE = range(7)
CODECS = [
    (MP3, 16000),
    (MP3_OTHER_RATE, 22050),
    (MP3_OTHER_RATE, 24000),
    (VORBIS, 16000),
    (OPUS, 16000),
    (OPUS_OTHER_RATE, 8000),
    (OPUS_OTHER_RATE, 12000),
    (OPUS_OTHER_RATE, 16000),
    (G722, None),
    (TELEPHONE, None),
]


@pytest.mark.parametrize(("kind", "rate"), CODECS)
def test_codecs_keep_words_time_and_length(speech, kind, rate):
    for y in (speech, speech[:12345]):
        out = augmentation._codec(y, SR, Codec(kind, rate))
        assert out.shape == y.shape
        assert 10 < snr(y, out) < 60  # lossy: neither broken nor skipped
        assert delay(y, of=out) == 0


@pytest.mark.parametrize(("kind", "rate"), [(MP3, 16000), (MP3_OTHER_RATE, 24000), (VORBIS, 16000), (OPUS, 16000)])
def test_compression_costs_quality(speech, kind, rate):
    good, poor = (augmentation._codec(speech, SR, Codec(kind, rate, quality)) for quality in (0, 1))
    assert snr(speech, poor) + 3 < snr(speech, good)


@pytest.mark.parametrize(("kind", "rate"), [(OPUS_OTHER_RATE, 8000), (TELEPHONE, None)])
def test_narrow_band_codecs_leave_little_above_4_khz(rng, kind, rate):
    noise = 0.1 * rng.standard_normal(SR).astype(np.float32)
    out = augmentation._codec(noise, SR, Codec(kind, rate))
    assert decibel(band_power(out, 4300, 8000) / band_power(out, 500, 3300)) < -25


def test_every_codec_is_drawn(speech, monkeypatch):
    sent, write = [], sf.write

    def note(buffer, y, rate, *, subtype, **options):
        sent.append((subtype, rate))
        write(buffer, y, rate, subtype=subtype, **options)

    monkeypatch.setattr(sf, "write", note)
    monkeypatch.setattr(channels, "g722", lambda y: sent.append("G.722"))
    monkeypatch.setattr(channels, "telephone_call", lambda y, sr: sent.append("telephone"))
    for seed in range(120):
        augmentation._codec(speech[:3200], SR, np.random.default_rng(seed))
    assert set(sent) == {
        *(("MPEG_LAYER_III", rate) for rate in (16000, 22050, 24000)),
        ("VORBIS", 16000),
        *(("OPUS", rate) for rate in (8000, 12000, 16000)),
        "G.722",
        "telephone",
    }
