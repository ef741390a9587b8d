"""A detector on a corpus: what is scored, and tables against metrics and hand counts."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import soundfile as sf

from fakeorreal import calibration, evaluation, metrics, named_channels
from fakeorreal.corpora.folder import load_folder
from fakeorreal.errors import FakeOrRealError

MANIFEST = """file,split,label,source,system,family,utterance
1.wav,validation,real,a,,,u
2.wav,testing,fake,b,hifigan,GAN vocoder,v
3.wav,testing,real,b,,,v
broken.wav,testing,real,b,,,
silent.wav,testing,fake,b,hifigan,GAN vocoder,
"""


class FakeDetector:
    """Its score is 100 times the RMS level of a clip; silence it refuses."""

    name, version, hash, threshold, threshold_from = "level", "1.0", "0123456789ab", 15.0, "chosen by hand"

    def predict(self, y, sr):
        assert sr == 16000 and y.dtype == np.float32
        if not y.any():
            raise FakeOrRealError("the recording is silent. Leave it out.")
        return SimpleNamespace(score=100 * float(np.sqrt(np.mean(y**2))))


@pytest.fixture
def corpus(tmp_path):
    t = np.arange(16000) / 16000
    for name, rms in (("1", 0.1), ("2", 0.2), ("3", 0.05), ("silent", 0.0)):
        sf.write(tmp_path / f"{name}.wav", np.sqrt(2) * rms * np.sin(2 * np.pi * 440 * t), 16000)
    (tmp_path / "broken.wav").write_bytes(b"no sound")
    (tmp_path / "manifest.csv").write_text(MANIFEST)
    return load_folder(tmp_path)


def make_scores(n_sources=6, per_source=20, *, split="testing", condition="clean", distance=1.5, seed=0):
    """Scores of sources with real clips and fakes of two families; the same clips whatever the condition."""
    rng = np.random.default_rng(seed)
    rows = [
        (f"{split}/{s}/{k}", k % 2, rng.normal() + distance * (k % 2), f"{s}/{k // 4}", f"s{s}", f"family{s % 2}")
        for s in range(n_sources)
        for k in range(per_source)
    ]
    table = pd.DataFrame(rows, columns=["clip", "label", "score", "group", "source", "family"])
    return table.assign(split=split, condition=condition, generator="x")


# Scores


def test_every_clip_is_scored_and_bad_ones_are_listed(corpus):
    scores, failed = evaluation.score_corpus(FakeDetector(), corpus)
    assert scores.columns.tolist() == [
        "clip", "label", "score", "group", "source", "generator", "family", "split", "condition",
    ]  # fmt: skip
    assert scores["clip"].tolist() == ["1.wav", "2.wav", "3.wav"]
    assert scores["score"].tolist() == pytest.approx([10, 20, 5], rel=1e-3)
    assert scores.iloc[1].drop(["score"]).tolist() == [
        "2.wav", 1, "b/v", "b", "hifigan", "GAN vocoder", "testing", "clean",
    ]  # fmt: skip
    reasons = failed.set_index("clip")["reason"]
    assert list(reasons.index) == ["broken.wav", "silent.wav"]
    assert "cannot be decoded" in reasons["broken.wav"] and "is silent" in reasons["silent.wav"]


@pytest.mark.parametrize("condition", named_channels.CONDITIONS)
def test_conditions_are_applied_to_every_clip(corpus, condition):
    scores, _ = evaluation.score_corpus(FakeDetector(), corpus, condition)
    assert set(scores["condition"]) == {condition}
    y = sf.read(corpus["path"].iloc[1], dtype="float32")[0]
    heard = named_channels.apply_channel(y, sr=16000, name=condition, key="2.wav")
    assert (
        scores["score"].iloc[1] == FakeDetector().predict(heard, 16000).score != FakeDetector().predict(y, 16000).score
    )


def test_windows_and_any_index_or_corpus_will_do(corpus):
    corpus = corpus.drop(columns=["source", "family"]).iloc[[2, 1]].assign(start=0.25, end=0.5)
    corpus.index = [7, 7]
    scores, failed = evaluation.score_corpus(FakeDetector(), corpus)
    assert scores["clip"].tolist() == ["3.wav", "2.wav"] and failed.empty
    assert scores["source"].eq("unknown").all() and scores["family"].eq("unknown").all()


def test_nothing_to_score(corpus):
    with pytest.raises(FakeOrRealError, match=r"mp3-16k, .*telephone.* or None.*'vinyl'"):
        evaluation.score_corpus(FakeDetector(), corpus, "vinyl")
    with pytest.raises(FakeOrRealError, match=r"none of 1 clips could be judged. The first: .*broken.wav: cannot"):
        evaluation.score_corpus(FakeDetector(), corpus[corpus["clip"] == "broken.wav"])
    with pytest.raises(FakeOrRealError, match="none of 0 clips"):
        evaluation.score_corpus(FakeDetector(), corpus.iloc[:0])


def test_other_errors_are_not_swallowed(corpus):
    with pytest.raises(AttributeError):
        evaluation.score_corpus(object(), corpus)


# Tables


def test_summary_equals_the_metrics():
    scores = make_scores()
    (row,) = evaluation.summary_table(scores, 0.7).to_dict("records")
    labels, values = scores["label"], scores["score"]
    interval = metrics.bootstrap(metrics.eer, labels, values, scores["source"])
    assert row["eer"] == 100 * metrics.eer(labels, values)
    assert (row["eer_low"], row["eer_high"]) == (100 * interval.low, 100 * interval.high)
    assert row["auc"] == metrics.auc(labels, values)
    right = [((values >= 0.7) == label)[labels == label].mean() for label in (0, 1)]
    assert row["balanced_accuracy"] == pytest.approx(100 * np.mean(right))
    assert row["cllr"] == calibration.cllr(labels, values) > row["min_cllr"] == calibration.min_cllr(labels, values)
    assert row["ece"] == 100 * calibration.ece(labels, values)
    assert (row["split"], row["condition"], row["n_clips"], row["n_sources"]) == ("testing", "clean", 120, 6)
    assert row["resampled"] == "source" and np.isnan(row["eer_change"]) and np.isnan(row["eer_change_low"])


def test_sources_of_one_class_do_not_help_where_sources_are_mixed():
    scores = make_scores()
    easy = scores[scores["label"] == 0].iloc[:3].assign(clip=["x", "y", "z"], source="corpus", score=-99.0)
    alone, helped = (evaluation.summary_table(s, 0.7).iloc[0] for s in (scores, pd.concat([scores, easy])))
    assert alone["eer_mixed"] == alone["eer"] == helped["eer_mixed"] != helped["eer"]
    only_real_and_only_fake = scores.assign(source=np.where(scores["label"] == 0, "corpus", "page"))
    assert np.isnan(evaluation.summary_table(only_real_and_only_fake, 0.7).iloc[0]["eer_mixed"])


def test_summary_holds_every_split_and_condition_and_the_paired_change():
    clean, noisy = make_scores(), make_scores(condition="noise-15dB", distance=0.5)
    validation = make_scores(split="validation", distance=3)
    table = evaluation.summary_table(pd.concat([validation, clean, noisy.iloc[2:]]), 0.7)
    assert table[["split", "condition", "n_clips"]].to_numpy().tolist() == [
        ["validation", "clean", 120], ["testing", "clean", 120], ["testing", "noise-15dB", 118],
    ]  # fmt: skip
    assert table["eer_change"].isna().tolist() == [True, True, False]
    both = [run.iloc[2:].reset_index(drop=True) for run in (clean, noisy)]  # the clips scored in both
    change = [100 * metrics.eer(run["label"], run["score"]) for run in both]
    row = table.iloc[2]
    assert row["eer_change"] == pytest.approx(change[1] - change[0]) and row["eer_change"] > 5
    # the interval, by a loop: the same drawn sources for both
    sources = np.unique(both[0]["source"])
    differences = []
    for drawn in np.random.default_rng(0).integers(len(sources), size=(1000, len(sources))):
        times = dict(zip(sources, np.bincount(drawn, minlength=len(sources)), strict=True))
        rates = [metrics.eer(run["label"], run["score"], run["source"].map(times)) for run in both]
        differences.append(100 * (rates[1] - rates[0]))
    expected = np.quantile(differences, [0.025, 0.975])
    assert (row["eer_change_low"], row["eer_change_high"]) == pytest.approx(tuple(expected))


def test_a_condition_alone_has_no_change():
    table = evaluation.summary_table(make_scores(condition="telephone"), 0.7)
    assert table["condition"].tolist() == ["telephone"] and table["eer_change"].isna().all()


def test_groups_are_resampled_where_a_class_is_of_one_source():
    scores = make_scores(n_sources=1)
    (row,) = evaluation.summary_table(scores, 0.7).to_dict("records")
    interval = metrics.bootstrap(metrics.eer, scores["label"], scores["score"], scores["group"])
    assert row["resampled"] == "group" and (row["eer_low"], row["eer_high"]) == (
        100 * interval.low,
        100 * interval.high,
    )
    apart = make_scores(n_sources=3).query("label == 1 or source == 's0'")
    assert evaluation.summary_table(apart, 0.7)["resampled"].tolist() == ["group"]


def test_families_by_hand():
    scores = pd.DataFrame(
        [("a", 0, 0.0, "s1", "human"), ("b", 0, 2.0, "s2", "human"), ("c", 1, 1.0, "s1", "GAN"),
         ("d", 1, 3.0, "s2", "GAN"), ("e", 1, 5.0, "s1", "TTS"), ("f", 1, 6.0, "s1", "TTS")],
        columns=["clip", "label", "score", "source", "family"],
    ).assign(group=lambda t: t["clip"], split="testing", condition="clean")  # fmt: skip
    table = evaluation.family_table(scores, 2.5)
    assert table["family"].tolist() == ["GAN", "TTS"]
    assert table["eer"].tolist() == [50, 0]
    assert table["missed"].tolist() == [50, 0]
    assert table[["missed_low", "missed_high"]].iloc[1].tolist() == pytest.approx(
        [100 * bound for bound in metrics.wilson(0, 2)]
    )
    assert table[["n_fake", "n_real", "n_sources"]].to_numpy().tolist() == [[2, 2, 2], [2, 2, 1]]
    assert table["resampled"].tolist() == ["source", "group"]


def test_family_intervals_are_those_of_the_bootstrap():
    scores = make_scores()
    table = evaluation.family_table(scores, 0.7).set_index("family")
    run = scores[(scores["label"] == 0) | (scores["family"] == "family1")]
    interval = metrics.bootstrap(metrics.eer, run["label"], run["score"], run["source"])
    row = table.loc["family1"]
    assert row["eer"] == pytest.approx(100 * metrics.eer(run["label"], run["score"]))
    assert (row["eer_low"], row["eer_high"]) == pytest.approx((100 * interval.low, 100 * interval.high))


def test_sources_by_hand():
    scores = pd.DataFrame(
        [("a", 0, 0.0, "both", "1"), ("b", 0, 2.0, "both", "2"), ("c", 1, 1.0, "both", "1"), ("d", 1, 3.0, "both", "2"),
         ("e", 0, 5.0, "real only", "1"), ("f", 0, 1.0, "real only", "2"), ("g", 0, 1.0, "real only", "3"),
         ("h", 1, 2.5, "fake only", "1"), ("i", 0, 1.0, "one group", "1"), ("j", 1, 9.0, "one group", "1")],
        columns=["clip", "label", "score", "source", "group"],
    ).assign(family="x", split="testing", condition="clean")  # fmt: skip
    table = evaluation.source_table(scores, 2.5).set_index("source")
    assert table.index.tolist() == ["both", "fake only", "one group", "real only"]
    assert table["eer"].tolist() == pytest.approx([50, np.nan, 0, np.nan], nan_ok=True)
    assert table["eer_low"].notna().tolist() == [True, False, False, False]
    assert table["wrong"].tolist() == pytest.approx([25, 0, 0, 100 / 3])  # a score at the threshold is called fake
    low, high = metrics.wilson(1, 3)
    assert table.loc["real only", ["wrong_low", "wrong_high"]].tolist() == pytest.approx([100 * low, 100 * high])
    assert table[["n_real", "n_fake"]].to_numpy().tolist() == [[2, 2], [0, 1], [1, 1], [3, 0]]


def test_mixed_runs_are_refused():
    scores = make_scores()
    mixed = pd.concat([scores, make_scores(condition="telephone")])
    splits = pd.concat([scores, make_scores(split="validation")])
    for table in (evaluation.family_table, evaluation.source_table):
        with pytest.raises(FakeOrRealError, match="conditions clean, telephone"):
            table(mixed, 0.7)
        with pytest.raises(FakeOrRealError, match="splits testing, validation"):
            table(splits, 0.7)
    with pytest.raises(FakeOrRealError, match="each clip of one split once"):
        evaluation.summary_table(pd.concat([scores, scores]), 0.7)
    with pytest.raises(FakeOrRealError, match="is fake"):
        evaluation.family_table(scores[scores["label"] == 0], 0.7)


def test_saved_tables(tmp_path):
    scores = pd.concat([make_scores(split="validation"), make_scores(), make_scores(condition="telephone", seed=1)])
    tables = evaluation.save_tables(scores, FakeDetector(), tmp_path, corpus="six invented sources")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"detector_{name}.{suffix}" for name in ("families", "sources", "summary") for suffix in ("csv", "md")
    ]
    for name, table in tables.items():
        caption, _, header, *_ = (tmp_path / f"{name}.md").read_text(encoding="utf-8").split("\n")
        for words in ("level 1.0 (0123456789ab)", "threshold 15, chosen by hand", "six invented sources", "seed 0"):
            assert words in caption
        assert "EER (%) [95 % interval]" in header
        assert len(pd.read_csv(tmp_path / f"{name}.csv")) == len(table)
    assert len(tables["detector_summary"]) == 3 and len(tables["detector_sources"]) == 6
    assert tables["detector_sources"]["n_real"].sum() == 60  # the clean clips of testing
