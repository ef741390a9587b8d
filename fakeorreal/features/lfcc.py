"""Linear-frequency cepstral coefficients, as arrays of NumPy or of a Keras graph alike."""

import dataclasses
from functools import lru_cache

import numpy as np
from scipy.fft import dct

from fakeorreal.audio import SAMPLE_RATE
from fakeorreal.errors import FakeOrRealError
from fakeorreal.features.batched import Batched
from fakeorreal.features.log_stft import LOG_OFFSET, frame_count, power_spectrogram

VERSION = 1
"""Raised whenever the numbers coming out of this file change, so that cached features are computed again."""

REACH = 2  # frames to either side that a delta looks at


@dataclasses.dataclass(frozen=True)
class LFCC(Batched):
    """Cepstra of a linear filter bank, with their first and second differences over time.

    Args:
        sr: rate of the waveform in Hz.
        n_fft: Hann window in samples.
        hop_length: step in samples.
        n_filters: triangles of equal width from 0 Hz to half the rate.
        n_coefficients: cepstra kept, at most ``n_filters``.
        delta: add the slopes over 5 frames.
        double_delta: add the slopes of the slopes.
        seconds: every clip is cut or repeated to this length.

    Output shape:
        ``(n_coefficients * (1 + delta + double_delta), frames, 1)`` float32, frames as in `LogSTFT`.

    Raises:
        FakeOrRealError: more coefficients than filters; second differences without the first; waveform empty, not
            mono, or not finite.

    Source: gan-police, ``wavelet_math.py`` (torchaudio's filters, orthonormal DCT-II and ``ComputeDeltas``), which
    puts the differences in the place of the cepstra; beside them they are the 60 rows of the ASVspoof LCNN.
    """

    sr: int = SAMPLE_RATE
    n_fft: int = 511
    hop_length: int = 160
    n_filters: int = 20
    n_coefficients: int = 20
    delta: bool = True
    double_delta: bool = True
    seconds: float = 1.0

    def __post_init__(self):
        if not 1 <= self.n_coefficients <= self.n_filters:
            raise FakeOrRealError(
                f"`n_coefficients` must be from 1 to `n_filters`. Received: n_coefficients={self.n_coefficients}, "
                f"n_filters={self.n_filters}. Take more filters or fewer coefficients."
            )
        if self.double_delta and not self.delta:
            raise FakeOrRealError(
                "`double_delta` must come with `delta`. Received: delta=False, double_delta=True. Set both or neither."
            )

    @property
    def shape(self):
        frames = frame_count(round(self.seconds * self.sr), self.n_fft, self.hop_length)
        return (self.n_coefficients * (1 + self.delta + self.double_delta), frames, 1)

    def transform(self, y, xp=np):
        """Waveforms to features, the arithmetic alone; see `Batched`."""
        power = power_spectrogram(y, self.n_fft, self.hop_length, xp)
        bands = xp.log(xp.matmul(power, _triangles(power.shape[2], self.n_filters)) + LOG_OFFSET)
        rows = [xp.matmul(bands, _cosines(self.n_filters, self.n_coefficients))]
        for _ in range(self.delta + self.double_delta):
            rows.append(xp.matmul(_slopes(power.shape[1]), rows[-1]))
        return xp.transpose(xp.concatenate(rows, axis=2), (0, 2, 1))[..., None]

    def config(self):
        return {"class": type(self).__name__, "version": VERSION, **dataclasses.asdict(self)}


@lru_cache(maxsize=8)
def _triangles(bins, n_filters):
    """Filters that reach from the middle of one neighbour to that of the other, shape (bins, n_filters)."""
    points = np.linspace(0, 1, n_filters + 2)
    tips = np.eye(n_filters + 2)[1:-1]
    return np.stack([np.interp(np.linspace(0, 1, bins), points, tip) for tip in tips], axis=1).astype(np.float32)


@lru_cache(maxsize=8)
def _cosines(n_filters, n_coefficients):
    """The orthonormal DCT-II as a matrix, shape (n_filters, n_coefficients)."""
    return dct(np.eye(n_filters), norm="ortho", axis=1)[:, :n_coefficients].astype(np.float32)


@lru_cache(maxsize=8)
def _slopes(frames):
    """The matrix that fits a line through 5 frames, the outermost ones repeated beyond the ends; (frames, frames)."""
    steps = np.arange(-REACH, REACH + 1)
    reached = np.clip(np.arange(frames)[:, None] + steps, 0, frames - 1)
    return np.einsum("k,tkf->tf", steps / np.sum(steps**2), np.eye(frames)[reached]).astype(np.float32)
