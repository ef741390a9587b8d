"""The logarithmic power spectrogram: full frequency resolution, numpy and scipy.fft only."""

import dataclasses

import numpy as np
from scipy.fft import rfft

from fakeorreal.audio import SAMPLE_RATE

VERSION = 1
"""Raised whenever the numbers coming out of this file change, so that cached features are computed again."""


@dataclasses.dataclass(frozen=True)
class LogSpectrum:
    """Natural logarithm of the power spectrogram, Hann window, no padding.

    Args:
        sr: rate of the waveform in Hz.
        n_fft: window in samples.
        hop_length: step in samples.
        seconds: length of the waveform.

    Output shape:
        ``(frames, bins, 1)`` float32, ``frames = 1 + (round(seconds * sr) - n_fft) // hop_length``.
    """

    sr: int = SAMPLE_RATE
    n_fft: int = 512
    hop_length: int = 160
    seconds: float = 2.0

    @property
    def shape(self):
        return (1 + (round(self.seconds * self.sr) - self.n_fft) // self.hop_length, self.n_fft // 2 + 1, 1)

    def __call__(self, y):
        frames = np.lib.stride_tricks.sliding_window_view(y, self.n_fft)[:: self.hop_length]
        spectrum = rfft(frames * np.hanning(self.n_fft).astype(np.float32), axis=1)
        return np.log(np.abs(spectrum) ** 2 + 1e-10)[..., None]

    def config(self):
        return {"class": type(self).__name__, "version": VERSION, **dataclasses.asdict(self)}
