"""In-the-Wild: speeches and interviews of people in public life, and fakes of their voices found on the web.

=========  =============================================================
clips      31,779 WAV files of 0.4 to 25 s at 16 kHz, together 37.9 hours
real       19,963
fake       11,816 (17.2 hours)
speakers   54 in its metadata, 58 in the paper and in a later copy
=========  =============================================================

Its folder, ``release_in_the_wild``, holds ``meta.csv`` (``file, speaker, label``) and the files beside it.

Known traps: nothing says which clips were cut from one recording, so that only a split by speaker keeps those apart
(`fakeorreal.corpora.speaker_splits`). And clip length is a cue: the fakes of the speaker whom the published split holds
out are 1.8 times as long as the recordings.
"""

import os
import warnings
from pathlib import Path

import pandas as pd

from fakeorreal.corpora.corpus import FAKE, LABELS, REAL, make_corpus
from fakeorreal.corpora.listing import read_listing
from fakeorreal.errors import FakeOrRealError

BIBTEX = """@inproceedings{muller2022does,
  author    = {M{\\"u}ller, Nicolas M. and Czempin, Pavel and Dieckmann, Franziska and Froghyar, Adam and
               B{\\"o}ttinger, Konstantin},
  title     = {Does Audio Deepfake Detection Generalize?},
  booktitle = {Interspeech 2022},
  pages     = {2783--2787},
  year      = {2022},
  doi       = {10.21437/Interspeech.2022-108}
}"""

FOLDER = "release_in_the_wild"
REQUIRED = ("file", "speaker", "label")

HELD_OUT = "Alec Guinness"
"""The speaker whom the published split keeps for testing."""

KNOWN_COUNTS = {
    "clips": 31_779,
    "real": 19_963,
    "fake": 11_816,
    "speakers": 54,
    f"{HELD_OUT}, real": 1_907,
    f"{HELD_OUT}, fake": 1_718,
}
"""Counted in the metadata of the published detector."""


def load_in_the_wild(root):
    """Load In-the-Wild.

    All of it is testing, as by its authors, who trained elsewhere; `fakeorreal.corpora.speaker_splits` draws splits to
    train on it. The group is the clip: more is not known. Listed files that are not there are left out, with a warning
    that names them.

    Args:
        root: the folder ``release_in_the_wild``, or the one that holds it.

    Returns:
        Corpus DataFrame, see `fakeorreal.corpora.corpus.make_corpus`: clip ``release_in_the_wild/0.wav``, path, label,
        speaker; language "en".

    Raises:
        FakeOrRealError: no ``meta.csv``; one that cannot be read, lacks a column or a value, has a label that is none
            or a file twice; none of the files is there.
    """
    folder = _folder(root)
    listed = _listed(folder)
    table, absent = listed[listed["there"]], listed.loc[~listed["there"], "file"]
    if table.empty:
        raise FakeOrRealError(
            f"{folder}: none of the {len(listed)} files of meta.csv is there, the first is {absent.iloc[0]}. "
            "Unpack the archive here."
        )
    if len(absent):
        named = ", ".join(absent[:10]) + (" …" if len(absent) > 10 else "")
        warnings.warn(
            f"{folder}: {len(absent)} of {len(listed)} files are not there and are left out: {named}.", stacklevel=2
        )
    clips = FOLDER + "/" + table["file"]
    return make_corpus(
        table.assign(
            clip=clips,
            group=clips,
            path=[str(folder / name) for name in table["file"]],
            split="testing",
            generator=table["label"].map({REAL: "human", FAKE: "unknown"}),
            language="en",
        )
    )


def count_clips(root):
    """How many clips and speakers ``meta.csv`` lists, how many of them are there, and how many should be.

    Args:
        root: folder, as for `load_in_the_wild`.

    Returns:
        DataFrame ``what, listed, there, expected``, one row for each of ``KNOWN_COUNTS``.

    Raises:
        FakeOrRealError: no ``meta.csv``; one that cannot be believed.
    """
    table = _listed(_folder(root))
    counts = {"listed": _counts(table), "there": _counts(table[table["there"]]), "expected": KNOWN_COUNTS}
    return pd.DataFrame(counts).rename_axis("what").reset_index()


def _counts(table):
    fake, held_out = table["label"] == FAKE, table["speaker"] == HELD_OUT
    return {
        "clips": len(table),
        "real": (~fake).sum(),
        "fake": fake.sum(),
        "speakers": table["speaker"].nunique(),
        f"{HELD_OUT}, real": (held_out & ~fake).sum(),
        f"{HELD_OUT}, fake": (held_out & fake).sum(),
    }


def _folder(root):
    root = Path(os.path.abspath(Path(root).expanduser()))
    for folder in (root, root / FOLDER):
        if (folder / "meta.csv").is_file():
            return folder
    raise FakeOrRealError(f"{root}: holds no meta.csv, nor a folder {FOLDER} that does. Unpack the archive there.")


def _listed(folder):
    """``meta.csv``: file, speaker, label (0 or 1), and whether the file is there."""
    listed = folder / "meta.csv"
    table = read_listing(listed, REQUIRED, unique="file")[list(REQUIRED)]
    empty = [column for column in REQUIRED if table.empty or (table[column] == "").any()]
    if empty:
        raise FakeOrRealError(
            f"{listed}: needs clips, each with {', '.join(REQUIRED)}. Empty in places: {', '.join(empty)}. "
            "Fetch it again."
        )
    labels = table["label"].str.lower().map(LABELS)
    if labels.isna().any():
        first = table[labels.isna()].iloc[0]
        raise FakeOrRealError(
            f"{listed}: `label` must be bona-fide or spoof. Received: {first['label']!r} for {first['file']} "
            f"({labels.isna().sum()} such lines). Correct it."
        )
    return table.assign(label=labels.astype(int), there=table["file"].isin(os.listdir(folder)))
