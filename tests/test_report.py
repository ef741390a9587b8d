"""From scores to tables, against counts by hand."""

import numpy as np
import pandas as pd
import pytest

from fakeorreal import report

# testing, in order of score: real real fake real | fake fake      (| marks the threshold of validation)
TESTING = [(0, -3.0), (0, -2.0), (1, -1.0), (0, -0.5), (1, 2.0), (1, 3.0)]
VALIDATION = [(0, -1.0), (1, 1.0)]  # perfectly apart: the threshold lies at 0


def scores(system="dnn", dataset="for-norm", epochs=20, seed=0, shift=0.0):
    rows = [
        {"clip": f"{split}{k}", "label": label, "score": score + (shift if split == "testing" else 0), "split": split}
        for split, clips in (("testing", TESTING), ("validation", VALIDATION))
        for k, (label, score) in enumerate(clips)
    ]
    table = pd.DataFrame(rows).assign(system=system, dataset=dataset, epochs=epochs, seed=seed)
    return table.assign(group=table["clip"], generator="g", language="en", speaker="s")


def test_the_last_mark_of_each_system_is_kept_and_systems_without_epochs_too():
    table = pd.concat([scores(), scores(epochs=50), scores("svm", epochs=np.nan), scores("cnn", epochs=5)])
    kept = report.last_epochs(table)
    assert set(zip(kept["system"], kept["epochs"].fillna(-1), strict=True)) == {("dnn", 50), ("svm", -1), ("cnn", 5)}


def test_one_run_takes_the_first_seed():
    validation, testing = report.one_run(pd.concat([scores(seed=2), scores(seed=1, shift=9)]), "dnn", "for-norm")
    assert (len(validation), len(testing)) == (2, 6)
    assert set(testing["seed"]) == {1} and testing["score"].max() == 12


def test_confusions_at_the_threshold_of_validation():
    table = pd.concat([scores(dataset="for-2sec", shift=-9), scores()])
    assert report.confusions(table, "dnn") == {"for-norm": [[3, 0], [1, 2]], "for-2sec": [[3, 0], [3, 0]]}


def test_curves_hold_testing_only():
    labels, values = report.curves(pd.concat([scores(), scores("svm")]), "for-norm")["svm"]
    assert labels.tolist() == [label for label, _ in TESTING] and values.tolist() == [score for _, score in TESTING]


def test_a_shift_of_the_scores_costs_accuracy_and_not_eer():
    (row,) = report.threshold_transfer(scores(shift=-9)).to_dict("records")
    assert row["eer_validation"] == 0
    assert row["eer_testing"] == pytest.approx(100 / 3)  # one of three on either side, between -1.0 and -0.5
    assert row["balanced_accuracy"] == 50  # all called real
    assert row["threshold_loss"] == pytest.approx(100 - 100 / 3 - 50)


def test_literature_stands_beside_the_same_data_set_and_epochs():
    benchmark = pd.DataFrame(
        {
            "system": ["custom_cnn", "custom_cnn", "dnn"],
            "dataset": ["for-norm", "for-norm", "for-norm"],
            "epochs": [20, 7, 20],
            "accuracy": [60.0, 61.0, 62.0],
            "eer": 40.0,
            "eer_low": 39.0,
            "eer_high": 41.0,
        }
    )
    table = report.beside_literature(benchmark, "custom_cnn")
    assert table["accuracy"].tolist() == [60.0, 61.0]
    assert table["stated_accuracy"].iloc[0] == 93.86 and np.isnan(table["stated_accuracy"].iloc[1])
    assert "Table 4" in table["source"].iloc[0]


def test_layers_of_a_network_add_up():
    from fakeorreal.networks import build_network

    network = build_network("custom_cnn", (128, 63, 1))
    layers = report.layers(network)
    assert sum(parameters for *_, parameters in layers) == network.count_params()
    assert layers[0][:2] == ("input layer", "128×63×1")
