"""The DCNN: its sizes, its table of layers, and its scores from the same weights by NumPy in the published layout."""

import keras
import numpy as np
import pytest
from keras import layers
from numpy.lib.stride_tricks import sliding_window_view

from fakeorreal.errors import FakeOrRealError
from fakeorreal.networks import build_network
from fakeorreal.networks.dcnn import dcnn

SMALL = (214, 14, 1)
"""Three columns and two frames are left in the end."""

TABLE = [  # for 256 bands: layer, rows and columns (t, u, v: frames after each pooling), channels, trainable parameters
    (layers.Conv2D, "T", 258, 64, 640),
    (layers.PReLU, "T", 258, 64, 1),
    (layers.MaxPooling2D, "t", 129, 64, 0),
    (layers.BatchNormalization, "t", 129, 64, 0),
    (layers.Conv2D, "t", 129, 64, 4160),
    (layers.PReLU, "t", 129, 64, 1),
    (layers.BatchNormalization, "t", 129, 64, 0),
    (layers.Conv2D, "t", 129, 96, 55392),
    (layers.PReLU, "t", 129, 96, 1),
    (layers.MaxPooling2D, "u", 64, 96, 0),
    (layers.BatchNormalization, "u", 64, 96, 0),
    (layers.Conv2D, "u", 64, 128, 110720),
    (layers.PReLU, "u", 64, 128, 1),
    (layers.BatchNormalization, "u", 64, 128, 0),
    (layers.Conv2D, "u", 64, 32, 36896),
    (layers.PReLU, "u", 64, 32, 1),
    (layers.BatchNormalization, "u", 64, 32, 0),
    (layers.Conv2D, "u", 64, 64, 18496),
    (layers.PReLU, "u", 64, 64, 1),
    (layers.MaxPooling2D, "v", 32, 64, 0),
    (layers.Dropout, "v", 32, 64, 0),
    (layers.BatchNormalization, 64, 32, "v", 24),
    (layers.Conv2D, 64, 32, "v", 1308),
    (layers.PReLU, 64, 32, "v", 1),
    (layers.BatchNormalization, 64, 32, "v", 24),
    (layers.Conv2D, 60, 28, "v", 3612),
    (layers.PReLU, 60, 28, "v", 1),
    (layers.BatchNormalization, 60, 28, "v", 24),
    (layers.Conv2D, 40, 8, "v", 7068),
    (layers.PReLU, 40, 8, "v", 1),
    (layers.Dropout, 40, 8, "v", 0),
]


def scores(model, x):
    return model(x, training=False).numpy()  # not by predict, which would compile


def trainable(model):
    return sum(v.numpy().size for v in model.trainable_variables)


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(0)
    return dcnn(SMALL)


@pytest.fixture
def x(rng):
    return rng.standard_normal((8, *SMALL)).astype(np.float32)


@pytest.mark.parametrize(
    ("frames", "parameters", "total"),
    [
        (101, 239_015, 239_855),
        (95, 239_015, 239_855),
        (109, 241_099, 241_945),
        (87, 237_097, 237_931),
        (85, 235_345, 236_173),
        (71, 233_759, 234_581),
        (77, 233_759, 234_581),
        (63, 232_339, 233_155),
    ],
)
def test_parameter_count(frames, parameters, total):
    model = dcnn((256, frames, 1))
    assert (trainable(model), model.count_params()) == (parameters, total)
    assert (model.output_shape, model.name) == ((None, 1), "dcnn")


def test_parameter_count_of_the_ablations_and_with_signs():
    assert trainable(dcnn(dropout=False)) == 239_015
    assert trainable(dcnn(dilation=False)) == 230_408
    assert trainable(dcnn((256, 95, 2))) == 239_015 + 3 * 3 * 64  # a second channel for the first kernel


@pytest.mark.parametrize(("frames", "after"), [(101, (103, 51, 25, 12)), (95, (97, 48, 24, 12))])
def test_layers_follow_the_table(frames, after):
    sizes = dict(zip("Ttuv", after, strict=True))
    kinds = tuple({row[0] for row in TABLE})
    found = [
        (type(layer), *layer.output.shape[1:], trainable(layer))
        for layer in dcnn((256, frames, 1)).layers
        if isinstance(layer, kinds)
    ]
    assert found == [(row[0], *(sizes.get(size, size) for size in row[1:])) for row in TABLE]


def test_constants_are_those_of_the_published_code():
    model = dcnn()
    assert model.get_layer("logits").output.shape == (None, 12, 2)
    assert model.get_layer("logits").kernel.shape == (320, 2)
    assert [layer.rate for layer in model.layers if isinstance(layer, layers.Dropout)] == [0.6, 0.2]
    norms = [layer for layer in model.layers if isinstance(layer, layers.BatchNormalization)]
    assert {(norm.momentum, norm.epsilon) for norm in norms} == {(0.9, 1e-5)}
    slopes = [layer.alpha.numpy() for layer in model.layers if isinstance(layer, layers.PReLU)]
    np.testing.assert_array_equal(slopes, np.full((9, 1, 1, 1), 0.25))


def test_ablations_leave_out_what_they_say():
    def count(model, kind):
        return sum(isinstance(layer, kind) for layer in model.layers)

    assert count(dcnn(SMALL, dropout=False), layers.Dropout) == 0
    plain = dcnn(SMALL, dilation=False)
    assert (count(plain, layers.Conv2D), count(plain, layers.BatchNormalization), count(plain, layers.Dropout)) == (
        6,
        5,
        1,
    )
    assert plain.get_layer("logits").kernel.shape == (64 * 27, 2)


def numpy_dcnn(model, x):
    """Score of one input (bands, frames, channels) by the published order of layers, on arrays (channel, row, column).

    Conv, slope and normalisation take the weights of the layers of the model, one after another.
    """
    turn = {kind: iter([layer for layer in model.layers if isinstance(layer, kind)]) for kind, *_ in TABLE}

    def conv(x, pad, dilation=1):
        kernel, bias = (w.numpy() for w in next(turn[layers.Conv2D]).weights)
        x = np.pad(x, ((0, 0), (pad, pad), (pad, pad)))
        reach = dilation * (kernel.shape[0] - 1) + 1
        windows = sliding_window_view(x, (reach, reach), (1, 2))[..., ::dilation, ::dilation]
        x = np.einsum("crsuv,uvcd->drs", windows, kernel, optimize=True) + bias[:, None, None]
        return np.where(x > 0, x, next(turn[layers.PReLU]).alpha.numpy().item() * x)

    def pool(x):
        rows, columns = (size // 2 * 2 for size in x.shape[1:])
        return np.max([x[:, i:rows:2, j:columns:2] for i in (0, 1) for j in (0, 1)], axis=0)

    def norm(x):
        layer = next(turn[layers.BatchNormalization])
        mean, variance = layer.moving_mean.numpy()[:, None, None], layer.moving_variance.numpy()[:, None, None]
        x = (x - mean) / np.sqrt(variance + 1e-5)
        if len(layer.weights) == 2:
            return x
        return x * layer.gamma.numpy()[:, None, None] + layer.beta.numpy()[:, None, None]

    x = x.astype(float).transpose(2, 1, 0)  # time is the rows
    x = norm(pool(conv(x, 2)))
    x = norm(conv(x, 0))
    x = norm(pool(conv(x, 1)))
    x = norm(conv(x, 1))
    x = norm(conv(x, 1))
    x = pool(conv(x, 1)).transpose(1, 0, 2)  # time is the channels
    x = conv(norm(x), 1)
    x = conv(norm(x), 2, dilation=2)
    x = conv(norm(x), 2, dilation=4)
    kernel, bias = (w.numpy() for w in model.get_layer("logits").weights)
    real, fake = (x.reshape(len(x), -1) @ kernel + bias).mean(axis=0)
    return fake - real


def test_scores_are_those_of_the_published_layout(x, rng):
    model = dcnn(SMALL)
    for variable in model.weights:
        if variable.name == "moving_variance":
            variable.assign(rng.uniform(0.02, 0.2, variable.shape))
        elif variable.name != "kernel" and "seed" not in variable.path:  # slopes of both signs, shifts, scales
            variable.assign(rng.uniform(-0.5, 1.5, variable.shape))
    expected = [numpy_dcnn(model, clip) for clip in x[:3]]
    np.testing.assert_allclose(scores(model, x[:3])[:, 0], expected, rtol=1e-3, atol=1e-3)
    assert np.ptp(expected) > 0.02


def test_score_trains_as_two_logits_would(network, x):
    frames = scores(keras.Model(network.input, network.get_layer("logits").output), x)
    two = frames.mean(axis=1)
    score = scores(network, x)
    np.testing.assert_allclose(score[:, 0], two[:, 1] - two[:, 0], atol=1e-5)
    labels = np.arange(8) % 2
    np.testing.assert_allclose(
        keras.losses.BinaryCrossentropy(from_logits=True)(labels[:, None], score),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True)(labels, two),
        rtol=1e-5,
    )


def test_penalty_gives_the_published_weight_decay(network):
    import tensorflow as tf

    kernels = [v for v in network.trainable_variables if v.name == "kernel"]
    assert len(kernels) == 10
    with tf.GradientTape() as tape:
        penalty = sum(network.losses)
    for kernel, gradient in zip(kernels, tape.gradient(penalty, [k.value for k in kernels]), strict=True):
        np.testing.assert_allclose(gradient, 1e-3 * kernel.numpy(), rtol=1e-5)
    others = [v.value for v in network.trainable_variables if v.name != "kernel"]
    with tf.GradientTape() as tape:
        penalty = sum(network.losses)
    assert set(tape.gradient(penalty, others)) == {None}


def test_score_does_not_depend_on_the_batch(network, x):
    alone = np.concatenate([scores(network, x[k : k + 1]) for k in range(len(x))])
    np.testing.assert_allclose(scores(network, x), alone, atol=1e-4)
    assert np.isfinite(scores(network, 0 * x)).all()


@pytest.mark.parametrize("options", [{}, {"dropout": False}, {"dilation": False}])
def test_config_and_file_round_trip(options, x, tmp_path):
    model = dcnn(SMALL, **options)
    again = keras.Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    for other in (again, loaded):
        np.testing.assert_array_equal(scores(other, x), scores(model, x))
    assert len(loaded.losses) == len(model.losses) > 0


def test_gradients_reach_every_weight(network, x):
    import tensorflow as tf

    weights = [v.value for v in network.trainable_variables]
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(network(x, training=True)))
    assert all(np.abs(gradient).max() > 0 for gradient in tape.gradient(loss, weights))


def test_a_few_steps_lower_the_loss(x):
    keras.utils.set_random_seed(1)
    model = dcnn(SMALL)
    model.compile(keras.optimizers.Adam(1e-3), keras.losses.BinaryCrossentropy(from_logits=True), run_eagerly=True)
    labels = np.arange(8.0)[:, None] % 2
    x[:, 100:] *= 1 + labels[..., None, None]  # fakes are louder in the upper bands
    losses = [float(model.train_on_batch(x, labels)) for _ in range(8)]
    assert min(losses[-3:]) - float(sum(model.losses)) < np.log(2) / 2  # half of what guessing costs


def test_scores_of_mixed_precision_are_not_rounded(x):
    before = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy("mixed_bfloat16")
        model = dcnn(SMALL)
    finally:
        keras.config.set_dtype_policy(before)
    assert model.layers[3].compute_dtype == "bfloat16"
    assert model.get_layer("logits").compute_dtype == "float32"
    found = scores(model, x)
    assert found.dtype == np.float32
    assert (found.view(np.uint32) & 0xFFFF).any()  # the half that bfloat16 lacks


def test_onnx_gives_the_same_scores(network, x, tmp_path):
    import onnxruntime

    signature = [keras.InputSpec(shape=(None, *SMALL), dtype="float32", name="x")]
    network.export(str(tmp_path / "model.onnx"), format="onnx", input_signature=signature, verbose=False)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    np.testing.assert_allclose(session.run(None, {"x": x})[0], scores(network, x), atol=1e-4)


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((197, 101, 1), {}),
        ((256, 5, 1), {}),
        ((256, 101), {}),
        ((5, 101, 1), {"dilation": False}),
    ],
)
def test_shape_that_does_not_fit_is_an_error(shape, options):
    with pytest.raises(FakeOrRealError, match="or more bands and 6 or more frames"):
        dcnn(shape, **options)


def test_smallest_shapes():
    assert dcnn((198, 6, 1)).get_layer("logits").output.shape == (None, 1, 2)
    assert dcnn((6, 6, 1), dilation=False).get_layer("logits").output.shape == (None, 1, 2)


def test_options_reach_the_builder():
    assert trainable(build_network("dcnn", (256, 101, 1), dilation=False)) == 230_408
    with pytest.raises(FakeOrRealError, match=r"options of dcnn must be among: dropout, dilation. Received: depth"):
        build_network("dcnn", (256, 101, 1), depth=3)
    with pytest.raises(FakeOrRealError, match=r"options of dnn must be among: none. Received: width"):
        build_network("dnn", (6,), width=3)
    with pytest.raises(FakeOrRealError, match="`name` must be one of"):
        build_network("cnn", (256, 101, 1))
