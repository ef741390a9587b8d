"""The settings that make regions of frames, by hand and against a search through all of them."""

import itertools

import numpy as np
import pandas as pd
import pytest

from fakeorreal import calling, segments
from fakeorreal.corpora.region_labels import make_regions
from fakeorreal.frame_regions import frames_in, overlapped

SECONDS = 4.0


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """A grid that takes no time."""
    monkeypatch.setattr(calling, "THRESHOLDS", 6)
    monkeypatch.setattr(calling, "LEAST", (0.0,))
    monkeypatch.setattr(calling, "GAPS", (0.0, 0.25))


@pytest.fixture
def frames_and_truth():
    """Eight clips with a region, whose frames stand out of noise, and eight without."""
    rng, frames, regions = np.random.default_rng(0), {}, []
    for k in range(16):
        spans = np.empty((0, 2))
        if k % 2:
            start = rng.uniform(0, 2)
            method = ("soft", "middle", "loud")[k % 3]
            regions.append({"clip": f"{k}", "start": start, "end": start + rng.uniform(0.3, 2), "method": method})
            spans = np.array([[regions[-1]["start"], regions[-1]["end"]]])
        fake = overlapped(spans, frames_in(SECONDS))
        frames[f"{k}"] = ((1 + k % 3) * fake - 1 + rng.normal(size=len(fake))).astype("float32")
    return frames, make_regions(regions)


def test_what_is_chosen_is_best_for_the_harder_methods_and_then_by_whole_regions(frames_and_truth):
    frames, truth = frames_and_truth
    seconds = pd.Series(SECONDS, index=list(frames))
    chosen = calling.choose_calling(frames, truth, seconds)

    def rates(threshold, median, least, gap):
        found = segments.found_regions(frames, seconds, threshold, median=median, least=least, gap=gap)
        table = segments.segment_table(truth, found, seconds, resolution=1.0).set_index("clip")
        real = table.drop(truth["clip"])
        of_methods = []
        for _, rows in truth.groupby("method", sort=True):
            tp, fp, fn = table.loc[rows["clip"], ["tp", "fp", "fn"]].sum()
            fp += len(rows) * real["fp"].sum() / len(real)
            of_methods.append(200 * tp / (2 * tp + fp + fn))
        counts = (table.reset_index(), segments.event_table(truth, found, seconds))
        return of_methods, [100 * segments.f1(one) for one in counts]

    thresholds = np.quantile(np.concatenate([*frames.values()]), np.linspace(0, 0.99, calling.THRESHOLDS))
    grid = list(itertools.product(thresholds, calling.MEDIANS, calling.LEAST, calling.GAPS))
    tried = [rates(*settings) for settings in grid]
    by_method = np.array([of_methods for of_methods, _ in tried])
    harder = by_method[:, np.argsort(by_method.max(axis=0))[:2]].mean(axis=1)  # two of three methods
    near = harder >= harder.max() - calling.NEAR
    assert near.sum() < len(grid)
    best = max(event for (_, (_, event)), kept in zip(tried, near, strict=True) if kept)
    together = rates(*chosen[:4])[1]
    assert together == pytest.approx([chosen.f1, chosen.f1_event]) and chosen.f1_event == pytest.approx(best)
    assert near[grid.index(chosen[:4])]


@pytest.mark.parametrize(
    ("faint", "threshold"),
    [
        (20, 1),  # without the faint frames the region would begin 400 ms late, though its second would be found
        (2, 2),  # the region counts as found either way, and fewer seconds are called
    ],
)
def test_whole_regions_decide_between_equals_then_what_calls_least(faint, threshold):
    frames = {"a": np.float32([0] * 50 + [1] * faint + [2] * (50 - faint) + [0] * 100)}
    truth = make_regions({"clip": ["a"], "start": [1.0], "end": [2.0], "method": ["splice"]})
    chosen = calling.choose_calling(frames, truth, pd.Series({"a": 4.0}))
    assert chosen.f1 == chosen.f1_event == 100 and threshold - 1 < chosen.threshold <= threshold
