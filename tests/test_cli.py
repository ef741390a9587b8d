import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile as sf

import fakeorreal
import fakeorreal.detector
from fakeorreal import audio
from fakeorreal.cli import main
from fakeorreal.corpora import for_dataset, prompts_build

HEAVY = ("tensorflow", "keras", "librosa", "matplotlib", "sklearn", "pandas", "scipy", "numpy", "av", "xgboost")


def python(*arguments, **environment):
    command = [sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment}, timeout=60)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Away from the repository, whose data would be found from within it."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.delenv("FAKEORREAL_DATA", raising=False)


def one_line_on_stderr(capsys):
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("fakeorreal: ") and err.endswith("\n") and err.count("\n") == 1
    return err


@pytest.fixture
def few_clips(for_tree, monkeypatch):
    """A tree of for-norm that has as many clips as were published."""
    counts = for_dataset.PUBLISHED_COUNTS.copy()
    counts[["real", "fake"]] = 2
    monkeypatch.setattr(for_dataset, "PUBLISHED_COUNTS", counts)
    return for_tree()


# Commands that need data


@pytest.mark.parametrize("command", ["validate", "audit"])
def test_unknown_folder(capsys, tmp_path, command):
    assert main([command, str(tmp_path / "nowhere")]) == 2
    assert str(tmp_path / "nowhere") in one_line_on_stderr(capsys)


@pytest.mark.parametrize("command", ["validate", "audit"])
def test_no_data_at_all(capsys, command):
    assert main([command]) == 2
    assert "Run `fakeorreal build-prompts`" in one_line_on_stderr(capsys)


@pytest.mark.parametrize("command", ["validate", "audit"])
def test_empty_folder(capsys, tmp_path, command):
    assert main([command, str(tmp_path)]) == 2
    assert str(tmp_path) in one_line_on_stderr(capsys)


@pytest.mark.parametrize("command", ["validate", "audit"])
def test_unknown_dataset(capsys, few_clips, command):
    assert main([command, str(few_clips), "--dataset", "for-nothing"]) == 2
    assert "for-nothing" in one_line_on_stderr(capsys)


def test_validate_sound_data(capsys, few_clips):
    assert main(["validate", str(few_clips)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert len([line for line in out.splitlines() if line.lstrip().startswith("for-norm") and line.endswith("ok")]) == 6
    assert "All is well." in out


def test_validate_finds_what_is_wrong(capsys, few_clips):
    path = next((few_clips / "for-norm" / "testing" / "fake").iterdir())
    path.write_bytes(b"no sound")
    assert main(["validate", str(few_clips)]) == 2
    out = capsys.readouterr().out
    assert f"{path}: cannot be decoded" in out and "1 unreadable" in out and "There are problems" in out


def test_validate_counts(capsys, for_tree):
    assert main(["validate", str(for_tree())]) == 2  # two clips where thousands were published
    assert "count differs by -26939" in capsys.readouterr().out


def test_validate_named_versions(capsys, for_tree):
    root = for_tree(versions=("for-norm", "for-2sec"))
    main(["validate", str(root), "--dataset", "for-2sec"])
    out = capsys.readouterr().out
    assert "for-2sec" in out and "for-norm" not in out.replace(str(root), "")
    main(["validate", str(root), "--dataset", "for-2sec", "--dataset", "for-norm"])
    out = capsys.readouterr().out
    assert "for-2sec" in out and "for-norm" in out


def test_the_data_folder_may_come_from_the_environment(capsys, few_clips, monkeypatch):
    monkeypatch.setenv("FAKEORREAL_DATA", str(few_clips))
    assert main(["validate"]) == 0


def test_audit_of_nothing_readable(capsys, for_tree):
    root = for_tree()
    for path in root.rglob("*.wav"):
        path.write_bytes(b"no sound")
    assert main(["audit", str(root)]) == 2
    assert "readable clips" in one_line_on_stderr(capsys)


def test_duplicates_across_splits_are_named(capsys, tmp_path, for_tree, make_speech):
    root = for_tree(per_class=4)
    original, copy = (root / "for-norm" / split / "real" / "copied.wav" for split in ("training", "testing"))
    audio.write(original, make_speech(4.0, 16000, seed=99), sr=16000)
    audio.write(copy, 0.5 * sf.read(original)[0][3200:], sr=16000)
    arguments = ["duplicates", str(root), "--cache", str(tmp_path / "cache"), "--csv", str(tmp_path / "pairs.csv")]
    assert main(arguments) == 0
    assert "1 by near" in capsys.readouterr().out
    pairs = pd.read_csv(tmp_path / "pairs.csv").query("kind == 'near'")
    assert pairs[["split_a", "split_b"]].to_numpy().tolist() == [["testing", "training"]]
    (root / "for-norm" / "testing" / "real" / "broken.wav").write_bytes(b"no sound")
    assert main(arguments) == 2
    assert "broken.wav" in capsys.readouterr().err


def test_build_prints_the_manifest(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(prompts_build, "build", lambda folder: folder / "manifest.csv")
    assert main(["build-prompts", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'manifest.csv'}\n"


def test_build_without_engines(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["build-prompts", str(tmp_path / "data" / "prompts")]) == 2
    assert "espeak-ng, flite, festival are not installed. Run: sudo apt-get install" in one_line_on_stderr(capsys)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied", "/data/x"), OSError(28, "No space left")])
def test_what_the_system_refuses_is_one_line(capsys, tmp_path, monkeypatch, error):
    def build(folder):
        raise error

    monkeypatch.setattr(prompts_build, "build", build)
    assert main(["build-prompts", str(tmp_path)]) == 2
    assert str(error) in one_line_on_stderr(capsys)


def test_study_without_notebooks(capsys, tmp_path):
    assert main(["study", "--notebooks", str(tmp_path / "nowhere")]) == 2
    assert str(tmp_path / "nowhere") in one_line_on_stderr(capsys)


# Verdicts, with a detector that knows nothing


@pytest.fixture
def recordings(make_speech):
    """Folder of two recordings and a broken one, in the working directory."""
    folder = Path("recordings")
    (folder / "more").mkdir(parents=True)
    sf.write(folder / "a.wav", make_speech(3, 16000), 16000)
    sf.write(folder / "more" / "b.mp3", make_speech(5, 44100, seed=1), 44100)
    (folder / "broken.wav").write_text("no sound")
    return folder


def test_predict_a_file(capsys, recordings, tiny_detector):
    assert main(["predict", "recordings/a.wav", "--detector", str(tiny_detector)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    for part in (
        "recordings/a.wav\n",
        "Verdict",
        "Probability of fake",
        "3.0 s, 16000 Hz, channels: 1",
        "Detector: tiny 0.1",
    ):
        assert part in out


def test_predict_a_folder_every_way(capsys, recordings, tiny_detector):
    outputs = ["--csv", "out.csv", "--report", "out.html", "--json"]
    assert main(["predict", "recordings", "--detector", str(tiny_detector), *outputs]) == 2
    out, err = capsys.readouterr()
    assert err.startswith("fakeorreal: recordings/broken.wav: ") and err.count("\n") == 1
    document = json.loads(out)
    detector = fakeorreal.detector.load_detector(tiny_detector)
    for found, file in zip(document["predictions"], ("recordings/a.wav", "recordings/more/b.mp3"), strict=True):
        del found["sha256"]
        assert found == json.loads(json.dumps(detector.predict(file).to_dict()))
    assert [error["file"] for error in document["errors"]] == ["recordings/broken.wav"]
    with open("out.csv", newline="") as f:
        rows = {row["file"]: row for row in csv.DictReader(f)}
    assert rows["recordings/broken.wav"]["verdict"] == "" and rows["recordings/broken.wav"]["error"]
    assert {row["weight_hash"] for row in rows.values() if row["verdict"]} == {detector.hash}
    html = Path("out.html").read_text()
    assert html.count("<article") == html.count("<audio") == 2 and "recordings/broken.wav" in html
    assert main(["predict", "recordings", "--detector", str(tiny_detector), "--csv", "out.csv"]) == 2
    assert "2 of them stood in the CSV already" in capsys.readouterr().out


def test_predict_with_a_system_of_the_study(capsys, recordings, tiny_detector):
    arguments = ["predict", "recordings", "--system", "spy_cnn", "--format", "spy"]
    assert main(arguments) == 2
    folder = Path.cwd() / "data" / "detectors" / "spy_cnn"
    assert f"{folder}: no detector is there yet. Run `fakeorreal study --only 08`" in one_line_on_stderr(capsys)
    shutil.copytree(tiny_detector, folder)
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert err.startswith("fakeorreal: recordings/broken.wav: ") and err.count("\n") == 1
    found = json.loads(out)
    assert [one["name"] for one in found] == ["recordings/a.wav", "recordings/more/b.mp3"]
    assert [len(one["Clips"]) for one in found] == [2, 2]  # of 2.5 s
    assert main(["predict", "recordings/a.wav", "--system", "spy_cnn", "--format", "spy"]) == 0
    assert json.loads(capsys.readouterr().out) == found[0]


def test_json_is_short_for_the_format(capsys, recordings, tiny_detector):
    documents = []
    for option in (["--json"], ["--format", "json"]):
        assert main(["predict", "recordings/a.wav", "--detector", str(tiny_detector), *option]) == 0
        documents.append(json.loads(capsys.readouterr().out))
    assert documents[0] == documents[1] and len(documents[0]["predictions"]) == 1


@pytest.mark.parametrize("name", ["", "nonsense"])
def test_predict_with_an_unknown_system(capsys, recordings, name):
    assert main(["predict", "recordings/a.wav", "--system", name]) == 2
    assert "`system` must be one of spy_cnn, spy_vit" in one_line_on_stderr(capsys)


def write_wav(y):
    return lambda path: sf.write(path, y, 16000, subtype="FLOAT")


@pytest.mark.parametrize(
    "make",
    [
        lambda path: None,
        lambda path: path.touch(),
        lambda path: path.write_text("no sound"),
        lambda path: path.mkdir(),
        write_wav(np.zeros(0)),
        write_wav(np.full(320, 0.1)),
        write_wav(np.zeros(32000)),
        write_wav(np.full(32000, np.nan)),
    ],
    ids=["missing", "0 bytes", "text", "folder", "0 s", "20 ms", "silent", "nan"],
)
def test_predict_what_has_no_answer(capsys, tmp_path, tiny_detector, make):
    path = tmp_path / "x.wav"
    make(path)
    assert main(["predict", str(path), "--detector", str(tiny_detector)]) == 2
    assert str(path) in one_line_on_stderr(capsys)


def test_predict_without_a_detector(capsys, recordings, tiny_detector, tmp_path):
    assert main(["predict", "recordings/a.wav", "--detector", "nowhere"]) == 2
    assert "nowhere" in one_line_on_stderr(capsys)
    shutil.copytree(tiny_detector, tmp_path / "damaged")
    for network in (tmp_path / "damaged").glob("*.onnx"):
        network.write_bytes(network.read_bytes()[:-1])
    assert main(["predict", "recordings/a.wav", "--detector", str(tmp_path / "damaged")]) == 2
    assert "damaged" in one_line_on_stderr(capsys)


# Why: the page of one recording


def test_analyze_a_file(capsys, recordings, tiny_detector):
    arguments = ["analyze", "recordings/more/b.mp3", "--detector", str(tiny_detector), "--top", "1"]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    for part in ("recordings/more/b.mp3\n", "Verdict", "RMS of probabilities", "  1. 0:0", "Page: analysis.html\n"):
        assert part in out
    assert "  2. 0:0" not in out
    html = Path("analysis.html").read_text()
    assert html.count('class="segment"') == 1 and "Made of, by gradients" in html and html.count("<audio") == 2
    assert main([*arguments, "--out", "new/page.html"]) == 0
    assert Path("new/page.html").is_file() and [p.name for p in Path("new").iterdir()] == ["page.html"]
    assert main(arguments) == 0  # a page of its own kind gives way


def test_analyze_with_a_system_of_the_study(capsys, recordings, tiny_detector):
    assert main(["analyze", "recordings/a.wav", "--system", "spy_cnn"]) == 2
    assert "no detector is there yet" in one_line_on_stderr(capsys)
    shutil.copytree(tiny_detector, Path("data", "detectors", "spy_cnn"))
    assert main(["analyze", "recordings/a.wav", "--system", "spy_cnn"]) == 0
    assert "Clip scores" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gone.wav"], "gone.wav: no such file"),
        (["recordings"], "recordings"),
        (["recordings/broken.wav"], "recordings/broken.wav"),
        (["silence.wav"], "silence.wav: is silent"),
        (["recordings/a.wav", "--top", "0"], "`top` must be 1 to 20 segments. Received: 0."),
        (["recordings/a.wav", "--out", "recordings"], "recordings: cannot be written: it is a folder"),
        (["recordings/a.wav", "--out", "recordings/a.wav"], "it is named like a recording"),
        (["recordings/a.wav", "--out", "thesis.html"], "thesis.html: is no page of fakeorreal and is left as it is"),
    ],
)
def test_analyze_what_has_no_answer(capsys, recordings, tiny_detector, arguments, message):
    sf.write("silence.wav", np.zeros(32000), 16000)
    Path("thesis.html").write_text("<p>years of work")
    assert main(["analyze", *arguments, "--detector", str(tiny_detector)]) == 2
    assert message in one_line_on_stderr(capsys)
    assert Path("thesis.html").read_text() == "<p>years of work" and not Path("analysis.html").exists()


def test_an_interrupted_analysis_leaves_no_page(capsys, recordings, tiny_detector, monkeypatch):
    from fakeorreal import analysis

    def interrupt(file, spans):
        raise KeyboardInterrupt

    monkeypatch.setattr(analysis, "cut", interrupt)
    assert main(["analyze", "recordings/a.wav", "--detector", str(tiny_detector)]) == 130
    assert one_line_on_stderr(capsys) == "fakeorreal: interrupted.\n" and not Path("analysis.html").exists()


def test_an_analysis_needs_no_tensorflow(recordings, tiny_detector):
    script = f"""
import sys
sys.modules["keras"] = sys.modules["tensorflow"] = sys.modules["matplotlib"] = sys.modules["pandas"] = None
from fakeorreal import audio
from fakeorreal.cli import main
sys.exit(main(["analyze", "recordings/a.wav", "--detector", {str(tiny_detector)!r}]))
"""
    result = python("-c", script)
    assert (result.returncode, result.stderr) == (0, "")
    assert "Without gradients. Gradients need TensorFlow, which is not installed." in result.stdout
    assert "Gradients need TensorFlow" in Path("analysis.html").read_text()


# The command itself


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["paint"],
        ["predict"],
        ["predict", "x.wav", "--format", "xml"],
        ["predict", "x.wav", "--format", "spy", "--json"],
        ["predict", "x.wav", "--system", "spy_cnn", "--detector", "folder"],
        ["analyze"],
        ["analyze", "x.wav", "y.wav"],
        ["analyze", "x.wav", "--system", "spy_cnn", "--detector", "folder"],
        ["validate", "a", "b"],
        ["audit", "--loud"],
    ],
)
def test_wrong_use(capsys, arguments):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert "usage: fakeorreal" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["predict", "analyze", "build-prompts", "validate", "audit", "study"])
def test_help(capsys, command):
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    assert f"usage: fakeorreal {command}" in capsys.readouterr().out


def test_run_as_a_module():
    result = python("-m", "fakeorreal", "--version")
    assert (result.returncode, result.stdout.strip(), result.stderr) == (0, fakeorreal.__version__, "")
    result = python("-m", "fakeorreal", "validate", "nowhere")
    assert (result.returncode, result.stdout) == (2, "")
    assert "nowhere" in result.stderr and "Traceback" not in result.stderr


# Imports


def test_the_package_and_its_command_are_light():
    script = f"""
import sys, time
start = time.process_time()
import fakeorreal, fakeorreal.cli
print(time.process_time() - start)
print([name for name in {HEAVY} if name in sys.modules])
fakeorreal.FakeOrRealError
print([name for name in {HEAVY} if name in sys.modules])
"""
    result = python("-c", script)
    seconds, after_import, after_error = result.stdout.splitlines()
    assert float(seconds) < 0.1
    assert after_import == after_error == "[]"


def test_a_prediction_is_light(recordings, tiny_detector):
    script = f"""
import pathlib, sys, time
from fakeorreal import audio
from fakeorreal.cli import main
main(["predict", "recordings/a.wav", "--json", "--report", "out.html", "--detector", {str(tiny_detector)!r}])
print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)
print(time.process_time(), file=sys.stderr)
print(pathlib.Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0], file=sys.stderr)  # most memory, kB
"""
    modules, seconds, kilobytes = python("-c", script).stderr.splitlines()
    assert modules == "['scipy', 'numpy']"  # scipy.fft
    assert float(seconds) < 1.5 and float(kilobytes) < 350_000


def test_corpora_and_synthesis_need_no_tensorflow():
    script = """
import sys
import fakeorreal.audit, fakeorreal.corpora, fakeorreal.corpora.prompts_build
print([name for name in ("tensorflow", "keras", "matplotlib", "xgboost") if name in sys.modules])
"""
    assert python("-c", script).stdout.strip() == "[]"


def test_public_names():
    assert set(fakeorreal.__all__) <= set(dir(fakeorreal))
    assert fakeorreal.load_corpus is for_dataset.load
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        fakeorreal.nonsense  # noqa: B018


def test_grid_prints_a_ranking_and_keeps_every_run(for_tree, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    recipe = tmp_path / "rates.toml"
    recipe.write_text(
        f'system = "dnn"\nepochs = [1, 2]\n[settings]\nlearning_rate = [1e-3, 1e-2]\n'
        f'[corpus]\ndataset = "for-norm"\nfolder = "{for_tree()}"\n'
    )
    assert main(["grid", str(recipe), "--out", "out.csv"]) == 0
    assert capsys.readouterr().out.split()[:2] == ["learning_rate", "epochs"]
    assert len(pd.read_csv("out.csv")) == 4
    assert main(["grid", str(tmp_path / "none.toml")]) == 2
    assert "none.toml: cannot be read" in capsys.readouterr().err


def test_manipulate_makes_pairs_and_names_what_it_cannot_use(tmp_path, make_speech, capsys):
    for k in range(6):
        audio.write(tmp_path / "real" / f"{k}.wav", make_speech(4.0, 16000, seed=k), sr=16000)
    arguments = ["manipulate", str(tmp_path / "real"), str(tmp_path / "pairs")]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert {line.split()[0] for line in out.splitlines()} >= {"train", "validation", "easy", "hard", "zeroshot"}
    assert (tmp_path / "pairs" / "meta_data" / "zeroshot.json").is_file()
    assert main(arguments) == 0 and capsys.readouterr().out == out  # nothing is left to do
    (tmp_path / "real" / "broken.wav").write_text("no audio")
    assert main([*arguments[:2], str(tmp_path / "other")]) == 2
    assert "broken.wav" in capsys.readouterr().err
    assert main(["manipulate", str(tmp_path / "none"), str(tmp_path / "x")]) == 2
