"""Localisation, by hand on drawn time lines, and against scipy, scikit-learn and the metrics of clips.

A line is a clip, ``#`` is fake, and a character is a second unless a step is stated.
"""

import re
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score

from fakeorreal import metrics
from fakeorreal.corpora.region_labels import make_regions
from fakeorreal.errors import FakeOrRealError
from fakeorreal.frame_regions import HOP
from fakeorreal.segments import (
    clip_scores,
    duration_table,
    event_table,
    everything,
    f1,
    found_regions,
    iou,
    point_eer,
    range_eer,
    segment_table,
)


def drawn(step=1.0, **lines):
    """The regions of time lines, and the durations of the clips."""
    rows = [
        {"clip": clip, "start": run.start() * step, "end": run.end() * step}
        for clip, line in lines.items()
        for run in re.finditer("#+", line)
    ]
    seconds = pd.Series({clip: len(line) * step for clip, line in lines.items()}, dtype=float)
    return make_regions(pd.DataFrame(rows, columns=["clip", "start", "end"])), seconds


def spans(*times, clip="a"):
    return make_regions([{"clip": clip, "start": start, "end": end} for start, end in times])


def counts(table):
    return list(table.drop(columns="clip").itertuples(index=False, name=None))


# Segments


@pytest.mark.parametrize(
    ("truth", "found", "expected"),
    [
        ("..##....", "..##....", (2, 0, 0, 6)),
        ("..####....", "...####..#", (3, 2, 1, 4)),
        ("..##....", "........", (0, 0, 2, 6)),
        ("........", "..##....", (0, 2, 0, 6)),
        ("........", "........", (0, 0, 0, 8)),
        ("########", "########", (8, 0, 0, 0)),
        ("........", "########", (0, 8, 0, 0)),
        ("#......#", "#.....##", (2, 1, 0, 5)),
        ("##..", "..##", (0, 2, 2, 0)),  # half-open: the second begins where the first ends
    ],
)
@pytest.mark.parametrize("step", [1.0, 0.02])
def test_counts_of_drawn_segments(truth, found, expected, step):
    truth, seconds = drawn(step, a=truth)
    found, _ = drawn(step, a=found)
    assert counts(segment_table(truth, found, seconds, resolution=step)) == [expected]


@pytest.mark.parametrize(
    ("times", "active"),
    [
        ((1.0, 2.0), ".#..."),
        ((1.0, 2.000001), ".##.."),
        ((0.999999, 2.0), "##..."),
        ((1.4, 1.5), ".#..."),
        ((0.9, 3.1), "####."),
        ((4.0, 4.4), "....#"),  # the last segment is 0.4 s
    ],
)
def test_a_segment_is_fake_when_any_region_overlaps_it(times, active):
    """As sed_eval: from the floor of the onset to the ceiling of the offset."""
    seconds = pd.Series({"a": 4.4})
    (row,) = counts(segment_table(spans(times), everything(seconds), seconds, resolution=1.0))
    assert row == (active.count("#"), active.count("."), 0, 0)
    (row,) = counts(segment_table(spans(times), spans((0, 1)), seconds, resolution=1.0))
    assert row[0] == (active[0] == "#")


def test_edges_on_the_grid_are_not_blurred_by_rounding():
    """0.14 / 0.02 is 7.000000000000001; every edge k·0.02 of ten seconds must lie between two segments."""
    assert np.ceil(0.14 / 0.02) == 8
    clips = pd.DataFrame({"clip": [f"{k:03d}" for k in range(1, 500)], "edge": 0.02 * np.arange(1, 500)})
    truth, found = clips.rename(columns={"edge": "end"}).assign(start=0), clips.rename(columns={"edge": "start"})
    seconds = pd.Series(10.0, clips["clip"])
    table = segment_table(truth, found.assign(end=10), seconds, resolution=0.02)
    assert counts(table) == [(0, 500 - k, k, 0) for k in range(1, 500)]


def test_rates_are_of_summed_counts():
    truth, seconds = drawn(a="####......", b="..........", c="##........")
    found, _ = drawn(a="##........", b=".......###", c="##........")
    table = segment_table(truth, found, seconds, resolution=1.0)
    assert table["clip"].tolist() == ["a", "b", "c"]
    # tp 2 + 2, fp 3, fn 2
    assert f1(table) == pytest.approx(2 * 4 / (2 * 4 + 3 + 2)) and iou(table) == pytest.approx(4 / 9)
    assert f1(table, [1, 0, 1]) == pytest.approx(8 / 10)
    assert f1(table, [[1, 1, 1], [0, 0, 2]]) == pytest.approx([8 / 13, 1])
    assert type(f1(table)) is float


def test_f1_agrees_with_scikit_learn(rng):
    lines = {k: ["".join(rng.choice([".", "#"], 40, p=[0.7, 0.3])) for _ in range(2)] for k in "abcd"}
    truth, seconds = drawn(0.02, **{k: pair[0] for k, pair in lines.items()})
    found, _ = drawn(0.02, **{k: pair[1] for k, pair in lines.items()})
    true, called = ([c == "#" for pair in lines.values() for c in pair[i]] for i in (0, 1))
    assert f1(segment_table(truth, found, seconds, resolution=0.02)) == pytest.approx(f1_score(true, called))


def test_nothing_to_find_and_nothing_found():
    truth, seconds = drawn(a="....")
    for table in (
        segment_table(truth, truth, seconds, resolution=1.0),
        event_table(truth, truth, seconds),
        duration_table(truth, truth, seconds),
    ):
        assert np.isnan(f1(table)) and np.isnan(iou(table))


def test_clips_without_length():
    truth, seconds = drawn(a="", b="#.")
    assert counts(segment_table(truth, truth, seconds, resolution=1.0)) == [(0, 0, 0, 0), (1, 0, 0, 1)]
    assert everything(seconds)["clip"].tolist() == ["b"]
    assert len(segment_table(truth[:0], truth[:0], seconds[:0], resolution=1.0)) == 0


def test_an_interval_over_groups():
    truth, seconds = drawn(a="##..", b="....", c="##..", d="....", e="####", f="....")
    found, _ = drawn(a="##..", b="....", c="#...", d="...#", e="##..", f="....")
    table = segment_table(truth, found, seconds, resolution=1.0)
    interval = metrics.bootstrap(lambda _, t, w: f1(t, w), [1, 0, 1, 0, 1, 0], table, ["x", "x", "y", "y", "z", "z"])
    # the worst resample is z only, 4 of 6, or y: 2 of 4; the best is x only
    assert (interval.low, interval.high) == pytest.approx((0.5, 1)) and interval.resamples == 1000


# Events


@pytest.mark.parametrize(
    ("truth", "found", "expected"),
    [
        ([(1, 2)], [(1.25, 2.25)], (1, 0, 0)),
        ([(1, 2)], [(1.26, 2)], (0, 1, 1)),
        ([(1, 2)], [(1, 2.5)], (1, 0, 0)),  # half of 1 s
        ([(1, 2)], [(1, 2.51)], (0, 1, 1)),
        ([(1, 1.2)], [(1, 1.45)], (1, 0, 0)),  # short: the collar holds
        ([(1, 1.2)], [(1, 1.46)], (0, 1, 1)),
        ([(1, 2), (3, 4)], [(1, 2), (5, 6)], (1, 1, 1)),
        ([(1, 4)], [(1, 2), (2.2, 4)], (0, 2, 1)),  # in two pieces
        ([(1, 2), (2.2, 3)], [(1, 3)], (0, 1, 2)),  # as one
        ([], [(1, 2)], (0, 1, 0)),
        ([(1, 2)], [], (0, 0, 1)),
        ([], [], (0, 0, 0)),
    ],
)
def test_events_by_hand(truth, found, expected):
    table = event_table(spans(*truth), spans(*found), pd.Series({"a": 10.0}), collar=0.25)
    assert counts(table) == [expected]


def test_one_found_region_answers_for_one_true_one():
    truth, seconds = spans((1.0, 1.1), (1.2, 1.3)), pd.Series({"a": 3.0})
    assert counts(event_table(truth, spans((1.12, 1.18)), seconds)) == [(1, 0, 1)]
    assert counts(event_table(spans((1.12, 1.18)), truth, seconds)) == [(1, 1, 0)]
    assert counts(event_table(truth, spans((0.96, 0.98), (1.12, 1.18)), seconds)) == [(2, 0, 0)]


def test_of_all_pairings_the_largest_counts(rng):
    """Against every permutation, for 60 clips crowded with four true and four found regions."""
    edges = {clip: np.sort(rng.choice(np.arange(1, 200), (2, 8), replace=False), axis=1) / 100 for clip in range(60)}
    truth, found = (
        make_regions(
            [{"clip": k, "start": s, "end": e} for k, drawn in edges.items() for s, e in drawn[i].reshape(-1, 2)]
        )
        for i in (0, 1)
    )
    expected = []
    for drawn in edges.values():
        true, called = (half.reshape(-1, 2) for half in drawn)
        expected.append(
            max(
                sum(
                    abs(t[0] - c[0]) < 0.2501 and abs(t[1] - c[1]) < max(0.25, (t[1] - t[0]) / 2) + 1e-4
                    for t, c in zip(true, order, strict=True)
                )
                for order in permutations(called)
            )
        )
    table = event_table(truth, found, pd.Series(2.0, list(edges)))
    assert table["tp"].tolist() == expected and len(set(expected)) > 2
    assert (table["tp"] + table["fp"]).eq(4).all() and (table["tp"] + table["fn"]).eq(4).all()


def test_events_of_different_clips_do_not_meet():
    seconds = pd.Series({"a": 10.0, "b": 10.0})
    table = event_table(spans((1, 2)), spans((1, 2), clip="b"), seconds)
    assert counts(table) == [(0, 0, 1), (0, 1, 0)] and f1(table) == 0


# Durations


def test_durations_by_hand():
    truth, seconds = drawn(0.5, a="..####....", b="....")
    found, _ = drawn(0.5, a="...####..#", b="##..")
    table = duration_table(truth, found, seconds)
    assert counts(table) == [(1.5, 1.0, 0.5, 2.0), (0, 1.0, 0, 1.0)]
    assert iou(table) == pytest.approx(1.5 / 4) and f1(table) == pytest.approx(3 / 5.5)


def test_durations_know_no_grid():
    seconds = pd.Series({"a": 1.0})
    truth, found = spans((0.101, 0.203), (0.5, 0.6)), spans((0.15, 0.55), (0.7, 1.0))
    assert counts(duration_table(truth, found, seconds))[0] == pytest.approx((0.103, 0.597, 0.099, 0.201))


def test_durations_agree_with_fine_segments(rng):
    lines = {k: ["".join(rng.choice([".", "#"], 60)) for _ in range(2)] for k in "abc"}
    truth, seconds = drawn(0.02, **{k: pair[0] for k, pair in lines.items()})
    found, _ = drawn(0.02, **{k: pair[1] for k, pair in lines.items()})
    fine = segment_table(truth, found, seconds, resolution=0.02)
    assert np.allclose(counts(duration_table(truth, found, seconds)), 0.02 * np.array(counts(fine)))


def test_everything_is_the_baseline():
    truth, seconds = drawn(a="####....", b="......##")
    table = duration_table(truth, everything(seconds), seconds)
    assert counts(table) == [(4, 4, 0, 0), (2, 6, 0, 0)] and iou(table) == pytest.approx(6 / 16)


@pytest.mark.parametrize("table", [lambda *a: segment_table(*a, resolution=1.0), event_table, duration_table])
def test_regions_that_no_clip_has(table):
    truth, seconds = drawn(a="##..")
    for regions, message in ((spans((4, 5)), "before its clip ends"), (spans((0, 1), clip="z"), "duration of every")):
        with pytest.raises(FakeOrRealError, match=message):
            table(regions, truth, seconds)
        with pytest.raises(FakeOrRealError, match=message):
            table(truth, regions, seconds)


# Error rates


def noisy(rng, lines, distance=1.0):
    return {clip: rng.normal(size=len(line)) + distance * (np.array(list(line)) == "#") for clip, line in lines.items()}


@pytest.fixture
def scored(rng):
    lines = {k: "".join(rng.choice([".", "#"], 60, p=[0.7, 0.3])) for k in "abcdef"}
    scores = noisy(rng, lines)
    labels = np.concatenate([np.array(list(line)) == "#" for line in lines.values()]).astype(int)
    return drawn(HOP, **lines)[0], scores, labels


@pytest.mark.parametrize("rate", [point_eer, range_eer])
def test_on_the_grid_both_are_the_eer_of_frames(scored, rate):
    truth, scores, labels = scored
    assert rate(truth, scores) == pytest.approx(metrics.eer(labels, np.concatenate([*scores.values()])), abs=1e-9)


@pytest.mark.parametrize("rate", [point_eer, range_eer])
def test_weights_are_of_clips(scored, rate):
    truth, scores, labels = scored
    weights = np.array([[1, 1, 1, 1, 1, 1], [0, 2, 0, 1, 3, 0]], float)
    expected = metrics.eer(labels, np.concatenate([*scores.values()]), np.repeat(weights, 60, axis=1))
    assert rate(truth, scores, weights) == pytest.approx(expected, abs=1e-9)
    assert rate(truth, scores, weights[1]) == pytest.approx(expected[1], abs=1e-9)


@pytest.mark.parametrize("rate", [point_eer, range_eer])
def test_degenerate_error_rates(rate):
    truth, _ = drawn(HOP, a="..##..", b="....")
    sure = {"a": [0, 0, 1, 1, 0, 0], "b": [0, 0, 0, 0]}
    assert rate(truth, sure) == 0
    assert rate(truth, {clip: np.negative(scores) for clip, scores in sure.items()}) == 1
    assert rate(truth, {clip: np.zeros(len(scores)) for clip, scores in sure.items()}) == 0.5
    with pytest.raises(FakeOrRealError, match=r"is fake\."):
        rate(truth[:0], sure)
    with pytest.raises(FakeOrRealError, match=r"is real\."):
        rate(spans((0, 1)), {"a": [1.0, 2.0]})
    with pytest.raises(FakeOrRealError, match=r"must have scores\. Received: none for a\."):
        rate(truth, {"b": sure["b"]})
    with pytest.raises(FakeOrRealError, match=r"finite logits"):
        rate(truth, {"a": [0, 0, 1, np.nan, 0, 0]})


def test_the_range_counts_a_frame_by_what_it_holds():
    """Frames of 1 s, fake from 1.5 to 3, scores as drawn.

    time   0   1   2   3   4
    fake   .   .|# #   .
    score  0   1   2   0
    """
    scores, truth = {"a": [0.0, 1.0, 2.0, 0.0]}, spans((1.5, 3))
    # whole frames: 1 and 2 are fake, nothing real is as high
    assert point_eer(truth, scores, hop=1.0) == 0
    # at >= 2: 0.5 of 1.5 s missed, none of 2.5 s real called; at >= 1: none missed, 0.5 of 2.5 s called. Between the
    # two the rates meet where (1 - t)/3 = t/5, t = 5/8
    assert range_eer(truth, scores, hop=1.0) == pytest.approx(1 / 8)


def test_the_range_does_not_depend_on_the_frames(rng):
    """The same scores on a grid twice as fine are the same function of time."""
    truth = spans((0.33, 1.57), (3.1, 3.2))
    coarse = rng.normal(size=50)
    rates = [range_eer(truth, {"a": np.repeat(coarse, k)}, hop=0.1 / k) for k in (1, 2, 5)]
    assert rates[1:] == pytest.approx([rates[0]] * 2, abs=1e-6)
    points = [point_eer(truth, {"a": np.repeat(coarse, k)}, hop=0.1 / k) for k in (1, 5)]
    assert abs(points[0] - points[1]) > 1e-3


def test_the_score_of_a_clip_is_its_highest_frame():
    scores = clip_scores({"b": [-3.0, 2.5, 0.0], "a": np.float32([-1, -2])})
    assert scores.to_dict() == {"b": 2.5, "a": -1.0} and scores.name == "score"
    with pytest.raises(FakeOrRealError, match="at least one frame"):
        clip_scores({"a": []})


# From scores to regions of many clips


def logits(line, high=2.0, low=-2.0):
    return np.where(np.array(list(line)) == "#", high, low)


def test_a_table_of_what_was_found():
    seconds = pd.Series({"a": 0.1, "b": 0.07, "c": 0.06})
    scores = {"b": logits("..##"), "a": logits("#..##"), "c": logits("...")}
    table = found_regions(scores, seconds, 0.0, least=0.03)
    assert list(table) == ["clip", "start", "end", "confidence"]
    assert table[["clip", "start", "end"]].values.tolist() == [["a", 0.06, 0.1], ["b", 0.04, 0.07]]
    none = found_regions({"c": scores["c"]}, seconds, 0.0)
    assert len(none) == 0 and list(none) == list(table)
    truth = spans((0.06, 0.1))
    assert f1(segment_table(truth, table, seconds, resolution=HOP)) == pytest.approx(2 * 2 / (2 * 2 + 2))
