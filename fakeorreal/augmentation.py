"""Random channels for training a detector: what may happen to any recording, the same for both classes.

A detector that has heard every source through one channel learns the channel. Here every clip is sent through a
random chain of speed, equaliser or the average spectrum of another clip, room, distortion, noise or the noise floor of
another clip, codec and band limit, so that the channel says nothing about the label.

Sources: RawBoost (Tak 2022, distortion and noise), codec augmentation (ASVspoof 2021 submissions); the borrowed
spectrum and noise floor are our own.
"""

import io

import numpy as np
import soundfile as sf
from scipy.signal import fftconvolve, firwin2

from fakeorreal import channels
from fakeorreal.audio import SAMPLE_RATE, fit_length, resample

_OCTAVES = np.r_[0, 100 * 2 ** np.arange(0, 6.33, 0.5), SAMPLE_RATE / 2]  # Hz; half-octave steps of the equaliser


def augment(y, others, *, rng):
    """Send a clip through a random channel.

    Args:
        y: float32, shape (n,), at 16 kHz.
        others: clips of either class that may lend their average spectrum or noise floor, each shape (m,).
        rng: numpy Generator; the same state gives the same channel.

    Returns:
        float32, shape (n,), at the level ``channels.SPEECH_LEVEL``.
    """
    n = len(y)
    if rng.random() < 0.3:
        y = fit_length(resample(y, sr_from=SAMPLE_RATE, sr_to=round(SAMPLE_RATE * rng.uniform(0.9, 1.1))), n)
    chance = rng.random()
    if chance < 0.45:
        y = _equalise(y, rng)
    elif chance < 0.75:
        y = channels.match_spectrum(y, _one_of(others, rng), sr=SAMPLE_RATE)
    if rng.random() < 0.2:
        y = channels.apply_room(y, sr=SAMPLE_RATE, rng=rng)
    y = channels.set_level(y)
    if rng.random() < 0.12:
        drive = rng.uniform(1, 6)
        y = np.tanh(drive * y) / drive
    if rng.random() < 0.1:
        y = _impulses(y, rng)
    chance = rng.random()
    if chance < 0.35:
        y = channels.add_noise(y, snr=rng.uniform(8, 40), tilt=rng.uniform(0, 6), rng=rng)
    elif chance < 0.55:
        y = y + rng.uniform(0.5, 2) * _noise_floor(_one_of(others, rng), n, rng)
    if rng.random() < 0.45:
        y = _codec(channels.set_level(y), rng)
    if rng.random() < 0.15:
        y = channels.band_limit(y, sr=SAMPLE_RATE, low=rng.uniform(30, 200), high=rng.uniform(3400, 7600))
    return channels.set_level(y)


def _one_of(others, rng):
    return others[rng.integers(len(others))]


def _equalise(y, rng):
    """A smooth random equaliser: a random walk over half octaves, limited to 15 dB."""
    gain = np.cumsum(rng.normal(0, rng.uniform(1, 3.5), len(_OCTAVES)))
    gain = np.clip(gain - gain.mean(), -15, 15)
    return fftconvolve(y, firwin2(255, _OCTAVES, 10 ** (gain / 20), fs=SAMPLE_RATE), "same")


def _impulses(y, rng):
    """Sparse noise that follows the signal (RawBoost, section 2.2)."""
    hit = rng.random(len(y)) < rng.uniform(0.0005, 0.01)
    return y + hit * rng.uniform(-2, 2, len(y)) * np.abs(y)


def _noise_floor(other, n, rng):
    """Noise with spectrum and level of the quietest 0.3 s of another clip, shape (n,)."""
    step = 400
    frames = other[: len(other) // step * step].reshape(-1, step)
    quiet = frames[np.argsort((frames**2).mean(axis=1))[:12]]
    shape = np.sqrt((np.abs(np.fft.rfft(quiet * np.hanning(step), axis=1)) ** 2).mean(axis=0))
    white = np.fft.rfft(rng.standard_normal(n))
    noise = np.fft.irfft(white * np.interp(np.linspace(0, 1, len(white)), np.linspace(0, 1, len(shape)), shape), n)
    return noise * np.sqrt((quiet**2).mean() / max((noise**2).mean(), 1e-18))


def _codec(y, rng):
    """MP3, Vorbis or Opus at a random quality, some at another sampling rate; G.722; or a telephone call."""
    kind = rng.integers(7)
    if kind == 5:
        return channels.g722(y)
    if kind == 6:
        return channels.telephone_call(y, sr=SAMPLE_RATE)
    container, codec, rates = (
        ("MP3", "MPEG_LAYER_III", (16000,)),
        ("MP3", "MPEG_LAYER_III", (22050, 24000)),
        ("OGG", "VORBIS", (16000,)),
        ("OGG", "OPUS", (16000,)),
        ("OGG", "OPUS", (8000, 12000, 16000)),
    )[kind]
    rate = int(rng.choice(rates))
    buffer = io.BytesIO()
    sent = np.clip(resample(y, sr_from=SAMPLE_RATE, sr_to=rate), -1, 1)
    sf.write(buffer, sent, rate, format=container, subtype=codec, compression_level=rng.uniform(0.2, 0.98))
    buffer.seek(0)
    out = resample(sf.read(buffer, dtype="float32")[0], sr_from=rate, sr_to=SAMPLE_RATE)
    return np.pad(out, (0, max(len(y) - len(out), 0)))[: len(y)]
