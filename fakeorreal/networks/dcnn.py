"""The network of gan-police: convolutions over time and frequency, then dilated ones with time as the channels."""

import keras
from keras import layers

from fakeorreal.networks import check_shape

WEIGHT_DECAY = 1e-3
"""What the published recipe adds of each weight to its gradient, before Adam scales it."""


def dcnn(shape=(256, 101, 1), *, dropout=True, dilation=True):
    """The DCNN, to the letter: 239,015 trainable parameters on 256×101×1.

    Kernels carry an L2 penalty whose gradient is that of the published weight decay (``weight_decay`` of Keras's Adam
    is another thing: it shrinks the weights beside the gradient, not through it). Biases, slopes and scales, which
    the published code decays too, are left free. The penalty is part of the loss that training reports.

    Args:
        shape: bands, frames and channels; 198 or more bands (6 without dilated layers) and 6 or more frames.
        dropout: False for the ablation without dropout.
        dilation: False for the ablation without the dilated layers.

    Input shape:
        ``(batch, *shape)``, standardised

    Output shape:
        ``(batch, 1)`` logits of *fake*.

    Raises:
        FakeOrRealError: ``shape`` is too small.

    Source: gan-police, ``models.py`` (DCNN, DCNNxDropout, DCNNxDilation).
    """
    check_shape(shape, 198 if dilation else 6, 6)
    inputs = keras.Input(shape)
    x = layers.Permute((2, 1, 3))(inputs)
    x = _convolution(layers.ZeroPadding2D(2)(x), 64, 3)
    x = batch_norm(layers.MaxPooling2D(2)(x))
    x = batch_norm(_convolution(x, 64, 1))
    x = _convolution(x, 96, 3, padding="same")
    x = batch_norm(layers.MaxPooling2D(2)(x))
    x = batch_norm(_convolution(x, 128, 3, padding="same"))
    x = batch_norm(_convolution(x, 32, 3, padding="same"))
    x = _convolution(x, 64, 3, padding="same")
    x = layers.MaxPooling2D(2)(x)
    if dropout:
        x = layers.Dropout(0.6)(x)
    x = layers.Permute((3, 2, 1))(x)  # time becomes the channels
    if dilation:
        frames = x.shape[-1]
        x = _convolution(batch_norm(x, affine=True), frames, 3, padding="same")
        x = layers.ZeroPadding2D(2)(batch_norm(x, affine=True))
        x = _convolution(x, frames, 5, dilation_rate=2)
        x = layers.ZeroPadding2D(2)(batch_norm(x, affine=True))
        x = _convolution(x, frames, 7, dilation_rate=4)
        if dropout:
            x = layers.Dropout(0.2)(x)
    x = layers.Permute((3, 1, 2))(x)
    x = layers.Reshape((x.shape[1], -1))(x)
    return keras.Model(inputs, score_of_frames(x), name="dcnn")


def score_of_frames(x):
    """One score from the features of frames, shape (batch, frames, features).

    Each frame gives a logit of real and one of fake, as published. Their means over time are subtracted: softmax
    cross-entropy on two logits is binary cross-entropy on their difference. In float32 whatever the policy of the
    other layers, for rounded scores would tie.
    """
    x = layers.Dense(2, kernel_regularizer=decay(), dtype="float32", name="logits")(x)
    x = layers.GlobalAveragePooling1D(dtype="float32")(x)
    return x[:, 1:] - x[:, :1]


def batch_norm(x, *, affine=False):
    """Batch normalisation with the constants of PyTorch."""
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, center=affine, scale=affine)(x)


def decay():
    """Penalty of a kernel whose gradient is WEIGHT_DECAY times the kernel."""
    return keras.regularizers.L2(WEIGHT_DECAY / 2)


def _convolution(x, filters, size, **options):
    """Convolution and a PReLU with one slope for the whole layer."""
    x = layers.Conv2D(filters, size, kernel_regularizer=decay(), **options)(x)
    slope = keras.initializers.Constant(0.25)
    return layers.PReLU(alpha_initializer=slope, shared_axes=(1, 2, 3))(x)
