import json
from importlib import import_module
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from signals import SR

from fakeorreal.errors import FakeOrRealError
from fakeorreal.features import LFCC, LogMel, LogSTFT, WaveletPackets
from fakeorreal.networks.front_end_layer import FrontEndLayer

FRONT_ENDS = [
    LogSTFT(),
    LFCC(),
    WaveletPackets(wavelet="haar"),
    WaveletPackets(wavelet="coif4", level=5, seconds=0.5),
    WaveletPackets(power=1.0, sign=True, block_norm=True),
]


@pytest.fixture(params=FRONT_ENDS, ids=repr)
def front_end(request):
    return request.param


@pytest.fixture
def waveforms(front_end, make_speech):
    n = round(front_end.seconds * front_end.sr)
    return np.stack([level * make_speech(1.0, SR, seed=seed)[:n] for seed, level in enumerate((1, 0.1, 0.01))])


def assert_close(found, expected):
    """Within 1e-5 of the range as magnitudes, and in the logarithm wherever rounding does not show."""
    magnitudes = np.exp(expected / 2)
    np.testing.assert_allclose(np.exp(found / 2), magnitudes, atol=1e-5 * np.ptp(magnitudes))
    assert np.quantile(np.abs(found - expected), 0.99) < 1e-5 * np.ptp(expected)


def test_equals_the_front_end(front_end, waveforms):
    layer = FrontEndLayer(front_end)
    features = layer(waveforms)
    assert features.shape == (3, *front_end.shape) and features.dtype == "float32"
    assert not layer.weights
    assert_close(features.numpy(), np.stack([front_end(y) for y in waveforms]))


def test_does_not_depend_on_the_batch(front_end, waveforms):
    layer = FrontEndLayer(front_end)
    alone = np.concatenate([layer(waveforms[k : k + 1]) for k in range(len(waveforms))])
    assert_close(layer(waveforms).numpy(), alone)


def test_config_and_file_round_trip(front_end, waveforms, tmp_path):
    layer = FrontEndLayer(front_end, name="front_end")
    assert FrontEndLayer.from_config(json.loads(json.dumps(layer.get_config()))).front_end == front_end
    model = keras.Sequential([keras.Input(waveforms.shape[1:]), layer])
    assert model.output_shape == (None, *front_end.shape)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    assert loaded.layers[-1].front_end == front_end
    for n in (3, 1):
        np.testing.assert_array_equal(loaded.predict_on_batch(waveforms[:n]), model.predict_on_batch(waveforms[:n]))


def test_in_a_graph_of_any_batch(front_end, waveforms):
    layer = FrontEndLayer(front_end)
    graph = tf.function(layer, input_signature=[tf.TensorSpec((None, waveforms.shape[1]))])
    for n in (3, 1):
        assert_close(graph(waveforms[:n]).numpy(), layer(waveforms[:n]).numpy())
    batches = tf.data.Dataset.from_tensor_slices(waveforms).batch(2).map(layer)
    assert [len(batch) for batch in batches] == [2, 1]


@pytest.mark.parametrize("front_end", FRONT_ENDS[:-1], ids=repr)  # a sign has no slope
def test_gradient_is_the_slope_of_the_front_end(front_end, waveforms, rng):
    """Along a random direction, against the difference that NumPy gives in double precision."""
    weights = rng.standard_normal(front_end.shape, np.float32)
    direction = rng.standard_normal(waveforms.shape) * np.array([[1.0], [0.1], [0.01]])

    def measure(features, xp):
        return xp.sum(xp.exp(features / 2) * weights, axis=(1, 2, 3))

    y = tf.constant(waveforms)
    with tf.GradientTape() as tape:
        tape.watch(y)
        measured = measure(FrontEndLayer(front_end)(y), keras.ops)
    gradient = tape.gradient(measured, y).numpy()
    assert np.isfinite(gradient).all() and (np.abs(gradient).max(axis=1) > 0).all()
    step = 1e-7 * direction
    up, down = (measure(front_end.transform(waveforms + s), np) for s in (step, -step))
    np.testing.assert_allclose((gradient * direction).sum(axis=1), (up - down) / 2e-7, rtol=1e-3)


def test_silence(front_end, waveforms):
    y = tf.zeros_like(waveforms)
    with tf.GradientTape() as tape:
        tape.watch(y)
        features = FrontEndLayer(front_end)(y)
    assert np.isfinite(features).all()
    assert np.isfinite(tape.gradient(features, y)).all()


def test_float32_under_every_policy(front_end, waveforms):
    expected = FrontEndLayer(front_end)(waveforms)
    keras.config.set_dtype_policy("mixed_float16")
    try:
        found = FrontEndLayer(front_end)(waveforms)
    finally:
        keras.config.set_dtype_policy("float32")
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("shape", [(2, SR + 1), (2, SR, 1), (SR,)])
def test_another_shape_is_an_error(shape):
    with pytest.raises(FakeOrRealError, match=r"\(batch, 16000\).*Received: shape \("):
        FrontEndLayer(LogSTFT())(np.zeros(shape, np.float32))
    layer = FrontEndLayer(LogSTFT())
    layer(np.zeros((2, SR), np.float32))
    with pytest.raises(ValueError, match="16000"):
        layer(np.zeros(shape, np.float32))


def test_length_must_be_known():
    with pytest.raises(FakeOrRealError, match="None"):
        FrontEndLayer(LogSTFT())(keras.Input((None,)))


def test_front_end_without_transform_is_an_error():
    with pytest.raises(FakeOrRealError, match="LogMel"):
        FrontEndLayer(LogMel())


@pytest.mark.parametrize("wavelet", ["haar", "sym5"])
def test_the_benchmark_compares_what_is_the_same(wavelet, make_speech, monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
    benchmark = import_module("wavelet_packets")
    functions = benchmark.contenders(wavelet)
    clips = np.stack([make_speech(1.0, SR, seed=seed) for seed in (0, 1)])
    expected = functions.pop(benchmark.BASELINE)(clips)
    for function in functions.values():
        np.testing.assert_allclose(np.exp(np.divide(function(clips), 2)), np.exp(np.divide(expected, 2)), atol=1e-5)
    seconds = benchmark.measure(functions, clips, rounds=3)
    assert seconds.keys() == functions.keys() and all(len(values) == 3 for values in seconds.values())
