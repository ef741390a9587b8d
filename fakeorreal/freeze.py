"""Freeze trained networks to a detector: a folder of ``.keras`` and ONNX files that runs without TensorFlow."""

import hashlib
import json
from pathlib import Path

import numpy as np

from fakeorreal.detector import check_settings, load_detector
from fakeorreal.errors import FakeOrRealError
from fakeorreal.files import drafted_folder

TOLERANCE = 1e-4
"""Largest difference between the score from Keras and from ONNX Runtime, in logits."""


def freeze(models, front_end, folder, *, name, version, window, hop, calibration, threshold, threshold_from, unsure):
    """Write a detector's folder, whole or not at all.

    The networks are saved as ``<name>-1.keras``, ``<name>-1.onnx`` and so on. Before the folder appears, what was
    written is loaded again and ONNX Runtime has to give the scores of Keras.

    Args:
        models: Keras models, ``(batch, *front_end.shape)`` → ``(batch, 1)`` logits of fake.
        front_end: of `fakeorreal.features`, with ``seconds`` equal to ``window``.
        folder: to be written; must not exist yet, or be empty.
        name, version: of the detector.
        window: seconds a score is computed from.
        hop: seconds between windows.
        calibration: ``scale``, ``offset`` and ``from``: score = scale * mean logit + offset.
        threshold: calibrated score from which on is fake.
        threshold_from: the data it was chosen on.
        unsure: (low, high) calibrated scores between which the verdict is open.

    Returns:
        Detector, loaded from the folder.

    Raises:
        FakeOrRealError: the folder holds files, a setting is wrong, or ONNX does not give the scores of Keras.
    """
    folder = Path(folder)
    check_free(folder)
    for model in models:
        if (model.input_shape[1:], model.output_shape[1:]) != (tuple(front_end.shape), (1,)):
            raise FakeOrRealError(
                f"a network must take {tuple(front_end.shape)} and give (1,). "
                f"Received: {model.name} from {model.input_shape[1:]} to {model.output_shape[1:]}."
            )
    settings = {
        "name": name,
        "version": version,
        "sr": front_end.sr,
        "window": window,
        "hop": hop,
        "front_end": front_end.config(),
        "members": [{"file": f"{name}-{k}.onnx"} for k, _ in enumerate(models, 1)],
        "calibration": calibration,
        "threshold": threshold,
        "threshold_from": threshold_from,
        "unsure": list(unsure),
    }
    check_settings(settings)
    with drafted_folder(folder) as draft:
        for model, member in zip(models, settings["members"], strict=True):
            member["sha256"] = save_network(model, front_end, draft / member["file"])
        (draft / "detector.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
        _compare(load_detector(draft), draft, front_end, settings)
    return load_detector(folder)


def check_free(folder):
    """Raises FakeOrRealError where a folder holds files."""
    if Path(folder).is_dir() and any(Path(folder).iterdir()):
        raise FakeOrRealError(f"{folder}: holds files already. Delete it or name another folder.")


def save_network(model, front_end, onnx):
    """Write a network as ONNX and, beside it, as ``.keras``; returns the SHA-256 of the former."""
    import keras

    bare = keras.models.clone_model(model)  # without the state of the optimizer, twice as large as the weights
    bare.set_weights(model.get_weights())
    bare.save(onnx.with_suffix(".keras"))
    signature = [keras.InputSpec(shape=(None, *front_end.shape), dtype="float32", name="x")]
    model.export(str(onnx), format="onnx", input_signature=signature, verbose=False)
    return hashlib.sha256(onnx.read_bytes()).hexdigest()


def _compare(detector, folder, front_end, settings):
    """Check that the frozen detector scores noise as the saved Keras models do."""
    import keras

    length, step = (round(settings[key] * front_end.sr) for key in ("window", "hop"))
    starts = step * np.arange(4)
    y = np.random.default_rng(0).standard_normal(starts[-1] + length).astype(np.float32)
    y *= np.geomspace(1e-3, 0.3, len(y), dtype=np.float32)
    features = np.stack([front_end(y[start : start + length]) for start in starts])
    files = [(folder / member["file"]).with_suffix(".keras") for member in settings["members"]]
    models = [keras.models.load_model(file, safe_mode=True) for file in files]
    logits = np.mean([model.predict_on_batch(features) for model in models], axis=0)[:, 0]
    scale, offset = settings["calibration"]["scale"], settings["calibration"]["offset"]
    difference = np.abs(detector.score_windows(y) - (scale * logits + offset)).max() / scale
    if not difference <= TOLERANCE:
        raise FakeOrRealError(
            f"{settings['name']}: ONNX Runtime and Keras differ by {difference:.1g} logits, more than {TOLERANCE}. "
            "Nothing was frozen; look for an operator that ONNX lacks."
        )
