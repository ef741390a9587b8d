"""The leaderboard puts together what others computed."""

import numpy as np
import pandas as pd
import pytest

from fakeorreal import leaderboard, metrics


@pytest.fixture(scope="module")
def board():
    rng = np.random.default_rng(2)
    runs = []
    for system, dataset, distance, epochs in (
        *(("cnn", "for-2sec", 3.0, 20.0), ("cnn", "for-2sec", 4.0, 50.0), ("cnn", "for-norm", 2.0, 50.0)),
        *(("svm", "for-norm", 4.0, np.nan), ("spy", "mine", 1.0, 5.0)),
    ):
        for split in ("validation", "testing"):
            label = np.arange(60) % 2
            run = pd.DataFrame({"label": label, "score": rng.normal(size=60) + distance * label, "split": split})
            run["clip"] = run["group"] = [f"{split}{k}" for k in range(60)]
            runs.append(run.assign(system=system, dataset=dataset, epochs=epochs, seed=0, n_training=10))
    scores = pd.concat(runs, ignore_index=True)
    detector = {"system": "detector", "trained_on": "its own corpora", "tested_on": "for-norm", "eer": 99.0}
    detector = pd.DataFrame(
        [{**detector, "eer_low": 98.0, "eer_high": 99.5, "auc": 0.1, "n_clips": 60, "n_groups": 60}]
    )
    costs = pd.DataFrame(
        {"system": ["cnn", "svm"], "parameters": [7.0, np.nan], "speed": [100.0, 50.0], "machine": "m"}
    )
    summary = pd.DataFrame(
        [("cnn", "mp3", 20.0, 2), ("cnn", "noise", 40.0, 2), ("cnn", "all", 30.0, 4), ("spy", "all", 45.0, 2),
         ("spy", "mp3", 45.0, 2)],
        columns=["system", "family", "eer_robust", "n_rungs"],
    )  # fmt: skip
    return scores, leaderboard.board(scores, detector, costs, summary, {"cnn": "for-norm", "spy": "mine"})


def row(table, corpus, system):
    (found,) = table[(table["corpus"] == corpus) & (table["system"] == system)].to_dict("records")
    return found


def test_versions_come_first_and_the_best_of_a_corpus_on_top(board):
    table = board[1]
    assert list(zip(table["corpus"], table["system"], strict=True)) == [
        ("for-norm", "svm"),
        ("for-norm", "cnn"),
        ("for-norm", "detector"),
        ("for-2sec", "cnn"),
        ("mine", "spy"),
    ]


def test_the_last_mark_counts(board):
    scores, table = board
    testing = scores[(scores["dataset"] == "for-2sec") & (scores["epochs"] == 50) & (scores["split"] == "testing")]
    wanted = 100 * metrics.eer(testing["label"], testing["score"])
    assert row(table, "for-2sec", "cnn")["eer"] == pytest.approx(wanted)


def test_robustness_stands_where_the_clips_are_from_and_costs_everywhere(board):
    found = row(board[1], "for-norm", "cnn")
    assert (found["eer_robust"], found["worst_family"], found["eer_worst_family"]) == (30, "noise", 40)
    assert (found["parameters"], found["speed"], found["n_rungs"]) == (7, 100, 4)
    other = row(board[1], "for-2sec", "cnn")
    assert np.isnan(other["eer_robust"]) and pd.isna(other["worst_family"]) and other["parameters"] == 7
    assert row(board[1], "mine", "spy")["eer_robust"] == 45 and np.isnan(row(board[1], "mine", "spy")["speed"])


def test_the_detector_keeps_its_figures(board):
    found = row(board[1], "for-norm", "detector")
    assert (found["eer"], found["eer_low"], found["eer_high"], found["n_clips"]) == (99, 98, 99.5, 60)
