"""Benchmark tables from scores, and the files they end in."""

import numpy as np
import pandas as pd
import pytest

from fakeorreal import metrics, tables
from fakeorreal.errors import FakeOrRealError


def run(system="dnn", dataset="for-norm", epochs=20, seed=0, n_groups=30, distance=1.5):
    """Scores of one run: the same clips for every run, other scores."""
    rng = np.random.default_rng([seed, n_groups, len(dataset)])
    rows = [
        (f"{split}/{g}/{label}", label, rng.normal() + distance * label, system, seed, f"{g}", dataset, epochs, split)
        for split in ("validation", "testing")
        for g in range(n_groups)
        for label in (0, 1)
    ]
    columns = ["clip", "label", "score", "system", "seed", "group", "dataset", "epochs", "split"]
    return pd.DataFrame(rows, columns=columns).assign(n_training=77)


def split_of(table, split):
    return table[table["split"] == split]


def test_one_seed_equals_summarise():
    scores = run()
    expected = metrics.summarise(split_of(scores, "testing"), split_of(scores, "validation"))
    (row,) = tables.benchmark_table(scores).to_dict("records")
    for name in ("accuracy", "balanced_accuracy", "f1", "eer", "eer_low", "eer_high", "accuracy_real", "accuracy_fake"):
        assert row[name] == pytest.approx(100 * expected[name])
    assert row["auc"] == pytest.approx(expected["auc"])
    assert row["n_training"] == 77
    assert (row["n_clips"], row["n_groups"], row["n_seeds"], row["seeds"]) == (60, 30, 1, "0")
    assert np.isnan(row["accuracy_sd"]) and np.isnan(row["eer_sd"])


def test_seeds_are_averaged_and_resampled_together():
    runs = [run(seed=seed) for seed in (0, 1, 4)]
    (row,) = tables.benchmark_table(pd.concat(runs)).to_dict("records")
    each = [metrics.evaluate(split_of(r, "testing"), split_of(r, "validation")) for r in runs]
    assert row["seeds"] == "0 1 4" and row["n_seeds"] == 3
    assert row["accuracy"] == pytest.approx(100 * np.mean([e["accuracy"] for e in each]))
    assert row["eer"] == pytest.approx(100 * np.mean([e["eer"] for e in each]))
    assert row["eer_sd"] == pytest.approx(100 * np.std([e["eer"] for e in each], ddof=1))

    # the interval, by a loop: the same drawn groups for each seed
    testing = [split_of(r, "testing") for r in runs]
    groups = np.unique(testing[0]["group"])
    values = []
    for drawn in np.random.default_rng(0).integers(len(groups), size=(1000, len(groups))):
        times = dict(zip(groups, np.bincount(drawn, minlength=len(groups)), strict=True))
        values.append(np.mean([metrics.eer(t["label"], t["score"], t["group"].map(times)) for t in testing]))
    assert (row["eer_low"], row["eer_high"]) == pytest.approx(tuple(100 * np.quantile(values, [0.025, 0.975])))


def test_rows_come_in_the_order_of_the_data_sets_whatever_the_order_of_scores():
    runs = [run(d, dataset, epochs) for d, dataset, epochs in (
        ("dnn", "wavefake", 20), ("dnn", "for-2sec", 50), ("dnn", "for-2sec", 20), ("trees", "for-norm", np.nan),
        ("dnn", "for-norm", 20),
    )]  # fmt: skip
    table = tables.benchmark_table(pd.concat(runs))
    assert table["system"].tolist() == ["dnn"] * 4 + ["trees"]
    assert table["dataset"].tolist() == ["for-norm", "for-2sec", "for-2sec", "wavefake", "for-norm"]
    assert table["epochs"].tolist()[:4] == [20, 20, 50, 20] and np.isnan(table["epochs"].iloc[4])
    pd.testing.assert_frame_equal(table, tables.benchmark_table(pd.concat(runs[::-1])))


def test_incomplete_runs_are_refused():
    scores = run()
    with pytest.raises(FakeOrRealError, match=r"'dnn'.*no validation scores"):
        tables.benchmark_table(split_of(scores, "testing"))
    with pytest.raises(FakeOrRealError, match="same testing clips"):
        tables.benchmark_table(pd.concat([scores, run(seed=1, n_groups=29)]))


def test_literature_is_flagged_and_quotes_the_published_figures():
    literature = tables.LITERATURE
    assert literature["note"].eq("literature, stated by the authors; other data, other protocol").all()
    assert literature["source"].str.len().gt(0).all() and literature["accuracy"].between(70, 100).all()
    published = literature[literature["source"].str.contains("Table 4") & literature["epochs"].notna()]
    by_key = published.set_index(["dataset", "epochs"])["accuracy"]
    assert by_key.to_dict() == {
        ("for-norm", 20): 93.86, ("for-norm", 50): 96.32, ("for-2sec", 20): 92.4, ("for-2sec", 50): 94.1,
        ("for-rerec", 20): 91.86, ("for-rerec", 50): 93.4, ("for-combined", 20): 95.8, ("for-combined", 50): 97.32,
    }  # fmt: skip
    dnn = literature[literature["source"].str.endswith("DNN table") & (literature["epochs"] == 50)]
    assert dnn["accuracy"].tolist() == [87.45, 89, 81.45, 93.67]


def test_saved_files(tmp_path):
    table = pd.DataFrame(
        {
            "system": ["dnn", "a|b"],
            "epochs": [20.0, np.nan],
            "label": [0, 1],
            "accuracy": [100 * 2 / 3, 50.0],
            "accuracy_sd": [3e-15, np.nan],
            "eer": [12.3456, 0.0],
            "eer_low": [10.1, 0.0],
            "eer_high": [14.6, 2.04],
            "auc": [0.95, 1.0],
            "n_clips": [1500, 20],
            "seconds": [0.12345, 12345.6],
        }
    )
    tables.save_table(table, "t", tmp_path / "results", "What this is.")
    assert (tmp_path / "results" / "t.csv").read_bytes().decode() == (
        "system,epochs,label,accuracy,accuracy_sd,eer,eer_low,eer_high,auc,n_clips,seconds\n"
        "dnn,20,0,66.6667,0,12.3456,10.1,14.6,0.95,1500,0.12345\n"
        "a|b,,1,50,,0,0,2.04,1,20,12345.6\n"
    )
    lines = (tmp_path / "results" / "t.md").read_bytes().decode().split("\n")
    assert lines[:2] == ["What this is.", ""] and lines[-1] == ""
    cells = [[cell.strip() for cell in line.replace("\\|", "¦").strip("|").split("|")] for line in lines[2:-1]]
    assert cells[0] == [
        "system", "epochs", "label", "accuracy (%)", "accuracy, SD over seeds", "EER (%) [95 % interval]", "AUC",
        "test clips", "seconds",
    ]  # fmt: skip
    assert cells[2] == ["dnn", "20", "real", "66.7", "0.0", "12.3 [10.1, 14.6]", "0.950", "1,500", "0.123"]
    assert cells[3] == ["a¦b", "–", "fake", "50.0", "–", "0.0 [0.0, 2.0]", "1.000", "20", "12,346"]
    assert sorted(p.name for p in (tmp_path / "results").iterdir()) == ["t.csv", "t.md"]


def test_saved_files_are_the_same_bytes_twice_and_hold_no_nan(tmp_path):
    scores = pd.concat([run(), run(epochs=np.nan), run(seed=1)])
    for folder in ("a", "b"):
        tables.save_table(tables.benchmark_table(scores), "t", tmp_path / folder, "Caption.")
    for name in ("t.csv", "t.md"):
        data = (tmp_path / "a" / name).read_bytes()
        assert data == (tmp_path / "b" / name).read_bytes() and b"nan" not in data and b"\r" not in data


def test_published_figures_can_be_shown_as_given(tmp_path):
    tables.save_table(tables.LITERATURE, "t", tmp_path, "Caption.", exact=True)
    text = (tmp_path / "t.md").read_text(encoding="utf-8")
    assert " 96.32 |" in text and " 88 |" in text and " – |" in text
