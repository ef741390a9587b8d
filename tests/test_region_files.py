"""Files of regions: read back by others' readers, and harmless whatever the recordings are called."""

import csv
import io
import json
from typing import NamedTuple

import pytest

from fakeorreal.corpora.region_labels import read_rttm
from fakeorreal.errors import FakeOrRealError
from fakeorreal.region_files import COLUMNS, to_audacity, to_csv, to_json, to_rttm


class Recording(NamedTuple):
    file: str
    seconds: float
    regions: tuple


TALK = Recording("talk, one.wav", 12.34567, ((0.5, 2.04, 0.93456), (10.0, 12.34567, 0.5)))
SONG = Recording("Lieder/Zoë.flac", 3.0, ())


def test_json():
    text = to_json([TALK, SONG])
    assert text.endswith("]\n") and "Zoë" in text
    assert json.loads(text) == [
        {
            "file": "talk, one.wav",
            "seconds": 12.346,
            "regions": [
                {"start": 0.5, "end": 2.04, "confidence": 0.9346},
                {"start": 10.0, "end": 12.346, "confidence": 0.5},
            ],
        },
        {"file": "Lieder/Zoë.flac", "seconds": 3.0, "regions": []},
    ]
    assert json.loads(to_json([])) == []


def test_csv():
    header, *rows = csv.reader(io.StringIO(to_csv([TALK, SONG])))
    assert tuple(header) == COLUMNS
    assert rows == [
        ["talk, one.wav", "12.346", "0.500", "2.040", "0.9346"],
        ["talk, one.wav", "12.346", "10.000", "12.346", "0.5000"],
    ]


def test_rttm_is_read_back(tmp_path):
    recordings = [TALK, SONG, Recording("b\u2003c\td.wav", 9.0, ((1 / 3, 2 / 3, 1.0),))]
    text = to_rttm(recordings)
    assert text.splitlines()[0] == "SPEAKER talk,_one.wav 1 0.500 1.540 <NA> <NA> fake 0.9346 <NA>"
    assert all(len(line.split()) == 10 for line in text.splitlines())
    path = tmp_path / "all.rttm"
    path.write_text(text, encoding="utf-8")
    assert read_rttm(path).values.tolist() == [
        ["b\\u2003c\\td.wav", 0.333, 0.667],
        ["talk,_one.wav", 0.5, 2.04],
        ["talk,_one.wav", 10.0, 12.346],
    ]


def test_rttm_keeps_recordings_apart():
    with pytest.raises(FakeOrRealError, match=r"differ in more than white space.* Received: 'a b\.wav' and 'a_b\.wav'"):
        to_rttm([Recording("a b.wav", 1.0, ()), Recording("a_b.wav", 1.0, ())])
    assert to_rttm([Recording("a b.wav", 1.0, ())] * 2) == ""


def test_audacity():
    assert to_audacity(TALK) == "0.500000\t2.040000\tfake 0.93\n10.000000\t12.345670\tfake 0.50\n"
    assert to_audacity(SONG) == ""


@pytest.mark.parametrize("name", ["=1+1.wav", "@SUM(A1).wav", "-2.wav", "\t=1.wav"])
def test_no_cell_is_a_formula(name):
    _, row = csv.reader(io.StringIO(to_csv([TALK._replace(file=name, regions=((0, 1, 0.5),))])))
    assert not any(cell.startswith(("=", "+", "-", "@", "\t")) for cell in row)


@pytest.mark.parametrize("name", ["a\nb.wav", "a\u2028b.wav", "\udcff.wav", "a\x00b.wav", 'a"b.wav', "SPEAKER x 1.wav"])
@pytest.mark.parametrize("write", [to_json, to_csv, to_rttm])
def test_no_name_breaks_a_line(write, name):
    plain, odd = (write([TALK._replace(file=file)]) for file in ("plain.wav", name))
    odd.encode()
    assert len(odd.splitlines()) == len(plain.splitlines())
