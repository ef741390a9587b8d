"""A frozen localiser: a recording of any length in, the stretches of it that were manipulated out.

Windows of ten seconds overlap by half, so that no edge of a window lies at an edge of its judgement: what two windows
say of a frame is blended, the one in whose middle it lies counting more. Runs without TensorFlow.
"""

import math
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fakeorreal import audio
from fakeorreal.audio import SAMPLE_RATE
from fakeorreal.detector import SHORTEST
from fakeorreal.errors import FakeOrRealError
from fakeorreal.frame_regions import HOP, regions_of
from fakeorreal.frozen_network import load_network, read_settings
from fakeorreal.streams import open_stream, stream_array

FRAME = round(HOP * SAMPLE_RATE)
"""Samples of a frame, 20 ms."""

FOLDER = Path(__file__).parent / "weights" / "locator"
"""Of the localiser that comes with the package."""

_FIELDS = ("name", "version", "sr", "front_end", "member", "calibration", "threshold", "threshold_from", "regions")


@dataclass(frozen=True, eq=False)
class Location:
    """What a localiser says of one recording; times in seconds.

    Attributes:
        file: path as given, None for an array.
        seconds: length of the recording.
        regions: (start, end, confidence) of what looks manipulated, half-open and in order; confidence is the mean
            probability of fake of its frames.
        scores: float32, shape (frames,): of each 20 ms, the natural-log likelihood ratio of fake.
        threshold: score from which on a frame counts as fake.
        threshold_from: the data it was chosen on.
        sample_rate: of the recording, Hz.
        channels: of the recording.
        locator, locator_version, weight_hash: who says it.
    """

    file: str | None
    seconds: float
    regions: tuple
    scores: np.ndarray = field(repr=False)
    threshold: float
    threshold_from: str
    sample_rate: int
    channels: int
    locator: str
    locator_version: str
    weight_hash: str

    @property
    def share(self):
        """Of the recording, how much lies in regions: 0 to 1."""
        return math.fsum(end - start for start, end, _ in self.regions) / self.seconds

    def to_dict(self):
        """As plain values that JSON can hold: everything but the scores."""
        values = {name: value for name, value in vars(self).items() if name != "scores"}
        return {**values, "share": self.share}


class Locator:
    """A front end and a network that scores every 20 ms of its window; made by `load_locator`.

    Attributes:
        name, version: as frozen.
        hash: first 12 hexadecimal digits of the SHA-256 of the network.
        threshold, threshold_from: as in `Location`.
        regions: dict, what `frame_regions.regions_of` takes besides scores, threshold and seconds.
    """

    def __init__(self, settings, front_end, network):
        self.name, self.version = settings["name"], settings["version"]
        self.threshold, self.threshold_from = settings["threshold"], settings["threshold_from"]
        self.hash = settings["member"]["sha256"][:12]
        self._front_end, self._network, self.regions = front_end, network, settings["regions"]
        self._scale, self._offset = settings["calibration"]["scale"], settings["calibration"]["offset"]
        self._window = round(front_end.seconds * SAMPLE_RATE)

    def locate(self, source, sr=None):
        """Find the manipulated stretches of a recording of half a second to many hours.

        Args:
            source: path of an audio file, or floating-point array in [-1, 1] of shape (n,) or (n, channels).
            sr: rate of an array in Hz; a file states its own.

        Returns:
            Location.

        Raises:
            FakeOrRealError: what cannot be read to its end, is shorter than 0.5 s or not finite.
        """
        is_file = isinstance(source, str | os.PathLike)
        stream = open_stream(source) if is_file else stream_array(source, sr=sr)
        mono = map(audio.to_mono, stream)
        scores = self.score_frames(audio.resampled(mono, sr_from=stream.rate, sr_to=SAMPLE_RATE))
        if stream.seconds < SHORTEST - 1e-3:
            raise FakeOrRealError(
                f"{stream.name}: lasts {stream.seconds:.3f} s. Locating needs {SHORTEST} s or more: use a longer one."
            )
        if not np.isfinite(scores).all():
            raise FakeOrRealError(f"{stream.name}: gives scores that are not finite numbers. Listen to it.")
        regions = regions_of(scores, self.threshold, seconds=stream.seconds, **self.regions)
        return Location(
            file=os.fspath(source) if is_file else None,
            seconds=stream.seconds,
            regions=tuple(map(tuple, regions)),
            scores=scores,
            threshold=self.threshold,
            threshold_from=self.threshold_from,
            sample_rate=stream.rate,
            channels=stream.channels,
            locator=self.name,
            locator_version=self.version,
            weight_hash=self.hash,
        )

    def score_frames(self, blocks):
        """Calibrated scores of every 20 ms.

        Args:
            blocks: iterable of float32 at 16 kHz, shape (n,).

        Returns:
            float32, shape (frames,); the last frame may reach beyond the end.
        """
        total, weight, frames = np.zeros(0), np.zeros(0), 0
        least = 1  # a window more, be it for a single sample: every frame gets its score
        for first, _, y in audio.windows(blocks, length=self._window, hop=self._window // 2, least=least):
            late = -first % FRAME  # the last window ends with the audio; it begins with a frame, too
            start, logits = (first + late) // FRAME, self._logits(y[late:])
            frames = start + len(logits)
            if frames > len(total):  # doubled, so that hours are not copied with every window
                total, weight = (np.pad(a, (0, max(frames, 2 * len(a)) - len(a))) for a in (total, weight))
            whole = self._window // FRAME
            trust = np.minimum(np.arange(whole) + 0.5, whole - np.arange(whole) - 0.5)[: len(logits)]
            total[start:frames] += trust * logits
            weight[start:frames] += trust
        return (self._scale * total[:frames] / weight[:frames] + self._offset).astype(np.float32)

    def _logits(self, y):
        """Logits of the frames of one window, shape (frames,)."""
        return self._network(self._front_end(y)[None])[0, : -(-len(y) // FRAME)]


def load_locator(folder=None):
    """Load a frozen localiser.

    Args:
        folder: as written by ``fakeorreal.freeze_locator``; None for the localiser of the package.

    Returns:
        Locator.

    Raises:
        FakeOrRealError: no localiser there, a malformed ``locator.json``, or a network that is not the frozen one.
    """
    folder = Path(folder or FOLDER)
    path = folder / "locator.json"
    if not path.is_file():
        raise FakeOrRealError(f"{folder}: holds no locator.json. Name a folder that freeze_locator has written.")
    settings, front_end = read_settings(path, check_settings)
    gives = (round(front_end.seconds * SAMPLE_RATE) // FRAME,)
    network = load_network(folder, settings["member"], front_end.shape, gives, threads=0)
    return Locator(settings, front_end, network)


def check_settings(settings):
    """Check what ``locator.json`` says.

    Raises:
        FakeOrRealError: a value breaks a rule.
        KeyError, TypeError, AttributeError: a value is missing or of the wrong kind.
    """
    values = {name: settings[name] for name in _FIELDS}
    texts = [values[name] for name in ("name", "version", "threshold_from")]
    scale, offset = values["calibration"]["scale"], values["calibration"]["offset"]
    median, least, gap = (values["regions"][name] for name in ("median", "least", "gap"))
    file = values["member"]["file"]
    rules = (
        (all(isinstance(text, str) for text in texts), "`name`, `version` and `threshold_from` must be text", texts),
        (values["sr"] == SAMPLE_RATE, f"`sr` must be {SAMPLE_RATE}", values["sr"]),
        (0 < scale < math.inf, "`scale` must be positive and finite", scale),
        (math.isfinite(offset), "`offset` must be finite", offset),
        (math.isfinite(values["threshold"]), "`threshold` must be finite", values["threshold"]),
        (median % 2 == 1 and median > 0, "`median` must be an odd number of frames", median),
        (least >= 0 and gap >= 0, "`least` and `gap` must be seconds, 0 or more", [least, gap]),
        (Path(file).name == file, "`member` must name a file beside it", file),
    )
    for kept, rule, received in rules:
        if not kept:
            raise FakeOrRealError(f"{rule}. Received: {received}.")
