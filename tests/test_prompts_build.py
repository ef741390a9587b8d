import csv
import hashlib
import io
import json
import shutil

import av
import numpy as np
import pytest
import soundfile as sf
from test_prompts import write_texts

from fakeorreal.corpora import load_corpus, prompts, prompts_build, validate
from fakeorreal.corpora.prompts import SOURCES, UNSEEN_VOCODER
from fakeorreal.errors import FakeOrRealError
from fakeorreal.synthesis.tts import VOICES, missing_engines
from fakeorreal.synthesis.vocoders import VOCODERS

SR = 16000
ENGLISH = next(s for s in SOURCES if s.language == "en")
TELEPHONE = next(s for s in SOURCES if s.telephone)
FRENCH = next(s for s in SOURCES if s.testing)
# Names whose digests put "validate…" into validation; the telephone voice has one sentence, which is copied.
PROMPTS = {
    ENGLISH: {"train0": 2.2, "train1": 2.2, "train2": 4.5, "validate0": 2.2, "validate1": 2.2},
    TELEPHONE: {"train0": 2.2, "train1": 1.4},
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
    """An engine that speaks 2.6 s of buzz at once; ``spoken`` has the stems, ``mute`` what it cannot speak."""

    class Engine:
        spoken, mute = [], set()

        def speak(self, voice, sentences, folder):
            folder.mkdir(parents=True, exist_ok=True) if hasattr(folder, "mkdir") else None
            for stem, text in sentences.items():
                self.spoken.append(stem)
                if stem not in self.mute:
                    y = make_speech(2.6, 22050, f0=200, seed=len(text))
                    sf.write(f"{folder}/{stem}.wav", y, 22050)
            return [stem for stem in sentences if stem in self.mute]

    engine = Engine()
    engine.spoken, engine.mute = [], set()
    voices = [next(v for v in VOICES if v.language == s.language) for s in PROMPTS]
    monkeypatch.setattr(prompts, "SOURCES", tuple(PROMPTS))
    monkeypatch.setattr(prompts, "VOICES", voices)
    monkeypatch.setattr(prompts_build, "VOICES", voices)
    monkeypatch.setattr(prompts, "fetch_packages", lambda folder: share)
    monkeypatch.setattr(prompts_build, "missing_engines", list)
    monkeypatch.setattr(prompts_build, "speak", engine.speak)
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


def rows(root):
    with open(root / "manifest.csv", encoding="utf-8", newline="") as f:
        return list(csv.DictReader(f))


def test_folders_and_manifest(root):
    table = rows(root)
    assert tuple(table[0]) == prompts_build.MANIFEST_COLUMNS
    clips = [row["clip"] for row in table]
    assert clips == sorted(clips)
    assert sorted(str(p.relative_to(root)) for p in root.rglob("*.wav")) == clips
    assert {p.name for p in root.iterdir()} == {*VERSIONS, "licences", "manifest.csv", "left_out.txt", "build.json"}
    assert sorted(p.stem for p in (root / "licences").iterdir()) == sorted(prompts.PACKAGES)
    assert (root / "left_out.txt").read_text() == ""
    assert not list(root.parent.rglob("*.part")) and not list(root.parent.rglob("draft-*"))
    assert {p.name for p in root.parent.iterdir()} == {"prompts", "downloads"}
    # 9 sentences, each real and fake; all but one last 2 s or more, one 4 s or its fake 2.6 s.
    norm = [row for row in table if row["clip"].startswith("for-norm/")]
    assert len(norm) == 18
    for version in ("for-2sec", "for-rerec"):
        assert sum(clip.startswith(version + "/") for clip in clips) in (16, 18)


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
    assert build(root) == root / "manifest.csv"
    assert (root / "manifest.csv").stat().st_mtime_ns == before and not engine.spoken


def test_two_builds_are_the_same_bytes(root, tmp_path):
    build(tmp_path / "elsewhere")
    assert (tmp_path / "elsewhere" / "manifest.csv").read_bytes() == (root / "manifest.csv").read_bytes()


def test_a_killed_build_goes_on(root, engine, tmp_path, monkeypatch):
    pair, done = prompts_build._pair, []

    def pair_until_killed(sentence, speech):
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
    with pytest.raises(FakeOrRealError, match="half built. Run `fakeorreal build-prompts`"):
        load_corpus("for-norm", cut)

    again = []
    monkeypatch.setattr(prompts_build, "_pair", lambda sentence, speech: again.append(sentence) or pair(sentence, speech))
    engine.spoken.clear()
    build(cut)
    assert not engine.spoken  # the speech of the first run is still there
    assert [s.stem for s in again][0] == done[4] and len(again) == 9 - 4
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


def test_what_the_engine_did_not_speak_is_left_out(engine, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(prompts, "SOURCES", (FRENCH,))
    engine.mute = {"fr-june-test0", "fr-june-test1"}  # one of them is copied by a vocoder
    manifest = prompts_build.build(tmp_path / "prompts", n_jobs=1)
    (mute,) = engine.spoken
    text = (tmp_path / "prompts" / "left_out.txt").read_text()
    assert text.startswith(f"{mute} (") and "the engine spoke nothing" in text and len(text.splitlines()) == 1
    assert mute not in manifest.read_text()
    assert len({row["group"] for row in rows(tmp_path / "prompts")}) == 1
    assert "1 of 2 sentences were left out" in capsys.readouterr().err + capsys.readouterr().out


@pytest.mark.parametrize(
    ("seconds", "gain", "reason"),
    [(0.4, 1.0, r"0\.\d+ s of speech is shorter than 1 s"), (0.1, 1.0, "shorter than 1 s"), (2.0, 0.0, "0.00 s")],
    ids=["short", "very short", "silent"],
)
def test_speech_that_is_no_use_is_left_out(engine, tmp_path, monkeypatch, make_speech, seconds, gain, reason):
    def speak(voice, sentences, folder):
        for stem in sentences:
            sf.write(f"{folder}/{stem}.wav", gain * make_speech(seconds, 16000), 16000)
        return []

    monkeypatch.setattr(prompts, "SOURCES", (FRENCH,))
    monkeypatch.setattr(prompts_build, "speak", speak)
    build(tmp_path / "prompts")
    (line,) = (tmp_path / "prompts" / "left_out.txt").read_text().splitlines()
    assert pytest.raises  # noqa: B018
    assert line.startswith("fr-june-test") and len(rows(tmp_path / "prompts")) in (2, 6)


def test_missing_engines(engine, tmp_path, monkeypatch):
    monkeypatch.setattr(prompts_build, "missing_engines", lambda: ["flite", "festival"])
    with pytest.raises(FakeOrRealError, match="engines flite, festival are not installed. Run: sudo apt-get install"):
        build(tmp_path / "prompts")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(bool(missing_engines()), reason=f"not installed: {', '.join(missing_engines())}")
def test_the_real_engines_speak(engine, tmp_path, monkeypatch, share):
    from fakeorreal.synthesis.tts import speak

    monkeypatch.setattr(prompts, "SOURCES", (ENGLISH,))
    monkeypatch.setattr(prompts_build, "speak", speak)
    build(tmp_path / "prompts")
    fakes = [row for row in rows(tmp_path / "prompts") if row["label"] == "fake"]
    assert {row["generator"] for row in fakes} >= {"espeak-ng-en-us"}
    assert UNSEEN_VOCODER not in {row["generator"] for row in fakes}


def test_telephone_band_holds_for_both_classes(root):
    def high(row):
        y = sf.read(root / row["clip"])[0]
        spectrum = np.abs(np.fft.rfft(y)) ** 2
        frequency = np.fft.rfftfreq(len(y), 1 / SR)
        return 10 * np.log10(spectrum[frequency > 4500].sum() / spectrum.sum())

    found = [(high(real), high(fake)) for real, fake in pairs(root) if real["language"] == "it"]
    assert found and np.max(found) < -20
