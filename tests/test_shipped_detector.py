"""The detector that comes with the package: it loads, is small, and its networks are those of the model card."""

import json
from pathlib import Path

import numpy as np
import pytest

import fakeorreal
from fakeorreal.features import build_front_end

WEIGHTS = Path(fakeorreal.__file__).parent / "weights"


@pytest.fixture(scope="module")
def detector():
    return fakeorreal.load_detector()


def test_weights_are_small():
    assert sum(path.stat().st_size for path in WEIGHTS.iterdir()) < 20e6


def test_the_model_card_and_the_scores_are_of_these_weights(detector):
    assert f"Weight hash `{detector.hash}`" in (WEIGHTS / "MODEL_CARD.md").read_text()
    for table in ("summary", "families", "sources", "speed"):
        assert detector.hash in (WEIGHTS.parents[1] / "results" / f"detector_{table}.md").read_text()


def test_onnx_gives_the_scores_of_keras(detector, make_speech):
    import keras

    settings = json.loads((WEIGHTS / "detector.json").read_text())
    front_end = build_front_end(settings["front_end"])
    clips = [make_speech(2.5, 16000, f0=f0) for f0 in (110, 150, 210)] + [make_speech(0.7, 16000)]
    features = np.stack([front_end(y) for y in clips])
    paths = [(WEIGHTS / member["file"]).with_suffix(".keras") for member in settings["members"]]
    logits = [keras.models.load_model(path, safe_mode=True).predict_on_batch(features)[:, 0] for path in paths]
    calibration = settings["calibration"]
    expected = calibration["scale"] * np.mean(logits, axis=0) + calibration["offset"]
    scores = [detector.score_windows(y)[0] for y in clips]
    np.testing.assert_allclose(scores, expected, atol=1e-4)


def test_our_own_fakes_are_not_called_real(detector, make_speech):
    """A buzz without breath, jitter or movement is as synthetic as sound can be."""
    assert detector.predict(make_speech(5.0, 16000), 16000).verdict == "fake"
