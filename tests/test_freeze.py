import hashlib
import json

import keras
import numpy as np
import pytest

from fakeorreal import freeze as module
from fakeorreal.detector import load_detector
from fakeorreal.errors import FakeOrRealError
from fakeorreal.features import SpectralTexture
from fakeorreal.freeze import freeze

SETTINGS = {
    "name": "tiny",
    "version": "0.1",
    "window": 2.5,
    "hop": 2.5,
    "calibration": {"scale": 2.0, "offset": 0.5, "from": "nothing"},
    "threshold": 0.2,
    "threshold_from": "nothing",
    "unsure": (0.0, 0.4),
}
FRONT_END = SpectralTexture()


@pytest.fixture
def network(tiny_network):
    return tiny_network(FRONT_END.shape, 1)


def test_what_lies_in_the_folder(tiny_detector):
    assert sorted(p.name for p in tiny_detector.iterdir()) == [
        "detector.json",
        "tiny-1.keras",
        "tiny-1.onnx",
        "tiny-2.keras",
        "tiny-2.onnx",
    ]
    assert json.loads((tiny_detector / "detector.json").read_text()) == {
        **SETTINGS,
        "unsure": [0.0, 0.4],
        "sr": 16000,
        "front_end": FRONT_END.config(),
        "members": [
            {"file": name, "sha256": hashlib.sha256((tiny_detector / name).read_bytes()).hexdigest()}
            for name in ("tiny-1.onnx", "tiny-2.onnx")
        ],
    }
    assert [p.name for p in tiny_detector.parent.iterdir()] == ["tiny"]


def test_onnx_scores_as_keras(tiny_detector, make_speech):
    y = make_speech(10.0, 16000)
    features = np.stack([FRONT_END(window) for window in y.reshape(4, 40000)])
    models = [keras.models.load_model(tiny_detector / f"tiny-{k}.keras", safe_mode=True) for k in (1, 2)]
    logits = np.mean([model.predict(features, verbose=0)[:, 0] for model in models], axis=0)
    scores = load_detector(tiny_detector).score_windows(y)
    np.testing.assert_allclose(scores, 2.0 * logits + 0.5, atol=2e-4)
    assert np.ptp(scores) > 1e-3  # else any constant would do


def test_the_detector_is_handed_back(tmp_path, network, capfd):
    detector = freeze([network], FRONT_END, tmp_path / "new" / "folder", **SETTINGS)
    assert (detector.name, detector.version, detector.threshold, detector.unsure) == ("tiny", "0.1", 0.2, (0.0, 0.4))
    assert detector.hash == load_detector(tmp_path / "new" / "folder").hash
    assert capfd.readouterr().out == ""


def test_an_empty_folder_may_be_there(tmp_path, network):
    freeze([network], FRONT_END, tmp_path, **SETTINGS)
    assert (tmp_path / "detector.json").is_file()


def test_nothing_is_overwritten(tmp_path, network):
    (tmp_path / "card.md").write_text("by hand")
    with pytest.raises(FakeOrRealError, match="holds files already"):
        freeze([network], FRONT_END, tmp_path, **SETTINGS)
    assert (tmp_path / "card.md").read_text() == "by hand"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"window": 1.0, "hop": 1.0}, "`window` must be 2.5, as of the front end. Received: 1.0"),
        ({"hop": 3.0}, "`hop` must be from 0.0390625 to 2.5. Received: 3.0"),
        ({"threshold": 1.0}, "`unsure` must hold"),
        ({"threshold": float("nan")}, "`unsure` must hold"),
        ({"calibration": {"scale": -1.0, "offset": 0.0, "from": "nothing"}}, "`scale` must be positive"),
        ({"name": "a/b"}, "`members` must name files"),
    ],
)
def test_a_wrong_setting_leaves_nothing_behind(tmp_path, network, change, message):
    with pytest.raises(FakeOrRealError, match=message):
        freeze([network], FRONT_END, tmp_path / "tiny", **{**SETTINGS, **change})
    assert not list(tmp_path.iterdir())


def test_no_networks(tmp_path):
    with pytest.raises(FakeOrRealError, match=r"`members` must name files.*\[\]"):
        freeze([], FRONT_END, tmp_path / "tiny", **SETTINGS)


def test_what_onnx_computes_differently_is_not_frozen(tmp_path, tiny_network, network, monkeypatch):
    save = module.save_network

    def save_another(model, front_end, onnx):
        sha256 = save(tiny_network(FRONT_END.shape, 2), front_end, onnx)
        model.save(onnx.with_suffix(".keras"))
        return sha256

    monkeypatch.setattr(module, "save_network", save_another)
    with pytest.raises(FakeOrRealError, match="ONNX Runtime and Keras differ by"):
        freeze([network], FRONT_END, tmp_path / "tiny", **SETTINGS)
    assert not list(tmp_path.iterdir())


def test_the_network_has_to_fit(tmp_path, tiny_network):
    with pytest.raises(FakeOrRealError, match=r"from \(10, 2\) to \(1,\)"):
        freeze([tiny_network((10, 2), 1)], FRONT_END, tmp_path / "tiny", **SETTINGS)
    two = keras.Sequential([keras.Input(FRONT_END.shape), keras.layers.Flatten(), keras.layers.Dense(2)])
    with pytest.raises(FakeOrRealError, match=r"to \(2,\)"):
        freeze([two], FRONT_END, tmp_path / "tiny", **SETTINGS)
    assert not list(tmp_path.iterdir())
