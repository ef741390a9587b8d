"""Measures of signals that several tests take."""

import numpy as np
from scipy.signal import welch

SR = 16000


def power(y):
    return np.mean(np.square(y, dtype=np.float64))


def decibel(ratio):
    return 10 * np.log10(ratio)


def snr(clean, processed):
    return decibel(power(clean) / power(np.asarray(processed, float) - clean))


def delay(y, of):
    return int(np.argmax(np.correlate(of, y, "full"))) - len(y) + 1


def band_power(y, low, high):
    frequency, density = welch(y, SR, nperseg=1024)
    return density[(frequency >= low) & (frequency < high)].sum()


def octaves(y):
    return np.array([decibel(band_power(y, low, 2 * low)) for low in (125, 250, 500, 1000, 2000, 4000)])


def sine(frequency, *, seconds=1.0, amplitude=0.1):
    t = np.arange(round(seconds * SR)) / SR
    return (amplitude * np.sin(2 * np.pi * frequency * t)).astype(np.float32)
