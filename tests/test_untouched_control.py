"""The control sees what is away from edits, in both clips of a pair, and nothing else."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from fakeorreal import untouched_control
from fakeorreal.corpora.region_labels import make_regions
from fakeorreal.errors import FakeOrRealError
from fakeorreal.untouched_control import AWAY, control_table, untouched_statistics

ROWS, BANDS = 200, 4
EDIT = (0.7, 1.0)


class Made:
    """Pairs of equal clips but for the rows near the edit; ``shift`` is added to all of a fake."""

    shape = (ROWS, BANDS)

    def __init__(self, seed, pairs=8, shift=0.0, split="training", suffix=".wav"):
        rng = np.random.default_rng(seed)
        rows, values = [], []
        for k in range(pairs):
            clip = rng.standard_normal((ROWS, BANDS))
            for label, word in enumerate(("real", "fake")):
                rows.append({"clip": f"{split}{k}-{word}{suffix}", "label": label, "group": f"{split}{k}", "end": 1.5})
                values.append(clip + label * shift)
            first, last = (round(100 * (edge + side)) for edge, side in zip(EDIT, (-AWAY, AWAY), strict=True))
            values[-1][first:last] = 1e6
            values[-2][first:last] = -1e6
            for clip in values[-2:]:
                clip[150:] = 1e6  # behind the end
        self.corpus = pd.DataFrame(rows).assign(test_set="" if split == "training" else "easy")
        self.values = np.float32(values)
        fakes = self.corpus.loc[self.corpus["label"] == 1, "clip"]
        self.regions = make_regions({"clip": fakes, "start": EDIT[0], "end": EDIT[1]})

    def rows(self, indices):
        return self.values[indices]


def regions(*made):
    return pd.concat([features.regions for features in made])


def test_statistics_are_those_of_the_rows_away_from_edits():
    made = Made(1)
    clips, values = untouched_statistics(made, made.regions, own_level=False)
    assert len(clips) == 16 and np.abs(values).max() < 10
    assert clips["label"].tolist() == [1, 0] * 8
    np.testing.assert_array_equal(values[::2], values[1::2])
    rows = made.values[1][np.r_[:40, 130:150]]
    wanted = [rows.mean(axis=0), rows.std(axis=0), *np.percentile(rows, (10, 50, 90), axis=0)]
    np.testing.assert_allclose(values[0], np.concatenate(wanted), rtol=1e-6)


def test_levels_of_their_own_are_below_the_loudest_of_these_rows():
    made = Made(1)
    clip, own = (untouched_statistics(made, made.regions, own_level=level)[1] for level in (False, True))
    peak = made.values[1][np.r_[:40, 130:150]].max()
    np.testing.assert_allclose(own[0][:BANDS], clip[0][:BANDS] - peak, rtol=1e-5)
    np.testing.assert_allclose(own[0][BANDS : 2 * BANDS], clip[0][BANDS : 2 * BANDS], rtol=1e-5)


def test_pairs_are_named_alike_or_of_one_source():
    made = Made(1, pairs=3)
    made.corpus["group"] = "one"
    assert len(untouched_statistics(made, made.regions, own_level=False)[0]) == 6
    other = Made(1, pairs=3)
    names = {clip: clip.replace("-", "_") for clip in other.corpus["clip"]}
    other.corpus["clip"] = other.corpus["clip"].map(names)
    moved = other.regions.assign(clip=other.regions["clip"].map(names))
    clips, _ = untouched_statistics(other, moved, own_level=False)
    assert len(clips) == 6 and (clips["group"][::2].to_numpy() == clips["group"][1::2].to_numpy()).all()


def test_equal_files_are_at_chance_whatever_the_edit_is():
    training, testing = Made(1, pairs=30), Made(2, split="testing")
    table = control_table(training, testing, regions(training, testing))
    assert table["classifier"].tolist() == 2 * list(untouched_control.CLASSIFIERS)
    assert set(table["level"]) == set(untouched_control.LEVELS)
    assert (table["auc"] == 0.5).all() and (table["auc_high"] == 0.5).all()
    assert (table[["n_clips", "n_groups"]] == [16, 8]).all(axis=None)


def test_a_mark_on_the_whole_file_is_seen():
    training, testing = Made(1, pairs=30, shift=0.5), Made(2, shift=0.5, split="testing")
    table = control_table(training, testing, regions(training, testing))
    seen = table[table["level"] == "of the clip"]
    assert (seen["auc"] > 0.95).all() and (seen["auc_low"] <= seen["auc"]).all()
    unseen = table[table["level"] == "of its own"]  # a shift is a level, and nothing else
    assert (unseen["auc"] - 0.5).abs().max() < 0.2


def test_the_auc_is_that_of_scikit_learn(monkeypatch):
    class Classifier:
        def fit(self, x, y):
            return self

        def decision_function(self, x):
            return x[:, 0]

    monkeypatch.setattr(untouched_control, "CLASSIFIERS", {"first": Classifier})
    training, testing = Made(1), Made(2, shift=0.05, split="testing")
    clips, values = untouched_statistics(testing, testing.regions, own_level=False)
    table = control_table(training, testing, regions(training, testing))
    found = table.set_index("level")["auc"]
    assert found["of the clip"] == pytest.approx(roc_auc_score(clips["label"], values[:, 0]))


def test_without_a_pair_there_is_no_control():
    made = Made(1)
    made.corpus["label"] = 1
    with pytest.raises(FakeOrRealError, match="no fake has an untouched part"):
        untouched_statistics(made, regions(made, Made(1)), own_level=False)
