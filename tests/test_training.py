"""Training: the same numbers twice, and after an interruption; scores by clip; classes that are missing."""

from dataclasses import replace
from types import SimpleNamespace

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


class Jittered(Table):
    """A table whose rows are altered in training, as in `Augmented`."""

    def altered(self, indices, *, seed, epoch):
        noise = [np.random.default_rng([seed, epoch, row]).normal(size=6) for row in indices]
        return self.rows(indices) + np.array(noise, "float32")


DNN_AT_BEST = System("dnn", None, standardise=(0,), learning_rate=0.01, augmentation="spy_cnn", patience=2, best=True)
HALF = replace(DNN, half=True)


@pytest.fixture(autouse=True, scope="module")
def _any_processor():
    """Half precision is tested on processors without it as well."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fakeorreal.systems.multiplies_bfloat16", lambda: True)
        yield


def fit(folder, marks=(3, 12), seed=0, system=DNN, **options):
    train, validation = Jittered(70, 1), Table(20, 2)
    fitted = training.fit_network(system, train, validation, marks=marks, seed=seed, folder=folder, **options)
    return {
        epoch: (training.score_clips(system, model, validation)["score"].to_numpy(), history)
        for epoch, model, history in fitted
    }


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """System → (folder, what `fit` gives) of runs that nothing disturbed."""
    systems = {"plain": DNN, "at_best": DNN_AT_BEST, "half": HALF}
    folders = {name: tmp_path_factory.mktemp(name) for name in systems}
    return {name: (folders[name], fit(folders[name], system=systems[name])) for name in systems}


def test_two_runs_give_the_same_numbers_and_another_seed_does_not(straight, tmp_path):
    first = straight["plain"][1]
    second, other = (fit(tmp_path / str(seed), marks=(3,), seed=seed) for seed in (0, 1))
    np.testing.assert_array_equal(first[3][0], second[3][0])  # whether or not it goes on after this mark
    pd.testing.assert_frame_equal(first[3][1], second[3][1])
    assert not np.allclose(first[3][0], other[3][0])


@pytest.mark.parametrize(("name", "system"), [("plain", DNN), ("at_best", DNN_AT_BEST), ("half", HALF)])
def test_a_killed_run_goes_on_and_ends_where_a_straight_one_does(straight, tmp_path, monkeypatch, name, system):
    folder, wanted = straight[name]
    one_epoch = training._one_epoch

    def killed(model, system, training, history, seed):
        if len(history) == 11:
            raise KeyboardInterrupt
        return one_epoch(model, system, training, history, seed)

    monkeypatch.setattr(training, "_one_epoch", killed)
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path, system=system)
    monkeypatch.setattr(training, "_one_epoch", one_epoch)
    resumed = fit(tmp_path, system=system)
    for epoch in (3, 12):
        np.testing.assert_array_equal(wanted[epoch][0], resumed[epoch][0])
        pd.testing.assert_frame_equal(wanted[epoch][1], resumed[epoch][1])
    networks = {path.name for path in folder.glob("*.keras")}
    assert networks == {path.name for path in tmp_path.glob("*.keras")}
    for network in networks:
        for one, other in zip(weights(folder / network), weights(tmp_path / network), strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("system", [DNN, DNN_AT_BEST])
def test_half_precision_trains_other_weights_which_are_kept_and_scored_in_float32(straight, tmp_path, system):
    import keras

    found = fit(tmp_path, marks=(3,), system=replace(system, half=True))
    scores, history = found[3]
    for path in tmp_path.glob("*.keras"):
        model = keras.models.load_model(path, safe_mode=True)
        assert {layer.dtype_policy.name for layer in model._flatten_layers()} == {"float32"}
    assert keras.config.dtype_policy().name == "float32"  # of what is built next
    usual = straight["at_best" if system.best else "plain"][1][3][0]
    assert np.abs(scores - usual).max() > 1e-4
    val_loss = history["val_loss"].min() if system.best else history["val_loss"].iloc[-1]
    assert log_loss(Table(20, 2).labels, scores) == pytest.approx(val_loss, abs=0.01)


def weights(path):
    import keras

    return keras.models.load_model(path, safe_mode=True).get_weights()


def test_a_mark_scores_the_best_network_so_far(straight, tmp_path):
    folder, at_best = straight["at_best"]
    last = fit(tmp_path, system=replace(DNN_AT_BEST, best=False))
    labels = Table(20, 2).labels
    for epoch in (3, 12):
        pd.testing.assert_frame_equal(at_best[epoch][1], last[epoch][1])
        val_loss = last[epoch][1]["val_loss"]
        assert log_loss(labels, at_best[epoch][0]) == pytest.approx(val_loss.min(), rel=1e-6)
        assert log_loss(labels, last[epoch][0]) == pytest.approx(val_loss.iloc[-1], rel=1e-6)
    assert val_loss.min() < val_loss.iloc[-1] - 1e-3 and val_loss.idxmin() > 2
    assert {path.name for path in tmp_path.glob("*.keras")} == {"epoch-3.keras", "epoch-12.keras"}
    assert {path.name for path in folder.glob("best*")} == {"best-3.keras", "best-12.keras"}


def log_loss(labels, logits):
    return np.mean(np.logaddexp(0, np.where(labels == 1, -logits, logits)))


@pytest.mark.parametrize(
    ("stop_after", "losses", "epochs"),
    [
        (0, [1, 2, 3, 4, 5, 6, 7, 8], 8),
        (3, [1, 2, 3, 4, 5, 6, 7, 8], 4),  # the published rule: after epoch 3, three losses above the lowest
        (3, [3, 4, 2, 3, 3, 1, 2, 2, 2, 0], 9),
        (3, [3, 3, 3, 3, 0], 4),  # the first low counts
        (3, [8, 7, 6, 5, 4, 3, 2, 1], 8),
        (1, [5, 4, 4, 0], 3),
        (2, [np.nan, 4, 5, 6, 0], 4),
        (2, [np.nan, np.nan, np.nan, 0], 3),
    ],
)
def test_a_training_ends_after_epochs_without_a_new_low(tmp_path, monkeypatch, stop_after, losses, epochs):
    measured = (loss for loss in losses for _ in ("train", "val"))
    monkeypatch.setattr(training, "measures", lambda labels, logits, penalty: {"loss": float(next(measured))})
    marks = (2, len(losses))
    found = fit(tmp_path, marks=marks, stop_after=stop_after)
    assert list(found) == [*marks]
    assert len(found[2][1]) == 2
    np.testing.assert_array_equal(found[marks[1]][1]["val_loss"], losses[:epochs])


FAST = replace(DNN_AT_BEST, learning_rate=0.05, patience=0)


def test_what_an_ended_training_had_stands_at_every_mark_that_is_left(tmp_path):
    found = fit(tmp_path / "ended", marks=(2, 20, 30), system=FAST, stop_after=2)
    history = found[30][1]
    assert 2 < len(history) < 20 and len(found[2][1]) == 2
    pd.testing.assert_frame_equal(found[20][1], history)
    np.testing.assert_array_equal(found[20][0], found[30][0])
    assert log_loss(Table(20, 2).labels, found[30][0]) == pytest.approx(history["val_loss"].min(), rel=1e-6)
    kept = {path.name for path in (tmp_path / "ended").glob("*.keras")}
    assert kept == {f"{kind}-{mark}.keras" for kind in ("epoch", "best") for mark in (2, 20, 30)}
    straight = fit(tmp_path / "straight", marks=(len(history),), system=FAST)
    pd.testing.assert_frame_equal(straight[len(history)][1], history)
    np.testing.assert_array_equal(straight[len(history)][0], found[30][0])


def test_every_validation_clip_decides_on_the_end(tmp_path):
    train, validation = Table(20, 1), Table(300, 2)
    for stop_after, clips in ((0, 2 * training.CURVE_CLIPS), (1, 300)):
        fitted = training.fit_network(
            DNN, train, validation, marks=(1,), seed=0, folder=tmp_path / str(stop_after), stop_after=stop_after
        )
        _, _, history = next(fitted)
        assert history[[f"val_{count}" for count in ("tn", "fp", "fn", "tp")]].sum(axis=1).tolist() == [clips]


def test_a_plateau_cuts_the_rate_of_the_optimiser_that_trains(straight, tmp_path, monkeypatch):
    import keras

    folder, runs = straight["at_best"]
    rates = runs[12][1]["learning_rate"]
    assert rates.iloc[0] == 0.01 and rates.iloc[-1] < 0.0011
    model = keras.models.load_model(folder / "epoch-12.keras", safe_mode=True)
    assert float(model.optimizer.learning_rate) == pytest.approx(rates.iloc[-1])

    monkeypatch.setattr(training, "plateau_rate", lambda base, val_losses, patience: 0.0 if val_losses else base)
    fit(tmp_path, marks=(1, 2))
    kernels = [
        [v.numpy() for v in keras.models.load_model(tmp_path / f"epoch-{epoch}.keras").trainable_variables]
        for epoch in (1, 2)
    ]
    for one, other in zip(*kernels, strict=True):
        np.testing.assert_array_equal(one, other)


def test_each_epoch_trains_on_rows_of_its_own_and_measures_them_as_they_are(tmp_path):
    asked = []

    class Noted(Jittered):
        def altered(self, indices, *, seed, epoch):
            asked.append((seed, epoch, *indices))
            return super().altered(indices, seed=seed, epoch=epoch)

    train = Noted(70, 1)
    *_, (_, model, history) = training.fit_network(DNN_AT_BEST, train, train, marks=(2,), seed=5, folder=tmp_path)
    assert [(seed, epoch, len(rows)) for seed, epoch, *rows in asked] == [
        (5, epoch, n) for epoch in (0, 1) for n in (32, 32, 6)
    ]
    for epoch in (0, 1):
        assert sorted(row for _, when, *rows in asked if when == epoch for row in rows) == list(range(70))
    layer = next(layer for layer in model.layers if layer.name.startswith("normalization"))
    np.testing.assert_allclose(np.ravel(layer.mean), train.values.mean(axis=0), rtol=1e-5)
    assert history["train_loss"].tolist() == history["val_loss"].tolist()


def test_it_learns_and_the_curve_says_so(straight):
    history = straight["plain"][1][12][1]
    assert list(history["epoch"]) == list(range(1, 13))
    assert history["loss"].iloc[-1] < 0.8 * history["loss"].iloc[0]
    assert history["val_accuracy"].iloc[-1] > 0.8


def test_accuracy_and_loss_are_those_of_all_clips_not_of_the_last_batch(straight):
    history = straight["plain"][1][3][1]
    right = history["accuracy"] * 70
    np.testing.assert_allclose(right, right.round(), atol=1e-3)
    assert (right.round() % 6).any()  # the last batch holds 6

    class Model:
        """Loss: the number of clips in the batch."""

        optimizer = SimpleNamespace()

        def train_on_batch(self, x, y, return_dict):
            return {"loss": float(len(x)), "accuracy": 1.0}

    log = training._one_epoch(Model(), DNN, Table(70, 1), [], 0)
    assert log == {
        "epoch": 1,
        "learning_rate": 1e-3,
        "loss": pytest.approx((32 * 32 + 32 * 32 + 6 * 6) / 70),
        "accuracy": pytest.approx(1.0),
    }


def test_the_loss_holds_the_penalty_on_the_weights_and_the_log_loss_does_not(tmp_path, monkeypatch):
    import keras

    def penalised(name, shape):
        inputs = keras.Input(shape)
        return keras.Model(inputs, keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L2(0.5))(inputs))

    monkeypatch.setattr("fakeorreal.networks.build_network", penalised)
    validation = Table(20, 2)
    fitted = training.fit_network(DNN, Table(70, 1), validation, marks=(1,), seed=0, folder=tmp_path)
    _, model, history = next(fitted)
    inputs, labels = validation.values, validation.labels.astype("float32")[:, None]
    keras_says = model.test_on_batch(inputs, labels, return_dict=True)
    assert history["val_loss"][0] == pytest.approx(float(keras_says["loss"]), rel=1e-6)
    assert history["val_accuracy"][0] == pytest.approx(float(keras_says["accuracy"]), rel=1e-6)
    logits = model.predict_on_batch(inputs).ravel()
    assert history["val_log_loss"][0] == pytest.approx(log_loss(validation.labels, logits), rel=1e-6)
    assert history["val_loss"][0] > history["val_log_loss"][0] + 0.01


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
    windows = training.score_windows(DNN, First(), features)
    assert windows["clip"].to_list() == features.corpus["clip"].to_list()
    np.testing.assert_allclose(windows["score"], features.values[:, 0], rtol=1e-6)
    pd.testing.assert_frame_equal(training.mean_over_windows(windows.assign(epochs=3)).drop(columns="epochs"), scores)


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
    mean, variance = training.moments(pictures, axes)
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
    model = training.new_model(System("flat", front_end=None, standardise=axes), pictures)
    model.save(tmp_path / "model.keras")
    model = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    layer = next(layer for layer in model.layers if layer.name.startswith("normalization"))
    out = np.asarray(layer(pictures.rows(np.arange(40))))
    np.testing.assert_allclose(out.mean(axis=others), 0, atol=1e-4)
    np.testing.assert_allclose(out.std(axis=others), 1, atol=1e-4)
