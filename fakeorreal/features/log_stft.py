"""The log-power spectrogram, as arrays of NumPy or of a Keras graph alike."""

import dataclasses
from functools import lru_cache

import numpy as np

from fakeorreal.audio import SAMPLE_RATE
from fakeorreal.features.batched import Batched

VERSION = 1
"""Raised whenever the numbers coming out of this file change, so that cached features are computed again."""

LOG_OFFSET = 1e-12


def frame_count(n, n_fft, hop_length):
    """Frames of ``n`` samples: as many as `power_spectrogram` gives."""
    return 1 + (n - n_fft % 2) // hop_length


def power_spectrogram(y, n_fft, hop_length, xp=np):
    """Power of centred Hann windows; the ends are reflected.

    The Fourier transform is a matrix product, which every array library has under the same name.

    Args:
        y: waveforms, float32, shape (batch, n).
        n_fft: window in samples.
        hop_length: step in samples.
        xp: the array functions, ``numpy`` or ``keras.ops``.

    Returns:
        float32, shape (batch, frames, 1 + n_fft // 2).
    """
    frames = xp.take(y, _samples(y.shape[1], n_fft, hop_length), axis=1)
    cosines, sines = _basis(n_fft)
    return xp.matmul(frames, cosines) ** 2 + xp.matmul(frames, sines) ** 2


@lru_cache(maxsize=8)
def _samples(n, n_fft, hop_length):
    """Which sample stands where in each frame, shape (frames, n_fft)."""
    padded = np.pad(np.arange(n), n_fft // 2, mode="reflect")
    return padded[hop_length * np.arange(frame_count(n, n_fft, hop_length))[:, None] + np.arange(n_fft)]


@lru_cache(maxsize=8)
def _basis(n_fft):
    """The window times cosines and sines, shape (2, n_fft, 1 + n_fft // 2)."""
    k = np.arange(n_fft)
    window = np.sin(np.pi * k / n_fft) ** 2
    waves = np.exp(2j * np.pi / n_fft * (np.outer(k, np.arange(1 + n_fft // 2)) % n_fft))
    return np.stack([waves.real, waves.imag]).astype(np.float32) * window.astype(np.float32)[:, None]


@dataclasses.dataclass(frozen=True)
class LogSTFT(Batched):
    """Logarithm of the power spectrogram: 256 linear bands, as many as `WaveletPackets` has.

    Args:
        sr: rate of the waveform in Hz.
        n_fft: Hann window in samples.
        hop_length: step in samples. At 22,050 Hz the published one is 220: 101 frames.
        seconds: every clip is cut or repeated to this length.

    Output shape:
        ``(1 + n_fft // 2, frames, 1)`` float32, ``frames = 1 + (n - n_fft % 2) // hop_length`` for n samples.

    Raises:
        FakeOrRealError: on a waveform that is empty, not mono, or not finite.

    Source: gan-police, ``wavelet_math.py``: torchaudio's ``Spectrogram`` of 511 samples, ``log(S + 1e-12)``.
    """

    sr: int = SAMPLE_RATE
    n_fft: int = 511
    hop_length: int = 160
    seconds: float = 1.0

    @property
    def shape(self):
        return (1 + self.n_fft // 2, frame_count(round(self.seconds * self.sr), self.n_fft, self.hop_length), 1)

    def transform(self, y, xp=np):
        """Waveforms to features, the arithmetic alone; see `Batched`."""
        power = xp.transpose(power_spectrogram(y, self.n_fft, self.hop_length, xp), (0, 2, 1))
        return xp.log(power + LOG_OFFSET)[..., None]

    def config(self):
        return {"class": type(self).__name__, "version": VERSION, **dataclasses.asdict(self)}
