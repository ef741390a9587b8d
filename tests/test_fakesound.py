"""FakeSound: its listings and layout, our own in its schema, and everything that can be wrong in them."""

import json
import warnings

import numpy as np
import pandas as pd
import pytest
import soundfile as sf

from fakeorreal.corpora.corpus import COLUMNS
from fakeorreal.corpora.fakesound import BIBTEX, FOLDER, KNOWN_COUNTS, count_clips, load_fakesound, write_metadata
from fakeorreal.errors import FakeOrRealError

TRAIN = [f"{k:02d}_-abcdefgh" for k in range(20)]  # identifiers of videos hold _ and -


def published(name, source, times=None):
    """An entry as the published listings have it."""
    audio_id = f"{source}_{times}" if times else source
    return {
        "audio_id": audio_id,
        "label": int(times is not None),
        "onset_offset": times or "0_0",
        "filepath": f"FakeSound/deepfake_data/{name}/{audio_id}.wav",
    }


def pair(name, source, times):
    return [published(name, source, times), published(name, source)]


def write(folder, listings, files=lambda filepath: True):
    """Listings, and ten seconds of silence at 40 Hz where they are wanted."""
    (folder / "meta_data").mkdir(parents=True)
    for name, entries in listings.items():
        (folder / "meta_data" / f"{name}.json").write_text(json.dumps({"audios": entries}), encoding="utf-8")
        for entry in entries:
            path = folder / str(entry.get("filepath", "")).removeprefix("FakeSound/")
            if files(str(path)):
                path.parent.mkdir(parents=True, exist_ok=True)
                sf.write(path, np.zeros(400), 40)
    return folder


@pytest.fixture
def genuine(tmp_path):
    """A small FakeSound: 20 training pairs, two tests that share their sources and one that has some of them."""
    listings = {"train": [entry for source in TRAIN for entry in pair("train", source, "1.0_3.5")]}
    listings["easy"] = pair("easy", "test__00000", "6.12_7.4")
    listings["hard"] = pair("hard", "test__00000", "9.64_9.84") + pair("hard", "test__00001", "0.04_9.96")
    listings["zeroshot"] = pair("zeroshot", "test__00000", "9.64_9.84") + pair("zeroshot", "test__00001", "0.04_9.96")
    return write(tmp_path / FOLDER, listings)


def test_the_published_layout(genuine):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        corpus, regions = load_fakesound(genuine)
    assert tuple(corpus.columns) == (*COLUMNS, "test_set")
    assert len(corpus) == 50 and corpus["label"].sum() == 25
    assert corpus["test_set"].value_counts().to_dict() == {"": 40, "easy": 2, "hard": 4, "zeroshot": 4}
    assert corpus["split"].eq("testing").equals(corpus["test_set"].ne(""))
    easy = corpus[corpus["test_set"] == "easy"].set_index("clip")
    fake = "FakeSound/deepfake_data/easy/test__00000_6.12_7.4.wav"
    assert easy.loc[fake, "path"] == str(genuine / "deepfake_data/easy/test__00000_6.12_7.4.wav")
    assert easy["group"].tolist() == ["test__00000"] * 2
    assert easy.loc[fake, ["label", "generator", "start", "end"]].tolist() == [1, "audioldm2", 0, 10]
    assert easy["generator"].drop(fake).tolist() == ["human"]
    assert set(corpus.loc[corpus["split"] != "testing", "group"]) == set(TRAIN)
    assert len(regions) == 25 and set(regions["clip"]) == set(corpus.loc[corpus["label"] == 1, "clip"])
    assert regions[regions["clip"] == fake].values.tolist() == [[fake, 6.12, 7.4, "audioldm2"]]
    assert regions["method"].value_counts().to_dict() == {"audioldm2": 23, "audioldm": 2}
    again = load_fakesound(genuine.parent)
    pd.testing.assert_frame_equal(again[0], corpus)
    pd.testing.assert_frame_equal(again[1], regions)


def test_validation_is_a_tenth_of_the_sources(genuine):
    corpus, _ = load_fakesound(genuine)
    of_training = corpus[corpus["split"] != "testing"]
    assert of_training.groupby("group")["split"].nunique().eq(1).all()
    drawn = {seed: sources_drawn(genuine, seed) for seed in range(5)}
    assert drawn[0] == set(of_training.loc[of_training["split"] == "validation", "group"])
    assert all(len(sources) == 2 for sources in drawn.values()) and len(set(map(frozenset, drawn.values()))) > 1
    # what is not there takes no part in the draw
    (genuine / f"deepfake_data/train/{TRAIN[0]}.wav").unlink()
    with pytest.warns(UserWarning):
        assert sources_drawn(genuine, 0) == drawn[0]


def sources_drawn(folder, seed):
    corpus, _ = load_fakesound(folder, seed=seed)
    return set(corpus.loc[corpus["split"] == "validation", "group"])


@pytest.mark.parametrize(("sources", "drawn"), [(1, 0), (2, 1), (11, 2)])
def test_training_is_never_empty(tmp_path, sources, drawn):
    entries = [entry for source in TRAIN[:sources] for entry in pair("train", source, "1_2")]
    assert len(sources_drawn(write(tmp_path / FOLDER, {"train": entries}), 0)) == drawn


def test_recordings_that_are_not_there_are_named_and_left_out(tmp_path):
    listings = {"easy": pair("easy", "test__00000", "1_2") + pair("easy", "test__00001", "1_2")}
    folder = write(tmp_path / FOLDER, listings, files=lambda path: "1_2" in path)
    (folder / "deepfake_data/easy/test__00001.wav").write_bytes(b"no audio")
    message = r"2 of 4 files are not there or not readable.*: .*/test__00000\.wav, .*/test__00001\.wav\.$"
    with pytest.warns(UserWarning, match=message) as caught:
        corpus, regions = load_fakesound(folder)
    assert len(caught) == 1 and caught[0].filename == __file__
    assert corpus["label"].tolist() == [1, 1] and len(regions) == 2


def test_none_is_there(tmp_path):
    folder = write(tmp_path / FOLDER, {"easy": pair("easy", "x", "1_2")}, files=lambda path: False)
    with pytest.raises(FakeOrRealError, match=r"none of the 2 files of meta_data is there, the first is .*x_1_2\.wav"):
        load_fakesound(folder)


@pytest.mark.parametrize("function", [load_fakesound, count_clips])
def test_no_listing(tmp_path, function):
    (tmp_path / "meta_data").mkdir()
    with pytest.raises(FakeOrRealError, match=r"holds no folder meta_data with any of train\.json, validation\.json"):
        function(tmp_path)
    (tmp_path / "meta_data" / "easy.json").write_text('{"audios": []}')
    with pytest.raises(FakeOrRealError, match=r"meta_data: lists no clip"):
        function(tmp_path)


def test_counts_by_hand(genuine):
    (genuine / f"deepfake_data/train/{TRAIN[0]}.wav").unlink()
    table = count_clips(genuine).set_index("what")
    assert table["listed"].to_dict() == dict(zip(KNOWN_COUNTS, [20, 20, 1, 1, 2, 2, 2, 2], strict=True))
    assert table.loc["train, real", "there"] == 19 and table["there"].sum() == 49
    assert table["expected"].to_dict() == KNOWN_COUNTS


def test_facts():
    assert KNOWN_COUNTS["train, real"] + KNOWN_COUNTS["train, fake"] == 3_166
    assert sum(KNOWN_COUNTS.values()) == 3_166 + 92 + 270 + 270
    assert BIBTEX.count("{") == BIBTEX.count("}") and "Interspeech 2024" in BIBTEX


# Our own, in the same schema


def row(name, k, onset_offset, **more):
    return {
        "audio_id": f"{name}-{k}",
        "label": int(bool(onset_offset)),
        "onset_offset": onset_offset,
        "filepath": f"audio/{name}-{k}.wav",
        "source": f"prompt {name}",
        **more,
    }


def test_what_is_written_is_read(tmp_path):
    rows = {
        "train": [row("t", 0, [(1.25, 2.5)], method="splice", speaker="june", language="en"), row("t", 1, [])],
        "validation": [row("v", 0, [(0.1, 0.2), (np.float64(3), 4)], method="reversal"), row("v", 1, [])],
        "zeroshot": [row("z", 0, [[8, 12]], method="vocoded")],
    }
    for name, listed in rows.items():
        write_metadata(tmp_path / "meta_data" / f"{name}.json", listed)
        for entry in listed:
            (tmp_path / "audio").mkdir(exist_ok=True)
            sf.write(tmp_path / entry["filepath"], np.zeros(400), 40)
    (train, _) = json.loads((tmp_path / "meta_data" / "train.json").read_text())["audios"]
    assert train == {**rows["train"][0], "onset_offset": "1.25_2.5"}
    assert [e["onset_offset"] for e in json.loads((tmp_path / "meta_data/validation.json").read_text())["audios"]] == [
        [[0.1, 0.2], [3.0, 4.0]],
        "0_0",
    ]
    corpus, regions = load_fakesound(tmp_path)
    corpus = corpus.set_index("clip")
    assert corpus["split"].tolist() == ["training", "training", "validation", "validation", "testing"]
    assert corpus["group"].tolist() == ["prompt t", "prompt t", "prompt v", "prompt v", "prompt z"]
    assert corpus.loc["audio/t-0.wav", ["generator", "speaker", "language"]].tolist() == ["splice", "june", "en"]
    assert corpus.loc["audio/v-1.wav", ["generator", "speaker"]].tolist() == ["human", "unknown"]
    assert regions.values.tolist() == [
        ["audio/t-0.wav", 1.25, 2.5, "splice"],
        ["audio/v-0.wav", 0.1, 0.2, "reversal"],
        ["audio/v-0.wav", 3, 4, "reversal"],
        ["audio/z-0.wav", 8, 10, "vocoded"],  # cut at the end of the clip
    ]


def test_a_row_that_could_not_be_read_is_not_written(tmp_path):
    path = tmp_path / "train.json"
    with pytest.raises(FakeOrRealError, match=r"0 <= onset < offset.*Received: '3\.0_1\.0' for t-0"):
        write_metadata(path, [row("t", 0, [(3, 1)])])
    assert not list(tmp_path.iterdir())


def test_a_method_that_nobody_states(tmp_path):
    corpus, regions = load_fakesound(write(tmp_path, {"easy": [row("e", 0, "1_2")]}))
    assert corpus["generator"].tolist() == regions["method"].tolist() == ["unknown"]


@pytest.mark.parametrize("shared", ["t", "u"])  # one of the two is drawn as validation
def test_a_source_in_two_splits(tmp_path, shared):
    folder = write(tmp_path, {"train": [row("t", 0, "1_2"), row("u", 0, "1_2")], "easy": [row(shared, 1, "1_2")]})
    with pytest.raises(FakeOrRealError, match=rf"1 groups are in more than one split, the first is 'prompt {shared}'"):
        load_fakesound(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label": 2}, r"`label` must be 0 \(real\) or 1 \(fake\)\. Received: 2 for e-0"),
        ({"label": "1"}, r"`label` must be 0 .* Received: '1' for e-0"),
        ({"label": 0}, r"a fake needs `onset_offset`.* Received: '1_2' for e-0"),
        ({"onset_offset": "0_0"}, r"a fake needs .* Received: '0_0' for e-0"),
        ({"onset_offset": "1.2"}, r"a fake needs .* Received: '1\.2' for e-0"),
        ({"onset_offset": "2_1"}, r"a fake needs .* Received: '2_1' for e-0"),
        ({"onset_offset": [[1, 2], [3]]}, r"a fake needs .* Received: \[\[1, 2\], \[3\]\] for e-0"),
        ({"onset_offset": 7}, r"a fake needs .* Received: 7 for e-0"),
        ({"onset_offset": "10_11"}, r"a region must begin before its clip ends\. Received: 10 to 11 in audio/e-0\.wav"),
        ({"onset_offset": [[1, 2]], "source": None}, r"`source` must be stated where .* Received: None for e-0"),
        ({"filepath": "../e.wav"}, r"`filepath` must lie below the folder\. Received: '\.\./e\.wav' for e-0"),
        ({"filepath": "/e.wav"}, r"`filepath` must lie below the folder\. Received: '/e\.wav' for e-0"),
        ({"filepath": ""}, r"`filepath` must lie below the folder\. Received: '' for e-0"),
    ],
)
def test_an_entry_that_cannot_be_believed(tmp_path, change, message):
    folder = write(tmp_path / "data", {"easy": [row("e", 0, "1_2")]})
    (folder / "meta_data" / "easy.json").write_text(json.dumps({"audios": [{**row("e", 0, "1_2"), **change}]}))
    with pytest.raises(FakeOrRealError, match=message):
        load_fakesound(folder)


def test_a_clip_listed_twice(tmp_path):
    folder = write(tmp_path, {"easy": [row("e", 0, "1_2")] * 2})
    with pytest.raises(FakeOrRealError, match=r"clip audio/e-0\.wav is listed twice"):
        load_fakesound(folder)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"audios": 3}', '{"audios": ["e"]}', "\udcff", "[" * 100_000])
def test_a_listing_that_is_none(tmp_path, text):
    (tmp_path / "meta_data").mkdir()
    (tmp_path / "meta_data" / "easy.json").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(FakeOrRealError, match=r'easy\.json: cannot be read .* It must be JSON, \{"audios"'):
        load_fakesound(tmp_path)


def test_an_entry_without_a_key(tmp_path):
    (tmp_path / "meta_data").mkdir()
    (tmp_path / "meta_data" / "easy.json").write_text('{"audios": [{"audio_id": "x", "label": 1}]}')
    with pytest.raises(FakeOrRealError, match=r"an entry needs .*; missing: onset_offset, filepath"):
        load_fakesound(tmp_path)
