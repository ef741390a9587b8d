"""Networks, one architecture per file: functions ``shape → keras.Model`` that gives logits of *fake*.

Keras is imported by the modules that need it and not here: it takes seconds, and ``classical`` does without it.
"""

import importlib

from fakeorreal.errors import FakeOrRealError

_HOMES = {"custom_cnn": "custom_cnn", "custom_cnn_published": "custom_cnn", "dnn": "dnn", "dnn_published": "dnn"}


def build_network(name, shape):
    """Build a Keras network by name for inputs of a shape; FakeOrRealError for a name that is not known."""
    if name not in _HOMES:
        raise FakeOrRealError(f"`name` must be one of {', '.join(_HOMES)}. Received: {name!r}.")
    return getattr(importlib.import_module(f"fakeorreal.networks.{_HOMES[name]}"), name)(shape)
