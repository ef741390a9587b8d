"""The tables of notebook 11 against scikit-learn, the metrics, and counts by hand, on made-up scores."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from fakeorreal import calibration, metrics, trust_report
from fakeorreal.audit import Audit


def draw(rng, n, distance, **columns):
    """2 n clips of n sentences, each real and fake, whose scores lie a distance apart."""
    label, sentence = np.tile([0, 1], n), np.repeat(np.arange(n), 2)
    table = pd.DataFrame({"label": label, "score": rng.normal(size=2 * n) + distance * (label - 0.5)})
    split = columns.get("split", "testing")
    table["clip"] = [f"{split}/{k}/{here}" for k, here in zip(sentence, label, strict=True)]
    table["group"] = [f"{split}{k}" for k in sentence]
    return table.assign(**columns)


@pytest.fixture(scope="module")
def damaged():
    """Two systems, one of which knows nothing; noise moves all scores up, which leaves their order as it is."""
    rng = np.random.default_rng(3)
    runs = []
    for system, distance in (("good", 3.0), ("inverted", -3.0)):
        runs.append(draw(rng, 60, distance, split="validation", condition="clean", system=system))
        clean = draw(rng, 40, distance, split="testing", condition="clean", system=system)
        shifted = clean.assign(score=clean["score"] + 2, condition="noise-0dB")
        runs += [clean, shifted, clean.assign(score=rng.normal(size=80), condition="room-1.5s")]
    return pd.concat(runs, ignore_index=True).assign(seed=0)


def of(table, **wanted):
    (row,) = table[(table[list(wanted)] == pd.Series(wanted)).all(axis=1)].to_dict("records")
    return row


def clean(scores):
    return scores[scores["condition"] == "clean"]


def test_calibration_before_and_after_what_validation_fits(damaged):
    table = trust_report.calibration_table(clean(damaged))
    rows = damaged[(damaged["system"] == "good") & (damaged["condition"] == "clean")]
    validation, testing = (rows[rows["split"] == split] for split in ("validation", "testing"))
    row = of(table, system="good")
    t = calibration.temperature(validation["label"], validation["score"])
    assert row["temperature"] == pytest.approx(t) and 0.2 < t < 0.5  # the log-likelihood ratio is 3 times the score
    assert row["auc"] == pytest.approx(roc_auc_score(testing["label"], testing["score"]))
    for name, divisor in (("", 1), ("_scaled", t)):
        scores = testing["score"] / divisor
        assert row[f"cllr{name}"] == pytest.approx(calibration.cllr(testing["label"], scores))
        assert row[f"ece{name}"] == pytest.approx(100 * calibration.ece(testing["label"], scores))
    assert row["min_cllr"] <= row["cllr_scaled"] < row["cllr"]
    assert (row["n_validation"], row["n_clips"]) == (120, 80)


def test_scores_that_do_not_rise_with_fake_have_no_temperature(damaged):
    row = of(trust_report.calibration_table(clean(damaged)), system="inverted")
    assert np.isnan([row["temperature"], row["cllr_scaled"], row["ece_scaled"]]).all() and row["cllr"] > 1
    pairs = trust_report.reliability_pairs(clean(damaged))
    assert list(pairs["good"]) == ["as it comes", "temperature"] and list(pairs["inverted"]) == ["as it comes"]
    raw, scaled = (pairs["good"][name][1] for name in pairs["good"])
    np.testing.assert_allclose(
        raw / scaled, of(trust_report.calibration_table(clean(damaged)), system="good")["temperature"]
    )


def test_a_threshold_loses_what_a_shift_costs_though_the_order_stays(damaged):
    table = trust_report.threshold_table(damaged, "room-1.5s")
    assert table["condition"].tolist()[:3] == ["clean", "room-1.5s", "noise-0dB"]
    clean, noise = (of(table, system="good", condition=name) for name in ("clean", "noise-0dB"))
    assert clean["auc"] == noise["auc"] and clean["eer"] == noise["eer"]
    rows = damaged[damaged["system"] == "good"]
    validation = rows[rows["split"] == "validation"]
    threshold = metrics.eer_threshold(validation["label"], validation["score"])
    testing = rows[rows["condition"] == "noise-0dB"]
    wanted = 100 * balanced_accuracy_score(testing["label"], testing["score"] >= threshold)
    assert noise["balanced_accuracy"] == pytest.approx(wanted)
    assert noise["threshold_loss"] == pytest.approx(100 - noise["eer"] - wanted) and noise["threshold_loss"] > 10
    assert "room-1.5s" in trust_report.threshold_sentence(table) or "noise-0dB" in trust_report.threshold_sentence(
        table
    )


@pytest.fixture(scope="module")
def splits():
    rng = np.random.default_rng(5)
    runs = []
    for split_by, distance in (("official", 1.0), ("sentence", 1.0), ("clip", 3.0)):
        for split in ("validation", "testing"):
            run = draw(rng, 30, distance, split=split, split_by=split_by)
            random = split_by == "clip"
            runs.append(run.assign(seen_group=random, seen_speaker=True, seen_generator=run["label"] == random))
    table = pd.concat(runs, ignore_index=True)
    return table.assign(system="cnn", seed=0, epochs=20.0, n_training=100)


def test_official_and_random_split_side_by_side(splits):
    table = trust_report.split_table(splits)
    assert table["split_by"].tolist() == ["official", "sentence", "clip"]
    official, random = (of(table, split_by=name) for name in ("official", "clip"))
    for name, row in (("official", official), ("clip", random)):
        testing = splits[(splits["split_by"] == name) & (splits["split"] == "testing")]
        assert row["eer"] == pytest.approx(100 * metrics.eer(testing["label"], testing["score"]))
        assert row["eer_low"] <= row["eer"] <= row["eer_high"] and row["n_clips"] == 60 and row["seeds"] == "0"
    assert random["difference"] == pytest.approx(random["eer"] - official["eer"]) and random["difference"] < 0
    assert np.isnan(official["difference"])
    assert (official["seen_group"], random["seen_group"], random["seen_speaker"]) == (0, 100, 100)
    assert (official["seen_generator"], random["seen_generator"]) == (0, 100)
    wanted = f"cnn {official['eer']:.1f} → {of(table, split_by='sentence')['eer']:.1f} → {random['eer']:.1f} %"
    assert wanted in trust_report.split_sentence(table)


def test_the_matrix_has_a_row_per_cell():
    rng = np.random.default_rng(6)
    runs = [
        draw(rng, 20, 2.0, system=system, trained_on=one, tested_on=other)
        for system in ("cnn", "dnn")
        for one in "ab"
        for other in "abc"
    ]
    table = trust_report.matrix_table(pd.concat(runs, ignore_index=True))
    assert len(table) == 12 and set(table["n_clips"]) == {40} and set(table["n_groups"]) == {20}
    row, run = of(table, system="dnn", trained_on="a", tested_on="c"), runs[8]
    interval = metrics.bootstrap(metrics.eer, run["label"], run["score"], run["group"])
    assert (row["eer_low"], row["eer_high"]) == pytest.approx((100 * interval.low, 100 * interval.high))
    assert row["auc"] == pytest.approx(roc_auc_score(run["label"], run["score"]))
    assert "trained on" in trust_report.matrix_sentence(table)


@pytest.fixture(scope="module")
def unheard():
    """A generator that costs much when it is left out, and one that costs nothing; a row per clip and arm."""
    rng = np.random.default_rng(8)
    runs = []
    for value, distances in (("cheap", (2.0, 2.0)), ("dear", (2.0, 0.5))):
        for heard, distance in zip((True, False), distances, strict=True):
            runs.append(draw(rng, 40, distance, value=value, heard=heard, column="generator", n_training=90))
    return pd.concat(runs, ignore_index=True)


def test_what_it_costs_not_to_have_heard(unheard):
    table = trust_report.left_out_table(unheard)
    assert table["value"].tolist() == ["dear", "cheap"]
    row = of(table, value="dear")
    assert row["difference"] == pytest.approx(row["eer_unheard"] - row["eer_heard"]) and row["difference"] > 10
    assert row["difference_low"] < row["difference"] < row["difference_high"]
    assert (row["n_fake"], row["n_clips"], row["n_groups"], row["n_training"]) == (40, 80, 40, 90)
    assert "dear" in " ".join(trust_report.left_out_sentences(table))


def test_nothing_to_leave_out_is_an_empty_table_and_a_sentence():
    empty = pd.DataFrame(columns=["column", "value", "heard", "score", "label", "group", "clip", "n_training"])
    table = trust_report.left_out_table(empty)
    assert table.empty and "difference" in table
    assert trust_report.left_out_sentences(table) == [
        "Fewer than two generators or languages are stated: none left out."
    ]


def pair(a, b, kind, splits, groups):
    row = {"clip_a": a, "clip_b": b, "kind": kind}
    row |= {"label_a": 1, "label_b": 1, "score": 0.9 if kind == "near" else 1.0}
    return {**row, "split_a": splits[0], "split_b": splits[1], "group_a": groups[0], "group_b": groups[1]}


def test_copies_are_counted_and_who_is_copied():
    splits = {"t1": "testing", "t2": "testing", "t3": "testing", "x1": "training", "x2": "training"}
    clips = pd.DataFrame({"clip": list(splits), "split": list(splits.values()), "group": list("abcde")})
    pairs = pd.DataFrame(
        [
            pair("t1", "x1", "bytes", ("testing", "training"), "ad"),
            pair("x2", "t1", "near", ("training", "testing"), "ea"),
            pair("x2", "t2", "near", ("training", "testing"), "eb"),
            pair("x1", "x2", "samples", ("training", "training"), "dd"),
        ]
    )
    table = trust_report.duplicate_table({"mine": (clips, pairs), "none": (clips, pairs[:0])})
    row = of(table, dataset="mine")
    assert [row[name] for name in ("pairs", "bytes", "samples", "near")] == [4, 1, 1, 2]
    assert (row["across_groups"], row["across_splits"], row["n_clips"], row["n_groups"]) == (3, 3, 5, 5)
    assert row["copied"] == pytest.approx(200 / 3)
    assert of(table, dataset="none")["copied"] == 0
    sentence = trust_report.leak_sentence({"mine": (clips, pairs)})
    assert sentence.startswith("3 pairs lie in two splits, 3 of them fakes both; the surest: t1 and x1.")
    assert trust_report.leak_sentence({"none": (clips, pairs[:0])}).startswith("No copy lies in two splits; 0 pairs")


def test_the_audit_table_names_the_strongest_of_sound_and_the_verdict():
    columns = ["nuisance", "auc", "auc_low", "auc_high", "fakes", "real", "fake", "trend"]
    nuisances = pd.DataFrame(
        [("name", 1.0, 0.9, 1.0, "x", "a", "b", ""), ("peak", 0.8, 0.7, 0.9, "louder", "1", "2", "")], columns=columns
    )
    classifiers = pd.DataFrame({"classifier": ["all but the file name"], "auc": 0.85, "auc_low": 0.8, "auc_high": 0.9})
    counts = pd.DataFrame({"label": [0, 1], "clips": [30, 40], "groups": [30, 40]})
    failed = pd.DataFrame(columns=["clip", "reason"])
    audit = Audit(nuisances, classifiers, (0.4, 0.6), False, counts, failed)
    (row,) = trust_report.audit_table({"mine": audit}).to_dict("records")
    assert (row["dataset"], row["strongest"], row["auc"], row["together"]) == ("mine", "peak", 0.8, 0.85)
    assert (row["n_real"], row["n_fake"]) == (30, 40) and row["verdict"].startswith("The corpus can be cheated: peak")


def test_seeds_have_a_spread_where_there_are_several():
    rng = np.random.default_rng(9)
    runs = [draw(rng, 30, 1.0, system="dnn", split="testing", seed=seed) for seed in (0, 1, 2)]
    runs.append(draw(rng, 30, 1.0, system="svm", split="testing", seed=0))
    table = trust_report.seed_table(pd.concat(runs))
    each = [100 * metrics.eer(run["label"], run["score"]) for run in runs[:3]]
    row = of(table, system="dnn")
    assert row["eer_sd"] == pytest.approx(np.std(each, ddof=1)) and row["eer"] == pytest.approx(np.mean(each))
    assert (row["eer_lowest"], row["eer_highest"], row["n_seeds"]) == (min(each), max(each), 3)
    assert np.isnan(of(table, system="svm")["eer_sd"])


def test_differences_that_mean_nothing_are_counted_in_words():
    pairs = pd.DataFrame(
        {"better": list("aab"), "worse": list("bcc"), "meaning": ["differ", "open", "no difference shown"]}
    )
    sentence = trust_report.meaning_sentence(pairs)
    assert "1 of 3" in sentence and "b and c" in sentence
