"""The log-mel spectrogram of the localiser: a row every 10 ms, in place, so that two of them are one frame of 20 ms."""

import dataclasses

import numpy as np
from scipy.fft import rfft

from fakeorreal.audio import SAMPLE_RATE
from fakeorreal.errors import FakeOrRealError
from fakeorreal.features.htk_filters import htk_filters
from fakeorreal.features.log_stft import LOG_OFFSET
from fakeorreal.features.waveform import prepare

VERSION = 1
"""Raised whenever the numbers coming out of this file change, so that cached features are computed again."""

N_FFT, N_MELS, TOP_DB = 1024, 128, 80.0


@dataclasses.dataclass(frozen=True)
class FrameMel:
    """Mel spectrogram of Hann windows of 25 ms, in dB below the loudest point of the clip.

    The middle of window k lies at (k + 0.5) · 10 ms, so that windows 2k and 2k + 1 are about [k · 20, k · 20 + 20) ms
    and nothing else. Beyond the ends of a clip is silence. The published front end starts its windows there instead of
    centring them, 7.5 ms late, and its rows are tokens that share 160 ms; its level is that of the recording, which
    here is taken out. Windows are filled up with zeros to 1024 samples: without, low bands would be empty.

    Args:
        sr: rate of the waveform in Hz, a multiple of 400 up to 40,000: at others 10 ms are no whole number of samples.
        seconds: longer clips are cut to this length; shorter ones are followed by silence.

    Output shape:
        ``(round(seconds * 100), 128)`` float32 in [-80, 0] dB. Digital silence is -80 throughout.

    Raises:
        FakeOrRealError: another rate; on a waveform that is empty, not mono, or not finite.

    Source: FakeSound, ``train.py``: kaldi's ``fbank`` of 128 bands, 25 ms every 10 ms.
    """

    sr: int = SAMPLE_RATE
    seconds: float = 10.0

    def __post_init__(self):
        if self.sr % 400 or not 0 < self.sr <= 40_000:
            raise FakeOrRealError(
                f"`sr` must be a multiple of 400 Hz up to 40,000. Received: {self.sr!r}. Resample to 16,000 Hz."
            )

    @property
    def shape(self):
        return (round(self.seconds * 100), N_MELS)

    def __call__(self, y):
        hop, window = self.sr // 100, self.sr // 40  # 10 and 25 ms
        y = prepare(y, sr=self.sr, seconds=None)[: self.shape[0] * hop]
        before = (window - hop) // 2
        y = np.pad(y, (before, self.shape[0] * hop - len(y) + window - hop - before))
        frames = np.lib.stride_tricks.sliding_window_view(y, window)[::hop]
        spectrum = rfft(frames * np.sin(np.pi * np.arange(window) / window) ** 2, N_FFT, axis=1)
        power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
        mel = power @ htk_filters(self.sr, N_FFT, N_MELS)
        return np.maximum(10 * np.log10(mel / (mel.max() or 1) + LOG_OFFSET), -TOP_DB)

    def config(self):
        return {"class": type(self).__name__, "version": VERSION, **dataclasses.asdict(self)}
