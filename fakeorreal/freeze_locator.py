"""Freeze a trained localiser to a folder of a ``.keras`` and an ONNX file that runs without TensorFlow."""

import json
from pathlib import Path

import numpy as np

from fakeorreal.audio import SAMPLE_RATE
from fakeorreal.errors import FakeOrRealError
from fakeorreal.files import drafted_folder
from fakeorreal.freeze import TOLERANCE, check_free, save_network
from fakeorreal.locator import FRAME, check_settings, load_locator


def freeze_locator(model, front_end, folder, *, name, version, calibration, threshold, threshold_from, regions):
    """Write a localiser's folder, whole or not at all.

    Before the folder appears, what was written is loaded again and ONNX Runtime has to give the scores of Keras.

    Args:
        model: Keras model, ``(batch, *front_end.shape)`` → logits of fake, first those of every 20 ms.
        front_end: of `fakeorreal.features`, with ``seconds``.
        folder: to be written; must not exist yet, or be empty.
        name, version: of the localiser.
        calibration: ``scale``, ``offset`` and ``from``: score = scale * logit + offset.
        threshold: calibrated score from which on a frame is fake.
        threshold_from: the data it was chosen on.
        regions: ``median``, ``least`` and ``gap`` of `frame_regions.regions_of`.

    Returns:
        Locator, loaded from the folder.

    Raises:
        FakeOrRealError: the folder holds files, a setting is wrong, or ONNX does not give the scores of Keras.
    """
    folder = Path(folder)
    check_free(folder)
    settings = {
        "name": name,
        "version": version,
        "sr": front_end.sr,
        "front_end": front_end.config(),
        "member": {"file": f"{name}.onnx"},
        "calibration": calibration,
        "threshold": threshold,
        "threshold_from": threshold_from,
        "regions": regions,
    }
    check_settings(settings)
    with drafted_folder(folder) as draft:
        settings["member"]["sha256"] = save_network(model, front_end, draft / f"{name}.onnx")
        (draft / "locator.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
        _compare(load_locator(draft), draft / f"{name}.keras", front_end, calibration)
    return load_locator(folder)


def _compare(locator, path, front_end, calibration):
    """Check that the frozen localiser scores noise as the saved Keras model does."""
    import keras

    n = round(front_end.seconds * SAMPLE_RATE)
    y = np.random.default_rng(0).standard_normal(n).astype(np.float32) * np.geomspace(1e-3, 0.3, n, dtype=np.float32)
    model = keras.models.load_model(path, safe_mode=True)
    logits = np.asarray(model.predict_on_batch(front_end(y)[None])[0])[0, : n // FRAME]
    difference = np.abs((locator.score_frames([y]) - calibration["offset"]) / calibration["scale"] - logits).max()
    if not difference <= TOLERANCE:
        raise FakeOrRealError(
            f"{locator.name}: ONNX Runtime and Keras differ by {difference:.1g} logits, more than {TOLERANCE}. "
            "Nothing was frozen; look for an operator that ONNX lacks."
        )
