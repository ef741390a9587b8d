"""Which differences between systems mean something, and which mean nothing.

Two questions are asked of a pair. Do they err on the same clips? McNemar's exact test, at the thresholds of validation.
Does the EER differ? A bootstrap of whole groups, the same for both systems, so that what is hard for both cancels. Many
pairs are compared at once, so p-values are adjusted after Holm.
"""

import itertools

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from fakeorreal import metrics
from fakeorreal.errors import FakeOrRealError
from fakeorreal.report import last_epochs, threshold_of

LEVEL = 0.05
"""Adjusted p below which a difference is called one."""


def mcnemar(right_a, right_b):
    """Exact McNemar test: of the clips that one system alone gets right, do both have as many? (McNemar 1947.)

    Args:
        right_a, right_b: whether each clip was judged rightly, bool, shape (n,).

    Returns:
        (only_a, only_b, p): clips that one alone gets right, and the two-sided p-value; 1 where there are none.

    Raises:
        FakeOrRealError: lengths differ.
    """
    right_a, right_b = np.asarray(right_a, bool), np.asarray(right_b, bool)
    if right_a.shape != right_b.shape:
        raise FakeOrRealError(
            f"both systems must judge the same clips. Received: {len(right_a)} and {len(right_b)}. Score both alike."
        )
    only_a, only_b = int((right_a & ~right_b).sum()), int((~right_a & right_b).sum())
    p = binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1.0
    return only_a, only_b, float(p)


def holm(p):
    """p-values adjusted for being several (Holm 1979): the chance of any false alarm stays below the level.

    Args:
        p: shape (n,).

    Returns:
        float64, shape (n,), none below the p it comes from.
    """
    p = np.asarray(p, float)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return adjusted


def compare(scores):
    """Every pair of systems on the same testing clips.

    Args:
        scores: table of runs on one data set, with validation and testing, several seeds or one; as from
            ``Study.run``. The last mark is taken. Of several seeds the EER is the mean; McNemar's test, which knows no
            seeds, takes the first.

    Returns:
        DataFrame, a row per pair, the better one first and the clearest difference on top: ``better, worse,
        eer_better, eer_worse, difference`` (of EER, in points) with ``difference_low`` and ``difference_high`` (95 %
        over groups), ``seed_sd`` (of the difference, over seeds that both have; NaN for one), ``only_better,
        only_worse`` (clips that one alone gets right), ``p, p_holm``, ``n_clips, n_groups``, and ``meaning``:
        ``differ`` where the interval leaves out 0, p_holm is below ``LEVEL`` and the difference is larger than its
        ``seed_sd``, if that is known; ``open`` where only the first or the second holds; ``no difference shown``.

    Raises:
        FakeOrRealError: fewer than two systems, or testing clips that differ between them.
    """
    runs = {system: _System(rows) for system, rows in last_epochs(scores).groupby("system", sort=True)}
    if len(runs) < 2:
        raise FakeOrRealError(f"a comparison needs two systems. Received: {len(runs)}. Score another.")
    table = pd.DataFrame([_pair(runs, *names) for names in itertools.combinations(runs, 2)])
    table["p_holm"] = holm(table["p"])
    apart = (table["difference_low"] > 0) | (table["difference_high"] < 0)
    likely = table["p_holm"] < LEVEL
    steady = ~(table["difference"] <= table["seed_sd"])  # one seed has no spread
    table["meaning"] = np.select([apart & likely & steady, apart | likely], ["differ", "open"], "no difference shown")
    columns = ["better", "worse", "eer_better", "eer_worse", "difference", "difference_low", "difference_high"]
    columns += ["seed_sd", "only_better", "only_worse", "p", "p_holm", "n_clips", "n_groups", "meaning"]
    return table.sort_values(["p_holm", "difference"], ascending=[True, False], ignore_index=True)[columns]


class _System:
    """The testing scores of one system, a column per seed, and what the first seed gets right."""

    def __init__(self, rows):
        testing = rows[rows["split"] == "testing"]
        by_seed = testing.pivot(index=["clip", "label", "group"], columns="seed", values="score").sort_index()
        self.clips, self.scores, self.seeds = by_seed.index, by_seed.to_numpy(), list(by_seed.columns)
        first = rows[(rows["split"] == "validation") & (rows["seed"] == self.seeds[0])]
        labels = self.clips.get_level_values("label").to_numpy()
        self.right = (self.scores[:, 0] >= threshold_of(first)) == (labels == 1)


def _pair(runs, a, b):
    if not runs[a].clips.equals(runs[b].clips):
        raise FakeOrRealError(f"{a} and {b} were scored on different clips. Score both on the same.")
    labels, groups = (runs[a].clips.get_level_values(name).to_numpy() for name in ("label", "group"))

    def of_seeds(system, weights):
        """EER of each seed, shape (seeds, b)."""
        return np.stack([metrics.eer(labels, column, weights) for column in runs[system].scores.T])

    def difference(_labels, _scores, weights):
        return of_seeds(b, weights).mean(axis=0) - of_seeds(a, weights).mean(axis=0)

    once = np.ones((1, len(labels)))
    if difference(None, None, once)[0] < 0:
        a, b = b, a
    interval = metrics.bootstrap(difference, labels, None, groups)
    shared = [seed for seed in runs[a].seeds if seed in runs[b].seeds]
    eers = {name: dict(zip(runs[name].seeds, of_seeds(name, once)[:, 0], strict=True)) for name in (a, b)}
    by_seed = [100 * (eers[b][seed] - eers[a][seed]) for seed in shared]
    only_a, only_b, p = mcnemar(runs[a].right, runs[b].right)
    return {
        "better": a,
        "worse": b,
        "eer_better": 100 * np.mean(list(eers[a].values())),
        "eer_worse": 100 * np.mean(list(eers[b].values())),
        "difference": 100 * difference(None, None, once)[0],
        "difference_low": 100 * interval.low,
        "difference_high": 100 * interval.high,
        "seed_sd": np.std(by_seed, ddof=1) if len(by_seed) > 1 else np.nan,
        "only_better": only_a,
        "only_worse": only_b,
        "p": p,
        "n_clips": len(labels),
        "n_groups": len(np.unique(groups)),
    }
