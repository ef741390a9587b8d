"""Chunks of recordings and their splits: what is cut, what is kept apart, and that every scheme gets as much."""

import numpy as np
import pandas as pd
import pytest

from fakeorreal import chunk_splits
from fakeorreal.corpora import SPLITS, make_corpus
from fakeorreal.errors import FakeOrRealError


def corpus(seconds, speakers=("anna", "ben", "carl", "dora"), groups=20):
    """Every sentence once by a human and once as a fake of the same voice; lengths take turns."""
    return make_corpus(
        {
            "clip": f"{label}/{k:02d}.wav",
            "path": f"/nowhere/{label}/{k:02d}.wav",
            "label": label,
            "split": SPLITS[k % 3],
            "group": f"s{k:02d}",
            "speaker": speakers[k % len(speakers)],
            "end": seconds[k % len(seconds)],
        }
        for k in range(groups)
        for label in ("real", "fake")
    )


def test_whole_chunks_of_recordings_that_hold_two():
    """
    7.5 s  |---|---|-~      2 chunks; the rest of 1.5 s is a window elsewhere, here it is none
    5.9 s  |---|--          1, left out
    9.0 s  |---|---|---|    3
    """
    chunks = chunk_splits.draw_chunks(corpus((7.5, 5.9, 9.0), groups=3), 3.0)
    names = ("00.wav@0", "00.wav@1", "02.wav@0", "02.wav@1", "02.wav@2")
    assert chunks["clip"].tolist() == [f"{label}/{name}" for label in ("fake", "real") for name in names]
    assert chunks["start"].tolist() == 2 * [0, 3, 0, 3, 6]
    np.testing.assert_allclose(chunks["end"] - chunks["start"], 3)


def test_clips_that_are_chunks_already_belong_to_their_recording():
    clips = corpus((3.0,), groups=12).assign(group=lambda t: [f"s{k // 4}" for k in range(12)] * 2)
    assert len(chunk_splits.draw_chunks(clips.assign(speaker="unknown"), 3.0)) == 24
    with pytest.raises(FakeOrRealError, match="6 s or more"):
        chunk_splits.draw_chunks(corpus((3.0,)), 3.0)


def test_whole_groups_are_drawn_until_there_are_enough():
    clips = corpus((9.0,))
    chunks = chunk_splits.draw_chunks(clips, 3.0, 20)
    sizes = pd.crosstab(chunks["group"], chunks["label"])
    assert (sizes == 3).all(axis=None) and len(sizes) == 7  # 6 hold 18
    assert set(chunk_splits.draw_chunks(clips, 3.0, 20, seed=1)["group"]) != set(sizes.index)
    assert set(chunk_splits.draw_chunks(clips, 3.0, 10)["group"]) < set(sizes.index)


@pytest.mark.parametrize("scheme", chunk_splits.SCHEMES)
def test_nothing_that_is_drawn_is_in_two_splits(scheme):
    clips = corpus((9.0, 12.0), speakers=("anna", "ben", "carl", "dora", "eve"), groups=60)
    clips.loc[clips["speaker"] == "eve", "group"] = clips.loc[clips["speaker"] == "dora", "group"].to_numpy()
    chunks = chunk_splits.draw_chunks(clips, 3.0)
    table = chunk_splits.split_chunks(chunks, scheme)
    assert table.groupby(chunk_splits.SCHEMES[scheme])["split"].nunique().max() == 1
    in_two = (table.groupby("group")["split"].nunique() > 1).sum()
    if scheme == "chunk":
        assert in_two > 0.5 * chunks["group"].nunique()
        assert len(table) == len(chunks)
    else:
        assert in_two == 0
    if scheme != "speaker":
        shares = pd.crosstab(table["split"], table["label"], normalize="columns")
        assert shares.sub(pd.Series(chunk_splits.SHARES), axis=0).abs().max(axis=None) < 0.05
    again = chunk_splits.split_chunks(chunks, scheme)
    pd.testing.assert_frame_equal(again, table)


def test_every_scheme_has_as_many_rows():
    chunks = chunk_splits.draw_chunks(corpus((9.0, 12.0), groups=60), 3.0)
    tables = chunk_splits.schemes(chunks, training=40)
    assert list(tables) == ["chunk", "recording", "speaker"]
    sizes = [pd.crosstab(table["split"], table["label"]) for table in tables.values()]
    assert all(size.equals(sizes[0]) for size in sizes)
    assert (sizes[0].loc["training"] == 40).all() and (sizes[0].loc["testing"] > 20).all()


def test_speakers_that_nobody_named_cannot_be_split():
    clips = corpus((9.0,)).assign(speaker="unknown")
    assert list(chunk_splits.schemes(chunk_splits.draw_chunks(clips, 3.0))) == ["chunk", "recording"]


def test_too_few_recordings():
    with pytest.raises(FakeOrRealError, match="Received: 2 groups"):
        chunk_splits.schemes(chunk_splits.draw_chunks(corpus((9.0,), groups=2), 3.0))
