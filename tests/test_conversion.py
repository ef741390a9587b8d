"""One recording to 16 kHz mono FLAC: where its clips lie, what MP3 does to it, and what it costs."""

import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile as sf
from signals import SR, delay, sine, snr

from fakeorreal import audio, channels
from fakeorreal.corpora.conversion import convert, through_mp3
from fakeorreal.errors import FakeOrRealError


@pytest.fixture
def target(tmp_path):
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "a.flac"


def tone(seconds, rate, channels=1):
    t = np.arange(round(seconds * rate)) / rate
    return np.stack([0.2 * np.sin(2 * np.pi * (440 + 200 * k) * t) for k in range(channels)], axis=1)


# Clips
#
# 4.4 s   0         3    4.4       7.6 s   0         3         6    7.6
#         |--- 0 ---|....                  |--- 0 ---|--- 1 ---|
# 4.5 s   0    1.5  3    4.5                              |--- 2 ---|
#         |--- 0 ---|                                     4.6      7.6
#              |--- 1 ---|


@pytest.mark.parametrize(("rate", "channels"), [(16000, 1), (44100, 2), (8000, 1)])
@pytest.mark.parametrize(
    ("seconds", "clips"),
    [
        (0.9, []),
        (1.0, [(0, 1)]),
        (2.9, [(0, 2.9)]),
        (3.0, [(0, 3)]),
        (4.4, [(0, 3)]),
        (4.5, [(0, 3), (1.5, 4.5)]),
        (7.6, [(0, 3), (3, 6), (4.6, 7.6)]),
    ],
)
def test_clips_by_hand(tmp_path, target, rate, channels, seconds, clips):
    sf.write(tmp_path / "a.wav", tone(seconds, rate, channels), rate)
    assert convert(tmp_path / "a.wav", target) == {
        "samples": round(seconds * SR),
        "clips": [[round(first * SR), round(end * SR)] for first, end in clips],
        "silent": 0,
    }
    info = sf.info(target)
    assert (info.format, info.subtype, info.samplerate, info.channels) == ("FLAC", "PCM_16", SR, 1)
    assert info.frames == round(seconds * SR)


@pytest.mark.parametrize(("missing", "clips"), [(16, 2), (17, 1)])  # of 4.5 s: a millisecond is forgiven
def test_a_length_that_was_rounded(tmp_path, target, missing, clips):
    sf.write(tmp_path / "a.wav", tone(4.5, SR)[missing:], SR)
    assert len(convert(tmp_path / "a.wav", target)["clips"]) == clips


def test_the_sound_is_that_of_the_recording(tmp_path, target, make_speech):
    speech = make_speech(4, 44100)
    sf.write(tmp_path / "a.wav", np.stack([speech, 0.5 * speech], axis=1), 44100)
    convert(tmp_path / "a.wav", target)
    expected = audio.resample(0.75 * speech, sr_from=44100, sr_to=SR)
    assert np.abs(sf.read(target)[0] - expected).max() < 1.6 / 32768  # rounded twice


@pytest.mark.parametrize("silence", [0.0, 0.25])
def test_clips_of_one_value_are_counted_and_left_out(tmp_path, target, silence):
    y = np.concatenate([sine(440, seconds=3), np.full(6 * SR, silence), sine(440, seconds=3)])
    sf.write(tmp_path / "a.wav", y, SR)
    assert convert(tmp_path / "a.wav", target) == {
        "samples": 12 * SR,
        "clips": [[0, 3 * SR], [9 * SR, 12 * SR]],
        "silent": 2,
    }


def test_the_faintest_sound_is_no_silence(tmp_path, target):
    y = np.zeros(3 * SR, np.int16)
    y[100] = 1
    sf.write(tmp_path / "a.wav", y, SR)
    assert convert(tmp_path / "a.wav", target)["clips"] == [[0, 3 * SR]]


def test_silence_stays_silence_through_resampling_and_mp3(tmp_path, target):
    y = np.concatenate([tone(3, 44100)[:, 0], np.zeros(44100 * 6)])
    sf.write(tmp_path / "a.wav", y, 44100)
    for mp3 in (False, True):  # the end of the tone rings on into the next clip
        assert [9 * SR - 3 * SR, 9 * SR] not in convert(tmp_path / "a.wav", target, mp3=mp3)["clips"]


# MP3


def in_blocks(y, rng):
    cuts = np.cumsum(rng.integers(0, 9000, 50))
    return np.split(y, cuts[cuts < len(y)])


@pytest.mark.parametrize("samples", [16000, 16001, 100_003])
def test_mp3_block_by_block_is_mp3_at_once(make_speech, rng, samples):
    y = 3 * make_speech(samples / SR, SR)
    decoded = np.concatenate(list(through_mp3(in_blocks(y, rng))))
    expected = channels.at_bit_rate(y, sr=SR, codec="mp3", bit_rate=48_000)
    np.testing.assert_array_equal(np.clip(decoded, -1, 1), expected)


def test_mp3_of_nothing():
    assert list(through_mp3([])) == list(through_mp3([np.zeros(0, np.float32)])) == []


def test_mp3_changes_the_sound_and_keeps_its_place(tmp_path, target, make_speech):
    sf.write(tmp_path / "a.wav", make_speech(4.6, 22050), 22050)
    plain, states = [], []
    for mp3 in (False, True):
        states.append(convert(tmp_path / "a.wav", target, mp3=mp3))
        plain.append(sf.read(target)[0])
    assert states[0] == states[1]
    assert 5 < snr(*plain) < 40
    assert abs(delay(plain[1][SR : SR + 3000], of=plain[0][SR : SR + 3000])) <= 1


# What goes wrong


@pytest.mark.parametrize("data", [b"", b"no sound", b"RIFF"])
def test_what_cannot_be_read_leaves_nothing_behind(tmp_path, target, data):
    (tmp_path / "a.wav").write_bytes(data)
    with pytest.raises(FakeOrRealError, match=r"a\.wav"):
        convert(tmp_path / "a.wav", target)
    assert not list(target.parent.iterdir())


def test_a_recording_that_breaks_off_leaves_nothing_behind(tmp_path, target):
    sf.write(tmp_path / "a.flac", tone(5, SR), SR)
    data = (tmp_path / "a.flac").read_bytes()
    (tmp_path / "a.flac").write_bytes(data[: len(data) // 2])
    with pytest.raises(FakeOrRealError, match="cut off"):
        convert(tmp_path / "a.flac", target)
    assert not list(target.parent.iterdir())


def no_space(*_):
    raise sf.LibsndfileError(2)


@pytest.mark.parametrize(
    ("owner", "name", "value", "message"),
    [
        (sf.SoundFile, "write", no_space, "cannot be written"),
        (sf, "info", lambda path: SimpleNamespace(frames=3 * SR - 1), "was not written to its end"),
    ],
)
def test_a_full_disk_is_no_fault_of_the_recording(tmp_path, target, monkeypatch, owner, name, value, message):
    sf.write(tmp_path / "a.wav", tone(3, SR), SR)
    monkeypatch.setattr(owner, name, value)
    with pytest.raises(OSError, match=rf"a\.flac: {message}"):
        convert(tmp_path / "a.wav", target)
    assert not list(target.parent.iterdir())


@pytest.mark.parametrize("mp3", [False, True])
def test_memory_does_not_grow_with_the_length(tmp_path, target, rng, mp3):
    part = (1000 * rng.standard_normal(20 * 8000)).astype(np.int16)
    peaks = []
    for parts in (1, 4):
        with sf.SoundFile(tmp_path / "a.wav", "w", 8000, 1) as file:
            for _ in range(parts):
                file.write(part)
        tracemalloc.start()
        assert convert(tmp_path / "a.wav", target, mp3=mp3)["samples"] == parts * 20 * SR
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0] < 4e6  # 80 s at 16 kHz are 5 MB
