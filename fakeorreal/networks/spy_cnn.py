"""The network of AI-SPY: five convolutions with tall kernels."""

import keras
from keras import layers

from fakeorreal.networks import check_shape
from fakeorreal.networks.dcnn import batch_norm

BLOCKS = (
    (16, (8, 4), (4, 2), 4),
    (32, (6, 3), (3, 2), 3),
    (64, (4, 2), (2, 1), 2),
    (128, (4, 2), (2, 1), 2),
    (256, (4, 2), (2, 1), 2),
)
"""Filters, kernel (bands, frames), zeros put on either side, and what pooling makes one."""


def spy_cnn(shape=(1025, 94, 1)):
    """The five-block CNN, to the letter: 637,182 trainable parameters on 1025×94×1.

    Two more blocks that the published code defines are never used.

    Args:
        shape: bands, frames and channels; 7 or more bands and 3 or more frames.

    Input shape:
        ``(batch, *shape)``, standardised

    Output shape:
        ``(batch, 1)`` logits of *fake*.

    Raises:
        FakeOrRealError: ``shape`` is too small for five poolings.

    Source: AI-SPY, ``cnn_model.py``.
    """
    check_shape(shape, 7, 3)
    inputs = x = keras.Input(shape)
    for filters, kernel, zeros, pool in BLOCKS:
        x = layers.Conv2D(filters, kernel)(layers.ZeroPadding2D(zeros)(x))
        x = layers.LeakyReLU(0.01)(batch_norm(x, affine=True))
        x = layers.MaxPooling2D(pool)(x)
    x = layers.Dense(100)(layers.Flatten()(x))
    x = layers.LeakyReLU(0.01)(layers.Dropout(0.1)(x))
    return keras.Model(inputs, score_of_clip(x), name="spy_cnn")


def score_of_clip(x):
    """One score from the features of clips, shape (batch, features).

    As published there is a logit of real and one of fake: softmax cross-entropy on two logits is binary cross-entropy
    on their difference. In float32 whatever the policy of the other layers, for rounded scores would tie.
    """
    x = layers.Dense(2, dtype="float32", name="logits")(x)
    return x[:, 1:] - x[:, :1]
