"""The localiser: sizes, where its frames lie, and its scores by NumPy."""

import json
from itertools import pairwise

import keras
import numpy as np
import pytest
from keras import layers
from scipy.special import expit, softmax

from fakeorreal.errors import FakeOrRealError
from fakeorreal.networks import build_network
from fakeorreal.networks import localizer as module
from fakeorreal.networks.localizer import localizer

PUBLISHED = {"planes": 512, "dropout": 0.5, "attention_dropout": 0.5, "positions": False, "stem": False}
SHAPE = (24, 32)
CLIP_HEAD = 257


def scores(model, x):
    return [output.numpy() for output in model(x, training=False)]  # not by predict, which would compile


def of_kind(model, kind):
    return [layer for layer in model.layers if isinstance(layer, kind)]


def size(model):
    return sum(int(np.prod(v.shape)) for v in model.trainable_variables)


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(0)
    return localizer(SHAPE)


@pytest.fixture
def x(rng):
    return rng.standard_normal((4, *SHAPE)).astype(np.float32)


def test_parameter_count_of_the_small_network():
    model = build_network("localizer", (1000, 128))
    assert size(model) == 1_437_953 + CLIP_HEAD + 25_792 == 1_464_002
    assert [output.shape for output in model.outputs] == [(None, 500), (None, 1)]
    filters = (1, *module.STEM)
    kernels = sum((4 if k == 0 else 3) * 3 * a * b for k, (a, b) in enumerate(pairwise(filters)))
    assert kernels + 2 * sum(module.STEM) == 25_792


@pytest.mark.parametrize(("width", "count"), [(768, 9_288_705), (1024, 9_944_065)])
def test_parameter_count_of_the_published_network(width, count):
    model = localizer((500, width), **PUBLISHED)
    assert size(model) == count + CLIP_HEAD
    assert sum(int(np.prod(v.shape)) for v in model.get_layer("clip_logit").trainable_variables) == CLIP_HEAD
    assert [layer.rate for layer in of_kind(model, layers.Dropout)] == [0.5] * 6
    assert [layer.dropout for layer in of_kind(model, layers.MultiHeadAttention)] == [0.5] * 2
    assert [layer.epsilon for layer in of_kind(model, layers.LayerNormalization)] == [1e-5] * 4
    assert {(layer.epsilon, layer.momentum) for layer in of_kind(model, layers.BatchNormalization)} == {(1e-5, 0.9)}


def test_frames_of_the_stem_lie_on_pairs_of_rows(rng):
    """Frame k hears rows 2k - 9 to 2k + 10, as many before its 20 ms as after."""
    keras.utils.set_random_seed(1)
    model = localizer((80, 32))
    stem = keras.Model(model.input, of_kind(model, layers.Conv1D)[0].input)
    x = np.repeat(rng.standard_normal((1, 80, 32)), 81, axis=0).astype(np.float32)
    for row in range(80):
        x[1 + row, row] += 10 * rng.standard_normal(32)
    frames = stem(x).numpy()
    assert frames.shape == (81, 40, 32)
    moved = (np.abs(frames[1:] - frames[0]) > 1e-5).any(axis=2)
    row, k = np.indices((80, 40))
    np.testing.assert_array_equal(moved, (row >= 2 * k - 9) & (row <= 2 * k + 10))


def test_places_are_sines_and_cosines():
    k, i = np.indices((30, 64))
    angles = k / 10000 ** (2 * i / 128)
    found = keras.ops.convert_to_numpy(module._places(np.full((3, 30, 128), 7, "float32")))
    np.testing.assert_allclose(found, [np.concatenate([np.sin(angles), np.cos(angles)], axis=1)], atol=1e-5)


def numpy_localizer(model, x, positions):
    """Logits of one clip of frames by the published order of layers, from the weights of the model."""
    kinds = (layers.Conv1D, layers.BatchNormalization, layers.Dense, layers.LayerNormalization)
    convolutions, batch_norms, dense, norms = (iter(of_kind(model, kind)) for kind in kinds)
    attentions = iter(of_kind(model, layers.MultiHeadAttention))

    def weights(layer):
        return [w.numpy().astype(float) for w in layer.weights]

    def convolve(x):
        kernel, *bias = weights(next(convolutions))
        margin = len(kernel) // 2
        padded = np.pad(x, ((margin, margin), (0, 0)))
        return sum(padded[k : k + len(x)] @ kernel[k] for k in range(len(kernel))) + (bias[0] if bias else 0)

    def batch_norm(x):
        gamma, beta, mean, variance = weights(next(batch_norms))
        return gamma * (x - mean) / np.sqrt(variance + 1e-5) + beta

    def norm(x):
        gamma, beta = weights(next(norms))
        x = x - x.mean(axis=1, keepdims=True)
        return gamma * x / np.sqrt((x**2).mean(axis=1, keepdims=True) + 1e-5) + beta

    def linear(x):
        kernel, bias = weights(next(dense))
        return x @ kernel + bias

    def attention(x):
        q, bq, k, bk, v, bv, out, bias = weights(next(attentions))
        result = bias
        for h in range(4):
            query, key, value = (x @ w[:, h] + b[h] for w, b in ((q, bq), (k, bk), (v, bv)))
            result = result + softmax(query @ key.T / np.sqrt(32), axis=1) @ value @ out[h]
        return result

    def lstm(x, kernel, recurrent, bias):
        state, carry, states = np.zeros(128), np.zeros(128), []
        for row in x:
            i, f, c, o = np.split(row @ kernel + state @ recurrent + bias, 4)
            carry = expit(f) * carry + expit(i) * np.tanh(c)
            state = expit(o) * np.tanh(carry)
            states.append(state)
        return np.array(states)

    x = np.maximum(batch_norm(convolve(x.astype(float))), 0)
    for _ in range(12):
        x = x + batch_norm(convolve(np.maximum(batch_norm(convolve(x)), 0)))
    x = batch_norm(linear(convolve(x)))
    if positions:
        k, i = np.indices((len(x), 64))
        angles = k / 10000 ** (2 * i / 128)
        x = x + np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
    for _ in range(2):
        x = norm(x + attention(x))
        x = norm(x + linear(np.maximum(linear(x), 0)))
    (both,) = of_kind(model, layers.Bidirectional)
    forward, backward = weights(both)[:3], weights(both)[3:]
    x = np.concatenate([lstm(x, *forward), lstm(x[::-1], *backward)[::-1]], axis=1)
    heads = [weights(model.get_layer(name)) for name in ("frame_logit", "clip_logit")]
    return [
        value @ kernel + bias for value, (kernel, bias) in zip((np.maximum(x, 0), x.mean(axis=0)), heads, strict=True)
    ]


@pytest.mark.parametrize("positions", [False, True])
def test_scores_are_those_of_the_published_order_of_layers(rng, positions):
    keras.utils.set_random_seed(0)
    model = localizer((11, 6), planes=20, stem=False, positions=positions)
    for variable in model.trainable_variables:
        if variable.name != "kernel":
            variable.assign(variable + 0.3 * rng.standard_normal(variable.shape))
    for layer in of_kind(model, layers.BatchNormalization):
        layer.moving_mean.assign(rng.normal(size=layer.moving_mean.shape))
        layer.moving_variance.assign(rng.uniform(0.5, 2, layer.moving_variance.shape))
    x = rng.standard_normal((2, 11, 6)).astype(np.float32)
    frames, clips = scores(model, x)
    assert np.ptp(frames) > 0.05
    for k in range(2):
        expected_frames, expected_clip = numpy_localizer(model, x[k], positions)
        np.testing.assert_allclose(frames[k], expected_frames[:, 0], atol=1e-4)
        np.testing.assert_allclose(clips[k], expected_clip, atol=1e-4)


def test_scores_do_not_depend_on_the_batch(network, x):
    for k, together in enumerate(scores(network, x)):
        alone = np.concatenate([scores(network, x[row : row + 1])[k] for row in range(len(x))])
        np.testing.assert_allclose(together, alone, atol=1e-5)
        assert np.ptp(alone) > 1e-3
    assert all(np.isfinite(output).all() for output in scores(network, 0 * x))


def test_config_and_file_round_trip(network, x, tmp_path):
    again = keras.Model.from_config(network.get_config())
    again.set_weights(network.get_weights())
    network.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    for other in (again, loaded):
        for found, expected in zip(scores(other, x), scores(network, x), strict=True):
            np.testing.assert_array_equal(found, expected)


def test_a_file_is_loaded_by_keras_alone(network):
    assert "fakeorreal" not in json.dumps(network.get_config())


def test_dropout_acts_in_training_only(network, x):
    same = np.repeat(x[:1], 4, axis=0)
    assert np.ptp(network(same, training=True)[1]) > 1e-3
    np.testing.assert_allclose(np.ptp(scores(network, same)[1]), 0, atol=1e-5)


def test_gradients_reach_every_weight(network, x):
    import tensorflow as tf

    # A shift of all keys alike is nothing to the softmax; a constant that all frames get between the blocks is taken
    # out again by the batch normalisation that ends each path from there.
    added = [norm.beta for norm in of_kind(network, layers.BatchNormalization)[7:30:2]]  # the last of each block
    added += [of_kind(network, layers.Conv1D)[-1].bias, of_kind(network, layers.Dense)[0].bias]
    without = {v.path for v in added}
    weights = [v for v in network.trainable_variables if v.path not in without and not v.path.endswith("key/bias")]
    assert len(weights) == len(network.trainable_variables) - 16
    with tf.GradientTape() as tape:
        frames, clip = network(x, training=True)
        loss = tf.reduce_mean(tf.square(frames - 1)) + tf.reduce_mean(tf.square(clip - 1))
    gradients = tape.gradient(loss, [v.value for v in weights])
    small = [v.path for v, g in zip(weights, gradients, strict=True) if np.abs(tf.convert_to_tensor(g)).max() < 1e-7]
    assert not small


def test_scores_of_mixed_precision_are_not_rounded(x):
    before = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy("mixed_bfloat16")
        model = localizer(SHAPE)
    finally:
        keras.config.set_dtype_policy(before)
    assert {layer.output.dtype for layer in of_kind(model, layers.MultiHeadAttention)} == {"bfloat16"}
    for output in scores(model, x):
        assert output.dtype == np.float32
        assert (output.view(np.uint32) & 0xFFFF).any()  # the half that bfloat16 lacks


def test_onnx_gives_the_same_scores(network, x, tmp_path):
    import onnxruntime

    signature = [keras.InputSpec(shape=(None, *SHAPE), dtype="float32", name="x")]
    network.export(str(tmp_path / "model.onnx"), format="onnx", input_signature=signature, verbose=False)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    for rows in (x, x[:1]):
        for found, expected in zip(session.run(None, {"x": rows}), scores(network, rows), strict=True):
            np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("shape", [(25, 32), (24, 33), (24, 0), (24, 32, 1)])
def test_shape_that_does_not_fit_is_an_error(shape):
    with pytest.raises(FakeOrRealError, match="even number of rows and a multiple of 32 bands"):
        localizer(shape)
