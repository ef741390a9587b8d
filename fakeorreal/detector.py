"""A frozen detector: a file or an array in, a verdict out. ONNX Runtime instead of TensorFlow, in constant memory."""

import hashlib
import itertools
import math
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from fakeorreal import audio, speech
from fakeorreal.audio import SAMPLE_RATE
from fakeorreal.errors import FakeOrRealError
from fakeorreal.frozen_network import load_network, read_settings
from fakeorreal.streams import open_stream, stream_array

SHORTEST = 0.5  # seconds of audio that a verdict needs
_MOST_WINDOWS = 64  # that hear one sample: each takes milliseconds
_LEAST_REST = 0.25  # seconds after the last full window that earn one more
_LEAST_SPEECH = 0.2  # seconds of speech that make a window count
_NOTHING = -110.0  # dBFS between 200 and 3,800 Hz; zeros, an offset, and what rounding makes of them
_HEARD = 5  # frames of 20 ms that must hold more: the step at the beginning of an offset does for one or two
_BATCH = 8  # windows per run: more brings no speed and takes memory


@dataclass(frozen=True)
class Prediction:
    """What a detector says of one recording; times in seconds, scores as natural-log likelihood ratios of fake.

    Attributes:
        file: path as given, None for an array.
        seconds: length of the recording.
        verdict: ``real``, ``fake``, or ``unsure`` where the score lies inside ``unsure_band``.
        probability_fake: the score as a probability, as if real and fake were equally likely beforehand.
        score: mean over the windows that hold speech; higher = fake.
        threshold: score from which on a window or recording counts as fake.
        threshold_from: the data it was chosen on.
        unsure_band: (low, high) scores.
        fake_share: share of windows at or above the threshold.
        regions: (start, end) of windows at or above the threshold, neighbours merged.
        windows: (start, end, score).
        warnings: sentences that make the verdict less certain.
        sample_rate: of the recording, Hz.
        channels: of the recording.
        detector, detector_version, weight_hash: who says it.
    """

    file: str | None
    seconds: float
    verdict: str
    probability_fake: float
    score: float
    threshold: float
    threshold_from: str
    unsure_band: tuple
    fake_share: float
    regions: tuple
    windows: tuple
    warnings: tuple
    sample_rate: int
    channels: int
    detector: str
    detector_version: str
    weight_hash: str

    def to_dict(self):
        """As plain values that JSON can hold."""
        return asdict(self)


class Detector:
    """A front end, one or more networks, and the calibration of their mean; made by `load_detector`.

    Any number of threads may call ``predict`` at a time; each call computes in its own thread.

    Attributes:
        name, version: as frozen.
        hash: first 12 hexadecimal digits of the SHA-256 over the hashes of the networks.
        threshold, threshold_from, unsure: as in `Prediction`.
    """

    def __init__(self, settings, front_end, networks):
        self.name, self.version = settings["name"], settings["version"]
        self.threshold, self.threshold_from = settings["threshold"], settings["threshold_from"]
        self.unsure = tuple(settings["unsure"])
        self.hash = hashlib.sha256("".join(m["sha256"] for m in settings["members"]).encode()).hexdigest()[:12]
        self._front_end, self._networks = front_end, networks
        self._scale, self._offset = settings["calibration"]["scale"], settings["calibration"]["offset"]
        self._window, self._hop = (round(settings[key] * SAMPLE_RATE) for key in ("window", "hop"))

    def predict(self, source, sr=None):
        """Judge a recording of half a second to many hours.

        Args:
            source: path of an audio file, or floating-point array in [-1, 1] of shape (n,) or (n, channels).
            sr: rate of an array in Hz; a file states its own.

        Returns:
            Prediction.

        Raises:
            FakeOrRealError: what cannot be read to its end, is shorter than 0.5 s, silent or not finite.
        """
        is_file = isinstance(source, str | os.PathLike)
        stream = open_stream(source) if is_file else stream_array(source, sr=sr)
        clipping, content = speech.Clipping(), speech.Content()
        mono = map(audio.to_mono, clipping.watch(stream))
        y = content.watch(audio.resampled(mono, sr_from=stream.rate, sr_to=SAMPLE_RATE))
        windows = list(self._scored(y))

        if stream.seconds < SHORTEST - 1e-3:  # half a second, cut to whole samples
            raise FakeOrRealError(
                f"{stream.name}: lasts {stream.seconds:.3f} s. A verdict needs {SHORTEST} s or more: use a longer one."
            )
        if np.sort(content.levels)[-_HEARD:].min() < _NOTHING:
            raise FakeOrRealError(f"{stream.name}: is silent, so there is nothing to judge. Record it again.")
        if not all(math.isfinite(score) for *_, score in windows):
            raise FakeOrRealError(f"{stream.name}: gives scores that are not finite numbers. Listen to it.")

        spoken, warnings = content.speech, speech.warnings(clipping, content)
        voiced = [score for first, end, score in windows if _seconds_spoken(spoken, first, end) >= _LEAST_SPEECH]
        if not voiced:
            voiced = [score for *_, score in windows]
            warnings += ("No part holds speech: the score is the mean over all of it.",)
        score = math.fsum(voiced) / len(voiced)
        timed = [(first / SAMPLE_RATE, end / SAMPLE_RATE, score) for first, end, score in windows]
        suspicious = [(start, end) for start, end, score in timed if score >= self.threshold]
        return Prediction(
            file=os.fspath(source) if is_file else None,
            seconds=stream.seconds,
            verdict=self._verdict(score),
            probability_fake=(1 + math.tanh(score / 2)) / 2,
            score=score,
            threshold=self.threshold,
            threshold_from=self.threshold_from,
            unsure_band=self.unsure,
            fake_share=len(suspicious) / len(windows),
            regions=tuple(_merged(suspicious)),
            windows=tuple(timed),
            warnings=warnings,
            sample_rate=stream.rate,
            channels=stream.channels,
            detector=self.name,
            detector_version=self.version,
            weight_hash=self.hash,
        )

    def score_windows(self, y):
        """Calibrated scores of the windows of a waveform.

        Windows begin every ``hop`` seconds; the last ends with the waveform, unless less than 0.25 s remains.

        Args:
            y: float32 at 16 kHz, shape (n,), n > 0.

        Returns:
            float64, shape (windows,).
        """
        return np.array([score for *_, score in self._scored([np.asarray(y, np.float32)])])

    def _scored(self, blocks):
        """Yields (first sample, end sample, score) of each window of 16-kHz blocks."""
        least = round(_LEAST_REST * SAMPLE_RATE)
        windows = audio.windows(blocks, length=self._window, hop=self._hop, least=least)
        while batch := list(itertools.islice(windows, _BATCH)):
            features = np.stack([self._front_end(y) for *_, y in batch])
            raw = np.mean([network(features) for network in self._networks], axis=0, dtype=float)[:, 0]
            for (first, end, _), score in zip(batch, self._scale * raw + self._offset, strict=True):
                yield first, end, float(score)

    def _verdict(self, score):
        low, high = self.unsure
        if low < score < high:
            return "unsure"
        return "fake" if score >= self.threshold else "real"


def load_detector(folder=None):
    """Load a frozen detector.

    Args:
        folder: as written by ``fakeorreal.freeze``; None for the one that comes with the package.

    Returns:
        Detector.

    Raises:
        FakeOrRealError: no detector there, a malformed ``detector.json``, or networks that are not the frozen ones.
    """
    folder = Path(__file__).parent / "weights" if folder is None else Path(folder)
    path = folder / "detector.json"
    if not path.is_file():
        raise FakeOrRealError(f"{folder}: holds no detector.json. Name a folder that fakeorreal.freeze has written.")
    settings, front_end = read_settings(path, check_settings)
    networks = [load_network(folder, member, front_end.shape, gives=(1,)) for member in settings["members"]]
    return Detector(settings, front_end, networks)


def check_settings(settings):
    """Check what ``detector.json`` says.

    Raises:
        FakeOrRealError: a value breaks a rule.
        KeyError, TypeError, AttributeError: a value is missing or of the wrong kind.
    """
    low, high = settings["unsure"]
    window, hop, threshold = settings["window"], settings["hop"], settings["threshold"]
    scale, offset = settings["calibration"]["scale"], settings["calibration"]["offset"]
    front_end = settings["front_end"]
    texts = [settings[key] for key in ("name", "version", "threshold_from")]
    files = [member["file"] for member in settings["members"]]
    rules = (
        (all(isinstance(text, str) for text in texts), "`name`, `version` and `threshold_from` must be text", texts),
        (settings["sr"] == SAMPLE_RATE, f"`sr` must be {SAMPLE_RATE}", settings["sr"]),
        (window == front_end["seconds"], f"`window` must be {front_end['seconds']}, as of the front end", window),
        (window / _MOST_WINDOWS <= hop <= window, f"`hop` must be from {window / _MOST_WINDOWS} to {window}", hop),
        (0 < scale < math.inf, "`scale` must be positive and finite", scale),
        (math.isfinite(offset), "`offset` must be finite", offset),
        (-math.inf < low <= threshold <= high < math.inf, f"`unsure` must hold {threshold}", [low, high]),
        (files and all(Path(file).name == file for file in files), "`members` must name files beside it", files),
    )
    for kept, rule, received in rules:
        if not kept:
            raise FakeOrRealError(f"{rule}. Received: {received}.")


def _seconds_spoken(spoken, first, end):
    return spoken[first // speech.FRAME : -(-end // speech.FRAME)].sum() * speech.FRAME / SAMPLE_RATE


def _merged(spans):
    """Spans in order, those that touch or overlap made one."""
    merged = []
    for start, end in spans:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    return merged
