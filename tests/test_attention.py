"""Attention rollout and masking maps: by hand on toys, and that batches, systems and files leave them alone."""

import keras
import numpy as np
import pytest
from keras import layers
from scipy.special import softmax

from fakeorreal.attention import attention_weights, masking_map, rollout
from fakeorreal.errors import FakeOrRealError
from fakeorreal.networks.spectrogram_transformer import spectrogram_transformer
from fakeorreal.networks.vision_transformer import vision_transformer

SHAPE = (17, 22, 1)
SMALL = {"patch": 8, "width": 16, "depth": 2, "heads": 2}


@pytest.fixture(scope="module")
def network():
    """Keys and queries are raised, so that attention is far from even."""
    keras.utils.set_random_seed(0)
    model = vision_transformer(SHAPE, **SMALL)
    for variable in model.trainable_variables:
        if variable.path.endswith(("query/kernel", "key/kernel")):
            variable.assign(3 * variable)
    return model


@pytest.fixture
def system(network):
    """What training makes of a network: standardisation before it."""
    inputs = keras.Input(SHAPE)
    return keras.Model(inputs, network(layers.Normalization(mean=-40.0, variance=100.0)(inputs)))


@pytest.fixture
def x(rng):
    return rng.standard_normal((5, *SHAPE)).astype(np.float32)


@pytest.fixture
def toy():
    """Function: kernels of keys, one row a layer and one column a head → a network whose tokens are its 2×2 inputs.

    Queries are 1 and values 0: each token takes exp(kernel * value of the token) / sum of each, in every layer.
    """

    def make(kernels):
        inputs = keras.Input((2, 2, 1))
        x = layers.Conv2D(1, 1, kernel_initializer="ones", name="patches")(inputs)
        x = layers.Reshape((4, 1))(x)
        zero = keras.ops.zeros_like(x[:, :1, 0], dtype="int32")
        token = layers.Embedding(1, 1, embeddings_initializer="zeros", name="class_token")(zero)
        x = keras.ops.concatenate([token, x], axis=1)
        attentions = [layers.MultiHeadAttention(len(row), 1) for row in kernels]
        for attention in attentions:
            x = x + attention(x, x)
        model = keras.Model(inputs, x[:, 0])
        for row, attention in zip(kernels, attentions, strict=True):
            row = np.array(row, float).reshape(1, -1, 1)
            none, no_bias = 0 * row, 0 * row[0]
            output = [0 * row.reshape(-1, 1, 1), np.zeros(1)]
            attention.set_weights([none, no_bias + 1, row, no_bias, none, no_bias, *output])
        return model

    return make


def test_attention_of_the_toy_is_what_was_put_in(toy):
    x = np.log([[2.0, 3], [4, 6]])[None, ..., None]
    first, second = attention_weights(toy([[1, 0], [-1, 2]]), x)
    assert first.shape == second.shape == (1, 2, 5, 5)
    assert first.dtype == np.float32
    expected = [[[1, 2, 3, 4, 6], [1, 1, 1, 1, 1]], [[1, 1 / 2, 1 / 3, 1 / 4, 1 / 6], [1, 4, 9, 16, 36]]]
    for found, layer in zip((first, second), expected, strict=True):
        for head in range(2):
            row = np.array(layer[head]) / sum(layer[head])
            np.testing.assert_allclose(found[0, head], np.tile(row, (5, 1)), rtol=1e-5)


def test_rollout_by_hand(toy):
    """Rows are alike in each layer, p in the first, q in the second, so that the class token's row of the product is

    (1 + q) / 2 · (I + P) / 2 = 1 / 4 of itself + q / 4 + p / 2, for the rows of P are p and q adds up to 1.
    """
    x = np.log([[2.0, 3], [4, 6]])[None, ..., None]
    found = rollout(toy([[1, 0], [-1, -1]]), x)
    p = (np.array([2, 3, 4, 6]) / 16 + 1 / 5) / 2  # mean over two heads
    q = np.array([1 / 2, 1 / 3, 1 / 4, 1 / 6]) / (9 / 4)
    np.testing.assert_allclose(found, (q / 4 + p / 2).reshape(1, 2, 2), rtol=1e-5)


def test_rollout_of_one_layer_is_half_its_row(toy):
    found = rollout(toy([[1]]), np.log([[2.0, 3], [4, 6]])[None, ..., None])
    np.testing.assert_allclose(found, [[[2 / 32, 3 / 32], [4 / 32, 6 / 32]]], rtol=1e-5)


def test_rollout_is_the_product_of_matrices(network, x):
    found = rollout(network, x)
    assert found.shape == (5, 2, 3) and found.dtype == np.float32
    for clip, layer_1, layer_2 in zip(found, *attention_weights(network, x), strict=True):
        first, second = (layer.mean(axis=0).astype(float) + np.eye(7) for layer in (layer_1, layer_2))
        first, second = (m / m.sum(axis=1, keepdims=True) for m in (first, second))
        row = (second @ first)[0]
        np.testing.assert_allclose(clip.ravel(), row[1:], rtol=1e-4)
        assert clip.sum() + row[0] == pytest.approx(1, abs=1e-5)
    assert np.ptp(found) > 0.02


def test_weights_are_those_the_network_uses(network, x):
    for layer, found in zip(
        [layer for layer in network.layers if isinstance(layer, layers.MultiHeadAttention)],
        attention_weights(network, x),
        strict=True,
    ):
        tokens = keras.Model(network.input, layer.input[0])(x, training=False).numpy()
        query, query_bias, key, key_bias = (w.numpy() for w in layer.weights[:4])
        query, key = (
            np.einsum("btd,dhk->bhtk", tokens, w) + b[:, None] for w, b in ((query, query_bias), (key, key_bias))
        )
        np.testing.assert_allclose(found, softmax(query @ key.swapaxes(2, 3) / np.sqrt(8), axis=-1), atol=1e-5)
    assert keras.Model.from_config(network.get_config()).count_params() == network.count_params()  # nothing was added


def test_a_system_gives_what_its_network_gives(network, system, x, tmp_path):
    expected = rollout(network, x)
    np.testing.assert_allclose(rollout(system, 10 * x - 40), expected, atol=1e-6)
    system.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(rollout(loaded, 10 * x - 40), rollout(system, 10 * x - 40))


@pytest.mark.parametrize("batch", [1, 2, 64])
def test_batches_and_order_change_nothing(network, system, x, batch):
    order = np.array([3, 0, 4, 2, 1])
    np.testing.assert_allclose(rollout(network, x[order], batch=batch), rollout(network, x)[order], atol=1e-6)
    maps = masking_map(system, x, baseline=-40.0, patch=8)
    assert np.ptp(maps) > 1e-2
    found = masking_map(system, x[order], baseline=-40.0, patch=8, batch=5 * batch)
    np.testing.assert_allclose(found, maps[order], atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "bands", "columns"),
    [
        ((8, 12, 1), [0, 4, 8], [0, 4, 8, 12]),
        ((9, 11, 2), [0, 4, 9], [0, 4, 8, 11]),  # a rest of one joins the last patch, one of three is a patch
        ((3, 1, 1), [0, 3], [0, 1]),
    ],
)
def test_masking_map_of_a_linear_network_is_what_each_patch_adds(shape, bands, columns, rng):
    model = keras.Sequential([keras.Input(shape), layers.Flatten(), layers.Dense(1)])
    weights, x, baseline = (rng.standard_normal(size) for size in (shape, (3, *shape), shape))
    model.set_weights([weights.reshape(-1, 1), np.array([0.7])])
    before = x.copy()
    found = masking_map(model, x, baseline=baseline, patch=4, batch=7)
    added = weights * (x - baseline)
    expected = np.add.reduceat(np.add.reduceat(added.sum(axis=3), bands[:-1], axis=1), columns[:-1], axis=2)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    assert found.shape == (3, len(bands) - 1, len(columns) - 1) and found.dtype == np.float32
    np.testing.assert_array_equal(x, before)
    number = masking_map(model, x, baseline=0.0, patch=4)
    np.testing.assert_allclose(number.sum(axis=(1, 2)), (weights * x).sum(axis=(1, 2, 3)), rtol=1e-3, atol=1e-4)


def test_patches_of_the_map_are_those_of_the_transformer():
    for shape in ((1025, 94, 1), SHAPE):
        model = keras.Sequential([keras.Input(shape), layers.GlobalMaxPooling2D()])
        patch = 32 if shape[0] > 32 else 8
        grid = vision_transformer(shape, **SMALL | {"patch": patch}).get_layer("patches").output.shape[1:3]
        assert masking_map(model, np.ones((1, *shape)), baseline=0, patch=patch).shape[1:] == grid


@pytest.mark.parametrize(
    ("x", "settings"),
    [
        (np.zeros((2, 4, 4)), {}),
        (np.zeros((0, 4, 4, 1)), {}),
        (np.zeros((2, 4, 4, 1)), {"batch": 0}),
        (np.zeros((2, 4, 4, 1)), {"patch": 0}),
        (np.zeros((2, 4, 4, 1)), {"baseline": np.zeros(3)}),
    ],
)
def test_what_does_not_fit_is_an_error(x, settings):
    model = keras.Sequential([keras.Input((4, 4, 1)), layers.Flatten(), layers.Dense(1)])
    with pytest.raises(FakeOrRealError, match="Received: shape"):
        masking_map(model, x, **{"baseline": 0.0, "patch": 2} | settings)


def test_a_network_of_another_kind_is_an_error(rng):
    vectors = keras.Sequential([keras.Input((5,)), layers.Dense(1)])
    with pytest.raises(FakeOrRealError, match="bands, frames"):
        masking_map(vectors, np.zeros((1, 5)), baseline=0.0)
    with pytest.raises(FakeOrRealError, match="one logit"):
        masking_map(keras.Sequential([keras.Input((5,)), layers.Dense(2)]), np.zeros((1, 5)), baseline=0.0)
    with pytest.raises(FakeOrRealError, match="layers of attention"):
        attention_weights(vectors, np.zeros((1, 5)))
    with pytest.raises(FakeOrRealError, match="class token"):
        rollout(spectrogram_transformer((16, 16, 1)), np.zeros((1, 16, 16, 1)))
