"""Between regions and frames: what a localiser needs to say where, and to learn it."""

from typing import NamedTuple

import numpy as np
from scipy.ndimage import median_filter
from scipy.special import expit

from fakeorreal.errors import FakeOrRealError

HOP = 0.02
"""Seconds from frame to frame."""

_GRID = 1e-7  # of a frame: 0.14 / 0.02 is a little more than 7
_EXACT = 1e-9  # s


class Region(NamedTuple):
    """A stretch [start, end) in seconds that looks fake, and the mean probability of fake of its frames."""

    start: float
    end: float
    confidence: float


def regions_of(scores, threshold, *, seconds=np.inf, hop=HOP, median=1, gap=0.0, least=0.0):
    """Regions of one clip from the scores of its frames: filter, threshold, close gaps, drop what is short, in order.

    Args:
        scores: logits of fake, shape (frames,).
        threshold: a frame is called fake when its filtered score >= threshold.
        seconds: duration of the clip; what lies behind is left out.
        hop: seconds from frame to frame.
        median: frames that the median filter spans, odd; 1 for none.
        gap: seconds; shorter gaps between regions are closed.
        least: seconds; shorter regions are dropped.

    Returns:
        list of `Region`, in order, at least a frame apart.

    Raises:
        FakeOrRealError: no score or one that is not finite; an even median.
    """
    called = filtered(scores, median, seconds=seconds, hop=hop) >= threshold
    scores = finite(scores)
    edges = np.flatnonzero(np.diff(called, prepend=False, append=False))
    starts, ends = edges[::2], edges[1::2]
    apart = (starts[1:] - ends[:-1]) * hop > gap - _EXACT
    starts, ends = starts[np.r_[True, apart][: len(starts)]], ends[np.r_[apart, True][: len(ends)]]
    long = (ends - starts) * hop > least - _EXACT
    return [
        Region(
            round(float(start * hop), 6),
            min(round(float(end * hop), 6), seconds),
            expit(scores[start:end]).mean().item(),
        )
        for start, end in zip(starts[long], ends[long], strict=True)
    ]


def filtered(scores, median, *, seconds=np.inf, hop=HOP):
    """Scores of the frames that begin before the clip ends, after the median filter; all as in `regions_of`."""
    if median < 1 or median % 2 == 0:
        raise FakeOrRealError(f"`median` must be odd, 1 for no filter. Received: {median!r}.")
    scores = finite(scores)
    if seconds < np.inf:
        scores = scores[: frames_in(seconds, hop)]
    return median_filter(scores, median, mode="nearest")


def frames_in(seconds, hop=HOP):
    """How many frames begin within so many seconds."""
    return int(np.ceil(seconds / hop - _GRID))


def overlapped(regions, n, resolution=HOP):
    """Which of the first n segments, or frames, any region overlaps.

    Args:
        regions: start and end in seconds, shape (regions, 2).
        n: segments.
        resolution: seconds of one.

    Returns:
        bool, shape (n,).
    """
    active = np.zeros(n, bool)
    for first, stop in zip(
        np.floor(regions[:, 0] / resolution + _GRID).astype(int),
        np.ceil(regions[:, 1] / resolution - _GRID).astype(int),
        strict=True,
    ):
        active[first:stop] = True
    return active


def finite(scores):
    """Scores of frames as float64, or a FakeOrRealError: none, of another shape, or one that is not finite."""
    scores = np.asarray(scores, float)
    if scores.ndim != 1 or not len(scores) or not np.isfinite(scores).all():
        raise FakeOrRealError(
            f"`scores` must be finite logits, one for each of at least one frame. Received: shape {scores.shape}, "
            f"{(~np.isfinite(scores)).sum()} not finite."
        )
    return scores
