"""Training: the same numbers twice, and after an interruption; scores by clip; classes that are missing."""

import numpy as np
import pandas as pd
import pytest

from fakeorreal import training
from fakeorreal.errors import FakeOrRealError
from fakeorreal.systems import System


class Table:
    """Features of made-up clips, in memory: what `Features` offers to training."""

    def __init__(self, n, seed, windows=1):
        rng = np.random.default_rng(seed)
        self.labels = np.arange(n) % 2
        self.values = (rng.normal(size=(n, 6)) + self.labels[:, None]).astype("float32")
        self.shape = (6,)
        names = [f"c{k // windows:03d}#{k % windows}" if windows > 1 else f"c{k:03d}" for k in range(n)]
        self.corpus = pd.DataFrame({"clip": names, "label": self.labels})
        for column in ("group", "speaker", "generator", "language", "split"):
            self.corpus[column] = column

    def __len__(self):
        return len(self.labels)

    def rows(self, indices):
        return self.values[indices]


DNN = System("dnn", front_end=None, standardise=(0,))


def fit(folder, marks=(3, 12), seed=0):
    train, validation = Table(70, 1), Table(20, 2)
    return {
        epoch: (training.score_clips(DNN, model, validation)["score"].to_numpy(), history)
        for epoch, model, history in training.fit_network(DNN, train, validation, marks=marks, seed=seed, folder=folder)
    }


def test_two_runs_give_the_same_numbers_and_another_seed_does_not(tmp_path):
    first, second, other = (fit(tmp_path / str(k), marks=(3,), seed=s) for k, s in enumerate((0, 0, 1)))
    np.testing.assert_array_equal(first[3][0], second[3][0])
    pd.testing.assert_frame_equal(first[3][1], second[3][1])
    assert not np.allclose(first[3][0], other[3][0])


def test_a_killed_run_goes_on_and_ends_where_a_straight_one_does(tmp_path, monkeypatch):
    straight = fit(tmp_path / "straight")
    saved = training._save

    def killed(model, history, folder):
        saved(model, history, folder)
        if len(history) == 10:
            raise KeyboardInterrupt

    monkeypatch.setattr(training, "_save", killed)
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "killed")
    monkeypatch.setattr(training, "_save", saved)
    resumed = fit(tmp_path / "killed")
    for epoch in (3, 12):
        np.testing.assert_array_equal(straight[epoch][0], resumed[epoch][0])
        pd.testing.assert_frame_equal(straight[epoch][1], resumed[epoch][1])


def test_the_early_mark_is_that_of_a_run_that_ends_there(tmp_path):
    assert np.array_equal(fit(tmp_path / "a", marks=(3, 12))[3][0], fit(tmp_path / "b", marks=(3,))[3][0])


def test_it_learns_and_the_curve_says_so(tmp_path):
    history = fit(tmp_path, marks=(12,))[12][1]
    assert list(history["epoch"]) == list(range(1, 13))
    assert history["loss"].iloc[-1] < 0.8 * history["loss"].iloc[0]
    assert history["val_accuracy"].iloc[-1] > 0.8


def test_accuracy_and_loss_are_those_of_all_clips_not_of_the_last_batch(tmp_path):
    history = fit(tmp_path, marks=(3,))[3][1]
    right = history["accuracy"] * 70
    np.testing.assert_allclose(right, right.round(), atol=1e-3)
    assert (right.round() % 6).any()  # the last batch holds 6

    class Model:
        """Loss: the number of clips in the batch."""

        def __call__(self, x, y, return_dict):
            return {"loss": float(len(x)), "accuracy": 1.0}

    mean = training._one_epoch(Model(), Table(70, 1), np.arange(70), 32)
    assert mean == {"loss": pytest.approx((32 * 32 + 32 * 32 + 6 * 6) / 70), "accuracy": pytest.approx(1.0)}


def test_features_are_standardised_inside_the_network(tmp_path):
    shifted = Table(70, 1)
    shifted.values = 1000 + 50 * shifted.values
    *_, (_, model, _) = training.fit_network(DNN, shifted, shifted, marks=(12,), seed=0, folder=tmp_path)
    scores = training.score_clips(DNN, model, shifted)
    assert ((scores["score"] > 0) == (scores["label"] == 1)).mean() > 0.85


def test_windows_of_a_clip_are_averaged():
    class First:
        def predict_on_batch(self, block):
            return block[:, :1]

    features = Table(30, 3, windows=3)
    features.corpus["label"] = 1
    scores = training.score_clips(DNN, First(), features)
    assert list(scores["clip"]) == [f"c{k:03d}" for k in range(10)]
    np.testing.assert_allclose(scores["score"], features.values[:, 0].reshape(10, 3).mean(axis=1), rtol=1e-6)


def test_classical_systems_score_higher_for_fake():
    system = System("logistic_regression", front_end=None, kind="classical")
    train, test = Table(80, 1), Table(40, 2)
    scores = training.score_clips(system, training.fit_classical(system, train, seed=0), test)
    assert scores.loc[scores["label"] == 1, "score"].mean() > scores.loc[scores["label"] == 0, "score"].mean() + 1


@pytest.mark.parametrize("kind", ["keras", "classical"])
def test_a_missing_class_is_an_error(tmp_path, kind):
    train = Table(10, 1)
    train.labels = np.zeros(10, int)
    with pytest.raises(FakeOrRealError, match="no fake clip is left"):
        if kind == "keras":
            next(training.fit_network(DNN, train, train, marks=(1,), seed=0, folder=tmp_path))
        else:
            training.fit_classical(System("svm", None, "classical"), train, seed=0)


class Pictures(Table):
    """3 bands of 2 frames and 1 channel, each band at a level of its own."""

    def __init__(self, n, seed):
        super().__init__(n, seed)
        self.shape = (3, 2, 1)

    def rows(self, indices):
        bands = np.array([1, 10, 1000], "float32")[:, None, None]
        return super().rows(indices).reshape(-1, 3, 2, 1) * bands + 5 * bands


@pytest.mark.parametrize(("axes", "others"), [((0,), (0, 2, 3)), ((0, 2), (0, 2)), ((2,), (0, 1, 2))])
@pytest.mark.parametrize("n", [5, 512, 700])
def test_moments_are_those_of_all_rows_at_once(n, axes, others):
    pictures = Pictures(n, 3)
    mean, variance = training._moments(pictures, axes)
    every_row = pictures.rows(np.arange(n)).astype(float)
    np.testing.assert_allclose(mean, every_row.mean(axis=others), rtol=1e-12)
    np.testing.assert_allclose(variance, every_row.var(axis=others), rtol=1e-9)


@pytest.mark.parametrize(("axes", "others"), [((0, 2), (0, 2)), ((2,), (0, 1, 2))])
def test_pictures_are_standardised_on_the_axes_asked_for(axes, others, monkeypatch, tmp_path):
    import keras

    def flat(name, shape):
        inputs = keras.Input(shape)
        return keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Flatten()(inputs)))

    monkeypatch.setattr("fakeorreal.networks.build_network", flat)
    pictures = Pictures(40, 4)
    model = training._new_model(System("flat", front_end=None, standardise=axes), pictures)
    model.save(tmp_path / "model.keras")
    model = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    layer = next(layer for layer in model.layers if layer.name.startswith("normalization"))
    out = np.asarray(layer(pictures.rows(np.arange(40))))
    np.testing.assert_allclose(out.mean(axis=others), 0, atol=1e-4)
    np.testing.assert_allclose(out.std(axis=others), 1, atol=1e-4)
