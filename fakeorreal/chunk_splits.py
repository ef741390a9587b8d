"""Chunks of recordings, and three ways to split them: chunk by chunk, by recording, and by speaker."""

import numpy as np
import pandas as pd

from fakeorreal.corpora import cut_windows, subsample
from fakeorreal.corpora.corpus import COLUMNS
from fakeorreal.errors import FakeOrRealError

SCHEMES = {"chunk": "clip", "recording": "group", "speaker": "speaker"}
"""What is drawn, and the column that names it. AI-SPY draws chunks."""

SHARES = {"testing": 0.2, "validation": 0.2, "training": 0.6}


def draw_chunks(corpus, seconds, per_class=None, *, seed=0):
    """Whole chunks of recordings that hold two or more, each a clip of its own.

    Args:
        corpus: table of clips; its splits are forgotten.
        seconds: length of a chunk.
        per_class: chunks of each class that suffice: groups are drawn, whole, until there are as many. None for all.
        seed: of the draw.

    Returns:
        table of clips, named ``<clip>@0``, ``<clip>@1`` …, in the order of their names.

    Raises:
        FakeOrRealError: a class has no such recording.
    """
    windows = cut_windows(corpus, seconds)
    whole = windows[np.isclose(windows["end"] - windows["start"], seconds)]
    recording = whole.groupby(["group", "speaker", "label"])["clip"]
    chunks = whole[recording.transform("size") >= 2]
    if chunks["label"].nunique() < 2:
        raise FakeOrRealError(
            f"recordings of both classes must last {2 * seconds:g} s or more, to be cut into chunks. "
            f"Received: {chunks['label'].nunique()} classes that do. Add longer recordings."
        )
    chunks = chunks.assign(clip=chunks["clip"].str.replace("#", "@")).sort_values("clip", ignore_index=True)
    if per_class is None:
        return chunks[list(COLUMNS)]
    sizes = pd.crosstab(chunks["group"], chunks["label"])
    sizes = sizes.loc[np.random.default_rng(seed).permutation(sizes.index)]
    before = sizes.cumsum() - sizes
    drawn = sizes.index[(before < per_class).any(axis=1)]
    return chunks.loc[chunks["group"].isin(drawn), list(COLUMNS)].reset_index(drop=True)


def split_chunks(chunks, scheme, *, seed=0):
    """Split chunks so that no value of the scheme's column is in two splits.

    The largest values come first, those of one size in random order; each goes where most is lacking to the share of
    that split. But where chunks are drawn, no group is in two splits either: what training shares with testing or with
    validation, and validation with testing, is left out.

    Args:
        chunks: from `draw_chunks`.
        scheme: one of ``SCHEMES``.
        seed: of the draw.

    Returns:
        the chunks that are in a split, with their split.
    """
    column = SCHEMES[scheme]
    sizes = pd.crosstab(chunks[column], chunks["label"])
    order = np.random.default_rng(seed).permutation(sizes.index)
    order = sizes.loc[order].sum(axis=1).sort_values(ascending=False, kind="stable").index
    lacking = {split: share * sizes.sum() for split, share in SHARES.items()}
    split_of = {}
    for value in order:
        held = sizes.loc[value]
        split_of[value] = max(SHARES, key=lambda split: lacking[split][held > 0].sum())
        lacking[split_of[value]] = lacking[split_of[value]] - held
    chunks = chunks.assign(split=chunks[column].map(split_of))
    if column == "clip":
        return chunks
    rank = chunks["split"].map({split: k for k, split in enumerate(SHARES)})
    return chunks[rank == rank.groupby(chunks["group"]).transform("min")].reset_index(drop=True)


def schemes(chunks, *, training=None, seed=0):
    """Chunks by every scheme, a split of one scheme as large as that of another: as many rows of each class.

    A scheme that leaves a split without one of the classes, as that of speakers whom nobody named, is left out.

    Args:
        chunks: from `draw_chunks`.
        training: rows of each class at most; None for all.
        seed: of the draws.

    Returns:
        dict scheme → table of clips.

    Raises:
        FakeOrRealError: too few recordings for three splits.
    """
    tables = {scheme: split_chunks(chunks, scheme, seed=seed) for scheme in SCHEMES}
    sizes = {scheme: pd.crosstab(table["split"], table["label"]) for scheme, table in tables.items()}
    sizes = {scheme: size.min(axis=1) for scheme, size in sizes.items() if size.shape == (3, 2) and size.all(axis=None)}
    if "recording" not in sizes:
        raise FakeOrRealError(
            f"three splits need recordings of both classes in each. Received: {chunks['group'].nunique()} groups. "
            "Add recordings."
        )
    most = pd.DataFrame(sizes).min(axis=1)
    most["training"] = min(most["training"], training or most["training"])
    return {
        scheme: pd.concat(subsample(rows, most[split], seed) for split, rows in tables[scheme].groupby("split"))
        for scheme in sizes
    }
