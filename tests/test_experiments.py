"""One run on disk: what is altered and what is not, its log, and the clips on the wrong side."""

import hashlib
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from fakeorreal import audio, experiments
from fakeorreal.corpora import make_corpus
from fakeorreal.errors import FakeOrRealError
from fakeorreal.experiments import misclassified, read_scores, read_windows, run_folder, split_features
from fakeorreal.features import Features, Handcrafted, LogMel
from fakeorreal.features.augmented import Augmented
from fakeorreal.spy_augmentation import AUGMENTATIONS
from fakeorreal.systems import System

SR = 16000
SYSTEM = System(
    "custom_cnn",
    LogMel(n_fft=512, hop_length=256, n_mels=32, seconds=0.5),
    window=0.5,
    standardise=(2,),
    batch=8,
    augmentation="spy_cnn",
    patience=1,
    best=True,
)
EPOCHS = 3


@pytest.fixture(scope="module")
def corpus(tmp_path_factory, make_speech):
    """Six clips per split, of two windows each; fakes lack high frequencies."""
    folder = tmp_path_factory.mktemp("clips")
    rows = []
    for s, split in enumerate(("training", "validation", "testing")):
        for k in range(6):
            y = make_speech(1.0, SR, f0=90 + 10 * k, seed=10 * s + k)
            y = np.convolve(y, np.ones(9) / 9, "same") if k % 2 else y
            path = folder / f"{split}{k}.wav"
            audio.write(path, y, sr=SR)
            rows.append({"clip": path.name, "path": str(path), "split": split, "label": k % 2, "group": path.name})
    return make_corpus(pd.DataFrame(rows))


@pytest.fixture(scope="module")
def features(corpus, tmp_path_factory):
    folder = tmp_path_factory.mktemp("features")
    return lambda system, split: split_features(system, corpus, split, cap=None, folder=folder)


def run(features, runs, system=SYSTEM, **options):
    training, *scored = (features(system, split) for split in ("training", "validation", "testing"))
    what = {"marks": (1, EPOCHS), "seed": 0, "threads": 2, "runs": runs, "name": "clips"}
    return run_folder(system, training, scored, **what, **options)


@pytest.fixture(scope="module")
def heard():
    return []


@pytest.fixture(scope="module")
def folder(features, heard, tmp_path_factory):
    """A finished run; ``heard`` holds the waveforms that were altered in it."""

    def note(y, front_end, rng):
        heard.append(y)
        return AUGMENTATIONS["spy_cnn"](y, front_end, rng)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fakeorreal.features.augmented.AUGMENTATIONS", {"spy_cnn": note})
        return run(features, tmp_path_factory.mktemp("runs"))


def test_training_rows_alone_are_altered_once_in_every_epoch(folder, heard, corpus):
    windows = [
        audio.read(row.path, sr=SR, start=start, end=start + 0.5)
        for row in corpus[corpus["split"] == "training"].itertuples()
        for start in (0, 0.5)
    ]
    assert len(heard) == EPOCHS * len(windows)
    counts = [sum(np.array_equal(y, window) for y in heard) for window in windows]
    assert counts == [EPOCHS] * len(windows)


@pytest.mark.parametrize(("split", "kind"), [("training", Augmented), ("validation", Features), ("testing", Features)])
def test_what_a_split_is_made_of(features, split, kind):
    assert type(features(SYSTEM, split)) is kind
    assert type(features(replace(SYSTEM, augmentation=""), split)) is Features


def test_the_log_has_every_measure_of_both_splits(folder):
    history = pd.read_csv(folder / "history.csv")
    measures = ("loss", "accuracy", "mcc", "f1", "log_loss", "tn", "fp", "fn", "tp", "precision", "recall", "auc")
    assert list(history) == [
        *("epoch", "learning_rate", "loss", "accuracy"),
        *(f"{split}_{name}" for split in ("train", "val") for name in measures),
    ]
    assert history["epoch"].tolist() == [1, 2, 3]
    assert history["learning_rate"].tolist() == sorted(history["learning_rate"], reverse=True)
    assert (history[[f"val_{count}" for count in ("tn", "fp", "fn", "tp")]].sum(axis=1) == 12).all()


def test_an_undefined_measure_is_an_empty_cell(tmp_path):
    experiments._write_csv(pd.DataFrame({"epoch": [1], "val_mcc": [float("nan")]}), tmp_path / "history.csv")
    assert (tmp_path / "history.csv").read_text() == "epoch,val_mcc\n1,\n"


def test_a_run_is_found_again_and_another_augmentation_or_schedule_is_another_run(folder, features, monkeypatch):
    monkeypatch.setattr(experiments, "_scores", lambda *a: pytest.fail("computed again"))
    assert run(features, folder.parents[1]) == run(features, folder.parents[1], stop_after=0) == folder
    for epochs in (1, 2):
        with pytest.raises(pytest.fail.Exception, match="computed again"):
            run(features, folder.parents[1], stop_after=epochs)
    for change in ({"augmentation": ""}, {"patience": 0}, {"best": False}):
        with pytest.raises(pytest.fail.Exception, match="computed again"):
            run(features, folder.parents[1], replace(SYSTEM, **change))


def test_the_key_of_a_run_is_that_of_what_it_depends_on(folder, features):
    """Runs that were kept are found by later versions of the package."""
    training, *scored = (features(SYSTEM, split) for split in ("training", "validation", "testing"))
    digests = [each.digest for each in (training, *scored)]
    what = [repr(SYSTEM), SYSTEM.front_end.config(), (1, EPOCHS), 2, experiments.training.RECIPE_VERSION, *digests]
    assert folder.name == f"clips-seed0-{hashlib.sha256(json.dumps(what).encode()).hexdigest()[:12]}"


def test_a_run_in_half_precision_is_another(folder, features, monkeypatch):
    half = replace(SYSTEM, half=True)
    monkeypatch.setattr("fakeorreal.systems.multiplies_bfloat16", lambda: False)
    assert run(features, folder.parents[1], half) == folder
    monkeypatch.setattr("fakeorreal.systems.multiplies_bfloat16", lambda: True)
    monkeypatch.setattr(experiments.training, "fit_network", lambda *_, **__: pytest.fail("computed again"))
    with pytest.raises(pytest.fail.Exception, match="computed again"):
        run(features, folder.parents[1], half)


def test_the_scores_are_of_the_best_network(folder, features):
    import keras

    from fakeorreal import training

    model = keras.models.load_model(folder / f"best-{EPOCHS}.keras", safe_mode=True)
    wanted = training.score_clips(SYSTEM, model, features(SYSTEM, "testing"))
    found = read_scores(folder)
    found = found[(found["split"] == "testing") & (found["epochs"] == EPOCHS)]
    np.testing.assert_allclose(found["score"], wanted["score"], rtol=1e-6)


def test_the_scores_of_clips_are_the_means_of_their_windows(folder):
    windows, scores = read_windows(folder), read_scores(folder)
    assert list(windows) == list(scores) and len(windows) == 2 * len(scores)
    assert windows["clip"].str.fullmatch(r".+#[01]").all()
    by = ["split", "epochs", windows["clip"].str.split("#").str[0]]
    wanted = windows.groupby(by)["score"].mean()
    found = scores.set_index(["split", "epochs", "clip"])["score"]
    pd.testing.assert_series_equal(found.sort_index(), wanted, rtol=1e-6)


def test_a_run_without_scores_of_windows_is_named(folder, tmp_path):
    (tmp_path / "scores.csv").write_bytes((folder / "scores.csv").read_bytes())
    with pytest.raises(FakeOrRealError, match=f"{tmp_path}: holds no scores of windows. Delete it"):
        read_windows(tmp_path)


def test_misclassified_clips_are_written_beside_the_scores(folder):
    wanted = misclassified(read_scores(folder))
    pd.testing.assert_frame_equal(pd.read_csv(folder / "misclassified.csv", keep_default_na=False), wanted, rtol=1e-6)


def table(scores, split, epochs=2):
    labels = [int(name[0] == "f") for name in scores]
    return pd.DataFrame({"clip": list(scores), "label": labels, "score": list(scores.values())}).assign(
        split=split, generator="g", speaker="s", epochs=epochs, group="left out"
    )


VALIDATION = table({"r1": -3.0, "r2": -2.0, "f1": 0.0, "f2": 1.0}, "validation")  # the threshold is -1


def test_clips_on_the_wrong_side_of_the_threshold_of_validation_at_the_last_mark():
    testing = table({"r3": -1.5, "r4": -0.5, "f3": -0.5, "f4": -1.5}, "testing")
    early = table({"r1": 5.0, "r2": 5.0, "f1": -5.0, "f2": -5.0}, "validation", epochs=1)
    found = misclassified(pd.concat([early, VALIDATION, testing]))
    assert list(found) == ["clip", "label", "score", "split", "generator", "speaker"]
    assert found["clip"].tolist() == ["r4", "f4"] and found["score"].tolist() == [-0.5, -1.5]


def test_validation_clips_can_be_misclassified_too_and_systems_without_epochs_have_one_mark():
    validation = table({"r1": -3.0, "r2": 4.0, "f1": 0.0, "f2": 1.0, "f3": 2.0}, "validation", epochs=np.nan)
    assert misclassified(validation)["clip"].tolist() == ["r2", "f1"]
    assert misclassified(VALIDATION).empty


def test_a_threshold_needs_both_classes():
    with pytest.raises(FakeOrRealError, match="no clip of 2 is fake"):
        misclassified(VALIDATION[VALIDATION["label"] == 0])


def test_classical_runs_have_the_list_too(features, tmp_path):
    system = System("logistic_regression", Handcrafted(), "classical")
    training, *scored = (features(system, split) for split in ("training", "validation", "testing"))
    folder = run_folder(system, training, scored, marks=(1,), seed=0, threads=2, runs=tmp_path, name="clips")
    assert {path.name for path in folder.iterdir()} == {"scores.csv", "misclassified.csv"}
