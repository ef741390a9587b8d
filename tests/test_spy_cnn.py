"""The CNN of AI-SPY: its published table layer by layer, and its scores from the same weights by NumPy."""

import keras
import numpy as np
import pytest
from keras import layers
from scipy.signal import correlate

from fakeorreal.errors import FakeOrRealError
from fakeorreal.networks import build_network
from fakeorreal.networks.spy_cnn import spy_cnn

SMALL = (70, 40, 1)

TABLE = [  # layer, output, trainable parameters
    (layers.ZeroPadding2D, (1033, 98, 1), 0),
    (layers.Conv2D, (1026, 95, 16), 528),
    (layers.BatchNormalization, (1026, 95, 16), 32),
    (layers.LeakyReLU, (1026, 95, 16), 0),
    (layers.MaxPooling2D, (256, 23, 16), 0),
    (layers.ZeroPadding2D, (262, 27, 16), 0),
    (layers.Conv2D, (257, 25, 32), 9_248),
    (layers.BatchNormalization, (257, 25, 32), 64),
    (layers.LeakyReLU, (257, 25, 32), 0),
    (layers.MaxPooling2D, (85, 8, 32), 0),
    (layers.ZeroPadding2D, (89, 10, 32), 0),
    (layers.Conv2D, (86, 9, 64), 16_448),
    (layers.BatchNormalization, (86, 9, 64), 128),
    (layers.LeakyReLU, (86, 9, 64), 0),
    (layers.MaxPooling2D, (43, 4, 64), 0),
    (layers.ZeroPadding2D, (47, 6, 64), 0),
    (layers.Conv2D, (44, 5, 128), 65_664),
    (layers.BatchNormalization, (44, 5, 128), 256),
    (layers.LeakyReLU, (44, 5, 128), 0),
    (layers.MaxPooling2D, (22, 2, 128), 0),
    (layers.ZeroPadding2D, (26, 4, 128), 0),
    (layers.Conv2D, (23, 3, 256), 262_400),
    (layers.BatchNormalization, (23, 3, 256), 512),
    (layers.LeakyReLU, (23, 3, 256), 0),
    (layers.MaxPooling2D, (11, 1, 256), 0),
    (layers.Flatten, (2816,), 0),
    (layers.Dense, (100,), 281_700),
    (layers.Dropout, (100,), 0),
    (layers.LeakyReLU, (100,), 0),
    (layers.Dense, (2,), 202),
]


def scores(model, x):
    return model(x, training=False).numpy()  # not by predict, which would compile


def trainable(model):
    return sum(v.numpy().size for v in model.trainable_variables)


def of_kind(model, kind):
    return [layer for layer in model.layers if isinstance(layer, kind)]


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(0)
    return spy_cnn(SMALL)


@pytest.fixture
def x(rng):
    return rng.standard_normal((8, *SMALL)).astype(np.float32)


def test_layers_follow_the_published_table():
    model = build_network("spy_cnn", (1025, 94, 1))
    found = of_kind(model, tuple({row[0] for row in TABLE}))
    assert [(type(layer), layer.output.shape[1:], trainable(layer)) for layer in found] == TABLE
    assert (trainable(model), model.count_params()) == (637_182, 638_174)
    assert (model.output_shape, model.name) == ((None, 1), "spy_cnn")


def test_constants_are_those_of_the_published_code(network):
    kernels = [(8, 4), (6, 3), (4, 2), (4, 2), (4, 2)]
    assert [layer.kernel_size for layer in of_kind(network, layers.Conv2D)] == kernels
    norms = of_kind(network, layers.BatchNormalization)
    assert {(norm.momentum, norm.epsilon) for norm in norms} == {(0.9, 1e-5)}
    assert {layer.negative_slope for layer in of_kind(network, layers.LeakyReLU)} == {0.01}
    assert [layer.rate for layer in of_kind(network, layers.Dropout)] == [0.1]


def numpy_cnn(model, x):
    """Score of one input (bands, frames, 1) by the published order of layers, from the weights of the model."""
    turn = {kind: iter(of_kind(model, kind)) for kind in (layers.Conv2D, layers.BatchNormalization, layers.Dense)}

    def leaky(x):
        return np.where(x > 0, x, 0.01 * x)

    def norm(x):
        layer = next(turn[layers.BatchNormalization])
        gamma, beta, mean, variance = (w.numpy() for w in layer.weights)
        return gamma * (x - mean) / np.sqrt(variance + 1e-5) + beta

    def block(x, zeros, pool):
        kernel, bias = (w.numpy() for w in next(turn[layers.Conv2D]).weights)
        x = np.pad(x, [(zeros[0],) * 2, (zeros[1],) * 2, (0, 0)])
        x = [correlate(x, kernel[..., k], "valid")[..., 0] + bias[k] for k in range(len(bias))]
        x = leaky(norm(np.stack(x, axis=-1)))
        rows, columns = (size // pool for size in x.shape[:2])
        return x[: rows * pool, : columns * pool].reshape(rows, pool, columns, pool, -1).max(axis=(1, 3))

    x = x.astype(float)
    for zeros, pool in zip([(4, 2), (3, 2), (2, 1), (2, 1), (2, 1)], [4, 3, 2, 2, 2], strict=True):
        x = block(x, zeros, pool)
    (one, bias), (two, logits) = ([w.numpy() for w in layer.weights] for layer in turn[layers.Dense])
    real, fake = leaky(x.ravel() @ one + bias) @ two + logits
    return fake - real


def test_scores_are_those_of_the_published_order(x, rng):
    keras.utils.set_random_seed(0)
    model = spy_cnn(SMALL)
    for variable in model.weights:
        if variable.name == "moving_variance":
            variable.assign(rng.uniform(0.02, 0.2, variable.shape))
        elif variable.name != "kernel" and "seed" not in variable.path:  # scales of both signs, shifts
            variable.assign(rng.uniform(-0.5, 1.5, variable.shape))
    expected = [numpy_cnn(model, clip) for clip in x[:3]]
    np.testing.assert_allclose(scores(model, x[:3])[:, 0], expected, rtol=1e-4, atol=1e-4)
    assert np.ptp(expected) > 0.03


def test_score_trains_as_two_logits_would(network, x):
    two = scores(keras.Model(network.input, network.get_layer("logits").output), x)
    labels = np.arange(8) % 2
    np.testing.assert_allclose(
        keras.losses.BinaryCrossentropy(from_logits=True)(labels[:, None], scores(network, x)),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True)(labels, two),
        rtol=1e-5,
    )


def test_score_does_not_depend_on_the_batch(network, x):
    alone = np.concatenate([scores(network, x[k : k + 1]) for k in range(len(x))])
    np.testing.assert_allclose(scores(network, x), alone, atol=1e-5)
    assert np.ptp(alone) > 1e-2
    assert np.isfinite(scores(network, 0 * x)).all()


def test_config_and_file_round_trip(network, x, tmp_path):
    again = keras.Model.from_config(network.get_config())
    again.set_weights(network.get_weights())
    network.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    for other in (again, loaded):
        np.testing.assert_array_equal(scores(other, x), scores(network, x))


def test_gradients_reach_every_weight(network, x):
    import tensorflow as tf

    biases = {id(layer.bias) for layer in of_kind(network, layers.Conv2D)}  # normalisation takes them away again
    weights = [v.value for v in network.trainable_variables if id(v) not in biases]
    assert len(weights) == len(network.trainable_variables) - 5
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(network(x, training=True) - 1))
    assert all(np.abs(gradient).max() > 1e-6 for gradient in tape.gradient(loss, weights))


def test_a_few_steps_lower_the_loss(x):
    keras.utils.set_random_seed(1)
    model = spy_cnn(SMALL)
    model.compile(keras.optimizers.Adam(1e-3), keras.losses.BinaryCrossentropy(from_logits=True), run_eagerly=True)
    labels = np.arange(8.0)[:, None] % 2
    x[:, 40:] *= 1 + labels[..., None, None]  # fakes are louder in the upper bands
    losses = [float(model.train_on_batch(x, labels)) for _ in range(8)]
    assert min(losses[-3:]) < np.log(2) / 2  # half of what guessing costs


def test_scores_of_mixed_precision_are_not_rounded(x):
    before = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy("mixed_bfloat16")
        model = spy_cnn(SMALL)
    finally:
        keras.config.set_dtype_policy(before)
    assert of_kind(model, layers.Conv2D)[0].compute_dtype == "bfloat16"
    found = scores(model, x)
    assert found.dtype == np.float32
    assert (found.view(np.uint32) & 0xFFFF).any()  # the half that bfloat16 lacks


def test_onnx_gives_the_same_scores(network, x, tmp_path):
    import onnxruntime

    signature = [keras.InputSpec(shape=(None, *SMALL), dtype="float32", name="x")]
    network.export(str(tmp_path / "model.onnx"), format="onnx", input_signature=signature, verbose=False)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    np.testing.assert_allclose(session.run(None, {"x": x})[0], scores(network, x), atol=1e-4)


@pytest.mark.parametrize("shape", [(6, 94, 1), (1025, 2, 1), (1025, 94)])
def test_shape_that_does_not_fit_is_an_error(shape):
    with pytest.raises(FakeOrRealError, match="7 or more bands and 3 or more frames"):
        spy_cnn(shape)


def test_smallest_shape_survives_the_poolings():
    assert of_kind(spy_cnn((7, 3, 1)), layers.MaxPooling2D)[-1].output.shape == (None, 1, 1, 256)
