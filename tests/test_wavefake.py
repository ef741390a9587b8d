"""WaveFake's layout: letters, names of utterances, frames, splits, and everything that can be wrong in it."""

import os
import shutil
import warnings
from collections import Counter

import numpy as np
import pandas as pd
import pytest
import soundfile as sf

from fakeorreal.audio import read
from fakeorreal.corpora.corpus import COLUMNS, SPLITS, check_no_leak
from fakeorreal.corpora.wavefake import BIBTEX, KNOWN_COUNTS, count_clips, load_wavefake
from fakeorreal.errors import FakeOrRealError

SR = 4000
LJ = [f"LJ001-{k:04d}" for k in range(1, 21)]
JSUT = [f"BASIC5000_{k:04d}" for k in range(1, 11)]


@pytest.fixture
def make_tree(tmp_path):
    """Function (files, seconds=1.0) -> root with these files of noise; ``files`` may say the seconds of each."""

    def make(files, seconds=1.0):
        rng = np.random.default_rng(2)
        for name in files:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            length = files[name] if isinstance(files, dict) else seconds
            sf.write(path, 0.1 * rng.standard_normal(round(length * SR)), SR)
        return tmp_path

    return make


@pytest.fixture
def published(make_tree):
    """Root of a small LJSpeech, JSUT and WaveFake, named as they are."""
    return make_tree(
        [f"A_ljspeech/wavs/{u}.wav" for u in LJ]
        + [f"B_melgan/{u}_gen.wav" for u in LJ]
        + [f"C_hifigan/{u}_generated.wav" for u in LJ]
        + [f"F_waveglow/{u}.wav" for u in LJ]
        + [f"L_conformer/gen_{k}.wav" for k in range(10)]
        + [f"M_jsutmbmelgan/{u}_gen.wav" for u in JSUT]
        + [f"N_jsutpwg/{u}_gen.wav" for u in JSUT]
    )


def write_listing(root, text):
    (root / "utterances.csv").write_text(text)


# Labels, names, utterances


def test_the_published_layout(published):
    corpus = load_wavefake(published)
    assert tuple(corpus.columns) == COLUMNS
    assert corpus["clip"].is_unique and corpus["clip"].is_monotonic_increasing
    table = corpus.groupby("generator").agg(label=("label", "unique"), clips=("clip", "size"))
    assert table["clips"].to_dict() == {
        **{"human": 20, "melgan": 20, "hifigan": 20, "waveglow": 20},
        **{"conformer": 10, "jsutmbmelgan": 10, "jsutpwg": 10},
    }
    assert {name: list(labels) for name, labels in table["label"].items()} == {
        name: [int(name != "human")] for name in table.index
    }
    assert set(corpus["group"]) == {*LJ, *JSUT, *(f"gen_{k}" for k in range(10))}
    row = corpus.set_index("clip").loc["C_hifigan/LJ001-0007_generated.wav/0"]
    assert row["path"] == str(published / "C_hifigan" / "LJ001-0007_generated.wav")
    assert (row["group"], row["start"], row["end"], row["speaker"]) == ("LJ001-0007", 0.0, 1.0, "unknown")
    assert "A_ljspeech/wavs/LJ001-0007.wav/0" in set(corpus["clip"])


@pytest.mark.parametrize(
    ("folders", "human"),
    [
        (["A_real", "B_x", "C_y"], {"A_real"}),
        (["D_x", "C_real"], {"C_real"}),
        (["AAB_x", "AAA_real", "ABC_y"], {"AAA_real"}),
        (["A_jsut", "A_ljspeech", "B_x"], {"A_jsut", "A_ljspeech"}),  # two human sets
        (["b_x", "a_real", "C_y"], {"a_real"}),  # small letters
        (["A_real", "B_melgan_large", "notes_of_mine", "ljspeech_melgan", "1_x"], {"A_real"}),  # four letters are none
    ],
    ids=["plain", "gaps", "three letters", "two human", "case", "others"],
)
def test_the_first_letters_are_human(make_tree, folders, human):
    corpus = load_wavefake(make_tree([f"{folder}/u{k}.wav" for folder in folders for k in range(3)]))
    lettered = {f for f in folders if f not in ("notes_of_mine", "ljspeech_melgan", "1_x")}
    folder = corpus["clip"].str.split("/").str[0]
    assert set(folder) == lettered
    assert set(folder[corpus["label"] == 0]) == human
    expected = ["human" if f in human else f.split("_", 1)[1] for f in folder]
    assert corpus["generator"].tolist() == expected


@pytest.mark.parametrize(
    ("name", "utterance"),
    [
        ("LJ001-0001.wav", "LJ001-0001"),
        ("LJ001-0001_gen.wav", "LJ001-0001"),
        ("LJ001-0001-gen.flac", "LJ001-0001"),
        ("LJ001-0001_generated.wav", "LJ001-0001"),
        ("LJ001-0001_generated_e2e.wav", "LJ001-0001"),
        ("LJ001-0001.wav_synthesis.wav", "LJ001-0001"),
        ("LJ001-0001_GEN.WAV", "LJ001-0001"),
        ("deep/er/LJ001-0001_gen.flac", "LJ001-0001"),
        ("gen_12.wav", "gen_12"),
        ("oxygen.wav", "oxygen"),
        ("jsut_BASIC5000_0001_gen.wav", "jsut_BASIC5000_0001"),
    ],
)
def test_the_utterance_in_a_name(make_tree, name, utterance):
    corpus = load_wavefake(make_tree(["A_real/other.wav", f"B_x/{name}"]))
    assert corpus["group"].tolist() == ["other", utterance]
    assert corpus["clip"].tolist()[1] == f"B_x/{name}/0"


def test_what_is_no_audio_or_hidden_is_passed_over(make_tree):
    root = make_tree(["A_real/u.wav", "B_x/u.wav", "B_x/.u.wav"])
    (root / "B_x" / "._u.wav").write_bytes(b"of another system")
    (root / "B_x" / "readme.txt").touch()
    (root / "C_file").touch()
    assert load_wavefake(root)["clip"].tolist() == ["A_real/u.wav/0", "B_x/u.wav/0"]


def test_a_linked_folder(make_tree, tmp_path_factory):
    root = make_tree(["A_real/u.wav"])
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    shutil.copy(root / "A_real" / "u.wav", elsewhere / "u_gen.wav")
    (root / "B_x").symlink_to(elsewhere)
    assert load_wavefake(root)["path"].tolist() == [str(root / "A_real/u.wav"), str(root / "B_x/u_gen.wav")]


# Frames
#
# B_x/u.wav   0        1        2    2.5 s
#             |-- 0 ---|-- 1 ---| dropped


def test_frames_by_hand(make_tree):
    root = make_tree({"A_real/u.wav": 3.0, "B_x/u.wav": 2.5, "B_x/v.wav": 0.999, "B_x/w.wav": 1.0})
    frames = load_wavefake(root).set_index("clip")[["start", "end"]]
    assert list(frames.itertuples(name=None)) == [
        ("A_real/u.wav/0", 0.0, 1.0),
        ("A_real/u.wav/1", 1.0, 2.0),
        ("A_real/u.wav/2", 2.0, 3.0),
        ("B_x/u.wav/0", 0.0, 1.0),
        ("B_x/u.wav/1", 1.0, 2.0),
        ("B_x/w.wav/0", 0.0, 1.0),
    ]


@pytest.mark.parametrize(("seconds", "count"), [(0.25, 10), (1.25, 2), (0.3, 8), (2.5, 1), (0.0333, 75)])
def test_frames_follow_each_other_sample_by_sample(make_tree, seconds, count):
    root = make_tree({"A_real/u.wav": 0.01, "B_x/u.wav": 2.5})
    corpus = load_wavefake(root, seconds=seconds).sort_values("start")
    assert len(corpus) == count
    whole = sf.read(root / "B_x" / "u.wav", dtype="float32")[0]
    parts = [read(row.path, sr=SR, start=row.start, end=row.end) for row in corpus.itertuples()]
    assert {len(part) for part in parts} == {round(seconds * SR)}
    np.testing.assert_array_equal(np.concatenate(parts), whole[: count * round(seconds * SR)])


def test_frames_depend_on_the_rate_of_the_file(make_tree):
    root = make_tree(["A_real/u.wav"], seconds=2.0)
    (root / "B_x").mkdir()
    sf.write(root / "B_x" / "u.flac", np.zeros(24000 * 3 + 23999), 24000)
    corpus = load_wavefake(root)
    assert corpus["generator"].value_counts().to_dict() == {"x": 3, "human": 2}


# Splits


def test_an_utterance_has_one_split_in_every_folder(published):
    corpus = load_wavefake(published)
    check_no_leak(corpus)
    assert (corpus.groupby("group")["split"].nunique() == 1).all()
    assert Counter(corpus.drop_duplicates("group")["split"]) == {"training": 28, "validation": 4, "testing": 8}
    melgan, human = (
        corpus[corpus["generator"] == g].set_index("group")["split"].to_dict() for g in ("melgan", "human")
    )
    assert melgan == human and set(human.values()) == set(SPLITS)


def test_splits_are_stable_and_seeded(published):
    corpus = load_wavefake(published)
    pd.testing.assert_frame_equal(corpus, load_wavefake(published))
    others = [load_wavefake(published, seed=seed)["split"].tolist() for seed in (1, 2)]
    assert others[0] != others[1] != corpus["split"].tolist()
    # 70 % of 40 utterances are 28, 80 % are 32
    rank = np.random.default_rng(0).permutation(40)
    names = sorted([*LJ, *JSUT, *(f"gen_{k}" for k in range(10))])
    expected = {
        n: "training" if r < 28 else "validation" if r < 32 else "testing" for n, r in zip(names, rank, strict=True)
    }
    assert corpus.set_index("group")["split"].to_dict() == expected


def test_splits_do_not_depend_on_the_order_of_the_file_system_or_the_length_of_a_frame(published, monkeypatch):
    corpus = load_wavefake(published)
    halves = load_wavefake(published, seconds=0.5)
    assert halves.set_index("group")["split"].to_dict() == corpus.set_index("group")["split"].to_dict()
    walk = os.walk
    monkeypatch.setattr(os, "walk", lambda folder: [(p, d, f[::-1]) for p, d, f in walk(folder)][::-1])
    pd.testing.assert_frame_equal(load_wavefake(published), corpus)


def test_a_folder_more_leaves_the_splits(published):
    corpus = load_wavefake(published)
    shutil.copytree(published / "B_melgan", published / "O_copy")
    more = load_wavefake(published)
    pd.testing.assert_frame_equal(more[more["generator"] != "copy"].reset_index(drop=True), corpus)


# utterances.csv


def test_a_listing_is_believed(make_tree):
    root = make_tree([f"{folder}/{u}.wav" for folder in ("A_real", "B_x") for u in ("u", "v", "w", "z_x")])
    write_listing(
        root,
        "\ufeffutterance,split,speaker,language,group,note\n"
        "u,testing,anna,fr,say,1\nv,testing,,,say,2\nw,training,bo,de,,3\nz_x,validation,,,,4\nabsent,training,,,,5\n",
    )
    corpus = load_wavefake(root)
    assert tuple(corpus.columns) == COLUMNS
    human = corpus[corpus["label"] == 0].set_index("clip")
    assert human["split"].tolist() == ["testing", "testing", "training", "validation"]
    assert human["group"].tolist() == ["say", "say", "w", "z_x"]
    assert human["speaker"].tolist() == ["anna", "unknown", "bo", "unknown"]
    assert human["language"].tolist() == ["fr", "unknown", "de", "unknown"]
    fake = corpus[corpus["label"] == 1]
    for column in ("split", "group", "speaker", "language"):
        assert fake[column].tolist() == human[column].tolist()
    pd.testing.assert_frame_equal(load_wavefake(root, seed=5), corpus)


def test_two_columns_are_enough(make_tree):
    root = make_tree(["A_real/u.wav", "B_x/u_gen.wav"])
    write_listing(root, "split,utterance\ntesting,u\n")
    corpus = load_wavefake(root)
    assert corpus["split"].eq("testing").all() and corpus["group"].eq("u").all()
    assert corpus["speaker"].eq("unknown").all() and corpus["language"].eq("unknown").all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("utterance,speaker\nu,x\n", r"utterances\.csv: needs the columns utterance, split\. Missing: split\."),
        ("utterance,split\nu,testing\nu,testing\n", r"lists u twice"),
        ("utterance,split\nv,testing\n", r"does not list 1 utterances, the first is u\. Add them"),
        (
            "utterance,split\nu,later\nv,testing\n",
            r"`split` must be one of training, validation, testing\. Received: later",
        ),
        (
            "utterance,split,group\nu,testing,g\nv,training,g\n",
            r"1 groups are in more than one split, the first is 'g'",
        ),
        ("", r"utterances\.csv: cannot be read \(No columns to parse from file\)"),
    ],
    ids=["column", "twice", "unlisted", "split", "leak", "empty"],
)
def test_a_listing_that_cannot_be_believed(make_tree, text, message):
    root = make_tree(["A_real/u.wav", "A_real/v.wav", "B_x/u.wav"])
    write_listing(root, text)
    with pytest.raises(FakeOrRealError, match=message):
        load_wavefake(root)


@pytest.mark.parametrize("files", [["A_real/u.wav", "B_x/u.wav"], []], ids=["some", "none"])
def test_half_built(make_tree, files):
    root = make_tree(files)
    (root / "build.json").write_text("{}")
    with pytest.raises(FakeOrRealError, match="is half built"):
        load_wavefake(root)


# What can be wrong


def test_no_such_folder(tmp_path):
    for function in (load_wavefake, count_clips):
        with pytest.raises(FakeOrRealError, match=r"nowhere: no such folder\. Check the path"):
            function(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("folders", "received"),
    [
        ([], "none with up to three letters"),
        (["A_real"], "A_real"),
        (["A_real", "A_other"], "A_other, A_real"),
        (["ljspeech_melgan", "jsut_parallel_wavegan"], "none with up to three letters"),  # as the archive has them
    ],
)
def test_a_human_and_a_fake_folder_are_needed(make_tree, folders, received):
    root = make_tree([f"{folder}/u.wav" for folder in folders])
    with pytest.raises(FakeOrRealError, match=f"needs a folder of human speech and one of fakes.*Received: {received}"):
        load_wavefake(root)


def test_a_folder_without_audio(make_tree):
    root = make_tree(["A_real/u.wav", "B_x/u.wav"])
    (root / "C_y" / "inner").mkdir(parents=True)
    with pytest.raises(FakeOrRealError, match="C_y: holds no audio"):
        load_wavefake(root)


def test_all_shorter_than_a_frame(make_tree):
    root = make_tree(["A_real/u.wav", "B_x/u.wav"], seconds=0.9)
    with pytest.raises(FakeOrRealError, match=r"none of 2 clips is as long as a frame of 1 s"):
        load_wavefake(root)
    assert len(load_wavefake(root, seconds=0.9)) == 2


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf")])
def test_a_frame_has_a_length(make_tree, seconds):
    with pytest.raises(FakeOrRealError, match="`seconds` must be more than 0"):
        load_wavefake(make_tree(["A_real/u.wav", "B_x/u.wav"]), seconds=seconds)


def test_files_that_cannot_be_read_are_named_and_left_out(make_tree):
    root = make_tree(["A_real/u.wav", "B_x/u.wav", "B_x/v.wav"])
    (root / "A_real" / "v.wav").write_bytes(b"")
    (root / "B_x" / "w.wav").write_text("These are words, not sound.")
    (root / "B_x" / "x.m4a").write_bytes(b"no decoder for this")
    with pytest.warns(
        UserWarning, match=r"3 of 6 files .* left out: A_real/v\.wav, B_x/w\.wav, B_x/x\.m4a\.$"
    ) as caught:
        corpus = load_wavefake(root)
    assert len(caught) == 1 and caught[0].filename == __file__
    assert corpus["clip"].tolist() == ["A_real/u.wav/0", "B_x/u.wav/0", "B_x/v.wav/0"]


def test_many_unreadable_files_are_not_all_named(make_tree):
    root = make_tree(["A_real/u.wav", "B_x/u.wav"])
    for k in range(12):
        (root / "B_x" / f"w{k:02d}.wav").touch()
    with pytest.warns(UserWarning, match=r"12 of 14 files .*B_x/w09\.wav …\.$"):
        load_wavefake(root)


def test_a_header_that_leaves_the_length_open(make_tree):
    root = make_tree(["A_real/u.wav", "B_x/u.wav", "B_x/v.flac"])
    flac = bytearray((root / "B_x" / "v.flac").read_bytes())
    flac[21] &= 0xF0  # 36 bits of STREAMINFO: the number of samples, 0 for unknown
    flac[22:26] = bytes(4)
    (root / "B_x" / "v.flac").write_bytes(flac)
    with pytest.warns(UserWarning, match=r"1 of 3 files .*B_x/v\.flac"):
        assert len(load_wavefake(root)) == 2


def test_an_unknown_ending_is_no_new_utterance(make_tree):
    root = make_tree(["A_real/LJ001-0001.wav", "B_x/LJ001-0001_mine.wav"])
    with pytest.raises(FakeOrRealError, match="LJ001-0001_mine looks like LJ001-0001 with an ending that is not known"):
        load_wavefake(root)
    write_listing(root, "utterance,split,group\nLJ001-0001,testing,one\nLJ001-0001_mine,testing,one\n")
    assert set(load_wavefake(root)["group"]) == {"one"}


# Counts


def test_counts(published):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = count_clips(published).set_index("folder")
    assert table["clips"].to_dict() == {
        **{"A_ljspeech": 20, "B_melgan": 20, "C_hifigan": 20, "F_waveglow": 20},
        **{"L_conformer": 10, "M_jsutmbmelgan": 10, "N_jsutpwg": 10},
    }
    assert table.loc["A_ljspeech", ["label", "generator", "expected"]].tolist() == [0, "human", 13100]
    assert table.loc["L_conformer", ["label", "generator", "expected"]].tolist() == [1, "conformer", 16283]
    shutil.copytree(published / "L_conformer", published / "L_conformer" / "generated")  # as in the archive
    (published / "B_melgan").rename(published / "B_avocodo")
    table = count_clips(published).set_index("folder")
    assert table.loc["L_conformer", "clips"] == 20
    assert np.isnan(table.loc["B_avocodo", "expected"])


def test_facts():
    assert sum(KNOWN_COUNTS.values()) - KNOWN_COUNTS["ljspeech"] == 117_985 - 2  # stated in the datasheet, less two
    assert len(KNOWN_COUNTS) == 1 + 10
    assert BIBTEX.count("{") == BIBTEX.count("}") and 'Sch{\\"o}nherr' in BIBTEX and "2305.13033" in BIBTEX
