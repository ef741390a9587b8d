"""The waveform: what every front end asks of it, and itself as one, for training that alters it at every step."""

import dataclasses

import numpy as np

from fakeorreal.audio import SAMPLE_RATE, fit_length
from fakeorreal.errors import FakeOrRealError

VERSION = 1
"""Raised whenever the numbers coming out of this file change, so that cached features are computed again."""


def prepare(y, *, sr, seconds):
    """Check a waveform and bring it to a length.

    Args:
        y: waveform, shape (n,), at ``sr``.
        sr: rate in Hz.
        seconds: wanted length, or None to leave it as it is.

    Returns:
        float32, shape (round(seconds * sr),) or (n,).

    Raises:
        FakeOrRealError: empty, not mono, or not finite.
    """
    y = np.asarray(y, np.float32)
    if y.ndim != 1 or not len(y) or not np.isfinite(y).all():
        raise FakeOrRealError(
            f"`y` must be a finite mono waveform of shape (n,), n > 0. Received: shape {y.shape}. "
            "Read the file with fakeorreal.audio.read."
        )
    return y if seconds is None else fit_length(y, round(seconds * sr))


@dataclasses.dataclass(frozen=True)
class Waveform:
    """The first seconds of a clip, repeated where it is shorter.

    Args:
        sr: rate in Hz.
        seconds: length.

    Output shape:
        ``(round(seconds * sr),)`` float32.

    Raises:
        FakeOrRealError: the waveform is empty, not mono, or not finite.
    """

    sr: int = SAMPLE_RATE
    seconds: float = 3.0

    @property
    def shape(self):
        return (round(self.seconds * self.sr),)

    def __call__(self, y):
        return prepare(y, sr=self.sr, seconds=self.seconds)

    def config(self):
        return {"class": type(self).__name__, "version": VERSION, **dataclasses.asdict(self)}
