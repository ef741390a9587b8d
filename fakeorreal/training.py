"""Fit a system and score clips: seeded, resumable, without ever holding a corpus in memory."""

import json
import math
import os
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from fakeorreal.epoch_log import measures, plateau_rate
from fakeorreal.errors import FakeOrRealError
from fakeorreal.prefetch import prefetched

RECIPE_VERSION = 5  # raise when a change here changes scores
CHECKPOINT_EVERY = 10  # epochs
CURVE_CLIPS = 50  # rows of a split behind a learning curve that decides nothing, per class
_SCORING_BATCH = 64  # a batch of 256 through the DCNN takes 8 GB


def make_deterministic(seed):
    """Seed Python, NumPy and Keras, and make TensorFlow's operators deterministic.

    Two runs on one machine then give identical numbers, as long as the number of threads is the same.
    """
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    quieten()


def quieten():
    """Keep TensorFlow's advice on retracing to itself: it would end up in the notebooks."""
    import tensorflow as tf

    tf.get_logger().setLevel("ERROR")


def fit_network(system, training, validation, *, marks, seed, folder, stop_after=0):
    """Train a Keras system and yield it at each mark.

    A checkpoint is kept every ``CHECKPOINT_EVERY`` epochs; a run that was killed goes on from there and ends with
    the same weights as one that was not.

    Args:
        system: a ``System`` of kind ``keras``, trained in its ``precision``.
        training: ``Features`` of the training clips; ``Augmented`` for a system with an augmentation.
        validation: ``Features``.
        marks: increasing epochs at which to stop and be scored.
        seed: seeds weights, dropout, augmentation and the order of clips.
        folder: where the checkpoint (``state``) and the networks at each mark go: ``epoch-<n>.keras``, and for a system
            that is scored at its best ``best-<n>.keras``, the network of the lowest ``val_loss`` so far.
        stop_after: epochs without a new low of ``val_loss`` that end the training; 0 for none ever. What it ends with
            stands at every mark that is left.

    Yields:
        (mark, model, history): history is a DataFrame, one row per epoch: epoch, learning_rate; loss and accuracy over
        the epoch, while the network changed, with dropout and augmentation; and ``epoch_log.measures`` after it, of
        clips as they are, as ``train_<measure>`` and ``val_<measure>``: of at most CURVE_CLIPS of each class, but of
        all validation clips where their loss decides on rate, network or end.

    Raises:
        FakeOrRealError: a class is missing from the training clips.
    """
    _check_classes(training)
    make_deterministic(seed)
    import keras

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    model, best, history = restore_state(folder)
    if model is None:
        model, history = new_model(system, training, system.precision), []
        best = keras.models.clone_model(model) if system.best else None
    decides = system.best or system.patience or stop_after
    stops = sorted({*marks, *range(CHECKPOINT_EVERY, marks[-1], CHECKPOINT_EVERY)})
    for stop in stops:
        for epoch in range(len(history), stop):
            if stop_after and history and len(history) > lowest_epoch(history) + stop_after:
                break
            history.append(measured_epoch(model, system, training, validation, history, seed, bool(decides)))
            if system.best and lowest_epoch(history) == epoch:
                best.set_weights(model.get_weights())
            if epoch + 1 == stop:
                save_state(model, best, history, folder)
        if stop in marks:
            if stop >= len(history):
                for name, network in {"epoch": model, "best": best}.items():
                    if network is not None:
                        if system.precision != "float32":
                            weights, network = network.get_weights(), new_model(system, training)
                            network.set_weights(weights)
                            network.optimizer.build(network.trainable_variables)  # as the file must hold it
                        save_model(network, folder / f"{name}-{stop}.keras")
            scored = folder / f"{'best' if system.best else 'epoch'}-{stop}.keras"
            yield stop, keras.models.load_model(scored, safe_mode=True), pd.DataFrame(history[:stop])


def fit_classical(system, training, *, seed):
    """Fit a scikit-learn or XGBoost system on all training rows; returns the fitted estimator."""
    from fakeorreal.networks.classical import CLASSICAL
    from fakeorreal.scale_out import fit_trees, is_spread

    _check_classes(training)
    estimator = CLASSICAL[system.network or system.name](seed)
    if is_spread(system):
        return fit_trees(estimator, training)
    return estimator.fit(training.rows(np.arange(len(training))), training.labels)


def score_windows(system, model, features):
    """Scores of the rows of a split, the windows of clips: the logit of fake.

    Args:
        system: the ``System`` the model belongs to.
        model: Keras model or fitted estimator.
        features: ``Features``; rows named ``clip#k`` are windows of one clip.

    Returns:
        DataFrame: clip, label, group, speaker, generator, language, split, score; one row per row of the features.
    """
    if system.kind == "classical":
        from fakeorreal.networks.classical import score

        predict = partial(score, model)
    else:
        predict = model.predict_on_batch
    logits = _in_blocks(predict, features, np.arange(len(features)))
    columns = ["clip", "label", "group", "speaker", "generator", "language", "split"]
    return features.corpus[columns].assign(score=logits)


def mean_over_windows(windows):
    """From the scores of windows, as by `score_windows`, to those of clips: their mean. One row per clip, sorted."""
    how = {column: "mean" if column == "score" else "first" for column in windows.columns.drop("clip")}
    return windows.groupby(windows["clip"].str.split("#").str[0], sort=True).agg(how).reset_index()


def score_clips(system, model, features):
    """Scores of clips: the logit of fake, averaged over the windows of a clip; see `score_windows`."""
    return mean_over_windows(score_windows(system, model, features))


def _check_classes(training):
    missing = {0, 1} - set(np.unique(training.labels).tolist())
    if missing:
        names = " and ".join({0: "real", 1: "fake"}[label] for label in sorted(missing))
        raise FakeOrRealError(f"no {names} clip is left for training. Run `fakeorreal validate` to see why.")


def new_model(system, training, precision="float32"):
    """The untrained network of a system, compiled, which computes in a dtype policy of Keras."""
    import keras

    from fakeorreal.fused_adam import FusedAdam
    from fakeorreal.networks import build_network

    usual = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        network = build_network(system.network or system.name, training.shape, **system.options)
    finally:
        keras.config.set_dtype_policy(usual)
    if precision != "float32":  # a loss of logits in half precision would be rounded
        logits = keras.layers.Activation("linear", dtype="float32")(network.output)
        network = keras.Model(network.input, logits, name=network.name)
    if system.standardise:
        mean, variance = moments(training, system.standardise)
        axes = tuple(axis + 1 for axis in system.standardise)  # after that of the batch
        normalise = keras.layers.Normalization(axes, mean=mean, variance=variance)
        inputs = keras.Input(training.shape)
        network = keras.Model(inputs, network(normalise(inputs)), name=network.name)
    adam = keras.optimizers.Adam if precision == "float32" else FusedAdam
    network.compile(
        adam(system.learning_rate),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=[keras.metrics.BinaryAccuracy("accuracy", threshold=0.0)],
    )
    return network


def moments(features, axes):
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


def measured_epoch(model, system, training, validation, history, seed, whole=False):
    """Train for an epoch; returns its log, see `fit_network`.

    Args:
        model: of `new_model`; changed.
        system, training, validation, seed: as in `fit_network`.
        history: logs of the epochs before.
        whole: measure on all validation clips.
    """
    log = _one_epoch(model, system, training, history, seed)
    penalty = float(sum(model.losses))
    rows_of_validation = np.arange(len(validation)) if whole else _curve_rows(validation)
    for name, features, rows in (
        ("train", training, _curve_rows(training)),
        ("val", validation, rows_of_validation),
    ):
        found = measures(features.labels[rows], _in_blocks(model.predict_on_batch, features, rows), penalty)
        log |= {f"{name}_{measure}": value for measure, value in found.items()}
    return log


def _one_epoch(model, system, training, history, seed):
    """Send every training row through the network once; returns the log: epoch, rate, loss and accuracy over all."""
    epoch = len(history)
    rate = plateau_rate(system.learning_rate, [log["val_loss"] for log in history], system.patience)
    model.optimizer.learning_rate = rate
    rows = partial(training.altered, seed=seed, epoch=epoch) if system.augmentation else training.rows
    order = epoch_order(len(training), seed, epoch)
    batches = np.split(order, range(system.batch, len(order), system.batch))
    labels = training.labels.astype("float32")[:, None]
    totals = {"loss": 0.0, "accuracy": 0.0}
    for batch, inputs in zip(batches, prefetched(rows, batches), strict=True):
        log = model.train_on_batch(inputs, labels[batch], return_dict=True)
        totals = {name: total + float(log[name]) * len(batch) for name, total in totals.items()}
    means = {name: total / len(order) for name, total in totals.items()}
    return {"epoch": epoch + 1, "learning_rate": rate, **means}


def _in_blocks(predict, features, rows):
    """Logits of some rows, float64, shape (len(rows),)."""
    blocks = np.split(rows, range(_SCORING_BATCH, len(rows), _SCORING_BATCH))
    return np.concatenate([np.ravel(predict(features.rows(block))) for block in blocks]).astype(float)


def epoch_order(n, seed, epoch):
    """The order of clips depends on nothing but seed and epoch, so that a resumed run repeats it."""
    return np.random.default_rng([seed, epoch]).permutation(n)


def _curve_rows(features):
    """At most CURVE_CLIPS rows per class, drawn over all of a split, the same for every seed."""
    rng = np.random.default_rng(0)
    rows = [np.flatnonzero(features.labels == label) for label in (0, 1)]
    return np.sort(np.concatenate([rng.permutation(of_class)[:CURVE_CLIPS] for of_class in rows]))


def lowest_epoch(history):
    """Index of the epoch with the lowest validation loss, the first of equals."""
    return np.argmin(np.nan_to_num([log["val_loss"] for log in history], nan=np.inf))


def save_model(model, path):
    part = path.with_name("part.keras")
    model.save(part)
    os.replace(part, path)


def save_state(model, best, history, folder):
    """Networks and history change together: all are written beside the last state, which the rename then replaces."""
    draft, state = folder / "state.part", folder / "state"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    model.save(draft / "model.keras")
    if best is not None:
        best.save(draft / "best.keras")
    random_states = [v.numpy().tolist() for v in _random_states(model)]
    (draft / "history.json").write_text(json.dumps({"history": history, "random_states": random_states}))
    old = folder / "state.old"
    if state.is_dir():
        shutil.rmtree(old, ignore_errors=True)  # of a run that was killed before it was done here
        os.replace(state, old)
    os.replace(draft, state)
    shutil.rmtree(old, ignore_errors=True)


def restore_state(folder):
    """(model, best, history) of the last state; best is None where none is kept, model where there is no state."""
    import keras

    import fakeorreal.fused_adam  # noqa: F401, the optimizer of a network that trains in bfloat16

    for state in (folder / "state", folder / "state.old"):
        if (state / "history.json").is_file():
            model = keras.models.load_model(state / "model.keras", safe_mode=True)
            saved = json.loads((state / "history.json").read_text())
            for variable, value in zip(_random_states(model), saved["random_states"], strict=True):
                variable.assign(value)
            best = state / "best.keras"
            best = keras.models.load_model(best, safe_mode=True) if best.is_file() else None
            return model, best, saved["history"]
    return None, None, []


def _random_states(model):
    """Where the dropout layers are in their random sequences; a .keras file does not keep this."""
    return [v for v in model.non_trainable_variables if v.path.endswith("seed_generator_state")]
