"""The corpus: a table of clips. It says what exists and never holds audio."""

import numpy as np
import pandas as pd

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
        FakeOrRealError: missing column, unknown label or split, repeated clip, group in two splits.
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
        if column not in table:
            table[column] = value
    table["label"] = [_label(value) for value in table["label"]]
    unknown = set(table["split"]) - set(SPLITS)
    if unknown:
        raise FakeOrRealError(f"`split` must be one of {', '.join(SPLITS)}. Received: {', '.join(map(str, unknown))}.")
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
    """At most ``per_class`` clips of each label, drawn by whole clips with a seed; order is kept."""
    rng = np.random.default_rng(seed)
    keep = [
        rng.choice(rows.index, min(per_class, len(rows)), replace=False)
        for _, rows in corpus.groupby("label", sort=True)
    ]
    return corpus.loc[np.sort(np.concatenate(keep))].reset_index(drop=True)
