"""Scores that mean what they say: Platt and temperature scaling, how far scores are from it, and where to abstain.

A calibrated score is the natural-log likelihood ratio of fake to real, which is the log-odds of fake where both are
equally likely before listening. Every figure here therefore gives each class half of the weight, however many clips
of it there are.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from fakeorreal.errors import FakeOrRealError
from fakeorreal.metrics import checked

BINS = 10
"""Bins of the reliability diagram and of the ECE."""


class Platt(NamedTuple):
    """Calibrated score = scale * score + offset."""

    scale: float
    offset: float


class Unsure(NamedTuple):
    """Scores strictly between ``low`` and ``high`` get no verdict; ``share`` of the clips it was chosen on do so."""

    low: float
    high: float
    share: float


def platt(labels, scores):
    """Platt scaling: logistic regression on the score, both classes weighted to equal priors.

    The targets are those of Platt (1999): n + 1 of n + 2 clips of a class of n belong to it for certain. Without that
    the scale of separated classes would be infinite. Call it on *validation* scores only.

    Args:
        labels: 0 real, 1 fake, shape (n,).
        scores: any score that rises with fake, shape (n,).

    Returns:
        Platt(scale, offset), of the natural logarithm.

    Raises:
        FakeOrRealError: as ``metrics.eer``, or scores that do not rise with fake.
    """
    scale, offset = _logistic(labels, scores, intercept=True)
    return Platt(scale, offset)


def temperature(labels, scores):
    """What scores are divided by to be calibrated: one parameter, which moves no verdict at a threshold of 0.

    Fitted as `platt`, with its weights and targets. Call it on *validation* scores only.

    Args:
        labels: 0 real, 1 fake, shape (n,).
        scores: logits of fake, shape (n,).

    Returns:
        float, > 0: above 1 the scores were too sure, below 1 too timid.

    Raises:
        FakeOrRealError: as `platt`.

    Source: Guo et al. 2017, arXiv 1706.04599, section 4.2.
    """
    return 1 / _logistic(labels, scores, intercept=False)[0]


def _logistic(labels, scores, *, intercept):
    """(scale, offset) of the logistic regression on the score; the offset is 0 without an intercept."""
    labels, scores = checked(labels, scores)
    n = np.bincount(labels, minlength=2)
    certain = ((n + 1) / (n + 2))[labels]
    weights = _class_weights(labels)
    model = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-10, fit_intercept=intercept).fit(
        np.concatenate([scores, scores])[:, None],
        np.concatenate([labels, 1 - labels]),
        sample_weight=np.concatenate([weights * certain, weights * (1 - certain)]),
    )
    scale = float(model.coef_[0, 0])
    if scale <= 0:
        raise FakeOrRealError(f"scores must rise with fake. Received: a slope of {scale:.3g}. Check labels and sign.")
    return scale, float(np.ravel(model.intercept_)[0])


def cllr(labels, scores):
    """Cost of log-likelihood ratios in bits (Brümmer and du Preez 2006): 0 is perfect, 1 what scores of 0 cost.

    Args:
        labels: 0 real, 1 fake, shape (n,).
        scores: natural-log likelihood ratios, shape (n,).

    Raises:
        FakeOrRealError: as ``metrics.eer``.
    """
    return _cllr(*checked(labels, scores))


def min_cllr(labels, scores):
    """Cllr after the best rising map of the scores (pool adjacent violators): what calibration cannot mend.

    Args, Raises: as ``cllr``; only the order of the scores counts.
    """
    labels, scores = checked(labels, scores)
    fit = IsotonicRegression(out_of_bounds="clip")
    posterior = np.clip(fit.fit_transform(scores, labels, sample_weight=_class_weights(labels)), 0, 1)
    with np.errstate(divide="ignore"):  # a step that holds one class only has an infinite score, and costs nothing
        return _cllr(labels, logit(posterior))


def reliability(labels, scores, *, bins=BINS):
    """Probability of fake against what came true, in bins of as many clips each; equal scores share a bin.

    Args:
        labels: 0 real, 1 fake, shape (n,).
        scores: natural-log likelihood ratios, shape (n,).
        bins: at most that many; fewer where many scores are equal.

    Returns:
        DataFrame, a row per bin: ``probability`` (mean), ``fake`` (share of fakes), both with equal priors, ``weight``
        (they sum to 1) and ``n_clips``.

    Raises:
        FakeOrRealError: as ``metrics.eer``.
    """
    labels, scores = checked(labels, scores)
    edges = np.quantile(scores, np.arange(1, bins) / bins)
    table = pd.DataFrame({"weight": _class_weights(labels), "bin": np.searchsorted(edges, scores, side="right")})
    table["probability"] = table["weight"] * expit(scores)
    table["fake"] = table["weight"] * labels
    table["n_clips"] = 1
    table = table.groupby("bin").sum()
    means = table[["probability", "fake"]].div(table["weight"], axis=0)
    return pd.concat([means, table[["weight", "n_clips"]]], axis=1).reset_index(drop=True)


def ece(labels, scores, *, bins=BINS):
    """Expected calibration error: mean distance, over the bins of ``reliability``, of probability and share of fakes.

    Args, Raises: as ``reliability``.

    Returns:
        fraction in [0, 1].
    """
    table = reliability(labels, scores, bins=bins)
    return float((table["weight"] * (table["probability"] - table["fake"]).abs()).sum())


def unsure_band(labels, scores, threshold, *, error=0.05):
    """The smallest band around the threshold outside which few verdicts are wrong.

    The band is symmetric in log-odds, which is symmetric in probability for a threshold of 0. Outside it, at most
    ``error`` of the real clips that get a verdict are called fake, and at most ``error`` of the fakes real. Its edges
    lie midway between clips. Choose it on *validation* scores only.

    Args:
        labels: 0 real, 1 fake, shape (n,).
        scores: natural-log likelihood ratios, shape (n,).
        threshold: a clip is called fake when score >= threshold.
        error: largest share of wrong verdicts, of either class.

    Returns:
        Unsure(low, high, share); an empty band at the threshold where none is needed.

    Raises:
        FakeOrRealError: as ``metrics.eer``, or no band that leaves clips of both classes is enough.
    """
    labels, scores = checked(labels, scores)
    distance = np.abs(scores - threshold)
    order = np.argsort(distance, kind="stable")
    distance, labels = distance[order], labels[order]
    wrong = (scores[order] >= threshold) != (labels == 1)
    enough = np.diff(distance, prepend=-1.0) > 0  # equally distant clips are in or out together
    for label in (0, 1):
        left, wrong_left = (np.cumsum(mask[::-1])[::-1] for mask in (labels == label, wrong & (labels == label)))
        enough &= (left > 0) & (wrong_left <= error * left)
    if not enough.any():
        raise FakeOrRealError(
            f"no band around {threshold:g} leaves at most {error:g} wrong verdicts on real and fake. "
            "Allow more errors, or train a better detector."
        )
    n = int(np.argmax(enough))
    reach = float(distance[n - 1] + distance[n]) / 2 if n else 0.0
    return Unsure(threshold - reach, threshold + reach, n / len(labels))


def _class_weights(labels):
    """Weights that sum to one half over each class."""
    return 0.5 / np.bincount(labels)[labels]


def _cllr(labels, scores):
    costs = np.logaddexp(0, np.where(labels == 1, -scores, scores)) / np.log(2)
    return float((_class_weights(labels) * costs).sum())
