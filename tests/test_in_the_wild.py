"""In-the-Wild: its folder, its listing, and everything that can be wrong in them."""

import warnings

import numpy as np
import pandas as pd
import pytest
import soundfile as sf

from fakeorreal.corpora.corpus import COLUMNS
from fakeorreal.corpora.in_the_wild import BIBTEX, FOLDER, HELD_OUT, KNOWN_COUNTS, count_clips, load_in_the_wild
from fakeorreal.errors import FakeOrRealError

META = """file,speaker,label
0.wav,Alec Guinness,spoof
1.wav,Alec Guinness,bona-fide
2.wav,Barack Obama,spoof
10.wav,"Martin Luther King, Jr.",bona-fide
"""


@pytest.fixture
def make_folder(tmp_path):
    """Function (meta=META, files=those of META) -> the folder ``release_in_the_wild``."""

    def make(meta=META, files=("0.wav", "1.wav", "2.wav", "10.wav")):
        folder = tmp_path / FOLDER
        folder.mkdir()
        (folder / "meta.csv").write_text(meta, encoding="utf-8")
        for name in files:
            sf.write(folder / name, np.zeros(160), 16000)
        return folder

    return make


def test_the_published_layout(make_folder):
    folder = make_folder()
    (folder / "attribution.txt").touch()
    (folder / "unlisted.wav").touch()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        corpus = load_in_the_wild(folder)
    assert tuple(corpus.columns) == COLUMNS
    assert corpus["clip"].tolist() == [f"release_in_the_wild/{k}.wav" for k in (0, 1, 10, 2)]
    assert corpus["path"].tolist() == [str(folder / f"{k}.wav") for k in (0, 1, 10, 2)]
    assert corpus["label"].tolist() == [1, 0, 0, 1]
    assert corpus["speaker"].tolist() == [*["Alec Guinness"] * 2, "Martin Luther King, Jr.", "Barack Obama"]
    assert corpus["generator"].tolist() == ["unknown", "human", "human", "unknown"]
    assert corpus["group"].equals(corpus["clip"])
    assert corpus["split"].eq("testing").all() and corpus["language"].eq("en").all()
    pd.testing.assert_frame_equal(load_in_the_wild(folder.parent), corpus)


def test_listings_of_other_hands(make_folder):
    folder = make_folder(
        "\ufefflabel,file,speaker,numeric_label\nBonafide, 0.wav,Zoë,0\nSPOOF ,1.wav,Zoë,1\n\nfake,2.wav,Bo,1\n",
        ["0.wav", "1.wav", "2.wav"],
    )
    corpus = load_in_the_wild(folder)
    assert corpus["label"].tolist() == [0, 1, 1]
    assert corpus["speaker"].tolist() == ["Zoë", "Zoë", "Bo"]


def test_files_that_are_not_there_are_named_and_left_out(make_folder):
    folder = make_folder(files=["1.wav", "10.wav"])
    with pytest.warns(UserWarning, match=r"2 of 4 files are not there and are left out: 0\.wav, 2\.wav\.$") as caught:
        corpus = load_in_the_wild(folder)
    assert len(caught) == 1 and caught[0].filename == __file__
    assert corpus["clip"].tolist() == ["release_in_the_wild/1.wav", "release_in_the_wild/10.wav"]


def test_many_absent_files_are_not_all_named(make_folder):
    folder = make_folder(META + "".join(f"x{k:02d}.wav,Bo,spoof\n" for k in range(12)))
    with pytest.warns(UserWarning, match=r"12 of 16 files .*x09\.wav …\.$"):
        load_in_the_wild(folder)


def test_none_is_there(make_folder):
    with pytest.raises(FakeOrRealError, match=r"none of the 4 files of meta\.csv is there, the first is 0\.wav"):
        load_in_the_wild(make_folder(files=[]))


@pytest.mark.parametrize("function", [load_in_the_wild, count_clips])
def test_no_listing(tmp_path, function):
    (tmp_path / FOLDER).mkdir()
    with pytest.raises(FakeOrRealError, match=r"holds no meta\.csv, nor a folder release_in_the_wild that does"):
        function(tmp_path)
    with pytest.raises(FakeOrRealError, match=r"nowhere: holds no meta\.csv"):
        function(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("meta", "message"),
    [
        ("", r"meta\.csv: cannot be read \(No columns to parse from file\)"),
        ("file,speaker,label\n0.wav,a,spoof,1\n1.wav,b\n2.wav,a,spoof,3,4\n", r"meta\.csv: cannot be read \("),
        ("file,name,class\n0.wav,a,spoof\n", r"needs the columns file, speaker, label\. Missing: speaker, label\."),
        ("file,speaker,label\n", r"needs clips, each with .* Empty in places: file, speaker, label\."),
        ("file,speaker,label\n0.wav, ,spoof\n1.wav,a,spoof\n", r"needs clips, each with .* Empty in places: speaker\."),
        (
            "file,speaker,label\n0.wav,a,spoof\n1.wav,a,maybe\n2.wav,a,1\n",
            r"`label` must be bona-fide or spoof\. Received: 'maybe' for 1\.wav \(2 such lines\)",
        ),
        ("file,speaker,label\n0.wav,a,spoof\n0.wav,a,bona-fide\n", r"lists 0\.wav twice"),
    ],
    ids=["empty", "ragged", "columns", "no line", "no speaker", "label", "twice"],
)
def test_a_listing_that_cannot_be_believed(make_folder, meta, message):
    folder = make_folder(meta)
    for function in (load_in_the_wild, count_clips):
        with pytest.raises(FakeOrRealError, match=message):
            function(folder)


def test_a_listing_in_another_encoding(make_folder):
    folder = make_folder()
    (folder / "meta.csv").write_bytes("file,speaker,label\n0.wav,Zoë,spoof\n".encode("latin-1"))
    with pytest.raises(FakeOrRealError, match="Save it as CSV in UTF-8"):
        load_in_the_wild(folder)


# Counts


def test_counts_by_hand(make_folder):
    table = count_clips(make_folder(files=["1.wav", "2.wav"])).set_index("what")
    assert table["listed"].to_dict() == {
        **{"clips": 4, "real": 2, "fake": 2, "speakers": 3},
        **{"Alec Guinness, real": 1, "Alec Guinness, fake": 1},
    }
    assert table["there"].tolist() == [2, 1, 1, 2, 1, 0]
    assert table["expected"].to_dict() == KNOWN_COUNTS


def test_counts_of_a_whole_listing(make_folder):
    """A listing of the size of the genuine one; its other speakers take turns."""
    labels = ["bona-fide"] * 1_907 + ["spoof"] * 1_718 + ["bona-fide"] * 18_056 + ["spoof"] * 10_098
    speakers = [HELD_OUT] * 3_625 + [f"speaker {k % 53}" for k in range(28_154)]
    lines = [f"{k}.wav,{speaker},{label}" for k, (speaker, label) in enumerate(zip(speakers, labels, strict=True))]
    table = count_clips(make_folder("\n".join(["file,speaker,label", *lines])))
    assert table["listed"].equals(table["expected"])
    assert table["there"].tolist() == [4, 4, 0, 1, 4, 0]


def test_facts():
    assert KNOWN_COUNTS["real"] + KNOWN_COUNTS["fake"] == KNOWN_COUNTS["clips"]
    assert KNOWN_COUNTS["Alec Guinness, real"] + KNOWN_COUNTS["Alec Guinness, fake"] == 3_625
    assert BIBTEX.count("{") == BIBTEX.count("}") and 'M{\\"u}ller' in BIBTEX and "Interspeech 2022" in BIBTEX
