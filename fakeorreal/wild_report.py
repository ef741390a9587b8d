"""From the scores of ``WildStudy`` to its tables: every rate in per cent, AUC in [0, 1].

A *segment* is a window of a clip. The published figures are of segments; a clip's score is the mean over its own.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from fakeorreal import analysis, metrics, tables
from fakeorreal.binary_measures import binary_measures, youden_threshold
from fakeorreal.corpora.corpus import FAKE, REAL
from fakeorreal.report import last_epochs, threshold_of

LEAST = 4
"""Clips of each class without which a subset has no row."""

HEARD = 4
"""Segments: clips that have as many are judged by their first 1, 2 … of them."""

TOLERANCE = 0.1
"""How much the durations of a length-matched pair may differ, as a share of the fake's."""

FROM_VALIDATION, FROM_TESTING = "validation", "testing itself (Youden's J, as published)"

WAYS = {
    "score": "mean logit",
    "rms": "RMS of probabilities (published)",
    "mean": "mean probability",
    "maximum": "maximum",
}
"""How segments become a clip, by the names of ``analysis.clip_scores``."""

_NOTEBOOK = "audio-deepfake-detection of jimmybanta, notebook outputs"
LITERATURE = pd.DataFrame(
    [
        (
            f"{_NOTEBOOK}: Alec Guinness",
            *(0.753, 72.5, 62.1, 82.1, 56.8, 75.7, 66.0, 17547),
            "threshold chosen on these segments; one speaker, whose fakes are longer than his recordings",
        ),
        (
            f"{_NOTEBOOK}: 9 speakers, not in the README",
            *(0.492, 44.9, *5 * (np.nan,), np.nan),
            "the speakers that the grid and the early stop were chosen on",
        ),
    ],
    columns=["source", "auc", "accuracy", "majority", "sensitivity", "specificity", "ppv", "npv", "n_clips", "note"],
).assign(system="wild_cnn_published", level="segment", threshold=FROM_TESTING)
LITERATURE["note"] = tables.LITERATURE_NOTE + "; " + LITERATURE["note"]
"""What the authors' notebooks print."""


def system_table(clips, segments):
    """Every system by clips and by segments, at the threshold of validation and at one chosen on testing.

    Args:
        clips: from ``WildStudy.run``.
        segments: from ``WildStudy.segments``.

    Returns:
        DataFrame: system, level, threshold (what it came from), auc, eer with its interval over groups, accuracy,
        majority (the accuracy of always naming the larger class), sensitivity, specificity, ppv, npv, n_training,
        n_clips (of that level), n_groups, seeds; means over seeds.
    """
    found = []
    for level, scores in (("clip", clips), ("segment", segments)):
        scores = last_epochs(scores)
        table = tables.benchmark_table(scores.assign(dataset=level)).drop(columns="accuracy")
        for rule in (FROM_VALIDATION, FROM_TESTING):
            rates = pd.DataFrame([{"system": key[0], **_rates(run, rule)} for key, run in _runs(scores)])
            rates = rates.groupby("system").mean()
            found.append(table.join(rates, on="system").assign(level=level, threshold=rule))
    columns = ["system", "level", "threshold", "auc", "eer", "eer_low", "eer_high", "accuracy", "majority"]
    columns += ["sensitivity", "specificity", "ppv", "npv", "n_training", "n_clips", "n_groups", "seeds"]
    return pd.concat(found)[columns].sort_values("system", kind="stable", ignore_index=True)


def confusions(clips, segments, system):
    """Confusion counts of the first seed: level and rule → [[tn, fp], [fn, tp]], for ``figures.confusion_matrices``."""
    found = {}
    for level, scores in (("clips", clips), ("segments", segments)):
        _, run = next(iter(_runs(last_epochs(scores[scores["system"] == system]))))
        for rule, words in ((FROM_VALIDATION, "threshold of validation"), (FROM_TESTING, "of testing itself")):
            c = _confusion(run, rule)
            found[f"{level},\n{words}"] = [[c["tn"], c["fp"]], [c["fn"], c["tp"]]]
    return found


def curves(clips, segments):
    """Labels and scores of testing, first seed, by system and level, for ``figures.roc``."""
    found = {}
    for level, scores in (("clips", clips), ("segments", segments)):
        for (system, seed), run in _runs(last_epochs(scores)):
            if seed == scores["seed"].min():
                testing = run[run["split"] == "testing"]
                found[f"{system}, {level}"] = testing["label"].to_numpy(), testing["score"].to_numpy()
    return found


def beside_literature(table):
    """The segment rows of `system_table`, and what the literature states.

    Returns:
        DataFrame: system, source, level, threshold, auc, accuracy, majority, sensitivity, specificity, ppv, npv,
        n_clips, note.
    """
    ours = table[table["level"] == "segment"].assign(source="this study", note="")
    columns = ["system", "source", "level", "threshold", "auc", "accuracy", "majority"]
    columns += ["sensitivity", "specificity", "ppv", "npv", "n_clips", "note"]
    return pd.concat([ours, LITERATURE], ignore_index=True)[columns]


def ways_table(segments):
    """Clips by the way in which their segments are made one score.

    Args:
        segments: from ``WildStudy.segments``.

    Returns:
        DataFrame: system, way (see ``WAYS``), eer with its interval, auc, n_clips, seeds.
    """
    segments = last_epochs(segments)
    by = ["system", "seed", "split", "epochs", segments["clip"].str.split("#").str[0].rename("name")]
    clips = segments.groupby(by, sort=False)
    first = clips[["label", "group", "n_training"]].first()
    scores = pd.DataFrame([_clip_scores(windows) for _, windows in clips["score"]], index=first.index)
    found = [first.assign(score=scores[key], dataset=way) for key, way in WAYS.items()]
    table = tables.benchmark_table(pd.concat(found).reset_index(names=[*by[:4], "clip"]))
    table = table.rename(columns={"dataset": "way"})
    order = table["way"].map({way: k for k, way in enumerate(WAYS.values())})
    table = table.assign(order=order).sort_values(["system", "order"], ignore_index=True)
    return table[["system", "way", "eer", "eer_low", "eer_high", "auc", "n_clips", "seeds"]]


def length_table(clips, segments, seconds):
    """What length alone gives away, what is left when both classes are equally long, and what more seconds add.

    Args:
        clips: from ``WildStudy.run``.
        segments: from ``WildStudy.segments``.
        seconds: from ``WildStudy.seconds``.

    Returns:
        DataFrame: system, what, heard (segments of each clip; NaN for all), eer with its interval, auc, accuracy (at
        the threshold of validation; NaN where only part of a clip is heard), n_clips, seeds. A subset with fewer than
        ``LEAST`` clips of a class has no row.
    """
    clips, segments = last_epochs(clips), last_epochs(segments)
    one = clips[(clips["system"] == clips["system"].iloc[0]) & (clips["seed"] == clips["seed"].min())]
    alone = one.assign(system="none", score=one["clip"].map(seconds), dataset="duration alone")
    validation, testing = (clips[clips["split"] == split] for split in ("validation", "testing"))
    matched = length_matched(testing.drop_duplicates("clip"), seconds)
    parts = [(alone, np.nan), (clips.assign(dataset="all clips"), np.nan)]
    if len(matched) >= 2 * LEAST:
        pairs = pd.concat([validation, testing[testing["clip"].isin(matched)]])
        parts.append((pairs.assign(dataset="length-matched pairs"), np.nan))
    parts += [(pd.concat([validation, rows]).assign(dataset=f"first {k} s"), k) for k, rows in _heard(segments)]
    found = pd.concat([tables.benchmark_table(part).assign(heard=k) for part, k in parts], ignore_index=True)
    found["accuracy"] = found["accuracy"].where(found["heard"].isna() & (found["system"] != "none"))
    columns = ["system", "what", "heard", "eer", "eer_low", "eer_high", "auc", "accuracy", "n_clips", "seeds"]
    return found.rename(columns={"dataset": "what"})[columns]


def length_matched(clips, seconds, *, seed=0):
    """Pairs of a fake and a real clip whose durations differ by at most ``TOLERANCE``, none in two pairs.

    The fakes come in random order; each takes the real clip, of those that are left, nearest to it in duration.

    Args:
        clips: table with ``clip`` and ``label``, a row per clip.
        seconds: Series, clip → seconds.
        seed: of the order.

    Returns:
        names of the clips that are in a pair.
    """
    lasts = seconds.loc[clips["clip"]]
    real, fake = (lasts[clips["label"].to_numpy() == label] for label in (REAL, FAKE))
    pairs = []
    for name in np.random.default_rng(seed).permutation(fake.index):
        off = (real - fake[name]).abs()
        if len(off) and off.min() <= TOLERANCE * fake[name]:
            pairs += [name, off.idxmin()]
            real = real.drop(off.idxmin())
    return pairs


def speaker_table(scores):
    """One row per speaker who was held out, the worst first.

    Args:
        scores: from ``WildStudy.speakers``.

    Returns:
        DataFrame: speaker, eer with its interval, eer_own (the same recordings against the fakes of that very voice
        alone; NaN where there are fewer than ``LEAST``), auc, accuracy, n_training, n_clips, n_groups, seeds. Who has
        fewer than ``LEAST`` clips of a class has no row.
    """
    columns = ["speaker", "eer", "eer_low", "eer_high", "eer_own", "auc", "accuracy"]
    columns += ["n_training", "n_clips", "n_groups", "seeds"]
    scores = last_epochs(scores)
    enough = [rows for _, rows in scores.groupby("held_out") if _enough(rows)]
    if not enough:
        return pd.DataFrame(columns=columns)
    scores = pd.concat(enough)
    own = scores[(scores["label"] == REAL) | (scores["speaker"] == scores["held_out"])]
    own = {
        name: np.mean([_eer(run) for _, run in _runs(rows)]) for name, rows in own.groupby("held_out") if _enough(rows)
    }
    table = tables.benchmark_table(scores.assign(dataset=scores["held_out"])).rename(columns={"dataset": "speaker"})
    table["eer_own"] = table["speaker"].map(own).astype(float)
    return table[columns].sort_values("eer", ascending=False, kind="stable", ignore_index=True)


def summary(table):
    """Mean, standard deviation and the worst of `speaker_table`, in a sentence."""
    if table.empty:
        return "No speaker has enough clips of both classes to be held out."
    eer, auc, worst = table["eer"], table["auc"], table.loc[table["eer"].idxmax()]
    return (
        f"Over {len(table)} speakers (mean ± SD) EER {eer.mean():.1f} ± {eer.std():.1f} % and AUC {auc.mean():.3f} ± "
        f"{auc.std():.3f}; the worst is {worst['speaker']} with an EER of {worst['eer']:.1f} %."
    )


def lowest_loss(log):
    """The log of a grid, one row per setting, the lowest validation loss first; means over seeds."""
    settings = list(log.columns[: log.columns.get_loc("epochs")])
    found = log.groupby(settings, sort=False)[["epochs_run", "val_loss", "eer", "auc"]].mean()
    return found.sort_values("val_loss", kind="stable").reset_index()


def suspect(segments, system):
    """Name of the fake testing clip of the highest mean score, first seed, among those of ``HEARD`` segments or more.

    Where none has as many, among the longest.
    """
    (_, run), *_ = _runs(last_epochs(segments[segments["system"] == system]))
    fakes = run[(run["split"] == "testing") & (run["label"] == FAKE)]
    clips = fakes.groupby(fakes["clip"].str.split("#").str[0])["score"].agg(["mean", "size"])
    long = clips["size"] >= min(HEARD, clips["size"].max())
    return clips.loc[long, "mean"].idxmax()


class _Heard(NamedTuple):
    """As much of a ``detector.Prediction`` as ``analysis.clip_scores`` asks for."""

    windows: list
    score: float
    fake_share: float = np.nan


def _clip_scores(scores):
    return analysis.clip_scores(_Heard([(0, 1, score) for score in scores], scores.mean()))


def _runs(scores):
    return scores.groupby(["system", "seed"])


def _confusion(run, rule):
    testing = run[run["split"] == "testing"]
    if rule == FROM_VALIDATION:
        threshold = threshold_of(run[run["split"] == "validation"])
    else:
        threshold = youden_threshold(testing["label"], testing["score"])
    return metrics.confusion(testing["label"], testing["score"], threshold)


def _rates(run, rule):
    return {name: 100 * rate for name, rate in binary_measures(_confusion(run, rule)).items()}


def _eer(run):
    testing = run[run["split"] == "testing"]
    return 100 * metrics.eer(testing["label"], testing["score"])


def _enough(scores):
    """Whether testing has ``LEAST`` clips of each class."""
    testing = scores[scores["split"] == "testing"].drop_duplicates("clip")
    return testing["label"].value_counts().reindex([REAL, FAKE], fill_value=0).min() >= LEAST


def _heard(segments):
    """(k, scores of testing clips from their first k segments) for k up to HEARD, of clips that have HEARD of them."""
    name, _, place = segments["clip"].str.rpartition("#").to_numpy().T
    testing = segments.assign(clip=name, place=place.astype(int))[segments["split"] == "testing"]
    long = testing.groupby(["system", "seed", "clip"])["place"].transform("max") >= HEARD - 1
    testing = testing[long]
    if not _enough(testing):
        return
    for k in range(1, HEARD + 1):
        rows = testing[testing["place"] < k].drop(columns="place")
        means = rows.groupby(["system", "seed", "clip"])["score"].transform("mean")
        yield k, rows.assign(score=means).drop_duplicates(["system", "seed", "clip"])
