"""From scores to the committed tables: the benchmark, the published figures beside it, CSV and Markdown on disk.

Every accuracy, F1 and EER in a table is in per cent; AUC is in [0, 1].
"""

from pathlib import Path

import numpy as np
import pandas as pd

from fakeorreal.corpora.for_dataset import DATASETS
from fakeorreal.errors import FakeOrRealError
from fakeorreal.files import write_atomically
from fakeorreal.metrics import bootstrap, eer, evaluate

_STUDY = "FoR Custom-CNN study"
_TABLE_4 = f"{_STUDY}, Table 4"
_DNN_TABLE = f"{_STUDY}, DNN table"
_DNN_PROSE = f"{_STUDY}, later README (contradicts its DNN table)"
_BENCHMARK = f"{_STUDY}, benchmark table"
_QUOTED = f"{_BENCHMARK}, quoting"
LITERATURE_NOTE = "literature, stated by the authors; other data, other protocol"

LITERATURE = pd.DataFrame(
    [
        ("custom_cnn", "for-norm", 20, 93.86, _TABLE_4),
        ("custom_cnn", "for-norm", 50, 96.32, _TABLE_4),
        ("custom_cnn", "for-2sec", 20, 92.4, _TABLE_4),
        ("custom_cnn", "for-2sec", 50, 94.1, _TABLE_4),
        ("custom_cnn", "for-rerec", 20, 91.86, _TABLE_4),
        ("custom_cnn", "for-rerec", 50, 93.4, _TABLE_4),
        ("custom_cnn", "for-combined", 20, 95.8, _TABLE_4),
        ("custom_cnn", "for-combined", 50, 97.32, f"{_TABLE_4} (97.23 in its text)"),
        ("dnn", "for-norm", 20, 85, _DNN_TABLE),
        ("dnn", "for-norm", 50, 87.45, _DNN_TABLE),
        ("dnn", "for-2sec", 20, 84.2, _DNN_TABLE),
        ("dnn", "for-2sec", 50, 89, _DNN_TABLE),
        ("dnn", "for-rerec", 20, 79, _DNN_TABLE),
        ("dnn", "for-rerec", 50, 81.45, _DNN_TABLE),
        ("dnn", "for-combined", 20, 91, _DNN_TABLE),
        ("dnn", "for-combined", 50, 93.67, _DNN_TABLE),
        ("dnn", "for-norm", 50, 89.7, _DNN_PROSE),
        ("dnn", "for-rerec", 20, 73.26, _DNN_PROSE),
        ("dnn", "for-rerec", 50, 79.53, _DNN_PROSE),
        ("dnn", "for-combined", 20, 89.8, _DNN_PROSE),
        ("dnn", "for-combined", 50, 93.1, _DNN_PROSE),
        ("custom_cnn", "for-norm", np.nan, 96.32, _BENCHMARK),
        ("custom_cnn", "for-2sec", np.nan, 94.1, _BENCHMARK),
        ("custom_cnn", "for-rerec", np.nan, 93.5, f"{_BENCHMARK} (93.4 in its Table 4)"),
        ("custom_cnn", "average of norm, 2sec and rerec", np.nan, 94.6, _BENCHMARK),
        ("custom CNN of Camacho", "for-original", np.nan, 88, f"{_QUOTED} Camacho"),
        ("several ML methods, average", "not stated", np.nan, 93, f"{_QUOTED} Iqbal et al. 2022"),
        ("VGG16", "for-original", np.nan, 93, f"{_QUOTED} Hamza et al. 2022"),
        ("LSTM", "not stated", np.nan, 91, f"{_QUOTED} Hamza et al. 2022"),
    ],
    columns=["system", "dataset", "epochs", "accuracy", "source"],
).assign(note=LITERATURE_NOTE)
"""Published test accuracy in per cent. A missing ``epochs`` was not stated."""

_RATES = ("accuracy", "balanced_accuracy", "f1", "accuracy_real", "accuracy_fake", "eer")
_PERCENT = {
    *_RATES,
    *("accuracy_sd", "eer_sd", "stated_accuracy", "eer_validation", "eer_testing", "threshold_loss"),
    *("human_called_fake", "placebo_called_fake"),
    *("eer_change", "eer_mixed", "ece", "missed", "wrong", "eer_across_sources"),
    *("aeer", "aeer_sd", "eer_seen"),
    *("majority", "sensitivity", "specificity", "ppv", "npv", "eer_own"),
    *("eer_clean", "eer_robust", "accuracy_robust", "eer_worst"),
    *("eer_heard", "eer_unheard", "ece_scaled", "eer_worst_family", "eer_lowest", "eer_highest", "copied"),
    *("eer_better", "eer_worse", "difference", "chance", "knowing_voice", "rate", "gap"),
    *("f1_1s", "f1_20ms", "f1_event", "iou", "point_eer", "range_eer", "called_real", "gain", "share"),
    *("found", "hit", "confidence"),
}
_SECONDS = {"start", "end", "found_start", "found_end", "distance"}
_HEADERS = {
    "f1_1s": "F1 at 1 s (%)",
    "f1_20ms": "F1 at 20 ms (%)",
    "f1_event": "F1 of whole regions (%)",
    "iou": "IoU (%)",
    "point_eer": "point EER (%)",
    "range_eer": "range EER (%)",
    "called_real": "real seconds called fake (%)",
    "gain": "F1 at 1 s against the better baseline (points)",
    "share": "segments of 1 s that are fake (%)",
    "found": "seconds found (%)",
    "hit": "regions found (%)",
    "confidence": "confidence (%)",
    "distance": "worse edge off by (s)",
    "aeer": "aEER over unseen generators (%)",
    "aeer_sd": "aEER, SD over seeds",
    "eer_seen": "EER on the generator of training (%)",
    "n_unseen": "unseen generators",
    "majority": "accuracy of the majority (%)",
    "sensitivity": "sensitivity (%)",
    "specificity": "specificity (%)",
    "ppv": "PPV (%)",
    "npv": "NPV (%)",
    "eer_own": "EER against copies of the same voice (%)",
    "eer_clean": "EER, clean (%)",
    "eer_robust": "EER, mean over rungs (%)",
    "accuracy_robust": "balanced accuracy, mean over rungs (%)",
    "worst": "worst rung",
    "eer_worst": "EER on the worst (%)",
    "n_rungs": "rungs",
    "eer_worst_family": "EER on it (%)",
    "speed": "times real time on one core",
    "eer_heard": "EER, heard in training (%)",
    "eer_unheard": "EER, left out (%)",
    "eer_lowest": "lowest EER over seeds (%)",
    "eer_highest": "highest EER over seeds (%)",
    "eer_better": "EER of the better (%)",
    "eer_worse": "EER of the worse (%)",
    "difference": "difference (points)",
    "cllr_scaled": "Cllr after scaling (bits)",
    "ece_scaled": "ECE after scaling (%)",
    "copied": "testing clips with a copy in training (%)",
    "together": "AUC, all together",
    "chance": "chance (%)",
    "knowing_voice": "knowing the voice alone (%)",
    "rate": "wrong (%)",
    "gap": "gap (points)",
    "eer_change": "EER against clean (points)",
    "eer_mixed": "EER, mixed sources only (%)",
    "cllr": "Cllr (bits)",
    "min_cllr": "min Cllr (bits)",
    "ece": "ECE (%)",
    "missed": "fakes missed (%)",
    "wrong": "wrong at the threshold (%)",
    "eer_across_sources": "EER across sources (%)",
    "auc_within_source": "AUC within source",
    "accuracy": "accuracy (%)",
    "accuracy_sd": "accuracy, SD over seeds",
    "balanced_accuracy": "balanced accuracy (%)",
    "eer": "EER (%)",
    "eer_sd": "EER, SD over seeds",
    "auc": "AUC",
    "f1": "F1 of fake (%)",
    "accuracy_real": "accuracy on real (%)",
    "accuracy_fake": "accuracy on fake (%)",
    "stated_accuracy": "stated accuracy (%)",
    "eer_validation": "EER on validation (%)",
    "eer_testing": "EER on testing (%)",
    "threshold_loss": "lost to the threshold (%)",
    "human_called_fake": "human called fake (%)",
    "placebo_called_fake": "placebo called fake (%)",
    "n_training": "training rows",
    "n_clips": "test clips",
    "n_groups": "groups",
    "n_seeds": "seeds",
    "seeds": "seed numbers",
}
_MISSING = "–"


def benchmark_table(scores):
    """One row per system, data set and number of epochs: means over seeds, and the interval of the mean EER.

    The interval resamples groups once per replicate for all seeds together, so that it is the interval of the
    mean EER over these seeds on other test utterances.

    Args:
        scores: scores table, both splits of every run.

    Returns:
        DataFrame sorted by system, data set and epochs. ``accuracy_sd`` and ``eer_sd`` are over seeds, NaN for one.

    Raises:
        FakeOrRealError: a run without validation or testing scores, or seeds that scored different clips.
    """
    rows = []
    for (system, dataset, epochs), runs in scores.groupby(["system", "dataset", "epochs"], dropna=False):
        row = {"system": system, "dataset": dataset, "epochs": epochs}
        rows.append(row | _row(runs, f"system {system!r}, dataset {dataset!r}, epochs {epochs}"))
    return in_order(pd.DataFrame(rows), ["system", "dataset", "epochs"])


def _row(runs, where):
    testing = runs[runs["split"] == "testing"]
    seeds = sorted(runs["seed"].unique())
    per_seed = []
    for seed in seeds:
        run = runs[runs["seed"] == seed]
        splits = {name: run[run["split"] == name] for name in ("testing", "validation")}
        for name, table in splits.items():
            if table.empty:
                raise FakeOrRealError(f"{where}, seed {seed}: no {name} scores. Score that split too.")
        per_seed.append(evaluate(**splits))
    per_seed = pd.DataFrame(per_seed)
    mean = per_seed.mean() * [100 if name in _RATES else 1 for name in per_seed]

    by_seed = testing.pivot(index=["clip", "label", "group"], columns="seed", values="score")
    if by_seed.isna().any(axis=None):
        raise FakeOrRealError(f"{where}: the seeds did not score the same testing clips. Score them again.")
    clips = by_seed.index.to_frame(index=False)
    interval = bootstrap(_mean_eer, clips["label"], by_seed.to_numpy(), clips["group"])
    return {
        "accuracy": mean["accuracy"],
        "accuracy_sd": 100 * per_seed["accuracy"].std(),
        "balanced_accuracy": mean["balanced_accuracy"],
        "eer": mean["eer"],
        "eer_low": 100 * interval.low,
        "eer_high": 100 * interval.high,
        "eer_sd": 100 * per_seed["eer"].std(),
        "auc": mean["auc"],
        "f1": mean["f1"],
        "accuracy_real": mean["accuracy_real"],
        "accuracy_fake": mean["accuracy_fake"],
        "n_training": int(runs["n_training"].iloc[0]),
        "n_clips": len(clips),
        "n_groups": clips["group"].nunique(),
        "n_seeds": len(seeds),
        "seeds": " ".join(map(str, seeds)),
    }


def _mean_eer(labels, scores, weights):
    """EER averaged over the columns of ``scores``, shape (n_clips, seeds)."""
    return np.mean([eer(labels, column, weights) for column in scores.T], axis=0)


def ordered_datasets(names):
    """The distinct names, the Fake-or-Real versions first and in their usual order."""
    names = set(names)
    return [name for name in DATASETS if name in names] + sorted(names - set(DATASETS))


def in_order(table, columns):
    """The rows sorted by columns, ``dataset`` in the order of `ordered_datasets`, the others by value."""
    order = {name: k for k, name in enumerate(ordered_datasets(table["dataset"]))}
    key = {column: table[column].map(order) if column == "dataset" else table[column] for column in columns}
    return table.loc[pd.DataFrame(key).sort_values(columns).index].reset_index(drop=True)


def save_table(table, name, folder, caption, *, exact=False):
    """Write ``<name>.csv`` (6 significant digits) and ``<name>.md`` (rounded for reading).

    In the Markdown a column ``x`` with ``x_low`` and ``x_high`` beside it becomes one: ``12.3 [10.1, 14.6]``.

    Args:
        table: DataFrame; its index is not written.
        name: file name without suffix.
        folder: where to write; made if missing.
        caption: one line above the Markdown table.
        exact: show per cent as given rather than with one decimal, for published figures.
    """
    folder = Path(folder)
    csv = table.round(12).to_csv(index=False, float_format="%.6g", lineterminator="\n")  # round: 3e-15 is noise
    write_atomically(folder / f"{name}.csv", csv.encode())
    write_atomically(folder / f"{name}.md", f"{caption}\n\n{_markdown(table, exact)}\n".encode())


def _markdown(table, exact):
    columns, sides = {}, []
    for name in table:
        if name.endswith(("_low", "_high")) and name.rpartition("_")[0] in table:
            continue  # shown in brackets
        cells = [_cell(name, value, exact) for value in table[name]]
        header = _HEADERS.get(name, name.replace("_", " "))
        if {f"{name}_low", f"{name}_high"} <= set(table):
            header += " [95 % interval]"
            bounds = zip(cells, table[f"{name}_low"], table[f"{name}_high"], strict=True)
            cells = [
                cell if cell == _MISSING else f"{cell} [{_cell(name, low, exact)}, {_cell(name, high, exact)}]"
                for cell, low, high in bounds
            ]
        columns[header] = cells
        sides.append("right" if pd.api.types.is_numeric_dtype(table[name]) else "left")
    return pd.DataFrame(columns, dtype=object).to_markdown(index=False, disable_numparse=True, colalign=sides)


def _cell(name, value, exact):
    if pd.isna(value):
        return _MISSING
    if name == "label" and value in (0, 1):
        return ("real", "fake")[value]
    if name in _PERCENT:
        return f"{value:g}" if exact else f"{round(value, 1) + 0.0:.1f}"  # no minus before zero
    if name == "auc":
        return f"{value:.3f}"
    if name in _SECONDS:
        return f"{value:.2f}"
    if isinstance(value, (float, np.floating)) and not float(value).is_integer() and abs(value) < 1000:
        return f"{value:.3g}"
    if isinstance(value, (int, float, np.number)) and not isinstance(value, bool):
        return f"{value:,.0f}"
    return " ".join(str(value).replace("|", "\\|").split())
