"""The power spectrogram in dB below the loudest point of a clip, bands of equal width."""

import dataclasses

import numpy as np
from scipy.fft import rfft

from fakeorreal.audio import SAMPLE_RATE
from fakeorreal.features.waveform import prepare

VERSION = 1
"""Raised whenever the numbers coming out of this file change, so that cached features are computed again."""

OFFSET = 1e-10


@dataclasses.dataclass(frozen=True)
class PowerSpectrogram:
    """Power of centred Hann windows, beyond the ends zeros, in dB below the loudest point.

    The published code fills a short clip with zeros, and the network can hear that a recording ends; here the clip is
    repeated. A Fourier transform in double precision: at 80 dB below the loudest point single precision would show.

    Args:
        sr: rate of the waveform in Hz.
        seconds: every clip is cut or repeated to this length.
        n_fft: window in samples.
        hop_length: step in samples.
        top_db: what lies further below the loudest point is raised to it.

    Output shape:
        ``(1 + n_fft // 2, frames, 1)`` float32 in [-top_db, 0] dB, ``frames = 1 + round(seconds * sr) // hop_length``.
        Digital silence is 0 throughout.

    Raises:
        FakeOrRealError: on a waveform that is empty, not mono, or not finite.

    Source: AI-SPY, ``train_CNN.py``: ``librosa.power_to_db(abs(librosa.stft(y)) ** 2 + 1e-10, ref=np.max)``.
    """

    sr: int = SAMPLE_RATE
    seconds: float = 3.0
    n_fft: int = 2048
    hop_length: int = 512
    top_db: float = 80.0

    @property
    def shape(self):
        return (1 + self.n_fft // 2, 1 + round(self.seconds * self.sr) // self.hop_length, 1)

    def __call__(self, y):
        y = np.pad(prepare(y, sr=self.sr, seconds=self.seconds), self.n_fft // 2)
        frames = np.lib.stride_tricks.sliding_window_view(y, self.n_fft)[:: self.hop_length]
        window = np.sin(np.pi * np.arange(self.n_fft) / self.n_fft) ** 2
        spectrum = rfft(frames * window, axis=1).T
        power = (spectrum.real**2 + spectrum.imag**2 + OFFSET).astype(np.float32, order="C")
        decibels = 10 * np.log10(power / power.max())
        return np.maximum(decibels, -self.top_db)[..., None]

    def config(self):
        return {"class": type(self).__name__, "version": VERSION, **dataclasses.asdict(self)}
