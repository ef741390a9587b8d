"""Multiply-adds by hand."""

import keras
import pytest
from keras import layers

from fakeorreal.errors import FakeOrRealError
from fakeorreal.multiply_adds import multiply_adds
from fakeorreal.networks import build_network


def test_multiply_adds_by_hand():
    x = inputs = keras.Input((9, 8, 3))
    x = layers.Conv2D(5, (4, 3), strides=2, padding="same")(x)
    x = layers.MaxPooling2D(2)(layers.BatchNormalization()(layers.ReLU()(x)))
    inner = keras.Model(inputs, layers.Dense(7)(x))
    x = layers.Reshape((4, 7))(inner(inputs))
    x = layers.MultiHeadAttention(2, 6)(x, x)
    model = keras.Model(inputs, layers.Dense(1)(layers.Flatten()(x)))
    convolution, dense = 5 * 4 * (4 * 3 * 3 * 5), 2 * 2 * 5 * 7
    attention = 4 * (4 * 7 * 12) + 2 * (2 * 4 * 4 * 6)  # four products with kernels; scores and their use, each head
    assert multiply_adds(model) == convolution + dense + attention + 4 * 7


def test_multiply_adds_of_the_published_networks():
    sizes = [(1026 * 95, 528), (257 * 25, 9248), (86 * 9, 16448), (44 * 5, 65664), (23 * 3, 262400)]
    filters = (16, 32, 64, 128, 256)  # as many biases among the parameters
    convolutions = sum(places * (kernel - bias) for (places, kernel), bias in zip(sizes, filters, strict=True))
    cnn = build_network("spy_cnn", (1025, 94, 1))
    assert multiply_adds(cnn) == convolutions + 2816 * 100 + 100 * 2
    vit = build_network("vision_transformer", (1025, 94, 1), patch=32, width=512, depth=8, heads=8, whole=False)
    block = 65 * 12 * 512**2 + 2 * 65**2 * 512
    assert multiply_adds(vit) == 64 * 1024 * 512 + 8 * block + 2 * 512


def test_multiply_adds_of_a_layer_it_does_not_know_is_an_error():
    with pytest.raises(FakeOrRealError, match="LSTM"):
        multiply_adds(keras.Sequential([keras.Input((4, 3)), keras.layers.LSTM(2)]))
