"""The CSV of predictions: appended file by file, so that a run that was interrupted can go on.

Every record is one line: what could break a line is escaped.
"""

import contextlib
import csv
import io
import sys
from pathlib import Path

from fakeorreal.errors import FakeOrRealError
from fakeorreal.files import naming, write_atomically
from fakeorreal.wording import printable

COLUMNS = (
    "file",
    "verdict",
    "probability_fake",
    "score",
    "threshold",
    "fake_share",
    "regions",
    "seconds",
    "warnings",
    "detector",
    "detector_version",
    "weight_hash",
    "sha256",
    "error",
)


def read(path):
    """Rows of an earlier run.

    Args:
        path: CSV of predictions; need not exist. A last line that was cut short is left out.

    Returns:
        dict from `cell` of the file name to the row, a dict of text by column.

    Raises:
        FakeOrRealError: the file is something else.
    """
    path = Path(path)
    if not path.exists():
        return {}
    lines = path.read_text(encoding="utf-8-sig", errors="replace").split("\n")
    header = ",".join(COLUMNS)
    if not (lines[0] == header if len(lines) > 1 else header.startswith(lines[0])):
        raise FakeOrRealError(f"{path}: is no CSV of predictions and is left as it is. Name another file for --csv.")
    csv.field_size_limit(sys.maxsize)  # many hours have many regions
    rows = csv.DictReader(lines[:-1])  # what follows the last line break was cut short
    return {row["file"]: row for row in rows if None not in row and None not in row.values()}


@contextlib.contextmanager
def appending(path, rows):
    """Begin the CSV anew with the rows that stand; gives a function that adds a `predict.Record`."""
    path = Path(path)
    write_atomically(path, _lines(rows, header=True))
    with path.open("ab", buffering=0) as file:  # without a buffer, which would be written again when it is closed

        def add(record):
            line = _lines([_row(record)])
            with naming(path):
                while line:
                    line = line[file.write(line) :]

        yield add


def _lines(rows, *, header=False):
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    if header:
        writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def cell(text):
    """Text on one line that no spreadsheet takes for a formula: ``=1+1.wav`` becomes ``./=1+1.wav``, the same file."""
    text = printable(text)
    return f"./{text}" if text.startswith(tuple("=+-@＝＋－＠")) else text


def _row(record):
    """A failure has a file and an error, and nothing that could be taken for a result."""
    row = {"file": cell(record.file), "error": cell(record.error)}
    prediction = record.prediction
    if prediction is not None:
        row |= {
            "verdict": prediction.verdict,
            "probability_fake": f"{prediction.probability_fake:.6f}",
            "score": f"{prediction.score:.4f}",
            "threshold": f"{prediction.threshold:.4f}",
            "fake_share": f"{prediction.fake_share:.4f}",
            "regions": ";".join(f"{start:.2f}-{end:.2f}" for start, end in prediction.regions),
            "seconds": f"{prediction.seconds:.3f}",
            "warnings": cell(" ".join(prediction.warnings)),
            "detector": cell(prediction.detector),
            "detector_version": cell(prediction.detector_version),
            "weight_hash": prediction.weight_hash,
            "sha256": record.sha256,
        }
    return row
