"""The detectors of systems of the study: where they lie in a project, and how a trained network becomes one."""

import math
import shutil
from pathlib import Path

import numpy as np

from fakeorreal import clip_vote
from fakeorreal.detector import load_detector
from fakeorreal.errors import FakeOrRealError
from fakeorreal.project import project_home

NOTEBOOKS = {"spy_cnn": "08", "spy_vit": "08", "wild_cnn": "09"}
"""Systems with a detector, and the notebook that trains and freezes each."""


def detector_folder(name):
    """Where the detector of a system lies in the current project, there or not.

    Raises:
        FakeOrRealError: no notebook freezes a system of that name.
    """
    if name not in NOTEBOOKS:
        raise FakeOrRealError(f"`system` must be one of {', '.join(NOTEBOOKS)}. Received: {name!r}.")
    return project_home() / "data" / "detectors" / name


def find_detector(name):
    """Folder of the detector of a system.

    Raises:
        FakeOrRealError: as `detector_folder`, or it has not been trained here.
    """
    folder = detector_folder(name)
    if not (folder / "detector.json").is_file():
        raise FakeOrRealError(
            f"{folder}: no detector is there yet. Run `fakeorreal study --only {NOTEBOOKS[name]}` in the project's "
            "folder to train it, or give --detector FOLDER."
        )
    return folder


def freeze_system(system, model, validation_scores, folder, *, version):
    """Freeze a trained network of the study to a detector, unless the folder holds that version already.

    Scores become probabilities by Platt scaling with equal priors. One half is the threshold, and the band of
    `clip_vote.UNSURE` is unsure. The clips of a recording lie end to end.

    Args:
        system: a ``System`` of kind ``keras`` whose front end gives clips a length.
        model: its network, ``(batch, *front_end.shape)`` → logits of fake.
        validation_scores: table of the model's scores on validation clips, with ``label`` and ``score``.
        folder: to be written; an older detector in it is replaced.
        version: of the detector, such as the name of the run's folder: the same for the same run alone.

    Returns:
        Detector, loaded from the folder.

    Raises:
        FakeOrRealError: as ``calibration.platt`` and ``freeze``; a folder that holds something else.
    """
    from fakeorreal.calibration import platt
    from fakeorreal.freeze import freeze

    folder = Path(folder)
    if detector := _frozen(folder, system.name, version):
        return detector
    scale, offset = platt(validation_scores["label"], validation_scores["score"])
    if (folder / "detector.json").is_file():
        shutil.rmtree(folder)
    return freeze(
        [exportable(model)],
        system.front_end,
        folder,
        name=system.name,
        version=version,
        window=system.front_end.seconds,
        hop=system.front_end.seconds,
        calibration={
            "scale": scale,
            "offset": offset,
            "from": f"Platt scaling on {len(validation_scores):,} validation clips",
        },
        threshold=0.0,
        threshold_from="even odds",
        unsure=tuple(math.log(percent / (100 - percent)) for percent in clip_vote.UNSURE),
    )


def _frozen(folder, name, version):
    """The detector in a folder, if it is that one and this package reads it."""
    try:
        detector = load_detector(folder)
    except FakeOrRealError:
        return None
    return detector if (detector.name, detector.version) == (name, version) else None


def exportable(model):
    """The model, with the mean and variance of its normalisation as plain arrays: as tensors, ONNX asks for them."""
    import keras

    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.mean, layer.variance = np.asarray(layer.mean), np.asarray(layer.variance)
    return model
