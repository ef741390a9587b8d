import os

import numpy as np
import pandas as pd
import pytest

from fakeorreal.corpora.corpus import COLUMNS, check_no_leak, duration, make_corpus, subsample
from fakeorreal.errors import FakeOrRealError


@pytest.fixture
def rows():
    return pd.DataFrame(
        {
            "clip": ["d", "a", "c", "b"],
            "path": ["d.wav", "a.wav", "c.wav", "b.wav"],
            "label": ["fake", "Bona-Fide", "SPOOF", "real"],
            "split": ["testing", "training", "training", "validation"],
            "group": ["4", "1", "1", "2"],
        }
    )


def test_is_complete_and_sorted(rows):
    corpus = make_corpus(rows)
    assert tuple(corpus.columns) == COLUMNS
    assert list(corpus["clip"]) == ["a", "b", "c", "d"]
    assert list(corpus["label"]) == [0, 0, 1, 1]
    assert list(corpus.index) == [0, 1, 2, 3]
    assert (corpus["start"] == 0).all() and corpus["end"].isna().all() and (corpus["channel"] == "").all()
    assert (corpus[["speaker", "generator", "language"]] == "unknown").all(axis=None)


def test_input_is_left_alone(rows):
    before = rows.copy()
    make_corpus(rows)
    pd.testing.assert_frame_equal(rows, before)


def test_survives_csv(rows, tmp_path):
    corpus = make_corpus(rows)
    corpus.to_csv(tmp_path / "corpus.csv", index=False)
    pd.testing.assert_frame_equal(make_corpus(pd.read_csv(tmp_path / "corpus.csv", dtype={"group": str})), corpus)


def test_list_of_dicts(rows):
    pd.testing.assert_frame_equal(make_corpus(rows.to_dict("records")), make_corpus(rows))


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("label", "synthetic", "'synthetic'"),
        ("label", 2, "Received: 2"),
        ("split", "train", "Received: train"),
        ("clip", "a", "clip a is listed twice"),
        ("group", None, "Empty in places: group"),
        ("group", "1", "'1'.*Split by group"),
    ],
)
def test_bad_value(rows, column, value, message):
    rows[column] = [value, *rows[column][1:]]
    with pytest.raises(FakeOrRealError, match=message):
        make_corpus(rows)


def test_missing_column(rows):
    with pytest.raises(FakeOrRealError, match=r"Missing: path, group\."):
        make_corpus(rows.drop(columns=["path", "group"]))


def test_check_no_leak_counts_groups():
    table = pd.DataFrame(
        {"group": list("aabbc"), "split": ["training", "testing", "training", "validation", "testing"]}
    )
    with pytest.raises(FakeOrRealError, match=r"^2 groups .* 'a'"):
        check_no_leak(table)
    check_no_leak(table.drop([1, 3]))


def test_subsample():
    n = 50
    corpus = make_corpus(
        {
            "clip": [f"{k:02d}" for k in range(n)],
            "path": ["x"] * n,
            "label": [int(k >= 40) for k in range(n)],
            "split": ["training"] * n,
            "group": [str(k) for k in range(n)],
        }
    )
    few = subsample(corpus, 20, seed=3)
    assert few["label"].value_counts().to_dict() == {0: 20, 1: 10}
    assert few["clip"].is_monotonic_increasing and few["clip"].is_unique
    assert list(few.index) == list(range(30))
    pd.testing.assert_frame_equal(few, subsample(corpus, 20, seed=3))
    assert not np.array_equal(few["clip"], subsample(corpus, 20, seed=4)["clip"])


def test_the_duration_of_what_is_no_sound_is_not_known(tmp_path):
    (tmp_path / "a.raw").write_bytes(bytes(100))
    (tmp_path / "a.wav").write_text("no sound")
    os.mkfifo(tmp_path / "pipe.wav")
    assert [duration(tmp_path / name) for name in ("a.raw", "a.wav", "pipe.wav", "nothing.wav", ".")] == [None] * 5
