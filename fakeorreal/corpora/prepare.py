"""Any folder of recordings to a corpus of 3-s clips: converted, cut, split by recording.

====================================  =========================================================================
full/ai, full/human                   the recordings as they came; hard links where the file system has them
converted/ai, converted/human         one FLAC per recording: 16 kHz, mono, 16 bit
split/training|validation|testing/…   the clips, 16-bit WAV; those of one recording are in one split
parts/                                what is done already, so that the next run goes on from there
recordings.csv, left_out.csv          what became of every recording
manifest.csv                          the clips, for `load_folder`; there only beside a complete corpus
====================================  =========================================================================

A recording has one name in all of them: that of its file, as far as its characters can do no harm, and the beginning
of the SHA-256 of its content. What is no longer in the source is removed from all but ``full``.
"""

import hashlib
import json
import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd

from fakeorreal import audio
from fakeorreal.audio import SAMPLE_RATE
from fakeorreal.corpora.conversion import SHORTEST, convert
from fakeorreal.corpora.corpus import SPLITS
from fakeorreal.corpora.for_dataset import CLASSES
from fakeorreal.corpora.prompts_build import processes, run_jobs, write_text
from fakeorreal.corpora.recordings import FOLDERS, NAMES, draw_splits, find_recordings
from fakeorreal.errors import FakeOrRealError
from fakeorreal.files import drafted
from fakeorreal.wording import printable

VERSION = 1  # raise when the clips change
FAILURES = ("unreadable", "in both classes")
"""Kinds of recordings left out that the user has to mend; the others are left out by rule."""

RECORDING_COLUMNS = ("recording", "file", "label", "split", "seconds", "clips", "silent", "sha256")
LEFT_OUT_COLUMNS = ("file", "kind", "reason")
MANIFEST_COLUMNS = ("file", "split", "label", "group", "source", "start", "end")
_MADE = re.compile(r"-[0-9a-f]{12}(-\d{5})?\.(flac|json|wav)$")


def prepare(src, dst, *, mp3=False, seed=0, n_jobs=-1, progress=True):
    """Make a corpus of 3-s clips from a folder of recordings, or what is missing of it.

    Killed at any moment, the next run goes on and ends with the same files. When recordings were added, only they are
    converted and cut.

    Args:
        src: folder with sub-folders of the classes: ai, fake or spoof; human, real or bonafide; in any case.
        dst: folder to write: new, empty, or begun with the same settings.
        mp3: whether to send both classes through MP3 at 48 kbit/s, so that the codec tells nothing.
        seed: of the splits; see `draw_splits`.
        n_jobs: processes.
        progress: whether to show progress bars.

    Returns:
        (recordings, left_out): DataFrames with ``RECORDING_COLUMNS`` and ``LEFT_OUT_COLUMNS``; kinds are
        ``FAILURES``, "too short", "silent" and "duplicate".

    Raises:
        FakeOrRealError: no such folder, a class without recordings or without any that can be used; a ``dst`` that
            holds something else, was begun with other settings, or overlaps the recordings.
        OSError: what cannot be written.
    """
    src, dst = (Path(os.path.abspath(Path(folder).expanduser())) for folder in (src, dst))
    _check_apart(src, dst)
    found = find_recordings(src)
    _claim(dst, {"version": VERSION, "mp3": mp3, "seed": seed})
    with processes(n_jobs) as pool:
        hashed = run_jobs(pool, _hash, [(recording,) for recording in found], "read", progress)
        alike, left_out = _alike(hashed)
        (dst / "manifest.csv").unlink(missing_ok=True)
        jobs = [(same[0], dst, mp3) for same in alike.values()]
        states = dict(run_jobs(pool, _convert, jobs, "convert", progress))
        judged = [_judged(same, states[digest]) for digest, same in alike.items()]
        left_out += [row for _, rows in judged for row in rows]
        used = [recording for recordings, _ in judged for recording in recordings]
        left_out = _write(dst / "left_out.csv", left_out, LEFT_OUT_COLUMNS)
        splits = {}
        for label, name in FOLDERS.items():
            digests = [recording.sha256 for recording in used if recording.label == label]
            if not digests:
                raise FakeOrRealError(f"{src}: no recording of {name} can be used. {dst / 'left_out.csv'} says why.")
            splits |= draw_splits(digests, seed=seed)
        jobs = [(r, dst, splits[r.sha256], states[r.sha256]["clips"]) for r in used]
        clips = [row for rows in run_jobs(pool, _cut, jobs, "cut", progress) for row in rows]
    _clear(dst, used, clips)
    rows = [_row(r, splits[r.sha256], states[r.sha256]) for r in used]
    recordings = _write(dst / "recordings.csv", rows, RECORDING_COLUMNS)
    _write(dst / "manifest.csv", clips, MANIFEST_COLUMNS)
    return recordings, left_out


def _check_apart(src, dst):
    if dst == src or dst in src.parents or (src in dst.parents and dst.relative_to(src).parts[0].lower() in NAMES):
        raise FakeOrRealError(f"{dst}: must not overlap the recordings in {src}. Name another folder.")


def _claim(dst, settings):
    """Make the folders, or see to it that they were made with these settings."""
    marker, text = dst / "prepare.json", json.dumps(settings)
    if marker.is_file():
        if (before := marker.read_text()) != text:
            raise FakeOrRealError(
                f"{dst}: was prepared with other settings, {before}. Received: {text}. "
                "Name another folder, or delete this one."
            )
    elif dst.is_file() or (dst.is_dir() and any(path.suffix != ".part" for path in dst.iterdir())):
        raise FakeOrRealError(f"{dst}: is in use for something else. Name a new or empty folder.")
    write_text(marker, text)
    for stage in ("full", "converted", "parts", *(f"split/{split}" for split in SPLITS)):
        for name in FOLDERS.values():
            (dst / stage / name).mkdir(parents=True, exist_ok=True)


def _hash(recording):
    """(recording with its SHA-256, "") or (recording, why it cannot be read)."""
    try:
        with recording.path.open("rb") as f:
            return replace(recording, sha256=hashlib.file_digest(f, "sha256").hexdigest()), ""
    except OSError as error:
        return recording, f"cannot be opened ({error.strerror}). Check its permissions."


def _alike(hashed):
    """Recordings by content, sorted within and by the first of each; and the rows of those that cannot be read."""
    alike, left_out = {}, []
    for recording, reason in sorted(hashed, key=lambda pair: pair[0].file):
        if reason:
            left_out.append((recording.file, "unreadable", reason))
        else:
            alike.setdefault(recording.sha256, []).append(recording)
    return alike, left_out


def _convert(recording, dst, mp3):
    """(SHA-256, what `convert` says of the recording, or why it cannot be read); done once, then read from its part."""
    target, part = _converted(dst, recording), _part(dst, recording)
    if not (part.is_file() and target.is_file()):
        try:
            state = convert(recording.path, target, mp3=mp3)
        except FakeOrRealError as error:
            return recording.sha256, {"unreadable": printable(str(error).removeprefix(f"{recording.path}: "))}
        write_text(part, json.dumps(state))
    return recording.sha256, json.loads(part.read_text())


def _judged(same, state):
    """Of recordings with the same content, those to use (one or none), and rows for those left out."""
    first, *others = same
    if "unreadable" in state:
        kind, reason = "unreadable", state["unreadable"]
    elif state["silent"] and not state["clips"]:
        kind, reason = "silent", "every clip of it is digital silence."
    elif not state["clips"]:
        kind, reason = "too short", f"lasts {state['samples'] / SAMPLE_RATE:.2f} s, less than {SHORTEST:g} s."
    elif len({recording.label for recording in same}) > 1:
        kind = "in both classes"
        reason = f"the same content lies in {' and '.join(r.file for r in same)}. Remove those of the wrong class."
    else:
        return [first], [(r.file, "duplicate", f"has the same content as {first.file}.") for r in others]
    return [], [(recording.file, kind, reason) for recording in same]


def _cut(recording, dst, split, clips):
    """Write what is missing of the clips of a recording; returns their rows."""
    folder = FOLDERS[recording.label]
    full = dst / "full" / folder / f"{recording.name}{recording.path.suffix.lower()}"
    if not full.exists():
        _link(recording.path, full)
    rows = []
    for k, (start, end) in enumerate((first / SAMPLE_RATE, end / SAMPLE_RATE) for first, end in clips):
        file = f"split/{split}/{folder}/{recording.name}-{k:05d}.wav"
        if not (dst / file).is_file():
            clip = audio.read(_converted(dst, recording), sr=SAMPLE_RATE, start=start, end=end)
            audio.write(dst / file, clip, sr=SAMPLE_RATE)
        rows.append((file, split, CLASSES[recording.label], recording.name, recording.source, start, end))
    return rows


def _link(path, target):
    try:
        os.link(path.resolve(), target)
    except OSError:  # another file system, or one without links
        with drafted(target) as draft:
            shutil.copyfile(path, draft)


def _converted(dst, recording):
    return dst / "converted" / FOLDERS[recording.label] / f"{recording.name}.flac"


def _part(dst, recording):
    return dst / "parts" / FOLDERS[recording.label] / f"{recording.name}.json"


def _clear(dst, used, clips):
    """Delete what killed runs left half-written, and what was made of recordings that are used no more."""
    kept = {path for r in used for path in (_converted(dst, r), _part(dst, r))} | {dst / row[0] for row in clips}
    for path in dst.rglob("*"):
        derived = path.relative_to(dst).parts[0] in ("converted", "parts", "split") and _MADE.search(path.name)
        if (derived or path.suffix == ".part") and path not in kept and path.is_file():
            path.unlink()


def _row(recording, split, state):
    return (
        *(recording.name, recording.file, CLASSES[recording.label], split),
        *(state["samples"] / SAMPLE_RATE, len(state["clips"]), state["silent"], recording.sha256),
    )


def _write(path, rows, columns):
    """Write rows as a table, sorted; returns it."""
    table = pd.DataFrame(sorted(rows), columns=columns)
    write_text(path, table.to_csv(index=False, lineterminator="\n"))
    return table
