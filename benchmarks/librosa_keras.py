"""The work of ``fakeorreal predict FOLDER`` in the usual way: librosa.load, then Keras, one file after the other.

    python benchmarks/librosa_keras.py FOLDER DETECTOR

Networks (the ``.keras`` files of the detector), front end, windows and calibration are those of the detector. What else
``predict`` does (speech, clipping, bandwidth, music, hashes of the files) is left out.
"""

import json
import sys
from pathlib import Path

import keras
import librosa
import numpy as np

from fakeorreal import audio
from fakeorreal.features import build_front_end
from fakeorreal.predict import find_audio


def score_folder(folder, detector):
    """Yields (file, score) of every recording in a folder; ``detector`` is the folder of a frozen one."""
    detector = Path(detector)
    settings = json.loads((detector / "detector.json").read_text())
    front_end = build_front_end(settings["front_end"])
    files = [(detector / member["file"]).with_suffix(".keras") for member in settings["members"]]
    networks = [keras.models.load_model(file, safe_mode=True) for file in files]
    length, hop = (round(settings[key] * settings["sr"]) for key in ("window", "hop"))
    scale, offset = settings["calibration"]["scale"], settings["calibration"]["offset"]
    for file in find_audio([folder]):
        y, _ = librosa.load(file, sr=settings["sr"])
        windows = audio.windows([y], length=length, hop=hop, least=settings["sr"] // 4)
        features = np.stack([front_end(window) for *_, window in windows])
        logits = np.mean([network.predict_on_batch(features) for network in networks])
        yield file, scale * logits + offset


if __name__ == "__main__":
    for file, score in score_folder(*sys.argv[1:]):
        print(f"{file},{score:.4f}")
