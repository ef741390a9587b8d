"""A recording looked at closely: probability per second, clip scores, and the segments that triggered a detector most.

For each of those: what hiding its parts does to the score (occlusion, for any detector), and what the score is made of
(integrated gradients, where the detector's Keras networks and TensorFlow are at hand). Memory does not grow with the
length of the recording: it is judged in one pass, and its top segments are cut out in a second one.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fakeorreal import audio, streams
from fakeorreal.audio import SAMPLE_RATE
from fakeorreal.detector import Prediction, load_detector
from fakeorreal.detector_gradients import Gradients, detector_gradients
from fakeorreal.errors import FakeOrRealError
from fakeorreal.occlusion import occlusion_map
from fakeorreal.wording import probability_at

MOST = 20  # segments: each takes a second of work or more, and a place on the page


@dataclass(frozen=True, eq=False)
class Segment:
    """A stretch that a detector scored.

    Attributes:
        start, end: seconds.
        score: as in `detector.Prediction`.
        samples: float32 at 16 kHz, shape (n,): what the detector heard.
        occlusion: score lost by hiding a patch, shape (bands, columns), as by `occlusion.occlusion_map`.
        gradients: `detector_gradients.Gradients`, or None.
    """

    start: float
    end: float
    score: float
    samples: np.ndarray
    occlusion: np.ndarray
    gradients: Gradients | None

    @property
    def probability(self):
        """Of fake, as if real and fake were equally likely beforehand."""
        return probability_at(self.score, 1 / 2)


@dataclass(frozen=True, eq=False)
class Analysis:
    """What `analyze` finds; shown by Jupyter as pictures and players.

    Attributes:
        prediction: the `detector.Prediction`, with its verdict.
        per_second: (start, end, probability of fake) of each second that was judged; no finer than the windows.
        clip_scores: by name; see `clip_scores`.
        segments: `Segment`, the highest score first; they do not overlap.
        without_gradients: a sentence on why the segments have none, else "".
    """

    prediction: Prediction
    per_second: tuple
    clip_scores: dict
    segments: tuple
    without_gradients: str

    def _ipython_display_(self):
        from fakeorreal.analysis_figures import show  # here, for it takes matplotlib along

        show(self)


def analyze(file, detector=None, top=5):
    """Judge a recording and say where the verdict comes from.

    Args:
        file: path of an audio file.
        detector: folder of a frozen detector, such as ``frozen_systems.find_detector("spy_cnn")``; None for the one
            that comes with the package.
        top: how many segments to look at, 1 to 20.

    Returns:
        Analysis.

    Raises:
        FakeOrRealError: another ``top``; a detector that cannot be loaded; a file that cannot be judged.
    """
    if not 1 <= top <= MOST:
        raise FakeOrRealError(f"`top` must be 1 to {MOST} segments. Received: {top}.")
    judge = load_detector(detector)
    prediction = judge.predict(file)
    spans = top_windows(prediction.windows, top)
    waveforms = cut(file, [span[:2] for span in spans])
    try:
        folder = Path(__file__).parent / "weights" if detector is None else detector
        gradients, missing = detector_gradients(folder, waveforms, [score for *_, score in spans]), ""
    except FakeOrRealError as reason:
        gradients, missing = [None] * len(spans), str(reason)
    segments = (
        Segment(*span, y, occlusion_map(lambda y: judge.score_windows(y)[0], y), found)
        for span, y, found in zip(spans, waveforms, gradients, strict=True)
    )
    return Analysis(prediction, per_second(prediction.windows), clip_scores(prediction), tuple(segments), missing)


def top_windows(windows, n):
    """The ``n`` windows (start, end, score) of highest score, highest first; none overlaps one that scores higher."""
    chosen = []
    for window in sorted(windows, key=lambda window: -window[2]):
        if len(chosen) < n and all(window[1] <= start or end <= window[0] for start, end, _ in chosen):
            chosen.append(window)
    return chosen


def per_second(windows):
    """Mean probability of fake of the windows in each second, weighted by how long they are in it.

    Args:
        windows: (start, end, score), in seconds.

    Returns:
        tuple of (start, end, probability); what follows the last window is in none.
    """
    total, weight = np.zeros(math.ceil(windows[-1][1])), np.zeros(math.ceil(windows[-1][1]))
    for start, end, score in windows:
        for second in range(math.floor(start), math.ceil(end)):
            inside = min(end, second + 1) - max(start, second)
            total[second] += inside * probability_at(score, 1 / 2)
            weight[second] += inside
    ends = [min(second + 1.0, windows[-1][1]) for second in range(len(total))]
    return tuple((float(k), end, float(p)) for k, (end, p) in enumerate(zip(ends, total / weight, strict=True)))


def clip_scores(prediction):
    """One number for the whole recording, in five ways.

    Args:
        prediction: a `detector.Prediction`.

    Returns:
        dict: ``rms``, the root of the mean squared probability of the windows, as published; ``mean`` and ``maximum``
        of their probabilities; ``score``, the mean score of the windows that hold speech, on which the verdict rests;
        ``share``, of windows at or above the threshold.

    Source: audio-deepfake-detection of jimmybanta, ``analyze.ipynb`` (RMS over segments of 1 s).
    """
    probabilities = np.array([probability_at(score, 1 / 2) for *_, score in prediction.windows])
    return {
        "rms": float(np.sqrt(np.mean(probabilities**2))),
        "mean": float(probabilities.mean()),
        "maximum": float(probabilities.max()),
        "score": prediction.score,
        "share": prediction.fake_share,
    }


def cut(file, spans):
    """Stretches of a file, without holding the rest of it.

    Args:
        file: path.
        spans: (start, end) in seconds.

    Returns:
        list of float32 waveforms at 16 kHz.

    Raises:
        FakeOrRealError: a file that cannot be read, or ends before a span does.
    """
    stream = streams.open_stream(file)
    mono = map(audio.to_mono, stream)
    samples = [(round(start * SAMPLE_RATE), round(end * SAMPLE_RATE)) for start, end in spans]
    found = [np.zeros(end - first, np.float32) for first, end in samples]
    position = 0
    for block in audio.resampled(mono, sr_from=stream.rate, sr_to=SAMPLE_RATE):
        for (first, end), y in zip(samples, found, strict=True):
            low, high = max(first, position), min(end, position + len(block))
            if low < high:
                y[low - first : high - first] = block[low - position : high - position]
        position += len(block)
    if samples and position < max(end for _, end in samples):
        raise FakeOrRealError(f"{file}: has become shorter while it was analysed. Analyse it again.")
    return found
