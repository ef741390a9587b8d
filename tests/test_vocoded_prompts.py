"""The embedded counterpart of WaveFake, built from the synthesised packages of test_prompts_build."""

import dataclasses
import hashlib
import json
import shutil
from collections import Counter

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
import test_prompts_build
from test_prompts import make_share

from fakeorreal.corpora import prompts, prompts_build, vocoded_prompts
from fakeorreal.corpora.corpus import SPLITS
from fakeorreal.corpora.prompts import PACKAGES, SOURCES
from fakeorreal.corpora.vocoded_prompts import FOLDERS, choose
from fakeorreal.corpora.wavefake import load_wavefake
from fakeorreal.errors import FakeOrRealError
from fakeorreal.synthesis.vocoders import VOCODERS

SR = 16000
COUNTS = (3, 1, 2)
COLUMNS = ["utterance", "split", "speaker", "language", "group", "package", "licence", "attribution"]

share = test_prompts_build.share


@pytest.fixture(autouse=True)
def packages(monkeypatch, share):
    """The packages are there, and no speech engine is."""
    monkeypatch.setattr(prompts, "SOURCES", tuple(test_prompts_build.PROMPTS))
    monkeypatch.setattr(prompts, "fetch_packages", lambda folder: share)
    monkeypatch.setattr(prompts_build, "missing_engines", lambda: ["espeak-ng"])
    monkeypatch.setattr(prompts_build, "speak", None)


def build(root, utterances=COUNTS):
    return vocoded_prompts.build(root, utterances=utterances, n_jobs=1, progress=False)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A cache for the one build that most tests look at."""
    return tmp_path_factory.mktemp("whole") / "data" / "vocoded-prompts"


@pytest.fixture
def root(whole, packages):
    build(whole)
    return whole


def listing(root):
    return pd.read_csv(root / "utterances.csv", dtype=str, keep_default_na=False)


def wavs(root):
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*.wav")}


def test_folders_are_the_human_and_the_vocoders():
    assert FOLDERS == ("A_human", "B_griffin-lim", "C_lpc", "D_cepstral", "E_harmonic-noise")
    assert [folder[2:] for folder in FOLDERS[1:]] == list(VOCODERS)


def test_files_and_listing(root):
    table = listing(root)
    assert list(table) == COLUMNS
    assert table["utterance"].tolist() == sorted(table["utterance"])
    assert Counter(table["split"]) == {"training": 3, "validation": 1, "testing": 2}
    assert set(wavs(root)) == {f"{folder}/{u}.wav" for folder in FOLDERS for u in table["utterance"]}
    assert {p.name for p in root.iterdir()} == {*FOLDERS, "licences", "utterances.csv", "left_out.txt", "build.json"}
    assert {p.name for p in root.parent.iterdir()} == {root.name}  # no draft beside it
    assert sorted(p.stem for p in (root / "licences").iterdir()) == sorted(PACKAGES)
    assert (root / "left_out.txt").read_text() == ""
    for row in table.itertuples():
        source = next(s for s in SOURCES if s.language == row.language and s.speaker == row.speaker)
        assert row.utterance.startswith(f"{row.language}-{row.speaker}-")
        assert (row.package, row.licence, row.attribution) == (source.package, source.licence, source.attribution)
        assert (row.split == "testing") is source.testing


def test_versions_of_an_utterance_are_equally_long_and_loud(root):
    for utterance in listing(root)["utterance"]:
        found = [sf.info(root / folder / f"{utterance}.wav") for folder in FOLDERS]
        assert {(i.samplerate, i.channels, i.format, i.subtype) for i in found} == {(SR, 1, "WAV", "PCM_16")}
        assert len({i.frames for i in found}) == 1 and found[0].frames >= SR
        human, *fakes = (sf.read(root / folder / f"{utterance}.wav")[0] for folder in FOLDERS)
        for fake in fakes:
            assert abs(20 * np.log10(np.std(fake) / np.std(human))) < 1.5
            assert abs(np.corrcoef(human, fake)[0, 1]) < 0.9  # a copy of the original would be 1


def test_real_speech_comes_through(root, share):
    original = prompts_build.read_recording(share / "asterisk/sounds/fr_CA_f_June/test0.g722")
    clip = sf.read(root / "A_human" / "fr-june-test0.wav")[0]
    correlation = np.correlate(original, clip, "full") / np.linalg.norm(original) / np.linalg.norm(clip)
    assert correlation.max() > 0.95


def test_every_folder_holds_what_its_vocoder_made(tmp_path, monkeypatch):
    pitches = dict(zip(VOCODERS, (400, 800, 1600, 3200), strict=True))

    def hum(sentence, human, vocoder):
        t = np.arange(2 * SR) / SR
        return (0.1 * np.sin(2 * np.pi * pitches[vocoder] * t)).astype(np.float32)

    monkeypatch.setattr(prompts_build, "vocode", hum)
    monkeypatch.setattr(prompts_build.channels, "match_spectrum", lambda y, reference, sr: y)
    build(tmp_path / "hums", (1, 1, 1))
    for folder in FOLDERS[1:]:
        path = next((tmp_path / "hums" / folder).glob("fr-*.wav"))
        y = sf.read(path)[0]
        assert np.argmax(np.abs(np.fft.rfft(y))) * SR / len(y) == pytest.approx(pitches[folder[2:]], abs=1)


def test_it_loads_as_wavefake(root):
    corpus = load_wavefake(root)
    table = listing(root).set_index("utterance")
    stem = corpus["clip"].str.split("/").str[1].str.removesuffix(".wav")
    for column in ("split", "group", "speaker", "language"):
        assert corpus[column].tolist() == table.loc[stem, column].tolist()
    frames = corpus.groupby("generator").size()
    assert set(frames.index) == {"human", *VOCODERS} and frames.nunique() == 1
    assert set(corpus.loc[corpus["label"] == 0, "generator"]) == {"human"}
    testing, others = (corpus[(corpus["split"] == "testing") == t] for t in (True, False))
    for column in ("speaker", "language", "group"):
        assert not set(testing[column]) & set(others[column])


# Builds that stop, go on, start afresh


def test_a_second_build_does_nothing(root, monkeypatch):
    monkeypatch.setattr(prompts_build, "read_recording", None)
    before = (root / "utterances.csv").stat().st_mtime_ns
    assert build(root) == root / "utterances.csv"
    assert (root / "utterances.csv").stat().st_mtime_ns == before


def test_a_killed_build_goes_on_and_gives_the_same_bytes(root, tmp_path, monkeypatch):
    write, written = vocoded_prompts.audio.write, []

    def write_until_killed(path, y, sr):
        if len(written) == 12:  # in the middle of the third utterance
            raise KeyboardInterrupt
        written.append(path)
        write(path, y, sr=sr)

    cut = tmp_path / "cut"
    monkeypatch.setattr(vocoded_prompts.audio, "write", write_until_killed)
    with pytest.raises(KeyboardInterrupt):
        build(cut)
    assert len(wavs(cut)) == 12 and not (cut / "utterances.csv").exists()
    with pytest.raises(FakeOrRealError, match="is half built"):
        load_wavefake(cut)

    again = []
    monkeypatch.setattr(vocoded_prompts.audio, "write", lambda path, y, sr: again.append(path) or write(path, y, sr=sr))
    build(cut)
    assert len(again) == 4 * len(FOLDERS) and not set(again) & set(written[:10])
    assert wavs(cut) == wavs(root)
    for name in ("utterances.csv", "build.json"):
        assert (cut / name).read_bytes() == (root / name).read_bytes()


def test_other_numbers_start_afresh(root, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(root, copy)
    (copy / "my-notes.txt").write_text("not made by the build")
    build(copy, (1, 1, 1))
    table = listing(copy)
    assert Counter(table["split"]) == {"training": 1, "validation": 1, "testing": 1}
    assert len(wavs(copy)) == 3 * len(FOLDERS) and wavs(copy).items() <= wavs(root).items()
    assert (copy / "my-notes.txt").is_file()


@pytest.mark.parametrize("module", [vocoded_prompts, prompts_build])
def test_a_new_version_starts_afresh(root, tmp_path, monkeypatch, module):
    copy = tmp_path / "copy"
    shutil.copytree(root, copy)
    stale = copy / "C_lpc" / "stale.wav"
    stale.write_bytes(b"of an older build")
    monkeypatch.setattr(module, "BUILD_VERSION", module.BUILD_VERSION + 1)
    monkeypatch.setattr(vocoded_prompts, "_render", lambda sentence, root: (sentence.stem, None))
    build(copy)
    assert not wavs(copy)
    assert json.loads((copy / "build.json").read_text()) != json.loads((root / "build.json").read_text())


# Utterances


def test_short_utterances_are_left_out_and_listed(tmp_path, monkeypatch, capsys):
    read = prompts_build.read_recording
    monkeypatch.setattr(
        prompts_build, "read_recording", lambda path: read(path)[: SR // 2 if path.stem == "test0" else None]
    )
    root = tmp_path / "short"
    vocoded_prompts.build(root, utterances=(1, 1, 2), n_jobs=1)
    (line,) = (root / "left_out.txt").read_text().splitlines()
    assert line.startswith("fr-june-test0: 0.") and line.endswith(" s of speech is shorter than 1 s. Left out.")
    assert "fr-june-test0" not in set(listing(root)["utterance"]) and len(listing(root)) == 3
    assert not list(root.rglob("*test0*"))
    assert "1 of 4 utterances were left out; see " in "".join(capsys.readouterr())
    assert len(load_wavefake(root).drop_duplicates("group")) == 3


def test_long_recordings_are_cut(root, tmp_path, monkeypatch):
    monkeypatch.setattr(vocoded_prompts, "LONGEST", 1.5)
    build(tmp_path / "cut", (2, 1, 1))
    frames = {name: sf.info(tmp_path / "cut" / name).frames for name in wavs(tmp_path / "cut")}
    assert max(frames.values()) <= 1.5 * SR < max(sf.info(root / name).frames for name in frames)


@pytest.fixture(scope="module")
def sentences(tmp_path_factory):
    """A plan of the true voices, of 60 sentences each, every one under two names."""
    return prompts.plan(make_share(tmp_path_factory.mktemp("many"), range(60)))


def test_speakers_take_turns(sentences):
    chosen = choose(sentences, (20, 7, 11))
    assert [s.stem for s in chosen] == sorted({s.stem for s in chosen})
    speakers = {split: Counter(s.source.speaker for s in chosen if s.split == split) for split in SPLITS}
    assert {split: sum(counts.values()) for split, counts in speakers.items()} == {
        "training": 20,
        "validation": 7,
        "testing": 11,
    }
    for split, counts in speakers.items():
        assert set(counts) == {s.source.speaker for s in sentences if s.split == split}
        assert max(counts.values()) - min(counts.values()) <= 1


def test_the_choice_goes_by_digest_and_not_by_order(sentences):
    chosen = choose(sentences, (20, 7, 11))
    assert choose(sentences[::-1], (20, 7, 11)) == chosen
    assert set(choose(sentences, (10, 3, 5))) < set(chosen)
    june = sorted(
        (s.stem for s in sentences if s.source.speaker == "june"),
        key=lambda stem: hashlib.sha256(stem.encode()).digest(),
    )
    taken = {s.stem for s in chosen if s.source.speaker == "june"}
    assert taken == set(june[: len(taken)])


def test_no_sentence_is_in_two_splits(sentences):
    everything = Counter(s.split for s in sentences)
    chosen = choose(sentences, [everything[split] for split in SPLITS])
    assert chosen == sentences
    assert len({s.group for s in chosen}) == len({(s.group, s.split) for s in chosen}) < len(chosen)


def test_when_a_speaker_has_no_more_the_others_go_on(sentences):
    few = [s for s in sentences if s.source.speaker != "june"]
    few += [s for s in sentences if s.source.speaker == "june"][:2]
    counts = Counter(s.source.speaker for s in choose(few, (1, 1, 10)) if s.split == "testing")
    assert counts == {"june": 2, "ivrvoice": 8}


@pytest.mark.parametrize("utterances", [(1, 1), (1, 0, 1), (1, 1, -1)])
def test_three_numbers_are_needed(sentences, utterances):
    with pytest.raises(FakeOrRealError, match="`utterances` must be how many of training, validation, testing"):
        choose(sentences, utterances)


def test_more_than_there_are(sentences):
    lone = [dataclasses.replace(sentences[0], split=split) for split in SPLITS]
    with pytest.raises(FakeOrRealError, match=r"the prompts hold 1 utterances of validation\. Received: 2"):
        choose(lone, (1, 2, 1))
