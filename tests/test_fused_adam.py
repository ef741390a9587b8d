"""Adam by TensorFlow's operator, against the equations and against Keras."""

import keras
import numpy as np
import pytest

from fakeorreal.fused_adam import FusedAdam

RATES = [0.01] * 6 + [0.001] * 6


@pytest.fixture
def gradients(rng):
    return [(rng.normal(size=(5, 3)).astype("float32"), rng.normal(size=3).astype("float32")) for _ in RATES]


def descend(optimizer, gradients):
    """Weights after every gradient, from weights of one."""
    variables = [keras.Variable(np.ones(g.shape, "float32")) for g in gradients[0]]
    optimizer.build(variables)
    for rate, pair in zip(RATES, gradients, strict=True):
        optimizer.learning_rate = rate
        optimizer.apply([keras.ops.convert_to_tensor(g) for g in pair], variables)
    return [v.numpy() for v in variables]


def test_it_follows_the_equations(gradients):
    for place, found in enumerate(descend(FusedAdam(), gradients)):
        weights, first, second = 1.0, 0.0, 0.0
        for step, (rate, pair) in enumerate(zip(RATES, gradients, strict=True), 1):
            gradient = pair[place].astype(float)
            first = 0.9 * first + 0.1 * gradient
            second = 0.999 * second + 0.001 * gradient**2
            alpha = rate * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
            weights = weights - alpha * first / (np.sqrt(second) + 1e-7)
        np.testing.assert_allclose(found, weights, atol=2e-6)


def test_it_is_that_of_keras(gradients):
    for found, expected in zip(*(descend(o(), gradients) for o in (FusedAdam, keras.optimizers.Adam)), strict=True):
        np.testing.assert_allclose(found, expected, atol=2e-6)


def test_a_network_on_its_way_is_kept_with_its_moments(tmp_path, rng):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile(FusedAdam(0.02), "mse")
    x, y = rng.normal(size=(8, 4)), rng.normal(size=(8, 1))
    model.train_on_batch(x, y)
    model.save(tmp_path / "network.keras")
    again = keras.models.load_model(tmp_path / "network.keras", safe_mode=True)
    assert isinstance(again.optimizer, FusedAdam) and again.optimizer.get_config() == model.optimizer.get_config()
    for network in (model, again):
        network.train_on_batch(x, y)
    for one, other in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
