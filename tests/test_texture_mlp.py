"""The perceptron of the shipped detector: its size, its standardisation, and measures that are not valid."""

import keras
import numpy as np
import pytest

from fakeorreal.networks.texture_mlp import LIMIT, texture_mlp

MEASURES = 30


@pytest.fixture(scope="module")
def scaling():
    rng = np.random.default_rng(1)
    return rng.normal(size=MEASURES), rng.uniform(0.5, 2, MEASURES)


@pytest.fixture(scope="module")
def network(scaling):
    keras.utils.set_random_seed(0)
    return texture_mlp((MEASURES, 2), *scaling)


@pytest.fixture
def x(rng):
    """Five rows; a quarter of the measures is not valid, which leaves them as they are."""
    values = 2 * rng.standard_normal((5, MEASURES))
    return np.stack([values, rng.random((5, MEASURES)) < 0.75], axis=2).astype(np.float32)


def standardised(network, x):
    """What reaches the first layer that drops out."""
    dropout = next(layer for layer in network.layers if isinstance(layer, keras.layers.Dropout))
    return keras.Model(network.input, dropout.input).predict_on_batch(x)


def test_parameter_count():
    # Centre and spread; hidden layers without bias, with the 4 parameters of normalised batches; a logit.
    model = texture_mlp((3598, 2), np.zeros(3598), np.ones(3598))
    assert model.count_params() == 2 * 3598 + 3598 * 192 + 4 * 192 + 192 * 64 + 4 * 64 + 64 + 1 == 711_389
    assert (model.input_shape, model.output_shape, model.name) == ((None, 3598, 2), (None, 1), "texture_mlp")
    other = texture_mlp((10, 2), np.zeros(10), np.ones(10), units=(5,))
    assert other.count_params() == 2 * 10 + 10 * 5 + 4 * 5 + 5 + 1


def test_standardisation_by_hand():
    model = texture_mlp((3, 2), np.array([2.0, 0, 0]), np.array([0.5, 1, 1]))
    # (3 - 2) / 0.5 = 2 of 4 standard deviations: 4 tanh(0.5) = 1.848; the second saturates, the third is not valid.
    x = np.array([[[3, 1], [-1000, 1], [7, 0]]], np.float32)
    np.testing.assert_allclose(standardised(model, x), [[1.8485, -4, 0]], atol=1e-3)
    assert LIMIT == 4


def test_every_measure_has_its_own_scaling(network, scaling, x):
    centre, spread = scaling
    expected = 4 * np.tanh((x[..., 0] - centre) / spread / 4) * x[..., 1]
    np.testing.assert_allclose(standardised(network, x), expected, atol=1e-5)


def test_measures_that_are_not_valid_have_no_influence(network, x, rng):
    other = x.copy()
    other[..., 0] += 1e4 * rng.standard_normal(x.shape[:2]) * (1 - x[..., 1])
    assert not np.array_equal(other, x)
    np.testing.assert_array_equal(network.predict_on_batch(other), network.predict_on_batch(x))
    other[..., 0] = x[..., 0] + x[..., 1]  # those that are valid have some
    assert np.abs(network.predict_on_batch(other) - network.predict_on_batch(x)).min() > 1e-3


def test_logits_are_finite_and_differ(network, x):
    logits = network.predict_on_batch(1e6 * x)
    assert logits.shape == (5, 1) and np.isfinite(logits).all() and np.ptp(logits) > 1e-3
    assert np.isfinite(network.predict_on_batch(0 * x)).all()


def test_score_does_not_depend_on_the_batch(network, x):
    alone = np.concatenate([network.predict_on_batch(x[k : k + 1]) for k in range(len(x))])
    np.testing.assert_allclose(network.predict_on_batch(x), alone, rtol=1e-4, atol=1e-5)


def test_a_saved_network_is_the_same(network, x, tmp_path):
    network.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(loaded.predict_on_batch(x), network.predict_on_batch(x))


def test_dropout_acts_in_training_only(network, x):
    same = np.repeat(x[:1], 8, axis=0)
    assert np.std(network(same, training=True)) > 0
    np.testing.assert_allclose(np.ptp(network(same, training=False)), 0, atol=1e-5)


def test_training_leaves_the_standardisation_alone(scaling, x):
    model = texture_mlp((MEASURES, 2), *scaling)
    before = standardised(model, x)
    model.compile("sgd", keras.losses.BinaryCrossentropy(from_logits=True))
    logits = model.predict_on_batch(x)
    model.train_on_batch(x, np.ones((5, 1)))
    np.testing.assert_array_equal(standardised(model, x), before)
    assert not np.array_equal(model.predict_on_batch(x), logits)
