"""A folder of one's own: a table ``manifest.csv`` that says what is what, or sub-folders ``real`` and ``fake``."""

import os
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from fakeorreal.corpora.corpus import LABELS, REAL, SPLITS, make_corpus
from fakeorreal.corpora.for_dataset import AUDIO_SUFFIXES, subfolders
from fakeorreal.corpora.listing import read_listing
from fakeorreal.errors import FakeOrRealError

REQUIRED = ("file", "split", "label")
OPTIONAL = ("source", "system", "family", "speaker", "utterance", "language", "group")


def load_folder(folder):
    """Load a folder of clips.

    Either the folder holds ``manifest.csv`` with the columns ``file`` (below the folder), ``split`` and ``label``
    (real or bonafide, fake or spoof) and whichever of ``OPTIONAL`` are known; or its clips lie in ``real`` and
    ``fake``, at any depth, which makes all of them testing, or in ``training/real`` and so on. Case does not matter.

    The group is what ``group`` states, else source and utterance, else the file. Listed files that are not there are
    left out, with a warning that counts them.

    Args:
        folder: the folder.

    Returns:
        Corpus DataFrame, see `fakeorreal.corpora.corpus.make_corpus`, with two more columns: ``source`` (page, corpus
        or recording campaign) and ``family`` (kind of generator; "human" for real), both "unknown" where not stated.

    Raises:
        FakeOrRealError: no such folder; no audio; a manifest that cannot be read, lacks a column, has a label or split
            that is none, a file outside the folder, listed twice, or none that is there; a group in two splits.
    """
    folder = Path(os.path.abspath(Path(folder).expanduser()))
    if not folder.is_dir():
        raise FakeOrRealError(f"{folder}: no such folder. Check the path.")
    manifest = folder / "manifest.csv"
    listed = read_listing(manifest, REQUIRED) if manifest.is_file() else None
    try:
        rows = _completed(_found(folder) if listed is None else _there(listed, manifest))
        corpus = make_corpus(rows)
    except FakeOrRealError as error:
        raise FakeOrRealError(f"{folder if listed is None else manifest}: {error}") from error
    return corpus.merge(rows[["clip", "source", "family"]], how="left", on="clip")


def _there(table, manifest):
    """The rows of ``manifest.csv`` whose files are there."""
    if table.empty:
        raise FakeOrRealError("lists no file. Write one line per clip.")
    table = table[[column for column in (*REQUIRED, *OPTIONAL) if column in table]]
    table = table.assign(**{name: table[name].str.lower() for name in ("split", "label")})
    for column, known in (("split", SPLITS), ("label", tuple(LABELS))):
        wrong = table[~table[column].isin(known)]
        if len(wrong):
            first = wrong.iloc[0]
            raise FakeOrRealError(
                f"`{column}` must be one of {', '.join(known)}. Received: {first[column]!r} for {first['file']:.200} "
                f"({len(wrong)} such lines)."
            )
    # By name, not by what links point to: linking to clips elsewhere is fine, naming them is not.
    paths = [Path(os.path.normpath(manifest.parent / name)) for name in table["file"]]
    for name, path in zip(table["file"], paths, strict=True):
        if manifest.parent not in path.parents:
            raise FakeOrRealError(f"`file` must lie below the folder of the manifest. Received: {name[:200]!r}.")
    table["path"] = [str(path) for path in paths]
    table["clip"] = [path.relative_to(manifest.parent).as_posix() for path in paths]
    there = np.array([os.path.isfile(path) for path in paths])
    if not there.any():
        raise FakeOrRealError(
            f"none of the {len(table)} files is there, the first is {table['file'].iloc[0]:.200}. "
            "Put the manifest into the folder that `file` starts from."
        )
    if not there.all():
        counts = table[~there].groupby(["split", "label"]).size()
        warnings.warn(
            f"{manifest}: {(~there).sum()} of {len(table)} files are not there and are left out "
            f"({', '.join(f'{split} {label} {n}' for (split, label), n in counts.items())}), "
            f"the first is {table.loc[~there, 'file'].iloc[0]:.200}.",
            stacklevel=3,
        )
    return table[there]


def _found(folder):
    """The clips below the sub-folders of the two classes."""
    parents = [(folder, "testing"), *((parent, parent.name.lower()) for parent in subfolders(folder, SPLITS))]
    rows = [
        {"clip": path.relative_to(folder).as_posix(), "path": str(path), "split": split, "label": of_class.name}
        for parent, split in parents
        for of_class in subfolders(parent, LABELS)
        for path in of_class.rglob("*")
        if path.suffix.lower() in AUDIO_SUFFIXES and not path.name.startswith(".") and path.is_file()
    ]
    if not rows:
        raise FakeOrRealError(
            "holds neither manifest.csv nor audio in sub-folders real and fake (or training/real and so on). "
            f"Arrange the clips like this, or write manifest.csv with the columns {', '.join(REQUIRED)}."
        )
    return pd.DataFrame(rows)


def _completed(rows):
    """The rows with what a corpus needs, gaps filled."""
    rows = rows.reindex(columns=["clip", "path", "split", "label", *OPTIONAL], fill_value="")
    named = ["source", "system", "family", "speaker", "language"]
    rows[named] = rows[named].replace("", "unknown")
    of_utterance = (rows["source"] + "/" + rows["utterance"]).where(rows["utterance"] != "", rows["clip"])
    rows["group"] = rows["group"].where(rows["group"] != "", of_utterance)
    real = rows["label"].str.lower().map(LABELS) == REAL
    rows["generator"] = rows["system"].mask(real, "human")
    rows["family"] = rows["family"].mask(real, "human")
    return rows
