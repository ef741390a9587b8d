"""The LCNN: its sizes, its table of layers, the max feature map."""

import keras
import numpy as np
import pytest
from keras import layers

from fakeorreal.errors import FakeOrRealError
from fakeorreal.networks.lcnn import lcnn

SMALL = (20, 33, 1)
"""Few bands, and two frames left over for the recurrent layers."""

TABLE = [  # for 256 bands and 101 frames: layer, shape, trainable parameters
    ("Conv2D", (101, 256, 64), 1664),
    ("Maximum", (101, 256, 32), 0),
    ("MaxPooling2D", (50, 128, 32), 0),
    ("Conv2D", (50, 128, 64), 2112),
    ("Maximum", (50, 128, 32), 0),
    ("BatchNormalization", (50, 128, 32), 0),
    ("Conv2D", (50, 128, 96), 27744),
    ("Maximum", (50, 128, 48), 0),
    ("MaxPooling2D", (25, 64, 48), 0),
    ("BatchNormalization", (25, 64, 48), 0),
    ("Conv2D", (25, 64, 96), 4704),
    ("Maximum", (25, 64, 48), 0),
    ("BatchNormalization", (25, 64, 48), 0),
    ("Conv2D", (25, 64, 128), 55424),
    ("Maximum", (25, 64, 64), 0),
    ("MaxPooling2D", (12, 32, 64), 0),
    ("Conv2D", (12, 32, 128), 8320),
    ("Maximum", (12, 32, 64), 0),
    ("BatchNormalization", (12, 32, 64), 0),
    ("Conv2D", (12, 32, 64), 36928),
    ("Maximum", (12, 32, 32), 0),
    ("BatchNormalization", (12, 32, 32), 0),
    ("Conv2D", (12, 32, 64), 2112),
    ("Maximum", (12, 32, 32), 0),
    ("BatchNormalization", (12, 32, 32), 0),
    ("Conv2D", (12, 32, 64), 18496),
    ("Maximum", (12, 32, 32), 0),
    ("MaxPooling2D", (6, 16, 32), 0),
    ("Dropout", (6, 16, 32), 0),
    ("Reshape", (6, 512), 0),
    ("Bidirectional", (6, 512), 1_576_960 - 2 * 4 * 256),  # one bias per gate and direction, not two
    ("Bidirectional", (6, 512), 1_576_960 - 2 * 4 * 256),
    ("Dense", (6, 2), 1026),
]


def scores(model, x):
    return model(x, training=False).numpy()  # not by predict, which would compile


def trainable(layer):
    return sum(v.numpy().size for v in layer.trainable_variables)


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(0)
    return lcnn(SMALL)


@pytest.fixture
def x(rng):
    return rng.standard_normal((8, *SMALL)).astype(np.float32)


@pytest.mark.parametrize(("bands", "parameters"), [(256, 3_308_354), (20, 170_114), (60, 269_058)])
def test_parameter_count(bands, parameters):
    model = lcnn((bands, 101, 1))
    assert trainable(model) == parameters
    assert (model.output_shape, model.name) == ((None, 1), "lcnn")


def test_layers_follow_the_table():
    kinds = {row[0] for row in TABLE}
    found = [
        (type(step).__name__, step.output.shape[1:], trainable(step) if isinstance(step, layers.Layer) else 0)
        for step in lcnn().operations
        if type(step).__name__ in kinds
    ]
    assert found == TABLE


def test_constants_are_those_of_the_published_code(network):
    assert [layer.rate for layer in network.layers if isinstance(layer, layers.Dropout)] == [0.7]
    norms = [layer for layer in network.layers if isinstance(layer, layers.BatchNormalization)]
    assert {(norm.momentum, norm.epsilon, norm.center, norm.scale) for norm in norms} == {(0.9, 1e-5, False, False)}


def test_time_is_the_first_axis_of_the_recurrent_layers():
    shapes = [layer.output.shape for layer in lcnn((60, 101, 1)).layers if isinstance(layer, layers.Bidirectional)]
    assert shapes == [(None, 6, 96), (None, 6, 96)]


def test_max_feature_map_is_over_the_two_halves_of_the_channels(network, x):
    convolution = next(layer for layer in network.layers if isinstance(layer, layers.Conv2D))
    maximum = next(step for step in network.operations if type(step).__name__ == "Maximum")
    both, greater = (scores(keras.Model(network.input, layer.output), x) for layer in (convolution, maximum))
    np.testing.assert_array_equal(greater, np.maximum(both[..., :32], both[..., 32:]))


def test_score_is_fake_minus_real_over_time(network, x):
    frames = scores(keras.Model(network.input, network.get_layer("logits").output), x)
    assert frames.shape == (8, 2, 2)
    np.testing.assert_allclose(scores(network, x)[:, 0], frames[..., 1].mean(1) - frames[..., 0].mean(1), atol=1e-5)


def test_every_kernel_is_decayed_and_nothing_else(network):
    kernels = [v.numpy() for v in network.trainable_variables if "kernel" in v.name]
    assert len(kernels) == 9 + 2 * 2 * 2 + 1
    np.testing.assert_allclose(sum(network.losses), 5e-4 * sum(np.square(k).sum() for k in kernels), rtol=1e-5)


def test_score_does_not_depend_on_the_batch(network, x):
    alone = np.concatenate([scores(network, x[k : k + 1]) for k in range(len(x))])
    np.testing.assert_allclose(scores(network, x), alone, atol=1e-4)
    assert np.ptp(alone) > 1e-3
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

    weights = [v.value for v in network.trainable_variables]
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(network(x, training=True)))
    assert all(np.abs(gradient).max() > 0 for gradient in tape.gradient(loss, weights))


def test_a_few_steps_lower_the_loss(x):
    keras.utils.set_random_seed(1)
    model = lcnn(SMALL)
    model.compile(keras.optimizers.Adam(1e-2), keras.losses.BinaryCrossentropy(from_logits=True), run_eagerly=True)
    labels = np.arange(8.0)[:, None] % 2
    x[:, 10:] *= 1 + labels[..., None, None]  # fakes are louder in the upper bands
    losses = [float(model.train_on_batch(x, labels)) for _ in range(12)]
    assert min(losses[-3:]) - float(sum(model.losses)) < np.log(2) / 2  # half of what guessing costs


@pytest.mark.parametrize("shape", [(15, 101, 1), (60, 15, 1), (60, 101)])
def test_shape_that_does_not_fit_is_an_error(shape):
    with pytest.raises(FakeOrRealError, match="16 or more bands and 16 or more frames"):
        lcnn(shape)


def test_smallest_shape():
    assert lcnn((16, 16, 1)).get_layer("logits").output.shape == (None, 1, 2)
