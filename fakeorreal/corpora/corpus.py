"""The corpus: a table of clips. It says what exists and never holds audio."""

import os

import numpy as np
import pandas as pd
import soundfile as sf

from fakeorreal.audio import DECODING_ERRORS
from fakeorreal.errors import FakeOrRealError

REAL, FAKE = 0, 1
LABELS = {"real": REAL, "bonafide": REAL, "bona fide": REAL, "bona-fide": REAL, "fake": FAKE, "spoof": FAKE}
SPLITS = ("training", "validation", "testing")
COLUMNS = (
    "clip",  # unique name, the same on every machine: the path below the data folder, with #n for a window
    "path",  # where the file lies on this machine
    "label",  # 0 real, 1 fake
    "split",  # training, validation, testing
    "group",  # source utterance: never cut by a split
    "speaker",
    "generator",  # the system that made a fake; "human" for real
    "language",
    "start",  # seconds
    "end",  # seconds; NaN: to the end of the file
    "channel",  # what training augmentation does to the clip; "" for nothing
)


def make_corpus(rows):
    """Check and complete a table of clips.

    Args:
        rows: DataFrame (or what makes one) with at least ``clip, path, label, split, group``.
            Labels may be 0/1 or any word of ``LABELS``, in any case.

    Returns:
        DataFrame with ``COLUMNS``, sorted by clip, index 0..n-1.

    Raises:
        FakeOrRealError: missing column or value, unknown label or split, repeated clip, group in two splits.
    """
    table = pd.DataFrame(rows).copy()
    missing = [c for c in COLUMNS[:5] if c not in table]
    if missing:
        raise FakeOrRealError(f"a corpus needs the columns {', '.join(COLUMNS[:5])}. Missing: {', '.join(missing)}.")
    defaults = {
        "speaker": "unknown",
        "generator": "unknown",
        "language": "unknown",
        "start": 0.0,
        "end": np.nan,
        "channel": "",
    }
    for column, value in defaults.items():
        given = table[column] if column in table else [np.nan] * len(table)
        table[column] = [value if pd.isna(v) else v for v in given]
    empty = [c for c in COLUMNS[:5] if table[c].isna().any()]
    if empty:
        raise FakeOrRealError(
            f"every clip needs a value in {', '.join(COLUMNS[:5])}. Empty in places: {', '.join(empty)}."
        )
    table["label"] = [_label(value) for value in table["label"]]
    unknown = set(table["split"]) - set(SPLITS)
    if unknown:
        raise FakeOrRealError(
            f"`split` must be one of {', '.join(SPLITS)}. Received: {', '.join(sorted(map(str, unknown)))}."
        )
    if table["clip"].duplicated().any():
        raise FakeOrRealError(
            f"clip {table.loc[table['clip'].duplicated(), 'clip'].iloc[0]} is listed twice. Remove one."
        )
    table = table[list(COLUMNS)].sort_values("clip", kind="stable").reset_index(drop=True)
    check_no_leak(table)
    return table


def _label(value):
    if isinstance(value, str) and value.strip().lower() in LABELS:
        return LABELS[value.strip().lower()]
    if value in (REAL, FAKE):
        return int(value)
    raise FakeOrRealError(f"a label must be real/bonafide/0 or fake/spoof/1. Received: {value!r}.")


def check_no_leak(corpus):
    """Raise FakeOrRealError when a group is in more than one split."""
    splits = corpus.groupby("group")["split"].nunique()
    leaks = splits[splits > 1].index
    if len(leaks):
        raise FakeOrRealError(
            f"{len(leaks)} groups are in more than one split, the first is {leaks[0]!r}. Split by group, not by clip."
        )


def subsample(corpus, per_class, seed):
    """At most ``per_class`` rows of each label, drawn with a seed; order is kept."""
    rng = np.random.default_rng(seed)
    keep = [
        rng.choice(rows.index, min(per_class, len(rows)), replace=False)
        for _, rows in corpus.groupby("label", sort=True)
    ]
    return corpus.loc[np.sort(np.concatenate(keep))].reset_index(drop=True)


def cut_windows(corpus, seconds):
    """Cut clips into windows that follow each other without overlap.

    A rest shorter than half a window is left off, unless it is all there is. A file whose header cannot be read
    keeps its one row, so that whoever reads the audio reports it.

    Args:
        corpus: table of clips.
        seconds: length of a window.

    Returns:
        the table with one row per window, clips named ``clip#0``, ``clip#1`` …
    """
    rows = []
    for row in corpus.to_dict("records"):
        end = duration(row["path"]) if np.isnan(row["end"]) else row["end"]
        n = 1 if end is None else max(1, int((end - row["start"]) / seconds + 0.5))
        for k in range(n):
            start = row["start"] + k * seconds
            stop = row["end"] if end is None else min(start + seconds, end)
            rows.append({**row, "clip": f"{row['clip']}#{k}", "start": start, "end": stop})
    return pd.DataFrame(rows, columns=corpus.columns)


def duration(path):
    """Seconds that a file lasts; None where it is none, or its header cannot be read."""
    if not os.path.isfile(path):  # a pipe would be waited for
        return None
    try:
        return sf.info(path).duration
    except (*DECODING_ERRORS, OSError):
        return None
