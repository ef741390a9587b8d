"""A detector that says what the file's name says: quick, and every score can be asked for."""

import math
import threading
from pathlib import Path

from fakeorreal.detector import Prediction
from fakeorreal.errors import FakeOrRealError


def make_prediction(file="a.wav", score=1.5, **changes):
    """A prediction of 6 s in three windows, one of which reaches the threshold unless all do."""
    scores = (score, score - 2, score - 4)
    windows = tuple((2.0 * k, 2.0 * k + 2, value) for k, value in enumerate(scores))
    regions = tuple((start, end) for start, end, value in windows if value >= 0.5)
    facts = {
        "file": file,
        "seconds": 6.0,
        "verdict": "unsure" if -1 < score < 1 else "fake" if score > 0.5 else "real",
        "probability_fake": 1 / (1 + math.exp(-score)),
        "score": score,
        "threshold": 0.5,
        "threshold_from": "the EER on the validation split of a corpus",
        "unsure_band": (-1.0, 1.0),
        "fake_share": len(regions) / 3,
        "regions": regions,
        "windows": windows,
        "warnings": (),
        "sample_rate": 44100,
        "channels": 2,
        "detector": "double",
        "detector_version": "0.1",
        "weight_hash": "0123456789ab",
    }
    return Prediction(**facts | changes)


class DetectorDouble:
    """``somewhere/a_1.5.wav`` scores 1.5; what has no score in its name is broken.

    Attributes:
        asked: names of the files that were scored, in the order in which that began.
        before: called with the file name before a file is scored.
    """

    name, version, hash = "double", "0.1", "0123456789ab"
    threshold, threshold_from, unsure = 0.5, "the EER on the validation split of a corpus", (-1.0, 1.0)

    def __init__(self, before=lambda name: None):
        self.asked, self.before, self._lock = [], before, threading.Lock()

    def predict(self, source):
        path = Path(source)
        with self._lock:
            self.asked.append(path.name)
        self.before(path.name)
        if not path.is_file():
            raise FakeOrRealError(f"{path}: no such file. Check the path.")
        try:
            score = float(path.stem.rpartition("_")[2])
        except ValueError as error:
            raise FakeOrRealError(f"{path}: cannot be decoded. Convert it to WAV.") from error
        return make_prediction(str(path), score, weight_hash=self.hash)
