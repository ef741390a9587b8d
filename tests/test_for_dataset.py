import hashlib
import shutil
import sys

import numpy as np
import pandas as pd
import pytest
import soundfile as sf

from fakeorreal.corpora import VERSIONS, for_dataset, load_corpus, validate
from fakeorreal.corpora.corpus import COLUMNS, SPLITS, check_no_leak
from fakeorreal.errors import FakeOrRealError
from fakeorreal.named_channels import AUGMENTATIONS

PARTS = for_dataset.PARTS


@pytest.fixture(autouse=True)
def no_data_set(monkeypatch, tmp_path):
    """The data of whoever runs the tests must not be found."""
    monkeypatch.delenv("FAKEORREAL_DATA", raising=False)
    monkeypatch.chdir(tmp_path)


def manifest_for(root, **columns):
    """Write the manifest of a tiny tree: what `load` finds, with columns replaced."""
    versions = [v for v in PARTS if for_dataset.find_version(v, root)]
    table = pd.concat([for_dataset.scan(v, root) for v in versions]).drop(columns="path").assign(**columns)
    table.to_csv(root / "manifest.csv", index=False)
    return table


# Layouts


@pytest.mark.parametrize("layout", ["kaggle", "tarball", "capitalised", "short", "spoof"])
@pytest.mark.parametrize("version", PARTS)
def test_every_layout_gives_the_same_corpus(for_tree, version, layout):
    plain = load_corpus(version, for_tree("plain", [version]))
    other = load_corpus(version, for_tree(layout, [version]))
    pd.testing.assert_frame_equal(other.drop(columns="path"), plain.drop(columns="path"))
    assert len(plain) == 12


def test_clip_and_metadata(for_tree):
    root = for_tree("kaggle")
    clip = load_corpus("for-norm", root).set_index("clip").loc
    name = "file2.wav_16k.wav_norm.wav_mono.wav_silence.wav"
    fake = clip[f"for-norm/testing/fake/{name}"]
    assert fake["path"] == str(root / "for-norm" / "for-norm" / "testing" / "fake" / name)
    assert (fake["label"], fake["split"], fake["group"]) == (1, "testing", "testing/fake/2")
    assert (fake["speaker"], fake["generator"], fake["language"]) == ("unknown", "unknown", "unknown")
    real = clip[f"for-norm/training/real/{name}"]
    assert (real["label"], real["generator"], real["group"]) == (0, "human", "training/real/2")


@pytest.mark.parametrize("layout", ["plain", "kaggle", "tarball", "capitalised"])
def test_root_may_be_the_version_folder(for_tree, layout):
    root = for_tree(layout, ["for-2sec"])
    expected = load_corpus("for-2sec", root)
    folder = for_dataset.find_version("for-2sec", root)
    while folder != root:
        pd.testing.assert_frame_equal(load_corpus("for-2sec", folder), expected)
        folder = folder.parent


def test_manifest_is_found_above_a_version_folder(for_tree):
    root = for_tree("kaggle")
    manifest_for(root, speaker="anna")
    assert (load_corpus("for-norm", root / "for-norm" / "for-norm")["speaker"] == "anna").all()


def test_other_files_are_ignored(for_tree):
    root = for_tree("plain")
    expected = load_corpus("for-norm", root)
    folder = root / "for-norm" / "training" / "real"
    for name in (".hidden.wav", "._file1.wav", "notes.txt", "Thumbs.db"):
        (folder / name).write_text("x")
    (folder / "folder.wav").mkdir()
    shutil.copytree(root / "for-norm", root / "__MACOSX" / "for-norm")
    (root / "for-norm" / "__MACOSX" / "training").mkdir(parents=True)
    pd.testing.assert_frame_equal(load_corpus("for-norm", root), expected)


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("file1234.wav_16k.wav_norm.wav_mono.wav_silence.wav", "1234"),
        ("file20440.mp3.wav_16k.wav_norm.wav_mono.wav_silence.wav", "20440"),
        ("file1032.wav_16k.wav_norm.wav_mono.wav_silence.wav_2sec.wav", "1032"),
        ("recording77.wav_norm_mono.wav", "77"),
        ("File_12.WAV", "12"),
        ("en-anna-hello.wav_16k.wav", "en-anna-hello"),
        ("profile.wav_16k.wav", "profile"),
        ("1.5 metres.flac", "1.5 metres"),
    ],
)
def test_group_from_name(name, group):
    assert for_dataset._group(f"for-norm/training/real/{name}") == f"training/real/{group}"


def test_manifest_fills_what_it_states(for_tree):
    root = for_tree("plain")
    table = manifest_for(root, speaker="anna", language="en")
    table["group"] = table["split"] + "/pair"
    table.loc[table["label"] == "fake", "generator"] = ["flite", *[""] * 5]
    table.iloc[1:].to_csv(root / "manifest.csv", index=False)  # one clip is not listed
    corpus = load_corpus("for-norm", root).set_index("clip")
    listed = corpus.loc[table["clip"].iloc[1:]]
    assert (listed["speaker"] == "anna").all() and (listed["language"] == "en").all()
    assert set(listed["group"]) == {f"{split}/pair" for split in SPLITS}
    assert corpus["generator"].value_counts().to_dict() == {"human": 6, "unknown": 5, "flite": 1}
    left_out = corpus.loc[table["clip"].iloc[0]]
    assert (left_out["speaker"], left_out["group"]) == ("unknown", "training/real/1")


# Errors


@pytest.mark.parametrize("remove", ["folder", "files"])
def test_class_that_is_not_there(for_tree, remove):
    root = for_tree("kaggle")
    folder = root / "for-norm" / "for-norm" / "training" / "fake"
    shutil.rmtree(folder)
    if remove == "files":
        folder.mkdir()
    with pytest.raises(FakeOrRealError, match=r"for-norm/training/fake .*fakeorreal validate"):
        load_corpus("for-norm", root)


def test_split_that_is_not_there(for_tree):
    root = for_tree("plain")
    shutil.rmtree(root / "for-norm" / "validation")
    with pytest.raises(FakeOrRealError, match="for-norm/validation/real"):
        load_corpus("for-norm", root)


def test_no_data(tmp_path):
    with pytest.raises(FakeOrRealError, match=r"build-prompts.*FAKEORREAL_DATA") as error:
        load_corpus("for-norm")
    assert str(tmp_path / "data" / "prompts") in str(error.value)


def test_folder_without_the_version(for_tree):
    root = for_tree("plain")
    with pytest.raises(FakeOrRealError, match=r"holds no for-2sec .*build-prompts") as error:
        load_corpus("for-2sec", root)
    assert str(root) in str(error.value)


def test_unknown_version(for_tree):
    with pytest.raises(FakeOrRealError, match="Received: 'for-2seconds'"):
        load_corpus("for-2seconds", for_tree("plain"))


def test_version_that_is_there_twice(for_tree):
    root = for_tree("plain", ["for-2sec"])
    shutil.copytree(root / "for-2sec", root / "for-2seconds")
    with pytest.raises(FakeOrRealError, match="there twice"):
        load_corpus("for-2sec", root)


def test_half_built_corpus(for_tree):
    root = for_tree("plain")
    (root / "build.json").write_text("{}")
    with pytest.raises(FakeOrRealError, match="half built"):
        load_corpus("for-norm", root)


@pytest.mark.parametrize(
    ("text", "message"), [("file,group\na,b\n", "needs the columns clip"), ("clip\nx\nx\n", "lists x twice")]
)
def test_bad_manifest(for_tree, text, message):
    root = for_tree("plain")
    (root / "manifest.csv").write_text(text)
    with pytest.raises(FakeOrRealError, match=f"manifest.csv.*{message}"):
        load_corpus("for-norm", root)


def test_leak_in_the_manifest(for_tree):
    root = for_tree("plain")
    manifest_for(root, group="everyone")
    with pytest.raises(FakeOrRealError, match="'everyone'"):
        load_corpus("for-norm", root)


# Where the data is


def test_data_root_order(tmp_path, monkeypatch):
    argument, variable, repository = (tmp_path / name for name in ("argument", "variable", "repository"))
    prompts = repository / "data" / "prompts"
    notebooks = repository / "notebooks"
    for folder in (argument, variable, prompts, notebooks):
        folder.mkdir(parents=True)
    (repository / "pyproject.toml").touch()
    monkeypatch.chdir(notebooks)
    assert for_dataset.data_root() == prompts
    (notebooks / "data" / "prompts").mkdir(parents=True)
    assert for_dataset.data_root() == notebooks / "data" / "prompts"
    monkeypatch.setenv("FAKEORREAL_DATA", str(variable))
    assert for_dataset.data_root() == variable
    assert for_dataset.data_root("../../argument") == argument


def test_a_stated_folder_is_not_replaced_by_another(tmp_path, monkeypatch):
    (tmp_path / "data" / "prompts").mkdir(parents=True)
    monkeypatch.setenv("FAKEORREAL_DATA", str(tmp_path / "typo"))
    with pytest.raises(FakeOrRealError, match="typo: no such folder"):
        for_dataset.data_root()


# for-combined


def test_combined(for_tree):
    root = for_tree("kaggle", PARTS, per_class=3)
    corpus = load_corpus("for-combined", root)
    plain = pd.concat([load_corpus(version, root) for version in PARTS])
    augmented = corpus[corpus["channel"] != ""]
    training = plain[plain["split"] == "training"]

    assert len(plain) == 3 * 18 and len(augmented) == len(training) == 3 * 6
    pd.testing.assert_frame_equal(
        corpus[corpus["channel"] == ""].reset_index(drop=True), plain.sort_values("clip").reset_index(drop=True)
    )
    assert set(augmented["split"]) == {"training"}
    assert set(augmented["channel"]) <= set(AUGMENTATIONS)
    assert augmented["channel"].nunique() > 1
    source = training.set_index("clip").loc[augmented["clip"].str.removesuffix("+aug")]
    for column in ("path", "label", "split", "group"):
        assert list(source[column]) == list(augmented[column])
    check_no_leak(corpus)


def test_combined_groups_hold_all_versions_of_an_utterance(for_tree):
    corpus = load_corpus("for-combined", for_tree("plain", PARTS))
    version = corpus["clip"].str.split("/").str[0]
    assert (version.groupby(corpus["group"]).agg(set) == set(PARTS)).all()
    assert corpus["group"].nunique() == 12


def test_combined_is_the_same_on_every_machine(for_tree):
    one = load_corpus("for-combined", for_tree("plain", PARTS))
    two = load_corpus("for-combined", for_tree("tarball", PARTS))
    pd.testing.assert_frame_equal(one.drop(columns="path"), two.drop(columns="path"))


def test_augmentation_is_a_hash_of_the_clip(for_tree, monkeypatch):
    monkeypatch.setattr(sys.modules["fakeorreal.named_channels"], "AUGMENTATIONS", tuple("abcdefg"))
    corpus = load_corpus("for-combined", for_tree("plain", PARTS)).set_index("clip")
    # printf '%s' CLIP | sha256sum, then modulo 7
    assert corpus.loc["for-rerec/training/real/recording1.wav+aug", "channel"] == "f"


@pytest.mark.parametrize("gone", PARTS)
def test_combined_needs_all_three(for_tree, gone):
    with pytest.raises(FakeOrRealError, match=f"holds no {gone} "):
        load_corpus("for-combined", for_tree("plain", [v for v in PARTS if v != gone]))


# Contract: what holds for every version


@pytest.mark.parametrize("version", VERSIONS)
def test_contract(for_tree, version):
    root = for_tree("plain", PARTS)
    shutil.copytree(root / "for-norm", root / "for-original")
    corpus = load_corpus(version, root)
    assert tuple(corpus.columns) == COLUMNS
    assert corpus["clip"].is_unique and corpus["clip"].is_monotonic_increasing
    assert set(zip(corpus["split"], corpus["label"], strict=True)) == {(s, k) for s in SPLITS for k in (0, 1)}
    assert all(sf.info(path).frames == 1600 for path in corpus["path"])
    folders = corpus["clip"].str.split("/", expand=True)
    assert (folders[1] == corpus["split"]).all()
    assert (folders[2].map({"real": 0, "fake": 1}) == corpus["label"]).all()
    assert "+aug" in "".join(corpus["clip"]) or version != "for-combined"


def test_facts():
    assert "Reimao" in for_dataset.BIBTEX and for_dataset.BIBTEX.count("{") == for_dataset.BIBTEX.count("}")
    assert "never redistribute" in for_dataset.LICENSE_NOTE
    counts = for_dataset.PUBLISHED_COUNTS
    totals = counts.groupby("version")[["real", "fake"]].sum().sum(axis=1)
    assert totals.to_dict() == {"for-norm": 69300, "for-2sec": 17870, "for-rerec": 13268}
    assert set(counts["split"]) == set(SPLITS)


# Validation


def line(validation, version, split, label):
    return validation.report.set_index(["version", "split", "class"]).loc[(version, split, label)]


def test_validation_of_a_good_corpus(for_tree):
    root = for_tree("kaggle", PARTS, per_class=3)
    manifest_for(root)
    result = validate(root)
    assert result.ok and result.problems.empty
    assert list(result.report["version"].unique()) == list(PARTS)
    assert (result.report["found"] == 3).all() and (result.report["expected"] == 3).all()
    assert (result.report["status"] == "ok").all()
    row = line(result, "for-2sec", "testing", "fake")
    assert row["seconds_min"] == row["seconds_median"] == row["seconds_max"] == 0.1
    assert row["sample_rates"] == "16000"
    assert "All is well." in str(result) and "for-rerec" in str(result)


def test_validation_against_the_published_counts(for_tree):
    row = line(validate(for_tree("plain")), "for-norm", "training", "real")
    assert (row["expected"], row["status"]) == (26941, "count differs by -26939")


def test_for_original_has_no_published_count(for_tree):
    root = for_tree("plain")
    (root / "for-norm").rename(root / "for-original")
    result = validate(root)
    assert result.ok and result.report["expected"].isna().all()


def test_validation_finds_everything(for_tree, rng):
    root = for_tree("plain", per_class=5)
    manifest_for(root)
    real = sorted((root / "for-norm" / "training" / "real").iterdir())
    test = root / "for-norm" / "testing" / "real"
    real[0].write_bytes(real[0].read_bytes()[:1000])
    real[1].write_text("These are words, not sound.")
    real[2].write_bytes(b"")
    sf.write(real[3], np.zeros(0), 16000)
    sf.write(real[4], 0.1 * rng.standard_normal(22050), 22050)
    copy = test / "file99.wav"
    shutil.copyfile(root / "for-norm" / "training" / "fake" / real[4].name, copy)
    shutil.rmtree(root / "for-norm" / "validation" / "fake")

    result = validate(root)
    assert not result.ok and "There are problems" in str(result)
    problems = result.problems.set_index("path")["problem"]
    assert problems[str(real[0])] == "truncated: 956 of 3200 bytes are there"
    assert problems[str(real[1])].startswith("cannot be decoded (Format not recognised")
    assert problems[str(real[2])].startswith("cannot be decoded (Format not recognised")
    assert problems[str(real[3])] == "holds no samples"
    assert problems[str(copy)] == f"same bytes as {root / 'for-norm' / 'training' / 'fake' / real[4].name}"
    assert len(problems) == 5

    row = line(result, "for-norm", "training", "real")
    assert (row["found"], row["expected"], row["unreadable"], row["duplicates"]) == (5, 5, 4, 0)
    assert (row["seconds_min"], row["sample_rates"], row["status"]) == (1.0, "22050", "4 unreadable")
    row = line(result, "for-norm", "testing", "real")
    assert (row["found"], row["duplicates"], row["status"]) == (6, 1, "count differs by +1, 1 duplicates")
    row = line(result, "for-norm", "validation", "fake")
    assert (row["found"], row["expected"], row["status"]) == (0, 5, "missing")
    assert np.isnan(row["seconds_median"])
    assert line(result, "for-norm", "training", "fake")["status"] == "ok"


@pytest.mark.parametrize("form", ["mp3", "flac", "ogg"])
def test_truncated_compressed_file(for_tree, make_speech, form):
    root = for_tree("plain")
    bad = root / "for-norm" / "training" / "real" / f"file9.{form}"
    sf.write(bad, make_speech(2.0, 16000), 16000)
    assert str(bad) not in set(validate(root).problems["path"])
    bad.write_bytes(bad.read_bytes()[: bad.stat().st_size // 2])
    assert str(bad) in set(validate(root).problems["path"])


def test_wav_written_to_a_pipe_is_not_truncated(for_tree):
    root = for_tree("plain")
    path = next((root / "for-norm" / "training" / "real").iterdir())
    data = bytearray(path.read_bytes())
    data[4:8] = data[40:44] = b"\xff" * 4  # sizes of RIFF and data: unknown
    path.write_bytes(data)
    assert validate(root).problems.empty


def test_changed_file(for_tree):
    root = for_tree("plain")
    clips = manifest_for(root)["clip"]
    right = hashlib.sha256((root / clips.iloc[1]).read_bytes()).hexdigest()
    manifest_for(root, sha256=["0" * 64, right, *[""] * (len(clips) - 2)])
    problems = validate(root).problems
    assert list(problems["problem"]) == ["not the bytes that manifest.csv states"]
    assert list(problems["path"]) == [str(root / clips.iloc[0])]


def test_leak_is_reported(for_tree):
    root = for_tree("plain")
    manifest_for(root, group="everyone")
    problems = validate(root).problems["problem"]
    assert list(problems) == ["its group everyone is in training and validation and testing"]


def test_versions_asked_for(for_tree):
    root = for_tree("plain", ["for-norm", "for-2sec"])
    assert list(validate(root, ["for-2sec"]).report["version"].unique()) == ["for-2sec"]
    result = validate(root, ["for-combined"])
    assert list(result.report["version"].unique()) == list(PARTS)
    assert (result.report.query("version == 'for-rerec'")["status"] == "missing").all()


def test_validate_errors(tmp_path, for_tree):
    with pytest.raises(FakeOrRealError, match="holds none of for-original, for-norm"):
        validate(tmp_path)
    with pytest.raises(FakeOrRealError, match="Received: for-never"):
        validate(for_tree("plain"), ["for-never"])
