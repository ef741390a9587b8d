"""The small transformer: its size, what a patch is, and that patches know where they are."""

import keras
import numpy as np
import pytest
from keras import layers

from fakeorreal.errors import FakeOrRealError
from fakeorreal.networks.spectrogram_transformer import spectrogram_transformer

SMALL = (32, 40, 1)
"""Two patches high; the last of three patches along time is half empty."""


def scores(model, x):
    return model(x, training=False).numpy()  # not by predict, which would compile


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(0)
    return spectrogram_transformer(SMALL)


@pytest.fixture
def x(rng):
    return rng.standard_normal((8, *SMALL)).astype(np.float32)


@pytest.mark.parametrize(
    ("shape", "patches", "parameters"),
    [((256, 101, 1), 16 * 7, 838_529), ((256, 95, 2), 16 * 6, 869_249), ((60, 101, 1), 4 * 7, 827_777)],
)
def test_parameter_count(shape, patches, parameters):
    model = spectrogram_transformer(shape)
    attention, dense = 4 * 128 * 128, 128 * 512 + 512 + 512 * 128 + 128
    block = attention + dense + 2 * 2 * 128  # two normalisations
    assert model.count_params() == 16 * 16 * shape[2] * 128 + patches * 128 + 4 * block + 2 * 128 + 129 == parameters
    assert (model.output_shape, model.name) == ((None, 1), "spectrogram_transformer")


def test_blocks(network):
    attention = [layer for layer in network.layers if isinstance(layer, layers.MultiHeadAttention)]
    assert [(layer.num_heads, layer.key_dim, layer.output.shape) for layer in attention] == [
        (4, 32, (None, 6, 128))
    ] * 4


def test_patches_by_hand(network, x):
    layer = network.get_layer("patches")
    kernel, bias = (w.numpy() for w in layer.weights)
    padded = np.pad(x[:, :, :, 0], ((0, 0), (0, 0), (0, 8)))
    found = scores(keras.Model(network.input, layer.output), x)
    for frame in range(3):
        for band in range(2):
            patch = padded[:, 16 * band : 16 * band + 16, 16 * frame : 16 * frame + 16]
            expected = np.einsum("bvu,uvd->bd", patch, kernel[:, :, 0]) + bias[frame, band]
            np.testing.assert_allclose(found[:, frame, band], expected, atol=1e-4)


def test_only_the_positions_tell_patches_apart(network, x):
    other = spectrogram_transformer(SMALL)
    other.set_weights(network.get_weights())
    upside_down = np.concatenate([x[:, 16:], x[:, :16]], axis=1)
    assert np.abs(scores(other, upside_down) - scores(other, x)).max() > 1e-4
    other.get_layer("patches").bias.assign(np.zeros((3, 2, 128)))
    np.testing.assert_allclose(scores(other, upside_down), scores(other, x), atol=1e-5)


def test_score_does_not_depend_on_the_batch(network, x):
    alone = np.concatenate([scores(network, x[k : k + 1]) for k in range(len(x))])
    np.testing.assert_allclose(scores(network, x), alone, atol=1e-4)
    assert np.ptp(alone) > 1e-2
    assert np.isfinite(scores(network, 0 * x)).all()


def test_config_and_file_round_trip(network, x, tmp_path):
    again = keras.Model.from_config(network.get_config())
    again.set_weights(network.get_weights())
    network.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    for other in (again, loaded):
        np.testing.assert_array_equal(scores(other, x), scores(network, x))


def test_dropout_acts_in_training_only(network, x):
    same = np.repeat(x[:1], 8, axis=0)
    assert np.std(network(same, training=True)) > 0
    np.testing.assert_allclose(np.ptp(scores(network, same)), 0, atol=1e-5)


def test_gradients_reach_every_weight(network, x):
    import tensorflow as tf

    weights = [v.value for v in network.trainable_variables]
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(network(x, training=True)))
    assert all(np.abs(gradient).max() > 1e-7 for gradient in tape.gradient(loss, weights))


def test_a_few_steps_lower_the_loss(x):
    keras.utils.set_random_seed(1)
    model = spectrogram_transformer(SMALL)
    model.compile(keras.optimizers.Adam(1e-3), keras.losses.BinaryCrossentropy(from_logits=True), run_eagerly=True)
    labels = np.arange(8.0)[:, None] % 2
    x[:, 16:] *= 1 + labels[..., None, None]  # fakes are louder in the upper bands
    losses = [float(model.train_on_batch(x, labels)) for _ in range(5)]
    assert min(losses[-3:]) < np.log(2) / 2  # half of what guessing costs


def test_onnx_gives_the_same_scores(network, x, tmp_path):
    import onnxruntime

    signature = [keras.InputSpec(shape=(None, *SMALL), dtype="float32", name="x")]
    network.export(str(tmp_path / "model.onnx"), format="onnx", input_signature=signature, verbose=False)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    np.testing.assert_allclose(session.run(None, {"x": x})[0], scores(network, x), atol=1e-4)


@pytest.mark.parametrize("shape", [(15, 101, 1), (60, 15, 1), (60, 101)])
def test_shape_that_does_not_fit_is_an_error(shape):
    with pytest.raises(FakeOrRealError, match="16 or more bands and 16 or more frames"):
        spectrogram_transformer(shape)
