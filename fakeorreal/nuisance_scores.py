"""How far nuisances betray the label: what training teaches of them, as scores of clips that it has not seen.

Numbers, such as the level, stay as they are. Of a category, such as the format, training has some share of fakes; of
file names a logistic regression learns the parts.
"""

import numpy as np
from scipy.special import logit
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits

from fakeorreal.errors import FakeOrRealError
from fakeorreal.nuisances import NUISANCES, name_tokens

FOLDS = 5
_SMOOTHING = 2  # clips with the usual share of fakes that every category is taken to have besides its own
_MOST_TOKENS = 1000


def has_splits(measures):
    """Whether both training and testing hold both classes."""
    there = set(zip(measures["split"], measures["label"], strict=True))
    return there >= {(split, label) for split in ("training", "testing") for label in (0, 1)}


def numeric_parts(measures, *, seed):
    """Clips to learn from and clips to score, with every nuisance as a number.

    Args:
        measures: table of `nuisances.measure`.
        seed: of the folds.

    Returns:
        list of (train, test): training and testing; or, without these, ``FOLDS`` pairs that leave out whole groups.
        Nuisances that are no numbers are logits of fake: in ``test`` what ``train`` taught, in ``train`` what folds of
        it taught each other.

    Raises:
        FakeOrRealError: no splits, and fewer than two groups of a class.
    """
    if has_splits(measures):
        pairs = [tuple(measures[measures["split"] == split] for split in ("training", "testing"))]
    else:
        pairs = [(measures.iloc[train], measures.iloc[test]) for train, test in _folds(measures, seed)]
    if not pairs:
        real, fake = _groups(measures)
        raise FakeOrRealError(
            "an audit needs readable clips of both classes, from at least two groups each. "
            f"Received: {real} groups of real and {fake} of fake clips. Add clips."
        )
    return [_numeric(train, test, seed) for train, test in pairs]


def classify(parts, names, *, seed, shuffle=None):
    """What gradient boosting makes of some nuisances together.

    Args:
        parts: from ``numeric_parts``.
        names: of the nuisances that it sees.
        seed: of the classifier.
        shuffle: generator to shuffle the labels of training with, or None.

    Returns:
        logits of fake for the clips to score, part after part, shape (n,).
    """
    scores = []
    for train, test in parts:
        labels = train["label"].to_numpy()
        labels = labels if shuffle is None else shuffle.permutation(labels)
        with threadpool_limits(1):  # more threads wait for each other where others compute beside
            model = HistGradientBoostingClassifier(random_state=seed).fit(train[names], labels)
        scores.append(model.decision_function(test[names]) - logit(labels.mean()))
    return np.concatenate(scores)


def _numeric(train, test, seed):
    learnt, scored = train.copy(), test.copy()
    folds = _folds(train, seed)
    for name in (name for name, nuisance in NUISANCES.items() if not nuisance.form):
        learn = _by_parts if name == "name" else _by_share
        values = np.zeros(len(train))
        for inner, outer in folds:
            values[outer] = learn(train.iloc[inner], train.iloc[outer], name)
        learnt[name], scored[name] = values, learn(train, test, name)
    return learnt, scored


def _folds(rows, seed):
    """(train, test) positions that leave out whole groups; none where a class has a single group."""
    n = min(FOLDS, *_groups(rows))
    if n < 2:
        return []
    folds = StratifiedGroupKFold(n, shuffle=True, random_state=seed).split(rows, rows["label"], rows["group"])
    return [(train, test) for train, test in folds if rows["label"].iloc[train].nunique() == 2]


def _groups(rows):
    return [rows.loc[rows["label"] == label, "group"].nunique() for label in (0, 1)]


def _by_share(train, test, name):
    """Share of fakes that a category has in training, against that of all; 0 for what is not there."""
    share = train["label"].mean()
    seen = train.groupby(name)["label"].agg(["sum", "size"])
    shares = (seen["sum"] + _SMOOTHING * share) / (seen["size"] + _SMOOTHING)
    return test[name].map(logit(shares) - logit(share)).fillna(0.0).round(3)


def _by_parts(train, test, name):
    words = CountVectorizer(analyzer=name_tokens, binary=True, max_features=_MOST_TOKENS)
    model = make_pipeline(words, LogisticRegression(max_iter=1000)).fit(train[name], train["label"])
    return np.round(model.decision_function(test[name]) - logit(train["label"].mean()), 3)
