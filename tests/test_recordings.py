"""Recordings of a folder: found, named, split."""

import hashlib
import os
import sys
import unicodedata
from collections import Counter
from pathlib import Path

import pytest

from fakeorreal.corpora import recordings
from fakeorreal.corpora.recordings import Recording, draw_splits, find_recordings, make_tree
from fakeorreal.errors import FakeOrRealError

DIGESTS = [hashlib.sha256(str(k).encode()).hexdigest() for k in range(4000)]


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


# What is found


def test_recordings_by_sub_folder(tmp_path):
    touch(tmp_path, "AI/1.wav", "ai/deep/er/2.MP3", "Spoof/3.flac", "human/1.m4a", "Bona Fide/real/ai/2.ogg")
    touch(tmp_path, "human/notes.txt", "human/.hidden.wav", "human/._1.wav", "other/1.wav", "1.wav")
    found = find_recordings(tmp_path)
    assert [(r.file, r.label, r.source) for r in found] == [
        ("AI/1.wav", 1, ""),
        ("Bona Fide/real/ai/2.ogg", 0, "real/ai"),
        ("Spoof/3.flac", 1, ""),
        ("ai/deep/er/2.MP3", 1, "deep/er"),
        ("human/1.m4a", 0, ""),
    ]
    assert all(r.path == tmp_path / r.file and r.sha256 == "" for r in found)


def test_the_tree_to_fill(tmp_path):
    real, fake = make_tree(tmp_path / "new")
    touch(tmp_path, "new/human/1.wav", "new/ai/1.wav")
    assert make_tree(tmp_path / "new") == [real, fake] == [tmp_path / "new" / "human", tmp_path / "new" / "ai"]
    assert [r.label for r in find_recordings(tmp_path / "new")] == [1, 0]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "Received: 0 human, 0 ai"),
        (["1.wav", "speech/1.wav"], "Received: 0 human, 0 ai"),
        (["human/1.wav", "human/2.wav", "ai/readme.txt"], "Received: 2 human, 0 ai"),
    ],
)
def test_a_class_without_recordings(tmp_path, names, message):
    touch(tmp_path, *names)
    with pytest.raises(FakeOrRealError, match=rf"^{tmp_path}: needs recordings of both classes. {message}.*--tree"):
        find_recordings(tmp_path)


def test_no_such_folder(tmp_path):
    with pytest.raises(FakeOrRealError, match=r"nowhere: no such folder\. Put the recordings into its sub-folders"):
        find_recordings(tmp_path / "nowhere")


def test_a_folder_that_cannot_be_listed(tmp_path, monkeypatch):
    touch(tmp_path, "human/1.wav", "ai/1.wav", "ai/closed/2.wav")
    scandir = os.scandir

    def refuse(path):  # root may read anything
        if os.fspath(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(PermissionError, match="closed"):
        find_recordings(tmp_path)


# Names


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("My song (1).mp3", "My_song_1"),
        ("a.b.wav", "a.b"),
        ("日本語.wav", "日本語"),
        (unicodedata.normalize("NFD", "é.wav"), "é"),
        ("=1+1.wav", "1_1"),
        ("-rf.wav", "rf"),
        ("a\nb\x1b[31m,\"'.wav", "a_b_31m"),
        ("🎵.wav", "recording"),
        ("x" * 200 + ".wav", "x" * 40),
    ],
)
def test_names_hold_nothing_that_could_do_harm(file, name):
    assert Recording(Path("ai", file), f"ai/{file}", 1, "0123456789abcdef").name == f"{name}-0123456789ab"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are Unicode")
def test_a_name_that_is_no_text(tmp_path):
    touch(tmp_path, "human/1.wav", "ai/a\udcff.wav", "ai/b\n.wav")
    assert [r.file for r in find_recordings(tmp_path)] == ["ai/a\\udcff.wav", "ai/b\\n.wav", "human/1.wav"]


# Splits


def test_shares():
    counts = Counter(draw_splits(DIGESTS).values())
    for split, share in (("training", 0.70), ("validation", 0.15), ("testing", 0.15)):
        assert abs(counts[split] / 4000 - share) < 0.025  # 3.5 standard deviations


def test_splits_depend_on_content_and_seed_alone():
    splits = draw_splits(DIGESTS)
    assert draw_splits(DIGESTS[::-1]) == splits
    assert draw_splits(DIGESTS, seed=1) != splits


def test_further_recordings_move_none():
    few = draw_splits(DIGESTS[:60])
    many = draw_splits(DIGESTS)
    assert {digest: many[digest] for digest in few} == few


@pytest.mark.parametrize("start", range(0, 400, 10))
def test_of_three_recordings_every_split_has_one(start):
    for n in (3, 4, 7):
        counts = Counter(draw_splits(DIGESTS[start : start + n]).values())
        assert len(counts) == 3 and counts.total() == n


#           0      .1   .2            .6  .70    .85     1     of its own      takes
#           |      a    b             c   |       |      |
#           |           training          | valid.| test |


@pytest.mark.parametrize(
    ("places", "splits"),
    [
        ({"a": 0.1}, "t"),
        ({"a": 0.1, "b": 0.9}, "ts"),
        ({"a": 0.1, "b": 0.2, "c": 0.6}, "tsv"),  # validation takes c, then testing b
        ({"a": 0.1, "b": 0.2, "c": 0.6, "d": 0.8}, "ttsv"),  # validation has d of its own
        ({"a": 0.1, "b": 0.2, "c": 0.6, "d": 0.7, "e": 0.85}, "tttvs"),  # the lower end belongs to a range
        ({"a": 0.95, "b": 0.9, "c": 0.86}, "svt"),  # training takes c, then validation b
        ({"a": 0.71, "b": 0.9, "c": 0.99}, "vts"),  # a is all that validation has, so training takes b
    ],
)
def test_splits_by_hand(monkeypatch, places, splits):
    monkeypatch.setattr(recordings, "_place", lambda key: places[key.removeprefix("0:")])
    letters = {"training": "t", "validation": "v", "testing": "s"}
    assert "".join(letters[split] for split in draw_splits(places).values()) == splits
