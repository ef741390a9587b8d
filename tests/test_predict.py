"""Files and folders in, verdicts out; interruptions, reruns and failures."""

import csv
import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from detector_double import DetectorDouble

from fakeorreal import FakeOrRealError, page, predict
from fakeorreal.cli import main
from fakeorreal.streams import AUDIO_SUFFIXES


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Working directory with ``sound/``: four sound files, one broken one, and what is no audio."""
    files = ("a_-3.wav", "b_0.MP3", "deep/er/c_2.5.flac", "deep/d_4.opus", "broken.wav", "notes.txt", "deep/._a_1.wav")
    for name in files:
        path = tmp_path / "sound" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def double(monkeypatch):
    """The detector that is loaded in place of the shipped one."""
    detector = DetectorDouble()
    monkeypatch.setattr(predict, "load_detector", lambda folder: detector)
    return detector


def rows(path="out.csv"):
    with open(path, newline="", encoding="utf-8") as f:
        return {row["file"]: row for row in csv.DictReader(f)}


# Which files


def test_a_folder_is_searched_to_the_bottom(folder):
    found = predict.find_audio(["sound"])
    assert found == [
        "sound/a_-3.wav",
        "sound/b_0.MP3",
        "sound/broken.wav",
        "sound/deep/d_4.opus",
        "sound/deep/er/c_2.5.flac",
    ]


def test_files_keep_their_order_and_any_suffix(folder):
    assert predict.find_audio(["sound/notes.txt", "gone.wav", "sound/a_-3.wav"]) == [
        "sound/notes.txt",
        "gone.wav",
        "sound/a_-3.wav",
    ]


def test_a_file_named_twice_is_scored_once(folder):
    assert predict.find_audio(["sound/deep", "./sound/deep/d_4.opus"]) == predict.find_audio(["sound/deep"])


@pytest.mark.parametrize("suffix", AUDIO_SUFFIXES)
def test_suffixes(tmp_path, suffix):
    path = tmp_path / f"x{suffix.upper()}"
    path.touch()
    assert predict.find_audio([tmp_path]) == [str(path)]


def test_a_folder_without_audio(folder):
    (folder / "empty").mkdir()
    with pytest.raises(FakeOrRealError, match=r"^empty: holds no audio\. Files of \.aac, .* are looked for\.$"):
        predict.find_audio(["sound", "empty"])


def test_a_folder_that_cannot_be_listed(folder, monkeypatch):
    scan = os.scandir

    def refuse(path):
        if Path(path).name == "deep":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(FakeOrRealError, match=r"^sound/deep: cannot be searched \(Permission denied\)\. Check its"):
        predict.find_audio(["sound"])


# In threads


def test_order_is_kept_though_the_first_is_the_slowest():
    first_may_end = threading.Event()

    def before(name):
        if name == "0":
            first_may_end.wait(5)
        elif name == "3":
            first_may_end.set()  # as many are ahead as can be

    names = [str(k) for k in range(8)]
    records = predict.predict_files(DetectorDouble(before), names, workers=2)
    assert [record.file for record in records] == names
    assert first_may_end.is_set()


def test_few_files_are_ahead():
    detector, files = DetectorDouble(), iter([str(k) for k in range(100)])
    records = predict.predict_files(detector, files, workers=2)
    next(records)
    records.close()
    assert next(files) == "4"
    assert len(detector.asked) <= 4


def test_records(folder):
    good, broken, missing = predict.predict_files(
        DetectorDouble(), ["sound/a_-3.wav", "sound/broken.wav", "sound/gone_1.wav"]
    )
    assert good.prediction.score == -3 and good.error == ""
    assert good.sha256 == hashlib.sha256(b"a_-3.wav").hexdigest()
    assert broken == predict.Record("sound/broken.wav", error="sound/broken.wav: cannot be decoded. Convert it to WAV.")
    assert missing.error == "sound/gone_1.wav: no such file. Check the path." and missing.prediction is None


def test_what_the_system_refuses_is_an_error_of_that_file(folder):
    def before(name):
        raise PermissionError(errno.EACCES, "Permission denied", name)

    (record,) = predict.predict_files(DetectorDouble(before), ["sound/a_-3.wav"])
    assert record.prediction is None and "Permission denied: 'a_-3.wav'" in record.error


# What is printed


def test_one_file(folder, double, capsys):
    assert predict.run(["sound/deep/d_4.opus"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.startswith("sound/deep/d_4.opus\n  Verdict                 fake. ")
    assert out.count("Score: how much likelier") == 1 and "files:" not in out


def test_a_folder(folder, double, capsys):
    assert predict.run(["sound"]) == 2
    out, err = capsys.readouterr()
    assert err == "fakeorreal: sound/broken.wav: cannot be decoded. Convert it to WAV.\n"
    lines = out.split("\n")
    assert lines[0].startswith("verdict")
    assert [line.split()[0] for line in lines[1:5]] == ["real", "unsure", "fake", "fake"]
    assert out.count("Score: how much likelier") == 1
    assert "5 files: 1 real, 2 fake, 1 unsure, 1 failed. 0.01 hours of audio in " in lines[-2]


def test_no_failure_is_exit_code_0(folder, double, capsys):
    assert predict.run(["sound/a_-3.wav", "sound/b_0.MP3"]) == 0
    assert capsys.readouterr().err == ""


def test_names_cannot_play_tricks_with_the_terminal(folder, double, capsys):
    for name in ("\x1b[2J\n_1.wav", "\x1b[31mbroken.wav"):
        (folder / "sound" / name).touch()
    predict.run(["sound"])
    out, err = capsys.readouterr()
    assert "\x1b" not in out + err and err.count("\n") == 2 and "\\x1b[2J\\n_1.wav" in out


def strict(text):
    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


def test_json_of_one_and_of_many_has_the_same_shape(folder, double, capsys):
    assert predict.run(["sound/deep/d_4.opus"], form="json") == 0
    one = strict(capsys.readouterr().out)
    assert predict.run(["sound"], form="json") == 2
    out, err = capsys.readouterr()
    many = strict(out)
    assert err.count("\n") == 1
    assert list(one) == list(many) == ["detector", "predictions", "errors"]
    assert (
        one["detector"]
        == many["detector"]
        == {
            "name": "double",
            "version": "0.1",
            "weight_hash": "0123456789ab",
            "threshold": 0.5,
            "threshold_from": "the EER on the validation split of a corpus",
            "unsure_band": [-1, 1],
        }
    )
    assert one["predictions"] == [p for p in many["predictions"] if p["file"] == "sound/deep/d_4.opus"]
    assert one["predictions"][0]["windows"] == [[0, 2, 4], [2, 4, 2], [4, 6, 0]]
    assert one["predictions"][0]["sha256"] == hashlib.sha256(b"deep/d_4.opus").hexdigest()
    assert one["errors"] == []
    assert many["errors"] == [
        {"file": "sound/broken.wav", "error": "sound/broken.wav: cannot be decoded. Convert it to WAV."}
    ]
    assert len(many["predictions"]) == 4


def spy(capsys, *paths):
    code = predict.run(paths, form="spy")
    out, err = capsys.readouterr()
    return code, out and strict(out), err


def test_the_fields_of_ai_spy_for_a_file(folder, double, capsys):
    code, found, err = spy(capsys, "sound/deep/d_4.opus")
    assert (code, err) == (0, "")
    assert found == {
        "name": "sound/deep/d_4.opus",
        "Percent_AI": 66.7,
        "Percent_Human": 0.0,
        "Prediction": "ai",
        "Clips": [
            {"Start": 0, "End": 2, "Probability_AI": 98.2, "Prediction": "ai"},
            {"Start": 2, "End": 4, "Probability_AI": 88.08, "Prediction": "ai"},
            {"Start": 4, "End": 6, "Probability_AI": 50, "Prediction": "unsure"},
        ],
    }


def test_the_fields_of_ai_spy_for_a_folder(folder, double, capsys):
    (folder / "sound" / "e_1.wav").touch()
    code, found, err = spy(capsys, "sound")
    assert code == 2 and err == "fakeorreal: sound/broken.wav: cannot be decoded. Convert it to WAV.\n"
    assert {one["name"]: (one["Percent_AI"], one["Percent_Human"], one["Prediction"]) for one in found} == {
        "sound/a_-3.wav": (0, 100, "human"),
        "sound/b_0.MP3": (0, 66.7, "human"),
        "sound/deep/d_4.opus": (66.7, 0, "ai"),
        "sound/deep/er/c_2.5.flac": (66.7, 33.3, "ai"),
        "sound/e_1.wav": (33.3, 66.7, "contains some ai"),
    }


def test_the_fields_of_ai_spy_are_an_object_for_one_named_file_alone(folder, double, capsys):
    for paths in (["sound/deep/er"], ["sound/a_-3.wav", "sound/b_0.MP3"]):
        assert isinstance(spy(capsys, *paths)[1], list)


def test_what_fails_is_never_called_ai(folder, double, capsys):
    code, found, err = spy(capsys, "sound/broken.wav")
    assert (code, found) == (2, "") and err.startswith("fakeorreal: sound/broken.wav: ")
    code, found, err = spy(capsys, "sound/broken.wav", "gone.wav")
    assert (code, found) == (2, []) and err.count("\n") == 2


# The CSV, again and again


def test_csv(folder, double, capsys):
    assert predict.run(["sound"], csv="new/out.csv") == 2
    written = rows("new/out.csv")
    assert list(written) == predict.find_audio(["sound"])
    assert {file: row["verdict"] for file, row in written.items() if row["verdict"]} == {
        "sound/a_-3.wav": "real",
        "sound/b_0.MP3": "unsure",
        "sound/deep/d_4.opus": "fake",
        "sound/deep/er/c_2.5.flac": "fake",
    }
    assert written["sound/broken.wav"]["error"]


def test_a_rerun_scores_failures_only(folder, double, capsys):
    predict.run(["sound"], csv="out.csv")
    first = rows()
    double.asked.clear()
    capsys.readouterr()
    assert predict.run(["sound"], csv="out.csv") == 2
    assert double.asked == ["broken.wav"]
    assert rows() == first and len(Path("out.csv").read_text().splitlines()) == 6
    assert "5 files: 1 real, 2 fake, 1 unsure, 1 failed. 4 of them stood in the CSV already." in capsys.readouterr().out


def test_a_rerun_scores_what_has_changed(folder, double, capsys):
    predict.run(["sound/a_-3.wav", "sound/b_0.MP3"], csv="out.csv")
    path = folder / "sound" / "b_0.MP3"
    times = path.stat()
    path.write_bytes(b"B_0.MP3")  # same size, same date
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    (folder / "sound" / "a_-3.wav").touch()  # new date, same content
    double.asked.clear()
    predict.run(["sound/a_-3.wav", "sound/b_0.MP3"], csv="out.csv")
    assert double.asked == ["b_0.MP3"]
    assert rows()["sound/b_0.MP3"]["sha256"] == hashlib.sha256(b"B_0.MP3").hexdigest()
    assert len(rows()) == 2


def test_other_weights_score_all_again(folder, double, capsys):
    predict.run(["sound"], csv="out.csv")
    double.asked.clear()
    double.hash = "ffffffffffff"
    predict.run(["sound"], csv="out.csv")
    assert len(double.asked) == 5
    assert {row["weight_hash"] for row in rows().values() if row["verdict"]} == {"ffffffffffff"}


def test_rows_of_other_files_stay(folder, double, capsys):
    predict.run(["sound/deep"], csv="out.csv")
    predict.run(["sound/a_-3.wav"], csv="out.csv")
    assert list(rows()) == ["sound/deep/d_4.opus", "sound/deep/er/c_2.5.flac", "sound/a_-3.wav"]


@pytest.mark.parametrize("form", ["json", "spy"])
def test_json_needs_every_window_and_scores_all(folder, double, capsys, form):
    predict.run(["sound"], csv="out.csv")
    first = Path("out.csv").read_bytes()
    capsys.readouterr()
    predict.run(["sound"], csv="out.csv", form=form)
    document = json.loads(capsys.readouterr().out)
    assert len(document["predictions"] if form == "json" else document) == 4
    assert Path("out.csv").read_bytes() == first


def test_a_row_cut_short_is_scored_again(folder, double, capsys):
    predict.run(["sound/deep"], csv="out.csv")
    whole = Path("out.csv").read_bytes()
    Path("out.csv").write_bytes(whole[:-30])
    double.asked.clear()
    predict.run(["sound/deep"], csv="out.csv")
    assert double.asked == ["c_2.5.flac"] and Path("out.csv").read_bytes() == whole


# Interruptions, in a process of their own

# Tests that run in the background of a shell inherit that interrupts are ignored.
SLOW = f"""
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.path.insert(0, {str(Path(__file__).parent)!r})
from detector_double import DetectorDouble
from fakeorreal import cli, predict
predict.load_detector = lambda folder: DetectorDouble(lambda name: time.sleep(20 if name.startswith("slow") else 0.05))
sys.exit(cli.main(["predict", "sound", "--csv", "out.csv"]))
"""


def wait_for_rows(n):
    end = time.monotonic() + 20
    while not (Path("out.csv").is_file() and Path("out.csv").read_bytes().count(b"\n") > n):
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize(("kill", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_an_interruption_keeps_the_rows(folder, double, capsys, kill, code):
    (folder / "sound" / "slow_1.wav").touch()  # after the others
    process = subprocess.Popen([sys.executable, "-c", SLOW], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for_rows(5)
    start = time.monotonic()
    process.send_signal(kill)
    out, err = process.communicate(timeout=10)
    assert process.returncode == code and time.monotonic() - start < 5  # not after the slow file
    if kill == signal.SIGINT:
        assert "fakeorreal: interrupted. With --csv, the same command goes on from here." in err
        assert "Traceback" not in err and "a_-3.wav" in out
    assert len(rows()) == 5
    predict.run(["sound"], csv="out.csv")
    assert double.asked == ["broken.wav", "slow_1.wav"] and len(rows()) == 6


# The report


@pytest.fixture
def written(monkeypatch):
    """What is handed to the page."""
    calls = []
    monkeypatch.setattr(page, "write", lambda path, records, **facts: calls.append((path, records, facts)))
    return calls


def test_report(folder, double, capsys, written):
    assert predict.run(["sound"], report="out.html") == 2
    ((path, records, facts),) = written
    assert path == "out.html" and facts["detector"] is double
    assert [record.file for record in records] == [
        "sound/deep/d_4.opus",
        "sound/deep/er/c_2.5.flac",
        "sound/b_0.MP3",
        "sound/a_-3.wav",
        "sound/broken.wav",
    ]
    assert facts["counts"] == {"fake": 2, "unsure": 1, "real": 1, "error": 1}


def test_report_of_the_most_suspicious(folder, double, capsys, written, monkeypatch):
    monkeypatch.setattr(predict, "REPORT_FILES", 2)
    predict.run(["sound/deep", "sound/a_-3.wav", "sound/b_0.MP3"], report="out.html")
    ((_, records, facts),) = written
    assert [record.prediction.score for record in records] == [4, 2.5]
    assert sum(facts["counts"].values()) == 4


def test_report_scores_again_what_stood_in_the_csv(folder, double, capsys, written, monkeypatch):
    predict.run(["sound"], csv="out.csv")
    monkeypatch.setattr(predict, "REPORT_FILES", 2)
    double.asked.clear()
    predict.run(["sound"], csv="out.csv", report="out.html")
    ((_, records, facts),) = written
    assert [record.prediction.score for record in records[:2]] == [4, 2.5]
    assert sorted(double.asked) == ["broken.wav", "c_2.5.flac", "d_4.opus"]
    assert facts["counts"] == {"fake": 2, "unsure": 1, "real": 1, "error": 1}


# Refused before any work


@pytest.mark.parametrize("option", ["csv", "report"])
@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("sound", "it is a folder"),
        ("sound/notes.txt/out", "sound/notes.txt is a file"),
        ("sound/notes.txt/new/out", "Not a directory"),
        ("sound/a_-3.wav", "it is named like a recording"),
    ],
)
def test_output_that_cannot_be(folder, double, capsys, option, output, reason):
    with pytest.raises(FakeOrRealError) as error:
        predict.run(["sound"], **{option: output})
    assert str(error.value) == f"{output}: cannot be written: {reason}. Name another file."
    assert double.asked == [] and capsys.readouterr().out == ""
    assert (folder / "sound" / "a_-3.wav").read_bytes() == b"a_-3.wav"


def test_a_csv_of_something_else(folder, double, capsys):
    Path("out.csv").write_text("name,age\nx,3\n")
    with pytest.raises(FakeOrRealError, match="is no CSV of predictions"):
        predict.run(["sound"], csv="out.csv")
    assert double.asked == [] and Path("out.csv").read_text() == "name,age\nx,3\n"


def test_errors_of_the_command_are_one_line(folder, double, capsys):
    for arguments in (["sound", "--csv", "sound"], ["sound/deep/er/none"], ["sound/broken.wav"]):
        assert main(["predict", *arguments]) == 2
        assert capsys.readouterr().err.count("\n") == 1


# With a localiser


class LocatorDouble:
    """Every recording was edited from 1.5 s to 2 s, but for those named ``b``."""

    class _Said:
        def __init__(self, regions):
            self.regions = regions

    def locate(self, file):
        return self._Said(() if Path(file).name.startswith("b") else ((1.5, 2.0, 0.9),))


@pytest.fixture
def locator(monkeypatch):
    monkeypatch.setattr(predict, "load_locator", LocatorDouble)


def test_edited_stretches_are_said_when_asked_for(folder, double, locator, capsys):
    assert main(["predict", "sound/a_-3.wav", "--locate"]) == 0
    assert "Edited stretches        0:01.5–0:02.0 (confidence 90.0 %)" in capsys.readouterr().out
    assert main(["predict", "sound/b_0.MP3", "--locate"]) == 0
    assert "Edited stretches        none that the localiser hears" in capsys.readouterr().out
    assert main(["predict", "sound/a_-3.wav"]) == 0
    assert "Edited" not in capsys.readouterr().out
    main(["predict", "sound", "--locate"])
    assert capsys.readouterr().out.count("edited: 0:01.5–0:02.0") == 3


def test_edited_stretches_in_json(folder, double, locator, capsys):
    main(["predict", "sound/a_-3.wav", "sound/b_0.MP3", "--locate", "--json"])
    assert [p["edits"] for p in json.loads(capsys.readouterr().out)["predictions"]] == [[[1.5, 2.0, 0.9]], []]
    main(["predict", "sound/a_-3.wav", "--json"])
    assert "edits" not in json.loads(capsys.readouterr().out)["predictions"][0]


def test_files_in_the_csv_are_asked_again_for_edits(folder, double, locator, capsys):
    main(["predict", "sound", "--csv", "out.csv"])
    capsys.readouterr()
    main(["predict", "sound", "--csv", "out.csv", "--locate"])
    assert capsys.readouterr().out.count("edited:") == 3
