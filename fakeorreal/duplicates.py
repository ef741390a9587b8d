"""Duplicates: clips of a corpus that hold the same recording, by bytes, by samples or by ear.

A copy in another split is a leak: what was heard in training is asked for in testing. Groups come from names and
manifests, which know nothing of a clip that was cut, coded or recorded again.
"""

import hashlib
import io
import json
import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import soundfile as sf
from tqdm import tqdm

from fakeorreal import audio
from fakeorreal.audio_fingerprints import VERSION, fingerprint, near_pairs
from fakeorreal.errors import FakeOrRealError
from fakeorreal.features.cache import hash_files
from fakeorreal.files import write_atomically

_BLOCK_CLIPS = 512
_BLOCKS_PER_JOB = 4  # so that a small corpus still keeps every core busy to the end


@dataclass(frozen=True)
class Duplicates:
    """What `find_duplicates` found.

    Attributes:
        pairs: one row per pair: ``clip_a, clip_b``; ``kind`` (bytes, samples or near); ``offset`` (seconds into a at
            which b begins, negative where b begins first); ``score`` (1 for bytes and samples, else the share of
            fingerprint bits that are equal); ``label_a, label_b, split_a, split_b, group_a, group_b``. Of many clips
            with the same bytes or samples each is paired with the first only.
        failed: ``clip, reason`` of those that could not be read.
    """

    pairs: pd.DataFrame
    failed: pd.DataFrame


def find_duplicates(corpus, *, folder, n_jobs=-1, progress=True):
    """Find the clips of a corpus that hold the same recording.

    - bytes: the same stretch of files that are the same byte for byte.
    - samples: the same rate and samples, rounded to 16 bit, but for zeros at the beginning and the end.
    - near: one holds what the other holds, changed by gain, codec, noise, room or cut (see
      `audio_fingerprints.near_pairs`). Copy synthesis keeps words, melody and timing and is near its original, whose
      label is another: the same source, not an error. The same sentence in another voice is not near.

    What a clip is made of is compared: ``channel`` is not applied. Fingerprints are computed once per content.

    Args:
        corpus: table of clips (see `fakeorreal.corpora`).
        folder: where the fingerprints are kept.
        n_jobs: processes, -1 for one per core. The result does not depend on it.
        progress: show a bar, counted in clips, on standard error.

    Returns:
        `Duplicates`.

    Raises:
        FakeOrRealError: no clip at all.
    """
    if not len(corpus):
        raise FakeOrRealError("a corpus of 0 clips has no duplicates. Check the filter or the folder it comes from.")
    folder = Path(folder) / f"audio-fingerprints-{VERSION}"
    folder.mkdir(parents=True, exist_ok=True)
    # Rows that differ in their channel only are one clip.
    rows = corpus.drop_duplicates(["path", "start", "end", "split", "group"]).reset_index(drop=True)
    contents, reasons = hash_files(rows["path"].unique())
    rows["key"] = [f"{contents.get(row.path, row.path)} {row.start} {row.end}" for row in rows.itertuples()]
    rows["reason"] = rows["path"].map(reasons)
    sources = rows[rows["reason"].isna()].drop_duplicates("key").set_index("key")[["path", "start", "end"]]
    stored = _stored(folder, sources.index)
    missing = sources[~sources.index.isin(stored.index)]
    failures = _compute(missing, folder, n_jobs, progress)
    rows["reason"] = rows["reason"].fillna(rows["key"].map(failures))
    failed = rows.loc[rows["reason"].notna(), ["clip", "reason"]].reset_index(drop=True)
    rows = rows[rows["reason"].isna()].reset_index(drop=True)
    return Duplicates(_pairs(rows, _stored(folder, sources.index)), failed)


def leaks(pairs):
    """Of duplicates those that a split by group cannot keep together: across splits, or across groups.

    Args:
        pairs: ``Duplicates.pairs``.

    Returns:
        DataFrame with the same columns.
    """
    apart = (pairs["split_a"] != pairs["split_b"]) | (pairs["group_a"] != pairs["group_b"])
    return pairs[apart].reset_index(drop=True)


def _pairs(rows, stored):
    """The pairs among rows that could be read, given what is stored by key."""
    by_bytes = _copies(rows["key"])
    firsts = rows.drop_duplicates("key").join(stored, on="key")
    sounding = firsts[firsts["samples"] != ""]  # digital silence is nobody's copy
    by_samples = _copies(sounding["samples"])
    lead = sounding["lead"]
    by_samples["offset"] = lead[by_samples["a"]].to_numpy() - lead[by_samples["b"]].to_numpy()
    distinct = sounding.drop_duplicates("samples")
    places = zip(distinct["block"], distinct["first"], distinct["length"], strict=True)
    by_ear = near_pairs([_open(block)[first : first + length] for block, first, length in places])
    by_ear = by_ear.assign(a=distinct.index[by_ear["a"]], b=distinct.index[by_ear["b"]], kind="near")
    pairs = pd.concat([by_bytes.assign(kind="bytes"), by_samples.assign(kind="samples"), by_ear], ignore_index=True)
    pairs = pairs.sort_values(["a", "b"], ignore_index=True)
    out = {"clip_a": rows["clip"].to_numpy()[pairs["a"]], "clip_b": rows["clip"].to_numpy()[pairs["b"]]}
    out |= {column: pairs[column] for column in ("kind", "offset", "score")}
    for column in ("label", "split", "group"):
        out |= {f"{column}_{side}": rows[column].to_numpy()[pairs[side]] for side in ("a", "b")}
    return pd.DataFrame(out)


def _copies(values):
    """Places of values that were there before, each beside the place of the first."""
    first = values.index.to_series().groupby(values, sort=False).transform("first")
    b = values.index[first != values.index]
    return pd.DataFrame({"a": first[b].to_numpy(int), "b": b.to_numpy(int), "offset": 0.0, "score": 1.0})


def _stored(folder, keys):
    """What is known of keys: index key, columns ``samples, lead, block, first, length``."""
    found = []
    for block in sorted(folder.glob("*.npy")):
        index = block.with_suffix(".json")
        if index.exists():
            table = pd.DataFrame(json.loads(index.read_text()))
            table["first"] = table["length"].cumsum() - table["length"]
            found.append(table[table["key"].isin(keys)].assign(block=str(block)))
    columns = ["key", "samples", "lead", "block", "first", "length"]
    table = pd.concat(found) if found else pd.DataFrame(columns=columns)
    return table.drop_duplicates("key").set_index("key")


@lru_cache(maxsize=256)  # each map holds a file open, and systems allow about 1,000
def _open(path):
    return np.load(path, mmap_mode="r")


def _compute(missing, folder, n_jobs, progress):
    """Fingerprint clips in blocks, in parallel. Returns key → reason of those that failed."""
    todo = list(missing.itertuples(name=None))
    n_blocks = _BLOCKS_PER_JOB * joblib.effective_n_jobs(n_jobs)
    size = max(1, min(_BLOCK_CLIPS, math.ceil(len(todo) / n_blocks)))
    blocks = [todo[k : k + size] for k in range(0, len(todo), size)]
    reasons = {}
    with (
        joblib.parallel_config("loky", inner_max_num_threads=1),
        tqdm(total=len(todo), desc="fingerprints", unit="clip", disable=not (progress and todo)) as bar,
    ):
        jobs = (joblib.delayed(_compute_block)(block, folder) for block in blocks)
        for count, failures in joblib.Parallel(n_jobs, return_as="generator_unordered")(jobs):
            reasons |= failures
            bar.update(count)
    return reasons


def _compute_block(block, folder):
    """Fingerprint and write one block. Returns the number of clips seen and key → reason of those that failed."""
    codes, index, reasons = [np.zeros((0, 2), np.uint32)], [], {}
    for key, path, start, end in block:
        try:
            samples, lead, found = _examine(path, start, end)
        except (FakeOrRealError, OSError) as error:
            reasons[key] = str(error)
        else:
            index.append({"key": key, "samples": samples, "lead": lead, "length": len(found)})
            codes.append(found)
    if index:
        name = hashlib.sha256("".join(row["key"] for row in index).encode()).hexdigest()[:16]
        array = io.BytesIO()
        np.save(array, np.concatenate(codes), allow_pickle=False)
        write_atomically(folder / f"{name}.npy", array.getvalue())
        write_atomically(folder / f"{name}.json", json.dumps(index).encode())  # last: the block is complete
    return len(block), reasons


def _examine(path, start, end):
    """(hash of the samples or "" where all are zero, seconds of zeros before them, fingerprint) of a clip."""
    try:
        rate = sf.info(path).samplerate
    except audio.DECODING_ERRORS as error:
        raise audio.undecodable(path, error) from error
    y = audio.read(path, sr=rate, start=start, end=end)
    samples = np.clip(np.round(y * 32768), -32768, 32767).astype("<i2")
    there = np.flatnonzero(samples)
    if not len(there):
        return "", 0.0, np.zeros((0, 2), np.uint32)
    kept = samples[there[0] : there[-1] + 1]
    digest = hashlib.sha256(f"{rate}:".encode() + kept.tobytes()).hexdigest()
    return digest, int(there[0]) / rate, fingerprint(y, sr=rate)
