"""Kills, full disks and folders that may not be written to: one clear error, nothing half-written, one result."""

import contextlib
import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from detector_double import DetectorDouble

from fakeorreal import audio
from fakeorreal.cli import main
from fakeorreal.files import write_atomically

SR = 16000
BENCHMARK = Path(__file__).parents[1] / "benchmarks" / "faults.py"


def test_killed_runs_go_on_to_the_same_bytes():
    """Twelve kills, in every stage; the full fifty are a benchmark."""
    done = subprocess.run([sys.executable, BENCHMARK, "--quick"], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "12 kills" in done.stdout and "0 files half-written" in done.stdout
    assert "two processes at once on one cache: equal" in done.stdout


@contextlib.contextmanager
def full_after(size):
    """Files of this process cannot grow beyond some bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def data(tmp_path, make_speech, for_tree, monkeypatch):
    """Eight recordings of each class, a recipe, a place to work in; all work is done in this process."""
    for k in range(16):
        folder = tmp_path / "clips" / ("fake" if k % 2 else "real")
        audio.write(folder / f"a{k}_{k - 8}.wav", make_speech(3.0, SR, f0=90 + 5 * k, seed=k), sr=SR)
    (tmp_path / "recipe.toml").write_text(
        'system = "logistic_regression"\nepochs = 1\n[settings]\n"front_end.n_mfcc" = [13]\n'
        f'[corpus]\ndataset = "for-norm"\nfolder = "{for_tree(per_class=4)}"\n'
    )
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")
    monkeypatch.setattr("fakeorreal.predict.load_detector", lambda folder: DetectorDouble())
    monkeypatch.chdir(tmp_path)
    return tmp_path


COMMANDS = {  # what is run, and the size at which the disk is full: in the middle of the largest file
    "predict": (["predict", "clips", "--csv", "out/found.csv"], 900),
    "prepare": (["prepare", "clips", "out"], 30_000),
    "duplicates": (["duplicates", "clips", "--cache", "out", "--csv", "out/pairs.csv"], 100),
    "grid": (["grid", "recipe.toml", "--out", "out/grid.csv"], 100),
}


def tree(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_full_disk_is_one_error_and_leaves_nothing_half_written(data, capsys, command):
    arguments, size = COMMANDS[command]
    with full_after(size):
        assert main(arguments) == 2
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("fakeorreal: ")]
    assert len(said) == 1 and "cannot be written" in said[0]
    assert not list(data.rglob("*.part"))
    left = tree(data / "out")
    assert main(arguments) == 0
    whole = tree(data / "out")
    assert all(content == whole[name] for name, content in left.items() if not name.endswith(".csv"))
    assert len(whole) > len(left) or whole != left


@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_that_cannot_be_made_is_one_error(data, capsys, command):
    (data / "out").write_text("a file")  # where root, too, can make no folder
    (data / "data").write_text("a file")
    assert main(COMMANDS[command][0]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("fakeorreal: ") and err.count("\n") == 1
    assert re.search(r"\bdata/features\b" if command == "grid" else r"\bout\b", err)
    assert (data / "out").read_text() == (data / "data").read_text() == "a file"


def test_a_folder_that_may_not_be_written_to(tmp_path):
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o555)
    with as_nobody(), pytest.raises(OSError, match=r"locked(/f)?: cannot be written \(Permission denied\)\. Free some"):
        write_atomically(folder / "f", b"1")
    assert not list(folder.iterdir())


@contextlib.contextmanager
def as_nobody():
    """Without the rights of root, which no folder is closed to."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)
