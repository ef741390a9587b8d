"""The control of localisation: what is left of a fake when its edits are cut out must not give it away.

A classifier sees statistics of the frames that lie away from every edit, and of the same frames of the recording the
fake is made from. It should be at chance: otherwise something about the whole file differs between the classes, such
as another chain of codecs, and a localiser may have learnt that instead of the edits.
"""

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from fakeorreal import metrics
from fakeorreal.errors import FakeOrRealError

AWAY = 0.3
"""Seconds from any edit at which a frame counts as untouched: by then the codec has forgotten it."""

LEVELS = {"of its own": True, "of the clip": False}
_PERCENTILES = (10, 50, 90)
CLASSIFIERS = {
    "logistic regression": lambda: make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=2000)),
    "gradient boosting": lambda: HistGradientBoostingClassifier(random_state=0, max_iter=50),
}


def untouched_statistics(features, regions, *, own_level):
    """Mean, standard deviation and percentiles of every band over the untouched frames of pairs.

    Args:
        features: ``Features`` of ``FrameMel``, of clips whose end is stated.
        regions: table of fake regions.
        own_level: whether dB are below the loudest point of these frames, and not below that of the clip, which may
            lie in an edit and is where the localiser has its zero.

    Returns:
        (clips, values): rows of the features' corpus, the fake and the real clip of every pair, and float32 of shape
        (clips, 5 * bands).

    Raises:
        FakeOrRealError: no pair.
    """
    corpus = features.corpus.reset_index(drop=True)
    spans = {clip: rows[["start", "end"]].to_numpy() for clip, rows in regions.groupby("clip")}
    places, values = [], []
    for fake, real in _pairs(corpus):
        kept = _away(spans[corpus["clip"][fake]], corpus.loc[[fake, real], "end"].min())
        if len(kept):
            places += [fake, real]
            values += [_statistics(clip[kept], own_level) for clip in features.rows([fake, real])]
    if not places:
        raise FakeOrRealError("no fake has an untouched part and a real clip of the same source. Check the corpus.")
    return corpus.loc[places].reset_index(drop=True), np.stack(values)


def control_table(training, testing, regions):
    """AUC of classifiers that see only the untouched part, by test set, with its level in the clip and without.

    Args:
        training: ``Features`` of ``FrameMel`` of the clips to learn from.
        testing: those of the clips to score, with the column ``test_set``.
        regions: table of the fake regions of both.

    Returns:
        DataFrame: test_set, level, classifier, auc with its interval over groups, n_clips, n_groups; 0.5 is chance.

    Raises:
        FakeOrRealError: as `untouched_statistics`.
    """
    rows = []
    for level, own_level in LEVELS.items():
        learnt, x = untouched_statistics(training, regions, own_level=own_level)
        clips, values = untouched_statistics(testing, regions, own_level=own_level)
        for name, make in CLASSIFIERS.items():
            with threadpool_limits(1):  # more threads wait for each other where others compute beside
                scores = make().fit(x, learnt["label"]).decision_function(values)
            for test_set, of_set in clips.assign(score=scores).groupby("test_set"):
                auc = metrics.auc(of_set["label"], of_set["score"])
                interval = metrics.bootstrap(metrics.auc, of_set["label"], of_set["score"].to_numpy(), of_set["group"])
                row = {"test_set": test_set, "level": level, "classifier": name, "auc": auc}
                row |= {"auc_low": interval.low, "auc_high": interval.high}
                rows.append(row | {"n_clips": len(of_set), "n_groups": of_set["group"].nunique()})
    return pd.DataFrame(rows).sort_values("test_set", kind="stable", ignore_index=True)


def _pairs(corpus):
    """(row of a fake, row of the real clip it is made from): clips named alike, or the only real one of the source."""
    alike = corpus["clip"].str.extract(r"^(.*)-(?:real|fake)\.\w+$")[0].fillna(corpus["group"])
    key = corpus["test_set"] + "/" + alike
    real = dict(zip(key[corpus["label"] == 0], corpus.index[corpus["label"] == 0], strict=True))
    return [(fake, real[key[fake]]) for fake in corpus.index[corpus["label"] == 1] if key[fake] in real]


def _away(spans, seconds):
    """Numbers of the rows of 10 ms, up to so many seconds, that lie away from every span."""
    middles = (np.arange(int(seconds * 100)) + 0.5) / 100
    near = (middles > spans[:, :1] - AWAY) & (middles < spans[:, 1:] + AWAY)
    return np.flatnonzero(~near.any(axis=0))


def _statistics(rows, own_level):
    rows = rows - rows.max() if own_level else rows
    return np.concatenate([rows.mean(axis=0), rows.std(axis=0), *np.percentile(rows, _PERCENTILES, axis=0)])
