"""Tables beside a corpus: text as it stands, and one sentence on what is wrong."""

import pytest

from fakeorreal.corpora.listing import read_listing
from fakeorreal.errors import FakeOrRealError


@pytest.fixture
def listing(tmp_path):
    def write(text):
        (tmp_path / "list.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
        return tmp_path / "list.csv"

    return write


def test_values_are_text_without_blanks_around_them(listing):
    table = read_listing(listing("\ufefffile, n\n a.wav ,007\nb.wav,\n"), ["file"])
    assert table.to_numpy().tolist() == [["a.wav", "007"], ["b.wav", ""]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"list\.csv: cannot be read \(No columns to parse from file\)\. Save it as CSV in UTF-8\."),
        (b"file,split\n\xff\xfe,x\n", r"list\.csv: cannot be read \(.*utf-8.*\)\."),
        ('file,split\n"a,b\n', r"cannot be read \(.*\)\. Save it"),
        ("file,label\na,b\n", r"needs the columns file, split\. Missing: split\. Received: file, label\."),
        ("file,split\na,x\nb,x\na ,y\n", r"list\.csv: lists a twice\. Remove one of the lines\."),
    ],
)
def test_what_is_wrong_is_said(listing, text, message):
    with pytest.raises(FakeOrRealError, match=message):
        read_listing(listing(text), ["file", "split"], unique="file")
