"""The vote of the clips, by hand: from probabilities to the fields of AI-SPY."""

import json
import math

import pytest
from detector_double import make_prediction

from fakeorreal import clip_vote


def logit(percent):
    return math.log(percent / (100 - percent))


@pytest.mark.parametrize(
    ("percent", "verdict"),
    [
        (0.0, "human"),
        (39.99, "human"),
        (40.0, "unsure"),
        (50.0, "unsure"),
        (60.0, "unsure"),
        (60.01, "ai"),
        (100.0, "ai"),
    ],
)
def test_a_clip(percent, verdict):
    assert clip_vote.clip_verdict(percent) == verdict


@pytest.mark.parametrize(
    ("ai", "human", "unsure", "outcome"),
    [
        (1, 0, 0, "ai"),
        (0, 1, 0, "human"),
        (0, 0, 1, "unsure"),
        (3, 2, 0, "ai"),
        (2, 1, 17, "ai"),  # a tenth of the clips, but most of those decided
        (3, 2, 5, "ai"),  # 30 %: the vote comes first
        (50, 49, 1, "ai"),
        (50, 50, 0, "unsure"),  # 50 %: a tie
        (1, 1, 0, "unsure"),
        (99, 101, 0, "contains some ai"),  # 49.5 %
        (49, 51, 0, "contains some ai"),
        (49, 49, 2, "contains some ai"),  # a tie below one half
        (2, 3, 0, "contains some ai"),
        (20, 80, 0, "contains some ai"),
        (1, 4, 0, "contains some ai"),  # 20 %
        (1, 1, 3, "contains some ai"),
        (19, 81, 0, "human"),
        (1, 5, 0, "human"),
        (1, 1, 4, "unsure"),  # a tie below 20 %
        (0, 1, 9, "human"),
    ],
)
def test_the_vote(ai, human, unsure, outcome):
    verdicts = ["ai"] * ai + ["human"] * human + ["unsure"] * unsure
    assert clip_vote.vote(verdicts) == clip_vote.vote(verdicts[::-1]) == outcome


def with_windows(*scores, seconds=3.0):
    windows = tuple((seconds * k, seconds * (k + 1), score) for k, score in enumerate(scores))
    return make_prediction("talks/a.mp3", windows=windows)


def test_the_published_fields_and_the_clips():
    found = clip_vote.result(with_windows(logit(87.654), logit(12.5), -9.0, logit(55.0), 40.0, -3.0))
    assert found == {
        "name": "talks/a.mp3",
        "Percent_AI": 33.3,
        "Percent_Human": 50.0,
        "Prediction": "contains some ai",
        "Clips": [
            {"Start": 0.0, "End": 3.0, "Probability_AI": 87.65, "Prediction": "ai"},
            {"Start": 3.0, "End": 6.0, "Probability_AI": 12.5, "Prediction": "human"},
            {"Start": 6.0, "End": 9.0, "Probability_AI": 0.01, "Prediction": "human"},
            {"Start": 9.0, "End": 12.0, "Probability_AI": 55.0, "Prediction": "unsure"},
            {"Start": 12.0, "End": 15.0, "Probability_AI": 100.0, "Prediction": "ai"},
            {"Start": 15.0, "End": 18.0, "Probability_AI": 4.74, "Prediction": "human"},
        ],
    }
    assert list(found) == ["name", "Percent_AI", "Percent_Human", "Prediction", "Clips"]
    assert json.loads(json.dumps(found, allow_nan=False)) == found


@pytest.mark.parametrize(
    ("percent", "verdict"), [(39.98, "human"), (40, "unsure"), (60, "unsure"), (60.004, "unsure"), (60.02, "ai")]
)
def test_what_is_said_of_a_clip_agrees_with_what_is_shown(percent, verdict):
    (clip,) = clip_vote.result(with_windows(logit(percent)))["Clips"]
    assert (clip["Probability_AI"], clip["Prediction"]) == (round(percent, 2), verdict)


def test_the_scores_of_other_priors_or_thresholds_do_not_count():
    """The verdict by vote rests on the probabilities of the clips alone."""
    prediction = with_windows(logit(70), logit(70), logit(10))
    assert clip_vote.result(prediction)["Prediction"] == "ai"
    other = make_prediction("talks/a.mp3", -9.0, windows=prediction.windows, threshold=3.0, unsure_band=(2.0, 4.0))
    assert clip_vote.result(other) == clip_vote.result(prediction)
