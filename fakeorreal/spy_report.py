"""From the scores of ``SpyStudy`` to its tables: EER and accuracy in per cent, MCC in [-1, 1], AUC in [0, 1]."""

import numpy as np
import pandas as pd

from fakeorreal import tables
from fakeorreal.corpora.corpus import FAKE, REAL
from fakeorreal.epoch_log import measures
from fakeorreal.report import last_epochs, threshold_of

CLEAN = "clean"
"""Testing without a channel."""

ALL = "all"
"""Every language."""

LEAST = 5
"""Clips of each class without which a language or a voice has no row."""

_README = "AI-SPY, README"
LITERATURE = pd.DataFrame(
    [
        ("spy_cnn", 97, 0.934, 0.9963, 6409, f"{_README}: chunks split at random, those of a recording on both sides"),
        ("spy_cnn", 90, 0.808, np.nan, 48986, f"{_README}: other recordings"),
    ],
    columns=["system", "accuracy", "mcc", "auc", "n_clips", "source"],
).assign(note=tables.LITERATURE_NOTE)
"""What the authors state for the CNN; they state nothing for the vision transformers."""


def main_table(scores, costs):
    """One row per system, lowest EER first; those that were not trained come last, with what they cost alone.

    Args:
        scores: from ``SpyStudy.run``.
        costs: from ``SpyStudy.costs``.

    Returns:
        DataFrame: system, accuracy (at the threshold of validation), eer with its interval over groups, mcc (same
        threshold), auc, parameters, multiply_adds, epochs, n_training, n_clips, n_groups, seeds; means over seeds.
    """
    scores = last_epochs(scores)
    mcc = pd.Series({key: _mcc(run) for key, run in scores.groupby(["system", "seed"])}, name="mcc")
    table = tables.benchmark_table(scores.assign(dataset=ALL)).set_index("system")
    table = costs.join(table, on="system").join(mcc.groupby(level=0).mean(), on="system")
    columns = ["system", "accuracy", "eer", "eer_low", "eer_high", "mcc", "auc", "parameters", "multiply_adds"]
    columns += ["epochs", "n_training", "n_clips", "n_groups", "seeds"]
    return table[columns].sort_values("eer", kind="stable", ignore_index=True)


def _mcc(run):
    testing, threshold = run[run["split"] == "testing"], threshold_of(run[run["split"] == "validation"])
    return measures(testing["label"], testing["score"] - threshold)["mcc"]


def beside_literature(table):
    """The trained rows of ``main_table``, and what the literature states.

    Returns:
        DataFrame: system, source, accuracy, mcc, auc, n_clips, note.
    """
    ours = table.dropna(subset="eer").assign(source="this study", note="")
    both = pd.concat([ours, LITERATURE], ignore_index=True)
    return both[["system", "source", "accuracy", "mcc", "auc", "n_clips", "note"]]


def learning_table(scores):
    """Error against the amount of training audio.

    Args:
        scores: from ``SpyStudy.learning``.

    Returns:
        DataFrame: system, hours (of one class), n_training, eer with its interval, auc, seeds.
    """
    table = tables.benchmark_table(last_epochs(scores).assign(dataset=scores["hours"]))
    columns = ["system", "hours", "n_training", "eer", "eer_low", "eer_high", "auc", "seeds"]
    return table.rename(columns={"dataset": "hours"})[columns].sort_values(["system", "hours"], ignore_index=True)


def condition_table(scores):
    """Every system after every channel, in all languages and in each of them.

    Args:
        scores: from ``SpyStudy.run``.

    Returns:
        DataFrame: system, condition, language, eer with its interval, auc, n_clips, n_groups, seeds. A language with
        fewer than ``LEAST`` clips of a class has no row.
    """
    scores = last_epochs(scores)
    found = []
    for split in scores.loc[scores["split"] != "validation", "split"].unique():
        rows = scores[scores["split"].isin(["validation", split])].replace({"split": {split: "testing"}})
        table = tables.benchmark_table(pd.concat([rows.assign(dataset=ALL), *_by(rows, "language")]))
        found.append(table.assign(condition=CLEAN if split == "testing" else split))
    columns = ["system", "condition", "language", "eer", "eer_low", "eer_high", "auc", "n_clips", "n_groups", "seeds"]
    table = pd.concat(found).rename(columns={"dataset": "language"})[columns]
    return table.sort_values("system", kind="stable", ignore_index=True)


def voice_table(scores):
    """The fakes of every voice on clean testing against the real clips of its language.

    Args:
        scores: from ``SpyStudy.run``.

    Returns:
        DataFrame: voice (a speaker whose recordings were vocoded, or a voice of text-to-speech), language, system, eer
        with its interval, auc, n_clips, seeds. A voice with fewer than ``LEAST`` fakes has no row.
    """
    rows = last_epochs(scores)
    rows = rows[rows["split"].isin(["validation", "testing"])]
    languages = rows.groupby("speaker")["language"].agg(lambda names: " ".join(sorted(set(names))))
    columns = ["voice", "language", "system", "eer", "eer_low", "eer_high", "auc", "n_clips", "seeds"]
    if not (found := _by(rows, "speaker")):
        return pd.DataFrame(columns=columns)
    table = tables.benchmark_table(pd.concat(found)).rename(columns={"dataset": "voice"})
    table["language"] = table["voice"].map(languages)
    return table[columns].sort_values(["language", "voice", "system"], ignore_index=True)


def lesson_table(scores):
    """The same network on the same recordings, by how they were split.

    Args:
        scores: from ``SpyStudy.split_lesson``.

    Returns:
        DataFrame in the order of ``chunk_splits.SCHEMES``: scheme, accuracy, eer with its interval over groups, auc,
        seen_recording and seen_speaker (of the testing chunks, per cent: training held another chunk of the same),
        n_training, n_clips, n_groups, seeds.
    """
    scores = last_epochs(scores)
    table = tables.benchmark_table(scores.assign(dataset=scores["scheme"])).set_index("dataset")
    seen = scores[scores["split"] == "testing"].groupby("scheme")[["seen_recording", "seen_speaker"]].mean()
    table = table.join(100 * seen).loc[scores["scheme"].unique()].rename_axis("scheme").reset_index()
    columns = ["scheme", "accuracy", "eer", "eer_low", "eer_high", "auc", "seen_recording", "seen_speaker"]
    return table[[*columns, "n_training", "n_clips", "n_groups", "seeds"]]


def _by(rows, column):
    """Validation, and on testing the fakes of each value of a column with the real clips in their languages."""
    testing, validation = (rows[rows["split"] == split] for split in ("testing", "validation"))
    real, found = testing[testing["label"] == REAL], []
    for value, fakes in testing[testing["label"] == FAKE].groupby(column):
        beside = real[real["language"].isin(fakes["language"])]
        if min(part["clip"].nunique() for part in (fakes, beside)) >= LEAST:
            found.append(pd.concat([validation, fakes, beside]).assign(dataset=value))
    return found
