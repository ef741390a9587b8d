"""From the scores of clean and damaged clips to robustness tables: every system on every rung of ``ladders.LADDERS``.

Rates are in per cent. Thresholds are those of clean validation: a detector in use does not know what befell a clip.
"""

import numpy as np
import pandas as pd

from fakeorreal import tables
from fakeorreal.errors import FakeOrRealError
from fakeorreal.evaluation import CLEAN, eer_change
from fakeorreal.ladders import LADDERS

ALL = "all"
"""Every family."""

_MEASURES = ["eer", "eer_low", "eer_high", "eer_change", "eer_change_low", "eer_change_high"]
_MEASURES += ["balanced_accuracy", "accuracy_real", "accuracy_fake", "n_clips", "n_groups", "seeds"]


def ladder_table(scores):
    """Every system on every rung, clean testing in its place on each ladder.

    Args:
        scores: clip, label, score, group, split, system, seed, condition: validation under ``clean``, and testing under
            ``clean`` and the names of rungs. Rungs that were not scored have no row.

    Returns:
        DataFrame: system, family, value, condition, ``eer`` with its 95 % bootstrap interval over groups,
        ``eer_change`` against clean testing in points with the interval of the paired difference on the clips scored in
        both, balanced_accuracy, accuracy_real and accuracy_fake at the threshold of clean validation, n_clips,
        n_groups, seeds; means over seeds.

    Raises:
        FakeOrRealError: no clean testing scores, or none of a rung; a clip twice in a run, no validation, or seeds that
            scored different clips.
    """
    found = []
    for system, runs in scores.groupby("system", sort=False):
        measured = _by_condition(runs, system)
        for family, ladder in LADDERS.items():
            rungs = [(value, name or CLEAN) for value, name in ladder.rungs if (name or CLEAN) in measured]
            if len(rungs) > 1:  # more than the clean clips
                rows = [{"value": value, "condition": name, **measured[name]} for value, name in rungs]
                found.append(pd.DataFrame(rows).assign(system=system, family=family))
    if not found:
        raise FakeOrRealError("no testing scores under the name of a rung of `ladders.LADDERS`. Score some of them.")
    return pd.concat(found, ignore_index=True)[["system", "family", "value", "condition", *_MEASURES]]


def _by_condition(runs, system):
    """Condition → the measures of a system."""
    runs = runs.assign(dataset=runs["condition"], epochs=np.nan, n_training=0)  # one of each, for benchmark_table
    validation, testing = (runs[runs["split"] == split] for split in ("validation", "testing"))
    clean = testing[testing["condition"] == CLEAN]
    if clean.empty:
        raise FakeOrRealError(f"system {system!r}: no testing scores under {CLEAN!r}. Score the clips as they are too.")
    validation = validation[validation["condition"] == CLEAN]
    found = {}
    for condition, rows in testing.groupby("condition", sort=False):
        (row,) = tables.benchmark_table(pd.concat([validation.assign(dataset=condition), rows])).to_dict("records")
        found[condition] = row | (_change(rows, clean) if condition != CLEAN else {})
    return found


def _change(rows, clean):
    by_seed = [run.pivot(index=["clip", "label", "group"], columns="seed", values="score") for run in (rows, clean)]
    clips = by_seed[0].index.intersection(by_seed[1].index, sort=True)
    after, before = (run.loc[clips].to_numpy() for run in by_seed)
    return eer_change(clips.get_level_values("label"), after, before, clips.get_level_values("group"))


def summary_table(table):
    """What is left of every system on the ladders, family by family and over all of them.

    Args:
        table: from ``ladder_table``.

    Returns:
        DataFrame, a row per system and family, those of ``all`` families last, lowest robust EER first: system, family,
        ``eer_clean``, ``eer_robust`` (mean over the rungs without the clean clips), ``accuracy_robust`` (the same mean
        of the balanced accuracy), ``worst`` (the rung of the highest EER), ``eer_worst`` with its interval, n_rungs.
    """
    clean = table[table["condition"] == CLEAN].groupby("system")["eer"].first()
    rungs = table[table["condition"] != CLEAN]
    rungs = pd.concat([rungs, rungs.assign(family=ALL)], ignore_index=True)
    order = {family: k for k, family in enumerate([*LADDERS, ALL])}
    found = [_summary(*key, clean, rows) for key, rows in rungs.groupby(["system", "family"])]
    found.sort(key=lambda row: (order[row["family"]], row["eer_robust"]))
    return pd.DataFrame(found)


def _summary(system, family, clean, rungs):
    worst = rungs.loc[rungs["eer"].idxmax()]
    return {
        "system": system,
        "family": family,
        "eer_clean": clean[system],
        "eer_robust": rungs["eer"].mean(),
        "accuracy_robust": rungs["balanced_accuracy"].mean(),
        "worst": worst["condition"],
        "eer_worst": worst["eer"],
        "eer_worst_low": worst["eer_low"],
        "eer_worst_high": worst["eer_high"],
        "n_rungs": len(rungs),
    }


def save_tables(scores, folder, *, corpus):
    """Write ``robustness`` and ``robustness_summary`` as CSV and Markdown.

    Args:
        scores: as for ``ladder_table``.
        folder: where to write; made if missing.
        corpus: what was scored, in words, for the captions.

    Returns:
        dict name → DataFrame.
    """
    table = ladder_table(scores)
    results = {
        "robustness": (
            table,
            "Every system on every rung; each ladder holds the clean clips too. EER change: against clean, in points, "
            "on the same clips. Accuracies: at the threshold of clean validation. Intervals: 95 % bootstrap over "
            f"groups (1,000 resamples, seed 0). Means over seeds. Corpus: {corpus}.",
        ),
        "robustness_summary": (
            summary_table(table),
            "Robust: mean over the rungs of a family, or of all, without the clean clips. Worst: the rung of the "
            f"highest EER. Thresholds, intervals and means as in `robustness`. Corpus: {corpus}.",
        ),
    }
    for name, (rows, caption) in results.items():
        tables.save_table(rows, name, folder, caption)
    return {name: rows for name, (rows, _) in results.items()}
