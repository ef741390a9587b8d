"""Trained on one generator, tested on all: which frames are used, what is kept, and where results go."""

import numpy as np
import pandas as pd
import pytest

from fakeorreal import audio, generator_report
from fakeorreal.errors import FakeOrRealError
from fakeorreal.generator_study import GeneratorStudy

GENERATORS = ["melgan", "hifigan"]


@pytest.fixture(scope="module")
def wavefake(make_wavefake, tmp_path_factory):
    return make_wavefake(tmp_path_factory.mktemp("WaveFake"))


@pytest.fixture
def study(wavefake, tmp_path, monkeypatch):
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FAKEORREAL_WAVEFAKE", str(wavefake))
    return GeneratorStudy("smoke")


def test_data_come_from_the_environment_and_results_go_apart(study, tmp_path):
    assert study.generators == GENERATORS
    assert (study.corpus_name, study.sr) == ("WaveFake", 22050)
    assert study.results == tmp_path / "results" / "WaveFake-smoke"


def test_front_ends_follow_the_rate_of_the_corpus(study):
    assert study.system("dcnn_stft").front_end.shape == (256, 101, 1)
    assert study.system("dcnn_sym5").front_end.shape == (256, 95, 1)
    assert study.system("dcnn_stft").front_end.hop_length == 220


def test_the_same_frames_are_drawn_from_every_generator(study):
    frames = study.frames("training", study.generators, cap=5)
    said = frames.groupby("generator").apply(lambda rows: sorted(zip(rows["group"], rows["start"], strict=True)))
    assert len(said["human"]) == 5
    assert said["human"] == said["melgan"] == said["hifigan"]


def test_training_holds_one_generator_and_testing_all(study):
    scores = study.run("lcnn_lfcc", generators=["hifigan"])
    found = scores.groupby("split")["generator"].agg(lambda names: sorted(set(names)))
    assert found["validation"] == ["hifigan", "human"]
    assert found["testing"] == ["hifigan", "human", "melgan"]
    assert set(scores["trained_on"]) == {"hifigan"}
    fitted_on = study.features("lcnn_lfcc", "training", ["hifigan"]).corpus
    assert set(fitted_on["generator"]) == {"human", "hifigan"}
    assert not set(fitted_on["group"]) & set(scores["group"])
    assert len(generator_report.by_generator(scores)) == 2


def test_runs_are_read_back_and_not_repeated(study, monkeypatch):
    first = study.run("lcnn_lfcc")
    monkeypatch.setattr("fakeorreal.experiments._scores", lambda *a: pytest.fail("computed again"))
    pd.testing.assert_frame_equal(GeneratorStudy("smoke").run("lcnn_lfcc"), first)


def test_attributions_are_those_of_both_classes_and_complete(study):
    maps, gaps = study.attributions("lcnn_lfcc", "melgan", clips=2, steps=50)
    assert gaps.shape == (4,) and gaps.max() < 0.01
    signed = {name: found.mean for name, found in maps.items()}
    assert signed["real"].shape == (60, 101)
    np.testing.assert_allclose((signed["real"] + signed["fake"]) / 2, signed["both"], atol=1e-6)
    np.testing.assert_allclose(signed["fake"] - signed["real"], signed["fake less real"], atol=1e-6)


def test_frames_are_exported_as_they_sound(study, tmp_path):
    rows = study.frames("testing", ["melgan"], cap=2)
    paths = study.export(rows["clip"], tmp_path / "out")
    assert [path.name for path in paths] == ["00-human.wav", "01-human.wav", "02-melgan.wav", "03-melgan.wav"]
    frame = rows.iloc[2]
    expected = audio.read(frame["path"], sr=22050, start=frame["start"], end=frame["end"])
    np.testing.assert_allclose(audio.read(paths[2], sr=22050), expected, atol=1e-4)


def test_one_frame_in_all_generators_real_first(study):
    clips = study.time_frequency()
    assert [(title, label) for title, label, _ in clips] == [("human", 0), ("melgan", 1), ("hifigan", 1)]
    assert all(level.shape[0] == 256 for _, _, levels in clips for level in levels.values())


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(FakeOrRealError, match="no such folder"):
        GeneratorStudy("smoke", tmp_path / "nowhere")
