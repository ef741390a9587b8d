"""From the scores of frames to regions, by hand on drawn time lines: ``#`` is fake, a character is a second."""

import numpy as np
import pytest

from fakeorreal.errors import FakeOrRealError
from fakeorreal.frame_regions import regions_of


def logits(line, high=2.0, low=-2.0):
    return np.where(np.array(list(line)) == "#", high, low)


def redrawn(line, **options):
    """A line after ``regions_of``."""
    found = regions_of(logits(line), 0.0, hop=1.0, **options)
    out = ["."] * len(line)
    for start, end, _ in found:
        out[int(start) : int(end)] = "#" * int(end - start)
    return "".join(out)


@pytest.mark.parametrize(
    ("options", "line", "expected"),
    [
        ({}, "..##..#.##", "..##..#.##"),
        ({}, "##########", "##########"),
        ({}, "..........", ".........."),
        ({"gap": 2.0}, "..##..#.##", "..##..####"),  # gaps of 2 s are not shorter than 2 s
        ({"gap": 2.1}, "..##..#.##", "..########"),
        ({"gap": 9.0}, "..##......", "..##......"),
        ({"least": 2.0}, "..##..#.##", "..##....##"),
        ({"least": 2.1}, "..##..#.##", ".........."),
        ({"gap": 1.5, "least": 3.0}, "..##..#.##", "......####"),  # gaps are closed first
        ({"median": 3}, "..##..#.##", "..##...###"),
        ({"median": 3}, "#.#.###.##", "##.#######"),
        ({"median": 5}, "..##..#.##", "....#..###"),
        ({"seconds": 9.0}, "..##..#.##", "..##..#.#."),
    ],
)
def test_drawn_regions(options, line, expected):
    assert redrawn(line, **options) == expected


def test_the_threshold_counts_as_fake():
    scores = [0.99, 1.0, 1.01, 0.0]
    assert [region[:2] for region in regions_of(scores, 1.0)] == [(0.02, 0.06)]


def test_times_are_those_of_the_frames():
    scores = logits("." * 7 + "#" * 493)
    (region,) = regions_of(scores, 0.0, seconds=9.995)
    assert region[:2] == (0.14, 9.995)
    assert regions_of(scores, 0.0)[0].end == 10.0
    assert type(region.start) is float and type(region.confidence) is float


def test_confidence_is_the_mean_probability():
    scores = np.array([-3.0, 1.0, -1.0, 2.0, -4.0])
    (region,) = regions_of(scores, 0.5, hop=1.0, gap=1.5)
    probability = 1 / (1 + np.exp(-scores))
    assert region == pytest.approx((1, 4, probability[1:4].mean()))
    (certain,) = regions_of([1e4], 0.0)
    assert certain.confidence == 1


@pytest.mark.parametrize("scores", [[], [0.0, np.nan], [np.inf], [[0.0, 1.0]]])
def test_scores_that_are_none(scores):
    with pytest.raises(FakeOrRealError, match="`scores` must be finite logits"):
        regions_of(scores, 0.0)


@pytest.mark.parametrize("median", [0, 2, -1])
def test_a_median_without_middle(median):
    with pytest.raises(FakeOrRealError, match=rf"`median` must be odd, 1 for no filter\. Received: {median}\."):
        regions_of([0.0, 1.0], 0.0, median=median)
