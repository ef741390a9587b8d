"""Robustness tables against scikit-learn, the metrics and loops over resamples, on made-up scores."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score, recall_score

from fakeorreal import metrics, robustness_report
from fakeorreal.errors import FakeOrRealError

DISTANCES = {"clean": 2.5, "opus-6k": 0.5, "mp3-64k": 1.5, "mp3-16k": 0.2, "noise-15dB": 1.0}


@pytest.fixture(scope="module")
def scores():
    """Two systems, two seeds, 30 utterances, each said by a human and as a fake; damage brings the classes together."""
    rng = np.random.default_rng(7)
    runs = []
    for system, gain in (("weak", 0.5), ("strong", 1.0)):
        for seed in (0, 1):
            for split, condition in (("validation", "clean"), *(("testing", name) for name in DISTANCES)):
                label, utterance = np.tile([0, 1], 30), np.repeat(np.arange(30), 2)
                score = 3 + gain * DISTANCES[condition] * label + rng.normal(size=60)
                run = pd.DataFrame({"label": label, "score": score, "split": split, "condition": condition})
                run["clip"] = [f"{split}/{k}/{here}" for k, here in zip(utterance, label, strict=True)]
                run["group"] = [f"{split}{k}" for k in utterance]
                runs.append(run.assign(system=system, seed=seed))
    return pd.concat(runs, ignore_index=True)


@pytest.fixture(scope="module")
def table(scores):
    return robustness_report.ladder_table(scores)


def one(rows, **wanted):
    return rows[(rows[list(wanted)] == pd.Series(wanted)).all(axis=1)]


def test_a_row_per_system_and_rung_in_the_order_of_the_ladder(table):
    ladders = [
        *[("mp3", 16, "mp3-16k"), ("mp3", 64, "mp3-64k"), ("mp3", "clean", "clean")],
        *[("opus", 6, "opus-6k"), ("opus", "clean", "clean")],
        *[("noise", 15, "noise-15dB"), ("noise", "clean", "clean")],
    ]
    wanted = [(system, *rung) for system in ("weak", "strong") for rung in ladders]
    assert list(table[["system", "family", "value", "condition"]].itertuples(index=False, name=None)) == wanted
    assert set(table["n_clips"]) == {60} and set(table["n_groups"]) == {30} and set(table["seeds"]) == {"0 1"}
    clean = table[table["condition"] == "clean"]
    assert clean.groupby("system")["eer"].nunique().tolist() == [1, 1]
    assert clean[["eer_change", "eer_change_low", "eer_change_high"]].isna().all(axis=None)


def test_rates_are_those_at_the_threshold_of_clean_validation(scores, table):
    row = one(table, system="weak", condition="noise-15dB").iloc[0]
    found = []
    for seed in (0, 1):
        validation = one(scores, system="weak", seed=seed, split="validation")
        testing = one(scores, system="weak", seed=seed, split="testing", condition="noise-15dB")
        called = testing["score"] >= metrics.eer_threshold(validation["label"], validation["score"])
        found.append(
            {
                "eer": metrics.eer(testing["label"], testing["score"]),
                "balanced_accuracy": balanced_accuracy_score(testing["label"], called),
                "accuracy_real": recall_score(testing["label"], called, pos_label=0),
                "accuracy_fake": recall_score(testing["label"], called),
            }
        )
    for name, value in pd.DataFrame(found).mean().items():
        assert row[name] == pytest.approx(100 * value), name
    assert row["eer_low"] < row["eer"] < row["eer_high"]


def test_the_change_is_that_of_the_clips_scored_in_both_with_its_paired_interval(scores):
    lost = ["testing/0/0", "testing/0/1", "testing/5/1"]
    scores = scores[~((scores["condition"] == "mp3-16k") & scores["clip"].isin(lost))]
    row = one(robustness_report.ladder_table(scores), system="strong", condition="mp3-16k").iloc[0]
    assert row["n_clips"] == 57
    rows = one(scores, system="strong", split="testing")
    rows = rows[~rows["clip"].isin(lost)]
    runs = [one(rows, condition=name, seed=seed) for name in ("mp3-16k", "clean") for seed in (0, 1)]
    groups, members = np.unique(runs[0]["group"], return_inverse=True)
    pairs = [(run["label"].to_numpy(), run["score"].to_numpy()) for run in runs]

    def change(times):
        eers = [metrics.eer(*pair, times[members]) for pair in pairs]
        return 100 * (np.mean(eers[:2]) - np.mean(eers[2:]))

    assert row["eer_change"] == pytest.approx(change(np.ones(30))) and row["eer_change"] > 10
    draws = np.random.default_rng(0).integers(len(groups), size=(1000, len(groups)))
    changes = [change(np.bincount(draw, minlength=len(groups))) for draw in draws]
    wanted = tuple(np.quantile(changes, [0.025, 0.975]))
    assert (row["eer_change_low"], row["eer_change_high"]) == pytest.approx(wanted)


def test_summary_by_family_and_over_all(table):
    summary = robustness_report.summary_table(table)
    assert summary["family"].tolist() == [name for name in ("mp3", "opus", "noise", "all") for _ in range(2)]
    assert (summary.groupby("family")["eer_robust"].diff().dropna() >= 0).all()
    clean = one(table, system="strong", condition="clean")["eer"].iloc[0]
    for family, names in (("mp3", ["mp3-16k", "mp3-64k"]), ("all", [name for name in DISTANCES if name != "clean"])):
        row = one(summary, system="strong", family=family).iloc[0]
        rungs = table[(table["system"] == "strong") & table["condition"].isin(names)]
        worst = rungs.sort_values("eer").iloc[-1]
        assert row["eer_robust"] == pytest.approx(rungs["eer"].mean())
        assert row["accuracy_robust"] == pytest.approx(rungs["balanced_accuracy"].mean())
        assert (row["worst"], row["eer_worst"]) == (worst["condition"], worst["eer"])
        assert (row["eer_worst_low"], row["eer_worst_high"]) == (worst["eer_low"], worst["eer_high"])
        assert (row["eer_clean"], row["n_rungs"]) == (clean, len(names))


def test_tables_are_written_as_they_are_handed_out(scores, table, tmp_path):
    written = robustness_report.save_tables(one(scores, system="weak"), tmp_path, corpus="60 made-up clips")
    assert list(written) == ["robustness", "robustness_summary"]
    pd.testing.assert_frame_equal(written["robustness"], one(table, system="weak"))
    for name, rows in written.items():
        again = pd.read_csv(tmp_path / f"{name}.csv")
        assert list(again) == list(rows) and len(again) == len(rows)
        assert "60 made-up clips" in (tmp_path / f"{name}.md").read_text().splitlines()[0]


def test_what_cannot_be_compared(scores):
    testing = scores["split"] == "testing"
    clean = scores["condition"] == "clean"
    with pytest.raises(FakeOrRealError, match=r"system 'weak': no testing scores under 'clean'"):
        robustness_report.ladder_table(scores[~(testing & clean)])
    with pytest.raises(FakeOrRealError, match=r"no testing scores under the name of a rung"):
        robustness_report.ladder_table(scores[clean])
    with pytest.raises(FakeOrRealError, match=r"no validation scores"):
        robustness_report.ladder_table(scores[testing])
    with pytest.raises(FakeOrRealError, match=r"more than once"):
        robustness_report.ladder_table(pd.concat([scores, scores[testing & clean]]))
