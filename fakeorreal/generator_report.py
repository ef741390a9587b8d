"""From the scores of ``GeneratorStudy`` to its tables: every generator by itself, so that many cannot flatter.

EER and accuracy are in per cent. Accuracy is balanced: half of it is real speech, however many generators there are.
"""

import numpy as np
import pandas as pd

from fakeorreal import metrics, tables
from fakeorreal.report import last_epochs, threshold_of


def by_generator(scores):
    """Real speech against each generator on testing, at the threshold of validation.

    Args:
        scores: from ``GeneratorStudy.run``; the last mark is taken.

    Returns:
        DataFrame: ``trained_on, system, generator, seen`` (whether training held it) and the columns of
        ``tables.benchmark_table``.
    """
    found = []
    for trained_on, runs in last_epochs(scores).groupby("trained_on", sort=False):
        for generator in _fakes(runs):
            rows = runs[(runs["split"] == "validation") | (runs["label"] == 0) | (runs["generator"] == generator)]
            table = tables.benchmark_table(rows.assign(dataset=generator)).rename(columns={"dataset": "generator"})
            found.append(table.assign(trained_on=trained_on, seen=trained_on == generator))
    table = pd.concat(found, ignore_index=True)
    first = ["trained_on", "system", "generator", "seen"]
    return table[[*first, *table.columns.drop(first)]]


def averages(scores):
    """aEER: the mean of the EERs on the generators that training did not hold.

    Args:
        scores: as for ``by_generator``.

    Returns:
        DataFrame, one row per system and training generator, lowest aEER first: ``system, trained_on, aeer, aeer_low,
        aeer_high, aeer_sd, balanced_accuracy`` (mean over unseen generators), ``eer_seen, n_unseen, n_training,
        seeds``. Means over seeds; ``aeer_sd`` over seeds; the interval is that of the mean over other test utterances,
        which all generators share.
    """
    detail = by_generator(scores)
    found = []
    for (system, trained_on), runs in last_epochs(scores).groupby(["system", "trained_on"], sort=False):
        of_run = detail[(detail["system"] == system) & (detail["trained_on"] == trained_on)]
        unseen = of_run[~of_run["seen"]]
        testing = runs[(runs["split"] == "testing") & (runs["generator"] != trained_on)]
        by_seed = testing.pivot(index=["clip", "label", "group", "generator"], columns="seed", values="score")
        frames, columns = by_seed.index.to_frame(index=False), by_seed.to_numpy()
        metric = _average_eer(frames["generator"].to_numpy())
        per_seed = metric(frames["label"], columns, np.ones((1, len(frames))), per_seed=True)[:, 0]
        interval = metrics.bootstrap(metric, frames["label"], columns, frames["group"])
        found.append(
            {
                "system": system,
                "trained_on": trained_on,
                "aeer": unseen["eer"].mean(),
                "aeer_low": 100 * interval.low,
                "aeer_high": 100 * interval.high,
                "aeer_sd": 100 * pd.Series(per_seed).std(),
                "balanced_accuracy": unseen["balanced_accuracy"].mean(),
                "eer_seen": of_run.loc[of_run["seen"], "eer"].mean(),
                "n_unseen": len(unseen),
                "n_training": of_run["n_training"].iloc[0],
                "seeds": of_run["seeds"].iloc[0],
            }
        )
    return pd.DataFrame(found).sort_values(["aeer", "system"], kind="stable", ignore_index=True)


def disagreements(scores, right, wrong):
    """Testing frames that one system gets right and another wrong, at their thresholds of validation.

    Args:
        scores: from ``GeneratorStudy.run``; first seed and first training generator are taken.
        right, wrong: names of the two systems.

    Returns:
        DataFrame ``clip, generator, label, <right>, <wrong>``: scores less thresholds, the clearest difference first.
    """
    margins = {}
    for system in (right, wrong):
        runs = last_epochs(scores[scores["system"] == system])
        run = runs[(runs["seed"] == runs["seed"].min()) & (runs["trained_on"] == runs["trained_on"].iloc[0])]
        testing = run[run["split"] == "testing"].set_index("clip")
        margins[system] = testing["score"] - threshold_of(run[run["split"] == "validation"])
    table = testing[["generator", "label"]].assign(**margins)
    good, bad = (table[system] * np.where(table["label"] == 1, 1, -1) for system in (right, wrong))
    clearest = (good - bad)[(good > 0) & (bad < 0)].sort_values(ascending=False, kind="stable").index
    return table.loc[clearest].reset_index()


def _fakes(runs):
    return runs.loc[(runs["split"] == "testing") & (runs["label"] == 1), "generator"].unique()


def _average_eer(generators):
    """A metric for ``bootstrap``: the EER of real rows against each generator, averaged over generators and seeds."""

    def metric(labels, scores, weights, per_seed=False):
        labels = np.asarray(labels)
        sets = [(labels == 0) | (generators == name) for name in np.unique(generators[labels == 1])]
        values = [[metrics.eer(labels[rows], column[rows], weights[:, rows]) for column in scores.T] for rows in sets]
        return np.mean(values, axis=0) if per_seed else np.mean(values, axis=(0, 1))

    return metric
