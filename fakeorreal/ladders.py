"""Ladders: one kind of damage in steps, from what hardly harms a detector to what it cannot get over.

Every rung is a channel with a name (see ``named_channels.apply_channel``), and the same for real and fake clips.
"""

import functools
from typing import NamedTuple

import numpy as np

from fakeorreal import channels
from fakeorreal.audio import resample

_CLEAN = "clean"
_MPEG_2 = 160  # kbit/s, the most that MP3 has at 16 kHz
_DISTANCE = 2.0  # metres, where what the walls send is as loud as the direct sound


class Ladder(NamedTuple):
    """One kind of damage.

    Attributes:
        axis: what the values are, with their unit.
        rungs: (value, name of the channel) in the order of the values, which are numbers or words; where the clip stays
            as it is, the value is ``clean`` and the name None.
    """

    axis: str
    rungs: tuple


def _mp3(y, *, sr, rng, value):
    rate = sr if value <= _MPEG_2 else 44100
    sent = channels.at_bit_rate(resample(y, sr_from=sr, sr_to=rate), sr=rate, codec="mp3", bit_rate=1000 * value)
    return channels.to_length(resample(sent, sr_from=rate, sr_to=sr), len(y))


def _opus(y, *, sr, rng, value):
    return channels.at_bit_rate(y, sr=sr, codec="opus", bit_rate=1000 * value)


def _aac(y, *, sr, rng, value):
    return channels.at_bit_rate(y, sr=sr, codec="aac", bit_rate=1000 * value)


def _vorbis(y, *, sr, rng, value):
    return channels.vorbis(y, sr=sr, quality=value)


def _telephony(y, *, sr, rng, value):
    if value == "telephone":
        return channels.telephone_call(y, sr=sr)
    if value == "mu-law":
        return channels.mu_law(y)
    sent = channels.g722(resample(y, sr_from=sr, sr_to=16000))
    return channels.to_length(resample(sent, sr_from=16000, sr_to=sr), len(y))


def _low_pass(y, *, sr, rng, value):
    return channels.low_pass(y, sr=sr, frequency=value)


def _high_pass(y, *, sr, rng, value):
    return channels.high_pass(y, sr=sr, frequency=value)


def _noise(y, *, sr, rng, value):
    return channels.add_noise(y, snr=value, tilt=3, rng=rng)  # pink; over the whole clip


def _room(y, *, sr, rng, value):
    return channels.in_room(y, channels.room_response(sr=sr, reverberation_time=value, distance=_DISTANCE, rng=rng))


def _resampled(y, *, sr, rng, value):
    return channels.through_rate(y, sr=sr, rate=value)


def _gain(y, *, sr, rng, value):
    return channels.amplify(y, gain=value)


def _clipped(y, *, sr, rng, value):
    return channels.clip_peaks(y, depth=value)


def _first(y, *, sr, rng, value):
    return np.array(y[: round(value * sr)], np.float32)


def _speed(y, *, sr, rng, value):
    return channels.change_speed(y, sr=sr, factor=value)


_FAMILIES = {  # axis, names of the rungs, what they do, values
    "mp3": ("MP3 bit rate (kbit/s)", "mp3-{}k", _mp3, (16, 24, 32, 64, 128, 320, _CLEAN)),
    "opus": ("Opus bit rate (kbit/s)", "opus-{}k", _opus, (6, 8, 12, 16, 24, 32, 64, _CLEAN)),
    "vorbis": ("Vorbis quality (0 to 10)", "vorbis-q{}", _vorbis, (0, 2, 4, 6, 10, _CLEAN)),
    "aac": ("AAC bit rate (kbit/s)", "aac-{}k", _aac, (16, 24, 32, 48, 64, _CLEAN)),
    "telephony": ("telephony", "{}", _telephony, ("telephone", "mu-law", "g722", _CLEAN)),
    "low-pass": ("low-pass cut-off (Hz)", "lowpass-{}", _low_pass, (1000, 2000, 3000, 4000, 6000, _CLEAN)),
    "high-pass": ("high-pass cut-off (Hz)", "highpass-{}", _high_pass, (_CLEAN, 100, 200, 300, 500, 1000)),
    "noise": ("ratio of signal to noise (dB)", "noise-{}dB", _noise, (-5, 0, 5, 10, 15, 20, 30, _CLEAN)),
    "room": ("reverberation time (s)", "room-{}s", _room, (_CLEAN, 0.1, 0.3, 0.6, 1, 1.5)),
    "resampling": ("resampled at (Hz)", "resampled-{}", _resampled, (4000, 8000, 11025, 12000, 22050, 44100, _CLEAN)),
    "gain": ("gain (dB)", "gain-{}dB", _gain, (-40, -30, -20, -10, _CLEAN, 6, 12)),
    "clipping": ("clipped below the peak (dB)", "clipped-{}dB", _clipped, (_CLEAN, 3, 6, 12, 18, 24)),
    "trimming": ("beginning that is kept (s)", "first-{}s", _first, (0.5, 1, 1.5, 2, _CLEAN)),
    "speed": ("speed (times)", "speed-{}", _speed, (0.8, 0.9, 0.95, _CLEAN, 1.05, 1.1, 1.25)),
}


def _name(pattern, value):
    return None if value == _CLEAN else pattern.format(value).replace("--", "-minus-")


LADDERS = {
    family: Ladder(axis, tuple((value, _name(pattern, value)) for value in values))
    for family, (axis, pattern, _, values) in _FAMILIES.items()
}
"""The ladders by family.

Bit rates are constant, those of AAC nearly so. MP3 above 160 kbit/s exists at 32 kHz and more only, so that clips go
through it at 44.1 kHz. ``telephone`` is 8 kHz, 300 to 3400 Hz, G.711 mu-law; ``mu-law`` alone and G.722 keep 16 kHz.
Noise is pink. Rooms are heard from 2 m, where the walls are as loud as the source. Gain ends in 16 bits and clips.
Trimming keeps the beginning, of half a second at least, as ``Detector.predict`` needs it. All but trimming and speed
keep the length."""

RUNGS = {
    _name(pattern, value): functools.partial(channel, value=value)
    for _, pattern, channel, values in _FAMILIES.values()
    for value in values
    if value != _CLEAN
}
"""What each rung does by name: functions ``(y, *, sr, rng)``."""
