import os

import numpy as np
import pytest
import soundfile as sf
from scipy.signal import resample_poly

from fakeorreal import audio
from fakeorreal.errors import FakeOrRealError

STEP = 2**-15  # of 16-bit samples


def sine(freq, *, sr, seconds=1.0):
    return (0.5 * np.sin(2 * np.pi * freq * np.arange(round(sr * seconds)) / sr)).astype(np.float32)


def inner(y, edge=400):
    """Without the ends, where a resampler meets the void."""
    return y[edge:-edge]


@pytest.mark.parametrize(("sr_from", "sr_to"), [(44100, 16000), (8000, 16000), (48000, 16000), (16000, 22050)])
def test_resample_gives_the_analytic_sine(sr_from, sr_to):
    y = audio.resample(sine(1000, sr=sr_from), sr_from=sr_from, sr_to=sr_to)
    assert y.dtype == np.float32
    assert abs(len(y) - sr_to) <= 1
    n = min(len(y), sr_to)
    np.testing.assert_allclose(inner(y[:n]), inner(sine(1000, sr=sr_to)[:n]), atol=1e-4)


def test_resample_agrees_with_scipy(make_speech):
    y = make_speech(1.0, 32000)
    ours = audio.resample(y, sr_from=32000, sr_to=16000)
    theirs = resample_poly(y, 1, 2, window=("kaiser", 12.0))
    error = np.linalg.norm(inner(ours - theirs)) / np.linalg.norm(inner(theirs))
    assert error < 0.01


def test_resample_lets_nothing_alias():
    y = audio.resample(sine(10000, sr=44100), sr_from=44100, sr_to=16000)
    assert np.abs(inner(y)).max() < 1e-4


def test_resample_same_rate_changes_nothing(rng):
    y = rng.standard_normal(100).astype(np.float32)
    assert np.array_equal(audio.resample(y, sr_from=16000, sr_to=16000), y)


def test_read_resamples(tmp_path):
    sf.write(tmp_path / "a.wav", sine(440, sr=44100), 44100)
    y = audio.read(tmp_path / "a.wav", sr=16000)
    assert y.dtype == np.float32 and y.shape == (16000,)
    np.testing.assert_allclose(inner(y), inner(sine(440, sr=16000)), atol=2e-4)


def test_stereo_is_averaged(tmp_path):
    left, right = sine(300, sr=16000), sine(500, sr=16000)
    sf.write(tmp_path / "a.wav", np.stack([left, right], axis=1), 16000, subtype="FLOAT")
    np.testing.assert_allclose(audio.read(tmp_path / "a.wav", sr=16000), (left + right) / 2, atol=1e-7)


@pytest.mark.parametrize(
    ("start", "end", "samples"),
    [
        (0.0, None, slice(0, 16000)),
        (0.25, None, slice(4000, 16000)),
        (0.25, 0.5, slice(4000, 8000)),
        (0.25, float("nan"), slice(4000, 16000)),
        (0.75, 9.0, slice(12000, 16000)),
    ],
)
@pytest.mark.parametrize("form", ["wav", "flac"])
def test_start_and_end(tmp_path, rng, form, start, end, samples):
    ramp = np.arange(16000, dtype=np.int16)
    sf.write(tmp_path / f"a.{form}", ramp, 16000)
    y = audio.read(tmp_path / f"a.{form}", sr=16000, start=start, end=end)
    assert np.array_equal(y, ramp[samples] / np.float32(32768))


@pytest.mark.parametrize(("name", "limit"), [("a.mp3", 0.05), ("a.flac", STEP), ("a.ogg", 0.05)])
def test_compressed_formats(tmp_path, name, limit):
    # One sample out of place would already be 0.086.
    y = sine(440, sr=16000)
    sf.write(tmp_path / name, y, 16000)
    decoded = audio.read(tmp_path / name, sr=16000)
    assert decoded.shape == y.shape
    assert np.abs(inner(decoded - y)).max() < limit


@pytest.mark.parametrize("name", ["a.mp3", "a.ogg"])
def test_a_stretch_of_a_compressed_file_is_the_stretch_of_the_whole(tmp_path, name):
    # With a swelling tone, frames of a variable-rate MP3 lean on earlier ones: a seek there loses a quarter second.
    swell = sine(440, sr=16000, seconds=3) * np.linspace(0, 2, 48000, dtype=np.float32)
    sf.write(tmp_path / name, swell, 16000)
    whole = audio.read(tmp_path / name, sr=16000)
    part = audio.read(tmp_path / name, sr=16000, start=1.0, end=1.5)
    np.testing.assert_allclose(part, whole[16000:24000], atol=1e-6)


def write_bad(path, kind):
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "text":
        path.write_text("These are words, not sound.\n" * 50)
    elif kind == "nan":
        sf.write(path, np.r_[np.zeros(100), np.nan].astype(np.float32), 16000, subtype="FLOAT")
    elif kind == "zero-length":
        sf.write(path, np.zeros(0), 44100)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("missing", "no such file"),
        ("empty", "cannot be decoded"),
        ("text", "cannot be decoded"),
        ("nan", "not finite"),
        ("zero-length", "holds no samples between 0 s and its end"),
    ],
)
def test_bad_file_is_named(tmp_path, kind, message):
    path = tmp_path / "bad.wav"
    write_bad(path, kind)
    with pytest.raises(FakeOrRealError, match=message) as error:
        audio.read(path, sr=16000)
    assert str(path) in str(error.value)
    assert str(error.value).count(str(path)) == 1


def test_folder_is_no_file(tmp_path):
    with pytest.raises(FakeOrRealError, match="no such file"):
        audio.read(tmp_path, sr=16000)


def test_headerless_raw(tmp_path):
    (tmp_path / "a.raw").write_bytes(bytes(100))
    with pytest.raises(FakeOrRealError, match="cannot be decoded"):
        audio.read(tmp_path / "a.raw", sr=16000)


def test_flac_that_states_no_length(tmp_path, rng):
    path = tmp_path / "a.flac"
    sf.write(path, rng.uniform(-0.1, 0.1, 1600), 16000)
    data = bytearray(path.read_bytes())
    data[21] &= 0xF0  # the 36 bits of the sample count, as a pipe leaves them
    data[22:26] = bytes(4)
    path.write_bytes(data)
    with pytest.raises(FakeOrRealError, match="cannot be decoded"):
        audio.read(path, sr=16000)


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        (5.0, None, "between 5 s and its end"),
        (0.5, 0.2, "between 0.5 s and 0.2 s"),
        (0.0, 0.0, "between 0 s and 0 s"),
        (-1.0, None, "`start` must be 0 s or later.*-1"),
    ],
)
def test_no_such_stretch(tmp_path, start, end, message):
    sf.write(tmp_path / "a.wav", np.zeros(16000), 16000)
    with pytest.raises(FakeOrRealError, match=message):
        audio.read(tmp_path / "a.wav", sr=16000, start=start, end=end)


@pytest.mark.parametrize("channels", [1, 2, 5])
@pytest.mark.parametrize("order", ["C", "F"])
def test_to_mono_is_the_mean(rng, channels, order):
    block = np.asarray(rng.uniform(-1, 1, (1000, channels)), np.float32, order=order)
    mono = audio.to_mono(block)
    assert mono.dtype == np.float32
    np.testing.assert_allclose(mono, np.mean(block, axis=1, dtype=float), atol=1e-7)


def cut_anywhere(y, rng, pieces=7):
    return np.split(y, np.sort(rng.integers(0, len(y), pieces)))


@pytest.mark.parametrize("sr_from", [8000, 16000, 22050, 44100, 48000, 192000])
def test_resampled_blocks_are_the_resampled_whole(make_speech, rng, sr_from):
    y = make_speech(1.3, sr_from)
    blocks = list(audio.resampled(cut_anywhere(y, rng), sr_from=sr_from, sr_to=16000))
    whole = audio.resample(y, sr_from=sr_from, sr_to=16000)
    assert all(block.dtype == np.float32 for block in blocks)
    np.testing.assert_allclose(np.concatenate(blocks), whole, atol=1e-6)


# Windows of 4 samples; a rest of fewer than 2 samples earns none of its own.
@pytest.mark.parametrize(
    ("n", "hop", "spans"),
    [
        (1, 4, [(0, 1)]),
        (3, 4, [(0, 3)]),
        (4, 4, [(0, 4)]),
        (5, 4, [(0, 4)]),
        (6, 4, [(0, 4), (2, 6)]),
        (8, 4, [(0, 4), (4, 8)]),
        (9, 4, [(0, 4), (4, 8)]),
        (11, 4, [(0, 4), (4, 8), (7, 11)]),
        (8, 2, [(0, 4), (2, 6), (4, 8)]),
        (9, 2, [(0, 4), (2, 6), (4, 8)]),
        (9, 3, [(0, 4), (3, 7), (5, 9)]),
        (13, 1, [(k, k + 4) for k in range(10)]),
    ],
)
def test_windows_by_hand(rng, n, hop, spans):
    y = np.arange(n, dtype=np.float32)
    for blocks in ([y], np.split(y, n), cut_anywhere(y, rng)):
        found = [
            (first, end, window.copy()) for first, end, window in audio.windows(blocks, length=4, hop=hop, least=2)
        ]
        assert [(first, end) for first, end, _ in found] == spans
        for first, end, window in found:
            assert list(window) == list(y[first:end])


def test_no_windows_of_nothing():
    assert list(audio.windows([], length=4, hop=4, least=2)) == []
    assert list(audio.windows([np.zeros(0, np.float32)], length=4, hop=4, least=2)) == []


def test_fit_length():
    y = np.array([1, 2, 3], np.float32)
    assert list(audio.fit_length(y, 2)) == [1, 2]
    assert list(audio.fit_length(y, 3)) == [1, 2, 3]
    assert list(audio.fit_length(y, 7)) == [1, 2, 3, 1, 2, 3, 1]
    assert audio.fit_length(y, 7).dtype == np.float32
    with pytest.raises(FakeOrRealError, match="0 samples"):
        audio.fit_length(y[:0], 5)


def test_write_round_trip(tmp_path, make_speech):
    y = make_speech(0.5, 16000)
    path = tmp_path / "new" / "folder" / "a.wav"
    audio.write(path, y, sr=16000)
    info = sf.info(path)
    assert (info.samplerate, info.channels, info.subtype, info.frames) == (16000, 1, "PCM_16", len(y))
    assert np.abs(audio.read(path, sr=16000) - y).max() <= STEP
    assert [p.name for p in path.parent.iterdir()] == ["a.wav"]


def test_write_clips(tmp_path):
    audio.write(tmp_path / "a.wav", [2.0, -2.0], sr=16000)
    np.testing.assert_allclose(audio.read(tmp_path / "a.wav", sr=16000), [1 - STEP, -1])


def test_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "a.wav"
    audio.write(path, np.zeros(10), sr=16000)
    before = path.read_bytes()

    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full_disk)
    with pytest.raises(OSError, match="No space"):
        audio.write(path, np.ones(10), sr=16000)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.wav"]


def test_nan_is_not_written(tmp_path):
    with pytest.raises(FakeOrRealError, match="not finite"):
        audio.write(tmp_path / "a.wav", [0.0, np.nan], sr=16000)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_whole_samples_become_the_floats_of_libsndfile(tmp_path, rng, suffix):
    y = np.concatenate([rng.integers(-(2**15), 2**15, 4000), [-(2**15), 2**15 - 1, 0, -1]]).astype(np.int16)
    path = tmp_path / f"a.{suffix}"
    sf.write(path, y, 16000, subtype="PCM_16")
    expected, _ = sf.read(path, dtype="float32")
    np.testing.assert_array_equal(audio.read(path, sr=16000), expected)
    np.testing.assert_array_equal(audio.read(path, sr=16000, start=0.1, end=0.2), expected[1600:3200])
