"""Fake regions of recordings as files for others: JSON, CSV, RTTM and the labels of Audacity.

A recording is anything that has ``file``, ``seconds`` and ``regions``, the latter (start, end, confidence) in seconds
and as a probability.
"""

import csv
import io
import json
import re

from fakeorreal.errors import FakeOrRealError
from fakeorreal.prediction_csv import cell
from fakeorreal.wording import printable

COLUMNS = ("file", "seconds", "start", "end", "confidence")


def to_json(recordings):
    """Text of a JSON list, one object per recording, those without regions too.

    Args:
        recordings: sequence of recordings.

    Returns:
        str.
    """
    document = [
        {
            "file": printable(recording.file),
            "seconds": round(recording.seconds, 3),
            "regions": [
                {"start": round(start, 3), "end": round(end, 3), "confidence": round(confidence, 4)}
                for start, end, confidence in recording.regions
            ],
        }
        for recording in recordings
    ]
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def to_csv(recordings):
    """Text of a CSV with ``COLUMNS``, one line per region; file names as `fakeorreal.prediction_csv.cell` writes them.

    Args:
        recordings: sequence of recordings.

    Returns:
        str.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for recording in recordings:
        for start, end, confidence in recording.regions:
            times = (f"{value:.3f}" for value in (recording.seconds, start, end))
            writer.writerow([cell(recording.file), *times, f"{confidence:.4f}"])
    return text.getvalue()


def to_rttm(recordings):
    """Text in Rich Transcription Time Marked format, one line per region, which `read_rttm` reads.

    Args:
        recordings: sequence of recordings. Fields of this format end at white space, so that each such character of a
            file name becomes ``_``.

    Returns:
        str.

    Raises:
        FakeOrRealError: two file names that become the same.
    """
    names = {}
    lines = []
    for recording in recordings:
        name = re.sub(r"\s", "_", printable(recording.file))
        if names.setdefault(name, recording.file) != recording.file:
            raise FakeOrRealError(
                f"files must differ in more than white space to share an RTTM file. Received: {names[name]!r} and "
                f"{recording.file!r}. Rename one of them."
            )
        for start, end, confidence in recording.regions:
            start, end = round(start, 3), round(end, 3)
            lines.append(f"SPEAKER {name} 1 {start:.3f} {end - start:.3f} <NA> <NA> fake {confidence:.4f} <NA>\n")
    return "".join(lines)


def to_audacity(recording):
    """Text of a label track for Audacity (File > Import > Labels), one line per region: start, end, ``fake 0.93``.

    Args:
        recording: one recording; a label track belongs to one.

    Returns:
        str.
    """
    return "".join(f"{start:.6f}\t{end:.6f}\tfake {confidence:.2f}\n" for start, end, confidence in recording.regions)
