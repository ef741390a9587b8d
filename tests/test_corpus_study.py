"""What the studies of one corpus share, where the tests of neither look: features and pools."""

import numpy as np
import pandas as pd
import pytest

from fakeorreal import audio, corpus_study
from fakeorreal.corpora import make_corpus
from fakeorreal.corpus_study import CorpusStudy
from fakeorreal.systems import Budget, Profile

NAME = "logistic_regression"


@pytest.fixture
def study(tmp_path, make_speech, monkeypatch):
    """A study of six clips per split, two speakers; fakes lack high frequencies."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notebooks").mkdir()
    rows = []
    for s, split in enumerate(("training", "validation", "testing")):
        for k in range(6):
            y = make_speech(1.0, 16000, f0=90 + 10 * k, seed=10 * s + k)
            path = tmp_path / f"{split}{k}.wav"
            audio.write(path, np.convolve(y, np.ones(9) / 9, "same") if k % 2 else y, sr=16000)
            row = {"clip": path.name, "path": str(path), "split": split, "label": k % 2, "group": path.name}
            rows.append({**row, "speaker": f"s{k // 3}"})
    study = CorpusStudy("smoke")
    study.use(make_corpus(pd.DataFrame(rows)), "mine")
    return study


def test_a_corpus_has_a_name_and_results_of_its_own(study, tmp_path):
    assert study.corpus_name == "mine" and study.results == tmp_path / "results" / "mine-smoke"
    study.use(study.corpus, "yours", embedded=True)
    assert study.results == tmp_path / "results" / "yours-smoke"


def test_features_are_those_of_the_budget_and_kept(study):
    training = study.features(NAME, "training")
    assert training is study.features(NAME, "training") and len(training) == 6
    assert np.bincount(study.features(NAME, "training", cap=2).labels).tolist() == [2, 2]


def test_a_new_corpus_has_new_features(study):
    before = study.features(NAME, "training")
    study.use(study.corpus[study.corpus["clip"] != "training0.wav"], "less")
    assert len(study.features(NAME, "training")) == len(before) - 1


@pytest.mark.parametrize(("rows", "pool"), [(None, None), (4, 100), (500, 1000)])
def test_how_many_chunks_are_split_in_three_ways(study, monkeypatch, rows, pool):
    asked = []

    def draw_chunks(corpus, seconds, per_class):
        asked.append((seconds, per_class))
        raise KeyboardInterrupt

    monkeypatch.setattr(corpus_study.chunk_splits, "draw_chunks", draw_chunks)
    study.profile = Profile("mine", Budget(training=rows))
    with pytest.raises(KeyboardInterrupt):
        study.split_lesson(NAME)
    assert asked == [(1.0, pool)]
