"""The vision transformer of AI-SPY: attention between the patches of a spectrogram, as published or in small."""

import keras
import numpy as np
from keras import layers, ops

from fakeorreal.errors import FakeOrRealError
from fakeorreal.networks import check_shape
from fakeorreal.networks.spy_cnn import score_of_clip

DROPOUT = 0.1
EPSILON = 1e-6


def vision_transformer(
    shape=(1025, 94, 1), *, patch=24, width=64, depth=2, heads=4, norm_first=True, whole=True, masked=0.0
):
    """A transformer on patches that do not overlap: 148,162 parameters; the published one has 25,779,714.

    Published are ``patch=32, width=512, depth=8, heads=8, norm_first=False, whole=False``: two columns of patches, and
    the last 30 of 94 frames are never seen. Rows beyond the last whole patch, the highest frequencies, are left out
    here as there: one of 1025 as published, 17 in small.
    The published dropout on the logits is left out: it scales and zeroes scores that are done.

    Args:
        shape: bands, frames and channels; a patch or more of bands and frames.
        patch: its height in bands and width in frames.
        width: of a token; the dense layers between attentions are four times as wide.
        depth: blocks of attention and dense layers.
        heads: of each attention, a divisor of ``width``.
        norm_first: normalise the tokens of patches over the batch, and what goes into attention and dense layers but
            not what comes past them: without that, a small network stays at chance on an hour of speech. False
            normalises the sums, as published.
        whole: fill up the last column with frames mirrored at the end, whose texture is that of sound, so that no
            edge shows; False leaves frames beyond the last whole patch out.
        masked: share of tokens that are zeros in training, other ones in every clip and step; 0.15 published.

    Input shape:
        ``(batch, *shape)``, standardised

    Output shape:
        ``(batch, 1)`` logits of *fake*.

    Raises:
        FakeOrRealError: ``shape`` is smaller than a patch; heads that do not divide ``width``; another share.

    Source: AI-SPY, ``vit_model.py`` and ``vit_model_masking.py``; Dosovitskiy et al. 2021.
    """
    check_shape(shape, patch, patch)
    if width % heads or not 0 <= masked < 1:
        raise FakeOrRealError(
            "`width` must be a multiple of `heads`, and `masked` a share from 0 to less than 1. "
            f"Received: width={width}, heads={heads}, masked={masked}. Published are 512, 8 and 0.15."
        )
    inputs = x = keras.Input(shape)
    if whole and shape[1] % patch:
        x = ops.pad(x, ((0, 0), (0, 0), (0, -shape[1] % patch), (0, 0)), mode="reflect")
    x = layers.Conv2D(width, patch, strides=patch, name="patches")(x)  # one dense layer for all of them
    x = layers.Reshape((-1, width))(x)
    if norm_first:
        x = layers.BatchNormalization()(x)
    if masked:
        x = _mask_tokens(x, masked)
    x = layers.Dropout(DROPOUT)(_add_places(x))
    for _ in range(depth):
        x = _block(x, width, heads, norm_first)
    x = _normalised(x[:, 0])
    return keras.Model(inputs, score_of_clip(x), name="vision_transformer")


def _mask_tokens(x, share):
    """Zeros for some tokens of every clip in training; their places are added later and stay known.

    The published code draws the tokens once for the whole batch.
    """
    masked = int(share * x.shape[1])
    noise = layers.GaussianNoise(1.0, dtype="float32")(ops.zeros_like(x[..., 0]))  # in inference it stays 0
    kept = noise >= ops.sort(noise, axis=1)[:, masked : masked + 1]
    return x * ops.cast(kept, x.dtype)[..., None]


def _add_places(x):
    """A learnt token before the others, and a learnt position added to each.

    By layers of Keras itself, as all here: a file of the network loads without this package.
    """
    tokens, width = x.shape[1:]
    zero = ops.zeros_like(x[:, :1, 0], dtype="int32")
    token = layers.Embedding(1, width, embeddings_initializer="zeros", name="class_token")(zero)
    normal = keras.initializers.TruncatedNormal(stddev=0.02)
    places = layers.Embedding(1 + tokens, width, embeddings_initializer=normal, name="positions")
    return ops.concatenate([token, x], axis=1) + places(zero + np.arange(1 + tokens))


def _block(x, width, heads, norm_first):
    """Attention, then two dense layers; each is added to what came in."""
    before, after = (_normalised, _as_it_is) if norm_first else (_as_it_is, _normalised)
    y = before(x)
    # on attention itself, dropout would make a step of the small network half as long again
    y = layers.MultiHeadAttention(heads, width // heads, dropout=0.0 if norm_first else DROPOUT)(y, y)
    x = after(x + layers.Dropout(DROPOUT)(y))
    y = ops.gelu(layers.Dense(4 * width)(before(x)))  # by tanh, for ONNX Runtime cannot read the exact one
    y = layers.Dense(width)(layers.Dropout(DROPOUT)(y))
    return after(x + layers.Dropout(DROPOUT)(y))


def _normalised(x):
    return layers.LayerNormalization(epsilon=EPSILON)(x)


def _as_it_is(x):
    return x
