"""Tables of CNN against transformer against scikit-learn and hand counts, on made-up scores."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, matthews_corrcoef, roc_auc_score

from fakeorreal import metrics, spy_report, tables
from fakeorreal.report import threshold_of
from fakeorreal.spy_study import CHANNELS

VOICES = {"fr": ("june", "robot-fr"), "ru": ("ivan", "robot-ru")}
COSTS = pd.DataFrame({"system": ["cnn", "big", "vit"], "parameters": [10, 30, 20], "multiply_adds": [100, 300, 200]})


@pytest.fixture(scope="module")
def scores():
    """Two systems, two seeds; on testing 12 sentences in each of two languages, said by a human and as a fake.

    Every third fake is of the robot of that language, else of the human's own voice; noise halves the distance.
    """
    rng = np.random.default_rng(3)
    rows = []
    for system, gain in (("cnn", 2.0), ("vit", 0.7)):
        for seed in (0, 1):
            for split in ("validation", "testing", *CHANNELS):
                for k in range(24):
                    language = ("fr", "ru")[k % 2]
                    for label in (0, 1):
                        robot = label and k % 3 == 0
                        distance = gain * label * (0.5 if split == "noise-15dB" else 1)
                        place = "validation" if split == "validation" else "testing"
                        rows.append(
                            {
                                "clip": f"{place}/{label}/{k}",
                                "label": label,
                                "score": 5 + distance + rng.normal(),
                                "group": f"{place}{k}",
                                "generator": "human" if not label else "tts" if robot else "lpc",
                                "speaker": VOICES[language][robot],
                                "language": language,
                                "split": split,
                                "epochs": 2,
                                "n_training": 40,
                                "system": system,
                                "seed": seed,
                            }
                        )
    return pd.DataFrame(rows)


def one(scores, **wanted):
    return scores[(scores[list(wanted)] == pd.Series(wanted)).all(axis=1)]


def test_main_table_is_that_of_scikit_learn(scores):
    table = spy_report.main_table(scores, COSTS).set_index("system")
    assert table.index.to_list() == ["cnn", "vit", "big"]
    for system in ("cnn", "vit"):
        found = []
        for seed in (0, 1):
            testing = one(scores, system=system, seed=seed, split="testing")
            called = testing["score"] >= threshold_of(one(scores, system=system, seed=seed, split="validation"))
            found.append(
                {
                    "accuracy": 100 * accuracy_score(testing["label"], called),
                    "eer": 100 * metrics.eer(testing["label"], testing["score"]),
                    "mcc": matthews_corrcoef(testing["label"], called),
                    "auc": roc_auc_score(testing["label"], testing["score"]),
                }
            )
        for name, value in pd.DataFrame(found).mean().items():
            assert table.loc[system, name] == pytest.approx(value), name
        assert table.loc[system, "eer_low"] < table.loc[system, "eer"] < table.loc[system, "eer_high"]
    assert (table["parameters"].to_list(), table["multiply_adds"].to_list()) == ([10, 20, 30], [100, 200, 300])
    assert table.loc["cnn", ["epochs", "n_training", "n_clips", "n_groups", "seeds"]].to_list() == [
        2,
        40,
        48,
        24,
        "0 1",
    ]


def test_what_was_not_trained_has_its_costs_alone(scores, tmp_path):
    table = spy_report.main_table(scores, COSTS)
    assert table.set_index("system").loc["big"].dropna().index.to_list() == ["parameters", "multiply_adds"]
    tables.save_table(table, "main", tmp_path, "Caption.")
    last = (tmp_path / "main.md").read_text().splitlines()[-1]
    assert [cell.strip() for cell in last.split("|")[1:-1]] == ["big", *4 * "–", "30", "300", *5 * "–"]


def test_literature_is_marked_and_stands_beside_what_was_trained(scores):
    table = spy_report.beside_literature(spy_report.main_table(scores, COSTS))
    assert table["source"].to_list()[:2] == ["this study", "this study"] and (table["note"][:2] == "").all()
    stated = table[table["source"] != "this study"]
    assert (stated["note"] == tables.LITERATURE_NOTE).all()
    assert stated["accuracy"].to_list() == [97, 90] and set(stated["system"]) == {"spy_cnn"}
    # the measures that the README states follow from the confusion matrices that it prints
    for (tp, fn, fp, tn), row in zip(
        ((3216, 133, 79, 2981), (24789, 1522, 3183, 19492)), stated.itertuples(), strict=True
    ):
        labels, called = np.repeat([1, 1, 0, 0], (tp, fn, fp, tn)), np.repeat([1, 0, 1, 0], (tp, fn, fp, tn))
        assert row.mcc == pytest.approx(matthews_corrcoef(labels, called), abs=6e-4)
        assert row.accuracy == round(100 * accuracy_score(labels, called))
        assert row.n_clips == len(labels)


def test_learning_table_has_a_row_per_amount(scores):
    clean = scores[scores["split"].isin(["validation", "testing"])]
    half = clean.assign(score=clean["score"].to_numpy()[::-1], n_training=20, hours=0.01)
    table = spy_report.learning_table(pd.concat([clean.assign(hours=0.02), half]))
    assert table[["system", "hours", "n_training"]].to_numpy().tolist() == [
        ["cnn", 0.01, 20],
        ["cnn", 0.02, 40],
        ["vit", 0.01, 20],
        ["vit", 0.02, 40],
    ]
    main = spy_report.main_table(scores, COSTS).set_index("system")
    assert table["eer"][[1, 3]].to_list() == pytest.approx(main.loc[["cnn", "vit"], "eer"])


def test_every_condition_in_all_languages_and_in_each(scores):
    table = spy_report.condition_table(scores)
    assert len(table) == 2 * (1 + len(CHANNELS)) * 3
    assert table["condition"].unique().tolist() == ["clean", *CHANNELS]
    assert table["language"].unique().tolist() == ["all", "fr", "ru"]
    for language in ("all", "fr"):
        row = one(table, system="cnn", condition="noise-15dB", language=language).iloc[0]
        eers = []
        for seed in (0, 1):
            rows = one(scores, system="cnn", seed=seed, split="noise-15dB")
            rows = rows if language == "all" else rows[rows["language"] == language]
            eers.append(metrics.eer(rows["label"], rows["score"]))
        assert row["eer"] == pytest.approx(100 * np.mean(eers)) and row["eer_low"] < row["eer"] < row["eer_high"]
        assert row["n_clips"] == (48 if language == "all" else 24)


def test_a_language_with_few_clips_has_no_row(scores):
    rare = scores["clip"].isin(["testing/1/0", "testing/1/2", "testing/1/4", "testing/1/6"])
    scores = scores.assign(language=scores["language"].mask(rare, "oc"))
    assert "oc" not in set(spy_report.condition_table(scores)["language"])


def test_voices_stand_against_real_clips_of_their_language(scores):
    table = spy_report.voice_table(scores)
    assert table["voice"].unique().tolist() == ["june", "ivan"]  # the robots speak 4 sentences each
    row = one(table, voice="ivan", system="vit").iloc[0]
    assert (row["language"], row["n_clips"]) == ("ru", 12 + 8)
    rows = one(scores, system="vit", seed=0, split="testing")
    rows = rows[(rows["language"] == "ru") & ((rows["label"] == 0) | (rows["speaker"] == "ivan"))]
    other = one(scores, system="vit", seed=1, split="testing").set_index("clip").loc[rows["clip"]]
    eers = [metrics.eer(rows["label"], rows["score"]), metrics.eer(other["label"], other["score"])]
    assert row["eer"] == pytest.approx(100 * np.mean(eers))


def test_no_voice_is_frequent_enough(scores, tmp_path):
    table = spy_report.voice_table(scores[scores["group"].isin([f"testing{k}" for k in range(4)] + ["validation0"])])
    assert table.empty and "eer" in table
    tables.save_table(table, "voices", tmp_path, "Caption.")
    assert (tmp_path / "voices.md").read_text().startswith("Caption.")


def test_the_lesson_in_the_order_of_the_schemes(scores):
    clean = one(scores, system="cnn")
    clean = clean[clean["split"].isin(["validation", "testing"])]
    table = spy_report.lesson_table(
        pd.concat(
            clean.assign(scheme=scheme, seen_recording=clean["label"] < seen, seen_speaker=True)
            for scheme, seen in (("recording", 0), ("chunk", 1))
        )
    )
    assert table["scheme"].to_list() == ["recording", "chunk"]
    assert table["seen_recording"].to_list() == [0, 50] and table["seen_speaker"].to_list() == [100, 100]
    assert table["eer"].nunique() == 1 and table["n_training"].to_list() == [40, 40]
