"""A small transformer on patches of a spectrogram."""

import keras
from keras import layers, ops

from fakeorreal.networks import check_shape

PATCH = 16
WIDTH = 128
HEADS = 4
BLOCKS = 4


def spectrogram_transformer(shape=(256, 101, 1)):
    """Four pre-norm blocks on patches of 16×16, mean over patches: 838,529 parameters on 256×101×1.

    Stands in for the published audio spectrogram transformer, which is far larger and starts from weights learnt on
    images. Patches do not overlap: with the published step of 10 there would be twice as many.

    Args:
        shape: bands, frames and channels; 16 or more bands and frames. Zeros fill up the last patches.

    Input shape:
        ``(batch, *shape)``, standardised

    Output shape:
        ``(batch, 1)`` logits of *fake*.

    Raises:
        FakeOrRealError: ``shape`` is smaller than a patch.

    Source: Gong et al. 2021, Audio Spectrogram Transformer, in small.
    """
    check_shape(shape, PATCH, PATCH)
    bands, frames = (-(-size // PATCH) for size in shape[:2])
    inputs = keras.Input(shape)
    x = layers.Permute((2, 1, 3))(inputs)
    x = layers.ZeroPadding2D(((0, frames * PATCH - shape[1]), (0, bands * PATCH - shape[0])))(x)
    x = layers.Reshape((frames, PATCH, bands, PATCH, shape[2]))(x)
    x = layers.EinsumDense(  # its bias has a value per patch: that is the positional encoding
        "btufvc,uvcd->btfd",
        (frames, bands, WIDTH),
        bias_axes="tfd",
        bias_initializer=keras.initializers.RandomNormal(stddev=0.02),
        name="patches",
    )(x)
    x = layers.Reshape((frames * bands, WIDTH))(x)
    for _ in range(BLOCKS):
        x = _block(x)
    x = layers.GlobalAveragePooling1D()(layers.LayerNormalization()(x))
    x = layers.Dense(1, dtype="float32", name="logits")(x)
    return keras.Model(inputs, x, name="spectrogram_transformer")


def _block(x):
    """Attention, then two dense layers, each on normalised input and added to what came in."""
    y = layers.LayerNormalization()(x)
    x += layers.MultiHeadAttention(HEADS, WIDTH // HEADS, dropout=0.1, use_bias=False)(y, y)
    y = layers.LayerNormalization()(x)
    y = ops.gelu(layers.Dense(4 * WIDTH)(y))  # by tanh, for ONNX Runtime cannot read the exact one
    return x + layers.Dropout(0.1)(layers.Dense(WIDTH)(y))
