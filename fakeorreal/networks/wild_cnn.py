"""The network of the In-the-Wild study: one convolution of few channels."""

import keras
from keras import layers

from fakeorreal.networks import check_shape
from fakeorreal.networks.dcnn import batch_norm
from fakeorreal.networks.spy_cnn import score_of_clip


def wild_cnn(shape=(128, 80, 1), *, channels=1):
    """The one-block CNN, to the letter: 4926 * channels + 2 trainable parameters on 128×80×1.

    Its binary cross-entropy on both outputs of a softmax is that on the difference of its two logits.

    Args:
        shape: bands, frames and channels; 4 or more bands and frames.
        channels: of the convolution; published 1, 2, 4, …, 64.

    Input shape:
        ``(batch, *shape)``

    Output shape:
        ``(batch, 1)`` logits of *fake*.

    Raises:
        FakeOrRealError: ``shape`` is too small for the pooling.

    Source: audio-deepfake-detection of jimmybanta, ``train.ipynb``.
    """
    check_shape(shape, 4, 4)
    inputs = keras.Input(shape)
    x = layers.Conv2D(channels, 3)(inputs)
    x = layers.ReLU()(batch_norm(x, affine=True))
    x = layers.Dropout(0.2)(layers.MaxPooling2D(2)(x))
    return keras.Model(inputs, score_of_clip(layers.Flatten()(x)), name="wild_cnn")
