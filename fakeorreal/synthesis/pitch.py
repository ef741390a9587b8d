"""Fundamental frequency by normalised autocorrelation, for the vocoders."""

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft
from scipy.ndimage import median_filter

from fakeorreal.errors import FakeOrRealError

F0_MIN, F0_MAX = 70.0, 400.0  # Hz


def frames(y, *, length, hop):
    """Centred frames of a waveform.

    Args:
        y: float, shape (n,).
        length: samples per frame.
        hop: samples from one frame centre to the next.

    Returns:
        float64, shape (1 + n // hop, length); beyond the ends the signal is zero.
    """
    padded = np.pad(np.asarray(y, float), (length // 2, length))
    return np.lib.stride_tricks.sliding_window_view(padded, length)[: len(y) + 1 : hop]


def track_pitch(y, *, sr, hop):
    """Pitch contour of speech (Boersma 1993: autocorrelation divided by that of the window).

    Args:
        y: float, shape (n,).
        sr: rate in Hz.
        hop: samples between contour points.

    Returns:
        f0 in Hz, shape (1 + n // hop,); 0 where a frame is unvoiced.
    """
    if sr < 4 * F0_MAX:
        raise FakeOrRealError(f"pitch needs a rate of at least {4 * F0_MAX:g} Hz. Received: sr={sr}. Resample first.")
    length = int(3 * sr / F0_MIN)
    window = np.hanning(length)
    size = next_fast_len(2 * length, real=True)
    blocks = frames(y, length=length, hop=hop)
    power = np.mean(blocks**2, axis=1)
    spectrum = rfft((blocks - blocks.mean(axis=1, keepdims=True)) * window, size)
    correlation = irfft(np.abs(spectrum) ** 2, size)[:, :length]
    reference = irfft(np.abs(rfft(window, size)) ** 2, size)[:length]
    low, high = int(sr / F0_MAX), int(sr / F0_MIN)
    normalised = correlation[:, : high + 1] / np.maximum(correlation[:, :1], 1e-12)
    normalised /= reference[: high + 1] / reference[0]
    # A small cost for long lags keeps the tracker from falling an octave.
    cost = normalised - 0.02 * np.log2(np.maximum(np.arange(high + 1), 1) / low)
    lag = low + np.argmax(cost[:, low:], axis=1)
    strength = normalised[np.arange(len(lag)), lag]
    voiced = (strength > 0.5) & (power > 1e-3 * power.max())
    f0 = median_filter(np.where(voiced, sr / lag, 0.0), 5)
    return f0
