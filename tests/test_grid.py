"""Grid search: every combination once, settings that reach the recipe, and going on after a stop."""

import numpy as np
import pandas as pd
import pytest

from fakeorreal import audio, experiments, grid
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
    assert (found.system.name, found.epochs, found.seeds) == ("dnn", (1, 2), (0, 1))
    assert found.settings == {"learning_rate": [1e-3, 1e-2], "front_end.n_mfcc": [13]}
    assert len(corpus) == 12


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("system = ", "cannot be read as TOML"),
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
