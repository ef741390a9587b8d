"""Shortcuts: what tells real from fake besides being fake.

A detector may only be trusted on a corpus whose classes do not already differ in nuisances (Müller et al. 2021 on
silence; Chettri 2023 on audio artefacts). Here each nuisance, and classifiers that see nothing but nuisances, are
scored on testing by what training teaches.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pandas as pd

from fakeorreal.corpora import load_corpus, load_folder, load_in_the_wild
from fakeorreal.corpora.for_dataset import PARTS, STORED, data_root, find_version
from fakeorreal.corpora.in_the_wild import FOLDER
from fakeorreal.errors import FakeOrRealError
from fakeorreal.metrics import auc, bootstrap
from fakeorreal.nuisance_scores import classify, has_splits, numeric_parts
from fakeorreal.nuisances import NUISANCES, measure, name_tokens

SHORTCUT_LIMIT = 0.65
"""AUC of all trivial measures together that a fair corpus must not exceed."""

TRIVIAL = ("duration", "level", "dc", "exact_zeros", "noise_floor", "rolloff", "silence_start", "silence_end")
"""The nuisances that stand beside the results of the study."""

_SOUND = [name for name, nuisance in NUISANCES.items() if nuisance.kind == "sound"]
CLASSIFIERS = {
    "all together": list(NUISANCES),
    "all but the file name": [name for name in NUISANCES if name != "name"],
    "sound alone": _SOUND,
    "sound without duration": [name for name in _SOUND if name != "duration"],
}
"""What each classifier sees."""

RESAMPLES = 300  # of groups, for an interval
SHUFFLES = 10  # of the training labels
FEW_GROUPS = 20  # of a class; intervals of fewer are too narrow


@dataclass(frozen=True)
class Audit:
    """What `audit` found. Its intervals hold for all nuisances at once, at 95 % (Bonferroni).

    Attributes:
        nuisances: one row per nuisance, the strongest first: ``nuisance, auc, auc_low, auc_high`` (from 0.5, which is
            no information), ``fakes`` (what they are, such as longer), ``real, fake`` (typical values); the same of
            training as ``training_auc`` and so on, NaN and "" where nothing is for training; ``trend``, which is
            "reversed" or "absent" where testing contradicts training.
        classifiers: one row for each of ``CLASSIFIERS``: ``classifier, auc, auc_low, auc_high``.
        shuffled: lowest and highest AUC of all together where the labels of training were shuffled.
        held_out: whether training taught and testing was scored; else groups of clips taught each other.
        counts: ``label, clips, groups`` that were scored.
        failed: ``clip, reason`` of clips that cannot be read.
    """

    nuisances: pd.DataFrame
    classifiers: pd.DataFrame
    shuffled: tuple[float, float]
    held_out: bool
    counts: pd.DataFrame
    failed: pd.DataFrame


def audit(corpus, *, n_jobs=-1, progress=True, seed=0):
    """What tells real from fake in a corpus besides being fake.

    Without both classes in training and testing, all clips are cross-validated, whole groups left out.

    Args:
        corpus: table of clips.
        n_jobs: threads that read files.
        progress: show a bar on standard error while they do.
        seed: of folds, classifiers and shuffles.

    Returns:
        `Audit`.

    Raises:
        FakeOrRealError: too few readable clips of a class.
    """
    measures, failed = measure(corpus, n_jobs=n_jobs, progress=progress)
    parts = numeric_parts(measures, seed=seed)
    testing = pd.concat([test for _, test in parts])
    training = parts[0][0] if has_splits(measures) else None
    rng = np.random.default_rng(seed)
    shuffled = [
        auc(testing["label"], classify(parts, CLASSIFIERS["all together"], seed=seed, shuffle=rng))
        for _ in range(SHUFFLES)
    ]
    together = [
        {"classifier": title, **_columns(_auc(testing, classify(parts, names, seed=seed)))}
        for title, names in CLASSIFIERS.items()
    ]
    alone = pd.DataFrame([_row(name, training, testing, measures[name]) for name in NUISANCES])
    return Audit(
        nuisances=alone.sort_values(
            "auc", ascending=False, kind="stable", ignore_index=True, key=lambda values: values.round(9)
        ),
        classifiers=pd.DataFrame(together),
        shuffled=(min(shuffled), max(shuffled)),
        held_out=training is not None,
        counts=testing.groupby("label").agg(clips=("clip", "size"), groups=("group", "nunique")).reset_index(),
        failed=failed,
    )


def shortcut_table(corpora):
    """AUC on testing of the ``TRIVIAL`` nuisances, alone and together, of several corpora side by side.

    Args:
        corpora: dict name → table of clips.

    Returns:
        DataFrame: measure, and one AUC column per corpus (0.5: no information; below 0.5: lower in fakes); the last
        row is 'all together': gradient boosting fitted on training, scored on testing.

    Raises:
        FakeOrRealError: training or testing without clips of both classes that can be read.
    """
    columns = {name: _trivial_auc(measure(corpus, progress=False)[0]) for name, corpus in corpora.items()}
    return pd.DataFrame(columns).rename_axis("measure").reset_index()


def load(folder=None, dataset=None):
    """Load whatever corpus a folder holds.

    Args:
        folder: a tree of Fake-or-Real, In-the-Wild, or what `corpora.load_folder` takes; None for the embedded corpus.
        dataset: version of Fake-or-Real; None for the first that is there.

    Returns:
        (name, corpus).

    Raises:
        FakeOrRealError: as the loaders.
    """
    if folder is None or dataset:
        dataset = dataset or PARTS[0]
        return dataset, load_corpus(dataset, folder)
    root = data_root(folder)
    if any((root / inner / "meta.csv").is_file() for inner in ("", FOLDER)):
        return "In-the-Wild", load_in_the_wild(root)
    version = next((version for version in (*PARTS, *STORED) if find_version(version, root)), None)
    return (version, load_corpus(version, root)) if version else (root.name, load_folder(root))


def _trivial_auc(measures):
    if not has_splits(measures):
        raise FakeOrRealError(
            "shortcuts need readable clips of both classes in training and testing. "
            f"Received: {len(measures)} clips, one of the four is missing. Run `fakeorreal validate` to see which."
        )
    parts = numeric_parts(measures, seed=0)
    test = parts[0][1]
    alone = {name: auc(test["label"], test[name]) for name in TRIVIAL}
    return pd.Series(alone | {"all together": auc(test["label"], classify(parts, list(TRIVIAL), seed=0))})


def _row(name, training, testing, values):
    found = _auc(testing, testing[name])
    columns = _from_half(found)
    row = {"nuisance": name, **columns, **_described(name, testing["label"], values, found[0])}
    if training is None:
        taught = dict.fromkeys(columns, np.nan) | dict.fromkeys(("fakes", "real", "fake"), "")
        trend = ""
    else:
        learnt = _auc(training, training[name])
        taught = _from_half(learnt) | _described(name, training["label"], values, learnt[0])
        trend = _trend(taught, found if learnt[0] >= 0.5 else _mirrored(found))
    return row | {f"training_{column}": value for column, value in taught.items()} | {"trend": trend}


def _trend(taught, found):
    """How testing, ``found``, contradicts training, where fakes are on the upper side."""
    _, low, high = found
    if taught["auc"] < SHORTCUT_LIMIT or taught["auc_low"] <= max(0.5, high):
        return ""
    return "reversed" if high < 0.5 else "absent" if low <= 0.5 else ""


def _auc(rows, scores):
    """AUC and its interval, as wide as it must be for the intervals of all nuisances to hold at once."""
    value = auc(rows["label"], scores)
    low, high, _ = bootstrap(auc, rows["label"], scores, rows["group"], n=RESAMPLES)
    wider = NormalDist().inv_cdf(1 - 0.025 / len(NUISANCES)) / NormalDist().inv_cdf(1 - 0.025)
    return value, max(0.0, value - wider * (value - low)), min(1.0, value + wider * (high - value))


def _mirrored(found):
    value, low, high = found
    return 1 - value, 1 - high, 1 - low


def _from_half(found):
    return _columns(found if found[0] >= 0.5 else _mirrored(found))


def _columns(found):
    return dict(zip(("auc", "auc_low", "auc_high"), found, strict=True))


def _described(name, labels, values, value):
    """What fakes are by an AUC, and a typical value of each class, in words."""
    nuisance = NUISANCES[name]
    of_class = [values.loc[labels.index[labels == label]] for label in (0, 1)]
    if nuisance.form:
        typical = [nuisance.form.format(one.median()) for one in of_class]
        if typical[0] == typical[1]:
            typical = [nuisance.form.format(one.mean()) for one in of_class]
        fakes = nuisance.more if value > 0.5 else nuisance.less
    else:
        split = name_tokens if name == "name" else lambda category: {category}
        real, fake = (one.map(split).explode().value_counts() / len(one) for one in of_class)
        more = fake.sub(real, fill_value=0).round(9).sort_index()
        telling = more[more.abs() == more.abs().max()].idxmax()
        typical = [f"{one.get(telling, 0.0):.0%} “{telling}”" for one in (real, fake)]
        fakes = f"{'more' if more[telling] > 0 else 'less'} often “{telling}”"
    return {"fakes": "alike" if value == 0.5 else fakes, "real": typical[0], "fake": typical[1]}
