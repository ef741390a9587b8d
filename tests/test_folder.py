"""Folders of one's own: with a manifest, with sub-folders, and with everything that can be wrong in them."""

import pytest

from fakeorreal.corpora.corpus import COLUMNS
from fakeorreal.corpora.folder import load_folder
from fakeorreal.errors import FakeOrRealError

HEADER = "file,split,label,source,system,family,speaker,utterance,language,group"
FULL = [
    "a/1.wav,training,real,page,human (gt),real,LJ,u1,en,",
    "a/2.wav,training,fake,page,hifigan,GAN vocoder,LJ,u1,en,",
    "b/3.wav,Validation,BonaFide,crowd,,,,,,",
    "b/4.wav,testing,Spoof,other,,,,u1,,",
    "b/5.wav,testing,FAKE,,x,,,,,g7",
]


@pytest.fixture
def make_folder(tmp_path):
    """Function (lines, files=...) -> folder with a manifest of these lines, and empty files of these names."""

    def make(lines, files=("a/1.wav", "a/2.wav", "b/3.wav", "b/4.wav", "b/5.wav"), header=HEADER):
        for name in files:
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).touch()
        (tmp_path / "manifest.csv").write_text("\n".join([header, *lines]))
        return tmp_path

    return make


# With a manifest


def test_a_full_manifest(make_folder):
    folder = make_folder(FULL)
    corpus = load_folder(folder)
    assert tuple(corpus.columns) == (*COLUMNS, "source", "family")
    assert corpus["clip"].tolist() == ["a/1.wav", "a/2.wav", "b/3.wav", "b/4.wav", "b/5.wav"]
    assert corpus["path"].tolist() == [str(folder / clip) for clip in corpus["clip"]]
    assert corpus["label"].tolist() == [0, 1, 0, 1, 1]
    assert corpus["split"].tolist() == ["training", "training", "validation", "testing", "testing"]
    # source and utterance; the file where no utterance is stated; what the manifest says
    assert corpus["group"].tolist() == ["page/u1", "page/u1", "b/3.wav", "other/u1", "g7"]
    assert corpus["source"].tolist() == ["page", "page", "crowd", "other", "unknown"]
    assert corpus["generator"].tolist() == ["human", "hifigan", "human", "unknown", "x"]
    assert corpus["family"].tolist() == ["human", "GAN vocoder", "human", "unknown", "unknown"]
    assert corpus["speaker"].tolist() == ["LJ", "LJ", "unknown", "unknown", "unknown"]
    assert corpus["language"].tolist() == ["en", "en", "unknown", "unknown", "unknown"]


def test_three_columns_are_enough(make_folder):
    corpus = load_folder(make_folder(["a/1.wav,testing,real", "a/2.wav,testing,fake"], header="file,split,label"))
    assert corpus["group"].tolist() == corpus["clip"].tolist() == ["a/1.wav", "a/2.wav"]
    assert corpus["source"].eq("unknown").all() and corpus["generator"].tolist() == ["human", "unknown"]


def test_order_spaces_further_columns_and_a_byte_order_mark_do_not_matter(make_folder):
    folder = make_folder(["real , 3 ,a/../a/1.wav, testing"], header="\ufefflabel,seconds,file,split")
    (row,) = load_folder(folder).to_dict("records")
    assert (row["clip"], row["label"], row["split"]) == ("a/1.wav", 0, "testing")


def test_files_that_are_not_there_are_counted_and_left_out(make_folder):
    folder = make_folder(FULL, files=["a/1.wav", "b/3.wav", "b/4.wav"])
    with pytest.warns(UserWarning) as caught:
        corpus = load_folder(folder)
    assert corpus["clip"].tolist() == ["a/1.wav", "b/3.wav", "b/4.wav"]
    (warning,) = caught
    assert warning.filename == __file__
    assert str(warning.message) == (
        f"{folder / 'manifest.csv'}: 2 of 5 files are not there and are left out "
        "(testing fake 1, training fake 1), the first is a/2.wav."
    )


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["a/1.wav,testing,synthetic", "a/2.wav,testing,7"], r"`label` .*'synthetic' for a/1.wav \(2 such lines\)"),
        (["a/1.wav,test,real"], r"`split` must be one of training, validation, testing. Received: 'test' for a/1.wav"),
        (["a/1.wav,,real"], "`split` .* Received: '' for a/1.wav"),
        (["../a/1.wav,testing,real"], r"below the folder .*'../a/1.wav'"),
        (["a/../../x.wav,testing,real"], "below the folder"),
        (["/etc/passwd,testing,real"], "below the folder .*'/etc/passwd'"),
        ([",testing,real"], "below the folder .*''"),
        (["a/1.wav,testing,real", "./a/1.wav,testing,fake"], r"clip a/1.wav is listed twice"),
        (["x/1.wav,testing,real", "y.wav,testing,fake"], r"none of the 2 files is there, the first is x/1.wav"),
        ([], "lists no file"),
        (["a/1.wav,testing,real", "a/2.wav,testing,fake,a,b,c"], "cannot be read"),
    ],
)
def test_what_is_wrong_is_said_of_the_manifest(make_folder, lines, message):
    folder = make_folder(lines, header="file,split,label")
    with pytest.raises(FakeOrRealError, match=message) as error:
        load_folder(folder)
    assert str(error.value).startswith(f"{folder / 'manifest.csv'}: ")


def test_missing_column(make_folder):
    with pytest.raises(FakeOrRealError, match=r"Missing: split, label\. Received: file, class\."):
        load_folder(make_folder(["a/1.wav,real"], header="file,class"))


@pytest.mark.parametrize("data", [b"", b"\xff\xfe\x00", b"file,split,label\n\xe9.wav,testing,real\n"])
def test_a_manifest_that_is_no_utf_8_table(tmp_path, data):
    (tmp_path / "manifest.csv").write_bytes(data)
    with pytest.raises(FakeOrRealError, match=r"cannot be read \(.*\). Save it as CSV in UTF-8"):
        load_folder(tmp_path)


def test_a_group_in_two_splits_is_a_leak(make_folder):
    lines = ["a/1.wav,training,real,page,u1", "a/2.wav,testing,fake,page,u1"]
    with pytest.raises(FakeOrRealError, match=r"manifest.csv: 1 groups .* 'page/u1'"):
        load_folder(make_folder(lines, header="file,split,label,source,utterance"))
    # the same name of an utterance in another source is another utterance; a source may be cut by its utterances
    for lines in (
        ["a/1.wav,training,real,page,u1", "a/2.wav,testing,fake,else,u1"],
        ["a/1.wav,training,real,page,u1", "a/2.wav,testing,fake,page,u2"],
    ):
        assert len(load_folder(make_folder(lines, header="file,split,label,source,utterance"))) == 2


def test_links_to_clips_elsewhere_are_followed(make_folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "1.wav"
    elsewhere.touch()
    folder = make_folder(["c.wav,testing,real"], header="file,split,label")
    (folder / "c.wav").symlink_to(elsewhere)
    assert load_folder(folder)["path"].tolist() == [str(folder / "c.wav")]


# With sub-folders


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_sub_folders_of_classes_are_testing(tmp_path):
    touch(tmp_path, "real/1.wav", "Real/deep/er/2.FLAC", "SPOOF/3.mp3", "fake/notes.txt", "real/.hidden.wav", "4.wav")
    corpus = load_folder(tmp_path)
    assert dict(zip(corpus["clip"], corpus["label"], strict=True)) == {
        "real/1.wav": 0, "Real/deep/er/2.FLAC": 0, "SPOOF/3.mp3": 1,
    }  # fmt: skip
    assert corpus["split"].eq("testing").all() and corpus["group"].tolist() == corpus["clip"].tolist()
    assert corpus["generator"].tolist() == ["human", "unknown", "human"]


def test_sub_folders_of_splits(tmp_path):
    touch(tmp_path, "training/real/1.wav", "Validation/fake/1.wav", "testing/bonafide/2.wav", "other/real/3.wav")
    corpus = load_folder(tmp_path).set_index("clip")
    assert corpus["split"].to_dict() == {
        "training/real/1.wav": "training", "Validation/fake/1.wav": "validation", "testing/bonafide/2.wav": "testing",
    }  # fmt: skip


def test_nothing_to_load(tmp_path):
    with pytest.raises(FakeOrRealError, match="nowhere: no such folder"):
        load_folder(tmp_path / "nowhere")
    touch(tmp_path, "1.wav", "real/notes.txt")
    with pytest.raises(FakeOrRealError, match=f"^{tmp_path}: holds neither manifest.csv nor audio"):
        load_folder(tmp_path)
