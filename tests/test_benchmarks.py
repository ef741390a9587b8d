"""The benchmark measures what it says it does."""

import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile as sf

from fakeorreal import audio, features, load_detector
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


@pytest.fixture
def script(monkeypatch):
    """Function: name → module of ``benchmarks/``."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    return import_module


def test_processor_time_counts_processes_that_run_and_that_have_ended(script):
    processor_seconds = script("turns").processor_seconds
    before = processor_seconds()
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as busy:
        start = time.monotonic()
        while processor_seconds() - before < 0.3:
            assert time.monotonic() - start < 60
        busy.kill()
    assert processor_seconds() - before >= 0.3  # nor are those forgotten that have ended


def test_contenders_take_turns_and_are_compared_round_by_round(script, capsys):
    turns, order = script("turns"), []
    taken = turns.take_turns({name: lambda name=name: order.append(name) for name in "ab"}, 3)
    assert order == list("ababab") and {name: len(values) for name, values in taken.items()} == {"a": 3, "b": 3}
    rows = list(turns.compare({"a": [(2, 4), (6, 4), (8, 8)], "b": [(1, 1), (2, 4), (8, 4)]}, "a", 10))
    assert [row["times as fast"] for row in rows] == [1, 2]  # of 2, 3 and 1
    assert [row["times less processor time"] for row in rows] == [1, 2]  # of 4, 1 and 2
    assert [row["clips per second"] for row in rows] == [pytest.approx(10 / 6), 5]
    assert rows[1]["processor ms per clip"] == 400


@pytest.mark.parametrize("name", ["LogMel", "Handcrafted"])
def test_the_plain_loop_computes_what_is_extracted(script, tmp_path, name):
    extraction = script("extraction")
    corpus = extraction.write_clips(tmp_path, 4)
    assert len(corpus) == 4 and sf.info(corpus["path"][0]).duration == 2
    compute = {"LogMel": extraction.log_mel, "Handcrafted": extraction.handcrafted}[name]
    extraction.plain_loop(corpus, compute, tmp_path)
    front_end = getattr(features, name)()
    for k, path in enumerate(corpus["path"]):
        theirs = np.load(tmp_path / f"{k}.npy")
        np.testing.assert_allclose(front_end(audio.read(path, sr=16000)), theirs, atol=1e-4)


def test_the_pictures_can_be_told_apart(script):
    custom_cnn = script("custom_cnn")
    x, labels = custom_cnn.pictures(40, 0)
    assert x.shape == (40, 128, 128, 1) and labels.mean() == 0.5 and x.min() >= -80 and x.max() <= 0
    brightest = x.mean(axis=2).max(axis=(1, 2))
    assert brightest[labels == 1].min() > brightest[labels == 0].max()


def test_no_two_clips_of_the_large_corpus_are_alike(script, tmp_path, monkeypatch):
    memory = script("memory")
    monkeypatch.setattr(memory, "FILES", 2)
    corpus = memory.corpus_of(tmp_path, 6)
    assert not corpus[["path", "start"]].duplicated().any() and corpus["path"].nunique() == 2
    assert corpus["end"].max() <= 10


def test_peak_memory_counts_descendants_and_not_twice(script):
    held = script("memory").held
    grow = "import subprocess, sys, time; x = b'x' * 100_000_000; "
    code = (
        grow
        + f"p = subprocess.Popen([sys.executable, '-c', {grow + 'print(1, flush=True); time.sleep(60)'!r}]); p.wait()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        total, without = held(process.pid)
        subprocess.run(["kill", *Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()])
    assert 200 < without <= total < 300


def test_the_summary_of_every_table(script):
    run = script("run")
    extraction = pd.DataFrame(
        {
            "computed by": ["librosa, a plain loop", "extract, LogMel", "transforms"],
            "times as fast": [1, 6.5, 20],
            "processor ms per clip": [2.0, 0.8, 0.2],
        }
    )
    assert [(row["what"], row["times"]) for row in run.extraction(extraction)] == [
        ("extract, LogMel", 6.5),
        ("extract, LogMel: share of processor time", pytest.approx(0.25)),
    ]
    memory = pd.DataFrame({"what": ["extract"] * 2, "clips": [10, 1000], "without files (MB)": [200, 250]})
    assert run.memory(memory) == [
        {"what": "extract: peak memory, 1,000 clips", "against": "10 clips", "times": 1.25},
    ]
    assert {f"{name}.py" for name in run.BENCHMARKS} <= {path.name for path in BENCHMARKS.glob("*.py")}
