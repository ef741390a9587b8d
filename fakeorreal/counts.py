"""What a corpus holds: Tables 1 and 2 of the Custom-CNN study, its composition, and what single features tell."""

import numpy as np
import pandas as pd

from fakeorreal.corpora import for_dataset
from fakeorreal.corpora.corpus import SPLITS
from fakeorreal.metrics import auc

# Table 1 as the study printed it: 'total' columns, fake then real. Its two short versions are swapped.
PRINTED = {
    ("for-norm", "training"): (26927, 26941),
    ("for-norm", "validation"): (5398, 5400),
    ("for-norm", "testing"): (2370, 2264),
    ("for-2sec", "training"): (5104, 5104),
    ("for-2sec", "validation"): (1143, 1101),
    ("for-2sec", "testing"): (408, 408),
    ("for-rerec", "training"): (6978, 6978),
    ("for-rerec", "validation"): (1413, 1413),
    ("for-rerec", "testing"): (544, 544),
}
# Table 2 of the study: clips per class of for-combined.
PRINTED_COMBINED = {"training": 24097, "validation": 7955, "testing": 5703}


def table_1(study):
    """Clips of for-norm, for-2sec and for-rerec on this machine, in the genuine FoR, and as the study printed them.

    Args:
        study: a ``Study``.

    Returns:
        DataFrame: dataset, split, fake, real (found here), for_fake, for_real (genuine FoR), printed_fake,
        printed_real, and ``note``, which marks the rows where print and data set differ.
    """
    published = for_dataset.PUBLISHED_COUNTS.set_index(["version", "split"])
    rows = []
    for dataset in for_dataset.PARTS:
        found = _per_class(study.corpus(dataset))
        for split in SPLITS:
            genuine = published.loc[(dataset, split)]
            printed = PRINTED[dataset, split]
            differs = printed != (genuine["fake"], genuine["real"])
            rows.append(
                {
                    "dataset": dataset,
                    "split": split,
                    "fake": found[split, 1],
                    "real": found[split, 0],
                    "for_fake": genuine["fake"],
                    "for_real": genuine["real"],
                    "printed_fake": printed[0],
                    "printed_real": printed[1],
                    "note": "corrected: the study swapped for-2sec and for-rerec" if differs else "",
                }
            )
    return pd.DataFrame(rows)


def table_2(study):
    """Clips of for-combined: as recorded, augmented (training only), and what the study printed per class."""
    corpus = study.corpus("for-combined")
    clean = _per_class(corpus[corpus["channel"] == ""])
    augmented = _per_class(corpus[corpus["channel"] != ""])
    sums = for_dataset.PUBLISHED_COUNTS.groupby("split")[["fake", "real"]].sum()
    notes = {
        "training": "the study used 12,015 of the 26,927 fakes of for-norm, and as many reals",
        "validation": "",
        "testing": "corrected: the study's test set was augmented; here no test clip is",
    }
    return pd.DataFrame(
        [
            {
                "split": split,
                "fake": clean[split, 1],
                "real": clean[split, 0],
                "augmented_fake": augmented.get((split, 1), 0),
                "augmented_real": augmented.get((split, 0), 0),
                "for_fake": sums.loc[split, "fake"],
                "for_real": sums.loc[split, "real"],
                "printed_per_class": PRINTED_COMBINED[split],
                "note": notes[split],
            }
            for split in SPLITS
        ]
    )


def composition(corpus):
    """Clips per split, label, language and generator."""
    table = corpus.groupby(["split", "label", "language", "generator"]).size().rename("n_clips")
    return table.reset_index().assign(label=lambda t: t["label"].map({0: "real", 1: "fake"}))


def single_feature_auc(vectors, names):
    """AUC of each feature alone.

    Args:
        vectors: dict split → ``Features`` of a vector front end, with ``training`` and ``testing``.
        names: feature names.

    Returns:
        DataFrame: feature, auc_training, auc_testing (0.5: no information; below 0.5: lower in fakes), the strongest
        on training first.
    """
    table = {"feature": list(names)}
    for split, features in vectors.items():
        values = features.rows(np.arange(len(features)))
        table[f"auc_{split}"] = [auc(features.labels, column) for column in values.T]
    table = pd.DataFrame(table)
    order = (table["auc_training"] - 0.5).abs().sort_values(ascending=False, kind="stable").index
    return table.loc[order].reset_index(drop=True)


def _per_class(corpus):
    return corpus.groupby(["split", "label"]).size().to_dict()
