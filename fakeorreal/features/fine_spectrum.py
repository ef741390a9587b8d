"""The fine spectrum: what is left of a spectrogram when every bin is rid of its mean and spread, and phase steps."""

import dataclasses

import numpy as np
from scipy.fft import rfft

from fakeorreal.audio import SAMPLE_RATE
from fakeorreal.features.waveform import prepare

VERSION = 1
"""Raised whenever the numbers coming out of this file change, so that cached features are computed again."""

N_FFT, HOP = 512, 160  # 32 ms and 10 ms at 16 kHz
FLOOR = 1e-6  # of the power of a loud frame
LOUD = 12  # the level of the twelfth-loudest frame stands for the clip
ACTIVE = 1e-4  # of that level: quieter frames do not count for mean and spread
HEARD = 0.7  # spread in nepers (of power) from which on a bin holds sound, not the floor
_PHASE_FLOOR = 1e-5
_WINDOW = np.hanning(N_FFT + 1)[:-1].astype(np.float32)


@dataclasses.dataclass(frozen=True)
class FineSpectrum:
    """Log power of every bin without its mean and spread over time, and the step of the phase to the next bin.

    What a microphone, a room or an equaliser adds is the same in every frame and so is gone. The phase step, times the
    magnitudes, is the real part of the product of neighbouring bins, negated: about 1 where the energy of a frame lies
    in its middle, as of a single pulse, and noise where it is spread.

    Args:
        sr: rate of the waveform in Hz.
        seconds: longest clip; a shorter one leaves the last frames empty.

    Output shape:
        ``(frames, 256, 3)`` float32: log power, phase step, and 1 where frame and bin hold sound, else 0.

    Raises:
        FakeOrRealError: on a waveform that is empty, not mono, or not finite.
    """

    sr: int = SAMPLE_RATE
    seconds: float = 2.5

    @property
    def shape(self):
        return (frame_count(round(self.seconds * self.sr)), N_FFT // 2, 3)

    def __call__(self, y):
        return self.transform(prepare(y, sr=self.sr, seconds=None))

    def transform(self, y, low=0, high=N_FFT // 2):
        """Features of a waveform of which the bins from ``low`` up to, not including, ``high`` remain."""
        features = np.zeros(self.shape, np.float32)
        n = min(frame_count(len(y)), len(features))
        y = np.pad(y, (0, max(0, N_FFT - len(y))))
        frames = np.lib.stride_tricks.sliding_window_view(y, N_FFT)[: n * HOP : HOP]
        spectrum = rfft(frames * _WINDOW, axis=1)[:, 1:]
        spectrum[:, :low] = 0
        spectrum[:, high:] = 0
        power = spectrum.real**2 + spectrum.imag**2
        level = power.mean(axis=1)
        loud = max(np.sort(level)[-min(LOUD, n)], 1e-9)
        step = (spectrum[:, 1:] * spectrum[:, :-1].conj()).real / loud
        power /= loud
        logarithm = np.log(power + FLOOR)
        active = level > ACTIVE * loud
        if not active.any():  # digital silence
            return features
        logarithm -= logarithm[active].mean(axis=0)
        spread = np.sqrt(np.mean(logarithm[active] ** 2, axis=0) + 1e-6)
        features[:n, :, 0] = logarithm / (spread + 1)
        floored = power + _PHASE_FLOOR
        features[:n, :-1, 1] = -step / np.sqrt(floored[:, 1:] * floored[:, :-1])
        features[:n, :, 2] = spread > HEARD
        return features

    def config(self):
        return {"class": type(self).__name__, "version": VERSION, **dataclasses.asdict(self)}


def frame_count(n):
    """Frames of ``n`` samples, at least one."""
    return 1 + max(0, n - N_FFT) // HOP
