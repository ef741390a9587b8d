"""Clips as AI-SPY alters them in training: a share of the waveforms, and of the spectrograms, at random.

Sources: AI-SPY, ``train_CNN.py`` (pitch, noise, shift, masks) and ``train_vision_transformer.py`` (stretch, equaliser);
what is published there but does harm is mended or left out, see each function.
"""

from functools import partial

import librosa
import numpy as np

from fakeorreal import channels
from fakeorreal.audio import fit_length
from fakeorreal.augmentation import equalise

VERSION = 2
"""Raised whenever the numbers coming out of this file change, so that runs are made again."""

STEPS = 0.5  # chance of each step that alters a waveform
SEAM = 0.01  # seconds of cross-fade where a shifted clip wraps around
MASKS = ((0, 0.15), (0, 0.15), (1, 0.3), (1, 0.3))  # axis, and the widest part of it that is masked


def altered_features(y, front_end, rng, *, share):
    """Features of a clip, altered or not.

    Args:
        y: float32, shape (n,): as long as the front end takes it.
        front_end: waveform → (bands, frames, channels).
        rng: numpy Generator; the same state gives the same features.
        share: of the waveforms, and of the spectrograms, that are altered.

    Returns:
        float32, shape ``front_end.shape``.
    """
    if rng.random() < share:
        y = alter(y, sr=front_end.sr, rng=rng)
    features = front_end(y)
    return mask(features, rng) if rng.random() < share else features


def alter(y, *, sr, rng):
    """Change a waveform in some of six ways: pitch, tempo, beginning, equaliser, noise, level.

    Args:
        y: float32, shape (n,).
        sr: rate in Hz.
        rng: numpy Generator.

    Returns:
        float32, shape (n,), in [-1, 1].

    Source: AI-SPY, with three corrections. A shifted clip is cross-faded where it wraps around, which was a click;
    noise is 20 to 40 dB below the clip and not of one level for loud and soft ones; the equaliser, whose highest
    band never applied, is that of ``augmentation``. Its reversal of time is left out: nobody hears speech backwards.
    """
    n = len(y)
    if rng.random() < STEPS:
        y = librosa.effects.pitch_shift(y, sr=sr, n_steps=rng.uniform(-2, 2))
    if rng.random() < STEPS:
        y = fit_length(librosa.effects.time_stretch(y, rate=rng.uniform(0.8, 1.2)), n)
    if rng.random() < STEPS:
        y = shift(y, sr=sr, rng=rng)
    if rng.random() < STEPS:
        y = equalise(y, sr=sr, rng=rng)
    if rng.random() < STEPS:
        y = channels.add_noise(y, snr=rng.uniform(20, 40), tilt=0, rng=rng)
    if rng.random() < STEPS:
        y = y * 10 ** (rng.uniform(-6, 6) / 20)  # a front end that takes the level out hears what is clipped
    return np.clip(y, -1, 1).astype(np.float32)


def shift(y, *, sr, rng):
    """Begin a clip anywhere and go around, its end faded into its beginning; float32, shape (n,)."""
    fade = round(SEAM * sr)
    turn = len(y) - fade  # samples after which the clip repeats
    ramp = np.linspace(0, 1, fade, endpoint=False, dtype=np.float32)
    circle = y[:turn].copy()
    circle[:fade] = ramp * y[:fade] + (1 - ramp) * y[turn:]
    return np.take(circle, rng.integers(turn) + np.arange(len(y)), mode="wrap")


def mask(levels, rng):
    """SpecAugment: two bands of frequencies and two stretches of time lose what they hold.

    Args:
        levels: dB, shape (bands, frames, channels).
        rng: numpy Generator.

    Returns:
        a copy, filled with the mean of the clip where it is masked. (0, the published filling, is the mean of training
        once features are standardised; here they are not yet.)

    Source: Park et al. 2019, without time warping; widths as in AI-SPY: up to 15 % of the bands, 30 % of the frames.
    """
    masked = levels.copy()
    for axis, widest in MASKS:
        size = levels.shape[axis]
        width = rng.integers(int(widest * size) + 1)
        start = rng.integers(size - width + 1)
        masked[(slice(None),) * axis + (slice(start, start + width),)] = levels.mean()
    return masked


AUGMENTATIONS = {
    "spy_cnn": partial(altered_features, share=0.2),
    "spy_vit": partial(altered_features, share=0.05),
}
"""Name → (waveform, front end, generator) → features; the shares are the published ones."""
