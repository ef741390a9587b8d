"""Fakes for training a detector: a recording resynthesised with random parameters, in the channel it came in.

Together with the recording itself each is a pair that differs in nothing but synthesis, which is what the demonstration
pages of speech synthesisers seldom offer (Wang and Yamagishi 2023 do the same with neural vocoders).
"""

from functools import lru_cache

import librosa
import numpy as np

from fakeorreal.audio import SAMPLE_RATE, resample
from fakeorreal.synthesis.vocoders import VOCODERS, copy_synthesis

KINDS = (*VOCODERS, "mel-inversion", "imaging")
"""Names of the ways to resynthesise: the vocoders, and the two of this file."""


def resynthesise(y, *, rng):
    """Three fakes from one recording: a vocoder, a mel inversion, and a second one or spectral imaging.

    Args:
        y: float32, shape (n,), at 16 kHz, at least 0.2 s.
        rng: numpy Generator.

    Returns:
        list of (name in ``KINDS``, float32 of shape (n,)).
    """
    vocoder = list(VOCODERS)[rng.integers(len(VOCODERS))]
    seed = int(rng.integers(2**31))
    fakes = [
        (vocoder, copy_synthesis(y, vocoder, sr=SAMPLE_RATE, seed=seed)),
        ("mel-inversion", mel_inversion(y, rng=rng)),
        ("mel-inversion", mel_inversion(y, rng=rng)) if rng.random() < 0.6 else ("imaging", imaging(y, rng=rng)),
    ]
    return [(name, np.asarray(fake, np.float32)) for name, fake in fakes]


def mel_inversion(y, *, rng):
    """Back from the magnitude spectrogram: of mel bands or of all bins, the phase estimated or kept.

    Window, hop, mel bands, iterations and initial phase of Griffin-Lim (fast variant: Perraudin 2013) are random. In one
    of four cases the magnitude is kept and only the phase lost, in another the phase is kept and only the mel
    resolution lost, as a good neural vocoder would.

    Args, Returns: as ``resynthesise``, one waveform.
    """
    n_fft = int(rng.choice([512, 1024, 2048]))
    hop = n_fft // int(rng.choice([4, 4, 8]))
    spectrum = librosa.stft(y, n_fft=n_fft, hop_length=hop)
    bank, inverse = _mel(n_fft, int(rng.choice([50, 64, 80, 80, 100, 128])))
    lost = rng.choice(["both", "both", "resolution", "phase"])
    magnitude = np.abs(spectrum)
    if lost != "phase":
        magnitude = np.maximum(inverse @ (bank @ magnitude), 1e-7)
    if lost == "resolution":
        return librosa.istft(magnitude * np.exp(1j * np.angle(spectrum)), hop_length=hop, n_fft=n_fft, length=len(y))
    return librosa.griffinlim(
        magnitude,
        n_iter=int(rng.choice([4, 16, 30])),
        hop_length=hop,
        n_fft=n_fft,
        init=None if rng.random() < 0.5 else "random",
        random_state=int(rng.integers(2**31)),
        length=len(y),
    )


def imaging(y, *, rng):
    """Spectral images of imperfect upsampling, as transposed convolutions leave them (Odena 2016; Pons 2021).

    The clip is decimated by 2 or 4 and brought back by zero-stuffing and a short random kernel; the high band is lost or
    weakened.

    Args, Returns: as ``resynthesise``, one waveform.
    """
    factor = int(rng.choice([2, 2, 4]))
    low = resample(y, sr_from=SAMPLE_RATE, sr_to=SAMPLE_RATE // factor)
    length = int(rng.choice([factor, 2 * factor, 2 * factor + 1, 3 * factor]))
    kernel = np.interp(np.linspace(-1, 1, length + 2)[1:-1], [-1, 0, 1], [0, 1, 0]) + rng.normal(0, 0.15, length)
    stuffed = np.zeros(len(low) * factor)
    stuffed[::factor] = low
    raised = _to(np.convolve(stuffed, kernel, "same"), len(y))
    raised *= np.sqrt((y**2).mean() / max((raised**2).mean(), 1e-18))
    if factor == 2 and rng.random() < 0.5:
        return raised
    high = y - _to(resample(low, sr_from=SAMPLE_RATE // factor, sr_to=SAMPLE_RATE), len(y))
    return raised + rng.uniform(0, 0.5) * high


def _to(y, n):
    return np.pad(y, (0, max(n - len(y), 0)))[:n]


@lru_cache(maxsize=18)
def _mel(n_fft, n_mels):
    bank = librosa.filters.mel(sr=SAMPLE_RATE, n_fft=n_fft, n_mels=n_mels)
    return bank, np.linalg.pinv(bank)
