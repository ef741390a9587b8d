"""Pairs from a folder of recordings: which sets they go to, what is left out, and what a kill does."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
from signals import SR

from fakeorreal.corpora import edited_pairs, load_fakesound
from fakeorreal.corpora import manipulate as module
from fakeorreal.corpora.edited_pairs import SETS
from fakeorreal.corpora.manipulate import LEFT_OUT_COLUMNS, SOURCE_COLUMNS, deal, manipulate
from fakeorreal.corpora.recordings import Recording
from fakeorreal.errors import FakeOrRealError

RECORDINGS = {  # seconds
    "dog/a, b.wav": 2.4,
    "dog/b.flac": 2.4,
    "dog/c.wav": 2.4,
    "dog/d.wav": 2.4,
    "rain/=long.wav": 15.2,
    "rain/e.wav": 2.4,
    "rain/short.wav": 1.5,
}


@pytest.fixture(scope="module")
def src(tmp_path_factory, make_speech):
    src = tmp_path_factory.mktemp("source") / "src"
    for k, (name, seconds) in enumerate(RECORDINGS.items()):
        (src / name).parent.mkdir(parents=True, exist_ok=True)
        sf.write(
            src / name, make_speech(seconds, 22050 if k % 2 else SR, f0=100 + 10 * k, seed=k), 22050 if k % 2 else SR
        )
    (src / "dog" / "broken.wav").write_text("no sound\n" * 100)
    sf.write(src / "dog" / "silent.wav", np.zeros(3 * SR), SR)
    shutil.copy(src / "dog" / "b.flac", src / "rain" / "twice.flac")
    (src / "dog" / "notes.txt").write_text("no sound")
    (src / "dog" / ".hidden.wav").write_text("no sound")
    return src


@pytest.fixture(scope="module")
def made(src):
    """(root, sources by file, reasons by file)."""
    root = src.parent / "root"
    sources, left_out = run(src, root)
    return root, sources.set_index("file"), left_out.groupby("file")["reason"].agg(list)


def run(src, root, **settings):
    return manipulate(src, root, n_jobs=1, progress=False, **settings)


def tree(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def listings(root):
    return {name: json.loads((root / "meta_data" / f"{name}.json").read_text())["audios"] for name in SETS}


def test_what_is_made(made):
    root, sources, _ = made
    used = sources[sources["pairs"] > 0]
    assert set(used.index) == set(RECORDINGS) - {"rain/short.wav"}
    assert used["pairs"].to_dict() == {file: 2 if "long" in file else 1 for file in used.index}
    rows = [row for rows in listings(root).values() for row in rows]
    assert {path.relative_to(root).as_posix() for path in (root / "audio").iterdir()} == {r["filepath"] for r in rows}
    assert {path.name for path in root.iterdir()} == {
        *("audio", "meta_data", "parts", "manipulate.json", "sources.csv", "left_out.csv")
    }
    real, fake = ({(r["source"], r["audio_id"][:-5]) for r in rows if r["label"] == label} for label in (0, 1))
    assert real == fake and len(real) == used["pairs"].sum()
    long = [r["filepath"] for r in rows if "long" in r["source"]]
    assert {sf.info(root / file).frames for file in long} == {10 * SR}  # the last clip ends with the recording


def test_what_is_left_out(made):
    _, _, reasons = made
    assert set(reasons.index) == {"dog/broken.wav", "dog/silent.wav", "rain/short.wav", "rain/twice.flac"}
    assert "cannot be decoded" in reasons["dog/broken.wav"][0] and "src" not in reasons["dog/broken.wav"][0]
    assert "from 0 s: a clip must hold" in reasons["dog/silent.wav"][0]
    assert "from 0 s: lasts 1.50 s" in reasons["rain/short.wav"][0]
    assert reasons["rain/twice.flac"] == ["has the same content as dog/b.flac."]


def test_sources_are_disjoint_and_it_loads(made):
    root, sources, _ = made
    of_set = {name: {row["source"] for row in rows} for name, rows in listings(root).items()}
    assert sum(map(len, of_set.values())) == len(set().union(*of_set.values()))
    assert all(sources.loc[file, "set"] == name for name, files in of_set.items() for file in files)
    corpus, regions = load_fakesound(root)
    assert set(regions["clip"]) == set(corpus.loc[corpus["label"] == 1, "clip"])
    assert len(corpus) == 2 * sources["pairs"].sum()


@pytest.mark.parametrize("n", [5, 10, 40])
def test_deal(n):
    recordings = [Recording(None, f"{'ab'[k % 2]}/{k}.wav", 0, f"{k:064x}") for k in range(n)]
    subsets = deal(recordings, seed=0)
    counts = pd.Series(subsets).value_counts()
    assert set(counts.index) == set(SETS)
    if n == 40:
        assert counts.to_dict() == {name: 24 if name == "train" else 4 for name in SETS}
        for folder in "ab":
            assert {subset for file, subset in subsets.items() if file.startswith(folder)} == set(SETS)
    assert deal(recordings[::-1], seed=0) == subsets
    assert n == 5 or deal(recordings, seed=1) != subsets


def test_donors_are_of_the_same_class_and_set(tmp_path):
    recordings = [Recording(tmp_path / f"{k}.wav", f"{'ab'[k % 2]}/{k}.wav", 0, f"{k:064x}") for k in range(40)]
    subsets = deal(recordings, seed=0)
    file_of = {recording.path: recording.file for recording in recordings}
    jobs = module._jobs(recordings, subsets, tmp_path, 0)
    assert sum(bool(donors) for _, donors, *_ in jobs) > 30
    for recording, donors, *_ in jobs:
        for file in map(file_of.get, donors):
            assert file != recording.file
            assert (file[0], subsets[file]) == (recording.file[0], subsets[recording.file])


def test_a_broken_donor_is_passed_over(src):
    whole = src / "dog" / "c.wav"
    donor = module._first_of([src / "dog" / "broken.wav", whole, src / "dog" / "d.wav"])
    assert np.allclose(donor, sf.read(whole, dtype="float32")[0][: len(donor)], atol=1e-4) and len(donor) == 2.4 * SR
    assert module._first_of([src / "dog" / "broken.wav"]) is None and module._first_of([]) is None


# Runs that stop, go on, are not wanted


def test_a_second_run_does_nothing(made, src, monkeypatch):
    root, sources, left_out = made
    monkeypatch.setattr(module, "make_pair", None)
    again, unused = run(src, root)
    assert list(again) == list(SOURCE_COLUMNS) and list(unused) == list(LEFT_OUT_COLUMNS)
    assert again.set_index("file").equals(sources) and unused.groupby("file")["reason"].agg(list).equals(left_out)


def test_a_killed_run_goes_on_and_gives_the_same_bytes(made, src, tmp_path, monkeypatch):
    write, written = edited_pairs.audio.write, []

    def write_until_killed(path, y, sr):
        if len(written) == 5:  # in the middle of the third pair
            raise KeyboardInterrupt
        written.append(path)
        write(path, y, sr=sr)

    monkeypatch.setattr(edited_pairs.audio, "write", write_until_killed)
    with pytest.raises(KeyboardInterrupt):
        run(src, tmp_path / "cut")
    assert not (tmp_path / "cut" / "sources.csv").exists() and not (tmp_path / "cut" / "meta_data").exists()
    monkeypatch.undo()
    run(src, tmp_path / "cut")
    assert tree(tmp_path / "cut") == tree(made[0])


def test_another_seed_or_folder_is_refused(made, src):
    with pytest.raises(FakeOrRealError, match="other recordings or another seed"):
        run(src, made[0], seed=1)
    with pytest.raises(FakeOrRealError, match="in use for something else"):
        run(src, made[0] / "audio")
    with pytest.raises(FakeOrRealError, match="must not overlap"):
        run(src, src / "root")


def test_too_few(tmp_path, src):
    (tmp_path / "few").mkdir()
    for name in "abcd":
        shutil.copy(src / "dog" / f"{'c' if name == 'a' else 'd'}.wav", tmp_path / "few" / f"{name}.wav")
    with pytest.raises(FakeOrRealError, match=r"needs 5 different recordings.*Received: 2"):
        run(tmp_path / "few", tmp_path / "out")
    with pytest.raises(FakeOrRealError, match="no such folder"):
        run(tmp_path / "none", tmp_path / "out")
    assert not (tmp_path / "out").exists()
