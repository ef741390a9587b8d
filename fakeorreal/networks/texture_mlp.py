"""The network of the shipped detector: a small perceptron on the measures of `features.SpectralTexture`."""

import keras
from keras import layers, ops

LIMIT = 4.0  # standard deviations at which a measure saturates


def texture_mlp(shape, centre, spread, *, units=(192, 64), input_dropout=0.3, dropout=0.5):
    """Standardise, saturate, drop what is not valid, two hidden layers.

    Args:
        shape: ``(measures, 2)``: value, and 1 where it is valid.
        centre: subtracted from the values, shape (measures,).
        spread: divides them, shape (measures,).
        units: widths of the hidden layers.
        input_dropout: share of the measures left out in training.
        dropout: after each hidden layer.

    Input shape:
        ``(batch, *shape)``

    Output shape:
        ``(batch, 1)`` logits of *fake*.
    """
    inputs = keras.Input(shape)
    # Frozen, for layers.Normalization holds constants that an export to ONNX takes for inputs.
    standardise = layers.BatchNormalization(center=False, scale=False, epsilon=1e-12, trainable=False)
    x = LIMIT * ops.tanh(standardise(inputs[..., 0]) / LIMIT) * inputs[..., 1]
    standardise.set_weights([centre, spread**2])
    x = layers.Dropout(input_dropout)(x)
    for width in units:
        x = layers.Dense(width, use_bias=False)(x)
        x = layers.BatchNormalization()(x)
        x = layers.Activation("silu")(x)
        x = layers.Dropout(dropout)(x)
    return keras.Model(inputs, layers.Dense(1)(x), name="texture_mlp")
