"""Training of the detector: rows, how often they are drawn, scaling, one network, and all of it end to end."""

import functools
import json

import keras
import numpy as np
import pandas as pd
import pytest
import soundfile as sf

from fakeorreal import channels, detector_training, metrics
from fakeorreal.corpora.corpus import COLUMNS, make_corpus
from fakeorreal.corpora.folder import load_folder
from fakeorreal.detector import load_detector
from fakeorreal.detector_training import measure_scaling, sampling_weights, train_network, training_rows
from fakeorreal.errors import FakeOrRealError
from fakeorreal.features import extract

SR = 16000


def clips(*rows):
    """A corpus of rows (clip, split, label, language)."""
    names = ["clip", "split", "label", "language"]
    return make_corpus([dict(zip(names, row, strict=True), path=f"/{row[0]}", group=row[0]) for row in rows])


@pytest.fixture
def corpus():
    table = clips(
        ("a/1.wav", "training", "real", "en"),
        ("a/2.wav", "training", "real", "en"),
        ("a/3.wav", "training", "fake", "en"),
        ("b/4.wav", "training", "fake", "de"),
        ("b/5.wav", "validation", "real", "de"),
        ("b/6.wav", "validation", "fake", "de"),
        ("c/7.wav", "testing", "real", "de"),
    )
    return table.assign(source=table["clip"].str[0], family=["human"] * 2 + ["GAN", "TTS", "human", "GAN", "human"])


@pytest.fixture
def embedded():
    return clips(
        ("p1.wav", "training", "real", "en"),
        ("p2.wav", "training", "fake", "fr"),
        ("p3.wav", "validation", "real", "en"),
    )


# Rows


def test_rows_by_hand(corpus, embedded):
    rows = training_rows(corpus, embedded)
    assert rows.groupby(["kind", "channel", "label"]).size().to_dict() == {
        ("folder", "", 0): 2,
        ("folder", "", 1): 2,
        ("folder", "random", 0): 2 * 4,
        ("folder", "random", 1): 2 * 4,
        ("embedded", "", 0): 1,
        ("embedded", "", 1): 1,
        ("embedded", "random", 0): 1,
        ("embedded", "random", 1): 1,
        ("resynthesis", "resynthesis", 1): 2 * 2,
        ("resynthesis", "resynthesis+random", 1): 2,
    }
    assert rows["clip"].is_unique and set(rows["split"]) == {"training"}
    assert list(rows.index) == list(range(30)) and set(rows.columns) == {*COLUMNS, "source", "family", "kind"}
    assert not rows.isna().drop(columns="end").any(axis=None)


def test_a_resynthesised_row_is_a_fake_of_the_real_clip(corpus, embedded):
    rows = training_rows(corpus, embedded).set_index("clip")
    for name in ("a/1.wav#0", "a/1.wav#1", "a/1.wav#0@0"):
        row = rows.loc[name]
        assert (row["label"], row["kind"], row["generator"]) == (1, "resynthesis", "resynthesis")
        assert (row["path"], row["group"], row["source"]) == ("/a/1.wav", "a/1.wav", "a")
    assert rows.loc["a/1.wav@3", ["label", "channel", "generator"]].tolist() == [0, "random", "unknown"]
    assert rows.loc["p2.wav@0", ["source", "family"]].tolist() == ["embedded/fr", "embedded"]


def test_settings_of_the_rows(corpus, embedded, monkeypatch):
    monkeypatch.setattr(detector_training, "VERSIONS", 1)
    monkeypatch.setattr(detector_training, "COPIES", 1)
    rows = training_rows(corpus, embedded)
    assert rows["channel"].value_counts().to_dict() == {
        "": 6, "random": 6, "resynthesis": 2, "resynthesis+random": 2,
    }  # fmt: skip


@pytest.mark.parametrize(("kept", "missing"), [("fake", "0"), ("real", "1")])
def test_a_class_without_a_training_clip(corpus, embedded, kept, missing):
    label = {"real": 0, "fake": 1}[kept]
    without = corpus[(corpus["label"] == label) | (corpus["split"] != "training")]
    with pytest.raises(FakeOrRealError, match=rf"the training split has no clip with label {missing} \(0 real"):
        training_rows(without, embedded)


# How often each is drawn


@pytest.fixture
def drawn(monkeypatch):
    """Rows of made-up sizes with their weights under made-up shares."""
    monkeypatch.setattr(detector_training, "FAKE_SHARES", {"folder": 0.7, "embedded": 0.1, "resynthesis": 0.2})
    monkeypatch.setattr(detector_training, "REAL_SHARES", {"folder": 0.6, "embedded": 0.4})
    monkeypatch.setattr(detector_training, "CLEAN_SHARE", 0.25)
    counts = [
        (0, "folder", "", "a", 9),
        (0, "folder", "", "b", 1),
        (0, "folder", "random", "a", 18),
        (0, "folder", "random", "b", 2),
        (0, "embedded", "", "embedded/en", 3),
        (0, "embedded", "random", "embedded/en", 3),
        (1, "folder", "", "a", 4),
        (1, "folder", "", "c", 16),
        (1, "folder", "random", "c", 5),
        (1, "embedded", "", "embedded/en", 1),
        (1, "embedded", "random", "embedded/fr", 1),
        (1, "resynthesis", "resynthesis", "a", 20),
        (1, "resynthesis", "resynthesis+random", "a", 10),
    ]
    rows = [row[:4] for row in counts for _ in range(row[4])]
    rows = pd.DataFrame(rows, columns=["label", "kind", "channel", "source"]).assign(clip=lambda t: t.index.astype(str))
    rows = rows.sample(frac=1, random_state=0)
    return rows.assign(weight=sampling_weights(rows))


def test_half_of_the_draws_are_fake_and_kinds_have_their_shares(drawn):
    assert drawn["weight"].sum() == pytest.approx(1)
    assert drawn.groupby("label")["weight"].sum().tolist() == pytest.approx([0.5, 0.5])
    assert drawn.groupby(["label", "kind"])["weight"].sum().to_dict() == pytest.approx(
        {
            (0, "folder"): 0.3,
            (0, "embedded"): 0.2,
            (1, "folder"): 0.35,
            (1, "embedded"): 0.05,
            (1, "resynthesis"): 0.1,
        }
    )


def test_clean_clips_have_their_share_of_each_kind(drawn):
    clean = drawn["weight"].where(~drawn["channel"].str.contains("random"), 0)
    kinds = [drawn["label"], drawn["kind"]]
    shares = clean.groupby(kinds).sum() / drawn["weight"].groupby(kinds).sum()
    assert shares.tolist() == pytest.approx([0.25] * 5)


def test_sources_count_by_the_square_root_of_their_size(drawn):
    mass = drawn.groupby(["label", "kind", "channel", "source"])["weight"].agg(["sum", "nunique"])
    assert (mass["nunique"] == 1).all()  # clips of a source alike
    # 9 clips and 1: 3 to 1; 4 and 16: 2 to 4
    assert mass.loc[(0, "folder", "", "a"), "sum"] == pytest.approx(0.3 * 0.25 * 3 / 4)
    assert mass.loc[(0, "folder", "", "b"), "sum"] == pytest.approx(0.3 * 0.25 * 1 / 4)
    assert mass.loc[(0, "folder", "random", "a"), "sum"] == pytest.approx(0.3 * 0.75 * 3 / 4)
    assert mass.loc[(1, "folder", "", "c"), "sum"] == pytest.approx(0.35 * 0.25 * 4 / 6)


def test_shipped_shares_are_shares():
    for shares in (detector_training.FAKE_SHARES, detector_training.REAL_SHARES):
        assert sum(shares.values()) == pytest.approx(1)


def test_rows_all_have_a_weight(corpus, embedded):
    assert (sampling_weights(training_rows(corpus, embedded)) > 0).all()


# Scaling and one network


class Table:
    """Features of made-up clips, in memory: what `Features` offers to training."""

    def __init__(self, values, labels, valid=None, **columns):
        valid = np.ones_like(values) if valid is None else valid
        self.values = np.stack([np.where(valid, values, 0), valid], axis=2).astype(np.float32)
        self.labels, self.shape = np.asarray(labels), self.values.shape[1:]
        given = {"kind": "folder", "channel": "", "source": "a", **columns}
        self.corpus = pd.DataFrame({"label": self.labels, **given})

    def __len__(self):
        return len(self.labels)

    def rows(self, indices):
        return self.values[np.asarray(indices, int)]


def sources_table(rng, n=40, **columns):
    """Clips of four sources. A fake differs in the first measure; in the second, here up and there down; in the third,
    less than the sources do; not in the fourth."""
    source, labels = np.repeat(np.arange(4), n), np.tile([0, 1], 2 * n)
    sign = np.where(source % 2, 1, -1)
    effect = np.stack([labels, sign * labels, labels + 5 * source, 0 * labels], axis=1)
    return Table(effect + 0.3 * rng.standard_normal((4 * n, 4)), labels, source=source, **columns)


def test_scaling_makes_measures_larger_that_are_steady_over_sources(rng):
    table = sources_table(rng)
    centre, spread = measure_scaling(table)
    low, middle, high = np.percentile(table.values[..., 0], [16, 50, 84], axis=0)
    gain = (high - low) / 2 / spread
    np.testing.assert_allclose(centre, middle, atol=1e-6)
    assert gain[0] > 2 > 0.5 > gain[1:].max()
    assert gain.min() > 0.09 and gain.max() < 3.01


def test_without_sources_of_both_classes_a_scaling_is_the_spread_of_the_clips(rng):
    values = rng.standard_normal((500, 3)) * [1, 10, 100] + [0, 5, 0]
    centre, spread = measure_scaling(Table(values, np.arange(500) % 2))
    np.testing.assert_allclose(centre, np.median(values, axis=0), rtol=1e-5)
    np.testing.assert_allclose(spread, [1, 10, 100], rtol=0.15)  # of normal values: the standard deviation


def test_only_clean_clips_of_the_folder_and_valid_measures_count(rng):
    table = sources_table(rng)
    n = len(table)
    more = Table(
        np.concatenate([table.values[..., 0], np.full((2 * n, 4), 1e6)]),
        np.tile(table.labels, 3),
        kind=["folder"] * 2 * n + ["embedded"] * n,
        channel=[""] * n + ["random"] * n + [""] * n,
        source=np.tile(table.corpus["source"], 3),
    )
    np.testing.assert_array_equal(measure_scaling(more), measure_scaling(table))
    values, labels, source = table.values[..., 0], table.labels, table.corpus["source"].to_numpy()
    values, labels, source = (np.repeat(x, 2, axis=0) for x in (values, labels, source))
    twice = Table(values, labels, source=source, valid=np.tile([[1.0], [0.0]], (n, 4)))
    np.testing.assert_allclose(measure_scaling(twice), measure_scaling(table), rtol=1e-5)


@pytest.mark.filterwarnings("error")
def test_a_measure_that_is_never_valid_has_a_plain_scaling(rng):
    table = sources_table(rng)
    table.values[:, 3] = 0
    table.values[table.corpus["source"] == 2, 1] = 0  # nor is another one in one source
    centre, spread = measure_scaling(table)
    assert np.isfinite(centre).all() and (spread > 0).all()
    assert (centre[3], spread[3]) == (0, 1)


@pytest.fixture
def separable(rng):
    """Function (n) -> table of 20 measures, six of which differ by a standard deviation."""

    def make(n):
        labels = np.arange(n) % 2
        return Table(rng.standard_normal((n, 20)) + labels[:, None] * (np.arange(20) < 6), labels)

    return make


def scores_of(table, held_out, *, weights=None, seed=0):
    weights = np.full(len(table), 1 / len(table)) if weights is None else weights
    model = train_network(table, weights, measure_scaling(table), seed=seed, steps=60)
    return model.predict_on_batch(held_out.values)[:, 0]


def test_a_network_learns_the_same_twice_and_otherwise_from_another_seed(separable):
    table, held_out = separable(400), separable(300)
    first, again, other = (scores_of(table, held_out, seed=seed) for seed in (0, 0, 1))
    assert metrics.auc(held_out.labels, first) > 0.9
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other, atol=1e-3)


def test_rows_without_weight_are_not_learnt(separable):
    table, held_out = separable(800), separable(300)
    table.labels = np.where(np.arange(800) < 400, table.labels, 1 - table.labels)  # the second half is mislabelled
    scores = scores_of(table, held_out, weights=np.repeat([1 / 400, 0], 400))
    assert metrics.auc(held_out.labels, scores) > 0.9


def test_the_network_is_the_one_that_is_saved(separable, tmp_path):
    table = separable(100)
    table.values[..., 0] = 50 + 7 * table.values[..., 0]
    model = train_network(table, np.full(100, 0.01), measure_scaling(table), seed=0, steps=2)
    assert not model.compiled
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(loaded.predict_on_batch(table.values), model.predict_on_batch(table.values))


# End to end


@pytest.fixture
def folder(tmp_path, make_speech):
    """Folder corpus of two sources, 8 real and 8 fake clips in each of two splits: voices, and noise in syllables."""
    lines = ["file,split,label,source"]
    for split in ("training", "validation"):
        for k in range(8):
            voice = make_speech(1.5, SR, f0=100 + 12 * k, seed=len(lines))
            noise = channels.coloured_noise(len(voice), tilt=3, rng=np.random.default_rng(len(lines)))
            noise *= 0.02 + np.abs(np.sin(2 * np.pi * 2 * np.arange(len(voice)) / SR + k)).astype(np.float32)
            for label, y in (("real", voice), ("fake", 0.1 * noise)):
                name = f"{split}-{label}-{k}.wav"
                sf.write(tmp_path / name, y, SR)
                lines.append(f"{name},{split},{label},{'ab'[k % 2]}")
    (tmp_path / "manifest.csv").write_text("\n".join(lines))
    return load_folder(tmp_path)


def test_a_detector_from_end_to_end(folder, tmp_path, monkeypatch):
    def extract_here(rows, *arguments):
        assert set(rows["split"]) == {"training"}
        return extract(rows, *arguments, n_jobs=1, progress=False)

    monkeypatch.setattr(detector_training, "extract", extract_here)
    monkeypatch.setattr(detector_training, "train_network", functools.partial(train_network, steps=20))
    for name, value in (("VERSIONS", 1), ("COPIES", 1), ("MEMBERS", 1)):
        monkeypatch.setattr(detector_training, name, value)
    embedded = folder[folder["clip"].str.startswith("training")].iloc[[0, 8]].drop(columns=["source", "family"])
    embedded["clip"] = "p/" + embedded["clip"]

    out = tmp_path / "out" / "detector"
    detector, scores = detector_training.train_detector(folder, embedded, out, cache=tmp_path / "cache")

    assert sorted(path.name for path in out.iterdir()) == [
        "detector.json",
        "texture-1.keras",
        "texture-1.onnx",
    ]
    settings = json.loads((out / "detector.json").read_text())
    assert settings["front_end"]["class"] == "SpectralTexture" and settings["window"] == settings["hop"] == 2.5

    assert sorted(scores["clip"]) == sorted(folder.loc[folder["split"] == "validation", "clip"])
    labels, values = scores["label"], scores["score"]
    assert metrics.eer(labels, values) == 0
    assert detector.threshold == metrics.eer_threshold(labels, values)
    assert detector.threshold_from == "EER on 16 validation clips of 2 sources"
    assert detector.unsure[0] <= detector.threshold <= detector.unsure[1]
    # Platt (1999): the targets of 8 clips of a class are 1/10 and 9/10; calibrated scores meet them on average.
    probabilities = 1 / (1 + np.exp(-values))
    assert probabilities.groupby(labels).mean().tolist() == pytest.approx([0.1, 0.9], abs=0.05)

    loaded = load_detector(out)
    assert (loaded.hash, loaded.threshold, loaded.unsure) == (detector.hash, detector.threshold, detector.unsure)
    last = folder.set_index("clip").loc[scores["clip"].iloc[-1], "path"]
    assert loaded.predict(last).score == pytest.approx(values.iloc[-1], abs=1e-4)
