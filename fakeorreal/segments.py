"""Localisation: regions from the scores of frames, and how well regions and scores agree with the truth.

Truth and what was found are tables of regions, see `fakeorreal.corpora.region_labels.make_regions`; ``seconds`` is a
Series from clip to duration and says which clips count, those without regions too. Frame k of a clip is
[k·hop, (k+1)·hop); its score is a logit, higher = fake.

Counts come first, one row per clip, rates from their sums: ``f1(segment_table(…, resolution=1.0))``. With the weights
of `fakeorreal.metrics.bootstrap` the same rates give intervals over groups.
"""

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from fakeorreal import metrics
from fakeorreal.corpora.region_labels import make_regions
from fakeorreal.errors import FakeOrRealError
from fakeorreal.frame_regions import HOP, Region, finite, frames_in, overlapped, regions_of

_EXACT = 1e-9  # s
_NONE = np.empty((0, 2))


def found_regions(scores, seconds, threshold, **options):
    """`regions_of` for many clips, as a table.

    Args:
        scores: dict from clip to logits of its frames, shape (frames,).
        seconds: Series from clip to duration.
        threshold: logit.
        **options: ``hop, median, gap, least`` of `regions_of`.

    Returns:
        DataFrame ``clip, start, end, confidence``, see `fakeorreal.corpora.region_labels.make_regions`.

    Raises:
        FakeOrRealError: as `regions_of`.
    """
    rows = [
        {"clip": clip, **region._asdict()}
        for clip, frames in scores.items()
        for region in regions_of(frames, threshold, seconds=seconds[clip], **options)
    ]
    return make_regions(pd.DataFrame(rows, columns=["clip", *Region._fields]), seconds)


def everything(seconds):
    """The baseline that calls all of every clip fake.

    Args:
        seconds: Series from clip to duration.

    Returns:
        DataFrame of regions, one for each clip that is not empty.
    """
    heard = seconds[seconds > 0]
    return make_regions({"clip": heard.index, "start": 0.0, "end": heard.to_numpy()})


def clip_scores(scores):
    """The score of a clip: the highest of its frames.

    Args:
        scores: dict from clip to logits of its frames, shape (frames,).

    Returns:
        Series from clip to logit.

    Raises:
        FakeOrRealError: a clip without frames, or a score that is not finite.
    """
    return pd.Series({clip: finite(frames).max() for clip, frames in scores.items()}, name="score", dtype=float)


def segment_table(truth, found, seconds, *, resolution):
    """Counts of segments: a clip is cut into equal segments, and one counts as fake when any region overlaps it.

    A last segment that is cut short by the end of the clip counts like the others.

    Args:
        truth: regions that are fake.
        found: regions that are called fake.
        seconds: Series from clip to duration.
        resolution: seconds of a segment; 1.0 and 0.02 are usual.

    Returns:
        DataFrame ``clip, tp, fp, fn, tn``, one row per clip of ``seconds``, in its order.

    Raises:
        FakeOrRealError: regions of a clip that ``seconds`` does not have, or behind its end.

    Source:
        Mesaros, Heittola and Virtanen (2016), "Metrics for Polyphonic Sound Event Detection", Applied Sciences
        6(6):162: segment-based, as the overall F-score of their sed_eval.
    """
    rows = []
    for clip, true, called in _paired(truth, found, seconds):
        n = frames_in(seconds[clip], resolution)
        true, called = (overlapped(regions, n, resolution) for regions in (true, called))
        rows.append(
            (clip, (true & called).sum(), (called & ~true).sum(), (true & ~called).sum(), (~true & ~called).sum())
        )
    return pd.DataFrame(rows, columns=["clip", "tp", "fp", "fn", "tn"])


def event_table(truth, found, seconds, *, collar=0.25):
    """Counts of regions found whole: onset within the collar, offset within the collar or half the true length.

    One found region answers for one true one; of all ways to pair them the one with the most pairs counts.

    Args:
        truth: regions that are fake.
        found: regions that are called fake.
        seconds: Series from clip to duration.
        collar: seconds.

    Returns:
        DataFrame ``clip, tp, fp, fn``, one row per clip of ``seconds``, in its order.

    Raises:
        FakeOrRealError: as `segment_table`.

    Source:
        Mesaros, Heittola and Virtanen (2016): event-based; the rule for the offset is the default of sed_eval.
    """
    rows = []
    for clip, true, called in _paired(truth, found, seconds):
        away = np.abs(true[:, None] - called)  # true, called, onset and offset
        allowed = np.maximum(collar, (true[:, 1] - true[:, 0]) / 2)[:, None]
        fits = (away[..., 0] <= collar + _EXACT) & (away[..., 1] <= allowed + _EXACT)
        tp = int(fits[linear_sum_assignment(fits, maximize=True)].sum())
        rows.append((clip, tp, len(called) - tp, len(true) - tp))
    return pd.DataFrame(rows, columns=["clip", "tp", "fp", "fn"])


def duration_table(truth, found, seconds):
    """Seconds that are fake and called so, and the other three; no grid is laid over them.

    Args:
        truth: regions that are fake.
        found: regions that are called fake.
        seconds: Series from clip to duration.

    Returns:
        DataFrame ``clip, tp, fp, fn, tn`` in seconds, one row per clip of ``seconds``, in its order.

    Raises:
        FakeOrRealError: as `segment_table`.
    """
    rows = []
    for clip, true, called in _paired(truth, found, seconds):
        tp = np.diff(_covered(true, called), axis=1).sum()
        fp, fn = (np.diff(regions, axis=1).sum() - tp for regions in (called, true))
        rows.append((clip, tp, fp, fn, seconds[clip] - tp - fp - fn))
    return pd.DataFrame(rows, columns=["clip", "tp", "fp", "fn", "tn"]).round({"tp": 9, "fp": 9, "fn": 9, "tn": 9})


def f1(table, weights=None):
    """F1 of fake over all clips: their counts are summed first.

    Args:
        table: of `segment_table`, `event_table` or `duration_table`.
        weights: times each clip counts, shape (clips,) or (b, clips); None for once each.

    Returns:
        float in [0, 1], or shape (b,); NaN where nothing is fake and nothing was called so.
    """
    tp, fp, fn = _sums(table, weights)
    return _ratio(2 * tp, 2 * tp + fp + fn)


def iou(table, weights=None):
    """Intersection over union of what is fake and what is called so, over all clips.

    Args, Returns: as `f1`; of a `duration_table` it is that of total durations.
    """
    tp, fp, fn = _sums(table, weights)
    return _ratio(tp, tp + fp + fn)


def point_eer(truth, scores, weights=None, *, hop=HOP):
    """Equal error rate over frames; a frame counts as fake when any region overlaps it.

    Args:
        truth: regions that are fake.
        scores: dict from clip to logits of its frames, shape (frames,).
        weights: times each clip counts, in the order of ``scores``, shape (clips,) or (b, clips); None for once each.
        hop: seconds from frame to frame.

    Returns:
        float in [0, 1], or shape (b,).

    Raises:
        FakeOrRealError: regions of a clip that has no scores; frames of one class only; a score that is not finite.
    """

    def share(regions, frames):
        return overlapped(regions, frames, hop).astype(float)

    return _eer(truth, scores, weights, share)


def range_eer(truth, scores, weights=None, *, hop=HOP):
    """Equal error rate over time: missed seconds of fake against falsely called seconds of real.

    A frame that a boundary crosses counts for both classes, as much as it holds of each, so that the rate does not
    depend on where the grid of frames lies. The published algorithm searches for the threshold by bisection; here the
    rate is interpolated, as in `fakeorreal.metrics.eer`.

    Args, Returns, Raises: as `point_eer`.

    Source:
        Zhang, Wang, Cooper, Evans and Yamagishi (2023), "Range-Based Equal Error Rate for Spoof Localization",
        Interspeech, pp. 3212-3216.
    """

    def share(regions, frames):
        return np.diff(_covered(regions, np.arange(frames + 1) * hop)).round(9) / hop

    return _eer(truth, scores, weights, share)


def _eer(truth, scores, weights, share):
    """EER of frames that are fake by a share in [0, 1] and real by the rest."""
    regions = _by_clip(make_regions(truth))
    unknown = regions.keys() - scores.keys()
    if unknown:
        raise FakeOrRealError(f"every clip with regions must have scores. Received: none for {min(unknown)}.")
    clips = {clip: finite(frames) for clip, frames in scores.items()}
    fake = np.concatenate([share(regions.get(clip, _NONE), len(frames)) for clip, frames in clips.items()])
    logits = np.tile(np.concatenate([*clips.values()]), 2)
    owner = np.tile(np.repeat(np.arange(len(clips)), [len(frames) for frames in clips.values()]), 2)
    labels, shares = np.repeat([1, 0], len(fake)), np.concatenate([fake, 1 - fake])
    kept = np.flatnonzero(shares > _EXACT)
    kept = kept[np.argsort(-logits[kept], kind="stable")]  # sorted once: sorting it again costs little
    labels, logits, owner, shares = labels[kept], logits[kept], owner[kept], shares[kept]
    if weights is None:
        return metrics.eer(labels, logits, shares)
    weights = np.asarray(weights, float)
    rates = [metrics.eer(labels, logits, shares * row[owner]) for row in np.atleast_2d(weights)]
    return np.array(rates) if weights.ndim > 1 else rates[0]


def _paired(truth, found, seconds):
    """(clip, true regions, found regions) of every clip, regions of shape (n, 2)."""
    true, called = (_by_clip(make_regions(regions, seconds)) for regions in (truth, found))
    return ((clip, true.get(clip, _NONE), called.get(clip, _NONE)) for clip in seconds.index)


def _by_clip(regions):
    """Dict from clip to its regions, shape (n, 2), of a table in order."""
    clips, times = regions["clip"].to_numpy(), regions[["start", "end"]].to_numpy()
    firsts = np.flatnonzero(np.r_[True, clips[1:] != clips[:-1]][: len(clips)])
    return dict(zip(clips[firsts], np.split(times, firsts[1:]), strict=False))


def _covered(regions, times):
    """Seconds of the regions that lie before each time."""
    if not len(regions):
        return np.zeros(np.shape(times))
    before = np.cumsum(np.diff(regions, axis=1))
    return np.interp(times, regions.ravel(), np.column_stack([np.r_[0, before[:-1]], before]).ravel())


def _sums(table, weights):
    counts = table[["tp", "fp", "fn"]].to_numpy(float)
    return np.moveaxis(counts.sum(0) if weights is None else np.asarray(weights, float) @ counts, -1, 0)


def _ratio(part, whole):
    with np.errstate(invalid="ignore"):
        value = np.asarray(part / whole)
    return value.item() if value.ndim == 0 else value
