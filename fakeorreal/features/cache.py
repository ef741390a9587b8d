"""Features of a whole corpus: computed once, in parallel, in constant memory, and read row by row.

One folder per front end holds blocks of rows: ``<hash>.npy`` (float32, rows first) and ``<hash>.json`` (the key of
each row). The JSON file is written last, so a block exists only when it is complete; a run that was killed goes on
from there. Files that end in ``.part`` are what such a run left behind, and may be deleted.
"""

import hashlib
import itertools
import json
import math
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from tqdm import tqdm

from fakeorreal import audio
from fakeorreal.errors import FakeOrRealError
from fakeorreal.files import drafted, make_folder, naming, write_atomically
from fakeorreal.scale_out import keep_memory, single_threaded

BLOCK_ROWS = 256
BLOCK_BYTES = 2**26  # what a worker holds at a time
_ROWS_AT_ONCE = 4096  # of a corpus, written out for its digest
_NPY = b"\x93NUMPY\x01\x00"
BLOCKS_PER_JOB = 4  # so that a small corpus still keeps every core busy to the end


class Features:
    """The features of a corpus, on disk.

    Attributes:
        corpus: the rows that could be computed, index 0..n-1.
        failed: DataFrame ``clip, reason`` of those that could not.
        shape: shape of one row.
        labels: int array, shape (n,); real = 0, fake = 1.
        digest: hash of content and corpus rows: what a result computed from these features depends on.
    """

    def __init__(self, corpus, failed, shape, places, digest):
        self.corpus = corpus
        self.failed = failed
        self.shape = shape
        self.labels = corpus["label"].to_numpy(int)
        self.digest = digest
        self._blocks, block_of = np.unique([str(path) for path, _ in places], return_inverse=True)
        self._places = np.column_stack([block_of, [row for _, row in places]])

    def __len__(self):
        return len(self.corpus)

    def rows(self, indices):
        """Gather rows in the order asked for: float32, shape (len(indices), *shape)."""
        places = self._places[np.asarray(indices, int)]
        out = np.empty((len(places), *self.shape), np.float32)
        for block in np.unique(places[:, 0]):
            here = np.flatnonzero(places[:, 0] == block)
            _read_rows(self._blocks[block], places[here, 1], out, here)
        return out


def _read_rows(path, rows, out, places):
    """Read rows of a block into places of ``out``. Not through a map: what it has shown counts as memory in use."""
    size = out[0].nbytes
    with open(path, "rb", buffering=0) as file:
        beginning = file.read(10)  # of a .npy file: what it is, then how long its header is
        start = 10 + int.from_bytes(beginning[8:], "little")
        for row, place in zip(rows.tolist(), places.tolist(), strict=True):
            file.seek(start + row * size)
            if beginning[:8] != _NPY or file.readinto(out[place].reshape(-1).view(np.uint8)) != size:
                raise FakeOrRealError(f"{path}: is not as it was written. Delete it and run this again.")


def extract(corpus, front_end, folder, *, n_jobs=-1, progress=True):
    """Compute what is not there yet and hand out the features of a corpus.

    Rows with the same content, stretch and channel share one computation. A clip that cannot be read or gives
    numbers that are not finite is left out and listed in ``failed``.

    Args:
        corpus: table of clips (see ``fakeorreal.corpora``).
        front_end: callable waveform (n,) → float32 array, with ``sr``, ``shape`` and ``config()``.
        folder: where the blocks of all front ends are kept.
        n_jobs: processes, -1 for one per core. The result does not depend on it.
        progress: show a bar, counted in clips, on standard error.

    Returns:
        Features.

    Raises:
        FakeOrRealError: no clip at all, or none that can be computed.
    """
    if not len(corpus):
        raise FakeOrRealError("a corpus of 0 clips has no features. Check the filter or the folder it comes from.")
    name = f"{type(front_end).__name__}-{_digest(front_end.config())[:12]}"
    folder = Path(folder).absolute() / name  # workers of a cluster are at home in other folders
    make_folder(folder)

    rows = corpus.reset_index(drop=True)
    contents, reasons = hash_files(rows["path"].unique())
    places, keys, missing = _stored(folder), [], {}
    for row in rows[["path", "start", "end", "channel", "clip"]].itertuples(index=False):
        keys.append(_row_key(row, contents[row.path]) if row.path in contents else row.path)
        if keys[-1] not in places and keys[-1] not in reasons:
            missing.setdefault(keys[-1], tuple(row))
    reasons |= _compute(missing, front_end, folder, n_jobs, progress)
    places = _stored(folder)

    bad = np.array([key in reasons for key in keys])
    failed = pd.DataFrame({"clip": rows["clip"][bad], "reason": [reasons[key] for key in keys if key in reasons]})
    if bad.all():
        raise FakeOrRealError(f"none of the {len(rows)} clips gave features. The first: {failed['reason'].iloc[0]}")
    rows = rows[~bad].reset_index(drop=True)
    keys = [key for key in keys if key not in reasons]
    return Features(
        rows,
        failed.reset_index(drop=True),
        tuple(front_end.shape),
        [places[key] for key in keys],
        _digest_of_rows(keys, rows.drop(columns="path")),
    )


def _digest(value):
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _digest_of_rows(keys, rows):
    """``_digest([keys, rows as lists of text])``, without a large corpus written out in memory."""
    digest = hashlib.sha256(b"[" + json.dumps(keys).encode() + b", [")
    for k in range(0, len(rows), _ROWS_AT_ONCE):
        text = json.dumps(rows[k : k + _ROWS_AT_ONCE].astype(str).to_numpy().tolist())
        digest.update((", " if k else "").encode() + text[1:-1].encode())
    digest.update(b"]]")
    return digest.hexdigest()


def hash_files(paths):
    """Content hashes by path, and by path the reason why a file has none."""
    paths = list(paths)
    parts = [paths[k : k + BLOCK_ROWS] for k in range(0, len(paths), BLOCK_ROWS)]
    hashed = joblib.Parallel(-1, prefer="threads")(joblib.delayed(_hash_some)(part) for part in parts)
    results = dict(zip(paths, itertools.chain(*hashed), strict=True))
    contents = {path: content for path, (content, _) in results.items() if content}
    return contents, {path: reason for path, (_, reason) in results.items() if reason}


def _hash_some(paths):
    """(hash, None) or (None, why there is none) of each file; `hashlib.file_digest` makes a buffer for every file."""
    buffer = memoryview(bytearray(2**18))
    return [_hash_file(path, buffer) for path in paths]


def _hash_file(path, buffer):
    digest = hashlib.sha256()
    try:
        with open(path, "rb", buffering=0) as file:
            while n := file.readinto(buffer):
                digest.update(buffer[:n])
    except OSError as error:
        return None, f"{path}: cannot be opened ({error.strerror}). Check the path."
    return digest.hexdigest(), None


def _row_key(row, content):
    """What the features of a row depend on; a channel draws its randomness from the name of the clip."""
    end = None if pd.isna(row.end) else float(row.end)
    return _digest([content, float(row.start), end, row.channel, row.clip if row.channel else ""])


def _stored(folder):
    """Where each row that is complete lies: key → (block, row)."""
    places = {}
    for block in sorted(folder.glob("*.npy")):
        index = block.with_suffix(".json")
        if index.exists():
            for k, key in enumerate(json.loads(index.read_text())):
                places.setdefault(key, (block, k))
    return places


def _compute(missing, front_end, folder, n_jobs, progress):
    """Compute rows in blocks, in parallel. Returns key → reason of those that failed."""
    row_bytes = 4 * math.prod(front_end.shape)
    todo = list(missing.items())
    reasons = {}
    with (
        single_threaded(),
        tqdm(total=len(todo), desc=type(front_end).__name__, unit="clip", disable=not (progress and todo)) as bar,
    ):
        n_blocks = BLOCKS_PER_JOB * joblib.effective_n_jobs(n_jobs)
        size = max(1, min(BLOCK_ROWS, BLOCK_BYTES // row_bytes, math.ceil(len(todo) / n_blocks)))
        blocks = [todo[k : k + size] for k in range(0, len(todo), size)]
        jobs = (joblib.delayed(_compute_block)(block, front_end, folder) for block in blocks)
        for count, failures in joblib.Parallel(n_jobs, return_as="generator_unordered")(jobs):
            reasons |= failures
            bar.update(count)
    return reasons


def _compute_block(block, front_end, folder):
    """Compute and write one block. Returns the number of rows seen and key → reason of those that failed."""
    keep_memory()
    features = np.empty((len(block), *front_end.shape), np.float32)
    keys, reasons = [], {}
    for key, row in block:
        try:
            features[len(keys)] = _compute_row(front_end, *row)
        except FakeOrRealError as error:
            reasons[key] = str(error)
        else:
            keys.append(key)
    if keys:
        name = _digest(keys)[:16]
        with drafted(folder / f"{name}.npy") as draft, naming(folder / f"{name}.npy"), open(draft, "wb") as file:
            np.save(file, features[: len(keys)], allow_pickle=False)
        write_atomically(folder / f"{name}.json", json.dumps(keys).encode())
    return len(block), reasons


def _compute_row(front_end, path, start, end, channel, clip):
    try:
        y = audio.read(path, sr=front_end.sr, start=start, end=end)
    except OSError as error:
        raise FakeOrRealError(f"{path}: cannot be read ({error.strerror}). Check the file.") from error
    if channel:
        from fakeorreal.named_channels import apply_channel  # here, for most clips need none

        y = apply_channel(y, sr=front_end.sr, name=channel, key=clip)
    features = front_end(y)
    if not np.isfinite(features).all():
        raise FakeOrRealError(f"{path}: gives features that are not finite numbers. Listen to the file.")
    return features
