"""The CSV of predictions: complete, harmless, and whole again after an interruption."""

import csv

import pandas as pd
import pytest
from detector_double import make_prediction

from fakeorreal import FakeOrRealError, prediction_csv
from fakeorreal.predict import Record


def write(path, *records, kept=()):
    with prediction_csv.appending(path, kept) as add:
        for record in records:
            add(record)


def test_a_row_holds_the_prediction(tmp_path):
    path = tmp_path / "new" / "out.csv"
    prediction = make_prediction("talk, one.wav", 2.75, warnings=("It clips.", "It hums."), regions=((1, 3), (4.5, 6)))
    write(path, Record("talk, one.wav", prediction, sha256="ab" * 32))
    (row,) = pd.read_csv(path).to_dict("records")
    assert tuple(row) == prediction_csv.COLUMNS
    assert row["file"] == "talk, one.wav" and row["verdict"] == "fake" and row["sha256"] == "ab" * 32
    assert row["score"] == 2.75 and row["threshold"] == 0.5 and row["seconds"] == 6
    assert row["probability_fake"] == pytest.approx(prediction.probability_fake, abs=1e-6)
    assert row["fake_share"] == pytest.approx(2 / 3, abs=1e-4)
    assert row["regions"] == "1.00-3.00;4.50-6.00" and row["warnings"] == "It clips. It hums."
    assert (row["detector"], row["weight_hash"]) == ("double", "0123456789ab")
    assert pd.isna(row["error"])


def test_a_failure_is_no_verdict(tmp_path):
    path = tmp_path / "out.csv"
    write(path, Record("broken.wav", error="broken.wav: cannot be decoded."))
    (row,) = csv.DictReader(path.open(newline=""))
    assert {name: value for name, value in row.items() if value} == {
        "file": "broken.wav",
        "error": "broken.wav: cannot be decoded.",
    }


@pytest.mark.parametrize("name", ["=1+1.wav", "+1.wav", "-2.wav", "@SUM(A1).wav", "＝1.wav", "\t=1.wav", "\r=1.wav"])
def test_no_cell_is_a_formula(tmp_path, name):
    path = tmp_path / "out.csv"
    record = Record(name, make_prediction(name, warnings=("=1+1",), detector="=1+1", detector_version="@1"))
    write(path, record, Record(name, error=f"{name}: no such file."))
    for row in csv.DictReader(path.open(newline="")):
        del row["score"]
        assert not any(cell.startswith(tuple("=+-@＝＋－＠\t\r")) for cell in row.values())


def test_a_cell_still_names_the_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "=1+1.wav").write_bytes(b"sound")
    with open(prediction_csv.cell("=1+1.wav"), "rb") as f:
        assert f.read() == b"sound"
    assert prediction_csv.cell("talk.wav") == "talk.wav"
    assert prediction_csv.cell("/x/=1.wav") == "/x/=1.wav"


def test_a_record_is_one_line(tmp_path):
    path = tmp_path / "out.csv"
    write(path, Record("a\nb\r\u2028c.wav", make_prediction()), Record("\udcff.wav", error='"quoted",\n\x00'))
    assert path.read_bytes().count(b"\n") == 3 and len(path.read_text().splitlines()) == 3
    assert len(prediction_csv.read(path)) == 2


def test_rows_are_on_disk_before_the_end(tmp_path):
    path = tmp_path / "out.csv"
    with prediction_csv.appending(path, []) as add:
        add(Record("a.wav", make_prediction()))
        assert list(prediction_csv.read(path)) == ["a.wav"]


def test_kept_rows_come_first_and_unchanged(tmp_path):
    path = tmp_path / "out.csv"
    write(path, Record("a.wav", make_prediction("a.wav")), Record("b.wav", error="b.wav: bad."))
    before = path.read_bytes()
    write(path, kept=prediction_csv.read(path).values())
    assert path.read_bytes() == before
    write(path, Record("c.wav", make_prediction("c.wav")), kept=prediction_csv.read(path).values())
    assert path.read_bytes().startswith(before) and list(prediction_csv.read(path)) == ["a.wav", "b.wav", "c.wav"]


def test_cut_off_anywhere(tmp_path):
    """Whatever a kill leaves, the whole lines are read and the rest is left out."""
    path = tmp_path / "out.csv"
    write(path, Record("ä,.wav", make_prediction(warnings=("It clips.",))), Record("b.wav", error="ü: bad, really."))
    data = path.read_bytes()
    whole = prediction_csv.read(path)
    for n in range(len(data)):
        path.write_bytes(data[:n])
        rows = prediction_csv.read(path)
        assert len(rows) == max(data[:n].count(b"\n") - 1, 0)
        assert all(whole[name] == row for name, row in rows.items())


def test_no_file_and_an_empty_one(tmp_path):
    path = tmp_path / "out.csv"
    assert prediction_csv.read(path) == {}
    path.touch()
    assert prediction_csv.read(path) == {}


def test_saved_by_a_spreadsheet(tmp_path):
    path = tmp_path / "out.csv"
    write(path, Record("a.wav", make_prediction()))
    rows = prediction_csv.read(path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert prediction_csv.read(path) == rows


@pytest.mark.parametrize("data", [b"name,age\nx,3\n", b"one line", b"RIFF\xff\xfe\x00", b"file,verdict\na.wav,fake\n"])
def test_another_file_is_left_alone(tmp_path, data):
    path = tmp_path / "out.csv"
    path.write_bytes(data)
    with pytest.raises(FakeOrRealError, match=r"out\.csv: is no CSV of predictions.*Name another"):
        prediction_csv.read(path)
    assert path.read_bytes() == data


def test_many_hours_of_regions(tmp_path):
    path = tmp_path / "out.csv"
    regions = tuple((4.0 * k, 4.0 * k + 2) for k in range(20_000))
    write(path, Record("day.wav", make_prediction(regions=regions)))
    assert prediction_csv.read(path)["day.wav"]["regions"].count(";") == 19_999
