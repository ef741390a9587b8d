"""The mel spectrogram of the In-the-Wild CNN: as published, and its logarithm, which loudness does not change."""

import dataclasses

import numpy as np

from fakeorreal.audio import SAMPLE_RATE
from fakeorreal.features.htk_filters import htk_filters
from fakeorreal.features.log_stft import LOG_OFFSET, power_spectrogram
from fakeorreal.features.waveform import prepare

VERSION = 1
"""Raised whenever the numbers coming out of this file change, so that cached features are computed again."""

N_FFT, HOP, N_MELS, TOP_DB = 400, 200, 128, 80.0


@dataclasses.dataclass(frozen=True)
class WildMel:
    """Mel spectrogram of a second, in dB below its loudest point; or, as published, its power as it is.

    The published code takes neither a logarithm nor a common level, so that a loud second is another input than the
    same second at half the level; and it fills a short clip with zeros behind its last frame, so that the network can
    see where a recording ends. Here the level is taken out, and a short clip is repeated.

    Windows are Hann, centred, and the ends are reflected. The publication does so at the ends of a recording and cuts
    its mel into seconds; here it is done to every second by itself, which changes the first of its frames. At 16 kHz
    four bands (0, 3, 6 and 13) are empty: they fall between two frequencies that the window tells apart.

    Args:
        sr: rate of the waveform in Hz.
        seconds: longer clips are cut to this length; shorter ones are repeated, or as published filled with zeros.
        published: raw power instead of dB.

    Output shape:
        ``(128, round(seconds * sr) // 200, 1)`` float32, in [-80, 0] dB or 0 and above. Digital silence is the lowest
        value throughout.

    Raises:
        FakeOrRealError: on a waveform that is empty, not mono, or not finite.

    Source: audio-deepfake-detection of jimmybanta, ``data/import_data.py``: torchaudio's ``MelSpectrogram(16000)``.
    """

    sr: int = SAMPLE_RATE
    seconds: float = 1.0
    published: bool = False

    @property
    def shape(self):
        return (N_MELS, round(self.seconds * self.sr) // HOP, 1)

    def __call__(self, y):
        frames = self.shape[1]
        y = prepare(y, sr=self.sr, seconds=None if self.published else self.seconds)[: frames * HOP]
        mel = (power_spectrogram(y[None], N_FFT, HOP)[0, :frames] @ htk_filters(self.sr, N_FFT, N_MELS)).T[..., None]
        if self.published:
            return np.pad(mel, [(0, 0), (0, frames - mel.shape[1]), (0, 0)])
        return np.maximum(10 * np.log10(mel / (mel.max() or 1) + LOG_OFFSET), -TOP_DB)

    def config(self):
        return {"class": type(self).__name__, "version": VERSION, **dataclasses.asdict(self)}
