"""Source tracing on made-up features, against scikit-learn and hand counts."""

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist
from sklearn.covariance import ledoit_wolf
from sklearn.metrics import accuracy_score, balanced_accuracy_score, confusion_matrix, roc_auc_score

from fakeorreal import source_tracing
from fakeorreal.source_tracing import ALL, MEAN, SHARED, UNSEEN

VOICES, VOCODERS, SENTENCES = ("ann", "bob", "eve", "max"), ("lpc", "vocos", "world"), 24


class Table:
    """Features in memory."""

    def __init__(self, corpus, x):
        self.corpus, self.x = corpus.reset_index(drop=True), np.asarray(x, np.float32)
        self.labels, self.shape = corpus["label"].to_numpy(int), self.x.shape[1:]

    def rows(self, indices):
        return self.x[indices]


def made(*, gain=3.0, seed=0):
    """Every vocoder in every voice, taking turns, two engines with voices of their own, and real clips.

    Of 12 values each generator has its own and each voice its own; engines differ by their voice alone.
    """
    rng = np.random.default_rng(seed)
    rows, x = [], []
    for v, voice in enumerate(VOICES):
        for k in range(SENTENCES):
            for generator, label in ((VOCODERS[(k + v) % 3], 1), ("human", 0)):
                y = rng.standard_normal(12)
                y[v] += 20
                if label:
                    y[6 + VOCODERS.index(generator)] += gain
                rows.append((label, f"s{k}", voice, generator))
                x.append(y)
    for e, engine in enumerate(("flite", "festival")):
        for k in range(SENTENCES):
            y = rng.standard_normal(12)
            y[4 + e] += 20
            rows.append((1, f"s{k}", engine, engine))
            x.append(y)
    corpus = pd.DataFrame(rows, columns=["label", "group", "speaker", "generator"])
    corpus.insert(0, "clip", [f"c{k:03}" for k in range(len(corpus))])
    return Table(corpus, np.array(x).reshape(-1, 6, 2))


@pytest.fixture(scope="module")
def scores():
    return source_tracing.score_sources([made()])


@pytest.fixture(scope="module")
def closed(scores):
    return source_tracing.closed_set_table(scores)


@pytest.fixture(scope="module")
def opened(scores):
    return source_tracing.open_set_table(scores)


def part_of(scores, protocol):
    return scores[scores["protocol"] == protocol].dropna(axis=1, how="all")


def test_every_fake_is_told_once_in_every_protocol_that_it_is_part_of(scores):
    assert scores.groupby("protocol", sort=False).size().to_dict() == {ALL: 144, SHARED: 96, UNSEEN: 96}
    assert not scores.duplicated(["protocol", "clip"]).any() and "human" not in set(scores["generator"])
    assert set(scores.loc[scores["protocol"] == SHARED, "generator"]) == set(VOCODERS)
    assert "is_flite" in part_of(scores, ALL) and "is_flite" not in part_of(scores, SHARED)
    assert not part_of(scores, ALL).isna().any(axis=None)


@pytest.mark.parametrize("protocol", [ALL, SHARED, UNSEEN])
def test_no_sentence_and_no_unseen_voice_is_both_learnt_and_told(protocol):
    """Groups are ``s0`` …, whatever the voice: every voice says them all."""
    clips = made().corpus.query("label == 1").reset_index(drop=True)
    ((part, apart),) = ((part, apart) for name, part, apart in source_tracing._protocols(clips) if name == protocol)
    told = []
    for others, held_out in source_tracing._folds(part, apart):
        for column in ("group", "speaker") if protocol == UNSEEN else ("group",):
            assert not set(part[column].iloc[others]) & set(part[column].iloc[held_out])
        told += held_out.tolist()
    assert sorted(told) == list(range(len(part)))


def test_distances_are_those_of_scipy():
    rng = np.random.default_rng(3)
    x, generators = rng.standard_normal((60, 7)) * np.arange(1, 8), np.repeat(["a", "b", "c"], 20)
    sources = source_tracing._Sources(x, generators)
    z = sources.project.transform(x)
    means = np.stack([z[generators == name].mean(axis=0) for name in "abc"])
    covariance = np.zeros((7, 7))
    for name in "abc":
        spread = z[generators == name].std(axis=0)
        shrunk = ledoit_wolf(z[generators == name] / spread)[0]
        covariance += shrunk * np.outer(spread, spread) / 3
    precision = np.linalg.inv(covariance)
    np.testing.assert_allclose(sources.distances(x), cdist(z, means, "mahalanobis", VI=precision) ** 2, rtol=1e-4)
    np.testing.assert_allclose(sources.distances(x[:1]), sources.distances(x)[:1], rtol=1e-9)


def test_values_that_say_nothing_or_the_same_do_no_harm():
    rng = np.random.default_rng(3)
    x, generators = rng.standard_normal((60, 3)), np.repeat(["a", "b"], 30)
    x[30:, 0] += 9
    for more in (np.ones((60, 4)), x, np.zeros((60, 200))):
        sources = source_tracing._Sources(np.concatenate([x, more], axis=1), generators)
        distances = sources.distances(np.concatenate([x, more], axis=1))
        assert np.isfinite(distances).all() and (distances.argmin(axis=1) == np.repeat([0, 1], 30)).all()
    assert np.isfinite(source_tracing._Sources(np.ones((60, 5)), generators).distances(np.ones((2, 5)))).all()


def test_closed_set_is_that_of_scikit_learn(scores, closed):
    table = closed.set_index("protocol")
    assert table.index.tolist() == [ALL, SHARED, UNSEEN]
    for protocol, row in table.iterrows():
        part = part_of(scores, protocol)
        said = part.filter(like="is_").idxmin(axis=1).str.removeprefix("is_")
        assert row["accuracy"] == pytest.approx(100 * accuracy_score(part["generator"], said))
        assert row["balanced_accuracy"] == pytest.approx(100 * balanced_accuracy_score(part["generator"], said))
        assert row["balanced_accuracy_low"] <= row["balanced_accuracy"] <= row["balanced_accuracy_high"]
        confusion = source_tracing.confusion_table(scores, protocol)
        np.testing.assert_array_equal(confusion, confusion_matrix(part["generator"], said))
    assert (table["balanced_accuracy_low"] > table["chance"] + 10).all()


def test_whoever_knows_the_voice_names_engines_but_guesses_vocoders(closed):
    table = closed.set_index("protocol")
    assert table["chance"].tolist() == pytest.approx([20, 100 / 3, 100 / 3])
    assert table["knowing_voice"].tolist() == pytest.approx([100 * (2 + 3 / 3) / 5, 100 / 3, 100 / 3])
    assert table["n_generators"].tolist() == [5, 3, 3] and (table["n_groups"] == SENTENCES).all()


def test_engines_that_differ_in_nothing_but_voice_are_told_and_vocoders_without_a_trace_are_not():
    scores = source_tracing.score_sources([made(gain=0)])
    assert source_tracing.closed_set_table(scores).set_index("protocol").loc[SHARED, "balanced_accuracy"] < 45
    confusion = source_tracing.confusion_table(scores)
    assert confusion.loc["flite", "flite"] == confusion.loc["festival", "festival"] == SENTENCES


def test_open_set_is_that_of_scikit_learn(scores, opened):
    for protocol in (ALL, SHARED):
        rows, part = opened[opened["protocol"] == protocol].set_index("left_out"), part_of(scores, protocol)
        names = part["generator"].unique()
        aucs = {name: roc_auc_score(part["generator"] == name, part[f"without_{name}"]) for name in names}
        assert rows["auc"].drop(MEAN).to_dict() == pytest.approx(aucs) and rows.index[-1] == MEAN
        assert rows["auc"].drop(MEAN).is_monotonic_increasing
        assert rows.loc[MEAN, "auc"] == pytest.approx(np.mean(list(aucs.values())))
        assert (rows["auc_low"] <= rows["auc"]).all() and (rows["auc"] <= rows["auc_high"]).all()
        counts = rows[["n_unknown", "n_known"]].drop(MEAN)
        assert (counts.sum(axis=1) == len(part)).all()
        assert counts["n_unknown"].to_dict() == part["generator"].value_counts().to_dict()
    assert opened.loc[opened["left_out"] == "flite", "auc"].item() > 0.95  # a voice that nobody else has


def test_a_generator_left_out_teaches_nothing():
    """What its own clips hold changes the distances of others only where it is not left out."""
    features = made()
    moved = made()
    moved.x[(moved.corpus["generator"] == "flite").to_numpy()] *= -7
    before, after = (part_of(source_tracing.score_sources([f]), ALL) for f in (features, moved))
    others = before["generator"] != "flite"
    np.testing.assert_allclose(before.loc[others, "without_flite"], after.loc[others, "without_flite"])
    assert not np.allclose(before.loc[others, "without_lpc"], after.loc[others, "without_lpc"])


def test_how_the_features_come_in_parts_does_not_matter(scores):
    whole = made()
    parts = [Table(whole.corpus[rows], whole.x[rows]) for rows in (slice(100), slice(100, 110), slice(110, None))]
    pd.testing.assert_frame_equal(source_tracing.score_sources(parts), scores)


def test_two_generators_leave_no_open_set():
    features = made()
    keep = features.corpus["generator"].isin(["flite", "festival"]).to_numpy()
    scores = source_tracing.score_sources([Table(features.corpus[keep], features.x[keep])])
    closed, opened = source_tracing.closed_set_table(scores), source_tracing.open_set_table(scores)
    assert closed["protocol"].tolist() == [ALL] and opened.empty
    assert any("share a voice" in sentence for sentence in source_tracing.tracing_sentences(closed, opened))


def test_generators_of_few_sentences_are_left_out():
    features = made()
    rare = (features.corpus["generator"] == "flite") & ~features.corpus["group"].isin([f"s{k}" for k in range(9)])
    keep = ~rare.to_numpy()
    scores = source_tracing.score_sources([Table(features.corpus[keep], features.x[keep])])
    assert set(scores["generator"]) == {*VOCODERS, "festival"}


@pytest.mark.parametrize("stated", ["", "unknown"])
def test_without_stated_generators_there_is_nothing_to_trace(stated):
    features = made()
    features.corpus["generator"] = stated
    scores = source_tracing.score_sources([features])
    assert scores.empty
    closed, opened = source_tracing.closed_set_table(scores), source_tracing.open_set_table(scores)
    assert closed.empty and opened.empty
    (sentence,) = source_tracing.tracing_sentences(closed, opened)
    assert "cannot be traced" in sentence
    features.corpus["generator"], features.corpus["speaker"] = made().corpus["generator"], stated
    assert set(source_tracing.score_sources([features])["protocol"]) == {ALL}


def test_tables_come_from_the_saved_scores_alone(scores, closed, opened, tmp_path):
    scores.to_csv(tmp_path / "scores.csv", index=False)
    again = pd.read_csv(tmp_path / "scores.csv")
    pd.testing.assert_frame_equal(source_tracing.closed_set_table(again), closed)
    pd.testing.assert_frame_equal(source_tracing.open_set_table(again), opened)


def test_sentences_state_the_figures(closed, opened):
    text = " ".join(source_tracing.tracing_sentences(closed, opened))
    for row in closed.itertuples():
        assert f"{row.balanced_accuracy:.0f} %" in text and f"{row.knowing_voice:.0f} %" in text
    for auc in opened.loc[opened["left_out"] == MEAN, "auc"]:
        assert f"AUC {auc:.2f}" in text
