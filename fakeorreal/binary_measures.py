"""The measures of medicine for a yes-or-no answer, fake being the positive one, and the threshold of Youden."""

import math

import numpy as np

from fakeorreal import metrics


def binary_measures(components):
    """What the counts of ``metrics.confusion`` say in the words of a diagnostic test.

    Args:
        components: dict with ``tp, fn, fp, tn``; both classes must be there.

    Returns:
        dict of fractions: ``sensitivity`` (fakes called fake), ``specificity`` (real clips called real), ``ppv`` and
        ``npv`` (of what is called fake, and real, the part that is; NaN where nothing is), ``accuracy``, and
        ``majority``: the accuracy of calling everything by the name of the larger class.
    """
    tp, fn, fp, tn = (components[name] for name in ("tp", "fn", "fp", "tn"))
    n = tp + fn + fp + tn
    return {
        "accuracy": (tp + tn) / n,
        "majority": max(tp + fn, fp + tn) / n,
        "sensitivity": tp / (tp + fn),
        "specificity": tn / (tn + fp),
        "ppv": tp / (tp + fp) if tp + fp else math.nan,
        "npv": tn / (tn + fn) if tn + fn else math.nan,
    }


def youden_threshold(labels, scores):
    """Score from which on fake is called, so that sensitivity + specificity is as large as these scores allow.

    Chosen on the scores that it is then judged on, it makes every system look better than it is, and one that guesses
    better than guessing.

    Args:
        labels: 0 real, 1 fake, shape (n,).
        scores: logits of fake, shape (n,).

    Returns:
        float: one of the scores; of several the highest.

    Raises:
        FakeOrRealError: as ``metrics.eer``.

    Source: Youden 1950, Index for rating diagnostic tests, Cancer 3:32.
    """
    fpr, fnr = metrics.det(labels, scores)
    best = np.argmax((1 - fnr - fpr)[1:])
    return float(np.unique(np.asarray(scores, float))[::-1][best])
