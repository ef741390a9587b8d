"""Bad input: no crash, no hang, little memory, nothing outside the target, one clear sentence each, never a verdict."""

import csv
import os
import re
import resource
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import fuzz
import numpy as np
import pytest

from fakeorreal.audio import read
from fakeorreal.corpora import load_folder, prompts
from fakeorreal.corpora.listing import read_listing
from fakeorreal.corpora.recordings import find_recordings
from fakeorreal.errors import FakeOrRealError
from fakeorreal.features.frame_features import _read
from fakeorreal.streams import open_stream
from fakeorreal.wording import printable

MOST_MEMORY = 1e9  # bytes
# The address space is held to 6 GB, for libraries reserve more than they take. What was taken at most is written at the
# end: not ru_maxrss, which begins with what the process took that started this one.
RUN = """
import re, resource, sys
resource.setrlimit(resource.RLIMIT_AS, (6 * 2**30, 6 * 2**30))
from fakeorreal.cli import main
code = main(sys.argv[1:])
with open("/proc/self/status") as status, open("peak", "w") as file:
    file.write(str(1024 * int(re.search(r"VmHWM:\\s*(\\d+)", status.read())[1])))
sys.exit(code)
"""
posix = pytest.mark.skipif(os.name == "nt", reason="pipes, devices and such names are POSIX")


def run(folder, *arguments, timeout=300):
    """(exit code, lines of standard error, seconds of processor time) of a command in a process of its own."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-c", RUN, *map(os.fspath, arguments)]
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=timeout, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert float((folder / "peak").read_text()) < MOST_MEMORY
    lines = done.stderr.decode().splitlines()
    return done.returncode, lines, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def assert_clear(message, path):
    """One line that names the file once, says what is wrong, and then what to do."""
    assert message.isprintable() and len(message) < 1000
    assert message.startswith(printable(path)) and message.count(printable(path)) == 1
    assert re.search(r"[.:] [A-Z][^A-Z].*\.$", message), message


def refused(function, path):
    with pytest.raises(FakeOrRealError) as error:
        function(path)
    assert_clear(str(error.value), path)
    return str(error.value)


# Files that are said to be sound


def special_files(folder, sound):
    """What a file system can hold besides files of plain names; returns the names of those that are sound."""
    names = (
        *(
            "line\nbreak.wav",
            "\x1b[31mred.wav",
            "\u202egnp.wav",
            "-rf.wav",
            "=cmd|' calc'!A0.wav",
            "+1.wav",
            "@a.wav",
        ),
        *("é\u0301\U0001f600.wav", " .wav", "%s%n.wav", "$(touch evil).wav", "a;b,'c\".wav", 240 * "x" + ".wav"),
        os.fsdecode(b"not-\xff\xfe-utf8.wav"),
    )
    for name in names:
        (folder / name).write_bytes(sound)
    (folder / "folder.wav").mkdir()
    (folder / "folder.wav" / "in it.wav").write_bytes(sound)
    (folder / "link.wav").symlink_to("in it.wav")
    (folder / "loop.wav").symlink_to("loop.wav")
    (folder / "round").symlink_to(".", target_is_directory=True)
    (folder / "zero.wav").symlink_to("/dev/zero")
    (folder / "null.wav").symlink_to("/dev/null")
    os.mkfifo(folder / "pipe.wav")
    if os.geteuid():  # root may read anything
        (folder / "secret.wav").write_bytes(sound)
        (folder / "secret.wav").chmod(0)
    return {*names, "in it.wav"}


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """Every case in one folder, scored by one command: (cases, row by name, exit code, errors, processor time)."""
    folder = tmp_path_factory.mktemp("bad")
    cases = fuzz.audio_cases()
    (folder / "in").mkdir()
    for _, name, data in cases:
        (folder / "in" / name).write_bytes(data)
    sound = next(data for kind, _, data in cases if kind == "whole")
    kinds = {name: kind for kind, name, _ in cases}
    odd = special_files(folder / "in", sound) if os.name != "nt" else ()
    kinds |= {printable(name): "odd name" for name in odd}
    result = run(folder, "predict", "in", "--csv", "out.csv")
    with (folder / "out.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert sorted(p.name for p in folder.iterdir()) == ["in", "out.csv", "peak"]
    return kinds, {row["file"].removeprefix("in/").rpartition("/")[2]: row for row in rows}, rows, result


def test_hundreds_of_bad_files_in_one_go(judged):
    kinds, by_name, rows, (code, errors, seconds) = judged
    outcomes = Counter(
        (kinds.get(name, "special"), "judged" if row["verdict"] else "refused") for name, row in by_name.items()
    )
    print(*sorted(outcomes.items()), f"{seconds:.1f} s", sep="\n")
    assert len(rows) == len(by_name) >= 500 and code == 2 and seconds < 60
    failures = [row for row in rows if row["error"]]
    assert len(errors) == len(failures) == sum(n for (_, outcome), n in outcomes.items() if outcome == "refused")
    for row, line in zip(failures, errors, strict=True):
        assert not any(row[column] for column in row if column not in ("file", "error"))
        assert_clear(line.removeprefix("fakeorreal: "), row["file"])


def names_judged(judged, kind):
    kinds, by_name, *_ = judged
    return {name for name, row in by_name.items() if kinds.get(name, "special") == kind and row["verdict"]}


@pytest.mark.parametrize("kind", ["whole", "wrong suffix", pytest.param("odd name", marks=posix)])
def test_sound_is_judged_whatever_its_name(judged, kind):
    kinds, *_ = judged
    names = names_judged(judged, kind)
    assert len(names) >= 13 and names == {name for name in kinds if kinds[name] == kind}


@pytest.mark.parametrize("kind", ["no sound", "special"])
def test_what_is_no_sound_is_refused(judged, kind):
    assert not names_judged(judged, kind)


def test_what_is_cut_off_is_refused(judged):
    """But for what ends within half a second of its length, and bare AAC, which states no length."""
    names = {name for name in names_judged(judged, "cut") if not name.endswith(".aac")}
    kinds, by_name, *_ = judged
    assert Counter(kinds.values())["cut"] == 156 and len(names) <= 20
    assert all(float(by_name[name]["seconds"]) > 1.0 for name in names)
    assert not any(name.endswith((".flac", ".ogg", ".opus")) for name in names)


def test_samples_that_are_none_are_refused(judged):
    assert names_judged(judged, "samples") <= {
        *("clipped.wav", "dc.wav", "8-channels-192-kHz.wav", "8-channels-192-kHz.flac"),
    }


def test_headers_that_cannot_be_are_refused(judged):
    names = names_judged(judged, "header")
    assert not any(name.startswith(("ten-hours", "rate", "fmt-size", "channels-0", "channels-6")) for name in names)
    assert {"riff-size-0.wav", "data-size-4294967295.wav"} <= names  # as from a pipe


def test_a_recording_behind_another_is_not_passed_over(judged):
    names = names_judged(judged, "container")
    assert not any(name.startswith("chained") for name in names)
    assert {"tag-of-2-MB.mp3", "latin-title.m4a", "two.mp3", "no-length.flac"} <= names


def test_no_cell_is_a_formula(judged):
    *_, rows, _ = judged
    texts = [row[column] for row in rows for column in ("file", "warnings", "error", "detector")]
    assert not any(text.startswith(tuple("=+-@\t\r\n")) for text in texts)


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A third of the cases and all broken headers again, half of them as real and half as fake."""
    folder = tmp_path_factory.mktemp("bad-tree")
    for k, (kind, name, data) in enumerate(fuzz.audio_cases()):
        if k % 3 and kind != "header":
            continue
        path = folder / "in" / ("real", "fake")[k % 2] / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


COMMANDS = {
    "locate": (("locate", "in", "--format", "json", "--out", "out.json"), {"out.json"}),
    "prepare": (("prepare", "in", "out"), {"out"}),
    "duplicates": (("duplicates", "in", "--cache", "out", "--csv", "out.csv"), {"out", "out.csv"}),
    "audit": (("audit", "in", "--html", "out.html"), {"out.html"}),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_other_commands_on_the_same_files(tree, tmp_path, name):
    command, made = COMMANDS[name]
    (tmp_path / "in").symlink_to(tree / "in", target_is_directory=True)
    before = {path: path.stat().st_mtime_ns for path in tree.rglob("*")}
    code, errors, seconds = run(tmp_path, *command)
    print(f"{name}: exit code {code}, {len(errors)} lines of errors, {seconds:.1f} s")
    for line in errors:
        print(line)
    assert code in (0, 2) and seconds < 120
    assert not any("Traceback" in line or len(line) > 1000 for line in errors)
    assert {p.name for p in tmp_path.iterdir()} == {"in", "peak", *made}
    assert {path: path.stat().st_mtime_ns for path in tree.rglob("*")} == before


@posix
def test_what_would_never_end(tmp_path):
    blocks = 36_000 * fuzz.SR // 65_535
    (tmp_path / "silence.flac").write_bytes(fuzz.constant_flac(blocks * [0]))
    (tmp_path / "square.flac").write_bytes(fuzz.constant_flac(blocks // 2 * [8000, -8000]))
    os.mkfifo(tmp_path / "pipe.wav")
    names = ["silence.flac", "square.flac", "pipe.wav", "/dev/zero", "/dev/null", "gone.wav", 300 * "x"]
    code, errors, seconds = run(tmp_path, "predict", *names, timeout=100)
    assert code == 2 and len(errors) == len(names) and seconds < 10
    for name, line in zip(names, errors, strict=True):
        assert_clear(line.removeprefix("fakeorreal: "), name)
    assert "35999 s in 129701 bytes" in errors[0]
    assert "more than can be held" in refused(lambda path: read(path, sr=fuzz.SR), tmp_path / "silence.flac")


def test_a_flac_that_states_49_days(tmp_path):
    path = tmp_path / "a.flac"
    path.write_bytes(dict((name, data) for _, name, data in fuzz.audio_cases())["longest.flac"])
    assert "4294967 s" in refused(lambda path: read(path, sr=fuzz.SR), path)
    assert "4294967 s" in refused(open_stream, path)


def test_ten_minutes_of_little_are_not_too_little(tmp_path):
    path = tmp_path / "a.flac"
    path.write_bytes(fuzz.constant_flac(600 * fuzz.SR // 65_535 * [0]))
    assert open_stream(path).rate == fuzz.SR


def test_the_time_of_a_broadcast_is_no_length(tmp_path):
    """What was recorded from a stream that had begun goes on counting."""
    whole = fuzz.carriers(np.random.default_rng(0))["ogg"]
    path = tmp_path / "a.ogg"
    path.write_bytes(fuzz.later(whole, 3600 * fuzz.SR))
    assert path.read_bytes() != whole == fuzz.later(whole, 0)
    assert sum(map(len, open_stream(path))) == 1.5 * fuzz.SR


@posix
def test_recordings_are_files(tmp_path):
    for name in ("ai", "human"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.wav").write_bytes(b"sound")
    os.mkfifo(tmp_path / "ai" / "pipe.wav")
    (tmp_path / "ai" / "zero.wav").symlink_to("/dev/zero")
    (tmp_path / "ai" / "loop.wav").symlink_to("loop.wav")  # for `prepare` to name
    (tmp_path / "ai" / "folder.wav").mkdir()
    (tmp_path / "ai" / "round").symlink_to(tmp_path / "ai", target_is_directory=True)
    assert [recording.file for recording in find_recordings(tmp_path)] == ["ai/a.wav", "ai/loop.wav", "human/a.wav"]


# Archives of arrays, and what unpacks archives


@pytest.mark.parametrize("name", fuzz.array_cases())
def test_hostile_arrays(tmp_path, name):
    path = tmp_path / "a.npz"
    path.write_bytes(fuzz.array_cases()[name])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused(_read, path)
    assert 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) < MOST_MEMORY


def test_the_array_that_they_are_made_of_is_read(tmp_path):
    path = tmp_path / "a.npz"
    path.write_bytes(fuzz.zipped("features.npy", fuzz.npy("(50, 8)", bytes(50 * 8 * 4))))
    assert _read(path)[0].shape == (50, 8)


def test_arrays_with_bits_turned_over(tmp_path):
    path = tmp_path / "a.npz"
    outcomes = Counter()
    for data in fuzz.flipped_arrays(300):
        path.write_bytes(data)
        try:
            rows, _ = _read(path)
            outcomes["read"] += 1
            assert rows.shape[1] and np.isfinite(rows).all()
        except FakeOrRealError as error:
            outcomes["refused"] += 1
            assert_clear(str(error), path)
    print(outcomes)
    assert outcomes["refused"] > 200 and outcomes.total() == 300


@posix
@pytest.mark.parametrize("name", fuzz.debian_packages("/"))
def test_packages_stay_in_their_folder(tmp_path, monkeypatch, name):
    if not Path("/usr/bin/dpkg-deb").is_file():
        pytest.skip("no dpkg-deb")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    (tmp_path / "x_1.deb").write_bytes(fuzz.debian_packages(outside)[name])
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "apt-get").write_text(f"#!/bin/sh\ncp {tmp_path}/x_1.deb .\n")
    (tmp_path / "bin" / "apt-get").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    monkeypatch.setattr(prompts, "INSTALLED", tmp_path / "nowhere")
    target = tmp_path / "a" / "b" / "c"
    before = {path for path in tmp_path.rglob("*") if target not in path.parents}
    try:
        share = prompts.fetch_packages(target, ["x"])
        assert target in share.parents
    except FakeOrRealError as error:
        assert "the packages cannot be fetched: dpkg-deb says" in str(error) and "\n" not in str(error)
    added = {path for path in tmp_path.rglob("*") if target not in path.parents} - before
    assert added <= {target.parent.parent, target.parent, target}
    assert (outside / "kept").read_text() == "kept" and os.listdir(outside) == ["kept"]
    for path in target.rglob("*.wav"):
        refused(open_stream, path)


# Tables

TABLES = {
    "a million columns": ",".join(["file", "label", *map(str, range(10**6))]).encode() + b"\n",
    "a long first line": b"file" + 10**6 * b"x" + b"\n",
    "columns": ",".join(["file", *map(str, range(8000))]).encode() + b"\na" + 8000 * b"," + b"\n",
    "twice a huge value": b"file,split,label\n" + 2 * (10**6 * b"x" + b",testing,real\n"),
    "ragged": b"file,split,label\na,testing,real\nb,testing,real,1,2\n",
    "an open quote": b'file,split,label\n"' + 10**6 * b"x",
    "a sound": b"RIFF\xff\xfe\0\0WAVEfmt ",
    "zeros": bytes(1000),
    "UTF-16": "file,split,label\n".encode("utf-16"),
}


@pytest.mark.parametrize("name", TABLES)
def test_hostile_tables(tmp_path, name):
    path = tmp_path / "manifest.csv"
    path.write_bytes(TABLES[name])
    start = time.process_time()
    refused(lambda path: read_listing(path, ["file", "split", "label"], unique="file"), path)
    assert time.process_time() - start < 10


@pytest.mark.parametrize(
    "name", ["../a.wav", "x/../../a.wav", "/etc/passwd", ".", "", "nul\0.wav", "\x1b[2J", "a" * 9999]
)
def test_paths_of_a_manifest(tmp_path, name):
    (tmp_path / "in").mkdir()
    (tmp_path / "a.wav").write_bytes(b"sound")
    path = tmp_path / "in" / "manifest.csv"
    path.write_bytes(f"file,split,label\n{name},testing,real\n".encode())
    with pytest.raises(FakeOrRealError, match="manifest") as error:
        load_folder(tmp_path / "in")
    assert len(str(error.value)) < 1000
