"""From scores of frames to regions: the settings, chosen on validation for a localiser and for baselines alike."""

import itertools
from typing import NamedTuple

import numpy as np

from fakeorreal import segments
from fakeorreal.frame_regions import filtered, frames_in, overlapped, regions_of

THRESHOLDS = 50
"""Quantiles of the frames of validation that are tried as threshold."""

MEDIANS, LEAST, GAPS = (1, 25), (0.0, 0.1), (0.0, 0.25, 0.5)
"""Frames of a median filter, and seconds of the shortest region and of the shortest gap, that are tried."""

NEAR = 0.5
"""Points below the best F1 that are no difference: among such settings whole regions decide."""

HARDER = 0.5
"""Share of the methods of validation that the choice goes by, those found worst: a method never heard is not among the
easy ones. What is best for all of them together calls too little of it."""

RESOLUTION = 1.0
"""Seconds of the segments that the choice goes by."""


class Calling(NamedTuple):
    """How frames become regions, see `frame_regions.regions_of`; and its F1 of segments and of whole regions."""

    threshold: float
    median: int
    least: float
    gap: float
    f1: float
    f1_event: float


def choose_calling(frames, truth, seconds):
    """The threshold, filter, shortest region and gap of the best mean F1 of segments over the harder methods.

    The F1 of a method counts its clips, and of what is wrongly called in real clips the share that falls to as many.
    Among settings of about the same mean the highest F1 of whole regions decides.

    Args:
        frames: dict from clip to scores of its frames.
        truth: regions that are fake, with their ``method``.
        seconds: Series from clip to duration, of validation clips.

    Returns:
        Calling, its rates those of all clips together; among equals the one that calls the fewest seconds, then the
        first.
    """
    truth = truth[truth["clip"].isin(seconds.index)]
    frames = {clip: frames[clip] for clip in seconds.index}
    grid, counts = _counts(frames, truth, seconds)
    rates = _harder(counts, truth, seconds)
    best = None
    for k in np.flatnonzero(rates >= rates.max() - NEAR):
        hit, fake, called = counts[k].sum(axis=0)
        calling = Calling(*grid[k], float(200 * hit / max(fake + called, 1)), np.nan)
        found = found_regions(frames, seconds, calling)
        event = 100 * segments.f1(segments.event_table(truth, found, seconds))
        rank = (event, -(found["end"] - found["start"]).sum())
        if best is None or rank > best[0]:
            best = rank, calling._replace(f1_event=event)
    return best[1]


def found_regions(frames, seconds, calling):
    """What a calling makes of frames, see ``segments.found_regions``.

    Args:
        frames: dict from clip to scores of its frames.
        seconds: Series from clip to duration, of the clips to judge.
        calling: a ``Calling``.
    """
    kept = {clip: frames[clip] for clip in seconds.index}
    settings = {"median": calling.median, "least": calling.least, "gap": calling.gap}
    return segments.found_regions(kept, seconds, calling.threshold, **settings)


def _counts(frames, truth, seconds):
    """Segments that are hit, fake and called in every clip at every setting, as those of ``segments.segment_table``.

    Hundreds of such tables would take minutes.

    Returns:
        (settings, counts): tuples of threshold, median, least and gap, and integers of shape (settings, clips, 3).
    """
    levels = np.unique(np.quantile(np.concatenate([*frames.values()]), np.linspace(0, 0.99, THRESHOLDS)))
    settings = list(itertools.product(levels, MEDIANS, LEAST, GAPS))
    spans = {clip: rows[["start", "end"]].to_numpy() for clip, rows in truth.groupby("clip")}
    counts = np.empty((len(settings), len(frames), 3), int)
    for k, (clip, scores) in enumerate(frames.items()):
        lasts = seconds[clip]
        n, of_clip = (
            frames_in(lasts, RESOLUTION),
            {median: filtered(scores, median, seconds=lasts) for median in MEDIANS},
        )
        true = overlapped(spans.get(clip, np.empty((0, 2))), n, RESOLUTION)
        for j, (threshold, median, least, gap) in enumerate(settings):
            found = regions_of(of_clip[median], threshold, seconds=lasts, least=least, gap=gap)
            called = overlapped(np.array([region[:2] for region in found]).reshape(-1, 2), n, RESOLUTION)
            counts[j, k] = (called & true).sum(), true.sum(), called.sum()
    return settings, counts


def _harder(counts, truth, seconds):
    """Mean F1 in per cent over the harder methods at every setting, from counts of shape (settings, clips, 3)."""
    methods = truth.drop_duplicates("clip").set_index("clip")["method"].reindex(seconds.index)
    names, real = sorted(methods.dropna().unique()), methods.isna().to_numpy()
    false = counts[:, real, 2].sum(axis=1) / max(real.sum(), 1)
    found = []
    for name in names:
        of_method = (methods == name).to_numpy()
        hit, fake, called = np.moveaxis(counts[:, of_method].sum(axis=1), -1, 0)
        found.append(200 * hit / np.maximum(fake + called + of_method.sum() * false, 1))
    found = np.array(found)
    hardest = np.argsort(found.max(axis=1), kind="stable")[: int(np.ceil(HARDER * len(names)))]
    return found[hardest].mean(axis=0)
