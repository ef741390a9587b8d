"""A detector on a corpus: scores, clean and under test conditions, and the tables made of them.

Shares and error rates in tables are in per cent, Cllr in bits, AUC in [0, 1].
"""

import numpy as np
import pandas as pd
from tqdm import tqdm

from fakeorreal import audio
from fakeorreal.calibration import BINS, cllr, ece, min_cllr
from fakeorreal.corpora.corpus import FAKE, REAL
from fakeorreal.errors import FakeOrRealError
from fakeorreal.ladders import RUNGS
from fakeorreal.metrics import auc, bootstrap, checked, confusion, eer, rates, wilson
from fakeorreal.named_channels import apply_channel
from fakeorreal.tables import save_table

CLEAN = "clean"
"""Name of the condition without a test channel."""

_KEPT = ["clip", "label", "group", "source", "generator", "family", "split"]
_CONDITIONS_IN_WORDS = (
    "Conditions: MPEG layer III at 64 kbit/s, Opus at 24 kbit/s, telephone (8 kHz, 300 to 3400 Hz, G.711 mu-law), pink "
    "noise at 15 dB."
)


def score_corpus(detector, corpus, condition=None):
    """The scores that a detector gives whole clips, one at a time.

    Args:
        detector: from ``load_detector``, or what has a ``predict(y, sr)`` whose result has a ``score``.
        corpus: table of clips; without columns ``source`` and ``family`` these are "unknown".
        condition: a rung of ``ladders.RUNGS`` to send every clip through in place of its own channel, or None.

    Returns:
        (scores, failed): clip, label, score, group, source, generator, family, split, condition ("clean" for None); and
        clip, reason of the clips that cannot be read or judged, which have no score.

    Raises:
        FakeOrRealError: unknown condition, or no clip that can be judged.
    """
    if condition is not None and condition not in RUNGS:
        raise FakeOrRealError(f"`condition` must be one of {', '.join(RUNGS)} or None. Received: {condition!r}.")
    given = {column: "unknown" for column in ("source", "family") if column not in corpus}
    if condition:
        given["channel"] = condition
    corpus = corpus.assign(**given).reset_index(drop=True)
    name = condition or CLEAN
    scored, failed = [], []
    for clip in tqdm(corpus.itertuples(), total=len(corpus), desc=name, unit="clip"):
        try:
            y = audio.read(clip.path, sr=audio.SAMPLE_RATE, start=clip.start, end=clip.end)
            if clip.channel:
                y = apply_channel(y, sr=audio.SAMPLE_RATE, name=clip.channel, key=clip.clip)
            scored.append((clip.Index, detector.predict(y, sr=audio.SAMPLE_RATE).score))
        except FakeOrRealError as error:
            failed.append((clip.clip, str(error)))
    if not scored:
        reason = f" The first: {failed[0][1]}" if failed else ""
        raise FakeOrRealError(f"none of {len(corpus)} clips could be judged.{reason}")
    rows, scores = zip(*scored, strict=True)
    table = corpus.loc[list(rows), _KEPT].reset_index(drop=True)
    table.insert(2, "score", np.array(scores, float))
    return table.assign(condition=name), pd.DataFrame(failed, columns=["clip", "reason"])


def summary_table(scores, threshold):
    """One row per split and condition.

    Args:
        scores: scores table, any splits and conditions.
        threshold: of the detector: a clip is called fake when score >= threshold.

    Returns:
        DataFrame in the order of the scores: split, condition, ``eer`` with its 95 % bootstrap interval over whole
        sources (over groups where a class is of one source: ``resampled`` says which), ``eer_change`` against the clean
        clips in points, with the interval of the paired difference on the clips scored in both, auc, balanced_accuracy
        at the threshold, cllr and min_cllr (bits), ece, n_clips, n_sources.

    Raises:
        FakeOrRealError: a clip twice under one condition, or as ``metrics.eer`` and ``metrics.bootstrap``.
    """
    rows = []
    for (split, condition), run in scores.groupby(["split", "condition"], sort=False):
        clean = scores[(scores["split"] == split) & (scores["condition"] == CLEAN)]
        change = {} if condition == CLEAN or clean.empty else _change(run, clean)
        rows.append({"split": split, "condition": condition, **_summary(run, threshold), **change})
    columns = ["split", "condition", "eer", "eer_low", "eer_high", "eer_change", "eer_change_low", "eer_change_high"]
    columns += ["eer_mixed", "auc", "balanced_accuracy", "cllr", "min_cllr", "ece", "n_clips", "n_sources", "resampled"]
    return pd.DataFrame(rows, columns=columns)


def _summary(run, threshold):
    labels, scores = _one_run(run)
    mixed = run[run.groupby("source")["label"].transform("nunique") == 2]
    return {
        **_eer_with_interval(run, _unit(run)),
        "eer_mixed": 100 * eer(mixed["label"], mixed["score"]) if len(mixed) else np.nan,
        "auc": auc(labels, scores),
        "balanced_accuracy": 100 * rates(confusion(labels, scores, threshold))["balanced_accuracy"],
        "cllr": cllr(labels, scores),
        "min_cllr": min_cllr(labels, scores),
        "ece": 100 * ece(labels, scores),
        "n_clips": len(run),
        "n_sources": run["source"].nunique(),
        "resampled": _unit(run),
    }


def _change(run, clean):
    both = run.merge(clean[["clip", "score"]], on="clip", suffixes=("", "_clean"))
    return eer_change(both["label"], both[["score"]].to_numpy(), both[["score_clean"]].to_numpy(), both[_unit(both)])


def eer_change(labels, after, before, groups):
    """What the EER of clips has risen by, in points, with the 95 % bootstrap interval of the paired difference.

    Args:
        labels: 0 real, 1 fake, shape (n,).
        after, before: scores of the same clips, a column per seed, shape (n, seeds); the mean over seeds is taken.
        groups: what is resampled whole, shape (n,).

    Returns:
        dict: ``eer_change, eer_change_low, eer_change_high``.

    Raises:
        FakeOrRealError: as ``metrics.eer`` and ``metrics.bootstrap``.
    """

    def change(labels, pairs, weights=None):
        return np.mean([eer(labels, new, weights) - eer(labels, old, weights) for new, old in pairs.T], axis=0)

    pairs = np.stack([after, before], axis=1)  # (n, 2, seeds)
    interval = bootstrap(change, labels, pairs, groups)
    return {
        "eer_change": 100 * change(labels, pairs),
        "eer_change_low": 100 * interval.low,
        "eer_change_high": 100 * interval.high,
    }


def family_table(scores, threshold):
    """The fakes of each family of generators against all real clips.

    Args:
        scores: scores table of one split under one condition.
        threshold: of the detector.

    Returns:
        DataFrame, hardest family first: family, ``eer`` with its interval and ``resampled`` as in ``summary_table``,
        ``missed`` (fakes called real) with its Wilson interval, n_fake, n_real, n_sources (of the fakes).

    Raises:
        FakeOrRealError: several runs in one table, or as ``metrics.eer``.
    """
    checked(*_one_run(scores))
    real, fake = (scores[scores["label"] == label] for label in (REAL, FAKE))
    rows = []
    for family, fakes in fake.groupby("family"):
        run = pd.concat([real, fakes])
        row = {"family": family, **_eer_with_interval(run, _unit(run))}
        row |= _proportion("missed", (fakes["score"] < threshold).sum(), len(fakes))
        row |= {"n_fake": len(fakes), "n_real": len(real), "n_sources": fakes["source"].nunique()}
        rows.append({**row, "resampled": _unit(run)})
    return pd.DataFrame(rows).sort_values(["eer", "family"], ascending=[False, True], ignore_index=True)


def source_table(scores, threshold):
    """Every source by itself.

    Args:
        scores: scores table of one split under one condition.
        threshold: of the detector.

    Returns:
        DataFrame sorted by source: source, ``eer`` with its bootstrap interval over groups (missing where the source
        holds one class only), ``wrong`` (clips on the wrong side of the threshold) with its Wilson interval, n_real,
        n_fake.

    Raises:
        FakeOrRealError: several runs in one table, or as ``metrics.eer``.
    """
    _one_run(scores)
    rows = []
    for source, run in scores.groupby("source"):
        n_real, n_fake = ((run["label"] == label).sum() for label in (REAL, FAKE))
        row = {"source": source, "eer": np.nan, "eer_low": np.nan, "eer_high": np.nan}
        if n_real and n_fake:
            row |= _eer_with_interval(run, "group")
        row |= _proportion("wrong", ((run["score"] >= threshold) != (run["label"] == FAKE)).sum(), len(run))
        rows.append({**row, "n_real": n_real, "n_fake": n_fake})
    return pd.DataFrame(rows)


def save_tables(scores, detector, folder, *, corpus, split="testing"):
    """Write ``detector_summary``, ``detector_families`` and ``detector_sources`` as CSV and Markdown.

    Args:
        scores: scores table, any splits and conditions.
        detector: whose scores they are.
        folder: where to write; made if missing.
        corpus: what was scored, in words, for the captions.
        split: whose clean clips are shown by family and by source.

    Returns:
        dict name → DataFrame.
    """
    clean = scores[(scores["split"] == split) & (scores["condition"] == CLEAN)]
    who = f"Detector {detector.name} {detector.version} ({detector.hash}); threshold {detector.threshold:.3g}, "
    who += f"{detector.threshold_from}. Corpus: {corpus}."
    drawn = "95 % bootstrap over {} (1,000 resamples, seed 0)"
    threshold = detector.threshold
    results = {
        "detector_summary": (
            summary_table(scores, threshold),
            "By split and test condition, clips pooled. EER change: against the clean clips, in points. Mixed "
            "sources: those that hold both classes. Intervals: "
            f"{drawn.format('whole sources, or groups where the last column says so')}. Cllr in bits; ECE in per cent, "
            f"{BINS} bins of equally many clips; both with equal priors. {_CONDITIONS_IN_WORDS}",
        ),
        "detector_families": (
            family_table(clean, threshold),
            f"Fakes of each family against all real clips of {split}. Missed: per cent called real at the threshold. "
            f"Intervals: of the EER {drawn.format('whole sources')}, of the missed Wilson 95 %, clips as independent.",
        ),
        "detector_sources": (
            source_table(clean, threshold),
            f"Every source of {split} by itself. Wrong: per cent on the wrong side of the threshold. "
            f"Intervals: of the EER {drawn.format('groups')}, of the wrong Wilson 95 %, clips as independent.",
        ),
    }
    for name, (table, caption) in results.items():
        save_table(table, name, folder, f"{caption} {who}")
    return {name: table for name, (table, _) in results.items()}


def _one_run(scores):
    """Labels and scores of one split under one condition."""
    if scores["clip"].duplicated().any() or scores["split"].nunique() > 1:
        splits, conditions = (", ".join(sorted(set(scores[column]))) for column in ("split", "condition"))
        raise FakeOrRealError(
            f"`scores` must hold each clip of one split once. Received: splits {splits}; conditions {conditions}. "
            "Select one of each."
        )
    return scores["label"], scores["score"]


def _unit(run):
    """What is resampled: sources, or groups where all clips of a class are of one source."""
    return "source" if run.groupby("label")["source"].nunique().min() > 1 else "group"


def _eer_with_interval(run, unit):
    labels, scores = run["label"], run["score"]
    row = {"eer": 100 * eer(labels, scores), "eer_low": np.nan, "eer_high": np.nan}
    if run[unit].nunique() > 1:
        interval = bootstrap(eer, labels, scores, run[unit])
        row |= {"eer_low": 100 * interval.low, "eer_high": 100 * interval.high}
    return row


def _proportion(name, n, of):
    low, high = wilson(n, of)
    return {name: 100 * n / of, f"{name}_low": 100 * low, f"{name}_high": 100 * high}
