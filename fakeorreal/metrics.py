"""Numbers from saved scores: EER, AUC, rates at a threshold, and intervals over groups.

Labels are real = 0, fake = 1; a score is a logit, higher = fake; a clip is called fake when score >= threshold.
Scalars are fractions in [0, 1]; ``breakdown``, a table, holds per cent.

The equal error rate is read off the ROC by linear interpolation. Rules that take the nearest point, or average
neighbours, are wrong for the near-perfect and saturated scores that are common here.
"""

from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import pandas as pd

from fakeorreal.errors import FakeOrRealError

_BLOCK = 1_000_000  # weights held at once by the bootstrap: about 8 MB an array


class Interval(NamedTuple):
    """A bootstrap interval and the number of resamples that held both classes, which it rests on."""

    low: float
    high: float
    resamples: int


def eer(labels, scores, weights=None):
    """Equal error rate: where the miss rate equals the false-alarm rate on the linearly interpolated ROC.

    Perfect, constant and inverted scores give 0.0, 0.5 and 1.0.

    Args:
        labels: 0 real, 1 fake, shape (n,).
        scores: logits of fake, shape (n,).
        weights: times each clip counts, shape (n,) or (b, n); None for once each.

    Returns:
        float in [0, 1], or shape (b,) for weights of shape (b, n).

    Raises:
        FakeOrRealError: lengths differ, a class is missing, a label is not 0/1, a score is not finite.
    """
    fpr, tpr, _ = _roc(labels, scores, weights)
    k, t = _crossing(fpr, tpr)
    before, after = (np.take_along_axis(fpr, i[..., None], -1)[..., 0] for i in (k - 1, k))
    return _plain(before + t * (after - before))


def eer_threshold(labels, scores):
    """Score threshold at the EER; call it on *validation* scores only.

    Every ROC point stands for a gap between neighbouring scores; the threshold is interpolated between the
    middles of the two gaps around the EER, so that for separated classes it lies midway between them.

    Args:
        labels: 0 real, 1 fake, shape (n,).
        scores: logits of fake, shape (n,).

    Returns:
        float, finite, in the unit of the scores.

    Raises:
        FakeOrRealError: as ``eer``.
    """
    fpr, tpr, steps = _roc(labels, scores)
    k, t = _crossing(fpr, tpr)
    edges = np.concatenate([steps[:1], steps, steps[-1:]])  # no gap above the highest score, none below the lowest
    middles = edges[:-1] / 2 + edges[1:] / 2
    return float((1 - t) * middles[k - 1] + t * middles[k])


def auc(labels, scores, weights=None):
    """Area under the ROC: the chance that a fake scores above a real clip, ties counting half.

    Args, Returns, Raises: as ``eer``.
    """
    fpr, tpr, _ = _roc(labels, scores, weights)
    return _plain((np.diff(fpr) * (tpr[..., 1:] + tpr[..., :-1]) / 2).sum(-1))


def det(labels, scores):
    """Detection error trade-off, one point per distinct score, from (0, 1) to (1, 0).

    Args:
        labels: 0 real, 1 fake, shape (n,).
        scores: logits of fake, shape (n,).

    Returns:
        (fpr, fnr), each shape (distinct scores + 1,), finite: real called fake, fake called real.

    Raises:
        FakeOrRealError: as ``eer``.
    """
    fpr, tpr, _ = _roc(labels, scores)
    return fpr, 1 - tpr


def confusion(labels, scores, threshold):
    """Counts at a threshold, fake being the positive class.

    Args:
        labels: 0 real, 1 fake, shape (n,).
        scores: logits of fake, shape (n,).
        threshold: a clip is called fake when score >= threshold.

    Returns:
        dict of int: ``tp`` and ``fn`` (fakes), ``fp`` and ``tn`` (real clips).

    Raises:
        FakeOrRealError: as ``eer``.
    """
    labels, scores = checked(labels, scores)
    called = scores >= threshold
    fake = labels == 1
    counts = {"tp": called & fake, "fn": ~called & fake, "fp": called & ~fake, "tn": ~called & ~fake}
    return {name: int(mask.sum()) for name, mask in counts.items()}


def rates(components):
    """Rates from the counts of ``confusion``.

    Args:
        components: dict with ``tp, fn, fp, tn``; both classes must be there.

    Returns:
        dict of fractions: ``accuracy, balanced_accuracy, f1`` (of fake), ``accuracy_real, accuracy_fake``.
    """
    tp, fn, fp, tn = (components[name] for name in ("tp", "fn", "fp", "tn"))
    real, fake = tn / (tn + fp), tp / (tp + fn)
    return {
        "accuracy": (tp + tn) / (tp + fn + fp + tn),
        "balanced_accuracy": (real + fake) / 2,
        "f1": 2 * tp / (2 * tp + fp + fn),
        "accuracy_real": real,
        "accuracy_fake": fake,
    }


def bootstrap(metric, labels, scores, groups, *, n=1000, seed=0, level=0.95):
    """Percentile interval of a metric under resampling of whole groups with replacement.

    Clips of one source utterance are not independent, so groups are drawn, not clips. Resamples that hold one
    class only have no EER; they are skipped, and ``resamples`` says how many remained.

    Args:
        metric: called as ``metric(labels, scores, weights)`` with weights of shape (b, n_clips); gives shape (b,).
            ``eer`` and ``auc`` qualify.
        labels: 0 real, 1 fake, shape (n_clips,).
        scores: handed to ``metric`` as it is; shape (n_clips,) for ``eer`` and ``auc``.
        groups: source utterance of each clip, shape (n_clips,).
        n: resamples to draw.
        seed: of the draw.
        level: coverage, in (0, 1).

    Returns:
        Interval(low, high, resamples).

    Raises:
        FakeOrRealError: lengths differ, fewer than 2 groups, or no resample holds both classes.
    """
    labels = np.asarray(labels)
    names, members = np.unique(np.asarray(groups), return_inverse=True)
    if len(members) != len(labels):
        raise FakeOrRealError(
            f"`groups` must name one group per clip. Received: {len(members)} groups for {len(labels)} labels."
        )
    if len(names) < 2:
        raise FakeOrRealError(f"a bootstrap needs at least 2 groups. Received: {len(names)}. Score more clips.")
    draws = np.random.default_rng(seed).integers(len(names), size=(n, len(names)))
    times = np.stack([np.bincount(draw, minlength=len(names)) for draw in draws])
    values = []
    for block in np.array_split(times, max(1, n * len(labels) // _BLOCK)):
        weights = block[:, members].astype(float)
        both = (weights[:, labels == 0].sum(1) > 0) & (weights[:, labels == 1].sum(1) > 0)
        if both.any():
            values.append(metric(labels, scores, weights[both]))
    if not values:
        raise FakeOrRealError(f"none of {n} resamples holds both classes. Score more groups of the rarer class.")
    values = np.concatenate(values)
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high), len(values))


def evaluate(testing, validation):
    """Metrics of one run on its test scores, at the EER threshold of its validation scores.

    Args:
        testing: scores table of one system, seed and number of epochs, split ``testing``.
        validation: its scores table on the split ``validation``.

    Returns:
        dict: ``accuracy, balanced_accuracy, eer, auc, f1, accuracy_real, accuracy_fake`` (fractions),
        ``threshold`` (logit), ``n_clips, n_groups``.

    Raises:
        FakeOrRealError: several runs mixed in one table, test clips among the validation scores, or as ``eer``.
    """
    for name, table in (("testing", testing), ("validation", validation)):
        if table["clip"].duplicated().any():
            clip = table.loc[table["clip"].duplicated(), "clip"].iloc[0]
            raise FakeOrRealError(
                f"`{name}` must hold the scores of one run. Received: clip {clip!r} more than once. "
                "Select one system, dataset, epochs and seed."
            )
    if (validation["split"] == "testing").any():
        raise FakeOrRealError("`validation` holds clips of the testing split. Choose thresholds on validation scores.")
    labels, scores = testing["label"], testing["score"]
    threshold = eer_threshold(validation["label"], validation["score"])
    return {
        **rates(confusion(labels, scores, threshold)),
        "eer": eer(labels, scores),
        "auc": auc(labels, scores),
        "threshold": threshold,
        "n_clips": len(testing),
        "n_groups": int(testing["group"].nunique()),
    }


def summarise(testing, validation):
    """``evaluate`` with the 95 % bootstrap interval of the EER, as ``eer_low`` and ``eer_high``.

    Args, Raises: as ``evaluate`` and ``bootstrap``.
    """
    interval = bootstrap(eer, testing["label"], testing["score"], testing["group"])
    return {**evaluate(testing, validation), "eer_low": interval.low, "eer_high": interval.high}


def breakdown(testing, threshold, by):
    """Accuracy for each value of a column, real and fake apart, with a TOTAL row for each label at the end.

    Args:
        testing: scores table of one run.
        threshold: logit, chosen on validation scores.
        by: column, such as ``generator``, ``language`` or ``speaker``.

    Returns:
        DataFrame with ``by, label, accuracy, accuracy_low, accuracy_high, n_clips``: per cent, with the Wilson
        95 % interval, which takes the clips of a row as independent.

    Raises:
        FakeOrRealError: the table has no column ``by``.
    """
    if by not in testing:
        raise FakeOrRealError(
            f"`by` must be a column of the scores. Received: {by!r}. There are: {', '.join(testing)}."
        )
    right = (testing["score"] >= threshold) == (testing["label"] == 1)
    counts = pd.concat(
        [
            right.groupby([values, testing["label"]]).agg(["sum", "size"]).reset_index()
            for values in (testing[by], pd.Series("TOTAL", testing.index, name=by))
        ],
        ignore_index=True,
    )
    low, high = wilson(counts["sum"].to_numpy(), counts["size"].to_numpy())
    return counts[[by, "label"]].assign(
        accuracy=100 * counts["sum"] / counts["size"],
        accuracy_low=100 * low,
        accuracy_high=100 * high,
        n_clips=counts["size"],
    )


def wilson(right, n, *, level=0.95):
    """Wilson score interval of a proportion (Wilson 1927, JASA 22:209).

    Args:
        right: successes, int or shape (k,).
        n: trials, the same shape, > 0.
        level: coverage, in (0, 1).

    Returns:
        (low, high), fractions of the same shape.
    """
    z = NormalDist().inv_cdf((1 + level) / 2)
    p = right / n
    centre = p + z**2 / (2 * n)
    half = z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    scale = 1 + z**2 / n
    low, high = (centre - half) / scale, (centre + half) / scale
    return np.clip(low, 0, p), np.clip(high, p, 1)  # at 0 and 1 rounding would leave p a little outside


def checked(labels, scores):
    """Labels and scores as arrays, shape (n,), or a FakeOrRealError that says what is wrong with them; see ``eer``."""
    labels, scores = np.asarray(labels), np.asarray(scores, float)
    if labels.ndim != 1 or labels.shape != scores.shape:
        raise FakeOrRealError(
            f"`labels` and `scores` must be as long as each other. Received: {labels.shape} and {scores.shape}."
        )
    if not np.isin(labels, (0, 1)).all():
        raise FakeOrRealError(f"a label must be 0 (real) or 1 (fake). Received: {np.unique(labels).tolist()[:5]}.")
    if not np.isfinite(scores).all():
        raise FakeOrRealError(
            f"scores must be finite. Received: {(~np.isfinite(scores)).sum()} of {len(scores)} that are not. "
            "Train or score the system again."
        )
    for label, name in enumerate(("real", "fake")):
        if not (labels == label).any():
            raise FakeOrRealError(f"no clip of {len(labels)} is {name}. Score clips of both classes.")
    return labels.astype(int), scores


def _roc(labels, scores, weights=None):
    """(fpr, tpr, distinct scores from high to low); the curves start at (0, 0), shape (..., distinct + 1)."""
    labels, scores = checked(labels, scores)
    weights = np.ones(len(labels)) if weights is None else np.asarray(weights, float)
    if weights.shape[-1] != len(labels):
        raise FakeOrRealError(f"`weights` must end in one per clip, {len(labels)}. Received: shape {weights.shape}.")
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)  # last clip of each run of ties
    curves = []
    for label in (0, 1):
        passed = np.cumsum(weights[..., order] * (labels[order] == label), axis=-1)[..., ends]
        if not (passed[..., -1] > 0).all():
            raise FakeOrRealError("`weights` leave a class without any clip. Give both classes some weight.")
        curves.append(np.concatenate([np.zeros_like(passed[..., :1]), passed / passed[..., -1:]], axis=-1))
    return *curves, scores[order][ends]


def _crossing(fpr, tpr):
    """Index of the first ROC point at or past fpr = fnr, and the place in (0, 1] between it and the one before."""
    excess = fpr - (1 - tpr)  # rises from -1 to 1
    k = np.argmax(excess >= 0, axis=-1)
    before, after = (np.take_along_axis(excess, i[..., None], -1)[..., 0] for i in (k - 1, k))
    return k, before / (before - after)


def _plain(value):
    return value.item() if value.ndim == 0 else value
