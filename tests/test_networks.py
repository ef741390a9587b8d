import keras
import numpy as np
import pytest
from scipy.special import expit

from fakeorreal.errors import FakeOrRealError
from fakeorreal.networks.classical import CLASSICAL, score
from fakeorreal.networks.custom_cnn import custom_cnn, custom_cnn_published
from fakeorreal.networks.dnn import dnn, dnn_published

SMALL = {custom_cnn: (40, 31, 1), custom_cnn_published: (48, 60, 3), dnn: (6,), dnn_published: (6,)}
"""Sizes at which a network is built and run in no time."""


@pytest.fixture(params=SMALL, ids=lambda f: f.__name__)
def network(request):
    keras.utils.set_random_seed(0)
    return request.param(SMALL[request.param])


def data_for(model, rng, n=5):
    return rng.standard_normal((n, *model.input_shape[1:])).astype(np.float32)


@pytest.mark.parametrize(
    ("build", "shape", "parameters"),
    [
        (custom_cnn_published, (224, 224, 3), 9_679_041),
        (custom_cnn, (128, 63, 1), 765_569),
        (dnn, (136,), 137 * 128 + 2 * 129 * 128 + 129),
        (dnn_published, (13,), 10_113),
        (dnn_published, (40,), 13_569),
    ],
)
def test_parameter_count(build, shape, parameters):
    model = build(shape)
    assert model.count_params() == parameters
    assert model.output_shape == (None, 1)
    assert model.name == build.__name__


def test_published_layers_follow_the_table():
    layers = custom_cnn_published().layers[1:]
    assert [layer.count_params() for layer in layers if layer.count_params()] == [
        896,
        18_496,
        73_856,
        147_584,
        9_437_696,
        513,
    ]
    pools = [layer.output.shape[1:] for layer in layers if isinstance(layer, keras.layers.MaxPooling2D)]
    assert pools == [(111, 111, 32), (54, 54, 64), (26, 26, 128), (12, 12, 128)]


def test_custom_cnn_convolutions_and_scale():
    layers = custom_cnn().layers
    convolutions = [layer for layer in layers if isinstance(layer, keras.layers.Conv2D)]
    assert [(c.filters, c.kernel_size, c.strides) for c in convolutions] == [
        (32, (3, 3), (2, 2)),
        (64, (3, 3), (1, 1)),
        (128, (3, 3), (1, 1)),
        (128, (3, 3), (1, 1)),
    ]
    np.testing.assert_allclose(layers[1](np.array([-80.0, -40.0, 0.0])), [-1, 0, 1], atol=1e-6)


def test_logits_are_finite_and_not_squashed(network, rng):
    logits = network.predict_on_batch(1e5 * data_for(network, rng))
    assert logits.shape == (5, 1)
    assert np.isfinite(logits).all()
    assert np.abs(logits).max() > 1
    assert np.isfinite(network.predict_on_batch(0 * data_for(network, rng))).all()


def test_score_does_not_depend_on_the_batch(network, rng):
    x = data_for(network, rng)
    together = network.predict_on_batch(x)
    alone = np.concatenate([network.predict_on_batch(x[k : k + 1]) for k in range(len(x))])
    np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-5)


def test_config_and_file_round_trip(network, rng, tmp_path):
    x = data_for(network, rng)
    again = keras.Model.from_config(network.get_config())
    again.set_weights(network.get_weights())
    network.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    for other in (again, loaded):
        np.testing.assert_array_equal(other.predict_on_batch(x), network.predict_on_batch(x))


def test_dropout_acts_in_training_only(network, rng):
    x = np.repeat(data_for(network, rng, 1), 8, axis=0)
    assert np.std(network(x, training=True)) > 0
    np.testing.assert_allclose(np.ptp(network(x, training=False)), 0, atol=1e-5)


@pytest.mark.parametrize(
    ("build", "shape"),
    [(custom_cnn, (30, 63, 1)), (custom_cnn_published, (224, 45, 3)), (custom_cnn, (136,)), (dnn, (128, 63, 1))],
)
def test_shape_that_does_not_fit_is_an_error(build, shape):
    with pytest.raises(FakeOrRealError, match="shape="):
        build(shape)


@pytest.mark.parametrize(("build", "shape"), [(custom_cnn, (31, 31, 1)), (custom_cnn_published, (46, 46, 3))])
def test_smallest_shape_survives_the_poolings(build, shape):
    assert build(shape).get_layer(index=-4).output.shape == (None, 128)  # one point of 128 channels


@pytest.mark.parametrize("name", CLASSICAL)
def test_classical_scores(name, rng):
    labels = np.arange(120) % 2
    x = rng.standard_normal((120, 5)) + labels[:, None]
    x[:, 3] *= 1000  # needs scaling
    first, again = (score(CLASSICAL[name](7).fit(x, labels), x) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert first.shape == (120,)
    assert np.isfinite(first).all()
    assert first[labels == 1].mean() > first[labels == 0].mean() + 1


@pytest.mark.parametrize("name", [name for name in CLASSICAL if name != "svm"])
def test_score_is_the_logit_of_the_probability_of_fake(name, rng):
    labels = np.arange(120) % 2
    estimator = CLASSICAL[name](7).fit(rng.standard_normal((120, 5)) + labels[:, None], labels)
    x = rng.standard_normal((30, 5))
    np.testing.assert_allclose(expit(score(estimator, x)), estimator.predict_proba(x)[:, 1], atol=2e-6)


def test_score_of_a_certain_forest_is_finite():
    x = np.array([[0.0], [1.0]] * 20)
    forest = CLASSICAL["random_forest"](0).fit(x, x[:, 0].astype(int))
    np.testing.assert_allclose(score(forest, x[:2]), [np.log(1e-6), -np.log(1e-6)], rtol=1e-3)
