"""Files and folders in, verdicts out: the work behind ``fakeorreal predict``."""

import hashlib
import heapq
import json
import os
import sys
import tempfile
import time
from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from fakeorreal import clip_vote, prediction_csv, wording
from fakeorreal.detector import Prediction, load_detector
from fakeorreal.errors import FakeOrRealError
from fakeorreal.locator import load_locator
from fakeorreal.streams import AUDIO_SUFFIXES

REPORT_FILES = 20  # sections of a report; every one brings about a megabyte


@dataclass(frozen=True)
class Record:
    """What became of one file: a prediction and the file's SHA-256, or an error; never both.

    ``edits`` are (start, end, confidence) of what a localiser called edited, None where none was asked.
    """

    file: str
    prediction: Prediction | None = None
    sha256: str = ""
    error: str = ""
    edits: tuple | None = None


def find_audio(paths):
    """Files to score: files as they are named, folders searched to the bottom for audio suffixes.

    Args:
        paths: files and folders; a file that does not exist is kept, and fails when it is read.

    Returns:
        list of str without repetitions: in the order of ``paths``, sorted within a folder.

    Raises:
        FakeOrRealError: a folder without audio, or one that cannot be listed.
    """
    found = []
    for path in map(Path, paths):
        files = _audio_below(path) if os.path.isdir(path) else [path]
        if not files:
            raise FakeOrRealError(f"{path}: holds no audio. Files of {', '.join(AUDIO_SUFFIXES)} are looked for.")
        found += map(str, files)
    return list(dict.fromkeys(found))


def predict_files(detector, files, *, workers=None, locator=None):
    """Score files in threads.

    Args:
        detector: a `detector.Detector`.
        files: paths.
        workers: threads; None for one per core.
        locator: a `locator.Locator` to ask as well, or None.

    Yields:
        `Record`, in the order of ``files``. Only a few files are ahead of the one that is yielded, so that little is
        lost when the caller stops.
    """
    workers = workers or os.cpu_count() or 1
    pool = ThreadPoolExecutor(workers)
    ahead = deque()
    try:
        for file in files:
            ahead.append(pool.submit(_predict_file, detector, locator, file))
            if len(ahead) == 2 * workers:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def run(paths, *, folder=None, form="text", csv=None, report=None, locate=False):
    """Score files and folders and say what was found: results on stdout, errors on stderr.

    Args:
        paths: files and folders.
        folder: of the frozen detector; None for the one in the package.
        form: ``text``; ``json``, one document with every window; or ``spy``, the fields of AI-SPY as by
            `clip_vote.result`: an object for a single file that is named, a list for a folder or several.
        csv: CSV to write, file by file. Where an earlier run left rows in it, files whose content and weights are the
            same are not scored again; failures are. In JSON every window is needed, and rows hold no
            edits, so that all files are scored.
        report: HTML page to write, with the `REPORT_FILES` most suspicious files.
        locate: ask the localiser of the package for edited stretches, too: said in text and JSON.

    Returns:
        Exit code: 2 if a file failed, else 0.

    Raises:
        FakeOrRealError: nothing to score, an unusable detector, an output that cannot be written.
        OSError: a full disk.
    """
    files = find_audio(paths)
    for output in filter(None, (csv, report)):
        check_writable(Path(output))
    rows = prediction_csv.read(csv) if csv else {}
    detector, locator = load_detector(folder), load_locator() if locate else None
    as_text = form == "text"
    standing = _standing(files, rows, detector) if as_text and not locate else {}
    todo = [file for file in files if file not in standing]
    redone = {prediction_csv.cell(file) for file in todo}
    kept = [row for name, row in rows.items() if name not in redone]

    start = time.perf_counter()
    scored = predict_files(detector, todo, locator=locator)
    saved = _saved(scored, csv, kept) if csv else scored
    counts, seconds, records = Counter(row["verdict"] for row in standing.values()), 0.0, []
    for record in _shown(saved, files, standing, as_text=as_text):
        counts[record.prediction.verdict if record.prediction else "error"] += 1
        seconds += record.prediction.seconds if record.prediction else 0
        if report or not as_text:  # else a folder of any size is passed through
            records.append(record)
    elapsed = time.perf_counter() - start

    if not as_text:
        for document in _documents(form, paths, detector, records):
            print(json.dumps(document, indent=2, allow_nan=False))
    elif set(counts) - {"error"}:
        print("", wording.explanation(detector), sep="\n")
    if as_text and len(files) > 1:
        print("", wording.summary(counts, seconds, elapsed, standing=len(standing)), sep="\n")
    if report:
        from fakeorreal import page

        page.write(report, _most_suspicious(detector, records, standing), detector=detector, counts=counts)
    return 2 if counts["error"] else 0


def _audio_below(folder):
    """Audio files in a folder and its subfolders; ``._x.wav``, which macOS leaves behind, holds no sound."""

    def refuse(error):
        raise FakeOrRealError(
            f"{error.filename}: cannot be searched ({error.strerror}). Check its permissions."
        ) from error

    return sorted(
        Path(parent, name)
        for parent, _, names in os.walk(folder, onerror=refuse)
        for name in names
        if name.lower().endswith(AUDIO_SUFFIXES) and not name.startswith("._")
    )


def check_writable(path):
    """Refuse a path that nothing can be written to, now rather than after an hour of work.

    Raises:
        FakeOrRealError: with the reason.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            reason = "it is a folder" if path.is_dir() else None
    except FileExistsError:
        reason = f"{path.parent} is a file"
    except OSError as error:
        reason = error.strerror
    if path.name.lower().endswith(AUDIO_SUFFIXES):
        reason = "it is named like a recording"
    if reason:
        raise FakeOrRealError(f"{path}: cannot be written: {reason}. Name another file.")


def _standing(files, rows, detector):
    """Rows by file that hold for the content as it is now and for these weights; failures never do."""
    standing = {}
    for file in files:
        row = rows.get(prediction_csv.cell(file))
        same = row and row["verdict"] and row["weight_hash"] == detector.hash and os.path.isfile(file)
        if same and row["sha256"] == _sha256(file):
            standing[file] = row
    return standing


def _predict_file(detector, locator, file):
    try:
        prediction = detector.predict(file)
        edits = locator.locate(file).regions if locator else None
        return Record(file, prediction, sha256=_sha256(file), edits=edits)
    except (FakeOrRealError, OSError) as error:
        return Record(file, error=str(error))


def _sha256(file):
    with open(file, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def _saved(records, csv, kept):
    """The records, each one written before it is passed on."""
    with prediction_csv.appending(csv, kept) as add:
        for record in records:
            add(record)
            yield record


def _shown(records, files, standing, *, as_text):
    """The records, each one printed before it is passed on; several under a progress bar."""
    describe, say = wording.account, print
    if len(files) > 1:
        from tqdm import tqdm  # a single file need not wait for it

        if as_text:
            print(wording.TABLE_HEADER)
        describe, say = wording.table_line, tqdm.write
        records = tqdm(records, total=len(files), initial=len(standing), unit="file", disable=None)
    for record in records:
        if record.error:
            say(f"fakeorreal: {wording.printable(record.error)}", file=sys.stderr)
        elif as_text:
            say(describe(record.prediction, record.edits))
        yield record


def _documents(form, paths, detector, records):
    """What is printed in JSON: one document; none where the fields of AI-SPY are asked of a file that failed."""
    if form == "json":
        return [_document(detector, records)]
    results = [clip_vote.result(r.prediction) for r in records if r.prediction]
    single = len(paths) == 1 and not Path(paths[0]).is_dir()
    return results if single else [results]


def _document(detector, records):
    """What ``--format json`` prints: the same shape for one file and for many."""
    return {
        "detector": {
            "name": detector.name,
            "version": detector.version,
            "weight_hash": detector.hash,
            "threshold": detector.threshold,
            "threshold_from": detector.threshold_from,
            "unsure_band": list(detector.unsure),
        },
        "predictions": [
            {**r.prediction.to_dict(), "sha256": r.sha256} | ({} if r.edits is None else {"edits": r.edits})
            for r in records
            if r.prediction
        ],
        "errors": [{"file": r.file, "error": r.error} for r in records if r.error],
    }


def _most_suspicious(detector, records, standing):
    """Records for the report: failures, and the predictions of highest score, scored again if only a row is there."""
    scores = {r.file: r.prediction.score for r in records if r.prediction}
    scores |= {file: float(row["score"]) for file, row in standing.items()}
    top = heapq.nlargest(REPORT_FILES, scores, key=scores.get)
    known = {r.file: r for r in records}
    again = predict_files(detector, [file for file in top if file not in known])
    known |= {r.file: r for r in again}
    return [known[file] for file in top] + [r for r in records if r.error]
