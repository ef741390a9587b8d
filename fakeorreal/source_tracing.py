"""Which generator made a fake, and whether it is one of those that are known.

A generator is told by discriminant analysis on the principal components of a clip's features, every clip by what other
sentences taught. Where a generator has a voice of its own, telling it may be recognising that voice. The same is
therefore asked of generators that share their voices, and of voices that training did not hold.

Features and distance were chosen on the training split of the embedded corpus, cross-validated by sentence. With
``SpectralTexture`` 99 % are named right, and of the vocoders alone 96 %; with ``Handcrafted`` 95 and 88. A generator
left out is told with a mean AUC of 0.82 by Mahalanobis distance (0.71 with ``Handcrafted``), and of 0.73 (0.68) by the
largest softmax (Hendrycks and Gimpel 2017, arXiv 1610.02136), which for vocoders fails.
"""

import itertools
from functools import reduce

import numpy as np
import pandas as pd
from scipy.linalg import solve_triangular
from sklearn.decomposition import KernelPCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from fakeorreal import metrics
from fakeorreal.corpora.corpus import FAKE

ALL, SHARED, UNSEEN = "all generators", "shared voices", "unseen voices"
"""Every generator; those that share voices with others; the latter, told by what other voices taught."""

LEAST = 10
"""Sentences without which a generator is left out."""

FOLDS = 5
COMPONENTS = 100
MEAN = "mean"

_KEPT = ["protocol", "clip", "group", "speaker", "generator", "fold"]
_IS, _WITHOUT = "is_", "without_"
_SENTENCE, _BOTH = ("group",), ("group", "speaker")


class _Sources:
    """Generators as normal distributions around a mean each, of one covariance, shrunk as Ledoit and Wolf do."""

    def __init__(self, x, generators):
        components = KernelPCA(min(COMPONENTS, len(x) - 1, x.shape[1]), eigen_solver="dense")  # fast for many values
        self.project = make_pipeline(StandardScaler(), components).fit(x)
        x = self.project.transform(x).astype(float)
        analysis = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(x, generators)
        self.names, self.means, covariance = analysis.classes_, analysis.means_, analysis.covariance_
        least = 1e-6 * np.trace(covariance) / len(covariance) + 1e-12  # a component may hold nothing
        self.root = np.linalg.cholesky(covariance + least * np.eye(len(covariance)))

    def distances(self, x):
        """Squared Mahalanobis distances to the mean of every generator, shape (n, generators)."""
        apart = (self.project.transform(x)[:, None] - self.means).reshape(-1, len(self.root))
        return (solve_triangular(self.root, apart.T, lower=True) ** 2).sum(axis=0).reshape(len(x), -1)


def score_sources(parts):
    """How far every fake lies from every generator, told by clips of other sentences.

    Args:
        parts: list of ``Features`` of the same front end, such as one per split; their real clips are passed over, as
            are fakes whose generator is not stated or has fewer than ``LEAST`` sentences.

    Returns:
        DataFrame, from which all tables are made: ``protocol`` (``ALL``, ``SHARED``, ``UNSEEN``, those that the corpus
        allows), ``clip, group, speaker, generator, fold``; ``is_<generator>``, the distance to each, the nearest being
        the answer; ``without_<generator>``, the distance to the nearest one when that generator was left out of the
        training. NaN where a protocol does not know the generator. No row where no two generators are stated.

    Source: open set by squared Mahalanobis distance to the nearest class: Lee et al. 2018 (arXiv 1807.03888).
    """
    rows = [np.flatnonzero(part.labels == FAKE) for part in parts]
    clips = pd.concat([part.corpus.iloc[fakes] for part, fakes in zip(parts, rows, strict=True)], ignore_index=True)
    clips = clips[clips["generator"].ne("") & clips["generator"].ne("unknown")]
    x = np.concatenate([part.rows(fakes) for part, fakes in zip(parts, rows, strict=True)])
    x = x.reshape(len(x), -1)
    found = [_score(part.assign(protocol=name), x[part.index], apart) for name, part, apart in _protocols(clips)]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=_KEPT)


def closed_set_table(scores):
    """How often the right one of the known generators is named.

    Args:
        scores: from ``score_sources``.

    Returns:
        DataFrame, a row per protocol, per cent: accuracy; ``balanced_accuracy``, the mean over generators, with its
        95 % interval over groups; ``chance`` and ``knowing_voice``, the balanced accuracy of guessing, and of guessing
        among the generators that other folds hold with the voice of the clip; n_generators, n_clips, n_groups.
    """
    rows = []
    for protocol, part in scores.groupby("protocol", sort=False):
        truth, codes = np.unique(part["generator"], return_inverse=True)
        right = (_said(part) == part["generator"]).to_numpy(float)
        interval = metrics.bootstrap(_balanced(codes), _is_rarest(codes), right, part["group"])
        once = np.ones((1, len(part)))
        rows.append(
            {
                "protocol": protocol,
                "accuracy": 100 * right.mean(),
                "balanced_accuracy": 100 * _balanced(codes)(None, right, once)[0],
                "balanced_accuracy_low": 100 * interval.low,
                "balanced_accuracy_high": 100 * interval.high,
                "chance": 100 / len(truth),
                "knowing_voice": 100 * _balanced(codes)(None, _by_voice(part, len(truth)), once)[0],
                "n_generators": len(truth),
                "n_clips": len(part),
                "n_groups": part["group"].nunique(),
            }
        )
    return pd.DataFrame(rows, columns=_CLOSED)


def confusion_table(scores, protocol=ALL):
    """Clips by the generator that made them (rows) and the one that is named (columns).

    Args:
        scores: from ``score_sources``.
        protocol: which of its protocols.

    Returns:
        DataFrame of int, index and columns alike.
    """
    part = scores[scores["protocol"] == protocol]
    names = np.unique(part["generator"])
    table = pd.crosstab(part["generator"], _said(part).rename("said"))
    return table.reindex(index=names, columns=names, fill_value=0)


def open_set_table(scores):
    """How well a generator is told to be none of the known ones: AUC of its clips against those of the known.

    Args:
        scores: from ``score_sources``.

    Returns:
        DataFrame, per protocol a row for each generator that was left out, the hardest on top, and one for their
        ``MEAN``: protocol, left_out, auc with its 95 % interval over groups, n_unknown, n_known (clips; NaN for the
        mean). No row for protocols of two generators, which leave only one to know.
    """
    rows = []
    for protocol, part in scores.groupby("protocol", sort=False):
        outside = open_set_scores(part, protocol)
        found = []
        for name, (unknown, distances) in outside.items():
            interval = metrics.bootstrap(metrics.auc, unknown, distances, part["group"])
            auc = metrics.auc(unknown, distances)
            found.append((protocol, name, auc, *interval[:2], unknown.sum(), (1 - unknown).sum()))
        if found:
            codes = np.unique(part["generator"], return_inverse=True)[1]
            interval = metrics.bootstrap(_mean_auc(outside), _is_rarest(codes), None, part["group"])
            rows += sorted(found, key=lambda row: row[2])
            rows.append((protocol, MEAN, np.mean([row[2] for row in found]), *interval[:2], np.nan, np.nan))
    return pd.DataFrame(rows, columns=["protocol", "left_out", "auc", "auc_low", "auc_high", "n_unknown", "n_known"])


def open_set_scores(scores, protocol=ALL):
    """By generator left out: (1 for its clips and 0 for the known, distance to the nearest known), shape (n,) each."""
    part = scores[scores["protocol"] == protocol]
    columns = part.filter(regex=f"^{_WITHOUT}").dropna(axis=1)
    return {
        name.removeprefix(_WITHOUT): (
            (part["generator"] == name.removeprefix(_WITHOUT)).to_numpy(int),
            column.to_numpy(),
        )
        for name, column in columns.items()
    }


def tracing_sentences(closed, opened):
    """What the tables say, in words, with what they do not show.

    Args:
        closed: from ``closed_set_table``.
        opened: from ``open_set_table``, of the same scores.

    Returns:
        list of str.
    """
    if closed.empty:
        return [f"Sources cannot be traced: no two generators are stated that have {LEAST} sentences each."]
    opened = opened[opened["left_out"] == MEAN].set_index("protocol")
    sentences = []
    for row in closed.itertuples():
        sentences.append(
            f"{row.protocol.capitalize()}: of {row.n_generators} the right one is named for "
            f"{row.balanced_accuracy:.0f} % of the clips [{row.balanced_accuracy_low:.0f}, "
            f"{row.balanced_accuracy_high:.0f}], mean over generators; chance is {row.chance:.0f} %, and whoever "
            f"recognised the voice alone would name {row.knowing_voice:.0f} %."
        )
        if row.protocol in opened.index:
            auc = opened.loc[row.protocol]
            sentences.append(
                f"A generator that is none of the known stands out from them with AUC {auc['auc']:.2f} "
                f"[{auc['auc_low']:.2f}, {auc['auc_high']:.2f}], mean over the generators left out."
            )
    if SHARED not in set(closed["protocol"]):
        sentences.append("No two generators share a voice: whether the voice or the generator is told remains open.")
    return sentences


_CLOSED = ["protocol", "accuracy", "balanced_accuracy", "balanced_accuracy_low", "balanced_accuracy_high", "chance"]
_CLOSED += ["knowing_voice", "n_generators", "n_clips", "n_groups"]


def _protocols(clips):
    """Yield (protocol, clips, columns of which no value is both learnt from and told) of what the corpus allows."""
    generators = clips.groupby("speaker")["generator"].transform("nunique")
    stated = clips["speaker"].ne("") & clips["speaker"].ne("unknown")
    shared = clips[stated & (generators > 1)]
    several = shared[shared.groupby("generator")["speaker"].transform("nunique") > 1]
    for name, part, apart in ((ALL, clips, _SENTENCE), (SHARED, shared, _SENTENCE), (UNSEEN, several, _BOTH)):
        part = part[part.groupby("generator")["group"].transform("nunique") >= LEAST]
        if part["generator"].nunique() > 1:
            yield name, part, apart


def _folds(part, apart):
    """Yield (rows to learn from, rows to tell): every row is told once, and what they have in common is left out."""
    one_way = [GroupKFold(min(FOLDS, part[column].nunique())).split(part, groups=part[column]) for column in apart]
    for ways in itertools.product(*one_way):
        others, held_out = (reduce(np.intersect1d, rows) for rows in zip(*ways, strict=True))
        if len(held_out):
            yield others, held_out


@threadpool_limits.wrap(limits=1)  # matrices are small, and the sums then do not depend on the machine
def _score(part, x, apart):
    """The rows of one protocol; x: features of its clips, shape (n, values)."""
    generators = part["generator"].to_numpy()
    names = np.unique(generators)
    left_out = names if apart == _SENTENCE and len(names) > 2 else []
    columns = [*(f"{_IS}{name}" for name in names), *(f"{_WITHOUT}{name}" for name in left_out)]
    table = part.reset_index(drop=True).assign(fold=0, **dict.fromkeys(columns, np.nan))
    for fold, (others, held_out) in enumerate(_folds(part, apart)):
        sources = _Sources(x[others], generators[others])
        table.loc[held_out, "fold"] = fold
        table.loc[held_out, [f"{_IS}{name}" for name in sources.names]] = sources.distances(x[held_out])
        for name in left_out:
            known = others[generators[others] != name]
            nearest = _Sources(x[known], generators[known]).distances(x[held_out]).min(axis=1)
            table.loc[held_out, f"{_WITHOUT}{name}"] = nearest
    return table[_KEPT + columns]


def _said(part):
    """The nearest generator of each clip."""
    return part.filter(regex=f"^{_IS}").idxmin(axis=1).str.removeprefix(_IS)


def _by_voice(part, n):
    """Chance of naming one of n generators right from the voice and what other folds hold with it; shape (n_clips,)."""
    if (part["protocol"] == UNSEEN).all():
        return np.full(len(part), 1 / n)
    shares = []
    for row in part.itertuples():
        with_voice = part.loc[(part["fold"] != row.fold) & (part["speaker"] == row.speaker), "generator"].unique()
        shares.append((row.generator in with_voice) / len(with_voice) if len(with_voice) else 1 / n)
    return np.array(shares)


def _balanced(codes):
    """A metric for ``bootstrap``: the mean over generators of the share that is right."""
    of = np.eye(codes.max() + 1)[codes]

    def metric(_labels, right, weights):
        n = weights @ of
        return np.nanmean(np.divide(weights * right @ of, n, where=n > 0, out=np.full_like(n, np.nan)), axis=1)

    return metric


def _mean_auc(outside):
    """A metric for ``bootstrap``: the mean over generators left out of the AUC; one that was not drawn has no part."""

    def metric(_labels, _scores, weights):
        aucs = np.full((len(outside), len(weights)), np.nan)
        for row, (unknown, distances) in zip(aucs, outside.values(), strict=True):
            drawn = weights[:, unknown == 1].sum(axis=1) > 0
            row[drawn] = metrics.auc(unknown, distances, weights[drawn])
        return np.nanmean(aucs, axis=0)

    return metric


def _is_rarest(codes):
    """Marks the clips of the rarest generator; resamples without them, or with them alone, do not count."""
    return (codes == np.bincount(codes).argmin()).astype(int)
