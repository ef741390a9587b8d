"""Integrated gradients: against hand computation, completeness, and that batches and order leave them alone."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from fakeorreal import explain
from fakeorreal.errors import FakeOrRealError

SHAPE = (16, 12, 1)


@pytest.fixture(scope="module")
def conv_net():
    """ReLU, max pooling and batch normalisation; trained a little, so that its logits are far from one another."""
    keras.utils.set_random_seed(3)
    x = inputs = keras.Input(SHAPE)
    for filters in (8, 16):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D(2)(x)
        x = layers.BatchNormalization()(x)
    x = layers.Dense(16, activation="relu")(layers.Flatten()(x))
    model = keras.Model(inputs, layers.Dense(1)(layers.Dropout(0.5)(x)))
    model.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True))
    for _ in range(30):
        model.train_on_batch(*data(64, np.random.default_rng(1)))
    return model


def data(n, rng):
    """Noise, and in fakes a band that is raised."""
    labels = np.arange(n) % 2
    x = rng.standard_normal((n, *SHAPE)).astype(np.float32)
    x[labels == 1, 4:8] += 2
    return x, labels[:, None].astype(np.float32)


def attribute(model, x, **settings):
    return explain.integrated_gradients(model, x, baseline=np.zeros(x.shape[1:]), **settings)


@pytest.mark.parametrize("steps", [1, 7])
def test_of_a_linear_network_it_is_weight_times_distance(rng, steps):
    model = keras.Sequential([keras.Input((5,)), layers.Dense(1)])
    weights, x, baseline = rng.standard_normal((5, 1)), rng.standard_normal((4, 5)), rng.standard_normal(5)
    model.set_weights([weights, np.array([0.7])])
    found = explain.integrated_gradients(model, x, baseline=baseline, steps=steps)
    np.testing.assert_allclose(found.values, weights[:, 0] * (x - baseline), rtol=1e-4, atol=1e-6)
    assert found.values.dtype == np.float32 and (found.gap < 1e-5).all()


def test_of_a_product_each_factor_gets_its_half():
    inputs = keras.Input((2,))
    model = keras.Model(inputs, ops.prod(inputs, axis=1, keepdims=True) + ops.square(inputs[:, :1]))
    found = attribute(model, np.array([[2.0, 3.0], [-1.0, 4.0]]))
    # xy has the gradient (ay, ax) at a(x, y); its integral is (y, x) / 2, times (x, y) is xy / 2 for both
    np.testing.assert_allclose(found.values, [[3 + 4, 3], [-2 + 1, -2]], rtol=1e-5)


def test_a_kink_on_the_way_is_integrated_by_the_midpoint_rule():
    inputs = keras.Input((1,))
    model = keras.Model(inputs, ops.relu(inputs - 1))
    found = attribute(model, np.array([[4.0]]), steps=10)
    # of the points 0.2, 0.6, 1.0, 1.4 ... 3.8 seven lie past the kink; exact is 3
    np.testing.assert_allclose(found.values, [[4 * 7 / 10]])
    np.testing.assert_allclose(found.gap, [0.2 / 3], rtol=1e-5)


def test_attributions_are_complete(conv_net, rng):
    x, labels = data(20, rng)
    found = attribute(conv_net, x)
    change = conv_net.predict_on_batch(x) - conv_net.predict_on_batch(np.zeros((1, *SHAPE)))
    assert np.median(np.abs(change)) > 1  # so that the gap says something
    assert found.gap.max() < 0.01
    np.testing.assert_allclose(found.values.sum(axis=(1, 2, 3)), change[:, 0], atol=0.01 * np.abs(change).max())
    assert attribute(conv_net, x, steps=2).gap.max() > 0.01  # so that 200 steps are worth something
    fake = found.values[labels[:, 0] == 1].mean(axis=(0, 2, 3))
    assert fake[4:8].sum() > 0.7 * fake.sum()  # the raised band speaks for fake


def test_a_gap_is_relative_to_a_logit_where_the_logit_hardly_changes():
    inputs = keras.Input((1,))
    model = keras.Model(inputs, ops.relu(inputs - 1) * 0.01)
    assert attribute(model, np.array([[4.0]]), steps=10).gap == pytest.approx(0.002, rel=1e-4)


@pytest.mark.parametrize("batch", [1, 7, 50, 1000])
def test_batches_and_order_change_nothing(conv_net, rng, batch):
    x, _ = data(5, rng)
    expected = attribute(conv_net, x, steps=20)
    order = np.array([3, 0, 4, 2, 1])
    found = attribute(conv_net, x[order], steps=20, batch=batch)
    np.testing.assert_allclose(found.values, expected.values[order], atol=1e-5)
    np.testing.assert_allclose(found.gap, expected.gap[order], atol=1e-4)


def test_no_more_rows_than_a_batch_are_held():
    seen = []

    class Watch(layers.Layer):
        def call(self, x):
            if not isinstance(x, keras.KerasTensor):
                import tensorflow as tf

                tf.py_function(lambda n: seen.append(int(n)), [tf.shape(x)[0]], [])
            return x

    inputs = keras.Input((3,))
    model = keras.Model(inputs, layers.Dense(1)(Watch()(inputs)))
    attribute(model, np.ones((10, 3)), steps=5, batch=8)
    assert max(seen) == 8 and seen.count(8) >= 6  # 50 rows


def test_maps_are_averaged_over_clips_and_summed_over_the_other_axis(rng):
    values = rng.standard_normal((6, 4, 3, 2))
    maps = explain.mean_maps(values)
    signed = sum(clip.sum(-1) for clip in values) / 6
    absolute = sum(abs(clip.sum(-1)) for clip in values) / 6
    np.testing.assert_allclose(maps["signed"].mean, signed)
    np.testing.assert_allclose(maps["absolute"].mean, absolute)
    np.testing.assert_allclose(maps["signed"].by_band, [sum(row) for row in signed])
    np.testing.assert_allclose(maps["absolute"].by_frame, [sum(column) for column in absolute.T])
    assert maps["signed"].by_band.sum() == pytest.approx(values.sum() / 6)
    np.testing.assert_array_equal(explain.mean_maps(values[..., 0])["signed"].mean, values[..., 0].mean(0))


@pytest.mark.parametrize(
    ("x", "baseline", "settings"),
    [
        (np.zeros((2, 4)), np.zeros(5), {}),
        (np.zeros((2, 5)), np.zeros((1, 5)), {}),
        (np.zeros(5), np.zeros(5), {}),
        (np.zeros((0, 5)), np.zeros(5), {}),
        (np.zeros((2, 5)), np.zeros(5), {"steps": 0}),
        (np.zeros((2, 5)), np.zeros(5), {"batch": 0}),
    ],
)
def test_what_does_not_fit_is_an_error(x, baseline, settings):
    model = keras.Sequential([keras.Input((5,)), layers.Dense(1)])
    with pytest.raises(FakeOrRealError, match="Received"):
        explain.integrated_gradients(model, x, baseline=baseline, **settings)


def test_two_logits_are_an_error():
    model = keras.Sequential([keras.Input((5,)), layers.Dense(2)])
    with pytest.raises(FakeOrRealError, match="one logit"):
        attribute(model, np.zeros((1, 5)))


@pytest.mark.parametrize("shape", [(3, 4), (0, 3, 4), (2, 3, 4, 1, 1)])
def test_maps_of_another_shape_are_an_error(shape):
    with pytest.raises(FakeOrRealError, match="clips, bands, frames"):
        explain.mean_maps(np.zeros(shape))
