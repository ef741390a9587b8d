"""Gradients of frozen detectors: of linear networks they are weight times distance; the rest is where they land."""

import io
import json
import resource
import shutil
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from test_texture import NEEDS

from fakeorreal import detector_gradients as module
from fakeorreal.detector import load_detector
from fakeorreal.detector_gradients import detector_gradients
from fakeorreal.errors import FakeOrRealError
from fakeorreal.features import LogSTFT, SpectralTexture, Waveform
from fakeorreal.features.texture_names import measure_names
from fakeorreal.freeze import freeze

SR = 16000
SCALE, OFFSET = 2.0, 0.5
STFT = LogSTFT(n_fft=127, hop_length=320)  # 64 bands, 50 frames
TEXTURE = SpectralTexture()


def linear(shape, seed, *, before=None, value_only=False):
    """logit = sum of weights * features; returns the network and its weights, in the shape of the features."""
    rng = np.random.default_rng(seed)
    weights = (rng.standard_normal(shape) / np.sqrt(np.prod(shape))).astype(np.float32)
    if value_only:
        weights[..., 1] = 0
    inputs = keras.Input(shape)
    x = before(inputs) if before else inputs
    model = keras.Model(inputs, layers.Dense(1, name="sum")(layers.Flatten()(x)), name="linear")
    model.get_layer("sum").set_weights([weights.reshape(-1, 1), np.zeros(1)])
    return model, weights


def freeze_to(folder, models, front_end):
    return freeze(
        models,
        front_end,
        folder,
        name="linear",
        version="1",
        window=front_end.seconds,
        hop=front_end.seconds,
        calibration={"scale": SCALE, "offset": OFFSET, "from": "nothing"},
        threshold=0.0,
        threshold_from="nothing",
        unsure=(0.0, 0.0),
    )


@pytest.fixture(scope="module")
def stft(tmp_path_factory):
    """Two linear networks that standardise; their folder, their weights, and the mean of training."""
    folder = tmp_path_factory.mktemp("stft") / "linear"
    mean = np.linspace(-9, -5, 64, dtype=np.float32).reshape(64, 1, 1)
    models, weights = zip(
        *(linear(STFT.shape, seed, before=layers.Normalization(axis=1, mean=mean[:, 0, 0], variance=np.full(64, 4.0)))
          for seed in (1, 2)),
        strict=True,
    )  # fmt: skip
    for model in models:
        for layer in model.layers:
            if isinstance(layer, layers.Normalization):  # as frozen_systems does
                layer.mean, layer.variance = np.asarray(layer.mean), np.asarray(layer.variance)
    freeze_to(folder, models, STFT)
    return folder, weights, mean


@pytest.fixture(scope="module")
def texture(tmp_path_factory):
    folder = tmp_path_factory.mktemp("texture") / "linear"
    model, weights = linear(TEXTURE.shape, 3, value_only=True)
    freeze_to(folder, [model], TEXTURE)
    return folder, weights


def asked(folder, waveforms):
    scores = [load_detector(folder).score_windows(y)[0] for y in waveforms]
    return detector_gradients(folder, waveforms, scores), scores


def test_a_map_is_weight_times_distance_in_cells(stft, make_speech):
    folder, weights, mean = stft
    waveforms = [make_speech(1.0, SR, seed=seed) for seed in (0, 1)]
    found, scores = asked(folder, waveforms)
    for y, gradients, score in zip(waveforms, found, scores, strict=True):
        parts = SCALE * np.mean(weights, axis=0) * (STFT(y) - mean) / 2
        pairs = parts.reshape(32, 2, 50).sum(axis=1)
        expected = np.zeros((32, 32))
        for frame in range(50):
            expected[:, int((frame + 0.5) / 50 * 32)] += pairs[:, frame]
        np.testing.assert_allclose(gradients.values, expected, atol=2e-4)
        assert gradients.values.dtype == np.float32
        assert gradients.names == () and gradients.features == "LogSTFT"
        assert gradients.baseline == pytest.approx(OFFSET, abs=1e-4)  # all features at their mean
        assert gradients.baseline + gradients.values.sum() == pytest.approx(score, abs=2e-3)
        assert gradients.gap < 1e-3


def test_a_short_segment_counts_its_repetitions_where_they_came_from(stft, make_speech):
    folder, weights, mean = stft
    y = make_speech(1.0, SR)[:8000]
    ((gradients,), (score,)) = asked(folder, [y])
    assert gradients.values.shape == (32, 25)  # half of 50 frames
    parts = (SCALE * np.mean(weights, axis=0) * (STFT(y) - mean) / 2).sum(axis=(0, 2))
    time = (np.arange(50) + 0.5) / 50
    expected = [parts[(time % 0.5 // (0.5 / 25)).astype(int) == k].sum() for k in range(25)]
    np.testing.assert_allclose(gradients.values.sum(axis=0), expected, atol=2e-4)
    assert gradients.baseline + gradients.values.sum() == pytest.approx(score, abs=2e-3)


def test_measures_are_added_up_by_statistic_and_frequency(texture, make_speech):
    folder, weights = texture
    y = make_speech(2.5, SR)
    ((gradients,), (score,)) = asked(folder, [y])
    parts = SCALE * weights[:, 0] * TEXTURE(y)[:, 0]
    expected = {statistic: np.zeros(8) for statistic, _, _ in measure_names(TEXTURE)}
    for part, (statistic, _, _), bands in zip(parts, measure_names(TEXTURE), NEEDS, strict=True):
        covered = range(min(bands), max(bands) + 1)
        for band in covered:
            expected[statistic][band // 4] += part / len(covered)
    assert gradients.names == tuple(expected)
    np.testing.assert_allclose(gradients.values, np.stack(list(expected.values())), atol=1e-3)
    assert gradients.baseline == pytest.approx(OFFSET)
    assert gradients.baseline + gradients.values.sum() == pytest.approx(score, abs=2e-3)


def test_the_shipped_detector_starts_from_the_mean_of_training(make_speech):
    detector = load_detector()
    folder = Path(module.__file__).parent / "weights"
    y = make_speech(2.5, SR)
    ((gradients,), (score,)) = asked(folder, [y])
    assert gradients.gap < 1e-3 and gradients.baseline + gradients.values.sum() == pytest.approx(score, abs=1e-2)
    model = keras.models.load_model(folder / "texture-1.keras", safe_mode=True)
    (standardise,) = [layer for layer in model.layers if layer.weights and not layer.trainable]
    average = np.stack([np.asarray(standardise.moving_mean), np.ones(len(NEEDS))], axis=1)[None]
    raw = np.mean(
        [
            keras.models.load_model(folder / f"texture-{k}.keras", safe_mode=True).predict_on_batch(average)
            for k in (1, 2, 3)
        ]
    )
    assert gradients.baseline == pytest.approx(detector._scale * raw + detector._offset, abs=1e-3)


# Where there are none


@pytest.fixture
def copied(stft, tmp_path):
    return shutil.copytree(stft[0], tmp_path / "copy")


def reason(folder, waveforms):
    with pytest.raises(FakeOrRealError) as error:
        asked(folder, waveforms)
    return str(error.value)


def test_without_keras_networks(copied, make_speech):
    (copied / "linear-2.keras").unlink()
    assert reason(copied, [make_speech(1.0, SR)]).startswith("The detector comes without its Keras networks")


def zipped(name, text):
    with io.BytesIO() as data:
        with zipfile.ZipFile(data, "w") as archive:
            archive.writestr(name, text)
        return data.getvalue()


NO_NETWORKS = (b"PK no network", zipped("a.txt", ""), zipped("config.json", "{}"), zipped("config.json", "[" * 100_000))


@pytest.mark.parametrize("content", NO_NETWORKS)
def test_a_network_that_cannot_be_read(copied, make_speech, content):
    (copied / "linear-2.keras").write_bytes(content)
    assert reason(copied, [make_speech(1.0, SR)]) == "The Keras networks of the detector cannot be read."


def rewritten(path, change):
    """Rewrite a member of a Keras file; ``change`` takes and gives a dict of bytes by name."""
    with zipfile.ZipFile(path) as archive:
        members = change({name: archive.read(name) for name in archive.namelist()})
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


HOSTILE = {
    "unpacks to more than 256 MB": lambda members: members | {"config.json": bytes(2**28)},
    "holds another file": lambda members: members | {"../a.py": b""},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_network_is_not_built(copied, make_speech, monkeypatch, name):
    rewritten(copied / "linear-1.keras", lambda members: members)  # what is rewritten is read
    assert asked(copied, [make_speech(1.0, SR)])
    rewritten(copied / "linear-1.keras", HOSTILE[name])
    monkeypatch.setattr("keras.models.load_model", lambda *a, **b: pytest.fail("built"))
    assert reason(copied, [make_speech(1.0, SR)]) == "The Keras networks of the detector cannot be read."


def states(**changes):
    """Changes of the configuration of the dense layer, in ``config.json``."""

    def change(members):
        config = json.loads(members["config.json"])
        (dense,) = [layer for layer in config["config"]["layers"] if layer["class_name"] == "Dense"]
        dense["config"] |= changes
        return members | {"config.json": json.dumps(config).encode()}

    return change


def enlarged(path):
    """A network that makes a terabyte of a spectrogram, a model within a model."""
    inputs = keras.Input(STFT.shape)
    large = keras.Model(inputs, layers.GlobalAveragePooling2D()(layers.UpSampling2D(2**14)(inputs)))
    keras.Model(inputs, layers.Dense(1)(large(inputs))).save(path)


@pytest.mark.parametrize("units", [2**20, 2**40, 2**80])
def test_weights_that_are_not_in_the_file_are_not_made(copied, make_speech, units):
    rewritten(copied / "linear-1.keras", states(units=1))  # what is rewritten is read
    assert asked(copied, [make_speech(1.0, SR)])
    rewritten(copied / "linear-1.keras", states(units=units))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert reason(copied, [make_speech(1.0, SR)]) == "The Keras networks of the detector cannot be read."
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**18  # kB
    assert keras.Layer.add_weight.__name__ == "add_weight"


def test_a_network_that_gives_a_terabyte_is_not_run(copied, make_speech):
    enlarged(copied / "linear-1.keras")
    assert reason(copied, [make_speech(1.0, SR)]) == "The Keras networks of the detector cannot be read."


def test_a_network_that_is_a_program_is_not_run(copied, make_speech):
    inputs = keras.Input(STFT.shape)
    program = layers.Lambda(lambda x: 2.0 * x, output_shape=STFT.shape)
    keras.Model(inputs, layers.Dense(1)(layers.Flatten()(program(inputs)))).save(copied / "linear-1.keras")
    assert reason(copied, [make_speech(1.0, SR)]) == "The Keras networks of the detector cannot be read."


def test_networks_that_are_not_the_frozen_ones(copied, make_speech):
    shutil.copy(copied / "linear-1.keras", copied / "linear-2.keras")
    assert reason(copied, [make_speech(1.0, SR)]) == "The Keras networks beside the frozen ones give other scores."


@pytest.mark.parametrize("name", ["keras", "tensorflow"])
def test_without_tensorflow(stft, make_speech, monkeypatch, name):
    monkeypatch.setitem(sys.modules, name, None)
    assert reason(stft[0], [make_speech(1.0, SR)]) == "Gradients need TensorFlow, which is not installed."


def test_features_without_a_place(tmp_path, make_speech):
    front_end = Waveform(seconds=1.0)
    freeze_to(tmp_path / "linear", [linear(front_end.shape, 4)[0]], front_end)
    assert reason(tmp_path / "linear", [make_speech(1.0, SR)]) == (
        "Features of Waveform have no place in time and frequency."
    )
