"""Grid search: every combination once, settings that reach the recipe, and going on after a stop."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from fakeorreal import audio, experiments, grid, training
from fakeorreal.corpora import make_corpus
from fakeorreal.errors import FakeOrRealError
from fakeorreal.features import Handcrafted
from fakeorreal.grid import Grid, make_grid, ranking, read_grid, run_grid
from fakeorreal.systems import System

DNN = System("dnn", Handcrafted(), standardise=(0,))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory, make_speech):
    """Eight clips per split; fakes lack high frequencies."""
    folder = tmp_path_factory.mktemp("clips")
    rows = []
    for s, split in enumerate(("training", "validation", "testing")):
        for k in range(8):
            y = make_speech(0.5, 16000, f0=90 + 10 * k, seed=10 * s + k)
            y = np.convolve(y, np.ones(9) / 9, "same") if k % 2 else y
            path = folder / f"{split}{k}.wav"
            audio.write(path, y, sr=16000)
            label = "fake" if k % 2 else "real"
            rows.append({"clip": path.name, "path": str(path), "split": split, "label": label, "group": path.name})
    return make_corpus(pd.DataFrame(rows))


@pytest.fixture
def folders(tmp_path):
    return {"features": tmp_path / "features", "runs": tmp_path / "runs", "name": "clips"}


def small_grid():
    return Grid(DNN, {"learning_rate": [1e-3, 1e-2], "batch": [4, 8]}, epochs=(1, 2), seeds=(0, 1))


def test_every_combination_becomes_a_system_with_its_settings():
    front_end = {"front_end.n_mfcc": [13, 20]}
    variants = Grid(DNN, {"learning_rate": [1e-3, 1e-2], **front_end, "options.units": [64]}, (1,)).variants()
    assert [(s.learning_rate, s.front_end.n_mfcc, s.options) for s, _ in variants] == [
        (rate, n, {"units": 64}) for rate in (1e-3, 1e-2) for n in (13, 20)
    ]
    assert DNN.options == {}


def test_one_row_per_run_and_epoch_scored_on_validation_alone(corpus, folders, tmp_path):
    table = run_grid(small_grid(), corpus, tmp_path / "out.csv", **folders)
    assert len(table) == 4 * 2 * 2
    assert not table.duplicated(["learning_rate", "batch", "epochs", "seed"]).any()
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "out.csv"), table, rtol=1e-9)
    assert table["eer"].between(0, 100).all() and table["auc"].between(0, 1).all()
    for path in folders["runs"].rglob("scores.csv"):
        assert set(pd.read_csv(path)["split"]) == {"validation"}


def test_a_stopped_grid_goes_on_with_what_is_missing(corpus, folders, tmp_path, monkeypatch):
    straight = run_grid(small_grid(), corpus, tmp_path / "straight.csv", **{**folders, "runs": tmp_path / "other"})
    compute, done = experiments._scores, []

    def stopped_after_three(*arguments):
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(arguments)
        return compute(*arguments)

    monkeypatch.setattr(experiments, "_scores", stopped_after_three)
    with pytest.raises(KeyboardInterrupt):
        run_grid(small_grid(), corpus, tmp_path / "out.csv", **folders)
    assert len(pd.read_csv(tmp_path / "out.csv")) == 3 * 2
    monkeypatch.setattr(experiments, "_scores", lambda *a: done.append(a) or compute(*a))
    pd.testing.assert_frame_equal(run_grid(small_grid(), corpus, tmp_path / "out.csv", **folders), straight)
    assert len(done) == 8


# on features as they are, so that the loss jumps about
STOPPED = Grid(
    replace(DNN, standardise=(), best=True), {"batch": [4], "learning_rate": [1e-2, 1e-1]}, epochs=(2, 30), stop_after=3
)


@pytest.fixture(scope="module")
def stopped(corpus, tmp_path_factory):
    """(table, folder of runs) of a grid whose trainings end early."""
    folder = tmp_path_factory.mktemp("stopped")
    folders = {"features": folder / "features", "runs": folder / "runs", "name": "clips"}
    return run_grid(STOPPED, corpus, folder / "out.csv", **folders), folders["runs"]


def test_the_log_tells_how_long_each_run_was_and_its_lowest_loss(stopped):
    table, runs = stopped
    assert list(table) == ["batch", "learning_rate", "epochs", "seed", "epochs_run", "val_loss", "eer", "auc"]
    early, late = (table[table["epochs"] == epochs] for epochs in STOPPED.epochs)
    assert (early["epochs_run"] == 2).all()
    assert (late["epochs_run"] < 30).all()
    logs = [pd.read_csv(path) for path in runs.rglob("history.csv")]
    assert len(logs) == 2
    assert all(len(log) == 1 + log["val_loss"].idxmin() + STOPPED.stop_after for log in logs)
    assert sorted(late["val_loss"]) == sorted(log["val_loss"].min() for log in logs)
    assert sorted(early["val_loss"]) == sorted(log["val_loss"][:2].min() for log in logs)


def test_the_loss_is_of_the_network_that_is_scored_and_classical_systems_have_none(corpus, folders, tmp_path):
    for system, wanted in ((DNN, [2]), (System("logistic_regression", Handcrafted(), "classical"), [np.nan])):
        table = run_grid(Grid(system, {"batch": [4]}, (2,)), corpus, tmp_path / "out.csv", **folders)
        np.testing.assert_array_equal(table["epochs_run"], wanted)
        logs = [pd.read_csv(path)["val_loss"].iloc[-1] for path in folders["runs"].glob(f"{system.name}/*/history.csv")]
        np.testing.assert_array_equal(table["val_loss"], logs or [np.nan])


@pytest.mark.parametrize("rate", STOPPED.settings["learning_rate"])
def test_a_grid_killed_within_a_run_ends_with_the_same_rows(stopped, corpus, folders, tmp_path, monkeypatch, rate):
    one_epoch, trained = training._one_epoch, []

    def killed(model, system, training, history, seed):
        if (system.learning_rate, len(history)) == (rate, 3):
            raise KeyboardInterrupt
        trained.append(rate)
        return one_epoch(model, system, training, history, seed)

    monkeypatch.setattr(training, "_one_epoch", killed)
    with pytest.raises(KeyboardInterrupt):
        run_grid(STOPPED, corpus, tmp_path / "out.csv", **folders)
    monkeypatch.setattr(training, "_one_epoch", lambda *a: trained.append(rate) or one_epoch(*a))
    resumed = run_grid(STOPPED, corpus, tmp_path / "out.csv", **folders)
    pd.testing.assert_frame_equal(resumed, stopped[0])
    assert len(trained) == 1 + resumed.loc[resumed["epochs"] == 30, "epochs_run"].sum()  # the third epoch twice


def test_ranking_leaves_the_log_of_a_training_aside(stopped):
    table = pd.concat([stopped[0], stopped[0].assign(seed=1, epochs_run=30, val_loss=0.0)])
    found = ranking(table)
    assert len(found) == 4 and (found["seeds"] == 2).all()
    assert list(found) == ["batch", "learning_rate", "epochs", "eer", "eer_sd", "auc", "seeds"]


def test_ranking_takes_means_over_seeds_and_breaks_ties_by_auc():
    table = pd.DataFrame(
        {
            "batch": [4, 4, 8, 8, 16, 16],
            "epochs": [1] * 6,
            "seed": [0, 1] * 3,
            "eer": [30.0, 10.0, 10.0, 20.0, 20.0, 20.0],
            "auc": [0.7, 0.9, 0.8, 0.8, 0.7, 0.8],
        }
    )
    found = ranking(table)
    assert found["batch"].tolist() == [8, 4, 16]
    assert found["eer"].tolist() == [15, 20, 20]
    np.testing.assert_allclose(found["eer_sd"], [50**0.5, 200**0.5, 0])
    assert found["seeds"].tolist() == [2, 2, 2]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"learning_speed": [1]}, "Received: 'learning_speed'"),
        ({"front_end.wavelet": ["haar"]}, "Received: 'front_end.wavelet'"),
        ({"front_end": [1]}, "Received: 'front_end'"),
        ({"batch": 4}, "needs a list of values"),
        ({"batch": []}, "needs a list of values"),
        ({"batch": ["four"]}, "'batch' must be like 32. Received: 'four'"),
        ({"window": [True], "network": [1]}, "'network' must be like ''. Received: 1"),
    ],
)
def test_settings_that_no_recipe_has(settings, message):
    with pytest.raises(FakeOrRealError, match=message):
        Grid(DNN, settings, (1,)).variants()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"system": "quick"}, "Received: 'quick'"),
        ({"epochs": [1.5]}, "`epochs` must be"),
        ({"epochs": []}, "`epochs` must be"),
        ({"seeds": ["a"]}, "`seeds` must be"),
        ({"settings": ["batch"]}, "`settings` must name"),
        ({"stop_after": -1}, "`stop_after` must be a whole number of epochs. Received: -1"),
        ({"stop_after": [3]}, "`stop_after` must be a whole number"),
        ({"stop_after": True}, "`stop_after` must be a whole number"),
        ({"speed": 1}, "Received: epochs, settings, speed, system"),
    ],
)
def test_descriptions_that_are_no_grid(changes, message):
    with pytest.raises(FakeOrRealError, match=message):
        make_grid({"system": "dnn", "epochs": [1], "settings": {}, **changes})


RECIPE = """
system = "dnn"
epochs = [2, 1]
seeds = [0, 1]
stop_after = 3

[settings]
learning_rate = [1e-3, 1e-2]
"front_end.n_mfcc" = [13]

[corpus]
dataset = "for-norm"
folder = "{folder}"
"""


def test_a_file_says_it_all(for_tree, tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE.format(folder=for_tree()))
    found, corpus = read_grid(path)
    assert (found.system.name, found.epochs, found.seeds, found.stop_after) == ("dnn", (1, 2), (0, 1), 3)
    assert make_grid({"system": "dnn", "epochs": [1], "settings": {}}).stop_after == 0
    assert found.settings == {"learning_rate": [1e-3, 1e-2], "front_end.n_mfcc": [13]}
    assert len(corpus) == 12


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("system = ", "cannot be read as TOML"),
        ("system = " + "[" * 100_000, "cannot be read as TOML"),
        ('system = "dnn"\n[corpus]\nfolder = 1', "must name folders and data sets in quotes"),
        ('system = "dnn"', "a grid needs"),
        ('system = "dnn"\nepochs = 1\n[settings]\n', r"\[corpus\] needs"),
    ],
)
def test_files_that_say_too_little(tmp_path, text, message):
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    with pytest.raises(FakeOrRealError, match=f"recipe.toml: .*{message}"):
        read_grid(path)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FakeOrRealError, match="cannot be read"):
        grid.read_grid(tmp_path / "none.toml")
