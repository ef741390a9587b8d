"""From saved scores to the tables of notebook 11, and to sentences that name what they show.

Error rates and accuracies are in per cent, Cllr in bits, AUC in [0, 1]. Intervals: 95 % bootstrap over groups.
"""

import numpy as np
import pandas as pd

from fakeorreal import metrics, tables
from fakeorreal.audit_wording import verdict
from fakeorreal.calibration import cllr, ece, min_cllr, temperature
from fakeorreal.corpora.corpus import FAKE
from fakeorreal.duplicates import leaks
from fakeorreal.errors import FakeOrRealError
from fakeorreal.evaluation import CLEAN, eer_change
from fakeorreal.nuisances import NUISANCES
from fakeorreal.report import threshold_of
from fakeorreal.robustness_report import ALL

HIGH = 0.8
"""AUC from which on the order of clips is still good."""


def audit_table(audits):
    """A row per version: the strongest nuisance, all measures of sound together, and the verdict.

    Args:
        audits: from ``TrustStudy.audits``.

    Returns:
        DataFrame: dataset, strongest (nuisance of sound or file), auc with its interval, ``together`` (AUC of all but
        the file name) with its interval, n_real, n_fake, verdict (its headline).
    """
    rows = []
    for name, audit in audits.items():
        alone = audit.nuisances[audit.nuisances["nuisance"] != "name"].iloc[0]
        together = audit.classifiers.set_index("classifier").loc["all but the file name"]
        rows.append(
            {
                "dataset": name,
                "strongest": NUISANCES[alone["nuisance"]].title,
                **{column: alone[column] for column in ("auc", "auc_low", "auc_high")},
                "together": together["auc"],
                "together_low": together["auc_low"],
                "together_high": together["auc_high"],
                **dict(
                    zip(("n_real", "n_fake"), audit.counts.set_index("label")["clips"].reindex((0, 1)), strict=True)
                ),
                "verdict": verdict(audit)[0],
            }
        )
    return pd.DataFrame(rows)


def duplicate_table(found):
    """A row per version: pairs of clips that hold the same recording, and those that a split by group does not keep.

    Args:
        found: from ``TrustStudy.duplicates``.

    Returns:
        DataFrame: dataset, n_clips, n_groups, pairs, of them by bytes, samples and near; ``across_groups``;
        ``across_splits``; ``copied``: testing clips with a copy in training, in per cent.
    """
    rows = []
    for name, (clips, pairs) in found.items():
        kinds = pairs["kind"].value_counts().reindex(["bytes", "samples", "near"], fill_value=0)
        testing = clips.loc[clips["split"] == "testing", "clip"]
        sides = [("a", "b"), ("b", "a")]
        copied = set().union(
            *(
                pairs.loc[
                    (pairs[f"split_{here}"] == "testing") & (pairs[f"split_{there}"] == "training"), f"clip_{here}"
                ]
                for here, there in sides
            )
        )
        leaking = leaks(pairs)
        rows.append(
            {
                "dataset": name,
                "n_clips": len(clips),
                "n_groups": clips["group"].nunique(),
                "pairs": len(pairs),
                **kinds,
                "across_groups": (leaking["group_a"] != leaking["group_b"]).sum(),
                "across_splits": (leaking["split_a"] != leaking["split_b"]).sum(),
                "copied": 100 * testing.isin(copied).mean(),
            }
        )
    return pd.DataFrame(rows)


def leak_sentence(found):
    """How many copies lie in two splits, and the surest of them, from ``TrustStudy.duplicates``."""
    leaking = pd.concat([leaks(pairs) for _, pairs in found.values()], ignore_index=True)
    across = leaking[leaking["split_a"] != leaking["split_b"]].sort_values("score", kind="stable")
    if across.empty:
        return f"No copy lies in two splits; {len(leaking)} pairs lie in two groups of one split."
    fakes = ((across["label_a"] == FAKE) & (across["label_b"] == FAKE)).sum()
    worst = across.iloc[-1]
    return (
        f"{len(across)} pairs lie in two splits, {fakes} of them fakes both; the surest: {worst['clip_a']} and "
        f"{worst['clip_b']}. {len(leaking) - len(across)} more lie in two groups of one split."
    )


def split_table(scores):
    """The same systems on the official split, and on clips that were dealt anew.

    Args:
        scores: from ``TrustStudy.splits``.

    Returns:
        DataFrame, a row per system and split: eer with its interval, ``difference`` (less official, in points); of
        testing clips in per cent ``seen_group`` and ``seen_speaker``, of its fakes ``seen_generator``; epochs,
        n_training, n_clips, n_groups, seeds.
    """
    table = tables.benchmark_table(scores.assign(dataset=scores["split_by"])).rename(columns={"dataset": "split_by"})
    testing = scores[scores["split"] == "testing"]
    by = ["system", "split_by"]
    seen = 100 * testing.groupby(by)[["seen_group", "seen_speaker"]].mean()
    seen["seen_generator"] = 100 * testing[testing["label"] == FAKE].groupby(by)["seen_generator"].mean()
    table = table.merge(seen.reset_index(), on=by)
    order = table["split_by"].map({"official": 0, "sentence": 1, "clip": 2})
    table = table.loc[order.sort_values(kind="stable").index].sort_values("system", kind="stable", ignore_index=True)
    official = table[table["split_by"] == "official"].set_index("system")["eer"]
    table["difference"] = (table["eer"] - table["system"].map(official)).where(table["split_by"] != "official")
    columns = [*by, "eer", "eer_low", "eer_high", "difference", "seen_group", "seen_speaker", "seen_generator"]
    return table[[*columns, "epochs", "n_training", "n_clips", "n_groups", "seeds"]]


def matrix_table(scores):
    """Every system that was trained on one version, on every version: system, trained_on, tested_on, eer, auc, n.

    Args:
        scores: from ``TrustStudy.matrix``.
    """
    keys = ["system", "trained_on", "tested_on"]
    rows = [{**dict(zip(keys, key, strict=True)), **_eer(run)} for key, run in scores.groupby(keys, sort=False)]
    return pd.DataFrame(rows)


def left_out_table(scores):
    """A row per generator or language that was left out: what it costs not to have heard it.

    Args:
        scores: from ``TrustStudy.left_out``.

    Returns:
        DataFrame, the highest EER first: column, value, ``eer_heard``, ``eer_unheard`` with its interval,
        ``difference`` in points with the interval of the paired difference, n_training (mean over folds), n_fake,
        n_clips, n_groups.
    """
    columns = ["column", "value", "eer_heard", "eer_unheard", "eer_unheard_low", "eer_unheard_high", "difference"]
    columns += ["difference_low", "difference_high", "n_training", "n_fake", "n_clips", "n_groups"]
    rows = []
    for (column, value), runs in scores.groupby(["column", "value"], sort=False):
        heard, unheard = (runs[runs["heard"].astype(bool) == which].sort_values("clip") for which in (True, False))
        found = _eer(unheard)
        change = eer_change(unheard["label"], _column(unheard), _column(heard), unheard["group"])
        rows.append(
            {
                "column": column,
                "value": value,
                "eer_heard": 100 * metrics.eer(heard["label"], heard["score"]),
                **{f"eer_unheard{end}": found[f"eer{end}"] for end in ("", "_low", "_high")},
                **{f"difference{end}": change[f"eer_change{end}"] for end in ("", "_low", "_high")},
                "n_training": unheard["n_training"].mean(),
                "n_fake": (unheard["label"] == FAKE).sum(),
                "n_clips": found["n_clips"],
                "n_groups": found["n_groups"],
            }
        )
    table = pd.DataFrame(rows, columns=columns)
    return table.sort_values(["column", "eer_unheard"], ascending=[True, False], kind="stable", ignore_index=True)


def calibration_table(scores):
    """Scores as probabilities, before and after temperature scaling, which validation fits.

    Args:
        scores: from ``TrustStudy.clean``.

    Returns:
        DataFrame, a row per system: auc, min_cllr; cllr and ece as they come; ``temperature``; ``cllr_scaled``,
        ``ece_scaled``; n_validation, n_clips. No temperature where scores do not rise with fake on validation.
    """
    rows = []
    for system, runs in scores.groupby("system", sort=False):
        labels, raw = _testing(runs)
        t = _temperature(runs)
        rows.append(
            {
                "system": system,
                "auc": metrics.auc(labels, raw),
                "min_cllr": min_cllr(labels, raw),
                "cllr": cllr(labels, raw),
                "ece": 100 * ece(labels, raw),
                "temperature": t,
                "cllr_scaled": cllr(labels, raw / t) if t else np.nan,
                "ece_scaled": 100 * ece(labels, raw / t) if t else np.nan,
                "n_validation": (runs["split"] == "validation").sum(),
                "n_clips": len(labels),
            }
        )
    return pd.DataFrame(rows).astype({"temperature": float})


def reliability_pairs(scores):
    """Testing labels and scores of every system, as they come and scaled: for ``reliability_diagram``."""
    found = {}
    for system, runs in scores.groupby("system", sort=False):
        labels, raw = _testing(runs)
        t = _temperature(runs)
        found[system] = {"as it comes": (labels, raw)} | ({"temperature": (labels, raw / t)} if t else {})
    return found


def threshold_table(scores, hard):
    """What the threshold of clean validation is worth after damage.

    Args:
        scores: from ``TrustStudy.robustness``.
        hard: a condition that every system is shown under.

    Returns:
        DataFrame, per system the clean clips, ``hard``, and the condition under which the threshold loses most: system,
        condition, auc, eer, balanced_accuracy at the threshold, ``threshold_loss`` (how far that stays below
        100 - EER, what the right threshold would give), accuracy_real, accuracy_fake, n_clips.
    """
    rows = []
    for system, runs in scores.groupby("system", sort=False):
        threshold = threshold_of(runs[(runs["split"] == "validation") & (runs["condition"] == CLEAN)])
        testing = runs[runs["split"] == "testing"]
        found = [_at(run, threshold) | {"system": system, "condition": name}
                 for name, run in testing.groupby("condition", sort=False)]  # fmt: skip
        table = pd.DataFrame(found)
        worst = table.loc[table["threshold_loss"].idxmax(), "condition"]
        rows.append(table.set_index("condition", drop=False).loc[list(dict.fromkeys([CLEAN, hard, worst]))])
    columns = ["system", "condition", "auc", "eer", "balanced_accuracy", "threshold_loss"]
    return pd.concat(rows, ignore_index=True)[[*columns, "accuracy_real", "accuracy_fake", "n_clips"]]


def seed_table(scores):
    """Mean, standard deviation and range of the testing EER over seeds, for systems of several.

    Args:
        scores: from ``TrustStudy.benchmark``, last marks.

    Returns:
        DataFrame: system, eer, eer_sd, eer_lowest, eer_highest, n_seeds.
    """
    rows = []
    for system, runs in scores[scores["split"] == "testing"].groupby("system"):
        each = [100 * metrics.eer(run["label"], run["score"]) for _, run in runs.groupby("seed")]
        row = {"system": system, "eer": np.mean(each), "eer_sd": np.std(each, ddof=1) if len(each) > 1 else np.nan}
        rows.append({**row, "eer_lowest": min(each), "eer_highest": max(each), "n_seeds": len(each)})
    return pd.DataFrame(rows).sort_values("eer", ignore_index=True)


def split_sentence(table):
    """What dealing at random changes, and what of it is the worth of sentences heard, from `split_table`."""
    found = []
    for system, rows in table.groupby("system", sort=False):
        eer = rows.set_index("split_by")["eer"]
        found.append(f"{system} {eer['official']:.1f} → {eer['sentence']:.1f} → {eer['clip']:.1f} %")
    return f"EER on the official split → dealt by sentence → dealt by clip: {'; '.join(found)}."


def matrix_sentence(table):
    """The best and the worst cell of `matrix_table` off its diagonal, and the means on and off it."""
    trained = table[table["trained_on"].isin(table["tested_on"])]
    same = trained["trained_on"] == trained["tested_on"]
    away = trained[~same]
    worst = away.loc[away["eer"].idxmax()]
    return (
        f"Mean EER where training and testing are of one version {trained.loc[same, 'eer'].mean():.1f} %, else "
        f"{away['eer'].mean():.1f} %; the worst: {worst['system']} trained on {worst['trained_on']}, tested on "
        f"{worst['tested_on']}, {worst['eer']:.1f} % [{worst['eer_low']:.1f}, {worst['eer_high']:.1f}]."
    )


def left_out_sentences(table):
    """The worst generator and the worst language of `left_out_table`, and which cost more than chance can explain."""
    if table.empty:
        return ["Fewer than two generators or languages are stated: none left out."]
    found = []
    for column, rows in table.groupby("column", sort=False):
        worst, dear = rows.iloc[0], rows.loc[rows["difference_low"] > 0, "value"]
        found.append(
            f"The worst {column} to leave out: {worst['value']}, EER {worst['eer_unheard']:.1f} % "
            f"[{worst['eer_unheard_low']:.1f}, {worst['eer_unheard_high']:.1f}], {worst['difference']:+.1f} points. "
            f"Not heard, these cost more than chance can: {', '.join(dear) or 'none'} ({len(dear)} of {len(rows)})."
        )
    return found


def threshold_sentence(table):
    """Where `threshold_table` has the largest loss at an AUC of ``HIGH`` or more."""
    high = table[table["auc"] >= HIGH]
    if high.empty:
        return f"No system has an AUC of {HIGH:g} or more under any of these conditions."
    worst = high.loc[high["threshold_loss"].idxmax()]
    return (
        f"The order stays, the threshold does not: {worst['system']} under {worst['condition']} has an AUC of "
        f"{worst['auc']:.3f}, but judges {worst['balanced_accuracy']:.1f} % rightly ({worst['accuracy_real']:.1f} % of "
        f"the real, {worst['accuracy_fake']:.1f} % of the fake), {worst['threshold_loss']:.1f} points below what the "
        "right threshold would give."
    )


def damage_sentence(summary):
    """Who bears damage best, and which family costs most, from ``robustness_report.summary_table``."""
    over_all = summary[summary["family"] == ALL].sort_values("eer_robust")
    families = summary[summary["family"] != ALL]
    cost = (families["eer_robust"] - families["eer_clean"]).groupby(families["family"]).mean()
    best, worst = over_all.iloc[0], over_all.iloc[-1]
    return (
        f"Mean EER over all rungs: best {best['system']} {best['eer_robust']:.1f} % (clean {best['eer_clean']:.1f} %), "
        f"worst {worst['system']} {worst['eer_robust']:.1f} % (clean {worst['eer_clean']:.1f} %). The family that "
        f"costs most, mean over systems: {cost.idxmax()}, {cost.max():+.1f} points; the least: {cost.idxmin()}, "
        f"{cost.min():+.1f} points."
    )


def meaning_sentence(pairs):
    """How many of the pairs of ``significance.compare`` differ, and which do not."""
    counts = pairs["meaning"].value_counts()
    nothing = pairs[pairs["meaning"] == "no difference shown"]
    named = "; ".join(f"{row.better} and {row.worse}" for row in nothing.itertuples())
    return (
        f"{counts.get('differ', 0)} of {len(pairs)} pairs of systems differ, {counts.get('open', 0)} are open. "
        f"Nothing is shown of: {named or 'none'}."
    )


def _eer(run):
    interval = metrics.bootstrap(metrics.eer, run["label"], run["score"], run["group"])
    return {
        "eer": 100 * metrics.eer(run["label"], run["score"]),
        "eer_low": 100 * interval.low,
        "eer_high": 100 * interval.high,
        "auc": metrics.auc(run["label"], run["score"]),
        "n_clips": len(run),
        "n_groups": run["group"].nunique(),
    }


def _at(run, threshold):
    labels, scores = run["label"], run["score"]
    eer = 100 * metrics.eer(labels, scores)
    rates = metrics.rates(metrics.confusion(labels, scores, threshold))
    rates = {name: 100 * rates[name] for name in ("balanced_accuracy", "accuracy_real", "accuracy_fake")}
    loss = 100 - eer - rates["balanced_accuracy"]
    return {"auc": metrics.auc(labels, scores), "eer": eer, **rates, "threshold_loss": loss, "n_clips": len(run)}


def _testing(runs):
    testing = runs[runs["split"] == "testing"]
    return testing["label"].to_numpy(), testing["score"].to_numpy()


def _temperature(runs):
    """The temperature of validation; None where scores do not rise with fake."""
    validation = runs[runs["split"] == "validation"]
    try:
        return temperature(validation["label"], validation["score"])
    except FakeOrRealError:
        return None


def _column(run):
    return run[["score"]].to_numpy()
