"""What hiding a patch of sound does to a score: computed on the waveform, so that no detector has to be open for it.

What is hidden gives way to noise, 10 dB softer. Silence would be a hole such as no recording has, and noise as loud as
what was there would hide nothing from a network that goes by levels. Measured on copies of human speech by four
vocoders: the truth is what the score loses where the human original takes the place of a patch, and the mean rank
correlation of a map with it, over patches, is

==================  =========  =========  =========
a patch becomes     texture    spy_cnn    spy_vit
==================  =========  =========  =========
silence             0.06       0.52       0.57
20 dB softer        0.13       0.58       0.59
noise, as loud      0.49       0.30       0.36
noise, 10 dB less   0.47       0.55       0.55
==================  =========  =========  =========
"""

import numpy as np
from scipy.fft import irfft, rfft

from fakeorreal.errors import FakeOrRealError

PATCHES = (8, 8)
"""Bands of equal width from 0 Hz to half the rate, and columns of equal width in time."""

_SOFTER = 10 ** (-10 / 20)
_STRETCH = 320  # samples over which the level of what is hidden is taken: 20 ms at 16 kHz


def occlusion_map(score, y):
    """How much of the score is lost by hiding a patch of time and frequency, for every patch.

    Patches overlap their neighbours by half and fade into them, so that hiding one leaves no edge; together they are
    the waveform, each part of it once.

    Args:
        score: function: float32 waveform like ``y`` → score of fake.
        y: float32 waveform, shape (n,), of 128 samples or more.

    Returns:
        float32, shape `PATCHES`, the lowest band first: in the unit of the score, positive where what was hidden
        speaks for fake. The noise is the same every time.

    Raises:
        FakeOrRealError: too short a waveform.
    """
    y, (bands, columns) = np.asarray(y, np.float32), PATCHES
    n = len(y)
    if n < 16 * columns:
        raise FakeOrRealError(f"`y` must have {16 * columns} samples or more. Received: {n}. Take a longer one.")
    places = _shares(np.arange(n) / n, columns)
    padded = n + _STRETCH  # so that the ringing of a filter does not come back at the other end
    filters = _shares(np.linspace(0, 1, padded // 2 + 1), bands)
    spectrum, noise = rfft(y, padded), rfft(np.random.default_rng(0).standard_normal(padded))
    whole, found = score(y), np.empty(PATCHES, np.float32)
    for band, kept in enumerate(filters):
        sound, substitute = irfft(kept * spectrum, padded)[:n], irfft(kept * noise, padded)[:n]
        substitute *= _SOFTER * _level(sound) / substitute.std()
        for column, place in enumerate(places):
            found[band, column] = whole - score((y + place * (substitute - sound)).astype(np.float32))
    return found


def _shares(position, count):
    """Raised cosines around ``count`` centres, 1 in all at every position from 0 to 1; shape (count, positions)."""
    at = np.clip(position * count - 0.5, 0, count - 1)
    return np.cos(np.pi / 2 * np.clip(at - np.arange(count)[:, None], -1, 1)) ** 2


def _level(sound):
    """Moving root mean square."""
    power = np.cumsum(np.pad(sound**2, _STRETCH // 2, mode="edge"))
    return np.sqrt(np.maximum(power[_STRETCH:] - power[:-_STRETCH], 0) / _STRETCH)
