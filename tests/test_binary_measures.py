"""Measures of a yes-or-no answer against scikit-learn and the published confusion matrix."""

import math

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    precision_score,
    recall_score,
)

from fakeorreal import metrics
from fakeorreal.binary_measures import binary_measures, youden_threshold
from fakeorreal.errors import FakeOrRealError

NOTHING = {"tp": 0, "fn": 0, "fp": 0, "tn": 0}


def test_measures_are_those_of_scikit_learn(rng):
    labels = np.arange(90) % 3 // 2  # 30 fakes
    scores = labels + rng.normal(size=90)
    called = scores >= 0.6
    wanted = {
        "accuracy": accuracy_score(labels, called),
        "majority": 60 / 90,
        "sensitivity": recall_score(labels, called),
        "specificity": recall_score(labels, called, pos_label=0),
        "ppv": precision_score(labels, called),
        "npv": precision_score(labels, called, pos_label=0),
    }
    assert binary_measures(metrics.confusion(labels, scores, 0.6)) == pytest.approx(wanted)


def test_measures_of_the_published_confusion_matrix():
    found = binary_measures({"tn": 3777, "fp": 2874, "fn": 1947, "tp": 8949})
    assert {name: round(rate, 3) for name, rate in found.items()} == {
        "accuracy": 0.725,
        "majority": 0.621,
        "sensitivity": 0.821,
        "specificity": 0.568,
        "ppv": 0.757,
        "npv": 0.660,
    }


@pytest.mark.parametrize(("called", "undefined", "defined"), [("tp", "npv", "ppv"), ("fn", "ppv", "npv")])
def test_nothing_called_by_a_name_has_no_predictive_value(called, undefined, defined):
    other = {"tp": "fp", "fn": "tn"}[called]
    found = binary_measures({**NOTHING, called: 3, other: 1})
    assert math.isnan(found[undefined]) and not math.isnan(found[defined])
    assert found["majority"] == 0.75


@pytest.mark.parametrize("seed", range(5))
def test_no_threshold_is_better_than_that_of_youden(seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, 60)
    scores = np.round(0.5 * labels + rng.normal(size=60), 1)  # with ties
    threshold = youden_threshold(labels, scores)
    tried = {score: balanced_accuracy_score(labels, scores >= score) for score in scores}
    assert tried[threshold] == pytest.approx(max(tried.values()))


def test_of_equally_good_thresholds_the_highest():
    assert youden_threshold([0, 1, 0, 1], [1.0, 2.0, 3.0, 4.0]) == 4.0
    assert youden_threshold([0, 0, 1, 1], [1.0, 2.0, 3.0, 4.0]) == 3.0


def test_one_class_has_no_threshold():
    with pytest.raises(FakeOrRealError, match="no clip of 2 is fake"):
        youden_threshold([0, 0], [1.0, 2.0])
