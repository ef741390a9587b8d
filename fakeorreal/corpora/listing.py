"""The CSV tables beside a corpus: every value is text, and what is missing is said."""

import textwrap
from pathlib import Path

import pandas as pd

from fakeorreal.errors import FakeOrRealError

_WIDEST = 2**16  # bytes of the first line: a file of a million columns would take minutes and gigabytes
_QUOTED = 80  # characters of a value in an error


def read_listing(path, required, *, unique=None):
    """Read a table that lists clips.

    Args:
        path: CSV file in UTF-8.
        required: columns that it must have.
        unique: one of them, in which no value may stand twice.

    Returns:
        DataFrame of str, values stripped of blanks around them, empty ones "".

    Raises:
        FakeOrRealError: the file cannot be read as CSV in UTF-8, lacks a column, or lists something twice.
    """
    try:
        with Path(path).open("rb") as file:
            if len(file.readline(_WIDEST + 1)) > _WIDEST:
                raise ValueError(f"its first line is longer than {_WIDEST} bytes")
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except ValueError as error:  # of pandas: empty, ragged; of the decoder: not UTF-8
        reason = textwrap.shorten(str(error), 200, placeholder=" …").rstrip(".")
        raise FakeOrRealError(f"{path}: cannot be read ({reason}). Save it as CSV in UTF-8.") from error
    missing = [column for column in required if column not in table]
    if missing:
        raise FakeOrRealError(
            f"{path}: needs the columns {', '.join(required)}. Missing: {', '.join(missing)}. "
            f"Received: {textwrap.shorten(', '.join(table), 10 * _QUOTED, placeholder=' …')}."
        )
    table = table.apply(lambda column: column.str.strip())
    if unique and table[unique].duplicated().any():
        twice = table.loc[table[unique].duplicated(), unique].iloc[0]
        raise FakeOrRealError(f"{path}: lists {twice:.{_QUOTED}} twice. Remove one of the lines.")
    return table
