"""The table of regions, and label files of PartialSpoof's kinds and in RTTM."""

import numpy as np
import pandas as pd
import pytest

from fakeorreal.corpora.region_labels import COLUMNS, make_regions, read_partialspoof, read_rttm
from fakeorreal.errors import FakeOrRealError


def rows(table):
    return list(table.itertuples(index=False, name=None))


def regions(*stated, columns=COLUMNS):
    return pd.DataFrame(stated, columns=list(columns))


# The table


def test_sorted_and_left_alone():
    given = regions(("b", 4, 5), ("a", 3, 4), ("b", 1, 2), ("a", 0, 1))
    table = make_regions(given)
    assert rows(table) == [("a", 0, 1), ("a", 3, 4), ("b", 1, 2), ("b", 4, 5)]
    assert table.index.tolist() == [0, 1, 2, 3] and table.dtypes[["start", "end"]].eq(float).all()
    assert rows(given)[0] == ("b", 4, 5)


@pytest.mark.parametrize(
    ("stated", "merged"),
    [
        ([(0, 2), (1, 3)], [(0, 3)]),
        ([(0, 5), (1, 2), (4, 6)], [(0, 6)]),  # the third overlaps the first, not the second
        ([(0, 1), (1, 2)], [(0, 2)]),
        ([(0, 0.1 + 0.2), (0.3, 0.4)], [(0, 0.4)]),
        ([(0, 1), (1.001, 2)], [(0, 1), (1.001, 2)]),
        ([(1, 2), (1, 2)], [(1, 2)]),
    ],
    ids=["overlap", "inside", "touch", "touch but for rounding", "apart", "twice"],
)
def test_what_overlaps_or_touches_becomes_one(stated, merged):
    table = make_regions(regions(*[("a", *times) for times in stated], ("b", 1.5, 3)))
    assert rows(table) == [*[("a", *times) for times in merged], ("b", 1.5, 3)]


def test_further_columns_stay():
    table = make_regions(
        regions(
            ("x", "a", 2, 3), ("y", "a", 0, 1), ("y", "a", 0.5, 2.5), ("x", "b", 0, 1), columns=("method", *COLUMNS)
        )
    )
    assert list(table) == ["clip", "start", "end", "method"]
    assert rows(table) == [("a", 0, 3, "y+x"), ("b", 0, 1, "x")]


def test_within_the_clip():
    seconds = pd.Series({"a": 2.0, "b": 1.0, "c": 0.0})
    assert rows(make_regions(regions(("a", 1, 9), ("b", 0, 1)), seconds)) == [("a", 1, 2), ("b", 0, 1)]
    with pytest.raises(FakeOrRealError, match=r"must begin before its clip ends\. Received: 1 to 2 in b \(1 such"):
        make_regions(regions(("a", 0, 1), ("b", 1, 2)), seconds)
    with pytest.raises(FakeOrRealError, match=r"must state the duration of every clip.* in d \(1 such"):
        make_regions(regions(("a", 0, 1), ("d", 0, 1)), seconds)


@pytest.mark.parametrize("given", [[], regions(), pd.DataFrame()])
def test_none(given):
    table = make_regions(given, pd.Series({"a": 1.0}))
    assert len(table) == 0 and list(table) == list(COLUMNS)
    assert len(make_regions(table)) == 0
    assert list(make_regions(regions(columns=(*COLUMNS, "method")))) == [*COLUMNS, "method"]


@pytest.mark.parametrize("times", [(1, 1), (2, 1), (-1, 1), (0, np.inf), (np.nan, 1), (0, np.nan), ("soon", 1)])
def test_impossible_times(times):
    with pytest.raises(FakeOrRealError, match=r"0 <= start < end, in seconds\. Received: .* in a \(1 such regions\)"):
        make_regions(regions(("a", 0, 1), ("a", *times)))


def test_a_missing_column():
    with pytest.raises(FakeOrRealError, match=r"columns clip, start, end\. Missing: end\."):
        make_regions([{"clip": "a", "start": 0}])


# PartialSpoof


def test_one_file_per_clip(tmp_path):
    (tmp_path / "CON_1.txt").write_text(
        "\ufeff0.0 1.25 bonafide\n1.25\t2.5\tspoof\r\n\n2.5 3 FAKE\n3 4 real\n", "utf-8"
    )
    (tmp_path / "CON_0.txt").write_text("0 9.5 spoof")
    (tmp_path / "CON_2.txt").write_text("0 9.5 bona-fide\n")
    (tmp_path / "notes.md").write_text("no labels")
    assert rows(read_partialspoof(tmp_path)) == [("CON_0", 0, 9.5), ("CON_1", 1.25, 3)]
    assert rows(read_partialspoof(tmp_path / "CON_1.txt")) == [("CON_1", 1.25, 3)]


def test_one_line_per_clip(tmp_path):
    path = tmp_path / "labels.txt"
    path.write_text(
        "dev-2 3.9090 spoof 0.0000-0.0970-bonafide 0.0970-2.7070-spoof 2.7070-3.9090-bona-fide\n"
        "dev-1 0.9600 bonafide 0.0000-0.9600-bonafide\n"
        "dev-0 5.0 spoof 0.0-1.0-spoof 1.0-2.0-bonafide 2.0-5.0-spoof\n"
    )
    assert rows(read_partialspoof(path)) == [("dev-0", 0, 1), ("dev-0", 2, 5), ("dev-2", 0.097, 2.707)]


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("0.5 spoof", r"a line must be `start end label` or"),
        ("0.5 soon spoof", r"could not convert string to float: 'soon'"),
        ("0.5 0.5 spoof", r"0 <= start < end"),
        ("2 1 bonafide", r"0 <= start < end"),
        ("nan 1 spoof", r"0 <= start < end"),
        ("0 inf spoof", r"0 <= start < end"),
        ("0 1 A01", r"a label must be one of real, bonafide"),
        ("x 3.0 spoof 0.0-1.0", r"must be written start-end-label"),
        ("x 3.0 spoof 0.0-1.0-spoof 1.0-0.5-spoof", r"0 <= start < end"),
    ],
)
def test_a_bad_line_is_named(tmp_path, line, rule):
    path = tmp_path / "a.txt"
    path.write_text(f"0 1 spoof\n\n{line}\n")
    with pytest.raises(FakeOrRealError, match=rf"a\.txt, line 3: .*{rule}") as caught:
        read_partialspoof(tmp_path)
    assert f"Received: {line!r}. Correct the line." in str(caught.value)


# RTTM


def test_rttm(tmp_path):
    path = tmp_path / "all.rttm"
    path.write_text(
        ";; a comment\n"
        "SPKR-INFO CON_1 1 <NA> <NA> <NA> unknown spoof <NA>\n"
        "SPEAKER CON_1 1 0.10 0.20 <NA> <NA> spoof <NA> <NA>\n"
        "SPEAKER CON_1 1 0.30 1.00 <NA> <NA> bonafide <NA> <NA>\n"
        "SPEAKER CON_0 1 1.5 0.5 <NA> <NA> Fake 0.9\n"
    )
    assert rows(read_rttm(path)) == [("CON_0", 1.5, 2), ("CON_1", 0.1, 0.3)]


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("SPEECH a 1 0 1 <NA> <NA> spoof <NA> <NA>", "must begin with SPEAKER"),
        ("SPEAKER a 1 0 1 <NA> <NA>", "at least 8 fields"),
        ("SPEAKER a 1 0 0 <NA> <NA> spoof <NA> <NA>", "0 <= start < end"),
        ("SPEAKER a 1 x 1 <NA> <NA> spoof <NA> <NA>", "could not convert"),
        ("SPEAKER a 1 0 1 <NA> <NA> speaker3 <NA> <NA>", "a label must be one of"),
    ],
)
def test_a_bad_line_of_rttm_is_named(tmp_path, line, rule):
    path = tmp_path / "a.rttm"
    path.write_text(f"SPEAKER a 1 0 1 <NA> <NA> spoof <NA> <NA>\n{line}\n")
    with pytest.raises(FakeOrRealError, match=rf"a\.rttm, line 2: .*{rule}.*Received: '{line}'"):
        read_rttm(path)


@pytest.mark.parametrize("read", [read_partialspoof, read_rttm])
def test_no_text_to_read(tmp_path, read):
    with pytest.raises(FakeOrRealError, match=r"nowhere\.txt: cannot be read .* Name a text file in UTF-8"):
        read(tmp_path / "nowhere.txt")
    (tmp_path / "latin.txt").write_bytes("Zoë".encode("latin-1"))
    with pytest.raises(FakeOrRealError, match=r"latin\.txt: cannot be read"):
        read(tmp_path / "latin.txt")


def test_an_empty_folder(tmp_path):
    with pytest.raises(FakeOrRealError, match=r"holds no file that ends in \.txt"):
        read_partialspoof(tmp_path)
