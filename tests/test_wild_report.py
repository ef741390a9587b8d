"""Tables of speakers never heard against scikit-learn and hand counts, on made-up scores."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.metrics import accuracy_score, precision_score, recall_score, roc_auc_score, roc_curve

from fakeorreal import metrics, tables, wild_report
from fakeorreal.report import threshold_of
from fakeorreal.training import mean_over_windows
from fakeorreal.wild_report import FROM_TESTING, FROM_VALIDATION

SYSTEMS = {"wild_cnn": 2.0, "wild_cnn_published": 0.6}


@pytest.fixture(scope="module")
def segments():
    """Two systems, two seeds, 20 clips of each class in both splits; fakes have one to six segments, real clips two."""
    rng = np.random.default_rng(5)
    rows = []
    for system, gain in SYSTEMS.items():
        for seed in (0, 1):
            for split in ("validation", "testing"):
                for label in (0, 1):
                    for k in range(20):
                        for place in range(1 + k % 6 if label else 2 + 3 * (k % 2)):
                            row = {"clip": f"{split}/{label}/{k}#{place}", "label": label, "group": f"{split}{k}"}
                            row |= {"speaker": ("june", "robot")[label and k % 2], "split": split, "epochs": 2}
                            row |= {
                                "generator": "g",
                                "language": "fr",
                                "n_training": 40,
                                "system": system,
                                "seed": seed,
                            }
                            rows.append({**row, "score": 3 + gain * label + rng.normal()})
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def clips(segments):
    runs = [mean_over_windows(run) for _, run in segments.groupby(["system", "seed", "split"])]
    return pd.concat(runs, ignore_index=True)


@pytest.fixture(scope="module")
def seconds(segments):
    """Of every clip: its segments, a second each."""
    return segments.drop_duplicates("clip").groupby(segments["clip"].str.split("#").str[0]).size().astype(float)


def one(scores, **wanted):
    return scores[(scores[list(wanted)] == pd.Series(wanted)).all(axis=1)]


@pytest.mark.parametrize("level", ["clip", "segment"])
@pytest.mark.parametrize("rule", [FROM_VALIDATION, FROM_TESTING])
def test_system_table_is_that_of_scikit_learn(clips, segments, level, rule):
    table = wild_report.system_table(clips, segments)
    scores = {"clip": clips, "segment": segments}[level]
    assert len(table) == 8
    for system in SYSTEMS:
        found = []
        for seed in (0, 1):
            testing = one(scores, system=system, seed=seed, split="testing")
            labels = testing["label"]
            if rule == FROM_VALIDATION:
                threshold = threshold_of(one(scores, system=system, seed=seed, split="validation"))
            else:
                fpr, tpr, thresholds = roc_curve(labels, testing["score"], drop_intermediate=False)
                threshold = thresholds[np.argmax(tpr - fpr)]
            called = testing["score"] >= threshold
            found.append(
                {
                    "auc": roc_auc_score(labels, testing["score"]),
                    "eer": 100 * metrics.eer(labels, testing["score"]),
                    "accuracy": 100 * accuracy_score(labels, called),
                    "majority": 100 * max(labels.mean(), 1 - labels.mean()),
                    "sensitivity": 100 * recall_score(labels, called),
                    "specificity": 100 * recall_score(labels, called, pos_label=0),
                    "ppv": 100 * precision_score(labels, called),
                    "npv": 100 * precision_score(labels, called, pos_label=0),
                }
            )
        row = one(table, system=system, level=level, threshold=rule).iloc[0]
        assert row[list(found[0])].to_dict() == pytest.approx(pd.DataFrame(found).mean().to_dict())
        assert row["eer_low"] < row["eer"] < row["eer_high"]
        assert (row["n_clips"], row["n_groups"], row["seeds"]) == (40 if level == "clip" else 136, 20, "0 1")


def test_the_majority_of_segments_is_not_that_of_clips(clips, segments):
    table = wild_report.system_table(clips, segments).groupby("level")["majority"].first()
    assert table["clip"] == 50 and table["segment"] == pytest.approx(100 * 70 / 136)


def test_confusions_are_those_of_the_first_seed(clips, segments):
    found = wild_report.confusions(clips, segments, "wild_cnn")
    assert len(found) == 4
    counts = np.array(found["clips,\nthreshold of validation"])
    run = one(clips, system="wild_cnn", seed=0)
    testing = run[run["split"] == "testing"]
    called = testing["score"] >= threshold_of(run[run["split"] == "validation"])
    np.testing.assert_array_equal(counts, pd.crosstab(testing["label"], called).to_numpy())
    assert np.array(found["segments,\nof testing itself"]).sum(axis=1).tolist() == [70, 66]


def test_curves_are_of_the_first_seed_on_testing(clips, segments):
    found = wild_report.curves(clips, segments)
    assert list(found) == [f"{system}, {level}" for level in ("clips", "segments") for system in SYSTEMS]
    wanted = one(segments, system="wild_cnn", seed=0, split="testing")
    np.testing.assert_array_equal(found["wild_cnn, segments"][1], wanted["score"])


def test_literature_is_marked_and_follows_from_what_was_printed(clips, segments):
    table = wild_report.beside_literature(wild_report.system_table(clips, segments))
    assert set(table["level"]) == {"segment"} and table["source"].eq("this study").sum() == 4
    assert (table.loc[table["source"] == "this study", "note"] == "").all()
    stated = table[table["source"] != "this study"]
    assert stated["note"].str.startswith(tables.LITERATURE_NOTE).all() and (stated["threshold"] == FROM_TESTING).all()
    labels, called = (
        np.repeat([0, 0, 1, 1], (3777, 2874, 1947, 8949)),
        np.repeat([0, 1, 0, 1], (3777, 2874, 1947, 8949)),
    )
    row = stated.iloc[0]
    assert row["n_clips"] == len(labels) and row["majority"] == round(100 * labels.mean(), 1)
    assert row["accuracy"] == round(100 * accuracy_score(labels, called), 1)
    assert row["sensitivity"] == round(100 * recall_score(labels, called), 1)
    assert row["specificity"] == round(100 * recall_score(labels, called, pos_label=0), 1)
    assert row["ppv"] == round(100 * precision_score(labels, called), 1)
    assert row["npv"] == round(100 * precision_score(labels, called, pos_label=0), 1)


def test_ways_from_segments_to_a_clip(clips, segments):
    table = wild_report.ways_table(segments)
    assert table["way"].to_list() == 2 * list(wild_report.WAYS.values())
    name = segments["clip"].str.split("#").str[0]
    p = segments.assign(clip=name, p=expit(segments["score"]))
    ways = {
        "mean logit": lambda rows: rows["score"].mean(),
        "RMS of probabilities (published)": lambda rows: math.sqrt((rows["p"] ** 2).mean()),
        "mean probability": lambda rows: rows["p"].mean(),
        "maximum": lambda rows: rows["p"].max(),
    }
    for way, how in ways.items():
        found = []
        for seed in (0, 1):
            run = one(p, system="wild_cnn", seed=seed, split="testing").groupby("clip")
            found.append(100 * metrics.eer(run["label"].first(), run[["score", "p"]].apply(how)))
        assert one(table, system="wild_cnn", way=way)["eer"].item() == pytest.approx(np.mean(found)), way
    assert (table["n_clips"] == 40).all()


def test_length_alone_matched_and_the_first_seconds(clips, segments, seconds):
    table = wild_report.length_table(clips, segments, seconds)
    assert table["what"].to_list() == [
        *("duration alone", "all clips", "all clips", "length-matched pairs", "length-matched pairs"),
        *(f"first {k} s" for k in (1, 2, 3, 4) for _ in range(2)),
    ]
    alone = table.iloc[0]
    testing = one(clips, system="wild_cnn", seed=0, split="testing")
    assert alone["auc"] == pytest.approx(roc_auc_score(testing["label"], testing["clip"].map(seconds)))
    assert alone["system"] == "none" and np.isnan(alone["accuracy"])
    main = wild_report.system_table(clips, segments).query("level == 'clip' and system == 'wild_cnn'").iloc[0]
    row = one(table, system="wild_cnn", what="all clips").iloc[0]
    assert row[["eer", "auc", "accuracy"]].to_list() == pytest.approx(main[["eer", "auc", "accuracy"]].to_list())
    heard = table.dropna(subset="heard")
    assert (heard["n_clips"] == 10 + 9).all() and heard["accuracy"].isna().all()  # real of 5 segments, fakes of 4 to 6
    place = segments["clip"].str.rsplit("#", n=1, expand=True)
    long = place[0].map(seconds) >= 4
    for k in (1, 3):
        found = []
        for seed in (0, 1):
            rows = one(segments[long & (place[1].astype(int) < k)], system="wild_cnn", seed=seed, split="testing")
            run = rows.groupby(rows["clip"].str.split("#").str[0])
            found.append(100 * metrics.eer(run["label"].first(), run["score"].mean()))
        assert one(heard, system="wild_cnn", heard=k)["eer"].item() == pytest.approx(np.mean(found))


def test_pairs_are_alike_in_length_and_nobody_is_in_two(clips, seconds):
    testing = one(clips, system="wild_cnn", seed=0, split="testing")
    pairs = wild_report.length_matched(testing, seconds)
    fake, real = pairs[::2], pairs[1::2]
    assert len(set(pairs)) == len(pairs) > 0
    assert all("/1/" in f and "/0/" in r for f, r in zip(fake, real, strict=True))
    assert all(abs(seconds[f] - seconds[r]) <= 0.1 * seconds[f] for f, r in zip(fake, real, strict=True))
    # of 2 and 5 seconds there are ten real clips each, and four and three fakes
    assert len(fake) == 4 + 3


@pytest.mark.parametrize(("real", "pairs"), [(5.4, 2), (5.51, 0), (4.5, 2), (4.4, 0)])
def test_a_tenth_of_the_fake_is_the_most_that_a_pair_differs(real, pairs):
    clips = pd.DataFrame({"clip": ["r", "f"], "label": [0, 1]})
    assert len(wild_report.length_matched(clips, pd.Series({"r": real, "f": 5.0}))) == pairs


def test_too_short_clips_have_no_rows(clips, segments, seconds):
    short = segments[segments["clip"].str[-1].astype(int) < 3]
    table = wild_report.length_table(clips, short, seconds + 100.0 * seconds.index.str.contains("/1/"))
    assert table["what"].to_list() == ["duration alone", "all clips", "all clips"]


@pytest.fixture
def held_out(clips):
    """Scores with june held out, and with carlo, whom the network gets wrong; of tiny there is one fake."""
    june = one(clips, system="wild_cnn").assign(held_out="june")
    carlo = june.assign(held_out="carlo", score=-june["score"])
    lone = june[(june["label"] == 0) | (june["split"] == "validation") | june["clip"].str.endswith("/7")]
    return pd.concat([june, carlo, lone.assign(held_out="tiny")])


def test_speakers_the_worst_first(held_out):
    table = wild_report.speaker_table(held_out).set_index("speaker")
    assert table.index.to_list() == ["carlo", "june"]
    for name in table.index:
        runs = [one(held_out, held_out=name, seed=seed, split="testing") for seed in (0, 1)]
        assert table.loc[name, "eer"] == pytest.approx(
            100 * np.mean([metrics.eer(r["label"], r["score"]) for r in runs])
        )
        assert table.loc[name, "n_clips"] == 40
    # half of the fakes are of a robot
    own = [one(held_out, held_out="june", seed=seed, split="testing").query("speaker == 'june'") for seed in (0, 1)]
    assert table.loc["june", "eer_own"] == pytest.approx(
        100 * np.mean([metrics.eer(r["label"], r["score"]) for r in own])
    )
    assert np.isnan(table.loc["carlo", "eer_own"])


def test_the_worst_speaker_is_named(held_out):
    table = wild_report.speaker_table(held_out)
    words = wild_report.summary(table)
    assert f"{table['eer'].mean():.1f} ± {np.std(table['eer'], ddof=1):.1f} %" in words
    assert (
        words.startswith("Over 2 speakers") and f"the worst is carlo with an EER of {table['eer'].max():.1f} %" in words
    )


def test_nobody_to_hold_out(held_out):
    for nobody in (held_out[:0], held_out[held_out["held_out"] == "tiny"]):
        table = wild_report.speaker_table(nobody)
        assert table.empty and "eer_own" in table
        assert wild_report.summary(table) == "No speaker has enough clips of both classes to be held out."


def test_the_grid_by_its_lowest_loss():
    log = pd.DataFrame(
        [(1, 1e-3, 8, 0, 5, 0.6, 30.0, 0.7), (1, 1e-3, 8, 1, 7, 0.8, 40.0, 0.6), (4, 1e-3, 8, 0, 6, 0.65, 20.0, 0.9)],
        columns=["options.channels", "learning_rate", "epochs", "seed", "epochs_run", "val_loss", "eer", "auc"],
    )
    table = wild_report.lowest_loss(log)
    assert table["options.channels"].to_list() == [4, 1] and table["val_loss"].to_list() == pytest.approx([0.65, 0.7])
    assert table["epochs_run"].to_list() == [6, 6] and table["eer"].to_list() == [20, 35]


def test_the_most_suspicious_of_the_long_fakes(clips, segments, seconds):
    fakes = one(clips, system="wild_cnn", seed=0, split="testing", label=1).set_index("clip")["score"]
    long = fakes[seconds[fakes.index] >= 4]
    assert wild_report.suspect(segments, "wild_cnn") == long.idxmax() != fakes.idxmax()
    short = segments[segments["clip"].str.endswith("#0")]
    first = one(short, system="wild_cnn", seed=0, split="testing", label=1).set_index("clip")["score"]
    assert wild_report.suspect(short, "wild_cnn") == first.idxmax().removesuffix("#0")


def test_every_table_can_be_saved(clips, segments, seconds, held_out, tmp_path):
    main = wild_report.system_table(clips, segments)
    made = (
        main,
        wild_report.beside_literature(main),
        wild_report.ways_table(segments),
        wild_report.length_table(clips, segments, seconds),
        wild_report.speaker_table(held_out),
        wild_report.speaker_table(held_out[:0]),
    )
    for k, table in enumerate(made):
        tables.save_table(table, f"table{k}", tmp_path, "Caption.")
        assert (tmp_path / f"table{k}.md").read_text().startswith("Caption.")
