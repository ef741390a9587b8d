"""Key regions: the stretches of a clip that carry its sound, where an edit can be heard."""

import librosa
import numpy as np

from fakeorreal.channels import frame_level
from fakeorreal.errors import FakeOrRealError

FRAME = 0.01  # seconds; regions begin and end on this grid
_BELOW = 35.0  # dB below the 95th percentile of frame levels that count as silence, as in channels.remove_silence
_QUIETEST = -70.0  # dBFS that count as silence in any clip
_SOUNDING = 0.8  # share of a region that is no silence


def choose(y, *, sr, rng, count, seconds=(0.5, 4.0), margin=0.25, gap=0.25, untouched=0.5):
    """Draw regions where the level is high and sounds begin.

    Salience is the level of a frame, from silence (0) to the loudest (1), plus its onset strength (spectral flux,
    from 0 to 1). A length is drawn log-uniformly, and a place among the quarter of possible ones with the highest mean
    salience. Where a length finds no place, shorter ones are tried.

    Args:
        y: float32, shape (n,).
        sr: rate in Hz.
        rng: numpy Generator.
        count: regions wanted; where the clip has no place for so many there are fewer.
        seconds: shortest and longest region.
        margin: seconds at each end of the clip that stay untouched.
        gap: seconds between two regions.
        untouched: share of the clip that lies in no region.

    Returns:
        list of (start, end) in samples, sorted, half-open, at least one.

    Raises:
        FakeOrRealError: the clip is too short or too quiet for any region.
    """
    hop = round(FRAME * sr)
    sounding, salience = _salience(y, sr, hop)
    n = len(sounding)
    edge, apart = (int(np.ceil(length * sr / hop)) for length in (margin, gap))
    free = np.zeros(n, bool)
    free[edge : max(n - edge, edge)] = True
    shortest = int(np.ceil(seconds[0] * sr / hop))
    budget = int((1 - untouched) * n)
    regions = []
    for _ in range(count):
        length = min(round(np.exp(rng.uniform(*np.log(seconds))) * sr / hop), budget)
        while length >= shortest and not len(starts := _places(free, sounding, salience, length)):
            length = max(length * 3 // 4, shortest) if length > shortest else 0
        if length < shortest:
            break
        start = int(rng.choice(starts))
        regions.append((start * hop, (start + length) * hop))
        free[max(start - apart, 0) : start + length + apart] = False
        budget -= length
    if not regions:
        raise FakeOrRealError(
            f"a clip must hold {seconds[0]:g} s of sound that can be edited. Received: {len(y) / sr:.2f} s, "
            f"{sounding.mean() if n else 0:.0%} of it sounding. Leave it out."
        )
    return sorted(regions)


def _salience(y, sr, hop):
    """Which frames are no silence, and how salient each is; bool and float, shape (n // hop,)."""
    level = frame_level(y, sr=sr, seconds=hop / sr)
    if not len(level):
        return np.zeros(0, bool), np.zeros(0)
    loudest = np.percentile(level, 95)
    floor = max(loudest - _BELOW, _QUIETEST)
    onsets = librosa.onset.onset_strength(y=y, sr=sr, hop_length=hop, n_fft=1024)[: len(level)]
    loudness = np.clip((level - floor) / max(loudest - floor, 1.0), 0, 1)
    return level > floor, loudness + onsets / max(onsets.max(), 1e-9)


def _places(free, sounding, salience, length):
    """First frames of the quarter of possible regions that is most salient."""
    if length > len(free):
        return np.zeros(0, int)
    room, sound, weight = (
        np.lib.stride_tricks.sliding_window_view(x, length).mean(axis=1) for x in (free, sounding, salience)
    )
    possible = np.flatnonzero((room == 1) & (sound >= _SOUNDING))
    if not len(possible):
        return possible
    return possible[weight[possible] >= np.quantile(weight[possible], 0.75)]
