"""Metrics against scikit-learn, scipy and hand counts."""

import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from scipy.interpolate import interp1d
from scipy.optimize import brentq
from scipy.stats import binomtest
from sklearn.metrics import det_curve, f1_score, roc_auc_score, roc_curve

from fakeorreal import metrics
from fakeorreal.errors import FakeOrRealError


def draw(seed, n=400, distance=1.5, decimals=None):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n) % 3 > 0).astype(int)
    scores = rng.normal(size=n) + distance * labels
    return labels, scores if decimals is None else scores.round(decimals)


def scores_table(split, seed=0, n_groups=40):
    rng = np.random.default_rng([seed, len(split)])
    rows = [
        (f"{split}/{g}/{i}", int(i > 0), rng.normal() + 2 * (i > 0), f"g{g}", ("human", "flite", "festival")[i], split)
        for g in range(n_groups)
        for i in range(3)
    ]
    return pd.DataFrame(rows, columns=["clip", "label", "score", "group", "generator", "split"])


@pytest.mark.parametrize(
    ("scores", "expected"), [([0, 1, 2, 3], 0.0), ([5, 5, 5, 5], 0.5), ([3, 2, 1, 0], 1.0), ([0, 2, 1, 3], 0.5)]
)
def test_eer_of_known_scores(scores, expected):
    assert metrics.eer([0, 0, 1, 1], scores) == expected


def test_eer_by_hand():
    # real 1 2 3 4, fake 3.5 5 6: at >= 3.5, 1 of 4 real passes and no fake is missed; at >= 5, no real passes and
    # 1 of 3 fakes is missed; at >= 4 both: 1/4 and 1/3. Up the ROC from (1/4, 2/3) to (1/4, 1) the rates meet at 1/4.
    assert metrics.eer([0, 0, 0, 0, 1, 1, 1], [1, 2, 3, 4, 3.5, 5, 6]) == pytest.approx(1 / 4)


@pytest.mark.parametrize("decimals", [None, 1, 0])
@pytest.mark.parametrize("seed", range(5))
def test_eer_agrees_with_a_root_on_the_roc_of_scikit_learn(seed, decimals):
    labels, scores = draw(seed, decimals=decimals)
    fpr, tpr, _ = roc_curve(labels, scores, drop_intermediate=False)
    # along the arc of the ROC, so that the vertical steps do no harm
    arc = np.r_[0, np.cumsum(np.hypot(np.diff(fpr), np.diff(tpr)))]
    where = brentq(lambda s: interp1d(arc, fpr)(s) + interp1d(arc, tpr)(s) - 1, 0, arc[-1], xtol=1e-13)
    assert metrics.eer(labels, scores) == pytest.approx(float(interp1d(arc, fpr)(where)), abs=1e-9)


def test_eer_does_not_change_under_a_rising_map_and_swaps_with_the_labels():
    labels, scores = draw(7)
    assert metrics.eer(labels, np.exp(scores)) == metrics.eer(labels, scores)
    assert metrics.eer(1 - labels, -scores) == pytest.approx(metrics.eer(labels, scores))


def test_weights_equal_repeated_clips():
    labels, scores = draw(3, decimals=1)
    weights = np.random.default_rng(0).integers(0, 4, size=(6, len(labels)))
    repeated = [(np.repeat(labels, w), np.repeat(scores, w)) for w in weights]
    assert metrics.eer(labels, scores, weights) == pytest.approx([metrics.eer(*pair) for pair in repeated])
    assert metrics.auc(labels, scores, weights) == pytest.approx([roc_auc_score(*pair) for pair in repeated])


@pytest.mark.parametrize("decimals", [None, 0])
def test_auc_agrees_with_scikit_learn(decimals):
    labels, scores = draw(1, decimals=decimals)
    assert metrics.auc(labels, scores) == pytest.approx(roc_auc_score(labels, scores))


def test_det_agrees_with_scikit_learn_and_is_finite():
    labels, scores = draw(2, decimals=1)
    fpr, fnr = metrics.det(labels, scores)
    ours = set(zip(fpr.round(9), fnr.round(9), strict=True))
    theirs = det_curve(labels, scores)
    assert set(zip(theirs[0].round(9), theirs[1].round(9), strict=True)) <= ours
    assert np.isfinite([fpr, fnr]).all() and (fpr[0], fnr[0], fpr[-1], fnr[-1]) == (0, 1, 1, 0)


def test_threshold_lies_midway_between_separated_classes():
    assert metrics.eer_threshold([0, 0, 1, 1], [-3, -1, 5, 9]) == pytest.approx(2)


@pytest.mark.parametrize("scores", [[7, 7, 7, 7], [1, 0, 1, 0], [30.0, 30.0, 30.0, -30.0], [3, 2, 1, 0]])
def test_threshold_is_finite_and_within_the_scores(scores):
    assert min(scores) <= metrics.eer_threshold([0, 0, 1, 1], scores) <= max(scores)


@pytest.mark.parametrize("seed", range(5))
def test_threshold_balances_the_two_errors(seed):
    labels, scores = draw(seed, n=3000)
    threshold = metrics.eer_threshold(labels, scores)
    rates = metrics.rates(metrics.confusion(labels, scores, threshold))
    assert rates["accuracy_real"] == pytest.approx(rates["accuracy_fake"], abs=2e-3)
    assert 1 - rates["accuracy_real"] == pytest.approx(metrics.eer(labels, scores), abs=2e-3)


def test_confusion_and_rates_by_hand():
    # a score at the threshold is called fake
    counts = metrics.confusion([0, 0, 0, 1, 1, 1, 1, 1], [-1, 0, 2, -2, 0, 1, 2, 3], 0)
    assert counts == {"tp": 4, "fn": 1, "fp": 2, "tn": 1}
    rates = metrics.rates(counts)
    assert rates == pytest.approx(
        {"accuracy": 5 / 8, "balanced_accuracy": 17 / 30, "f1": 8 / 11, "accuracy_real": 1 / 3, "accuracy_fake": 4 / 5}
    )
    assert rates["f1"] == pytest.approx(f1_score([0, 0, 0, 1, 1, 1, 1, 1], [0, 1, 1, 0, 1, 1, 1, 1]))


@pytest.mark.parametrize(
    ("labels", "scores", "message"),
    [
        ([0, 0], [1.0, 2.0], "is fake"),
        ([1, 1], [1.0, 2.0], "is real"),
        ([], [], "is real"),
        ([0, 1], [np.nan, 1.0], "finite"),
        ([0, 1], [np.inf, 1.0], "finite"),
        ([0, 1, 1], [1.0, 2.0], "as long as"),
        ([0, 2], [1.0, 2.0], "0 \\(real\\) or 1"),
    ],
)
def test_bad_scores_are_refused(labels, scores, message):
    for metric in (metrics.eer, metrics.eer_threshold, metrics.auc, metrics.det):
        with pytest.raises(FakeOrRealError, match=message):
            metric(labels, scores)


def test_bad_weights_are_refused():
    with pytest.raises(FakeOrRealError, match="without any clip"):
        metrics.eer([0, 1], [0.0, 1.0], [1, 0])
    with pytest.raises(FakeOrRealError, match="one per clip"):
        metrics.eer([0, 1], [0.0, 1.0], [1, 1, 1])


def test_bootstrap_is_seeded_holds_the_estimate_and_is_fast():
    labels, scores = draw(0, n=1500)
    groups = np.arange(1500) // 3
    start = time.perf_counter()
    interval = metrics.bootstrap(metrics.eer, labels, scores, groups)
    assert time.perf_counter() - start < 5
    assert interval.low < metrics.eer(labels, scores) < interval.high and interval.resamples == 1000
    assert interval == metrics.bootstrap(metrics.eer, labels, scores, groups)
    assert interval != metrics.bootstrap(metrics.eer, labels, scores, groups, seed=1)


def test_bootstrap_equals_a_loop_over_drawn_groups():
    labels, scores = draw(4, n=60)
    groups = np.repeat(np.arange(20), 3)
    interval = metrics.bootstrap(metrics.eer, labels, scores, groups, n=50)
    values = []
    for drawn in np.random.default_rng(0).integers(20, size=(50, 20)):
        clips = np.concatenate([np.flatnonzero(groups == g) for g in drawn])
        values.append(metrics.eer(labels[clips], scores[clips]))
    assert interval[:2] == pytest.approx(np.quantile(values, [0.025, 0.975]))


def test_bootstrap_in_blocks_gives_the_same(monkeypatch):
    labels, scores = draw(4, n=60)
    whole = metrics.bootstrap(metrics.eer, labels, scores, np.arange(60), n=40)
    monkeypatch.setattr(metrics, "_BLOCK", 200)
    assert metrics.bootstrap(metrics.eer, labels, scores, np.arange(60), n=40) == whole


def test_resampling_groups_is_wider_than_resampling_their_copies():
    labels, scores = draw(5, n=80)
    copies, groups = (np.repeat(labels, 10), np.repeat(scores, 10)), np.repeat(np.arange(80), 10)
    by_group = metrics.bootstrap(metrics.eer, *copies, groups)
    by_clip = metrics.bootstrap(metrics.eer, *copies, np.arange(800))
    assert by_group.high - by_group.low > 2 * (by_clip.high - by_clip.low)


def test_resamples_of_one_class_are_skipped_and_counted():
    # 2 groups of one class each: a resample holds both with chance 1/2
    interval = metrics.bootstrap(metrics.eer, [0, 1], [0.0, 1.0], ["a", "b"], n=400)
    assert 150 < interval.resamples < 250 and interval[:2] == (0, 0)


def test_bootstrap_refuses_what_it_cannot_resample():
    with pytest.raises(FakeOrRealError, match="at least 2 groups"):
        metrics.bootstrap(metrics.eer, [0, 1], [0.0, 1.0], ["a", "a"])
    with pytest.raises(FakeOrRealError, match="one group per clip"):
        metrics.bootstrap(metrics.eer, [0, 1], [0.0, 1.0], ["a"])
    with pytest.raises(FakeOrRealError, match="none of 10 resamples"):
        metrics.bootstrap(metrics.eer, [0, 0], [0.0, 1.0], ["a", "b"], n=10)


def test_summarise_takes_its_threshold_from_validation_only():
    testing, validation = scores_table("testing"), scores_table("validation")
    summary = metrics.summarise(testing, validation)
    shifted = metrics.summarise(testing.assign(score=testing["score"] + 100), validation)
    assert summary["threshold"] == shifted["threshold"] == metrics.eer_threshold(validation.label, validation.score)
    assert shifted["accuracy_real"] == 0 and shifted["eer"] == pytest.approx(summary["eer"])
    assert summary["eer_low"] < summary["eer"] < summary["eer_high"]
    assert (summary["n_clips"], summary["n_groups"]) == (120, 40)
    right = (testing["score"] >= summary["threshold"]) == (testing["label"] == 1)
    assert summary["accuracy"] == pytest.approx(right.mean())


def test_summarise_refuses_mixed_runs_and_test_clips_for_the_threshold():
    testing, validation = scores_table("testing"), scores_table("validation")
    with pytest.raises(FakeOrRealError, match="one run"):
        metrics.summarise(pd.concat([testing, testing]), validation)
    with pytest.raises(FakeOrRealError, match="testing split"):
        metrics.summarise(testing, testing)


def test_breakdown_by_hand():
    table = pd.DataFrame(
        {
            "label": [0, 0, 1, 1, 1, 1],
            "score": [-1.0, 1.0, 1.0, 1.0, -1.0, 0.0],
            "generator": ["human", "human", "flite", "flite", "flite", "festival"],
        }
    )
    result = metrics.breakdown(table, 0.0, "generator")
    rows = [("festival", 1, 1, 1), ("flite", 1, 2, 3), ("human", 0, 1, 2), ("TOTAL", 0, 1, 2), ("TOTAL", 1, 3, 4)]
    assert list(zip(result["generator"], result["label"], result["n_clips"], strict=True)) == [
        (name, label, n) for name, label, _, n in rows
    ]
    assert result["accuracy"].tolist() == pytest.approx([100 * right / n for _, _, right, n in rows])
    with pytest.raises(FakeOrRealError, match="`by` must be a column"):
        metrics.breakdown(table, 0.0, "accent")


@pytest.mark.parametrize(("right", "n"), [(0, 5), (5, 5), (37, 40), (1, 1000)])
def test_wilson_agrees_with_scipy(right, n):
    expected = binomtest(right, n).proportion_ci(0.95, method="wilson")
    assert metrics.wilson(right, n) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_metrics_import_neither_matplotlib_nor_tensorflow():
    code = "import sys, fakeorreal.metrics; print({'matplotlib', 'tensorflow', 'keras'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"


def test_wilson_holds_the_proportion_even_where_all_or_none_are_right():
    n = np.arange(1, 3000)
    for right in (n, 0 * n, n // 2):
        low, high = metrics.wilson(right, n)
        assert ((low <= right / n) & (right / n <= high)).all()
