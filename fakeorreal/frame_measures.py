"""What the rows of `features.FrameMel` say without a network: how loud a frame is, how sharp an edge."""

import numpy as np

_SIDE, _SEAM = 5, 2
"""Rows of 10 ms that are averaged on each side of an edge, and that lie between them: the cross-fade of a seam."""


def frame_level(rows):
    """Level of each frame of 20 ms.

    Args:
        rows: of ``FrameMel``, dB, shape (rows of 10 ms, bands).

    Returns:
        dB, shape (frames,).
    """
    power = (10 ** (rows / 10)).sum(axis=1)
    return 10 * np.log10(power.reshape(-1, 2).mean(axis=1))


def edge_sharpness(rows, regions):
    """How far the spectrum jumps at the two edges of a region, in usual steps of the clip.

    A step is the distance, root mean square over bands, of the mean spectra of 50 ms before and after a point, with
    20 ms between them; the usual one is the median over the clip.

    Args:
        rows: of ``FrameMel``, dB, shape (rows of 10 ms, bands), to the end of the clip and no further.
        regions: start and end in seconds, shape (regions, 2).

    Returns:
        shape (regions,): the mean of both edges; 1 is what is usual. An edge too near to an end of the clip does not
        count; NaN where neither does.
    """
    sums = np.cumsum(np.pad(rows.astype(float), ((1, 0), (0, 0))), axis=0)
    means = (sums[_SIDE:] - sums[:-_SIDE]) / _SIDE
    steps = np.sqrt(np.mean((means[_SIDE + _SEAM :] - means[: -_SIDE - _SEAM]) ** 2, axis=1))
    # the new samples begin with the region, before which the seam lies; behind its end it is the other way round
    places = np.round(np.asarray(regions) * 100).astype(int) - np.array([_SIDE + _SEAM, _SIDE])
    inside = (places >= 0) & (places < len(steps))
    jumps = np.where(inside, steps[np.clip(places, 0, len(steps) - 1)], 0)
    with np.errstate(invalid="ignore"):  # NaN where neither edge counts
        return jumps.sum(axis=1) / inside.sum(axis=1) / np.median(steps)
