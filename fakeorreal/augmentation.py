"""A random channel for training a detector: what may happen to any recording, the same for both classes.

A detector that has heard every source through one channel learns the channel. Here a clip goes through a random chain
of speed, equaliser, room, distortion, noise, codec and band limit, so that the channel says little about the label.

Sources: RawBoost (Tak 2022) for distortion and impulses; codecs as in the submissions to ASVspoof 2021.
"""

import io

import numpy as np
import soundfile as sf
from scipy.signal import fftconvolve, firwin2

from fakeorreal import channels
from fakeorreal.audio import fit_length, resample


def random_channel(y, *, sr, rng):
    """Send a clip through a random channel.

    Args:
        y: float32, shape (n,).
        sr: rate in Hz.
        rng: numpy Generator; the same state gives the same channel.

    Returns:
        float32, shape (n,), at the level ``channels.SPEECH_LEVEL``.
    """
    if rng.random() < 0.3:
        y = fit_length(resample(y, sr_from=sr, sr_to=round(sr * rng.uniform(0.9, 1.1))), len(y))
    if rng.random() < 0.6:
        y = equalise(y, sr=sr, rng=rng)
    if rng.random() < 0.2:
        y = channels.apply_room(y, sr=sr, rng=rng)
    y = channels.set_level(y)
    if rng.random() < 0.12:
        drive = rng.uniform(1, 6)
        y = np.tanh(drive * y) / drive
    if rng.random() < 0.1:
        y = _impulses(y, rng)
    if rng.random() < 0.5:
        y = channels.add_noise(y, snr=rng.uniform(8, 40), tilt=rng.uniform(0, 6), rng=rng)
    if rng.random() < 0.45:
        y = _codec(channels.set_level(y), sr, rng)
    if rng.random() < 0.15:
        y = channels.band_limit(y, sr=sr, low=rng.uniform(30, 200), high=rng.uniform(3400, 7600))
    return channels.set_level(y)


def equalise(y, *, sr, rng):
    """Send a clip through a smooth random equaliser: a random walk over half octaves, limited to 15 dB.

    Args:
        y: float, shape (n,).
        sr: rate in Hz.
        rng: numpy Generator.

    Returns:
        float64, shape (n,).
    """
    frequencies = np.r_[0, 100 * 2 ** np.arange(0, np.log2(sr / 200), 0.5), sr / 2]
    gain = np.cumsum(rng.normal(0, rng.uniform(1, 3.5), len(frequencies)))
    gain = np.clip(gain - gain.mean(), -15, 15)
    return fftconvolve(y, firwin2(255, frequencies, 10 ** (gain / 20), fs=sr), "same")


def _impulses(y, rng):
    """Sparse noise that follows the signal (RawBoost, section 2.2)."""
    hit = rng.random(len(y)) < rng.uniform(0.0005, 0.01)
    return y + hit * rng.uniform(-2, 2, len(y)) * np.abs(y)


def _codec(y, sr, rng):
    """MP3, Vorbis or Opus at a random quality, some at another rate; G.722; or a telephone call."""
    kind = rng.integers(7)
    if kind == 5:
        return channels.g722(y)
    if kind == 6:
        return channels.telephone_call(y, sr=sr)
    container, codec, rates = (
        ("MP3", "MPEG_LAYER_III", (16000,)),
        ("MP3", "MPEG_LAYER_III", (22050, 24000)),
        ("OGG", "VORBIS", (16000,)),
        ("OGG", "OPUS", (16000,)),
        ("OGG", "OPUS", (8000, 12000, 16000)),
    )[kind]
    rate = int(rng.choice(rates))
    buffer = io.BytesIO()
    sent = np.clip(resample(y, sr_from=sr, sr_to=rate), -1, 1)
    sf.write(buffer, sent, rate, format=container, subtype=codec, compression_level=rng.uniform(0.2, 0.98))
    buffer.seek(0)
    out = resample(sf.read(buffer, dtype="float32")[0], sr_from=rate, sr_to=sr)
    return channels.to_length(out, len(y))
