"""Tables 1 and 2, composition and single features, by hand."""

import numpy as np
import pandas as pd
import pytest

from fakeorreal import counts
from fakeorreal.corpora import for_dataset


class Study:
    """What the tables ask of a study."""

    def __init__(self, root):
        self.root = root

    def corpus(self, dataset):
        return for_dataset.load(dataset, self.root)


@pytest.fixture
def study(for_tree):
    return Study(for_tree("plain", for_dataset.PARTS, per_class=3))


def test_table_1_marks_exactly_the_swapped_rows(study):
    table = counts.table_1(study).set_index(["dataset", "split"])
    assert (table[["fake", "real"]] == 3).all(axis=None)
    assert (table["note"] != "").groupby("dataset").all().to_dict() == {
        "for-norm": False,
        "for-2sec": True,
        "for-rerec": True,
    }
    assert (table.loc["for-norm", "note"] == "").all()
    # The printed rows are those of the data set with the two names exchanged.
    swapped = table.loc["for-rerec", ["for_fake", "for_real"]].to_numpy()
    np.testing.assert_array_equal(table.loc["for-2sec", ["printed_fake", "printed_real"]].to_numpy(), swapped)


def test_table_2_augments_training_only(study):
    table = counts.table_2(study).set_index("split")
    assert (table[["fake", "real"]] == 9).all(axis=None)
    assert table["augmented_fake"].to_dict() == {"training": 9, "validation": 0, "testing": 0}
    assert table.loc["testing", ["for_fake", "for_real"]].tolist() == [3322, 3216]


def test_composition_counts_every_clip_once(study):
    corpus = study.corpus("for-norm")
    table = counts.composition(corpus)
    assert table["n_clips"].sum() == len(corpus) == 18
    assert set(table["generator"]) == {"human", "unknown"}


def test_single_features_are_ranked_by_training(rng):
    class Vectors:
        def __init__(self, values):
            self.values, self.labels = values, np.arange(len(values)) % 2

        def __len__(self):
            return len(self.values)

        def rows(self, indices):
            return self.values[indices]

    noise = rng.normal(size=(40, 3))
    label = np.arange(40)[:, None] % 2
    training = Vectors(noise + label * [0, 0, -9])  # the third is lower in fakes
    testing = Vectors(noise + label * [0, 9, 0])
    table = counts.single_feature_auc({"training": training, "testing": testing}, ["a", "b", "c"])
    assert table["feature"].iloc[0] == "c" and table["auc_training"].iloc[0] == 0
    assert table.set_index("feature")["auc_testing"]["b"] == 1
    assert isinstance(table, pd.DataFrame)
