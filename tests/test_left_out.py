"""Leave one out: who is heard and who is not, on made-up clips whose features say what they are."""

import joblib
import numpy as np
import pandas as pd
import pytest

from fakeorreal import left_out
from fakeorreal.corpora import make_corpus

GENERATORS = ("espeak-ng-en", "espeak-ng-fr", "griffin-lim", "lpc")


@pytest.fixture(scope="module")
def corpus():
    """60 sentences in two languages, each said by a human and by two generators; the last generator is rare."""
    rows = []
    for k in range(60):
        language = "en" if k % 3 else "fr"
        fakes = (GENERATORS[k % 2], GENERATORS[2 + (k % 30 == 0)])
        for generator in ("human", *fakes):
            rows.append(
                {
                    "clip": f"{generator}/{k}",
                    "path": "nowhere",
                    "label": generator != "human",
                    "split": "training",
                    "group": f"g{k}",
                    "generator": generator,
                    "language": language,
                }
            )
    return make_corpus(pd.DataFrame(rows).astype({"label": int}))


@pytest.fixture(scope="module", params=left_out.COLUMNS)
def column(request):
    return request.param


@pytest.fixture
def scores(corpus, column, monkeypatch):
    """(scores, what every fit was taught and asked, in order): features are the place of the clip."""
    seen = []
    monkeypatch.setattr(left_out, "Parallel", lambda n_jobs, **options: joblib.Parallel(1, **options))

    def fit(rows, labels):
        assert (labels == corpus["label"].to_numpy()[rows[:, 0].astype(int)]).all()

        def score(asked):
            seen.append((corpus.loc[rows[:, 0].astype(int)], corpus.loc[asked[:, 0].astype(int)]))
            return asked[:, 0]

        return score

    return left_out.leave_one_out(corpus, np.arange(len(corpus))[:, None], fit, column), seen


def test_voices_of_an_engine_are_one_and_a_vocoder_is_itself():
    assert [left_out.engine(name) for name in GENERATORS] == ["espeak-ng", "espeak-ng", "griffin-lim", "lpc"]
    assert left_out.engine("flite-slt") == "flite"


def test_every_value_with_enough_clips_is_left_out(scores, column):
    wanted = ["espeak-ng", "griffin-lim"] if column == "generator" else ["en", "fr"]
    assert list(scores[0]["value"].unique()) == wanted and set(scores[0]["column"]) == {column}


def test_what_is_left_out_is_not_heard_and_nobody_hears_the_sentences_that_are_asked(scores, column):
    table, seen = scores
    assert len(seen) == 2 * left_out.FOLDS * table["value"].nunique()
    values = table["value"].unique()
    for k, (taught, asked) in enumerate(seen):
        value, heard = values[k // (2 * left_out.FOLDS)], k % 2
        assert not set(taught["group"]) & set(asked["group"])
        of_value = taught["language"] == value
        if column == "generator":
            of_value = (taught["label"] == 1) & (taught["generator"].map(left_out.engine) == value)
        assert of_value.any() == bool(heard)


def test_both_fits_hear_as_many_clips_of_each_class(scores):
    for unheard, heard in zip(scores[1][::2], scores[1][1::2], strict=True):
        assert unheard[0]["label"].value_counts().to_dict() == heard[0]["label"].value_counts().to_dict()
        assert unheard[1].index.tolist() == heard[1].index.tolist()


def test_every_clip_that_is_asked_has_one_score_by_each(scores, corpus, column):
    for (value, _), run in scores[0].groupby(["value", "heard"]):
        wanted = corpus[corpus["language"] == value]
        if column == "generator":
            wanted = corpus[(corpus["label"] == 0) | (corpus["generator"].map(left_out.engine) == value)]
        assert sorted(run["clip"]) == sorted(wanted["clip"])
        assert run.set_index("clip")["score"].to_dict() == {name: float(k) for k, name in wanted["clip"].items()}


@pytest.mark.parametrize("value", ["unknown", "one"])
def test_without_two_values_nothing_is_left_out(corpus, column, value):
    stated = corpus.assign(language=value, generator=corpus["generator"].where(corpus["label"] == 0, value))
    found = left_out.leave_one_out(stated, np.zeros((len(corpus), 1)), lambda *a: pytest.fail("fitted"), column)
    assert found.empty and {"clip", "score", "column", "value", "heard"} <= set(found)
