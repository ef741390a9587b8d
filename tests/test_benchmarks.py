"""The benchmark measures what it says it does."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from fakeorreal import load_detector
from fakeorreal.speech import Content

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def speed(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    return import_module("detector_speed")


def test_sound_is_seeded_and_taken_for_speech(speed):
    y = speed.speech(16000, 3)
    assert (y.shape, y.dtype) == ((160_000,), np.float32) and np.abs(y).max() == 0.5
    np.testing.assert_array_equal(y, speed.speech(16000, 3))
    assert not np.array_equal(y, speed.speech(16000, 4))
    content = Content()
    list(content.watch([y]))
    assert content.speech.mean() > 0.5 and content.bandwidth > 4100 and not content.music


def test_time_and_memory_are_those_of_the_process():
    """Asked of a small process, as the benchmark is: this one has a memory of its own to hand down."""
    work = "import time; time.sleep(0.3); x = b'x' * 300_000_000"
    code = f"import detector_speed as d; print(*d.timed('-c', 'pass'), *d.timed('-c', {work!r}))"
    said = subprocess.run([sys.executable, "-c", code], cwd=BENCHMARKS, capture_output=True, text=True, check=True)
    idle, little, seconds, peak = map(float, said.stdout.split())
    assert seconds >= 0.3 and idle < seconds
    assert little < 200 and 300 < peak < 350


def test_a_process_that_fails_is_no_measurement(speed):
    with pytest.raises(SystemExit, match="exit code 2"):
        speed.timed("-c", "raise SystemExit(2)")


def test_bars(speed, capsys):
    assert speed.row("a", 1.0, "s", at_most=1.0)["met"] == "yes"
    assert speed.row("b", 199, "times", at_least=200) == {
        "what": "b",
        "value": 199,
        "unit": "times",
        "bar": "at least 200",
        "met": "no",
    }
    assert speed.row("c", 3.0, "s")["met"] == ""
    assert capsys.readouterr().out.splitlines() == [
        "a: 1 s (at most 1: yes)",
        "b: 199 times (at least 200: no)",
        "c: 3 s",
    ]


def test_the_long_file_has_the_bit_rate_it_states(speed, tmp_path):
    path = speed.write_long(tmp_path / "long.mp3", 1)
    found = sf.info(path)
    assert (found.samplerate, found.channels) == (44100, 2) and found.duration == pytest.approx(60, abs=0.1)
    assert path.stat().st_size * 8 / 60 == pytest.approx(128_000, rel=0.01)


def test_the_loop_beside_it_does_the_same_work(speed, tmp_path, tiny_detector):
    score_folder = import_module("librosa_keras").score_folder
    detector = load_detector(tiny_detector)
    folders = [speed.write_folder(tmp_path / suffix, suffix, 2) for suffix in speed.FORMATS]
    theirs = dict(pair for folder in folders for pair in score_folder(folder, tiny_detector))
    assert [Path(file).name for file in theirs] == ["0000.wav", "0001.wav", "0000.mp3", "0001.mp3"]
    assert np.ptp(list(theirs.values())) > 0.02  # else agreement would say nothing
    for file, score in theirs.items():
        assert score == pytest.approx(detector.predict(file).score, abs=1e-3)
