"""Leave one out: what a system loses on a generator, or on a language, that training did not hold.

Groups of clips are dealt into folds. A value of the column is scored fold by fold by two fits to the other folds: one
that never heard it, and one that did, on as many clips of each class, so that the two differ in nothing else.
"""

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from tqdm import tqdm

from fakeorreal.corpora.corpus import FAKE, REAL
from fakeorreal.cross_scores import KEPT
from fakeorreal.synthesis.tts import ENGINES

VERSION = 1  # raise when a change here changes scores
COLUMNS = ("generator", "language")
FOLDS = 2
LEAST = 20  # clips of a class that a value needs


def engine(generator):
    """Name of the program that made a fake; all voices of a text-to-speech engine are one."""
    return next((name for name in ENGINES if generator.startswith(f"{name}-")), generator)


def leave_one_out(corpus, rows, fit, column, *, seed=0):
    """Score what has a value of a column by what heard that value and by what did not.

    Args:
        corpus: table of clips.
        rows: their features, shape (n, n_features).
        fit: function of rows and labels that gives a function of rows that gives scores; called in threads.
        column: ``generator``, by `engine`: its fakes against all real clips; or ``language``: its real and fake clips.
        seed: of the folds, and of the clips that a fit hears.

    Returns:
        DataFrame: `cross_scores.KEPT`, score, column, value, heard (bool), n_training. Without rows where fewer than
        two values are stated for ``LEAST`` clips of each class.
    """
    corpus = corpus.reset_index(drop=True)
    labels, rng = corpus["label"].to_numpy(), np.random.default_rng(seed)
    values = corpus["language"]
    if column == "generator":
        values = corpus["generator"].map(engine).where(labels == FAKE, "")
    groups = rng.permutation(corpus["group"].unique())
    fold = corpus["group"].map(dict(zip(groups, np.arange(len(groups)) % FOLDS, strict=True))).to_numpy()
    asked = []
    for value in _names(values, labels, column):
        of_value = (values == value).to_numpy()
        scored = of_value | (labels == REAL) if column == "generator" else of_value
        for k in range(FOLDS):
            testing = np.flatnonzero((fold == k) & scored)
            unheard = np.flatnonzero((fold != k) & ~of_value)
            as_many = _as_many(np.flatnonzero(fold != k), unheard, labels, rng)
            asked += [(value, heard, training, testing) for heard, training in ((False, unheard), (True, as_many))]

    def score(value, heard, training, testing):
        scores = fit(rows[training], labels[training])(rows[testing])
        what = {"column": column, "value": value, "heard": heard, "n_training": len(training)}
        return corpus.loc[testing, list(KEPT)].assign(score=scores, **what)

    fits = Parallel(n_jobs=-1, prefer="threads", return_as="generator")(delayed(score)(*one) for one in asked)
    found = list(tqdm(fits, desc=f"leave one {column} out", unit="fit", total=len(asked)))
    columns = [*KEPT, "score", "column", "value", "heard", "n_training"]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=columns)


def _names(values, labels, column):
    """Values of enough clips, sorted; none where there is only one."""
    counts = pd.crosstab(values, labels).drop(index=["", "unknown"], errors="ignore")
    enough = counts[FAKE] if column == "generator" else counts.min(axis=1)
    names = sorted(counts.index[enough >= LEAST])
    return names if len(names) > 1 else []


def _as_many(rows, like, labels, rng):
    """As many of each class as in other rows, drawn from all, in order."""
    drawn = [rng.permutation(rows[labels[rows] == label])[: (labels[like] == label).sum()] for label in (REAL, FAKE)]
    return np.sort(np.concatenate(drawn))
