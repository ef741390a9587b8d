"""Fakes for training a detector: a recording resynthesised with random parameters, in the channel it came in.

Together with the recording itself each is a pair that differs in nothing but synthesis, which is what the demonstration
pages of speech synthesisers seldom offer (Wang and Yamagishi 2023 do the same with neural vocoders).
"""

from functools import lru_cache

import librosa
import numpy as np

from fakeorreal.audio import resample
from fakeorreal.channels import to_length
from fakeorreal.synthesis.vocoders import VOCODERS, copy_synthesis


def resynthesise(y, *, sr, rng):
    """One fake from one recording: by a vocoder, a mel inversion or spectral imaging, drawn 3 : 4 : 1.

    Args:
        y: float32, shape (n,), at least 0.2 s.
        sr: rate in Hz; the vocoders are made for 16 kHz.
        rng: numpy Generator.

    Returns:
        float32, shape (n,).
    """
    kind = rng.choice(["vocoder", "mel inversion", "imaging"], p=[3 / 8, 4 / 8, 1 / 8])
    if kind == "vocoder":
        fake = copy_synthesis(y, str(rng.choice(list(VOCODERS))), sr=sr, seed=int(rng.integers(2**31)))
    elif kind == "mel inversion":
        fake = invert_mel(y, sr=sr, rng=rng)
    else:
        fake = leave_images(y, sr=sr, rng=rng)
    return np.asarray(fake, np.float32)


def invert_mel(y, *, sr, rng):
    """Back from the magnitude spectrogram, of mel bands or of all bins, the phase estimated or kept.

    Window, hop, mel bands, iterations and initial phase of Griffin-Lim (fast variant: Perraudin 2013) are random. In
    one of four cases the magnitude is kept and only the phase lost, in another the phase is kept and only the mel
    resolution lost, as a good neural vocoder would. Arguments and result are as for `resynthesise`.
    """
    n_fft = int(rng.choice([512, 1024, 2048]))
    hop = n_fft // int(rng.choice([4, 4, 8]))
    spectrum = librosa.stft(y, n_fft=n_fft, hop_length=hop)
    bank, inverse = _mel(sr, n_fft, int(rng.choice([50, 64, 80, 80, 100, 128])))
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


def leave_images(y, *, sr, rng):
    """Spectral images of imperfect upsampling, as transposed convolutions leave them (Odena 2016; Pons 2021).

    The clip is decimated by 2 or 4 and brought back by zero-stuffing and a short random kernel; the high band is lost
    or weakened. Arguments and result are as for `resynthesise`.
    """
    factor = int(rng.choice([2, 2, 4]))
    low = resample(y, sr_from=sr, sr_to=sr // factor)
    length = int(rng.choice([factor, 2 * factor, 2 * factor + 1, 3 * factor]))
    kernel = np.interp(np.linspace(-1, 1, length + 2)[1:-1], [-1, 0, 1], [0, 1, 0]) + rng.normal(0, 0.15, length)
    stuffed = np.zeros(len(low) * factor)
    stuffed[::factor] = low
    raised = to_length(np.convolve(stuffed, kernel, "same"), len(y))
    raised *= np.sqrt((y**2).mean() / max((raised**2).mean(), 1e-18))
    if factor == 2 and rng.random() < 0.5:
        return raised
    high = y - to_length(resample(low, sr_from=sr // factor, sr_to=sr), len(y))
    return raised + rng.uniform(0, 0.5) * high


@lru_cache(maxsize=18)
def _mel(sr, n_fft, n_mels):
    bank = librosa.filters.mel(sr=sr, n_fft=n_fft, n_mels=n_mels)
    return bank, np.linalg.pinv(bank)
