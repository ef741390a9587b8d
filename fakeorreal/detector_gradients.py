"""What the score of a frozen detector is made of, by integrated gradients on its Keras networks.

Gradients end at the features, for few front ends can be differentiated. Spectrograms give a map over time and
frequency; the measures of `features.SpectralTexture` are added up by statistic and frequency. TensorFlow is needed,
which judging does without: where it or the networks are missing, the reason is said instead.
"""

import json
import math
import os
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fakeorreal import explain
from fakeorreal.audio import SAMPLE_RATE
from fakeorreal.errors import FakeOrRealError
from fakeorreal.features import build_front_end

STEPS = 100  # on the way from the baseline; the gap is below 2 per cent in general
CELLS = 32  # of a map at most, in either direction; single places of a fine spectrogram are too many to see
KHZ = 8  # columns of a table of measures, 1 kHz each
_BATCH = 8  # rows at a time: those of a fine spectrogram take a gigabyte
_QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "0"}  # the latter has its own line to say
_MEMBERS = {"metadata.json", "config.json", "model.weights.h5"}
_MOST_BYTES = 2**28  # of a Keras file, unpacked
_MOST_WEIGHTS = _MOST_BYTES // 4
_MOST_VALUES = 2**24  # that the layers of a network give for one row: half a gigabyte for `_BATCH` rows
_SAME = 1e-2  # by which the score of Keras may differ from that of ONNX


@dataclass(frozen=True, eq=False)
class Gradients:
    """The score of a segment, shared out over what the network was given.

    Attributes:
        values: float32, positive where it speaks for fake: a map of shape (bands, columns in time), the first band
            first; or shape (statistics, 8), by bands of 1 kHz.
        names: of the statistics, else ().
        features: the front end's name.
        baseline: score of the baseline, the mean of training where the network holds one, else zeros: with ``values``
            it adds up to the score of the segment.
        gap: by how much it does not, relative to the change from baseline to segment, as in `explain.Attributions`.
    """

    values: np.ndarray
    names: tuple
    features: str
    baseline: float
    gap: float


def detector_gradients(folder, waveforms, scores):
    """Integrated gradients of segments.

    Args:
        folder: of a frozen detector.
        waveforms: float32 at 16 kHz, shape (n,), each no longer than a window.
        scores: what the detector says of each.

    Returns:
        list of Gradients.

    Raises:
        FakeOrRealError: a sentence on why there are none.
    """
    folder = Path(folder)
    settings = json.loads((folder / "detector.json").read_text(encoding="utf-8"))
    front_end = build_front_end(settings["front_end"])
    name = type(front_end).__name__
    if name != "SpectralTexture" and len(front_end.shape) != 3:
        raise FakeOrRealError(f"Features of {name} have no place in time and frequency.")
    model = _model(folder, settings, front_end)
    x = np.stack([front_end(y) for y in waveforms])
    if not np.abs(model.predict_on_batch(x)[:, 0] - scores).max() <= _SAME:
        raise FakeOrRealError("The Keras networks beside the frozen ones give other scores.")
    baseline = _baseline(model, front_end.shape)
    found = explain.integrated_gradients(model, x, baseline=baseline, steps=STEPS, batch=_BATCH)
    reached = float(model.predict_on_batch(baseline[None])[0, 0])
    return [
        Gradients(*_shown(values, y, front_end), name, reached, float(gap))
        for values, gap, y in zip(found.values, found.gap, waveforms, strict=True)
    ]


def _model(folder, settings, front_end):
    """The mean of the networks, calibrated: features to scores."""
    for name, value in _QUIET.items():  # read by TensorFlow when it starts
        os.environ.setdefault(name, value)
    try:
        import keras
        import tensorflow  # noqa: F401
    except ImportError as error:
        raise FakeOrRealError("Gradients need TensorFlow, which is not installed.") from error
    paths = [(folder / member["file"]).with_suffix(".keras") for member in settings["members"]]
    if not all(path.is_file() for path in paths):
        raise FakeOrRealError("The detector comes without its Keras networks, on which gradients are taken.")
    try:
        members = [_network(path) for path in paths]
        for path, member in zip(paths, members, strict=True):
            member.name = path.stem  # in one model, no two may have the same
    except (OSError, AttributeError, TypeError, ValueError, LookupError, RecursionError, zipfile.BadZipFile) as error:
        raise FakeOrRealError("The Keras networks of the detector cannot be read.") from error
    inputs = keras.Input(front_end.shape)
    logits = keras.ops.concatenate([member(inputs) for member in members], axis=1)
    mean = keras.ops.mean(logits, axis=1, keepdims=True)
    calibration = settings["calibration"]
    return keras.Model(inputs, calibration["scale"] * mean + calibration["offset"])


def _network(path):
    """A Keras network that a stranger may have written."""
    import keras

    with zipfile.ZipFile(path) as archive:
        sizes = {member.filename: member.file_size for member in archive.infolist()}
    if set(sizes) != _MEMBERS or sum(sizes.values()) > _MOST_BYTES:
        raise ValueError("is no network, or a very large one")
    with _few_weights():
        network = keras.models.load_model(path, compile=False, safe_mode=True)
    if sum(math.prod(shape[1:]) for shape in _given(network)) > _MOST_VALUES:
        raise ValueError("gives too much")
    return network


@contextmanager
def _few_weights():
    """Let no layer make more weights than a file can hold: what its configuration states is made before it is read."""
    import keras

    usual, left = keras.Layer.add_weight, _MOST_WEIGHTS

    def counted(layer, shape=None, *arguments, **named):
        nonlocal left
        left -= math.prod(shape or ())
        if left < 0:
            raise ValueError("has more weights than its file")
        return usual(layer, shape, *arguments, **named)

    keras.Layer.add_weight = counted
    try:
        yield
    finally:
        keras.Layer.add_weight = usual


def _given(network):
    """Shapes of what the layers of a network give, those within others too; a place of unknown size is a TypeError."""
    import keras

    for layer in network.operations:
        if isinstance(layer, keras.Model):
            yield from _given(layer)
        yield from (tensor.shape for tensor in keras.tree.flatten(layer.output))


def _baseline(model, shape):
    """What the network knows of an average clip: its first layer standardises, and its mean is zero afterwards."""
    import keras

    baseline = np.zeros(shape, np.float32)
    for layer in model.layers[1].layers:
        if isinstance(layer, keras.layers.Normalization):
            baseline[:] = np.asarray(layer.mean)[0]
        elif isinstance(layer, keras.layers.BatchNormalization) and not layer.trainable:
            baseline[..., 0] = np.asarray(layer.moving_mean)  # of the measures; that they are valid is not given
        elif not layer.weights:
            continue
        break
    return baseline


def _shown(values, y, front_end):
    """Attributions of one segment, added up to (values, names) as in `Gradients`."""
    if len(front_end.shape) == 3:
        return _map(values.sum(axis=-1), len(y) / SAMPLE_RATE, front_end.seconds), ()
    from fakeorreal.features.texture_names import measure_names

    statistics, low, high = (np.array(column) for column in zip(*measure_names(front_end), strict=True))
    names = tuple(dict.fromkeys(statistics.tolist()))
    edges = 1000 * np.arange(KHZ + 1)
    inside = np.minimum(high[:, None], edges[1:]) - np.maximum(low[:, None], edges[:-1])
    parts = values.sum(axis=1)[:, None] * np.maximum(inside, 0) / (high - low)[:, None]
    return np.stack([parts[statistics == name].sum(axis=0) for name in names]).astype(np.float32), names


def _map(values, seconds, window):
    """At most `CELLS` bands and columns; where a short segment was repeated, each time counts for the same place."""
    bands, frames = values.shape
    rows, columns = min(CELLS, bands), max(1, min(CELLS, round(frames * min(1, seconds / window))))
    at = (np.arange(frames) + 0.5) / frames * window % seconds / seconds
    cells = np.zeros((rows, columns))
    np.add.at(cells, ((np.arange(bands) * rows // bands)[:, None], (at * columns).astype(int)), values)
    return cells.astype(np.float32)
