"""The localisation study on a small corpus of tones, with a network that needs no training."""

import keras
import numpy as np
import pandas as pd
import pytest
from locator_double import SETTINGS, tone_network, write_tones

from fakeorreal import calling, localisation_report
from fakeorreal.corpora import edited_clips
from fakeorreal.features import FrameMel
from fakeorreal.frame_measures import frame_level
from fakeorreal.freeze_locator import freeze_locator
from fakeorreal.localisation_study import BUDGETS, LocalisationStudy
from fakeorreal.locator import load_locator

PAIRS, SECONDS = 5, 8.0


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_tones(tmp_path_factory.mktemp("corpus") / "tones", pairs=PAIRS, seconds=SECONDS)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    (home / "notebooks").mkdir()
    return home


@pytest.fixture(autouse=True)
def few_settings(monkeypatch):
    monkeypatch.setattr(calling, "THRESHOLDS", 20)
    monkeypatch.setattr(calling, "LEAST", (0.0,))


@pytest.fixture(autouse=True)
def trained(monkeypatch):
    """Trainings: what they were given. Each leaves the network that knows tones."""
    given = []

    def fit(options, training, validation, regions, *, epochs, seed, folder, batch):
        given.append((training.corpus, validation.corpus, epochs, seed))
        folder.mkdir(parents=True, exist_ok=True)
        model = tone_network()
        model.save(folder / "best.keras")
        log = {"epoch": 1, "loss": 0.5, "val_loss": 0.4, "val_frame_auc": 0.9, "val_clip_auc": 0.8}
        return model, pd.DataFrame([log])

    monkeypatch.setattr("fakeorreal.localisation_study.fit_localizer", fit)
    return given


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    """What stands in for the localiser that comes with the package."""
    folder = tmp_path_factory.mktemp("shipped") / "tones"
    freeze_locator(tone_network(), FrameMel(), folder, **SETTINGS)
    return folder


@pytest.fixture
def study(corpus, home, shipped, monkeypatch):
    monkeypatch.setattr("fakeorreal.localisation_study.FOLDER", shipped)
    monkeypatch.chdir(home)
    monkeypatch.setenv("FAKEORREAL_FAKESOUND", str(corpus))
    return LocalisationStudy("smoke")


def test_a_folder_is_studied_apart_from_the_embedded_corpus(study, home):
    assert study.corpus_name == "FakeSound" and study.results == home / "results" / "FakeSound-smoke"
    counts = study.corpus.groupby(["split", "test_set"]).size()
    assert set(counts) == {2 * BUDGETS["smoke"].sources} and len(counts) == 5
    assert study.corpus["group"].nunique() == 5 * BUDGETS["smoke"].sources


def test_without_a_folder_the_embedded_clips_are_built(corpus, home, monkeypatch):
    built = []

    def build(root, *, pairs):
        built.append((root, pairs))
        root.parent.mkdir(parents=True, exist_ok=True)
        root.symlink_to(corpus)

    monkeypatch.chdir(home)
    monkeypatch.delenv("FAKEORREAL_FAKESOUND", raising=False)
    monkeypatch.setattr(edited_clips, "build", build)
    names = [LocalisationStudy(profile).corpus_name for profile in ("smoke", "demo")]
    assert names == ["edited-clips", "edited-clips"]
    (small, pairs), (whole, all_pairs) = built
    assert small != whole and pairs == BUDGETS["smoke"].pairs and all_pairs is None


def test_a_run_scores_validation_and_testing_and_is_not_repeated(study, trained):
    (run,) = study.run()
    ((training, validation, epochs, seed),) = trained
    assert set(training["split"]) == {"training"} and set(validation["split"]) == {"validation"}
    assert (epochs, seed) == (BUDGETS["smoke"].epochs, 0)
    assert set(run.clips["clip"]) == set(run.frames) == set(study.corpus.query("split != 'training'")["clip"])
    assert all(len(frames) == 50 * SECONDS for frames in run.frames.values())
    assert (run.clips["n_training"] == 2 * BUDGETS["smoke"].sources).all()
    (again,) = LocalisationStudy("smoke").run()
    assert len(trained) == 1
    pd.testing.assert_frame_equal(run.clips, again.clips)
    for clip, frames in run.frames.items():
        np.testing.assert_array_equal(frames, again.frames[clip])
    assert study.curves()["seed"].tolist() == [0]


def test_scores_are_those_of_the_network(study):
    (run,) = study.run()
    features = study.features("testing")
    frames, clips = keras.models.load_model(study.run_folder(0) / "best.keras").predict(features.rows([3]), verbose=0)
    clip = features.corpus["clip"][3]
    np.testing.assert_allclose(run.frames[clip], frames[0, : len(run.frames[clip])], rtol=1e-5, atol=1e-5)
    assert run.clips.set_index("clip").loc[clip, "score"] == pytest.approx(clips[0, 0], rel=1e-5)


def test_the_shipped_localiser_scores_the_same_clips_once(study, shipped, monkeypatch):
    run, calling = study.shipped()
    locator = load_locator(shipped)
    assert set(run.clips["clip"]) == set(run.frames) == set(study.corpus.query("split != 'training'")["clip"])
    row = run.clips.iloc[7]
    path = study.corpus.set_index("clip").loc[row["clip"], "path"]
    np.testing.assert_array_equal(run.frames[row["clip"]], locator.locate(path).scores)
    assert row["score"] == pytest.approx(run.frames[row["clip"]].max(), rel=1e-6)
    assert calling[:4] == (locator.threshold, *(locator.regions[name] for name in ("median", "least", "gap")))
    monkeypatch.setattr("fakeorreal.locator.Locator.locate", None)
    pd.testing.assert_frame_equal(study.shipped()[0].clips, run.clips)


def test_other_regions_are_another_run(study):
    before = study.run_folder(0)
    study.regions = study.regions.assign(end=study.regions["end"] + 0.1)
    assert study.run_folder(0) != before


def test_levels_are_of_every_frame_of_validation_and_testing(study):
    levels = study.levels()
    features = study.features("testing")
    assert set(levels) == set(study.corpus.query("split != 'training'")["clip"])
    np.testing.assert_allclose(levels[features.corpus["clip"][0]], frame_level(features.rows([0])[0])[:400])


def test_edges_are_of_the_regions_of_testing(study):
    edges = study.edges()
    assert set(edges["clip"]) == set(study.corpus.query("split == 'testing' and label == 1")["clip"])
    assert (edges["sharpness"] > 2).all() and set(edges["test_set"]) == {"easy", "hard", "zeroshot"}


def test_the_tables_of_a_network_that_knows(study):
    runs = study.run()
    called = localisation_report.call(runs, study.shipped(), study.regions, study.levels())
    table = localisation_report.localisation_table(runs, study.regions, called)
    localizer = table[table["system"].isin([localisation_report.LOCALIZER, localisation_report.SHIPPED])]
    assert (localizer["f1_1s"] == 100).all() and (localizer["gain"] > 20).all()
    panels = study.example_panels({"one": "audio/easy0-fake.wav"}, called[0])
    ((title, picture, scores, true, found),) = panels
    assert title == "one" and picture.shape == (800, 128) and len(scores) == 400
    for spans, table in ((true, study.regions), (found, called[0].found)):
        np.testing.assert_array_equal(spans, table.loc[table["clip"] == "audio/easy0-fake.wav", ["start", "end"]])
    assert len(found) and found.min() >= 0.9 and found.max() <= 2.6


def test_edits_are_planted_in_real_testing_clips(study, monkeypatch):
    seen = []

    def plant(clips, *, seconds, key):
        seen.extend(clips)
        return key, seconds

    monkeypatch.setattr("fakeorreal.localisation_study.plant", plant)
    assert study.planted() == ("planted-FakeSound", BUDGETS["smoke"].seconds)
    assert len(seen) == 3 * BUDGETS["smoke"].sources and all(len(y) == SECONDS * 16000 for y in seen)
