"""Tables over generators against scikit-learn and hand counts, on made-up scores."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from fakeorreal import metrics
from fakeorreal.generator_report import averages, by_generator, disagreements
from fakeorreal.report import threshold_of

SHIFT = {"human": 0.0, "melgan": 3.0, "hifigan": 1.5, "wavenet": 0.2}


@pytest.fixture(scope="module")
def scores():
    """Two systems, two training generators, two seeds; 40 utterances on testing, 20 on validation."""
    rng = np.random.default_rng(5)
    rows = []
    for system, gain in (("good", 2.0), ("poor", 1.0)):
        for trained_on in ("melgan", "hifigan"):
            for seed in (0, 1):
                for split, n, generators in (
                    ("validation", 20, ("human", trained_on)),
                    ("testing", 40, tuple(SHIFT)),
                ):
                    for generator in generators:
                        for k in range(n):
                            rows.append(
                                {
                                    "clip": f"{split}/{generator}/{k}",
                                    "label": int(generator != "human"),
                                    "score": gain * SHIFT[generator] + rng.normal(),
                                    "group": f"{split}{k}",
                                    "generator": generator,
                                    "split": split,
                                    "epochs": 2,
                                    "n_training": 50,
                                    "system": system,
                                    "trained_on": trained_on,
                                    "seed": seed,
                                }
                            )
    return pd.DataFrame(rows)


def one(scores, system, trained_on, seed, split):
    wanted = (scores["system"] == system) & (scores["trained_on"] == trained_on)
    return scores[wanted & (scores["seed"] == seed) & (scores["split"] == split)]


def test_every_generator_is_set_against_all_real_rows_and_no_other_fakes(scores):
    table = by_generator(scores)
    assert len(table) == 2 * 2 * 3
    row = table.query("system == 'poor' and trained_on == 'melgan' and generator == 'hifigan'").iloc[0]
    eers, accuracies, aucs = [], [], []
    for seed in (0, 1):
        testing = one(scores, "poor", "melgan", seed, "testing")
        rows = testing[testing["generator"].isin(["human", "hifigan"])]
        threshold = threshold_of(one(scores, "poor", "melgan", seed, "validation"))
        eers.append(metrics.eer(rows["label"], rows["score"]))
        accuracies.append(balanced_accuracy_score(rows["label"], rows["score"] >= threshold))
        aucs.append(roc_auc_score(rows["label"], rows["score"]))
    assert row["eer"] == pytest.approx(100 * np.mean(eers))
    assert row["balanced_accuracy"] == pytest.approx(100 * np.mean(accuracies))
    assert row["auc"] == pytest.approx(np.mean(aucs))
    assert (row["n_clips"], row["n_groups"], row["n_seeds"]) == (80, 40, 2)
    assert row["eer_low"] < row["eer"] < row["eer_high"]


def test_the_generator_of_training_is_marked(scores):
    table = by_generator(scores)
    assert (table["seen"] == (table["trained_on"] == table["generator"])).all()
    assert table["seen"].sum() == 4


def test_aeer_is_the_mean_over_unseen_generators_and_seeds(scores):
    detail, table = by_generator(scores), averages(scores)
    assert table["aeer"].is_monotonic_increasing
    for row in table.itertuples():
        of_run = detail[(detail["system"] == row.system) & (detail["trained_on"] == row.trained_on)]
        assert row.n_unseen == 2
        assert row.aeer == pytest.approx(of_run.loc[~of_run["seen"], "eer"].mean())
        assert row.eer_seen == pytest.approx(of_run.loc[of_run["seen"], "eer"].iloc[0])
        assert row.aeer_low < row.aeer < row.aeer_high
        per_seed = []
        for seed in (0, 1):
            testing = one(scores, row.system, row.trained_on, seed, "testing")
            per_seed.append(
                np.mean(
                    [
                        100 * metrics.eer(rows["label"], rows["score"])
                        for generator in set(SHIFT) - {"human", row.trained_on}
                        for rows in [testing[testing["generator"].isin(["human", generator])]]
                    ]
                )
            )
        assert row.aeer_sd == pytest.approx(np.std(per_seed, ddof=1))


def test_many_generators_do_not_flatter_a_system_that_calls_everything_fake(scores):
    flat = scores.assign(score=np.where(scores["split"] == "validation", scores["score"], 50.0))
    assert averages(flat)["balanced_accuracy"].tolist() == [50.0] * 4


def test_the_last_mark_counts(scores):
    early = scores.assign(epochs=1, score=-scores["score"])
    pd.testing.assert_frame_equal(by_generator(pd.concat([early, scores])), by_generator(scores))


def test_disagreements_are_right_in_one_and_wrong_in_the_other(scores):
    found = disagreements(scores, "good", "poor")
    assert len(found) and set(found) == {"clip", "generator", "label", "good", "poor"}
    thresholds = {s: threshold_of(one(scores, s, "melgan", 0, "validation")) for s in ("good", "poor")}
    raw = {s: one(scores, s, "melgan", 0, "testing").set_index("clip") for s in ("good", "poor")}
    expected = [
        clip
        for clip, row in raw["good"].iterrows()
        if (row["score"] >= thresholds["good"]) == (row["label"] == 1)
        and (raw["poor"].loc[clip, "score"] >= thresholds["poor"]) != (row["label"] == 1)
    ]
    assert sorted(found["clip"]) == sorted(expected)
    margin = (found["good"] - found["poor"]) * np.where(found["label"] == 1, 1, -1)
    assert margin.is_monotonic_decreasing and (margin > 0).all()
