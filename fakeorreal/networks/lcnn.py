"""The light CNN of gan-police: maxima over pairs of channels instead of rectifiers, then recurrent layers over time."""

import keras
from keras import layers, ops

from fakeorreal.networks import check_shape
from fakeorreal.networks.dcnn import batch_norm, decay, score_of_frames


def lcnn(shape=(256, 101, 1)):
    """The LCNN, to the letter: 3,308,354 trainable parameters on 256×101×1, 170,114 on 20 bands, 269,058 on 60.

    PyTorch counts more, for its LSTM has a second bias, which is added to the first. Kernels are decayed as those
    of ``dcnn``.

    Args:
        shape: bands, frames and channels; 16 or more bands and frames.

    Input shape:
        ``(batch, *shape)``, standardised

    Output shape:
        ``(batch, 1)`` logits of *fake*.

    Raises:
        FakeOrRealError: ``shape`` is too small for four poolings.

    Source: gan-police, ``models.py``, a fork of the LFCC-LCNN baseline of ASVspoof 2021.
    """
    check_shape(shape, 16, 16)
    inputs = keras.Input(shape)
    x = layers.Permute((2, 1, 3))(inputs)
    x = layers.MaxPooling2D(2)(_maxout(x, 64, 5))
    x = batch_norm(_maxout(x, 64, 1))
    x = batch_norm(layers.MaxPooling2D(2)(_maxout(x, 96, 3)))
    x = batch_norm(_maxout(x, 96, 1))
    x = layers.MaxPooling2D(2)(_maxout(x, 128, 3))
    x = batch_norm(_maxout(x, 128, 1))
    x = batch_norm(_maxout(x, 64, 3))
    x = batch_norm(_maxout(x, 64, 1))
    x = layers.MaxPooling2D(2)(_maxout(x, 64, 3))
    x = layers.Dropout(0.7)(x)
    x = layers.Reshape((x.shape[1], -1))(x)
    for _ in range(2):
        lstm = layers.LSTM(
            x.shape[2] // 2, return_sequences=True, kernel_regularizer=decay(), recurrent_regularizer=decay()
        )
        x = layers.Bidirectional(lstm)(x)
    return keras.Model(inputs, score_of_frames(x), name="lcnn")


def _maxout(x, filters, size):
    """Convolution and max feature map: the greater of channels k and k + filters / 2."""
    x = layers.Conv2D(filters, size, padding="same", kernel_regularizer=decay())(x)
    return ops.maximum(*ops.split(x, 2, axis=-1))
