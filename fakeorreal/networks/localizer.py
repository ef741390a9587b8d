"""The localiser of partly fake audio: a score of every 20 ms by convolutions, attention and recurrence."""

import keras
import numpy as np
from keras import layers, ops

from fakeorreal.errors import FakeOrRealError
from fakeorreal.networks.dcnn import batch_norm

WIDTH = 128  # of a frame between the parts, as published
BLOCKS, ENCODERS, HEADS, FEED_FORWARD = 12, 2, 4, 1024
STEM = (16, 16, 32, 32, 32)
"""Filters of its convolutions, each of which halves the bands."""


def localizer(shape=(1000, 128), *, planes=128, dropout=0.1, attention_dropout=0.0, positions=True, stem=True):
    """MelResNet, transformer and BiLSTM with a logit for every frame and one for the clip: 1,438,210 parameters
    behind a stem of 25,792 that makes frames of 20 ms out of rows of 10 ms.

    Published are ``(500, 768)``, ``planes=512, dropout=0.5, attention_dropout=0.5, positions=False, stem=False``:
    9,288,962 parameters (9,289,986 in PyTorch, whose LSTM has two biases). Its frames came from a network of another
    paper. Frames that nothing places can be told apart by the BiLSTM alone; here sinusoids place them.

    The published code never trained its output layers, ``frame_logit`` and ``clip_logit`` here.

    Args:
        shape: (rows of 10 ms, bands) with an even number of rows and a multiple of 32 bands; without a stem
            (frames of 20 ms, features).
        planes: channels of the residual blocks.
        dropout: in the transformer, behind each part and within its dense layers.
        attention_dropout: of the attention itself.
        positions: add to each frame where it lies.
        stem: False for frames that were computed elsewhere.

    Input shape:
        ``(batch, *shape)``, standardised

    Output shape:
        list of ``(batch, frames)``, the logits of *fake* of each 20 ms, and ``(batch, 1)``, that of the clip.

    Raises:
        FakeOrRealError: ``shape`` does not fit.

    Source: FakeSound, ``detection_model.py`` (Xie et al. 2024).
    """
    if len(shape) != 2 or (stem and (shape[0] % 2 or shape[1] % 32 or 0 in shape)):
        raise FakeOrRealError(
            "`shape` must be (frames, features), and with a stem an even number of rows and a multiple of 32 bands. "
            f"Received: shape={tuple(shape)}, stem={stem}. Take FrameMel of full tenths of a second."
        )
    inputs = x = keras.Input(shape)
    if stem:
        x = _stem(x)
    x = batch_norm(layers.Dense(WIDTH)(_residual(x, planes)), affine=True)
    if positions:
        x = x + _places(x)
    for _ in range(ENCODERS):
        x = _encoder(x, dropout, attention_dropout)
    x = layers.Bidirectional(layers.LSTM(WIDTH, return_sequences=True))(x)
    # in float32 whatever the policy of the other layers, for rounded scores would tie
    frames = layers.Dense(1, dtype="float32", name="frame_logit")(ops.relu(x))
    frames = layers.Reshape((-1,), dtype="float32", name="frames")(frames)
    clip = layers.GlobalAveragePooling1D(dtype="float32")(x)
    clip = layers.Dense(1, dtype="float32", name="clip_logit")(clip)
    return keras.Model(inputs, [frames, clip], name="localizer")


def _stem(x):
    """Halves the bands five times, and once the rows: the window of frame k is centred on rows 2k and 2k + 1."""
    x = layers.Reshape((*x.shape[1:], 1))(x)
    for k, filters in enumerate(STEM):
        size, strides = ((4, 3), 2) if k == 0 else (3, (1, 2))
        x = layers.Conv2D(filters, size, strides, padding="same", use_bias=False)(x)
        x = ops.relu(batch_norm(x, affine=True))
    return layers.Reshape((x.shape[1], -1))(x)


def _residual(x, planes):
    """The published MelResNet: each frame by itself, after one look at its neighbours."""
    x = ops.relu(_convolution(x, planes, 5))
    for _ in range(BLOCKS):
        y = ops.relu(_convolution(x, planes, 1))
        x = x + _convolution(y, planes, 1)
    return layers.Conv1D(WIDTH, 1)(x)


def _convolution(x, planes, size):
    return batch_norm(layers.Conv1D(planes, size, padding="same", use_bias=False)(x), affine=True)


def _places(x):
    """Sines and cosines of the number of a frame, shape (1, frames, width) (Vaswani et al. 2017)."""
    rates = 10_000.0 ** (-2 * np.arange(WIDTH // 2, dtype="float32") / WIDTH)
    number = ops.zeros_like(x[:1, :, :1]) + np.arange(x.shape[1], dtype="float32")[:, None]
    return ops.concatenate([ops.sin(number * rates), ops.cos(number * rates)], axis=-1)


def _encoder(x, dropout, attention_dropout):
    """Attention, then two dense layers; each is added to what came in, and the sum normalised."""
    y = layers.MultiHeadAttention(HEADS, WIDTH // HEADS, dropout=attention_dropout)(x, x)
    x = _normalised(x + layers.Dropout(dropout)(y))
    y = layers.Dropout(dropout)(layers.Dense(FEED_FORWARD, activation="relu")(x))
    y = layers.Dense(WIDTH)(y)
    return _normalised(x + layers.Dropout(dropout)(y))


def _normalised(x):
    return layers.LayerNormalization(epsilon=1e-5)(x)
