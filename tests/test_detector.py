import hashlib
import json
import math
import shutil
import subprocess
import sys
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import soundfile as sf

import fakeorreal
from fakeorreal import audio
from fakeorreal.detector import Detector, load_detector
from fakeorreal.errors import FakeOrRealError
from fakeorreal.features import FRONT_ENDS, LogMel, build_front_end
from fakeorreal.features import __all__ as feature_names

SR = 16000
WINDOW = 40000  # samples, of the tiny detector


@pytest.fixture(scope="module")
def detector(tiny_detector):
    return load_detector(tiny_detector)


class Peak:
    """A front end whose one feature can be read off a waveform."""

    sr, seconds, shape = SR, 2.0, (1,)

    def __call__(self, y):
        assert len(y) <= 2 * SR
        return np.abs(y).max(keepdims=True)


@pytest.fixture
def peak_detector():
    """Score = 10 * the peak of the window - 3, or what the change makes of it."""

    def make(**change):
        settings = {
            "name": "peak",
            "version": "1",
            "window": 2.0,
            "hop": 2.0,
            "members": [{"sha256": "00"}],
            "calibration": {"scale": 10.0, "offset": -3.0},
            "threshold": 0.0,
            "threshold_from": "hand",
            "unsure": [-0.5, 0.5],
        }
        return Detector({**settings, **change}, Peak(), [lambda features: features])

    return make


@pytest.fixture
def voice(make_speech):
    """Function ``(peak, seconds)`` -> speech of exactly that peak."""

    def make(peak, seconds=2.0):
        return 2 * np.float32(peak) * make_speech(seconds, SR)

    return make


def without_file(prediction):
    return {key: value for key, value in prediction.to_dict().items() if key != "file"}


# A prediction, by hand


def test_windows_regions_and_share_by_hand(peak_detector, voice):
    # seconds  0     2     4     6     8  9
    # peak     | 0.1 | 0.5 | 0.6 | 0.1 |.4|
    # windows  |-----|-----|-----|-----|
    #                               |-----|   the last ends with the recording
    y = np.concatenate([voice(0.1), voice(0.5), voice(0.6), voice(0.1), voice(0.4, 1.0)])
    p = peak_detector().predict(y, SR)
    expected = [(0, 2, -2), (2, 4, 2), (4, 6, 3), (6, 8, -2), (7, 9, 1)]
    np.testing.assert_allclose(p.windows, expected, atol=1e-5)
    assert p.regions == ((2, 6), (7, 9))
    assert p.fake_share == 3 / 5
    assert p.score == pytest.approx(2 / 5)
    assert p.probability_fake == pytest.approx(1 / (1 + math.exp(-0.4)))
    assert (p.seconds, p.sample_rate, p.channels, p.file) == (9, SR, 1, None)
    assert (p.threshold, p.threshold_from, p.unsure_band) == (0, "hand", (-0.5, 0.5))
    assert (p.detector, p.detector_version) == ("peak", "1")
    assert p.weight_hash == hashlib.sha256(b"00").hexdigest()[:12]


@pytest.mark.parametrize(
    ("seconds", "spans"),
    [
        (0.5, [(0, 0.5)]),
        (2.0, [(0, 2)]),
        (2.2, [(0, 2)]),
        (2.25, [(0, 2), (0.25, 2.25)]),
        (4.0, [(0, 2), (2, 4)]),
        (5.0, [(0, 2), (2, 4), (3, 5)]),
    ],
)
def test_window_placement_by_hand(peak_detector, voice, seconds, spans):
    assert [window[:2] for window in peak_detector().predict(voice(0.5, seconds), SR).windows] == spans


def test_overlapping_windows(peak_detector, voice):
    y = np.concatenate([voice(0.1, 1.0), voice(0.5, 1.0), voice(0.1, 3.0)])
    p = peak_detector(hop=1.0).predict(y, SR)
    assert [window[:2] for window in p.windows] == [(0, 2), (1, 3), (2, 4), (3, 5)]
    assert p.regions == ((0, 3),)


def test_windows_without_speech_do_not_count(peak_detector, voice):
    quiet = np.zeros(2 * SR, np.float32)
    p = peak_detector().predict(np.concatenate([voice(0.5), quiet, voice(0.5), quiet]), SR)
    assert [score for *_, score in p.windows] == pytest.approx([2, -3, 2, -3])
    assert p.score == pytest.approx(2)
    assert p.fake_share == 0.5


def test_without_any_speech_all_windows_count(peak_detector):
    tone = np.sin(np.arange(4 * SR) / 3).astype(np.float32)
    p = peak_detector().predict(np.concatenate([0.5 * tone[: 2 * SR], 0.4 * tone[2 * SR :]]), SR)
    assert p.score == pytest.approx(1.5, abs=1e-3)
    assert p.warnings[-1].startswith("No part holds speech")


@pytest.mark.parametrize(
    ("peak", "unsure", "verdict"),
    [
        (0.1, [-0.5, 0.5], "real"),
        (0.2, [-0.5, 0.5], "real"),
        (0.28, [-0.5, 0.5], "unsure"),
        (0.32, [-0.5, 0.5], "unsure"),
        (0.4, [-0.5, 0.5], "fake"),
        (0.28, [0, 0], "real"),
        (0.32, [0, 0], "fake"),
    ],
)
def test_verdict(peak_detector, voice, peak, unsure, verdict):
    assert peak_detector(unsure=unsure).predict(voice(peak), SR).verdict == verdict


def test_the_score_is_scaled_and_compared_with_the_threshold(peak_detector, voice):
    settings = {"calibration": {"scale": 2.0, "offset": 1.0}, "threshold": 2.5, "unsure": [2.5, 2.5]}
    p = peak_detector(**settings).predict(voice(0.5), SR)
    assert (p.verdict, p.fake_share, p.regions) == ("real", 0, ())
    assert p.score == pytest.approx(2)


def test_the_threshold_itself_is_fake_and_the_edge_of_the_band_is_outside(peak_detector, voice):
    p = peak_detector(calibration={"scale": 10.0, "offset": -5.0}, unsure=[0, 0]).predict(voice(0.5), SR)
    assert (p.score, p.verdict, p.fake_share) == (0, "fake", 1)


def test_extreme_scores_keep_a_probability(peak_detector, voice):
    for scale, probability in ((1e6, 1), (-1e6, 0)):
        p = peak_detector(calibration={"scale": scale, "offset": 0.0}).predict(voice(0.5), SR)
        assert p.probability_fake == probability


def test_a_score_that_is_no_number_is_no_verdict(peak_detector, voice):
    with pytest.raises(FakeOrRealError, match="scores that are not finite"):
        peak_detector(calibration={"scale": 1.0, "offset": math.nan}).predict(voice(0.5), SR)


def test_warnings_are_handed_on(peak_detector, voice):
    y = np.concatenate([voice(0.5, 0.8), np.zeros(3 * SR, np.float32)])
    assert [w.split(" (")[0] for w in peak_detector().predict(y, SR).warnings][:2] == [
        "Under 1 s of speech",
        "Mostly silence",
    ]
    assert "clipped" in peak_detector().predict(np.clip(voice(5), -1, 1), SR).warnings[0]


# Files and arrays


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("sr", [8000, 16000, 22050, 44100, 96000])
def test_a_file_and_its_array_give_the_same(detector, tmp_path, make_speech, sr, channels):
    y = np.stack([make_speech(5.3, sr, f0=120 + 60 * k) for k in range(channels)], axis=1)
    path = tmp_path / "a.wav"
    sf.write(path, y, sr, subtype="FLOAT")
    p = detector.predict(path)
    assert without_file(p) == without_file(detector.predict(y, sr))
    assert (p.file, p.sample_rate, p.channels, p.seconds) == (str(path), sr, channels, pytest.approx(5.3))
    assert len(p.windows) == 3
    if channels == 1:
        assert without_file(p) == without_file(detector.predict(y[:, 0].astype(float), sr))


def test_the_rate_changes_little(peak_detector, make_speech):
    y = make_speech(4.0, 48000)
    scores = [
        peak_detector().predict(audio.resample(y, sr_from=48000, sr_to=sr), sr).score for sr in (16000, 44100, 48000)
    ]
    assert np.ptp(scores) < 0.2


def test_path_as_text(detector, tmp_path, make_speech):
    sf.write(tmp_path / "a.flac", make_speech(2.0, SR), SR)
    assert detector.predict(str(tmp_path / "a.flac")) == detector.predict(tmp_path / "a.flac")


def test_every_format_comes_close_to_the_array(peak_detector, tmp_path, make_speech):
    y = make_speech(4.0, SR)
    expected = peak_detector().predict(y, SR)
    for name in ("a.wav", "a.flac", "a.ogg", "a.mp3"):
        sf.write(tmp_path / name, y, SR)
        p = peak_detector().predict(tmp_path / name)
        assert abs(p.score - expected.score) < 0.5
        assert [window[:2] for window in p.windows] == [window[:2] for window in expected.windows]


def test_a_short_recording_is_one_window(detector, make_speech):
    y = make_speech(0.7, SR)
    p = detector.predict(y, SR)
    assert [window[:2] for window in p.windows] == [(0, 0.7)]
    assert p.windows[0][2] == detector.score_windows(y)[0]


def test_score_windows_are_those_of_predict(detector, make_speech):
    y = make_speech(21.0, SR)  # more than one batch
    scores = detector.score_windows(y)
    assert scores.dtype == np.float64 and scores.shape == (9,)
    np.testing.assert_allclose(scores, [score for *_, score in detector.predict(y, SR).windows], atol=1e-6)
    alone = [detector.score_windows(y[k * WINDOW :][:WINDOW])[0] for k in range(8)]
    np.testing.assert_allclose(scores[:8], alone, atol=1e-5)


def test_scores_are_the_calibrated_mean_of_the_members(detector, tiny_detector, make_speech):
    y = make_speech(2.0, SR)
    settings = json.loads((tiny_detector / "detector.json").read_text())
    features = build_front_end(settings["front_end"])(y)[None]
    logits = [
        onnxruntime.InferenceSession(tiny_detector / member["file"]).run(None, {"x": features})[0].item()
        for member in settings["members"]
    ]
    assert logits[0] != logits[1]
    assert detector.score_windows(y)[0] == pytest.approx(2.0 * np.mean(logits) + 0.5, abs=1e-5)


def test_threads_do_not_disturb_each_other(detector, make_speech):
    voices = [make_speech(5.0, SR, f0=100 + 20 * k, seed=k) for k in range(6)]
    alone = [detector.predict(y, SR) for y in voices]
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(lambda y: detector.predict(y, SR), voices)) == alone


def test_to_dict_is_plain(detector, make_speech):
    p = detector.predict(make_speech(5.0, SR), SR)
    found = json.loads(json.dumps(p.to_dict(), allow_nan=False))
    assert list(found) == [
        *("file", "seconds", "verdict", "probability_fake", "score", "threshold", "threshold_from", "unsure_band"),
        *("fake_share", "regions", "windows", "warnings", "sample_rate", "channels"),
        *("detector", "detector_version", "weight_hash"),
    ]
    assert found["windows"] == [list(window) for window in p.windows]


def test_memory_does_not_grow_with_the_recording(peak_detector, tmp_path, make_speech):
    second = make_speech(1.0, 8000)
    path = tmp_path / "long.wav"
    with sf.SoundFile(path, "w", 8000, 1) as f:
        for _ in range(600):
            f.write(second)
    tracemalloc.start()
    p = peak_detector().predict(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (p.seconds, len(p.windows)) == (600, 300)
    assert peak < 15e6  # the waveform at 16 kHz is 38 MB


# What gets no verdict


@pytest.mark.parametrize(
    ("y", "sr", "message"),
    [
        (np.zeros(0), SR, "lasts 0.000 s. A verdict needs 0.5 s"),
        (np.ones(320) / 2, SR, "lasts 0.020 s"),
        (np.sin(np.arange(7968)), SR, "lasts 0.498 s"),
        (np.zeros(SR), SR, "is silent"),
        (np.full(3 * SR, 0.5), SR, "is silent"),
        (np.zeros((SR, 2)), 22050, "is silent"),
        (np.full(SR, np.nan), SR, "not finite"),
        (np.ones(SR), None, "`sr` must be the rate"),
    ],
)
def test_bad_array(detector, y, sr, message):
    with pytest.raises(FakeOrRealError, match=message):
        detector.predict(y, sr)


@pytest.mark.parametrize("sr", [8000, 11025, 16000, 44100, 48000])
def test_half_a_second_is_enough(detector, make_speech, sr):
    assert len(detector.predict(make_speech(0.5, sr), sr).windows) == 1
    with pytest.raises(FakeOrRealError, match=r"lasts 0\.498 s\. A verdict needs 0\.5 s"):
        detector.predict(make_speech(0.498, sr), sr)


@pytest.mark.parametrize("kind", ["missing", "folder", "empty", "text", "no samples", "20 ms", "silent", "cut"])
def test_bad_file_is_one_clear_line(detector, tmp_path, capfd, make_speech, kind):
    path = tmp_path / "bad.mp3"
    if kind == "folder":
        path.mkdir()
    elif kind in ("empty", "text"):
        path.write_text({"empty": "", "text": "Words, no sound.\n" * 99}[kind])
    elif kind in ("no samples", "20 ms", "silent"):
        path = tmp_path / "bad.wav"
        sf.write(path, make_speech(1.0, SR)[: {"no samples": 0, "20 ms": 320}.get(kind)] * (kind != "silent"), SR)
    elif kind == "cut":
        sf.write(path, make_speech(5.0, SR), SR)
        path.write_bytes(path.read_bytes()[:8000])
    with pytest.raises(FakeOrRealError) as error:
        detector.predict(path)
    assert str(error.value).count(str(path)) == 1 and "\n" not in str(error.value)
    assert capfd.readouterr() == ("", "")


# Loading


def test_attributes(detector, tiny_detector):
    hashes = [hashlib.sha256((tiny_detector / f"tiny-{k}.onnx").read_bytes()).hexdigest() for k in (1, 2)]
    assert detector.hash == hashlib.sha256("".join(hashes).encode()).hexdigest()[:12]
    assert (detector.name, detector.version) == ("tiny", "0.1")
    assert (detector.threshold, detector.threshold_from, detector.unsure) == (0.2, "nothing", (0.0, 0.4))


def test_public_names():
    assert (fakeorreal.load_detector, fakeorreal.Detector) == (load_detector, Detector)


@pytest.fixture
def copy(tiny_detector, tmp_path):
    return Path(shutil.copytree(tiny_detector, tmp_path / "copy"))


def test_no_folder(tmp_path):
    with pytest.raises(FakeOrRealError, match=r"nowhere: holds no detector\.json"):
        load_detector(tmp_path / "nowhere")


@pytest.mark.parametrize("kind", ["changed", "missing", "swapped"])
def test_networks_are_those_that_were_frozen(copy, kind):
    first, second = copy / "tiny-1.onnx", copy / "tiny-2.onnx"
    if kind == "changed":
        second.write_bytes(second.read_bytes()[:-1] + b"\1")
    elif kind == "missing":
        second.unlink()
    else:
        shutil.copy(first, second)
    message = "cannot be read" if kind == "missing" else "is not the network that was frozen"
    with pytest.raises(FakeOrRealError, match=message) as error:
        load_detector(copy)
    assert str(error.value).startswith(str(second))


def edit(folder, change):
    path = folder / "detector.json"
    settings = json.loads(path.read_text())
    for keys, value in change.items():
        *outer, last = keys.split(".")
        place = settings
        for key in outer:
            place = place[key]
        if value is ...:
            del place[last]
        else:
            place[last] = value
    path.write_text(json.dumps(settings))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        *(({key: ...}, f"lacks '{key.split('.')[-1]}'") for key in ("name", "members", "calibration.scale", "unsure")),
        ({"sr": 8000}, "`sr` must be 16000. Received: 8000"),
        ({"window": 3.0}, "`window` must be 2.5"),
        ({"hop": 0}, "`hop` must be from"),
        ({"hop": "2"}, "is malformed"),
        ({"threshold": 9.0}, "`unsure` must hold 9.0"),
        ({"threshold": float("nan")}, "`unsure` must hold nan"),
        ({"unsure": 3}, "is malformed"),
        ({"unsure": [float("-inf"), 1.0]}, "`unsure` must hold"),
        ({"calibration.scale": 0}, "`scale` must be positive"),
        ({"calibration.offset": float("inf")}, "`offset` must be finite"),
        ({"calibration": []}, "is malformed"),
        ({"version": 1}, "must be text"),
        ({"members": []}, "`members` must name files"),
        ({"members": [{"file": "../tiny-1.onnx", "sha256": ""}]}, "`members` must name files"),
        ({"front_end.class": "Nonsense"}, "`class` must be one of"),
        ({"front_end.class": "os.system"}, "`class` must be one of"),
        ({"front_end.version": 99}, "Received: 99"),
        ({"front_end.colour": "red"}, "other fields"),
        ({"front_end": LogMel(seconds=2.5).config()}, r"takes \(.*but the front end gives \(128"),
    ],
)
def test_malformed_settings(copy, change, message):
    edit(copy, change)
    with pytest.raises(FakeOrRealError, match=message) as error:
        load_detector(copy)
    assert str(copy) in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null"])
def test_settings_that_are_none(copy, text):
    (copy / "detector.json").write_text(text)
    with pytest.raises(FakeOrRealError, match=r"detector\.json: is malformed"):
        load_detector(copy)


@pytest.mark.parametrize("name", [name for name in FRONT_ENDS if name != "MelPicture"])
def test_front_ends_are_built_from_their_config(name):
    front_end = getattr(fakeorreal.features, name)()
    assert build_front_end(json.loads(json.dumps(front_end.config()))) == front_end


def test_front_ends_are_public_names():
    assert set(FRONT_ENDS) < set(feature_names) == set(dir(fakeorreal.features))


# Lightness


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_a_prediction_takes_no_heavy_library(tiny_detector, tmp_path, make_speech):
    sf.write(tmp_path / "a.flac", make_speech(10.0, SR), SR)
    script = f"""
import sys
import fakeorreal
fakeorreal.load_detector({str(tiny_detector)!r}).predict({str(tmp_path / "a.flac")!r})
heavy = ("tensorflow", "keras", "librosa", "pandas", "sklearn", "matplotlib", "av", "xgboost", "numba")
print([name for name in heavy if name in sys.modules])
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    modules, kilobytes = result.stdout.splitlines()
    assert (modules, result.stderr) == ("[]", "")
    assert int(kilobytes) < 350_000
