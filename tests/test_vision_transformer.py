"""The vision transformer of AI-SPY: sizes, what it sees, masked tokens, and its scores by NumPy."""

import json

import keras
import numpy as np
import pytest
from keras import layers
from scipy.special import softmax

from fakeorreal.errors import FakeOrRealError
from fakeorreal.networks import build_network
from fakeorreal.networks.vision_transformer import vision_transformer

PUBLISHED = {"patch": 32, "width": 512, "depth": 8, "heads": 8, "norm_first": False, "whole": False}
SHAPE = (17, 22, 1)
"""Patches of 8: two bands and a row over, two columns and six frames over."""
SMALL = {"patch": 8, "width": 16, "depth": 2, "heads": 2}


def scores(model, x):
    return model(x, training=False).numpy()  # not by predict, which would compile


def of_kind(model, kind):
    return [layer for layer in model.layers if isinstance(layer, kind)]


def until(model, name, x, **options):
    """What a layer gives."""
    return keras.Model(model.input, model.get_layer(name).output)(x, **options).numpy()


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(0)
    return vision_transformer(SHAPE, **SMALL)


@pytest.fixture(scope="module")
def published():
    return vision_transformer(**PUBLISHED)


@pytest.fixture
def x(rng):
    return rng.standard_normal((8, *SHAPE)).astype(np.float32)


def parameters(patch, width, depth, tokens):
    attention, dense = 4 * (width**2 + width), 4 * width**2 + 4 * width + 4 * width**2 + width
    block = attention + dense + 2 * 2 * width  # two normalisations
    patches, places = patch**2 * width + width, (1 + tokens) * width
    return patches + width + places + depth * block + 2 * width + 2 * width + 2


def test_parameter_count_of_the_published_network(published):
    assert sum(v.numpy().size for v in published.trainable_variables) == parameters(32, 512, 8, 64) == 25_779_714
    assert published.get_layer("patches").output.shape == (None, 32, 2, 512)
    assert published.get_layer("positions").output.shape == (None, 65, 512)
    assert (published.output_shape, published.name) == ((None, 1), "vision_transformer")


@pytest.mark.parametrize("masked", [0.0, 0.15])
def test_parameter_count_of_the_small_network(masked):
    model = build_network("vision_transformer", (1025, 94, 1), masked=masked)
    assert sum(v.numpy().size for v in model.trainable_variables) == parameters(24, 64, 2, 168) + 2 * 64 == 148_162
    assert model.get_layer("patches").output.shape == (None, 42, 4, 64)


def test_constants_are_those_of_the_published_code(published):
    attentions = of_kind(published, layers.MultiHeadAttention)
    assert [(layer.num_heads, layer.key_dim, layer.dropout) for layer in attentions] == [(8, 64, 0.1)] * 8
    assert [layer.units for layer in of_kind(published, layers.Dense)] == [2048, 512] * 8 + [2]
    assert [layer.epsilon for layer in of_kind(published, layers.LayerNormalization)] == [1e-6] * 17
    assert [layer.rate for layer in of_kind(published, layers.Dropout)] == [0.1] * 25  # none after the logits
    assert np.std(published.get_layer("positions").embeddings) == pytest.approx(0.02, rel=0.15)


@pytest.mark.parametrize(("whole", "seen"), [(True, 94), (False, 64)])
def test_what_is_seen(whole, seen, rng):
    keras.utils.set_random_seed(0)
    model = vision_transformer(patch=32, width=8, depth=1, heads=1, whole=whole)
    x = np.repeat(rng.standard_normal((1, 1025, 94, 1)), 97, axis=0)
    for frame in range(94):
        x[1 + frame, :, frame] += rng.standard_normal((1025, 1))
    x[95, 1023] += 3
    x[96, 1024] += 3  # the row beyond the last patch
    moved = np.abs(scores(model, x)[1:] - scores(model, x)[0])[:, 0] > 1e-6
    np.testing.assert_array_equal(moved, [*(frame < seen for frame in range(94)), True, False])


def test_patches_by_hand_with_the_end_mirrored(network, x):
    kernel, bias = (w.numpy() for w in network.get_layer("patches").weights)
    mirrored = np.concatenate([x, x[:, :, 20:19:-1], x[:, :, 19:18:-1]], axis=2)
    found = until(network, "patches", x)
    assert found.shape == (8, 2, 3, 16)
    for band in range(2):
        for column in range(3):
            patch = mirrored[:, 8 * band : 8 * band + 8, 8 * column : 8 * column + 8]
            np.testing.assert_allclose(found[:, band, column], np.tensordot(patch, kernel, 3) + bias, atol=1e-5)


def test_a_shape_of_whole_patches_is_not_padded(rng):
    x = rng.standard_normal((2, 16, 24, 1)).astype(np.float32)
    one, other = (vision_transformer((16, 24, 1), **SMALL, whole=whole) for whole in (True, False))
    other.set_weights(one.get_weights())
    np.testing.assert_array_equal(scores(one, x), scores(other, x))


def numpy_transformer(model, x, norm_first):
    """Score of one input by the order of layers, the published one or norms first, from the weights of the model."""
    norms, dense, attentions = (
        iter(of_kind(model, kind)) for kind in (layers.LayerNormalization, layers.Dense, layers.MultiHeadAttention)
    )

    def norm(x):
        gamma, beta = (w.numpy() for w in next(norms).weights)
        x = x - x.mean(axis=-1, keepdims=True)
        return gamma * x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + 1e-6) + beta

    def linear(x):
        kernel, bias = (w.numpy() for w in next(dense).weights)
        return x @ kernel + bias

    def attention(x):
        q, bq, k, bk, v, bv, out, bias = (w.numpy().astype(float) for w in next(attentions).weights)
        result = bias
        for h in range(q.shape[1]):
            query, key, value = (x @ w[:, h] + b[h] for w, b in ((q, bq), (k, bk), (v, bv)))
            result = result + softmax(query @ key.T / np.sqrt(q.shape[2]), axis=1) @ value @ out[h]
        return result

    def gelu(x):
        return x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))

    kernel, bias = (w.numpy() for w in model.get_layer("patches").weights)
    x = np.pad(x[:16, :, 0].astype(float), ((0, 0), (0, 2)), mode="reflect")
    x = x.reshape(2, 8, 3, 8).swapaxes(1, 2).reshape(6, 64)  # the patches of a band follow one another
    if norm_first:
        (standardise,) = of_kind(model, layers.BatchNormalization)
        gamma, beta, mean, variance = (w.numpy() for w in standardise.weights)
    token, positions = (model.get_layer(name).embeddings.numpy() for name in ("class_token", "positions"))
    x = x @ kernel.reshape(64, -1) + bias
    x = gamma * (x - mean) / np.sqrt(variance + 1e-3) + beta if norm_first else x
    x = np.concatenate([token, x]) + positions
    for _ in range(2):
        if norm_first:
            x = x + attention(norm(x))
            x = x + linear(gelu(linear(norm(x))))
        else:
            x = norm(x + attention(x))
            x = norm(x + linear(gelu(linear(x))))
    real, fake = linear(norm(x[0]))
    return fake - real


@pytest.mark.parametrize("norm_first", [False, True])
def test_scores_are_those_of_the_order_of_layers(x, rng, norm_first):
    keras.utils.set_random_seed(0)
    model = vision_transformer(SHAPE, **SMALL, norm_first=norm_first)
    for layer in of_kind(model, layers.BatchNormalization):
        layer.moving_mean.assign(rng.normal(size=16))
        layer.moving_variance.assign(rng.uniform(0.5, 2, 16))
    for variable in model.trainable_variables:
        drawn = 2 * variable if variable.name == "kernel" else rng.uniform(-0.5, 1, variable.shape)
        variable.assign(drawn)
    expected = [numpy_transformer(model, clip, norm_first) for clip in x]
    np.testing.assert_allclose(scores(model, x)[:, 0], expected, rtol=1e-4, atol=1e-4)
    assert np.ptp(expected) > 0.01


@pytest.mark.parametrize(("share", "zeros"), [(0.15, 14), (0.01, 0), (0.5, 48)])
def test_masked_tokens_are_zeros_in_training_only(share, zeros, rng):
    keras.utils.set_random_seed(2)
    options = SMALL | {"depth": 1, "norm_first": False}  # as what comes before depends on training too, if normalised
    model = vision_transformer((32, 192, 1), **options, masked=share)  # 4 * 24 tokens
    x = rng.standard_normal((64, 32, 192, 1)).astype(np.float32)
    tokens = until(model, "patches", x).reshape(64, 96, 16)
    model.get_layer("positions").embeddings.assign(np.zeros((97, 16)))
    add = of_kind(model, layers.Dropout)[0].input
    before = keras.Model(model.input, add)  # nothing but the mask differs from the tokens
    np.testing.assert_array_equal(before(x, training=False)[:, 1:], tokens)
    found = before(x, training=True).numpy()[:, 1:]
    masked = (found == 0).all(axis=2)
    np.testing.assert_array_equal(masked.sum(axis=1), zeros)  # in every clip
    np.testing.assert_array_equal(found[~masked], tokens[~masked])
    if zeros:
        assert len(np.unique(masked, axis=0)) == 64  # other tokens in each
        assert masked.any(axis=0).all()  # none that is spared
        assert (masked != (before(x, training=True).numpy()[:, 1:] == 0).all(axis=2)).any()  # nor in another step


def test_masks_come_from_the_seed(x):
    def train():
        keras.utils.set_random_seed(5)
        return vision_transformer(SHAPE, **SMALL, masked=0.4)(x, training=True).numpy()

    np.testing.assert_array_equal(train(), train())


def test_score_does_not_depend_on_the_batch(network, x):
    alone = np.concatenate([scores(network, x[k : k + 1]) for k in range(len(x))])
    np.testing.assert_allclose(scores(network, x), alone, atol=1e-5)
    assert np.ptp(alone) > 1e-2
    assert np.isfinite(scores(network, 0 * x)).all()


def test_config_and_file_round_trip(x, tmp_path):
    model = vision_transformer(SHAPE, **SMALL, masked=0.4)
    again = keras.Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    for other in (again, loaded):
        np.testing.assert_array_equal(scores(other, x), scores(model, x))


def test_a_file_is_loaded_by_keras_alone():
    """As by a resumed run, which has not imported the builder: no layer is of a class that Keras does not have."""
    assert "fakeorreal" not in json.dumps(vision_transformer(SHAPE, **SMALL, masked=0.4).get_config())


def test_dropout_acts_in_training_only(network, x):
    same = np.repeat(x[:1], 8, axis=0)
    assert np.std(network(same, training=True)) > 1e-3
    np.testing.assert_allclose(np.ptp(scores(network, same)), 0, atol=1e-5)


@pytest.mark.parametrize("norm_first", [False, True])
def test_gradients_reach_every_weight(x, norm_first):
    import tensorflow as tf

    keras.utils.set_random_seed(0)
    model = vision_transformer(SHAPE, **SMALL, norm_first=norm_first, masked=0.4)
    # A shift of all keys alike is nothing to the softmax, nor one of all patches to what standardises them.
    without = ("key/bias", "patches/bias") if norm_first else "key/bias"
    weights = [v.value for v in model.trainable_variables if not v.path.endswith(without)]
    assert len(weights) == len(model.trainable_variables) - (3 if norm_first else 2)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(model(x, training=True) - 1))
    gradients = [tf.convert_to_tensor(gradient) for gradient in tape.gradient(loss, weights)]
    assert all(np.abs(gradient).max() > 1e-6 for gradient in gradients)


def test_a_few_steps_lower_the_loss(x):
    keras.utils.set_random_seed(1)
    model = vision_transformer(SHAPE, **SMALL, masked=0.2)
    model.compile(keras.optimizers.Adam(5e-3), keras.losses.BinaryCrossentropy(from_logits=True), run_eagerly=True)
    labels = np.arange(8.0)[:, None] % 2
    x[:, 8:] *= 1 + 2 * labels[..., None, None]  # fakes are louder in the upper bands
    losses = [float(model.train_on_batch(x, labels)) for _ in range(10)]
    assert max(losses[-3:]) < np.log(2) / 2  # half of what guessing costs


def test_scores_of_mixed_precision_are_not_rounded(x):
    before = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy("mixed_bfloat16")
        model = vision_transformer(SHAPE, **SMALL, masked=0.4)
    finally:
        keras.config.set_dtype_policy(before)
    assert model.get_layer("patches").compute_dtype == "bfloat16"
    assert {layer.output.dtype for layer in of_kind(model, layers.MultiHeadAttention)} == {"bfloat16"}
    for training in (False, True):
        found = model(x, training=training).numpy()
        assert found.dtype == np.float32
        assert (found.view(np.uint32) & 0xFFFF).any()  # the half that bfloat16 lacks


def test_onnx_gives_the_same_scores(x, tmp_path):
    import onnxruntime

    model = vision_transformer(SHAPE, **SMALL, masked=0.4)
    signature = [keras.InputSpec(shape=(None, *SHAPE), dtype="float32", name="x")]
    model.export(str(tmp_path / "model.onnx"), format="onnx", input_signature=signature, verbose=False)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    for rows in (x, x[:1]):
        np.testing.assert_allclose(session.run(None, {"x": rows})[0], scores(model, rows), atol=1e-4)


@pytest.mark.parametrize("shape", [(23, 94, 1), (1025, 23, 1), (1025, 94)])
def test_shape_that_does_not_fit_is_an_error(shape):
    with pytest.raises(FakeOrRealError, match="24 or more bands and 24 or more frames"):
        vision_transformer(shape)


@pytest.mark.parametrize("options", [{"heads": 3}, {"masked": 1.0}, {"masked": -0.1}])
def test_options_that_do_not_fit_are_an_error(options):
    with pytest.raises(FakeOrRealError, match=r"Received: width=64"):
        vision_transformer(**options)
