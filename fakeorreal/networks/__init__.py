"""Networks, one architecture per file: functions ``shape → keras.Model`` that gives logits of *fake*.

Keras is imported by the modules that need it and not here: it takes seconds, and ``classical`` does without it.
"""

import importlib
import inspect

from fakeorreal.errors import FakeOrRealError

_HOMES = {
    "custom_cnn": "custom_cnn",
    "custom_cnn_published": "custom_cnn",
    "dcnn": "dcnn",
    "dnn": "dnn",
    "dnn_published": "dnn",
    "lcnn": "lcnn",
    "localizer": "localizer",
    "spectrogram_transformer": "spectrogram_transformer",
    "spy_cnn": "spy_cnn",
    "vision_transformer": "vision_transformer",
    "wild_cnn": "wild_cnn",
}


def build_network(name, shape, **options):
    """Build a Keras network by name.

    Args:
        name: of a builder in this package.
        shape: of one input, without the batch.
        **options: for the builder, such as ``dilation=False`` for ``dcnn``.

    Returns:
        keras.Model, ``(batch, *shape)`` → ``(batch, 1)`` logits of *fake*.

    Raises:
        FakeOrRealError: a name or an option that is not known, or a shape that does not fit.
    """
    if name not in _HOMES:
        raise FakeOrRealError(f"`name` must be one of {', '.join(_HOMES)}. Received: {name!r}.")
    builder = getattr(importlib.import_module(f"fakeorreal.networks.{_HOMES[name]}"), name)
    known = list(inspect.signature(builder).parameters)[1:]
    if unknown := sorted(options.keys() - known):
        raise FakeOrRealError(
            f"options of {name} must be among: {', '.join(known) or 'none'}. Received: {', '.join(unknown)}."
        )
    return builder(shape, **options)


def check_shape(shape, bands, frames):
    """Raises FakeOrRealError unless a shape is (bands, frames, channels) with as many of the former or more."""
    if len(shape) != 3 or shape[0] < bands or shape[1] < frames:
        raise FakeOrRealError(
            f"`shape` must be (bands, frames, channels) with {bands} or more bands and {frames} or more frames. "
            f"Received: shape={tuple(shape)}. Take longer clips or more bands."
        )
