import csv
import hashlib
import io
import json
import shutil
from types import SimpleNamespace

import av
import numpy as np
import pytest
import soundfile as sf
from test_prompts import write_texts

from fakeorreal.corpora import load_corpus, prompts, prompts_build, validate
from fakeorreal.corpora.prompts import SOURCES
from fakeorreal.errors import FakeOrRealError
from fakeorreal.synthesis.tts import VOICES, speak
from fakeorreal.synthesis.vocoders import VOCODERS

SR = 16000
ENGLISH = next(s for s in SOURCES if s.language == "en")
TELEPHONE = next(s for s in SOURCES if s.telephone)
FRENCH = next(s for s in SOURCES if s.testing)
# Seconds of each prompt; names whose digests put "validate…" into validation and no other.
PROMPTS = {
    ENGLISH: {"train0": 2.2, "train1": 2.2, "train2": 4.5, "validate8": 2.2, "validate22": 2.2},
    TELEPHONE: {"train0": 2.2, "train2": 1.4},
    FRENCH: {"test0": 2.2, "test1": 2.2},
}
VERSIONS = ("for-norm", "for-2sec", "for-rerec")


def encode_g722(y):
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="g722") as container:
        stream = container.add_stream("g722", rate=SR, layout="mono")
        samples = np.round(y[: len(y) // 2 * 2] * 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
        frame.sample_rate = SR
        container.mux([*stream.encode(frame), *stream.encode(None)])
    return buffer.getvalue()


@pytest.fixture(scope="module")
def share(tmp_path_factory, make_speech):
    """Packages with seconds of speech: see PROMPTS."""
    share = tmp_path_factory.mktemp("share")
    for package in prompts.PACKAGES:
        (share / "doc" / package).mkdir(parents=True)
        (share / "doc" / package / "copyright").write_text(f"licence of {package}")
    for k, (source, seconds_of) in enumerate(PROMPTS.items()):
        write_texts(share, source.language, [f"{name}: The sentence {name}." for name in seconds_of])
        for j, (name, seconds) in enumerate(seconds_of.items()):
            path = share / "asterisk" / "sounds" / source.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if source.telephone:
                sf.write(path.with_suffix(".wav"), make_speech(seconds, 8000, f0=180, seed=j), 8000)
            else:
                path.with_suffix(".g722").write_bytes(encode_g722(make_speech(seconds, SR, f0=120 + 40 * k, seed=j)))
    return share


@pytest.fixture
def engine(monkeypatch, share, make_speech):
    """Stands in for the speech engines; ``spoken`` has the stems so far, ``mute`` those it cannot speak."""
    engine = SimpleNamespace(spoken=[], mute=set(), seconds=2.6, gain=1.0)

    def speak_buzz(voice, sentences, folder):
        for stem in sentences.keys() - engine.mute:
            y = engine.gain * make_speech(engine.seconds, 22050, f0=200, seed=len(sentences[stem]))
            sf.write(f"{folder}/{stem}.wav", y, 22050)
        engine.spoken += sentences
        return [stem for stem in sentences if stem in engine.mute]

    voices = [next(v for v in VOICES if v.language == s.language) for s in PROMPTS]
    monkeypatch.setattr(prompts, "SOURCES", tuple(PROMPTS))
    monkeypatch.setattr(prompts, "VOICES", voices)
    monkeypatch.setattr(prompts_build, "VOICES", voices)
    monkeypatch.setattr(prompts, "fetch_packages", lambda folder: share)
    monkeypatch.setattr(prompts_build, "missing_engines", list)
    monkeypatch.setattr(prompts_build, "speak", speak_buzz)
    monkeypatch.setattr(prompts_build, "_PER_JOB", 2)
    return engine


def build(root):
    return prompts_build.build(root, n_jobs=1, progress=False)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A cache for the one build that most tests look at."""
    return tmp_path_factory.mktemp("whole") / "data" / "prompts"


@pytest.fixture
def root(whole, engine):
    build(whole)
    return whole


def all_rows(root):
    with open(root / "manifest.csv", encoding="utf-8", newline="") as f:
        return list(csv.DictReader(f))


def rows(root):
    """The rows of the versions of FoR."""
    return [row for row in all_rows(root) if row["generator"] != "placebo"]


def test_folders_and_manifest(root):
    table = all_rows(root)
    assert tuple(table[0]) == prompts_build.MANIFEST_COLUMNS
    clips = [row["clip"] for row in table]
    assert clips == sorted(clips)
    assert sorted(str(p.relative_to(root)) for p in root.rglob("*.wav")) == clips
    assert {p.name for p in root.iterdir()} == {
        *VERSIONS,
        "placebo",
        "licences",
        "manifest.csv",
        "left_out.txt",
        "build.json",
    }
    assert sorted(p.stem for p in (root / "licences").iterdir()) == sorted(prompts.PACKAGES)
    assert (root / "left_out.txt").read_text() == ""
    assert not list(root.parent.rglob("*.part")) and not list(root.parent.rglob("draft-*"))
    assert {p.name for p in root.parent.iterdir()} == {"prompts", "downloads"}
    # 9 sentences, each real and fake; one is shorter than 2 s; the one of 4.5 s has two windows if it was copied.
    generator = next(row["generator"] for row in table if "train2-" in row["clip"] and row["language"] == "en")
    windows = 2 * (8 + (generator in VOCODERS))
    for version, count in (("for-norm", 18), ("for-2sec", windows), ("for-rerec", windows)):
        assert sum(clip.startswith(f"{version}/") for clip in clips) == count


def test_every_row_is_true(root):
    for row in rows(root):
        version, split, label, name = row["clip"].split("/")
        assert (split, label) == (row["split"], row["label"])
        path = root / row["clip"]
        assert hashlib.sha256(path.read_bytes()).hexdigest() == row["sha256"]
        info = sf.info(path)
        assert (info.samplerate, info.channels, info.format, info.subtype) == (SR, 1, "WAV", "PCM_16")
        assert float(row["seconds"]) == pytest.approx(info.frames / SR, abs=5e-4)
        assert info.frames == 2 * SR if version != "for-norm" else info.frames >= SR
        assert (row["generator"] == "human") is (label == "real")
        source = next(s for s in PROMPTS if s.language == row["language"])
        assert (row["package"], row["licence"]) == (source.package, source.licence)
        assert row["attribution"] == source.attribution
        copied = label == "real" or row["generator"] in VOCODERS
        assert row["speaker"] == (source.speaker if copied else row["generator"])
        assert name.startswith(f"{source.language}-{source.speaker}-")
        assert row["group"] == f"{source.language}/{name.split('-')[2].split('.')[0]}"


def test_the_placebo_is_the_recording_itself_on_the_path_of_the_fakes(root):
    placebos = [row for row in all_rows(root) if row["generator"] == "placebo"]
    human = {row["clip"]: row for row in rows(root) if row["clip"].startswith("for-norm/testing/real/")}
    assert len(placebos) == len(human) > 0
    for row in placebos:
        original = human[row["clip"].replace("placebo/testing/fake", "for-norm/testing/real").replace("-placebo", "")]
        assert (row["split"], row["speaker"], row["group"]) == ("testing", original["speaker"], original["group"])
        y, z = (sf.read(root / r["clip"])[0] for r in (original, row))
        n = min(len(y), len(z))
        assert abs(np.corrcoef(y[:n], z[:n])[0, 1]) > 0.9 and not np.array_equal(y[:n], z[:n])


def pairs(root):
    """(real, fake) of one sentence and version."""
    table = rows(root)
    for fake in (row for row in table if row["label"] == "fake"):
        real = fake["clip"].replace("/fake/", "/real/").replace(f"-{fake['generator']}", "")
        yield next(row for row in table if row["clip"] == real), fake


def test_a_fake_is_as_long_and_as_loud_as_its_original(root):
    count = 0
    for real, fake in pairs(root):
        count += 1
        assert all(real[key] == fake[key] for key in ("split", "group", "language", "seconds"))
        y, z = (sf.read(root / row["clip"])[0] for row in (real, fake))
        assert len(y) == len(z)
        assert abs(20 * np.log10(np.std(y) / np.std(z))) < 1.5
        assert abs(np.corrcoef(y, z)[0, 1]) < 0.9  # a copy of the original would be 1
        assert max(np.abs(y).max(), np.abs(z).max()) < 1
    assert 2 * count == len(rows(root))


def test_real_speech_comes_through(root, make_speech):
    y = make_speech(2.2, SR, f0=120, seed=0)
    clip = sf.read(root / "for-norm" / "training" / "real" / "en-allison-train0.wav")[0]
    correlation = np.correlate(y, clip, "full") / np.linalg.norm(y) / np.linalg.norm(clip)
    assert correlation.max() > 0.95


def test_every_split_has_both_classes_in_the_same_languages(root):
    table = rows(root)
    for version in VERSIONS:
        for split, languages in (("training", {"en", "it"}), ("validation", {"en"}), ("testing", {"fr"})):
            for label in ("real", "fake"):
                found = {
                    row["language"]
                    for row in table
                    if row["clip"].startswith(f"{version}/") and (row["split"], row["label"]) == (split, label)
                }
                assert found == languages, (version, split, label)


def test_it_loads_and_is_valid(root):
    for version in (*VERSIONS, "for-combined"):
        corpus = load_corpus(version, root)
        assert set(corpus["generator"]) >= {"human", "griffin-lim"}
        assert corpus.groupby("group")["split"].nunique().max() == 1
    found = validate(root)
    assert found.ok, str(found)


def test_a_second_build_does_nothing(root, engine, monkeypatch):
    monkeypatch.setattr(prompts_build, "_pair", None)
    engine.spoken.clear()
    before = (root / "manifest.csv").stat().st_mtime_ns
    (root / "parts").mkdir()  # a kill after the manifest
    assert build(root) == root / "manifest.csv"
    assert (root / "manifest.csv").stat().st_mtime_ns == before and not engine.spoken
    assert not (root / "parts").exists()


def test_two_builds_are_the_same_bytes(root, tmp_path):
    build(tmp_path / "elsewhere")
    assert (tmp_path / "elsewhere" / "manifest.csv").read_bytes() == (root / "manifest.csv").read_bytes()


def test_a_killed_build_goes_on(root, engine, tmp_path, monkeypatch):
    pair, done = prompts_build._pair, []

    def pair_until_killed(sentence, speech):
        if sentence.generator == "placebo":
            return pair(sentence, speech)
        if len(done) == 5:
            raise KeyboardInterrupt
        done.append(sentence.stem)
        return pair(sentence, speech)

    cut = tmp_path / "prompts"
    monkeypatch.setattr(prompts_build, "_pair", pair_until_killed)
    with pytest.raises(KeyboardInterrupt):
        build(cut)
    assert not (cut / "manifest.csv").exists()
    assert sorted(p.name for p in (cut / "parts").iterdir()) == ["0.json", "1.json"]
    with pytest.raises(FakeOrRealError, match=r"half built\. Run `fakeorreal build-prompts`"):
        load_corpus("for-norm", cut)

    again = []
    monkeypatch.setattr(
        prompts_build, "_pair", lambda sentence, speech: again.append(sentence) or pair(sentence, speech)
    )
    engine.spoken.clear()
    build(cut)
    assert not engine.spoken  # the speech of the first run is still there
    assert [s.stem for s in again][:1] == done[4:] and len({s.stem for s in again}) == 9 - 4
    assert not (cut / "parts").exists()
    assert (cut / "manifest.csv").read_bytes() == (root / "manifest.csv").read_bytes()


def test_a_part_that_was_lost_is_made_again(root, tmp_path):
    table = rows(root)
    copy = tmp_path / "prompts"
    shutil.copytree(root, copy)
    (copy / "manifest.csv").unlink()
    shutil.rmtree(copy / "for-norm")
    build(copy)
    assert rows(copy) == table
    assert all((copy / row["clip"]).is_file() for row in table)


def test_a_new_version_of_the_build_starts_afresh(root, tmp_path, monkeypatch):
    copy = tmp_path / "prompts"
    shutil.copytree(root, copy)
    (copy / "my-notes.txt").write_text("not made by the build")
    stale = copy / "for-2sec" / "training" / "real" / "stale.wav"
    stale.write_bytes(b"of an older build")
    (copy / "for-norm" / "testing" / "fake").rename(copy / "for-norm" / "testing" / "moved")
    monkeypatch.setattr(prompts_build, "BUILD_VERSION", prompts_build.BUILD_VERSION + 1)
    build(copy)
    assert not stale.exists() and not (copy / "for-norm" / "testing" / "moved").exists()
    assert (copy / "my-notes.txt").is_file()
    assert json.loads((copy / "build.json").read_text())["build"] == prompts_build.BUILD_VERSION
    assert rows(copy) == rows(root)


def test_another_plan_starts_afresh(root, share, tmp_path, monkeypatch):
    copy = tmp_path / "prompts"
    shutil.copytree(root, copy)
    monkeypatch.setattr(prompts, "SOURCES", (FRENCH,))
    build(copy)
    assert {row["language"] for row in rows(copy)} == {"fr"}
    assert len(list((copy / "for-norm").rglob("*.wav"))) == 4


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"mute": {"fr-june-test0", "fr-june-test1"}}, "the engine spoke nothing"),
        ({"seconds": 0.9}, "0.90 s of speech is shorter than 1 s"),
        ({"seconds": 0.1}, "0.10 s of speech is shorter than 1 s"),
        ({"gain": 0.0}, "the engine spoke nothing"),
    ],
    ids=["nothing", "short", "very short", "silence"],
)
def test_a_sentence_without_useful_speech_is_left_out(engine, tmp_path, monkeypatch, capsys, change, reason):
    vars(engine).update(change)
    monkeypatch.setattr(prompts, "SOURCES", (FRENCH,))  # two sentences: one spoken, one copied
    root = tmp_path / "prompts"
    prompts_build.build(root, n_jobs=1)
    (stem,) = engine.spoken
    assert (root / "left_out.txt").read_text() == f"{stem} (espeak-ng-fr-fr): {reason}. Left out.\n"
    assert {row["clip"].split("/")[3][:13] for row in rows(root)} == {"fr-june-test0", "fr-june-test1"} - {stem}
    assert "1 of 2 sentences were left out; see " in "".join(capsys.readouterr())


def test_missing_engines(engine, tmp_path, monkeypatch):
    monkeypatch.setattr(prompts_build, "missing_engines", lambda: ["flite", "festival"])
    with pytest.raises(FakeOrRealError, match=r"engines flite, festival are not installed\. Run: sudo apt-get install"):
        build(tmp_path / "prompts")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="the program espeak-ng is not installed")
def test_with_an_engine_that_speaks(engine, tmp_path, monkeypatch):
    monkeypatch.setattr(prompts, "SOURCES", (FRENCH,))
    monkeypatch.setattr(prompts_build, "speak", speak)
    build(tmp_path / "prompts")
    assert (tmp_path / "prompts" / "left_out.txt").read_text() == ""
    assert {row["generator"] for row in rows(tmp_path / "prompts")} == {"human", "espeak-ng-fr-fr", "griffin-lim"}


def test_telephone_band_holds_for_both_classes(root):
    def high(row):
        y = sf.read(root / row["clip"])[0]
        spectrum = np.abs(np.fft.rfft(y)) ** 2
        frequency = np.fft.rfftfreq(len(y), 1 / SR)
        return 10 * np.log10(spectrum[frequency > 4500].sum() / spectrum.sum())

    found = [(high(real), high(fake)) for real, fake in pairs(root) if real["language"] == "it"]
    assert found and np.max(found) < -20
