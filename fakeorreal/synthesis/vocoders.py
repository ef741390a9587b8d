"""Copy synthesis: a human recording taken apart and put together again by a vocoder.

Four classical vocoders that need nothing but NumPy, SciPy and librosa. Each takes and returns a waveform of the
same length and keeps words, melody and timing; what is lost (phase, fine structure, the excitation) is the artefact
that a detector has to find.
"""

import librosa
import numpy as np
from scipy.fft import irfft, rfft
from scipy.linalg import solve_toeplitz
from scipy.signal import lfilter

from fakeorreal.errors import FakeOrRealError
from fakeorreal.synthesis.pitch import frames, track_pitch

_HOP = 80  # samples: 5 ms at 16 kHz
_FRAME = 400  # samples: 25 ms
_FFT = 1024


def griffin_lim(y, *, sr, seed):
    """80-band mel spectrogram, pseudo-inverse, 32 iterations of Griffin-Lim (1984; fast variant: Perraudin 2013)."""
    del seed  # the phase starts from zero, not from noise
    spectrum = np.abs(librosa.stft(np.asarray(y, np.float32), n_fft=_FFT, hop_length=256))
    bank = librosa.filters.mel(sr=sr, n_fft=_FFT, n_mels=80)
    magnitude = np.maximum(np.linalg.pinv(bank) @ (bank @ spectrum), 1e-6)
    return librosa.griffinlim(magnitude, n_iter=32, hop_length=256, n_fft=_FFT, init=None, length=len(y))


def lpc(y, *, sr, seed):
    """Linear prediction of order 18, excited by pulses or noise (Atal and Hanauer 1971)."""
    rng = np.random.default_rng(seed)
    excitation = _excitation(track_pitch(y, sr=sr, hop=_HOP), len(y), sr, rng)
    emphasised = lfilter([1, -0.97], 1, y)
    window = np.hanning(_FRAME + 1)[:-1]
    out = np.zeros(len(y) + 2 * _FRAME)
    source = np.pad(excitation, (_FRAME // 2, _FRAME))
    for k, frame in enumerate(frames(emphasised, length=_FRAME, hop=_HOP)):
        correlation = irfft(np.abs(rfft(frame * window, 2 * _FRAME)) ** 2)[:19]
        if correlation[0] < 1e-9:
            continue
        correlation[0] *= 1 + 1e-4  # white-noise correction: keeps the filter stable
        predictor = solve_toeplitz(correlation[:18], correlation[1:])
        error = max(correlation[0] - predictor @ correlation[1:], 0.0)
        piece = source[k * _HOP : k * _HOP + _FRAME] * window
        gain = np.sqrt(error / max(np.sum(piece**2), 1e-9))
        out[k * _HOP : k * _HOP + _FRAME] += gain * lfilter([1.0], np.r_[1.0, -predictor], piece)
    return _like(lfilter([1], [1, -0.97], out[_FRAME // 2 : _FRAME // 2 + len(y)]), y)


def cepstral(y, *, sr, seed):
    """Homomorphic vocoder: minimum-phase cepstral envelope, mixed excitation (Oppenheim 1969; Morise 2016, WORLD)."""
    rng = np.random.default_rng(seed)
    f0 = track_pitch(y, sr=sr, hop=_HOP)
    pulses = _excitation(f0, len(y), sr, rng)
    noise = rng.standard_normal(len(y))
    split = np.clip((np.arange(_FFT // 2 + 1) * sr / _FFT - 3000) / 2000, 0, 1)  # noise takes over from 3 to 5 kHz
    cepstrum = irfft(_log_envelope(y), axis=1)
    cepstrum[:, 1 : _FFT // 2] *= 2
    cepstrum[:, _FFT // 2 + 1 :] = 0
    response = np.exp(rfft(cepstrum, axis=1))  # folded cepstrum: minimum phase
    window = np.hanning(_FRAME + 1)[:-1]
    voiced = rfft(frames(pulses, length=_FRAME, hop=_HOP) * window, _FFT, axis=1)
    breath = rfft(frames(noise, length=_FRAME, hop=_HOP) * window, _FFT, axis=1)
    mixed = np.where(f0[:, None] > 0, voiced * np.sqrt(1 - split) + breath * np.sqrt(split), breath)
    return _like(_overlap_add(irfft(mixed * response, axis=1), len(y)), y)


def harmonic_noise(y, *, sr, seed):
    """Sinusoids at the harmonics below 4 kHz plus shaped noise (Serra and Smith 1990; Stylianou 2001)."""
    rng = np.random.default_rng(seed)
    f0 = track_pitch(y, sr=sr, hop=_HOP)
    envelope = np.exp(_log_envelope(y))
    times = np.arange(len(y))
    grid = np.arange(len(f0)) * _HOP
    voiced = np.interp(times, grid, (f0 > 0).astype(float))
    contour = np.interp(times, grid[f0 > 0], f0[f0 > 0]) if (f0 > 0).any() else np.full(len(y), 100.0)
    phase = 2 * np.pi * np.cumsum(contour) / sr
    out = np.zeros(len(y))
    for k in range(1, int(4000 / contour.min()) + 1):
        bins = np.clip(k * contour[grid.clip(max=len(y) - 1)] * _FFT / sr, 0, _FFT // 2)
        low = bins.astype(int).clip(max=_FFT // 2 - 1)
        part = envelope[np.arange(len(f0)), low] * (1 - bins + low)
        part += envelope[np.arange(len(f0)), low + 1] * (bins - low)
        amplitude = np.interp(times, grid, np.where(k * f0 < 4000, part, 0.0) * np.sqrt(f0 / sr))
        out += amplitude * np.cos(k * phase + rng.uniform(0, 2 * np.pi))
    out *= voiced
    breath = rfft(frames(rng.standard_normal(len(y)), length=_FRAME, hop=_HOP) * np.hanning(_FRAME + 1)[:-1], _FFT)
    high = np.arange(_FFT // 2 + 1) * sr / _FFT > 4000
    shaped = breath * envelope * np.where(f0[:, None] > 0, high, 1.0)
    return _like(2 * out + _overlap_add(irfft(shaped, axis=1), len(y)) / np.sqrt(_FRAME / _HOP), y)


VOCODERS = {"griffin-lim": griffin_lim, "lpc": lpc, "cepstral": cepstral, "harmonic-noise": harmonic_noise}


def copy_synthesis(y, vocoder, *, sr, seed):
    """Take a waveform apart and put it together again.

    Args:
        y: float32, shape (n,), at least 50 ms.
        vocoder: a key of ``VOCODERS``.
        sr: rate in Hz.
        seed: seed of the noise parts.

    Returns:
        float32, shape (n,), finite.

    Raises:
        FakeOrRealError: unknown vocoder, or too short a waveform.
    """
    if vocoder not in VOCODERS:
        raise FakeOrRealError(f"`vocoder` must be one of {', '.join(VOCODERS)}. Received: {vocoder!r}.")
    if len(y) < 0.05 * sr:
        raise FakeOrRealError(f"copy synthesis needs at least 50 ms. Received: {len(y)} samples at {sr} Hz.")
    return VOCODERS[vocoder](y, sr=sr, seed=seed).astype(np.float32)


def _excitation(f0, n, sr, rng):
    """Unit-power pulses where voiced, Gaussian noise elsewhere; shape (n,)."""
    contour = np.interp(np.arange(n), np.arange(len(f0)) * _HOP, f0)
    voiced = np.interp(np.arange(n), np.arange(len(f0)) * _HOP, (f0 > 0).astype(float)) > 0.99
    cycles = np.floor(np.cumsum(np.where(voiced, contour, 0.0)) / sr)
    pulses = np.diff(cycles, prepend=0.0) > 0
    period = np.sqrt(sr / np.maximum(contour, 1.0))
    return np.where(voiced, pulses * period, rng.standard_normal(n))


def _log_envelope(y):
    """Log magnitude of the spectrum, smoothed by keeping quefrencies below 2 ms; shape (frames, _FFT // 2 + 1)."""
    window = np.hanning(_FRAME + 1)[:-1]
    spectrum = np.abs(rfft(frames(y, length=_FRAME, hop=_HOP) * window, _FFT, axis=1))
    cepstrum = irfft(np.log(spectrum + 1e-5), axis=1)
    cepstrum[:, 32 : _FFT - 31] = 0
    return rfft(cepstrum, axis=1).real


def _overlap_add(pieces, n):
    out = np.zeros(len(pieces) * _HOP + pieces.shape[1])
    for k, piece in enumerate(pieces):
        out[k * _HOP : k * _HOP + len(piece)] += piece
    return out[_FRAME // 2 : _FRAME // 2 + n]


def _like(out, y):
    """Scale to the power of the original."""
    return out * np.sqrt(np.sum(np.square(y)) / max(np.sum(np.square(out)), 1e-12))
