"""Where a network hears the fake: integrated gradients, and their mean over clips."""

from typing import NamedTuple

import numpy as np

from fakeorreal.errors import FakeOrRealError

LEAST_CHANGE = 1.0  # logit


class Attributions(NamedTuple):
    """What each value of the input adds to the logit of fake, and how far the sums are from the truth.

    Attributes:
        values: float32, shape (clips, *shape); positive speaks for fake.
        gap: float64, shape (clips,): |sum of values - change| relative to |change|, where change is the logit of the
            clip less that of the baseline. A change below 1 logit counts as 1, for relative to next to nothing every
            error is large: 0.01 then means a hundredth of a logit.
    """

    values: np.ndarray
    gap: np.ndarray


class MeanMap(NamedTuple):
    """A map averaged over clips.

    Attributes:
        mean: shape (bands, frames).
        by_band: its sum over time, shape (bands,).
        by_frame: its sum over frequency, shape (frames,).
    """

    mean: np.ndarray
    by_band: np.ndarray
    by_frame: np.ndarray


def integrated_gradients(model, x, *, baseline, steps=200, batch=64):
    """Attribute the logit of fake to the input by integrating its gradient on the way from a baseline.

    The integral is taken by the midpoint rule: on networks with ReLU and max pooling it came closer to completeness
    than the trapezoid rule, and it needs no gradient at the baseline itself, where every pooling is a tie.

    Args:
        model: Keras network (batch, *shape) → (batch, 1) logits of fake; run as in inference.
        x: inputs, shape (clips, *shape).
        baseline: input without content, shape (*shape), such as the mean of training.
        steps: points on each way.
        batch: rows sent through the network at a time, of one clip or of several; bounds the memory, and changes
            results by rounding alone.

    Returns:
        Attributions.

    Raises:
        FakeOrRealError: shapes that do not fit together, another kind of output, or less than 1 step or row.

    Source: Sundararajan, Taly and Yan 2017, eq. 1 and 2.
    """
    x, baseline = np.asarray(x, np.float32), np.asarray(baseline, np.float32)
    _check(model, x, baseline, steps, batch)
    gradients = _gradients(model)
    total = np.zeros(x.shape)
    for first in range(0, len(x) * steps, batch):
        clip, step = np.divmod(np.arange(first, min(first + batch, len(x) * steps)), steps)
        share = ((step + 0.5) / steps).reshape(-1, *[1] * baseline.ndim).astype(np.float32)
        found = gradients(baseline + share * (x[clip] - baseline))
        for k in np.unique(clip):
            total[k] += found[clip == k].sum(axis=0, dtype=float)
    values = total / steps * (x - baseline)
    change = _logits(model, x, batch) - _logits(model, baseline[None], batch)
    error = np.abs(values.reshape(len(x), -1).sum(axis=1) - change)
    return Attributions(values.astype(np.float32), error / np.maximum(np.abs(change), LEAST_CHANGE))


def mean_maps(attributions):
    """Average attributions over clips.

    Args:
        attributions: shape (clips, bands, frames) or (clips, bands, frames, channels); channels are added up.

    Returns:
        dict of MeanMap: ``signed``, where what speaks for fake and for real may cancel, and whose sum is the mean
        change of the logit; and ``absolute``, the mean of the magnitudes: how much the network looks there at all.

    Raises:
        FakeOrRealError: another shape, or no clip.
    """
    attributions = np.asarray(attributions, float)
    if attributions.ndim not in (3, 4) or not len(attributions):
        raise FakeOrRealError(
            "`attributions` must have the shape (clips, bands, frames) or (clips, bands, frames, channels), clips > 0. "
            f"Received: shape {attributions.shape}. Average maps of one network at a time."
        )
    if attributions.ndim == 4:
        attributions = attributions.sum(axis=-1)
    means = {"signed": attributions.mean(axis=0), "absolute": np.abs(attributions).mean(axis=0)}
    return {name: MeanMap(mean, mean.sum(axis=1), mean.sum(axis=0)) for name, mean in means.items()}


def _gradients(model):
    """Function: rows (n, *shape) → gradient of each row's logit, the same shape."""
    import tensorflow as tf  # here, for it is slow to import

    @tf.function(input_signature=[tf.TensorSpec(model.input_shape, tf.float32)])
    def gradients(rows):
        with tf.GradientTape() as tape:
            tape.watch(rows)
            logits = model(rows, training=False)
        return tape.gradient(logits, rows)  # of their sum: no row has a part in another's logit

    return lambda rows: gradients(tf.constant(rows)).numpy()


def _logits(model, x, batch):
    """Logits of fake, float64, shape (n,)."""
    rows = [model.predict_on_batch(x[k : k + batch]) for k in range(0, len(x), batch)]
    return np.concatenate(rows)[:, 0].astype(float)


def _check(model, x, baseline, steps, batch):
    shape = model.input_shape[1:]
    if model.output_shape != (None, 1):
        raise FakeOrRealError(
            f"`model` must give one logit a clip, shape (batch, 1). Received: {model.output_shape}. Take it without "
            "the layers that follow."
        )
    if x.shape[1:] != shape or baseline.shape != shape or not len(x):
        raise FakeOrRealError(
            f"`x` must have the shape (clips, *{shape}), clips > 0, and `baseline` {shape}. Received: {x.shape} and "
            f"{baseline.shape}. Use the front end that the model was trained on."
        )
    if steps < 1 or batch < 1:
        raise FakeOrRealError(f"`steps` and `batch` must be 1 or more. Received: steps={steps} and batch={batch}.")
