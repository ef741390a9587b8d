"""The dense networks of the FoR study, on standardised hand-crafted features."""

import keras
from keras import layers

from fakeorreal.errors import FakeOrRealError


def dnn(shape):
    """Three hidden layers of 128, as the text of the study has it: 50,689 parameters on 136 inputs.

    Args:
        shape: ``(n_features,)``, standardised with the mean and deviation of the training set.

    Input shape:
        ``(batch, n_features)``

    Output shape:
        ``(batch, 1)`` logits of *fake*.

    Raises:
        FakeOrRealError: ``shape`` is not one-dimensional.

    Source: FoR Custom-CNN study, first README.
    """
    return _dense(shape, (128, 128, 128), "dnn")


def dnn_published(shape):
    """Hidden layers of 128 and 64, as the code has it: 10,113 parameters on 13 inputs, 13,569 on 40.

    Args:
        shape: ``(n_features,)``, standardised with the mean and deviation of the training set.

    Input shape:
        ``(batch, n_features)``

    Output shape:
        ``(batch, 1)`` logits of *fake*.

    Raises:
        FakeOrRealError: ``shape`` is not one-dimensional.

    Source: FoR Custom-CNN study, ``DNN.ipynb``.
    """
    return _dense(shape, (128, 64), "dnn_published")


def _dense(shape, widths, name):
    if len(shape) != 1:
        raise FakeOrRealError(
            f"`shape` must be (n_features,). Received: shape={tuple(shape)}. Use a front end that gives a vector."
        )
    x = inputs = keras.Input(shape)
    for width in widths:
        x = layers.Dense(width, activation="relu")(x)
        x = layers.Dropout(0.5)(x)
    return keras.Model(inputs, layers.Dense(1)(x), name=name)
