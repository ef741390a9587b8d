"""Speakers never heard, on a small In-the-Wild: who is held out, what is scored, and that nothing is computed twice."""

import numpy as np
import pandas as pd
import pytest
import soundfile as sf

from fakeorreal import experiments, grid, training, wild_report
from fakeorreal.corpora.in_the_wild import HELD_OUT
from fakeorreal.errors import FakeOrRealError
from fakeorreal.systems import WILD_SYSTEMS, get_system
from fakeorreal.wild_study import WildStudy

SPEAKERS = (HELD_OUT, "Ann", "Bo", "Cy", "Di", "Ed")


@pytest.fixture(scope="module")
def in_the_wild(tmp_path_factory, make_speech):
    """Six speakers with four clips of each class, of 2.2 to 2.9 s; fakes lack high frequencies."""
    folder, rows = tmp_path_factory.mktemp("wild"), []
    for s, speaker in enumerate(SPEAKERS):
        for k in range(8):
            y = make_speech(2.2 + 0.1 * k, 16000, f0=90 + 10 * k + s, seed=10 * s + k)
            y = np.convolve(y, np.ones(9) / 9, "same") if k % 2 else y
            rows.append((f"{len(rows)}.wav", speaker, ("bona-fide", "spoof")[k % 2]))
            sf.write(folder / rows[-1][0], y, 16000)
    pd.DataFrame(rows, columns=["file", "speaker", "label"]).to_csv(folder / "meta.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    (home / "notebooks").mkdir()
    return home


@pytest.fixture
def study(in_the_wild, home, monkeypatch):
    monkeypatch.chdir(home)
    monkeypatch.setenv("FAKEORREAL_IN_THE_WILD", str(in_the_wild))
    return WildStudy("smoke")


@pytest.fixture
def untrained(monkeypatch):
    """Runs that draw their scores at random: what is trained does not matter to who is trained on whom."""
    trained_on = []

    def scores(system, fitted_on, scored, marks, seed, folder, stop_after):
        trained_on.append(fitted_on.corpus)
        for features in scored:
            table = features.corpus[["clip", "label", "group", "speaker", "generator", "language", "split"]]
            yield table.assign(score=np.random.default_rng(0).normal(size=len(table)), epochs=marks[-1])

    monkeypatch.setattr("fakeorreal.experiments._scores", scores)
    return trained_on


def test_in_the_wild_is_split_as_published(study, home):
    assert study.corpus_name == "In-the-Wild" and study.results == home / "results" / "In-the-Wild-smoke"
    assert set(study.corpus.loc[study.corpus["split"] == "testing", "speaker"]) == {HELD_OUT}
    assert len(study.corpus) == 48


def test_without_the_speaker_who_is_held_out_there_is_no_study(in_the_wild, home, tmp_path, monkeypatch):
    monkeypatch.chdir(home)
    meta = pd.read_csv(in_the_wild / "meta.csv")
    for file in meta["file"]:
        (tmp_path / file).symlink_to(in_the_wild / file)
    meta[meta["speaker"] != HELD_OUT].to_csv(tmp_path / "meta.csv", index=False)
    with pytest.raises(FakeOrRealError, match="`held_out` must be a speaker with recordings"):
        WildStudy("smoke", tmp_path)


def test_without_a_folder_it_is_for_norm_with_its_own_splits(for_tree, home, monkeypatch):
    monkeypatch.chdir(home)
    monkeypatch.delenv("FAKEORREAL_IN_THE_WILD", raising=False)
    monkeypatch.setenv("FAKEORREAL_DATA", str(for_tree()))
    study = WildStudy("smoke")
    assert study.corpus_name == "FoR" and study.corpus["split"].value_counts().to_dict() == dict.fromkeys(
        ("training", "validation", "testing"), 4
    )


def test_clips_are_scored_by_their_segments(study):
    clips, segments = study.run(*WILD_SYSTEMS), study.segments(*WILD_SYSTEMS)
    assert set(clips["system"]) == set(WILD_SYSTEMS) and len(clips) == 2 * 2 * 8
    assert set(segments["clip"].str.split("#").str[0]) == set(clips["clip"])
    by = ["system", "seed", "split", segments["clip"].str.split("#").str[0]]
    found = clips.set_index(["system", "seed", "split", "clip"])["score"].sort_index()
    pd.testing.assert_series_equal(found, segments.groupby(by)["score"].mean(), rtol=1e-6)


@pytest.mark.parametrize("name", WILD_SYSTEMS)
def test_the_model_is_the_one_that_was_scored(study, name):
    features = study.features(name, "testing")
    wanted = study.run(name).query("split == 'testing'").set_index("clip")["score"]
    found = training.score_clips(get_system(name), study.model(name), features).set_index("clip")["score"]
    pd.testing.assert_series_equal(found, wanted, rtol=1e-6)


def test_runs_are_read_back_and_not_repeated(study, monkeypatch):
    first = study.run("wild_cnn"), study.segments("wild_cnn")
    monkeypatch.setattr("fakeorreal.experiments._scores", lambda *a: pytest.fail("computed again"))
    again = WildStudy("smoke")
    for before, after in zip(first, (again.run("wild_cnn"), again.segments("wild_cnn")), strict=True):
        pd.testing.assert_frame_equal(before, after)


def test_the_grid_looks_at_validation_alone_and_is_not_repeated(study, monkeypatch):
    log = study.grid("wild_cnn")
    assert log["options.channels"].to_list() == [1, 2] and (log["epochs_run"] == 1).all()
    assert wild_report.lowest_loss(log)["val_loss"].iloc[0] == log["val_loss"].min()
    for folder in (study.runs / "wild_cnn").glob("In-the-Wild-grid-*"):
        assert set(experiments.read_scores(folder)["split"]) == {"validation"}
    monkeypatch.setattr("fakeorreal.experiments._scores", lambda *a: pytest.fail("computed again"))
    pd.testing.assert_frame_equal(study.grid("wild_cnn"), log)


def test_the_full_grid_is_the_published_one_and_its_runs_are_scored_at_their_best(study, monkeypatch):
    seen = []
    monkeypatch.setattr("fakeorreal.wild_study.run_grid", lambda given, *a, **b: seen.append(given))
    WildStudy("full").grid("wild_cnn_published")
    (given,) = seen
    assert isinstance(given, grid.Grid) and len(given.variants()) == 7 * 3 * 5
    assert (given.epochs, given.stop_after, given.cap, len(given.seeds)) == ((20,), 3, None, 5)
    assert given.system.best and given.system.front_end.published


def test_clips_last_as_long_as_their_files(study):
    seconds = study.seconds("wild_cnn")
    clips = study.run("wild_cnn")["clip"]
    assert sorted(seconds.index) == sorted(clips)
    paths = study.corpus.set_index("clip")["path"]
    assert seconds.to_dict() == {clip: sf.info(paths[clip]).duration for clip in clips}


def test_everybody_is_held_out_once_and_never_heard(study, untrained):
    scores = study.speakers("wild_cnn")
    assert list(scores["held_out"].unique()) == sorted(SPEAKERS)
    testing = scores[scores["split"] == "testing"]
    assert (testing["speaker"] == testing["held_out"]).all()
    assert (testing.groupby("held_out")["label"].agg(["size", "sum"]) == [8, 4]).all(axis=None)
    folds = untrained
    for heard, (name, fold) in zip(folds, scores.groupby("held_out", sort=False), strict=True):
        assert name not in set(heard["speaker"]) and not set(heard["speaker"]) & set(fold["speaker"])
        assert heard["label"].value_counts().to_dict() == {0: 4, 1: 4}
    table = wild_report.speaker_table(scores)
    assert sorted(table["speaker"]) == sorted(SPEAKERS) and table["eer_own"].equals(table["eer"])


def test_where_nobody_has_both_classes_nobody_is_held_out(study, untrained):
    study.corpus = study.corpus.assign(
        speaker=study.corpus["speaker"] + study.corpus["label"].map({0: "", 1: ", faked"})
    )
    scores = study.speakers("wild_cnn")
    assert scores.empty and {"held_out", "system", "seed", "score"} <= set(scores)
    assert wild_report.speaker_table(scores).empty


def test_the_same_chunks_are_split_by_speaker_and_otherwise(study, untrained):
    scores = study.split_lesson("wild_cnn")
    assert list(scores["scheme"].unique()) == ["chunk", "recording", "speaker"]
    testing = scores[scores["split"] == "testing"].groupby("scheme")
    assert testing["seen_speaker"].mean()["speaker"] == 0 < testing["seen_speaker"].mean()["recording"]
