"""Whom the study of trust asks about which clips; and every table again, from what was kept, without a model."""

import numpy as np
import pandas as pd
import pytest

from fakeorreal import audio, leaderboard, robustness_report, significance, tables, trust_report
from fakeorreal.ladders import LADDERS, RUNGS
from fakeorreal.trust_amounts import AMOUNTS, HARD, MILD_AND_HARD, RETRAINED
from fakeorreal.trust_study import CARRIED, DEALT, TrustStudy, _dealt


class Model:
    """Stands in for networks and estimators: a score that depends on the row alone."""

    trainable_weights = ()

    def predict_on_batch(self, rows):
        return np.abs(rows.reshape(len(rows), -1)).mean(axis=1)

    decision_function = predict_on_batch


@pytest.fixture(scope="module")
def home(tmp_path_factory, make_speech, make_wavefake):
    """A project with a FoR of 6 sentences per split and class and a WaveFake; fakes lack high frequencies."""
    home = tmp_path_factory.mktemp("home")
    (home / "notebooks").mkdir()
    (home / "WaveFake").mkdir()
    make_wavefake(home / "WaveFake")
    for version in ("for-norm", "for-2sec", "for-rerec"):
        for s, split in enumerate(("training", "validation", "testing")):
            for label, taps in (("real", 1), ("fake", 9)):
                for k in range(6):
                    y = make_speech(1.2, 16000, f0=90 + 20 * k + 7 * s, seed=100 * s + 10 * k + len(version))
                    path = home / "FoR" / version / split / label / f"file{k}.wav"
                    audio.write(path, np.convolve(y, np.ones(taps) / taps, "same"), sr=16000)
    return home


@pytest.fixture
def surroundings(home, monkeypatch):
    monkeypatch.chdir(home)
    monkeypatch.setenv("FAKEORREAL_DATA", str(home / "FoR"))
    monkeypatch.setenv("FAKEORREAL_WAVEFAKE", str(home / "WaveFake"))
    for name in ("SPY", "IN_THE_WILD"):
        monkeypatch.delenv(f"FAKEORREAL_{name}", raising=False)


def untrained(system, fitted_on, scored, marks, seed, folder, stop_after):
    """A run that draws its scores, and leaves no model."""
    rng = np.random.default_rng(len(system.name) + seed)
    for mark in marks if system.kind == "keras" else (np.nan,):
        for features in scored:
            table = features.corpus[["clip", "label", "group", "speaker", "generator", "language", "split"]]
            yield table.assign(score=rng.normal(size=len(table)) + table["label"], epochs=mark)


@pytest.fixture
def stubbed(surroundings, monkeypatch):
    monkeypatch.setattr("fakeorreal.experiments._scores", untrained)
    monkeypatch.setattr("keras.models.load_model", lambda path, safe_mode: Model())
    monkeypatch.setattr("fakeorreal.training.fit_classical", lambda system, features, seed: Model())


def write_tables(folder):
    """Every table of the notebook but those of other modules' own."""
    study = TrustStudy("smoke")
    scores, matrix = study.robustness(), trust_report.matrix_table(study.matrix())
    ladders = robustness_report.save_tables(scores, folder, corpus="tiny")
    corpora = {one.judge.name: one.corpus for one in study.asked}
    detector = matrix[matrix["system"] == "detector"]
    benchmark = study.benchmark()
    made = {
        "audit": trust_report.audit_table(study.audits()),
        "duplicates": trust_report.duplicate_table(study.duplicates()),
        "splits": trust_report.split_table(study.splits()),
        "matrix": matrix,
        "left_out": trust_report.left_out_table(study.left_out()),
        "calibration": trust_report.calibration_table(study.clean()),
        "thresholds": trust_report.threshold_table(scores, HARD),
        "significance": significance.compare(benchmark),
        "seeds": trust_report.seed_table(benchmark[benchmark["epochs"].fillna(2) == 2]),
        "leaderboard": leaderboard.board(
            study.board(), detector, study.costs(), ladders["robustness_summary"], corpora
        ),
    }
    for name, table in made.items():
        tables.save_table(table, name, folder, name)
    return study, made


def test_every_table_comes_again_without_models_training_or_damage(stubbed, home, tmp_path, monkeypatch):
    study, made = write_tables(tmp_path / "first")
    judged = {one.judge.name for one in study.asked}
    assert judged >= {*CARRIED, "lcnn_lfcc", "dcnn_haar", "spy_cnn", "wild_cnn", "detector"}
    assert set(made["matrix"]["tested_on"]) == {"for-norm", "for-2sec", "for-rerec", "for-combined", "WaveFake"}
    assert len(made["matrix"]) == 5 * (4 * len(CARRIED) + len(judged - {*CARRIED}))
    board = made["leaderboard"]
    own = {"for-norm", "for-2sec", "for-rerec", "for-combined"}
    assert set(board["corpus"]) == {*own, "WaveFake", "WaveFake, vocoder of training", "WaveFake, other vocoders"}
    assert board.loc[board["eer_robust"].notna(), "system"].nunique() == len(judged)

    def fail(*args, **options):
        pytest.fail("not from what was kept")

    for name in (
        *("fakeorreal.experiments._scores", "keras.models.load_model", "fakeorreal.training.fit_classical"),
        *("fakeorreal.cross_scores.waveform", "fakeorreal.hearing._hear_block"),
        *("fakeorreal.corpus_checks.audit", "fakeorreal.corpus_checks.find_duplicates"),
        *("fakeorreal.left_out.leave_one_out", "fakeorreal.detector.Detector.predict"),
    ):
        monkeypatch.setattr(name, fail)
    assert not list(home.rglob("*.keras"))
    write_tables(tmp_path / "second")
    first = {path.name: path.read_bytes() for path in (tmp_path / "first").iterdir()}
    assert len(first) == 24 and first == {path.name: path.read_bytes() for path in (tmp_path / "second").iterdir()}


def test_systems_of_one_corpus_are_asked_the_same_clips(stubbed):
    asked = {one.judge.name: one for one in TrustStudy("smoke").asked}
    for name in ("dnn", "spy_cnn", "wild_cnn", "detector"):
        assert asked[name].testing["clip"].tolist() == asked["custom_cnn"].testing["clip"].tolist()
    for one in asked.values():
        assert set(one.testing["split"]) == {"testing"} and set(one.clean["split"]) == {"validation", "testing"}
        assert one.testing["label"].value_counts().to_dict() == dict.fromkeys((0, 1), AMOUNTS["smoke"].damaged)
    assert set(asked["lcnn_lfcc"].testing["generator"]) == {"human", "melgan"}


@pytest.mark.parametrize("column", DEALT.values())
def test_dealing_anew_keeps_the_sizes_of_splits_and_what_is_dealt_whole(column):
    split = ["training"] * 60 + ["validation"] * 20 + ["testing"] * 20
    corpus = pd.DataFrame({"clip": [f"c{k}" for k in range(100)], "split": split})
    corpus["group"] = [f"g{k // 4}" for k in range(100)]
    dealt = _dealt(corpus, column)
    assert dealt["split"].value_counts().to_dict() == {"training": 60, "validation": 20, "testing": 20}
    assert dealt.groupby(column)["split"].nunique().max() == 1
    assert (dealt.groupby("group")["split"].nunique().max() > 1) == (column == "clip")
    assert (dealt["split"] != corpus["split"]).mean() > 0.3
    pd.testing.assert_frame_equal(dealt, _dealt(corpus, column))


def test_what_was_seen_is_what_training_held(stubbed):
    scores = TrustStudy("smoke").splits()
    testing = scores[scores["split"] == "testing"].groupby("split_by")
    assert not testing["seen_group"].mean()[["official", "sentence"]].any()
    assert set(scores["system"]) == set(RETRAINED) and scores["epochs"].dropna().eq(1).all()
    assert testing["clip"].nunique().to_dict() == {"official": 12, "sentence": 12, "clip": 12}


def test_the_ladders_have_two_rungs_of_every_family_at_demo():
    assert set(MILD_AND_HARD) <= set(RUNGS) and HARD in MILD_AND_HARD
    for family, ladder in LADDERS.items():
        assert sum(name in MILD_AND_HARD for _, name in ladder.rungs) == 2, family
    assert set(AMOUNTS["full"].rungs) == set(RUNGS)
