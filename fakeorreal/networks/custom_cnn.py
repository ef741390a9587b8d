"""The Custom-CNN of the FoR study: four convolutions of 32, 64, 128 and 128 filters."""

import keras
from keras import layers

from fakeorreal.errors import FakeOrRealError

FILTERS = (32, 64, 128, 128)


def custom_cnn_published(shape=(224, 224, 3)):
    """The network of the code, to the letter, but for the sigmoid: 9,679,041 parameters on 224×224×3.

    Args:
        shape: height, width and channels of the picture, values in [0, 1]; 46 or more pixels each way.

    Input shape:
        ``(batch, *shape)``

    Output shape:
        ``(batch, 1)`` logits of *fake*.

    Raises:
        FakeOrRealError: ``shape`` is too small for four poolings.

    Source: FoR Custom-CNN study, ``main.ipynb``; its text describes another network (padded pooling, two dense
    layers).
    """
    _check(shape, 46)
    x = inputs = keras.Input(shape)
    for filters in FILTERS:
        x = layers.Conv2D(filters, 3, activation="relu")(x)
        x = layers.MaxPooling2D(2)(x)
    return keras.Model(inputs, _head(x), name="custom_cnn_published")


def custom_cnn(shape=(128, 63, 1)):
    """The corrected network, on the plain log-mel in dB: 765,569 parameters on 128×63×1.

    The first convolution steps by 2, which halves the time of training and leaves the other layers as they are.

    Args:
        shape: mel bands, frames and channels of the log-mel in [-80, 0] dB; 31 or more bands and frames.

    Input shape:
        ``(batch, *shape)``

    Output shape:
        ``(batch, 1)`` logits of *fake*.

    Raises:
        FakeOrRealError: ``shape`` is too small for four poolings.

    Source: FoR Custom-CNN study, with padded convolutions and an input of one channel without axes.
    """
    _check(shape, 31)
    inputs = keras.Input(shape)
    x = layers.Rescaling(1 / 40, offset=1)(inputs)  # [-80, 0] dB to [-1, 1]
    for k, filters in enumerate(FILTERS):
        x = layers.Conv2D(filters, 3, strides=1 if k else 2, padding="same")(x)
        x = layers.MaxPooling2D(2)(x)
        x = layers.ReLU(name=f"relu_{k + 1}")(x)  # the same as before the pooling, on a quarter of the places
    return keras.Model(inputs, _head(x), name="custom_cnn")


def _head(x):
    x = layers.Flatten()(x)
    x = layers.Dense(512, activation="relu")(x)
    x = layers.Dropout(0.5)(x)
    return layers.Dense(1)(x)


def _check(shape, smallest):
    if len(shape) != 3 or min(shape[:2]) < smallest:
        raise FakeOrRealError(
            f"`shape` must be (height, width, channels) with {smallest} or more rows and columns. "
            f"Received: shape={tuple(shape)}. Take longer clips or more bands."
        )
