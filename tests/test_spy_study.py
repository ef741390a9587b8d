"""CNN against transformer, on small stand-ins: what is trained on what, what is kept, and what is measured once."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from fakeorreal import audio, systems
from fakeorreal.features import PowerSpectrogram
from fakeorreal.spy_study import CHANNELS, SpyStudy

SPEAKERS = ("anna", "ben", "carl")
SMALL = {"depth": 1, "width": 8, "heads": 2}


@pytest.fixture(scope="module")
def recordings(tmp_path_factory, make_speech):
    """Recordings of 6.5 s by three speakers, four of each class in every split; fakes lack high frequencies."""
    folder, rows = tmp_path_factory.mktemp("recordings"), []
    for s, split in enumerate(("training", "validation", "testing")):
        for k in range(4):
            human = make_speech(6.5, 16000, f0=90 + 20 * k + 7 * s, seed=10 * s + k)
            for label, y in (("real", human), ("fake", np.convolve(human, np.ones(9) / 9, "same"))):
                file = f"{split}/{label}/{k}.wav"
                audio.write(folder / file, y, sr=16000)
                row = {"file": file, "split": split, "label": label, "system": "dull", "speaker": SPEAKERS[k % 3]}
                rows.append({**row, "language": "en", "group": f"{split}{k}"})
    pd.DataFrame(rows).to_csv(folder / "manifest.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    (home / "notebooks").mkdir()
    return home


@pytest.fixture
def study(recordings, home, monkeypatch):
    """Both systems are small transformers here: what they are does not matter to the study."""
    for name in ("spy_cnn", "spy_vit"):
        small = {"front_end": PowerSpectrogram(n_fft=64, hop_length=1024), "network": "vision_transformer"}
        system = dataclasses.replace(systems.get_system(name), **small, options=SMALL, batch=4)
        monkeypatch.setitem(systems.SYSTEMS, name, system)
    monkeypatch.chdir(home)
    monkeypatch.setenv("FAKEORREAL_SPY", str(recordings))
    return SpyStudy("smoke")


@pytest.fixture
def untrained(monkeypatch):
    """Runs that draw their scores at random: what is trained does not matter to who is trained on whom."""

    def scores(system, fitted_on, scored, marks, seed, folder, stop_after):
        rng = np.random.default_rng(len(fitted_on))
        for features in scored:
            table = features.corpus[["clip", "label", "group", "speaker", "generator", "language", "split"]]
            yield table.assign(score=rng.normal(size=len(table)), epochs=marks[-1])

    monkeypatch.setattr("fakeorreal.experiments._scores", scores)


def test_a_folder_takes_the_place_of_the_embedded_corpus(study, home):
    assert study.corpus_name == "recordings" and len(study.corpus) == 24
    assert study.results == home / "results" / "recordings-smoke"


def test_without_a_folder_it_is_for_norm(for_tree, home, monkeypatch):
    monkeypatch.chdir(home)
    monkeypatch.setenv("FAKEORREAL_DATA", str(for_tree(versions=("for-norm", "for-2sec"))))
    study = SpyStudy("smoke")
    assert study.corpus_name == "FoR" and set(study.corpus["clip"].str.split("/").str[0]) == {"for-norm"}


def test_testing_goes_through_every_channel(study):
    scores = study.run("spy_vit")
    assert list(scores["split"].unique()) == ["validation", "testing", *CHANNELS]
    clips = scores.groupby("split")["clip"].agg(sorted)
    assert all(clips[name] == clips["testing"] for name in CHANNELS)
    by_split = scores.pivot(index="clip", columns="split", values="score").dropna(subset="testing")
    assert all((by_split[name] != by_split["testing"]).all() for name in CHANNELS)
    assert not set(study.features("spy_vit", "training").corpus["group"]) & set(scores["group"])
    assert set(scores["system"]) == {"spy_vit"} and set(scores["seed"]) == {0}


def test_runs_are_read_back_and_not_repeated(study, monkeypatch):
    first = study.run("spy_vit")
    monkeypatch.setattr("fakeorreal.experiments._scores", lambda *a: pytest.fail("computed again"))
    pd.testing.assert_frame_equal(SpyStudy("smoke").run("spy_vit"), first)


def test_learning_curves_grow_to_the_main_run(study, untrained):
    scores = study.learning("spy_cnn")
    rows = scores.groupby("hours")["n_training"].first()
    assert rows.to_list() == [2, 8]  # a ninth and a third of 4 are both one of each class
    assert not scores.duplicated(["clip", "hours"]).any()
    assert all(hours <= 3 * n / 2 / 3600 for hours, n in rows.items())  # of one class, 3 s each or the rest of a clip
    assert set(scores["split"]) == {"validation", "testing"}
    main = study.run("spy_cnn")
    assert set(scores.loc[scores["n_training"] == 8, "score"]) < set(main["score"])


def test_the_lesson_leaks_where_chunks_are_drawn(study, untrained, monkeypatch):
    monkeypatch.setattr("fakeorreal.corpus_study.POOL", 3)
    scores = study.split_lesson("xgboost")
    assert list(scores["scheme"].unique()) == ["chunk", "recording", "speaker"]
    testing = scores[scores["split"] == "testing"].groupby("scheme")
    assert testing[["seen_recording", "seen_speaker"]].mean().loc["speaker"].to_list() == [0, 0]
    assert testing["seen_recording"].mean()["recording"] == 0 < testing["seen_recording"].mean()["chunk"]
    assert testing["seen_speaker"].mean()["chunk"] > 0
    assert scores.groupby("scheme")["n_training"].first().to_list() == 3 * [24]
    sizes = scores.groupby(["scheme", "split", "label"]).size().unstack("scheme")
    assert (sizes.nunique(axis=1) == 1).all()
    assert scores["clip"].str.contains("@").all()


def test_speed_is_measured_once(study, monkeypatch):
    first = study.speed("spy_vit")
    assert first.columns.to_list() == ["system", "training", "scoring", "machine"]
    assert 0 < first["scoring"][0] < first["training"][0]
    monkeypatch.setattr(SpyStudy, "_measure", lambda *a: pytest.fail("measured again"))
    pd.testing.assert_frame_equal(study.speed("spy_vit"), first)


def test_costs_are_those_of_networks_that_nobody_trained(study):
    costs = study.costs("spy_vit_masked", "spy_vit_published").set_index("system")
    assert costs["parameters"].to_dict() == {"spy_vit_masked": 148162, "spy_vit_published": 25779714}
    assert (costs["multiply_adds"] > costs["parameters"]).all()


def test_logs_and_misclassified_clips(study):
    log = study.curves("spy_vit")
    assert len(log) == 1 and {"system", "seed", "epoch", "learning_rate", "train_mcc", "val_auc"} <= set(log)
    assert set(study.misclassified("spy_vit")["split"]) <= {"testing"}


def test_maps_of_the_clearest_clips(study):
    examples = study.examples("spy_vit")
    assert examples["label"].to_list() == [0, 1] and set(examples["split"]) == {"testing"}
    scores = study.run("spy_vit")
    testing = scores[scores["split"] == "testing"].set_index("clip")["score"]
    real, fake = testing[testing.index.str.contains("real")], testing[testing.index.str.contains("fake")]
    assert examples["clip"].to_list() == [real.idxmin(), fake.idxmax()]
    clips = study.maps(examples, looks="spy_vit", hides=["spy_vit"])
    assert [(generator, label) for generator, label, *_ in clips] == [("human", 0), ("dull", 1)]
    for _, _, levels, maps in clips:
        assert levels.shape == (33, 47) and levels.max() == 0
        assert [unit for _, unit in maps.values()] == ["share", "logit"]
        looked, hidden = (values for values, _ in maps.values())
        assert looked.shape == (1, 2) and 0 < looked.sum() < 1
        assert hidden.shape == (1, 1)


@pytest.mark.parametrize("sign", [-1, 1])
def test_what_cannot_be_calibrated_is_named_and_gets_no_detector(study, home, monkeypatch, capsys, sign):
    scores = study.run("spy_vit")
    scores["score"] = sign * (scores["label"] + 0.1 * np.arange(len(scores)) % 1.3)
    monkeypatch.setattr("fakeorreal.experiments.read_scores", lambda folder: scores)
    found, said = study.freeze("spy_vit"), capsys.readouterr().out
    if sign < 0:
        assert not found and said.startswith("spy_vit gets no detector: scores must rise with fake.")
    else:
        assert found["spy_vit"].version == study.run_folder("spy_vit", 0).name
        assert (home / "data" / "detectors" / "spy_vit" / "detector.json").is_file() and not said
