"""Any folder of real recordings to pairs of clips, real and with regions made anew, in five sets.

Recordings are cut every ten seconds; all clips of one are in one set. Of ten recordings six are training, one each
validation, easy, hard and zeroshot, folder by folder, so that every class is in every set as far as it goes. A clip to
splice from is of the same folder and the same set. `fakeorreal.corpora.edited_pairs` says how pairs are made and where
they lie; beside them:

================  =====================================================================================
sources.csv       the recordings, their sets and how many pairs they made; there only beside a whole corpus
left_out.csv      recordings and clips that could not be used, and why
================  =====================================================================================
"""

import hashlib
import json
import os
from pathlib import Path

import pandas as pd

from fakeorreal import audio
from fakeorreal.audio import SAMPLE_RATE
from fakeorreal.corpora.corpus import REAL
from fakeorreal.corpora.edited_pairs import BUILD_VERSION, SECONDS, SETS, make_pair, write_sets
from fakeorreal.corpora.prompts_build import processes, run_jobs, write_text
from fakeorreal.corpora.recordings import Recording
from fakeorreal.errors import FakeOrRealError
from fakeorreal.streams import AUDIO_SUFFIXES, open_stream
from fakeorreal.wording import printable

SHORTEST = 2.0
"""Seconds of a clip."""

LEAST_REST = 5.0
"""Seconds after the last whole clip that earn one more, which ends with the recording."""

SOURCE_COLUMNS = ("file", "set", "pairs", "sha256")
LEFT_OUT_COLUMNS = ("file", "reason")
_DEAL = (*SETS, *("train",) * 5)
_DONORS = 3  # recordings tried in turn, should one be broken


def manipulate(source, root, *, seed=0, n_jobs=-1, progress=True):
    """Make pairs of real and edited clips from a folder of real recordings, or what is missing of them.

    Killed at any moment, the next run goes on and ends with the same files.

    Args:
        source: folder of recordings at any depth; the folder that one lies in is its class.
        root: folder to write: new, empty, or begun with the same recordings and seed.
        seed: of the sets, the regions and the edits.
        n_jobs: processes.
        progress: whether to show progress bars.

    Returns:
        (sources, left_out): DataFrames with ``SOURCE_COLUMNS`` and ``LEFT_OUT_COLUMNS``.

    Raises:
        FakeOrRealError: no such folder; fewer than five recordings, or none that can be used; a ``root`` that holds
            something else, was begun otherwise, or overlaps the recordings.
        OSError: what cannot be written.
    """
    source, root = (Path(os.path.abspath(Path(folder).expanduser())) for folder in (source, root))
    recordings, left_out = _different(_found(source, root))
    if len(recordings) < len(SETS):
        raise FakeOrRealError(
            f"{source}: needs {len(SETS)} different recordings, one for each of {', '.join(SETS)}. "
            f"Received: {len(recordings)}. Add some."
        )
    _claim(root, recordings, seed)
    listed, unused = root / "sources.csv", root / "left_out.csv"
    if not listed.is_file():
        subsets = deal(recordings, seed=seed)
        with processes(n_jobs) as pool:
            made = run_jobs(pool, _edit, _jobs(recordings, subsets, root, seed), "edit", progress)
        rows = [row for _, rows, _ in made for row in rows]
        left_out += [(file, fault) for file, _, faults in made for fault in faults]
        if not rows:
            raise FakeOrRealError(f"{source}: no recording can be used. The first: {': '.join(min(left_out))}")
        write_sets(root, rows)
        _write(unused, left_out, LEFT_OUT_COLUMNS)
        pairs = {file: len(rows) // 2 for file, rows, _ in made}
        _write(listed, [(r.file, subsets[r.file], pairs[r.file], r.sha256) for r in recordings], SOURCE_COLUMNS)
    return pd.read_csv(listed, keep_default_na=False), pd.read_csv(unused, keep_default_na=False)


def deal(recordings, *, seed):
    """The set of each recording: those of a class follow each other, in an order drawn by the seed.

    Args:
        recordings: list of `recordings.Recording`.
        seed: of the order.

    Returns:
        dict of file to a key of ``SETS``; of ten recordings that follow each other six are training.
    """
    drawn = sorted(recordings, key=lambda r: (_class(r), hashlib.sha256(f"{seed}:{r.sha256}".encode()).digest()))
    return {recording.file: _DEAL[k % len(_DEAL)] for k, recording in enumerate(drawn)}


def _found(source, root):
    """The audio files below the source, sorted by name, with their SHA-256 or "" where they cannot be opened."""
    if not source.is_dir():
        raise FakeOrRealError(f"{source}: no such folder. Check the path.")
    if root == source or source in root.parents or root in source.parents:
        raise FakeOrRealError(f"{root}: must not overlap the recordings in {source}. Name another folder.")
    paths = (p for p in source.rglob("*") if p.suffix.lower() in AUDIO_SUFFIXES and not p.name.startswith("."))
    found = [
        Recording(path, printable(path.relative_to(source).as_posix()), REAL, _digest(path))
        for path in paths
        if path.is_file()
    ]
    return sorted(found, key=lambda recording: recording.file)


def _digest(path):
    try:
        with path.open("rb") as f:
            return hashlib.file_digest(f, "sha256").hexdigest()
    except OSError:
        return ""


def _different(found):
    """The recordings without those that cannot be opened or are there before; and (file, reason) for these."""
    first, left_out = {}, []
    for recording in found:
        same = first.setdefault(recording.sha256, recording)
        if not recording.sha256:
            left_out.append((recording.file, "cannot be opened. Check its permissions."))
        elif same is not recording:
            left_out.append((recording.file, f"has the same content as {same.file}."))
    return [recording for digest, recording in first.items() if digest], left_out


def _claim(root, recordings, seed):
    """See to it that the folder is free, or was begun with the same recordings and settings."""
    plan = hashlib.sha256(json.dumps([[r.file, r.sha256] for r in recordings]).encode()).hexdigest()
    marker, text = root / "manipulate.json", json.dumps({"version": BUILD_VERSION, "seed": seed, "recordings": plan})
    if marker.is_file():
        if marker.read_text() != text:
            raise FakeOrRealError(
                f"{root}: was begun with other recordings or another seed. Name another folder, or delete this one."
            )
    elif root.is_file() or (root.is_dir() and any(path.suffix != ".part" for path in root.iterdir())):
        raise FakeOrRealError(f"{root}: is in use for something else. Name a new or empty folder.")
    write_text(marker, text)


def _class(recording):
    return recording.file.rpartition("/")[0]


def _jobs(recordings, subsets, root, seed):
    """Arguments of `_edit`; recordings of one class and set are each other's donors, beginning with the next."""
    alike, turns, jobs = {}, dict.fromkeys(SETS, -1), []
    for recording in recordings:
        alike.setdefault((_class(recording), subsets[recording.file]), []).append(recording)
    for recording in recordings:
        subset = subsets[recording.file]
        ring = alike[_class(recording), subset]
        here = ring.index(recording)
        donors = [r.path for r in (ring[here + 1 :] + ring[:here])[:_DONORS]]
        turns[subset] += 1
        jobs.append((recording, donors, subset, turns[subset], root, seed))
    return jobs


def _edit(recording, donors, subset, turn, root, seed):
    """Make the pairs of a recording: (file, rows, why it or clips of it were left out); what was made is kept."""
    rows, faults = [], []
    donor = _first_of(donors)
    try:
        for k, (first, _, y) in enumerate(_clips(recording.path)):
            try:
                if len(y) < SHORTEST * SAMPLE_RATE:
                    raise FakeOrRealError(f"lasts {len(y) / SAMPLE_RATE:.2f} s, less than {SHORTEST:g} s.")
                rows += make_pair(
                    y,
                    key=f"{recording.name}-{seed}-{k:04d}",
                    subset=subset,
                    source=recording.file,
                    turn=turn + k,
                    root=root,
                    donor=donor,
                )
            except FakeOrRealError as error:
                faults.append(f"from {first / SAMPLE_RATE:g} s: {error}")
    except FakeOrRealError as error:
        faults.append(printable(str(error).removeprefix(f"{recording.path}: ")))
    return recording.file, rows, faults


def _clips(path):
    """Clips of a recording of any length, as `audio.windows` has them."""
    stream = open_stream(path)
    blocks = audio.resampled(map(audio.to_mono, stream), sr_from=stream.rate, sr_to=SAMPLE_RATE)
    length = round(SECONDS * SAMPLE_RATE)
    return audio.windows(blocks, length=length, hop=length, least=round(LEAST_REST * SAMPLE_RATE))


def _first_of(donors):
    """The first clip of the first recording that has one, or None."""
    for path in donors:
        try:
            return next(_clips(path))[2]
        except (FakeOrRealError, StopIteration):
            continue
    return None


def _write(path, rows, columns):
    write_text(path, pd.DataFrame(sorted(rows), columns=columns).to_csv(index=False, lineterminator="\n"))
