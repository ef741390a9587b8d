"""Channels by name, as a row of a corpus states them, each seeded by the name of its clip."""

from fakeorreal import channels
from fakeorreal.augmentation import random_channel
from fakeorreal.errors import FakeOrRealError
from fakeorreal.ladders import RUNGS


def _noise(y, *, sr, rng):
    return channels.add_noise(y, snr=rng.uniform(10, 30), tilt=rng.uniform(0, 6), rng=rng)


def _mp3(y, *, sr, rng):
    return channels.mp3(y, sr=sr)


def _band(y, *, sr, rng):
    return channels.band_limit(y, sr=sr, low=rng.uniform(50, 300), high=rng.uniform(3000, 7500))


_AUGMENT = {"noise": _noise, "mp3": _mp3, "band": _band, "room": channels.apply_room}
AUGMENTATIONS = tuple(_AUGMENT)
"""Names of the channels that the augmented training data of the study draws from, for both classes alike."""


CONDITIONS = ("mp3-64k", "opus-24k", "telephone", "noise-15dB")
"""Names of the channels that a detector is tested under: MPEG layer III at 64 kbit/s, Opus at 24 kbit/s, the telephone
(8 kHz, 300 to 3400 Hz, G.711 mu-law), and pink noise at a signal-to-noise ratio of 15 dB over the whole clip."""


def _resynthesis(y, *, sr, rng):
    from fakeorreal.synthesis.resynthesis import resynthesise  # brings librosa along

    return resynthesise(y, sr=sr, rng=rng)


def _resynthesis_random(y, *, sr, rng):
    return random_channel(_resynthesis(y, sr=sr, rng=rng), sr=sr, rng=rng)


_TRAINING = {
    "random": random_channel,
    "resynthesis": _resynthesis,
    "resynthesis+random": _resynthesis_random,
}
"""What the shipped detector is trained on beside the clips themselves; the last two turn real clips into fakes."""


def apply_channel(y, *, sr, name, key):
    """Send a clip through a named channel.

    Args:
        y: float32, shape (n,).
        sr: rate in Hz.
        name: one of ``AUGMENTATIONS``; a rung of ``ladders.LADDERS``, ``CONDITIONS`` among them; or ``random`` (see
            `augmentation.random_channel`), ``resynthesis`` (see `synthesis.resynthesis.resynthesise`) or
            ``resynthesis+random``.
        key: text that seeds the random parameters, such as the clip's name.

    Returns:
        float32, shape (n,); fewer where the name is of trimming or of a higher speed, more for a lower one.

    Raises:
        FakeOrRealError: unknown name.
    """
    known = {**_AUGMENT, **_TRAINING, **RUNGS}
    if name not in known:
        names = ", ".join([*_AUGMENT, *CONDITIONS, *_TRAINING])
        raise FakeOrRealError(f"`name` must be one of {names} or a rung of `ladders.LADDERS`. Received: {name!r}.")
    return known[name](y, sr=sr, rng=channels.seeded(f"{name}:{key}"))
