"""Detectors of the systems of the study: where they lie, and that a frozen one scores as the network it came from."""

import json
import math
import shutil
from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
import pytest

from fakeorreal import calibration, freeze, frozen_systems, training
from fakeorreal.detector import load_detector
from fakeorreal.errors import FakeOrRealError
from fakeorreal.features import PowerSpectrogram
from fakeorreal.frozen_systems import freeze_system
from fakeorreal.project import project_home
from fakeorreal.systems import System
from fakeorreal.workspace import Workspace

SR = 16000
FRONT_END = PowerSpectrogram(seconds=1.0, n_fft=256, hop_length=256)
SYSTEM = System("spy_cnn", FRONT_END, window=1.0, standardise=(2,), batch=8)


class Clips:
    """Features of noise, white (real) and dull (fake): what `Features` offers to training."""

    def __init__(self, n, seed):
        rng = np.random.default_rng(seed)
        noise = 0.1 * rng.standard_normal((n, SR)).astype(np.float32)
        self.labels = np.arange(n) % 2
        noise[1::2] = [np.convolve(y, np.ones(8) / 8, "same") for y in noise[1::2]]
        self.values, self.shape = np.stack([FRONT_END(y) for y in noise]), FRONT_END.shape
        self.corpus = pd.DataFrame({"clip": [f"c{k:02d}" for k in range(n)], "label": self.labels})
        for column in ("group", "speaker", "generator", "language", "split"):
            self.corpus[column] = column

    def __len__(self):
        return len(self.labels)

    def rows(self, indices):
        return self.values[indices]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """(path of a trained network, its scores on validation)"""
    folder = tmp_path_factory.mktemp("run")
    fitted = training.fit_network(SYSTEM, Clips(8, 1), Clips(8, 2), marks=(1,), seed=0, folder=folder)
    ((_, model, _),) = list(fitted)
    scores = training.score_clips(SYSTEM, model, Clips(20, 3))
    scores["score"] = scores["score"].rank() + 5 * scores["label"]  # that of one epoch need not rise with fake
    return folder / "epoch-1.keras", scores


@pytest.fixture(scope="module")
def folder(run, tmp_path_factory):
    """A frozen detector of that run."""
    folder = tmp_path_factory.mktemp("project") / "data" / "detectors" / "spy_cnn"
    freeze_system(SYSTEM, keras.models.load_model(run[0]), run[1], folder, version="prompts-seed0")
    return folder


# Frozen


def test_scores_are_those_of_keras_calibrated(run, folder, make_speech):
    y = make_speech(6.0, SR)
    features = np.stack([FRONT_END(clip) for clip in y.reshape(6, SR)])
    logits = keras.models.load_model(run[0], safe_mode=True).predict_on_batch(features)[:, 0]
    scale, offset = calibration.platt(run[1]["label"], run[1]["score"])
    scores = load_detector(folder).score_windows(y)
    np.testing.assert_allclose(scores, scale * logits + offset, atol=1e-4)
    assert np.ptp(scores) > 1e-2  # else any constant would do


def test_what_is_frozen_with_it(folder):
    settings = json.loads((folder / "detector.json").read_text())
    assert (settings["name"], settings["version"]) == ("spy_cnn", "prompts-seed0")
    assert settings["window"] == settings["hop"] == 1.0
    assert settings["front_end"] == FRONT_END.config() and len(settings["members"]) == 1
    assert settings["calibration"]["from"] == "Platt scaling on 20 validation clips"
    assert (settings["threshold"], settings["threshold_from"]) == (0, "even odds")
    assert settings["unsure"] == [pytest.approx(math.log(2 / 3)), pytest.approx(math.log(3 / 2))]  # 40 and 60 %


def test_a_version_is_frozen_once(folder):
    before = load_detector(folder).hash
    assert freeze_system(SYSTEM, None, None, folder, version="prompts-seed0").hash == before


@pytest.mark.parametrize("readable", [True, False])
def test_an_older_detector_gives_way(run, folder, tmp_path, monkeypatch, readable):
    """That of another run; and one that this package cannot read, of the same run."""
    place = shutil.copytree(folder, tmp_path / "spy_cnn")
    if not readable:
        (place / "detector.json").write_text('{"version": "prompts-seed1"}')
    made = []

    def frozen(models, front_end, to, **settings):
        made.append((to.exists(), settings["version"]))

    monkeypatch.setattr(freeze, "freeze", frozen)
    freeze_system(SYSTEM, SimpleNamespace(layers=[]), run[1], place, version="prompts-seed1")
    assert made == [(False, "prompts-seed1")]


def test_a_folder_of_something_else_is_left(run, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(FakeOrRealError, match="holds files already"):
        freeze_system(SYSTEM, SimpleNamespace(layers=[]), run[1], tmp_path, version="1")
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


# Found


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project, seen from a folder deep in it."""
    (tmp_path / "notebooks" / "drafts").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "notebooks" / "drafts")
    return tmp_path


def test_where_a_project_is(project, monkeypatch):
    assert project_home() == Workspace("smoke").home == project
    (project / "notebooks" / "drafts" / "notebooks").mkdir()  # a project of its own
    assert project_home() == Workspace("smoke").home == project / "notebooks" / "drafts"


def test_outside_a_project_it_is_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert frozen_systems.detector_folder("spy_vit") == tmp_path / "data" / "detectors" / "spy_vit"


def test_a_detector_is_found(project):
    folder = project / "data" / "detectors" / "spy_vit"
    with pytest.raises(FakeOrRealError) as error:
        frozen_systems.find_detector("spy_vit")
    assert str(error.value) == (
        f"{folder}: no detector is there yet. Run `fakeorreal study --only 08` in the project's folder to train it, "
        "or give --detector FOLDER."
    )
    folder.mkdir(parents=True)
    (folder / "detector.json").touch()
    assert frozen_systems.find_detector("spy_vit") == folder


@pytest.mark.parametrize("name", ["nonsense", "dnn", "", "../spy_cnn"])
def test_systems_without_a_detector(project, name):
    with pytest.raises(FakeOrRealError) as error:
        frozen_systems.find_detector(name)
    assert str(error.value) == f"`system` must be one of spy_cnn, spy_vit, wild_cnn. Received: {name!r}."
