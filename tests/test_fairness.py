"""Errors by attribute against hand counts, and tests of gaps against exact ones."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import hypergeom

from fakeorreal import metrics
from fakeorreal.corpora.prompts import GENDERS, SOURCES
from fakeorreal.errors import FakeOrRealError
from fakeorreal.fairness import (
    ATTRIBUTES,
    LEAST,
    NOT_STATED,
    PERMUTATIONS,
    fairness_table,
    gap_sentences,
    gap_table,
    permutation_p,
)
from fakeorreal.synthesis.tts import VOICES


def run(testing, **columns):
    """Scores of one run whose threshold is 0; testing: (label, wrong, n) stretches; columns: a value per stretch."""
    rows = [
        (label, (2 * label - 1) * (-1 if k < wrong else 1), *values)
        for (label, wrong, n), *values in zip(testing, *columns.values(), strict=True)
        for k in range(n)
    ]
    table = pd.DataFrame(rows, columns=["label", "score", *columns])
    table = table.assign(clip=[f"t{k}" for k in range(len(table))], split="testing")
    validation = pd.DataFrame({"label": [0, 1], "score": [-1, 1], "clip": ["v0", "v1"], "split": "validation"})
    table = pd.concat([table, validation], ignore_index=True)
    return table.assign(group=table["clip"])


FOUR = [(0, 2, 40), (0, 20, 40), (1, 5, 50), (1, 6, 50)]


@pytest.fixture
def scores():
    """Bob is called fake ten times as often as Ann; the language goes with the voice, and one gender is not stated."""
    return run(
        FOUR,
        speaker=["ann", "bob", "ann", "slt"],
        language=["fr", "ru", "fr", "ru"],
        gender=["female", "", "female", "female"],
        generator=["human", "human", "lpc", "flite"],
    )


def test_rates_are_counted_by_attribute_real_and_fake_apart(scores):
    table = fairness_table(scores)
    counts = table.set_index(["attribute", "value", "label"])
    for key, wrong, n in (
        (("speaker", "bob", 0), 20, 40),
        (("language", "fr", 0), 2, 40),
        (("gender", NOT_STATED, 0), 20, 40),
        (("gender", "female", 1), 11, 100),
        (("generator", "flite", 1), 6, 50),
    ):
        low, high = metrics.wilson(wrong, n)
        assert counts.loc[key].tolist() == pytest.approx([100 * wrong / n, 100 * low, 100 * high, n, n])
    assert "human" not in set(table["value"])
    assert (table.groupby(["attribute", "label"])["n_clips"].sum().to_numpy() % 20 == 0).all()
    assert table["attribute"].drop_duplicates().tolist() == list(ATTRIBUTES)


@pytest.mark.parametrize("missing", ["", "unknown", np.nan, None])
def test_what_is_not_stated_is_left_out(scores, missing):
    table = fairness_table(scores.assign(speaker=missing).drop(columns="gender"))
    assert set(table["attribute"]) == {"language", "generator"}
    nothing = scores[["clip", "label", "score", "group", "split"]]
    table, gaps = fairness_table(nothing), gap_table(nothing)
    assert table.empty and gaps.empty and "rate" in table and "meaning" in gaps
    assert [f"The {a} is not stated" in s for a, s in zip(ATTRIBUTES, gap_sentences(gaps, table), strict=True)] == [
        True
    ] * 4


def test_the_largest_gap_is_found_tested_and_called_a_difference(scores):
    gaps = gap_table(scores).set_index(["attribute", "label"])
    row = gaps.loc["speaker", 0]
    assert row[["highest", "lowest", "gap", "meaning", "n_values"]].tolist() == ["bob", "ann", 45.0, "differ", 2]
    exact = [hypergeom.pmf(k, 80, 22, 40) for k in range(23) if abs(k - (22 - k)) >= 18]
    assert row["p"] == pytest.approx(max(sum(exact), 1 / (PERMUTATIONS + 1)), abs=0.002) and row["p"] < 0.001
    se = 100 * np.sqrt(0.5 * 0.5 / 40 + 0.05 * 0.95 / 40)
    assert row[["gap_low", "gap_high"]].tolist() == pytest.approx([45 - 1.96 * se, 45 + 1.96 * se], abs=2.5)
    assert gaps.loc[("speaker", 1), "meaning"] == "no difference shown"
    assert (gaps["p_holm"] >= gaps["p"]).all() and row["p_holm"] == pytest.approx(len(gaps) * row["p"])


def test_values_of_few_clips_have_a_rate_but_no_gap():
    scores = run([(0, 0, 30), (0, LEAST - 1, LEAST - 1), (0, 3, 30), (1, 0, 20)], speaker=["a", "b", "c", "a"])
    assert fairness_table(scores).set_index("value").loc["b", "rate"] == 100
    (row,) = gap_table(scores).to_dict("records")
    assert (row["highest"], row["lowest"], row["n_values"], row["n_clips"]) == ("c", "a", 2, 60)


def test_a_picked_gap_of_many_equal_values_means_nothing():
    rng = np.random.default_rng(1)
    stretches = [(0, int(rng.binomial(20, 0.3)), 20) for _ in range(25)]
    scores = run([*stretches, (1, 0, 10)], speaker=[f"s{k}" for k in range(26)])
    (row,) = gap_table(scores).to_dict("records")
    assert row["gap_low"] > 0  # of two values picked from 25, which the p knows
    assert row["p"] > 0.05 and row["meaning"] == "no difference shown"


@pytest.mark.parametrize(("wrong_a", "wrong_b"), [(1, 6), (3, 9), (4, 5)])
def test_p_of_two_values_is_the_exact_one(wrong_a, wrong_b):
    n = 15
    values = np.repeat([0, 1], n)
    wrong = np.r_[np.arange(n) < wrong_a, np.arange(n) < wrong_b]
    total = wrong_a + wrong_b
    exact = sum(
        hypergeom.pmf(k, 2 * n, total, n) for k in range(total + 1) if abs(2 * k - total) >= abs(wrong_a - wrong_b)
    )
    assert permutation_p(values, wrong, np.arange(2 * n)) == pytest.approx(exact, abs=4 * np.sqrt(0.25 / PERMUTATIONS))


def test_clips_of_one_group_are_no_further_evidence():
    values, wrong = np.repeat([0, 1], 12), np.r_[np.arange(12) < 2, np.arange(12) < 7]
    once = permutation_p(values, wrong, np.arange(24))
    often = permutation_p(np.repeat(values, 6), np.repeat(wrong, 6), np.repeat(np.arange(24), 6))
    as_if_independent = permutation_p(np.repeat(values, 6), np.repeat(wrong, 6), np.arange(144))
    assert often == pytest.approx(once, abs=0.03) and as_if_independent < 0.005 < once


def test_within_groups_values_change_places():
    """Two voices say every sentence; hard sentences are hard for both, and one voice alone errs on five more."""
    groups, values = np.repeat(np.arange(40), 2), np.tile([0, 1], 40)
    hard = np.repeat(np.arange(40) < 20, 2)
    wrong = hard | ((groups >= 35) & (values == 1))
    assert permutation_p(values, wrong, groups) == pytest.approx(2 * 0.5**5, abs=0.02)  # a sign test
    assert permutation_p(values, wrong, np.arange(80)) > 0.2


def test_attributes_that_may_be_behind_a_gap_are_named(scores):
    table = scores.assign(language="fr")
    table.loc[(scores["label"] == 1) & (scores["score"] < 0), "generator"] = "vocos"  # with both voices
    gaps = gap_table(scores)
    fixed_by = gaps.set_index(["attribute", "label"])["fixed_by"]
    assert fixed_by["speaker", 0] == "language" and fixed_by["language", 1] == "speaker and generator"
    assert gap_table(table).set_index(["attribute", "label"])["fixed_by"].to_dict() == dict.fromkeys(
        [("speaker", 0), ("speaker", 1), ("generator", 1)], ""
    )
    (sentence,) = [s for s in gap_sentences(gaps, fairness_table(scores)) if "differ by speaker" in s]
    assert "Every language has one speaker here" in sentence


def test_sentences_say_what_differs_what_does_not_and_what_cannot_be_compared(scores):
    sentences = gap_sentences(gap_table(scores), fairness_table(scores))
    assert sum("bob has 45.0 points more than ann" in s for s in sentences) == 1
    (none,) = [s for s in sentences if s.startswith("No difference")]
    assert "misses by generator (2.0 points)" in none and "false alarms by speaker" not in none
    assert "5 gaps were tested" in " ".join(sentences)
    assert "False alarms by gender cannot be compared: only female is stated." in sentences


def test_a_run_without_errors_has_no_gap():
    scores = run([(0, 0, 20), (0, 0, 20), (1, 0, 20)], speaker=["a", "b", "a"])
    (row,) = gap_table(scores).to_dict("records")
    assert (row["gap"], row["gap_low"], row["gap_high"], row["p"]) == (0, 0, 0, 1)


def test_several_runs_in_one_table_are_refused(scores):
    for table in (fairness_table, gap_table):
        with pytest.raises(FakeOrRealError, match="one run"):
            table(pd.concat([scores, scores]))


def test_genders_of_the_embedded_corpus_are_stated_for_its_own_voices_only():
    assert set(GENDERS) <= {source.speaker for source in SOURCES} | {voice.name for voice in VOICES}
    assert set(GENDERS.values()) == {"female", "male"}
    assert {name for name in GENDERS if name.startswith("espeak")} == {
        voice.name for voice in VOICES if "+" in voice.voice
    }
    for source in SOURCES:
        assert f"_{GENDERS[source.speaker][0]}_" in source.folder
