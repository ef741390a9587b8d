"""Train, calibrate and freeze a localiser from a folder in the layout of FakeSound, on a CPU.

Everything is chosen on validation; the test sets are not touched here.
"""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np

from fakeorreal import calibration
from fakeorreal.calling import choose_calling
from fakeorreal.corpora import load_fakesound
from fakeorreal.features import FrameMel, extract
from fakeorreal.frame_regions import overlapped
from fakeorreal.freeze import check_free
from fakeorreal.freeze_locator import freeze_locator
from fakeorreal.frozen_systems import exportable
from fakeorreal.localizer_training import fit_localizer, score_frames

NAME, VERSION = "localizer", "1.0"
EPOCHS = 8
EVERY = 5  # frames: of validation, the calibration takes one in so many, for neighbours say the same


def train_locator(folder, out, *, cache, epochs=EPOCHS, seed=0):
    """Train a localiser on the training clips of a folder, choose on its validation clips, and freeze it.

    Killed at any moment, the next run goes on after the last whole epoch.

    Args:
        folder: FakeSound, or one in its layout such as ``fakeorreal manipulate`` writes.
        out: folder to write, new or empty.
        cache: folder of features and of the state of a training.
        epochs: passes over the training clips.
        seed: of the training.

    Returns:
        (locator, calling): the ``Locator`` and the ``Calling`` that it was frozen with.

    Raises:
        FakeOrRealError: as ``load_fakesound``, ``fit_localizer`` and ``freeze_locator``; an ``out`` that holds
            something.
    """
    check_free(out)
    corpus, regions = load_fakesound(folder)
    training, validation = (
        extract(corpus[corpus["split"] == split].reset_index(drop=True), FrameMel(), cache)
        for split in ("training", "validation")
    )
    what = json.dumps([epochs, seed, regions.to_csv(), training.digest, validation.digest])
    state = Path(cache) / f"localizer-{hashlib.sha256(what.encode()).hexdigest()[:12]}"
    model, _ = fit_localizer({}, training, validation, regions, epochs=epochs, seed=seed, folder=state)
    frames, _ = score_frames(model, validation)
    clips = validation.corpus.set_index("clip")
    calling = choose_calling(frames, regions, clips["end"] - clips["start"])
    locator = _freeze(model, frames, regions, calling, out)
    shutil.rmtree(state)
    return locator, calling


def _freeze(model, frames, regions, calling, folder):
    """Calibrated on frames of validation."""
    labels, scores = _labelled(frames, regions)
    scale, offset = calibration.platt(labels, scores)
    return freeze_locator(
        exportable(model),
        FrameMel(),
        folder,
        name=NAME,
        version=VERSION,
        calibration={"scale": scale, "offset": offset, "from": f"Platt scaling on {len(labels):,} frames"},
        threshold=scale * calling.threshold + offset,
        threshold_from=f"best mean F1 over the harder methods of {len(frames)} validation clips",
        regions={"median": calling.median, "least": calling.least, "gap": calling.gap},
    )


def _labelled(frames, regions):
    """Labels and scores of one in ``EVERY`` frames."""
    labels, scores = [], []
    for clip, of_clip in frames.items():
        spans = regions.loc[regions["clip"] == clip, ["start", "end"]].to_numpy()
        labels.append(overlapped(spans, len(of_clip))[::EVERY])
        scores.append(of_clip[::EVERY])
    return np.concatenate(labels).astype(int), np.concatenate(scores)
