"""Does the data on disk hold what it should? Counts, unreadable and truncated files, duplicates, leaks."""

import hashlib
import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
import soundfile as sf
from joblib import Parallel, delayed

from fakeorreal.corpora import for_dataset
from fakeorreal.corpora.corpus import SPLITS
from fakeorreal.errors import FakeOrRealError


@dataclass(frozen=True)
class Validation:
    """What `validate` found.

    Attributes:
        report: one row per version, split and class: ``found, expected, unreadable, duplicates`` (files),
            ``seconds_min, seconds_median, seconds_max``, ``sample_rates`` (Hz, text), ``status`` ("ok", "missing",
            "count differs by n" ...). ``expected`` is NaN where no count is known.
        problems: one row per bad file or leaking group: ``path, problem``.
    """

    report: pd.DataFrame
    problems: pd.DataFrame

    @property
    def ok(self):
        """True when every status is ok and no problem was found."""
        return bool((self.report["status"] == "ok").all()) and self.problems.empty

    def __str__(self):
        table = self.report.to_string(index=False, na_rep="-", float_format="{:g}".format)
        lines = [f"{row.path}: {row.problem}" for row in self.problems.head(20).itertuples()]
        if len(self.problems) > 20:
            lines.append(f"... and {len(self.problems) - 20} more")
        return "\n".join([table, "", *lines, "All is well." if self.ok else "There are problems: see above."])


def validate(root=None, versions=None):
    """Check the versions of Fake-or-Real on disk.

    Every file is hashed, its header read and its last quarter second decoded, which finds truncated files without
    decoding whole corpora. Memory does not grow with the length of the files; a bad file is reported and passed over.

    Args:
        root: the data folder, see `for_dataset.data_root`.
        versions: names out of `for_dataset.VERSIONS`; None for the ones that are there.

    Returns:
        `Validation`.

    Raises:
        FakeOrRealError: unknown version, no data folder, none of the versions in it.
    """
    root = for_dataset.data_root(root)
    if versions is None:
        versions = [v for v in for_dataset.STORED if for_dataset.find_version(v, root)]
        if not versions:
            raise FakeOrRealError(
                f"{root}: holds none of {', '.join(for_dataset.STORED)}. Run `fakeorreal build-prompts`, "
                "or set FAKEORREAL_DATA to the folder that holds the genuine Fake-or-Real."
            )
    unknown = [v for v in versions if v not in for_dataset.VERSIONS]
    if unknown:
        raise FakeOrRealError(
            f"`versions` must be out of {', '.join(for_dataset.VERSIONS)}. Received: {', '.join(map(str, unknown))}."
        )
    stored = [part for v in versions for part in (for_dataset.PARTS if v == "for-combined" else (v,))]
    results = [_validate_version(version, root) for version in dict.fromkeys(stored)]
    reports, problems = zip(*results, strict=True)
    return Validation(pd.concat(reports, ignore_index=True), pd.concat(problems, ignore_index=True))


def _validate_version(version, root):
    """Report and problems of one stored version."""
    rows = for_dataset.scan(version, root)
    rows = rows.sort_values("split", key=lambda split: split.map(SPLITS.index), kind="stable", ignore_index=True)
    checks = Parallel(n_jobs=-1, prefer="threads")(delayed(_check)(path) for path in rows["path"])
    files = pd.DataFrame(checks, columns=["seconds", "rate", "digest", "fault"])
    rows = pd.concat([rows, files], axis=1)
    # The first of identical files counts as the original, in the order training, validation, testing.
    readable = rows[rows["fault"] == ""]
    original = readable.groupby("digest", sort=False)["path"].transform("first").reindex(rows.index)
    rows["duplicate"] = original.notna() & (original != rows["path"])
    rows["problem"] = rows["fault"].where(~rows["duplicate"], "same bytes as " + original.fillna(""))

    manifest = for_dataset.read_manifest(version, root)
    if manifest is not None and "sha256" in manifest:
        stated = manifest.set_index("clip")["sha256"].reindex(rows["clip"]).to_numpy()
        changed = (rows["problem"] == "") & ~pd.isna(stated) & (stated != "") & (rows["digest"] != stated)
        rows.loc[changed, "problem"] = "not the bytes that manifest.csv states"

    expected = _expected(version, manifest)
    report = [
        _report_row(version, split, label, rows[(rows["split"] == split) & (rows["label"] == label)], expected)
        for split in SPLITS
        for label in for_dataset.CLASSES
    ]
    problems = rows.loc[rows["problem"] != "", ["path", "problem"]]
    return pd.DataFrame(report), pd.concat([problems, _leaks(rows)], ignore_index=True)


def _report_row(version, split, label, clips, expected):
    good = clips[clips["fault"] == ""]
    row = {
        "version": version,
        "split": split,
        "class": label,
        "found": len(clips),
        "expected": expected.get((split, label), np.nan),
        "unreadable": len(clips) - len(good),
        "duplicates": int(clips["duplicate"].sum()),
        "seconds_min": good["seconds"].min(),
        "seconds_median": good["seconds"].median(),
        "seconds_max": good["seconds"].max(),
        "sample_rates": ", ".join(str(int(rate)) for rate in sorted(good["rate"].unique())),
    }
    faults = ["missing"] if not row["found"] else []
    if row["found"] and row["found"] != row["expected"] and not np.isnan(row["expected"]):
        faults.append(f"count differs by {row['found'] - row['expected']:+d}")
    faults += [f"{row[what]} {what}" for what in ("unreadable", "duplicates") if row[what]]
    return {**row, "status": ", ".join(faults) or "ok"}


def _expected(version, manifest):
    """Files per (split, class): counted in the manifest if there is one, else published."""
    if manifest is not None:
        listed = [tuple(parts[1:3]) for parts in manifest["clip"].str.split("/") if parts[0] == version]
        return {(s, c): listed.count((s, c)) for s in SPLITS for c in for_dataset.CLASSES} if listed else {}
    table = for_dataset.PUBLISHED_COUNTS
    table = table[table["version"] == version]
    return {(row.split, c): getattr(row, c) for row in table.itertuples() for c in for_dataset.CLASSES}


def _leaks(rows):
    """One problem per group that is in more than one split."""
    leaks = rows[rows.groupby("group")["split"].transform("nunique") > 1]
    found = [
        (clips["path"].iloc[0], f"its group {group} is in {' and '.join(clips['split'].unique())}")
        for group, clips in leaks.groupby("group")
    ]
    return pd.DataFrame(found, columns=["path", "problem"])


def _check(path):
    """(seconds, rate in Hz, SHA-256, fault) of a file; the fault is "" for a good one."""
    try:
        with sf.SoundFile(path) as f:
            seconds, rate, fault = f.frames / f.samplerate, f.samplerate, _fault(f)
        with open(path, "rb") as f:
            digest = hashlib.file_digest(f, "sha256").hexdigest()
    except (sf.SoundFileError, OSError) as error:
        reason = str(error).removeprefix(f"Error opening {path!r}: ").rstrip(".")
        return np.nan, np.nan, "", f"cannot be decoded ({reason})"
    return seconds, rate, digest, fault


def _fault(f):
    """What is wrong with an open file, or ""."""
    if not f.frames:
        return "holds no samples"
    # libsndfile silently shortens a cut WAV, but notes it; a size of 2**31 or more means "unknown", as pipes write it.
    stated = re.search(r"^data : (\d+) \(should be (\d+)\)", f.extra_info, re.MULTILINE)
    if stated and int(stated[2]) < int(stated[1]) < 2**31:
        return f"truncated: {stated[2]} of {stated[1]} bytes are there"
    f.seek(max(f.frames - f.samplerate // 4, 0))
    if not len(f.read(f.samplerate // 4)):
        return "truncated: the end cannot be decoded"
    return ""
