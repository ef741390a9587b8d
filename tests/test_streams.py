import io
import os
import struct
import sys
import tracemalloc
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile as sf

from fakeorreal.errors import FakeOrRealError
from fakeorreal.streams import open_stream, stream_array

SR = 16000


def decoded(stream):
    return np.concatenate(list(stream))


def wav_bytes(y, sr=SR, form="WAV"):
    data = io.BytesIO()
    sf.write(data, y, sr, format=form)
    return bytearray(data.getvalue())


@pytest.fixture(scope="module")
def stereo(make_speech):
    """Two voices, float32, shape (4 s, 2)."""
    return np.stack([make_speech(4.0, SR), 0.5 * make_speech(4.0, SR, f0=200, seed=1)], axis=1)


@pytest.fixture(scope="module")
def write_by_ffmpeg(tmp_path_factory, stereo):
    """Function ``(name, codec, sample_format, **muxer_options)`` -> path of the two voices at 48 kHz."""

    def make(name, codec, sample_format, **muxer_options):
        path = tmp_path_factory.mktemp("ffmpeg") / name
        with av.open(str(path), "w", options=muxer_options) as container:
            track = container.add_stream(codec, rate=48000, layout="stereo")
            convert = av.AudioResampler(format=sample_format, layout="stereo", rate=48000)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(stereo.T), format="fltp", layout="stereo")
            frame.sample_rate = SR
            for part in [*convert.resample(frame), *convert.resample(None), None]:
                container.mux(track.encode(part))
        return path

    return make


def cut(path, share=0.5):
    data = path.read_bytes()
    short = path.with_name(f"cut-{path.name}")
    short.write_bytes(data[: round(share * len(data))])
    return short


# What is handed out


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.aiff", "a.ogg", "a.opus", "a.mp3"])
def test_a_file_is_what_libsndfile_makes_of_it(tmp_path, stereo, name):
    path = tmp_path / name
    sf.write(path, stereo, SR, **({"format": "OGG", "subtype": "OPUS"} if name == "a.opus" else {}))
    stream = open_stream(path)
    y = decoded(stream)
    expected = sf.read(path, dtype="float32")[0]
    assert (stream.name, stream.rate, stream.channels) == (str(path), SR, 2)
    assert y.dtype == np.float32 and y.shape == expected.shape and stream.seconds == 4.0
    np.testing.assert_allclose(y, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "codec", "sample_format", "limit"),
    [
        ("a.m4a", "aac", "fltp", 0.3),
        ("a.m4a", "alac", "s16p", 1e-3),
        ("a.aac", "aac", "fltp", 0.3),
        ("a.webm", "libopus", "flt", 0.2),
    ],
)
def test_what_ffmpeg_decodes(write_by_ffmpeg, stereo, name, codec, sample_format, limit):
    stream = open_stream(write_by_ffmpeg(name, codec, sample_format))
    y = decoded(stream)
    assert (stream.rate, stream.channels) == (48000, 2)
    assert y.dtype == np.float32 and abs(stream.seconds - 4) < 0.05
    delay = 1024 if codec == "aac" else 0  # the encoder's, which is not taken out of a file that does not state it
    y = y[delay::3][: len(stereo) - 400]
    error = y - stereo[: len(y)]
    assert np.linalg.norm(error) < limit * np.linalg.norm(stereo)


def test_the_name_does_not_matter(tmp_path, stereo):
    sf.write(tmp_path / "a.flac", stereo, SR)
    renamed = (tmp_path / "a.flac").rename(tmp_path / "a.mp3")
    assert len(decoded(open_stream(renamed))) == len(stereo)


def test_mp3_of_variable_rate_without_xing_header(tmp_path):
    # Its first frames are small: libsndfile takes the whole file to be as long as such frames would make it.
    swell = np.random.default_rng(0).standard_normal(30 * SR) * np.linspace(0, 0.3, 30 * SR) ** 2
    path = tmp_path / "a.mp3"
    sf.write(path, swell, SR, bitrate_mode="VARIABLE", compression_level=0.3)
    data = path.read_bytes()
    assert b"Xing" in data[:200]
    path.write_bytes(data[data.index(data[:2], 4) :])
    stream = open_stream(path)
    y = decoded(stream)
    assert abs(stream.seconds - 30) < 0.1
    assert np.abs(y[-SR:]).max() > 0.05


def test_what_is_no_sound_at_the_end_of_an_mp3_is_passed_over(tmp_path, stereo):
    path = tmp_path / "a.mp3"
    sf.write(path, stereo, SR)
    path.write_bytes(path.read_bytes() + b"LYRICSBEGIN" + 300 * b"words ")
    assert abs(len(decoded(open_stream(path))) - len(stereo)) < SR / 10


def test_tag_before_the_xing_header(tmp_path, stereo):
    path = tmp_path / "a.mp3"
    sf.write(path, stereo, SR)
    tag = b"ID3\x03\0\0\0\0\x20\x05" + bytes(32 * 128 + 5)
    path.write_bytes(tag + path.read_bytes())
    assert abs(len(decoded(open_stream(path))) - len(stereo)) < SR / 10
    with pytest.raises(FakeOrRealError, match="cut off"):
        decoded(open_stream(cut(path)))


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000, 0xFFFFFFFF - 36])
def test_wav_from_a_pipe_states_no_length(tmp_path, stereo, size):
    data = wav_bytes(stereo)
    data[40:44] = struct.pack("<I", size)
    path = tmp_path / "a.wav"
    path.write_bytes(data)
    assert len(decoded(open_stream(path))) == len(stereo)


def test_flac_from_a_pipe_states_no_length(tmp_path, stereo):
    data = wav_bytes(stereo, form="FLAC")
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    (tmp_path / "a.flac").write_bytes(data)
    assert len(decoded(open_stream(tmp_path / "a.flac"))) == len(stereo)


@pytest.mark.parametrize("shape", [(70_000,), (70_000, 1), (70_000, 3)])
def test_array(rng, shape):
    y = rng.uniform(-1, 1, shape)
    stream = stream_array(y, sr=44100)
    blocks = list(stream)
    assert len(blocks) > 1
    assert (stream.name, stream.rate, stream.channels) == ("the array", 44100, 1 if y.ndim == 1 else shape[1])
    assert stream.seconds == 70_000 / 44100
    np.testing.assert_array_equal(np.concatenate(blocks), y.reshape(70_000, -1).astype(np.float32))


@pytest.mark.parametrize("form", ["wav", "flac", "mp3"])
def test_memory_does_not_grow_with_the_file(tmp_path, make_speech, form):
    second = make_speech(1.0, 48000)
    path = tmp_path / f"a.{form}"
    with sf.SoundFile(path, "w", 48000, 2) as f:
        for _ in range(60):
            f.write(np.stack([second, second], axis=1))
    stream = open_stream(path)
    tracemalloc.start()
    for _ in stream:
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert abs(stream.seconds - 60) < 0.1
    assert peak < 4e6  # the whole is 23 MB


# What is not


@pytest.mark.parametrize("name", ["a.wav", "a.aiff", "a.flac", "a.mp3"])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_a_cut_file_is_noticed(tmp_path, capfd, stereo, name, share):
    path = tmp_path / name
    sf.write(path, stereo, SR)
    with pytest.raises(FakeOrRealError, match="cut off") as error:
        decoded(open_stream(cut(path, share)))
    assert_one_clear_line(error, tmp_path / f"cut-{name}")
    assert capfd.readouterr() == ("", "")  # libmpg123 would say its own


def test_a_long_wav_of_which_little_is_there(tmp_path, stereo):
    data = wav_bytes(stereo)
    data[40:44] = struct.pack("<I", 3_000_000_000)
    (tmp_path / "a.wav").write_bytes(data)
    with pytest.raises(FakeOrRealError, match=r"it states 46875\.0 s and holds 4\.0 s"):
        decoded(open_stream(tmp_path / "a.wav"))


def test_an_mp3_that_turns_into_noise(tmp_path, stereo):
    path = tmp_path / "a.mp3"
    sf.write(path, stereo, SR)
    data = path.read_bytes()
    data = data[data.index(data[:2], 4) :]  # without the header that states a length
    path.write_bytes(data[: len(data) // 2] + np.random.default_rng(0).bytes(len(data)))
    with pytest.raises(FakeOrRealError, match="damaged") as error:
        decoded(open_stream(path))
    assert_one_clear_line(error, path)


def test_a_list_of_other_files_is_not_followed(tmp_path, stereo):
    sf.write(tmp_path / "a.mp3", stereo, SR)
    (tmp_path / "list.mp3").write_text("ffconcat version 1.0\nfile 'a.mp3'\n")
    with pytest.raises(FakeOrRealError, match="cannot be decoded"):
        decoded(open_stream(tmp_path / "list.mp3"))


def test_a_cut_variable_rate_mp3_says_how_much_is_there(tmp_path, make_speech):
    path = tmp_path / "a.mp3"
    sf.write(path, make_speech(20.0, SR), SR, bitrate_mode="VARIABLE")
    with pytest.raises(FakeOrRealError, match=r"it states 20\.\d s and holds (9|10|11)\.\d s"):
        decoded(open_stream(cut(path)))


@pytest.mark.parametrize(
    ("name", "codec", "sample_format", "options", "message"),
    [
        ("a.m4a", "aac", "fltp", {"movflags": "faststart"}, "cut off"),
        ("a.m4a", "aac", "fltp", {}, "cannot be decoded"),  # the table of contents was at the end
        ("a.webm", "libopus", "flt", {}, "cut off"),
    ],
)
def test_a_cut_container_is_noticed(write_by_ffmpeg, name, codec, sample_format, options, message):
    path = cut(write_by_ffmpeg(name, codec, sample_format, **options))
    with pytest.raises(FakeOrRealError, match=message) as error:
        decoded(open_stream(path))
    assert_one_clear_line(error, path)


def assert_one_clear_line(error, path):
    assert str(error.value).count(str(path)) == 1
    assert "\n" not in str(error.value)


def write_bad(path, kind):
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "folder":
        path.mkdir()
    elif kind == "text":
        path.write_text("These are words, not sound.\n" * 50)
    elif kind == "playlist":
        path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nhttp://127.0.0.1:9/a.ts\n")
    elif kind == "noise":
        path.write_bytes(np.random.default_rng(0).bytes(50_000))
    elif kind == "header":
        path.write_bytes(wav_bytes(np.zeros(100))[:30])
    elif kind in ("nan", "inf"):
        sf.write(path, np.r_[np.zeros(SR), float(kind)].astype(np.float32), SR, subtype="FLOAT", format="WAV")
    elif kind == "integers":
        sf.write(path, np.full(SR, 32767, np.float32), SR, subtype="FLOAT", format="WAV")
    elif kind in ("rate", "channels", "slow"):
        data = wav_bytes(np.zeros(SR))
        where, value = {"rate": (24, 10**9), "slow": (24, 10), "channels": (22, 1000)}[kind]
        data[where : where + 2 + 2 * (where == 24)] = struct.pack("<H" if where == 22 else "<I", value)
        if kind == "channels":
            data[32:34] = struct.pack("<H", 2000)
        path.write_bytes(data)
    elif kind == "video":
        with av.open(str(path), "w", format="mp4") as container:
            track = container.add_stream("mpeg4", rate=10, width=64, height=64, pix_fmt="yuv420p")
            picture = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8))
            container.mux([*track.encode(picture), *track.encode(None)])


@pytest.mark.parametrize("name", ["bad.wav", "bad.mp3"])
@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("missing", "no such file"),
        ("folder", "no such file"),
        ("empty", "is empty"),
        ("text", "cannot be decoded"),
        ("playlist", "cannot be decoded"),
        ("noise", "cannot be decoded"),
        ("header", "cannot be decoded"),
        ("nan", "not finite"),
        ("inf", "not finite"),
        ("integers", r"must lie in \[-1, 1\].*32767"),
        ("rate", "1000000000 Hz"),
        ("slow", "10 Hz"),
        ("channels", "1000 channels"),
        ("video", "no audio in it"),
    ],
)
def test_bad_file_is_one_clear_line(tmp_path, capfd, name, kind, message):
    path = tmp_path / name
    write_bad(path, kind)
    with pytest.raises(FakeOrRealError, match=message) as error:
        decoded(open_stream(path))
    assert_one_clear_line(error, path)
    assert capfd.readouterr() == ("", "")


def test_no_permission(tmp_path, monkeypatch):
    sf.write(tmp_path / "a.wav", np.zeros(100), SR)

    def refuse(path, *_):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)  # root may read anything
    with pytest.raises(FakeOrRealError, match=r"cannot be opened \(Permission denied\)") as error:
        open_stream(tmp_path / "a.wav")
    assert_one_clear_line(error, tmp_path / "a.wav")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read anything")
def test_no_permission_from_the_system(tmp_path):
    sf.write(tmp_path / "a.wav", np.zeros(100), SR)
    (tmp_path / "a.wav").chmod(0)
    with pytest.raises(FakeOrRealError, match="cannot be opened"):
        open_stream(tmp_path / "a.wav")


def test_without_pyav(tmp_path, monkeypatch, stereo):
    for name in ("a.wav", "a.mp3"):
        sf.write(tmp_path / name, stereo, SR)
    monkeypatch.setitem(sys.modules, "av", None)
    assert len(decoded(open_stream(tmp_path / "a.wav"))) == len(stereo)
    with pytest.raises(FakeOrRealError, match="needs PyAV; run: pip install av"):
        open_stream(tmp_path / "a.mp3")


@pytest.mark.parametrize(
    ("y", "sr", "message"),
    [
        (np.zeros(SR), None, "`sr` must be the rate"),
        (np.zeros(SR, np.int16), SR, "int16"),
        (np.zeros((2, 3, 4)), SR, r"shape \(2, 3, 4\)"),
        (np.zeros((2, SR)), SR, "16000 channels"),
        (np.zeros((SR, 0)), SR, "0 channels"),
        (np.zeros(SR), 1e9, "1000000000"),
        (np.full(SR, np.nan), SR, "not finite"),
        (np.full(SR, 3e4), SR, r"must lie in \[-1, 1\]"),
    ],
)
def test_bad_array(y, sr, message):
    with pytest.raises(FakeOrRealError, match=message):
        decoded(stream_array(y, sr=sr))
