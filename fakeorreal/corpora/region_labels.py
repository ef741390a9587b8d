"""Regions: the table that says which stretches of which clips are fake, and the label files it is read from.

A region is a half-open stretch [start, end) of a clip, in seconds from its beginning. What no region covers is real.
"""

import math
from pathlib import Path

import pandas as pd

from fakeorreal.corpora.corpus import FAKE, LABELS
from fakeorreal.errors import FakeOrRealError

COLUMNS = ("clip", "start", "end")


def make_regions(rows, seconds=None):
    """Check a table of regions and bring it into order.

    Regions of one clip that overlap or touch become one; where they differ in a further column, such as ``method``,
    the values are joined by ``+``. Times are rounded to microseconds.

    Args:
        rows: DataFrame (or what makes one) with ``clip, start, end``, the latter in seconds, and any further columns.
        seconds: Series from clip to duration in seconds; ends past it are cut. None: durations are not known.

    Returns:
        DataFrame ``clip, start, end`` and the further columns, sorted by clip and start, index 0..n-1.

    Raises:
        FakeOrRealError: missing column; not 0 <= start < end; a clip whose duration is not stated; a region that begins
            at the end of its clip or later.
    """
    table = pd.DataFrame(rows)
    if table.empty:
        table = table.reindex(columns=list(dict.fromkeys((*COLUMNS, *table))))
    missing = [column for column in COLUMNS if column not in table]
    if missing:
        raise FakeOrRealError(f"regions need the columns {', '.join(COLUMNS)}. Missing: {', '.join(missing)}.")
    further = [column for column in table if column not in COLUMNS]
    times = table[["start", "end"]].apply(pd.to_numeric, errors="coerce").astype(float).round(6)
    table = table[[*COLUMNS, *further]].assign(**times)
    _refuse(
        table[~((table["start"] >= 0) & (table["start"] < table["end"]) & (table["end"] < math.inf))],
        "a region must have 0 <= start < end, in seconds",
    )
    if seconds is not None:
        lasts = table["clip"].map(seconds).astype(float)
        _refuse(table[lasts.isna()], "`seconds` must state the duration of every clip that has regions")
        _refuse(table[table["start"] >= lasts], "a region must begin before its clip ends")
        table["end"] = table["end"].clip(upper=lasts)
    table = table.sort_values(["clip", "start"], kind="stable")
    covered = table.groupby("clip")["end"].cummax().groupby(table["clip"]).shift()
    number = (~(table["start"] <= covered)).cumsum().rename(None)
    how = {"clip": "first", "start": "first", "end": "max", **dict.fromkeys(further, _joined)}
    return table.groupby(number).agg(how).reset_index(drop=True)


def _refuse(wrong, rule):
    if len(wrong):
        first = wrong.iloc[0]
        raise FakeOrRealError(
            f"{rule}. Received: {first['start']:g} to {first['end']:g} in {first['clip']} ({len(wrong)} such regions)."
        )


def _joined(values):
    return values.iloc[0] if values.nunique(dropna=False) == 1 else "+".join(dict.fromkeys(map(str, values)))


def read_partialspoof(path):
    """Read labels as PartialSpoof and its kin state them: text, times in seconds.

    A line is either ``start end label``, the clip being the name of the file without suffix, or, as in the label files
    of LlamaPartialSpoof, ``clip seconds label start-end-label start-end-label …`` with any number of stretches. Labels
    are the words of `fakeorreal.corpora.corpus.LABELS`.

    Args:
        path: the file, or a folder of such files that end in ``.txt``.

    Returns:
        DataFrame of the fake regions, see `make_regions`.

    Raises:
        FakeOrRealError: a file that cannot be read, none in the folder, or a line that says something else.
    """
    path = Path(path).expanduser()
    files = sorted(path.glob("*.txt")) if path.is_dir() else [path]
    if not files:
        raise FakeOrRealError(f"{path}: holds no file that ends in .txt. Name the folder of the label files.")
    return make_regions([row for file in files for row in _fakes(file, _partialspoof)])


def read_rttm(path):
    """Read labels in Rich Transcription Time Marked format, one recording or many.

    ``SPEAKER <clip> <channel> <onset> <duration> <NA> <NA> <label> …``; the label is a word of
    `fakeorreal.corpora.corpus.LABELS`. Channels are not told apart. Comments (``;;``) and ``SPKR-INFO`` are skipped.

    Args:
        path: the file.

    Returns:
        DataFrame of the fake regions, see `make_regions`.

    Raises:
        FakeOrRealError: a file that cannot be read, or a line that says something else.
    """
    return make_regions(_fakes(Path(path).expanduser(), _rttm))


def _fakes(path, parse):
    """The fake stretches of a file; ``parse`` gives the (clip, start, end, label) of one line's fields."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise FakeOrRealError(f"{path}: cannot be read ({error}). Name a text file in UTF-8.") from error
    rows = []
    for number, line in enumerate(text.split("\n"), 1):
        try:
            stretches = [_stretch(*stated) for stated in parse(line.split(), path.stem)] if line.strip() else []
        except ValueError as error:
            raise FakeOrRealError(
                f"{path}, line {number}: {error}. Received: {line.strip()!r}. Correct the line."
            ) from error
        rows += [dict(zip(COLUMNS, stated, strict=True)) for *stated, label in stretches if label == FAKE]
    return rows


def _partialspoof(fields, stem):
    if len(fields) < 3:
        raise ValueError("a line must be `start end label` or `clip seconds label start-end-label …`")
    if len(fields) == 3:
        return [(stem, *fields)]
    stretches = [field.split("-", 2) for field in fields[3:]]
    if any(len(parts) < 3 for parts in stretches):
        raise ValueError("a stretch must be written start-end-label")
    return [(fields[0], *parts) for parts in stretches]


def _rttm(fields, _):
    if fields[0].startswith(";;") or fields[0] == "SPKR-INFO":
        return []
    if fields[0] != "SPEAKER" or len(fields) < 8:
        raise ValueError("a line must begin with SPEAKER and have at least 8 fields")
    return [(fields[1], fields[3], float(fields[3]) + float(fields[4]), fields[7])]


def _stretch(clip, start, end, label):
    start, end = float(start), float(end)
    if not 0 <= start < end < math.inf:
        raise ValueError("a stretch must have 0 <= start < end, in seconds")
    if label.lower() not in LABELS:
        raise ValueError(f"a label must be one of {', '.join(LABELS)}")
    return clip, start, end, LABELS[label.lower()]
