"""The audit of planted corpora: the shortcut is found and named, a fair corpus is cleared, contradictions are told."""

import dataclasses
import functools

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
from scipy.signal import firwin
from sklearn.metrics import roc_auc_score

from fakeorreal import audit, nuisance_scores
from fakeorreal.audio import resample
from fakeorreal.audit_wording import verdict
from fakeorreal.channels import at_bit_rate
from fakeorreal.corpora import make_corpus
from fakeorreal.errors import FakeOrRealError
from fakeorreal.nuisances import NUISANCES, measure

SR = 16000
PER_CLASS = 24  # clips of a split


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(audit, "SHUFFLES", 1)
    monkeypatch.setattr(audit, "RESAMPLES", 100)
    few = functools.partial(nuisance_scores.HistGradientBoostingClassifier, max_iter=20)
    monkeypatch.setattr(nuisance_scores, "HistGradientBoostingClassifier", few)


@pytest.fixture(scope="session")
def voices(make_speech):
    """Waveforms of 0.6 to 0.8 s with a pause at the end, of varying level and offset, over some noise."""
    rng = np.random.default_rng(5)
    found = []
    for k in range(4 * PER_CLASS):
        y = make_speech(rng.uniform(0.6, 0.8), SR, f0=rng.uniform(90, 220), seed=k) * rng.uniform(0.1, 0.2)
        y[-round(rng.uniform(0.15, 0.2) * SR) :] *= 0.01
        found.append(y + rng.uniform(1e-4, 2e-4) * rng.standard_normal(len(y)))
    return found


def plain(y):
    return {"y": y}


def hum(n):
    """Noise below 1 kHz at -63 dBFS."""
    return np.convolve(2e-3 * np.random.default_rng(0).standard_normal(n), firwin(101, 1000, fs=SR), "same")


PLANTED = {
    "duration": ({"duration"}, lambda y: {"y": y[: len(y) // 2]}, "shorter"),
    "leading silence": ({"silence_start"}, lambda y: {"y": y * (np.arange(len(y)) > 4000)}, "later"),
    "trailing silence": (
        {"silence_end"},
        lambda y: {"y": y * np.where(np.arange(len(y)) < 6000, 1, 0.003)},
        "at the end",
    ),
    "level": ({"level"}, lambda y: {"y": 3 * y - 2 * y.mean()}, "louder"),
    "clipping": ({"clipping"}, lambda y: {"y": np.clip(y * 1.5 / np.abs(y).max(), -1, 1)}, "clipped more"),
    "DC": ({"dc", "dc_size"}, lambda y: {"y": y + 0.01}, "shifted"),
    "zeros": ({"exact_zeros"}, lambda y: {"y": np.where(np.abs(y) < 1e-4, 0, y)}, "zero more often"),
    "noise floor": ({"noise_floor"}, lambda y: {"y": y + hum(len(y))}, "noisier"),
    "low-pass": (
        {"cut_off", "cut_off_depth"},
        lambda y: {"y": np.convolve(y, firwin(101, 5500, fs=SR), "same")},
        "cut off",
    ),
    "MP3": (
        {"cut_off", "cut_off_depth", "above_6k"},
        lambda y: {"y": at_bit_rate(y.astype(np.float32), sr=SR, codec="mp3", bit_rate=24_000)},
        "",
    ),
    "sample rate": ({"sample_rate"}, lambda y: {"y": resample(y, sr_from=SR, sr_to=22050), "sr": 22050}, "“22050 Hz”"),
    "bit depth": ({"encoding"}, lambda y: {"y": y, "subtype": "PCM_24"}, "“PCM_24”"),
    "hidden bit depth": ({"bits"}, lambda y: {"y": np.round(y * 2**11) / 2**11}, "coarser"),
    "format": ({"format"}, lambda y: {"y": y, "suffix": ".flac"}, "“FLAC”"),
    "channels": ({"channels"}, lambda y: {"y": np.stack([y, y], axis=1)}, "“2”"),
    "file name": ({"name"}, lambda y: {"y": y, "suffix": ".mp3.wav"}, "more often “mp3”"),
}


@pytest.fixture
def plant(tmp_path, voices):
    """Function ``(training, testing=None, splits=("training", "testing"))`` -> corpus of planted fakes."""

    def make(training, testing=None, splits=("training", "testing")):
        rows, clips = [], iter(voices)
        for split, shortcut in zip(splits, (training, testing or training), strict=True):
            for k in range(2 * PER_CLASS):
                label = k % 2
                form = {"suffix": ".wav", "sr": SR, "subtype": "PCM_16"} | shortcut[label](next(clips))
                path = tmp_path / f"{len(rows):03d}{form['suffix']}"
                sf.write(path, form["y"], form["sr"], subtype=form["subtype"])
                rows.append(
                    {"clip": path.name, "path": str(path), "label": label, "split": split, "group": f"g{len(rows)}"}
                )
        return make_corpus(rows)

    return make


@pytest.mark.parametrize("shortcut", PLANTED)
def test_a_planted_shortcut_is_found_and_named(plant, shortcut):
    names, change, fakes = PLANTED[shortcut]
    found = audit.audit(plant((plain, change)), progress=False)
    first = found.nuisances.iloc[0]
    assert first["nuisance"] in names and first["auc_low"] > audit.SHORTCUT_LIMIT and fakes in first["fakes"]
    assert first["training_auc"] > audit.SHORTCUT_LIMIT and found.held_out
    sentences = verdict(found)
    if shortcut == "file name":
        assert any(s.startswith("File names tell real from fake") and "“mp3”" in s for s in sentences)
    else:
        title = NUISANCES[first["nuisance"]].title
        assert sentences[0].startswith(f"The corpus can be cheated: {title} alone") and fakes in sentences[0]
        assert any(NUISANCES[first["nuisance"]].remedy in s for s in sentences if s.startswith("To mend it"))
    by_name = found.classifiers.set_index("classifier")["auc"]
    assert by_name["all together"] > 0.9
    assert (by_name["all but the file name"] > 0.9) == (shortcut != "file name")
    if NUISANCES[first["nuisance"]].kind == "sound" and shortcut != "duration":
        assert by_name["sound without duration"] > 0.9


@pytest.mark.parametrize("splits", [("training", "testing"), ("testing", "testing")])
def test_a_fair_corpus_is_cleared(plant, splits):
    found = audit.audit(plant((plain, plain), splits=splits), progress=False)
    assert found.held_out == (splits[0] == "training")
    assert (found.nuisances["auc_low"] <= 0.5).all() and (found.nuisances["auc"] >= 0.5).all()
    (sentence,) = verdict(found)
    assert sentence.startswith("Nothing found") and "trailing silence" in sentence
    seen = float(sentence.partition("of AUC ")[2].partition(" ")[0])
    assert 0.6 < seen < 0.85
    assert found.counts.to_numpy().tolist() == [
        [label, *2 * [PER_CLASS * (1 if found.held_out else 2)]] for label in (0, 1)
    ]


@pytest.mark.parametrize("shortcut", ["duration", "file name", "bit depth"])
def test_without_a_training_split_groups_teach_each_other(plant, shortcut):
    found = audit.audit(plant((plain, PLANTED[shortcut][1]), splits=("testing", "testing")), progress=False)
    assert not found.held_out and found.nuisances["training_auc"].isna().all()
    assert found.nuisances.iloc[0]["nuisance"] in PLANTED[shortcut][0] and found.nuisances.iloc[0]["auc"] > 0.95


@pytest.mark.parametrize("shortcut", ["duration", "file name", "sample rate"])
def test_a_shortcut_that_testing_reverses_is_a_warning(plant, shortcut):
    names, change, fakes = PLANTED[shortcut]
    found = audit.audit(plant((plain, change), (change, plain)), progress=False)
    row = found.nuisances.set_index("nuisance").loc[next(iter(names))]
    assert row["trend"] == "reversed" and fakes in row["training_fakes"] and fakes not in row["fakes"]
    (warning,) = [s for s in verdict(found) if s.startswith(f"Warning: {NUISANCES[row.name].title} misleads")]
    assert "the reverse holds" in warning
    assert "can be cheated: " + NUISANCES[row.name].title not in verdict(found)[0]


def test_a_shortcut_that_testing_has_not_is_a_warning(plant):
    found = audit.audit(plant((plain, PLANTED["file name"][1]), (plain, plain)), progress=False)
    assert found.nuisances.set_index("nuisance").loc["name", "trend"] == "absent"
    (warning,) = [s for s in verdict(found) if s.startswith("Warning")]
    assert "file name misleads" in warning and "more often “mp3” (100% “mp3” against 0% “mp3”)" in warning
    assert "nothing of it is left" in warning


def test_what_only_classifiers_find_is_told(plant):
    clean = audit.audit(plant((plain, plain)), progress=False)
    found = dataclasses.replace(clean, classifiers=clean.classifiers.assign(auc=0.9, auc_low=0.8, auc_high=0.95))
    assert verdict(found)[0].startswith("The corpus can be cheated: all nuisances together tell real from fake with ")
    assert verdict(found)[0].endswith("AUC 0.90 [0.80, 0.95], none alone does.")
    assert verdict(found)[1].startswith("To mend it")


def test_an_audit_is_the_same_again(plant):
    corpus = plant((plain, PLANTED["level"][1]))
    first, second = (audit.audit(corpus, n_jobs=n, progress=False) for n in (1, 2))
    pd.testing.assert_frame_equal(first.nuisances, second.nuisances)
    pd.testing.assert_frame_equal(first.classifiers, second.classifiers)
    assert first.shuffled == second.shuffled


def test_auc_and_typical_values_are_those_of_testing(plant):
    corpus = plant((plain, PLANTED["noise floor"][1]))
    found, (measures, _) = audit.audit(corpus, progress=False), measure(corpus, progress=False)
    testing = measures[measures["split"] == "testing"]
    for row in found.nuisances.itertuples():
        if NUISANCES[row.nuisance].form:
            value = roc_auc_score(testing["label"], testing[row.nuisance])
            assert row.auc == pytest.approx(max(value, 1 - value))
    row = found.nuisances.set_index("nuisance").loc["noise_floor"]
    medians = testing.groupby("label")["noise_floor"].median()
    assert [row["real"], row["fake"]] == [f"{median:.1f} dBFS" for median in medians]


def test_clips_that_cannot_be_read_are_told(plant):
    corpus = plant((plain, plain))
    for path in corpus["path"][:3]:
        open(path, "wb").close()
    found = audit.audit(corpus, progress=False)
    assert len(found.failed) == 3 and "3 clips could not be read and are left out." in verdict(found)


def test_few_clips_are_nothing_to_rely_on(for_tree):
    found = audit.audit(audit.load(for_tree(per_class=4))[1], progress=False)
    assert any(s.startswith("Too little to rely on: a class has clips of 4 sources") for s in verdict(found))


def test_a_class_without_groups_is_an_error(plant):
    corpus = plant((plain, plain))
    with pytest.raises(FakeOrRealError, match=r"Received: 1 groups of real and 0 of fake clips"):
        audit.audit(corpus[corpus["label"] == 0][:1], progress=False)


# The table beside the results of the study


def test_shortcut_table(plant):
    corpora = {"a": plant((plain, PLANTED["level"][1]))}
    table = audit.shortcut_table(corpora)
    assert list(table) == ["measure", "a"] and table["measure"].tolist() == [*audit.TRIVIAL, "all together"]
    values = table.set_index("measure")["a"]
    testing = measure(corpora["a"], progress=False)[0].query("split == 'testing'")
    for name in audit.TRIVIAL:
        assert values[name] == pytest.approx(roc_auc_score(testing["label"], testing[name]))
    assert values["all together"] > 0.95


def test_the_shortcut_table_needs_splits(plant):
    with pytest.raises(FakeOrRealError, match="both classes in training and testing"):
        audit.shortcut_table({"a": plant((plain, plain), splits=("testing", "testing"))})


# What a folder holds


def test_a_tree_of_fake_or_real(for_tree):
    root = for_tree(versions=("for-norm", "for-2sec"))
    assert audit.load(root)[0] == "for-norm"
    name, corpus = audit.load(root, "for-2sec")
    assert name == "for-2sec" and corpus["clip"].str.startswith("for-2sec/").all()
    assert audit.load(for_tree("short", versions=("for-rerec",)))[0] == "for-rerec"


def test_in_the_wild_and_a_folder_of_ones_own(tmp_path):
    for folder, name in (("release_in_the_wild", "0.wav"), ("mine/real", "a.wav"), ("mine/fake", "b.wav")):
        (tmp_path / folder).mkdir(parents=True)
        sf.write(tmp_path / folder / name, np.zeros(100), SR)
    (tmp_path / "release_in_the_wild" / "meta.csv").write_text("file,speaker,label\n0.wav,A,spoof\n")
    for folder in (tmp_path, tmp_path / "release_in_the_wild"):
        name, corpus = audit.load(folder)
        assert name == "In-the-Wild" and len(corpus) == 1
    name, corpus = audit.load(tmp_path / "mine")
    assert name == "mine" and corpus["label"].tolist() == [1, 0]
