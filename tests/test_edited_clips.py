"""The embedded counterpart of FakeSound, built from synthesised packages."""

import json
import shutil
from collections import Counter

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
from signals import SR
from test_prompts import APT_GET, DPKG_DEB, put_on_path, write_texts
from test_prompts_build import ENGLISH, FRENCH, TELEPHONE, encode_g722

from fakeorreal.corpora import edited_clips, edited_pairs, load_fakesound, prompts, prompts_build
from fakeorreal.corpora.edited_clips import MUSIC, MUSIC_PACKAGE, PAIRS, choose_takes
from fakeorreal.corpora.edited_pairs import SETS, UNSEEN
from fakeorreal.corpora.prompts import fetch_packages
from fakeorreal.errors import FakeOrRealError

# Seconds of each prompt; names whose digests put "validate…" into validation and no other. Two fill a clip.
PROMPTS = {
    ENGLISH: {**{f"train{k}": 3.4 for k in range(4)}, "train5": 5.0, "validate8": 3.4, "validate15": 3.4},
    TELEPHONE: {"train0": 8.0},
    FRENCH: {f"test{k}": 3.4 for k in range(6)},
}
PIECES = {"reno_project-system": 21.0, "manolo_camp-morning_coffee": 11.0, "macroform-cold_day": 26.0}
COUNTS = {subset: (1, 1) if subset in ("train", "hard") else (1, 0) for subset in SETS}
COLUMNS = ["pair", "set", "source", "recordings", "speaker", "language", "package", "licence", "attribution"]


@pytest.fixture(scope="module")
def share(tmp_path_factory, make_speech):
    """Packages with speech and music: see PROMPTS and PIECES; the other pieces are as short as the shortest."""
    share = tmp_path_factory.mktemp("share")
    for package in (*prompts.PACKAGES, MUSIC_PACKAGE):
        (share / "doc" / package).mkdir(parents=True)
        (share / "doc" / package / "copyright").write_text(f"licence of {package}")
    for k, (source, seconds_of) in enumerate(PROMPTS.items()):
        write_texts(share, source.language, [f"{name}: The sentence {name}." for name in seconds_of])
        for j, (name, seconds) in enumerate(seconds_of.items()):
            path = share / "asterisk" / "sounds" / source.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if source.telephone:
                sf.write(path.with_suffix(".wav"), make_speech(seconds, 8000, seed=j), 8000)
            else:
                path.with_suffix(".g722").write_bytes(encode_g722(make_speech(seconds, SR, f0=120 + 40 * k, seed=j)))
    (share / "asterisk" / "moh").mkdir()
    for k, piece in enumerate(sorted({stretch.piece for stretches in MUSIC.values() for stretch in stretches})):
        y = make_speech(PIECES.get(piece, 10.0), SR, f0=300 + 10 * k, seed=k)
        (share / "asterisk" / "moh" / f"{piece}.g722").write_bytes(encode_g722(y))
    return share


@pytest.fixture(autouse=True)
def packages(monkeypatch, share):
    monkeypatch.setattr(prompts, "SOURCES", tuple(PROMPTS))
    monkeypatch.setattr(prompts, "fetch_packages", lambda folder, packages=prompts.PACKAGES: share)


def build(root, pairs=None):
    return edited_clips.build(root, pairs=pairs or COUNTS, n_jobs=1, progress=False)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A cache for the one build that most tests look at."""
    return tmp_path_factory.mktemp("whole") / "data" / "edited-clips"


@pytest.fixture
def root(whole, packages):
    build(whole)
    return whole


def chosen(share, pairs):
    takes = choose_takes(prompts.plan(share), share, {name: (0, 0) for name in SETS} | pairs)
    return {name: [take for of_set, take in takes if of_set == name] for name in SETS}


def wavs(root):
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*.wav")}


# Which clips there are


def test_speech_is_of_whole_prompts_each_in_one_clip(share):
    takes = chosen(share, {name: (1, 0) for name in SETS} | {"train": (2, 0)})
    used = [path for of_set in takes.values() for take in of_set for path in take.paths]
    assert len(used) == len(set(used)) and not any("menardi" in str(path).lower() for path in used)
    for name, of_set in takes.items():
        for take in of_set:
            seconds = [PROMPTS[FRENCH if "fr_" in str(p) else ENGLISH][p.stem] for p in take.paths]
            assert 6 <= sum(seconds) <= 10 and len({path.parent for path in take.paths}) == 1
            prefix = {"train": "train", "validation": "validate"}.get(name, "test")
            assert all(path.stem.startswith(prefix) for path in take.paths)


def test_music_is_cut_every_ten_seconds(share):
    takes = chosen(share, {"train": (0, 3), "validation": (0, 1), "easy": (0, 1), "hard": (0, 1), "zeroshot": (0, 1)})
    found = [(take.paths[0].stem, take.start / SR) for of_set in takes.values() for take in of_set]
    assert found == [
        *(("reno_project-system", 0), ("macroform-the_simplicity", 0), ("reno_project-system", 10)),
        *(("manolo_camp-morning_coffee", 0), ("macroform-robot_dity", 0)),
        *(("macroform-cold_day", 0), ("macroform-cold_day", 13)),
    ]


def test_pieces_are_whole_in_their_set_but_for_one():
    sets_of = {}
    for name, stretches in MUSIC.items():
        for stretch in stretches:
            sets_of.setdefault(stretch.piece, []).append((name, stretch.first, stretch.last))
    assert len(sets_of) == 5
    cut = sets_of.pop("macroform-cold_day")
    assert [name for name, *_ in cut] == ["hard", "zeroshot"] and cut[0][2] < cut[1][1]
    assert all(len(parts) == 1 and parts[0][1:] == (0, 1) for parts in sets_of.values())


@pytest.mark.parametrize(("pairs", "received"), [({"train": (9, 0)}, "speech.*9"), ({"easy": (0, 5)}, "music.*5")])
def test_more_than_there_are(share, pairs, received):
    with pytest.raises(FakeOrRealError, match=rf"can have \d pairs of {received}\. Take fewer"):
        chosen(share, pairs)


def test_donors_are_other_clips_of_the_voice_in_the_set(share, tmp_path):
    takes = [
        (name, take) for name, of_set in chosen(share, {"train": (2, 3), "easy": (2, 0)}).items() for take in of_set
    ]
    jobs = edited_clips._jobs(takes, tmp_path)
    assert [donor and donor.key for _, donor, *_ in jobs[2:5]] == [
        "reno_project-system-010s",
        None,
        "reno_project-system-000s",
    ]
    for take, donor, subset, *_ in jobs:
        if donor:
            assert donor != take and donor.voice == take.voice and (subset, donor) in takes
    assert [turn for *_, turn, _ in jobs] == [0, 1, 2, 3, 4, 0, 1]  # each set by itself


def test_the_numbers_at_full_size():
    pairs = pd.DataFrame(PAIRS, index=["speech", "music"])
    assert list(pairs) == list(SETS)
    assert pairs.sum().to_dict() == {"train": 120, "validation": 20, "easy": 20, "hard": 20, "zeroshot": 60}
    assert (pairs.loc["speech"] / pairs.sum()).between(0.6, 0.8).all()


# What is built


def test_the_music_is_fetched_by_itself(tmp_path, monkeypatch):
    monkeypatch.setattr(prompts, "INSTALLED", tmp_path / "usr" / "share")
    put_on_path(monkeypatch, tmp_path / "bin", apt_get=APT_GET, dpkg_deb=DPKG_DEB)
    share = fetch_packages(tmp_path / "music", (MUSIC_PACKAGE,))
    assert (tmp_path / "music" / "asked.txt").read_text().split() == [MUSIC_PACKAGE]
    assert (share / "doc" / MUSIC_PACKAGE / "copyright").is_file()


def test_files_and_listing(root):
    table = pd.read_csv(root / "sources.csv", dtype=str)
    assert list(table) == COLUMNS
    assert Counter(table["set"]) == {name: sum(counts) for name, counts in COUNTS.items()}
    assert {p.name for p in root.iterdir()} == {
        *("audio", "meta_data", "licences", "sources.csv", "left_out.txt", "build.json")
    }
    assert (root / "left_out.txt").read_text() == ""
    assert sorted(p.stem for p in (root / "licences").iterdir()) == sorted((*prompts.PACKAGES, MUSIC_PACKAGE))
    assert set(wavs(root)) == {f"audio/{pair}-{word}.wav" for pair in table["pair"] for word in ("real", "fake")}
    music = table[table["package"] == MUSIC_PACKAGE]
    assert dict(zip(music["set"], music["speaker"], strict=True)) == {
        "train": "Reno Project",
        "hard": "Paul Shuler (Macroform)",
    }
    assert set(music["licence"]) == {"CC-BY-SA-3.0"} and table.notna().all(axis=None)


def test_it_loads_as_fakesound(root):
    corpus, regions = load_fakesound(root)
    table = pd.read_csv(root / "sources.csv").set_index("pair")
    pair = corpus["clip"].str.removeprefix("audio/").str.rsplit("-", n=1).str[0]
    for column, listed in (("group", "source"), ("speaker", "speaker"), ("language", "language")):
        assert corpus[column].tolist() == table.loc[pair, listed].tolist()
    assert corpus.groupby("split").size().to_dict() == {"training": 4, "validation": 2, "testing": 8}
    testing = corpus["split"] == "testing"
    spoken = corpus[corpus["language"] != "none"]
    assert not set(spoken.loc[testing, "speaker"]) & set(spoken.loc[~testing, "speaker"])
    methods = regions.merge(corpus[["clip", "test_set"]], on="clip")
    assert set(methods.loc[methods["test_set"] == "zeroshot", "method"]) == {UNSEEN}
    assert UNSEEN not in set(methods.loc[methods["test_set"] != "zeroshot", "method"])


def test_the_source_comes_through(root, share):
    table = pd.read_csv(root / "sources.csv")
    for row in table[table["set"].isin(["train", "hard"])].itertuples():
        folder = "moh" if row.package == MUSIC_PACKAGE else "sounds"
        paths = [next((share / "asterisk" / folder).rglob(name)) for name in row.recordings.split()]
        original = np.concatenate([prompts_build.read_recording(path) for path in paths])[: 10 * SR]
        clip = sf.read(root / "audio" / f"{row.pair}-real.wav")[0]
        assert len(clip) == len(original) and np.corrcoef(clip, original)[0, 1] > 0.99


# Builds that stop, go on, start afresh


def test_a_second_build_does_nothing(root, monkeypatch):
    monkeypatch.setattr(edited_clips, "make_pair", None)
    before = (root / "sources.csv").stat().st_mtime_ns
    assert build(root) == root / "sources.csv"
    assert (root / "sources.csv").stat().st_mtime_ns == before


def test_a_killed_build_goes_on_and_gives_the_same_bytes(root, tmp_path, monkeypatch):
    write, written = edited_pairs.audio.write, []

    def write_until_killed(path, y, sr):
        if len(written) == 5:  # in the middle of the third pair
            raise KeyboardInterrupt
        written.append(path)
        write(path, y, sr=sr)

    cut = tmp_path / "cut"
    monkeypatch.setattr(edited_pairs.audio, "write", write_until_killed)
    with pytest.raises(KeyboardInterrupt):
        build(cut)
    assert len(wavs(cut)) == 5 and not (cut / "sources.csv").exists()
    again = []
    monkeypatch.setattr(edited_pairs.audio, "write", lambda path, y, sr: again.append(path) or write(path, y, sr=sr))
    build(cut)
    assert not set(again) & set(written[:4])
    assert wavs(cut) == wavs(root)
    names = ["sources.csv", "build.json", *(f"meta_data/{name}.json" for name in SETS)]
    assert all((cut / name).read_bytes() == (root / name).read_bytes() for name in names)


@pytest.mark.parametrize("module", [None, edited_clips, edited_pairs])
def test_other_numbers_or_a_new_version_start_afresh(root, tmp_path, monkeypatch, module):
    copy = tmp_path / "copy"
    shutil.copytree(root, copy)
    (copy / "my-notes.txt").write_text("not made by the build")
    if module:
        monkeypatch.setattr(module, "BUILD_VERSION", module.BUILD_VERSION + 1)
    (copy / "audio" / "stale.wav").touch()
    build(copy, {"train": (1, 0), "easy": (1, 0)})
    assert len(wavs(copy)) == 4 and wavs(copy).items() <= wavs(root).items()
    assert json.loads((copy / "meta_data" / "hard.json").read_text()) == {"audios": []}
    assert (copy / "my-notes.txt").is_file()
