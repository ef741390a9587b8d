"""Fit a system and score clips: seeded, resumable, without ever holding a corpus in memory."""

import json
import math
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from fakeorreal.errors import FakeOrRealError

RECIPE_VERSION = 4  # raise when a change here changes scores
CHECKPOINT_EVERY = 10  # epochs
CURVE_CLIPS = 100  # validation rows behind the learning curve, per class
_SCORING_BATCH = 256


def make_deterministic(seed):
    """Seed Python, NumPy and Keras, and make TensorFlow's operators deterministic.

    Two runs on one machine then give identical numbers, as long as the number of threads is the same.
    """
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    tf.get_logger().setLevel("ERROR")  # its advice on retracing would end up in the notebooks


def fit_network(system, training, validation, *, marks, seed, folder):
    """Train a Keras system and yield it at each mark.

    A checkpoint is kept every ``CHECKPOINT_EVERY`` epochs; a run that was killed goes on from there and ends with
    the same weights as one that was not.

    Args:
        system: a ``System`` of kind ``keras``.
        training: ``Features`` of the training clips.
        validation: ``Features``; some clips of each class give the validation curve.
        marks: increasing epochs at which to stop and be scored.
        seed: seeds weights, dropout and the order of clips.
        folder: where the checkpoint (``state``) and the network at each mark (``epoch-<n>.keras``) go.

    Yields:
        (epoch, model, history): history is a DataFrame with epoch, loss, accuracy, val_loss, val_accuracy.

    Raises:
        FakeOrRealError: a class is missing from the training clips.
    """
    _check_classes(training)
    make_deterministic(seed)
    import keras

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    model, history = _restore(folder)
    if model is None:
        model, history = _new_model(system, training), []
    curve = _curve_rows(validation)
    stops = sorted({*marks, *range(CHECKPOINT_EVERY, marks[-1], CHECKPOINT_EVERY)})
    for stop in stops:
        for epoch in range(len(history), stop):
            log = _one_epoch(model.train_on_batch, training, _order(len(training), seed, epoch), system.batch)
            check = _one_epoch(model.test_on_batch, validation, curve, _SCORING_BATCH)
            history.append({"epoch": epoch + 1, **log, **{f"val_{name}": value for name, value in check.items()}})
            if epoch + 1 == stop:
                _save(model, history, folder)
        if stop in marks:
            mark = folder / f"epoch-{stop}.keras"
            if stop == len(history):
                model.save(folder / "part.keras")
                os.replace(folder / "part.keras", mark)
            yield stop, keras.models.load_model(mark, safe_mode=True), pd.DataFrame(history[:stop])


def fit_classical(system, training, *, seed):
    """Fit a scikit-learn or XGBoost system on all training rows; returns the fitted estimator."""
    from fakeorreal.networks.classical import CLASSICAL

    _check_classes(training)
    return CLASSICAL[system.network or system.name](seed).fit(training.rows(np.arange(len(training))), training.labels)


def score_clips(system, model, features):
    """Scores of clips: the logit of fake, averaged over the windows of a clip.

    Args:
        system: the ``System`` the model belongs to.
        model: Keras model or fitted estimator.
        features: ``Features``; rows named ``clip#k`` are windows of one clip.

    Returns:
        DataFrame: clip, label, score, group, speaker, generator, language, split; one row per clip, sorted by clip.
    """
    if system.kind == "classical":
        from fakeorreal.networks.classical import score as predict
    else:

        def predict(model, block):
            return model.predict_on_batch(block).ravel()

    blocks = (np.arange(i, min(i + _SCORING_BATCH, len(features))) for i in range(0, len(features), _SCORING_BATCH))
    logits = np.concatenate([predict(model, features.rows(block)) for block in blocks])
    table = features.corpus[["clip", "label", "group", "speaker", "generator", "language", "split"]].copy()
    table["clip"] = table["clip"].str.split("#").str[0]
    table["score"] = np.asarray(logits, float)
    first = {column: "first" for column in table.columns.drop(["clip", "score"])}
    return table.groupby("clip", sort=True).agg({**first, "score": "mean"}).reset_index()


def _check_classes(training):
    missing = {0, 1} - set(np.unique(training.labels).tolist())
    if missing:
        names = " and ".join({0: "real", 1: "fake"}[label] for label in sorted(missing))
        raise FakeOrRealError(f"no {names} clip is left for training. Run `fakeorreal validate` to see why.")


def _new_model(system, training):
    import keras

    from fakeorreal.networks import build_network

    network = build_network(system.network or system.name, training.shape, **system.options)
    if system.standardise:
        mean, variance = _moments(training, system.standardise)
        axes = tuple(axis + 1 for axis in system.standardise)  # after that of the batch
        normalise = keras.layers.Normalization(axes, mean=mean, variance=variance)
        inputs = keras.Input(training.shape)
        network = keras.Model(inputs, network(normalise(inputs)), name=network.name)
    network.compile(
        keras.optimizers.Adam(system.learning_rate),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=[keras.metrics.BinaryAccuracy("accuracy", threshold=0.0)],
    )
    return network


def _moments(features, axes):
    """Mean and variance of every place on some axes of a row, in float64 and block by block (Chan et al. 1979).

    Returns:
        two arrays, as long on each of the axes as a row is.
    """
    others = (0, *(axis + 1 for axis in range(len(features.shape)) if axis not in axes))
    each = math.prod(features.shape[axis - 1] for axis in others[1:])
    count, mean, squares = 0, 0.0, 0.0
    for i in range(0, len(features), _SCORING_BATCH):
        block = features.rows(np.arange(i, min(i + _SCORING_BATCH, len(features)))).astype(float)
        new, here = len(block) * each, block.mean(axis=others, keepdims=True)[0]
        squares += ((block - here) ** 2).sum(axis=others, keepdims=True)[0]
        squares += (here - mean) ** 2 * count * new / (count + new)
        mean = mean + (here - mean) * new / (count + new)
        count += new
    shape = [features.shape[axis] for axis in axes]
    return mean.reshape(shape), squares.reshape(shape) / count


def _one_epoch(step, features, order, size):
    """Send rows through ``train_on_batch`` or ``test_on_batch``; returns loss and accuracy over all of them."""
    labels = features.labels.astype("float32")[:, None]
    totals = {"loss": 0.0, "accuracy": 0.0}
    for i in range(0, len(order), size):
        rows = order[i : i + size]
        log = step(features.rows(rows), labels[rows], return_dict=True)
        totals = {name: total + float(log[name]) * len(rows) for name, total in totals.items()}
    return {name: total / len(order) for name, total in totals.items()}


def _order(n, seed, epoch):
    """The order of clips depends on nothing but seed and epoch, so that a resumed run repeats it."""
    return np.random.default_rng([seed, epoch]).permutation(n)


def _curve_rows(validation):
    """At most CURVE_CLIPS rows per class, drawn over all of validation, the same for every seed."""
    rng = np.random.default_rng(0)
    rows = [np.flatnonzero(validation.labels == label) for label in (0, 1)]
    return np.sort(np.concatenate([rng.permutation(of_class)[:CURVE_CLIPS] for of_class in rows]))


def _save(model, history, folder):
    """Model and history change together: both are written beside the last state, which the rename then replaces."""
    draft, state = folder / "state.part", folder / "state"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    model.save(draft / "model.keras")
    random_states = [v.numpy().tolist() for v in _random_states(model)]
    (draft / "history.json").write_text(json.dumps({"history": history, "random_states": random_states}))
    old = folder / "state.old"
    if state.is_dir():
        os.replace(state, old)
    os.replace(draft, state)
    shutil.rmtree(old, ignore_errors=True)


def _restore(folder):
    import keras

    for state in (folder / "state", folder / "state.old"):
        if (state / "history.json").is_file():
            model = keras.models.load_model(state / "model.keras", safe_mode=True)
            saved = json.loads((state / "history.json").read_text())
            for variable, value in zip(_random_states(model), saved["random_states"], strict=True):
                variable.assign(value)
            return model, saved["history"]
    return None, []


def _random_states(model):
    """Where the dropout layers are in their random sequences; a .keras file does not keep this."""
    return [v for v in model.non_trainable_variables if v.path.endswith("seed_generator_state")]
