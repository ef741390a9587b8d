import numpy as np
import pytest
import soundfile as sf
from signals import SR
from test_audio_fingerprints import babble

from fakeorreal import channels, duplicates
from fakeorreal.corpora.corpus import make_corpus
from fakeorreal.duplicates import find_duplicates, leaks
from fakeorreal.errors import FakeOrRealError

SPLITS = {"a": "training", "b": "training", "c": "validation", "d": "testing", "e": "testing"}


@pytest.fixture
def write(tmp_path):
    """Function ``(name, y, sr=SR, **options)`` that writes a file of samples of 16 bit."""

    def make(name, y, sr=SR, **options):
        sf.write(tmp_path / name, np.round(y * 32768).astype(np.int16), sr, **options)

    return make


@pytest.fixture
def table(tmp_path):
    """Function ``()`` -> corpus of the files written; the first letter of a name is its group."""

    def make():
        files = sorted(path for path in tmp_path.iterdir() if path.is_file())
        return make_corpus(
            {"clip": f.name, "path": str(f), "label": 0, "split": SPLITS[f.name[0]], "group": f.name[0]} for f in files
        )

    return make


@pytest.fixture
def find(tmp_path):
    return lambda corpus, n_jobs=1: find_duplicates(corpus, folder=tmp_path / "kept", n_jobs=n_jobs, progress=False)


def found(pairs):
    return {(row.clip_a, row.clip_b): row.kind for row in pairs.itertuples()}


@pytest.fixture
def planted(write, table):
    """Five recordings; of the first a copy of each kind, of the second one in another split."""
    sounds = [babble(2.5, seed) for seed in range(5)]
    for name, y in zip("abcde", sounds, strict=True):
        write(f"{name}.wav", y)
    write("a-bytes.wav", sounds[0])
    write("a-samples.flac", sounds[0])
    write("a-samples-later.wav", np.r_[np.zeros(1600), sounds[0], np.zeros(800)], subtype="PCM_24")
    write("a-stereo.wav", np.column_stack([sounds[0], sounds[0]]))
    write("a-cut.ogg", sounds[0][4000:36000])
    write("d-near.wav", channels.g722(sounds[1]) / 2)
    return table()


def test_each_kind_is_found_and_nothing_else(planted, find):
    result = find(planted)
    assert result.failed.empty and list(result.failed) == ["clip", "reason"]
    assert found(result.pairs) == {
        ("a-bytes.wav", "a.wav"): "bytes",
        ("a-bytes.wav", "a-samples.flac"): "samples",
        ("a-bytes.wav", "a-samples-later.wav"): "samples",
        ("a-bytes.wav", "a-stereo.wav"): "samples",
        ("a-bytes.wav", "a-cut.ogg"): "near",
        ("b.wav", "d-near.wav"): "near",
    }
    pairs = result.pairs.set_index("clip_b")
    assert list(pairs) == [
        "clip_a",
        "kind",
        "offset",
        "score",
        *(f"{c}_{s}" for c in ("label", "split", "group") for s in "ab"),
    ]
    exact = pairs[pairs["kind"] != "near"]
    assert (exact["score"] == 1).all()
    assert exact["offset"].to_dict() == {
        "a.wav": 0,
        "a-samples.flac": 0,
        "a-samples-later.wav": -0.1,
        "a-stereo.wav": 0,
    }
    assert pairs.loc["a-cut.ogg", "offset"] == pytest.approx(0.25, abs=0.02)
    assert pairs.loc["d-near.wav", ["split_a", "split_b", "group_a", "group_b"]].tolist() == [
        "training",
        "testing",
        "b",
        "d",
    ]


def test_leaks_are_across_splits_or_groups(planted, find):
    pairs = find(planted).pairs
    assert found(leaks(pairs)) == {("b.wav", "d-near.wav"): "near"}
    assert found(leaks(pairs.assign(split_b="training"))) == {("b.wav", "d-near.wav"): "near"}
    assert found(leaks(pairs.assign(split_b="training", group_b=pairs["group_a"]))) == {}


def test_the_result_does_not_depend_on_the_number_of_processes(planted, find, tmp_path):
    one = find(planted)
    two = find_duplicates(planted, folder=tmp_path / "other", n_jobs=2, progress=False)
    assert one.pairs.equals(two.pairs)


def test_second_run_computes_nothing_and_new_clips_are_added(planted, find, monkeypatch):
    seen = []
    examine = duplicates._examine
    monkeypatch.setattr(duplicates, "_examine", lambda path, *stretch: seen.append(path) or examine(path, *stretch))
    find(planted[planted["group"] != "a"])
    assert len(seen) == 5
    first = find(planted)
    assert len(seen) == 5 + 5  # a-bytes.wav and a.wav are one content
    assert find(planted).pairs.equals(first.pairs) and len(seen) == 10


def test_half_a_block_is_computed_again(planted, find, tmp_path):
    first = find(planted)
    blocks = sorted((tmp_path / "kept").rglob("*.npy"))
    blocks[0].unlink()
    blocks[1].with_suffix(".json").unlink()
    blocks[1].write_bytes(b"half")
    duplicates._open.cache_clear()
    assert find(planted).pairs.equals(first.pairs)
    assert {p.suffix for p in blocks[0].parent.iterdir()} == {".npy", ".json"}


def test_bad_files_are_named_and_passed_over(write, table, tmp_path, find):
    for name in ("a.wav", "b.wav"):
        write(name, babble(1, 1))
    for name in ("c.wav", "d.mp3", "e.wav"):
        (tmp_path / name).write_bytes(b"no sound")
    corpus = table()
    (tmp_path / "e.wav").unlink()
    for _ in range(2):
        result = find(corpus)
        assert found(result.pairs) == {("a.wav", "b.wav"): "bytes"}
        assert result.failed["clip"].tolist() == ["c.wav", "d.mp3", "e.wav"]
        for reason, word in zip(result.failed["reason"], ["decoded", "decoded", "opened"], strict=True):
            assert word in reason
    result = find(corpus[2:])
    assert result.pairs.empty and len(result.failed) == 3


def test_silence_is_nobodys_copy_but_by_its_bytes(write, table, find):
    for name, seconds in (("a.wav", 1), ("b.wav", 1), ("c.wav", 2)):
        write(name, np.zeros(seconds * SR))
    assert found(find(table()).pairs) == {("a.wav", "b.wav"): "bytes"}


def test_the_rate_is_part_of_the_samples(write, table, find):
    y = babble(1, 1)
    write("a.wav", y)
    write("b.wav", y, sr=SR // 2)
    assert find(table()).pairs.empty


def test_windows_of_a_file_are_clips_of_their_own(write, table, find):
    write("a.wav", babble(4, 1))
    write("b.wav", babble(4, 1)[: 2 * SR])
    corpus = table().iloc[[0, 0, 1]].reset_index(drop=True)
    corpus["clip"], corpus["start"], corpus["end"] = ["a#0", "a#1", "b"], [0.0, 2.0, 0.0], [2.0, 4.0, np.nan]
    assert found(find(corpus).pairs) == {("a#0", "b"): "samples"}


def test_a_channel_makes_no_copy_but_another_split_does(write, table, find):
    write("a.wav", babble(1, 1))
    corpus = table().iloc[[0, 0, 0]].reset_index(drop=True)
    corpus["clip"], corpus["channel"], corpus["split"] = (
        ["a", "a+aug", "a?"],
        ["", "mp3", ""],
        ["training"] * 2 + ["testing"],
    )
    assert found(find(corpus).pairs) == {("a", "a?"): "bytes"}


def test_no_clips_are_an_error(planted, find):
    with pytest.raises(FakeOrRealError, match="0 clips"):
        find(planted[:0])


def test_progress_goes_to_standard_error(planted, tmp_path, capsys):
    find_duplicates(planted, folder=tmp_path / "kept", n_jobs=1)
    out, err = capsys.readouterr()
    assert out == "" and "fingerprints" in err and "10/10" in err
