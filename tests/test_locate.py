"""``fakeorreal locate``: every format, several files, and errors that lose nothing."""

import json

import numpy as np
import pytest
import soundfile as sf
from locator_double import SETTINGS, tone_network, with_tones

from fakeorreal.cli import main
from fakeorreal.corpora.region_labels import read_rttm
from fakeorreal.errors import FakeOrRealError
from fakeorreal.features.frame_mel import FrameMel
from fakeorreal.freeze_locator import freeze_locator
from fakeorreal.locate import FORMATS, run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("locate")
    freeze_locator(tone_network(), FrameMel(), folder / "tones", **SETTINGS)
    (folder / "clips").mkdir()
    for name, spans in {"a b": [(1.0, 2.0)], "c": [], "d": [(0.5, 1.0), (4.0, 5.5)]}.items():
        sf.write(folder / "clips" / f"{name}.wav", with_tones(6, spans), 16000)
    return folder


def locate(folder, *paths, **options):
    return run([folder / "clips" / path for path in paths], folder=folder / "tones", **options)


def test_text_names_every_stretch(folder, capsys):
    assert locate(folder, "d.wav") == 0
    out = capsys.readouterr().out
    assert "2 stretches look manipulated, 2.0 s of 6.0 s (33" in out
    assert "0:00.5–0:01.0  confidence" in out and "0:04.0–0:05.5  confidence" in out
    assert "no evidence" in out and "Localiser: tones 0.1, weights" in out


def test_a_folder_is_searched(folder, capsys):
    assert run([folder / "clips"], folder=folder / "tones") == 0
    out = capsys.readouterr().out
    assert [line for line in out.splitlines() if line.endswith(".wav")] == sorted(
        str(path) for path in (folder / "clips").iterdir()
    )
    assert "0 stretches look manipulated" in out and "1 stretch looks manipulated" in out


def test_json(folder, capsys):
    assert locate(folder, "a b.wav", "c.wav", form="json") == 0
    first, second = json.loads(capsys.readouterr().out)
    assert second["regions"] == [] and first["regions"][0]["start"] == pytest.approx(1, abs=0.021)


def test_files_are_written_whole(folder, tmp_path):
    for form in FORMATS:
        assert locate(folder, "d.wav", form=form, out=tmp_path / form) == 0
        assert (tmp_path / form).read_text().strip()
    regions = read_rttm(tmp_path / "rttm")
    assert np.array(regions[["start", "end"]]) == pytest.approx(np.array([[0.5, 1], [4, 5.5]]), abs=0.021)
    labels = [line.split("\t") for line in (tmp_path / "audacity").read_text().splitlines()]
    assert [float(start) for start, *_ in labels] == pytest.approx([0.5, 4], abs=0.021)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(FORMATS)


def test_a_bad_file_is_named_and_the_others_are_located(folder, tmp_path, capsys):
    (tmp_path / "broken.wav").write_text("no audio")
    good = folder / "clips" / "a b.wav"
    assert run([tmp_path / "broken.wav", good], folder=folder / "tones", form="csv") == 2
    out, err = capsys.readouterr()
    assert "broken.wav" in err and err.count("\n") == 1
    assert len(out.splitlines()) == 2 and "a b.wav" in out


def test_the_figure(folder, tmp_path):
    assert locate(folder, "a b.wav", figure=tmp_path / "new" / "a.png") == 0
    assert (tmp_path / "new" / "a.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("options", [{"form": "audacity"}, {"figure": "x.png"}])
def test_what_belongs_to_one_recording(folder, options):
    with pytest.raises(FakeOrRealError, match=r"belongs to one recording. Received: 2 files"):
        locate(folder, "c.wav", "d.wav", **options)


def test_an_output_like_a_recording_is_refused_before_any_work(folder):
    with pytest.raises(FakeOrRealError, match="named like a recording"):
        locate(folder, "c.wav", out=folder / "clips" / "d.wav")


def test_the_command(folder, tmp_path, capsys):
    arguments = ["locate", str(folder / "clips" / "d.wav"), "--locator", str(folder / "tones")]
    assert main([*arguments, "--format", "rttm", "--out", str(tmp_path / "d.rttm")]) == 0
    assert len(read_rttm(tmp_path / "d.rttm")) == 2 and capsys.readouterr().out == ""
    assert main(["locate", str(tmp_path / "none.wav"), "--locator", str(folder / "tones")]) == 2
    assert "none.wav" in capsys.readouterr().err
