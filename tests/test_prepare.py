"""A folder of recordings to a corpus of clips: what is in it, what was left out, and what a kill does to it."""

import csv
import json
import os
import shutil
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
from signals import SR, delay, snr

from fakeorreal import cli
from fakeorreal.audio import read
from fakeorreal.corpora import conversion, load_folder
from fakeorreal.corpora import prepare as prepare_module
from fakeorreal.corpora.corpus import check_no_leak
from fakeorreal.corpora.prepare import LEFT_OUT_COLUMNS, MANIFEST_COLUMNS, RECORDING_COLUMNS, prepare
from fakeorreal.errors import FakeOrRealError

MIXED = {  # name: (seconds, rate, channels, clips)
    "ai/a.mp3": (7.6, 44100, 2, 3),
    "ai/a.wav": (3.0, 44100, 2, 1),  # the same stem
    "ai/deep/a.wav": (4.4, 8000, 1, 1),
    "ai/b.flac": (6.0, 16000, 1, 2),
    "Human/é, 日本 (1).wav": (9.0, 22050, 1, 3),
    "Human/=1+1.flac": (1.0, 48000, 2, 1),
    "Human/studio/x.mp3": (5.0, 16000, 1, 2),
    "Human/y.wav": (0.9, 16000, 1, 0),
}


@pytest.fixture(scope="session")
def make_recordings(make_speech):
    """Function ``(folder, {name: (seconds, rate, channels, …)})`` -> folder with these recordings, no two alike."""

    def make(folder, recordings):
        for name, (seconds, rate, channels, *_) in recordings.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            y = make_speech(seconds, rate, seed=zlib.crc32(name.encode()))
            sf.write(folder / name, np.stack([y, 0.5 * y][:channels], axis=1), rate)
        return folder

    return make


@pytest.fixture(scope="module")
def mixed(tmp_path_factory, make_recordings):
    """MP3, WAV and FLAC of several rates, two broken files, one that is there twice."""
    src = make_recordings(tmp_path_factory.mktemp("mixed") / "src", MIXED)
    (src / "ai" / "empty.wav").touch()
    (src / "Human" / "text.mp3").write_text("These are words, not sound.\n" * 50)
    shutil.copy(src / "ai" / "a.wav", src / "ai" / "deep" / "twice.wav")
    (src / "ai" / ".hidden.wav").write_text("no sound")
    (src / "ai" / "notes.txt").write_text("no sound")
    return src


@pytest.fixture(scope="module")
def prepared(mixed):
    """(DST, recordings by file, left_out by file) of ``mixed``."""
    dst = mixed.parent / "dst"
    recordings, left_out = run(mixed, dst)
    return dst, recordings.set_index("file"), left_out.set_index("file")


def run(src, dst, **settings):
    return prepare(src, dst, n_jobs=1, progress=False, **settings)


def tree(folder):
    """Content by path below the folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# What is made


def test_counts_by_hand(prepared):
    dst, recordings, left_out = prepared
    used = {name: clips for name, (*_, clips) in MIXED.items() if clips}
    assert recordings["clips"].to_dict() == used
    assert recordings["seconds"].to_dict() == pytest.approx({name: MIXED[name][0] for name in used}, abs=1e-3)
    assert recordings["silent"].eq(0).all()
    assert recordings["label"].to_dict() == {name: "fake" if name.startswith("ai") else "real" for name in used}
    assert left_out["kind"].to_dict() == {
        "ai/empty.wav": "unreadable",
        "Human/text.mp3": "unreadable",
        "Human/y.wav": "too short",
        "ai/deep/twice.wav": "duplicate",
    }
    assert left_out["reason"].str.contains(str(dst.parent)).eq(False).all()
    assert left_out["reason"]["ai/empty.wav"].startswith("is empty")
    assert left_out["reason"]["Human/text.mp3"].startswith("cannot be decoded")
    assert left_out["reason"]["Human/y.wav"] == "lasts 0.90 s, less than 1 s."
    assert left_out["reason"]["ai/deep/twice.wav"] == "has the same content as ai/a.wav."


def test_files_and_tables(prepared):
    dst, recordings, _ = prepared
    for stage, suffix in (("full", ""), ("converted", ".flac"), ("parts", ".json")):
        assert [len(list((dst / stage / c).glob(f"*{suffix}"))) for c in ("ai", "human")] == [4, 3]
    for split in ("training", "validation", "testing"):
        assert {path.name for path in (dst / "split" / split).iterdir()} == {"ai", "human"}
    assert sum(path.suffix == ".wav" for path in (dst / "split").rglob("*")) == 13
    assert {path.name for path in dst.iterdir()} == {
        "full", "converted", "split", "parts", "prepare.json", "recordings.csv", "left_out.csv", "manifest.csv"
    }  # fmt: skip
    for name, columns, rows in (
        ("recordings.csv", RECORDING_COLUMNS, 7),
        ("left_out.csv", LEFT_OUT_COLUMNS, 4),
        ("manifest.csv", MANIFEST_COLUMNS, 13),
    ):
        with open(dst / name, encoding="utf-8", newline="") as f:
            table = list(csv.DictReader(f))
        assert tuple(table[0]) == columns and len(table) == rows
        assert table == sorted(table, key=lambda row: row[columns[0]])
    pd.testing.assert_frame_equal(pd.read_csv(dst / "recordings.csv").set_index("file"), recordings)


def test_the_corpus_can_be_loaded_and_no_recording_is_in_two_splits(prepared):
    dst, recordings, _ = prepared
    corpus = load_folder(dst)
    assert len(corpus) == 13
    check_no_leak(corpus)
    by_name = recordings.set_index("recording")
    assert corpus.groupby("group").size().to_dict() == by_name["clips"].to_dict()
    for row in corpus.itertuples():
        assert row.split == by_name["split"][row.group] and ("real", "fake")[row.label] == by_name["label"][row.group]
    assert set(corpus.loc[corpus["label"] == 1, "split"]) == {"training", "validation", "testing"}  # of 4 recordings
    assert set(corpus["source"]) == {"deep", "studio", "unknown"}


def test_clips_are_the_converted_recording_to_the_bit(prepared):
    dst, recordings, _ = prepared
    manifest = pd.read_csv(dst / "manifest.csv")
    for row in manifest.itertuples():
        folder = "ai" if row.label == "fake" else "human"
        whole = sf.read(dst / "converted" / folder / f"{row.group}.flac", dtype="int16")[0]
        clip, rate = sf.read(dst / row.file, dtype="int16")
        np.testing.assert_array_equal(clip, whole[round(row.start * SR) : round(row.end * SR)])
        assert rate == SR and (len(clip) == 3 * SR or row.group.startswith("1_1-"))
    (name,) = recordings.loc[["ai/a.mp3"], "recording"]
    spans = manifest.loc[manifest["group"] == name, ["start", "end"]].to_numpy()
    np.testing.assert_allclose(spans, [(0, 3), (3, 6), (4.6, 7.6)], atol=1e-3)


def test_full_holds_the_recordings_as_they_came(prepared, mixed, tmp_path, monkeypatch):
    dst, recordings, _ = prepared
    for file, row in recordings.iterrows():
        folder = "ai" if row["label"] == "fake" else "human"
        full = dst / "full" / folder / f"{row['recording']}{os.path.splitext(file)[1]}"
        assert full.read_bytes() == (mixed / file).read_bytes()
        assert full.samefile(mixed / file)

    def refuse(*_):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    run(mixed, tmp_path / "copied")
    assert tree(tmp_path / "copied") == tree(dst)
    assert not next((tmp_path / "copied" / "full" / "ai").iterdir()).samefile(next((dst / "full" / "ai").iterdir()))


def test_the_sound_is_in_its_place(prepared, mixed):
    dst, recordings, _ = prepared
    for file, row in recordings.iterrows():
        folder = "ai" if row["label"] == "fake" else "human"
        y = sf.read(dst / "converted" / folder / f"{row['recording']}.flac")[0]
        original = read(mixed / file, sr=SR)[: len(y)]
        assert abs(delay(y[2000:6000], of=original[2000:6000])) <= 1
        assert np.corrcoef(y, original)[0, 1] > 0.99


def test_mp3_for_both_classes(prepared, mixed):
    plain, recordings, _ = prepared
    dst = mixed.parent / "mp3"
    again, left_out = run(mixed, dst, mp3=True)
    columns = ["recording", "split", "seconds", "clips"]
    pd.testing.assert_frame_equal(again.set_index("file")[columns], recordings[columns])
    assert len(left_out) == 4
    assert (dst / "manifest.csv").read_bytes() == (plain / "manifest.csv").read_bytes()
    for path in sorted((dst / "converted").rglob("*.flac")):
        y, z = (sf.read(folder / path.relative_to(dst))[0] for folder in (plain, dst))
        assert len(y) == len(z) and 3 < snr(y, z) < 40
        assert abs(delay(z[2000:6000], of=y[2000:6000])) <= 0.002 * SR


def test_silence_is_counted_and_left_out(tmp_path, make_recordings):
    src = make_recordings(tmp_path / "src", {"ai/a.wav": (3.0, SR, 1), "human/a.wav": (3.0, SR, 1)})
    y = sf.read(src / "ai" / "a.wav")[0]
    sf.write(src / "ai" / "pause.wav", np.r_[y, np.zeros(6 * SR), 0.5 * y], SR)
    sf.write(src / "ai" / "nothing.wav", np.zeros(7 * SR), SR)
    recordings, left_out = run(src, tmp_path / "dst")
    pause = recordings.set_index("file").loc["ai/pause.wav"]
    assert (pause["clips"], pause["silent"], pause["seconds"]) == (2, 2, 12)
    assert left_out.values.tolist() == [["ai/nothing.wav", "silent", "every clip of it is digital silence."]]
    assert load_folder(tmp_path / "dst")["group"].nunique() == 3


def test_what_is_in_both_classes_is_in_none(tmp_path, make_recordings):
    src = make_recordings(tmp_path / "src", {f"{c}/{k}.wav": (1, SR, 1) for c in ("ai", "human") for k in "ab"})
    shutil.copy(src / "ai" / "a.wav", src / "human" / "c.wav")
    (src / "ai" / "empty.wav").touch()  # not a matter of classes
    (src / "human" / "empty.wav").touch()
    recordings, left_out = run(src, tmp_path / "dst")
    assert set(recordings["file"]) == {"ai/b.wav", "human/a.wav", "human/b.wav"}
    assert left_out.set_index("file")["kind"].to_dict() == {
        "ai/a.wav": "in both classes",
        "human/c.wav": "in both classes",
        "ai/empty.wav": "unreadable",
        "human/empty.wav": "unreadable",
    }
    assert "lies in ai/a.wav and human/c.wav" in left_out["reason"].iloc[0]


# Again


def test_another_run_in_processes_makes_the_same_tree(prepared, mixed, tmp_path):
    prepare(mixed, tmp_path / "again", n_jobs=2, progress=False)
    assert tree(tmp_path / "again") == tree(prepared[0])


def test_a_second_run_does_nothing_again(prepared, mixed, monkeypatch):
    before = tree(prepared[0])
    tried = []

    def convert(path, *arguments, **settings):
        tried.append(path.name)
        return conversion.convert(path, *arguments, **settings)

    monkeypatch.setattr(prepare_module, "convert", convert)
    monkeypatch.setattr(prepare_module.audio, "write", None)
    run(mixed, prepared[0])
    assert tree(prepared[0]) == before
    assert sorted(tried) == ["empty.wav", "text.mp3", "y.wav"]  # what failed may have been mended


FEW = {f"{c}/{k}.wav": (1 + 1.5 * k, SR, 1) for c in ("ai", "human") for k in range(3)}  # one clip each


@pytest.fixture
def few(tmp_path, make_recordings):
    return make_recordings(tmp_path / "few", FEW)


def test_a_run_that_was_killed_goes_on(few, tmp_path, monkeypatch):
    run(few, tmp_path / "whole")
    whole, dst = tree(tmp_path / "whole"), tmp_path / "killed"
    make = {name: getattr(os, name) for name in ("replace", "link")}
    left = 0

    def killing(name):
        def change(*arguments, **settings):
            nonlocal left
            left -= 1
            if left == 0:
                raise KeyboardInterrupt
            make[name](*arguments, **settings)

        return change

    for name in make:
        monkeypatch.setattr(os, name, killing(name))
    # settings; FLAC and part of 6 recordings; their links; their clips; tables: at each step that makes a file
    for step in range(1, 1 + 1 + 2 * 6 + 6 + 6 + 3):
        left = step
        with pytest.raises(KeyboardInterrupt):
            run(few, dst)
        assert left == 0 and not (dst / "manifest.csv").exists()
        for folder in [dst, *(path for path in dst.rglob("*") if path.is_dir())]:
            (folder / "tmp1234.part").touch()  # of what was not even told
        run(few, dst)
        assert tree(dst) == whole
        shutil.rmtree(dst)
    left = step + 1
    run(few, dst)
    assert left == 1  # that was the last


def test_further_recordings_move_none(tmp_path, make_recordings):
    more = {f"{c}/{k:02}.wav": (1, 8000, 1) for c in ("ai", "human") for k in range(40)}
    first = make_recordings(tmp_path / "src", dict(list(more.items())[::2]))
    before, _ = run(first, tmp_path / "dst")
    files = tree(tmp_path / "dst")
    make_recordings(first, more)
    after, _ = run(first, tmp_path / "dst")
    assert len(after) == 80
    splits = after.set_index("file")["split"]
    assert splits[before["file"]].tolist() == before["split"].tolist()
    tables = ("recordings.csv", "manifest.csv")
    assert {k: v for k, v in files.items() if k not in tables}.items() <= tree(tmp_path / "dst").items()
    run(first, tmp_path / "fresh")
    assert tree(tmp_path / "fresh") == tree(tmp_path / "dst")


def test_what_is_gone_from_the_source_stays_in_full_alone(few, tmp_path, make_recordings):
    dst = tmp_path / "dst"
    run(few, dst)
    full = {name: data for name, data in tree(dst).items() if name.startswith("full/")}
    (dst / "split" / "training" / "ai" / "mine.wav").write_text("of somebody else")
    (few / "ai" / "0.wav").unlink()
    (few / "ai" / "1.wav").rename(few / "ai" / "renamed.wav")
    (few / "human" / "0.wav").unlink()
    make_recordings(few, {"human/0.wav": (2.0, SR, 1)})
    (few / "human" / "1.wav").rename(few / "ai" / "1.wav")
    run(few, dst)
    run(few, tmp_path / "fresh")
    expected = tree(tmp_path / "fresh") | full | {"split/training/ai/mine.wav": b"of somebody else"}
    assert tree(dst) == expected


def test_a_seed_of_its_own(few, tmp_path):
    splits = [tuple(run(few, tmp_path / str(seed), seed=seed)[0]["split"]) for seed in range(4)]
    assert len(set(splits)) > 1


# What goes wrong


@pytest.mark.parametrize("settings", [{"mp3": True}, {"seed": 1}])
def test_other_settings_want_another_folder(few, tmp_path, settings):
    run(few, tmp_path / "dst")
    before = tree(tmp_path / "dst")
    with pytest.raises(FakeOrRealError) as error:
        run(few, tmp_path / "dst", **settings)
    (name, value), *_ = settings.items()
    assert str(error.value).startswith(f"{tmp_path / 'dst'}: was prepared with other settings")
    assert f'"{name}": {json.dumps(value)}' in str(error.value).split("Received: ")[1]
    assert tree(tmp_path / "dst") == before


def test_a_folder_in_use_is_left_alone(few, tmp_path):
    (tmp_path / "dst").mkdir()
    (tmp_path / "dst" / "letter.txt").write_text("Dear …")
    for dst in (tmp_path / "dst", tmp_path / "dst" / "letter.txt"):
        with pytest.raises(FakeOrRealError, match=f"^{dst}: is in use for something else"):
            run(few, dst)
    assert len(tree(tmp_path / "dst")) == 1


@pytest.mark.parametrize("dst", [".", "few", "few/ai", "few/human/x", "few/Fake/x"])
def test_folders_that_overlap(few, tmp_path, dst):
    before = tree(tmp_path)
    with pytest.raises(FakeOrRealError, match="must not overlap the recordings"):
        run(few, tmp_path / dst)
    assert tree(tmp_path) == before
    run(few, few / "prepared")  # beside the classes is fine
    run(few, few / "prepared")


def test_a_class_of_which_nothing_can_be_used(few, tmp_path):
    for path in (few / "ai").iterdir():
        path.write_text("no sound")
    with pytest.raises(FakeOrRealError, match=r"no recording of ai can be used\. .*left_out\.csv says why"):
        run(few, tmp_path / "dst")
    assert pd.read_csv(tmp_path / "dst" / "left_out.csv")["file"].tolist() == ["ai/0.wav", "ai/1.wav", "ai/2.wav"]
    assert not (tmp_path / "dst" / "manifest.csv").exists()


def test_a_recording_that_may_not_be_opened(few, tmp_path, monkeypatch):
    opened = Path.open

    def refuse(path, *arguments, **settings):  # root may read anything
        if path.name == "2.wav" and path.parent.name == "ai":
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *arguments, **settings)

    monkeypatch.setattr(Path, "open", refuse)
    _, left_out = run(few, tmp_path / "dst")
    assert left_out.values.tolist() == [
        ["ai/2.wav", "unreadable", "cannot be opened (Permission denied). Check its permissions."]
    ]


# The command


@pytest.fixture
def one_process(monkeypatch):
    """The command without the second that processes take to start."""
    whole = prepare_module.prepare
    monkeypatch.setattr(prepare_module, "prepare", lambda *folders, mp3: whole(*folders, mp3=mp3, n_jobs=1))


def test_command(few, tmp_path, capsys, one_process):
    dst = tmp_path / "dst"
    assert cli.main(["prepare", str(few), str(dst)]) == 0
    out, err = capsys.readouterr()
    rows = [line.split() for line in out.splitlines()]
    assert rows[0] == ["split", "label", "recordings", "clips", "hours"]
    assert [row[2:] for row in rows[1:]] == 6 * [["1", "1", "0.00"]]
    assert "read: 100%" in err and "convert: 100%" in err and "cut: 100%" in err and "fakeorreal" not in err
    assert load_folder(dst)["label"].sum() == 3


def test_command_with_broken_recordings(few, tmp_path, capsys, one_process):
    dst = tmp_path / "dst"
    (few / "ai" / "empty.wav").touch()
    sf.write(few / "ai" / "short.wav", np.ones(1600), SR)
    shutil.copy(few / "ai" / "0.wav", few / "ai" / "twice.wav")
    sf.write(few / "human" / "pause.wav", np.r_[np.zeros(7 * SR // 2), np.sin(np.arange(5 * SR // 2))], SR)
    for _ in range(2):
        assert cli.main(["prepare", str(few), str(dst), "--mp3"]) == 2
        out, err = capsys.readouterr()
        assert "Left out: 1 silent clips." in out
        assert f"Left out: 3 recordings (1 unreadable, 1 too short, 1 duplicate). See {dst / 'left_out.csv'}." in out
        assert [line for line in err.splitlines() if line.startswith("fakeorreal: ")] == [
            "fakeorreal: ai/empty.wav: is empty (0 bytes). Copy or export it again."
        ]
    assert cli.main(["prepare", str(few), str(dst)]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith(f"fakeorreal: {dst}: was prepared with other settings")


def test_command_for_the_tree(tmp_path, capsys):
    src = tmp_path / "src"
    assert cli.main(["prepare", "--tree", str(src)]) == 0
    out = capsys.readouterr().out
    assert {path.name for path in src.iterdir()} == {"ai", "human"}
    assert str(src / "ai") in out and str(src / "human") in out and f"fakeorreal prepare {src} DST" in out
    assert cli.main(["prepare", str(src), str(tmp_path / "dst")]) == 2
    assert "Received: 0 human, 0 ai" in capsys.readouterr().err
    assert not (tmp_path / "dst").exists()


@pytest.mark.parametrize("arguments", [["src"], ["--tree", "src", "dst"]])
def test_command_in_wrong_use(tmp_path, monkeypatch, capsys, arguments):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["prepare", *arguments]) == 2
    assert capsys.readouterr().err.startswith("fakeorreal: name SRC and DST; or SRC alone with --tree.")
    assert not list(tmp_path.iterdir())


def test_command_interrupted(few, tmp_path, monkeypatch, capsys, one_process):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    command = ["prepare", str(few), str(tmp_path / "dst")]
    assert cli.main(command) == 0
    sf.write(few / "ai" / "new.wav", np.sin(np.arange(SR)), SR)
    with monkeypatch.context() as patch:
        patch.setattr(prepare_module, "convert", interrupt)
        assert cli.main(command) == 130
    assert capsys.readouterr().err.endswith("fakeorreal: interrupted. The same command goes on from here.\n")
    with pytest.raises(FakeOrRealError):  # rather than the corpus as it was
        load_folder(tmp_path / "dst")
    assert cli.main(command) == 0
    assert len(load_folder(tmp_path / "dst")) == 7
