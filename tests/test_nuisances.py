"""Nuisances: known signals have the values that can be worked out by hand; files are measured as they are."""

import tracemalloc

import numpy as np
import pytest
import soundfile as sf
from scipy.signal import firwin, lfilter
from signals import SR, decibel, sine

from fakeorreal import nuisances
from fakeorreal.channels import at_bit_rate
from fakeorreal.corpora import make_corpus
from fakeorreal.errors import FakeOrRealError
from fakeorreal.nuisances import NUISANCES, measure, measure_stretch, name_tokens, sound_measures


def of(y, sr=SR):
    return sound_measures(np.asarray(y, np.float32).reshape(len(y), -1), sr=sr)


def test_a_sine():
    found = of(sine(1000, seconds=2.0))
    assert found["duration"] == 2.0
    assert found["level"] == pytest.approx(decibel(0.005), abs=0.01)
    assert found["noise_floor"] == pytest.approx(found["level"], abs=0.01)
    assert found["peak"] == pytest.approx(-20, abs=0.01)
    assert found["rolloff"] == pytest.approx(1000, abs=1)
    assert found["dc"] == pytest.approx(0, abs=1e-5)
    assert (found["clipping"], found["silence_start"], found["silence_end"]) == (0, 0, 0)
    assert max(found[name] for name in nuisances.BANDS) < -60


def test_silence_at_the_ends():
    #  0      0.4               1.4    1.6 s
    #  |  0   |=== sine, 1 s ===|  0   |
    found = of(np.r_[np.zeros(6400), sine(1000) + 0.001, np.zeros(3200)])
    assert found["duration"] == pytest.approx(1.6)
    assert found["silence_start"] == pytest.approx(0.4)
    assert found["silence_end"] == pytest.approx(0.2)
    assert found["exact_zeros"] == pytest.approx(0.6 / 1.6, abs=1e-3)
    assert found["noise_floor"] == pytest.approx(-120)


@pytest.mark.parametrize("offset", [0.05, -0.05])
def test_an_offset_is_no_low_frequency(offset):
    clean, shifted = of(sine(1000)), of(sine(1000) + offset)
    assert shifted["dc"] == pytest.approx(offset, abs=1e-5)
    assert shifted["dc_size"] == pytest.approx(0.05, abs=1e-5)
    assert shifted["below_100"] == pytest.approx(clean["below_100"], abs=1) or shifted["below_100"] < -60


@pytest.mark.parametrize("share", [0.5, 0.98])
def test_bandwidth_is_where_99_per_cent_of_the_energy_lie(share):
    # A sine at 1 kHz has that share of the energy, one at 5 kHz the rest: 99 % are not below 5 kHz.
    assert of(np.sqrt(share) * sine(1000) + np.sqrt(1 - share) * sine(5000))["rolloff"] == pytest.approx(5000, abs=1)
    assert of(np.sqrt(0.995) * sine(1000) + np.sqrt(0.005) * sine(5000))["rolloff"] == pytest.approx(1000, abs=1)


@pytest.mark.parametrize(
    ("hz", "bands"),
    [(60, {"below_100"}), (150, {"from_100_to_200"}), (6500, {"above_6k"}), (7500, {"above_6k", "above_7k"})],
)
@pytest.mark.parametrize("sr", [16000, 44100])
def test_bands_are_shares_of_the_energy(hz, bands, sr):
    t = np.arange(sr) / sr
    found = of(np.sqrt(0.1) * np.sin(2 * np.pi * hz * t) + np.sqrt(0.9) * np.sin(2 * np.pi * 1000 * t), sr)
    for name in nuisances.BANDS:
        assert (found[name] == pytest.approx(-10, abs=0.2)) if name in bands else (found[name] < -30), name


def test_clipping_counts_samples_of_every_channel():
    y = 0.5 * np.ones((100, 2))
    y[:10, 0], y[:5, 1] = 1, -1
    assert of(y)["clipping"] == pytest.approx(0.075)


@pytest.mark.parametrize("bits", [8, 12, 16, 24])
def test_bits_in_use(rng, bits):
    y = np.round(rng.uniform(-0.9, 0.9, 1000) * 2 ** (bits - 1)) / 2 ** (bits - 1)
    assert of(y)["bits"] == bits


@pytest.mark.parametrize("cut", [3400, 5500, 7000])
@pytest.mark.parametrize("sr", [16000, 22050])
def test_cut_off(rng, cut, sr):
    noise = 0.1 * rng.standard_normal(2 * sr)
    whole, dull = of(noise, sr), of(lfilter(firwin(801, cut, fs=sr), 1, noise), sr)
    assert dull["cut_off"] == pytest.approx(cut, abs=150)
    assert dull["cut_off_depth"] > 40 and whole["cut_off_depth"] < 5


def test_mp3_leaves_a_cut_off(rng):
    noise = (0.1 * rng.standard_normal(32000)).astype(np.float32)
    found = of(at_bit_rate(noise, sr=SR, codec="mp3", bit_rate=24_000))
    assert found["cut_off_depth"] > 20 > of(noise)["cut_off_depth"]


@pytest.mark.parametrize("sr", [4000, 16000, 48000])
@pytest.mark.parametrize("y", [np.zeros(SR), np.ones(1), sine(1000, seconds=0.005)], ids=["silence", "one", "5 ms"])
def test_any_sound_can_be_measured(y, sr):
    assert np.isfinite(list(of(y, sr).values())).all()


# Files


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("a.wav", {"subtype": "PCM_16"}, ("WAV", "PCM_16", 16)),
        ("a.wav", {"subtype": "PCM_24"}, ("WAV", "PCM_24", 24)),
        ("a.wav", {"subtype": "PCM_U8"}, ("WAV", "PCM_U8", 8)),
        ("a.flac", {}, ("FLAC", "PCM_16", 16)),
        ("a.mp3", {}, ("MP3", "MPEG_LAYER_III", 24)),
    ],
)
@pytest.mark.parametrize("rate", [16000, 44100])
def test_a_file_is_measured_as_it_is(tmp_path, rng, name, options, expected, rate):
    sf.write(tmp_path / name, 0.1 * rng.standard_normal((rate, 2)), rate, **options)
    found = measure_stretch(tmp_path / name)
    assert list(found.keys() - NUISANCES.keys()) == [] == list(NUISANCES.keys() - found.keys())
    assert (found["format"], found["encoding"], found["bits"]) == expected
    assert (found["sample_rate"], found["channels"], found["name"]) == (f"{rate} Hz", "2", name)
    assert found["duration"] == pytest.approx(1.0, abs=0.06)


def test_what_only_ffmpeg_reads_has_a_format_too(tmp_path):
    import av

    with av.open(str(tmp_path / "a.m4a"), "w") as container:
        track = container.add_stream("aac", rate=SR, layout="mono")
        frame = av.AudioFrame.from_ndarray(sine(440)[None], format="fltp", layout="mono")
        frame.sample_rate = SR
        for packet in [*track.encode(frame), *track.encode(None)]:
            container.mux(packet)
    found = measure_stretch(tmp_path / "a.m4a")
    assert "m4a" in found["format"] and found["encoding"] == "aac"


def test_windows(tmp_path):
    sf.write(tmp_path / "a.wav", np.r_[np.zeros(3 * SR), sine(1000, seconds=4.5)], SR)
    found = [measure_stretch(tmp_path / "a.wav", start=s, end=e) for s, e in [(0, 2), (2, 4), (3, np.nan), (7, 9)]]
    assert [one["duration"] for one in found] == [2, 2, 4.5, 0.5]
    assert [round(one["silence_start"], 2) for one in found] == [0, 1, 0, 0]
    assert found[0]["level"] == pytest.approx(-120)
    with pytest.raises(FakeOrRealError, match="no samples from 8 s"):
        measure_stretch(tmp_path / "a.wav", start=8.0)


@pytest.fixture
def make_long(tmp_path, rng):
    """Function ``(minutes)`` -> path: 4 s of zeros, minutes of noise, 2 s of zeros, at 8 kHz."""

    def make(minutes):
        noise = 0.1 * rng.standard_normal(60 * 8000)
        with sf.SoundFile(tmp_path / f"{minutes}.wav", "w", 8000, 1) as file:
            for part in (np.zeros(4 * 8000), *minutes * [noise], np.zeros(2 * 8000)):
                file.write(part)
        return tmp_path / f"{minutes}.wav"

    return make


def test_of_a_long_recording_both_ends_are_measured(make_long):
    found = measure_stretch(make_long(3))
    assert found["duration"] == 186
    assert (found["silence_start"], found["silence_end"]) == (pytest.approx(4), pytest.approx(2, abs=0.021))
    assert found["exact_zeros"] == pytest.approx(6 / 120, rel=0.05)


def test_memory_does_not_grow_with_the_recording(make_long):
    peaks = []
    for path in (make_long(3), make_long(8)):
        tracemalloc.start()
        measure_stretch(path)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0]


def test_all_clips_in_order_and_what_cannot_be_read(tmp_path, rng):
    rows = []
    for k in range(6):
        path = tmp_path / f"{k}.wav"
        sf.write(path, 0.1 * (k + 1) * np.ones(1600), SR)
        rows.append({"clip": path.name, "path": str(path), "label": k % 2, "split": "training", "group": f"g{k}"})
    (tmp_path / "3.wav").write_bytes(b"no sound")
    found, failed = measure(make_corpus(rows), progress=False)
    assert list(found) == ["clip", "label", "split", "group", *NUISANCES]
    assert found["clip"].tolist() == ["0.wav", "1.wav", "2.wav", "4.wav", "5.wav"]
    np.testing.assert_allclose(found["dc"], [0.1, 0.2, 0.3, 0.5, 0.6], atol=1e-4)
    assert failed["clip"].tolist() == ["3.wav"] and "cannot be decoded" in failed["reason"].iloc[0]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("file12.mp3.wav", {"file…", "file", "2 digits", ".", "mp3", "wav"}),
        ("A-b_007", {"a…", "a", "-", "b", "_", "3 digits"}),
        ("12", {"2 digits…", "2 digits"}),
        ("ключ 1", {"ключ…", "ключ", " ", "1 digits"}),
        ("", set()),
    ],
)
def test_parts_of_a_name(name, expected):
    assert name_tokens(name) == expected
