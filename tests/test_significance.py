"""Differences between systems: exact tests by hand, and intervals that know what is shared."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, false_discovery_control

from fakeorreal import metrics
from fakeorreal.errors import FakeOrRealError
from fakeorreal.significance import compare, holm, mcnemar


def runs(system, testing, *, seed=0, validation=((0, -1.0), (1, 1.0)), groups=None):
    """Scores of one run; the threshold of this validation is 0."""
    labels = np.arange(len(testing)) % 2
    groups = np.arange(len(testing)) // 2 if groups is None else groups
    rows = [("testing", f"t{k}", labels[k], score, f"g{groups[k]}") for k, score in enumerate(testing)]
    rows += [("validation", f"v{k}", label, score, f"v{k}") for k, (label, score) in enumerate(validation)]
    table = pd.DataFrame(rows, columns=["split", "clip", "label", "score", "group"])
    return table.assign(system=system, seed=seed, epochs=5)


def noisy(strength, seed, n=120):
    """Scores of alternating real and fake clips."""
    return strength * (2 * (np.arange(n) % 2) - 1) + np.random.default_rng(seed).standard_normal(n)


@pytest.mark.parametrize(("only_a", "only_b"), [(1, 9), (0, 5), (7, 3), (4, 4)])
def test_mcnemar_is_a_binomial_test_on_the_clips_that_differ(only_a, only_b):
    a = np.r_[np.ones(50 + only_a), np.zeros(only_b + 20)]
    b = np.r_[np.ones(50), np.zeros(only_a), np.ones(only_b), np.zeros(20)]
    fewer, n = min(only_a, only_b), only_a + only_b
    by_hand = min(1, 2 * binom.cdf(fewer, n, 0.5)) if only_a != only_b else 1
    assert mcnemar(a, b) == (only_a, only_b, pytest.approx(by_hand))
    assert mcnemar(b, a)[2] == pytest.approx(by_hand)


def test_systems_that_never_differ_have_no_evidence():
    assert mcnemar([1, 0, 1], [1, 0, 1]) == (0, 0, 1.0)


def test_mcnemar_needs_the_same_clips():
    with pytest.raises(FakeOrRealError, match="Received: 2 and 3"):
        mcnemar([1, 0], [1, 0, 1])


def test_holm_by_hand():
    # 0.01 * 4, 0.02 * 3, then max(0.06, 0.03 * 2), then max(0.06, 0.5 * 1)
    assert holm([0.02, 0.5, 0.01, 0.03]) == pytest.approx([0.06, 0.5, 0.04, 0.06])
    assert holm([0.9, 0.8]).tolist() == [1, 1]
    assert holm([]).tolist() == []


def test_holm_is_never_milder_than_control_of_false_discoveries():
    p = np.random.default_rng(0).random(30) ** 3
    assert (holm(p) >= false_discovery_control(p) - 1e-12).all() and (holm(p) >= p).all()


def test_a_clear_difference_is_found_and_named():
    table = compare(pd.concat([runs("poor", noisy(0.2, 1)), runs("good", noisy(2.5, 2))]))
    row = table.loc[0]
    assert (row["better"], row["worse"], row["meaning"]) == ("good", "poor", "differ")
    labels = np.arange(120) % 2
    expected = 100 * (metrics.eer(labels, noisy(0.2, 1)) - metrics.eer(labels, noisy(2.5, 2)))
    assert row["difference"] == pytest.approx(expected)
    assert row["difference"] == pytest.approx(row["eer_worse"] - row["eer_better"])
    assert 0 < row["difference_low"] < row["difference"] < row["difference_high"]
    assert (row["n_clips"], row["n_groups"], row["p_holm"]) == (120, 60, row["p"])


def test_equally_good_systems_are_not_said_to_differ():
    table = compare(pd.concat([runs(f"s{k}", noisy(1, k)) for k in range(4)]))
    assert len(table) == 6 and (table["meaning"] == "no difference shown").all()
    assert (table["p_holm"] >= table["p"]).all() and table["seed_sd"].isna().all()


def test_a_system_does_not_differ_from_itself():
    row = compare(pd.concat([runs("a", noisy(1, 1)), runs("b", noisy(1, 1))])).loc[0]
    assert row[["difference", "difference_low", "difference_high", "only_better", "only_worse"]].tolist() == [0] * 5


def test_the_order_of_clips_in_the_table_does_not_matter():
    table = pd.concat([runs("a", noisy(0.5, 1)), runs("b", noisy(1, 2))])
    pd.testing.assert_frame_equal(compare(table), compare(table.sample(frac=1, random_state=0)))


def test_clips_of_one_group_are_drawn_together():
    table = pd.concat([runs("a", noisy(0.3, 1)), runs("b", noisy(0.8, 2))])
    apart = compare(table).loc[0]
    together = compare(table.assign(group=table["group"].str[:2])).loc[0]  # ten groups of unequal size
    assert together["difference"] == apart["difference"]
    assert together["difference_high"] - together["difference_low"] != pytest.approx(
        apart["difference_high"] - apart["difference_low"]
    )


def test_several_seeds_give_means_and_their_spread():
    parts = [runs("a", noisy(1, 10 + s), seed=s) for s in range(3)] + [
        runs("b", noisy(0.3, 20 + s), seed=s) for s in (0, 2)
    ]
    row = compare(pd.concat(parts)).loc[0]
    labels = np.arange(120) % 2
    a = [100 * metrics.eer(labels, noisy(1, 10 + s)) for s in range(3)]
    b = [100 * metrics.eer(labels, noisy(0.3, 20 + s)) for s in (0, 2)]
    assert row["difference"] == pytest.approx(np.mean(b) - np.mean(a))
    assert row["seed_sd"] == pytest.approx(np.std([b[0] - a[0], b[1] - a[2]], ddof=1))


def test_what_another_training_would_turn_round_stays_open():
    parts = [runs("a", noisy(strength, 10 + s), seed=s) for s, strength in enumerate((3, 0))]
    parts += [runs("b", noisy(0.3, 20 + s), seed=s) for s in range(2)]
    row = compare(pd.concat(parts)).loc[0]
    assert row["difference"] < row["seed_sd"] and row["difference_low"] > 0 and row["p_holm"] < 0.05
    assert row["meaning"] == "open"


def test_thresholds_come_from_validation():
    shifted = noisy(2, 1) + 10  # at 0 every clip would be fake
    table = pd.concat([runs("a", shifted, validation=((0, 9.0), (1, 11.0))), runs("b", noisy(2, 1))])
    assert compare(table).loc[0, ["only_better", "only_worse"]].tolist() == [0, 0]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (runs("a", noisy(1, 1)), "needs two systems. Received: 1"),
        (pd.concat([runs("a", noisy(1, 1)), runs("b", noisy(1, 1)[:-2])]), "a and b were scored on different clips"),
    ],
)
def test_what_cannot_be_compared(table, message):
    with pytest.raises(FakeOrRealError, match=message):
        compare(table)
