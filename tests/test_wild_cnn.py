"""The In-the-Wild CNN: its published sizes, and its scores from the same weights by NumPy."""

import keras
import numpy as np
import pytest
from keras import layers
from scipy.signal import correlate
from scipy.special import softmax

from fakeorreal.errors import FakeOrRealError
from fakeorreal.features import WildMel
from fakeorreal.networks import build_network
from fakeorreal.networks.wild_cnn import wild_cnn

SMALL = (21, 16, 1)

PUBLISHED = {  # channels: trainable parameters, all of them
    1: (4_928, 4_930),
    2: (9_854, 9_858),
    4: (19_706, 19_714),
    8: (39_410, 39_426),
    16: (78_818, 78_850),
    32: (157_634, 157_698),
    64: (315_266, 315_394),
}


def scores(model, x):
    return model(x, training=False).numpy()  # not by predict, which would compile


def of_kind(model, kind):
    return [layer for layer in model.layers if isinstance(layer, kind)]


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(0)
    return wild_cnn(SMALL, channels=3)


@pytest.fixture
def x(rng):
    return rng.standard_normal((8, *SMALL)).astype(np.float32)


@pytest.mark.parametrize("channels", PUBLISHED)
def test_parameters_are_the_published_ones(channels):
    model = build_network("wild_cnn", WildMel().shape, channels=channels)
    trainable = sum(v.shape.num_elements() for v in model.trainable_variables)
    assert (trainable, model.count_params()) == PUBLISHED[channels]
    assert trainable == 4926 * channels + 2
    assert (model.output_shape, model.name) == ((None, 1), "wild_cnn")


def test_layers_follow_the_published_table():
    found = [(type(layer), layer.output.shape[1:]) for layer in wild_cnn(channels=4).layers[1:]]
    assert found == [
        (layers.Conv2D, (126, 78, 4)),
        (layers.BatchNormalization, (126, 78, 4)),
        (layers.ReLU, (126, 78, 4)),
        (layers.MaxPooling2D, (63, 39, 4)),
        (layers.Dropout, (63, 39, 4)),
        (layers.Flatten, (9828,)),
        (layers.Dense, (2,)),
    ]
    assert wild_cnn().count_params() == 4_930  # one channel unless told


def test_constants_are_those_of_the_published_code(network):
    assert [layer.kernel_size for layer in of_kind(network, layers.Conv2D)] == [(3, 3)]
    assert [(norm.momentum, norm.epsilon) for norm in of_kind(network, layers.BatchNormalization)] == [(0.9, 1e-5)]
    assert [layer.rate for layer in of_kind(network, layers.Dropout)] == [0.2]


def numpy_cnn(model, x):
    """Score of one input (bands, frames, 1) by the published order of layers, from the weights of the model."""
    kernel, bias, gamma, beta, mean, variance, dense, shift = (w.numpy() for w in model.weights)
    x = np.stack([correlate(x, kernel[..., k], "valid")[..., 0] + bias[k] for k in range(len(bias))], axis=-1)
    x = np.maximum(gamma * (x - mean) / np.sqrt(variance + 1e-5) + beta, 0)
    rows, columns = (size // 2 for size in x.shape[:2])
    x = x[: 2 * rows, : 2 * columns].reshape(rows, 2, columns, 2, -1).max(axis=(1, 3))
    real, fake = x.ravel() @ dense + shift
    return fake - real


def test_scores_are_those_of_the_published_order(x, rng):
    model = wild_cnn(SMALL, channels=3)
    for variable in model.weights:
        if variable.name == "moving_variance":
            variable.assign(rng.uniform(0.02, 0.2, variable.shape))
        elif variable.name != "kernel":  # scales of both signs, shifts
            variable.assign(rng.uniform(-0.5, 1.5, variable.shape))
    expected = [numpy_cnn(model, clip.astype(float)) for clip in x]
    np.testing.assert_allclose(scores(model, x)[:, 0], expected, rtol=1e-4, atol=1e-4)
    assert np.ptp(expected) > 1


def test_score_trains_as_the_published_loss_on_both_outputs_of_a_softmax(network, x):
    both = softmax(scores(keras.Model(network.input, network.get_layer("logits").output), x), axis=1)
    fake = np.arange(8) % 2
    np.testing.assert_allclose(
        keras.losses.BinaryCrossentropy(from_logits=True)(fake[:, None], scores(network, x)),
        keras.losses.BinaryCrossentropy()(np.stack([1 - fake, fake], axis=1), both),
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


def test_a_few_steps_lower_the_loss(x):
    keras.utils.set_random_seed(1)
    model = wild_cnn(SMALL, channels=2)
    model.compile(keras.optimizers.Adam(1e-2), keras.losses.BinaryCrossentropy(from_logits=True), run_eagerly=True)
    labels = np.arange(8.0)[:, None] % 2
    x[:, 12:] *= 1 + labels[..., None, None]  # fakes are louder in the upper bands
    losses = [float(model.train_on_batch(x, labels)) for _ in range(12)]
    assert min(losses[-3:]) < np.log(2) / 2  # half of what guessing costs


def test_onnx_gives_the_same_scores(network, x, tmp_path):
    import onnxruntime

    signature = [keras.InputSpec(shape=(None, *SMALL), dtype="float32", name="x")]
    network.export(str(tmp_path / "model.onnx"), format="onnx", input_signature=signature, verbose=False)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    np.testing.assert_allclose(session.run(None, {"x": x})[0], scores(network, x), atol=1e-4)


@pytest.mark.parametrize("shape", [(3, 80, 1), (128, 3, 1), (128, 80)])
def test_shape_that_does_not_fit_is_an_error(shape):
    with pytest.raises(FakeOrRealError, match="4 or more bands and 4 or more frames"):
        wild_cnn(shape)


def test_smallest_shape_survives_the_pooling():
    assert of_kind(wild_cnn((4, 4, 1)), layers.MaxPooling2D)[0].output.shape == (None, 1, 1, 1)
