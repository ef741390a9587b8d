"""Hand-crafted features: MFCC with their changes, spectral contrast and zero crossings, summed up over a clip."""

import dataclasses
import itertools
from functools import lru_cache

import librosa
import numpy as np

from fakeorreal.audio import SAMPLE_RATE
from fakeorreal.errors import FakeOrRealError
from fakeorreal.features.mel import HOP, N_FFT, N_MELS, magnitudes, mel_bands
from fakeorreal.features.waveform import prepare

VERSION = 1
"""Raised whenever the numbers coming out of this file change, so that cached features are computed again."""

CONTRASTS = 7  # librosa's six octaves from 200 Hz and what lies below
TOP_OCTAVE = 6400  # Hz; where the last of them begins
QUANTILE = 0.02  # of a band, of which the mean is its valley and its peak
SILENCE = 1e-10  # magnitude of a sample without a sign


@dataclasses.dataclass(frozen=True)
class Handcrafted:
    """Mean and standard deviation over frames of MFCC, their first and second differences, contrast and ZCR.

    Args:
        sr: rate of the waveform in Hz, above 12,800.
        n_mfcc: cepstral coefficients.
        seconds: every clip is cut or repeated to this length; None takes it as it is.

    Output shape:
        ``(2 * (3 * n_mfcc + 8),)`` float32: all means, then all standard deviations, named by ``names``.

    Raises:
        FakeOrRealError: rate too low for the contrast bands; waveform empty, not mono, or not finite.

    Source: the text of the FoR Custom-CNN study (MFCC, spectral contrast, zero-crossing rate); its code leaves the
    features out. Frames are librosa's defaults: 2048 samples every 512.
    """

    sr: int = SAMPLE_RATE
    n_mfcc: int = 20
    seconds: float | None = None

    def __post_init__(self):
        if self.sr <= 2 * TOP_OCTAVE:
            raise FakeOrRealError(
                f"`sr` must be above {2 * TOP_OCTAVE} Hz for the spectral contrast. Received: sr={self.sr}. "
                f"Resample to {SAMPLE_RATE} Hz."
            )

    @property
    def names(self):
        """What each number is, such as ``mfcc_1_mean``; counted from 1."""
        rows = [f"{kind}_{k + 1}" for kind in ("mfcc", "delta", "delta_delta") for k in range(self.n_mfcc)]
        rows += [f"contrast_{k + 1}" for k in range(CONTRASTS)] + ["zcr"]
        return [f"{row}_{statistic}" for statistic in ("mean", "std") for row in rows]

    @property
    def shape(self):
        return (2 * (3 * self.n_mfcc + CONTRASTS + 1),)

    def __call__(self, y):
        y = prepare(y, sr=self.sr, seconds=self.seconds)
        magnitude = magnitudes(y, N_FFT, HOP)
        mel = librosa.power_to_db(mel_bands(magnitude, sr=self.sr, n_fft=N_FFT, n_mels=N_MELS))
        mfcc = librosa.feature.mfcc(S=mel, n_mfcc=self.n_mfcc)
        rows = np.concatenate(
            [
                mfcc,
                # 'nearest': librosa's default fits a line to the 9 frames at each end, which a short clip may not have
                librosa.feature.delta(mfcc, mode="nearest"),
                librosa.feature.delta(mfcc, order=2, mode="nearest"),
                _spectral_contrast(magnitude, self.sr),
                _zero_crossing_rate(y),
            ]
        )
        return np.concatenate([rows.mean(axis=1), rows.std(axis=1)]).astype(np.float32)

    def config(self):
        return {"class": type(self).__name__, "version": VERSION, **dataclasses.asdict(self)}


def _spectral_contrast(magnitude, sr):
    """``librosa.feature.spectral_contrast`` of magnitudes (frames, bins) to the bit, in less than half the time."""
    valley, peak = np.empty((2, CONTRASTS, len(magnitude)))
    for k, (first, last, count) in enumerate(_bands(sr)):
        ordered = np.sort(magnitude[:, first:last], axis=1).T  # of whose rows librosa adds one after the other
        valley[k] = np.ascontiguousarray(ordered[:count]).mean(axis=0)
        peak[k] = np.ascontiguousarray(ordered[-count:]).mean(axis=0)
    return librosa.power_to_db(peak) - librosa.power_to_db(valley)


@lru_cache(maxsize=8)
def _bands(sr):
    """First bin, the one after the last, and how many make a valley or a peak, of every band of the contrast."""
    frequency = librosa.fft_frequencies(sr=sr, n_fft=N_FFT)
    edges = [0.0, *(TOP_OCTAVE / 2.0**k for k in range(CONTRASTS - 2, -1, -1)), np.inf]
    bands = []
    for k, (low, high) in enumerate(itertools.pairwise(edges)):
        inside = np.flatnonzero((frequency >= low) & (frequency <= high))
        first, last = inside[0] - (k > 0), inside[-1] + 1
        bands.append((first, last - (k < CONTRASTS - 1), max(round(QUANTILE * (last - first)), 1)))
    return bands


def _zero_crossing_rate(y):
    """``librosa.feature.zero_crossing_rate`` to the bit: crossings are found once, not in every frame; (1, frames)."""
    negative = np.pad(y, N_FFT // 2, mode="edge") < -SILENCE
    crossings = np.concatenate([[0, 0], np.cumsum(negative[1:] != negative[:-1])])  # up to a sample, without it
    starts = np.arange(0, len(negative) - N_FFT + 1, HOP)
    return (crossings[starts + N_FFT] - crossings[starts + 1])[None] / N_FFT
